//! Whether the types of a plan's sources are still those that it was made for; a plan made again where they are not.

use crate::error::{Error, ErrorKind, Result};
use crate::frame::engine::{self, Joins, PlanOptions, Rows};
use crate::frame::expr::bare;
use crate::frame::plan::Plan;
use crate::frame::source::csv::scan::CsvTable;
use crate::frame::source::generated::Lazy;
use datafusion::catalog::TableProvider;
use datafusion::common::tree_node::{Transformed, TreeNodeRecursion};
use datafusion::datasource::{provider_as_source, source_as_provider};
use datafusion::error::{DataFusionError, Result as DfResult};
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, TableScan, TableScanBuilder, Union};
use datafusion::optimizer::analyzer::type_coercion::coerce_union_schema;
use std::sync::Arc;

fn table_of(scan: &TableScan) -> Option<CsvTable> {
    let provider = source_as_provider(&scan.source).ok()?;
    provider.downcast_ref::<CsvTable>().cloned()
}

/// What is done with the table of a scan whose partitions are made of another plan.
fn inside<T>(scan: &TableScan, f: impl FnOnce(&Lazy, &Plan) -> T) -> Option<T> {
    let provider = source_as_provider(&scan.source).ok()?;
    let lazy = provider.downcast_ref::<Lazy>()?;
    lazy.plan().map(|plan| f(lazy, plan))
}

/// The table of a scan, where its types have changed.
fn renewed(scan: &TableScan) -> DfResult<Option<Arc<dyn TableProvider>>> {
    if let Some(table) = table_of(scan).filter(|t| !t.is_current() && !t.settle) {
        return Ok(Some(Arc::new(CsvTable::new(table.table))));
    }
    let made =
        inside(scan, |lazy, plan| if is_current(plan) { None } else { Some(current(plan).and_then(|p| lazy.again(&p).transpose())) });
    match made.flatten().transpose().map(Option::flatten) {
        Ok(lazy) => Ok(lazy.map(|l| Arc::new(l) as Arc<dyn TableProvider>)),
        Err(e) => Err(DataFusionError::External(Box::new(e))),
    }
}

/// The plan with the types that are known by now.
pub(in crate::frame) fn current(plan: &Plan) -> Result<Plan> {
    let renew = |node: LogicalPlan| match node {
        LogicalPlan::TableScan(scan) => match renewed(&scan)? {
            Some(table) => {
                let scan = TableScanBuilder::new(scan.table_name, provider_as_source(table))
                    .with_projection(scan.projection)
                    .with_filters(scan.filters)
                    .with_fetch(scan.fetch);
                Ok(Transformed::yes(LogicalPlan::TableScan(scan.build()?)))
            }
            None => Ok(Transformed::no(LogicalPlan::TableScan(scan))),
        },
        other => Ok(Transformed::no(other)),
    };
    let renewed = plan.clone().transform_up_with_subqueries(renew).map_err(|e| Error::engine("read_csv", &e))?;
    if !renewed.transformed {
        return Ok(renewed.data);
    }
    let fitted = |node| match node {
        // The engine takes the types of the first part.
        LogicalPlan::Union(union) => {
            let schema = Arc::new(coerce_union_schema(&union.inputs)?);
            Ok(Transformed::yes(LogicalPlan::Union(Union { inputs: union.inputs, schema })))
        }
        node => Ok(Transformed::yes(node.recompute_schema()?)),
    };
    let again = renewed.data.transform_up_with_subqueries(fitted);
    Ok(again.map_err(|e| explained(plan, &e))?.data)
}

/// An error of a step that columns no longer fit, with why they changed.
fn explained(plan: &Plan, e: &datafusion::error::DataFusionError) -> Error {
    let mut reasons = Vec::new();
    for table in outdated(plan) {
        let why = |i: usize| table.why(i).map(|why| format!("{:?}: {why}", table.table.columns[i].name));
        reasons.extend((0..table.table.columns.len()).filter_map(why));
    }
    let message = format!("{}\n  types have changed since the frame was made: {}", e.strip_backtrace(), reasons.join("; "));
    ErrorKind::Engine { operation: "compute".to_owned(), message }.into()
}

pub(in crate::frame) fn each_table(plan: &Plan, found: &mut dyn FnMut(CsvTable)) {
    // The walk itself cannot fail.
    let _ = plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            table_of(scan).into_iter().for_each(&mut *found);
            inside(scan, |_, plan| each_table(plan, found));
        }
        Ok(TreeNodeRecursion::Continue)
    });
}

/// The tables of a plan whose types were widened since it was made.
fn outdated(plan: &Plan) -> Vec<CsvTable> {
    let mut all = Vec::new();
    each_table(plan, &mut |t| all.push(t));
    all.retain(|t| !t.is_current());
    all
}

/// Whether no types have changed since the plan was made.
pub(in crate::frame) fn is_current(plan: &Plan) -> bool {
    outdated(plan).is_empty()
}

/// The plan made again, where it failed because values did not fit. The columns that lost are read to their end first, so
/// that what else does not fit is known at once.
pub(in crate::frame) fn replan(plan: &Plan) -> Result<Option<Plan>> {
    // What failed may have been given rows that are none. A file that cannot be looked into is not what failed.
    each_table(plan, &mut |t| drop(t.table.look_into()));
    let tables = outdated(plan);
    if tables.is_empty() {
        return Ok(None);
    }
    for table in tables {
        finish_inference(&table)?;
    }
    current(plan).map(Some)
}

/// Reads the columns that were asked for when values did not fit, and only looks at their types.
fn finish_inference(table: &CsvTable) -> Result<()> {
    let columns = table.table.types.take_lost();
    if columns.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = columns.iter().map(|i| bare(&table.table.columns[*i].name)).collect();
    let settling = provider_as_source(Arc::new(table.settling()));
    let plan = LogicalPlanBuilder::scan("frame", settling, None).and_then(|b| b.project(names)).and_then(LogicalPlanBuilder::build);
    engine::run(&plan.map_err(|e| Error::engine("read_csv", &e))?, PlanOptions { rows: Rows::Spread, joins: Joins::Hash }).map(drop)
}
