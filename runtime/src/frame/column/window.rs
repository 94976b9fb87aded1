//! Methods that need neighbouring rows: shifts, differences, cumulative sums, filling, ranks. All
//! follow the order of rows, which never depends on partitions.

use crate::csv::kind::Kind;
use crate::exact::{ExactSum, product};
use crate::frame::column::lazy_series::LazySeries;
use crate::frame::column::target::Target;
use crate::frame::expr::arithmetic::Whole;
use crate::frame::expr::keys::one_value;
use crate::frame::expr::udf::{keyed, window_fn};
use crate::frame::expr::window_function::in_order;
use crate::frame::expr::{Expr, ident};
use crate::frame::types::names::IntoNames;
use crate::frame::types::wrong::{wrong_type, wrong_value};
use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, make_comparator};
use arrow::compute::kernels::{numeric, window};
use arrow::compute::{CastOptions, SortOptions, cast, cast_with_options, take};
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimeUnit};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result as DfResult;
use datafusion::logical_expr as df;
use std::sync::Arc;

/// Partitions the window functions of an expression by the group keys.
#[inline(never)]
pub(in crate::frame) fn over(expr: &Expr, keys: &[String]) -> Expr {
    let grouped = expr.get().clone().transform_up(|e| match e {
        df::Expr::WindowFunction(mut w) if w.params.partition_by.is_empty() => {
            w.params.partition_by = keys.iter().map(|k| ident(k)).collect();
            Ok(Transformed::yes(df::Expr::WindowFunction(w)))
        }
        other => Ok(Transformed::no(other)),
    });
    grouped.map_or_else(|_| expr.clone(), |t| Expr::new(t.data))
}

impl Expr {
    /// Computes methods that need neighbouring rows (`shift`, `cumsum`, `rolling`, `rank` and so
    /// on) separately for each group.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let df = DataFrame::from_columns([("k", Series::from_iter(["a", "b", "a"])), ("x", Series::from_iter([1i64, 2, 3]))]);
    /// let sums = df.with_column("sum", col("x").cumsum().over("k")).compute()?;
    /// assert_eq!(sums.column("sum")?.to_vec::<i64>()?, [1, 2, 4]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    #[must_use]
    pub fn over(&self, keys: impl IntoNames) -> Self {
        over(self, &keys.into_names())
    }
}

fn number(method: &'static str) -> impl Fn(&[DataType]) -> DfResult<DataType> {
    move |t| match &t[0] {
        t if t.is_integer() || *t == DataType::Boolean => Ok(DataType::Int64),
        t if t.is_numeric() || t.is_null() => Ok(DataType::Float64),
        t => wrong_type(method, t, "a number"),
    }
}

/// Accumulates along a column: nulls are skipped and stay null.
fn run(
    name: &'static str,
    array: &ArrayRef,
    mut floats: impl FnMut(f64) -> f64,
    ints: fn(i64, i64) -> Option<i64>,
) -> DfResult<ArrayRef> {
    if array.data_type().is_integer() || *array.data_type() == DataType::Boolean {
        let whole = cast_with_options(
            array,
            &DataType::Int64,
            &CastOptions { safe: false, ..CastOptions::default() },
        )?;
        let mut so_far: Option<i64> = None;
        let mut one = |x: Option<i64>| {
            let Some(x) = x else { return Ok(None) };
            let next = so_far.map_or(Some(x), |s| ints(s, x));
            so_far = next;
            next.map_or_else(
                || wrong_value(format!("{name}: the result does not fit into 64 bits")),
                |n| Ok(Some(n)),
            )
        };
        return Ok(Arc::new(
            whole
                .as_primitive::<Int64Type>()
                .iter()
                .map(&mut one)
                .collect::<DfResult<Int64Array>>()?,
        ));
    }
    let values = cast(array, &DataType::Float64)?;
    let values = values.as_primitive::<Float64Type>().iter();
    // NaN counts as null.
    let values = values.map(|x| x.filter(|x| !x.is_nan()).map(&mut floats));
    Ok(Arc::new(values.collect::<Float64Array>()))
}

