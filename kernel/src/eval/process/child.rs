//! The start of the evaluator process: gives cells fresh standard streams, keeps evcxr's own as private descriptors, and
//! hands over to the runtime library. The kernel program never links that library; it is loaded here.
#![allow(unsafe_code)]

use crate::error::{Error, Result};
use crate::eval::runtime::Runtime;
use rask_wire::session;
use std::fs::{File, OpenOptions};
use std::os::fd::{IntoRawFd, RawFd};
use std::path::Path;

/// Never returns to the caller's work: the exit code of the process.
///
/// # Errors
/// Streams that cannot be opened, a library that cannot be loaded.
pub(crate) fn run(runtime: &Runtime, folder: &Path) -> Result<i32> {
    let descriptor = |e: rustix::io::Errno| Error::file("a standard stream")(e.into());
    let requests = rustix::io::dup(rustix::stdio::stdin()).map_err(descriptor)?;
    let answers = rustix::io::dup(rustix::stdio::stdout()).map_err(descriptor)?;
    for fd in [&requests, &answers] {
        // Programs that a cell starts must not hold evcxr's streams open.
        rustix::io::fcntl_setfd(fd, rustix::io::FdFlags::CLOEXEC).map_err(descriptor)?;
    }
    let open = |name: &str| {
        let path = folder.join(name);
        OpenOptions::new().write(true).open(&path).map_err(Error::file(path))
    };
    // The library is loaded first: what the loader has to say goes where evcxr reads it.
    let library = runtime.library();
    // SAFETY: the library was built from this very source; its initialisers are those of its crates.
    let loaded = unsafe { libloading::Library::new(&library) };
    let loaded = loaded.map_err(|e| Error::Evaluator { message: format!("{} cannot be loaded: {e}", library.display()) })?;
    rustix::stdio::dup2_stdin(File::open("/dev/null").map_err(Error::file("/dev/null"))?).map_err(descriptor)?;
    rustix::stdio::dup2_stdout(open(session::STDOUT)?).map_err(descriptor)?;
    rustix::stdio::dup2_stderr(open(session::STDERR)?).map_err(descriptor)?;
    // SAFETY: the runtime exports this function with this signature; the build id ties both to one source.
    let main = unsafe { loaded.get::<unsafe extern "C" fn(RawFd, RawFd) -> i32>(rask_wire::HOST_MAIN.as_bytes()) };
    let main = main.map_err(|e| Error::Evaluator { message: format!("{} has no entry point: {e}", library.display()) })?;
    // SAFETY: both descriptors are open and handed over.
    Ok(unsafe { main(requests.into_raw_fd(), answers.into_raw_fd()) })
}
