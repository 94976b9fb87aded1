//! From a cell's text to running code. A thread of its own owns evcxr; cells come to it through a queue, so that the
//! server never waits.
//!
//! Each folder or file may use those above it in this list:
//!
//! | name | what it is for |
//! |---|---|
//! | `runtime` | the installed runtime |
//! | `source` | a cell's text, taken apart and got ready |
//! | `tools` | stand-ins for the tools that evcxr calls |
//! | `assist` | rust-analyzer: types, completions, documentation |
//! | `errors` | what a cell that fails says |
//! | `process` | the evaluator's process |
//! | `text` | what commands and magics say |
//! | `session` | evcxr, cell by cell |
//! | `shell` | lines and scripts of the shell |
//! | `commands`, `magics` | the tables of what else a line can be |
//! | `run` | one cell, segment by segment |

mod assist;
mod commands;
mod errors;
mod magics;
mod process;
mod run;
pub(crate) mod runtime;
mod session;
mod shell;
mod source;
mod text;
pub(crate) mod tools;

pub(crate) use assist::{Completions, Inspection};
pub(crate) use errors::diagnostics::CellError;
pub(crate) use process::child;
pub(crate) use process::clock::Times;
pub(crate) use process::running::Ask;
pub(crate) use source::split::Completeness;

use crate::outbox::{Outbox, Parent};
use assist::Assist;
use process::clock::resident;
use process::comms::Comms;
use process::running::Shared;
use rask_wire::{Bundle, Comm};
use runtime::Runtime;
use serde_json::Value;
use session::Session;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

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
    /// Expressions whose values the reply holds, by name.
    pub(crate) expressions: Vec<(String, String)>,
    /// How its front end is asked for a line, where it can be.
    pub(crate) ask: Option<Ask>,
    pub(crate) reply: Reply,
}

/// A cell and its number in the queue.
type Queued = (u64, Job);

/// Called at the end with how it went.
pub(crate) type Reply = Box<dyn FnOnce(Ran) + Send>;

/// How a cell went.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) count: u32,
    pub(crate) outcome: Outcome,
    /// Seconds from its turn to its end.
    pub(crate) took: Duration,
    pub(crate) times: Times,
    /// The text of its value.
    pub(crate) text: Option<String>,
}

/// How a cell ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    Ok {
        /// What the front end is to do.
        payload: Vec<Value>,
        /// Values of the expressions that were asked for.
        expressions: Vec<(String, Result<Bundle, CellError>)>,
    },
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
    assist: Assist,
    comms: Arc<Comms>,
}

