//! Delayed values, and the conversion of type-erased values to typed ones.

use crate::error::Result;
use crate::graph::picture::Picture;
use crate::graph::value::short_type;
use crate::graph::{Graph, Point, Value};
use crate::handle::Opaque;
use crate::sched;
use crate::show::{self, Bundle, Show};
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

/// Returns the delayed value of the layer's first task, whose work returns a `T`.
pub(crate) fn from_layer<T>(layer: Opaque) -> Delayed<T> {
    Delayed { layer, index: 0, of: PhantomData }
}

/// Returns the handle of a task; a separate function, so that no cell compiles the drop code of a
/// layer.
#[inline(never)]
fn handle(point: Point) -> (Opaque, u32) {
    (Opaque::of(point.layer), point.index)
}

/// A lazy value: the result of a task and of the tasks that it depends on.
pub struct Delayed<T> {
    layer: Opaque,
    index: u32,
    of: PhantomData<fn() -> T>,
}

impl<T> Clone for Delayed<T> {
    fn clone(&self) -> Self {
        Self { layer: self.layer.clone(), index: self.index, of: PhantomData }
    }
}

impl<T> Delayed<T> {
    /// Returns the task of the value.
    pub(crate) fn point(&self) -> Point {
        point(&self.layer, self.index)
    }

    /// Returns the delayed value of a task whose work returns a `T`.
    pub(crate) fn of_point(point: Point) -> Self {
        let (layer, index) = handle(point);
        Self { layer, index, of: PhantomData }
    }

    /// Draws the task graph: functions as circles, data as boxes. Runs nothing.
    pub fn visualize(&self) -> Picture {
        picture_of(self.point())
    }

    /// Returns the key of the task, its name in all computations of this process.
    #[must_use]
    pub fn key(&self) -> String {
        key_of(self.point())
    }

    fn lazy_text(&self) -> String {
        lazy_text(self.point(), std::any::type_name::<T>())
    }
}

impl<T: Clone + Send + Sync + 'static> Delayed<T> {
    /// Computes the value. Every task that it depends on runs once, in parallel where possible.
    ///
    /// # Errors
    /// [`TaskPanicked`](crate::ErrorKind::TaskPanicked) with the task's name, input and message if
    /// a function panics; [`ResultTooLarge`](crate::ErrorKind::ResultTooLarge) if the value exceeds
    /// the memory limit.
    pub fn compute(&self) -> Result<T> {
        match compute(self.point()) {
            Ok(value) => Ok(Arc::unwrap_or_clone(typed(value))),
            Err(e) => Err(e),
        }
    }
}

// A handle of `T` is only created for a task whose work returns a `T`.
#[inline(never)]
fn other_type() -> ! {
    unreachable!("a task's value has the task's type")
}

/// Downcasts a value that is known to be a `T`.
pub(crate) fn typed<T: Send + Sync + 'static>(value: Value) -> Arc<T> {
    // Not `expect`: in every cell the compiler would search the types of all crates for the error's
    // `Debug`.
    value.downcast().unwrap_or_else(|_| other_type())
}

/// Returns the value mutably, if nothing else holds it.
#[inline(never)]
pub(crate) fn sole(value: &mut Value) -> Option<&mut (dyn std::any::Any + Send + Sync)> {
    Arc::get_mut(value)
}

/// Moves a `T` out of its value, or clones it if something else holds the value too.
// Not through `Arc<T>`, whose code would be compiled in every cell, for every type.
pub(crate) fn take_or_clone<T: Clone + Default + Send + Sync + 'static>(mut value: Value) -> T {
    if let Some(own) = sole(&mut value) {
        match own.downcast_mut() {
            Some(own) => std::mem::take(own),
            None => other_type(),
        }
    } else {
        typed_ref::<T>(&value).clone()
    }
}

/// Downcasts a value that is known to be a `T`, by reference.
pub(crate) fn typed_ref<T: Send + Sync + 'static>(value: &Value) -> &T {
    match value.downcast_ref() {
        Some(value) => value,
        None => other_type(),
    }
}

/// Calls `f` with each value; a separate function, so that no cell compiles the iteration over
/// values.
#[inline(never)]
pub(crate) fn each(values: Vec<Value>, f: &mut dyn FnMut(Value)) {
    values.into_iter().for_each(f);
}

#[inline(never)]
fn point(layer: &Opaque, index: u32) -> Point {
    Point { layer: layer.arc(), index }
}

#[inline(never)]
fn compute(point: Point) -> Result<Value> {
    Ok(sched::compute(&[point])?.remove(0))
}

#[inline(never)]
fn picture_of(point: Point) -> Picture {
    sched::picture(&[point])
}

#[inline(never)]
fn key_of(point: Point) -> String {
    point.layer.task_key(point.index)
}

#[inline(never)]
fn lazy_text(point: Point, of: &str) -> String {
    let tasks = Graph::new(std::slice::from_ref(&point)).len();
    format!("Delayed<{}>({}, {})", short_type(of), key_of(point), show::html::count(tasks, "task"))
}

#[inline(never)]
fn bundle(point: Point, of: &str) -> Bundle {
    Bundle::text(lazy_text(point, of))
}

impl<T> Show for Delayed<T> {
    fn show(&self) -> Bundle {
        bundle(self.point(), std::any::type_name::<T>())
    }
}

impl<T> fmt::Debug for Delayed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lazy_text())
    }
}
