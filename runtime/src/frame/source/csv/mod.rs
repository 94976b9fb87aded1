//! Tables of CSV files. `open` looks at the files and makes a `table` of them, `sample` finds the columns' types from some rows,
//! and `types` keeps what is known of them; `scan` gives rows to the engine in `pieces`, `quotes` finds what is inside of quotes
//! where files are cut, `speculate` guesses that nothing is, and `parse` makes batches of blocks.

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
