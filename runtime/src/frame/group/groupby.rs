//! Group-by: one row per group, ordered by the keys; or one for each row, for methods that need
//! neighbouring rows.

use crate::error::{During, Error, Result};
use crate::frame::dataframe::DataFrame;
use crate::frame::expr::agg::{Agg, IntoAgg, IntoSpec, Spec, aggregates, of_named_columns, specs};
use crate::frame::expr::when::when;
use crate::frame::expr::window_function::group_size;
use crate::frame::expr::{Expr, IntoExpr, col, ident};
use crate::frame::plan::aggregate::aggregated_where;
use crate::frame::plan::order::{self, numbered};
use crate::frame::plan::resolve;
use crate::frame::types::names::{IntoNames, ROW, check_names, free};
use datafusion::logical_expr::LogicalPlanBuilder;
use std::fmt;

/// A grouped frame; created by [`DataFrame::groupby`].
#[derive(Clone)]
#[must_use = "a grouping does nothing until one of its methods is called"]
pub struct GroupBy {
    pub(in crate::frame) frame: DataFrame,
    pub(in crate::frame) keys: Vec<String>,
    dropna: bool,
}

impl DataFrame {
    /// Groups the rows by one or several columns. Results have one row per group and are ordered by
    /// the keys.
    ///
    /// Rows with a null key are skipped, as in Dask and pandas.
    #[track_caller]
    pub fn groupby(&self, keys: impl IntoNames) -> GroupBy {
        self.grouped(keys.into_names())
    }

    // A separate function, as a clone makes the compiler of a cell examine all types that implement
    // it.
    #[inline(never)]
    fn grouped(&self, keys: Vec<String>) -> GroupBy {
        GroupBy::new(self.clone(), keys)
    }
}

impl GroupBy {
    pub(in crate::frame) fn new(frame: DataFrame, keys: Vec<String>) -> Self {
        Self { frame, keys, dropna: true }
    }

    /// Returns the condition that a row belongs to a group; `None` if all rows do.
    pub(in crate::frame) fn non_null(&self) -> Option<Expr> {
        self.keys.iter().filter(|_| self.dropna).map(|k| col(k).notna()).reduce(|a, b| a.and(b))
    }

    /// Sets whether rows with a null key are skipped. Default: true, as in pandas and Dask.
    pub fn dropna(mut self, yes: bool) -> Self {
        self.dropna = yes;
        self
    }

    /// Counts the rows of each group, nulls included, in a column `size`.
    #[track_caller]
    pub fn size(&self) -> DataFrame {
        self.aggregate("size", vec![("size".to_owned(), String::new(), Agg::Size)])
    }

    /// Computes several results: each with its name, the column, and the aggregation, as an [`Agg`]
    /// or by its name. Without a name, a result is named after its column.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let df = DataFrame::from_columns([("k", Series::from_iter(["a", "a"])), ("x", Series::from_iter([1.0, 4.0]))]);
    /// let t = df.groupby("k").agg([("total", "x", "sum"), ("top", "x", "max")]).compute()?;
    /// assert_eq!(t.column("total")?.to_vec::<f64>()?, [5.0]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    #[track_caller]
    pub fn agg<S: IntoSpec>(&self, results: impl IntoIterator<Item = S>) -> DataFrame {
        self.agg_all(specs(results))
    }

    #[inline(never)]
    #[track_caller]
    fn agg_all(&self, specs: Result<Vec<Spec>>) -> DataFrame {
        match specs.and_then(|specs| free("agg", specs.iter().map(|s| &s.0)).map(|()| specs)) {
            Ok(specs) => self.aggregate("agg", specs),
            Err(e) => DataFrame::from_result(Err(e)),
        }
    }

    /// Computes a quantile of each given column for each group, exactly.
    #[track_caller]
    pub fn quantile(&self, columns: impl IntoNames, share: f64) -> DataFrame {
        self.each(Agg::Quantile(share), columns.into_names())
    }

