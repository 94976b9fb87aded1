//! The files of a session through which the kernel communicates with the tool wrappers, which are
//! separate processes.

use crate::eval::runtime::Runtime;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// A request to the tool wrappers to compile the current cell.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::eval) struct Request {
    /// The optimisation level, in rustc's notation.
    pub(in crate::eval) level: String,
    pub(in crate::eval) source: Source,
}

/// The origin of the code.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::eval) enum Source {
    /// The startup code of a session, which is the same in all sessions, so that its library is
    /// cached.
    Startup,
    /// The user's cell.
    Cell(String),
}

impl Request {
    /// Writes the request for the tool wrappers and clears the warnings of the last one.
    pub(in crate::eval) fn write(&self, session: &Path) -> std::io::Result<()> {
        match std::fs::remove_file(warnings_file(session)) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(e),
            _ => std::fs::write(request_file(session), serde_json::to_vec(self)?),
        }
    }

    /// Reads the request; without one, the session is starting.
    pub(in crate::eval) fn read(session: &Path) -> Self {
        let text = std::fs::read(request_file(session)).unwrap_or_default();
        let startup = || Self { level: "0".to_owned(), source: Source::Startup };
        serde_json::from_slice(&text).unwrap_or_else(|_| startup())
    }
}

fn request_file(session: &Path) -> PathBuf {
    session.join("request.json")
}

/// Returns the path of the file with the process groups of the running compiler, one in a line.
pub(in crate::eval) fn pid_file(session: &Path) -> PathBuf {
    session.join("compiler.pid")
}

/// Returns the path of the initial `Cargo.toml`, for comparison with that of a session with
/// dependencies.
pub(in crate::eval) fn plain_manifest(session: &Path) -> PathBuf {
    session.join("plain.toml")
}

/// Returns the folder that evcxr's rust-analyzer uses as the toolchain: its tools are this program,
/// its library is almost empty.
pub(crate) fn toolchain(session: &Path) -> PathBuf {
    session.join("toolchain")
}

/// Returns the folder of the crate that the kernel's rust-analyzer reads.
pub(in crate::eval) fn reading_folder(session: &Path) -> PathBuf {
    session.join("reading")
}

/// Returns the toolchain with the whole library, for the kernel's rust-analyzer.
pub(in crate::eval) fn toolchain_of_readers(session: &Path) -> PathBuf {
    session.join("toolchain-of-readers")
}

/// Creates both toolchains.
///
/// # Errors
/// Returns an error if the session's folder cannot be written.
pub(in crate::eval) fn make_toolchains(runtime: &Runtime, session: &Path) -> std::io::Result<()> {
    for (toolchain, library) in
        [(toolchain(session), "library-empty"), (toolchain_of_readers(session), "library")]
    {
        let folder = toolchain.join("lib/rustlib/src/rust");
        std::fs::create_dir_all(&folder)?;
        std::os::unix::fs::symlink(runtime.folder.join(library), folder.join("library"))?;
    }
    std::os::unix::fs::symlink(
        toolchain(session).join("bin"),
        toolchain_of_readers(session).join("bin"),
    )
}

/// Returns the path of the compiler's warnings about the current cell, in JSON Lines.
pub(in crate::eval) fn warnings_file(session: &Path) -> PathBuf {
    session.join("warnings.json")
}

/// The prefix of the error message of a failed dependency.
pub(in crate::eval) const DEPENDENCY: &str = "dependency: ";

/// Returns the path of the rustc call that cargo made for the last cell.
pub(in crate::eval) fn replay_file(session: &Path) -> PathBuf {
    session.join("replay.json")
}
