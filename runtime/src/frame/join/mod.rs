//! Frames side by side and one upon the other.

pub(in crate::frame) mod asof;
pub(in crate::frame) mod merge;
