//! The trait of all sources of rows, and the table provider that exposes them to DataFusion.

use crate::error::Result;
use arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::datasource::source_as_provider;
use datafusion::error::Result as DfResult;
use datafusion::logical_expr::{
    Expr, LogicalPlan, TableProviderFilterPushDown, TableScan, TableType,
};
use datafusion::physical_plan::ExecutionPlan;
use std::fmt;
use std::sync::Arc;

/// The inferred type of a column, and why it was chosen.
pub(in crate::frame) struct Inferred {
    pub(in crate::frame) column: String,
    /// The value that decided the type, and its location.
    pub(in crate::frame) reason: Option<String>,
    /// Whether the user gave the type.
    pub(in crate::frame) given: bool,
}

/// A source of rows. Some infer their types while reading, so that a plan may have to be rebuilt
/// with other types.
#[async_trait::async_trait]
pub(in crate::frame) trait FrameSource: fmt::Debug + Send + Sync {
    fn schema(&self) -> SchemaRef;

    /// Returns how far the source itself applies a filter.
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

    /// Returns the column by which the rows are sorted.
    fn index(&self) -> Option<&str> {
        None
    }

    /// Returns the plan from which the partitions are computed.
    fn input(&self) -> Option<&LogicalPlan> {
        None
    }

    /// Returns whether the schema still matches the inferred types.
    fn is_current(&self) -> bool {
        true
    }

    /// Returns the source with the current types; `input` is its plan with such types.
    fn renewed(&self, _input: Option<&LogicalPlan>) -> Result<Option<Arc<dyn FrameSource>>> {
        Ok(None)
    }

    /// Verifies guesses that values may contradict.
    fn verify(&self) {}

    /// Returns the columns with unfinished type inference, and a source that reads them only to
    /// infer types.
    fn unfinished(&self) -> Option<(Vec<String>, Arc<dyn FrameSource>)> {
        None
    }

    /// Returns how the types of the columns were inferred.
    fn inferred(&self) -> Vec<Inferred> {
        Vec::new()
    }
}

/// A source as a DataFusion table.
#[derive(Debug)]
pub(in crate::frame) struct SourceTable(Arc<dyn FrameSource>);

impl SourceTable {
    pub(in crate::frame) fn provider(source: Arc<dyn FrameSource>) -> Arc<dyn TableProvider> {
        Arc::new(Self(source))
    }
}

/// Returns the source that a plan scans; `None` for DataFusion's own tables.
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

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> DfResult<Vec<TableProviderFilterPushDown>> {
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
