//! The table of requests: every message that a front end may send, the name of its reply, and
//! whether it waits for the cells before it. A test compares the table with the handlers.

/// How a request is scheduled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Answered at once, even while a cell runs.
    AtOnce,
    /// Handled at once; it is not a request, so it has neither a reply nor a status.
    Noted,
    /// Answered concurrently, as it may take a moment.
    Aside,
    /// Queued behind the cells.
    Queued,
}

/// A type of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) name: &'static str,
    /// Empty if it has no reply.
    pub(crate) reply: &'static str,
    pub(crate) lane: Lane,
}

const fn at_once(name: &'static str, reply: &'static str) -> Request {
    Request { name, reply, lane: Lane::AtOnce }
}

/// The table.
pub(crate) const REQUESTS: &[Request] = &[
    Request { name: "execute_request", reply: "execute_reply", lane: Lane::Queued },
    at_once("comm_info_request", "comm_info_reply"),
    at_once("comm_open", ""),
    at_once("comm_msg", ""),
    at_once("comm_close", ""),
    Request { name: "complete_request", reply: "complete_reply", lane: Lane::Aside },
    Request { name: "inspect_request", reply: "inspect_reply", lane: Lane::Aside },
    at_once("connect_request", "connect_reply"),
    at_once("create_subshell_request", "create_subshell_reply"),
    at_once("debug_request", "debug_reply"),
    at_once("delete_subshell_request", "delete_subshell_reply"),
    at_once("history_request", "history_reply"),
    Request { name: "input_reply", reply: "", lane: Lane::Noted },
    at_once("interrupt_request", "interrupt_reply"),
    at_once("is_complete_request", "is_complete_reply"),
    at_once("kernel_info_request", "kernel_info_reply"),
    at_once("list_subshell_request", "list_subshell_reply"),
    at_once("shutdown_request", "shutdown_reply"),
    at_once("usage_request", "usage_reply"),
];

/// Returns the request with that name.
pub(crate) fn request(name: &str) -> Option<&'static Request> {
    REQUESTS.iter().find(|r| r.name == name)
}
