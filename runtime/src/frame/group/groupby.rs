//! Group-by: one row per group, ordered by the keys; or, for what needs neighbouring rows, one for each row.

use crate::error::{Error, Result};
use crate::frame::dataframe::DataFrame;
use crate::frame::expr::agg::{Agg, IntoAgg, IntoSpec, Spec, aggregates, of_named_columns, specs};
use crate::frame::expr::when::when;
use crate::frame::expr::window_function::group_size;
use crate::frame::expr::{Expr, IntoExpr, bare, col};
use crate::frame::plan::aggregate::aggregated_where;
use crate::frame::plan::bound;
use crate::frame::plan::order::{self, numbered};
use crate::frame::types::names::{IntoNames, ROW, free, unique};
use datafusion::logical_expr::LogicalPlanBuilder;
use std::fmt;

/// A frame whose rows are grouped; made by [`DataFrame::groupby`].
#[derive(Clone)]
#[must_use = "a grouping does nothing until one of its methods is called"]
pub struct GroupBy {
    pub(in crate::frame) frame: DataFrame,
    pub(in crate::frame) keys: Vec<String>,
    dropna: bool,
}

impl DataFrame {
    /// Groups the rows by one or several columns. Results have one row per group and are ordered by the keys.
    ///
    /// Rows whose key is missing are left out, as in Dask and pandas.
    #[track_caller]
    pub fn groupby(&self, keys: impl IntoNames) -> GroupBy {
        self.grouped(keys.into_names())
    }

    // Apart, as a clone has the compiler of a cell go through all types that have one.
    #[inline(never)]
    fn grouped(&self, keys: Vec<String>) -> GroupBy {
        GroupBy::new(self.clone(), keys)
    }
}

impl GroupBy {
    pub(in crate::frame) fn new(frame: DataFrame, keys: Vec<String>) -> Self {
        Self { frame, keys, dropna: true }
    }

    /// Whether a row belongs to a group; `None` where all do.
    pub(in crate::frame) fn there(&self) -> Option<Expr> {
        self.keys.iter().filter(|_| self.dropna).map(|k| col(k).notna()).reduce(|a, b| a.and(b))
    }

    /// Whether rows whose key is missing are left out. Default: true, as in pandas and Dask.
    pub fn dropna(mut self, yes: bool) -> Self {
        self.dropna = yes;
        self
    }

    /// Number of rows of each group, missing values included, in a column `size`.
    #[track_caller]
    pub fn size(&self) -> DataFrame {
        self.aggregate("size", vec![("size".to_owned(), String::new(), Agg::Size)])
    }

    /// Several results: each with its name, the column, and what becomes of its values, as an [`Agg`] or by its name. Without a
    /// name, a result has that of its column.
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

    /// The value of each named column below which a share of the group lies, exactly.
    #[track_caller]
    pub fn quantile(&self, columns: impl IntoNames, share: f64) -> DataFrame {
        self.each(Agg::Quantile(share), columns.into_names())
    }

    /// How many rows there are of each value of a column in each group, most first, in a column `count`.
    #[track_caller]
    pub fn value_counts(&self, column: &str) -> DataFrame {
        let columns: Vec<_> = self.keys.iter().cloned().chain([column.to_owned()]).collect();
        let counts = self.frame.counted(&columns);
        let index = columns.iter().cloned().chain(["count".to_owned()]).collect::<Vec<_>>();
        let sorted = counts.step("value_counts", |_, plan| {
            let failed = |e| Error::engine("value_counts", &e);
            let keys = self.keys.iter().map(|k| bare(k).sort(true, false));
            let by = keys.chain([bare("count").sort(false, false), bare(ROW).sort(true, false)]);
            order::sorted(LogicalPlanBuilder::from(numbered(plan).map_err(failed)?), by, None).map_err(failed)
        });
        sorted.project("value_counts", |_| Ok(index.iter().map(|n| bare(n)).collect()))
    }

