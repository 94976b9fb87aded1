//! `delayed`: any function as a lazy task. The typed part of a call unpacks the arguments and packs the result; the graph,
//! the scheduler and the picture see values without types.
//!
//! [`args`] says what can stand for an argument, `ops` what can be done with a delayed value.

pub mod args;
mod ops;

pub(crate) use ops::{held, keep};

use crate::error::Result;
use crate::graph::picture::Picture;
use crate::graph::size::{Size, size_typed};
use crate::graph::value::short_type;
use crate::graph::{Graph, Key, Layer, Name, Point, Value, Work};
use crate::opaque::Opaque;
use crate::sched;
use crate::show::{self, Bundle, Show};
use args::{Inputs, IntoArgs, Look, TaskFn, Unpack};
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

/// Makes a function lazy: calling the result adds a task to a graph, and nothing runs until `compute`.
///
/// The task is named after the function; a closure's task is named `closure`, see [`DelayedFn::name`].
///
/// ```
/// use rask::prelude::*;
/// fn double(x: u64) -> u64 { 2 * x }
/// fn total(parts: Vec<u64>) -> u64 { parts.iter().sum() }
/// let parts: Vec<_> = (0..10).map(|i| delayed(double).call((i,))).collect();
/// let sum = delayed(total).call((parts,));
/// assert_eq!(sum.compute()?, 90);
/// # Ok::<(), rask::Error>(())
/// ```
pub fn delayed<F>(function: F) -> DelayedFn<F> {
    DelayedFn { function: Arc::new(function), name: named_after(std::any::type_name::<F>()), retries: 0, pure: false }
}

/// A lazy function, made by [`delayed`].
#[derive(Clone)]
pub struct DelayedFn<F> {
    function: Arc<F>,
    name: Name,
    retries: u32,
    pure: bool,
}

impl<F> DelayedFn<F> {
    /// Names the tasks.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        self.name = Name::new(name);
        self
    }

    /// Runs a task that panics again, up to `times` more, before its error counts.
    ///
    /// ```
    /// use rask::prelude::*;
    /// use std::sync::atomic::{AtomicU32, Ordering};
    /// static TRIES: AtomicU32 = AtomicU32::new(0);
    /// let flaky = || { assert!(TRIES.fetch_add(1, Ordering::SeqCst) == 2, "not yet"); 7 };
    /// assert_eq!(delayed(flaky).retries(2).call(()).compute()?, 7);
    /// # Ok::<(), rask::Error>(())
    /// ```
    #[must_use]
    pub fn retries(mut self, times: u32) -> Self {
        self.retries = times;
        self
    }

    /// Promises that equal arguments give equal results: equal calls are then one task with one key.
    ///
    /// Arguments are compared where they are delayed values, or their types are numbers, text, or lists or pairs of those; a
    /// call with others, and every call of a closure that captures something, stays a task of its own.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let slow = delayed(|x: u64| x * x).pure(true);
    /// let sum = delayed(|a: u64, b: u64| a + b).call((slow.call((3,)), slow.call((3,))));
    /// assert_eq!(format!("{sum:?}").split(", ").last(), Some("2 tasks)"));
    /// ```
    #[must_use]
    pub fn pure(mut self, pure: bool) -> Self {
        self.pure = pure;
        self
    }

    /// A lazy call. Each argument is a plain value, a [`Delayed`] value (by reference or not), or a `Vec`, an array, an
    /// `Option`, a pair or the values of a `HashMap` of those.
    ///
    /// An argument that the function takes by value is cloned from the value of its task where others read that too.
    #[must_use = "a lazy call does nothing until it is computed"]
    pub fn call<A, I>(&self, args: I) -> Delayed<F::Output>
    where
        A: Send + Sync + 'static,
        F: TaskFn<A>,
        I: IntoArgs<A>,
    {
        let mut inputs = Inputs::new();
        let args = args.into_args(&mut inputs);
        let token = if self.pure && size_of::<F>() == 0 { args::token(&args) } else { None };
        let key = key(self.name, token, std::any::TypeId::of::<F>(), &inputs);
        let call = Call { function: self.function.clone(), args, retries: self.retries, of: PhantomData };
        from_layer(layer(key, inputs, Box::new(call)))
    }
}

impl<F> fmt::Debug for DelayedFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "delayed({})", self.name.text())
    }
}

/// A function and its arguments.
struct Call<F, A, P> {
    function: Arc<F>,
    args: P,
    retries: u32,
    of: PhantomData<fn(A)>,
}

