//! Bytes that all computations of this process hold, and what was persisted: each knows what the others hold.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

static HELD: AtomicU64 = AtomicU64::new(0);

/// What one holder has of it; given back when dropped.
#[derive(Debug, Default)]
pub(crate) struct Share(u64);

impl Share {
    /// A share of `bytes`.
    pub(crate) fn of(bytes: u64) -> Self {
        let mut share = Self::default();
        share.set(bytes);
        share
    }

    /// Bytes of this share.
    pub(crate) fn bytes(&self) -> u64 {
        self.0
    }

    /// Sets this share, and returns what the others hold.
    pub(crate) fn set(&mut self, bytes: u64) -> u64 {
        let before = std::mem::replace(&mut self.0, bytes);
        let all = HELD.fetch_add(bytes.wrapping_sub(before), Relaxed).wrapping_add(bytes.wrapping_sub(before));
        all.saturating_sub(bytes)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.set(0);
    }
}
