//! What a cell that fails says.
//!
//! `diagnostics` words errors of the compiler and of evcxr, `persist` those of variables that cannot be kept; `hints` is the table
//! of what a person with the habits of pandas needs under them, `pandas` what its names are here.

pub(super) mod diagnostics;
mod hints;
mod pandas;
pub(super) mod persist;
