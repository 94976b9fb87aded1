//! This process's end of the connection to the kernel: sends frames, waits for acknowledgements. Outside of a
//! notebook there is no connection, and what would be shown is dropped.

use rask_wire::{Bundle, Role, ToKernel};
use std::os::unix::net::UnixStream;
use std::sync::{Condvar, Mutex, OnceLock, PoisonError};

/// The connection, once the host has made one.
struct Connection {
    stream: Mutex<UnixStream>,
    acks: Mutex<u64>,
    acked: Condvar,
    /// Held from the sending of a frame that is acknowledged until its acknowledgement: they come in order.
    turn: Mutex<u64>,
}

static CONNECTION: OnceLock<Connection> = OnceLock::new();

/// Makes `stream` the connection to the kernel.
pub(crate) fn connect(stream: UnixStream) {
    let new = Connection { stream: Mutex::new(stream), acks: Mutex::new(0), acked: Condvar::new(), turn: Mutex::new(0) };
    // Only the host calls this, once, before any cell runs.
    let _ = CONNECTION.set(new);
}

/// Whether a kernel listens.
pub(crate) fn connected() -> bool {
    CONNECTION.get().is_some()
}

/// Counts an acknowledgement from the kernel.
pub(crate) fn acknowledged() {
    if let Some(c) = CONNECTION.get() {
        let mut acks = c.acks.lock().unwrap_or_else(PoisonError::into_inner);
        *acks += 1;
        c.acked.notify_all();
    }
}

/// Sends a frame and goes on.
pub(crate) fn send(frame: &ToKernel) {
    if let Some(c) = CONNECTION.get() {
        let mut stream = c.stream.lock().unwrap_or_else(PoisonError::into_inner);
        // A kernel that is gone shows nothing; the host's reader notices and ends the process.
        let _ = rask_wire::write(&mut *stream, frame);
    }
}

/// Sends a frame once all that was printed is in the pipes, and waits until the kernel has passed both on, so
/// that output appears in the order in which it was made.
pub(crate) fn send_in_order(frame: &ToKernel) {
    flush();
    let Some(c) = CONNECTION.get() else { return };
    let mut turn = c.turn.lock().unwrap_or_else(PoisonError::into_inner);
    *turn += 1;
    send(frame);
    let mut acks = c.acks.lock().unwrap_or_else(PoisonError::into_inner);
    while *acks < *turn {
        acks = c.acked.wait(acks).unwrap_or_else(PoisonError::into_inner);
    }
}

/// Puts what has been printed so far into the pipes.
pub(crate) fn flush() {
    use std::io::Write;
    // A closed pipe cannot be helped here.
    let _ = std::io::stdout().flush();
    let _ = std::io::stderr().flush();
}

/// Shows a bundle in order with what was printed.
pub(crate) fn show(role: Role, id: Option<String>, bundle: Bundle) {
    send_in_order(&ToKernel::Show { role, id, bundle, ack: true });
}
