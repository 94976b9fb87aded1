//! The threads that run tasks, and what a thread knows of the task that it runs. How a graph is run on them is [`super::run`].

use super::cancel::Stopped;
use super::panic::{Panic, panic_text};
use crate::config;
use std::cell::{Cell, RefCell};
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

/// The threads of this process.
static POOL: LazyLock<RwLock<Arc<rayon::ThreadPool>>> = LazyLock::new(|| RwLock::new(new_pool()));

fn new_pool() -> Arc<rayon::ThreadPool> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(config::threads())
        .thread_name(|i| format!("rask-worker-{i}"))
        .stack_size(8 << 20)
        .start_handler(super::cpu::register)
        // What runs here catches its panics itself; whatever slips through is not to end the process.
        .panic_handler(|_| {})
        .build()
        // Without threads there is no runtime; the message says which limit was met.
        .unwrap_or_else(|e| panic!("the {} worker threads could not be started: {e}", config::threads()));
    Arc::new(pool)
}

/// The pool, with as many threads as are set now.
pub(crate) fn pool() -> Arc<rayon::ThreadPool> {
    let pool = POOL.read().unwrap_or_else(PoisonError::into_inner).clone();
    if pool.current_num_threads() == config::threads() {
        return pool;
    }
    replace();
    POOL.read().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Leaves the threads to what they are doing and takes new ones.
pub(super) fn replace() {
    *POOL.write().unwrap_or_else(PoisonError::into_inner) = new_pool();
}

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    static PANIC: RefCell<Option<(String, Option<String>)>> = const { RefCell::new(None) };
}

/// Whether this thread is running a task.
pub(crate) fn inside_task() -> bool {
    DEPTH.get() > 0
}

/// Runs `task` as a task of this thread; a panic is its error: the payload, its text and its place where that is known.
pub(super) fn as_task<T>(task: impl FnOnce() -> T) -> Result<T, Panic> {
    DEPTH.set(DEPTH.get() + 1);
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(task));
    DEPTH.set(DEPTH.get() - 1);
    outcome.map_err(panic_of)
}

/// Runs `work` as part of a task; a panic goes on.
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

/// Runs what is no task; a panic is its error.
pub(super) fn as_guarded<T>(work: impl FnOnce() -> T) -> Result<T, Panic> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).map_err(panic_of)
}

fn panic_of(payload: Box<dyn std::any::Any + Send>) -> Panic {
    let noted = PANIC.take();
    let (message, place) = noted.unwrap_or_else(|| (panic_text(&*payload), None));
    Panic { stopped: payload.is::<Stopped>(), message, place }
}

/// Keeps a panic's text and place for the error of the task that this thread is running.
pub(crate) fn note_panic(message: String, place: Option<String>) {
    PANIC.with_borrow_mut(|p| *p = Some((message, place)));
}