/// Returns a closure that computes the exact sum of the floats so far, rounded once.
fn sums() -> impl FnMut(f64) -> f64 {
    let mut sum = ExactSum::default();
    move |x| {
        sum.add(x);
        sum.value()
    }
}

/// Returns a closure that computes the product of the floats so far.
fn products() -> impl FnMut(f64) -> f64 {
    let mut kept = product::START;
    move |x| {
        product::multiply(&mut kept, x);
        product::value(&kept).unwrap_or(f64::NAN)
    }
}

/// Returns, for each row, the smallest or largest value so far.
fn extremes(array: &ArrayRef, greatest: bool) -> DfResult<ArrayRef> {
    let keys = one_value(array);
    let compare = make_comparator(&keys, &keys, SortOptions::default())?;
    let mut best: Option<usize> = None;
    let places = (0..array.len()).map(|i| {
        if keys.is_null(i) {
            return None;
        }
        best = Some(
            best.filter(|b| if greatest { compare(*b, i).is_ge() } else { compare(*b, i).is_le() })
                .unwrap_or(i),
        );
        best.map(|b| b as i64)
    });
    Ok(take(array, &places.collect::<Int64Array>(), None)?)
}

/// Fills each null with the last non-null value, at most `limit` rows before; `back` runs from the
/// end.
fn filled(array: &ArrayRef, limit: usize, back: bool) -> DfResult<ArrayRef> {
    let n = array.len();
    let mut places = vec![None; n];
    let mut last: Option<usize> = None;
    for step in 0..n {
        let i = if back { n - 1 - step } else { step };
        if array.is_valid(i) {
            last = Some(i);
        }
        places[i] = last.filter(|l| l.abs_diff(i) <= limit).map(|l| l as i64);
    }
    Ok(take(array, &Int64Array::from(places), None)?)
}

fn difference(array: &ArrayRef, periods: i64) -> DfResult<ArrayRef> {
    let array: ArrayRef = if let DataType::Timestamp(unit, _) = array.data_type() {
        // With a time zone, in elapsed time, not local time.
        cast(array, &DataType::Timestamp(*unit, None))?
    } else if *array.data_type() == DataType::Date32 {
        cast(array, &Kind::Time.arrow())?
    } else if *array.data_type() == DataType::Boolean {
        cast(array, &DataType::Int64)?
    } else {
        array.clone()
    };
    let before = window::shift(&array, periods)?;
    if array.data_type().is_integer() {
        return Whole::Minus.of(&array, &before);
    }
    Ok(numeric::sub(&array, &before)?)
}

/// How equal values are ranked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RankMethod {
    /// All get the mean of their ranks.
    Average,
    /// All get the smallest of their ranks.
    Min,
    /// All get the largest of their ranks.
    Max,
    /// In row order.
    First,
    /// Like `Min`, but the next value gets the next rank.
    Dense,
}

fn ranked(array: &ArrayRef, method: RankMethod, ascending: bool) -> DfResult<ArrayRef> {
    let options = SortOptions { descending: !ascending, nulls_first: false };
    let array = &one_value(array);
    let compare = make_comparator(array, array, options)?;
    let mut order: Vec<usize> = (0..array.len()).filter(|i| array.is_valid(*i)).collect();
    order.sort_by(|a, b| compare(*a, *b));
    let mut ranks = vec![None; array.len()];
    let (mut start, mut group) = (0, 0);
    while start < order.len() {
        let same = order[start..].iter().take_while(|i| compare(order[start], **i).is_eq()).count();
        group += 1;
        for (k, row) in order[start..start + same].iter().enumerate() {
            ranks[*row] = Some(match method {
                RankMethod::Average => start as f64 + (same as f64 + 1.0) / 2.0,
                RankMethod::Min => start as f64 + 1.0,
                RankMethod::Max => (start + same) as f64,
                RankMethod::First => (start + k + 1) as f64,
                RankMethod::Dense => f64::from(group),
            });
        }
        start += same;
    }
    Ok(Arc::new(Float64Array::from(ranks)))
}

fn same(t: &[DataType]) -> DfResult<DataType> {
    Ok(t[0].clone())
}