    /// The rows of one group.
    #[track_caller]
    pub fn get_group(&self, value: impl IntoExpr) -> DataFrame {
        self.group(&value.into_expr())
    }

    #[inline(never)]
    #[track_caller]
    fn group(&self, value: &Expr) -> DataFrame {
        let [key] = &self.keys[..] else {
            let message = format!("there are {} keys, and one value; filter(..) takes a condition over all of them", self.keys.len());
            return DataFrame::from_result(Err(Error::bad_argument("get_group", message)));
        };
        self.frame.filter_by(&col(key).eq(value))
    }

    /// The first rows of each group, in the order of the frame.
    #[track_caller]
    pub fn head(&self, rows: i64) -> DataFrame {
        self.places(rows, false)
    }

    /// The last rows of each group, in the order of the frame.
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

    /// The frame with columns in which each row has the result of its group.
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
        let joined =
            crate::frame::join::merge::Merge::new().how(crate::frame::join::merge::Join::Left).on(&self.keys).join(&self.frame, &results);
        let names = self.frame.columns().unwrap_or_default();
        joined.project("transform", |_| {
            let one = |n: &String| columns.iter().position(|c| c == n).map_or_else(|| bare(n), |i| bare(&hidden[i]).alias(n));
            Ok(names.iter().map(one).collect())
        })
    }

    /// The columns with values that are made of neighbouring rows of the group; rows keep their order.
    #[inline(never)]
    #[track_caller]
    fn along(&self, method: &str, columns: &[String], make: &dyn Fn(&Expr) -> Expr) -> DataFrame {
        self.frame.put_columns(method, columns.iter().map(|c| (c.clone(), self.grouped(&make(&col(c)).over(&self.keys)))).collect())
    }

    /// The value in rows that belong to a group; missing in others.
    fn grouped(&self, value: &Expr) -> Expr {
        self.there().map_or_else(|| value.clone(), |there| when(there).then(value).into_expr())
    }

    /// Of each named column, for each group, the sum where at least so many values are not null, else
    /// null.
    #[track_caller]
    pub fn sum_min_count(&self, columns: impl IntoNames, least: usize) -> DataFrame {
        self.each(Agg::SumMinCount(least), columns.into_names())
    }

    /// All columns but the keys that have an aggregation.
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
            let failed = |e| Error::engine(&method, &e);
            let keys = self.keys.iter().map(|k| bound("groupby", col(k).get(), plan)).collect::<Result<Vec<_>>>()?;
            unique("groupby", self.keys.iter().chain(specs.iter().map(|s| &s.0)))?;
            let there = self.there().map(|there| bound("groupby", there.get(), plan)).transpose()?;
            let b = aggregated_where(&method, plan, there, &keys, &specs)?;
            if self.keys.is_empty() {
                return Ok(b);
            }
            let made = b.clone().build().map_err(failed)?;
            let by = self.keys.iter().map(|k| Ok(order::key("groupby", k, &made)?.sort(true, false))).collect::<Result<Vec<_>>>()?;
            order::sorted(b, by, None).map_err(failed)
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
    /// The frame with the named columns as their sums so far in their groups.
    cumsum();
    /// The frame with the named columns as their products so far in their groups.
    cumprod();
    /// The frame with the named columns as their least values so far in their groups.
    cummin();
    /// The frame with the named columns as their greatest values so far in their groups.
    cummax();
    /// The frame with the named columns as the places of their rows in their groups, from 0.
    cumcount();
    /// The frame with missing values of the named columns filled with the last before in their groups.
    ffill();
    /// The frame with missing values of the named columns filled with the next behind in their groups.
    bfill();
    /// The frame with the named columns as their ranks in their groups.
    rank();
    /// The frame with the named columns as the values so many rows before in their groups.
    shift(periods: i64);
    /// The frame with the named columns as differences from the values so many rows before in their groups.
    diff(periods: i64);
}

impl fmt::Debug for GroupBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GroupBy(keys: {})", self.keys.join(", "))
    }
}
