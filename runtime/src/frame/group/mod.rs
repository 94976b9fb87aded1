//! Group-by, and resampling by time.

pub(in crate::frame) mod apply;
pub(in crate::frame) mod groupby;
pub(in crate::frame) mod resample;
