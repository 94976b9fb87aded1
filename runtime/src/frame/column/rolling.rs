//! Rolling windows: `col("x").rolling(3).mean()`, or `col("x").rolling("2h").on("t").sum()`.

use crate::csv::kind::Kind;
use crate::exact::moving::Moving;
use crate::frame::column::lazy_series::LazySeries;
use crate::frame::column::target::Target;
use crate::frame::expr::udf::{quantiles, window_fn};
use crate::frame::expr::{Expr, ident, window_function};
use crate::frame::types::clock::exact;
use crate::frame::types::freq::step;
use crate::frame::types::wrong::{wrong_type, wrong_value};
use arrow::array::{Array, ArrayRef, AsArray, Float64Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, TimestampMicrosecondType};
use datafusion::error::{DataFusionError, Result as DfResult};
use std::ops::Range;
use std::sync::Arc;

/// The size of a window: a number of rows, or a duration such as `"2h"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WindowSize {
    /// This many rows, including the current one.
    Rows(usize),
    /// The rows less than this duration before, including the current one.
    Time(String),
}

macro_rules! rows {
    ($($t:ty)*) => {$(
        impl From<$t> for WindowSize {
            fn from(rows: $t) -> Self {
                Self::Rows(usize::try_from(rows).unwrap_or(0))
            }
        }
    )*};
}
rows! { i32 i64 u32 u64 usize }

impl From<&str> for WindowSize {
    fn from(time: &str) -> Self {
        Self::Time(time.to_owned())
    }
}

/// A rolling window; created by [`Expr::rolling`]. Nulls are skipped; where the window has fewer
/// values than `min_periods`, the result is null.
#[derive(Debug, Clone)]
#[must_use = "a window does nothing until one of its methods is called"]
pub struct Rolling<T> {
    of: T,
    size: WindowSize,
    min_periods: Option<usize>,
    center: bool,
    on: Option<String>,
}

macro_rules! rolling {
    ($($target:ident)*) => {$(
        impl $target {
            /// Creates a rolling window: of a number of rows, or of the rows less than a duration
            /// such as `"2h"` before, by the timestamps of the column that [`on`](Rolling::on)
            /// names, which must not decrease.
            ///
            /// ```
            /// use rask::prelude::*;
            /// let df = DataFrame::from_columns([("x", Series::from_iter([1.0, 2.0, 6.0]))]);
            /// let means = df.with_column("m", col("x").rolling(2).mean()).compute()?;
            /// assert_eq!(means.column("m")?.to_vec::<Option<f64>>()?, [None, Some(1.5), Some(4.0)]);
            /// # Ok::<(), rask::Error>(())
            /// ```
            pub fn rolling(&self, size: impl Into<WindowSize>) -> Rolling<Self> {
                self.window(size.into())
            }

            #[inline(never)]
            fn window(&self, size: WindowSize) -> Rolling<Self> {
                Rolling { of: self.clone(), size, min_periods: None, center: false, on: None }
            }
        }
    )*};
}
rolling! { Expr LazySeries }

impl<T: Target> Rolling<T> {
    /// Sets how many values the window must have. Default: all of its rows, or one for a time
    /// window.
    pub fn min_periods(mut self, values: usize) -> Self {
        self.min_periods = Some(values);
        self
    }

    /// Sets whether the row is in the middle of its window; for windows of rows.
    pub fn center(mut self, yes: bool) -> Self {
        self.center = yes;
        self
    }

    /// Sets the column of timestamps of a time window.
    pub fn on(mut self, column: &str) -> Self {
        self.on = Some(column.to_owned());
        self
    }
}

type OfValues = Arc<dyn Fn(&mut [f64]) -> Option<f64> + Send + Sync>;

/// What is computed for each window.
#[derive(Clone)]
enum Over {
    /// A function of its values, in any order.
    Values(OfValues),
    /// A function of the sums of their powers, up to this one, which are updated as the window
    /// moves.
    Sums(usize, fn(&Moving) -> Option<f64>),
}

