//! What a frame scans: the trait that every source of rows has, and the one table by which DataFusion knows them.

use crate::error::Result;
use arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::datasource::source_as_provider;
use datafusion::error::Result as DfResult;
use datafusion::logical_expr::{Expr, LogicalPlan, TableProviderFilterPushDown, TableScan, TableType};
use datafusion::physical_plan::ExecutionPlan;
use std::fmt;
use std::sync::Arc;

/// What is known of the type of a column that a source has found out from its values.
pub(in crate::frame) struct Inferred {
    pub(in crate::frame) column: String,
    /// The value that decided, and where it is.
    pub(in crate::frame) reason: Option<String>,
    /// The user gave the type.
    pub(in crate::frame) given: bool,
}

/// A source of rows. Types of some are found out while they are read, so that a plan may have to be made again with others.
#[async_trait::async_trait]
pub(in crate::frame) trait FrameSource: fmt::Debug + Send + Sync {
    fn schema(&self) -> SchemaRef;

    /// How much of a filter the source itself applies.
    fn filter_support(&self, _: &Expr) -> TableProviderFilterPushDown {
        TableProviderFilterPushDown::Unsupported
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> DfResult<Arc<dyn ExecutionPlan>>;

    /// The column by which the rows are in order.
    fn index(&self) -> Option<&str> {
        None
    }

    /// The plan that the partitions are computed of.
    fn input(&self) -> Option<&LogicalPlan> {
        None
    }

    /// Whether the types of its own values are those that the schema has.
    fn is_current(&self) -> bool {
        true
    }

    /// The source with the types that are known by now; `input` is its plan with such types.
    fn renewed(&self, _input: Option<&LogicalPlan>) -> Result<Option<Arc<dyn FrameSource>>> {
        Ok(None)
    }

    /// Looks again at guesses that values may not bear out.
    fn verify(&self) {}

    /// The columns whose types are not known to their end, and a source that reads them for their types alone.
    fn unfinished(&self) -> Option<(Vec<String>, Arc<dyn FrameSource>)> {
        None
    }

    /// How the types of the columns were found out.
    fn inferred(&self) -> Vec<Inferred> {
        Vec::new()
    }
}

/// A source as a table of DataFusion.
#[derive(Debug)]
pub(in crate::frame) struct SourceTable(Arc<dyn FrameSource>);

impl SourceTable {
    pub(in crate::frame) fn provider(source: Arc<dyn FrameSource>) -> Arc<dyn TableProvider> {
        Arc::new(Self(source))
    }
}

/// The source that a plan scans; `None` for tables of DataFusion's own.
pub(in crate::frame) fn source_of(scan: &TableScan) -> Option<Arc<dyn FrameSource>> {
    let provider = source_as_provider(&scan.source).ok()?;
    provider.downcast_ref::<SourceTable>().map(|t| t.0.clone())
}

#[async_trait::async_trait]
impl TableProvider for SourceTable {
    fn schema(&self) -> SchemaRef {
        self.0.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> DfResult<Vec<TableProviderFilterPushDown>> {
        Ok(filters.iter().map(|f| self.0.filter_support(f)).collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        self.0.scan(state, projection, filters, limit).await
    }
}
