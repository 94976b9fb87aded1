//! Computes plans, with retries when types were wrong or memory is short.

use crate::error::{During, Result};
use crate::frame::engine::{
    self, Joins, PlanOptions, Progress, Rows, in_order, physical, refresh, run,
};
use crate::frame::types::batch::concat;
use arrow::array::RecordBatch;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use datafusion::physical_plan::display::DisplayableExecutionPlan;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, displayable};
use futures::StreamExt;
use std::sync::Arc;

/// Computes the plan; rows are in the order of the partitions.
pub(in crate::frame) fn collect(plan: &LogicalPlan, rows: Rows) -> Result<RecordBatch> {
    retry_widened(plan, |plan, joins| run(plan, PlanOptions { rows, joins }))
}

/// Computes the first rows of the plan, in order.
pub(in crate::frame) fn first_rows(plan: &LogicalPlan, n: usize) -> Result<RecordBatch> {
    retry_widened(plan, |plan, joins| {
        let options = PlanOptions { rows: Rows::InOrder, joins };
        let whole = physical(plan, options)?;
        if whole.output_partitioning().partition_count() == 1 {
            let limited = LogicalPlanBuilder::from(plan.clone())
                .limit(0, Some(n))
                .and_then(LogicalPlanBuilder::build);
            return run(&limited.during("head")?, options);
        }
        // DataFusion would take the rows of whichever partition is ready first.
        in_order(plan, joins, move |mut rows| async move {
            let (schema, mut first, mut left) = (rows.schema(), Vec::new(), n);
            while left > 0
                && let Some(batch) = rows.next().await
            {
                let batch = batch.during("head")?;
                let batch = batch.slice(0, left.min(batch.num_rows()));
                left -= batch.num_rows();
                first.push(batch);
            }
            concat(&schema, &first)
        })
    })
}

/// Formats the physical plan as text.
pub(in crate::frame) fn explained(plan: &LogicalPlan) -> Result<String> {
    Ok(displayable(current(plan)?.as_ref()).indent(false).to_string())
}

/// Computes the plan, and formats it as text with the metrics of each operator.
pub(in crate::frame) fn measured(plan: &LogicalPlan) -> Result<String> {
    retry_widened(plan, |plan, joins| {
        let physical = physical(plan, PlanOptions { rows: Rows::Spread, joins })?;
        engine::drain(&physical, Rows::Spread, Progress::Hidden, |_, mut rows| async move {
            while let Some(batch) = rows.next().await {
                batch.during("compute")?;
            }
            Ok(())
        })?;
        Ok(DisplayableExecutionPlan::with_metrics(physical.as_ref()).indent(false).to_string())
    })
}

/// Returns the physical plan for all workers, with the current types.
pub(in crate::frame) fn current(plan: &LogicalPlan) -> Result<Arc<dyn ExecutionPlan>> {
    physical(&refresh::current(plan)?, PlanOptions { rows: Rows::Spread, joins: Joins::Hash })
}

/// Runs `work` on the plan. If a value of a file does not fit the type of its column, retries with
/// a plan for a wider type; if a side of a join does not fit into memory, retries with joins that
/// spill.
pub(in crate::frame) fn retry_widened<T>(
    plan: &LogicalPlan,
    mut work: impl FnMut(&LogicalPlan, Joins) -> Result<T>,
) -> Result<T> {
    let (mut plan, mut joins) = (refresh::current(plan)?, Joins::Hash);
    loop {
        match work(&plan, joins) {
            Err(e) => match engine::again(&e, &plan, joins) {
                Some(other) => joins = other,
                None => plan = refresh::replan(&plan)?.filter(refresh::is_current).ok_or(e)?,
            },
            done => return done,
        }
    }
}
