//! Joins and concatenation of frames.

pub(in crate::frame) mod asof;
pub(in crate::frame) mod merge;
