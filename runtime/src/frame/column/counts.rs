//! Counts of values: `value_counts` and its options.

use crate::error::{During, Result};
use crate::frame::column::lazy_series::LazySeries;
use crate::frame::dataframe::DataFrame;
use crate::frame::expr::udf::window_fn;
use crate::frame::expr::{Expr, col, ident, window_function};
use crate::frame::plan::order::{numbered, sorted};
use crate::frame::plan::resolve;
use crate::frame::types::names::{IntoNames, ROW, check_names};
use arrow::array::{ArrayRef, AsArray, Float64Array};
use arrow::datatypes::{DataType, Int64Type};
use datafusion::functions_aggregate::expr_fn;
use datafusion::logical_expr::{self as df, LogicalPlanBuilder};
use std::sync::Arc;

/// Options of [`DataFrame::value_counts_with`], with pandas' names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "options do nothing until they are given to value_counts_with"]
pub struct ValueCounts {
    normalize: bool,
    ascending: bool,
    dropna: bool,
}

impl Default for ValueCounts {
    fn default() -> Self {
        Self { normalize: false, ascending: false, dropna: true }
    }
}

impl ValueCounts {
    /// Creates the defaults: counts, the most frequent value first, without nulls.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets whether fractions of all counted rows are returned, in a column `proportion`, instead
    /// of counts. Default: false.
    pub fn normalize(mut self, yes: bool) -> Self {
        self.normalize = yes;
        self
    }

    /// Sets whether the least frequent value comes first. Default: false.
    pub fn ascending(mut self, yes: bool) -> Self {
        self.ascending = yes;
        self
    }

    /// Sets whether rows with nulls are left out. Default: true.
    pub fn dropna(mut self, yes: bool) -> Self {
        self.dropna = yes;
        self
    }
}

impl DataFrame {
    /// Counts the rows of each combination of values in a column `count`, the most frequent first;
    /// equal counts in order of first appearance. Rows with nulls are skipped;
    /// [`value_counts_with`](DataFrame::value_counts_with) has options.
    #[track_caller]
    pub fn value_counts(&self, columns: impl IntoNames) -> Self {
        self.counted(&columns.into_names())
    }

    /// Counts the rows of each combination of values, with pandas' options.
    #[track_caller]
    pub fn value_counts_with(&self, columns: impl IntoNames, options: ValueCounts) -> Self {
        self.counted_with(&columns.into_names(), options)
    }

    #[track_caller]
    pub(in crate::frame) fn counted(&self, columns: &[String]) -> Self {
        self.counted_with(columns, ValueCounts::default())
    }

    #[inline(never)]
    #[track_caller]
    fn counted_with(&self, columns: &[String], options: ValueCounts) -> Self {
        let counts = self.step("value_counts", |_, plan| {
            let keys = columns
                .iter()
                .map(|n| resolve("value_counts", col(n).get(), plan))
                .collect::<Result<Vec<_>>>()?;
            check_names("value_counts", columns.iter().chain([&"count".to_owned()]))?;
            let b = LogicalPlanBuilder::from(numbered(plan).during("value_counts")?);
            let there = columns.iter().filter(|_| options.dropna);
            let there = there
                .map(|n| resolve("value_counts", col(n).notna().get(), plan))
                .collect::<Result<Vec<_>>>()?;
            let b = match there.into_iter().reduce(df::Expr::and) {
                Some(there) => b.filter(there).during("value_counts")?,
                None => b,
            };
            let counts =
                [expr_fn::count(df::lit(1)).alias("count"), expr_fn::min(ident(ROW)).alias(ROW)];
            let b = b.aggregate(keys, counts).during("value_counts")?;
            sorted(
                b,
                [ident("count").sort(options.ascending, false), ident(ROW).sort(true, false)],
                None,
            )
            .during("value_counts")
        });
        let names: Vec<_> = columns.iter().cloned().chain(["count".to_owned()]).collect();
        let counts =
            counts.project("value_counts", |_| Ok(names.iter().map(|n| ident(n)).collect()));
        if options.normalize {
            counts
                .put_columns("value_counts", vec![("count".to_owned(), share(&col("count")))])
                .rename([("count", "proportion")])
        } else {
            counts
        }
    }
}

/// Returns each count as a fraction of the total.
fn share(counts: &Expr) -> Expr {
    let function = window_fn(
        "share",
        String::new(),
        |_| Ok(DataType::Float64),
        |columns: &[ArrayRef]| {
            let counts = columns[0].as_primitive::<Int64Type>();
            let total: i64 = counts.iter().flatten().sum();
            Ok(Arc::new(
                counts.iter().map(|n| n.map(|n| n as f64 / total as f64)).collect::<Float64Array>(),
            ))
        },
    );
    window_function::in_order(function, vec![counts.get().clone()])
}

impl LazySeries {
    /// Counts the rows of each value, with pandas' options.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let df = DataFrame::from_columns([("tag", Series::from_iter([Some("r"), Some("py"), None, Some("py")]))]);
    /// let shares = df.col("tag").value_counts_with(ValueCounts::new().normalize(true).dropna(false)).compute()?;
    /// assert_eq!(shares.column("proportion")?.to_vec::<f64>()?, [0.5, 0.25, 0.25]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    #[track_caller]
    pub fn value_counts_with(&self, options: ValueCounts) -> DataFrame {
        self.frame().counted_with(&[self.name().to_owned()], options)
    }
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;

    #[test]
    fn options_are_those_of_pandas() {
        let df = DataFrame::from_columns([(
            "k",
            Series::from_iter([Some("b"), None, Some("a"), Some("b"), None, Some("b")]),
        )]);
        for parts in [1, 3] {
            let k = df.repartition(parts).col("k");
            let of = |o: ValueCounts| k.value_counts_with(o).compute().unwrap();
            let t = of(ValueCounts::new().ascending(true));
            assert_eq!(t.column("count").unwrap().to_vec::<i64>().unwrap(), [1, 3]);
            let t = of(ValueCounts::new().normalize(true));
            assert_eq!(t.column("proportion").unwrap().to_vec::<f64>().unwrap(), [0.75, 0.25]);
            let t = of(ValueCounts::new().dropna(false));
            let want = [Some("b".to_owned()), None, Some("a".to_owned())];
            assert_eq!(t.column("k").unwrap().to_vec::<Option<String>>().unwrap(), want);
        }
    }
}
