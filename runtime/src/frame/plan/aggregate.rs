//! Aggregation plans.

use crate::error::{During, Error, ErrorKind, Result};
use crate::frame::expr::agg::{Agg, Spec, part};
use crate::frame::expr::col;
use crate::frame::plan::order::{indexed, numbered, unsorted};
use crate::frame::plan::{Plan, resolve};
use crate::frame::types::dtype::DType;
use crate::frame::types::names::INDEX;
use arrow::datatypes::DataType;
use datafusion::logical_expr as df;
use datafusion::logical_expr::LogicalPlanBuilder;

/// Builds a plan with one row per group of `keys`, or one row without keys.
pub(in crate::frame) fn aggregated(
    method: &str,
    plan: &Plan,
    keys: &[df::Expr],
    specs: &[Spec],
) -> Result<LogicalPlanBuilder> {
    aggregated_where(method, plan, None, keys, specs)
}

/// As [`aggregated`], for the rows that pass a filter. Row indices refer to the whole frame.
pub(in crate::frame) fn aggregated_where(
    method: &str,
    plan: &Plan,
    holds: Option<df::Expr>,
    keys: &[df::Expr],
    specs: &[Spec],
) -> Result<LogicalPlanBuilder> {
    // Skips sorting for aggregations that do not need an order.
    let is_free = |s: &Spec| !s.2.is_ordered() && !s.2.asks_for_numbers();
    let mut input =
        if specs.iter().all(is_free) { unsorted(plan).during(method)? } else { plan.clone() };
    if specs.iter().any(|s| s.2.is_ordered()) {
        input = numbered(&input).during(method)?;
    }
    if specs.iter().any(|s| s.2.asks_for_numbers()) {
        input = indexed(&input, INDEX).during(method)?;
    }
    let (mut aggregates, mut results) = (Vec::new(), Vec::new());
    for (name, column, agg) in specs {
        let (x, t) = match agg {
            Agg::Size => (df::lit(1), DataType::Int64),
            _ => {
                let x = resolve(method, col(column).get(), plan)?;
                // `bound` has checked that it exists.
                let t = plan
                    .schema()
                    .field_with_unqualified_name(column)
                    .during(method)?
                    .data_type()
                    .clone();
                (x, t)
            }
        };
        if !agg.fits(&t) {
            let (method, hint) =
                (method.to_owned(), "help: to_numeric() parses strings; count, min, max, first and nunique accept all types".to_owned());
            let (column, dtype) = (column.clone(), DType::of(&t).to_string());
            return Err(ErrorKind::WrongType {
                method,
                column,
                dtype,
                wanted: "a number".to_owned(),
                hint,
            }
            .into());
        }
        if let Agg::Quantile(q) = agg
            && !(0.0..=1.0).contains(q)
        {
            let message = format!("`q` must be between 0 and 1, got {q}");
            return Err(Error::bad_argument("quantile", message));
        }
        let (parts, finish) = agg.parts(x, &t);
        let names: Vec<_> = parts.into_iter().map(|p| part(&mut aggregates, p)).collect();
        results.push(finish(&names).alias(name));
    }
    let keep: Vec<_> = keys
        .iter()
        .map(|k| {
            df::Expr::Column(datafusion::common::Column::new_unqualified(
                k.schema_name().to_string(),
            ))
        })
        .collect();
    let mut b = LogicalPlanBuilder::from(input);
    if let Some(holds) = holds {
        b = b.filter(holds).during(method)?;
    }
    let b = b.aggregate(keys.to_vec(), aggregates).during(method)?;
    b.project(keep.into_iter().chain(results)).during(method)
}
