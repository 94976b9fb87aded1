//! The frames between the kernel process and the evaluator process: what each may say to the other,
//! and how one frame is laid out on the socket. It knows nothing of Jupyter and nothing of
//! collections.
//!
//! A frame is a little-endian `u32` length followed by that many bytes of JSON. [`helpers`] holds what
//! both processes need besides.

pub mod helpers;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{Read, Write};

/// Environment variables that the kernel sets for its evaluator.
pub mod env {
    /// Folder of the session: the frame socket and the output pipes live there.
    pub const SESSION: &str = "RASK_SESSION";
    /// Folder of the installed runtime, as named by its build id.
    pub const RUNTIME: &str = "RASK_RUNTIME";
}

/// Names of the files in the session folder.
pub mod session {
    /// Unix socket that carries the frames.
    pub const SOCKET: &str = "frames.sock";
    /// Named pipe that is the evaluator's standard output.
    pub const STDOUT: &str = "stdout";
    /// Named pipe that is the evaluator's standard error.
    pub const STDERR: &str = "stderr";
}

/// Entry point that the runtime library exports for the evaluator process.
pub const HOST_MAIN: &str = "rask_host_main";

/// One thing to show, in every form in which it can be shown: MIME type to content (binary content
/// in base64).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bundle {
    /// MIME type to content.
    pub data: BTreeMap<String, String>,
}

impl Bundle {
    /// A bundle with a plain-text form only.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::default().with("text/plain", text)
    }

    /// Adds or replaces one form.
    #[must_use]
    pub fn with(mut self, mime: &str, content: impl Into<String>) -> Self {
        self.data.insert(mime.to_owned(), content.into());
        self
    }
}

/// A place in the source that the evaluator was given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Path of the source file as the compiler saw it.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

/// What a display is to the front end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// The value of the cell's last expression.
    Result,
    /// A new output.
    Display,
    /// A new state of an output shown before under the same id.
    Update,
}

/// Bytes that travel beside JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Buffer(pub Vec<u8>);

impl Serialize for Buffer {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&BASE64_STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Buffer {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        BASE64_STANDARD.decode(text).map(Self).map_err(serde::de::Error::custom)
    }
}

/// A standard stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl Stream {
    /// Its name in Jupyter's messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

/// What happens to a comm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CommEvent {
    /// It is opened.
    Open,
    /// It carries a message.
    Message,
    /// It is closed.
    Close,
}

/// A message of a comm: a line between an object in the evaluator and one in the front end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comm {
    /// What happens.
    pub event: CommEvent,
    /// Name of the comm, unique in the session.
    pub id: String,
    /// What the comm is for; empty but for [`CommEvent::Open`].
    pub target: String,
    /// The message.
    pub data: Value,
    /// The message's metadata: an object.
    pub metadata: Value,
    /// Binary parts.
    pub buffers: Vec<Buffer>,
}

/// What the evaluator says to the kernel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToKernel {
    /// First frame on a new connection.
    Hello {
        /// Process id of the evaluator.
        pid: u32,
    },
    /// Something to show. With `ack`, the evaluator waits until the kernel has passed it on in
    /// order.
    Show {
        /// What the display is to the front end.
        role: Role,
        /// Name under which it can be updated.
        id: Option<String>,
        /// The content.
        bundle: Bundle,
        /// Whether the evaluator waits for [`ToEvaluator::Ack`].
        ack: bool,
    },
    /// The cell ends in an error; of several, the first counts.
    Error {
        /// Short kind, such as `Panic` or the name of the error's type.
        name: String,
        /// The message.
        message: String,
        /// Where in the cell's source.
        place: Option<Place>,
    },
    /// The cell has been compiled and begins to run.
    Started {
        /// Number of its library.
        cell: u32,
    },
    /// Something printed by a thread of a cell that has ended.
    Output {
        /// Number of the cell's library.
        cell: u32,
        /// Where it was printed to.
        stream: Stream,
        /// What was printed.
        text: String,
    },
    /// All that was printed so far is to be passed on before what comes; the evaluator waits for an
    /// acknowledgement.
    Sync,
    /// What is shown under the cell is to go: now, or when the next thing comes.
    Clear {
        /// Whether to wait for the next thing.
        wait: bool,
    },
    /// The user is asked for a line; [`ToEvaluator::Input`] answers.
    Input {
        /// The question.
        prompt: String,
        /// Whether the answer is not to be seen.
        password: bool,
    },
    /// A comm's message to the front end.
    Comm(Comm),
    /// The cell has run and everything it printed is in the pipes; the evaluator waits for an
    /// acknowledgement.
    Done,
}

