//! Conditional values: `when(col("a").gt(1)).then("big").otherwise("small")`.

use crate::frame::expr::{Expr, IntoExpr};
use datafusion::logical_expr as df;

/// Starts a conditional expression; the first condition that holds decides. A null condition does
/// not hold.
///
/// ```
/// use rask::prelude::*;
/// let df = DataFrame::from_columns([("n", Series::from_iter([Some(-2i64), Some(0), Some(5), None]))]);
/// let sign = when(col("n").gt(0)).then("plus").when(col("n").lt(0)).then("minus").otherwise("none");
/// let signs = df.with_column("sign", sign).compute()?;
/// assert_eq!(signs.column("sign")?.to_vec::<String>()?, ["minus", "none", "plus", "none"]);
/// # Ok::<(), rask::Error>(())
/// ```
pub fn when(condition: impl IntoExpr) -> When {
    begun(Vec::new(), condition.into_expr())
}

#[inline(never)]
fn begun(before: Vec<(Expr, Expr)>, condition: Expr) -> When {
    When { before, condition }
}

/// A condition that still needs its value; created by [`when`].
#[derive(Debug, Clone)]
#[must_use = "a condition needs a value: .then(..)"]
pub struct When {
    before: Vec<(Expr, Expr)>,
    condition: Expr,
}

impl When {
    /// Sets the value where the condition holds.
    pub fn then(self, value: impl IntoExpr) -> Then {
        self.chosen(value.into_expr())
    }

    #[inline(never)]
    fn chosen(self, value: Expr) -> Then {
        let mut choices = self.before;
        choices.push((self.condition, value));
        Then(choices)
    }
}

/// A conditional expression that can be continued; created by [`When::then`]. Without `otherwise`,
/// the value is null where no condition holds.
#[derive(Debug, Clone)]
#[must_use = "a conditional is an expression: .otherwise(..) ends it"]
pub struct Then(Vec<(Expr, Expr)>);

impl Then {
    /// Adds another condition, for rows where none of the previous ones holds.
    pub fn when(self, condition: impl IntoExpr) -> When {
        begun(self.0, condition.into_expr())
    }

    /// Sets the value where no condition holds.
    #[must_use]
    pub fn otherwise(self, value: impl IntoExpr) -> Expr {
        self.ended(Some(value.into_expr()))
    }

    #[inline(never)]
    fn ended(self, otherwise: Option<Expr>) -> Expr {
        let boxed = |e: &Expr| Box::new(e.get().clone());
        let choices = self.0.iter().map(|(c, v)| (boxed(c), boxed(v))).collect();
        Expr::new(df::Expr::Case(df::Case::new(None, choices, otherwise.as_ref().map(boxed))))
    }
}

impl IntoExpr for Then {
    fn into_expr(self) -> Expr {
        self.ended(None)
    }
}
