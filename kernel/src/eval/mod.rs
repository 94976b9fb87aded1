//! From a cell's text to running code. A thread of its own owns evcxr; cells come to it through a queue, so that the
//! server never waits.
//!
//! `cell` takes the text apart, `session` drives evcxr, `cargo` and `rustc` stand in for the tools that evcxr calls,
//! `child` is the start of the evaluator process and `output` listens to it, `diagnostics` words errors.

pub(crate) mod cargo;
mod cell;
pub(crate) mod child;
mod diagnostics;
mod output;
pub(crate) mod runtime;
pub(crate) mod rustc;
mod session;

pub(crate) use cell::{Completeness, completeness};
pub(crate) use diagnostics::CellError;

use crate::outbox::{Outbox, Parent};
use output::Shared;
use runtime::Runtime;
use session::Session;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

/// How long a running cell has to stop by itself before its process is ended.
const GRACE: Duration = Duration::from_secs(4);

/// One cell to run.
pub(crate) struct Job {
    pub(crate) parent: Parent,
    pub(crate) code: String,
    pub(crate) silent: bool,
    /// Whether it counts.
    pub(crate) counted: bool,
    /// Whether an error drops the cells that wait behind it.
    pub(crate) stop_on_error: bool,
    pub(crate) reply: Reply,
}

/// A cell and its number in the queue.
type Queued = (u64, Job);

/// Called at the end with the cell's number and how it ended.
pub(crate) type Reply = Box<dyn FnOnce(u32, &Outcome) + Send>;

/// How a cell ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    Ok,
    Failed(CellError),
    /// A cell before it failed, or the user stopped the queue.
    Dropped,
}

/// The queue of cells and the thread that runs them.
#[derive(Clone)]
pub(crate) struct Evaluator {
    jobs: mpsc::Sender<Queued>,
    queued: Arc<AtomicU64>,
    /// Cells up to this number are dropped instead of run.
    dropped: Arc<AtomicU64>,
    shared: Arc<Shared>,
}

impl Evaluator {
    /// Starts the thread; evcxr is made ready behind it, and a failure is told by the first cell.
    pub(crate) fn start(runtime: Runtime, session: PathBuf, outbox: Outbox) -> Self {
        let (jobs, queue) = mpsc::channel::<Queued>();
        let shared = Arc::new(Shared::new(outbox, session.clone()));
        let this = Self { jobs, queued: Arc::default(), dropped: Arc::default(), shared };
        let worker = this.clone();
        // The process has just begun: a thread can be had, or nothing can.
        std::thread::Builder::new()
            .name("evaluator".to_owned())
            .stack_size(16 << 20)
            .spawn(move || worker.work(&runtime, session, &queue))
            .expect("the first thread can be started");
        this
    }

    /// Adds a cell to the queue.
    pub(crate) fn run(&self, job: Job) {
        let number = self.queued.fetch_add(1, Ordering::SeqCst) + 1;
        // The thread ends only with the process.
        let _ = self.jobs.send((number, job));
    }

    /// Stops the running cell and drops those that wait: first the compiler, then the running code at its next safe point,
    /// and after a grace period its process.
    pub(crate) fn interrupt(&self) {
        self.drop_queued();
        let shared = self.shared.clone();
        if shared.request_stop() {
            let watcher = std::thread::Builder::new().name("interrupt".to_owned());
            // Without a thread the cooperative stop still holds.
            let _ = watcher.spawn(move || shared.enforce_stop(GRACE));
        }
    }

    fn drop_queued(&self) {
        self.dropped.store(self.queued.load(Ordering::SeqCst), Ordering::SeqCst);
    }

    /// Ends the evaluator process and any compiler.
    pub(crate) fn shutdown(&self) {
        self.shared.kill();
    }

    fn work(&self, runtime: &Runtime, folder: PathBuf, queue: &mpsc::Receiver<Queued>) {
        let mut session = Session::start(runtime, folder, self.shared.clone());
        let mut count = 0;
        loop {
            let next = queue.try_recv().or_else(|_| {
                // Nobody waits: a good time to get ready for more.
                if let Ok(session) = &mut session {
                    // What goes wrong here goes wrong again, and is told, in a cell.
                    let _ = catch_unwind(AssertUnwindSafe(|| session.warm()));
                }
                queue.recv()
            });
            let Ok((number, job)) = next else { return };
            let outbox = self.shared.outbox();
            outbox.status(&job.parent, "busy");
            if job.counted {
                count += 1;
            }
            let outcome = if number <= self.dropped.load(Ordering::SeqCst) {
                Outcome::Dropped
            } else {
                let run = AssertUnwindSafe(|| self.run_one(&mut session, &job, count));
                catch_unwind(run).unwrap_or_else(|_| self.broken(&job))
            };
            if matches!(outcome, Outcome::Failed(_)) && job.stop_on_error {
                self.drop_queued();
            }
            (job.reply)(count, &outcome);
            outbox.status(&job.parent, "idle");
        }
    }

    /// evcxr itself panicked: the cell ends like any other, and the next may well work.
    fn broken(&self, job: &Job) -> Outcome {
        self.shared.end();
        self.failed(job, CellError::plain("InternalError", "evcxr panicked over this cell; if the next ones fail too, restart the kernel"))
    }

    /// Publishes the error of a cell that is not silent.
    fn failed(&self, job: &Job, error: CellError) -> Outcome {
        if !job.silent {
            self.shared.outbox().error(&job.parent, &error.name, &error.value, &error.traceback);
        }
        Outcome::Failed(error)
    }

    fn run_one(&self, session: &mut Result<Session, String>, job: &Job, count: u32) -> Outcome {
        if !job.silent {
            self.shared.outbox().execute_input(&job.parent, &job.code, count);
        }
        self.shared.begin(job.parent.clone(), count, job.silent);
        let result = match session {
            Ok(session) => session.run(&job.code),
            Err(why) => Err(CellError::plain("EvaluatorNotStarted", why)),
        };
        self.shared.end();
        match result {
            Ok(()) => Outcome::Ok,
            Err(error) => self.failed(job, error),
        }
    }
}
