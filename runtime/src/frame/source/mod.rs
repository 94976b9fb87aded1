//! Sources of rows: tables that DataFusion can scan.

pub(in crate::frame) mod csv;
pub(in crate::frame) mod disk;
pub(crate) mod generated;
pub(in crate::frame) mod lines;
pub(in crate::frame) mod memory;
pub(in crate::frame) mod provider;
pub(in crate::frame) mod remote;
pub(in crate::frame) mod row_groups;
