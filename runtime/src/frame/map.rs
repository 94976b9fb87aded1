//! Closures over the values of a column: `col("body").map(|text: &str| text.len() as i64)`.

use super::column::LazySeries;
use super::elementwise::Target;
use super::expr::Expr;
use super::series::Element;
use super::udf::{rowwise, wrong_type};
use crate::csv::texts::views;
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Date32Type, Float64Type, Int32Type, Int64Type, TimeUnit, TimestampMicrosecondType, UInt64Type};
use chrono::{DateTime, Days, NaiveDate, NaiveDateTime};
use datafusion::error::Result as DfResult;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A value that a closure takes: `f64`, `i64`, `bool`, `&str`, `String`, dates and instants of chrono, `Vec`s of these for
/// lists, and `Option`s of these for what may be missing.
#[diagnostic::on_unimplemented(
    message = "the values of a column cannot be given to a closure as `{Self}`",
    note = "a closure takes &str, String, i64, f64, bool, NaiveDate, NaiveDateTime, a Vec of these, or an Option of these"
)]
pub trait FromCell: Sized {
    /// What it is called in messages.
    #[doc(hidden)]
    const WANTED: &'static str;
    #[doc(hidden)]
    fn accepts(of: &DataType) -> bool;
    /// The values of an array that [`accepts`](FromCell::accepts) lets through.
    #[doc(hidden)]
    fn cells(array: &ArrayRef) -> DfResult<Vec<Option<Self>>>;
}

/// Whether values are texts, or nothing but missing.
pub(super) fn is_text(t: &DataType) -> bool {
    match t {
        DataType::Dictionary(_, values) => is_text(values),
        t => t.is_string() || t.is_null(),
    }
}

macro_rules! cells {
    ($($t:ty, $wanted:literal, $accepts:expr, $as:expr, |$a:ident, $i:ident| $get:expr;)*) => {$(
        impl FromCell for $t {
            const WANTED: &'static str = $wanted;
            fn accepts(of: &DataType) -> bool {
                let accepts: fn(&DataType) -> bool = $accepts;
                accepts(of)
            }
            #[inline(never)]
            fn cells(array: &ArrayRef) -> DfResult<Vec<Option<Self>>> {
                let $a = cast_with_options(array, &$as, &CastOptions { safe: false, ..CastOptions::default() })?;
                Ok((0..$a.len()).map(|$i| if $a.is_valid($i) { $get } else { None }).collect())
            }
        }
    )*};
}
cells! {
    f64, "numbers", |t| t.is_numeric() || t.is_null(), DataType::Float64, |a, i| Some(a.as_primitive::<Float64Type>().value(i));
    i64, "whole numbers", |t| t.is_integer() || t.is_null(), DataType::Int64, |a, i| Some(a.as_primitive::<Int64Type>().value(i));
    i32, "whole numbers of 32 bits", |t| matches!(t, DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::UInt8 | DataType::UInt16 | DataType::Null), DataType::Int32,
        |a, i| Some(a.as_primitive::<Int32Type>().value(i));
    u64, "whole numbers without sign", |t| t.is_unsigned_integer() || t.is_null(), DataType::UInt64, |a, i| Some(a.as_primitive::<UInt64Type>().value(i));
    bool, "true or false", |t| matches!(t, DataType::Boolean | DataType::Null), DataType::Boolean, |a, i| Some(a.as_boolean().value(i));
    String, "text", is_text, DataType::Utf8, |a, i| Some(a.as_string::<i32>().value(i).to_owned());
    NaiveDate, "days or instants", |t| t.is_temporal() || t.is_null(), DataType::Date32,
        |a, i| NaiveDate::from_ymd_opt(1970, 1, 1).and_then(|d| {
            let days = i64::from(a.as_primitive::<Date32Type>().value(i));
            if days < 0 { d.checked_sub_days(Days::new(days.unsigned_abs())) } else { d.checked_add_days(Days::new(days.unsigned_abs())) }
        });
    NaiveDateTime, "days or instants", |t| t.is_temporal() || t.is_null(), DataType::Timestamp(TimeUnit::Microsecond, None),
        |a, i| DateTime::from_timestamp_micros(a.as_primitive::<TimestampMicrosecondType>().value(i)).map(|t| t.naive_utc());
}

impl<T: FromCell> FromCell for Vec<T> {
    const WANTED: &'static str = "lists";

    fn accepts(of: &DataType) -> bool {
        matches!(of, DataType::List(item) if T::accepts(item.data_type()))
    }

    fn cells(array: &ArrayRef) -> DfResult<Vec<Option<Self>>> {
        let lists = array.as_list::<i32>();
        // A missing item is left out; it has no place in a list of plain values.
        lists.iter().map(|l| l.map(|l| Ok(T::cells(&l)?.into_iter().flatten().collect())).transpose()).collect()
    }
}

impl<T: FromCell> FromCell for Option<T> {
    const WANTED: &'static str = T::WANTED;

    fn accepts(of: &DataType) -> bool {
        T::accepts(of)
    }

    fn cells(array: &ArrayRef) -> DfResult<Vec<Option<Self>>> {
        Ok(T::cells(array)?.into_iter().map(Some).collect())
    }
}

/// A closure over the values of a column. `M` tells the kinds of closures apart and is never written.
#[diagnostic::on_unimplemented(
    message = "this closure cannot be called with the values of a column",
    note = "write the type of its argument: |text: &str|, |x: f64|, |n: Option<i64>|; it returns a number, bool, String or an Option of these"
)]
pub trait CellFn<M>: Send + Sync + 'static {
    #[doc(hidden)]
    fn erased(self) -> Erased;
}