/// What the kernel says to the evaluator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToEvaluator {
    /// Answer to [`ToKernel::Hello`]: what the user has set in the environment.
    Environment(Vec<(String, String)>),
    /// The frame that asked for it has been passed on.
    Ack,
    /// Stop the cell at the next safe point, keeping its variables, where it still runs.
    Cancel {
        /// Number of its library.
        cell: u32,
    },
    /// The user's answer; or why there is none.
    Input(Result<String, String>),
    /// A comm's message from the front end.
    Comm(Comm),
}

/// What can go wrong with a frame.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// The socket failed or closed in the middle of a frame.
    #[error("the connection between kernel and evaluator failed: {source}")]
    Io {
        /// The cause.
        #[from]
        source: std::io::Error,
    },
    /// The bytes are no frame.
    #[error("a frame of {length} bytes cannot be read: {source}")]
    Format {
        /// Bytes in the frame.
        length: usize,
        /// The cause.
        source: serde_json::Error,
    },
}

/// Frames above this are refused: no picture is that large, so the stream is out of step.
const MAX_FRAME: usize = 1 << 30;

/// Bytes of one frame, ready to be written in one call.
///
/// # Errors
/// [`WireError::Format`] where the value has no JSON form.
pub fn encode<T: Serialize>(frame: &T) -> Result<Vec<u8>, WireError> {
    let mut bytes = vec![0; 4];
    serde_json::to_writer(&mut bytes, frame)
        .map_err(|source| WireError::Format { length: bytes.len(), source })?;
    let length = (bytes.len() - 4) as u32;
    bytes[..4].copy_from_slice(&length.to_le_bytes());
    Ok(bytes)
}

/// Writes one frame.
///
/// # Errors
/// [`WireError::Io`] where the other side is gone.
pub fn write<T: Serialize>(to: &mut impl Write, frame: &T) -> Result<(), WireError> {
    to.write_all(&encode(frame)?)?;
    Ok(to.flush()?)
}

/// Reads one frame; `None` at a clean end of the stream.
///
/// # Errors
/// [`WireError`] where the stream ends inside a frame or holds something else.
pub fn read<T: DeserializeOwned>(from: &mut impl Read) -> Result<Option<T>, WireError> {
    let mut head = [0; 4];
    let mut got = 0;
    while got < 4 {
        match from.read(&mut head[got..]) {
            Ok(0) if got == 0 => return Ok(None),
            Ok(0) => return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into()),
            Ok(n) => got += n,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e.into()),
        }
    }
    let length = u32::from_le_bytes(head) as usize;
    if length > MAX_FRAME {
        return Err(
            std::io::Error::other(format!("a frame of {length} bytes is out of step")).into()
        );
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body)?;
    serde_json::from_slice(&body).map(Some).map_err(|source| WireError::Format { length, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_survive_the_stream() {
        let frames = [
            ToKernel::Hello { pid: 7 },
            ToKernel::Show {
                role: Role::Update,
                id: Some("a".into()),
                bundle: Bundle::text("é\n").with("text/html", "<b>"),
                ack: true,
            },
            ToKernel::Error {
                name: "Panic".into(),
                message: String::new(),
                place: Some(Place { file: "lib.rs".into(), line: 3, column: 9 }),
            },
            ToKernel::Comm(Comm {
                event: CommEvent::Message,
                id: "c".into(),
                target: String::new(),
                data: serde_json::json!({"value": [1, 2.5, null]}),
                metadata: serde_json::json!({}),
                buffers: vec![Buffer(vec![0, 255, 7]), Buffer::default()],
            }),
            ToKernel::Done,
        ];
        let mut bytes = Vec::new();
        for f in &frames {
            write(&mut bytes, f).unwrap();
        }
        let mut from = &bytes[..];
        for f in &frames {
            assert_eq!(read::<ToKernel>(&mut from).unwrap().as_ref(), Some(f));
        }
        assert_eq!(read::<ToKernel>(&mut from).unwrap(), None);
    }

    #[test]
    fn a_cut_frame_is_an_error() {
        let bytes = encode(&ToKernel::Done).unwrap();
        assert!(matches!(
            read::<ToKernel>(&mut &bytes[..bytes.len() - 1]),
            Err(WireError::Io { .. })
        ));
        assert!(matches!(
            read::<ToKernel>(&mut &[3, 0, 0, 0, b'{', b'x', b'}'][..]),
            Err(WireError::Format { length: 3, .. })
        ));
    }
}
