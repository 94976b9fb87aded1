//! Shared values whose type, and so whose drop code, stays in this library: a cell that drops a handle compiles a
//! reference count and nothing else. Every public handle holds one of these.

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

    /// The same handle once more: as `clone`, without the compiler of a cell going through all types that have one.
    #[inline(never)]
    pub(crate) fn again(&self) -> Self {
        Self(self.0.clone())
    }

    /// The value; each handle's module puts in and takes out one type only.
    pub(crate) fn get<T: Any + Send + Sync>(&self) -> &T {
        self.0.downcast_ref().expect("a handle holds the type of its module")
    }

    /// The value, shared.
    pub(crate) fn arc<T: Any + Send + Sync>(&self) -> Arc<T> {
        // Not `expect`: in generic methods it costs every cell a search for the error's `Debug` form.
        self.0.clone().downcast().unwrap_or_else(|_| unreachable!("a handle holds the type of its module"))
    }
}
