//! The index of a frame: the column that orders its rows. It is derived from the plan, so every
//! step that keeps the order of rows keeps the index.

use crate::csv::value;
use crate::error::{During, Error, Result};
use crate::frame::dataframe::DataFrame;
use crate::frame::engine::{self, collect};
use crate::frame::expr::{Expr, IntoExpr, col, ident};
use crate::frame::plan::order::{NUMBERED, ORDERED};
use crate::frame::plan::{Plan, resolve};
use crate::frame::source::provider::source_of;
use crate::frame::types::names::ROW;
use crate::frame::types::scalar::{self, Scalar};
use arrow::array::{Array, ArrayRef};
use arrow::datatypes::DataType;
use chrono::{Datelike, Days, Months, NaiveDate};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{self as df, LogicalPlan, LogicalPlanBuilder};
use futures::StreamExt;
use std::ops::{Bound, RangeBounds};

/// Returns the column by which the rows are in ascending order, if there is one.
pub(in crate::frame) fn of(plan: &Plan) -> Option<String> {
    match plan {
        LogicalPlan::Extension(e) if [NUMBERED, ORDERED].contains(&e.node.name()) => {
            of(e.node.inputs()[0])
        }
        LogicalPlan::Sort(sort) => match sort.expr.first() {
            // Rows that were sorted back into their original order.
            Some(first) if first.asc && name_of(&first.expr).as_deref() == Some(ROW) => {
                of(&sort.input)
            }
            Some(first) if first.asc => name_of(&first.expr),
            _ => None,
        },
        LogicalPlan::Filter(f) => of(&f.input),
        LogicalPlan::Window(w) => of(&w.input),
        LogicalPlan::SubqueryAlias(a) => of(&a.input),
        LogicalPlan::Projection(p) => {
            let index = of(&p.input)?;
            let kept = |e: &df::Expr| match e {
                df::Expr::Alias(a) => {
                    (name_of(&a.expr).as_ref() == Some(&index)).then(|| a.name.clone())
                }
                e => name_of(e).filter(|n| *n == index),
            };
            p.expr.iter().find_map(kept)
        }
        LogicalPlan::TableScan(scan) => {
            let source = source_of(scan)?;
            source.index().map(str::to_owned)
        }
        _ => None,
    }
}

fn name_of(e: &df::Expr) -> Option<String> {
    if let df::Expr::Column(c) = e { Some(c.name.clone()) } else { None }
}

/// Returns the index, or an error for a method that needs one.
pub(in crate::frame) fn required(method: &str, plan: &Plan) -> Result<String> {
    of(plan).ok_or_else(|| {
        let message = "the frame has no index; help: set one with set_index(name), or select rows by any column with filter(..)".to_owned();
        Error::bad_argument(method, message)
    })
}

/// Returns the first day of a year, a month or a day written as a string, and that of the next
/// period.
fn period(text: &str) -> Option<[NaiveDate; 2]> {
    let parts: Vec<&str> = text.split('-').collect();
    let number = |i: usize| parts.get(i).map_or(Some(1), |p| p.parse::<u32>().ok());
    let digits = parts.iter().zip([4, 2, 2]).all(|(p, n)| p.len() == n);
    let first = NaiveDate::from_ymd_opt(parts[0].parse().ok()?, number(1)?, number(2)?)
        .filter(|_| digits)?;
    let next = match parts.len() {
        1 => first.with_year(first.year() + 1),
        2 => first.checked_add_months(Months::new(1)),
        3 => first.checked_add_days(Days::new(1)),
        _ => None,
    };
    Some([first, next?])
}

/// Parses a bound of a range of timestamps that may be a string: a bound includes or excludes the
/// period as a whole.
fn moved(bound: &Bound<Expr>, is_end: bool) -> Bound<Expr> {
    let (Bound::Included(value) | Bound::Excluded(value)) = bound else { return Bound::Unbounded };
    let df::Expr::Literal(ScalarValue::Utf8(Some(text)), _) = value.get() else {
        return bound.clone();
    };
    let instant = |text: &str| {
        let micros = value::time(text.as_bytes())?;
        Some(Expr::new(df::lit(ScalarValue::TimestampMicrosecond(Some(micros), None))))
    };
    let Some(days) = period(text) else {
        return bound.clone().map(|v| instant(text).unwrap_or(v));
    };
    // From the start of the period, or from the start of the next one.
    let is_next = matches!(bound, Bound::Included(_)) == is_end;
    match instant(&days[usize::from(is_next)].to_string()) {
        Some(at) if is_end => Bound::Excluded(at),
        Some(at) => Bound::Included(at),
        None => bound.clone(),
    }
}

