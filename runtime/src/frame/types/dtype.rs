//! Column types with the names of Dask and pandas, and their Arrow types.

use crate::error::{Error, Result};
use crate::frame::types::category::{self, is_category};
use arrow::datatypes::{DataType, TimeUnit};
use std::fmt;

/// The type of a column.
///
/// ```
/// use rask::prelude::*;
/// assert_eq!(DType::Int64.to_string(), "int64");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DType {
    /// Booleans.
    Bool,
    /// 8-bit integers.
    Int8,
    /// 16-bit integers.
    Int16,
    /// 32-bit integers.
    Int32,
    /// 64-bit integers.
    Int64,
    /// 8-bit unsigned integers.
    UInt8,
    /// 16-bit unsigned integers.
    UInt16,
    /// 32-bit unsigned integers.
    UInt32,
    /// 64-bit unsigned integers.
    UInt64,
    /// 32-bit floats.
    Float32,
    /// 64-bit floats.
    Float64,
    /// Strings.
    Str,
    /// Dates.
    Date,
    /// Timestamps without a time zone.
    Datetime,
    /// Timestamps with a time zone, such as `Asia/Jakarta`; as Rust values,
    /// `chrono::DateTime<Utc>`.
    DatetimeTz(String),
    /// Strings from a list of categories, each value stored as its index in the list.
    Category,
    /// Any other type, by its Arrow name.
    Other(String),
}

impl DType {
    pub(crate) fn of(arrow: &DataType) -> Self {
        match arrow {
            DataType::Boolean => Self::Bool,
            DataType::Int8 => Self::Int8,
            DataType::Int16 => Self::Int16,
            DataType::Int32 => Self::Int32,
            DataType::Int64 => Self::Int64,
            DataType::UInt8 => Self::UInt8,
            DataType::UInt16 => Self::UInt16,
            DataType::UInt32 => Self::UInt32,
            DataType::UInt64 => Self::UInt64,
            DataType::Float32 => Self::Float32,
            DataType::Float64 => Self::Float64,
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Self::Str,
            DataType::Date32 | DataType::Date64 => Self::Date,
            DataType::Timestamp(
                TimeUnit::Second
                | TimeUnit::Millisecond
                | TimeUnit::Microsecond
                | TimeUnit::Nanosecond,
                None,
            ) => Self::Datetime,
            t if is_category(t) => Self::Category,
            DataType::Duration(_) => Self::Other("timedelta".to_owned()),
            DataType::List(item) | DataType::LargeList(item) => {
                Self::Other(format!("list[{}]", Self::of(item.data_type())))
            }
            DataType::Timestamp(_, Some(zone)) => Self::DatetimeTz(zone.to_string()),
            other => Self::Other(other.to_string()),
        }
    }

    /// Returns `true` for integers and floats.
    #[must_use]
    pub fn is_numeric(&self) -> bool {
        !matches!(
            self,
            Self::Bool
                | Self::Str
                | Self::Date
                | Self::Datetime
                | Self::DatetimeTz(_)
                | Self::Category
                | Self::Other(_)
        )
    }
}

/// Returns the Arrow type of a requested column.
pub(in crate::frame) fn arrow_type(method: &str, name: &str, dtype: &DType) -> Result<DataType> {
    Ok(match dtype {
        DType::Bool => DataType::Boolean,
        DType::Int8 => DataType::Int8,
        DType::Int16 => DataType::Int16,
        DType::Int32 => DataType::Int32,
        DType::Int64 => DataType::Int64,
        DType::UInt8 => DataType::UInt8,
        DType::UInt16 => DataType::UInt16,
        DType::UInt32 => DataType::UInt32,
        DType::UInt64 => DataType::UInt64,
        DType::Float32 => DataType::Float32,
        DType::Float64 => DataType::Float64,
        DType::Str => DataType::Utf8,
        DType::Date => DataType::Date32,
        DType::Datetime => DataType::Timestamp(TimeUnit::Microsecond, None),
        DType::Category => category::arrow_type(),
        DType::DatetimeTz(zone) => {
            let help = "help: build it as DType::Datetime, then dt().tz_localize(zone)";
            return Err(Error::bad_argument(
                method,
                format!("column {name:?} cannot be built with the time zone {zone:?}; {help}"),
            ));
        }
        DType::Other(other) => {
            let message = format!(
                "column {name:?} cannot be built with the type {other}; expected a named variant of DType"
            );
            return Err(Error::bad_argument(method, message));
        }
    })
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Other(name) => f.write_str(name),
            Self::DatetimeTz(zone) => write!(f, "datetime[{zone}]"),
            known => f.write_str(&format!("{known:?}").to_lowercase()),
        }
    }
}

/// Tests whether a type belongs to the selector.
pub(in crate::frame) type Fits = fn(&DType, &str) -> bool;

/// Selectors of several types.
const WORDS: [(&str, Fits); 8] = [
    ("number", |t, _| t.is_numeric()),
    ("int", |t, _| t.to_string().starts_with("int")),
    ("uint", |t, _| t.to_string().starts_with("uint")),
    ("integer", |t, _| t.is_numeric() && t.to_string().contains("int")),
    ("float", |t, _| t.to_string().starts_with("float")),
    ("string", |t, _| *t == DType::Str),
    ("datetimetz", |t, _| matches!(t, DType::DatetimeTz(_))),
    ("list", |t, _| t.to_string().starts_with("list[")),
];

/// Names of single types.
const NAMES: [&str; 16] = [
    "bool",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "float32",
    "float64",
    "str",
    "date",
    "datetime",
    "category",
    "timedelta",
];

/// Returns the test for a selector, or `None` if it is unknown.
pub(in crate::frame) fn named(word: &str) -> Option<Fits> {
    let several = WORDS.iter().find(|(w, _)| *w == word).map(|(_, f)| *f);
    let single =
        NAMES.contains(&word) || word.starts_with("list[") || word.starts_with("datetime[");
    several.or(single.then_some(|t: &DType, word: &str| t.to_string() == word))
}

/// Returns the error message for an unknown selector.
#[inline(never)]
pub(in crate::frame) fn unknown(word: &str) -> String {
    let words = WORDS.iter().map(|(w, _)| *w).chain(NAMES).collect::<Vec<_>>().join("\", \"");
    format!(
        "unknown type {word:?}: expected one of \"{words}\"; help: dtypes() lists those of the frame"
    )
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;

    #[test]
    fn words_choose_types_and_others_are_told() {
        let df = DataFrame::from_columns([
            ("i", Series::from_iter([1i32])),
            ("u", Series::from_iter([1u8])),
            ("f", Series::from_iter([0.5])),
            ("s", Series::from_iter(["a"])),
            ("b", Series::from_iter([true])),
        ]);
        let chosen = |word: &str| df.select_dtypes(word).columns().unwrap().concat();
        let words = [
            "number", "integer", "int", "uint", "float", "float64", "str", "string", "bool",
            "int32", "int64", "date",
        ];
        assert_eq!(
            words.map(chosen),
            ["iuf", "iu", "i", "u", "f", "f", "s", "s", "b", "i", "", ""]
        );
        for word in ["nonsense", "sting", "flaot", "cat", "Int64"] {
            let e = df.select_dtypes(word).compute().unwrap_err().to_string();
            assert!(e.contains(&format!("{word:?}")) && e.contains("\"number\""), "{e}");
        }
    }
}
