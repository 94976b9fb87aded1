//! The kernel's own life: what it is, how it is interrupted, how it ends.

use super::Route;
use crate::protocol::VERSION;
use serde_json::{Value, json};

pub(super) const ROUTES: &[Route] = &[
    ("kernel_info_request", |_, _, _| kernel_info()),
    ("interrupt_request", |context, _, _| {
        context.evaluator.interrupt();
        json!({ "status": "ok" })
    }),
    // The server ends the process once the reply is out.
    ("shutdown_request", |context, _, content| {
        context.evaluator.shutdown();
        json!({ "status": "ok", "restart": content["restart"].as_bool().unwrap_or(false) })
    }),
];

fn kernel_info() -> Value {
    json!({
        "status": "ok",
        "protocol_version": VERSION,
        "implementation": "rask",
        "implementation_version": env!("CARGO_PKG_VERSION"),
        "language_info": {
            "name": "rust",
            "version": env!("CARGO_PKG_RUST_VERSION"),
            "mimetype": "text/rust",
            "file_extension": ".rs",
            "pygments_lexer": "rust",
            "codemirror_mode": "rust",
            "nbconvert_exporter": "script",
        },
        "banner": format!("Rask {}: lazy parallel collections for Rust notebooks", env!("CARGO_PKG_VERSION")),
        "help_links": [
            { "text": "The Rust book", "url": "https://doc.rust-lang.org/book/" },
            { "text": "Rust's standard library", "url": "https://doc.rust-lang.org/std/" },
        ],
        "supported_features": ["iopub_welcome"],
        "debugger": false,
    })
}
