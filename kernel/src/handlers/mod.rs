//! What the kernel answers: one file per topic, each with its own routes. [`answer`] wraps every request that is answered
//! at once in busy, reply and idle, whatever its handler does.

mod comm;
pub(crate) mod execute;
mod introspect;
mod lifecycle;

use crate::eval::Evaluator;
use crate::outbox::{Outbox, Parent};
use crate::protocol::Message;
use crate::protocol::messages::{Request, request};
use serde_json::{Value, json};
use std::sync::Arc;

/// What handlers may use.
pub(crate) struct Context {
    pub(crate) outbox: Outbox,
    pub(crate) evaluator: Evaluator,
}

/// A handler: the content of the request to that of the reply.
type Handler = fn(&Context, &Parent, &Value) -> Value;

/// A request's name and its handler.
type Route = (&'static str, Handler);

/// All handlers of requests that are answered at once.
fn routes() -> impl Iterator<Item = &'static Route> {
    [comm::ROUTES, introspect::ROUTES, lifecycle::ROUTES].into_iter().flatten()
}

/// Answers a request at once; the reply's type and content, where it has a reply.
pub(crate) fn answer(context: &Context, kind: &Request, message: &Message) -> Option<(&'static str, Value)> {
    let parent: Parent = Some(Arc::new(message.header.clone()));
    context.outbox.status(&parent, "busy");
    let handler = routes().find(|(name, _)| *name == kind.name).map(|(_, h)| h);
    let content = match handler {
        Some(handler) => handler(context, &parent, &message.content),
        None => unsupported(kind.name),
    };
    context.outbox.status(&parent, "idle");
    (!kind.reply.is_empty()).then_some((kind.reply, content))
}

/// The reply to a request that this kernel does not know.
pub(crate) fn refuse(context: &Context, message: &Message) -> Option<(String, Value)> {
    let parent: Parent = Some(Arc::new(message.header.clone()));
    context.outbox.status(&parent, "busy");
    context.outbox.status(&parent, "idle");
    let name = message.header.msg_type.strip_suffix("_request")?;
    Some((format!("{name}_reply"), unsupported(&message.header.msg_type)))
}

fn unsupported(name: &str) -> Value {
    json!({ "status": "error", "ename": "Unsupported", "evalue": format!("this kernel does not answer {name}"), "traceback": [] })
}

/// The table's entry for a message.
pub(crate) fn kind(message: &Message) -> Option<&'static Request> {
    request(&message.header.msg_type)
}

#[cfg(test)]
mod tests {
    use super::routes;
    use crate::protocol::messages::{Lane, REQUESTS};

    #[test]
    fn the_table_and_the_handlers_agree() {
        for r in REQUESTS.iter().filter(|r| r.lane == Lane::AtOnce) {
            assert_eq!(routes().filter(|(name, _)| *name == r.name).count(), 1, "{}", r.name);
        }
        for (name, _) in routes() {
            assert!(REQUESTS.iter().any(|r| r.name == *name && r.lane == Lane::AtOnce), "{name}");
        }
        let queued: Vec<_> = REQUESTS.iter().filter(|r| r.lane == Lane::Queued).map(|r| r.name).collect();
        assert_eq!(queued, ["execute_request"]);
    }
}
