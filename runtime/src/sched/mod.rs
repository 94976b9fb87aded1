//! Running graphs. [`compute`] is the single doorway: it makes the [`state`] machine of a graph, drives it with the
//! workers of the [`pool`], and reports to [`progress`]. Cancellation lives here, as everything that runs asks for it.

pub(crate) mod pool;
pub(crate) mod progress;
mod state;

use crate::error::{Error, ErrorKind, Result};
use crate::graph::{Graph, Node, Value};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError};

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

/// Computes the nodes' values in parallel.
pub(crate) fn compute(wanted: &[Arc<Node>]) -> Result<Vec<Value>> {
    let graph = Graph::new(wanted);
    pool::run(graph).map_err(stop_here)
}

/// The text of a panic's payload.
pub(crate) fn panic_text(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<&'static str>().map(|s| (*s).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic whose payload is not text".to_owned())
}
