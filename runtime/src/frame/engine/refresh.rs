//! Checks whether the types of a plan's sources have changed since it was built, and rebuilds the
//! plan if so.

use crate::error::{During, Error, ErrorKind, Result};
use crate::frame::engine::{self, Joins, PlanOptions, Rows};
use crate::frame::expr::ident;
use crate::frame::plan::Plan;
use crate::frame::source::provider::{FrameSource, SourceTable, source_of};
use datafusion::common::tree_node::{Transformed, TreeNodeRecursion};
use datafusion::datasource::provider_as_source;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{
    LogicalPlan, LogicalPlanBuilder, TableScan, TableScanBuilder, Union,
};
use datafusion::optimizer::analyzer::type_coercion::coerce_union_schema;
use std::sync::Arc;

/// Returns the new source of a scan whose types have changed.
fn renewed(scan: &TableScan) -> Result<Option<Arc<dyn FrameSource>>> {
    let Some(source) = source_of(scan) else { return Ok(None) };
    let input = source.input().filter(|plan| !is_current(plan)).map(current).transpose()?;
    if input.is_none() && source.is_current() {
        return Ok(None);
    }
    source.renewed(input.as_ref())
}

/// Returns the plan with the current types.
pub(in crate::frame) fn current(plan: &Plan) -> Result<Plan> {
    let renew = |node: LogicalPlan| match node {
        LogicalPlan::TableScan(scan) => {
            match renewed(&scan).map_err(|e| DataFusionError::External(Box::new(e)))? {
                Some(source) => {
                    let table = provider_as_source(SourceTable::provider(source));
                    let scan = TableScanBuilder::new(scan.table_name, table)
                        .with_projection(scan.projection)
                        .with_filters(scan.filters)
                        .with_fetch(scan.fetch);
                    Ok(Transformed::yes(LogicalPlan::TableScan(scan.build()?)))
                }
                None => Ok(Transformed::no(LogicalPlan::TableScan(scan))),
            }
        }
        other => Ok(Transformed::no(other)),
    };
    let renewed = plan.clone().transform_up_with_subqueries(renew).during("read_csv")?;
    if !renewed.transformed {
        return Ok(renewed.data);
    }
    let fitted = |node| match node {
        // DataFusion uses the types of the first input.
        LogicalPlan::Union(union) => {
            let schema = Arc::new(coerce_union_schema(&union.inputs)?);
            Ok(Transformed::yes(LogicalPlan::Union(Union { inputs: union.inputs, schema })))
        }
        node => Ok(Transformed::yes(node.recompute_schema()?)),
    };
    let again = renewed.data.transform_up_with_subqueries(fitted);
    Ok(again.map_err(|e| explained(plan, &e))?.data)
}

/// Creates the error of a step that the columns no longer fit, with the reason for the change.
fn explained(plan: &Plan, e: &datafusion::error::DataFusionError) -> Error {
    let mut reasons = Vec::new();
    for source in outdated(plan) {
        let known = source
            .inferred()
            .into_iter()
            .filter_map(|i| Some(format!("{:?}: {}", i.column, i.reason?)));
        reasons.extend(known);
    }
    let message = format!(
        "{}\n  types have changed since the frame was created: {}",
        e.strip_backtrace(),
        reasons.join("; ")
    );
    ErrorKind::Engine { operation: "compute".to_owned(), message }.into()
}

/// Visits each source of a plan, and those of the plans from which sources are computed.
pub(in crate::frame) fn each_source(plan: &Plan, visit: &mut dyn FnMut(Arc<dyn FrameSource>)) {
    // The walk itself cannot fail.
    let _ = plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node
            && let Some(source) = source_of(scan)
        {
            if let Some(input) = source.input() {
                each_source(input, visit);
            }
            visit(source);
        }
        Ok(TreeNodeRecursion::Continue)
    });
}

/// Returns the sources of a plan whose types were widened since it was built.
fn outdated(plan: &Plan) -> Vec<Arc<dyn FrameSource>> {
    let mut all = Vec::new();
    each_source(plan, &mut |s| all.push(s));
    all.retain(|s| !s.is_current());
    all
}

/// Returns whether no types have changed since the plan was built.
pub(in crate::frame) fn is_current(plan: &Plan) -> bool {
    outdated(plan).is_empty()
}

/// Rebuilds a plan that failed because values did not fit. First reads the affected columns to the
/// end, so that all other misfits are found at once.
pub(in crate::frame) fn replan(plan: &Plan) -> Result<Option<Plan>> {
    // The failure may come from text that was mistaken for rows.
    each_source(plan, &mut |s| s.verify());
    let sources = outdated(plan);
    if sources.is_empty() {
        return Ok(None);
    }
    for source in sources {
        finish_inference(source.as_ref())?;
    }
    current(plan).map(Some)
}

/// Reads the columns that were in use when values did not fit, only to infer their types.
fn finish_inference(source: &dyn FrameSource) -> Result<()> {
    let Some((columns, types_only)) = source.unfinished() else { return Ok(()) };
    let columns: Vec<_> = columns.iter().map(|c| ident(c)).collect();
    let table = provider_as_source(SourceTable::provider(types_only));
    let plan = LogicalPlanBuilder::scan("frame", table, None)
        .and_then(|b| b.project(columns))
        .and_then(LogicalPlanBuilder::build);
    engine::run(&plan.during("read_csv")?, PlanOptions { rows: Rows::Spread, joins: Joins::Hash })
        .map(drop)
}
