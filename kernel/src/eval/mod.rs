//! Compiles and runs cells. A dedicated thread owns evcxr; cells reach it through a queue, so that
//! the server never waits.
//!
//! Each folder or file may use those above it in this list:
//!
//! | name | what it is for |
//! |---|---|
//! | `runtime` | the installed runtime |
//! | `source` | parses and rewrites the text of a cell |
//! | `tools` | wrappers of the tools that evcxr calls |
//! | `assist` | rust-analyzer: types, completions, documentation |
//! | `errors` | the errors of cells |
//! | `process` | the evaluator process |
//! | `text` | the output of commands and magics |
//! | `session` | evcxr, cell by cell |
//! | `shell` | shell commands and scripts |
//! | `commands`, `magics` | the tables of evcxr's commands and of magics |
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

/// The time in which an interrupted cell has to stop by itself before its process is killed.
const GRACE: Duration = Duration::from_secs(4);

/// A cell to run.
pub(crate) struct Job {
    pub(crate) parent: Parent,
    pub(crate) code: String,
    pub(crate) silent: bool,
    /// Whether the cell increments the execution count.
    pub(crate) counted: bool,
    /// Whether an error drops the cells queued behind it.
    pub(crate) stop_on_error: bool,
    /// The user expressions of the request, by name.
    pub(crate) expressions: Vec<(String, String)>,
    /// Requests input from the front end; `None` if it does not allow that.
    pub(crate) ask: Option<Ask>,
    pub(crate) reply: Reply,
}

/// A cell and its number in the queue.
type Queued = (u64, Job);

/// Called at the end, with the result.
pub(crate) type Reply = Box<dyn FnOnce(Ran) + Send>;

/// The result of running a cell.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) count: u32,
    pub(crate) outcome: Outcome,
    /// The time from the start of the cell to its end, including compilation.
    pub(crate) took: Duration,
    pub(crate) times: Times,
    /// The text of its value.
    pub(crate) text: Option<String>,
}

/// How a cell ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    Ok {
        /// The payload for the front end.
        payload: Vec<Value>,
        /// The values of the user expressions.
        expressions: Vec<(String, Result<Bundle, CellError>)>,
    },
    Failed(CellError),
    /// An earlier cell failed, or the user interrupted the queue.
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
    /// Starts the thread; evcxr is set up in the background, and a failure is reported by the first
    /// cell.
    pub(crate) fn start(runtime: Runtime, session: PathBuf, outbox: Outbox) -> Self {
        let (jobs, queue) = mpsc::channel::<Queued>();
        let shared = Arc::new(Shared::new(outbox, session.clone()));
        if let Err(e) = tools::files::make_toolchains(&runtime, &session) {
            eprintln!("rask: {}: {e}", session.display());
        }
        let assist = Assist::start(runtime.clone(), session.clone(), session::manifest(&runtime));
        let this = Self {
            jobs,
            queued: Arc::default(),
            dropped: Arc::default(),
            shared,
            assist,
            comms: Arc::default(),
        };
        let worker = this.clone();
        // The process has just started: if it cannot create a thread, it cannot do anything.
        std::thread::Builder::new()
            .name("evaluator".to_owned())
            .stack_size(16 << 20)
            .spawn(move || worker.work(&runtime, session, &queue))
            .expect("the evaluator thread can be started");
        this
    }

    /// Adds a cell to the queue.
    pub(crate) fn run(&self, job: Job) {
        let number = self.queued.fetch_add(1, Ordering::SeqCst) + 1;
        // The thread lives as long as the process.
        let _ = self.jobs.send((number, job));
    }

    /// Publishes busy again if a cell is running.
    pub(crate) fn still_busy(&self) {
        self.shared.still_busy();
    }

    /// Stops the running cell and drops the queued ones: first the compiler, then the running code
    /// at its next safe point, and after a grace period its process.
    pub(crate) fn interrupt(&self) {
        self.drop_queued();
        let shared = self.shared.clone();
        if let Some(cell) = shared.request_stop() {
            self.assist.give_up();
            let watcher = std::thread::Builder::new().name("interrupt".to_owned());
            // Without the thread, the cooperative stop still works.
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

    /// Returns the memory of the kernel and its evaluator in bytes, and the id of the evaluator
    /// process.
    pub(crate) fn memory(&self) -> (u64, u32) {
        let pid = self.shared.evaluator_pid();
        (resident(std::process::id()) + resident(pid), pid)
    }

    /// Passes the user's input to the running cell.
    pub(crate) fn input(&self, answer: String) {
        self.shared.answer(answer);
    }

    /// Returns the open comms, of one target or all.
    pub(crate) fn comms(&self, target: Option<&str>) -> Value {
        self.comms.info(target)
    }

    /// Handles a comm message from the front end.
    pub(crate) fn deliver(&self, parent: &Parent, message: Comm) {
        self.comms.deliver(&self.shared, parent, message);
    }

    /// Returns the completions at byte `at` of a cell's text.
    pub(crate) async fn complete(&self, text: &str, at: usize) -> Completions {
        match magics::complete(text, at) {
            Some(found) => found,
            None => {
                self.assist
                    .complete(text, &source::segment::rust_only(text, magics::is_code), at)
                    .await
            }
        }
    }

    /// Describes the name at byte `at` of a cell's text, optionally with its source.
    pub(crate) async fn inspect(&self, text: &str, at: usize, source: bool) -> Option<Inspection> {
        match magics::inspect(text, at) {
            Some(found) => Some(found),
            None => {
                self.assist
                    .inspect(&source::segment::rust_only(text, magics::is_code), at, source)
                    .await
            }
        }
    }

    fn work(&self, runtime: &Runtime, folder: PathBuf, queue: &mpsc::Receiver<Queued>) {
        let mut session = Session::start(
            runtime,
            folder,
            self.shared.clone(),
            self.comms.clone(),
            self.assist.clone(),
        );
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
            let mut ran = Ran {
                count,
                outcome: Outcome::Dropped,
                took: Duration::ZERO,
                times: Times::default(),
                text: None,
            };
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
            // The user pressed Stop just before the cell started.
            self.shared.stop_next();
        }
        let run = AssertUnwindSafe(|| match session {
            Ok(session) => {
                let payload = run::run(session, &job.code, if job.silent { 0 } else { ran.count })?;
                let expressions = job
                    .expressions
                    .iter()
                    .map(|(name, code)| (name.clone(), session.expression(code)));
                Ok(Outcome::Ok { payload, expressions: expressions.collect() })
            }
            Err(why) => Err(CellError::plain("EvaluatorNotStarted", why)),
        });
        // evcxr itself may panic: the cell fails, and the next one may still work.
        let result = catch_unwind(run).unwrap_or_else(|_| {
            let why =
                "evcxr panicked on this cell; help: restart the kernel if the next cells fail too";
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

/// Returns whether a text can be run, needs more lines, or is invalid.
pub(crate) fn completeness(text: &str) -> Completeness {
    source::segment::completeness(text, magics::is_code)
}
