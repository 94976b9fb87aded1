//! Lazy operations on delayed values: applying functions, taking parts, arithmetic.

use super::function::{DelayedFn, delayed};
use super::value::Delayed;
use crate::error::Result;
use crate::graph::size::{Size, size_of};
use crate::graph::{Key, Layer, Name, Point, Value, Work};
use crate::sched::{self, budget::Share};
use std::ops::{Add, Div, Mul, Neg, Rem, Sub};
use std::sync::Arc;

/// Values that are already computed: given by the user, or kept in memory by `persist`.
pub(crate) struct Kept {
    values: Vec<Value>,
    /// Accounts for the bytes of the values as long as they are in memory.
    share: Share,
}

impl Work for Kept {
    fn run(&self, index: u32, _: Vec<Value>) -> Result<Value> {
        Ok(self.values[index as usize].clone())
    }

    fn held(&self) -> Option<u64> {
        Some(self.share.bytes())
    }

    /// Zero: the bytes are already counted in `share`.
    fn size(&self, _: &Value) -> Size {
        Size { bytes: 0, exact: true }
    }
}

/// Computes the values of `points` and keeps them in a layer; `size` measures the value of a point.
pub(crate) fn keep(
    name: &str,
    points: &[Point],
    size: impl Fn(&Point, &Value) -> Size,
) -> Result<Arc<Layer>> {
    let values = sched::compute(points)?;
    let bytes = points.iter().zip(&values).map(|(p, v)| size(p, v).bytes).sum();
    Ok(kept(name, values, bytes))
}

/// Builds a layer of computed values.
fn kept(name: &str, values: Vec<Value>, bytes: u64) -> Arc<Layer> {
    Layer::new(
        Key::new(Name::new(name)),
        values.len() as u32,
        Vec::new(),
        Kept { values, share: Share::of(bytes) },
    )
}

/// Returns the bytes of a layer of computed values; `None` for other layers.
pub(crate) fn held(layer: &Layer) -> Option<u64> {
    layer.work.held()
}

#[inline(never)]
fn persist(point: Point) -> Result<Point> {
    let name = point.layer.key.name.text();
    Ok(keep(&name, &[point], |p, v| p.layer.work.size(v))?.at(0))
}

impl<T: Clone + Send + Sync + 'static> Delayed<T> {
    /// Wraps an existing value as a delayed value.
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

    /// Applies a function to the value, as a task that is named after the function.
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

    /// Computes the value now and keeps it in memory; calls on the result do not compute it again.
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
    /// Splits a delayed pair, such as the two outputs of a function, into two delayed values.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let (quotient, rest) = delayed(|a: u64, b: u64| (a / b, a % b)).call((17, 5)).unzip();
    /// assert_eq!((quotient.compute()?, rest.compute()?), (3, 2));
    /// # Ok::<(), rask::Error>(())
    /// ```
    #[must_use]
    pub fn unzip(&self) -> (Delayed<A>, Delayed<B>) {
        (
            self.then(delayed(|pair: (A, B)| pair.0).name("getitem")),
            self.then(delayed(|pair: (A, B)| pair.1).name("getitem")),
        )
    }
}

impl<T: Clone + Send + Sync + 'static> Delayed<Vec<T>> {
    /// Returns the element at `index`; its task panics if the index is out of bounds.
    #[must_use]
    pub fn item(&self, index: usize) -> Delayed<T> {
        let get = move |mut list: Vec<T>| {
            if index < list.len() { list.swap_remove(index) } else { no_item(index, list.len()) }
        };
        self.then(delayed(get).name("getitem"))
    }

    /// Returns the first `n` elements as separate delayed values, such as several outputs of one
    /// function.
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
    panic!("item {index} is out of bounds: there are {length} items")
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
