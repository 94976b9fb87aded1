//! Types of columns under the names that a Dask or pandas user knows, and how they stand to Arrow's.

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
    /// True or false.
    Bool,
    /// Integers of 8 bits.
    Int8,
    /// Integers of 16 bits.
    Int16,
    /// Integers of 32 bits.
    Int32,
    /// Integers of 64 bits.
    Int64,
    /// Integers of 8 bits without sign.
    UInt8,
    /// Integers of 16 bits without sign.
    UInt16,
    /// Integers of 32 bits without sign.
    UInt32,
    /// Integers of 64 bits without sign.
    UInt64,
    /// Floating-point numbers of 32 bits.
    Float32,
    /// Floating-point numbers of 64 bits.
    Float64,
    /// Text.
    Str,
    /// Days.
    Date,
    /// Instants without a time zone.
    Datetime,
    /// Text out of a list of categories, each value kept as its place in the list.
    Category,
    /// What has no name of its own here; the text is Arrow's name.
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
            DataType::Timestamp(TimeUnit::Second | TimeUnit::Millisecond | TimeUnit::Microsecond | TimeUnit::Nanosecond, None) => {
                Self::Datetime
            }
            t if super::cat::is_category(t) => Self::Category,
            DataType::Duration(_) => Self::Other("timedelta".to_owned()),
            DataType::List(item) | DataType::LargeList(item) => Self::Other(format!("list[{}]", Self::of(item.data_type()))),
            DataType::Timestamp(_, Some(zone)) => Self::Other(format!("datetime[{zone}]")),
            other => Self::Other(other.to_string()),
        }
    }

    /// Whether it can be added up.
    #[must_use]
    pub fn is_numeric(&self) -> bool {
        !matches!(self, Self::Bool | Self::Str | Self::Date | Self::Datetime | Self::Category | Self::Other(_))
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Other(name) => f.write_str(name),
            known => f.write_str(&format!("{known:?}").to_lowercase()),
        }
    }
}
