//! Conversions between element types.

use crate::array::data::{Data, Number, Slice};
use crate::array::dtype::{Dtype, with_types};
use crate::error::{Error, Result};
use num_complex::Complex64;

/// An element on its way to another type.
#[derive(Debug, Clone, Copy)]
enum Any {
    Integer(i128),
    Float(f64),
    Complex(Complex64),
}

trait Cast: Copy {
    fn any(self) -> Any;
    /// Returns the element, if it can be one of this type.
    fn from_any(any: Any) -> Option<Self>;
}

macro_rules! integers {
    ($($t:ty),*) => {$(
        impl Cast for $t {
            #[inline(always)]
            fn any(self) -> Any {
                Any::Integer(self as i128)
            }
            #[inline(always)]
            fn from_any(any: Any) -> Option<Self> {
                match any {
                    Any::Integer(x) => Self::try_from(x).ok(),
                    // Fractions are cut off, as in NumPy.
                    Any::Float(x) => {
                        let whole = x.trunc();
                        let fits = whole >= Self::MIN as f64 && whole < Self::MAX as f64 + 1.0;
                        (fits || whole == Self::MAX as f64 && (Self::MAX as f64) < 9e15)
                            .then_some(whole as Self)
                    }
                    Any::Complex(_) => None,
                }
            }
        }
    )*};
}
integers!(i64, i32, u64, u8);

impl Cast for bool {
    #[inline(always)]
    fn any(self) -> Any {
        Any::Integer(i128::from(self))
    }
    #[inline(always)]
    fn from_any(any: Any) -> Option<Self> {
        match any {
            Any::Integer(x) => Some(x != 0),
            Any::Float(x) => Some(x != 0.0),
            Any::Complex(x) => Some(x != Complex64::ZERO),
        }
    }
}

macro_rules! floats {
    ($($t:ty),*) => {$(
        impl Cast for $t {
            #[inline(always)]
            fn any(self) -> Any {
                Any::Float(f64::from(self))
            }
            #[inline(always)]
            fn from_any(any: Any) -> Option<Self> {
                match any {
                    Any::Integer(x) => Some(x as Self),
                    Any::Float(x) => Some(x as Self),
                    Any::Complex(_) => None,
                }
            }
        }
    )*};
}
floats!(f64, f32);

impl Cast for Complex64 {
    fn any(self) -> Any {
        Any::Complex(self)
    }
    fn from_any(any: Any) -> Option<Self> {
        Some(match any {
            Any::Integer(x) => Self::new(x as f64, 0.0),
            Any::Float(x) => Self::new(x, 0.0),
            Any::Complex(x) => x,
        })
    }
}

/// Appends the elements, converted.
///
/// # Errors
/// Returns an error if an element does not fit, such as NaN into an integer.
pub(super) fn run(a: Slice<'_>, dtype: Dtype, out: &mut Data) -> Result<()> {
    macro_rules! typed {
        ($(($v:ident, $t:ty, $name:literal))*) => {
            match a { $(Slice::$v(list) => into(list, dtype, out)),* }
        };
    }
    with_types!(typed)
}

fn into<A: Cast>(list: &[A], dtype: Dtype, out: &mut Data) -> Result<()> {
    macro_rules! typed {
        ($(($v:ident, $t:ty, $name:literal))*) => {
            match out { $(Data::$v(out) => all(list, out, dtype)),* }
        };
    }
    with_types!(typed)
}

fn all<A: Cast, B: Cast>(list: &[A], out: &mut Vec<B>, dtype: Dtype) -> Result<()> {
    out.reserve(list.len());
    for x in list {
        match B::from_any(x.any()) {
            Some(x) => out.push(x),
            None => return Err(refused(x.any(), dtype)),
        }
    }
    Ok(())
}

#[cold]
fn refused(x: Any, dtype: Dtype) -> Error {
    let shown = match x {
        Any::Integer(x) => x.to_string(),
        Any::Float(x) => format!("{x:?}"),
        Any::Complex(x) => x.to_string(),
    };
    let help = match x {
        Any::Complex(_) => "take `.real()` or `.abs()` first",
        Any::Float(x) if x.is_nan() => "replace missing values first, as in `.nan_to_num()`",
        _ => "use a wider type, such as f64",
    };
    Error::bad_argument(
        "astype",
        format!("{shown} is no {}; expected values in its range; help: {help}", dtype.name()),
    )
}

/// Converts one element.
///
/// # Errors
/// Returns an error if it does not fit.
pub(crate) fn number_as(x: Number, dtype: Dtype) -> Result<Number> {
    let one = x.repeat(1);
    let mut out = Data::empty(dtype);
    run(one.slice(), dtype, &mut out)?;
    Ok(out.slice().at(0))
}
