//! Lazy functions: `delayed`, its options and calls.

use super::args::{self, Inputs, IntoArgs, Look, TaskFn, Unpack};
use super::value::{Delayed, from_layer};
use crate::error::Result;
use crate::graph::size::{Size, size_typed};
use crate::graph::value::short_type;
use crate::graph::{Key, Layer, Name, Value, Work};
use crate::handle::Opaque;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

/// Makes a function lazy: a call of the result adds a task to a graph, and nothing runs until
/// `compute`.
///
/// The task is named after the function; a closure's task is named `closure`, see
/// [`DelayedFn::name`].
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
    DelayedFn {
        function: Arc::new(function),
        name: named_after(std::any::type_name::<F>()),
        retries: 0,
        pure: false,
    }
}

/// A lazy function, created by [`delayed`].
#[derive(Clone)]
pub struct DelayedFn<F> {
    function: Arc<F>,
    name: Name,
    retries: u32,
    pure: bool,
}

impl<F> DelayedFn<F> {
    /// Sets the name of the tasks.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        self.name = Name::new(name);
        self
    }

    /// Retries a task that panics up to `times` times before it fails.
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

    /// Declares that equal arguments give equal results: equal calls then become one task with one
    /// key.
    ///
    /// Arguments are compared if they are delayed values, numbers, strings, or lists or pairs of
    /// those; a call with other arguments, and every call of a closure that captures variables,
    /// remains a separate task.
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

    /// Calls the function lazily. Each argument is a plain value, a [`Delayed`] value (by reference
    /// or not), or a `Vec`, an array, an `Option`, a tuple of two or three, or a `HashMap` of
    /// [`Delayed`] values.
    ///
    /// An argument is moved out of the value of its task, or cloned if other tasks read that value
    /// too.
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
        let call =
            Call { function: self.function.clone(), args, retries: self.retries, of: PhantomData };
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
        Ok(args::with_values(values, &mut |values| {
            Arc::new(self.function.apply(self.args.unpack(values)))
        }))
    }

    fn literals(&self) -> Vec<String> {
        args::literals(&self.args)
    }

    fn size(&self, value: &Value) -> Size {
        // Only this task computes the value.
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

/// Returns the task name of a function: `ctx::shapes::area<f64>` becomes `area`, and a closure
/// `closure`.
#[inline(never)]
pub(crate) fn named_after(type_name: &str) -> Name {
    if type_name.ends_with("{{closure}}") {
        return Name::new("closure");
    }
    let path = type_name.split('<').next().unwrap_or(type_name);
    Name::new(&short_type(path))
}
