//! Speculative scans, which guess where rows begin.
//!
//! Whether a split of a file is inside quotes is known only after all bytes before it were read. A
//! scan may instead assume that it is not, if whatever reads its rows reads all of them before it
//! emits anything: quotes that turn up are then noticed in time, and the plan runs again without
//! guesses (`engine::refresh`).

use crate::frame::source::csv::pieces::Piece;
use crate::frame::source::csv::scan::CsvSource;
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::Result as DfResult;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::execution_plan::replace_children_if_necessary;
use datafusion::physical_plan::sorts::sort::SortExec;
use std::sync::Arc;

/// Makes scans that read whole files speculative: unread quotes would not be seen.
pub(in crate::frame) fn guessed(plan: Arc<dyn ExecutionPlan>) -> DfResult<Arc<dyn ExecutionPlan>> {
    guess(plan, true)
}

pub(in crate::frame) fn guess(
    plan: Arc<dyn ExecutionPlan>,
    whole: bool,
) -> DfResult<Arc<dyn ExecutionPlan>> {
    if let Some(source) = plan
        .downcast_ref::<DataSourceExec>()
        .and_then(|s| s.data_source().downcast_ref::<CsvSource>())
    {
        return Ok(if whole && source.may_guess() {
            DataSourceExec::from_data_source(source.guessing())
        } else {
            plan
        });
    }
    // These consume their whole input before they emit anything, whatever is above them. The
    // partial stage of an aggregation emits the results of its own partition.
    let whole_group = |a: &AggregateExec| {
        a.limit_options().is_none()
            && !matches!(a.mode(), AggregateMode::Partial | AggregateMode::PartialReduce)
    };
    let gathers =
        plan.is::<SortExec>() || plan.downcast_ref::<AggregateExec>().is_some_and(whole_group);
    // Under a limit a scan may end before the quotes that prove a guess wrong.
    let whole = gathers || whole && plan.fetch().is_none() && !plan.name().contains("Limit");
    let children = plan
        .children()
        .into_iter()
        .map(|c| guess(c.clone(), whole))
        .collect::<DfResult<Vec<_>>>()?;
    replace_children_if_necessary(plan, children)
}

impl CsvSource {
    /// Returns whether the splits of all files may be assumed to be outside quotes.
    fn may_guess(&self) -> bool {
        let cut = self.work.iter().flatten().filter_map(|piece| match *piece {
            Piece::Range { file, from, .. } if from > self.job.table.files[file].start => {
                Some((file, from))
            }
            _ => None,
        });
        let table = &self.job.table;
        // Inferring types must not itself be inferred from wrong rows; `nrows` stops early.
        !self.job.settle
            && table.nrows.is_none()
            && table.dialect.quote.is_some()
            && table.types.guess(cut)
    }
}
