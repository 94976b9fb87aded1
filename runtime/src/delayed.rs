//! `delayed`: any function as a lazy task. The typed part of a call is one boxed closure that unpacks the arguments and
//! packs the result; the graph, the scheduler and the picture see values without types.

use crate::error::Result;
use crate::graph::picture::{self, Picture};
use crate::graph::value::{describe, short_type};
use crate::graph::{Key, Node, Run, Value};
use crate::opaque::Opaque;
use crate::sched;
use crate::show::{self, Bundle, Show};
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
    DelayedFn { function: Arc::new(function), name: function_name(std::any::type_name::<F>()) }
}

/// A lazy function, made by [`delayed`].
#[derive(Clone)]
pub struct DelayedFn<F> {
    function: Arc<F>,
    name: String,
}

impl<F> DelayedFn<F> {
    /// Names the tasks.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// A lazy call. Each argument is a plain value, a [`Delayed`] value (by reference or not), or a `Vec` of those.
    ///
    /// An argument that the function takes by value is cloned from the value of its task, as others may read it too.
    #[must_use = "a lazy call does nothing until it is computed"]
    pub fn call<A, I>(&self, args: I) -> Delayed<F::Output>
    where
        A: 'static,
        F: TaskFn<A>,
        I: IntoArgs<A>,
    {
        let mut slots = Slots::default();
        let args = args.into_args(&mut slots);
        let function = self.function.clone();
        make(&self.name, slots, Box::new(move |values| Arc::new(function.apply(&args, &values))))
    }
}

impl<F> fmt::Debug for DelayedFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "delayed({})", self.name)
    }
}

fn make<T>(name: &str, slots: Slots, run: Run) -> Delayed<T> {
    let node = Arc::new(Node { key: Key::new(name), literals: slots.literals, deps: slots.deps, run });
    Delayed { node: Opaque::of(node), of: PhantomData }
}

fn function_name(type_name: &str) -> String {
    if type_name.ends_with("{{closure}}") {
        return "closure".to_owned();
    }
    // `ctx::shapes::area<f64>` is `area`.
    let path = type_name.split('<').next().unwrap_or(type_name);
    short_type(path)
}

/// A value that will be computed by a task, and by the tasks that it needs.
pub struct Delayed<T> {
    node: Opaque,
    of: PhantomData<fn() -> T>,
}

impl<T> Clone for Delayed<T> {
    fn clone(&self) -> Self {
        Self { node: self.node.clone(), of: PhantomData }
    }
}

impl<T: Clone + Send + Sync + 'static> Delayed<T> {
    /// Computes the value, every task that it needs once, in parallel.
    ///
    /// # Errors
    /// [`TaskPanicked`](crate::ErrorKind::TaskPanicked) with the task's name, input and text where a function panics.
    pub fn compute(&self) -> Result<T> {
        let value = compute(&self.node)?;
        // The node was made with a function that returns `T`.
        let value = value.downcast::<T>().expect("a task's value has the task's type");
        Ok(Arc::unwrap_or_clone(value))
    }
}

#[inline(never)]
fn compute(node: &Opaque) -> Result<Value> {
    Ok(sched::compute(&[node.arc()])?.remove(0))
}

impl<T> Delayed<T> {
    /// The graph of tasks as a picture: functions round, data boxed. Runs nothing.
    pub fn visualize(&self) -> Picture {
        picture_of(&self.node)
    }

    fn lazy_text(&self) -> String {
        lazy_text(&self.node, std::any::type_name::<T>())
    }
}

#[inline(never)]
fn picture_of(node: &Opaque) -> Picture {
    picture::of_nodes(&[node.arc()])
}

#[inline(never)]
fn lazy_text(node: &Opaque, of: &str) -> String {
    let tasks = crate::graph::Graph::new(&[node.arc()]).len();
    format!("Delayed<{}>({}, {})", short_type(of), node.get::<Node>().key, show::html::count(tasks, "task"))
}

impl<T> Show for Delayed<T> {
    fn show(&self) -> Bundle {
        Bundle::text(self.lazy_text())
    }
}

impl<T> fmt::Debug for Delayed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lazy_text())
    }
}

/// What the arguments of one call leave behind: the nodes to wait for, and the plain values as text.
#[derive(Default)]
pub struct Slots {
    deps: Vec<Arc<Node>>,
    literals: Vec<String>,
}

impl Slots {
    #[inline(never)]
    fn dep(&mut self, node: &Opaque) -> usize {
        self.deps.push(node.arc());
        self.deps.len() - 1
    }
}

/// Makes something of the values of the dependencies.
type Make<T> = Box<dyn Fn(&[Value]) -> T + Send + Sync>;

/// An argument once the call has been made: a value, or where to find it among the values of the dependencies.
pub enum Arg<T> {
    /// A plain value.
    Plain(T),
    /// The value of one task.
    Task(usize),
    /// How to make it of the values of several tasks.
    Made(Make<T>),
}

impl<T: Clone + Send + Sync + 'static> Arg<T> {
    fn get(&self, values: &[Value]) -> T {
        match self {
            Self::Plain(value) => value.clone(),
            Self::Task(i) => value_at(values, *i),
            Self::Made(make) => make(values),
        }
    }
}

fn value_at<T: Clone + 'static>(values: &[Value], i: usize) -> T {
    // `IntoArg` ties the type of the argument to that of the task.
    values[i].downcast_ref::<T>().expect("a task's value has the task's type").clone()
}

/// What can stand for an argument of type `T`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument of type `{T}`",
    note = "an argument is a plain value of that type, a `Delayed` of it, or for a `Vec` a `Vec` of `Delayed`"
)]
pub trait IntoArg<T> {
    /// Notes what the argument needs.
    fn into_arg(self, slots: &mut Slots) -> Arg<T>;
}

