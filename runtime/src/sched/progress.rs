//! Progress of computations: for each, the tasks of each name, what every thread is doing, the
//! bytes held, and the last finished tasks. Workers count in atomics and report finished tasks in
//! batches. Collections and the scheduler know nothing of the views that are drawn from this.

use super::pool;
use crate::config;
use crate::graph::{Key, Name};
use rask_wire::helpers::Whole;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, OnceLock};
use std::time::{Duration, Instant};

/// The number of finished tasks that a computation remembers, for the task stream and for pictures.
const REMEMBERED: usize = 100_000;
/// The number of finished computations that the session remembers.
const ENDED: usize = 30;

/// The outcome of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    Failed,
}

/// A finished task.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record {
    /// The number of its name in the job.
    pub(crate) name: u32,
    /// Its key and number in the layer; `None` for tasks of frames.
    pub(crate) task: Option<(Key, u32)>,
    pub(crate) thread: u32,
    /// Microseconds since the start of the computation.
    pub(crate) start_us: u64,
    pub(crate) took_us: u64,
    pub(crate) bytes: u64,
    pub(crate) outcome: Outcome,
}

/// The counts of one task name.
#[derive(Default)]
struct Count {
    name: String,
    total: AtomicU64,
    done: AtomicU64,
    failed: AtomicU64,
    running: AtomicI64,
    took_us: AtomicU64,
    rows: AtomicU64,
    bytes: AtomicU64,
}

/// What a thread is doing: the number of a name plus one, zero when idle. Has a cache line of its
/// own, as each thread writes only its own.
#[derive(Default)]
#[repr(align(64))]
struct Thread {
    current: AtomicU32,
    done: AtomicU64,
    busy_us: AtomicU64,
    since_us: AtomicU64,
}

/// The counts of one computation.
pub(crate) struct Counts {
    pub(crate) number: u64,
    pub(crate) started: Instant,
    names: Vec<Count>,
    threads: Vec<Thread>,
    threads_per_worker: usize,
    limit: u64,
    held: Vec<AtomicU64>,
    most_held: AtomicU64,
    spilled: AtomicU64,
    most_spilled: AtomicU64,
    took_us: AtomicU64,
    stopped: AtomicBool,
    stream: Mutex<VecDeque<Record>>,
    notes: Mutex<Vec<String>>,
}

/// A running computation; finished when dropped.
pub(crate) struct Job(Arc<Counts>);

/// The computations of this session.
#[derive(Default)]
pub(crate) struct Session {
    /// The running ones, in the order in which they started.
    pub(crate) active: Vec<Arc<Counts>>,
    /// The last finished ones, the latest at the end.
    pub(crate) ended: VecDeque<Arc<Counts>>,
}

static SESSION: LazyLock<(Mutex<Session>, Condvar)> = LazyLock::new(Default::default);

/// Returns the computations of this session, and the condition variable that is notified when one
/// starts or finishes.
pub(crate) fn session() -> (MutexGuard<'static, Session>, &'static Condvar) {
    (SESSION.0.lock().whole(), &SESSION.1)
}

impl Job {
    /// Starts a computation of tasks with these names. Inside a task of another computation it is
    /// not shown separately.
    pub(crate) fn begin(names: impl IntoIterator<Item = String>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let cluster = config::cluster();
        let counts = Arc::new(Counts {
            number: NEXT.fetch_add(1, Relaxed),
            started: Instant::now(),
            names: names.into_iter().map(|name| Count { name, ..Count::default() }).collect(),
            threads: (0..cluster.threads()).map(|_| Thread::default()).collect(),
            threads_per_worker: cluster.threads_per_worker,
            limit: cluster.memory(),
            held: (0..cluster.workers).map(|_| AtomicU64::new(0)).collect(),
            most_held: 0.into(),
            spilled: 0.into(),
            most_spilled: 0.into(),
            took_us: 0.into(),
            stopped: false.into(),
            stream: Mutex::default(),
            notes: Mutex::default(),
        });
        if !pool::inside_task() {
            let (mut session, changed) = session();
            session.active.push(counts.clone());
            changed.notify_all();
        }
        Self(counts)
    }

    /// Returns its counts.
    #[cfg(test)]
    pub(crate) fn counts(&self) -> Arc<Counts> {
        self.0.clone()
    }

