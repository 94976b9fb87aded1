//! Every way in which the runtime can fail, with what a user needs to mend it: what, where, and what would be right.

use arrow::error::ArrowError;
use datafusion::error::DataFusionError;
use std::fmt;
use std::sync::Arc;

/// The runtime's result.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong. Cheap to clone; [`Error::kind`] tells which kind it is.
#[derive(Clone)]
pub struct Error(Arc<dyn std::error::Error + Send + Sync>);

/// The kinds of failure.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A method was given the name of a column that is not there.
    #[error("{method}: there is no column {column:?}{}; the columns are {}", did_you_mean(column, available), list(available))]
    ColumnNotFound {
        /// The method that was called.
        method: String,
        /// The name it was given.
        column: String,
        /// The columns that are there.
        available: Vec<String>,
    },
    /// No file has that path.
    #[error("{method}: no file matches {path:?} (looked in {folder}){}", did_you_mean(file_name(path), nearby))]
    FileNotFound {
        /// The method that was called.
        method: String,
        /// The path or pattern as given.
        path: String,
        /// The folder that was searched.
        folder: String,
        /// Files in that folder.
        nearby: Vec<String>,
    },
    /// The file holds nothing, so it has no columns.
    #[error("{method}: {path:?} is empty (0 bytes of content), so it has no header line to name its columns")]
    EmptyFile {
        /// The method that was called.
        method: String,
        /// The path of the file.
        path: String,
    },
    /// Columns of one frame differ in length.
    #[error("from_columns: column {column:?} has {length} rows but {first:?} has {expected}; all columns of a frame have the same length")]
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
    #[error("{method}: the column name {column:?} is used twice; every column of a frame has its own name")]
    DuplicateColumn {
        /// The method that was called.
        method: String,
        /// The name.
        column: String,
    },
    /// A value was asked for in a type that it does not have.
    #[error("{method}: column {column:?} is {dtype}, not {wanted}; {hint}")]
    WrongType {
        /// The method that was called.
        method: String,
        /// The column.
        column: String,
        /// Its type.
        dtype: String,
        /// The type asked for.
        wanted: String,
        /// What would work.
        hint: String,
    },
    /// The engine needs more memory than it may have, and could not go to disk instead.
    #[error(
        "{operation}: the limit of memory does not hold what is needed at once: {message}; a client with a higher memory_limit does, or fewer threads_per_worker"
    )]
    OutOfMemory {
        /// What was asked for.
        operation: String,
        /// What the engine says.
        message: String,
    },
    /// An argument is outside of what the method takes.
    #[error("{method}: {}", own(method, message))]
    BadArgument {
        /// The method that was called.
        method: String,
        /// What is wrong and what would be right.
        message: String,
    },
    /// The function of a task panicked.
    #[error("task {task:?} panicked{}: {message}\n  its input: {input}\n  key: {key}", at(place))]
    TaskPanicked {
        /// Name of the task's function.
        task: String,
        /// Key of the task.
        key: String,
        /// The arguments.
        input: String,
        /// The panic's text.
        message: String,
        /// File, line and column, where known.
        place: Option<String>,
    },
    /// Bytes of a text are none in its encoding.
    #[error(
        "read_text: {path:?} is no {encoding} at byte {offset} (0x{byte:02X}); Text::new().encoding(..) reads other encodings, .errors(\"replace\") puts U+FFFD in place of such bytes"
    )]
    InvalidText {
        /// The path of the file.
        path: String,
        /// Place of the byte in the file, from 0.
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
        /// The line on which the row begins, from 1.
        line: u64,
        /// Place of the row's first byte in the file, decompressed and decoded, from 0.
        offset: u64,
        /// What is wrong and what would help.
        message: String,
    },
    /// The value of one task holds more than the limit of memory.
    #[error(
        "task {task:?} made a value of {}, and the limit of memory is {}; take smaller partitions, or a client with a higher memory_limit\n  key: {key}",
        crate::units::show_bytes(*bytes),
        crate::units::show_bytes(*limit)
    )]
    TaskTooLarge {
        /// Name of the task's function.
        task: String,
        /// Key of the task.
        key: String,
        /// Bytes of the value.
        bytes: u64,
        /// The limit, of all workers.
        limit: u64,
    },
    /// What was to be computed or persisted holds more than the limit of memory.
    #[error(
        "the result would hold {} or more, and the limit of memory is {}; reduce it before compute(), write it to files, or take a client with a higher memory_limit",
        crate::units::show_bytes(*bytes),
        crate::units::show_bytes(*limit)
    )]
    ResultTooLarge {
        /// Bytes when the computation was stopped.
        bytes: u64,
        /// The limit, of all workers.
        limit: u64,
    },
    /// Values could not be moved to disk or read back.
    #[error("spilling to {folder}: {source}")]
    Spill {
        /// Folder of the files.
        folder: String,
        /// The cause.
        source: std::io::Error,
    },
    /// A future was cancelled, or is asked for its value too early.
    #[error("the future {task:?} was cancelled, and has no value")]
    Cancelled {
        /// Name of its function.
        task: String,
    },
    /// The computation was stopped by the user.
    #[error("the computation was interrupted")]
    Interrupted,
    /// Nobody answered a question.
    #[error("input: {message}")]
    NoInput {
        /// Why.
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
    /// The query engine refused or failed.
    #[error("{operation}: {}", own(operation, message))]
    Engine {
        /// What was being done.
        operation: String,
        /// The engine's message.
        message: String,
    },
    /// A picture could not be drawn.
    #[error("{what} could not be drawn: {message}")]
    Picture {
        /// The picture.
        what: String,
        /// The cause.
        message: String,
    },
}

