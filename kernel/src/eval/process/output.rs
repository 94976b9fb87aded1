//! The output of the evaluator process: bytes on its two output pipes and frames on its socket,
//! merged into one order. A frame that requests an acknowledgement comes after everything printed
//! before it, so the pipes are drained first.

use crate::error::{Error, Result};
use crate::eval::process::comms::Comms;
use crate::eval::process::running::{Reported, Shared};
use crate::outbox::Parent;
use rask_wire::{Bundle, Role, ToEvaluator, ToKernel, session};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{Mode, OFlags};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, mpsc};

/// The MIME type of a bundle that shows a widget.
const WIDGET_VIEW: &str = "application/vnd.jupyter.widget-view+json";

/// Creates the pipes and the socket and starts the listening thread.
pub(in crate::eval) fn listen(shared: Arc<Shared>, comms: Arc<Comms>) -> Result<()> {
    let folder = shared.folder.clone();
    let stdout = Stream::open(&folder, session::STDOUT, "stdout")?;
    let stderr = Stream::open(&folder, session::STDERR, "stderr")?;
    let socket = folder.join(session::SOCKET);
    let listener = UnixListener::bind(&socket).map_err(Error::file(&socket))?;
    let (wake, woken) = UnixStream::pair().map_err(Error::file(&socket))?;
    let (drained, done) = mpsc::channel();
    shared.set_drains(wake, done);
    let builder = std::thread::Builder::new().name("output".to_owned());
    let started = builder.spawn(move || {
        Listener {
            shared,
            comms,
            stdout,
            stderr,
            listener,
            woken,
            drained,
            connection: None,
            live: BTreeMap::new(),
        }
        .run()
    });
    started
        .map_err(|source| Error::Start { command: "the listening thread".to_owned(), source })?;
    Ok(())
}

/// The size of a pipe in bytes, if the system allows it.
const PIPE: usize = 1 << 20;

/// An output pipe.
struct Stream {
    pipe: File,
    name: &'static str,
    /// The bytes of an incomplete character.
    rest: Vec<u8>,
}

impl Stream {
    fn open(folder: &Path, file: &str, name: &'static str) -> Result<Self> {
        let path = folder.join(file);
        let failed = |e: rustix::io::Errno| Error::file(&path)(e.into());
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &path,
            rustix::fs::FileType::Fifo,
            Mode::RUSR | Mode::WUSR,
            0,
        )
        .map_err(failed)?;
        // Open for reading and writing: there is always a writer, so the pipe survives the end of a
        // process.
        let pipe = rustix::fs::open(
            &path,
            OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC,
            Mode::empty(),
        )
        .map_err(failed)?;
        // A larger pipe is only an optimisation for printing loops; the default works too.
        let _ = rustix::pipe::fcntl_setpipe_size(&pipe, PIPE);
        Ok(Self { pipe: File::from(pipe), name, rest: Vec::new() })
    }

    /// Publishes the content of the pipe; at the `end` of a cell, including an incomplete
    /// character.
    fn drain(&mut self, shared: &Shared, end: bool) {
        let mut block = vec![0; 1 << 16];
        // Read at most the capacity of the pipe, so that an endless printing loop cannot block this
        // thread.
        let mut left = 2 * PIPE;
        while left > 0 {
            match self.pipe.read(&mut block) {
                Ok(0) => break,
                Ok(n) => {
                    left = left.saturating_sub(n);
                    self.rest.extend_from_slice(&block[..n]);
                    let keep = if end { 0 } else { unfinished(&self.rest) };
                    let text =
                        String::from_utf8_lossy(&self.rest[..self.rest.len() - keep]).into_owned();
                    self.rest.drain(..self.rest.len() - keep);
                    shared.publish(self.name, text);
                }
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        if end && !self.rest.is_empty() {
            shared.publish(
                self.name,
                String::from_utf8_lossy(&std::mem::take(&mut self.rest)).into_owned(),
            );
        }
    }
}

/// Returns the number of trailing bytes that form an incomplete character.
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
    comms: Arc<Comms>,
    stdout: Stream,
    stderr: Stream,
    listener: UnixListener,
    /// Receives a byte for each request to drain the pipes; the answer goes to `drained`.
    woken: UnixStream,
    drained: mpsc::Sender<()>,
    connection: Option<UnixStream>,
    /// The static versions of the displays that contain a widget.
    live: BTreeMap<String, Bundle>,
}

