//! `delayed`: functions as lazy tasks. The typed part of a call unpacks the arguments and packs the
//! result; the graph, the scheduler and the picture see type-erased values.
//!
//! [`args`] defines the possible arguments, `ops` the operations on delayed values.

pub mod args;
mod function;
mod ops;
mod value;

pub(crate) use function::named_after;
pub use function::{DelayedFn, delayed};
pub(crate) use ops::{held, keep};
pub use value::Delayed;
pub(crate) use value::{each, from_layer, sole, take_or_clone, typed, typed_ref};

#[cfg(test)]
mod tests;