impl<T: 'static> IntoArg<T> for T {
    fn into_arg(self, slots: &mut Slots) -> Arg<T> {
        slots.literals.push(describe(&self));
        Arg::Plain(self)
    }
}

impl<T> IntoArg<T> for &Delayed<T> {
    fn into_arg(self, slots: &mut Slots) -> Arg<T> {
        Arg::Task(slots.dep(&self.node))
    }
}

impl<T> IntoArg<T> for Delayed<T> {
    fn into_arg(self, slots: &mut Slots) -> Arg<T> {
        Arg::Task(slots.dep(&self.node))
    }
}

impl<T: Clone + Send + Sync + 'static> IntoArg<Vec<T>> for Vec<Delayed<T>> {
    fn into_arg(self, slots: &mut Slots) -> Arg<Vec<T>> {
        (&self).into_arg(slots)
    }
}

impl<T: Clone + Send + Sync + 'static> IntoArg<Vec<T>> for &Vec<Delayed<T>> {
    fn into_arg(self, slots: &mut Slots) -> Arg<Vec<T>> {
        let range = slots.deps.len()..slots.deps.len() + self.len();
        for d in self {
            slots.dep(&d.node);
        }
        Arg::Made(Box::new(move |values| range.clone().map(|i| value_at(values, i)).collect()))
    }
}

/// What can stand for the arguments `A` of a function: a tuple of [`IntoArg`].
pub trait IntoArgs<A> {
    /// Notes what the arguments need.
    fn into_args(self, slots: &mut Slots) -> Packed<A>;
}

/// The arguments of a call, ready to be unpacked for a run.
pub struct Packed<A>(Make<A>);

/// A function that can be a task: up to eight arguments, each cloneable and shareable between threads.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be called lazily with arguments `{A}`",
    note = "a task is a function of up to eight arguments that are Clone + Send + Sync + 'static, and so is its result"
)]
pub trait TaskFn<A>: Send + Sync + 'static {
    /// What it returns.
    type Output: Send + Sync + 'static;
    /// Calls it with the arguments found among the values.
    fn apply(&self, args: &Packed<A>, values: &[Value]) -> Self::Output;
}

macro_rules! arities {
    ($(($($arg:ident $input:ident),*))*) => {$(
        impl<Func, Out, $($arg),*> TaskFn<($($arg,)*)> for Func
        where
            Func: Fn($($arg),*) -> Out + Send + Sync + 'static,
            Out: Send + Sync + 'static,
            $($arg: Clone + Send + Sync + 'static,)*
        {
            type Output = Out;
            #[allow(non_snake_case)]
            fn apply(&self, args: &Packed<($($arg,)*)>, values: &[Value]) -> Out {
                let ($($arg,)*) = (args.0)(values);
                self($($arg),*)
            }
        }
        impl<$($arg, $input),*> IntoArgs<($($arg,)*)> for ($($input,)*)
        where
            $($input: IntoArg<$arg>, $arg: Clone + Send + Sync + 'static,)*
        {
            #[allow(non_snake_case, unused_variables, clippy::unused_unit)]
            fn into_args(self, slots: &mut Slots) -> Packed<($($arg,)*)> {
                let ($($input,)*) = self;
                $(let $arg = $input.into_arg(slots);)*
                Packed(Box::new(move |values| ($($arg.get(values),)*)))
            }
        }
    )*};
}
arities! {
    ()
    (A1 I1)
    (A1 I1, A2 I2)
    (A1 I1, A2 I2, A3 I3)
    (A1 I1, A2 I2, A3 I3, A4 I4)
    (A1 I1, A2 I2, A3 I3, A4 I4, A5 I5)
    (A1 I1, A2 I2, A3 I3, A4 I4, A5 I5, A6 I6)
    (A1 I1, A2 I2, A3 I3, A4 I4, A5 I5, A6 I6, A7 I7)
    (A1 I1, A2 I2, A3 I3, A4 I4, A5 I5, A6 I6, A7 I7, A8 I8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_values_delayed_values_or_vectors_of_them() {
        let one = delayed(|| 1u64).call(());
        let two = delayed(|x: u64| x + 1).call((&one,));
        let sum = delayed(|v: Vec<u64>, scale: f64, name: String| format!("{name} {}", v.iter().sum::<u64>() as f64 * scale));
        let text = sum.call((vec![one.clone(), two, one], 2.0, "sum".to_owned()));
        assert_eq!(text.compute().unwrap(), "sum 8");
        let eight = |a: u8, b: u16, c: u32, d: u64, e: i8, f: i16, g: i32, h: i64| {
            i64::from(a) + i64::from(b) + i64::from(c) + d as i64 + i64::from(e) + i64::from(f) + i64::from(g) + h
        };
        assert_eq!(delayed(eight).call((1, 2, 3, 4, 5, 6, 7, 8)).compute().unwrap(), 36);
        assert_eq!(delayed(|v: Vec<u64>| v.len()).call((vec![1, 2],)).compute().unwrap(), 2);
    }

    #[test]
    fn names_come_from_functions() {
        fn generic<T: Clone>(x: T) -> T {
            x
        }
        assert_eq!(format!("{:?}", delayed(generic::<u8>)), "delayed(generic)");
        assert_eq!(format!("{:?}", delayed(|| ())), "delayed(closure)");
        let d = delayed(generic::<u8>).name("copy").call((1,));
        assert!(format!("{d:?}").starts_with("Delayed<u8>(copy-"), "{d:?}");
    }
}
