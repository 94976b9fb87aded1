//! The arguments of a lazy call: plain values, delayed values, and containers of delayed values.

use super::value::{Delayed, typed};
use crate::graph::pack::packer_of;
use crate::graph::value::describe;
use crate::graph::{Point, Value};
use std::any::Any;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;

/// The tasks whose values the arguments of a call need; a list whose drop code is compiled here.
pub struct Inputs(Box<dyn Any>);

impl Inputs {
    // The box holds the list that `new` creates.
    const LIST: &str = "inputs are a list of points";

    #[inline(never)]
    pub(super) fn new() -> Self {
        Self(Box::new(Vec::<Point>::new()))
    }

    pub(super) fn points(&self) -> &Vec<Point> {
        self.0.downcast_ref().expect(Self::LIST)
    }

    #[inline(never)]
    pub(super) fn take(mut self) -> Vec<Point> {
        std::mem::take(self.0.downcast_mut().expect(Self::LIST))
    }

    #[inline(never)]
    pub(crate) fn add(&mut self, point: Point) -> u32 {
        let list: &mut Vec<Point> = self.0.downcast_mut().expect(Self::LIST);
        list.push(point);
        list.len() as u32 - 1
    }

    #[inline(never)]
    fn len(&self) -> u32 {
        self.points().len() as u32
    }
}

/// The values of the tasks; each is taken once.
pub type Values = [Option<Value>];

/// A function that builds an argument from the values of several tasks.
type Make<T> = Box<dyn Fn(&mut Values) -> T + Send + Sync>;

/// An argument of a call: a value, or where to find it among the values of the tasks.
pub enum Arg<T> {
    /// A plain value.
    Plain(T),
    /// The value of one task.
    Task(u32),
    /// A function that builds it from the values of several tasks.
    Made(Make<T>),
}

impl<T: Clone + Send + Sync + 'static> Arg<T> {
    fn get(&self, values: &mut Values) -> T {
        match self {
            Self::Plain(value) => value.clone(),
            Self::Task(i) => value_at(values, *i),
            Self::Made(make) => make(values),
        }
    }

    fn seen(&self) -> Seen<'_> {
        match self {
            Self::Plain(value) => Seen::Plain(value, std::any::type_name::<T>()),
            Self::Task(i) => Seen::Task(*i),
            Self::Made(_) => Seen::Made,
        }
    }
}

/// A type-erased argument.
pub enum Seen<'a> {
    /// A plain value, and the name of its type.
    Plain(&'a dyn Any, &'static str),
    /// The value of one task.
    Task(u32),
    /// Built from the values of several tasks.
    Made,
}

/// Arguments that can be visited one by one.
pub trait Look {
    /// Calls `see` with each argument.
    fn each(&self, see: &mut dyn FnMut(Seen<'_>));
}

/// Formats the plain arguments.
#[inline(never)]
pub(super) fn literals(args: &dyn Look) -> Vec<String> {
    let mut out = Vec::new();
    args.each(&mut |seen| {
        if let Seen::Plain(value, type_name) = seen {
            out.push(describe(value, type_name));
        }
    });
    out
}

/// Returns a hash that is equal for equal plain values and equal indices among the tasks; `None` if
/// the arguments cannot be compared.
#[inline(never)]
pub(super) fn token(args: &dyn Look) -> Option<u64> {
    let mut tokens = Some(Vec::new());
    args.each(&mut |seen| {
        let Some(all) = &mut tokens else { return };
        let token = match seen {
            Seen::Plain(value, _) => token_of(value),
            Seen::Task(i) => Some(u64::from(i)),
            // The keys of the tasks do not determine which task goes where.
            Seen::Made => None,
        };
        match token {
            Some(token) => all.push(token),
            None => tokens = None,
        }
    });
    tokens.map(|all| foldhash::quality::FixedState::default().hash_one(all))
}

fn token_of(value: &dyn Any) -> Option<u64> {
    let hash = foldhash::quality::FixedState::default();
    if let Some(text) = value.downcast_ref::<&'static str>() {
        return Some(hash.hash_one(text));
    }
    let mut bytes = Vec::new();
    (packer_of(value)?.pack)(value, &mut bytes);
    Some(hash.hash_one((value.type_id(), bytes)))
}

/// Calls `call` with the values of the tasks, each of which it may take once.
#[inline(never)]
pub(super) fn with_values(values: Vec<Value>, call: &mut dyn FnMut(&mut Values) -> Value) -> Value {
    let mut values: Vec<Option<Value>> = values.into_iter().map(Some).collect();
    call(&mut values)
}

/// Returns the value for an argument: moved from the task if nothing else reads it, else cloned.
fn value_at<T: Clone + Send + Sync + 'static>(values: &mut Values, i: u32) -> T {
    Arc::unwrap_or_clone(typed(take(values, i)))
}

