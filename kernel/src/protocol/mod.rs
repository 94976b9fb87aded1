//! Jupyter's messaging protocol 5.5 as bytes and typed values. Pure: no sockets, and no clocks
//! except the date of a header.
//!
//! `frames` encodes messages as ZeroMQ frames and signs them; `messages` is the table of all
//! requests.

pub(crate) mod frames;
pub(crate) mod messages;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The version of the protocol.
pub(crate) const VERSION: &str = "5.5";

/// The header of a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Header {
    pub(crate) msg_id: String,
    #[serde(default)]
    pub(crate) session: String,
    #[serde(default)]
    pub(crate) username: String,
    #[serde(default)]
    pub(crate) date: String,
    pub(crate) msg_type: String,
    #[serde(default)]
    pub(crate) version: String,
    /// Fields that front ends add are sent back unchanged.
    #[serde(flatten)]
    pub(crate) other: serde_json::Map<String, Value>,
}

/// A received message.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    /// The sender: the routing frames that the reply starts with.
    pub(crate) identities: Vec<bytes::Bytes>,
    pub(crate) header: Header,
    pub(crate) metadata: Value,
    pub(crate) content: Value,
    /// Binary buffers after the content.
    pub(crate) buffers: Vec<bytes::Bytes>,
}

/// The content of a connection file.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Connection {
    pub(crate) transport: String,
    pub(crate) ip: String,
    pub(crate) shell_port: u16,
    pub(crate) control_port: u16,
    pub(crate) iopub_port: u16,
    pub(crate) stdin_port: u16,
    pub(crate) hb_port: u16,
    #[serde(default)]
    pub(crate) key: String,
    #[serde(default)]
    pub(crate) signature_scheme: String,
}

impl Connection {
    /// Returns the endpoint of a channel; `ipc` names have a dash where `tcp` has a colon.
    pub(crate) fn endpoint(&self, port: u16) -> String {
        let between = if self.transport == "ipc" { '-' } else { ':' };
        format!("{}://{}{between}{port}", self.transport, self.ip)
    }
}