/// A closure over arrays, with what it takes and gives.
#[doc(hidden)]
pub struct Erased {
    wanted: &'static str,
    accepts: fn(&DataType) -> bool,
    returns: DataType,
    #[allow(clippy::type_complexity)]
    call: Box<dyn Fn(&ArrayRef) -> DfResult<ArrayRef> + Send + Sync>,
}

fn gives<R: Element>() -> DataType {
    R::series(Vec::new()).array().data_type().clone()
}

impl<F, A, R> CellFn<(A, R)> for F
where
    F: Fn(A) -> R + Send + Sync + 'static,
    A: FromCell,
    R: Element,
{
    fn erased(self) -> Erased {
        let call = move |array: &ArrayRef| {
            let cells = A::cells(array)?;
            Ok(R::series(cells.into_iter().map(|v| v.and_then(|v| self(v).native())).collect()).array().clone())
        };
        Erased { wanted: A::WANTED, accepts: A::accepts, returns: gives::<R>(), call: Box::new(call) }
    }
}

/// Marks closures over `&str`.
#[derive(Debug)]
pub struct ByStr;
/// Marks closures over `Option<&str>`.
#[derive(Debug)]
pub struct ByOptionStr;

impl<F, R> CellFn<(ByStr, R)> for F
where
    F: Fn(&str) -> R + Send + Sync + 'static,
    R: Element,
{
    fn erased(self) -> Erased {
        let call = move |array: &ArrayRef| {
            let texts = views(array)?;
            Ok(R::series(texts.iter().map(|v| v.and_then(|v| self(v).native())).collect()).array().clone())
        };
        Erased { wanted: String::WANTED, accepts: is_text, returns: gives::<R>(), call: Box::new(call) }
    }
}

impl<F, R> CellFn<(ByOptionStr, R)> for F
where
    F: Fn(Option<&str>) -> R + Send + Sync + 'static,
    R: Element,
{
    fn erased(self) -> Erased {
        let call = move |array: &ArrayRef| {
            let texts = views(array)?;
            Ok(R::series(texts.iter().map(|v| self(v).native()).collect()).array().clone())
        };
        Erased { wanted: String::WANTED, accepts: is_text, returns: gives::<R>(), call: Box::new(call) }
    }
}

#[inline(never)]
fn applied(x: &Expr, closure: &Arc<Erased>, number: u64) -> Expr {
    let (returns, compute) = (closure.clone(), closure.clone());
    let check = move |t: &[DataType]| {
        if (returns.accepts)(&t[0]) {
            Ok(returns.returns.clone())
        } else {
            wrong_type("map", &t[0], &format!("{}, which the closure takes", returns.wanted))
        }
    };
    Expr::new(rowwise("map", number.to_string(), vec![x.get().clone()], check, move |a| (compute.call)(&a[0])))
}

/// Numbers closures: two of them are never the same function.
static CLOSURES: AtomicU64 = AtomicU64::new(0);

#[track_caller]
#[inline(never)]
fn map<T: Target>(target: &T, closure: Erased) -> T {
    let (closure, number) = (Arc::new(closure), CLOSURES.fetch_add(1, Ordering::Relaxed));
    target.with("map", &|x| applied(x, &closure, number))
}

macro_rules! mapped {
    ($($target:ident)*) => {$(
        impl $target {
            /// Calls a closure with each value; the type of its argument says how it is given. A missing value stays missing
            /// without a call, unless the argument is an `Option`.
            ///
            /// ```
            /// use rask::prelude::*;
            /// let df = DataFrame::from_columns([("t", Series::from_iter([Some("a b"), None]))]);
            /// let words = df.with_column("n", col("t").map(|t: &str| t.split(' ').count() as i64)).compute()?;
            /// assert_eq!(words.column("n")?.to_vec::<Option<i64>>()?, [Some(2), None]);
            /// # Ok::<(), rask::Error>(())
            /// ```
            #[track_caller]
            pub fn map<M>(&self, closure: impl CellFn<M>) -> Self {
                map(self, closure.erased())
            }
        }
    )*};
}
mapped! { Expr LazySeries }

#[cfg(test)]
mod tests {
    use crate::prelude::*;
    use chrono::Datelike;

    #[test]
    fn closures_take_values_as_they_say() {
        let df = DataFrame::from_columns([
            ("s", Series::from_iter([Some("ab"), None, Some("")])),
            ("n", Series::from_iter([Some(1i64), Some(2), None])),
            ("t", Series::from_iter(["2020-01-05", "1969-12-30", "2000-02-29"])),
        ]);
        let floats = |e: Expr| df.with_column("o", e).compute().unwrap().column("o").unwrap().to_vec::<Option<f64>>().unwrap();
        assert_eq!(floats(col("s").map(|s: &str| s.len() as f64)), [Some(2.0), None, Some(0.0)]);
        assert_eq!(floats(col("s").map(|s: Option<&str>| s.map_or(-1.0, |s| s.len() as f64))), [Some(2.0), Some(-1.0), Some(0.0)]);
        assert_eq!(floats(col("n").map(|n: f64| n / 2.0)), [Some(0.5), Some(1.0), None]);
        assert_eq!(floats(col("n").map(|n: Option<i64>| n.filter(|n| *n > 1).map(|n| n as f64))), [None, Some(2.0), None]);
        assert_eq!(floats(col("t").to_datetime("").map(|d: chrono::NaiveDate| f64::from(d.day()))), [Some(5.0), Some(30.0), Some(29.0)]);
        assert_eq!(floats(col("s").str().split("").list().len().map(|n: i64| n as f64))[1], None);
        let e = df.with_column("o", col("s").map(|x: f64| x)).compute().unwrap_err().to_string();
        assert!(e.contains("map: the column is str, not numbers"), "{e}");
    }
}
