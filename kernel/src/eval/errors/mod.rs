//! The errors of cells.
//!
//! `diagnostics` formats errors of the compiler and of evcxr, `persist` those of variables that
//! cannot be kept; `hints` is the table of hints for users of pandas, `pandas` maps names of pandas
//! to those of Rask.

pub(super) mod diagnostics;
mod hints;
mod pandas;
pub(super) mod persist;
