//! What is known of the columns' types. A value that is not of its column's type widens the column; plans made before are
//! then made again.

use super::source::CsvTable;
use crate::csv::kind::Kind;
use crate::error::{Error, Result};
use crate::frame::{Plan, bare, engine};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::datasource::{provider_as_source, source_as_provider};
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, TableScan, TableScanBuilder};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// The kinds of a table's columns, and why each is what it is.
#[derive(Debug, Default)]
pub(super) struct Types {
    known: RwLock<Vec<(Kind, Option<String>)>>,
    /// Columns that were read when a value did not fit.
    lost: Mutex<BTreeSet<usize>>,
}

impl Types {
    pub(super) fn new(kinds: Vec<Kind>) -> Self {
        Self { known: RwLock::new(kinds.into_iter().map(|k| (k, None)).collect()), lost: Mutex::default() }
    }

    pub(super) fn kinds(&self) -> Vec<Kind> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).iter().map(|k| k.0).collect()
    }

    /// Joins a kind to a column's.
    pub(super) fn widen(&self, column: usize, kind: Kind, why: impl FnOnce() -> String) {
        let mut all = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let joined = all[column].0.and(kind);
        if joined != all[column].0 {
            all[column] = (joined, Some(why()));
        }
    }

    /// Why a column is wider than its samples told.
    fn why(&self, column: usize) -> Option<String> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)[column].1.clone()
    }

    /// Notes the columns of a reading in which a value did not fit.
    pub(super) fn lose(&self, columns: impl Iterator<Item = usize>) {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner).extend(columns);
    }

    fn take_lost(&self) -> BTreeSet<usize> {
        std::mem::take(&mut *self.lost.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn table_of(scan: &TableScan) -> Option<CsvTable> {
    let provider = source_as_provider(&scan.source).ok()?;
    provider.downcast_ref::<CsvTable>().cloned()
}

/// The plan with the types that are known by now.
pub(in crate::frame) fn current(plan: &Plan) -> Result<Plan> {
    let renew = |node: LogicalPlan| match node {
        LogicalPlan::TableScan(scan) => match table_of(&scan).filter(|t| !t.is_current()) {
            Some(table) => {
                let source = provider_as_source(Arc::new(CsvTable::new(table.table)));
                let scan = TableScanBuilder::new(scan.table_name, source)
                    .with_projection(scan.projection)
                    .with_filters(scan.filters)
                    .with_fetch(scan.fetch);
                Ok(Transformed::yes(LogicalPlan::TableScan(scan.build()?)))
            }
            None => Ok(Transformed::no(LogicalPlan::TableScan(scan))),
        },
        other => Ok(Transformed::no(other)),
    };
    let renewed = plan.clone().transform_up(renew).map_err(|e| Error::engine("read_csv", &e))?;
    if !renewed.transformed {
        return Ok(renewed.data);
    }
    let again = renewed.data.transform_up(|node| Ok(Transformed::yes(node.recompute_schema()?)));
    Ok(again.map_err(|e| explained(plan, &e))?.data)
}

/// An error of a step that columns no longer fit, with why they changed.
fn explained(plan: &Plan, e: &datafusion::error::DataFusionError) -> Error {
    let mut reasons = Vec::new();
    for table in outdated(plan) {
        let why = |i: usize| table.table.types.why(i).map(|why| format!("{:?}: {why}", table.table.columns[i].name));
        reasons.extend((0..table.table.columns.len()).filter_map(why));
    }
    let message = format!("{}\n  types have changed since the frame was made: {}", e.strip_backtrace(), reasons.join("; "));
    crate::error::ErrorKind::Engine { operation: "compute".to_owned(), message }.into()
}

/// The tables of a plan whose types were widened since it was made.
fn outdated(plan: &Plan) -> Vec<CsvTable> {
    let mut found = Vec::new();
    // The walk itself cannot fail.
    let _ = plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            found.extend(table_of(scan).filter(|t| !t.is_current()));
        }
        Ok(datafusion::common::tree_node::TreeNodeRecursion::Continue)
    });
    found
}

/// The plan made again, where it failed because values did not fit. The columns that lost are read to their end first, so
/// that what else does not fit is known at once.
pub(in crate::frame) fn mended(plan: &Plan) -> Result<Option<Plan>> {
    let tables = outdated(plan);
    if tables.is_empty() {
        return Ok(None);
    }
    for table in tables {
        settle(&table)?;
    }
    current(plan).map(Some)
}

/// Reads the columns that were asked for when values did not fit, and only looks at their types.
fn settle(table: &CsvTable) -> Result<()> {
    let columns = table.table.types.take_lost();
    let names: Vec<_> = columns.iter().map(|i| bare(&table.table.columns[*i].name)).collect();
    let settling = provider_as_source(Arc::new(table.settling()));
    let plan = LogicalPlanBuilder::scan("frame", settling, None).and_then(|b| b.project(names)).and_then(LogicalPlanBuilder::build);
    engine::run(&plan.map_err(|e| Error::engine("read_csv", &e))?, false).map(drop)
}
