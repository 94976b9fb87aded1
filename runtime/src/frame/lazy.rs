//! Frames whose partitions are made when they are read, by another collection.

use super::{DataFrame, scan};
use crate::config;
use crate::error::{Error, ErrorKind, Result};
use crate::sched;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::catalog::{Session, TableProvider};
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use futures::{StreamExt, TryStreamExt, stream};
use std::fmt;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Makes the batches of one partition.
pub(crate) type Partition = Arc<dyn Fn(u32) -> Result<Vec<RecordBatch>> + Send + Sync>;

/// A table whose partitions are made on demand.
struct Lazy {
    schema: SchemaRef,
    partitions: u32,
    make: Partition,
    /// As many partitions are made at once as there are threads.
    turns: Arc<Semaphore>,
}

impl fmt::Debug for Lazy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lazy({} partitions)", self.partitions)
    }
}

impl DataFrame {
    /// A frame of partitions that `make` gives; `schema` may be an error found on the way here.
    #[track_caller]
    pub(crate) fn from_partitions(schema: Result<SchemaRef>, partitions: u32, make: Partition) -> Self {
        let turns = Arc::new(Semaphore::new(config::threads()));
        Self::from_result(schema.and_then(|schema| scan(Arc::new(Lazy { schema, partitions, make, turns }), "to_dataframe")))
    }
}

#[async_trait::async_trait]
impl TableProvider for Lazy {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> datafusion::error::Result<Arc<dyn ExecutionPlan>> {
        // Where one partition is asked for, it is all of them in their order.
        let one = state.config_options().execution.target_partitions == 1;
        let each = if one { self.partitions.max(1) } else { 1 };
        let ranges: Vec<_> = (0..self.partitions).step_by(each as usize).map(|i| i..i + each).collect();
        let part = |range| {
            let (schema, make, turns) = (self.schema.clone(), self.make.clone(), self.turns.clone());
            Arc::new(Part { schema, range, make, turns }) as Arc<dyn PartitionStream>
        };
        let table = StreamingTable::try_new(self.schema.clone(), ranges.into_iter().map(part).collect())?;
        table.scan(state, projection, filters, limit).await
    }
}

/// Some partitions, one after the other.
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
        let parts = stream::iter(self.range.clone()).then(move |i| one(i, make.clone(), turns.clone()));
        let batches = parts.map_ok(|batches| stream::iter(batches.into_iter().map(Ok))).try_flatten();
        Box::pin(RecordBatchStreamAdapter::new(self.schema.clone(), batches))
    }
}

async fn one(i: u32, make: Partition, turns: Arc<Semaphore>) -> datafusion::error::Result<Vec<RecordBatch>> {
    let external = |e: Error| DataFusionError::External(Box::new(e));
    // It is never closed.
    let _turn = turns.acquire_owned().await.map_err(|e| DataFusionError::External(Box::new(e)))?;
    let made = tokio::task::spawn_blocking(move || sched::within(|| make(i))).await;
    let panicked = |e| ErrorKind::Engine { operation: "to_dataframe".to_owned(), message: format!("{e}") };
    made.map_err(|e| external(panicked(e).into()))?.map_err(external)
}
