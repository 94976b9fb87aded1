//! Dtypes, names, columns, tables and rows: values without plans or I/O.

pub(crate) mod batch;
pub(in crate::frame) mod category;
pub(in crate::frame) mod cell;
pub(in crate::frame) mod clock;
pub(in crate::frame) mod dtype;
pub(in crate::frame) mod freq;
pub(in crate::frame) mod hash;
pub(in crate::frame) mod names;
pub(crate) mod record;
pub(crate) mod rows;
pub(in crate::frame) mod scalar;
pub(in crate::frame) mod series;
pub(in crate::frame) mod table;
pub(in crate::frame) mod wrong;
