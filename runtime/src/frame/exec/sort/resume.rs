//! Partially read inputs: a sort that exceeds the memory limit continues on disk with the rows that
//! were already read.
//!
//! Reading them again would not do: a source may be a closure of the user's, a file that is
//! downloaded, or a computation of minutes.

use crate::frame::exec::sort::part::Part;
use crate::frame::types::batch;
use arrow::array::{ArrayRef, AsArray, RecordBatch, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::SchemaRef;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties,
};
use futures::{StreamExt, stream};
use rask_wire::helpers::Whole;
use std::fmt;
use std::sync::{Arc, Mutex};

/// Partially read partitions. Each can be read once.
pub(super) struct Begun {
    parts: Mutex<Vec<Option<Part>>>,
    properties: Arc<PlanProperties>,
}

impl Begun {
    pub(super) fn new(schema: SchemaRef, parts: Vec<Part>) -> Self {
        let partitions = Partitioning::UnknownPartitioning(parts.len());
        let (order, emission) = (EquivalenceProperties::new(schema), EmissionType::Incremental);
        let properties =
            Arc::new(PlanProperties::new(order, partitions, emission, Boundedness::Bounded));
        Self { parts: Mutex::new(parts.into_iter().map(Some).collect()), properties }
    }
}

/// Copies a batch that is a slice of larger buffers: DataFusion's sort counts whole buffers.
fn compact(batch: RecordBatch) -> Result<RecordBatch> {
    // Copying costs memory itself, just when there is none: it must at least halve what is counted.
    if batch.get_array_memory_size() as u64 <= 2 * batch::size(&batch) {
        return Ok(batch);
    }
    let all = UInt32Array::from_iter_values(0..batch.num_rows() as u32);
    let copied = |column: &ArrayRef| -> Result<ArrayRef> {
        let own = take(column, &all, None)?;
        // `take` copies the views alone, which go on to hold the buffers of all rows.
        Ok(own.as_string_view_opt().map_or(own.clone(), |views| Arc::new(views.gc())))
    };
    let columns = batch.columns().iter().map(copied).collect::<Result<Vec<_>>>()?;
    batch::batch("sort", &batch.schema(), columns, batch.num_rows())
        .map_err(|e| DataFusionError::External(Box::new(e)))
}

impl fmt::Debug for Begun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Begun")
    }
}

impl DisplayAs for Begun {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BegunExec")
    }
}

impl ExecutionPlan for Begun {
    passthrough!(name "BegunExec", no_input, no_expressions);

    fn execute(&self, partition: usize, _: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        // Rows that were read exist once: a second reader would get a part of them, silently.
        let part = self.parts.lock().whole().get_mut(partition).and_then(Option::take);
        let (read, rest) = part.ok_or_else(|| {
            DataFusionError::Internal(format!("partition {partition} was already read"))
        })?;
        let rows = stream::iter(read.into_iter().map(Ok))
            .chain(stream::iter(rest).flatten())
            .map(|batch| batch.and_then(compact));
        Ok(Box::pin(RecordBatchStreamAdapter::new(
            self.properties.eq_properties.schema().clone(),
            rows,
        )))
    }
}
