//! NaN as null: floats read from files may be NaN.

use crate::frame::expr::udf::scalar_fn;
use arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray};
use arrow::datatypes::{ArrowPrimitiveType, DataType, Float32Type, Float64Type};
use datafusion::logical_expr as df;
use std::sync::Arc;

/// Replaces NaN by null.
pub(in crate::frame) fn number(x: df::Expr) -> df::Expr {
    scalar_fn("number", String::new(), vec![x], |t| Ok(t[0].clone()), |a| Ok(numbers(&a[0])))
}

/// Replaces NaN in the values by null.
pub(in crate::frame) fn numbers(array: &ArrayRef) -> ArrayRef {
    match array.data_type() {
        DataType::Float64 => without_nan::<Float64Type>(array),
        DataType::Float32 => without_nan::<Float32Type>(array),
        _ => array.clone(),
    }
}

pub(in crate::frame) fn without_nan<T: ArrowPrimitiveType<Native: Into<f64>>>(
    array: &ArrayRef,
) -> ArrayRef {
    let values = array.as_primitive::<T>();
    // Most columns have no NaN, which a branch-free loop finds out quickly.
    if !values.values().iter().fold(false, |found, x| found | (*x).into().is_nan()) {
        return array.clone();
    }
    Arc::new(
        values.iter().map(|x| x.filter(|x| !(*x).into().is_nan())).collect::<PrimitiveArray<T>>(),
    )
}

/// Returns the first value where the condition holds, else the second.
pub(in crate::frame) fn either(condition: df::Expr, yes: df::Expr, no: df::Expr) -> df::Expr {
    // A case expression with both branches is always valid.
    df::when(condition, yes).otherwise(no).unwrap_or_else(|e| unreachable!("{e}"))
}
