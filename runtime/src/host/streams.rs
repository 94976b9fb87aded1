//! The cell's standard streams, closed while the user waits for it to stop: then a loop that does nothing but print leaves
//! by the panic of its own `print!`, with its variables kept.

use std::fs::File;
use std::io::PipeReader;
use std::os::fd::AsFd;
use std::sync::{Mutex, PoisonError};

/// The streams as they were.
static KEPT: Mutex<Option<[File; 2]>> = Mutex::new(None);

/// A writing end that nobody reads.
fn broken() -> std::io::Result<impl AsFd> {
    let (reader, writer): (PipeReader, _) = std::io::pipe()?;
    drop(reader);
    Ok(writer)
}

/// Closes both streams: what is printed from now on is an error to the one who prints.
pub(super) fn close() {
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if kept.is_some() {
        return;
    }
    let keep = || -> std::io::Result<[File; 2]> {
        Ok([rustix::io::dup(rustix::stdio::stdout())?.into(), rustix::io::dup(rustix::stdio::stderr())?.into()])
    };
    // Where no descriptor is left the cell prints on, and its process is ended after the grace period.
    if let (Ok(both), Ok(broken)) = (keep(), broken())
        && rustix::stdio::dup2_stdout(&broken).is_ok()
        && rustix::stdio::dup2_stderr(&broken).is_ok()
    {
        *kept = Some(both);
    }
}

/// Opens them again.
pub(super) fn open() {
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some([stdout, stderr]) = kept.take() {
        // The descriptors were open a moment ago, so this fails only where the process is beyond help.
        let _ = rustix::stdio::dup2_stdout(stdout);
        let _ = rustix::stdio::dup2_stderr(stderr);
    }
}