#[inline(never)]
fn take(values: &mut Values, i: u32) -> Value {
    // Each index is read once: `Inputs::add` gives every argument its own indices.
    values[i as usize].take().expect("a value is taken once")
}

/// A value that can be an argument of type `T`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument of type `{T}`",
    note = "an argument is a plain value of that type, or a `Delayed` of it; for a `Vec`, an array, an `Option`, a pair or a `HashMap` also one of `Delayed`s"
)]
pub trait IntoArg<T> {
    /// Converts the value to an argument, and adds the tasks it needs to `inputs`.
    fn into_arg(self, inputs: &mut Inputs) -> Arg<T>;
}

impl<T: 'static> IntoArg<T> for T {
    fn into_arg(self, _: &mut Inputs) -> Arg<T> {
        Arg::Plain(self)
    }
}

impl<T> IntoArg<T> for &Delayed<T> {
    fn into_arg(self, inputs: &mut Inputs) -> Arg<T> {
        Arg::Task(inputs.add(self.point()))
    }
}

impl<T> IntoArg<T> for Delayed<T> {
    fn into_arg(self, inputs: &mut Inputs) -> Arg<T> {
        (&self).into_arg(inputs)
    }
}

/// The type of a task's value inside of a container.
trait Element: Clone + Send + Sync + 'static {}
impl<T: Clone + Send + Sync + 'static> Element for T {}

/// Adds several tasks and returns the index of the first and the one behind the last.
fn range<T>(inputs: &mut Inputs, delayed: &[Delayed<T>]) -> (u32, u32) {
    let start = inputs.len();
    for d in delayed {
        inputs.add(d.point());
    }
    (start, inputs.len())
}

impl<T: Element> IntoArg<Vec<T>> for Vec<Delayed<T>> {
    fn into_arg(self, inputs: &mut Inputs) -> Arg<Vec<T>> {
        (&self).into_arg(inputs)
    }
}

impl<T: Element> IntoArg<Vec<T>> for &Vec<Delayed<T>> {
    fn into_arg(self, inputs: &mut Inputs) -> Arg<Vec<T>> {
        let (start, end) = range(inputs, self);
        Arg::Made(Box::new(move |values| {
            // A plain loop: an iterator over a range costs the compiler of a cell far more.
            let (mut list, mut next) = (Vec::with_capacity((end - start) as usize), start);
            while next < end {
                list.push(value_at(values, next));
                next += 1;
            }
            list
        }))
    }
}

impl<T: Element, const N: usize> IntoArg<[T; N]> for [Delayed<T>; N] {
    fn into_arg(self, inputs: &mut Inputs) -> Arg<[T; N]> {
        let (start, _) = range(inputs, &self);
        Arg::Made(Box::new(move |values| {
            std::array::from_fn(|i| value_at(values, start + i as u32))
        }))
    }
}

impl<T: Element> IntoArg<Option<T>> for Option<Delayed<T>> {
    fn into_arg(self, inputs: &mut Inputs) -> Arg<Option<T>> {
        let at = self.map(|d| inputs.add(d.point()));
        Arg::Made(Box::new(move |values| at.map(|i| value_at(values, i))))
    }
}

