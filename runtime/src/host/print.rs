//! `print!` and its kin as cells see them. They keep the two streams in the order in which they were written to, though each
//! is a pipe of its own, and send what a thread prints after its cell has ended to that cell.

use super::CELL;
use crate::wire;
use rask_wire::{Stream, ToKernel};
use std::fmt::Arguments;
use std::io::Write;
use std::sync::atomic::{AtomicU8, Ordering};

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

/// The stream that was written to last: 0 for none, 1 for output, 2 for errors.
static LAST: AtomicU8 = AtomicU8::new(0);

/// What was printed is on its way in order, so that either stream can follow.
pub(super) fn begin() {
    LAST.store(0, Ordering::Relaxed);
}

/// Prints to standard output for the code of a cell.
///
/// # Panics
/// Where nobody reads the stream any more, as `std::print` does.
#[inline(never)]
pub fn out(cell: u32, text: Arguments<'_>) {
    if !elsewhere(cell, Stream::Stdout, text) {
        turn(1);
        if let Err(e) = std::io::stdout().write_fmt(text) {
            panic!("failed printing to stdout: {e}");
        }
    }
}

/// Prints to standard error for the code of a cell.
///
/// # Panics
/// As [`out`].
#[inline(never)]
pub fn err(cell: u32, text: Arguments<'_>) {
    if !elsewhere(cell, Stream::Stderr, text) {
        turn(2);
        if let Err(e) = std::io::stderr().write_fmt(text) {
            panic!("failed printing to stderr: {e}");
        }
    }
}

/// Sends what belongs to another cell than the one that runs, or ran last, to that; false where it does not.
fn elsewhere(cell: u32, stream: Stream, text: Arguments<'_>) -> bool {
    let other = wire::connected() && cell != CELL.load(Ordering::Relaxed);
    if other {
        wire::send(&ToKernel::Output { cell, stream, text: text.to_string() });
    }
    other
}

/// Sees to it that what was written to the other stream before comes before.
fn turn(stream: u8) {
    let before = LAST.swap(stream, Ordering::Relaxed);
    if before != 0 && before != stream && wire::connected() {
        wire::send_in_order(&ToKernel::Sync);
    }
}
