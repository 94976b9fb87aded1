//! Parsing and rewriting of a cell's text, independent of process and session.
//!
//! `segment` separates Rust from other segments, `split` splits the Rust into statements, `cell`
//! rewrites it for evcxr, `scope` holds the names of earlier cells, `types` the types of variables.

pub(super) mod cell;
pub(super) mod scope;
pub(super) mod segment;
pub(super) mod split;
pub(super) mod types;
