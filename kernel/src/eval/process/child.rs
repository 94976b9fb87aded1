//! The start of the evaluator process: gives cells new standard streams, keeps those of evcxr as
//! private descriptors, and calls the runtime library. The kernel program never links that library;
//! it is loaded here.
#![allow(unsafe_code)]

use crate::error::{Error, Result};
use crate::eval::runtime::Runtime;
use rask_wire::session;
use std::fs::{File, OpenOptions};
use std::os::fd::{IntoRawFd, RawFd};
use std::path::Path;

/// Runs the evaluator; returns the exit code of the process.
///
/// # Errors
/// Returns an error if a stream cannot be opened or the library cannot be loaded.
pub(crate) fn run(runtime: &Runtime, folder: &Path) -> Result<i32> {
    let descriptor = |e: rustix::io::Errno| Error::file("a standard stream")(e.into());
    let requests = rustix::io::dup(rustix::stdio::stdin()).map_err(descriptor)?;
    let answers = rustix::io::dup(rustix::stdio::stdout()).map_err(descriptor)?;
    for fd in [&requests, &answers] {
        // Programs started by a cell must not inherit evcxr's streams.
        rustix::io::fcntl_setfd(fd, rustix::io::FdFlags::CLOEXEC).map_err(descriptor)?;
    }
    let open = |name: &str| {
        let path = folder.join(name);
        OpenOptions::new().write(true).open(&path).map_err(Error::file(path))
    };
    // The library is loaded first, so that evcxr sees the messages of the loader.
    let library = runtime.library();
    // SAFETY: the library was built from the same source; its initialisers are those of its crates.
    let loaded = unsafe { libloading::Library::new(&library) };
    let loaded = loaded.map_err(|e| Error::Evaluator {
        message: format!("{} cannot be loaded: {e}", library.display()),
    })?;
    rustix::stdio::dup2_stdin(File::open("/dev/null").map_err(Error::file("/dev/null"))?)
        .map_err(descriptor)?;
    rustix::stdio::dup2_stdout(open(session::STDOUT)?).map_err(descriptor)?;
    rustix::stdio::dup2_stderr(open(session::STDERR)?).map_err(descriptor)?;
    // SAFETY: the runtime exports this function with this signature; the build id ties both to one
    // source.
    let main = unsafe {
        loaded.get::<unsafe extern "C" fn(RawFd, RawFd) -> i32>(rask_wire::HOST_MAIN.as_bytes())
    };
    let main = main.map_err(|e| Error::Evaluator {
        message: format!("{} has no entry point: {e}", library.display()),
    })?;
    // SAFETY: both descriptors are open and their ownership is passed on.
    Ok(unsafe { main(requests.into_raw_fd(), answers.into_raw_fd()) })
}
