//! Tables of CSV files. `open` inspects the files and builds a `table`, `sample` infers the column
//! types from some rows, and `types` stores them; `scan` passes rows to DataFusion in `pieces`,
//! `quotes` finds out which split points of files are inside quotes, `speculate` guesses that none
//! is, and `parse` converts blocks to batches.

pub(in crate::frame) mod names;
pub(in crate::frame) mod open;
pub(in crate::frame) mod options;
pub(in crate::frame) mod parse;
pub(in crate::frame) mod pieces;
pub(in crate::frame) mod quotes;
pub(in crate::frame) mod sample;
pub(in crate::frame) mod scan;
pub(in crate::frame) mod speculate;
pub(in crate::frame) mod table;
pub(in crate::frame) mod types;
