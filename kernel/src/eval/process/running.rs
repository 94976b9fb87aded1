//! The state of the running cell that the evaluator's thread, the listening thread and the server
//! share.

use super::clock::{Clock, Times};
use super::display::Output;
use crate::outbox::{Outbox, Parent};
use rask_wire::helpers::Whole;
use rask_wire::{Bundle, Place, Role, ToEvaluator};
use rustix::process::Pid;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Child;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, mpsc};
use std::time::Duration;

/// The phase of the running cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::eval) enum Phase {
    Idle,
    Compiling,
    Running,
}

/// An error that the evaluator has reported for the cell.
#[derive(Debug, Clone)]
pub(in crate::eval) struct Reported {
    pub(in crate::eval) name: String,
    pub(in crate::eval) message: String,
    pub(in crate::eval) place: Option<Place>,
}

/// Requests a line of input from the front end that sent the cell; returns `false` if it does not
/// allow input.
pub(crate) type Ask = Box<dyn Fn(&str, bool) -> bool + Send>;

/// Called when the compiled cell starts.
type Begun = Box<dyn FnOnce() + Send>;

/// The evaluator process.
#[derive(Default)]
pub(super) struct Evaluator {
    pub(super) connection: Option<UnixStream>,
    /// The connected process.
    pub(super) pid: u32,
    pub(super) process: Option<Arc<Mutex<Child>>>,
    /// The library that is running, or ran last.
    library: u32,
}

/// The input request of a cell.
#[derive(Default)]
struct Question {
    ask: Option<Ask>,
    /// `true` while an input request is pending.
    open: bool,
}

/// The cell that is running, or ran last.
pub(super) struct State {
    pub(super) phase: Phase,
    /// The user has interrupted this cell.
    pub(super) stopping: bool,
    /// The number of the cell, so that a late interrupt does not stop the next one.
    pub(super) cell: u64,
    pub(super) reported: Option<Reported>,
    /// The process group of a running shell command.
    pub(super) shell: Option<Pid>,
    begun: Option<Begun>,
    question: Question,
    pub(super) clock: Clock,
    pub(super) output: Output,
    pub(super) evaluator: Evaluator,
}

impl State {
    /// Sends a message to the evaluator; returns `false` if there is none.
    fn send(&mut self, frame: &ToEvaluator) -> bool {
        self.evaluator.connection.as_mut().is_some_and(|c| rask_wire::write(c, frame).is_ok())
    }

    /// Cancels a pending input request.
    pub(super) fn withdraw_question(&mut self) {
        self.question.open = false;
    }

