//! What the evaluator process says: bytes on its two output pipes and frames on its socket, brought into one order. A frame
//! that asks for an acknowledgement comes after everything printed before it: so the pipes are emptied first.

use crate::error::{Error, Result};
use crate::outbox::{Outbox, Parent};
use rask_wire::{Bundle, Place, Role, ToEvaluator, ToKernel, session};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{Mode, OFlags};
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How far the running cell has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Idle,
    Compiling,
    Running,
}

/// An error that the evaluator reported for the cell.
#[derive(Debug, Clone)]
pub(super) struct Reported {
    pub(super) name: String,
    pub(super) message: String,
    pub(super) place: Option<Place>,
}

struct State {
    phase: Phase,
    parent: Parent,
    count: u32,
    silent: bool,
    /// The user asked to stop this cell.
    stopping: bool,
    /// Number of the cell, so that a late stop does not meet the next one.
    cell: u64,
    reported: Option<Reported>,
    connection: Option<UnixStream>,
    /// The evaluator process that is connected.
    pid: u32,
    process: Option<Arc<Mutex<Child>>>,
}

/// What the evaluator thread, the listening thread and the server share of the running cell.
pub(super) struct Shared {
    outbox: Outbox,
    folder: PathBuf,
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    pub(super) fn new(outbox: Outbox, folder: PathBuf) -> Self {
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
        };
        Self { outbox, folder, state: Mutex::new(state), changed: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    pub(super) fn set_process(&self, process: Arc<Mutex<Child>>) {
        self.state().process = Some(process);
    }

    /// A cell begins.
    pub(super) fn begin(&self, parent: Parent, count: u32, silent: bool) {
        let mut s = self.state();
        (s.phase, s.parent, s.count, s.silent, s.stopping, s.reported) = (Phase::Compiling, parent, count, silent, false, None);
        s.cell += 1;
    }

    /// The cell has ended. Its header stays: what its threads print from now on belongs to it.
    pub(super) fn end(&self) {
        self.state().phase = Phase::Idle;
        self.changed.notify_all();
    }

    /// The error that the evaluator reported, and whether the user had asked to stop.
    pub(super) fn verdict(&self) -> (Option<Reported>, bool) {
        let mut s = self.state();
        (s.reported.take(), s.stopping)
    }

    /// Waits until the process that took the place of a dead one has said hello: all that the dead one had printed is then
    /// published, as the listener serves one connection after the other. Gives up after a while, for one that cannot start.
    pub(super) fn wait_restarted(&self) {
        const PATIENCE: Duration = Duration::from_secs(10);
        let wanted = self.state().process.clone().map(|p| p.lock().unwrap_or_else(PoisonError::into_inner).id());
        let s = self.state();
        let (_s, _) = self.changed.wait_timeout_while(s, PATIENCE, |s| Some(s.pid) != wanted).unwrap_or_else(PoisonError::into_inner);
    }

    /// Notes the user's wish to stop and passes it on; false where nothing runs.
    pub(super) fn request_stop(&self) -> bool {
        let mut s = self.state();
        if s.phase == Phase::Idle || s.stopping {
            return false;
        }
        s.stopping = true;
        if s.phase == Phase::Running
            && let Some(connection) = &mut s.connection
        {
            // A process that is gone cannot be stopped.
            let _ = rask_wire::write(connection, &ToEvaluator::Cancel);
        }
        true
    }

    /// Sees to it that the cell that is being stopped ends: its compiler at once, its process after `grace`.
    pub(super) fn enforce_stop(&self, grace: Duration) {
        let deadline = Instant::now() + grace;
        let mut s = self.state();
        let cell = s.cell;
        while s.cell == cell && s.phase != Phase::Idle {
            if s.phase == Phase::Compiling {
                self.kill_compiler();
            } else if Instant::now() >= deadline
                && let Some(process) = s.process.clone()
            {
                drop(s);
                kill(&process);
                return;
            }
            // A compiler may have been about to start; a phase may have changed.
            s = self.changed.wait_timeout(s, Duration::from_millis(100)).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// The process group of the compiler under way notes its number in the session's folder.
    fn kill_compiler(&self) {
        let noted = std::fs::read_to_string(super::cargo::pid_file(&self.folder)).ok();
        if let Some(pid) = noted.and_then(|t| t.trim().parse().ok()).and_then(rustix::process::Pid::from_raw) {
            let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
            // It cannot clean up after itself, and its number may soon be another's.
            let _ = std::fs::remove_file(super::cargo::pid_file(&self.folder));
        }
    }

    /// Ends everything, for a kernel that shuts down.
    pub(super) fn kill(&self) {
        self.kill_compiler();
        let process = self.state().process.clone();
        if let Some(process) = process {
            kill(&process);
        }
    }

    /// Shows what one of evcxr's commands (`:vars`) answered.
    pub(super) fn command_output(&self, content: std::collections::HashMap<String, String>) {
        let s = self.state();
        if !content.is_empty() && !s.silent {
            let bundle = Bundle { data: content.into_iter().collect() };
            self.outbox.show(&s.parent, Role::Result, None, &bundle, s.count);
        }
    }

    fn publish(&self, name: &'static str, text: String) {
        let s = self.state();
        if !s.silent && !text.is_empty() {
            self.outbox.stream(&s.parent, name, text);
        }
    }
}

fn kill(process: &Mutex<Child>) {
    // A process that has ended by itself needs no killing.
    let _ = process.lock().unwrap_or_else(PoisonError::into_inner).kill();
}

/// Makes the pipes and the socket and starts the listening thread.
pub(super) fn listen(shared: Arc<Shared>) -> Result<()> {
    let folder = shared.folder.clone();
    let stdout = Stream::open(&folder, session::STDOUT, "stdout")?;
    let stderr = Stream::open(&folder, session::STDERR, "stderr")?;
    let socket = folder.join(session::SOCKET);
    let listener = UnixListener::bind(&socket).map_err(Error::file(&socket))?;
    let builder = std::thread::Builder::new().name("output".to_owned());
    let started = builder.spawn(move || Listener { shared, stdout, stderr, listener, connection: None }.run());
    started.map_err(|source| Error::Start { command: "the listening thread".to_owned(), source })?;
    Ok(())
}

/// Bytes that a pipe holds, where the system allows that many.
const PIPE: usize = 1 << 20;

/// One output pipe.
struct Stream {
    pipe: File,
    name: &'static str,
    /// Bytes of a character whose rest has not come yet.
    rest: Vec<u8>,
}

impl Stream {
    fn open(folder: &Path, file: &str, name: &'static str) -> Result<Self> {
        let path = folder.join(file);
        let failed = |e: rustix::io::Errno| Error::file(&path)(e.into());
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).map_err(failed)?;
        // Open for both: so there is always a writer, and a process that ends does not end the pipe.
        let pipe = rustix::fs::open(&path, OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty()).map_err(failed)?;
        // A larger pipe lets a printing loop run ahead; the default works too.
        let _ = rustix::pipe::fcntl_setpipe_size(&pipe, PIPE);
        Ok(Self { pipe: File::from(pipe), name, rest: Vec::new() })
    }

    /// Publishes all that is in the pipe; at the `end` of a cell, half a character too.
    fn drain(&mut self, shared: &Shared, end: bool) {
        let mut block = vec![0; 1 << 16];
        // What was printed before is at most what the pipe holds; a program that prints without end must not keep us here.
        let mut left = 2 * PIPE;
        while left > 0 {
            match self.pipe.read(&mut block) {
                Ok(0) => break,
                Ok(n) => {
                    left = left.saturating_sub(n);
                    self.rest.extend_from_slice(&block[..n]);
                    let keep = if end { 0 } else { unfinished(&self.rest) };
                    let text = String::from_utf8_lossy(&self.rest[..self.rest.len() - keep]).into_owned();
                    self.rest.drain(..self.rest.len() - keep);
                    shared.publish(self.name, text);
                }
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        if end && !self.rest.is_empty() {
            shared.publish(self.name, String::from_utf8_lossy(&std::mem::take(&mut self.rest)).into_owned());
        }
    }
}

/// Number of bytes at the end that begin a character and may yet be completed.
fn unfinished(bytes: &[u8]) -> usize {
    for n in 1..=bytes.len().min(3) {
        let first = bytes[bytes.len() - n];
        let length = match first {
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            0x80..=0xbf => continue,
            _ => return 0,
        };
        return if length > n { n } else { 0 };
    }
    0
}

struct Listener {
    shared: Arc<Shared>,
    stdout: Stream,
    stderr: Stream,
    listener: UnixListener,
    connection: Option<UnixStream>,
}

impl Listener {
    fn run(mut self) {
        loop {
            let mut watched = vec![
                PollFd::new(&self.stdout.pipe, PollFlags::IN),
                PollFd::new(&self.stderr.pipe, PollFlags::IN),
                PollFd::new(&self.listener, PollFlags::IN),
            ];
            if let Some(c) = &self.connection {
                watched.push(PollFd::new(c, PollFlags::IN));
            }
            if poll(&mut watched, None).is_err() {
                continue;
            }
            let ready: Vec<bool> = watched.iter().map(|w| !w.revents().is_empty()).collect();
            drop(watched);
            if ready.get(3) == Some(&true) {
                self.frame();
            } else if ready[0] || ready[1] {
                self.drain(false);
            }
            if ready[2] && self.connection.is_none() {
                self.accept();
            }
        }
    }

    fn drain(&mut self, end: bool) {
        self.stdout.drain(&self.shared, end);
        self.stderr.drain(&self.shared, end);
    }

    fn accept(&mut self) {
        if let Ok((stream, _)) = self.listener.accept() {
            self.shared.state().connection = stream.try_clone().ok();
            self.connection = Some(stream);
        }
    }

    fn frame(&mut self) {
        let Some(connection) = &mut self.connection else { return };
        match rask_wire::read::<ToKernel>(connection) {
            Ok(Some(frame)) => self.handle(frame),
            Ok(None) | Err(_) => {
                self.drain(true);
                self.connection = None;
                let mut s = self.shared.state();
                s.connection = None;
            }
        }
    }

    fn handle(&mut self, frame: ToKernel) {
        match frame {
            ToKernel::Hello { pid } => {
                self.shared.state().pid = pid;
                self.shared.changed.notify_all();
            }
            ToKernel::Started => {
                let mut s = self.shared.state();
                s.phase = Phase::Running;
                if s.stopping
                    && let Some(connection) = &mut s.connection
                {
                    let _ = rask_wire::write(connection, &ToEvaluator::Cancel);
                }
                drop(s);
                self.shared.changed.notify_all();
            }
            ToKernel::Show { role, id, bundle, ack } => {
                if ack {
                    self.drain(false);
                }
                let s = self.shared.state();
                if !s.silent {
                    self.shared.outbox.show(&s.parent, role, id, &bundle, s.count);
                }
                drop(s);
                if ack {
                    self.acknowledge();
                }
            }
            ToKernel::Error { name, message, place } => {
                self.shared.state().reported.get_or_insert(Reported { name, message, place });
            }
            ToKernel::Done => {
                self.drain(true);
                self.acknowledge();
            }
        }
    }

    fn acknowledge(&mut self) {
        if let Some(connection) = &mut self.connection {
            // A process that is gone waits for nothing.
            let _ = rask_wire::write(connection, &ToEvaluator::Ack);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::unfinished;

    #[test]
    fn half_characters_wait_and_broken_ones_do_not() {
        for (bytes, want) in
            [(&b"abc"[..], 0), (b"a\xc3", 1), ("é".as_bytes(), 0), (b"\xf0\x9d\x84", 3), (b"\xff", 0), (b"\x80", 0), (b"", 0)]
        {
            assert_eq!(unfinished(bytes), want, "{bytes:?}");
        }
    }
}
