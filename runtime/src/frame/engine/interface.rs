//! The interface through which frames are planned and run: the engine, and a running plan. The only
//! engine so far is the threads of this process (`local`).

use crate::error::{Error, Result};
use arrow::datatypes::SchemaRef;
use datafusion::error::Result as DfResult;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::context::SessionContext;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlan;
use std::sync::Arc;

/// How the rows of a plan are partitioned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::frame) enum Rows {
    /// In as many partitions as use all workers.
    Spread,
    /// In one partition, in order.
    InOrder,
}

/// The join algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::frame) enum Joins {
    /// One side is held in a hash table.
    Hash,
    /// Both sides are sorted, which spills to disk if they do not fit into memory.
    Sort,
}

/// Options of physical planning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::frame) struct PlanOptions {
    pub(in crate::frame) rows: Rows,
    pub(in crate::frame) joins: Joins,
}

/// Whether a computation shows its progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::frame) enum Progress {
    Shown,
    /// It is part of another computation, or is being measured.
    Hidden,
}

/// Plans and runs frames.
pub(in crate::frame) trait Engine: Send + Sync {
    /// Returns the session with the planner and its settings: partitions, join thresholds, memory,
    /// and the spill folder.
    fn settings(&self, rows: Rows) -> &SessionContext;

    /// Applies the final passes to a physical plan.
    fn finish(&self, plan: Arc<dyn ExecutionPlan>) -> DfResult<Arc<dyn ExecutionPlan>>;

    /// Starts a physical plan.
    fn begin(
        &self,
        plan: &Arc<dyn ExecutionPlan>,
        rows: Rows,
        progress: Progress,
    ) -> Result<Box<dyn Running>>;

    /// Returns how to replan a plan that failed with an error; `None` if that would not help.
    fn again(&self, e: &Error, plan: &LogicalPlan, joins: Joins) -> Option<Joins>;
}

/// A running plan. Dropping it ends its progress display; opened streams end when they are dropped.
pub(in crate::frame) trait Running: Send + Sync {
    fn schema(&self) -> SchemaRef;

    /// Returns the number of partitions, which are in the order of the rows.
    fn partitions(&self) -> usize;

    /// Opens the rows of a partition; once per partition.
    fn open(&self, partition: usize) -> DfResult<SendableRecordBatchStream>;

    /// Returns whether all partitions must be opened before one is read: unread partitions of a
    /// shuffle would pile up.
    fn at_once(&self) -> bool;
}
