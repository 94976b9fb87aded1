//! Display of frames: the columns, and a drawing of the tasks.

use crate::deferred;
use crate::error::Result;
use crate::frame::dataframe::DataFrame;
use crate::frame::engine::collect;
use crate::frame::exec::{coalesce, observe};
use crate::frame::types::table;
use crate::graph::drawing::{Direction, Drawing};
use crate::graph::picture::Picture;
use crate::show::{self, Bundle, Show, html};
use datafusion::physical_plan::ExecutionPlanProperties;
use std::fmt;
use std::sync::Arc;

impl DataFrame {
    pub(in crate::frame) fn physical(
        &self,
    ) -> Result<Arc<dyn datafusion::physical_plan::ExecutionPlan>> {
        collect::current(self.plan()?)
    }

    /// Draws the graph of the frame's tasks, one for each operator and partition.
    #[track_caller]
    #[must_use]
    pub fn visualize(&self) -> Picture {
        let mut drawing =
            Drawing { nodes: Vec::new(), edges: Vec::new(), direction: Direction::Down };
        match self.physical() {
            Ok(plan) => {
                let outputs = draw(&plan, &mut drawing);
                let result = drawing.add("result", false);
                drawing.edges.extend(outputs.iter().flatten().map(|o| (*o, result)));
                Picture::new(drawing, observe::tasks(&plan))
            }
            Err(e) => {
                deferred::note(&e, std::panic::Location::caller());
                Picture::new(drawing, 0)
            }
        }
    }
}

/// Adds an operator's tasks and returns those of each partition.
fn draw(
    plan: &Arc<dyn datafusion::physical_plan::ExecutionPlan>,
    drawing: &mut Drawing,
) -> Vec<Vec<usize>> {
    let inputs: Vec<Vec<Vec<usize>>> =
        plan.children().into_iter().map(|c| draw(c, drawing)).collect();
    let n = plan.output_partitioning().partition_count();
    let Some(name) = observe::name(plan.as_ref()) else {
        // Neighbouring partitions may be read as one.
        let all: Vec<Vec<usize>> = inputs.into_iter().flatten().collect();
        return (0..n).map(|i| all[coalesce::members(all.len(), n, i)].concat()).collect();
    };
    let mine: Vec<usize> = (0..n).map(|_| drawing.add(&name, true)).collect();
    if inputs.is_empty() {
        for (i, task) in mine.iter().enumerate() {
            let data = drawing.add(&format!("partition {i}"), false);
            drawing.edges.push((data, *task));
        }
    }
    for input in inputs {
        if input.len() == n {
            let shuffles = name == "shuffle";
            for (i, from) in input.iter().enumerate() {
                let to: &[usize] = if shuffles { &mine } else { &mine[i..=i] };
                drawing.edges.extend(from.iter().flat_map(|f| to.iter().map(move |t| (*f, *t))));
            }
        } else {
            drawing.edges.extend(
                input.iter().flatten().flat_map(|from| mine.iter().map(move |to| (*from, *to))),
            );
        }
    }
    mine.into_iter().map(|task| vec![task]).collect()
}

impl Show for DataFrame {
    fn show(&self) -> Bundle {
        let described = self.plan().and_then(|plan| {
            let physical = collect::current(plan)?;
            Ok((plan, physical.output_partitioning().partition_count(), observe::tasks(&physical)))
        });
        let (plan, partitions, tasks) = match described {
            Ok(all) => all,
            Err(e) => {
                // Displaying the error does not mark it as reported: the cell still ends in it.
                deferred::note(&e, std::panic::Location::caller());
                return Bundle::text(format!("DataFrame with an error: {e}"));
            }
        };
        let columns = table::headings(plan.schema().fields());
        let note = format!(
            "lazy: {}, {}, {}",
            html::count(columns.len(), "column"),
            html::count(partitions, "partition"),
            html::count(tasks, "task")
        );
        let dots = vec![Some("\u{2026}".to_owned()); columns.len()];
        let rows: Vec<_> = (0..partitions.min(3))
            .map(|i| Some((format!("partition {i}"), dots.clone())))
            .collect();
        let text: Vec<_> = columns.iter().map(|c| format!("  {}: {}", c.name, c.dtype)).collect();
        Bundle::text(format!("DataFrame ({note})\n{}", text.join("\n")))
            .with("text/html", html::table(&columns, &rows, &note))
    }
}

impl fmt::Debug for DataFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show::debug(self, f)
    }
}
