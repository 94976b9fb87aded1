//! Tables in memory whose rows stay where they are: the engine would deal their batches out anew, the longest first.

use super::order::OrderedExec;
use arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::datasource::MemTable;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use std::sync::Arc;

/// A table in memory.
#[derive(Debug)]
pub(super) struct Held(MemTable);

impl Held {
    pub(super) fn new(table: MemTable) -> Self {
        Self(table)
    }
}

#[async_trait::async_trait]
impl TableProvider for Held {
    fn schema(&self) -> SchemaRef {
        self.0.schema()
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
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(OrderedExec::new(self.0.scan(state, projection, filters, limit).await?, false)))
    }
}
