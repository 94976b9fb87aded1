//! What the evaluator's thread, the listening thread and the server share of the running cell.

use crate::error::{Error, Result};
use crate::outbox::{Outbox, Parent};
use rask_wire::{Bundle, Place, Role, ToEvaluator};
use rustix::process::{Pid, Signal, kill_process_group};
use std::collections::BTreeMap;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Child;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};

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

pub(in crate::eval) struct State {
    pub(in crate::eval) phase: Phase,
    pub(in crate::eval) parent: Parent,
    pub(in crate::eval) count: u32,
    pub(in crate::eval) silent: bool,
    /// The user asked to stop this cell.
    pub(in crate::eval) stopping: bool,
    /// Number of the cell, so that a late stop does not meet the next one.
    cell: u64,
    pub(in crate::eval) reported: Option<Reported>,
    pub(in crate::eval) connection: Option<UnixStream>,
    /// The evaluator process that is connected.
    pub(in crate::eval) pid: u32,
    process: Option<Arc<Mutex<Child>>>,
    /// The process group of a shell line under way.
    shell: Option<Pid>,
    pub(in crate::eval) ask: Option<Ask>,
    /// A question is open.
    asked: bool,
    pub(in crate::eval) begun: Option<Begun>,
    /// Results are gathered here instead of shown.
    capture: Option<Vec<Bundle>>,
    /// The text of the last result, for the history.
    text: Option<String>,
    started: Option<Instant>,
    /// How long code has run, not counting compilation, and the processor's time for it.
    ran: Duration,
    cpu: Duration,
    cpu_before: Duration,
    /// What the user has set in the environment.
    environment: Vec<(String, String)>,
    /// The library that runs, or ran last.
    library: u32,
    /// The cell of each library.
    libraries: BTreeMap<u32, Parent>,
    /// To the listening thread: all that was printed so far is to be passed on.
    drains: Option<(UnixStream, mpsc::Receiver<()>)>,
}

impl State {
    /// Sends to the evaluator; false where there is none.
    pub(in crate::eval) fn send(&mut self, frame: &ToEvaluator) -> bool {
        self.connection.as_mut().is_some_and(|c| rask_wire::write(c, frame).is_ok())
    }

    /// Tells the cell that runs to stop; a process that is gone cannot be stopped.
    fn cancel(&mut self) {
        let cell = self.library;
        self.send(&ToEvaluator::Cancel { cell });
    }
}

/// How long a cell took.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Times {
    /// Running, not counting compilation.
    pub(crate) ran: Duration,
    /// The processor's time for that.
    pub(crate) cpu: Duration,
}

pub(in crate::eval) struct Shared {
    outbox: Outbox,
    pub(in crate::eval) folder: PathBuf,
    state: Mutex<State>,
    pub(in crate::eval) changed: Condvar,
    /// The header of the running cell, held while its status is published, so that no other message comes between.
    running: Mutex<Parent>,
}

impl Shared {
    pub(in crate::eval) fn new(outbox: Outbox, folder: PathBuf) -> Self {
        let state = State {
            phase: Phase::Idle,
            parent: None,
            count: 0,
            silent: true,
            stopping: false,
            cell: 0,
            reported: None,
            connection: None,
            pid: 0,
            process: None,
            shell: None,
            ask: None,
            asked: false,
            begun: None,
            capture: None,
            text: None,
            started: None,
            ran: Duration::ZERO,
            cpu: Duration::ZERO,
            cpu_before: Duration::ZERO,
            environment: Vec::new(),
            library: 0,
            libraries: BTreeMap::new(),
            drains: None,
        };
        Self { outbox, folder, state: Mutex::new(state), changed: Condvar::new(), running: Mutex::new(None) }
    }

    pub(in crate::eval) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(in crate::eval) fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    pub(in crate::eval) fn set_process(&self, process: Arc<Mutex<Child>>) {
        self.state().process = Some(process);
    }

    pub(in crate::eval) fn set_drains(&self, wake: UnixStream, done: mpsc::Receiver<()>) {
        self.state().drains = Some((wake, done));
    }

