//! A cell's text, taken apart and got ready: no process and no session.
//!
//! `segment` tells Rust from what is not, `split` takes the Rust apart, `cell` gets it ready, `scope` is what there is beside it,
//! `types` are those that are written down for its variables.

pub(super) mod cell;
pub(super) mod scope;
pub(super) mod segment;
pub(super) mod split;
pub(super) mod types;
