//! The driver of the state machine: rayon's threads are the workers. Each worker takes a task, runs it with panics
//! caught, and reports; values live in a table of slots until the machine releases them.

use super::cancelled;
use super::progress::{Job, Outcome};
use super::state::{Action, Event, State};
use crate::config;
use crate::error::{Error, ErrorKind, Result};
use crate::graph::value::bytes_of;
use crate::graph::{Graph, Value};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, LazyLock, Mutex, PoisonError, RwLock};
use std::time::Duration;

/// The workers of this process.
static POOL: LazyLock<RwLock<Arc<rayon::ThreadPool>>> = LazyLock::new(|| RwLock::new(new_pool()));

fn new_pool() -> Arc<rayon::ThreadPool> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(config::workers())
        .thread_name(|i| format!("rask-worker-{i}"))
        .stack_size(8 << 20)
        .build()
        // Without threads there is no runtime; the message says which limit was met.
        .unwrap_or_else(|e| panic!("the {} worker threads could not be started: {e}", config::workers()));
    Arc::new(pool)
}

fn pool() -> Arc<rayon::ThreadPool> {
    POOL.read().unwrap_or_else(PoisonError::into_inner).clone()
}

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    static PANIC: RefCell<Option<(String, Option<String>)>> = const { RefCell::new(None) };
}

/// Whether this thread is running a task.
pub(crate) fn inside_task() -> bool {
    DEPTH.get() > 0
}

/// Keeps a panic's text and place for the error of the task that this thread is running.
pub(crate) fn note_panic(message: String, place: Option<String>) {
    PANIC.with_borrow_mut(|p| *p = Some((message, place)));
}

/// What the workers of one computation share.
struct Shared {
    graph: Graph,
    /// Number of each task's name in the job.
    name_of: Vec<u32>,
    inner: Mutex<Inner>,
    changed: Condvar,
    job: Job,
}

struct Inner {
    state: State,
    slots: Vec<Option<Value>>,
    error: Option<Error>,
    finished: bool,
}

/// Runs the graph and returns the wanted values in order.
pub(super) fn run(graph: Graph) -> Result<Vec<Value>> {
    let mut names: Vec<Arc<str>> = Vec::new();
    let mut numbers: HashMap<Arc<str>, u32> = HashMap::new();
    let name_of = graph.tasks.iter().map(|t| {
        *numbers.entry(t.key.name.clone()).or_insert_with(|| {
            names.push(t.key.name.clone());
            names.len() as u32 - 1
        })
    });
    let name_of: Vec<u32> = name_of.collect();
    let job = Job::begin(names);
    for name in &name_of {
        job.expect(*name, 1);
    }
    let inner = Inner {
        state: State::new(graph.deps.clone(), &graph.wanted),
        slots: vec![None; graph.len()],
        error: None,
        finished: graph.len() == 0,
    };
    let wanted = graph.wanted.clone();
    let helpers = config::workers().min(graph.len().max(1));
    let shared = Arc::new(Shared { graph, name_of, inner: Mutex::new(inner), changed: Condvar::new(), job });
    // A task that computes works at its own graph itself, and never takes on another graph's work on top of its own: that
    // work might wait for this very task.
    let nested = inside_task();
    let pool = pool();
    for _ in usize::from(nested)..helpers {
        help(shared.clone(), pool.clone());
    }
    if nested {
        shared.work();
    }
    shared.wait();
    shared.job.finish();
    let mut inner = shared.lock();
    if let Some(error) = inner.error.take() {
        return Err(error);
    }
    // Every wanted task is done and has a reader that never finishes, so its slot is filled.
    Ok(wanted.iter().map(|w| inner.slots[*w as usize].clone().expect("a wanted value is kept")).collect())
}

/// One more worker for a computation. One that comes up inside of a task, as a thread waits there for others, stands back.
fn help(shared: Arc<Shared>, pool: Arc<rayon::ThreadPool>) {
    let again = pool.clone();
    pool.spawn(move || {
        if !inside_task() {
            shared.work();
        } else if !shared.lock().finished {
            help(shared, again);
        }
    });
}

/// How long tasks that are running have to end once the user wants to stop.
const LAST_MOMENT: Duration = Duration::from_millis(300);

