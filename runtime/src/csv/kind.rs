//! The types of columns: the type of a value's text, and the common type of two types.

use super::value::{self, Field, Values};
use arrow::datatypes::{DataType, TimeUnit};

/// The type of a column, as inferred from its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// Only nulls so far.
    Null,
    Bool,
    Int,
    Float,
    Date,
    Time,
    Text,
}

impl Kind {
    /// Returns the type of a value. Digits with a leading zero are a code, which is a string.
    pub(crate) fn of(text: &[u8], values: &Values) -> Self {
        if values.is_missing(text) {
            Self::Null
        } else if values.int(Field::of(text)).is_some() {
            if is_code(text) { Self::Text } else { Self::Int }
        } else if values.float(Field::of(text)).is_some() && !is_long_number(text) {
            Self::Float
        } else if values.bool(text).is_some() {
            Self::Bool
        } else if value::date(text).is_some() {
            Self::Date
        } else if value::time(text).is_some() {
            Self::Time
        } else {
            Self::Text
        }
    }

    /// Returns the common type of both.
    pub(crate) fn and(self, other: Self) -> Self {
        use Kind::{Date, Float, Int, Null, Text, Time};
        match (self, other) {
            (a, b) if a == b => a,
            (Null, x) | (x, Null) => x,
            (Int, Float) | (Float, Int) => Float,
            (Date, Time) | (Time, Date) => Time,
            _ => Text,
        }
    }

    pub(crate) fn arrow(self) -> DataType {
        match self {
            // As in pandas, a column of only nulls can be summed.
            Self::Null | Self::Float => DataType::Float64,
            Self::Bool => DataType::Boolean,
            Self::Int => DataType::Int64,
            Self::Date => DataType::Date32,
            Self::Time => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::Text => DataType::Utf8View,
        }
    }
}

/// Returns whether a number has a leading zero: an article number, a postal code.
#[inline]
pub(crate) fn is_code(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"-").or_else(|| text.strip_prefix(b"+")).unwrap_or(text);
    digits.len() > 1 && digits[0] == b'0' && digits[1].is_ascii_digit()
}

/// Returns whether an integer may exceed 64 bits: as a float it would lose digits.
#[inline]
pub(crate) fn is_long_number(text: &[u8]) -> bool {
    text.len() > 18
        && text.trim_ascii().iter().all(|b| b.is_ascii_digit() || matches!(b, b'-' | b'+'))
}

/// Returns whether an integer must not be read as a float: it is a code, or has too many digits.
#[inline]
pub(crate) fn is_no_decimal(text: &[u8]) -> bool {
    is_code(text) && text.iter().all(|b| b.is_ascii_digit() || matches!(b, b'-' | b'+'))
        || is_long_number(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_their_types() {
        let values = Values::new(value::MISSING.map(str::to_owned).to_vec(), &[], &[], b'.', None);
        let table = [
            ("", Kind::Null),
            ("NaN", Kind::Null),
            ("-5", Kind::Int),
            ("0", Kind::Int),
            ("007", Kind::Text),
            ("0.5", Kind::Float),
            ("1e3", Kind::Float),
            ("inf", Kind::Float),
            ("99999999999999999999", Kind::Text),
            ("True", Kind::Bool),
            ("2020-01-31", Kind::Date),
            ("2020-01-31 10:00:00", Kind::Time),
            ("2020-02-31", Kind::Text),
            ("x", Kind::Text),
            (" ", Kind::Text),
            (" 5", Kind::Int),
        ];
        for (text, kind) in table {
            assert_eq!(Kind::of(text.as_bytes(), &values), kind, "{text:?}");
        }
    }

    #[test]
    fn joining_is_a_lattice() {
        use Kind::{Bool, Date, Float, Int, Null, Text, Time};
        let all = [Null, Bool, Int, Float, Date, Time, Text];
        for a in all {
            assert_eq!((a.and(a), a.and(Null), a.and(Text)), (a, a, Text));
            for b in all {
                assert_eq!(a.and(b), b.and(a));
                for c in all {
                    assert_eq!(a.and(b).and(c), a.and(b.and(c)));
                }
            }
        }
    }
}
