//! The files of a session by which the kernel and the stand-ins for the compiler's tools, which are processes of their own, know
//! of each other.

use crate::eval::runtime::Runtime;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// What the stand-ins for the compiler's tools are to make: the cell at hand.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::eval) struct Request {
    /// The optimisation level, as rustc takes it.
    pub(in crate::eval) level: String,
    pub(in crate::eval) source: Source,
}

/// Whose code is compiled.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::eval) enum Source {
    /// What a session runs while it starts: the same in all sessions, so that its library is kept.
    Startup,
    /// The user's cell.
    Cell(String),
}

impl Request {
    /// Puts the request where the stand-ins find it; the warnings of the last one are gone.
    pub(in crate::eval) fn write(&self, session: &Path) -> std::io::Result<()> {
        match std::fs::remove_file(warnings_file(session)) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(e),
            _ => std::fs::write(request_file(session), serde_json::to_vec(self)?),
        }
    }

    /// Reads the request; a session without one is about to start.
    pub(in crate::eval) fn read(session: &Path) -> Self {
        let text = std::fs::read(request_file(session)).unwrap_or_default();
        let startup = || Self { level: "0".to_owned(), source: Source::Startup };
        serde_json::from_slice(&text).unwrap_or_else(|_| startup())
    }
}

fn request_file(session: &Path) -> PathBuf {
    session.join("request.json")
}

/// Where the process group of the compiler under way is noted.
pub(in crate::eval) fn pid_file(session: &Path) -> PathBuf {
    session.join("compiler.pid")
}

/// Where the `Cargo.toml` of a session without dependencies of its own is kept, to be recognised.
pub(in crate::eval) fn plain_manifest(session: &Path) -> PathBuf {
    session.join("plain.toml")
}

/// The folder that rust-analyzer takes for the toolchain: its tools are this program, its library is next to
/// empty.
pub(crate) fn toolchain(session: &Path) -> PathBuf {
    session.join("toolchain")
}

/// The folder of the crate that rust-analyzer reads.
pub(in crate::eval) fn reading_folder(session: &Path) -> PathBuf {
    session.join("reading")
}

/// The toolchain with the whole library, for the rust-analyzer that knows everything.
pub(in crate::eval) fn toolchain_of_readers(session: &Path) -> PathBuf {
    session.join("toolchain-of-readers")
}

/// Makes both toolchains.
///
/// # Errors
/// A session's folder that cannot be written.
pub(in crate::eval) fn make_toolchains(runtime: &Runtime, session: &Path) -> std::io::Result<()> {
    for (toolchain, library) in [(toolchain(session), "library-empty"), (toolchain_of_readers(session), "library")] {
        let folder = toolchain.join("lib/rustlib/src/rust");
        std::fs::create_dir_all(&folder)?;
        std::os::unix::fs::symlink(runtime.folder.join(library), folder.join("library"))?;
    }
    std::os::unix::fs::symlink(toolchain(session).join("bin"), toolchain_of_readers(session).join("bin"))
}

/// Where the compiler's warnings about the cell at hand are noted, one JSON object a line.
pub(in crate::eval) fn warnings_file(session: &Path) -> PathBuf {
    session.join("warnings.json")
}

/// What the word of a dependency that failed begins with.
pub(in crate::eval) const DEPENDENCY: &str = "dependency: ";

/// Where the rustc call is noted that cargo made for the last cell.
pub(in crate::eval) fn replay_file(session: &Path) -> PathBuf {
    session.join("replay.json")
}
