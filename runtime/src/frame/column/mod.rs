//! Methods of columns: of expressions, and of the columns of a frame.

pub(in crate::frame) mod cat;
pub(in crate::frame) mod counts;
pub(in crate::frame) mod datetime;
pub(in crate::frame) mod dt;
pub(in crate::frame) mod elementwise;
pub(in crate::frame) mod lazy_series;
pub(in crate::frame) mod list;
pub(in crate::frame) mod map;
pub(in crate::frame) mod reduce;
pub(in crate::frame) mod rolling;
pub(in crate::frame) mod stats;
pub(in crate::frame) mod steps;
pub(in crate::frame) mod str;
pub(in crate::frame) mod target;
pub(in crate::frame) mod timestamps;
pub(in crate::frame) mod window;
