//! Series: a column of values in memory, built from any iterator.

use crate::frame::types::dtype::DType;
use crate::handle::Opaque;
use crate::show::{self, Bundle, Show};
use arrow::array::{
    Array, ArrayRef, BooleanArray, ListArray, ListBuilder, PrimitiveArray, StringArray,
    StringBuilder,
};
use arrow::datatypes::{
    ArrowPrimitiveType, Date32Type, DurationMicrosecondType, Float32Type, Float64Type, Int8Type,
    Int16Type, Int32Type, Int64Type, TimestampMicrosecondType, TimestampNanosecondType, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use std::fmt;
use std::sync::Arc;

/// A column of values in memory. `None` is null.
///
/// ```
/// use rask::prelude::*;
/// let delays = Series::from_iter([Some(1.5), None]);
/// assert_eq!((delays.len(), delays.dtype()), (2, DType::Float64));
/// ```
#[derive(Clone)]
pub struct Series(Opaque);

impl Series {
    /// Creates a series from an iterator of integers, floats, `bool`, `String`, `&str`, chrono's
    /// dates, timestamps and durations, `Vec`s for lists, or `Option`s of these. NaN becomes null.
    #[allow(clippy::should_implement_trait)] // `FromIterator` cannot name the trait of its items.
    pub fn from_iter<I: IntoIterator>(values: I) -> Self
    where
        I::Item: Element,
    {
        let values = values.into_iter();
        let mut natives = Vec::with_capacity(values.size_hint().0);
        for value in values {
            natives.push(value.native());
        }
        I::Item::series(natives)
    }

    #[inline(never)]
    pub(crate) fn of(array: ArrayRef) -> Self {
        Self(Opaque::new(array))
    }

    pub(crate) fn array(&self) -> &ArrayRef {
        self.0.get()
    }

    /// Returns the number of values, nulls included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.array().len()
    }

    /// Returns `true` if there are no values.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the type of the values.
    #[must_use]
    pub fn dtype(&self) -> DType {
        DType::of(self.array().data_type())
    }
}

impl Show for Series {
    fn show(&self) -> Bundle {
        Bundle::text(format!(
            "Series({}, {})",
            self.dtype(),
            show::html::count(self.len(), "value")
        ))
    }
}

impl fmt::Debug for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show::debug(self, f)
    }
}

/// A value that a series can hold.
#[diagnostic::on_unimplemented(
    message = "a Series cannot hold `{Self}`",
    note = "it holds integers, floats, bool, String, &str, NaiveDate, NaiveDateTime, Vecs of String, i64 or f64, or Options of these"
)]
pub trait Element {
    /// The type in which values are stored.
    type Native;
    /// Converts the value; `None` is null.
    fn native(self) -> Option<Self::Native>;
    /// Builds a series of such values.
    fn series(values: Vec<Option<Self::Native>>) -> Series;
}

fn primitive<T: ArrowPrimitiveType>(values: Vec<Option<T::Native>>) -> Series {
    Series::of(Arc::new(PrimitiveArray::<T>::from_iter(values)))
}

/// Stored in nanoseconds if a value needs them and all fit (1677 to 2262), else in microseconds.
impl Element for chrono::NaiveDateTime {
    type Native = Self;
    fn native(self) -> Option<Self> {
        Some(self)
    }
    #[inline(never)]
    fn series(values: Vec<Option<Self>>) -> Series {
        let micros = |t: Self| t.and_utc().timestamp_micros();
        let nanos = |t: Self| t.and_utc().timestamp_nanos_opt();
        let finer = |t: &Self| !t.and_utc().timestamp_subsec_nanos().is_multiple_of(1000);
        let wanted = values.iter().flatten().any(finer);
        if wanted && values.iter().flatten().all(|t| nanos(*t).is_some()) {
            return primitive::<TimestampNanosecondType>(
                values.into_iter().map(|t| t.and_then(nanos)).collect(),
            );
        }
        primitive::<TimestampMicrosecondType>(values.into_iter().map(|t| t.map(micros)).collect())
    }
}

macro_rules! elements {
    ($($t:ty, $make:expr;)*) => {$(
        impl Element for $t {
            type Native = $t;
            fn native(self) -> Option<$t> {
                Some(self)
            }
            #[inline(never)]
            fn series(values: Vec<Option<$t>>) -> Series {
                $make(values)
            }
        }
    )*};
}
elements! {
    i8, primitive::<Int8Type>;
    i16, primitive::<Int16Type>;
    i32, primitive::<Int32Type>;
    i64, primitive::<Int64Type>;
    u8, primitive::<UInt8Type>;
    u16, primitive::<UInt16Type>;
    u32, primitive::<UInt32Type>;
    u64, primitive::<UInt64Type>;
    // NaN is null, as in pandas.
    f32, |values: Vec<Option<f32>>| primitive::<Float32Type>(values.into_iter().map(|v| v.filter(|x| !x.is_nan())).collect());
    f64, |values: Vec<Option<f64>>| primitive::<Float64Type>(values.into_iter().map(|v| v.filter(|x| !x.is_nan())).collect());
    bool, |values: Vec<Option<bool>>| Series::of(Arc::new(BooleanArray::from(values)));
    String, |values: Vec<Option<String>>| Series::of(Arc::new(StringArray::from(values)));
}

macro_rules! converted {
    ($($t:ty, $native:ty, |$v:ident| $get:expr, $make:expr;)*) => {$(
        impl Element for $t {
            type Native = $native;
            fn native(self) -> Option<$native> {
                let $v = self;
                $get
            }
            #[inline(never)]
            fn series(values: Vec<Option<$native>>) -> Series {
                $make(values)
            }
        }
    )*};
}
converted! {
    usize, i64, |n| i64::try_from(n).ok(), primitive::<Int64Type>;
    isize, i64, |n| i64::try_from(n).ok(), primitive::<Int64Type>;
    chrono::NaiveDate, i32, |d| i32::try_from(d.signed_duration_since(chrono::NaiveDate::default()).num_days()).ok(), primitive::<Date32Type>;
    chrono::Duration, i64, |d| d.num_microseconds(), primitive::<DurationMicrosecondType>;
    Vec<String>, Vec<String>, |v| Some(v), |values: Vec<Option<Vec<String>>>| {
        let mut lists = ListBuilder::new(StringBuilder::new());
        values.into_iter().for_each(|l| lists.append_option(l.map(|l| l.into_iter().map(Some))));
        Series::of(Arc::new(lists.finish()))
    };
    Vec<i64>, Vec<i64>, |v| Some(v), |values: Vec<Option<Vec<i64>>>| {
        Series::of(Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(values.into_iter().map(|l| l.map(|l| l.into_iter().map(Some))))))
    };
    Vec<f64>, Vec<f64>, |v| Some(v), |values: Vec<Option<Vec<f64>>>| {
        Series::of(Arc::new(ListArray::from_iter_primitive::<Float64Type, _, _>(values.into_iter().map(|l| l.map(|l| l.into_iter().map(Some))))))
    };
}

impl<'a> Element for &'a str {
    type Native = &'a str;
    fn native(self) -> Option<&'a str> {
        Some(self)
    }
    #[inline(never)]
    fn series(values: Vec<Option<&'a str>>) -> Series {
        Series::of(Arc::new(StringArray::from(values)))
    }
}

impl<T: Element> Element for Option<T> {
    type Native = T::Native;
    fn native(self) -> Option<T::Native> {
        self.and_then(T::native)
    }
    fn series(values: Vec<Option<T::Native>>) -> Series {
        T::series(values)
    }
}