    /// Tells the front end that a cell has its turn.
    pub(in crate::eval) fn busy(&self, parent: &Parent) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.clone_from(parent);
        self.outbox.status(parent, "busy");
    }

    /// Tells the front end that the cell is done.
    pub(in crate::eval) fn idle(&self, parent: &Parent) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        *running = None;
        self.outbox.status(parent, "idle");
    }

    /// Says again that a cell runs, where one does: front ends show the state that they heard of last, and that was the end of
    /// a request that was answered meanwhile.
    pub(in crate::eval) fn still_busy(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if running.is_some() {
            self.outbox.status(&running, "busy");
        }
    }

    /// A cell begins.
    pub(in crate::eval) fn begin(&self, parent: Parent, count: u32, silent: bool, ask: Option<Ask>) {
        let mut s = self.state();
        (s.phase, s.parent, s.count, s.silent, s.stopping, s.reported) = (Phase::Compiling, parent, count, silent, false, None);
        (s.ask, s.text, s.ran, s.cpu) = (ask, None, Duration::ZERO, Duration::ZERO);
        s.cell += 1;
    }

    /// The cell has ended. Its header stays: what its threads print from now on belongs to it.
    pub(in crate::eval) fn end(&self) -> (Times, Option<String>) {
        let mut s = self.state();
        s.phase = Phase::Idle;
        s.ask = None;
        s.asked = false;
        s.begun = None;
        self.changed.notify_all();
        (Times { ran: s.ran, cpu: s.cpu }, s.text.take())
    }

    /// A piece of the cell is about to be compiled; `begun` is called when it begins to run.
    pub(in crate::eval) fn compiling(&self, begun: Begun) {
        let mut s = self.state();
        s.phase = Phase::Compiling;
        s.begun = Some(begun);
    }

    /// How long the code of the cell has run so far.
    pub(in crate::eval) fn times(&self) -> Times {
        let s = self.state();
        Times { ran: s.ran, cpu: s.cpu }
    }

    /// Compiled code begins to run.
    pub(in crate::eval) fn started(&self, library: u32) {
        const REMEMBERED: usize = 10_000;
        let mut s = self.state();
        s.phase = Phase::Running;
        let whose = (!s.silent).then(|| s.parent.clone()).flatten();
        s.libraries.insert(library, whose);
        s.library = library;
        if s.libraries.len() > REMEMBERED {
            s.libraries.pop_first();
        }
        s.cpu_before = processor_time(s.pid);
        if s.stopping {
            s.cancel();
        }
        let begun = s.begun.take();
        drop(s);
        if let Some(begun) = begun {
            begun();
        }
        self.state().started = Some(Instant::now());
        self.changed.notify_all();
    }

    /// Compiled code has run.
    pub(in crate::eval) fn done(&self) {
        let mut s = self.state();
        if let Some(started) = s.started.take() {
            s.ran += started.elapsed();
            let used = processor_time(s.pid).saturating_sub(s.cpu_before);
            s.cpu += used;
        }
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
        let wanted = self.state().process.clone().map(|p| p.lock().unwrap_or_else(PoisonError::into_inner).id());
        let s = self.state();
        let (_s, _) = self.changed.wait_timeout_while(s, PATIENCE, |s| Some(s.pid) != wanted).unwrap_or_else(PoisonError::into_inner);
    }

    /// Sets a variable of the environment for shell lines and for evaluator processes to come.
    pub(in crate::eval) fn set_environment(&self, name: &str, value: &str) {
        let mut s = self.state();
        s.environment.retain(|(n, _)| n != name);
        s.environment.push((name.to_owned(), value.to_owned()));
    }

    pub(in crate::eval) fn environment(&self) -> Vec<(String, String)> {
        self.state().environment.clone()
    }

    /// Sends to the evaluator; false where there is none.
    pub(in crate::eval) fn send(&self, frame: &ToEvaluator) -> bool {
        self.state().send(frame)
    }

    /// Notes the user's wish to stop and passes it on; the number of the cell that is to stop, where one runs.
    pub(in crate::eval) fn request_stop(&self) -> Option<u64> {
        let mut s = self.state();
        if s.phase == Phase::Idle || s.stopping {
            return None;
        }
        s.stopping = true;
        s.asked = false;
        if let Some(group) = s.shell {
            signal(group, Signal::INT);
        } else if s.phase == Phase::Running {
            s.cancel();
        }
        Some(s.cell)
    }

    /// Sees to it that the cell of that number, which is being stopped, ends: its compiler at once, its process after `grace`.
    pub(in crate::eval) fn enforce_stop(&self, cell: u64, grace: Duration) {
        let deadline = Instant::now() + grace;
        let mut s = self.state();
        while s.cell == cell && s.phase != Phase::Idle {
            if s.phase == Phase::Compiling {
                self.kill_compiler();
            } else if Instant::now() >= deadline {
                if let Some(group) = s.shell {
                    signal(group, Signal::KILL);
                } else if let Some(process) = s.process.clone() {
                    drop(s);
                    kill(&process);
                }
                return;
            }
            // A compiler may have been about to start; a phase may have changed.
            s = self.changed.wait_timeout(s, Duration::from_millis(100)).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// The process group of the compiler under way notes its number in the session's folder.
    fn kill_compiler(&self) {
        let noted = std::fs::read_to_string(crate::eval::tools::files::pid_file(&self.folder)).ok();
        if let Some(pid) = noted.and_then(|t| t.trim().parse().ok()).and_then(Pid::from_raw) {
            signal(pid, Signal::KILL);
            // It cannot clean up after itself, and its number may soon be another's.
            let _ = std::fs::remove_file(crate::eval::tools::files::pid_file(&self.folder));
        }
    }

    /// Ends everything, for a kernel that shuts down.
    pub(in crate::eval) fn kill(&self) {
        self.kill_compiler();
        let (process, shell) = {
            let s = self.state();
            (s.process.clone(), s.shell)
        };
        if let Some(group) = shell {
            signal(group, Signal::KILL);
        }
        if let Some(process) = process {
            kill(&process);
        }
    }

    /// Runs `child`, the leader of a process group of its own, as a part of the cell that Stop reaches; how it ended.
    pub(in crate::eval) fn attend(&self, child: &mut Child) -> Result<std::process::ExitStatus> {
        let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let mut s = self.state();
        (s.shell, s.phase) = (group, Phase::Running);
        if s.stopping
            && let Some(group) = group
        {
            signal(group, Signal::INT);
        }
        drop(s);
        let began = Instant::now();
        // Waiting would close it, and with it end the group.
        let _held = child.stdin.take();
        let status = child.wait().map_err(|source| Error::Start { command: "sh".to_owned(), source });
        let mut s = self.state();
        (s.shell, s.phase) = (None, Phase::Compiling);
        s.ran += began.elapsed();
        let stopping = s.stopping;
        drop(s);
        if stopping && let Some(group) = group {
            // What did not heed the first signal must not go on behind the cell's back.
            signal(group, Signal::KILL);
        }
        self.changed.notify_all();
        self.drain();
        status
    }

    /// Waits until all that is in the output pipes has been published.
    pub(in crate::eval) fn drain(&self) {
        const PATIENCE: Duration = Duration::from_secs(10);
        let taken = self.state().drains.take();
        if let Some((mut wake, done)) = taken {
            use std::io::Write;
            // The listening thread lives as long as the process.
            if wake.write_all(&[1]).is_ok() {
                let _ = done.recv_timeout(PATIENCE);
            }
            self.state().drains = Some((wake, done));
        }
    }

    /// Results are gathered from now on; returns what was gathered before.
    pub(in crate::eval) fn capture(&self, on: bool) -> Vec<Bundle> {
        std::mem::replace(&mut self.state().capture, on.then(Vec::new)).unwrap_or_default()
    }

    /// Shows a bundle as the cell's.
    pub(in crate::eval) fn show(&self, role: Role, id: Option<String>, bundle: Bundle) {
        let mut s = self.state();
        if role == Role::Result {
            if let Some(captured) = &mut s.capture {
                captured.push(bundle);
                return;
            }
            s.text = bundle.data.get("text/plain").cloned();
        }
        if !s.silent {
            self.outbox.show(&s.parent, role, id, &bundle, s.count);
        }
    }

    /// Publishes text as the cell's.
    pub(in crate::eval) fn publish(&self, name: &'static str, text: String) {
        let s = self.state();
        if !s.silent && !text.is_empty() {
            self.outbox.stream(&s.parent, name, text);
        }
    }

    /// Publishes text as that of an earlier cell, known by its library.
    pub(in crate::eval) fn publish_for(&self, library: u32, name: &'static str, text: String) {
        let s = self.state();
        // Of a cell that was silent, or is long forgotten, nothing is shown.
        if let Some(Some(parent)) = s.libraries.get(&library) {
            self.outbox.stream(&Some(parent.clone()), name, text);
        }
    }

    /// Asks the user; false where the front end cannot be asked.
    pub(in crate::eval) fn ask(&self, prompt: &str, password: bool) -> bool {
        let mut s = self.state();
        s.asked = s.ask.as_ref().is_some_and(|ask| ask(prompt, password));
        s.asked
    }

    /// The user's answer to a question of the cell; one that comes too late is not the answer to the next.
    pub(in crate::eval) fn answer(&self, answer: String) {
        if std::mem::take(&mut self.state().asked) {
            self.send(&ToEvaluator::Input(Ok(answer)));
        }
    }
}

/// Signals a process group; one that has ended by itself needs no signal.
fn signal(group: Pid, signal: Signal) {
    let _ = kill_process_group(group, signal);
}

fn kill(process: &Mutex<Child>) {
    // A process that has ended by itself needs no killing.
    let _ = process.lock().unwrap_or_else(PoisonError::into_inner).kill();
}

/// Bytes of memory that a process holds, where the system tells it.
pub(in crate::eval) fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"));
    line.and_then(|l| l.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) * 1024
}

