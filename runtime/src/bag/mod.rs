//! Bags: lists in partitions, of anything. Methods are lazy; a chain of them runs as one task per partition, in which
//! each element goes through every step before the next one is taken (see `graph/stream.rs`).
//!
//! | file | what it is for |
//! |---|---|
//! | `layers` | the layers of the graph, without types |
//! | `handle` | the handle, and how steps are put upon each other |
//! | `sources` | bags of what is in memory |
//! | `elements` | what is done with each element |
//! | `partitions` | what is done with whole partitions: zip, join, product, samples, repartition |
//! | `reduce`, `numbers` | one value of all elements |
//! | `group`, `ordered` | values by key; maps in the order in which keys came |
//! | `text`, `blocks`, `line` | texts as lines |
//! | `strings` | the `.str()` methods |
//! | `write` | text files |

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