impl Listener {
    fn run(mut self) {
        loop {
            let mut watched = vec![
                PollFd::new(&self.stdout.pipe, PollFlags::IN),
                PollFd::new(&self.stderr.pipe, PollFlags::IN),
                PollFd::new(&self.listener, PollFlags::IN),
                PollFd::new(&self.woken, PollFlags::IN),
            ];
            if let Some(c) = &self.connection {
                watched.push(PollFd::new(c, PollFlags::IN));
            }
            if poll(&mut watched, None).is_err() {
                continue;
            }
            let ready: Vec<bool> = watched.iter().map(|w| !w.revents().is_empty()).collect();
            drop(watched);
            if ready.get(4) == Some(&true) {
                self.frame();
            } else if ready[0] || ready[1] {
                self.drain(false);
            }
            if ready[2] && self.connection.is_none() {
                self.accept();
            }
            if ready[3] {
                // One byte was written per request.
                let _ = self.woken.read(&mut [0]);
                self.drain(true);
                let _ = self.drained.send(());
            }
        }
    }

    fn drain(&mut self, end: bool) {
        self.stdout.drain(&self.shared, end);
        self.stderr.drain(&self.shared, end);
    }

    fn accept(&mut self) {
        if let Ok((stream, _)) = self.listener.accept() {
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
                let parent = self.shared.disconnected();
                self.freeze(&parent);
                self.comms.forget(&self.shared, &parent);
            }
        }
    }

    fn handle(&mut self, frame: ToKernel) {
        match frame {
            ToKernel::Hello { pid } => {
                // The environment must be the first message, so nothing else can be sent until now.
                let environment = ToEvaluator::Environment(self.shared.environment());
                self.shared.connected(
                    self.connection.as_ref().and_then(|c| c.try_clone().ok()),
                    &environment,
                );
                self.comms.introduce(&self.shared);
                self.shared.introduced(pid);
            }
            ToKernel::Started { cell } => self.shared.started(cell),
            ToKernel::Output { cell, stream, text } => {
                self.shared.publish_for(cell, stream.name(), text)
            }
            ToKernel::Sync => {
                self.drain(false);
                self.acknowledge();
            }
            ToKernel::Show { role, id, bundle, ack } => {
                if ack {
                    self.drain(false);
                }
                self.remember(id.as_deref(), &bundle);
                self.shared.show(role, id, bundle);
                if ack {
                    self.acknowledge();
                }
            }
            ToKernel::Clear { wait } => {
                self.drain(false);
                self.shared.clear_output(wait);
                self.acknowledge();
            }
            ToKernel::Input { prompt, password } => {
                self.drain(false);
                self.acknowledge();
                if !self.shared.ask(&prompt, password) {
                    let why = "this front end does not support input (it runs the notebook non-interactively)";
                    self.shared.send(&ToEvaluator::Input(Err(why.to_owned())));
                }
            }
            ToKernel::Comm(message) => {
                let parent = self.shared.parent();
                self.comms.publish(self.shared.outbox(), &parent, message);
            }
            ToKernel::Error { name, message, place } => {
                self.shared.report(Reported { name, message, place })
            }
            ToKernel::Done => {
                self.shared.done();
                self.drain(true);
                self.acknowledge();
            }
        }
    }

    /// Remembers a display with a widget, to freeze it if the process of the widget dies.
    fn remember(&mut self, id: Option<&str>, bundle: &Bundle) {
        let Some(id) = id else { return };
        let mut still = bundle.clone();
        if still.data.remove(WIDGET_VIEW).is_some() {
            self.live.insert(id.to_owned(), still);
        } else {
            self.live.remove(id);
        }
    }

    /// Replaces the widgets of a process that has ended by what they showed at the start.
    fn freeze(&mut self, parent: &Parent) {
        for (id, still) in std::mem::take(&mut self.live) {
            self.shared.outbox().show(parent, Role::Update, Some(id), &still, 0);
        }
    }

    fn acknowledge(&mut self) {
        // A process that has ended needs no answer.
        self.shared.send(&ToEvaluator::Ack);
    }
}

#[cfg(test)]
mod tests {
    use super::unfinished;

    #[test]
    fn half_characters_wait_and_broken_ones_do_not() {
        for (bytes, want) in [
            (&b"abc"[..], 0),
            (b"a\xc3", 1),
            ("é".as_bytes(), 0),
            (b"\xf0\x9d\x84", 3),
            (b"\xff", 0),
            (b"\x80", 0),
            (b"", 0),
        ] {
            assert_eq!(unfinished(bytes), want, "{bytes:?}");
        }
    }
}
