//! The type of handlers, and the context that they may use.

use crate::eval::Evaluator;
use crate::history::History;
use crate::outbox::{Outbox, Parent};
use crate::protocol::Message;
use serde_json::Value;
use std::pin::Pin;
use std::sync::Arc;

/// The context of handlers.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) outbox: Outbox,
    pub(crate) evaluator: Evaluator,
    pub(crate) history: Arc<History>,
    /// The ports of the kernel's sockets, in the form of a `connect_reply`.
    pub(crate) ports: Value,
    /// The version of the compiler.
    pub(crate) rust_version: String,
}

/// A handler: turns a request into the content of its reply.
pub(super) type Handler = fn(&Context, &Parent, &Message) -> Value;

/// A request's name and its handler.
pub(super) type Route = (&'static str, Handler);

/// The content of a reply that is still being computed.
pub(super) type Later = Pin<Box<dyn Future<Output = Value> + Send>>;

/// A request's name and its handler, for one that may take a moment.
pub(super) type AsideRoute = (&'static str, fn(Context, Value) -> Later);