    /// Counts the rows of each value of a column in each group in a column `count`, the most
    /// frequent first.
    #[track_caller]
    pub fn value_counts(&self, column: &str) -> DataFrame {
        let columns: Vec<_> = self.keys.iter().cloned().chain([column.to_owned()]).collect();
        let counts = self.frame.counted(&columns);
        let index = columns.iter().cloned().chain(["count".to_owned()]).collect::<Vec<_>>();
        let sorted = counts.step("value_counts", |_, plan| {
            let keys = self.keys.iter().map(|k| ident(k).sort(true, false));
            let by = keys.chain([ident("count").sort(false, false), ident(ROW).sort(true, false)]);
            order::sorted(
                LogicalPlanBuilder::from(numbered(plan).during("value_counts")?),
                by,
                None,
            )
            .during("value_counts")
        });
        sorted.project("value_counts", |_| Ok(index.iter().map(|n| ident(n)).collect()))
    }

    /// Returns the rows of one group.
    #[track_caller]
    pub fn get_group(&self, value: impl IntoExpr) -> DataFrame {
        self.group(&value.into_expr())
    }

    #[inline(never)]
    #[track_caller]
    fn group(&self, value: &Expr) -> DataFrame {
        let [key] = &self.keys[..] else {
            let message = format!(
                "got one value for {} keys; help: select rows by all keys with filter(..)",
                self.keys.len()
            );
            return DataFrame::from_result(Err(Error::bad_argument("get_group", message)));
        };
        self.frame.filter_by(&col(key).eq(value))
    }

    /// Returns the first rows of each group, in the order of the frame.
    #[track_caller]
    pub fn head(&self, rows: i64) -> DataFrame {
        self.places(rows, false)
    }

    /// Returns the last rows of each group, in the order of the frame.
    #[track_caller]
    pub fn tail(&self, rows: i64) -> DataFrame {
        self.places(rows, true)
    }

    #[inline(never)]
    #[track_caller]
    fn places(&self, rows: i64, last: bool) -> DataFrame {
        let Some(key) = self.keys.first() else { return self.frame.clone() };
        let place = col(key).cumcount().over(&self.keys);
        let condition = if last {
            let total = group_size(&col(key)).over(&self.keys);
            (total - place).le(rows)
        } else {
            place.lt(rows)
        };
        self.frame.filter(self.grouped(&condition))
    }

    /// Replaces columns by the result of each row's group.
    #[track_caller]
    pub fn transform(&self, columns: impl IntoNames, agg: impl IntoAgg) -> DataFrame {
        self.transform_by(&columns.into_names(), agg.into_agg())
    }

    #[inline(never)]
    #[track_caller]
    fn transform_by(&self, columns: &[String], agg: Result<Agg>) -> DataFrame {
        match agg {
            Ok(agg) => self.transformed(columns, agg),
            Err(e) => DataFrame::from_result(Err(e)),
        }
    }

    #[inline(never)]
    #[track_caller]
    fn transformed(&self, columns: &[String], agg: Agg) -> DataFrame {
        let hidden: Vec<_> = columns.iter().map(|c| format!("__rask_{c}__")).collect();
        let specs = columns.iter().zip(&hidden).map(|(c, h)| (h.clone(), c.clone(), agg)).collect();
        let results = self.aggregate("transform", specs);
        let joined = crate::frame::join::merge::Merge::new()
            .how(crate::frame::join::merge::Join::Left)
            .on(&self.keys)
            .join(&self.frame, &results);
        let names = self.frame.columns().unwrap_or_default();
        joined.project("transform", |_| {
            let one = |n: &String| {
                columns
                    .iter()
                    .position(|c| c == n)
                    .map_or_else(|| ident(n), |i| ident(&hidden[i]).alias(n))
            };
            Ok(names.iter().map(one).collect())
        })
    }

    /// Replaces columns by values computed along the rows of each group; rows keep their order.
    #[inline(never)]
    #[track_caller]
    fn along(&self, method: &str, columns: &[String], make: &dyn Fn(&Expr) -> Expr) -> DataFrame {
        self.frame.put_columns(
            method,
            columns
                .iter()
                .map(|c| (c.clone(), self.grouped(&make(&col(c)).over(&self.keys))))
                .collect(),
        )
    }