    /// Adds to the number of expected tasks.
    pub(crate) fn expect(&self, name: u32, tasks: u64) {
        self.0.names[name as usize].total.fetch_add(tasks, Relaxed);
    }

    /// Returns the microseconds since the start of the computation.
    pub(crate) fn now(&self) -> u64 {
        self.0.started.elapsed().as_micros() as u64
    }

    /// Records that a thread starts working on a task.
    pub(crate) fn on(&self, thread: usize, name: u32, now: u64) {
        if let Some(t) = self.0.threads.get(thread) {
            t.since_us.store(now, Relaxed);
            t.current.store(name + 1, Relaxed);
        }
    }

    /// Returns its number among all computations.
    pub(crate) fn number(&self) -> u64 {
        self.0.number
    }

    /// Records that a thread stops working on its task.
    pub(crate) fn off(&self, thread: usize, now: u64) {
        if let Some(t) = self.0.threads.get(thread) {
            t.busy_us.fetch_add(now.saturating_sub(t.since_us.load(Relaxed)), Relaxed);
            t.current.store(0, Relaxed);
        }
    }

    /// Adds `by` to the running tasks of a name, for tasks that run in several turns.
    pub(crate) fn runs(&self, name: u32, by: i64) {
        self.0.names[name as usize].running.fetch_add(by, Relaxed);
    }

    /// Reports finished tasks.
    pub(crate) fn hand_in(&self, records: &mut Vec<Record>) {
        for r in records.iter() {
            let n = &self.0.names[r.name as usize];
            if r.outcome == Outcome::Done { &n.done } else { &n.failed }.fetch_add(1, Relaxed);
            n.took_us.fetch_add(r.took_us, Relaxed);
            if let Some(t) = self.0.threads.get(r.thread as usize) {
                t.done.fetch_add(1, Relaxed);
            }
        }
        let mut stream = self.0.stream.lock().whole();
        let over = (stream.len() + records.len()).saturating_sub(REMEMBERED).min(stream.len());
        stream.drain(..over);
        stream.extend(records.drain(..));
    }

    /// Adds to the rows that tasks of a name have produced.
    pub(crate) fn gave_rows(&self, name: u32, rows: u64) {
        self.0.names[name as usize].rows.fetch_add(rows, Relaxed);
    }

    /// Adds to the bytes that tasks of a name have read from files.
    pub(crate) fn read_bytes(&self, name: u32, bytes: u64) {
        self.0.names[name as usize].bytes.fetch_add(bytes, Relaxed);
    }

    /// Sets the bytes that values hold now: in memory for each worker, and on disk.
    pub(crate) fn holds(&self, held: &[u64], spilled: u64) {
        self.0.held.iter().zip(held).for_each(|(to, bytes)| to.store(*bytes, Relaxed));
        self.0.most_held.fetch_max(held.iter().sum(), Relaxed);
        self.0.spilled.store(spilled, Relaxed);
        self.0.most_spilled.fetch_max(spilled, Relaxed);
    }

    /// Adds a note that is shown with the computation.
    pub(crate) fn note(&self, text: String) {
        self.0.notes.lock().whole().push(text);
    }

    /// Finishes the computation, and waits until its last state is displayed.
    pub(crate) fn finish(&self, stopped: bool) {
        let mine = |c: &Arc<Counts>| Arc::ptr_eq(c, &self.0);
        {
            let (mut session, changed) = session();
            let Some(at) = session.active.iter().position(mine) else { return };
            self.0.took_us.store(self.now().max(1), Relaxed);
            self.0.stopped.store(stopped, Relaxed);
            session.active.remove(at);
            session.ended.push_back(self.0.clone());
            if session.ended.len() > ENDED {
                session.ended.pop_front();
            }
            changed.notify_all();
        }
        if let Some(listener) = LISTENER.get() {
            listener(&self.0);
        }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        self.finish(false);
    }
}

/// The callback for finished computations.
static LISTENER: OnceLock<fn(&Arc<Counts>)> = OnceLock::new();

/// Registers `listener` to be called at the end of each computation.
pub(super) fn when_ended(listener: fn(&Arc<Counts>)) {
    // Only the view listens.
    let _ = LISTENER.set(listener);
}

/// The phase of a computation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Computing,
    Finished,
    Failed,
    Stopped,
}

