//! What rust-analyzer knows of a cell: types of its variables, completions, documentation. A thread of its own, so that
//! questions are answered while a cell is compiled or runs.

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
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;
use tokio::sync::oneshot;

/// How long a cell waits for the types of its variables: reading a new crate takes seconds, and what takes longer never ends.
const LONGEST: Duration = Duration::from_secs(20);
/// How long a front end waits for an answer; what comes later is of no use to it.
const DEADLINE: Duration = Duration::from_secs(1);

enum Ask {
    /// The session's manifest is now this.
    Load(String),
    Types(Wrapped, mpsc::Sender<Vec<Inferred>>),
    Complete(Wrapped, oneshot::Sender<Completions>),
    Inspect(Wrapped, bool, oneshot::Sender<Option<Inspection>>),
}

impl Ask {
    /// Whether nobody waits for the answer any more.
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
    /// The cell that waits for types.
    waiting: Arc<Mutex<Option<mpsc::Sender<Vec<Inferred>>>>>,
}

impl Assist {
    /// Starts the thread, which at once reads what every session has in scope.
    pub(super) fn start(runtime: Runtime, session: PathBuf, manifest: String) -> Self {
        let (asks, queue) = mpsc::channel();
        let this = Self { asks, scope: Arc::default(), waiting: Arc::default() };
        this.ask(Ask::Load(manifest));
        let builder = std::thread::Builder::new().name("assist".to_owned()).stack_size(64 << 20);
        // Without the thread, questions get no answers, and variables want their types written down.
        if let Err(e) = builder.spawn(move || work(&runtime, &session, &queue)) {
            eprintln!("rask: no thread for rust-analyzer: {e}");
        }
        this
    }

    fn ask(&self, ask: Ask) {
        // A thread that is gone answers nothing, which every caller can bear.
        let _ = self.asks.send(ask);
    }

    /// What cells have left behind so far, and the running one is about to.
    pub(super) fn scope(&self) -> MutexGuard<'_, Scope> {
        self.scope.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The manifest has changed.
    pub(super) fn load(&self, manifest: String) {
        self.ask(Ask::Load(manifest));
    }

    /// The variables that the statements of a cell make, in order of appearance; none where that cannot be told.
    pub(super) fn types(&self, items: &str, statements: &str) -> Vec<Inferred> {
        let (reply, answer) = mpsc::channel();
        let text = self.scope().wrap(items, statements, 0);
        *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) = Some(reply.clone());
        self.ask(Ask::Types(text, reply));
        answer.recv_timeout(LONGEST).unwrap_or_default()
    }

    /// A cell that waits for types waits no longer: the user has stopped it.
    pub(super) fn give_up(&self) {
        if let Some(waiting) = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // One that has its answer already does not listen any more.
            let _ = waiting.send(Vec::new());
        }
    }

    /// What may stand at byte `at` of a cell's text, whose Rust is `rust`; the plain words that fit where rust-analyzer is not
    /// ready in time.
    pub(super) async fn complete(&self, text: &str, rust: &str, at: usize) -> Completions {
        if let Some(found) = complete::without_analysis(rust, at) {
            return found;
        }
        let (reply, answer) = oneshot::channel();
        let wrapped = self.scope().wrap("", rust, at);
        self.ask(Ask::Complete(wrapped, reply));
        match tokio::time::timeout(DEADLINE, answer).await {
            Ok(Ok(found)) => found,
            _ => complete::words(&self.scope(), text, at),
        }
    }

    /// What the name at byte `at` of a cell's text is; with its source where `source`.
    pub(super) async fn inspect(&self, text: &str, at: usize, source: bool) -> Option<Inspection> {
        let (reply, answer) = oneshot::channel();
        let wrapped = self.scope().wrap("", text, at);
        self.ask(Ask::Inspect(wrapped, source, reply));
        tokio::time::timeout(DEADLINE, answer).await.ok()?.ok().flatten()
    }

    /// What the end of `text`, such as `Vec::push`, is.
    pub(super) fn document(&self, text: &str) -> Option<Inspection> {
        let (reply, answer) = oneshot::channel();
        let wrapped = self.scope().wrap("", text, text.len());
        self.ask(Ask::Inspect(wrapped, false, reply));
        // Asked from the evaluator's own thread, which must not wait for a crate that is being read.
        let handle = tokio::runtime::Builder::new_current_thread().enable_time().build().ok()?;
        handle.block_on(async { tokio::time::timeout(LONGEST, answer).await.ok()?.ok().flatten() })
    }
}

fn work(runtime: &Runtime, session: &std::path::Path, queue: &mpsc::Receiver<Ask>) {
    let mut project = match Project::new(runtime, session) {
        Ok(project) => project,
        Err(e) => {
            eprintln!("rask: rust-analyzer cannot start: {e}");
            return;
        }
    };
    for ask in queue {
        if ask.is_stale() {
            continue;
        }
        // rust-analyzer panics over some code; the next question may well be answered.
        let _ = catch_unwind(AssertUnwindSafe(|| answer(&mut project, ask)));
    }
}

fn answer(project: &mut Project, ask: Ask) {
    match ask {
        Ask::Load(manifest) => {
            if let Err(e) = project.load(&manifest) {
                eprintln!("rask: rust-analyzer cannot read the session's crates: {e}");
            }
            // The first question about the library costs the most: it is asked here, where nobody waits yet.
            project.set("use rask::prelude::*;\nfn rask_cell() {\nlet warm = vec![String::new()];\nlet n = warm.len();\nlet first = read_csv(\"\").filter(col(\"\").gt(1));\n}\n".to_owned());
            project.read_ahead();
            types::infer(project);
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
