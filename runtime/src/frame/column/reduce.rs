//! A single column of a frame: computed on its own, or reduced to one value.

use crate::error::{During, Result};
use crate::frame::column::lazy_series::LazySeries;
use crate::frame::dataframe::sql::query_over;
use crate::frame::dataframe::{DataFrame, index};
use crate::frame::engine::{self, collect};
use crate::frame::expr::agg::{Agg, aggregates};
use crate::frame::expr::sums::groups::Statistic;
use crate::frame::expr::{IntoExpr, col, ident};
use crate::frame::plan::aggregate::aggregated;
use crate::frame::plan::order::{self, numbered};
use crate::frame::plan::scan::held;
use crate::frame::plan::{names_of, resolve};
use crate::frame::types::names::{IntoNames, ROW};
use crate::frame::types::scalar::{Scalar, scalar};
use crate::frame::types::table::Column;
use crate::show::{self, Bundle, Show};
use arrow::datatypes::DataType;
use datafusion::logical_expr::{self as df, LogicalPlanBuilder};
use std::fmt;

#[inline(never)]
fn put_key(keys: &mut Vec<(String, bool)>, name: &str, ascending: bool) {
    keys.push((name.to_owned(), ascending));
}

impl DataFrame {
    /// Returns one column, to be computed or reduced.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let df = DataFrame::from_columns([("x", Series::from_iter([1.5, 4.0]))]);
    /// assert_eq!(df.col("x").max().compute()?, 4.0);
    /// # Ok::<(), rask::Error>(())
    /// ```
    #[track_caller]
    pub fn col(&self, name: &str) -> LazySeries {
        let frame = self.project("col", |plan| {
            resolve("col", col(name).get(), plan)
                .map(|_| names_of(plan).iter().map(|n| ident(n)).collect())
        });
        LazySeries { frame, name: name.to_owned() }
    }

    /// Computes the frame now and keeps its partitions in memory: frames built on the result do not
    /// compute them again.
    ///
    /// # Errors
    /// As [`DataFrame::compute`].
    pub fn persist(&self) -> Result<Self> {
        collect::retry_widened(self.plan()?, |plan, joins| {
            let (schema, parts) =
                engine::each_partition(plan, joins, |_| Ok(engine::keep("persist")))?;
            Ok(Self::from_result(held("persist", schema, parts, index::of(plan))))
        })
    }

    /// Sorts the rows by columns, smallest first, nulls last.
    #[track_caller]
    pub fn sort_values(&self, by: impl IntoNames) -> Self {
        self.sorted("sort_values", &by.into_names(), true)
    }

    /// Sorts the rows by columns, largest first, nulls last.
    #[track_caller]
    pub fn sort_values_descending(&self, by: impl IntoNames) -> Self {
        self.sorted("sort_values_descending", &by.into_names(), false)
    }

    /// Sorts the rows by columns, each with whether it is ascending; nulls last.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let df = DataFrame::from_columns([("k", Series::from_iter(["a", "b", "a"])), ("x", Series::from_iter([1i64, 2, 3]))]);
    /// let sorted = df.sort_by([("k", true), ("x", false)]).compute()?;
    /// assert_eq!(sorted.column("x")?.to_vec::<i64>()?, [3, 1, 2]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    #[track_caller]
    pub fn sort_by<N: AsRef<str>>(&self, by: impl IntoIterator<Item = (N, bool)>) -> Self {
        let mut keys = Vec::new();
        for (name, ascending) in by {
            put_key(&mut keys, name.as_ref(), ascending);
        }
        self.sorted_by("sort_by", &keys)
    }

    /// Sorts the frame by this column, which is moved to the front.
    #[track_caller]
    pub fn set_index(&self, name: &str) -> Self {
        let sorted = self.sorted("set_index", &[name.to_owned()], true);
        let Ok(mut names) = sorted.columns() else { return sorted };
        names.sort_by_key(|n| n != name);
        sorted.select(names)
    }

    #[inline(never)]
    #[track_caller]
    pub(in crate::frame) fn sorted(&self, method: &str, by: &[String], ascending: bool) -> Self {
        self.sorted_by(method, &by.iter().map(|n| (n.clone(), ascending)).collect::<Vec<_>>())
    }

    #[inline(never)]
    #[track_caller]
    fn sorted_by(&self, method: &str, by: &[(String, bool)]) -> Self {
        let sorted = self.step(method, |_, plan| {
            let mut keys = by
                .iter()
                .map(|(n, up)| Ok(order::key(method, n, plan)?.sort(*up, false)))
                .collect::<Result<Vec<_>>>()?;
            // Equal rows keep their order.
            keys.push(ident(ROW).sort(true, false));
            order::sorted(LogicalPlanBuilder::from(numbered(plan).during(method)?), keys, None)
                .during(method)
        });
        sorted.unnumbered(self)
    }
}

