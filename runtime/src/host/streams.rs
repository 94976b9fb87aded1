//! The cell's standard streams, which are closed while the user waits for the cell to stop: a loop
//! that does nothing but print is then left by the panic of its own `print!`, with all variables
//! kept.

use rask_wire::helpers::Whole;
use std::fs::File;
use std::io::PipeReader;
use std::os::fd::AsFd;
use std::sync::Mutex;

/// The original streams, while they are closed.
static KEPT: Mutex<Option<[File; 2]>> = Mutex::new(None);

/// Returns the writing end of a pipe whose reading end is closed.
fn broken() -> std::io::Result<impl AsFd> {
    let (reader, writer): (PipeReader, _) = std::io::pipe()?;
    drop(reader);
    Ok(writer)
}

/// Closes both streams: printing is an error from now on.
pub(super) fn close() {
    let mut kept = KEPT.lock().whole();
    if kept.is_some() {
        return;
    }
    let keep = || -> std::io::Result<[File; 2]> {
        Ok([
            rustix::io::dup(rustix::stdio::stdout())?.into(),
            rustix::io::dup(rustix::stdio::stderr())?.into(),
        ])
    };
    // If no descriptors are left, the cell continues to print, and its process is killed after the
    // grace period.
    if let (Ok(both), Ok(broken)) = (keep(), broken())
        && rustix::stdio::dup2_stdout(&broken).is_ok()
        && rustix::stdio::dup2_stderr(&broken).is_ok()
    {
        *kept = Some(both);
    }
}

/// Reopens both streams.
pub(super) fn open() {
    let mut kept = KEPT.lock().whole();
    if let Some([stdout, stderr]) = kept.take() {
        // The descriptors were open a moment ago, so this does not fail in practice.
        let _ = rustix::stdio::dup2_stdout(stdout);
        let _ = rustix::stdio::dup2_stderr(stderr);
    }
}
