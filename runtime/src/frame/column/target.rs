//! What the methods of columns are called on: an expression, or a column of a frame.

use crate::frame::column::lazy_series::LazySeries;
use crate::frame::expr::{Expr, col};

impl Target for LazySeries {
    #[track_caller]
    fn with(&self, method: &str, make: &dyn Fn(&Expr) -> Expr) -> Self {
        self.changed(method, &make(&col(self.name())))
    }
}

impl Target for Expr {
    fn with(&self, _: &str, make: &dyn Fn(&Expr) -> Expr) -> Self {
        make(self)
    }
}

/// What methods on values give: an expression for an expression, a column for the column of a frame.
pub trait Target: Clone {
    /// The result of a method whose name is `method`.
    #[doc(hidden)]
    #[track_caller]
    fn with(&self, method: &str, make: &dyn Fn(&Expr) -> Expr) -> Self;
}