macro_rules! windows {
    ($($(#[$doc:meta])* $name:ident($($a:ident: $t:ty),*) $returns:expr, |$x:ident| $body:expr;)*) => {
        mod of {
            use super::*;
            $(#[inline(never)]
            pub(in crate::frame) fn $name(x: &Expr, $($a: $t),*) -> Expr {
                let key = keyed(&[$(format!("{:?}", $a)),*]);
                let function = window_fn(stringify!($name), key, $returns, move |columns: &[ArrayRef]| { let $x = &columns[0]; $body });
                in_order(function, vec![x.get().clone()])
            })*
        }

        impl Expr {$(
            $(#[$doc])*
            #[must_use]
            pub fn $name(&self, $($a: $t),*) -> Self {
                of::$name(self, $($a),*)
            }
        )*}

        impl LazySeries {$(
            $(#[$doc])*
            #[track_caller]
            pub fn $name(&self, $($a: $t),*) -> Self {
                self.with(stringify!($name), &|x| of::$name(x, $($a),*))
            }
        )*}
    };
}
windows! {
    /// Returns the value `periods` rows before, or after if negative.
    shift(periods: i64) same, |x| Ok(window::shift(x, periods)?);
    /// Computes the difference from the value `periods` rows before. The difference of timestamps
    /// is a duration.
    diff(periods: i64) |t| match &t[0] {
        DataType::Timestamp(unit, _) => Ok(DataType::Duration(*unit)),
        DataType::Date32 => Ok(DataType::Duration(TimeUnit::Microsecond)),
        t if t.is_integer() || *t == DataType::Boolean => Ok(DataType::Int64),
        t if t.is_numeric() => Ok(t.clone()),
        t => wrong_type("diff", t, "a number or a timestamp"),
    }, |x| difference(x, periods);
    /// Computes the relative change from the value `periods` rows before.
    pct_change(periods: i64) |t| number("pct_change")(t).map(|_| DataType::Float64), |x| {
        let values = cast(x, &DataType::Float64)?;
        let before = window::shift(&values, periods)?;
        let pairs = values.as_primitive::<Float64Type>().iter().zip(before.as_primitive::<Float64Type>());
        Ok(Arc::new(pairs.map(|(a, b)| Some(a? / b? - 1.0).filter(|x| !x.is_nan())).collect::<Float64Array>()))
    };
    /// Computes the cumulative sum. Nulls are skipped and stay null.
    cumsum() number("cumsum"), |x| run("cumsum", x, sums(), i64::checked_add);
    /// Computes the cumulative product. Nulls are skipped and stay null.
    cumprod() number("cumprod"), |x| run("cumprod", x, products(), i64::checked_mul);
    /// Computes the cumulative minimum. Nulls are skipped and stay null.
    cummin() same, |x| extremes(x, false);
    /// Computes the cumulative maximum. Nulls are skipped and stay null.
    cummax() same, |x| extremes(x, true);
    /// Fills nulls with the last non-null value before.
    ffill() same, |x| filled(x, usize::MAX, false);
    /// Fills nulls with the next non-null value after.
    bfill() same, |x| filled(x, usize::MAX, true);
    /// Fills nulls with the last non-null value at most `rows` rows before.
    ffill_limit(rows: usize) same, |x| filled(x, rows, false);
    /// Fills nulls with the next non-null value at most `rows` rows after.
    bfill_limit(rows: usize) same, |x| filled(x, rows, true);
    /// Computes the rank of the value among all, from 1; equal values get the mean of their ranks.
    rank() |_| Ok(DataType::Float64), |x| ranked(x, RankMethod::Average, true);
    /// Computes the rank of the value among all, from 1, with a method for equal values, in
    /// ascending or descending order.
    rank_by(method: RankMethod, ascending: bool) |_| Ok(DataType::Float64), |x| ranked(x, method, ascending);
    /// Numbers the rows, from 0.
    cumcount() |_| Ok(DataType::Int64), |x| Ok(Arc::new(Int64Array::from_iter_values(0..x.len() as i64)));
}
