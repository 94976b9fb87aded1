//! Errors for values and types that a method does not accept.

use arrow::datatypes::DataType;
use datafusion::error::{DataFusionError, Result};

/// Creates the error of a function for a value of its column.
pub(in crate::frame) fn wrong_value<T>(message: String) -> Result<T> {
    Err(DataFusionError::Execution(message))
}

/// Creates the error of a function that does not accept the type of its column.
pub(in crate::frame) fn wrong_type<T>(method: &str, found: &DataType, wanted: &str) -> Result<T> {
    Err(DataFusionError::Plan(format!(
        "{method}: the column is {}, not {wanted}",
        crate::frame::types::dtype::DType::of(found)
    )))
}
