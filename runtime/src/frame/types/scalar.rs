//! A single value of a frame.

use crate::show::{Bundle, Show};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use arrow::util::display::array_value_to_string;
use serde::{Serialize, Serializer};
use std::cmp::Ordering;
use std::fmt;

/// A single value of a frame.
///
/// Integers and floats compare by value, nulls are equal to each other, and values of different
/// kinds are neither equal nor ordered. With serde it is the value itself, and a null is `None`.
///
/// ```
/// use rask::prelude::*;
/// let df = DataFrame::from_columns([("x", Series::from_iter([1i64, 3]))]);
/// let most = df.col("x").max().compute()?;
/// assert!(most == 3 && most == Scalar::Float(3.0) && most > df.col("x").min().compute()?);
/// # Ok::<(), rask::Error>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Scalar {
    /// Null.
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A float.
    Float(f64),
    /// A string, or a value of any other type formatted as a string.
    Str(String),
}

#[inline(never)]
pub(in crate::frame) fn scalar(array: &ArrayRef) -> Scalar {
    if array.is_empty() || array.is_null(0) {
        return Scalar::Null;
    }
    let as_type = |t: &DataType| cast(array, t).ok().filter(|a| a.is_valid(0));
    match array.data_type() {
        DataType::Boolean => Scalar::Bool(array.as_boolean().value(0)),
        t if t.is_integer() => match as_type(&DataType::Int64) {
            Some(a) => Scalar::Int(a.as_primitive::<Int64Type>().value(0)),
            None => Scalar::Str(array_value_to_string(array, 0).unwrap_or_default()),
        },
        t if t.is_floating() => as_type(&DataType::Float64)
            .map_or(Scalar::Null, |a| Scalar::Float(a.as_primitive::<Float64Type>().value(0))),
        _ => Scalar::Str(array_value_to_string(array, 0).unwrap_or_default()),
    }
}

impl Scalar {
    /// Returns the value if it is a boolean.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(b) => Some(*b),
            _ => None,
        }
    }

    /// Returns the value if it is a string.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(s) => Some(s),
            _ => None,
        }
    }

    /// Returns `true` if the value is null.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Returns the value as a float if it is a number.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Int(i) => Some(*i as f64),
            Self::Float(x) => Some(*x),
            _ => None,
        }
    }

    /// Returns the value if it is an integer.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Int(i) => Some(*i),
            _ => None,
        }
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(b) => b.fmt(f),
            Self::Int(i) => i.fmt(f),
            Self::Float(x) if f.precision().is_some() => x.fmt(f),
            // All digits, so that a printed value can be copied.
            Self::Float(x) => write!(f, "{x:?}"),
            Self::Str(s) => f.write_str(s),
        }
    }
}

impl Show for Scalar {
    fn show(&self) -> Bundle {
        Bundle::text(self.to_string())
    }
}

impl Serialize for Scalar {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_none(),
            Self::Bool(b) => serializer.serialize_bool(*b),
            Self::Int(i) => serializer.serialize_i64(*i),
            Self::Float(x) => serializer.serialize_f64(*x),
            Self::Str(s) => serializer.serialize_str(s),
        }
    }
}

impl PartialEq for Scalar {
    fn eq(&self, other: &Self) -> bool {
        matches!((self, other), (Self::Null, Self::Null))
            || self.partial_cmp(other) == Some(Ordering::Equal)
    }
}

impl PartialOrd for Scalar {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => a.partial_cmp(b),
            (Self::Int(a), Self::Int(b)) => a.partial_cmp(b),
            (Self::Str(a), Self::Str(b)) => a.partial_cmp(b),
            (Self::Int(a), Self::Float(b)) => compare(*a, *b),
            (Self::Float(a), Self::Int(b)) => compare(*b, *a).map(Ordering::reverse),
            (Self::Float(a), Self::Float(b)) => a.partial_cmp(b),
            _ => None,
        }
    }
}

/// Compares an integer and a float by value, without rounding either.
fn compare(int: i64, float: f64) -> Option<Ordering> {
    match float {
        _ if float.is_nan() => None,
        _ if float >= 9_223_372_036_854_775_808.0 => Some(Ordering::Less),
        _ if float < -9_223_372_036_854_775_808.0 => Some(Ordering::Greater),
        _ => Some(int.cmp(&(float.trunc() as i64)).then(0.0.partial_cmp(&float.fract())?)),
    }
}

macro_rules! equal {
    ($($t:ty: $a:pat, $b:ident => $equal:expr;)*) => {$(
        impl PartialEq<$t> for Scalar {
            fn eq(&self, $b: &$t) -> bool {
                match self {
                    $a => $equal,
                    _ => false,
                }
            }
        }
    )*};
}
equal! {
    bool: Self::Bool(v), other => v == other;
    str: Self::Str(v), other => v == other;
    &str: Self::Str(v), other => v == other;
    String: Self::Str(v), other => v == other;
}

impl PartialEq<f64> for Scalar {
    fn eq(&self, other: &f64) -> bool {
        *self == Self::Float(*other)
    }
}

impl PartialEq<i64> for Scalar {
    fn eq(&self, other: &i64) -> bool {
        *self == Self::Int(*other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_compare_by_what_they_are() {
        let big = 9_007_199_254_740_993;
        assert!(
            Scalar::Int(2) == 2.0
                && Scalar::Float(2.0) == 2
                && Scalar::Float(2.0) == Scalar::Int(2)
        );
        assert!(
            Scalar::Int(big) != 9_007_199_254_740_992.0
                && Scalar::Int(big) > Scalar::Float(9_007_199_254_740_992.0)
        );
        assert!(
            Scalar::Float(1e19) > Scalar::Int(i64::MAX) && Scalar::Int(-3) < Scalar::Float(-2.5)
        );
        let owned = "a".to_owned();
        assert!(
            Scalar::Bool(true) == true
                && Scalar::Str("a".into()) == "a"
                && Scalar::Str("a".into()) == owned
        );
        assert!(Scalar::Null == Scalar::Null && Scalar::Null != Scalar::Int(0));
        assert_eq!(Scalar::Str("1".into()).partial_cmp(&Scalar::Int(1)), None);
    }

    #[test]
    fn values_are_printed_whole_and_written_as_themselves() {
        let texts = [Scalar::Float(0.1 + 0.2), Scalar::Int(3), Scalar::Null, Scalar::Bool(true)]
            .map(|s| s.to_string());
        assert_eq!(texts, ["0.30000000000000004", "3", "null", "true"]);
        let json = [
            Scalar::Float(0.5),
            Scalar::Int(3),
            Scalar::Null,
            Scalar::Str("x".into()),
            Scalar::Bool(false),
        ];
        assert_eq!(serde_json::to_string(&json).unwrap(), "[0.5,3,null,\"x\",false]");
        assert_eq!(
            (json[3].as_str(), json[4].as_bool(), json[2].is_null()),
            (Some("x"), Some(false), true)
        );
    }
}
