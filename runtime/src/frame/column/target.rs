//! The receivers of column methods: an expression, or a column of a frame.

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

/// A receiver of column methods: methods of an expression return an expression, methods of a
/// frame's column return a column.
pub trait Target: Clone {
    /// Returns the result of a method named `method`.
    #[doc(hidden)]
    #[track_caller]
    fn with(&self, method: &str, make: &dyn Fn(&Expr) -> Expr) -> Self;
}
