//! The cell that runs.

use std::sync::atomic::AtomicU32;

/// Number of the library of the cell that runs, or ran last.
pub(super) static CELL: AtomicU32 = AtomicU32::new(0);
