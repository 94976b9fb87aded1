//! Reading frames from files and databases, and writing them.

pub(in crate::frame) mod csv;
pub(in crate::frame) mod files;
pub(in crate::frame) mod listed;
pub(in crate::frame) mod parquet;
pub(in crate::frame) mod sqlite;
pub(in crate::frame) mod timeseries;
