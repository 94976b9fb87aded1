//! The events that reach the kernel from outside.

use bytes::Bytes;

/// The channels that requests arrive on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Channel {
    Shell,
    Control,
    Stdin,
}

/// An event from outside.
pub(super) enum Event {
    /// A request has arrived.
    Request { channel: Channel, frames: Vec<Bytes> },
    /// A reply is to be sent.
    Reply { channel: Channel, frames: Vec<Bytes> },
    /// A signal asked the process to terminate, or the front end has ended.
    Terminate,
}
