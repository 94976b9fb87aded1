//! Whether the places where files are cut are inside of quotes. Where samples show no quotes, none of them is taken to be; that
//! is looked into when quotes turn up or anything fails, and where it was wrong the plan is made again.
//!
//! To guess first is the way of Ge et al., "Speculative distributed CSV data parsing for big data analytics", SIGMOD 2019.

use super::source::{CsvSource, Piece};
use super::table::Table;
use super::types::Place;
use crate::csv::quotes::State;
use crate::error::{ErrorKind, Result};
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::Result as DfResult;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::execution_plan::replace_children_if_necessary;
use datafusion::physical_plan::sorts::sort::SortExec;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::OnceCell;

/// The states at the places where files are cut; found when the first part asks.
pub(super) type States = OnceCell<HashMap<Place, State>>;

/// Looks at the parts of all files that are cut, side by side.
pub(super) async fn states(table: Arc<Table>, work: Arc<Vec<Vec<Piece>>>) -> Result<HashMap<Place, State>> {
    let ranges: Vec<_> = work.iter().flatten().copied().collect();
    let cut = |file| ranges.iter().filter(|p| matches!(p, Piece::Range { file: f, .. } if *f == file)).count() > 1;
    let mut parts = Vec::new();
    for piece in &ranges {
        // How the last part of a file leaves off does not matter.
        if let Piece::Range { file, from, to } = *piece
            && cut(file)
            && to < table.files[file].size
        {
            let table = table.clone();
            parts.push((file, to, tokio::task::spawn_blocking(move || table.passage(file, from, to))));
        }
    }
    let mut states = HashMap::new();
    let mut now = (usize::MAX, State::Outside);
    for (file, to, part) in parts {
        let told = part.await.map_err(|e| ErrorKind::Engine { operation: "read_csv".to_owned(), message: e.to_string() })??;
        let before = if now.0 == file { now.1 } else { State::Outside };
        now = (file, told.from(before));
        states.insert((file, to), now.1);
    }
    Ok(states)
}

/// The plan with files whose cuts are guessed at, where all of a file is read: quotes that nobody reads would not be seen.
pub(in crate::frame) fn guessed(plan: Arc<dyn ExecutionPlan>) -> DfResult<Arc<dyn ExecutionPlan>> {
    guess(plan, true)
}

fn guess(plan: Arc<dyn ExecutionPlan>, whole: bool) -> DfResult<Arc<dyn ExecutionPlan>> {
    if let Some(source) = plan.downcast_ref::<DataSourceExec>().and_then(|s| s.data_source().downcast_ref::<CsvSource>()) {
        return Ok(if whole && source.may_guess() { DataSourceExec::from_data_source(source.guessing()) } else { plan });
    }
    // These read all before they give anything, whatever stands above them. The first half of an aggregation gives what it has
    // of its own partition.
    let whole_group =
        |a: &AggregateExec| a.limit_options().is_none() && !matches!(a.mode(), AggregateMode::Partial | AggregateMode::PartialReduce);
    let gathers = plan.is::<SortExec>() || plan.downcast_ref::<AggregateExec>().is_some_and(whole_group);
    let whole = gathers || whole && plan.fetch().is_none() && !plan.name().contains("Limit");
    let children = plan.children().into_iter().map(|c| guess(c.clone(), whole)).collect::<DfResult<Vec<_>>>()?;
    replace_children_if_necessary(plan, children)
}

impl CsvSource {
    /// Whether it may be guessed that no file is cut inside of quotes.
    fn may_guess(&self) -> bool {
        let cut = self.work.iter().flatten().filter_map(|piece| match *piece {
            Piece::Range { file, from, .. } if from > self.job.table.files[file].start => Some((file, from)),
            _ => None,
        });
        let table = &self.job.table;
        !self.job.settle && table.nrows.is_none() && table.dialect.quote.is_some() && table.types.guess(cut)
    }
}