    /// Requests the running cell to stop; a process that has ended is ignored.
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
    /// The environment variables that the user has set.
    environment: Mutex<Vec<(String, String)>>,
    /// Requests the listening thread to publish everything printed so far.
    drains: Mutex<Option<(UnixStream, mpsc::Receiver<()>)>>,
    /// The header of the running cell, locked while its status is published, so that no other
    /// message comes in between.
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
        self.state.lock().whole()
    }

    pub(in crate::eval) fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    pub(in crate::eval) fn set_process(&self, process: Arc<Mutex<Child>>) {
        self.state().evaluator.process = Some(process);
    }

    pub(in crate::eval) fn set_drains(&self, wake: UnixStream, done: mpsc::Receiver<()>) {
        *self.drains.lock().whole() = Some((wake, done));
    }

    /// Publishes that a cell has started.
    pub(in crate::eval) fn busy(&self, parent: &Parent) {
        let mut running = self.running.lock().whole();
        running.clone_from(parent);
        self.outbox.status(parent, "busy");
    }

    /// Publishes that the cell is done.
    pub(in crate::eval) fn idle(&self, parent: &Parent) {
        let mut running = self.running.lock().whole();
        *running = None;
        self.outbox.status(parent, "idle");
    }

    /// Publishes busy again if a cell is running: front ends show the last status that they
    /// received, which was the idle of a request that was answered in the meantime.
    pub(in crate::eval) fn still_busy(&self) {
        let running = self.running.lock().whole();
        if running.is_some() {
            self.outbox.status(&running, "busy");
        }
    }

    /// Begins a cell.
    pub(in crate::eval) fn begin(
        &self,
        parent: Parent,
        count: u32,
        silent: bool,
        ask: Option<Ask>,
    ) {
        let mut s = self.state();
        (s.phase, s.stopping, s.reported) = (Phase::Compiling, false, None);
        s.question.ask = ask;
        s.clock.times = Times::default();
        s.output.begin(parent, count, silent);
        s.cell += 1;
    }

    /// Ends the cell. Its header stays, because what its threads print from now on belongs to it.
    pub(in crate::eval) fn end(&self) -> (Times, Option<String>) {
        let mut s = self.state();
        s.phase = Phase::Idle;
        s.question = Question::default();
        s.begun = None;
        self.changed.notify_all();
        (s.clock.times, s.output.take_text())
    }

    /// Begins the compilation of a part of the cell; `begun` is called when that part starts to
    /// run.
    pub(in crate::eval) fn compiling(&self, begun: Begun) {
        let mut s = self.state();
        s.phase = Phase::Compiling;
        s.begun = Some(begun);
    }

    /// Returns how long the code of the cell has run so far.
    pub(in crate::eval) fn times(&self) -> Times {
        self.state().clock.times
    }

    /// Begins the run of compiled code.
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

    /// Ends the run of compiled code.
    pub(in crate::eval) fn done(&self) {
        let mut s = self.state();
        let pid = s.evaluator.pid;
        s.clock.stop(pid);
    }

    /// Interrupts the cell that has just begun.
    pub(in crate::eval) fn stop_next(&self) {
        self.state().stopping = true;
    }

    /// Returns whether the user has interrupted this cell.
    pub(in crate::eval) fn stopping(&self) -> bool {
        self.state().stopping
    }

    /// Takes the error that the evaluator reported, and whether the user had interrupted the cell.
    pub(in crate::eval) fn verdict(&self) -> (Option<Reported>, bool) {
        let mut s = self.state();
        (s.reported.take(), s.stopping)
    }

    /// Waits until the process that replaces a dead one has connected: everything that the dead one
    /// printed is then published, as the listener serves one connection after the other. Times out
    /// if the new process cannot start.
    pub(in crate::eval) fn wait_restarted(&self) {
        const PATIENCE: Duration = Duration::from_secs(10);
        let wanted = self.state().evaluator.process.clone().map(|p| p.lock().whole().id());
        let s = self.state();
        let (_s, _) = self
            .changed
            .wait_timeout_while(s, PATIENCE, |s| Some(s.evaluator.pid) != wanted)
            .whole();
    }

    /// Sets an environment variable for shell commands and for future evaluator processes.
    pub(in crate::eval) fn set_environment(&self, name: &str, value: &str) {
        let mut environment = self.environment.lock().whole();
        environment.retain(|(n, _)| n != name);
        environment.push((name.to_owned(), value.to_owned()));
    }

    pub(in crate::eval) fn environment(&self) -> Vec<(String, String)> {
        self.environment.lock().whole().clone()
    }

    /// Sends a message to the evaluator; returns `false` if there is none.
    pub(in crate::eval) fn send(&self, frame: &ToEvaluator) -> bool {
        self.state().send(frame)
    }

    /// Waits until the content of the output pipes has been published.
    pub(in crate::eval) fn drain(&self) {
        const PATIENCE: Duration = Duration::from_secs(10);
        let taken = self.drains.lock().whole().take();
        if let Some((mut wake, done)) = taken {
            use std::io::Write;
            // The listening thread lives as long as this process.
            if wake.write_all(&[1]).is_ok() {
                let _ = done.recv_timeout(PATIENCE);
            }
            *self.drains.lock().whole() = Some((wake, done));
        }
    }

    /// Starts or stops collecting results; returns those collected before.
    pub(in crate::eval) fn capture(&self, on: bool) -> Vec<Bundle> {
        self.state().output.capture(on)
    }

    /// Shows a bundle as output of the cell.
    pub(in crate::eval) fn show(&self, role: Role, id: Option<String>, bundle: Bundle) {
        self.state().output.show(&self.outbox, role, id, bundle);
    }

    /// Publishes text as output of the cell.
    pub(in crate::eval) fn publish(&self, name: &'static str, text: String) {
        self.state().output.publish(&self.outbox, name, text);
    }

    /// Publishes text as output of an earlier cell, identified by its library.
    pub(in crate::eval) fn publish_for(&self, library: u32, name: &'static str, text: String) {
        self.state().output.publish_for(&self.outbox, library, name, text);
    }

    /// Clears the cell's output, at once or with the next output.
    pub(in crate::eval) fn clear_output(&self, wait: bool) {
        self.state().output.clear(&self.outbox, wait);
    }

    /// Returns the header of the cell that messages from its process belong to.
    pub(in crate::eval) fn parent(&self) -> Parent {
        self.state().output.parent()
    }

    /// Records an error that the evaluator reports; only the first one is kept.
    pub(in crate::eval) fn report(&self, error: Reported) {
        self.state().reported.get_or_insert(error);
    }

    /// Registers a new connection and sends its first frame before anyone else can send to it.
    pub(super) fn connected(&self, connection: Option<UnixStream>, first: &ToEvaluator) {
        let mut s = self.state();
        s.evaluator.connection = connection;
        s.send(first);
    }

    /// Records the id that the connected process has reported.
    pub(super) fn introduced(&self, pid: u32) {
        self.state().evaluator.pid = pid;
        self.changed.notify_all();
    }

    /// Removes a closed connection; returns the header of the cell that ran.
    pub(super) fn disconnected(&self) -> Parent {
        let mut s = self.state();
        s.evaluator.connection = None;
        s.output.parent()
    }

    /// The evaluator process that is connected.
    pub(in crate::eval) fn evaluator_pid(&self) -> u32 {
        self.state().evaluator.pid
    }

    /// Requests input from the user; returns `false` if the front end does not allow it.
    pub(in crate::eval) fn ask(&self, prompt: &str, password: bool) -> bool {
        let mut s = self.state();
        s.question.open = s.question.ask.as_ref().is_some_and(|ask| ask(prompt, password));
        s.question.open
    }

    /// Passes the user's input to the cell; late input is dropped, as it does not answer the next
    /// request.
    pub(in crate::eval) fn answer(&self, answer: String) {
        if std::mem::take(&mut self.state().question.open) {
            self.send(&ToEvaluator::Input(Ok(answer)));
        }
    }
}
