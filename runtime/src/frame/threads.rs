//! The threads on which frames are computed, and how the user's thread waits for them.

use crate::error::{Error, ErrorKind, Result};
use crate::{config, sched};
use rask_wire::helpers::Whole;
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, RwLock};

thread_local! {
    static WORKER: Cell<usize> = const { Cell::new(0) };
}

/// A tokio runtime with this many threads.
struct Threads {
    count: usize,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Drop for Threads {
    /// Shuts the runtime down without waiting for its threads, as dropping it would.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

static THREADS: RwLock<Option<Arc<Threads>>> = RwLock::new(None);

/// Returns the threads for the current settings.
fn threads() -> Arc<Threads> {
    let count = config::threads();
    let fits = |t: &Option<Arc<Threads>>| t.as_ref().filter(|t| t.count == count).cloned();
    if let Some(threads) = fits(&THREADS.read().whole()) {
        return threads;
    }
    let mut place = THREADS.write().whole();
    fits(&place).unwrap_or_else(|| place.insert(Arc::new(new_threads(count))).clone())
}

fn new_threads(count: usize) -> Threads {
    let next = AtomicUsize::new(0);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(count)
        .thread_name("rask-frame")
        .thread_stack_size(8 << 20)
        .on_thread_start(move || {
            let worker = next.fetch_add(1, Ordering::Relaxed) % count;
            WORKER.set(worker);
            sched::cpu::register(worker);
        })
        .enable_all()
        .build()
        // Nothing can run without threads.
        .unwrap_or_else(|e| panic!("the threads that run frames could not be started: {e}"));
    Threads { count, runtime: Some(runtime) }
}

/// Returns the number of this thread's worker.
pub(in crate::frame) fn worker() -> usize {
    WORKER.get()
}

/// Blocks the user's thread until a future completes or the user interrupts.
pub(in crate::frame) fn wait<T: Send + 'static>(
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    let threads = threads();
    // It is taken only when the threads are dropped.
    let runtime = threads.runtime.as_ref().expect("threads have a runtime");
    let done = runtime.block_on(async {
        let task = runtime.spawn(work);
        let stop = task.abort_handle();
        tokio::select! {
            result = task => result.unwrap_or_else(|e| Err(joined(e))),
            () = sched::until_cancelled() => {
                stop.abort();
                Err(ErrorKind::Interrupted.into())
            }
        }
    });
    done.map_err(sched::stop_here)
}

/// Runs work that may take long, such as a user's closure, on a blocking thread; a panic becomes an
/// error.
pub(in crate::frame) async fn beside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(move || sched::within(work)).await.map_err(joined)?
}

/// Converts a panic inside DataFusion to an error.
pub(in crate::frame) fn joined(e: tokio::task::JoinError) -> Error {
    let message = match e.try_into_panic() {
        Ok(payload) => sched::panic_text(&*payload),
        Err(e) => e.to_string(),
    };
    ErrorKind::Engine { operation: "compute".to_owned(), message }.into()
}
