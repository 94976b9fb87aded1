//! Custom DataFusion operators, and rewrites of physical plans.

pub(in crate::frame) mod coalesce;
pub(in crate::frame) mod join_order;
pub(in crate::frame) mod memory_pool;
pub(in crate::frame) mod observe;
pub(in crate::frame) mod sort;
