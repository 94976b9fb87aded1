//! Running graphs. [`compute`] is the single doorway: it makes the numbered graph, [`run`] drives the [`state`] machine with
//! the threads of the [`pool`], values lie in the [`store`], and [`progress`] counts, for the [`view`] and the page of the
//! [`dashboard`]. Cancellation lives here, as everything that runs asks for it.

pub(crate) mod budget;
pub(crate) mod card;
pub(crate) mod cpu;
pub(crate) mod dashboard;
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

use crate::error::{Error, ErrorKind, Result};
use crate::graph::picture::{self, Picture, Ran};
use crate::graph::stream::fuse_streams;
use crate::graph::{Graph, Point, Value, layers_of};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError};
use std::time::Duration;
static CANCELLED: AtomicBool = AtomicBool::new(false);
static CANCEL: LazyLock<tokio::sync::Notify> = LazyLock::new(tokio::sync::Notify::new);

/// Asks whatever is running to stop at its next safe point.
pub(crate) fn cancel() {
    CANCELLED.store(true, Ordering::SeqCst);
    CANCEL.notify_waiters();
    let listeners: Vec<_> = LISTENERS.lock().unwrap_or_else(PoisonError::into_inner).iter().map(|(_, f)| f.clone()).collect();
    listeners.iter().for_each(|f| f());
}

/// What is called when the user asks to stop.
type Listener = Arc<dyn Fn() + Send + Sync>;

static LISTENERS: Mutex<Vec<(u64, Listener)>> = Mutex::new(Vec::new());

/// Listens until it is dropped.
pub(crate) struct Listening(u64);

impl Drop for Listening {
    fn drop(&mut self) {
        LISTENERS.lock().unwrap_or_else(PoisonError::into_inner).retain(|(n, _)| *n != self.0);
    }
}

/// Has `listener` called when the user asks to stop, from now on.
pub(crate) fn on_cancel(listener: Listener) -> Listening {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    LISTENERS.lock().unwrap_or_else(PoisonError::into_inner).push((number, listener));
    Listening(number)
}

/// Forgets an earlier request to stop; the host calls this before each cell.
pub(crate) fn reset_cancel() {
    CANCELLED.store(false, Ordering::SeqCst);
}

/// Whether the user asked to stop.
#[inline]
pub(crate) fn cancelled() -> bool {
    CANCELLED.load(Ordering::Relaxed)
}

/// Ends when the user asks to stop.
pub(crate) async fn until_cancelled() {
    let notified = CANCEL.notified();
    // A request made before this began to listen counts too.
    if !cancelled() {
        notified.await;
    }
}

/// The panic payload of a cell that the user stopped.
pub(crate) struct Stopped;

/// What the host does before a cell is left.
static STOPPING: OnceLock<fn()> = OnceLock::new();

/// Has `prepare` called before a cell is left because the user wants it to stop.
pub(crate) fn before_stopping(prepare: fn()) {
    // Only the host calls this, once.
    let _ = STOPPING.set(prepare);
}

/// Leaves the cell where the user asked to stop: an unwind without a panic message, after which the cell's variables are
/// kept. Inside a task, and outside of a notebook, the error is returned instead.
pub(crate) fn stop_here(error: Error) -> Error {
    if matches!(error.kind(), ErrorKind::Interrupted) && crate::wire::connected() && !pool::inside_task() && !std::thread::panicking() {
        STOPPING.get().inspect(|prepare| prepare());
        std::panic::resume_unwind(Box::new(Stopped));
    }
    error
}

/// Computes the values of the points in parallel, each task once.
pub(crate) fn compute(wanted: &[Point]) -> Result<Vec<Value>> {
    run::run(Graph::new(&fuse_streams(wanted))).inspect_err(crate::poison::told).map_err(stop_here)
}

/// Runs `work` as part of a task that is already counted: what it computes is that task's own business.
pub(crate) fn within<T>(work: impl FnOnce() -> T) -> T {
    pool::within(work)
}

/// Runs `work` as a task of its own, outside of any graph; `None` where it panics.
pub(crate) fn guarded<T>(work: impl FnOnce() -> T) -> Option<T> {
    pool::as_task(work).ok()
}

/// The picture of everything that the points need, coloured by its last run where there was one.
pub(crate) fn picture(points: &[Point]) -> Picture {
    let keys: foldhash::HashSet<_> = layers_of(points, |_| true).iter().map(|l| l.key).collect();
    let ran = |r: progress::Record| Ran {
        took: Duration::from_micros(r.took_us),
        thread: r.thread,
        bytes: r.bytes,
        failed: r.outcome == progress::Outcome::Failed,
    };
    let runs = progress::last_runs(&|key| keys.contains(&key)).into_iter().map(|(task, r)| (task, ran(r))).collect();
    picture::of_points(points, runs)
}

/// The text of a panic's payload.
pub(crate) fn panic_text(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<&'static str>().map(|s| (*s).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic whose payload is not text".to_owned())
}
