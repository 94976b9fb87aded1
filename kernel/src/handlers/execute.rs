//! `execute_request`: parses it and queues the cell; the evaluator's thread does the rest.

use crate::eval::{Ask, CellError, Job, Outcome};
use crate::history::History;
use crate::protocol::Message;
use rask_wire::Bundle;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
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
    #[serde(default)]
    user_expressions: Option<BTreeMap<String, String>>,
    #[serde(default = "yes")]
    allow_stdin: bool,
    #[serde(default = "yes")]
    stop_on_error: bool,
}

/// Creates the job for a request; `reply` gets the metadata and content of the reply, `ask` sends
/// an input request to the front end.
///
/// # Errors
/// Returns the content of the reply if the request violates the protocol.
pub(crate) fn job(
    message: &Message,
    history: Arc<History>,
    ask: Ask,
    reply: impl FnOnce(Value, Value) + Send + 'static,
) -> Result<Job, Value> {
    let request: Request = serde_json::from_value(message.content.clone())
        .map_err(|e| json!({ "status": "error", "execution_count": 0, "ename": "BadRequest", "evalue": e.to_string(), "traceback": [] }))?;
    let counted = !request.silent && request.store_history.unwrap_or(true);
    let code = request.code.clone();
    let started = chrono::Utc::now();
    Ok(Job {
        parent: Some(Arc::new(message.header.clone())),
        code: request.code,
        silent: request.silent,
        counted,
        stop_on_error: request.stop_on_error,
        expressions: request.user_expressions.unwrap_or_default().into_iter().collect(),
        ask: request.allow_stdin.then_some(ask),
        reply: Box::new(move |ran| {
            if counted && !matches!(ran.outcome, Outcome::Dropped) {
                history.add(ran.count, &code, ran.text.as_deref());
            }
            let ran_for = ran.times.ran;
            let metadata = json!({
                "started": started.to_rfc3339_opts(chrono::SecondsFormat::Micros, true),
                "rask": {
                    "compile_seconds": ran.took.saturating_sub(ran_for).as_secs_f64(),
                    "run_seconds": ran_for.as_secs_f64(),
                    "cpu_seconds": ran.times.cpu.as_secs_f64(),
                },
            });
            reply(metadata, content(ran.count, &ran.outcome));
        }),
    })
}

fn content(count: u32, outcome: &Outcome) -> Value {
    match outcome {
        Outcome::Ok { payload, expressions } => {
            let expressions: Map<String, Value> =
                expressions.iter().map(|(name, value)| (name.clone(), expression(value))).collect();
            json!({ "status": "ok", "execution_count": count, "user_expressions": expressions, "payload": payload })
        }
        Outcome::Failed(e) => {
            json!({ "status": "error", "execution_count": count, "ename": e.name, "evalue": e.value, "traceback": e.traceback })
        }
        Outcome::Dropped => {
            let why = "a cell before this one failed or was interrupted";
            // The cell has not run, so it has no number.
            json!({ "status": "error", "execution_count": null, "ename": "Dropped", "evalue": why, "traceback": [why] })
        }
    }
}

fn expression(value: &Result<Bundle, CellError>) -> Value {
    match value {
        Ok(bundle) => json!({ "status": "ok", "data": bundle.data, "metadata": {} }),
        Err(e) => {
            json!({ "status": "error", "ename": e.name, "evalue": e.value, "traceback": e.traceback })
        }
    }
}