/// Reads the processor's time of a process so far, where the system tells it.
fn processor_time(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let second = rustix::param::clock_ticks_per_second() as f64;
    Duration::from_secs_f64(ticks(&stat).unwrap_or_default() as f64 / second)
}

/// Reads user's and system's ticks from a line of `/proc/PID/stat`.
fn ticks(stat: &str) -> Option<u64> {
    // The name, in parentheses, may hold anything. Behind it fields are counted and none is left
    // out: the group of the terminal is -1 where there is no terminal.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<u64>().ok();
    Some(next()? + next()?)
}

#[cfg(test)]
mod tests {
    #[test]
    fn ticks_are_found_without_a_terminal() {
        let with = |group: &str| format!("7 (a) b) S 1 7 7 0 {group} 4 99 98 0 0 155 20 3 4 20 0");
        let both = (super::ticks(&with("-1")), super::ticks(&with("7")));
        assert_eq!((both, super::ticks("")), ((Some(175), Some(175)), None));
    }

    #[test]
    fn this_process_has_used_the_processor() {
        let before = super::processor_time(std::process::id());
        let began = std::time::Instant::now();
        while began.elapsed().as_millis() < 60 {
            std::hint::black_box(0);
        }
        assert!(super::processor_time(std::process::id()) > before);
    }
}
