//! What the evaluator's thread, the listening thread and the server share of the running cell.

use super::clock::{Clock, Times};
use super::display::Output;
use crate::outbox::{Outbox, Parent};
use rask_wire::{Bundle, Place, Role, ToEvaluator};
use rustix::process::Pid;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Child;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

/// How far the running cell has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::eval) enum Phase {
    Idle,
    Compiling,
    Running,
}

/// An error that the evaluator reported for the cell.
#[derive(Debug, Clone)]
pub(in crate::eval) struct Reported {
    pub(in crate::eval) name: String,
    pub(in crate::eval) message: String,
    pub(in crate::eval) place: Option<Place>,
}

/// Asks the front end that sent the cell for a line; false where it does not want to be asked.
pub(crate) type Ask = Box<dyn Fn(&str, bool) -> bool + Send>;

/// Called when the compiled cell begins to run.
type Begun = Box<dyn FnOnce() + Send>;

/// The process that runs compiled code.
#[derive(Default)]
pub(super) struct Evaluator {
    pub(super) connection: Option<UnixStream>,
    /// The process that is connected.
    pub(super) pid: u32,
    pub(super) process: Option<Arc<Mutex<Child>>>,
    /// The library that runs, or ran last.
    library: u32,
}

/// What a cell asks the user.
#[derive(Default)]
struct Question {
    ask: Option<Ask>,
    /// A question waits for its answer.
    open: bool,
}

/// The cell that runs, or ran last.
pub(super) struct State {
    pub(super) phase: Phase,
    /// The user asked to stop this cell.
    pub(super) stopping: bool,
    /// Number of the cell, so that a late stop does not meet the next one.
    pub(super) cell: u64,
    pub(super) reported: Option<Reported>,
    /// The process group of a shell line under way.
    pub(super) shell: Option<Pid>,
    begun: Option<Begun>,
    question: Question,
    pub(super) clock: Clock,
    pub(super) output: Output,
    pub(super) evaluator: Evaluator,
}

impl State {
    /// Sends to the evaluator; false where there is none.
    fn send(&mut self, frame: &ToEvaluator) -> bool {
        self.evaluator.connection.as_mut().is_some_and(|c| rask_wire::write(c, frame).is_ok())
    }

    /// An answer to an open question is no longer wanted.
    pub(super) fn withdraw_question(&mut self) {
        self.question.open = false;
    }

    /// Tells the cell that runs to stop; a process that is gone cannot be stopped.
    pub(super) fn cancel(&mut self) {
        let cell = self.evaluator.library;
        self.send(&ToEvaluator::Cancel { cell });
    }
}

pub(in crate::eval) struct Shared {
    outbox: Outbox,
    pub(in crate::eval) folder: PathBuf,
    state: Mutex<State>,
    pub(super) changed: Condvar,
    /// What the user has set in the environment.
    environment: Mutex<Vec<(String, String)>>,
    /// To the listening thread: all that was printed so far is to be passed on.
    drains: Mutex<Option<(UnixStream, mpsc::Receiver<()>)>>,
    /// The header of the running cell, held while its status is published, so that no other message comes between.
    running: Mutex<Parent>,
}

