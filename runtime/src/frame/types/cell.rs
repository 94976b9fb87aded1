//! The Rust types that column values convert to.

use crate::csv::texts::views;
use crate::frame::types::clock::datetimes;
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Date32Type, Float64Type, Int32Type, Int64Type, UInt64Type};
use chrono::{Days, NaiveDate, NaiveDateTime};
use datafusion::error::Result as DfResult;

impl<T: FromCell> FromCell for Option<T> {
    const WANTED: &'static str = T::WANTED;

    fn accepts(of: &DataType) -> bool {
        T::accepts(of)
    }

    fn each(array: &ArrayRef, to: &mut dyn FnMut(Option<Self>)) -> DfResult<()> {
        T::each(array, &mut |value| to(Some(value)))
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
            // Null items are skipped: a list of plain values cannot hold them.
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

impl FromCell for NaiveDateTime {
    const WANTED: &'static str = "dates or timestamps";

    fn accepts(of: &DataType) -> bool {
        of.is_temporal() || of.is_null()
    }

    #[inline(never)]
    fn each(array: &ArrayRef, to: &mut dyn FnMut(Option<Self>)) -> DfResult<()> {
        datetimes(array)?.into_iter().for_each(to);
        Ok(())
    }
}

/// A value that a closure can take: `f64`, `i64`, `bool`, `&str`, `String`, chrono's dates and
/// timestamps, `Vec`s of these for lists, and `Option`s of these for values that may be null.
#[diagnostic::on_unimplemented(
    message = "a closure cannot take the values of a column as `{Self}`",
    note = "a closure takes &str, String, i64, f64, bool, NaiveDate, NaiveDateTime, a Vec of these, or an Option of these"
)]
pub trait FromCell: Sized {
    /// The name of the type in error messages.
    #[doc(hidden)]
    const WANTED: &'static str;
    #[doc(hidden)]
    fn accepts(of: &DataType) -> bool;
    /// Calls `to` with each value of an array of a type that [`accepts`](FromCell::accepts) allows.
    #[doc(hidden)]
    fn each(array: &ArrayRef, to: &mut dyn FnMut(Option<Self>)) -> DfResult<()>;
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

/// Returns whether a type is a string type, or the null type.
pub(in crate::frame) fn is_text(t: &DataType) -> bool {
    match t {
        DataType::Dictionary(_, values) => is_text(values),
        t => t.is_string() || t.is_null(),
    }
}

#[inline(never)]
pub(in crate::frame) fn items(of: &DataType) -> Option<&DataType> {
    if let DataType::List(item) = of { Some(item.data_type()) } else { None }
}

pub(in crate::frame) type OfList<'a> = &'a mut dyn FnMut(Option<&ArrayRef>) -> DfResult<()>;

#[inline(never)]
pub(in crate::frame) fn each_list(array: &ArrayRef, to: OfList<'_>) -> DfResult<()> {
    array.as_list::<i32>().iter().try_for_each(|list| to(list.as_ref()))
}

#[inline(never)]
pub(in crate::frame) fn each_text(
    array: &ArrayRef,
    to: &mut dyn FnMut(Option<&str>),
) -> DfResult<()> {
    views(array)?.iter().for_each(to);
    Ok(())
}

cells! {
    f64, "numbers", |t| t.is_numeric() || t.is_null(), DataType::Float64, |a, i| Some(a.as_primitive::<Float64Type>().value(i));
    i64, "integers", |t| t.is_integer() || t.is_null(), DataType::Int64, |a, i| Some(a.as_primitive::<Int64Type>().value(i));
    i32, "32-bit integers", |t| matches!(t, DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::UInt8 | DataType::UInt16 | DataType::Null), DataType::Int32,
        |a, i| Some(a.as_primitive::<Int32Type>().value(i));
    u64, "unsigned integers", |t| t.is_unsigned_integer() || t.is_null(), DataType::UInt64, |a, i| Some(a.as_primitive::<UInt64Type>().value(i));
    bool, "booleans", |t| matches!(t, DataType::Boolean | DataType::Null), DataType::Boolean, |a, i| Some(a.as_boolean().value(i));
    String, "strings", is_text, DataType::Utf8, |a, i| Some(a.as_string::<i32>().value(i).to_owned());
    NaiveDate, "dates or timestamps", |t| t.is_temporal() || t.is_null(), DataType::Date32,
        |a, i| NaiveDate::from_ymd_opt(1970, 1, 1).and_then(|d| {
            let days = i64::from(a.as_primitive::<Date32Type>().value(i));
            if days < 0 { d.checked_sub_days(Days::new(days.unsigned_abs())) } else { d.checked_add_days(Days::new(days.unsigned_abs())) }
        });
}
