//! `print!`, `println!`, `eprint!` and `eprintln!` as cells see them. They preserve the order of
//! the two streams, though each has a pipe of its own, and output that a thread prints after its
//! cell has finished goes to that cell.

use super::cell::CELL;
use crate::wire;
use rask_wire::helpers::Whole;
use rask_wire::{Stream, ToKernel};
use std::fmt::Arguments;
use std::io::Write;
use std::sync::Mutex;
use std::sync::atomic::Ordering;

#[doc(hidden)]
pub use crate::{
    __eprint as eprint, __eprintln as eprintln, __print as print, __println as println,
};

/// Prints to standard output; replaces `std::print` in every cell.
#[doc(hidden)]
#[macro_export]
// `crate` is the cell's crate, whose number is needed.
#[allow(clippy::crate_in_macro_def)]
macro_rules! __print {
    ($($x:tt)*) => { $crate::host::print::out(crate::RASK_CELL, ::core::format_args!($($x)*)) };
}

/// Like `__print`, with a newline.
#[doc(hidden)]
#[macro_export]
// `crate` is the cell's crate, whose number is needed.
#[allow(clippy::crate_in_macro_def)]
macro_rules! __println {
    () => { $crate::host::print::out(crate::RASK_CELL, ::core::format_args!("\n")) };
    ($($x:tt)*) => { $crate::host::print::out(crate::RASK_CELL, ::core::format_args!("{}\n", ::core::format_args!($($x)*))) };
}

/// Prints to standard error; replaces `std::eprint` in every cell.
#[doc(hidden)]
#[macro_export]
// `crate` is the cell's crate, whose number is needed.
#[allow(clippy::crate_in_macro_def)]
macro_rules! __eprint {
    ($($x:tt)*) => { $crate::host::print::err(crate::RASK_CELL, ::core::format_args!($($x)*)) };
}

/// Like `__eprint`, with a newline.
#[doc(hidden)]
#[macro_export]
// `crate` is the cell's crate, whose number is needed.
#[allow(clippy::crate_in_macro_def)]
macro_rules! __eprintln {
    () => { $crate::host::print::err(crate::RASK_CELL, ::core::format_args!("\n")) };
    ($($x:tt)*) => { $crate::host::print::err(crate::RASK_CELL, ::core::format_args!("{}\n", ::core::format_args!($($x)*))) };
}

/// The stream that was written to last.
static LAST: Mutex<Option<Stream>> = Mutex::new(None);

/// Resets the order at the start of a cell: either stream may be written to first.
pub(super) fn begin() {
    *LAST.lock().whole() = None;
}

/// Prints to standard output on behalf of a cell.
///
/// # Panics
/// If the stream is closed, as `std::print` does.
#[inline(never)]
pub fn out(cell: u32, text: Arguments<'_>) {
    write(cell, Stream::Stdout, text);
}

/// Prints to standard error on behalf of a cell.
///
/// # Panics
/// If the stream is closed, as [`out`] does.
#[inline(never)]
pub fn err(cell: u32, text: Arguments<'_>) {
    write(cell, Stream::Stderr, text);
}

fn write(cell: u32, stream: Stream, text: Arguments<'_>) {
    // The output of another cell than the running one is sent to that cell.
    if wire::connected() && cell != CELL.load(Ordering::Relaxed) {
        wire::send(&ToKernel::Output { cell, stream, text: text.to_string() });
        return;
    }
    let before = LAST.lock().whole().replace(stream);
    if before.is_some_and(|b| b != stream) && wire::connected() {
        // The output to the other stream comes first.
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