impl Shared {
    pub(in crate::eval) fn new(outbox: Outbox, folder: PathBuf) -> Self {
        let state = State {
            phase: Phase::Idle,
            stopping: false,
            cell: 0,
            reported: None,
            shell: None,
            begun: None,
            question: Question::default(),
            clock: Clock::default(),
            output: Output::default(),
            evaluator: Evaluator::default(),
        };
        Self {
            outbox,
            folder,
            state: Mutex::new(state),
            changed: Condvar::new(),
            environment: Mutex::default(),
            drains: Mutex::default(),
            running: Mutex::default(),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    pub(in crate::eval) fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    pub(in crate::eval) fn set_process(&self, process: Arc<Mutex<Child>>) {
        self.state().evaluator.process = Some(process);
    }

    pub(in crate::eval) fn set_drains(&self, wake: UnixStream, done: mpsc::Receiver<()>) {
        *lock(&self.drains) = Some((wake, done));
    }

    /// Tells the front end that a cell has its turn.
    pub(in crate::eval) fn busy(&self, parent: &Parent) {
        let mut running = lock(&self.running);
        running.clone_from(parent);
        self.outbox.status(parent, "busy");
    }

    /// Tells the front end that the cell is done.
    pub(in crate::eval) fn idle(&self, parent: &Parent) {
        let mut running = lock(&self.running);
        *running = None;
        self.outbox.status(parent, "idle");
    }

    /// Says again that a cell runs, where one does: front ends show the state that they heard of last, and that was the end of
    /// a request that was answered meanwhile.
    pub(in crate::eval) fn still_busy(&self) {
        let running = lock(&self.running);
        if running.is_some() {
            self.outbox.status(&running, "busy");
        }
    }

    /// A cell begins.
    pub(in crate::eval) fn begin(&self, parent: Parent, count: u32, silent: bool, ask: Option<Ask>) {
        let mut s = self.state();
        (s.phase, s.stopping, s.reported) = (Phase::Compiling, false, None);
        s.question.ask = ask;
        s.clock.times = Times::default();
        s.output.begin(parent, count, silent);
        s.cell += 1;
    }

    /// The cell has ended. Its header stays: what its threads print from now on belongs to it.
    pub(in crate::eval) fn end(&self) -> (Times, Option<String>) {
        let mut s = self.state();
        s.phase = Phase::Idle;
        s.question = Question::default();
        s.begun = None;
        self.changed.notify_all();
        (s.clock.times, s.output.take_text())
    }

    /// A piece of the cell is about to be compiled; `begun` is called when it begins to run.
    pub(in crate::eval) fn compiling(&self, begun: Begun) {
        let mut s = self.state();
        s.phase = Phase::Compiling;
        s.begun = Some(begun);
    }

    /// How long the code of the cell has run so far.
    pub(in crate::eval) fn times(&self) -> Times {
        self.state().clock.times
    }

    /// Compiled code begins to run.
    pub(in crate::eval) fn started(&self, library: u32) {
        let mut s = self.state();
        s.phase = Phase::Running;
        s.output.remember(library);
        s.evaluator.library = library;
        let pid = s.evaluator.pid;
        s.clock.prepare(pid);
        if s.stopping {
            s.cancel();
        }
        let begun = s.begun.take();
        drop(s);
        if let Some(begun) = begun {
            begun();
        }
        self.state().clock.start();
        self.changed.notify_all();
    }

    /// Compiled code has run.
    pub(in crate::eval) fn done(&self) {
        let mut s = self.state();
        let pid = s.evaluator.pid;
        s.clock.stop(pid);
    }

    /// The cell that has just begun is to stop.
    pub(in crate::eval) fn stop_next(&self) {
        self.state().stopping = true;
    }

    /// Whether the user has asked to stop this cell.
    pub(in crate::eval) fn stopping(&self) -> bool {
        self.state().stopping
    }

    /// The error that the evaluator reported, and whether the user had asked to stop.
    pub(in crate::eval) fn verdict(&self) -> (Option<Reported>, bool) {
        let mut s = self.state();
        (s.reported.take(), s.stopping)
    }

    /// Waits until the process that took the place of a dead one has said hello: all that the dead one had printed is then
    /// published, as the listener serves one connection after the other. Gives up after a while, for one that cannot start.
    pub(in crate::eval) fn wait_restarted(&self) {
        const PATIENCE: Duration = Duration::from_secs(10);
        let wanted = self.state().evaluator.process.clone().map(|p| lock(&p).id());
        let s = self.state();
        let (_s, _) =
            self.changed.wait_timeout_while(s, PATIENCE, |s| Some(s.evaluator.pid) != wanted).unwrap_or_else(PoisonError::into_inner);
    }

    /// Sets a variable of the environment for shell lines and for evaluator processes to come.
    pub(in crate::eval) fn set_environment(&self, name: &str, value: &str) {
        let mut environment = lock(&self.environment);
        environment.retain(|(n, _)| n != name);
        environment.push((name.to_owned(), value.to_owned()));
    }

    pub(in crate::eval) fn environment(&self) -> Vec<(String, String)> {
        lock(&self.environment).clone()
    }

    /// Sends to the evaluator; false where there is none.
    pub(in crate::eval) fn send(&self, frame: &ToEvaluator) -> bool {
        self.state().send(frame)
    }

    /// Waits until all that is in the output pipes has been published.
    pub(in crate::eval) fn drain(&self) {
        const PATIENCE: Duration = Duration::from_secs(10);
        let taken = lock(&self.drains).take();
        if let Some((mut wake, done)) = taken {
            use std::io::Write;
            // The listening thread lives as long as the process.
            if wake.write_all(&[1]).is_ok() {
                let _ = done.recv_timeout(PATIENCE);
            }
            *lock(&self.drains) = Some((wake, done));
        }
    }

    /// Results are gathered from now on; returns what was gathered before.
    pub(in crate::eval) fn capture(&self, on: bool) -> Vec<Bundle> {
        self.state().output.capture(on)
    }

    /// Shows a bundle as the cell's.
    pub(in crate::eval) fn show(&self, role: Role, id: Option<String>, bundle: Bundle) {
        self.state().output.show(&self.outbox, role, id, bundle);
    }

    /// Publishes text as the cell's.
    pub(in crate::eval) fn publish(&self, name: &'static str, text: String) {
        self.state().output.publish(&self.outbox, name, text);
    }

    /// Publishes text as that of an earlier cell, known by its library.
    pub(in crate::eval) fn publish_for(&self, library: u32, name: &'static str, text: String) {
        self.state().output.publish_for(&self.outbox, library, name, text);
    }

    /// Clears the cell's output, at once or when something new is shown.
    pub(in crate::eval) fn clear_output(&self, wait: bool) {
        self.state().output.clear(&self.outbox, wait);
    }

    /// The header of the cell, which messages from its process belong to.
    pub(in crate::eval) fn parent(&self) -> Parent {
        self.state().output.parent()
    }

    /// Notes an error that the evaluator reports; the first counts.
    pub(in crate::eval) fn report(&self, error: Reported) {
        self.state().reported.get_or_insert(error);
    }

    /// A process has connected; it is sent a first frame before anyone else can send to it.
    pub(super) fn connected(&self, connection: Option<UnixStream>, first: &ToEvaluator) {
        let mut s = self.state();
        s.evaluator.connection = connection;
        s.send(first);
    }

    /// The process that has connected said who it is.
    pub(super) fn introduced(&self, pid: u32) {
        self.state().evaluator.pid = pid;
        self.changed.notify_all();
    }

    /// The connection has ended; returns the header of the cell that ran.
    pub(super) fn disconnected(&self) -> Parent {
        let mut s = self.state();
        s.evaluator.connection = None;
        s.output.parent()
    }

    /// The evaluator process that is connected.
    pub(in crate::eval) fn evaluator_pid(&self) -> u32 {
        self.state().evaluator.pid
    }

    /// Asks the user; false where the front end cannot be asked.
    pub(in crate::eval) fn ask(&self, prompt: &str, password: bool) -> bool {
        let mut s = self.state();
        s.question.open = s.question.ask.as_ref().is_some_and(|ask| ask(prompt, password));
        s.question.open
    }

    /// The user's answer to a question of the cell; one that comes too late is not the answer to the next.
    pub(in crate::eval) fn answer(&self, answer: String) {
        if std::mem::take(&mut self.state().question.open) {
            self.send(&ToEvaluator::Input(Ok(answer)));
        }
    }
}

/// Locks; a thread that panicked while it held the lock has left a state that is still whole.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
