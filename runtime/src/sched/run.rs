//! The driver of the state machine: threads of the pool take tasks, run them with panics caught,
//! and report. Short tasks are taken and reported in batches, so that their overhead is well below
//! a microsecond; idle threads steal from the batches of others.

use super::budget::Share;
use super::cancel::{cancelled, on_cancel};
use super::panic::Panic;
use super::pool::{self, as_guarded, as_task};
use super::progress::{self, Job, Outcome, Record};
use super::segment::Segments;
use super::state::{Action, Event, Limits, State};
use super::store::{Read, Store};
use crate::config;
use crate::error::{Error, ErrorKind, Result};
use crate::graph::optimize::{Chains, chained, fuse, order};
use crate::graph::size::Size;
use crate::graph::{Graph, Value};
use rask_wire::helpers::Whole;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

/// The maximum number of tasks that a thread takes at once.
const BATCH: usize = 64;
/// A thread whose tasks take less than this on average takes several at once.
const SHORT_US: u64 = 20;
/// Values are reported after this time at the latest, even if the other threads are busy.
const REPORT_US: u64 = 200;
/// How long running tasks have to finish after the user's interrupt.
const LAST_MOMENT: Duration = Duration::from_millis(300);

/// The state shared by the threads of one computation. A thread that holds `inner` may lock one of
/// `locals`, never the other way round.
struct Shared {
    graph: Graph,
    chains: Chains,
    /// The number of each layer's name in the job.
    names: Vec<u32>,
    inner: Mutex<Inner>,
    /// Notified for threads that look for work.
    changed: Condvar,
    /// Notified for the thread that waits for the end.
    ended: Condvar,
    sleeping: AtomicUsize,
    /// Whether no more tasks are started.
    stopping: AtomicBool,
    locals: Box<[Mutex<Local>]>,
    joined: AtomicUsize,
    segments: Segments,
    limit: u64,
    workers: usize,
    threads_per_worker: usize,
    job: Job,
}

struct Inner {
    state: State,
    store: Store,
    share: Share,
    /// The worker that computed each value, and the bytes in memory of each worker's values.
    owners: Vec<u16>,
    worker_bytes: Vec<u64>,
    /// The bytes to move to disk.
    over: u64,
    /// The bytes of the wanted values.
    wanted: u64,
    is_wanted: foldhash::HashSet<u32>,
    error: Option<Error>,
    finished: bool,
}

/// The tasks that one thread has taken but not started, and finished but not reported.
#[derive(Default)]
struct Local {
    todo: VecDeque<Claim>,
    done: Vec<(u32, Value, Size)>,
    worker: u16,
    records: Vec<Record>,
}

/// A chain of tasks to run and the values that its first task reads.
struct Claim {
    chain: u32,
    values: Vec<Read>,
}

/// The state of one thread.
struct Me {
    /// Its index in `locals`.
    local: usize,
    /// Its number in the pool.
    thread: usize,
    mean_us: u64,
    reported_us: u64,
}

/// Runs the graph and returns the wanted values in order.
pub(super) fn run(graph: Graph) -> Result<Vec<Value>> {
    if graph.len() == 0 {
        return Ok(Vec::new());
    }
    let graph = order(graph);
    #[cfg(debug_assertions)]
    graph.validate();
    let chains = fuse(&graph);
    let (deps, wanted) = chained(&graph, &chains);
    let (job, names) = job_of(&graph);
    let cluster = config::cluster();
    let limit = cluster.memory();
    let helpers = cluster.threads().min(chains.len());
    let inner = Inner {
        state: State::new(deps, &wanted, Limits::of(limit)),
        store: Store::new(chains.len(), limit < u64::MAX),
        share: Share::default(),
        owners: vec![0; chains.len()],
        worker_bytes: vec![0; cluster.workers],
        over: 0,
        wanted: 0,
        is_wanted: wanted.iter().copied().collect(),
        error: None,
        finished: false,
    };
    let shared = Arc::new(Shared {
        graph,
        chains,
        names,
        inner: Mutex::new(inner),
        changed: Condvar::new(),
        ended: Condvar::new(),
        sleeping: AtomicUsize::new(0),
        stopping: AtomicBool::new(false),
        locals: (0..helpers).map(|_| Mutex::default()).collect(),
        joined: AtomicUsize::new(0),
        segments: Segments::new(cluster.local_directory),
        limit,
        workers: cluster.workers,
        threads_per_worker: cluster.threads_per_worker,
        job,
    });
    // A task that computes runs its own graph itself, and never takes on work of another graph on
    // top of it: that work might wait for this very task.
    let nested = pool::inside_task();
    let pool = pool::pool();
    for _ in usize::from(nested)..helpers {
        help(shared.clone(), pool.clone());
    }
    if nested {
        shared.work();
    }
    shared.wait();
    shared.results(&wanted)
}

