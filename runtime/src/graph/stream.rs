//! Layers that make lists give their elements one by one: a chain of such layers runs as one task per partition, in which
//! each element goes through all the steps before the next one is taken, and no list is made between them.
//!
//! A stream is a function that pushes elements into a sink. Its type is known to the steps that are put together, which
//! make it; here it is a value without a type. [`super::chains`] decides which layers become one.

use super::value::Value;
use crate::error::Result;
use std::any::Any;
use std::sync::Arc;

/// A partition under way: its number, and the values that its first layer reads; each is taken once.
pub(crate) struct Part {
    pub(crate) index: u32,
    pub(crate) values: Vec<Option<Value>>,
}

impl Part {
    pub(crate) fn new(index: u32, values: Vec<Value>) -> Self {
        Self { index, values: values.into_iter().map(Some).collect() }
    }

    /// A value that the task reads.
    pub(crate) fn take(&mut self, i: usize) -> Value {
        // Every stream asks once for each value that its work said it reads.
        self.values[i].take().expect("a value is taken once")
    }
}

/// Takes an element, and tells whether more are wanted.
pub(crate) type Sink<'a, T> = dyn FnMut(T) -> bool + 'a;
/// Pushes the elements of a partition into a sink, until it wants no more.
pub(crate) type Make<T> = dyn Fn(&mut Part, &mut Sink<'_, T>) -> Result<()> + Send + Sync;
/// A stream whose type only its makers know: an `Arc<Make<T>>`.
pub(crate) type Stream = Arc<dyn Any + Send + Sync>;

/// The work of a layer that can be part of a chain.
pub(crate) trait Streaming {
    /// Its elements, made of those of the layer before it; without one it reads what its work reads. `None` where it makes
    /// one value and no elements, so that a chain ends with it.
    fn open(&self, before: Option<Stream>) -> Option<Stream>;

    /// The value of a partition.
    fn finish(&self, part: &mut Part, before: Option<Stream>) -> Result<Value>;

    /// Whether task `i` reads task `i` of the one layer before it, and nothing else.
    fn follows(&self) -> bool;

    /// Whether it makes elements.
    fn gives(&self) -> bool;
}
