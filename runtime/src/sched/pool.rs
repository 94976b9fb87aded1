//! The threads that run tasks, and each thread's state while it runs a task. [`super::run`] runs
//! graphs on them.

use super::cancel::Stopped;
use super::panic::{Panic, panic_text};
use crate::config;
use rask_wire::helpers::Whole;
use std::cell::{Cell, RefCell};
use std::sync::{Arc, LazyLock, RwLock};

/// The worker threads of this process.
static POOL: LazyLock<RwLock<Arc<rayon::ThreadPool>>> = LazyLock::new(|| RwLock::new(new_pool()));

fn new_pool() -> Arc<rayon::ThreadPool> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(config::threads())
        .thread_name(|i| format!("rask-worker-{i}"))
        .stack_size(8 << 20)
        .start_handler(super::cpu::register)
        // Tasks catch their panics themselves; any other panic must not abort the process.
        .panic_handler(|_| {})
        .build()
        // Without threads there is no runtime; the message names the limit that was hit.
        .unwrap_or_else(|e| panic!("cannot start {} worker threads: {e}", config::threads()));
    Arc::new(pool)
}

/// Returns the pool, with the currently configured number of threads.
pub(crate) fn pool() -> Arc<rayon::ThreadPool> {
    let pool = POOL.read().whole().clone();
    if pool.current_num_threads() == config::threads() {
        return pool;
    }
    replace();
    POOL.read().whole().clone()
}

/// Replaces the pool by a new one; the old threads finish what they are doing.
pub(super) fn replace() {
    *POOL.write().whole() = new_pool();
}

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    static PANIC: RefCell<Option<(String, Option<String>)>> = const { RefCell::new(None) };
}

/// Returns whether this thread is running a task.
pub(crate) fn inside_task() -> bool {
    DEPTH.get() > 0
}

/// Runs `task` as a task of this thread; a panic becomes an error with its text and, if known, its
/// location.
pub(super) fn as_task<T>(task: impl FnOnce() -> T) -> Result<T, Panic> {
    DEPTH.set(DEPTH.get() + 1);
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(task));
    DEPTH.set(DEPTH.get() - 1);
    outcome.map_err(panic_of)
}

/// Runs `work` as part of a task; a panic is propagated.
pub(super) fn within<T>(work: impl FnOnce() -> T) -> T {
    struct Back;
    impl Drop for Back {
        fn drop(&mut self) {
            DEPTH.set(DEPTH.get() - 1);
        }
    }
    DEPTH.set(DEPTH.get() + 1);
    let _back = Back;
    work()
}

/// Runs work that is not a task; a panic becomes an error.
pub(super) fn as_guarded<T>(work: impl FnOnce() -> T) -> Result<T, Panic> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).map_err(panic_of)
}

fn panic_of(payload: Box<dyn std::any::Any + Send>) -> Panic {
    let noted = PANIC.take();
    let (message, place) = noted.unwrap_or_else(|| (panic_text(&*payload), None));
    Panic { stopped: payload.is::<Stopped>(), message, place }
}

/// Records a panic's text and location for the error of the task that this thread is running.
pub(crate) fn note_panic(message: String, place: Option<String>) {
    PANIC.with_borrow_mut(|p| *p = Some((message, place)));
}
