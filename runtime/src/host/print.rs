//! `print!` and its kin as cells see them. They keep the two streams in the order in which they were written to, though each
//! is a pipe of its own, and send what a thread prints after its cell has ended to that cell.

use super::cell::CELL;
use crate::wire;
use rask_wire::{Stream, ToKernel};
use std::fmt::Arguments;
use std::io::Write;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

#[doc(hidden)]
pub use crate::{__eprint as eprint, __eprintln as eprintln, __print as print, __println as println};

/// Prints to standard output; in every cell in the place of `std::print`.
#[doc(hidden)]
#[macro_export]
// It is the crate of the cell whose number is wanted.
#[allow(clippy::crate_in_macro_def)]
macro_rules! __print {
    ($($x:tt)*) => { $crate::host::print::out(crate::RASK_CELL, ::core::format_args!($($x)*)) };
}

/// As `__print`, with a line's end.
#[doc(hidden)]
#[macro_export]
// It is the crate of the cell whose number is wanted.
#[allow(clippy::crate_in_macro_def)]
macro_rules! __println {
    () => { $crate::host::print::out(crate::RASK_CELL, ::core::format_args!("\n")) };
    ($($x:tt)*) => { $crate::host::print::out(crate::RASK_CELL, ::core::format_args!("{}\n", ::core::format_args!($($x)*))) };
}

/// Prints to standard error; in every cell in the place of `std::eprint`.
#[doc(hidden)]
#[macro_export]
// It is the crate of the cell whose number is wanted.
#[allow(clippy::crate_in_macro_def)]
macro_rules! __eprint {
    ($($x:tt)*) => { $crate::host::print::err(crate::RASK_CELL, ::core::format_args!($($x)*)) };
}

/// As `__eprint`, with a line's end.
#[doc(hidden)]
#[macro_export]
// It is the crate of the cell whose number is wanted.
#[allow(clippy::crate_in_macro_def)]
macro_rules! __eprintln {
    () => { $crate::host::print::err(crate::RASK_CELL, ::core::format_args!("\n")) };
    ($($x:tt)*) => { $crate::host::print::err(crate::RASK_CELL, ::core::format_args!("{}\n", ::core::format_args!($($x)*))) };
}

/// The stream that was written to last.
static LAST: Mutex<Option<Stream>> = Mutex::new(None);

/// What was printed is on its way in order, so that either stream can follow.
pub(super) fn begin() {
    *LAST.lock().unwrap_or_else(PoisonError::into_inner) = None;
}

/// Prints to standard output for the code of a cell.
///
/// # Panics
/// Where nobody reads the stream any more, as `std::print` does.
#[inline(never)]
pub fn out(cell: u32, text: Arguments<'_>) {
    write(cell, Stream::Stdout, text);
}

/// Prints to standard error for the code of a cell.
///
/// # Panics
/// As [`out`].
#[inline(never)]
pub fn err(cell: u32, text: Arguments<'_>) {
    write(cell, Stream::Stderr, text);
}

fn write(cell: u32, stream: Stream, text: Arguments<'_>) {
    // What belongs to another cell than the one that runs goes to that.
    if wire::connected() && cell != CELL.load(Ordering::Relaxed) {
        wire::send(&ToKernel::Output { cell, stream, text: text.to_string() });
        return;
    }
    let before = LAST.lock().unwrap_or_else(PoisonError::into_inner).replace(stream);
    if before.is_some_and(|b| b != stream) && wire::connected() {
        // What was written to the other stream comes before.
        wire::send_in_order(&ToKernel::Sync);
    }
    let written = match stream {
        Stream::Stdout => std::io::stdout().write_fmt(text),
        Stream::Stderr => std::io::stderr().write_fmt(text),
    };
    if let Err(e) = written {
        panic!("failed printing to {}: {e}", stream.name());
    }
}