/// The state of a computation at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    pub(crate) number: u64,
    pub(crate) phase: Phase,
    pub(crate) elapsed: Duration,
    pub(crate) names: Vec<NameNow>,
    pub(crate) workers: Vec<WorkerNow>,
    /// The bytes in memory and on disk; the maximum for a finished computation.
    pub(crate) held: u64,
    pub(crate) spilled: u64,
    pub(crate) limit: u64,
    pub(crate) notes: Vec<String>,
}

/// The state of the tasks of one name.
#[derive(Debug, Clone)]
pub(crate) struct NameNow {
    pub(crate) name: String,
    pub(crate) total: u64,
    pub(crate) done: u64,
    pub(crate) failed: u64,
    pub(crate) running: u64,
    pub(crate) took: Duration,
    /// The rows that its tasks produced, and the bytes that they read from files.
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
}

/// The state of one worker.
#[derive(Debug, Clone)]
pub(crate) struct WorkerNow {
    /// The number of the name of each task that it is running.
    pub(crate) doing: Vec<u32>,
    pub(crate) threads: usize,
    pub(crate) done: u64,
    /// The fraction of time that it was busy, 0 to 1.
    pub(crate) busy: f64,
    /// The CPU time of its threads since they were started.
    pub(crate) cpu: Option<Duration>,
    /// The bytes of the values that it computed and that are in memory.
    pub(crate) held: u64,
}

impl Counts {
    /// Returns the current state of the computation.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let took = self.took_us.load(Relaxed);
        let now = if took > 0 { took } else { self.started.elapsed().as_micros() as u64 };
        let mut names: Vec<NameNow> = self.names.iter().map(Count::now).collect();
        let cpu = super::cpu::times();
        let of = |(i, threads): (usize, &[Thread])| {
            let first = i * self.threads_per_worker;
            let cpu = cpu.get(first..first + threads.len()).map(|times| times.iter().sum());
            WorkerNow {
                cpu,
                held: self.held.get(i).map_or(0, |h| h.load(Relaxed)),
                ..worker_now(threads, now)
            }
        };
        let workers: Vec<_> =
            self.threads.chunks(self.threads_per_worker.max(1)).enumerate().map(of).collect();
        let mut at = vec![0; names.len()];
        for name in workers.iter().flat_map(|w| &w.doing) {
            at[*name as usize] += 1;
        }
        for (n, threads) in names.iter_mut().zip(at) {
            // A task that runs in several turns counts itself; others are running while a thread
            // works on them.
            n.running = n.running.max(threads).min(n.total - n.done.min(n.total));
        }
        let (done, failed, total) =
            names.iter().fold((0, 0, 0), |(d, f, t), n| (d + n.done, f + n.failed, t + n.total));
        let phase = match (took > 0, failed > 0, done >= total) {
            (_, true, _) if !self.stopped.load(Relaxed) => Phase::Failed,
            (false, ..) => Phase::Computing,
            (true, _, true) => Phase::Finished,
            (true, _, false) => Phase::Stopped,
        };
        Snapshot {
            number: self.number,
            phase,
            elapsed: Duration::from_micros(now),
            held: if took > 0 {
                self.most_held.load(Relaxed)
            } else {
                workers.iter().map(|w| w.held).sum()
            },
            names,
            workers,
            spilled: if took > 0 { &self.most_spilled } else { &self.spilled }.load(Relaxed),
            limit: self.limit,
            notes: self.notes.lock().whole().clone(),
        }
    }

    /// Returns the last `most` finished tasks, the latest at the end.
    pub(crate) fn records(&self, most: usize) -> Vec<Record> {
        let stream = self.stream.lock().whole();
        stream.iter().skip(stream.len().saturating_sub(most)).copied().collect()
    }

    pub(crate) fn is_over(&self) -> bool {
        self.took_us.load(Relaxed) > 0
    }
}

impl Count {
    fn now(&self) -> NameNow {
        NameNow {
            name: self.name.clone(),
            total: self.total.load(Relaxed),
            done: self.done.load(Relaxed),
            failed: self.failed.load(Relaxed),
            running: self.running.load(Relaxed).max(0) as u64,
            took: Duration::from_micros(self.took_us.load(Relaxed)),
            rows: self.rows.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
        }
    }
}