impl<F, A, P> Work for Call<F, A, P>
where
    A: 'static,
    F: TaskFn<A>,
    P: Unpack<A> + Look + Send + Sync,
{
    fn run(&self, _: u32, values: Vec<Value>) -> Result<Value> {
        Ok(args::with_values(values, &mut |values| Arc::new(self.function.apply(self.args.unpack(values)))))
    }

    fn literals(&self) -> Vec<String> {
        args::literals(&self.args)
    }

    fn size(&self, value: &Value) -> Size {
        // Only this work makes the value.
        size_typed(value.downcast_ref::<F::Output>().expect("a task's value has the task's type"))
    }

    fn retries(&self) -> u32 {
        self.retries
    }
}

#[inline(never)]
fn key(name: Name, token: Option<u64>, function: std::any::TypeId, inputs: &Inputs) -> Key {
    use std::hash::BuildHasher;
    let Some(token) = token else { return Key::new(name) };
    let read: Vec<_> = inputs.points().iter().map(|p| (p.layer.key, p.index)).collect();
    Key::pure(name, foldhash::quality::FixedState::default().hash_one((function, token, read)))
}

#[inline(never)]
fn layer(key: Key, inputs: Inputs, work: Box<dyn Work>) -> Opaque {
    Opaque::of(Layer::boxed(key, 1, inputs.take(), work))
}

/// A delayed value of the layer's first task, whose work makes a `T`.
pub(crate) fn from_layer<T>(layer: Opaque) -> Delayed<T> {
    Delayed { layer, index: 0, of: PhantomData }
}

/// The handle of a task; here, so that no cell compiles how a layer is dropped.
#[inline(never)]
fn handle(point: Point) -> (Opaque, u32) {
    (Opaque::of(point.layer), point.index)
}

/// `ctx::shapes::area<f64>` is `area`, and a closure `closure`.
#[inline(never)]
pub(crate) fn named_after(type_name: &str) -> Name {
    if type_name.ends_with("{{closure}}") {
        return Name::new("closure");
    }
    let path = type_name.split('<').next().unwrap_or(type_name);
    Name::new(&short_type(path))
}

/// A value that will be computed by a task, and by the tasks that it needs.
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
    /// The task, for this crate.
    pub(crate) fn point(&self) -> Point {
        point(&self.layer, self.index)
    }

    /// The value of a task whose work makes a `T`.
    pub(crate) fn of_point(point: Point) -> Self {
        let (layer, index) = handle(point);
        Self { layer, index, of: PhantomData }
    }

    /// The graph of tasks as a picture: functions round, data boxed. Runs nothing.
    pub fn visualize(&self) -> Picture {
        picture_of(self.point())
    }

    /// Name of the task in all computations of this process.
    #[must_use]
    pub fn key(&self) -> String {
        key_of(self.point())
    }

    fn lazy_text(&self) -> String {
        lazy_text(self.point(), std::any::type_name::<T>())
    }
}

impl<T: Clone + Send + Sync + 'static> Delayed<T> {
    /// Computes the value, every task that it needs once, in parallel.
    ///
    /// # Errors
    /// [`TaskPanicked`](crate::ErrorKind::TaskPanicked) with the task's name, input and text where a function panics;
    /// [`ResultTooLarge`](crate::ErrorKind::ResultTooLarge) where the value does not fit below the limit of memory.
    pub fn compute(&self) -> Result<T> {
        match compute(self.point()) {
            Ok(value) => Ok(Arc::unwrap_or_clone(typed(value))),
            Err(e) => Err(e),
        }
    }
}

// A handle of `T` is only made for a task whose work makes a `T`.
#[inline(never)]
fn other_type() -> ! {
    unreachable!("a task's value has the task's type")
}

/// A value that is known to be a `T`.
pub(crate) fn typed<T: Send + Sync + 'static>(value: Value) -> Arc<T> {
    // Not `expect`: every cell would have the compiler look for the error's `Debug` form, among the types of all crates.
    value.downcast().unwrap_or_else(|_| other_type())
}

/// The value, if nothing else holds it.
#[inline(never)]
pub(crate) fn sole(value: &mut Value) -> Option<&mut (dyn std::any::Any + Send + Sync)> {
    Arc::get_mut(value)
}

/// Moves a `T` out of its value, or clones it where something else holds the value too.
// Not by the `Arc<T>`, whose code would be compiled again in every cell, for every type.
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

/// A value that is known to be a `T`, by reference.
pub(crate) fn typed_ref<T: Send + Sync + 'static>(value: &Value) -> &T {
    match value.downcast_ref() {
        Some(value) => value,
        None => other_type(),
    }
}

/// Calls `f` with each value; here, so that no cell compiles how a list of values is taken apart.
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

#[cfg(test)]
mod tests;
