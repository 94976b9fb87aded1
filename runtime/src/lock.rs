//! Locks that outlive a panic.

use std::sync::LockResult;

/// Ignores that a thread has panicked while it held a lock.
pub(crate) trait Whole<G> {
    /// Returns the guard also where the lock is poisoned. Every change under our locks is whole
    /// before code that may panic runs, and a user's closure that panics must not stop all cells
    /// after it.
    fn whole(self) -> G;
}

impl<G> Whole<G> for LockResult<G> {
    fn whole(self) -> G {
        self.unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
