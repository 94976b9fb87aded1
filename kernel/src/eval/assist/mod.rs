//! rust-analyzer for cells: types of variables, completions, documentation. It has a thread of its
//! own, so that requests are answered while a cell is compiled or runs.

mod complete;
mod inspect;
mod project;
mod types;

pub(crate) use complete::{Completion, Completions};
pub(crate) use inspect::Inspection;

use super::runtime::Runtime;
use super::source::scope::{Scope, Wrapped};
use super::source::types::Inferred;
use project::Project;
use rask_wire::helpers::Whole;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::TryRecvError;
use std::sync::{Arc, Mutex, MutexGuard, mpsc};
use std::time::Duration;
use tokio::sync::oneshot;

/// How long anything waits for rust-analyzer: reading a new crate takes seconds; anything longer is
/// a hang.
const LONGEST: Duration = Duration::from_secs(20);
/// How long a cell waits for them while rust-analyzer is starting: then the compiler is asked, which
/// takes about as long.
const SHORTEST: Duration = Duration::from_millis(200);
/// How long completions wait for rust-analyzer where words are an answer: JupyterLab waits no longer.
/// What only rust-analyzer knows may take as long as a cell: other front ends do wait.
const DEADLINE: Duration = Duration::from_secs(1);

enum Ask {
    /// Loads a new manifest of the session.
    Load(String),
    Types(Wrapped, mpsc::Sender<Vec<Inferred>>),
    Complete(Wrapped, oneshot::Sender<Completions>),
    Inspect(Wrapped, bool, oneshot::Sender<Option<Inspection>>),
}

impl Ask {
    /// Returns whether nobody waits for the answer any more.
    fn is_stale(&self) -> bool {
        match self {
            Self::Complete(_, reply) => reply.is_closed(),
            Self::Inspect(_, _, reply) => reply.is_closed(),
            Self::Load(_) | Self::Types(..) => false,
        }
    }
}

/// A handle to the thread.
#[derive(Clone)]
pub(crate) struct Assist {
    asks: mpsc::Sender<Ask>,
    scope: Arc<Mutex<Scope>>,
    /// The cell that is waiting for types.
    waiting: Arc<Mutex<Option<mpsc::Sender<Vec<Inferred>>>>>,
    /// Whether rust-analyzer has read the crates that every session has in scope.
    started: Arc<AtomicBool>,
}

/// How long to wait for the types of variables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    /// Not until rust-analyzer has started.
    Briefly,
    /// As long as it takes.
    Fully,
}

impl Assist {
    /// Starts the thread, which immediately loads the crates that every session has in scope.
    pub(super) fn start(runtime: Runtime, session: PathBuf, manifest: String) -> Self {
        let (asks, queue) = mpsc::channel();
        let this =
            Self { asks, scope: Arc::default(), waiting: Arc::default(), started: Arc::default() };
        this.ask(Ask::Load(manifest));
        let builder = std::thread::Builder::new().name("assist".to_owned()).stack_size(64 << 20);
        let started = this.started.clone();
        // Without the thread, requests get no answers, and variables need type annotations.
        if let Err(e) = builder.spawn(move || work(&runtime, &session, &queue, &started)) {
            eprintln!("rask: cannot start the rust-analyzer thread: {e}");
        }
        this
    }

    fn ask(&self, ask: Ask) {
        // If the thread has ended there is no answer, which every caller handles.
        let _ = self.asks.send(ask);
    }

