//! Requests about code: completeness, completion, inspection, history. They are answered while a
//! cell runs, too. Positions count characters, as in the protocol.

use super::route::{AsideRoute, Context, Route};
use crate::eval::{Completeness, completeness};
use serde_json::{Value, json};

pub(super) const ROUTES: &[Route] = &[
    ("is_complete_request", |_, _, message| is_complete(&message.content)),
    ("history_request", |context, _, message| context.history.answer(&message.content)),
];

/// Handlers that may take a moment.
pub(super) const ASIDE: &[AsideRoute] = &[
    ("complete_request", |context, content| Box::pin(complete(context, content))),
    ("inspect_request", |context, content| Box::pin(inspect(context, content))),
];

fn is_complete(content: &Value) -> Value {
    match completeness(content["code"].as_str().unwrap_or_default()) {
        Completeness::Complete => json!({ "status": "complete" }),
        Completeness::Incomplete(indent) => json!({ "status": "incomplete", "indent": indent }),
        Completeness::Invalid => json!({ "status": "invalid" }),
    }
}

/// Returns the text of a request, and its cursor as a byte offset.
fn cursor(content: &Value) -> (String, usize) {
    let code = content["code"].as_str().unwrap_or_default().to_owned();
    let characters =
        content["cursor_pos"].as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or(usize::MAX);
    let at = code.char_indices().nth(characters).map_or(code.len(), |(i, _)| i);
    (code, at)
}

async fn complete(context: Context, content: Value) -> Value {
    let (code, at) = cursor(&content);
    let found = context.evaluator.complete(&code, at).await;
    let characters = |byte: usize| code.get(..byte).map_or(0, |t| t.chars().count());
    let (start, end) = (characters(found.start), characters(found.end));
    let matches: Vec<_> = found.items.iter().map(|i| i.text.as_str()).collect();
    let described: Vec<_> = found
        .items
        .iter()
        .map(|i| json!({ "text": i.text, "type": i.kind, "signature": i.signature, "start": start, "end": end }))
        .collect();
    let metadata = json!({ "_jupyter_types_experimental": described });
    json!({ "status": "ok", "matches": matches, "cursor_start": start, "cursor_end": end, "metadata": metadata })
}

async fn inspect(context: Context, content: Value) -> Value {
    let (code, at) = cursor(&content);
    match context.evaluator.inspect(&code, at, content["detail_level"] == 1).await {
        Some(found) => {
            let data = json!({ "text/plain": found.plain, "text/markdown": found.markdown, "text/html": found.html });
            json!({ "status": "ok", "found": true, "data": data, "metadata": {} })
        }
        None => json!({ "status": "ok", "found": false, "data": {}, "metadata": {} }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_characters() {
        let code = "let a = \"e\u{301}\u{1d11e}\"; text.le";
        let (_, at) = cursor(&json!({ "code": code, "cursor_pos": code.chars().count() }));
        assert_eq!(at, code.len());
        assert_eq!(cursor(&json!({ "code": "\u{1d11e}b", "cursor_pos": 1 })).1, 4);
        assert_eq!(cursor(&json!({ "code": "ab", "cursor_pos": 99 })).1, 2);
    }
}
