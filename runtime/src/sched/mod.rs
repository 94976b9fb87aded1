//! Running graphs. [`compute`] is the single entry point: it builds the numbered graph, [`run`]
//! drives the [`state`] machine with the threads of the [`pool`], values are held in the [`store`],
//! and [`progress`] counts tasks and bytes, for the [`view`] and the page of the [`dashboard`];
//! [`cancel`] is the user's interrupt.

pub(crate) mod budget;
mod cancel;
pub(crate) mod card;
pub(crate) mod cpu;
pub(crate) mod dashboard;
mod panic;
pub(crate) mod pool;
pub(crate) mod progress;
mod run;
mod segment;
mod state;
mod store;
pub(crate) mod stream;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod view;

pub(crate) use cancel::{Stopped, cancel, cancelled, on_cancel, reset_cancel, until_cancelled};
pub(crate) use panic::panic_text;

use crate::error::{Error, ErrorKind, Result};
use crate::graph::chains::fused;
use crate::graph::picture::{self, Picture, Ran};
use crate::graph::{Graph, Point, Value, layers_of};
use std::sync::OnceLock;
use std::time::Duration;

/// The host's callback before a cell is left.
static STOPPING: OnceLock<fn()> = OnceLock::new();

/// Registers `prepare` to be called before a cell is left because the user interrupted it.
pub(crate) fn before_stopping(prepare: fn()) {
    // Only the host calls this, once.
    let _ = STOPPING.set(prepare);
}

/// Leaves the cell if the user has interrupted it: unwinds without a panic message, which keeps the
/// cell's variables. Inside a task, and outside of a notebook, the error is returned instead.
pub(crate) fn stop_here(error: Error) -> Error {
    if matches!(error.kind(), ErrorKind::Interrupted)
        && crate::wire::connected()
        && !pool::inside_task()
        && !std::thread::panicking()
    {
        STOPPING.get().inspect(|prepare| prepare());
        std::panic::resume_unwind(Box::new(Stopped));
    }
    error
}

/// Computes the values of the points in parallel, running each task once.
pub(crate) fn compute(wanted: &[Point]) -> Result<Vec<Value>> {
    run::run(Graph::new(&fused(wanted))).inspect_err(crate::deferred::told).map_err(stop_here)
}

/// Runs `work` as part of a task that is already counted: its computations are not shown
/// separately.
pub(crate) fn within<T>(work: impl FnOnce() -> T) -> T {
    pool::within(work)
}

/// Runs `work` as a separate task, outside of any graph; `None` if it panics.
pub(crate) fn guarded<T>(work: impl FnOnce() -> T) -> Option<T> {
    pool::as_task(work).ok()
}

/// Returns the picture of everything that the points need, coloured by its last run, if any.
pub(crate) fn picture(points: &[Point]) -> Picture {
    let keys: foldhash::HashSet<_> = layers_of(points, |_| true).iter().map(|l| l.key).collect();
    let ran = |r: progress::Record| Ran {
        took: Duration::from_micros(r.took_us),
        thread: r.thread,
        bytes: r.bytes,
        failed: r.outcome == progress::Outcome::Failed,
    };
    let runs = progress::last_runs(&|key| keys.contains(&key))
        .into_iter()
        .map(|(task, r)| (task, ran(r)))
        .collect();
    picture::of_points(points, runs)
}
