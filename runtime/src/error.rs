//! The runtime's errors. Each message says what was wrong and where, what was expected, and how to
//! fix it.

use arrow::error::ArrowError;
use datafusion::error::DataFusionError;
use std::fmt;
use std::sync::Arc;
use strsim::osa_distance;

/// The result type of the runtime.
pub type Result<T> = std::result::Result<T, Error>;

/// An error of the runtime. Cheap to clone; see [`Error::kind`] for its kind.
#[derive(Clone)]
pub struct Error(Arc<dyn std::error::Error + Send + Sync>);

/// The kinds of errors.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A method was given the name of a column that does not exist.
    #[error(
        "{method}: no column {column:?}{}; available columns: {}",
        did_you_mean(column, available),
        list(available)
    )]
    ColumnNotFound {
        /// The method that was called.
        method: String,
        /// The name it was given.
        column: String,
        /// The available columns.
        available: Vec<String>,
    },
    /// No file matches the path.
    #[error(
        "{method}: no file matches {path:?} (looked in {folder}){}",
        did_you_mean(file_name(path), nearby)
    )]
    FileNotFound {
        /// The method that was called.
        method: String,
        /// The path or pattern as given.
        path: String,
        /// The folder that was searched.
        folder: String,
        /// The files in that folder.
        nearby: Vec<String>,
    },
    /// The file is empty, so it has no columns.
    #[error(
        "{method}: {path:?} is empty (0 bytes of content); expected a header line with the column names"
    )]
    EmptyFile {
        /// The method that was called.
        method: String,
        /// The path of the file.
        path: String,
    },
    /// Columns of one frame differ in length.
    #[error(
        "from_columns: column {column:?} has {length} rows but {first:?} has {expected}; expected columns of the same length"
    )]
    LengthMismatch {
        /// The first column.
        first: String,
        /// Its length.
        expected: usize,
        /// The column that differs.
        column: String,
        /// Its length.
        length: usize,
    },
    /// Two columns of one frame have the same name.
    #[error("{method}: duplicate column name {column:?}; expected distinct column names")]
    DuplicateColumn {
        /// The method that was called.
        method: String,
        /// The name.
        column: String,
    },
    /// A column was read as a type other than its own.
    #[error("{method}: column {column:?} is {dtype}, not {wanted}; {hint}")]
    WrongType {
        /// The method that was called.
        method: String,
        /// The column.
        column: String,
        /// Its type.
        dtype: String,
        /// The requested type.
        wanted: String,
        /// How to fix it.
        hint: String,
    },
    /// DataFusion needs more memory than the memory limit allows, and could not spill to disk.
    #[error(
        "{operation}: memory limit exceeded: {message}; help: raise `memory_limit` or lower `threads_per_worker`"
    )]
    OutOfMemory {
        /// The operation that failed.
        operation: String,
        /// DataFusion's message.
        message: String,
    },
    /// A method was given an invalid argument.
    #[error("{method}: {}", own(method, message))]
    BadArgument {
        /// The method that was called.
        method: String,
        /// What is wrong, and what was expected.
        message: String,
    },
    /// The function of a task panicked.
    #[error("task {task:?} panicked{}: {message}\n  its input: {input}\n  key: {key}", at(place))]
    TaskPanicked {
        /// Name of the task's function.
        task: String,
        /// Key of the task.
        key: String,
        /// The arguments, as text.
        input: String,
        /// The panic message.
        message: String,
        /// File, line and column of the panic, if known.
        place: Option<String>,
    },
    /// A text file has bytes that are not valid in its encoding.
    #[error(
        "read_text: {path:?} is not valid {encoding}: invalid byte 0x{byte:02X} at offset {offset}; help: set another encoding with Text::new().encoding(..), or .errors(\"replace\") to read invalid bytes as U+FFFD"
    )]
    InvalidText {
        /// The path of the file.
        path: String,
        /// Offset of the byte in the file, from 0.
        offset: u64,
        /// The byte.
        byte: u8,
        /// The encoding.
        encoding: String,
    },
    /// A row of a CSV file cannot be read.
    #[error("read_csv: {path:?}, line {line} (byte {offset}): {message}")]
    BadCsv {
        /// The path of the file.
        path: String,
        /// The line on which the row starts, from 1.
        line: u64,
        /// Offset of the row's first byte in the decompressed and decoded file, from 0.
        offset: u64,
        /// What is wrong, and how to fix it.
        message: String,
    },
    /// The value of one task exceeds the memory limit.
    #[error(
        "task {task:?} returned a value of {}, more than the memory limit of {}; help: use smaller partitions or raise `memory_limit`\n  key: {key}",
        crate::units::show_bytes(*bytes),
        crate::units::show_bytes(*limit)
    )]
    TaskTooLarge {
        /// Name of the task's function.
        task: String,
        /// Key of the task.
        key: String,
        /// Size of the value in bytes.
        bytes: u64,
        /// The memory limit of all workers together, in bytes.
        limit: u64,
    },
    /// The result of `compute` or `persist` exceeds the memory limit.
    #[error(
        "the result needs at least {}, more than the memory limit of {}; help: aggregate it before compute(), write it to files, or raise `memory_limit`",
        crate::units::show_bytes(*bytes),
        crate::units::show_bytes(*limit)
    )]
    ResultTooLarge {
        /// Size in bytes when the computation was stopped.
        bytes: u64,
        /// The memory limit of all workers together, in bytes.
        limit: u64,
    },
    /// Values could not be spilled to disk or read back.
    #[error("spilling to {folder} failed: {source}")]
    Spill {
        /// Folder of the spill files.
        folder: String,
        /// The cause.
        source: std::io::Error,
    },
    /// A future was cancelled, or its value was read while it was still pending.
    #[error("future {task:?} was cancelled and has no value")]
    Cancelled {
        /// Name of the future's function.
        task: String,
    },
    /// The user interrupted the computation.
    #[error("the computation was interrupted")]
    Interrupted,
    /// Input was requested, and none can be given.
    #[error("input: {message}")]
    NoInput {
        /// The reason.
        message: String,
    },
    /// A file could not be read or written.
    #[error("{method}: {path:?}: {source}")]
    Io {
        /// The method that was called.
        method: String,
        /// The path.
        path: String,
        /// The cause.
        source: std::io::Error,
    },
    /// DataFusion rejected or failed to run a query.
    #[error("{operation}: {}", own(operation, message))]
    Engine {
        /// The operation that failed.
        operation: String,
        /// DataFusion's message.
        message: String,
    },
    /// A picture could not be drawn.
    #[error("cannot draw {what}: {message}")]
    Picture {
        /// The picture.
        what: String,
        /// The cause.
        message: String,
    },
}

