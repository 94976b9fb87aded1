//! Errors of lazy steps. A builder method cannot fail with `?` in the middle of a chain: it returns
//! a handle that holds the error, and records it here. The host reports the remaining errors at the
//! end of the cell; those that `compute` has returned are not reported twice.

use crate::error::Error;
use rask_wire::helpers::Whole;
use std::panic::Location;
use std::sync::Mutex;

static NOTED: Mutex<Vec<(Error, &'static Location<'static>)>> = Mutex::new(Vec::new());

/// Records an error and the location of the step that caused it.
pub(crate) fn note(error: &Error, place: &'static Location<'static>) {
    NOTED.lock().whole().push((error.clone(), place));
}

/// Removes an error that has been reported to the user.
pub(crate) fn told(error: &Error) {
    NOTED.lock().whole().retain(|(e, _)| !e.same(error));
}

/// Takes the unreported errors, in order.
pub(crate) fn take() -> Vec<(Error, &'static Location<'static>)> {
    std::mem::take(&mut *NOTED.lock().whole())
}