impl LazySeries {
    /// Computes the values.
    ///
    /// # Errors
    /// As [`DataFrame::compute`].
    pub fn compute(&self) -> Result<Column> {
        self.to_frame().compute()?.column(&self.name)
    }

    /// Returns the frame of this column alone.
    #[track_caller]
    pub fn to_frame(&self) -> DataFrame {
        self.frame.select(&self.name)
    }

    /// Renames the column.
    #[track_caller]
    pub fn rename(&self, name: &str) -> Self {
        Self { frame: self.to_frame().rename([(&self.name, name)]), name: name.to_owned() }
    }

    /// Counts the rows of each value in a column `count`, the most frequent first; equal counts in
    /// order of first appearance.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let df = DataFrame::from_columns([("tag", Series::from_iter([Some("r"), Some("py"), None, Some("py")]))]);
    /// let counts = df.col("tag").value_counts().compute()?;
    /// assert_eq!(counts.column("tag")?.to_vec::<String>()?, ["py", "r"]);
    /// assert_eq!(counts.column("count")?.to_vec::<i64>()?, [2, 1]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    #[track_caller]
    pub fn value_counts(&self) -> DataFrame {
        self.frame.counted(std::slice::from_ref(&self.name))
    }

    /// Returns the distinct values, in order of first appearance; includes null where there are
    /// nulls.
    #[track_caller]
    pub fn unique(&self) -> Self {
        Self { frame: self.to_frame().distinct("unique", None), name: self.name.clone() }
    }

    /// Returns the most frequent values, smallest first.
    #[track_caller]
    pub fn mode(&self) -> Self {
        let most = self.value_counts();
        let frame = query_over(
            "select * from c where \"count\" = (select max(\"count\") from c)",
            &[("c".to_owned(), most)],
        );
        Self {
            frame: frame.select(&self.name).sorted("mode", std::slice::from_ref(&self.name), true),
            name: self.name.clone(),
        }
    }

    /// Computes the first values.
    ///
    /// # Errors
    /// As [`DataFrame::compute`].
    pub fn head(&self, n: usize) -> Result<Column> {
        self.to_frame().head(n)?.column(&self.name)
    }

    /// Computes the last values.
    ///
    /// # Errors
    /// As [`DataFrame::compute`].
    pub fn tail(&self, n: usize) -> Result<Column> {
        self.to_frame().tail(n)?.column(&self.name)
    }

    /// Computes the number of values, nulls included.
    ///
    /// # Errors
    /// As [`DataFrame::compute`].
    pub fn len(&self) -> Result<usize> {
        self.frame.len()
    }

    /// Computes whether there are no values.
    ///
    /// # Errors
    /// As [`DataFrame::compute`].
    pub fn is_empty(&self) -> Result<bool> {
        self.frame.is_empty()
    }

    /// Returns the rows for which a condition over the frame's columns holds.
    #[track_caller]
    pub fn filter(&self, condition: impl IntoExpr) -> Self {
        self.filter_by(&condition.into_expr())
    }

    #[inline(never)]
    #[track_caller]
    fn filter_by(&self, condition: &crate::frame::expr::Expr) -> Self {
        Self { frame: self.frame.filter_by(condition), name: self.name.clone() }
    }

    /// Returns the non-null values.
    #[track_caller]
    pub fn dropna(&self) -> Self {
        Self { frame: self.frame.dropna_in(&self.name), name: self.name.clone() }
    }

    /// Returns the `n` largest values, largest first.
    #[track_caller]
    pub fn nlargest(&self, n: usize) -> Self {
        Self { frame: self.frame.nlargest(n, &self.name), name: self.name.clone() }
    }

    /// Returns the `n` smallest values, smallest first.
    #[track_caller]
    pub fn nsmallest(&self, n: usize) -> Self {
        Self { frame: self.frame.nsmallest(n, &self.name), name: self.name.clone() }
    }

    /// Computes the values and keeps them in memory.
    ///
    /// # Errors
    /// As [`DataFrame::compute`].
    pub fn persist(&self) -> Result<Self> {
        Ok(Self { frame: self.to_frame().persist()?, name: self.name.clone() })
    }

    /// Computes a quantile, given from 0 to 1, exactly, with linear interpolation.
    #[track_caller]
    pub fn quantile(&self, share: f64) -> LazyScalar {
        self.reduce(crate::frame::expr::agg::Agg::Quantile(share))
    }

