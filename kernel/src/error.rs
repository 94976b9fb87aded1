//! Every way in which the kernel and its commands can fail, each with what would mend it.

use std::path::PathBuf;

/// The kernel's result.
pub(crate) type Result<T> = std::result::Result<T, Error>;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Error {
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error("`{command}` could not be started: {source}")]
    Start { command: String, source: std::io::Error },
    #[error("`{command}` failed ({status}){}", if output.is_empty() { String::new() } else { format!(":\n{output}") })]
    Command { command: String, status: String, output: String },
    #[error("{what} is not as expected: {message}")]
    Format { what: String, message: String },
    #[error("port {port} of {ip} cannot be used for {channel}: {message}; another kernel or program may hold it")]
    Port { channel: &'static str, ip: String, port: u16, message: String },
    #[error("{problem}\n  to mend it: {mend}")]
    Setup { problem: String, mend: String },
    #[error("{0}")]
    Usage(String),
    #[error("the evaluator could not be started: {message}")]
    Evaluator { message: String },
}

impl Error {
    /// For `map_err` on operations on a file.
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }

    pub(crate) fn setup(problem: impl Into<String>, mend: impl Into<String>) -> Self {
        Self::Setup { problem: problem.into(), mend: mend.into() }
    }
}
