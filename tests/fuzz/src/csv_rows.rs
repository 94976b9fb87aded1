//! The rows of any text are those that the `csv` crate finds, whatever the chunks in which it is
//! read.
#![no_main]
#![allow(dead_code)]

/// The files of the reader only: the crate around them is large and not needed.
#[path = "../../../runtime/src/csv"]
mod csv_reader {
    pub(crate) mod block;
    pub(crate) mod compared_tests;
    pub(crate) mod dialect;
    pub(crate) mod read;
    pub(crate) mod scan;
}

use csv_reader::compared_tests::{expected, found};
use csv_reader::dialect::Dialect;
use csv_reader::read::Blocks;

libfuzzer_sys::fuzz_target!(|input: (u8, &[u8])| {
    let (step, text) = input;
    // Everything before the text is removed before blocks are formed.
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let Some(rows) = found(Blocks::new(text, Dialect::default(), 1 + usize::from(step), 0, None)) else { return };
    assert_eq!(rows, expected(text), "steps of {}: {:?}", 1 + usize::from(step), String::from_utf8_lossy(text));
});
