//! Streaming: layers that produce lists pass on their elements one by one. A chain of such layers
//! runs as one task per partition, in which each element goes through all steps before the next one
//! is taken, without intermediate lists.
//!
//! A stream is a function that pushes elements into a sink. Its type is known to the fused steps,
//! which create it; here it is a value without a type. [`super::chains`] decides which layers are
//! fused.

use super::value::Value;
use crate::error::Result;
use std::any::Any;
use std::sync::Arc;

/// A partition that is being computed: its number and the values that its first layer reads, each
/// of which is taken once.
pub(crate) struct Part {
    pub(crate) index: u32,
    pub(crate) values: Vec<Option<Value>>,
}

impl Part {
    pub(crate) fn new(index: u32, values: Vec<Value>) -> Self {
        Self { index, values: values.into_iter().map(Some).collect() }
    }

    /// Takes a value that the task reads.
    pub(crate) fn take(&mut self, i: usize) -> Value {
        // Every stream takes each value that its work reads once.
        self.values[i].take().expect("a value is taken once")
    }
}

/// A function that takes an element and returns whether more are wanted.
pub(crate) type Sink<'a, T> = dyn FnMut(T) -> bool + 'a;
/// A function that pushes the elements of a partition into a sink, until it wants no more.
pub(crate) type Make<T> = dyn Fn(&mut Part, &mut Sink<'_, T>) -> Result<()> + Send + Sync;
/// A stream whose type only its creators know: an `Arc<Make<T>>`.
pub(crate) type Stream = Arc<dyn Any + Send + Sync>;

/// The work of a layer that can be part of a chain.
pub(crate) trait Streaming {
    /// Returns its elements, computed from those of the layer before it, or from what its work
    /// reads if there is none. `None` if it produces one value instead of elements, so that a chain
    /// ends with it.
    fn open(&self, before: Option<Stream>) -> Option<Stream>;

    /// Computes the value of a partition.
    fn finish(&self, part: &mut Part, before: Option<Stream>) -> Result<Value>;

    /// Returns whether task `i` reads task `i` of the single layer before it, and nothing else.
    fn follows(&self) -> bool;

    /// Returns whether it produces elements.
    fn gives(&self) -> bool;
}