/// Starts a job with the names of the graph's tasks; also returns the number of each layer's name
/// in it.
fn job_of(graph: &Graph) -> (Job, Vec<u32>) {
    // In the order in which the tasks run.
    let mut order: Vec<u32> = graph.tasks.iter().map(|t| t.layer).collect();
    let mut seen = vec![false; graph.layers.len()];
    order.retain(|l| !std::mem::replace(&mut seen[*l as usize], true));
    let (texts, numbers) =
        progress::names_of(order.iter().map(|l| graph.layers[*l as usize].label()));
    let mut names = vec![0; graph.layers.len()];
    order.iter().zip(numbers).for_each(|(layer, name)| names[*layer as usize] = name);
    let mut totals = vec![0; texts.len()];
    for task in &graph.tasks {
        totals[names[task.layer as usize] as usize] += 1;
    }
    let job = Job::begin(texts);
    totals.iter().enumerate().for_each(|(name, n)| job.expect(name as u32, *n));
    (job, names)
}

/// Adds a thread to a computation. A thread that is inside a task, where it waits for others,
/// passes the work on.
fn help(shared: Arc<Shared>, pool: Arc<rayon::ThreadPool>) {
    let again = pool.clone();
    pool.spawn(move || {
        if !pool::inside_task() {
            if let Err(panic) = as_guarded(|| shared.work()) {
                shared.abandon(panic);
            }
        } else if !shared.lock().finished {
            help(shared, again);
        }
    });
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().whole()
    }

    fn local(&self, i: usize) -> MutexGuard<'_, Local> {
        self.locals[i].lock().whole()
    }

    /// Waits until the computation has finished. After the user's interrupt it does not wait for
    /// tasks that go on for longer: these own what they hold, and finish on a pool that takes no
    /// new work.
    fn wait(self: &Arc<Self>) {
        let waker = self.clone();
        let _listening = on_cancel(Arc::new(move || {
            drop(waker.lock());
            waker.ended.notify_all();
            waker.changed.notify_all();
        }));
        let mut inner = self.lock();
        while !inner.finished && !cancelled() {
            inner = self.ended.wait(inner).whole();
        }
        if inner.finished {
            return;
        }
        self.stop(&mut inner, ErrorKind::Interrupted.into());
        let (inner, late) =
            self.ended.wait_timeout_while(inner, LAST_MOMENT, |i| !i.finished).whole();
        drop(inner);
        if late.timed_out() && !pool::inside_task() {
            pool::replace();
        }
    }

    /// Takes the wanted values out of the store.
    fn results(&self, wanted: &[u32]) -> Result<Vec<Value>> {
        let mut inner = self.lock();
        let stopped =
            inner.error.as_ref().is_some_and(|e| matches!(e.kind(), ErrorKind::Interrupted));
        inner.share.set(0);
        let distinct = inner.is_wanted.len() == wanted.len();
        let reads: Result<Vec<Read>> = match inner.error.take() {
            Some(error) => {
                inner.store.clear();
                Err(error)
            }
            None => {
                let last = |i: usize, w: &u32| distinct || !wanted[i + 1..].contains(w);
                // A wanted task has a reader that never finishes, so its value is kept.
                let read = |(i, w): (usize, &u32)| {
                    inner.store.read(*w, last(i, w)).expect("a wanted value is kept")
                };
                Ok(wanted.iter().enumerate().map(read).collect())
            }
        };
        drop(inner);
        let fetch = |read| match read {
            Read::Held(value) => Ok(value),
            Read::Disk { .. } if cancelled() => Err(ErrorKind::Interrupted.into()),
            Read::Disk { from, .. } => from.read(),
        };
        let values = reads.and_then(|reads| reads.into_iter().map(fetch).collect());
        self.job.finish(stopped);
        values
    }

    /// Fails the computation after a panic outside of tasks, for example in a value's drop, so that
    /// nothing waits for it.
    fn abandon(&self, panic: Panic) {
        let mut inner = self.lock();
        let (task, key, input) = ("the scheduler".to_owned(), "none".to_owned(), "none".to_owned());
        let error = ErrorKind::TaskPanicked {
            task,
            key,
            input,
            message: panic.message,
            place: panic.place,
        };
        self.stop(&mut inner, error.into());
        inner.finished = true;
        self.ended.notify_all();
        self.changed.notify_all();
    }

    /// Runs tasks on this thread until the computation has finished.
    fn work(&self) {
        let local = self.joined.fetch_add(1, Ordering::Relaxed);
        let thread = rayon::current_thread_index().unwrap_or(0);
        self.local(local).worker = (thread / self.threads_per_worker).min(self.workers - 1) as u16;
        let mut me = Me { local, thread, mean_us: SHORT_US, reported_us: self.job.now() };
        loop {
            let next = self.local(local).todo.pop_front();
            let Some(claim) = next.or_else(|| self.refill(&mut me)) else { return };
            if self.stopping.load(Ordering::Relaxed) || cancelled() {
                self.give_up(claim.chain);
                continue;
            }
            match self.run_chain(&me, claim.chain, claim.values) {
                Ok((value, size, took)) => {
                    me.mean_us = (3 * me.mean_us + took) / 4;
                    let mut mine = self.local(local);
                    mine.done.push((claim.chain, value, size));
                    let waiting = mine.done.len();
                    drop(mine);
                    let now = self.job.now();
                    let others_wait = self.sleeping.load(Ordering::Relaxed) > 0;
                    if others_wait || waiting >= BATCH || now - me.reported_us > REPORT_US {
                        me.reported_us = now;
                        let mut inner = self.lock();
                        self.collect(&mut inner, local);
                        drop(self.relieve(inner));
                    }
                }
                Err(error) => {
                    self.stop(&mut self.lock(), error);
                    self.give_up(claim.chain);
                }
            }
        }
    }

    /// Returns more work for a thread that has none left; sleeps until there is some. `None` at the
    /// end.
    fn refill(&self, me: &mut Me) -> Option<Claim> {
        let mut inner = self.lock();
        loop {
            self.collect(&mut inner, me.local);
            inner = self.relieve(inner);
            me.reported_us = self.job.now();
            if cancelled() && inner.error.is_none() && !inner.finished {
                self.stop(&mut inner, ErrorKind::Interrupted.into());
            }
            if inner.finished {
                return None;
            }
            let short = me.mean_us < SHORT_US && self.sleeping.load(Ordering::SeqCst) == 0;
            let most = if short {
                (inner.state.ready() / (2 * self.locals.len())).clamp(1, BATCH)
            } else {
                1
            };
            if let Some(first) = self.claim(&mut inner) {
                let more: Vec<_> = (1..most).map_while(|_| self.claim(&mut inner)).collect();
                self.local(me.local).todo.extend(more);
                return Some(first);
            }
            // A thread that finishes a task from here on sees that this one waits, and reports at
            // once.
            self.sleeping.fetch_add(1, Ordering::SeqCst);
            let taken = self.take_over(&mut inner);
            if taken.is_none() && !inner.finished {
                inner = self.changed.wait(inner).whole();
            }
            self.sleeping.fetch_sub(1, Ordering::SeqCst);
            if taken.is_some() {
                return taken;
            }
        }
    }

    /// Collects what the other threads hold back: values not yet reported, which may make a task
    /// ready; else steals one of the tasks that they have not started.
    fn take_over(&self, inner: &mut Inner) -> Option<Claim> {
        (0..self.locals.len()).for_each(|i| self.collect(inner, i));
        if let Some(claim) = self.claim(inner) {
            return Some(claim);
        }
        let fullest = (0..self.locals.len()).max_by_key(|i| self.local(*i).todo.len())?;
        self.local(fullest).todo.pop_back()
    }

    /// Takes the next task from the state machine, with the values that it reads.
    fn claim(&self, inner: &mut Inner) -> Option<Claim> {
        let mut actions = Vec::new();
        inner.state.handle(Event::Idle, &mut actions);
        let chain = self.apply(inner, &mut actions)?;
        let Inner { state, store, .. } = inner;
        let deps = state.deps(chain);
        let mut values: Vec<Read> = Vec::with_capacity(deps.len());
        for d in deps {
            let read = store.read(*d, state.is_last_read(*d)).unwrap_or_else(|| {
                // A task runs after its dependencies: only this very task has taken the value, as
                // it reads it twice.
                let before =
                    deps.iter().position(|other| other == d).filter(|at| *at < values.len());
                values[before.expect("a dependency has a value")].clone()
            });
            values.push(read);
        }
        Some(Claim { chain, values })
    }

    /// Reports a thread's finished tasks to the state machine.
    fn collect(&self, inner: &mut Inner, local: usize) {
        let (done, mut records, worker) = {
            let mut local = self.local(local);
            (std::mem::take(&mut local.done), std::mem::take(&mut local.records), local.worker)
        };
        if !records.is_empty() {
            self.job.hand_in(&mut records);
        }
        if done.is_empty() {
            return;
        }
        let mut actions = Vec::new();
        for (chain, value, size) in done {
            let bytes = size.bytes;
            inner.wanted += if inner.is_wanted.contains(&chain) { bytes } else { 0 };
            if bytes > self.limit || inner.wanted > self.limit {
                let error = self.too_large(chain, bytes, inner.wanted);
                self.stop(inner, error);
            }
            inner.store.put(chain, value, bytes);
            inner.owners[chain as usize] = worker;
            inner.worker_bytes[usize::from(worker)] += bytes;
            inner.state.handle(Event::Done { task: chain, bytes }, &mut actions);
            self.apply(inner, &mut actions);
        }
        self.account(inner);
    }

    /// Returns the error for a value, or for all wanted values, above the memory limit.
    fn too_large(&self, chain: u32, bytes: u64, wanted: u64) -> Error {
        let task = self.chains.last(chain);
        let (name, key, limit) =
            (self.graph.layer(task).label().text().to_string(), self.graph.key(task), self.limit);
        if bytes > limit {
            ErrorKind::TaskTooLarge { task: name, key, bytes, limit }.into()
        } else {
            ErrorKind::ResultTooLarge { bytes: wanted, limit }.into()
        }
    }

    /// Updates how much memory is held, for the state machine, other computations and the job.
    fn account(&self, inner: &mut Inner) {
        if inner.finished {
            return;
        }
        let elsewhere = inner.share.set(inner.state.held());
        let mut actions = Vec::new();
        inner.state.handle(Event::Elsewhere(elsewhere), &mut actions);
        self.apply(inner, &mut actions);
        self.job.holds(&inner.worker_bytes, self.segments.spilled());
    }

    /// Moves values to disk if the state machine requested it. Nothing is locked while a value is
    /// written.
    fn relieve<'a>(&'a self, mut inner: MutexGuard<'a, Inner>) -> MutexGuard<'a, Inner> {
        let over = std::mem::take(&mut inner.over);
        if over == 0 || inner.finished {
            return inner;
        }
        // Writing takes a while; another thread may take this one's task.
        self.changed.notify_one();
        for victim in inner.store.victims(over) {
            if inner.finished {
                break;
            }
            drop(inner);
            let written = victim.write(&self.segments);
            inner = self.lock();
            match written {
                Ok(spilled) => {
                    if inner.store.moved(&victim, spilled) {
                        let owner = inner.owners[victim.task as usize];
                        inner.worker_bytes[usize::from(owner)] -= victim.bytes;
                        let mut actions = Vec::new();
                        inner.state.handle(Event::Spilled(victim.task), &mut actions);
                        self.apply(&mut inner, &mut actions);
                    }
                }
                Err(error) => {
                    inner.store.kept(&victim);
                    if std::mem::take(&mut inner.store.moving) {
                        self.job.note(format!("{error}; values stay in memory"));
                    }
                }
            }
        }
        self.account(&mut inner);
        inner
    }

    /// Performs the actions of the state machine; returns the task to run, if any.
    fn apply(&self, inner: &mut Inner, actions: &mut Vec<Action>) -> Option<u32> {
        let mut run = None;
        for action in actions.drain(..) {
            match action {
                Action::Run(chain) => run = Some(chain),
                Action::Release { task, bytes } => {
                    inner.worker_bytes[usize::from(inner.owners[task as usize])] -= bytes;
                    inner.store.remove(task);
                }
                // The thread that reports takes one of the tasks itself.
                Action::Wake(n) => {
                    let asleep = self.sleeping.load(Ordering::SeqCst) as u32;
                    (1..n.min(asleep + 1)).for_each(|_| self.changed.notify_one());
                }
                Action::Spill(bytes) => inner.over = bytes,
                Action::Finish => {
                    inner.finished = true;
                    self.ended.notify_all();
                    self.changed.notify_all();
                }
            }
        }
        run
    }

    /// Stops the computation: no more tasks are started. Only the first error counts.
    fn stop(&self, inner: &mut Inner, error: Error) {
        inner.error.get_or_insert(error);
        self.stopping.store(true, Ordering::Relaxed);
        let mut actions = Vec::new();
        inner.state.handle(Event::Cancelled, &mut actions);
        self.apply(inner, &mut actions);
        self.changed.notify_all();
        self.ended.notify_all();
    }

    /// Gives up a task that was taken and will not finish.
    fn give_up(&self, chain: u32) {
        let mut inner = self.lock();
        // A task is only given up with an error; an earlier one takes precedence.
        self.stop(&mut inner, ErrorKind::Interrupted.into());
        let mut actions = Vec::new();
        inner.state.handle(Event::Failed(chain), &mut actions);
        self.apply(&mut inner, &mut actions);
    }

    /// Runs the tasks of a chain; returns the value of the last one and the total time in
    /// microseconds.
    fn run_chain(&self, me: &Me, chain: u32, values: Vec<Read>) -> Result<(Value, Size, u64)> {
        let mut values = values.into_iter().map(|v| self.fetch(v)).collect::<Result<Vec<_>>>()?;
        let begun = self.job.now();
        let mut start_us = begun;
        let tasks = self.chains.tasks(chain);
        let last = tasks.end - 1;
        for task in tasks {
            if cancelled() {
                return Err(ErrorKind::Interrupted.into());
            }
            let number = self.graph.tasks[task as usize];
            let layer = &self.graph.layers[number.layer as usize];
            let name = self.names[number.layer as usize];
            self.job.on(me.thread, name, start_us);
            let outcome = self.run_task(task, std::mem::take(&mut values));
            let now = self.job.now();
            self.job.off(me.thread, now);
            let size = outcome.as_ref().map(|v| layer.work.size(v)).unwrap_or_default();
            let record = Record {
                name,
                task: Some((layer.key, number.index)),
                thread: me.thread as u32,
                start_us,
                took_us: now - start_us,
                bytes: size.bytes,
                outcome: if outcome.is_ok() { Outcome::Done } else { Outcome::Failed },
            };
            start_us = now;
            match outcome {
                Ok(value) if task == last => {
                    self.local(me.local).records.push(record);
                    return Ok((value, size, now - begun));
                }
                Ok(value) => {
                    self.local(me.local).records.push(record);
                    values = vec![value];
                }
                Err(error) => {
                    self.job.hand_in(&mut vec![record]);
                    return Err(error);
                }
            }
        }
        unreachable!("a chain has a task")
    }

    /// Fetches a value that a task reads; a value on disk moves back to memory if others will read
    /// it too and it fits.
    fn fetch(&self, read: Read) -> Result<Value> {
        match read {
            Read::Held(value) => Ok(value),
            Read::Disk { task, from } => {
                let value = from.read()?;
                let mut inner = self.lock();
                let room = inner.state.held() + from.bytes < Limits::of(self.limit).spill;
                if room
                    && !inner.state.is_last_read(task)
                    && inner.store.restore(task, &value, from.bytes)
                {
                    let owner = inner.owners[task as usize];
                    inner.worker_bytes[usize::from(owner)] += from.bytes;
                    let mut actions = Vec::new();
                    inner.state.handle(Event::Restored { task, bytes: from.bytes }, &mut actions);
                    self.apply(&mut inner, &mut actions);
                }
                Ok(value)
            }
        }
    }

    /// Runs one task, with retries.
    fn run_task(&self, task: u32, values: Vec<Value>) -> Result<Value> {
        let number = self.graph.tasks[task as usize];
        let layer = &self.graph.layers[number.layer as usize];
        let mut retries = layer.work.retries();
        let mut values = Some(values);
        loop {
            let given =
                if retries > 0 { values.clone() } else { values.take() }.unwrap_or_default();
            let error = match as_task(|| layer.work.run(number.index, given)) {
                Ok(Ok(value)) => return Ok(value),
                Ok(Err(error)) => error,
                Err(panic) if panic.stopped => return Err(ErrorKind::Interrupted.into()),
                Err(panic) => {
                    let (name, key) = (layer.label().text().to_string(), self.graph.key(task));
                    ErrorKind::TaskPanicked {
                        task: name,
                        key,
                        input: self.input(task),
                        message: panic.message,
                        place: panic.place,
                    }
                    .into()
                }
            };
            if retries == 0 || matches!(error.kind(), ErrorKind::Interrupted) || cancelled() {
                return Err(error);
            }
            retries -= 1;
        }
    }

    /// Describes a task's inputs, for its error.
    fn input(&self, task: u32) -> String {
        const SHOWN: usize = 12;
        let mut parts = self.graph.layer(task).work.literals();
        let deps = self.graph.deps.get(task);
        parts.extend(deps.iter().take(SHOWN).map(|d| self.graph.key(*d)));
        if deps.len() > SHOWN {
            parts.push(format!("{} more", deps.len() - SHOWN));
        }
        if parts.is_empty() { "none".to_owned() } else { parts.join(", ") }
    }
}