impl Error {
    /// Returns the kind of the error.
    #[must_use]
    pub fn kind(&self) -> &ErrorKind {
        // An `Error` is only built by `From<ErrorKind>`, so the downcast always succeeds.
        self.0.downcast_ref().expect("an Error always holds an ErrorKind")
    }

    /// Returns whether both are the same error, not two with equal texts.
    pub(crate) fn same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Returns whether DataFusion ran out of its memory limit.
    pub(crate) fn is_out_of_memory(&self) -> bool {
        matches!(self.kind(), ErrorKind::OutOfMemory { .. })
    }

    /// Returns the error of an argument that a method cannot read.
    pub(crate) fn invalid(
        method: &str,
        what: &str,
        value: &dyn fmt::Debug,
        expected: impl fmt::Display,
    ) -> Self {
        let message = format!("invalid {what} {value:?}: expected {expected}");
        Self::bad_argument(method, message)
    }

    /// Returns the error of an invalid argument of a method.
    pub(crate) fn bad_argument(method: &str, message: String) -> Self {
        ErrorKind::BadArgument { method: method.to_owned(), message }.into()
    }

    /// Returns a function that wraps an I/O error of a file.
    pub(crate) fn io<'a>(method: &'a str, path: &'a str) -> impl Fn(std::io::Error) -> Self + 'a {
        move |source| {
            ErrorKind::Io { method: method.to_owned(), path: path.to_owned(), source }.into()
        }
    }

