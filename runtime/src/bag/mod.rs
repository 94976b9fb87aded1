//! Bags: partitioned lists of any elements. Methods are lazy; a chain of them runs as one task per
//! partition, in which each element passes all steps before the next one is read (see
//! `graph/stream.rs`).
//!
//! | file | what it is for |
//! |---|---|
//! | `layers` | the type-erased layers of the graph |
//! | `handle` | the handle, and the composition of steps |
//! | `sources` | bags of values in memory, or in other bags |
//! | `elements` | methods on each element |
//! | `partitions` | methods on whole partitions: zip, product, accumulate, samples, repartition |
//! | `reduce`, `numbers` | reductions of all elements to one value |
//! | `group`, `ordered` | methods by key: counts, folds, groups, joins; maps in insertion order |
//! | `text`, `blocks`, `line` | reading text files as lines |
//! | `strings` | the `.str()` methods |
//! | `write` | writing text files |

mod blocks;
mod elements;
mod group;
mod handle;
mod layers;
mod line;
mod numbers;
mod ordered;
mod partitions;
mod reduce;
mod sources;
mod strings;
#[cfg(test)]
mod tests;
mod text;
mod write;

pub use elements::Pluck;
pub use handle::{Bag, Element};
pub use line::{Line, Words};
pub use numbers::Number;
pub use sources::{concat, from_delayed, from_iter, from_sequence, range, zip};
pub use strings::Strings;
pub use text::{Text, read_text};
