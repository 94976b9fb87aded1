//! Comms: messages of the front end are passed to the evaluator at once, even while a cell runs.

use super::route::{Context, Route};
use crate::outbox::Parent;
use crate::protocol::Message;
use rask_wire::{Buffer, Comm, CommEvent};
use serde_json::{Value, json};

pub(super) const ROUTES: &[Route] = &[
    (
        "comm_info_request",
        |context, _, message| json!({ "status": "ok", "comms": context.evaluator.comms(message.content["target_name"].as_str()) }),
    ),
    ("comm_open", |context, parent, message| pass(context, parent, message, CommEvent::Open)),
    ("comm_msg", |context, parent, message| pass(context, parent, message, CommEvent::Message)),
    ("comm_close", |context, parent, message| pass(context, parent, message, CommEvent::Close)),
];

fn pass(context: &Context, parent: &Parent, message: &Message, event: CommEvent) -> Value {
    let text = |key: &str| message.content[key].as_str().unwrap_or_default().to_owned();
    let comm = Comm {
        event,
        id: text("comm_id"),
        target: text("target_name"),
        data: message.content["data"].clone(),
        metadata: message.metadata.clone(),
        buffers: message.buffers.iter().map(|b| Buffer(b.to_vec())).collect(),
    };
    context.evaluator.deliver(parent, comm);
    Value::Null
}
