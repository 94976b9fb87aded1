//! Comma-separated values: from bytes to columns. Nothing here knows of frames or queries.
//!
//! | file | what it is for |
//! |---|---|
//! | `scan` | where fields and rows end, many bytes at a time |
//! | `dialect` | the same byte by byte, for everything that a scan cannot tell |
//! | `block` | complete rows with the places of their fields |
//! | `read` | blocks of a file, or of a part of it |
//! | `quotes` | what is inside of quotes at any place of a file |
//! | `value` | text to numbers, dates and the like |
//! | `kind` | the types of columns, and how two of them become one |
//! | `column`, `texts` | fields to arrays |
//! | `print` | arrays to text |

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