impl Evaluator {
    /// Starts the thread; evcxr is made ready behind it, and a failure is told by the first cell.
    pub(crate) fn start(runtime: Runtime, session: PathBuf, outbox: Outbox) -> Self {
        let (jobs, queue) = mpsc::channel::<Queued>();
        let shared = Arc::new(Shared::new(outbox, session.clone()));
        if let Err(e) = tools::files::make_toolchains(&runtime, &session) {
            eprintln!("rask: {}: {e}", session.display());
        }
        let assist = Assist::start(runtime.clone(), session.clone(), session::manifest(&runtime));
        let this = Self { jobs, queued: Arc::default(), dropped: Arc::default(), shared, assist, comms: Arc::default() };
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

    /// Says again that a cell runs, where one does.
    pub(crate) fn still_busy(&self) {
        self.shared.still_busy();
    }

    /// Stops the running cell and drops those that wait: first the compiler, then the running code at its next safe point,
    /// and after a grace period its process.
    pub(crate) fn interrupt(&self) {
        self.drop_queued();
        let shared = self.shared.clone();
        if let Some(cell) = shared.request_stop() {
            self.assist.give_up();
            let watcher = std::thread::Builder::new().name("interrupt".to_owned());
            // Without a thread the cooperative stop still holds.
            let _ = watcher.spawn(move || shared.enforce_stop(cell, GRACE));
        }
    }

    fn drop_queued(&self) {
        self.dropped.store(self.queued.load(Ordering::SeqCst), Ordering::SeqCst);
    }

    /// Ends the evaluator process and any compiler.
    pub(crate) fn shutdown(&self) {
        self.shared.kill();
    }

    /// Bytes of memory that the kernel and its evaluator hold, and the evaluator's process.
    pub(crate) fn memory(&self) -> (u64, u32) {
        let pid = self.shared.evaluator_pid();
        (resident(std::process::id()) + resident(pid), pid)
    }

    /// The user's answer to a question of the running cell.
    pub(crate) fn input(&self, answer: String) {
        self.shared.answer(answer);
    }

    /// The open comms, of one target or all.
    pub(crate) fn comms(&self, target: Option<&str>) -> Value {
        self.comms.info(target)
    }

    /// A comm's message from the front end.
    pub(crate) fn hear(&self, parent: &Parent, message: Comm) {
        self.comms.hear(&self.shared, parent, message);
    }

    /// What may stand at byte `at` of a cell's text.
    pub(crate) async fn complete(&self, text: &str, at: usize) -> Completions {
        match magics::complete(text, at) {
            Some(found) => found,
            None => self.assist.complete(text, &source::segment::rust_only(text, magics::is_code), at).await,
        }
    }

    /// What stands at byte `at` of a cell's text, with its source where that is wanted.
    pub(crate) async fn inspect(&self, text: &str, at: usize, source: bool) -> Option<Inspection> {
        match magics::inspect(text, at) {
            Some(found) => Some(found),
            None => self.assist.inspect(&source::segment::rust_only(text, magics::is_code), at, source).await,
        }
    }

    fn work(&self, runtime: &Runtime, folder: PathBuf, queue: &mpsc::Receiver<Queued>) {
        let mut session = Session::start(runtime, folder, self.shared.clone(), self.comms.clone(), self.assist.clone());
        let mut count = 0;
        for (number, job) in queue {
            self.shared.busy(&job.parent);
            let began = Instant::now();
            let dropped = number <= self.dropped.load(Ordering::SeqCst);
            if job.counted && !dropped {
                count += 1;
            }
            let (parent, stop_on_error, reply) = (job.parent.clone(), job.stop_on_error, job.reply);
            let job = Job { reply: Box::new(drop), ..job };
            let mut ran = Ran { count, outcome: Outcome::Dropped, took: Duration::ZERO, times: Times::default(), text: None };
            if !dropped {
                self.run_one(&mut session, number, job, &mut ran);
            }
            ran.took = began.elapsed();
            if matches!(ran.outcome, Outcome::Failed(_)) && stop_on_error {
                self.drop_queued();
            }
            reply(ran);
            self.shared.idle(&parent);
        }
    }

    fn run_one(&self, session: &mut Result<Session, String>, number: u64, job: Job, ran: &mut Ran) {
        let outbox = self.shared.outbox();
        if !job.silent {
            outbox.execute_input(&job.parent, &job.code, ran.count);
        }
        self.shared.begin(job.parent.clone(), ran.count, job.silent, job.ask);
        if number <= self.dropped.load(Ordering::SeqCst) {
            // The user pressed Stop a moment ago, when nothing ran yet.
            self.shared.stop_next();
        }
        let run = AssertUnwindSafe(|| match session {
            Ok(session) => {
                let payload = run::run(session, &job.code, if job.silent { 0 } else { ran.count })?;
                let expressions = job.expressions.iter().map(|(name, code)| (name.clone(), session.expression(code)));
                Ok(Outcome::Ok { payload, expressions: expressions.collect() })
            }
            Err(why) => Err(CellError::plain("EvaluatorNotStarted", why)),
        });
        // evcxr itself may panic: the cell ends like any other, and the next may well work.
        let result = catch_unwind(run).unwrap_or_else(|_| {
            let why = "evcxr panicked over this cell; if the next ones fail too, restart the kernel";
            Err(CellError::plain("InternalError", why))
        });
        if let Ok(session) = session {
            session.tell_times();
        }
        (ran.times, ran.text) = self.shared.end();
        ran.outcome = result.unwrap_or_else(|error| {
            if !job.silent {
                outbox.error(&job.parent, &error.name, &error.value, &error.traceback);
            }
            Outcome::Failed(error)
        });
    }
}

/// Whether a text can be run, needs more lines, or cannot become right by adding any.
pub(crate) fn completeness(text: &str) -> Completeness {
    source::segment::completeness(text, magics::is_code)
}
