//! The errors of the kernel and its commands, each with a way to fix it.

use std::path::PathBuf;

/// The result type of the kernel.
pub(crate) type Result<T> = std::result::Result<T, Error>;

/// An error of the kernel or of one of its commands.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Error {
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error("`{command}` could not be started: {source}")]
    Start { command: String, source: std::io::Error },
    #[error("`{command}` failed ({status}){}", if output.is_empty() { String::new() } else { format!(":\n{output}") })]
    Command { command: String, status: String, output: String },
    #[error("invalid {what}: {message}")]
    Format { what: String, message: String },
    #[error(
        "port {port} of {ip} cannot be used for {channel}: {message}; another kernel or program may be using it"
    )]
    Port { channel: &'static str, ip: String, port: u16, message: String },
    #[error("{problem}\n  help: {mend}")]
    Setup { problem: String, mend: String },
    #[error("{0}")]
    Usage(String),
    #[error("the evaluator could not be started: {message}")]
    Evaluator { message: String },
}

impl Error {
    /// Adds the path to an I/O error; for `map_err`.
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }

    pub(crate) fn setup(problem: impl Into<String>, mend: impl Into<String>) -> Self {
        Self::Setup { problem: problem.into(), mend: mend.into() }
    }
}
