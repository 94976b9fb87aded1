//! Further statistics of a single column: monotonicity, autocorrelation, approximations.

use crate::error::{During, Result};
use crate::frame::column::lazy_series::LazySeries;
use crate::frame::column::reduce::LazyScalar;
use crate::frame::dataframe::DataFrame;
use crate::frame::expr::agg::Agg;
use crate::frame::expr::{Expr, IntoExpr, col};
use crate::frame::plan::resolve;
use crate::frame::types::batch;
use crate::frame::types::dtype::DType;
use crate::frame::types::table::Table;
use crate::show::Show;
use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::DataType;
use datafusion::functions_aggregate::expr_fn;
use datafusion::logical_expr as df;
use std::sync::Arc;

/// The name of a temporary column.
const MADE: &str = "__rask_made__";

impl LazySeries {
    /// Returns the type of the values.
    ///
    /// # Errors
    /// The error of an earlier step.
    pub fn dtype(&self) -> Result<DType> {
        Ok(self.to_frame().dtypes()?.remove(0))
    }

    /// Returns whether the values never decrease; false if a value is null.
    #[track_caller]
    pub fn is_monotonic_increasing(&self) -> LazyScalar {
        self.is_monotonic("is_monotonic_increasing", &|x| x.ge(x.shift(1)))
    }

    /// Returns whether the values never increase; false if a value is null.
    #[track_caller]
    pub fn is_monotonic_decreasing(&self) -> LazyScalar {
        self.is_monotonic("is_monotonic_decreasing", &|x| x.le(x.shift(1)))
    }

    #[inline(never)]
    #[track_caller]
    fn is_monotonic(&self, method: &str, follows: &dyn Fn(&Expr) -> Expr) -> LazyScalar {
        let x = col(self.name());
        let holds = follows(&x).fillna(true).and(x.notna());
        self.in_frame(self.frame().put_columns(method, vec![(self.name().to_owned(), holds)]))
            .reduce(Agg::All)
    }

    /// Computes the correlation of the values with those `lag` rows before.
    #[track_caller]
    pub fn autocorr(&self, lag: i64) -> LazyScalar {
        let shifted = self
            .frame()
            .put_columns("autocorr", vec![(MADE.to_owned(), col(self.name()).shift(lag))]);
        self.in_frame(shifted).corr(MADE)
    }

    /// Estimates the number of distinct values by HyperLogLog (P. Flajolet et al., 2007) with
    /// 16,384 registers: a standard error of 0.8 %, in a few kilobytes for any number of values.
    /// [`nunique`](LazySeries::nunique) is exact.
    #[track_caller]
    pub fn nunique_approx(&self) -> LazyScalar {
        self.nearly("nunique_approx", |x, t| {
            let counted = t.is_integer() || t.is_string() || t.is_temporal();
            expr_fn::approx_distinct(if counted { x } else { df::cast(x, DataType::Utf8) })
        })
    }

    /// Estimates the median by a t-digest (T. Dunning, 2019) of 100 centroids: its rank is usually
    /// off by less than 1 %, and other partitions may give another value.
    /// [`median`](LazySeries::median) is exact.
    #[track_caller]
    pub fn median_approximate(&self) -> LazyScalar {
        self.nearly("median_approximate", |x, _| {
            expr_fn::approx_median(df::cast(x, DataType::Float64))
        })
    }

    #[inline(never)]
    #[track_caller]
    fn nearly(&self, method: &str, f: fn(df::Expr, &DataType) -> df::Expr) -> LazyScalar {
        LazyScalar::of(self.frame().step(method, |b, plan| {
            let x = resolve(method, col(self.name()).get(), plan)?;
            let t = df::ExprSchemable::get_type(&x, plan.schema()).during(method)?;
            b.aggregate(Vec::<df::Expr>::new(), [f(x, &t).alias(self.name())]).during(method)
        }))
    }
}