    /// Computes the sum if at least this many values are not null, else null.
    #[track_caller]
    pub fn sum_min_count(&self, least: usize) -> LazyScalar {
        self.reduce(crate::frame::expr::agg::Agg::SumMinCount(least))
    }

    /// Computes the correlation with another column, over the pairs of values that are both
    /// non-null.
    #[track_caller]
    pub fn corr(&self, other: &str) -> LazyScalar {
        self.pairs("corr", other, Statistic::Correlation)
    }

    /// Computes the covariance with another column, with n - 1, over the pairs of values that are
    /// both non-null.
    #[track_caller]
    pub fn cov(&self, other: &str) -> LazyScalar {
        self.pairs("cov", other, Statistic::Covariance(1))
    }

    #[inline(never)]
    #[track_caller]
    fn pairs(&self, method: &str, other: &str, statistic: Statistic) -> LazyScalar {
        LazyScalar(self.frame.step(method, |b, plan| {
            let [x, y] = [&self.name, other].map(|n| {
                resolve(method, col(n).get(), plan).map(|e| df::cast(e, DataType::Float64))
            });
            b.aggregate(Vec::<df::Expr>::new(), [statistic.of(vec![x?, y?]).alias(&self.name)])
                .during(method)
        }))
    }

    #[inline(never)]
    #[track_caller]
    pub(in crate::frame) fn reduce(&self, agg: Agg) -> LazyScalar {
        let method = agg.name();
        let spec = [(self.name.clone(), self.name.clone(), agg)];
        LazyScalar(self.frame.step(&method, |_, plan| aggregated(&method, plan, &[], &spec)))
    }
}

macro_rules! define {
    ([] $($(#[$doc:meta])* $name:ident $agg:ident;)*) => {
        impl LazySeries {$(
            $(#[$doc])*
            #[track_caller]
            pub fn $name(&self) -> LazyScalar {
                self.reduce(Agg::$agg)
            }
        )*}
    };
}
aggregates!(define);

impl fmt::Debug for LazySeries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show::debug(self, f)
    }
}

impl Show for LazySeries {
    fn show(&self) -> Bundle {
        self.to_frame().show()
    }
}

/// A lazy value of a frame.
#[derive(Clone)]
#[must_use = "a value does nothing until it is computed"]
pub struct LazyScalar(DataFrame);

impl LazyScalar {
    pub(in crate::frame) fn of(frame: DataFrame) -> Self {
        Self(frame)
    }

    /// Returns the frame of one row.
    #[cfg(test)]
    pub(in crate::frame) fn frame(&self) -> &DataFrame {
        &self.0
    }

    /// Computes the value.
    ///
    /// # Errors
    /// As [`DataFrame::compute`].
    pub fn compute(&self) -> Result<Scalar> {
        Ok(scalar(self.0.compute()?.batch().column(0)))
    }
}

impl fmt::Debug for LazyScalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show::debug(&self.0, f)
    }
}

impl Show for LazyScalar {
    fn show(&self) -> Bundle {
        self.0.show()
    }
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;

    #[test]
    fn a_column_is_brought_down_to_one_value() {
        let df = DataFrame::from_columns([
            ("x", Series::from_iter([Some(2.0), None, Some(4.0)])),
            ("n", Series::from_iter([3i64, 1, 3])),
            ("s", Series::from_iter(["b", "a", "c"])),
        ]);
        let value = |v: crate::frame::LazyScalar| v.compute().unwrap();
        assert_eq!(
            (value(df.col("x").sum()).as_f64(), value(df.col("x").mean()).as_f64()),
            (Some(6.0), Some(3.0))
        );
        assert_eq!(
            (value(df.col("x").count()).as_i64(), value(df.col("n").nunique()).as_i64()),
            (Some(2), Some(2))
        );
        assert!(
            value(df.col("s").max()) == "c"
                && value(df.col("n").min()) == 1
                && value(df.col("x").std()) == f64::sqrt(2.0)
        );
        assert!(value(df.filter(col("n").gt(5)).col("x").max()) == Scalar::Null);
        let e = df.col("y").max().compute().unwrap_err().to_string();
        assert!(e.contains("no column \"y\""), "{e}");
        let kept = df.sort_values("s").persist().unwrap();
        assert_eq!(kept.col("s").compute().unwrap().to_vec::<String>().unwrap(), ["a", "b", "c"]);
        assert_eq!(
            (df.set_index("s").columns().unwrap()[0].as_str(), kept.len().unwrap()),
            ("s", 3)
        );
    }
}
