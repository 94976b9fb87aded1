//! The user's interrupt: set by the host, checked by everything that runs.

use rask_wire::helpers::Whole;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex};

static CANCELLED: AtomicBool = AtomicBool::new(false);
static CANCEL: LazyLock<tokio::sync::Notify> = LazyLock::new(tokio::sync::Notify::new);

/// Requests whatever is running to stop at its next safe point.
pub(crate) fn cancel() {
    CANCELLED.store(true, Ordering::SeqCst);
    CANCEL.notify_waiters();
    let listeners: Vec<_> = LISTENERS.lock().whole().iter().map(|(_, f)| f.clone()).collect();
    listeners.iter().for_each(|f| f());
}

/// A callback for the user's interrupt.
type Listener = Arc<dyn Fn() + Send + Sync>;

static LISTENERS: Mutex<Vec<(u64, Listener)>> = Mutex::new(Vec::new());

/// The registration of a listener, removed when dropped.
pub(crate) struct Listening(u64);

impl Drop for Listening {
    fn drop(&mut self) {
        LISTENERS.lock().whole().retain(|(n, _)| *n != self.0);
    }
}

/// Registers `listener` to be called when the user interrupts.
pub(crate) fn on_cancel(listener: Listener) -> Listening {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    LISTENERS.lock().whole().push((number, listener));
    Listening(number)
}

/// Resets an earlier interrupt; the host calls this before each cell.
pub(crate) fn reset_cancel() {
    CANCELLED.store(false, Ordering::SeqCst);
}

/// Returns whether the user has interrupted.
#[inline]
pub(crate) fn cancelled() -> bool {
    CANCELLED.load(Ordering::Relaxed)
}

/// Completes when the user interrupts.
pub(crate) async fn until_cancelled() {
    let notified = CANCEL.notified();
    // An interrupt from before this call counts too.
    if !cancelled() {
        notified.await;
    }
}

/// The panic payload of a cell that the user interrupted.
pub(crate) struct Stopped;
