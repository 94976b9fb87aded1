//! Errors of values and of types that a method cannot work with.

use arrow::datatypes::DataType;
use datafusion::error::{DataFusionError, Result};

/// An error of a function, at a value of its column.
pub(in crate::frame) fn wrong_value<T>(message: String) -> Result<T> {
    Err(DataFusionError::Execution(message))
}

/// An error of a function that columns of this type do not have.
pub(in crate::frame) fn wrong_type<T>(method: &str, found: &DataType, wanted: &str) -> Result<T> {
    Err(DataFusionError::Plan(format!("{method}: the column is {}, not {wanted}", crate::frame::types::dtype::DType::of(found))))
}