    /// Returns the value in rows that belong to a group; null in others.
    fn grouped(&self, value: &Expr) -> Expr {
        self.non_null()
            .map_or_else(|| value.clone(), |non_null| when(non_null).then(value).into_expr())
    }

    /// Computes the sum of each given column for each group if at least this many values are not
    /// null, else null.
    #[track_caller]
    pub fn sum_min_count(&self, columns: impl IntoNames, least: usize) -> DataFrame {
        self.each(Agg::SumMinCount(least), columns.into_names())
    }

    /// Returns all columns that have the aggregation, except the keys.
    fn all_for(&self, agg: Agg) -> Vec<String> {
        let Ok(plan) = self.frame.quiet() else { return Vec::new() };
        let fields = plan.schema().fields().iter();
        let wanted = fields.filter(|f| !self.keys.contains(f.name()) && agg.fits(f.data_type()));
        wanted.map(|f| f.name().clone()).collect()
    }

    #[inline(never)]
    #[track_caller]
    fn each(&self, agg: Agg, columns: Vec<String>) -> DataFrame {
        let columns = if columns.is_empty() { self.all_for(agg) } else { columns };
        self.aggregate(&agg.name(), columns.into_iter().map(|c| (c.clone(), c, agg)).collect())
    }

    #[track_caller]
    pub(in crate::frame) fn aggregate(&self, method: &str, specs: Vec<Spec>) -> DataFrame {
        let method = format!("groupby(..).{method}");
        self.frame.step(&method, |_, plan| {
            let keys = self
                .keys
                .iter()
                .map(|k| resolve("groupby", col(k).get(), plan))
                .collect::<Result<Vec<_>>>()?;
            check_names("groupby", self.keys.iter().chain(specs.iter().map(|s| &s.0)))?;
            let non_null = self
                .non_null()
                .map(|non_null| resolve("groupby", non_null.get(), plan))
                .transpose()?;
            let b = aggregated_where(&method, plan, non_null, &keys, &specs)?;
            if self.keys.is_empty() {
                return Ok(b);
            }
            let made = b.clone().build().during(&method)?;
            let by = self
                .keys
                .iter()
                .map(|k| Ok(order::key("groupby", k, &made)?.sort(true, false)))
                .collect::<Result<Vec<_>>>()?;
            order::sorted(b, by, None).during(&method)
        })
    }
}

aggregates!(of_named_columns GroupBy "group");

macro_rules! along {
    ($($(#[$doc:meta])* $name:ident($($a:ident: $t:ty),*);)*) => {
        impl GroupBy {$(
            $(#[$doc])*
            #[track_caller]
            pub fn $name(&self, columns: impl IntoNames, $($a: $t),*) -> DataFrame {
                self.along(concat!("groupby(..).", stringify!($name)), &columns.into_names(), &|x| x.$name($($a),*))
            }
        )*}
    };
}
along! {
    /// Replaces the given columns by their cumulative sums in each group.
    cumsum();
    /// Replaces the given columns by their cumulative products in each group.
    cumprod();
    /// Replaces the given columns by their cumulative minimums in each group.
    cummin();
    /// Replaces the given columns by their cumulative maximums in each group.
    cummax();
    /// Replaces the given columns by the indices of the rows in their groups, from 0.
    cumcount();
    /// Fills nulls of the given columns with the last non-null value before in each group.
    ffill();
    /// Fills nulls of the given columns with the next non-null value after in each group.
    bfill();
    /// Replaces the given columns by their ranks in each group.
    rank();
    /// Shifts the given columns by `periods` rows in each group.
    shift(periods: i64);
    /// Replaces the given columns by the differences from the values `periods` rows before in each
    /// group.
    diff(periods: i64);
}

impl fmt::Debug for GroupBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GroupBy(keys: {})", self.keys.join(", "))
    }
}