impl Shared {
    /// Waits until all is done. Where the user stops the computation it does not wait for a task that goes on: what that
    /// holds is its own, and it ends when it ends, on a pool that takes no new work.
    fn wait(self: &Arc<Self>) {
        let waker = self.clone();
        let _listening = super::on_cancel(Arc::new(move || {
            drop(waker.lock());
            waker.changed.notify_all();
        }));
        let mut inner = self.lock();
        while !inner.finished && !cancelled() {
            inner = self.changed.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
        if inner.finished {
            return;
        }
        let mut actions = Vec::new();
        inner.error.get_or_insert_with(|| ErrorKind::Interrupted.into());
        inner.state.handle(Event::Cancelled, &mut actions);
        self.apply(&mut inner, &mut actions);
        self.changed.notify_all();
        let (inner, late) = self.changed.wait_timeout_while(inner, LAST_MOMENT, |i| !i.finished).unwrap_or_else(PoisonError::into_inner);
        drop(inner);
        if late.timed_out() && !inside_task() {
            *POOL.write().unwrap_or_else(PoisonError::into_inner) = new_pool();
        }
    }

    /// One worker: runs tasks until the computation is finished.
    fn work(&self) {
        let worker = rayon::current_thread_index().unwrap_or(0);
        let mut actions = Vec::new();
        let mut inner = self.lock();
        loop {
            if inner.finished {
                return;
            }
            if cancelled() && inner.error.is_none() {
                inner.error = Some(ErrorKind::Interrupted.into());
                inner.state.handle(Event::Cancelled, &mut actions);
            } else {
                inner.state.handle(Event::Idle, &mut actions);
            }
            match self.apply(&mut inner, &mut actions) {
                Some(task) => {
                    let values = self.graph.deps[task as usize].iter().map(|d| self.take(&mut inner, *d)).collect();
                    drop(inner);
                    let outcome = self.run_task(task, values, worker);
                    inner = self.lock();
                    let event = match outcome {
                        Ok(value) => {
                            inner.slots[task as usize] = Some(value);
                            Event::Done(task)
                        }
                        Err(error) => {
                            inner.error.get_or_insert(error);
                            Event::Failed(task)
                        }
                    };
                    inner.state.handle(event, &mut actions);
                    self.apply(&mut inner, &mut actions);
                }
                None if inner.finished => return,
                None => inner = self.changed.wait(inner).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A dependency's value for a task about to run.
    fn take(&self, inner: &mut Inner, dep: u32) -> Value {
        // The machine runs a task only after its dependencies, and releases their values only after their readers.
        inner.slots[dep as usize].clone().expect("a dependency has a value")
    }

    /// Does what the machine asked for; returns the task to run, if any.
    fn apply(&self, inner: &mut Inner, actions: &mut Vec<Action>) -> Option<u32> {
        let mut run = None;
        for action in actions.drain(..) {
            match action {
                Action::Run(task) => run = Some(task),
                Action::Release(task) => {
                    if let Some(value) = inner.slots[task as usize].take() {
                        self.job.release(bytes_of(&*value));
                    }
                }
                // The worker that reports takes one of the ready tasks itself.
                Action::Wake(n) => (1..n).for_each(|_| self.changed.notify_one()),
                Action::Finish => {
                    inner.finished = true;
                    self.changed.notify_all();
                }
            }
        }
        run
    }

    fn run_task(&self, task: u32, values: Vec<Value>, worker: usize) -> Result<Value> {
        let node = &self.graph.tasks[task as usize];
        let name = self.name_of[task as usize];
        self.job.start(worker, name);
        let shown = || {
            let mut parts = node.literals.clone();
            parts.extend(node.deps.iter().map(|d| d.key.to_string()));
            if parts.is_empty() { "none".to_owned() } else { parts.join(", ") }
        };
        DEPTH.set(DEPTH.get() + 1);
        let outcome = catch_unwind(AssertUnwindSafe(|| (node.run)(values)));
        DEPTH.set(DEPTH.get() - 1);
        match outcome {
            Ok(value) => {
                self.job.end(worker, name, Outcome::Done, bytes_of(&*value));
                Ok(value)
            }
            Err(payload) => {
                self.job.end(worker, name, Outcome::Failed, 0);
                if payload.is::<super::Stopped>() {
                    return Err(ErrorKind::Interrupted.into());
                }
                let noted = PANIC.take();
                let (message, place) = noted.unwrap_or_else(|| (super::panic_text(&*payload), None));
                let (task, key) = (node.key.name.to_string(), node.key.to_string());
                Err(ErrorKind::TaskPanicked { task, key, input: shown(), message, place }.into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::delayed::delayed;
    use crate::error::ErrorKind;

    fn add(a: u64, b: u64) -> u64 {
        a + b
    }

    #[test]
    fn a_tree_of_sixteen_thousand_calls() {
        let mut level: Vec<_> = (0..8192u64).map(|i| delayed(add).call((i, 0))).collect();
        while level.len() > 1 {
            level = level.chunks(2).map(|p| delayed(add).call((&p[0], &p[1]))).collect();
        }
        assert_eq!(level[0].compute().unwrap(), 8191 * 8192 / 2);
    }

    #[test]
    fn nested_computes_do_not_deadlock() {
        let outer = |n: u64| {
            let parts: Vec<_> = (0..n).map(|i| delayed(add).call((i, 1))).collect();
            delayed(|v: Vec<u64>| v.iter().sum::<u64>()).call((parts,)).compute().unwrap()
        };
        let all: Vec<_> = (0..64u64).map(|_| delayed(outer).call((10,))).collect();
        assert_eq!(delayed(|v: Vec<u64>| v.iter().sum::<u64>()).call((all,)).compute().unwrap(), 64 * 55);
    }

    #[test]
    fn a_panic_names_the_task_its_input_and_text() {
        fn explode(n: u64, s: String) -> u64 {
            assert!(n != 7, "seven and {s}");
            n
        }
        let e = delayed(explode).call((7, "text".to_owned())).compute().unwrap_err();
        let ErrorKind::TaskPanicked { task, input, message, .. } = e.kind() else { panic!("{e}") };
        assert_eq!((task.as_str(), input.as_str(), message.as_str()), ("explode", "7, \"text\"", "seven and text"));
    }
}