impl<A: Element, B: Element> IntoArg<(A, B)> for (Delayed<A>, Delayed<B>) {
    fn into_arg(self, inputs: &mut Inputs) -> Arg<(A, B)> {
        let (a, b) = (inputs.add(self.0.point()), inputs.add(self.1.point()));
        Arg::Made(Box::new(move |values| (value_at(values, a), value_at(values, b))))
    }
}

impl<A: Element, B: Element, C: Element> IntoArg<(A, B, C)>
    for (Delayed<A>, Delayed<B>, Delayed<C>)
{
    fn into_arg(self, inputs: &mut Inputs) -> Arg<(A, B, C)> {
        let (a, b, c) =
            (inputs.add(self.0.point()), inputs.add(self.1.point()), inputs.add(self.2.point()));
        Arg::Made(Box::new(move |values| {
            (value_at(values, a), value_at(values, b), value_at(values, c))
        }))
    }
}

impl<K: Element + Eq + Hash, T: Element> IntoArg<HashMap<K, T>> for HashMap<K, Delayed<T>> {
    fn into_arg(self, inputs: &mut Inputs) -> Arg<HashMap<K, T>> {
        let mut places = Vec::with_capacity(self.len());
        for (key, delayed) in self {
            places.push((key, inputs.add(delayed.point())));
        }
        Arg::Made(Box::new(move |values| {
            let mut map = HashMap::with_capacity(places.len());
            for (key, place) in &places {
                map.insert(key.clone(), value_at(values, *place));
            }
            map
        }))
    }
}

/// A value that can be the arguments `A` of a function: a tuple of [`IntoArg`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the arguments `{A}` of a lazy call",
    note = "arguments are given as a tuple, one for each of the function: `call((1, 2))`, `call((x,))`, `call(())`"
)]
pub trait IntoArgs<A> {
    /// The stored arguments of a call, which every run unpacks.
    type Packed: Unpack<A> + Look + Send + Sync + 'static;
    /// Converts the tuple to arguments, and adds the tasks they need to `inputs`.
    fn into_args(self, inputs: &mut Inputs) -> Self::Packed;
}

/// Arguments that can be unpacked.
pub trait Unpack<A> {
    /// Returns the arguments, with the tasks' values inserted.
    fn unpack(&self, values: &mut Values) -> A;
}

/// A function that can be a task: up to eight arguments, each cloneable and shareable between
/// threads.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be called lazily with arguments `{A}`",
    note = "a task is a function of up to eight arguments that are Clone + Send + Sync + 'static, and so is its result"
)]
pub trait TaskFn<A>: Send + Sync + 'static {
    /// The type of the result.
    type Output: Send + Sync + 'static;
    /// Calls the function.
    fn apply(&self, args: A) -> Self::Output;
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
            fn apply(&self, args: ($($arg,)*)) -> Out {
                let ($($arg,)*) = args;
                self($($arg),*)
            }
        }
        impl<$($arg, $input),*> IntoArgs<($($arg,)*)> for ($($input,)*)
        where
            $($input: IntoArg<$arg>, $arg: Clone + Send + Sync + 'static,)*
        {
            type Packed = ($(Arg<$arg>,)*);
            #[allow(non_snake_case, unused_variables, clippy::unused_unit)]
            fn into_args(self, inputs: &mut Inputs) -> Self::Packed {
                let ($($input,)*) = self;
                ($($input.into_arg(inputs),)*)
            }
        }
        impl<$($arg: Clone + Send + Sync + 'static),*> Unpack<($($arg,)*)> for ($(Arg<$arg>,)*) {
            #[allow(non_snake_case, unused_variables, clippy::unused_unit)]
            fn unpack(&self, values: &mut Values) -> ($($arg,)*) {
                let ($($arg,)*) = self;
                ($($arg.get(values),)*)
            }
        }
        impl<$($arg: Clone + Send + Sync + 'static),*> Look for ($(Arg<$arg>,)*) {
            #[allow(non_snake_case, unused_variables)]
            fn each(&self, see: &mut dyn FnMut(Seen<'_>)) {
                let ($($arg,)*) = self;
                $(see($arg.seen());)*
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