impl DataFrame {
    /// Returns the name of the column that orders the rows: the column of
    /// [`set_index`](DataFrame::set_index), or the first of [`sort_values`](DataFrame::sort_values)
    /// or of the keys of a group-by. `None` if there is none.
    ///
    /// # Errors
    /// The error of an earlier step.
    pub fn index(&self) -> Result<Option<String>> {
        Ok(of(self.plan()?))
    }

    /// Returns the rows whose index lies in a range. Partitions of a frame computed by
    /// [`persist`](DataFrame::persist), and parts of Parquet files, are skipped if they cannot
    /// contain such rows. Timestamps may be given as strings; a string that is only a year, a month
    /// or a day stands for the whole period, as in pandas.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let t = Series::from_iter(["2020-01-03 10:00", "2020-01-01", "2020-01-02 12:00"]);
    /// let df = DataFrame::from_columns([("t", t), ("x", Series::from_iter([3i64, 1, 2]))]).with_column("t", col("t").to_datetime(""));
    /// let some = df.set_index("t").loc("2020-01-01"..="2020-01-02").compute()?;
    /// assert_eq!(some.column("x")?.to_vec::<i64>()?, [1, 2]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    #[track_caller]
    pub fn loc<V: IntoExpr + Clone>(&self, range: impl RangeBounds<V>) -> Self {
        let of = |bound: Bound<&V>| bound.map(|v| v.clone().into_expr());
        self.located(&of(range.start_bound()), &of(range.end_bound()))
    }

    /// Returns the rows whose index equals a value.
    #[track_caller]
    pub fn loc_at(&self, value: impl IntoExpr) -> Self {
        let value = value.into_expr();
        self.located(&Bound::Included(value.clone()), &Bound::Included(value))
    }

    #[inline(never)]
    #[track_caller]
    fn located(&self, from: &Bound<Expr>, to: &Bound<Expr>) -> Self {
        self.step("loc", |b, plan| {
            let name = required("loc", plan)?;
            let t = plan.schema().field_with_unqualified_name(&name).during("loc")?.data_type();
            let (from, to) = match t {
                DataType::Timestamp(..) | DataType::Date32 => (moved(from, false), moved(to, true)),
                _ => (from.clone(), to.clone()),
            };
            let x = col(&name);
            let low = match from {
                Bound::Included(v) => Some(x.ge(v)),
                Bound::Excluded(v) => Some(x.gt(v)),
                Bound::Unbounded => None,
            };
            let high = match to {
                Bound::Included(v) => Some(x.le(v)),
                Bound::Excluded(v) => Some(x.lt(v)),
                Bound::Unbounded => None,
            };
            let inside = low.into_iter().chain(high).reduce(|a, b| a.and(b));
            let Some(inside) = inside else { return Ok(b) };
            b.filter(resolve("loc", inside.get(), plan)?).during("loc")
        })
    }

