//! Groups of rows, and bins of time.

pub(in crate::frame) mod apply;
pub(in crate::frame) mod groupby;
pub(in crate::frame) mod resample;
