//! The running cell.

use std::sync::atomic::AtomicU32;

/// The number of the library of the cell that is running or ran last.
pub(super) static CELL: AtomicU32 = AtomicU32::new(0);
