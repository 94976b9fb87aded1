//! Errors of lazy steps. A builder method cannot fail with `?` in the middle of a chain: it gives a handle that holds the
//! error, and notes it here. The host reports what is left at the end of the cell; what `compute` returned is not said twice.

use crate::error::Error;
use std::panic::Location;
use std::sync::{Mutex, PoisonError};

static NOTED: Mutex<Vec<(Error, &'static Location<'static>)>> = Mutex::new(Vec::new());

/// Notes an error and where the step was called.
pub(crate) fn note(error: &Error, place: &'static Location<'static>) {
    NOTED.lock().unwrap_or_else(PoisonError::into_inner).push((error.clone(), place));
}

/// Takes an error back, as its user has been told.
pub(crate) fn told(error: &Error) {
    NOTED.lock().unwrap_or_else(PoisonError::into_inner).retain(|(e, _)| !e.same(error));
}

/// The errors nobody has been told of, in order; afterwards there are none.
pub(crate) fn take() -> Vec<(Error, &'static Location<'static>)> {
    std::mem::take(&mut *NOTED.lock().unwrap_or_else(PoisonError::into_inner))
}