impl Over {
    /// Computes the results for windows whose ends never decrease; `name` tells which need no
    /// values.
    fn results(
        &self,
        name: &str,
        needed: usize,
        ranges: Vec<Range<usize>>,
        values: &Float64Array,
    ) -> Float64Array {
        let valid = |i: &usize| values.is_valid(*i) && !values.value(*i).is_nan();
        let (mut moving, mut inside) =
            (Moving::new(if let Self::Sums(powers, _) = self { *powers } else { 1 }), Vec::new());
        let mut before = 0..0;
        let one = |range: Range<usize>| {
            let rows = range.len();
            let there = if let Self::Sums(..) = self {
                (before.end..range.end).filter(valid).for_each(|i| moving.add(values.value(i)));
                (before.start..range.start)
                    .filter(valid)
                    .for_each(|i| moving.remove(values.value(i)));
                before = range;
                moving.len()
            } else {
                inside.clear();
                inside.extend(range.filter(valid).map(|i| values.value(i)));
                inside.len()
            };
            // Counts need enough rows, other results enough values.
            let enough = if name == "count" { rows >= needed } else { there >= needed };
            let none = there == 0 && name != "count" && name != "sum";
            match self {
                _ if !enough || none => None,
                Self::Values(f) => f(&mut inside),
                Self::Sums(_, f) => f(&moving),
            }
        };
        ranges.into_iter().map(one).collect()
    }
}

/// The size and position of windows.
struct Windows {
    size: WindowSize,
    center: bool,
}

impl Windows {
    fn ranges(&self, rows: usize, times: Option<&ArrayRef>) -> DfResult<Vec<Range<usize>>> {
        match &self.size {
            WindowSize::Rows(n) => {
                let ahead = if self.center { (n - 1) / 2 } else { 0 };
                Ok((0..rows)
                    .map(|i| (i + ahead + 1).saturating_sub(*n)..(i + ahead + 1).min(rows))
                    .collect())
            }
            WindowSize::Time(length) => {
                let Some(times) = times else {
                    return wrong_value("rolling: a time window needs .on(\"column\")".to_owned());
                };
                let (times, length) = (
                    cast(&exact("rolling", times)?, &Kind::Time.arrow())?,
                    step(length).map_err(DataFusionError::Plan)?,
                );
                let times = times.as_primitive::<TimestampMicrosecondType>();
                if times.null_count() > 0 || times.values().windows(2).any(|w| w[1] < w[0]) {
                    return wrong_value(
                        "rolling: the timestamps of a time window must not be null and must not decrease; help: sort the frame by them with sort_values".to_owned(),
                    );
                }
                let mut start = 0;
                let range = |(i, t): (usize, &i64)| {
                    while times.values()[start] <= t.saturating_sub(length) {
                        start += 1;
                    }
                    start..i + 1
                };
                Ok(times.values().iter().enumerate().map(range).collect())
            }
        }
    }
}

#[inline(never)]
fn rolled(
    x: &Expr,
    name: &'static str,
    key: &str,
    spec: (&WindowSize, Option<usize>, bool, Option<&str>),
    f: &Over,
) -> Expr {
    let (size, min_periods, center, on) = spec;
    let needed = min_periods.unwrap_or(if let WindowSize::Rows(n) = size { *n } else { 1 });
    let problem = match size {
        WindowSize::Rows(0) => Some("invalid window size 0: expected at least one row".to_owned()),
        WindowSize::Time(_) if on.is_none() => {
            Some("a time window needs a column of timestamps: .on(\"t\")".to_owned())
        }
        WindowSize::Time(t) => step(t).err(),
        WindowSize::Rows(_) => None,
    };
    let returns = move |t: &[DataType]| match (&problem, &t[0]) {
        (Some(problem), _) => Err(DataFusionError::Plan(format!("rolling(..).{name}: {problem}"))),
        (None, t) if t.is_numeric() || matches!(t, DataType::Null | DataType::Boolean) => {
            Ok(DataType::Float64)
        }
        (None, t) => wrong_type(&format!("rolling(..).{name}"), t, "a number"),
    };
    let (windows, f) = (Windows { size: size.clone(), center }, f.clone());
    let function = window_fn(
        &format!("rolling_{name}"),
        format!("{size:?}, {needed}, {center}, {key}"),
        returns,
        move |columns| {
            let values = cast(&columns[0], &DataType::Float64)?;
            let values = values.as_primitive::<Float64Type>();
            let ranges = windows.ranges(values.len(), columns.get(1))?;
            Ok(Arc::new(f.results(name, needed, ranges, values)))
        },
    );
    let args = std::iter::once(x.get().clone()).chain(on.map(ident)).collect();
    window_function::in_order(function, args)
}