    /// Computes the divisions: the first value of the index in each partition, and the last value
    /// of all.
    ///
    /// # Errors
    /// As [`DataFrame::compute`], and if the frame has no index.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let df = DataFrame::from_columns([("k", Series::from_iter(0..10i64))]).set_index("k").repartition(2);
    /// assert_eq!(df.divisions()?.iter().map(|v| v.as_i64()).collect::<Vec<_>>(), [Some(0), Some(5), Some(9)]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    pub fn divisions(&self) -> Result<Vec<Scalar>> {
        let plan = self.plan()?;
        let name = required("divisions", plan)?;
        let only = LogicalPlanBuilder::from(plan.clone())
            .project([ident(&name)])
            .and_then(LogicalPlanBuilder::build);
        let only = only.during("divisions")?;
        let ends = |_, mut rows: datafusion::execution::SendableRecordBatchStream| async move {
            let mut ends: Option<[ArrayRef; 2]> = None;
            while let Some(batch) = rows.next().await {
                let batch = batch.during("divisions")?;
                let values = batch.column(0);
                if !values.is_empty() {
                    let last = values.slice(values.len() - 1, 1);
                    let first = ends.map_or_else(|| values.slice(0, 1), |[first, _]| first);
                    ends = Some([first, last]);
                }
            }
            Ok(ends)
        };
        let parts = collect::retry_widened(&only, |plan, joins| {
            Ok(engine::each_partition(plan, joins, |_| Ok(ends))?.1)
        })?;
        let mut divisions: Vec<_> =
            parts.iter().flatten().map(|[first, _]| scalar::scalar(first)).collect();
        divisions.extend(parts.iter().flatten().next_back().map(|[_, last]| scalar::scalar(last)));
        Ok(divisions)
    }
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;

    fn frame() -> DataFrame {
        let t = Series::from_iter((0..1000i64).map(|i| 1_577_836_800 + (i * 7919 % 1000) * 3600));
        DataFrame::from_columns([("t", t), ("x", Series::from_iter(0..1000i64))])
            .with_column("t", col("t").to_datetime_from("s"))
    }

    #[test]
    fn rows_are_found_by_their_index() {
        let df = frame().set_index("t");
        let cut = df.repartition(7);
        for df in [
            &df,
            &df.persist().unwrap(),
            &cut,
            &cut.with_column("x", col("x") * 1).filter(col("x").ge(0)),
        ] {
            assert_eq!(df.index().unwrap().as_deref(), Some("t"));
            assert_eq!(df.loc("2020-01-02".."2020-01-04").len().unwrap(), 48);
            assert_eq!(df.loc("2020-01-02"..="2020-01-04").len().unwrap(), 72);
            assert_eq!(df.loc("2020-02".."2020-02-02 12:00").len().unwrap(), 36);
            assert_eq!(df.loc("2020-02"..).len().unwrap(), 1000 - 31 * 24);
            assert_eq!(df.loc(..="2020-01").len().unwrap(), 31 * 24);
            assert_eq!(df.loc_at("2020-01-01 05:00").len().unwrap(), 1);
            assert_eq!(df.loc("2021".."2022").compute().unwrap().len(), 0);
        }
        let changed = df
            .with_column("d", col("x").diff(1))
            .repartition(3)
            .with_column("e", col("x").cumsum());
        assert_eq!(changed.loc("2020-01-02".."2020-01-04").len().unwrap(), 48);
        let by_name = df.rename([("t", "when")]);
        assert_eq!(by_name.index().unwrap().as_deref(), Some("when"));
        assert_eq!(by_name.drop("when").index().unwrap(), None);
        assert_eq!(df.with_column("t", col("t").dt().year()).index().unwrap(), None);
        assert_eq!(frame().sort_values_descending("t").index().unwrap(), None);
        let e = frame().loc("2020".."2021").compute().unwrap_err().to_string();
        assert!(e.contains("loc") && e.contains("set_index"), "{e}");
    }

    #[test]
    fn partitions_without_such_rows_are_not_read() {
        let df = frame().set_index("x").repartition(10);
        let scanned = |df: &DataFrame| df.explain().unwrap().to_string();
        let plan = scanned(&df.loc(250..260));
        assert!(plan.contains("partition_sizes=[0, 0, 1, 0, 0, 0, 0, 0, 0, 0]"), "{plan}");
        assert_eq!(
            df.loc(250..260).compute().unwrap().column("x").unwrap().to_vec::<i64>().unwrap(),
            (250..260).collect::<Vec<_>>()
        );
        let divisions: Vec<_> =
            df.divisions().unwrap().iter().map(|d| d.as_i64().unwrap()).collect();
        assert_eq!(divisions, [0, 100, 200, 300, 400, 500, 600, 700, 800, 900, 999]);
        assert_eq!(
            DataFrame::from_columns([("k", Series::from_iter(Vec::<i64>::new()))])
                .set_index("k")
                .divisions()
                .unwrap()
                .len(),
            0
        );
    }
}