    /// Returns the names that earlier cells have defined, and those of the running cell.
    pub(super) fn scope(&self) -> MutexGuard<'_, Scope> {
        self.scope.lock().whole()
    }

    /// Loads a changed manifest.
    pub(super) fn load(&self, manifest: String) {
        self.ask(Ask::Load(manifest));
    }

    /// Returns the types of the variables that the statements of a cell define, in order; empty if
    /// they cannot be inferred, and `None` if rust-analyzer is not ready in time.
    pub(super) fn types(&self, items: &str, statements: &str, wait: Wait) -> Option<Vec<Inferred>> {
        let (reply, answer) = mpsc::channel();
        let text = self.scope().wrap(items, statements, 0);
        *self.waiting.lock().whole() = Some(reply.clone());
        self.ask(Ask::Types(text, reply));
        if wait == Wait::Briefly && !self.started.load(Ordering::Acquire) {
            return answer.recv_timeout(SHORTEST).ok();
        }
        Some(answer.recv_timeout(LONGEST).unwrap_or_default())
    }

    /// Cancels the wait for types, as the user has interrupted the cell.
    pub(super) fn give_up(&self) {
        if let Some(waiting) = self.waiting.lock().whole().take() {
            // A cell that already has its answer has dropped the receiver.
            let _ = waiting.send(Vec::new());
        }
    }

    /// Returns the completions at byte `at` of a cell's text, whose Rust is `rust`; plain words if
    /// rust-analyzer is not ready in time.
    pub(super) async fn complete(&self, text: &str, rust: &str, at: usize) -> Completions {
        if let Some(found) = complete::without_analysis(rust, at) {
            return found;
        }
        let (reply, mut answer) = oneshot::channel();
        let wrapped = self.scope().wrap("", rust, at);
        self.ask(Ask::Complete(wrapped, reply));
        if let Ok(Ok(found)) = tokio::time::timeout(DEADLINE, &mut answer).await {
            return found;
        }
        let words = complete::words(&self.scope(), text, at);
        if !words.items.is_empty() {
            return words;
        }
        match tokio::time::timeout(LONGEST - DEADLINE, answer).await {
            Ok(Ok(found)) => found,
            _ => words,
        }
    }

    /// Describes the name at byte `at` of a cell's text; with its source if `source` is set.
    pub(super) async fn inspect(&self, text: &str, at: usize, source: bool) -> Option<Inspection> {
        let (reply, answer) = oneshot::channel();
        let wrapped = self.scope().wrap("", text, at);
        self.ask(Ask::Inspect(wrapped, source, reply));
        tokio::time::timeout(LONGEST, answer).await.ok()?.ok().flatten()
    }

    /// Describes the last name of `text`, such as `Vec::push`.
    pub(super) fn document(&self, text: &str) -> Option<Inspection> {
        let (reply, answer) = oneshot::channel();
        let wrapped = self.scope().wrap("", text, text.len());
        self.ask(Ask::Inspect(wrapped, false, reply));
        // Called from the evaluator's own thread, which must not wait for a crate that is being
        // loaded.
        let handle = tokio::runtime::Builder::new_current_thread().enable_time().build().ok()?;
        handle.block_on(async { tokio::time::timeout(LONGEST, answer).await.ok()?.ok().flatten() })
    }
}

fn work(
    runtime: &Runtime,
    session: &std::path::Path,
    queue: &mpsc::Receiver<Ask>,
    started: &AtomicBool,
) {
    let mut project = match Project::new(runtime, session) {
        Ok(project) => project,
        Err(e) => {
            eprintln!("rask: cannot start rust-analyzer: {e}");
            return;
        }
    };
    let mut cold = 0..0;
    loop {
        let ask = match queue.try_recv() {
            Ok(ask) => ask,
            Err(TryRecvError::Empty) if !cold.is_empty() => {
                let first = WARM[cold.start];
                cold.start += 1;
                let _ = catch_unwind(AssertUnwindSafe(|| warm_up(&mut project, first)));
                started.fetch_or(cold.is_empty(), Ordering::Release);
                continue;
            }
            Err(_) => match queue.recv() {
                Ok(ask) => ask,
                Err(_) => return,
            },
        };
        if ask.is_stale() {
            continue;
        }
        if matches!(ask, Ask::Load(_)) {
            cold = 0..WARM.len();
        }
        // rust-analyzer panics on some code; the next request may still be answered.
        let _ = catch_unwind(AssertUnwindSafe(|| answer(&mut project, ask)));
    }
}

/// Cells like the first ones of a user: about the standard library, and about the runtime.
const WARM: [&str; 2] = [
    "let warm = vec![String::new()];\nlet n = warm.len();",
    "let first = read_csv(\"\").filter(col(\"\").gt(1));",
];

/// The first query about a library is the most expensive: it is run while nobody waits.
fn warm_up(project: &mut Project, cell: &str) {
    project.set(format!("use rask::prelude::*;\nfn rask_cell() {{\n{cell}\n}}\n"));
    project.read_ahead();
    types::infer(project);
}

fn answer(project: &mut Project, ask: Ask) {
    match ask {
        Ask::Load(manifest) => {
            if let Err(e) = project.load(&manifest) {
                eprintln!("rask: rust-analyzer cannot load the session's crates: {e}");
            }
        }
        Ask::Types(text, reply) => {
            project.set(text.text);
            let _ = reply.send(types::infer(project));
        }
        Ask::Complete(text, reply) => {
            let at = text.at;
            project.set(text.text);
            let _ = reply.send(complete::find(project, at, text.start));
        }
        Ask::Inspect(text, source, reply) => {
            let at = text.at;
            project.set(text.text);
            let _ = reply.send(inspect::find(project, at, source));
        }
    }
}
