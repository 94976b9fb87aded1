//! Panics of tasks.

/// The panic of a task.
pub(super) struct Panic {
    /// Whether the task was left because the user interrupted it.
    pub(super) stopped: bool,
    pub(super) message: String,
    pub(super) place: Option<String>,
}

/// Returns the text of a panic's payload.
pub(crate) fn panic_text(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<&'static str>().map(|s| (*s).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "panic with a payload that is not a string".to_owned())
}
