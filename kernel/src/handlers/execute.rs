//! `execute_request`: reads it and puts the cell into the queue; the evaluator's thread does the rest.

use crate::eval::{Job, Outcome};
use crate::protocol::Message;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

fn yes() -> bool {
    true
}

#[derive(Debug, Deserialize)]
struct Request {
    code: String,
    #[serde(default)]
    silent: bool,
    #[serde(default)]
    store_history: Option<bool>,
    #[serde(default = "yes")]
    stop_on_error: bool,
}

/// The job for a request; `reply` gets the content of the reply.
///
/// # Errors
/// The content of the reply to a request that is not as the protocol says.
pub(crate) fn job(message: &Message, reply: impl FnOnce(Value) + Send + 'static) -> Result<Job, Value> {
    let request: Request = serde_json::from_value(message.content.clone())
        .map_err(|e| json!({ "status": "error", "execution_count": 0, "ename": "BadRequest", "evalue": e.to_string(), "traceback": [] }))?;
    Ok(Job {
        parent: Some(Arc::new(message.header.clone())),
        code: request.code,
        silent: request.silent,
        counted: !request.silent && request.store_history.unwrap_or(true),
        stop_on_error: request.stop_on_error,
        reply: Box::new(move |count, outcome| reply(content(count, outcome))),
    })
}

fn content(count: u32, outcome: &Outcome) -> Value {
    match outcome {
        Outcome::Ok => json!({ "status": "ok", "execution_count": count, "user_expressions": {}, "payload": [] }),
        Outcome::Failed(e) => {
            json!({ "status": "error", "execution_count": count, "ename": e.name, "evalue": e.value, "traceback": e.traceback })
        }
        Outcome::Dropped => {
            let why = "a cell before this one failed or was interrupted";
            json!({ "status": "error", "execution_count": count, "ename": "Dropped", "evalue": why, "traceback": [why] })
        }
    }
}
