//! Categories as numbers: their indices in the list stored with the field.

use crate::csv::texts::views;
use crate::frame::expr::Expr;
use crate::frame::expr::udf::of_fields;
use crate::frame::types::category::{Categories, is_category};
use crate::frame::types::wrong::wrong_type;
use arrow::array::Int32Array;
use arrow::datatypes::{DataType, Field};
use datafusion::error::{DataFusionError, Result as DfResult};
use std::collections::HashMap;
use std::sync::Arc;

pub(in crate::frame) fn known(method: &str, field: &Field) -> DfResult<Categories> {
    match Categories::of(field) {
        Some(known) => Ok(known),
        None if is_category(field.data_type()) => problem(
            method,
            "the categories are not known yet; help: as_known() or categorize(..) computes them from the data",
        ),
        None => wrong_type(
            &format!("cat().{method}"),
            field.data_type(),
            "a category; help: convert strings with astype(DType::Category)",
        ),
    }
}

pub(in crate::frame) fn places(texts: &[String]) -> HashMap<&str, i32> {
    texts.iter().enumerate().map(|(i, t)| (t.as_str(), i as i32)).collect()
}

pub(in crate::frame) fn problem<T>(method: &str, message: &str) -> DfResult<T> {
    Err(DataFusionError::Plan(format!("cat().{method}: {message}")))
}

/// Computes the index of each value in its categories; -1 for null.
pub(in crate::frame) fn codes(x: &Expr) -> Expr {
    let returns = |fields: &[Arc<Field>]| {
        known("codes", &fields[0]).map(|_| Field::new("codes", DataType::Int32, true))
    };
    Expr::new(of_fields(
        "codes",
        String::new(),
        vec![x.get().clone()],
        returns,
        |arrays, fields| {
            let texts = views(&arrays[0])?;
            let known = known("codes", &fields[0])?;
            let places = places(&known.texts);
            let code = |text: Option<&str>| text.and_then(|t| places.get(t).copied()).unwrap_or(-1);
            Ok(Arc::new(texts.iter().map(code).collect::<Int32Array>()))
        },
    ))
}
