//! Everything that can happen to the kernel from outside.

use bytes::Bytes;

/// The channels on which requests come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Channel {
    Shell,
    Control,
    Stdin,
}

/// Everything that can happen.
pub(super) enum Event {
    /// A request came in.
    Request { channel: Channel, frames: Vec<Bytes> },
    /// A reply is to be sent.
    Reply { channel: Channel, frames: Vec<Bytes> },
    /// The process was asked to end by a signal.
    Terminate,
}
