//! Panics of tasks.

/// How a task panicked.
pub(super) struct Panic {
    /// It left because the user wants to stop.
    pub(super) stopped: bool,
    pub(super) message: String,
    pub(super) place: Option<String>,
}

/// The text of a panic's payload.
pub(crate) fn panic_text(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<&'static str>().map(|s| (*s).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic whose payload is not text".to_owned())
}
