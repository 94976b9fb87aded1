//! Logical plans: scans, order, aggregation, and binding expressions to the columns of a plan.

pub(in crate::frame) mod aggregate;
pub(in crate::frame) mod order;
pub(in crate::frame) mod scan;
pub(in crate::frame) mod windows;

use crate::error::{During, ErrorKind, Result};
use crate::frame::expr::arithmetic::{arithmetic, negated};
use crate::frame::expr::number::number;
use crate::frame::types::names::ROW;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::logical_expr as df;
use datafusion::logical_expr::{ExprSchemable, LogicalPlan};

/// The logical plan of a frame.
pub(in crate::frame) type Plan = LogicalPlan;

pub(in crate::frame) fn names_of(plan: &Plan) -> Vec<String> {
    plan.schema().fields().iter().map(|f| f.name().clone()).collect()
}

/// Binds an expression to a plan; an error if a column does not exist.
pub(in crate::frame) fn resolve(method: &str, expr: &df::Expr, plan: &Plan) -> Result<df::Expr> {
    let available = names_of(plan);
    let mut missing = None;
    let walk = expr.apply(|e| {
        if let df::Expr::Column(c) = e
            && c.name != ROW
            && !available.contains(&c.name)
        {
            missing = Some(c.name.clone());
            return Ok(TreeNodeRecursion::Stop);
        }
        Ok(TreeNodeRecursion::Continue)
    });
    walk.during(method)?;
    match missing {
        Some(column) => {
            Err(ErrorKind::ColumnNotFound { method: method.to_owned(), column, available }.into())
        }
        None => {
            let schema = plan.schema();
            let is_float = |x: &df::Expr| x.get_type(schema).is_ok_and(|t| t.is_floating());
            let usual = |e| match e {
                df::Expr::BinaryExpr(e) => Ok(Transformed::yes(arithmetic(e, schema))),
                df::Expr::Negative(x) => Ok(Transformed::yes(negated(*x, schema))),
                // Files may hold NaN, which counts as null.
                df::Expr::IsNull(x) if is_float(&x) => Ok(Transformed::yes(number(*x).is_null())),
                df::Expr::IsNotNull(x) if is_float(&x) => {
                    Ok(Transformed::yes(number(*x).is_not_null()))
                }
                other => Ok(Transformed::no(other)),
            };
            Ok(expr.clone().transform_up(usual).during(method)?.data)
        }
    }
}
