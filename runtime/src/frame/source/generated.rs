//! Frames whose partitions are generated when they are read, by another collection.

use crate::config;
use crate::error::{Error, Result};
use crate::frame::source::provider::FrameSource;
use crate::frame::threads;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::catalog::{Session, TableProvider};
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, LogicalPlan as Plan};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use futures::{StreamExt, TryStreamExt, stream};
use std::fmt;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Generates the batches of one partition.
pub(crate) type Partition = Arc<dyn Fn(u32) -> Result<Vec<RecordBatch>> + Send + Sync>;

/// A table whose partitions are generated on demand.
pub(in crate::frame) struct Generated {
    schema: SchemaRef,
    partitions: u32,
    make: Partition,
    /// Limits the partitions that are generated at once to the number of threads.
    turns: Arc<Semaphore>,
    over: Option<Over>,
    /// The column by which the rows are sorted.
    index: Option<String>,
}

/// The plan from which partitions are computed, and a function that rebuilds the table when types
/// of that plan have changed.
struct Over {
    plan: Plan,
    again: Again,
}

type Again = Box<dyn Fn(&Plan) -> Result<Generated> + Send + Sync>;

impl Generated {
    pub(in crate::frame) fn new(schema: SchemaRef, partitions: u32, make: Partition) -> Self {
        Self {
            schema,
            partitions,
            make,
            turns: Arc::new(Semaphore::new(config::threads())),
            over: None,
            index: None,
        }
    }

    /// Declares that the rows are sorted by a column.
    pub(in crate::frame) fn ordered_by(self, index: Option<String>) -> Self {
        Self { index, ..self }
    }

    /// Declares that the partitions are computed from a plan.
    pub(in crate::frame) fn over(
        self,
        plan: Plan,
        again: impl Fn(&Plan) -> Result<Self> + Send + Sync + 'static,
    ) -> Self {
        Self { over: Some(Over { plan, again: Box::new(again) }), ..self }
    }
}

impl fmt::Debug for Generated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lazy({} partitions)", self.partitions)
    }
}

#[async_trait::async_trait]
impl FrameSource for Generated {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn index(&self) -> Option<&str> {
        self.index.as_deref()
    }

    fn input(&self) -> Option<&Plan> {
        self.over.as_ref().map(|o| &o.plan)
    }

    fn renewed(&self, input: Option<&Plan>) -> Result<Option<Arc<dyn FrameSource>>> {
        let Some((over, input)) = self.over.as_ref().zip(input) else { return Ok(None) };
        Ok(Some(Arc::new((over.again)(input)?)))
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> datafusion::error::Result<Arc<dyn ExecutionPlan>> {
        // A single partition consists of all of them, in order.
        let one = state.config_options().execution.target_partitions == 1;
        let each = if one { self.partitions.max(1) } else { 1 };
        // DataFusion does not support tables without partitions.
        let ranges: Vec<_> = (0..self.partitions.max(1))
            .step_by(each as usize)
            .map(|i| i..(i + each).min(self.partitions))
            .collect();
        let part = |range| {
            let (schema, make, turns) =
                (self.schema.clone(), self.make.clone(), self.turns.clone());
            Arc::new(Part { schema, range, make, turns }) as Arc<dyn PartitionStream>
        };
        let table =
            StreamingTable::try_new(self.schema.clone(), ranges.into_iter().map(part).collect())?;
        table.scan(state, projection, filters, limit).await
    }
}

/// A range of partitions, one after the other.
struct Part {
    schema: SchemaRef,
    range: std::ops::Range<u32>,
    make: Partition,
    turns: Arc<Semaphore>,
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Part({:?})", self.range)
    }
}

impl PartitionStream for Part {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let (make, turns) = (self.make.clone(), self.turns.clone());
        let parts =
            stream::iter(self.range.clone()).then(move |i| one(i, make.clone(), turns.clone()));
        let batches =
            parts.map_ok(|batches| stream::iter(batches.into_iter().map(Ok))).try_flatten();
        Box::pin(RecordBatchStreamAdapter::new(self.schema.clone(), batches))
    }
}

async fn one(
    i: u32,
    make: Partition,
    turns: Arc<Semaphore>,
) -> datafusion::error::Result<Vec<RecordBatch>> {
    let external = |e: Error| DataFusionError::External(Box::new(e));
    // The semaphore is never closed.
    let _turn = turns.acquire_owned().await.map_err(|e| DataFusionError::External(Box::new(e)))?;
    threads::beside(move || make(i)).await.map_err(external)
}
