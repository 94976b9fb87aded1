//! Shared values whose type, and so whose drop code, stays in this library: a cell that drops a
//! handle compiles only a reference count. Every public handle holds one of these.

use std::any::Any;
use std::sync::Arc;

/// A shared value of a type that only this crate knows.
#[derive(Clone)]
pub(crate) struct Opaque(Arc<dyn Any + Send + Sync>);

impl Opaque {
    pub(crate) fn new<T: Any + Send + Sync>(value: T) -> Self {
        Self(Arc::new(value))
    }

    pub(crate) fn of<T: Any + Send + Sync>(value: Arc<T>) -> Self {
        Self(value)
    }

    /// Clones the handle; unlike `clone`, without a search through all implementations of `Clone`
    /// when a cell is compiled.
    #[inline(never)]
    pub(crate) fn again(&self) -> Self {
        Self(self.0.clone())
    }

    /// Returns the value; each handle's module stores and retrieves only one type.
    pub(crate) fn get<T: Any + Send + Sync>(&self) -> &T {
        self.0.downcast_ref().expect("a handle holds the type of its module")
    }

    /// Returns the value, shared.
    pub(crate) fn arc<T: Any + Send + Sync>(&self) -> Arc<T> {
        // Not `expect`: in generic methods it makes every cell search for the error's `Debug` form.
        self.0
            .clone()
            .downcast()
            .unwrap_or_else(|_| unreachable!("a handle holds the type of its module"))
    }
}
