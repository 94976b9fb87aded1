//! Window functions over all rows in order, for DataFusion.

use crate::frame::expr::udf::window_fn;
use crate::frame::expr::{Expr, ident};
use crate::frame::types::names::ROW;
use arrow::array::{Array, Int64Array};
use arrow::datatypes::DataType;
use datafusion::common::tree_node::TreeNode;
use datafusion::logical_expr::expr::WindowFunction;
use datafusion::logical_expr::{self as df, WindowFrame, WindowUDF};
use std::sync::Arc;

/// Builds the function over all rows in order.
pub(in crate::frame) fn in_order(function: Arc<WindowUDF>, args: Vec<df::Expr>) -> Expr {
    let mut made = WindowFunction::new(function, args);
    made.params.order_by = vec![ident(ROW).sort(true, false)];
    made.params.window_frame = WindowFrame::new(Some(true));
    Expr::new(df::Expr::WindowFunction(Box::new(made)))
}

/// Returns the window functions that contain no others, each once.
pub(in crate::frame) fn innermost(exprs: &[df::Expr]) -> Vec<df::Expr> {
    let is_window = |e: &df::Expr| matches!(e, df::Expr::WindowFunction(_));
    let mut found = Vec::new();
    for expr in exprs {
        // The traversal itself cannot fail.
        let _ = expr.apply(|e| {
            if let df::Expr::WindowFunction(w) = e
                && !w.params.args.iter().any(|a| a.exists(|e| Ok(is_window(e))).unwrap_or(false))
                && !found.contains(e)
            {
                found.push(e.clone());
            }
            Ok(datafusion::common::tree_node::TreeNodeRecursion::Continue)
        });
    }
    found
}

/// Returns the number of rows of the group, for each row.
pub(in crate::frame) fn group_size(x: &Expr) -> Expr {
    let function = window_fn(
        "group_size",
        String::new(),
        |_| Ok(DataType::Int64),
        |columns| {
            let rows = columns[0].len();
            Ok(Arc::new(Int64Array::from(vec![rows as i64; rows])))
        },
    );
    in_order(function, vec![x.get().clone()])
}
