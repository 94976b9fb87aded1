//! Closures over the values of a column: `col("body").map(|text: &str| text.len() as i64)`.

use super::column::LazySeries;
use super::elementwise::Target;
use super::expr::Expr;
use super::series::{Element, Series};
use super::udf::{rowwise, wrong_type};
use crate::csv::texts::views;
use crate::opaque::Opaque;
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Date32Type, Float64Type, Int32Type, Int64Type, UInt64Type};
use chrono::{Days, NaiveDate, NaiveDateTime};
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
    /// Hands out the values of an array that [`accepts`](FromCell::accepts) lets through.
    #[doc(hidden)]
    fn each(array: &ArrayRef, to: &mut dyn FnMut(Option<Self>)) -> DfResult<()>;
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
            fn each(array: &ArrayRef, to: &mut dyn FnMut(Option<Self>)) -> DfResult<()> {
                let $a = cast_with_options(array, &$as, &CastOptions { safe: false, ..CastOptions::default() })?;
                (0..$a.len()).for_each(|$i| to(if $a.is_valid($i) { $get } else { None }));
                Ok(())
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
}

impl FromCell for NaiveDateTime {
    const WANTED: &'static str = "days or timestamps";

    fn accepts(of: &DataType) -> bool {
        of.is_temporal() || of.is_null()
    }

    #[inline(never)]
    fn each(array: &ArrayRef, to: &mut dyn FnMut(Option<Self>)) -> DfResult<()> {
        super::clock::datetimes(array)?.into_iter().for_each(to);
        Ok(())
    }
}

impl<T: FromCell> FromCell for Vec<T> {
    const WANTED: &'static str = "lists";

    fn accepts(of: &DataType) -> bool {
        items(of).is_some_and(T::accepts)
    }

    fn each(array: &ArrayRef, to: &mut dyn FnMut(Option<Self>)) -> DfResult<()> {
        each_list(array, &mut |list| {
            let Some(list) = list else {
                to(None);
                return Ok(());
            };
            let mut items = Vec::new();
            // A missing item is left out; it has no place in a list of plain values.
            let read = T::each(list, &mut |item| {
                if let Some(item) = item {
                    items.push(item);
                }
            });
            to(Some(items));
            read
        })
    }
}

#[inline(never)]
fn items(of: &DataType) -> Option<&DataType> {
    if let DataType::List(item) = of { Some(item.data_type()) } else { None }
}

type OfList<'a> = &'a mut dyn FnMut(Option<&ArrayRef>) -> DfResult<()>;

#[inline(never)]
fn each_list(array: &ArrayRef, to: OfList<'_>) -> DfResult<()> {
    array.as_list::<i32>().iter().try_for_each(|list| to(list.as_ref()))
}

#[inline(never)]
fn each_text(array: &ArrayRef, to: &mut dyn FnMut(Option<&str>)) -> DfResult<()> {
    views(array)?.iter().for_each(to);
    Ok(())
}

impl<T: FromCell> FromCell for Option<T> {
    const WANTED: &'static str = T::WANTED;

    fn accepts(of: &DataType) -> bool {
        T::accepts(of)
    }

    fn each(array: &ArrayRef, to: &mut dyn FnMut(Option<Self>)) -> DfResult<()> {
        T::each(array, &mut |value| to(Some(value)))
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

/// Puts the results for an array in its place, or says what is wrong with the array.
type Call = Box<dyn Fn(&ArrayRef, &mut Option<Series>) -> DfResult<()> + Send + Sync>;

/// A closure over arrays, with what it takes and gives. Boxed, as what it is made of is dropped here.
#[doc(hidden)]
pub struct Erased(Opaque);

struct Closure {
    wanted: &'static str,
    accepts: fn(&DataType) -> bool,
    returns: DataType,
    call: Call,
    number: u64,
}

#[inline(never)]
fn erased(wanted: &'static str, accepts: fn(&DataType) -> bool, none: Series, call: Call) -> Erased {
    let returns = none.array().data_type().clone();
    let number = CLOSURES.fetch_add(1, Ordering::Relaxed);
    Erased(Opaque::new(Closure { wanted, accepts, returns, call, number }))
}

impl<F, A, R> CellFn<(A, R)> for F
where
    F: Fn(A) -> R + Send + Sync + 'static,
    A: FromCell,
    R: Element,
{
    fn erased(self) -> Erased {
        let call = move |array: &ArrayRef, made: &mut Option<Series>| {
            let mut values = Vec::new();
            let read = A::each(array, &mut |value| {
                values.push(match value {
                    Some(value) => self(value).native(),
                    None => None,
                });
            });
            *made = Some(R::series(values));
            read
        };
        erased(A::WANTED, A::accepts, R::series(Vec::new()), Box::new(call))
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
        let call = move |array: &ArrayRef, made: &mut Option<Series>| {
            let mut values = Vec::new();
            let read = each_text(array, &mut |text| {
                values.push(match text {
                    Some(text) => self(text).native(),
                    None => None,
                });
            });
            *made = Some(R::series(values));
            read
        };
        erased(String::WANTED, is_text, R::series(Vec::new()), Box::new(call))
    }
}

impl<F, R> CellFn<(ByOptionStr, R)> for F
where
    F: Fn(Option<&str>) -> R + Send + Sync + 'static,
    R: Element,
{
    fn erased(self) -> Erased {
        let call = move |array: &ArrayRef, made: &mut Option<Series>| {
            let mut values = Vec::new();
            let read = each_text(array, &mut |text| {
                values.push(self(text).native());
            });
            *made = Some(R::series(values));
            read
        };
        erased(String::WANTED, is_text, R::series(Vec::new()), Box::new(call))
    }
}

#[inline(never)]
fn applied(x: &Expr, closure: &Erased) -> Expr {
    let of: Arc<Closure> = closure.0.arc();
    let (told, number) = (of.clone(), of.number.to_string());
    let check = move |t: &[DataType]| {
        if (told.accepts)(&t[0]) {
            return Ok(told.returns.clone());
        }
        wrong_type("map", &t[0], &format!("{}, which the closure takes", told.wanted))
    };
    Expr::new(rowwise("map", number, vec![x.get().clone()], check, move |a| {
        let mut made = None;
        (of.call)(&a[0], &mut made)?;
        // A closure that has read its array has made a series.
        Ok(made.map_or_else(|| a[0].clone(), |s| s.array().clone()))
    }))
}

/// Numbers closures: two of them are never the same function.
static CLOSURES: AtomicU64 = AtomicU64::new(0);

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
                let closure = closure.erased();
                self.with("map", &|x| applied(x, &closure))
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
