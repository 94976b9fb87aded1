//! What a front end asks about code: whether it is complete, what could follow, what a name means, what ran before. The
//! answers about names come with the full protocol; until then they are empty, which every front end understands.

use super::Route;
use crate::eval::{Completeness, completeness};
use serde_json::{Value, json};

pub(super) const ROUTES: &[Route] = &[
    ("is_complete_request", |_, _, content| is_complete(content)),
    ("complete_request", |_, _, content| {
        let at = content["cursor_pos"].as_u64().unwrap_or_default();
        json!({ "status": "ok", "matches": [], "cursor_start": at, "cursor_end": at, "metadata": {} })
    }),
    ("inspect_request", |_, _, _| json!({ "status": "ok", "found": false, "data": {}, "metadata": {} })),
    ("history_request", |_, _, _| json!({ "status": "ok", "history": [] })),
];

fn is_complete(content: &Value) -> Value {
    match completeness(content["code"].as_str().unwrap_or_default()) {
        Completeness::Complete => json!({ "status": "complete" }),
        Completeness::Incomplete(indent) => json!({ "status": "incomplete", "indent": indent }),
        Completeness::Invalid => json!({ "status": "invalid" }),
    }
}
