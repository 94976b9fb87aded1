//! The seam through which frames are planned and run: what an engine is, and a plan that it runs. There is one engine today, the
//! threads of this process (`local`).

use crate::error::{Error, Result};
use arrow::datatypes::SchemaRef;
use datafusion::error::Result as DfResult;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::context::SessionContext;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlan;
use std::sync::Arc;

/// In what partitions the rows of a plan come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::frame) enum Rows {
    /// In as many partitions as suit all workers.
    Spread,
    /// In one partition, in their order.
    InOrder,
}

/// How the sides of a join are brought together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::frame) enum Joins {
    /// One side is held in a table.
    Hash,
    /// Both sides are sorted, which goes to disk where memory does not hold them.
    Sort,
}

/// How a logical plan becomes a physical one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::frame) struct PlanOptions {
    pub(in crate::frame) rows: Rows,
    pub(in crate::frame) joins: Joins,
}

/// Whether a computation is on screen while it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::frame) enum Progress {
    Shown,
    /// It is a part of another computation, or is measured itself.
    Hidden,
}

/// What plans and runs frames.
pub(in crate::frame) trait Engine: Send + Sync {
    /// The planner and its settings: partitions, thresholds of joins, memory, and the folder for spilled data.
    fn settings(&self, rows: Rows) -> &SessionContext;

    /// The last passes over a physical plan.
    fn finish(&self, plan: Arc<dyn ExecutionPlan>) -> DfResult<Arc<dyn ExecutionPlan>>;

    /// Begins to run a physical plan.
    fn begin(&self, plan: &Arc<dyn ExecutionPlan>, rows: Rows, progress: Progress) -> Result<Box<dyn Running>>;

    /// How a plan that failed with an error is planned again; `None` where that would not help.
    fn again(&self, e: &Error, plan: &LogicalPlan, joins: Joins) -> Option<Joins>;
}

/// A plan that runs. Dropping it ends what is shown of it; the streams that were opened end when they are dropped.
pub(in crate::frame) trait Running: Send + Sync {
    fn schema(&self) -> SchemaRef;

    /// The number of partitions, which are in the order of the rows.
    fn partitions(&self) -> usize;

    /// The rows of a partition, which is opened once.
    fn open(&self, partition: usize) -> DfResult<SendableRecordBatchStream>;

    /// Whether all partitions must be open before one is read: those of a shuffle that nobody reads would pile up.
    fn at_once(&self) -> bool;
}
