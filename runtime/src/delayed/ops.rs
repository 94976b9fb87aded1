//! What can be done with a delayed value without computing it: a function applied, its parts taken, arithmetic.

use super::function::{DelayedFn, delayed};
use super::value::Delayed;
use crate::error::Result;
use crate::graph::size::{Size, size_of};
use crate::graph::{Key, Layer, Name, Point, Value, Work};
use crate::sched::{self, budget::Share};
use std::ops::{Add, Div, Mul, Neg, Rem, Sub};
use std::sync::Arc;

/// A value that is there already: given by the user, or kept in memory by `persist`.
pub(crate) struct Kept {
    values: Vec<Value>,
    /// Bytes that are counted as held for as long as the values are.
    share: Share,
}

impl Work for Kept {
    fn run(&self, index: u32, _: Vec<Value>) -> Result<Value> {
        Ok(self.values[index as usize].clone())
    }

    fn held(&self) -> Option<u64> {
        Some(self.share.bytes())
    }

    /// What is counted once already.
    fn size(&self, _: &Value) -> Size {
        Size { bytes: 0, exact: true }
    }
}

/// Computes the points' values and keeps them: a layer of values that are there, each of the `size` that its point gives it.
pub(crate) fn keep(name: &str, points: &[Point], size: impl Fn(&Point, &Value) -> Size) -> Result<Arc<Layer>> {
    let values = sched::compute(points)?;
    let bytes = points.iter().zip(&values).map(|(p, v)| size(p, v).bytes).sum();
    Ok(kept(name, values, bytes))
}

/// A layer of values that are there.
fn kept(name: &str, values: Vec<Value>, bytes: u64) -> Arc<Layer> {
    Layer::new(Key::new(Name::new(name)), values.len() as u32, Vec::new(), Kept { values, share: Share::of(bytes) })
}

/// Bytes that a layer of values holds which are there; `None` for other layers.
pub(crate) fn held(layer: &Layer) -> Option<u64> {
    layer.work.held()
}

#[inline(never)]
fn persist(point: Point) -> Result<Point> {
    let name = point.layer.key.name.text();
    Ok(keep(&name, &[point], |p, v| p.layer.work.size(v))?.at(0))
}

impl<T: Clone + Send + Sync + 'static> Delayed<T> {
    /// A delayed value that is there already.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let loud = Delayed::value("abc".to_owned()).map(|s| s.to_uppercase());
    /// assert_eq!(loud.compute()?, "ABC");
    /// # Ok::<(), rask::Error>(())
    /// ```
    #[must_use]
    pub fn value(value: T) -> Self {
        Self::of_point(there(Arc::new(value)))
    }

    /// Applies a function to the value: one more task, named after the function.
    pub fn map<U, F>(&self, function: F) -> Delayed<U>
    where
        U: Clone + Send + Sync + 'static,
        F: Fn(T) -> U + Send + Sync + 'static,
    {
        self.then(delayed(function))
    }

    fn then<U, F>(&self, function: DelayedFn<F>) -> Delayed<U>
    where
        U: Clone + Send + Sync + 'static,
        F: Fn(T) -> U + Send + Sync + 'static,
    {
        function.call((self,))
    }

    /// Computes the value now and keeps it in memory: what is built on the result does not compute it again.
    ///
    /// # Errors
    /// As [`compute`](Delayed::compute).
    pub fn persist(&self) -> Result<Self> {
        match persist(self.point()) {
            Ok(point) => Ok(Self::of_point(point)),
            Err(e) => Err(e),
        }
    }
}

#[inline(never)]
fn there(value: Value) -> Point {
    let bytes = size_of(&*value).bytes;
    kept("value", vec![value], bytes).at(0)
}

impl<A: Clone + Send + Sync + 'static, B: Clone + Send + Sync + 'static> Delayed<(A, B)> {
    /// Both outputs of a function that returns a pair, each as a delayed value of its own.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let (quotient, rest) = delayed(|a: u64, b: u64| (a / b, a % b)).call((17, 5)).unzip();
    /// assert_eq!((quotient.compute()?, rest.compute()?), (3, 2));
    /// # Ok::<(), rask::Error>(())
    /// ```
    #[must_use]
    pub fn unzip(&self) -> (Delayed<A>, Delayed<B>) {
        (self.then(delayed(|pair: (A, B)| pair.0).name("getitem")), self.then(delayed(|pair: (A, B)| pair.1).name("getitem")))
    }
}

impl<T: Clone + Send + Sync + 'static> Delayed<Vec<T>> {
    /// The element at `index`; its task panics where there is none.
    #[must_use]
    pub fn item(&self, index: usize) -> Delayed<T> {
        let get = move |mut list: Vec<T>| {
            if index < list.len() { list.swap_remove(index) } else { no_item(index, list.len()) }
        };
        self.then(delayed(get).name("getitem"))
    }

    /// The first `n` elements, each as a delayed value of its own: several outputs of one function.
    #[must_use]
    pub fn items(&self, n: usize) -> Vec<Delayed<T>> {
        let mut all = Vec::with_capacity(n);
        while all.len() < n {
            all.push(self.item(all.len()));
        }
        all
    }
}

#[cold]
#[inline(never)]
fn no_item(index: usize, length: usize) -> ! {
    panic!("item {index} was asked for, and there are {length}")
}

macro_rules! operators {
    ($($trait:ident $method:ident)*) => {$(
        impl<A, B> $trait<&Delayed<B>> for &Delayed<A>
        where
            A: $trait<B> + Clone + Send + Sync + 'static,
            B: Clone + Send + Sync + 'static,
            A::Output: Send + Sync + 'static,
        {
            type Output = Delayed<A::Output>;
            fn $method(self, other: &Delayed<B>) -> Self::Output {
                delayed(|a: A, b: B| a.$method(b)).name(stringify!($method)).call((self, other))
            }
        }
        impl<A, B> $trait<Delayed<B>> for Delayed<A>
        where
            A: $trait<B> + Clone + Send + Sync + 'static,
            B: Clone + Send + Sync + 'static,
            A::Output: Send + Sync + 'static,
        {
            type Output = Delayed<A::Output>;
            fn $method(self, other: Delayed<B>) -> Self::Output {
                (&self).$method(&other)
            }
        }
    )*};
}
operators! { Add add Sub sub Mul mul Div div Rem rem }

impl<A> Neg for &Delayed<A>
where
    A: Neg + Clone + Send + Sync + 'static,
    A::Output: Send + Sync + 'static,
{
    type Output = Delayed<A::Output>;
    fn neg(self) -> Self::Output {
        delayed(|a: A| -a).name("neg").call((self,))
    }
}
