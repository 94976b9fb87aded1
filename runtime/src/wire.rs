//! This process's end of the connection to the kernel: sends frames and waits for acknowledgements.
//! Outside of a notebook there is no connection, and what would be displayed is dropped.

use rask_wire::helpers::Whole;
use rask_wire::{Bundle, Role, ToKernel};
use std::os::unix::net::UnixStream;
use std::sync::{Condvar, Mutex, OnceLock};

/// The connection to the kernel.
struct Connection {
    stream: Mutex<UnixStream>,
    acks: Mutex<u64>,
    acked: Condvar,
    /// Locked from sending a frame until its acknowledgement, as acknowledgements come in order.
    turn: Mutex<u64>,
}

static CONNECTION: OnceLock<Connection> = OnceLock::new();

/// Sets the connection to the kernel.
pub(crate) fn connect(stream: UnixStream) {
    let new = Connection {
        stream: Mutex::new(stream),
        acks: Mutex::new(0),
        acked: Condvar::new(),
        turn: Mutex::new(0),
    };
    // Only the host calls this, once, before any cell runs.
    let _ = CONNECTION.set(new);
}

/// Returns whether there is a connection to a kernel.
pub(crate) fn connected() -> bool {
    CONNECTION.get().is_some()
}

/// Counts an acknowledgement from the kernel.
pub(crate) fn acknowledged() {
    if let Some(c) = CONNECTION.get() {
        let mut acks = c.acks.lock().whole();
        *acks += 1;
        c.acked.notify_all();
    }
}

/// Sends a frame without waiting.
pub(crate) fn send(frame: &ToKernel) {
    if let Some(c) = CONNECTION.get() {
        let mut stream = c.stream.lock().whole();
        // If the kernel is gone, the host's reader notices and exits the process.
        let _ = rask_wire::write(&mut *stream, frame);
    }
}

/// Flushes the printed output, sends a frame and waits until the kernel has forwarded both, so that
/// output appears in the order in which it was produced.
pub(crate) fn send_in_order(frame: &ToKernel) {
    flush();
    let Some(c) = CONNECTION.get() else { return };
    let mut turn = c.turn.lock().whole();
    *turn += 1;
    send(frame);
    let mut acks = c.acks.lock().whole();
    while *acks < *turn {
        acks = c.acked.wait(acks).whole();
    }
}

/// Flushes standard output and standard error.
pub(crate) fn flush() {
    use std::io::Write;
    // Nothing can be done about a closed pipe here.
    let _ = std::io::stdout().flush();
    let _ = std::io::stderr().flush();
}

/// Displays a bundle in order with printed output.
pub(crate) fn show(role: Role, id: Option<String>, bundle: Bundle) {
    send_in_order(&ToKernel::Show { role, id, bundle, ack: true });
}
