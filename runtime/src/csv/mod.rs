//! CSV: parsing bytes to columns and printing columns. Independent of frames and queries.
//!
//! | file | what it is for |
//! |---|---|
//! | `scan` | finds the ends of fields and rows, many bytes at a time |
//! | `dialect` | the same byte by byte, for dialects and text that a scan cannot handle |
//! | `block` | complete rows with the offsets of their fields |
//! | `read` | reads the blocks of a file, or of a part of it |
//! | `quotes` | whether an offset of a file is inside of quotes |
//! | `value` | parses numbers, dates, timestamps and booleans |
//! | `kind` | the types of columns, and their common types |
//! | `column`, `texts` | convert fields to arrays |
//! | `print` | writes arrays as CSV |

pub(crate) mod block;
pub(crate) mod column;
#[cfg(test)]
mod compared_tests;
pub(crate) mod dialect;
pub(crate) mod kind;
pub(crate) mod print;
pub(crate) mod quotes;
pub(crate) mod read;
pub(crate) mod scan;
#[cfg(test)]
mod tests;
pub(crate) mod texts;
pub(crate) mod value;
