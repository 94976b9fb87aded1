//! The lifecycle of the kernel: information, interrupt, shutdown.

use super::route::{Context, Route};
use crate::protocol::VERSION;
use serde_json::{Value, json};

pub(super) const ROUTES: &[Route] = &[
    ("kernel_info_request", |context, _, _| kernel_info(context)),
    ("interrupt_request", |context, _, _| {
        context.evaluator.interrupt();
        json!({ "status": "ok" })
    }),
    // The server ends the process once the reply has been sent.
    ("shutdown_request", |context, _, message| {
        context.evaluator.shutdown();
        json!({ "status": "ok", "restart": message.content["restart"].as_bool().unwrap_or(false) })
    }),
    ("connect_request", |context, _, _| context.ports.clone()),
    ("debug_request", |_, _, _| refused("this kernel does not support debugging")),
    ("create_subshell_request", |_, _, _| refused(NO_SUBSHELLS)),
    ("delete_subshell_request", |_, _, _| refused(NO_SUBSHELLS)),
    ("list_subshell_request", |_, _, _| refused(NO_SUBSHELLS)),
    ("usage_request", |context, _, _| usage(context)),
];

const NO_SUBSHELLS: &str =
    "this kernel does not support subshells: while a cell runs, it answers all requests but cells";

fn refused(why: &str) -> Value {
    json!({ "status": "error", "ename": "Unsupported", "evalue": why, "traceback": [why] })
}

/// Returns the resource usage of the kernel and its evaluator, for jupyter-resource-usage.
fn usage(context: &Context) -> Value {
    let (memory, pid) = context.evaluator.memory();
    json!({
        "status": "ok",
        "hostname": rustix::system::uname().nodename().to_string_lossy(),
        "pid": pid,
        "kernel_memory": memory,
        "cpu_count": std::thread::available_parallelism().map_or(1, usize::from),
    })
}

fn kernel_info(context: &Context) -> Value {
    json!({
        "status": "ok",
        "protocol_version": VERSION,
        "implementation": "rask",
        "implementation_version": env!("CARGO_PKG_VERSION"),
        "language_info": {
            "name": "rust",
            "version": context.rust_version,
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
            { "text": "Rust by example", "url": "https://doc.rust-lang.org/rust-by-example/" },
            { "text": "Magics of evcxr, the evaluator", "url": "https://github.com/evcxr/evcxr/blob/main/COMMON.md" },
        ],
        "supported_features": ["iopub_welcome"],
        "debugger": false,
    })
}