impl<T: Target> Rolling<T> {
    #[track_caller]
    fn with(&self, name: &'static str, key: &str, f: &Over) -> T {
        let spec = (&self.size, self.min_periods, self.center, self.on.as_deref());
        self.of.with("rolling", &|x| rolled(x, name, key, spec, f))
    }
}

macro_rules! over {
    ($($(#[$doc:meta])* $name:ident $over:expr;)*) => {
        mod of {
            use super::*;
            $(#[inline(never)]
            pub(in crate::frame) fn $name() -> Over {
                $over
            })*
        }

        impl<T: Target> Rolling<T> {$(
            $(#[$doc])*
            #[track_caller]
            pub fn $name(&self) -> T {
                self.with(stringify!($name), "", &of::$name())
            }
        )*}
    };
}
over! {
    /// Computes the sum of the window, exactly, rounded once.
    sum Over::Sums(1, Moving::sum);
    /// Computes the mean of the window, exactly, rounded once.
    mean Over::Sums(1, Moving::mean);
    /// Counts the values of the window.
    count Over::Values(Arc::new(|v| Some(v.len() as f64)));
    /// Computes the minimum of the window.
    min Over::Values(Arc::new(|v| v.iter().copied().min_by(f64::total_cmp)));
    /// Computes the maximum of the window.
    max Over::Values(Arc::new(|v| v.iter().copied().max_by(f64::total_cmp)));
    /// Computes the variance of the window, with n - 1.
    var Over::Sums(2, Moving::variance);
    /// Computes the standard deviation of the window, with n - 1.
    std Over::Sums(2, Moving::deviation);
    /// Computes the median of the window.
    median Over::Values(Arc::new(|v| Some(quantiles(v, &[0.5])[0])));
    /// Computes the skewness of the window.
    skew Over::Sums(3, Moving::skewness);
    /// Computes the excess kurtosis of the window.
    kurt Over::Sums(4, Moving::kurtosis);
}

/// Computes the quantile of a window.
#[inline(never)]
fn quantile_of(share: f64) -> (String, Over) {
    // `clamp` would return NaN for NaN.
    #[allow(clippy::manual_clamp)]
    let share = share.max(0.0).min(1.0);
    (share.to_string(), Over::Values(Arc::new(move |v| Some(quantiles(v, &[share])[0]))))
}

/// Wraps a closure, with a key of its own: two closures are never equal.
#[inline(never)]
fn of_closure(closure: OfValues) -> (String, Over) {
    (format!("{:p}", Arc::as_ptr(&closure)), Over::Values(closure))
}

impl<T: Target> Rolling<T> {
    /// Computes a quantile of the window, given from 0 to 1, with linear interpolation.
    #[track_caller]
    pub fn quantile(&self, share: f64) -> T {
        let (key, over) = quantile_of(share);
        self.with("quantile", &key, &over)
    }

    /// Calls a closure with the values of each window.
    #[track_caller]
    pub fn apply(&self, closure: impl Fn(&[f64]) -> f64 + Send + Sync + 'static) -> T {
        let (key, over) = of_closure(Arc::new(move |v| Some(closure(v))));
        self.with("apply", &key, &over)
    }
}