fn worker_now(threads: &[Thread], now: u64) -> WorkerNow {
    let mut worker = WorkerNow {
        doing: Vec::new(),
        threads: threads.len(),
        done: 0,
        busy: 0.0,
        cpu: None,
        held: 0,
    };
    for t in threads {
        let current = t.current.load(Relaxed);
        let running = if current > 0 { now.saturating_sub(t.since_us.load(Relaxed)) } else { 0 };
        worker.doing.extend(current.checked_sub(1));
        worker.done += t.done.load(Relaxed);
        worker.busy +=
            (t.busy_us.load(Relaxed) + running) as f64 / now.max(1) as f64 / threads.len() as f64;
    }
    worker.busy = worker.busy.min(1.0);
    worker
}

impl Snapshot {
    /// Returns the number of tasks done, failed and in total.
    pub(crate) fn sums(&self) -> (u64, u64, u64) {
        self.names.iter().fold((0, 0, 0), |(d, f, t), n| (d + n.done, f + n.failed, t + n.total))
    }

    /// Estimates the remaining time, assuming that each remaining task takes as long as the others
    /// of its name.
    pub(crate) fn left(&self) -> Option<Duration> {
        if self.phase != Phase::Computing {
            return None;
        }
        let (done, _, total) = self.sums();
        let all: f64 = self.names.iter().map(|n| n.took.as_secs_f64()).sum();
        let mean = all / done.max(1) as f64;
        let each =
            |n: &NameNow| if n.done > 0 { n.took.as_secs_f64() / n.done as f64 } else { mean };
        let work: f64 =
            self.names.iter().map(|n| each(n) * n.total.saturating_sub(n.done) as f64).sum();
        let threads = self.workers.iter().map(|w| w.threads).sum::<usize>().max(1) as f64;
        // There is no estimate before 2 % of the tasks are done.
        if done > 0 && done * 50 >= total {
            Duration::try_from_secs_f64(work / threads).ok()
        } else {
            None
        }
    }
}

/// Returns the latest run of each task whose key is wanted, for pictures.
pub(crate) fn last_runs(wanted: &dyn Fn(Key) -> bool) -> foldhash::HashMap<(Key, u32), Record> {
    let (session, _) = session();
    let mut found = foldhash::HashMap::default();
    for counts in session.ended.iter().chain(&session.active) {
        let stream = counts.stream.lock().whole();
        found.extend(
            stream
                .iter()
                .filter_map(|r| r.task.filter(|(key, _)| wanted(*key)).map(|task| (task, *r))),
        );
    }
    found
}

/// Returns the distinct names of layers, and the number of each layer's name.
pub(crate) fn names_of(keys: impl Iterator<Item = Name>) -> (Vec<String>, Vec<u32>) {
    let mut names: indexmap::IndexSet<Name> = indexmap::IndexSet::new();
    let numbers = keys.map(|name| names.insert_full(name).0 as u32).collect();
    (names.iter().map(|n| n.text().to_string()).collect(), numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(name: u32, outcome: Outcome) -> Record {
        Record { name, task: None, thread: 0, start_us: 0, took_us: 1000, bytes: 0, outcome }
    }

    #[test]
    fn a_snapshot_tells_workers_names_and_totals() {
        let job = Job::begin(["slow".to_owned(), "total".to_owned()]);
        job.expect(0, 2000);
        job.expect(1, 1);
        job.on(0, 0, 0);
        let now = job.0.snapshot();
        assert_eq!(
            (now.sums(), now.phase, now.names[0].running),
            ((0, 0, 2001), Phase::Computing, 1)
        );
        assert_eq!(now.workers[0].doing, [0]);
        assert_eq!(now.left(), None);
        job.hand_in(&mut vec![record(0, Outcome::Done); 1000]);
        assert!(job.0.snapshot().left().is_some());
        job.hand_in(&mut vec![record(0, Outcome::Failed)]);
        assert_eq!(job.0.snapshot().phase, Phase::Failed);
        assert_eq!(job.0.records(10).len(), 10);
    }

    #[test]
    fn the_stream_is_bounded() {
        let job = Job::begin(["a".to_owned()]);
        for _ in 0..12 {
            job.hand_in(&mut vec![record(0, Outcome::Done); 10_000]);
        }
        assert_eq!(job.0.records(usize::MAX).len(), REMEMBERED);
        assert_eq!(job.0.snapshot().names[0].done, 120_000);
    }
}