/// `where_` or `mask` of a column.
type Choose = fn(&Expr, &Expr, &Expr) -> Expr;

impl DataFrame {
    /// Keeps the values of the rows where the condition holds and replaces those of all other rows,
    /// in each column that has the type of `other`; a null condition does not hold.
    /// `col(..).where_(..)` does it for one column.
    #[track_caller]
    pub fn where_(&self, condition: impl IntoExpr, other: impl IntoExpr) -> Self {
        self.chosen_by("where_", &condition.into_expr(), &other.into_expr(), |x, c, o| {
            x.where_(c, o)
        })
    }

    /// Replaces the values of the rows where the condition holds, in each column that has the type
    /// of `other`.
    #[track_caller]
    pub fn mask(&self, condition: impl IntoExpr, other: impl IntoExpr) -> Self {
        self.chosen_by("mask", &condition.into_expr(), &other.into_expr(), |x, c, o| x.mask(c, o))
    }

    #[inline(never)]
    #[track_caller]
    fn chosen_by(&self, method: &str, condition: &Expr, other: &Expr, choose: Choose) -> Self {
        self.fitting(method, other, &|x, other| choose(x, condition, other))
    }

    /// Computes the frame, and returns the bytes of each column in memory.
    ///
    /// # Errors
    /// As [`DataFrame::compute`].
    ///
    /// ```
    /// use rask::prelude::*;
    /// let df = DataFrame::from_columns([("x", Series::from_iter(0..1000i64))]);
    /// assert_eq!(df.memory_usage()?.column("bytes")?.to_vec::<i64>()?, [8000]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    pub fn memory_usage(&self) -> Result<Table> {
        let table = self.compute()?;
        let names: ArrayRef = Arc::new(StringArray::from(table.columns()));
        let bytes: ArrayRef = Arc::new(
            table
                .batch()
                .columns()
                .iter()
                .map(|c| Some(batch::size_of(c) as i64))
                .collect::<Int64Array>(),
        );
        let made = RecordBatch::try_from_iter([("column", names), ("bytes", bytes)]);
        made.map(Table::new).during("memory_usage")
    }
}

impl Table {
    /// Returns the table as HTML, as it is displayed.
    #[must_use]
    pub fn to_html(&self) -> String {
        self.show().data.remove("text/html").unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;

    #[test]
    fn near_enough_is_as_near_as_it_says() {
        let df = DataFrame::from_columns([(
            "x",
            Series::from_iter((0..100_000i64).map(|i| i * 7919 % 50_000)),
        )]);
        let value = |v: crate::frame::LazyScalar| v.compute().unwrap().as_f64().unwrap();
        for parts in [1, 3, 10] {
            let x = df.repartition(parts).col("x");
            assert!((value(x.nunique_approx()) / 50_000.0 - 1.0).abs() < 0.04);
            assert!((value(x.median_approximate()) / 24_999.5 - 1.0).abs() < 0.02);
        }
        assert_eq!(df.col("x").dtype().unwrap(), DType::Int64);
        let html = df.head(3).unwrap().to_html();
        assert!(html.contains("<table") && html.contains("7919"), "{html}");
    }

    #[test]
    fn other_values_go_where_their_type_is() {
        let df = DataFrame::from_columns([
            ("x", Series::from_iter([1i64, 5])),
            ("s", Series::from_iter(["a", "b"])),
        ]);
        let t = df.where_(col("x").gt(3), 0).compute().unwrap();
        assert_eq!(
            (
                t.column("x").unwrap().to_vec::<i64>().unwrap(),
                t.column("s").unwrap().to_vec::<String>().unwrap()
            ),
            (vec![0, 5], vec!["a".into(), "b".into()])
        );
        let t = df.mask(col("x").gt(3), "none").compute().unwrap();
        assert_eq!(t.column("s").unwrap().to_vec::<String>().unwrap(), ["a", "none"]);
    }
}
