//! The request handlers: one file per topic, each with its own routes. [`answer`] wraps every
//! request that is answered at once in busy, reply and idle, whatever its handler does.

mod comm;
pub(crate) mod execute;
mod introspect;
mod lifecycle;
mod route;

pub(crate) use route::Context;

use crate::outbox::Parent;
use crate::protocol::Message;
use crate::protocol::messages::{Request, request};
use route::Route;
use serde_json::{Value, json};
use std::sync::Arc;

/// All handlers of requests that are answered at once.
fn routes() -> impl Iterator<Item = &'static Route> {
    [comm::ROUTES, introspect::ROUTES, lifecycle::ROUTES].into_iter().flatten()
}

/// A guard that publishes busy when a request is being answered, and idle when it is dropped.
struct Busy<'a> {
    context: &'a Context,
    parent: Parent,
}

impl<'a> Busy<'a> {
    fn with(context: &'a Context, message: &Message) -> Self {
        let parent: Parent = Some(Arc::new(message.header.clone()));
        context.outbox.status(&parent, "busy");
        Self { context, parent }
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.context.outbox.status(&self.parent, "idle");
        self.context.evaluator.still_busy();
    }
}

/// The type and content of a reply.
pub(crate) type Answer = (String, Value);

/// Answers a request at once, and passes the answer, if any, to `reply`.
pub(crate) fn answer(
    context: &Context,
    kind: &Request,
    message: &Message,
    reply: impl FnOnce(Answer),
) {
    let busy = Busy::with(context, message);
    let handler = routes().find(|(name, _)| *name == kind.name).map(|(_, h)| h);
    let content = handler
        .map_or_else(|| unsupported(kind.name), |handler| handler(context, &busy.parent, message));
    if !kind.reply.is_empty() {
        reply((kind.reply.to_owned(), content));
    }
}

/// Answers a request that may take a moment.
pub(crate) async fn answer_aside(
    context: Context,
    kind: &'static Request,
    message: Message,
    reply: impl FnOnce(Answer),
) {
    let _busy = Busy::with(&context, &message);
    let handler = introspect::ASIDE.iter().find(|(name, _)| *name == kind.name).map(|(_, h)| h);
    let content = match handler {
        Some(handler) => handler(context.clone(), message.content).await,
        None => unsupported(kind.name),
    };
    reply((kind.reply.to_owned(), content));
}

/// Handles a message that is not a request: the answer to an input request of the running cell.
pub(crate) fn note(context: &Context, message: &Message) {
    context.evaluator.input(message.content["value"].as_str().unwrap_or_default().to_owned());
}

/// Answers a request that violates the protocol.
pub(crate) fn reject(
    context: &Context,
    kind: &Request,
    message: &Message,
    content: Value,
    reply: impl FnOnce(Answer),
) {
    let _busy = Busy::with(context, message);
    reply((kind.reply.to_owned(), content));
}

/// Answers a request of an unknown type.
pub(crate) fn refuse(context: &Context, message: &Message, reply: impl FnOnce(Answer)) {
    let _busy = Busy::with(context, message);
    if let Some(name) = message.header.msg_type.strip_suffix("_request") {
        reply((format!("{name}_reply"), unsupported(&message.header.msg_type)));
    }
}

fn unsupported(name: &str) -> Value {
    let why = format!("unsupported request {name:?}");
    json!({ "status": "error", "ename": "Unsupported", "evalue": why, "traceback": [why] })
}

/// Returns the table's entry for a message.
pub(crate) fn kind(message: &Message) -> Option<&'static Request> {
    request(&message.header.msg_type)
}

#[cfg(test)]
mod tests {
    use super::{introspect, routes};
    use crate::protocol::messages::{Lane, REQUESTS};

    #[test]
    fn the_table_and_the_handlers_agree() {
        for r in REQUESTS.iter().filter(|r| r.lane == Lane::AtOnce) {
            assert_eq!(routes().filter(|(name, _)| *name == r.name).count(), 1, "{}", r.name);
        }
        for r in REQUESTS.iter().filter(|r| r.lane == Lane::Aside) {
            assert_eq!(
                introspect::ASIDE.iter().filter(|(name, _)| *name == r.name).count(),
                1,
                "{}",
                r.name
            );
        }
        for (name, _) in routes() {
            assert!(REQUESTS.iter().any(|r| r.name == *name && r.lane == Lane::AtOnce), "{name}");
        }
        let queued: Vec<_> =
            REQUESTS.iter().filter(|r| r.lane == Lane::Queued).map(|r| r.name).collect();
        assert_eq!(queued, ["execute_request"], "only cells wait for cells");
    }
}