impl Error {
    /// Which kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> &ErrorKind {
        // Only `From<ErrorKind>` makes an `Error`, so the downcast always succeeds.
        self.0.downcast_ref().expect("an Error is always made of an ErrorKind")
    }

    /// Whether both are the very same failure, not just two that look alike.
    pub(crate) fn same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Whether the engine ran out of the memory that it may have.
    pub(crate) fn is_out_of_memory(&self) -> bool {
        matches!(self.kind(), ErrorKind::OutOfMemory { .. })
    }

    /// An argument that a method cannot use.
    pub(crate) fn bad_argument(method: &str, message: String) -> Self {
        ErrorKind::BadArgument { method: method.to_owned(), message }.into()
    }

    /// What makes an error of one that a file gave.
    pub(crate) fn io<'a>(method: &'a str, path: &'a str) -> impl Fn(std::io::Error) -> Self + 'a {
        move |source| ErrorKind::Io { method: method.to_owned(), path: path.to_owned(), source }.into()
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
        // Of a wrapped error, the cause is what a person can act on.
        let mut message = message.split("\ncaused by\n").last().unwrap_or(&message).trim();
        const KINDS: [&str; 6] =
            ["Error during planning: ", "Execution error: ", "Arrow error: ", "External error: ", "Schema error: ", "type_coercion: "];
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
    let mut text = names.iter().take(SHOWN).map(|n| format!("{n:?}")).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        text += &format!(" and {} more", names.len() - SHOWN);
    }
    if text.is_empty() { "none".to_owned() } else { text }
}

fn did_you_mean(name: &str, available: &[String]) -> String {
    closest(name, available).map(|n| format!(", did you mean {n:?}?")).unwrap_or_default()
}

/// What is said of a method, without its name where the message begins with it already.
fn own<'a>(method: &str, mut message: &'a str) -> &'a str {
    while let Some(rest) = message.strip_prefix(method).and_then(|m| m.strip_prefix(": ")) {
        message = rest;
    }
    message
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The name nearest to `name`, where one is near enough to be a slip of the hand or begins like it.
fn closest<'a>(name: &str, available: &'a [String]) -> Option<&'a String> {
    let lower = name.to_lowercase();
    let length = lower.chars().count();
    let far = |n: &String| {
        let n = n.to_lowercase();
        let start: String = n.chars().take(length).collect();
        let begins = if length > 2 { distance(&lower, &start) + 1 } else { usize::MAX };
        distance(&lower, &n).min(begins)
    };
    available.iter().map(|n| (far(n), n)).filter(|(d, _)| *d <= 1 + length / 4).min_by_key(|(d, _)| *d).map(|(_, n)| n)
}

/// Edits from one to the other: letters put in, left out, replaced, or two neighbours swapped (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![(0..=b.len()).collect::<Vec<usize>>()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replace = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replace.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
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
        let e: Error = ErrorKind::ColumnNotFound { method: "sum".into(), column: "yaer".into(), available: names.to_vec() }.into();
        assert!(e.to_string().contains("did you mean \"year\"?"), "{e}");
    }

    #[test]
    fn a_method_is_named_once() {
        let said = |method: &str, message: &str| Error::bad_argument(method, message.to_owned()).to_string();
        assert_eq!(said("resample", "resample: resample: no"), "resample: no");
        assert_eq!(said("resample", "resampled: no"), "resample: resampled: no");
    }

    #[test]
    fn distance_is_symmetric_and_zero_on_equals() {
        for (a, b, d) in [("", "", 0), ("abc", "abc", 0), ("abc", "", 3), ("kitten", "sitting", 3), ("é", "e", 1), ("lta", "lat", 1)] {
            assert_eq!((distance(a, b), distance(b, a)), (d, d));
        }
    }
}