    pub(crate) fn engine(operation: &str, source: &DataFusionError) -> Self {
        if let DataFusionError::External(inner) = source.find_root()
            && let Some(error) = inner.downcast_ref::<Self>()
        {
            return error.clone();
        }
        if let DataFusionError::ResourcesExhausted(message) = source.find_root() {
            return ErrorKind::OutOfMemory {
                operation: operation.to_owned(),
                message: message.lines().next().unwrap_or_default().to_owned(),
            }
            .into();
        }
        let message = source.strip_backtrace();
        // Of a wrapped error only the cause is shown: the user can act on that.
        let mut message = message.split("\ncaused by\n").last().unwrap_or(&message).trim();
        const KINDS: [&str; 6] = [
            "Error during planning: ",
            "Execution error: ",
            "Arrow error: ",
            "External error: ",
            "Schema error: ",
            "type_coercion: ",
        ];
        while let Some(rest) = KINDS.iter().find_map(|k| message.strip_prefix(k)) {
            message = rest;
        }
        ErrorKind::Engine { operation: operation.to_owned(), message: message.to_owned() }.into()
    }
}

/// Names the method during which DataFusion or Arrow failed.
pub(crate) trait During<T> {
    fn during(self, method: &str) -> Result<T>;
}

impl<T> During<T> for std::result::Result<T, DataFusionError> {
    fn during(self, method: &str) -> Result<T> {
        self.map_err(|e| Error::engine(method, &e))
    }
}

impl<T> During<T> for std::result::Result<T, ArrowError> {
    fn during(self, method: &str) -> Result<T> {
        self.map_err(|e| Error::engine(method, &e.into()))
    }
}

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Self {
        Self(Arc::new(kind))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl std::error::Error for Error {}

fn at(place: &Option<String>) -> String {
    place.as_ref().map(|p| format!(" at {p}")).unwrap_or_default()
}

fn list(names: &[String]) -> String {
    const SHOWN: usize = 20;
    let mut text =
        names.iter().take(SHOWN).map(|n| format!("{n:?}")).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        text += &format!(" and {} more", names.len() - SHOWN);
    }
    if text.is_empty() { "none".to_owned() } else { text }
}

fn did_you_mean(name: &str, available: &[String]) -> String {
    closest(name, available).map(|n| format!("; did you mean {n:?}?")).unwrap_or_default()
}

/// Returns the message without the method's name at its start, so that the name is not repeated.
fn own<'a>(method: &str, mut message: &'a str) -> &'a str {
    while let Some(rest) = message.strip_prefix(method).and_then(|m| m.strip_prefix(": ")) {
        message = rest;
    }
    message
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Returns the name closest to `name`, if it is close enough for a typo or starts with `name`.
fn closest<'a>(name: &str, available: &'a [String]) -> Option<&'a String> {
    let lower = name.to_lowercase();
    let length = lower.chars().count();
    let far = |n: &String| {
        let n = n.to_lowercase();
        let start: String = n.chars().take(length).collect();
        let begins = if length > 2 { osa_distance(&lower, &start) + 1 } else { usize::MAX };
        osa_distance(&lower, &n).min(begins)
    };
    available
        .iter()
        .map(|n| (far(n), n))
        .filter(|(d, _)| *d <= 1 + length / 4)
        .min_by_key(|(d, _)| *d)
        .map(|(_, n)| n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_gets_a_suggestion() {
        let names = ["BUYER_STATE".to_owned(), "year".to_owned(), "m".to_owned()];
        let near = |n: &str| closest(n, &names).map(String::as_str);
        assert_eq!(near("BUYER_STAT"), Some("BUYER_STATE"));
        assert_eq!(near("Year"), Some("year"));
        assert_eq!(near("county"), None);
        assert_eq!(near("buyer"), Some("BUYER_STATE"));
        let e: Error = ErrorKind::ColumnNotFound {
            method: "sum".into(),
            column: "yaer".into(),
            available: names.to_vec(),
        }
        .into();
        assert!(e.to_string().contains("did you mean \"year\"?"), "{e}");
    }

    #[test]
    fn a_method_is_named_once() {
        let said = |method: &str, message: &str| {
            Error::bad_argument(method, message.to_owned()).to_string()
        };
        assert_eq!(said("resample", "resample: resample: no"), "resample: no");
        assert_eq!(said("resample", "resampled: no"), "resample: resampled: no");
    }

    #[test]
    fn distance_is_symmetric_and_zero_on_equals() {
        for (a, b, d) in [
            ("", "", 0),
            ("abc", "abc", 0),
            ("abc", "", 3),
            ("kitten", "sitting", 3),
            ("é", "e", 1),
            ("lta", "lat", 1),
        ] {
            assert_eq!((osa_distance(a, b), osa_distance(b, a)), (d, d));
        }
    }
}
