//! Plans that scan a source or tables in memory.

use crate::error::{During, ErrorKind, Result};
use crate::frame::plan::Plan;
use crate::frame::source::memory;
use crate::frame::source::provider::{FrameSource, SourceTable};
use crate::frame::types::batch::{self, pieces};
use crate::frame::types::names::{self, check_names};
use crate::frame::types::series::Series;
use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Schema};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::LogicalPlanBuilder;
use std::sync::Arc;

/// Builds a plan that scans a source.
pub(in crate::frame) fn scan(source: Arc<dyn FrameSource>, method: &str) -> Result<Plan> {
    LogicalPlanBuilder::scan("frame", provider_as_source(SourceTable::provider(source)), None)
        .and_then(LogicalPlanBuilder::build)
        .during(method)
}

pub(in crate::frame) fn memory(columns: Vec<(String, Series)>) -> Result<Plan> {
    check_names("from_columns", columns.iter().map(|(n, _)| n))?;
    names::free("from_columns", columns.iter().map(|(n, _)| n))?;
    let rows = columns.first().map_or(0, |(_, s)| s.len());
    if let Some((name, s)) = columns.iter().find(|(_, s)| s.len() != rows) {
        let (first, column, length) = (columns[0].0.clone(), name.clone(), s.len());
        return Err(ErrorKind::LengthMismatch { first, expected: rows, column, length }.into());
    }
    let fields: Vec<_> =
        columns.iter().map(|(n, s)| Field::new(n, s.array().data_type().clone(), true)).collect();
    let schema = Arc::new(Schema::new(fields));
    let arrays = columns.iter().map(|(_, s)| s.array().clone()).collect();
    batches(&batch::batch("from_columns", &schema, arrays, rows)?)
}

/// Builds a plan over partitions in memory; their rows are sorted by the index, if one is given.
pub(in crate::frame) fn held(
    method: &str,
    schema: arrow::datatypes::SchemaRef,
    parts: Vec<Vec<RecordBatch>>,
    index: Option<String>,
) -> Result<Plan> {
    let table = memory::MemoryTable::new(schema, parts, index).during(method)?;
    scan(Arc::new(table), method)
}

/// Builds a plan over rows in memory.
pub(in crate::frame) fn batches(batch: &RecordBatch) -> Result<Plan> {
    let batch = &names::own(batch)?;
    let rows = batch.num_rows();
    // Batches of DataFusion's size, in contiguous runs so that the partitions keep the order.
    let parts = crate::config::threads().min(rows.div_ceil(batch::BATCH)).max(1);
    let each = rows.div_ceil(parts);
    let part = |p: usize| {
        let (start, end) = (p * each, ((p + 1) * each).min(rows));
        pieces(&batch.slice(start, end.saturating_sub(start)))
    };
    held("from_columns", batch.schema(), (0..parts).map(part).collect(), None)
}

/// Builds a plan over a batch in memory, in one partition.
pub(in crate::frame) fn in_memory(batch: RecordBatch) -> Result<Plan> {
    held("read_sql", batch.schema(), vec![vec![batch]], None)
}
