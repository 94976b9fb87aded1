//! Window expressions: extracted from expressions and computed before them.

use crate::error::{During, Result};
use crate::frame::expr::{ident, window_function};
use crate::frame::plan::{Plan, order, resolve};
use crate::frame::types::names::ROW;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr as df;
use datafusion::logical_expr::LogicalPlanBuilder;

/// Binds expressions to a plan; also returns the plan with the window expressions that they need,
/// if any.
pub(in crate::frame) fn prepared(
    method: &str,
    plan: &Plan,
    exprs: Vec<df::Expr>,
) -> Result<(Option<Plan>, Vec<df::Expr>)> {
    let mut exprs = exprs.iter().map(|e| resolve(method, e, plan)).collect::<Result<Vec<_>>>()?;
    if !exprs.iter().any(order::is_ordered) {
        return Ok((None, exprs));
    }
    let mut plan = order::numbered(plan).during(method)?;
    // DataFusion names its results by qualified columns.
    let full = |e| datafusion::logical_expr::expr_rewriter::normalize_col(e, &plan).during(method);
    exprs = exprs.into_iter().map(full).collect::<Result<Vec<_>>>()?;
    loop {
        let windows = window_function::innermost(&exprs);
        if windows.is_empty() {
            // Windows over groups leave the rows in the order of the groups.
            let by_row =
                order::sorted(LogicalPlanBuilder::from(plan), [ident(ROW).sort(true, false)], None);
            return Ok((Some(by_row.and_then(LogicalPlanBuilder::build).during(method)?), exprs));
        }
        plan = LogicalPlanBuilder::window_plan(plan, windows.clone()).during(method)?;
        let replaced = |e: df::Expr| {
            e.transform_down(|e| {
                Ok(if windows.contains(&e) {
                    Transformed::yes(ident(&e.schema_name().to_string()))
                } else {
                    Transformed::no(e)
                })
            })
        };
        exprs = exprs
            .into_iter()
            .map(|e| Ok(replaced(e).during(method)?.data))
            .collect::<Result<Vec<_>>>()?;
    }
}
