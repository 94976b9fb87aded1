//! Comms: front ends ask which there are, and close those that nobody answers. No widget lives in the kernel yet.

use super::{Context, Route};
use crate::outbox::Parent;
use serde_json::{Value, json};

pub(super) const ROUTES: &[Route] = &[
    ("comm_info_request", |_, _, _| json!({ "status": "ok", "comms": {} })),
    ("comm_open", open),
    ("comm_msg", |_, _, _| Value::Null),
    ("comm_close", |_, _, _| Value::Null),
];

/// A target that nobody serves is closed, as the protocol asks.
fn open(context: &Context, parent: &Parent, content: &Value) -> Value {
    context.outbox.comm_close(parent, &content["comm_id"]);
    Value::Null
}
