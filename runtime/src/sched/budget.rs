//! The bytes held by all computations and persisted values of this process: each holder knows how
//! much the others hold.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

static HELD: AtomicU64 = AtomicU64::new(0);

/// The bytes of one holder; released when dropped.
#[derive(Debug, Default)]
pub(crate) struct Share(u64);

impl Share {
    /// Creates a share of `bytes`.
    pub(crate) fn of(bytes: u64) -> Self {
        let mut share = Self::default();
        share.set(bytes);
        share
    }

    /// Returns the bytes of this share.
    pub(crate) fn bytes(&self) -> u64 {
        self.0
    }

    /// Sets the bytes of this share and returns how much the others hold.
    pub(crate) fn set(&mut self, bytes: u64) -> u64 {
        let before = std::mem::replace(&mut self.0, bytes);
        let all = HELD
            .fetch_add(bytes.wrapping_sub(before), Relaxed)
            .wrapping_add(bytes.wrapping_sub(before));
        all.saturating_sub(bytes)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.set(0);
    }
}
