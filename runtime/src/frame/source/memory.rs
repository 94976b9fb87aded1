//! Tables in memory that keep their partitions: DataFusion would redistribute the batches, the
//! longest first. If the rows are sorted by a column, partitions that a filter rules out are not
//! read.

use crate::frame::source::provider::FrameSource;
use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch};
use arrow::compute::concat;
use arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::pruning::PruningStatistics;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Column, DFSchema, ScalarValue, Statistics};
use datafusion::datasource::MemTable;
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::pruning::PruningPredicateBuilder;
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

/// A table in memory.
#[derive(Debug)]
pub(in crate::frame) struct MemoryTable {
    table: MemTable,
    /// If the rows are sorted by a column: its range in each partition, and the partitions.
    ranges: Option<(Ranges, Vec<Vec<RecordBatch>>)>,
}

impl MemoryTable {
    pub(in crate::frame) fn new(
        schema: SchemaRef,
        parts: Vec<Vec<RecordBatch>>,
        index: Option<String>,
    ) -> Result<Self> {
        let ranges =
            index.and_then(|index| Some((Ranges::of(&schema, &parts, index)?, parts.clone())));
        Ok(Self { table: MemTable::try_new(schema, parts)?, ranges })
    }

    /// Returns the table with only the partitions that may have rows that pass the filters; `None`
    /// for all.
    fn chosen(&self, state: &dyn Session, filters: &[Expr]) -> Result<Option<MemTable>> {
        let (Some((ranges, parts)), Some(filter)) = (&self.ranges, conjunction(filters.to_vec()))
        else {
            return Ok(None);
        };
        let schema = self.schema();
        let filter =
            state.create_physical_expr(filter, &DFSchema::try_from(schema.as_ref().clone())?)?;
        let Some(rule) =
            PruningPredicateBuilder::new().with_file_schema(schema.clone()).build(filter)
        else {
            return Ok(None);
        };
        let keep = rule.prune(ranges)?;
        let parts =
            parts.iter().zip(keep).map(|(part, keep)| if keep { part.clone() } else { Vec::new() });
        MemTable::try_new(schema, parts.collect()).map(Some)
    }
}

impl PruningStatistics for Ranges {
    fn min_values(&self, column: &Column) -> Option<ArrayRef> {
        (column.name == self.index).then(|| self.least.clone())
    }

    fn max_values(&self, column: &Column) -> Option<ArrayRef> {
        (column.name == self.index).then(|| self.greatest.clone())
    }

    fn num_containers(&self) -> usize {
        self.least.len()
    }

    fn null_counts(&self, _: &Column) -> Option<ArrayRef> {
        None
    }

    fn row_counts(&self) -> Option<ArrayRef> {
        None
    }

    fn contained(&self, _: &Column, _: &HashSet<ScalarValue>) -> Option<BooleanArray> {
        None
    }
}

#[async_trait::async_trait]
impl FrameSource for MemoryTable {
    fn schema(&self) -> SchemaRef {
        self.table.schema()
    }

    fn index(&self) -> Option<&str> {
        self.ranges.as_ref().map(|(r, _)| r.index.as_str())
    }

    fn filter_support(&self, filter: &Expr) -> TableProviderFilterPushDown {
        let of_index =
            self.index().is_some_and(|i| filter.column_refs().iter().any(|c| c.name == i));
        if of_index {
            TableProviderFilterPushDown::Inexact
        } else {
            TableProviderFilterPushDown::Unsupported
        }
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let chosen = self.chosen(state, filters)?;
        let table = chosen.as_ref().unwrap_or(&self.table);
        Ok(Arc::new(MemoryExec(table.scan(state, projection, &[], limit).await?)))
    }
}

/// DataFusion's scan of the table, with its partitions unchanged.
#[derive(Debug)]
struct MemoryExec(Arc<dyn ExecutionPlan>);

impl DisplayAs for MemoryExec {
    fn fmt_as(&self, style: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt_as(style, f)
    }
}

impl ExecutionPlan for MemoryExec {
    passthrough!(no_input);

    fn name(&self) -> &str {
        self.0.name()
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.0.properties()
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.0.apply_expressions(f)
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        self.0.execute(partition, context)
    }

    fn statistics_from_inputs(
        &self,
        inputs: &[Arc<Statistics>],
        args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        self.0.statistics_from_inputs(inputs, args)
    }
}

impl Ranges {
    /// Computes the ranges of partitions that are sorted by the index, nulls last.
    pub(in crate::frame) fn of(
        schema: &SchemaRef,
        parts: &[Vec<RecordBatch>],
        index: String,
    ) -> Option<Self> {
        let place = schema.index_of(&index).ok()?;
        let missing = arrow::array::new_null_array(schema.field(place).data_type(), 1);
        let first = |part: &Vec<RecordBatch>| {
            part.iter()
                .find(|b| b.num_rows() > 0)
                .map_or_else(|| missing.clone(), |b| b.column(place).slice(0, 1))
        };
        let last = |part: &Vec<RecordBatch>| {
            let filled = part.iter().rev().find(|b| b.num_rows() > 0);
            filled.map_or_else(|| missing.clone(), |b| b.column(place).slice(b.num_rows() - 1, 1))
        };
        let all = |each: Vec<ArrayRef>| {
            concat(&each.iter().map(AsRef::as_ref).collect::<Vec<&dyn Array>>()).ok()
        };
        let least =
            all(parts.iter().map(first).chain([missing.clone()]).collect())?.slice(0, parts.len());
        let greatest =
            all(parts.iter().map(last).chain([missing.clone()]).collect())?.slice(0, parts.len());
        Some(Self { index, least, greatest })
    }
}

/// The minimum and the maximum of the index in each partition; null if unknown.
#[derive(Debug)]
pub(in crate::frame) struct Ranges {
    pub(in crate::frame) index: String,
    pub(in crate::frame) least: ArrayRef,
    pub(in crate::frame) greatest: ArrayRef,
}
