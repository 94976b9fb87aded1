//! Bags of values in memory, or in other bags.

use super::handle::{
    Bag, Element, gathered, list, partitions, push_all, push_copies, push_list, source,
};
use super::layers::Reads;
use crate::delayed::Delayed;
use crate::graph::stream::Part;
use crate::graph::{Key, Layer, Name, Point, Value, Work};
use crate::handle::Opaque;
use std::sync::Arc;

/// Returns the partition size by Dask's rule: one element for up to a hundred, then a tenth of the
/// square root.
fn partition_size(n: usize) -> usize {
    if n <= 100 { 1 } else { ((n as f64).sqrt() / 10.0).ceil() as usize }
}

/// Builds a bag of a list, in partitions of `size` elements.
fn in_parts<T: Element>(name: &str, items: Vec<T>, size: usize) -> Bag<T> {
    let (items, size) = (Arc::new(items), size.max(1));
    let parts = items.len().div_ceil(size).max(1);
    source(Name::new(name), parts, move |i, sink| {
        push_copies(&items, i as usize * size, size, sink)
    })
}

impl<T: Element> Bag<T> {
    /// Creates a bag of the elements of an iterator, as [`from_sequence`](Bag::from_sequence).
    #[allow(clippy::should_implement_trait)]
    pub fn from_iter(items: impl IntoIterator<Item = T>) -> Self {
        Self::from_sequence(items)
    }

    /// Creates a bag of the elements of an iterator: one per partition for up to a hundred; above,
    /// the partition size is a tenth of the square root of their number, so that there are many
    /// more partitions than workers. See [`from_sequence_with`](Bag::from_sequence_with) for a
    /// given number of partitions.
    pub fn from_sequence(items: impl IntoIterator<Item = T>) -> Self {
        let items = list(items);
        let size = partition_size(items.len());
        in_parts("from-sequence", items, size)
    }

    /// Creates a bag of the elements of an iterator, in at most `npartitions` partitions of nearly
    /// equal length.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let parts = Bag::from_sequence_with(0..5, 2).map_partitions(|part| vec![part.len()]);
    /// assert_eq!(parts.compute()?, [3, 2]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    pub fn from_sequence_with(items: impl IntoIterator<Item = T>, npartitions: usize) -> Self {
        let items = list(items);
        let size = items.len().div_ceil(npartitions.max(1));
        in_parts("from-sequence", items, size)
    }

    /// Creates a bag whose partitions are delayed lists.
    pub fn from_delayed(parts: &[Delayed<Vec<T>>]) -> Self {
        if parts.is_empty() {
            return in_parts("from-delayed", Vec::new(), 1);
        }
        let mut points = Vec::with_capacity(parts.len());
        for part in parts {
            points.push(part.point());
        }
        Self::from_layer(gathered_points(points))
    }
}

impl Bag<i64> {
    /// Creates a bag of the integers from 0 up to but excluding `n`, in `npartitions` partitions.
    #[must_use]
    pub fn range(n: i64, npartitions: usize) -> Self {
        let n = n.max(0);
        let parts = npartitions.max(1) as i64;
        source(Name::new("range"), npartitions.max(1), move |i, sink| {
            let bound = |i: u32| (i128::from(n) * i128::from(i) / i128::from(parts)) as i64;
            let (start, end) = (bound(i), bound(i + 1));
            push_all(start..end, sink)
        })
    }
}

impl<T: Element> FromIterator<T> for Bag<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Self::from_sequence(items)
    }
}

/// The work that passes on the values of single tasks as the partitions of one layer.
struct Partitions;

impl Work for Partitions {
    fn reads(&self, layer: &Layer, index: u32, out: &mut Vec<(u32, u32)>) {
        out.push((index, layer.inputs[index as usize].index));
    }
    fn run(&self, _: u32, mut values: Vec<Value>) -> crate::error::Result<Value> {
        Ok(values.remove(0))
    }
}

#[inline(never)]
fn gathered_points(points: Vec<Point>) -> Opaque {
    Opaque::of(Layer::new(
        Key::new(Name::new("from-delayed")),
        points.len() as u32,
        points,
        Partitions,
    ))
}

/// Creates a bag of the elements of an iterator; see [`Bag::from_iter`].
pub fn from_iter<T: Element>(items: impl IntoIterator<Item = T>) -> Bag<T> {
    Bag::from_sequence(items)
}

/// Creates a bag of the elements of an iterator; see [`Bag::from_sequence`].
pub fn from_sequence<T: Element>(items: impl IntoIterator<Item = T>) -> Bag<T> {
    Bag::from_sequence(items)
}

/// Creates a bag whose partitions are delayed lists; see [`Bag::from_delayed`].
pub fn from_delayed<T: Element>(parts: &[Delayed<Vec<T>>]) -> Bag<T> {
    Bag::from_delayed(parts)
}

/// Creates a bag of the integers from 0 up to but excluding `n`; see [`Bag::range`].
#[must_use]
pub fn range(n: i64, npartitions: usize) -> Bag<i64> {
    Bag::range(n, npartitions)
}

/// Pairs the elements of two bags by position; see [`Bag::zip`].
#[must_use]
pub fn zip<A: Element, B: Element>(a: &Bag<A>, b: &Bag<B>) -> Bag<(A, B)> {
    a.zip(b)
}

/// Concatenates several bags.
///
/// ```
/// use rask::prelude::*;
/// let all = bag::concat(&[Bag::from_iter(1..3), Bag::from_iter(7..9)]);
/// assert_eq!(all.compute()?, [1, 2, 7, 8]);
/// # Ok::<(), rask::Error>(())
/// ```
#[must_use]
pub fn concat<T: Element>(bags: &[Bag<T>]) -> Bag<T> {
    let mut layers = Vec::with_capacity(bags.len());
    for bag in bags {
        layers.push(&bag.layer);
    }
    let (total, reads) = one_behind_another(&layers);
    gathered("concat", total, &layers, reads, |part: &mut Part, sink| {
        if part.values.is_empty() { Ok(()) } else { push_list(part, 0, sink) }
    })
}

/// Returns the total number of partitions of all layers, and the inputs of each.
#[inline(never)]
fn one_behind_another(layers: &[&Opaque]) -> (u32, Reads) {
    let mut total = 0;
    let place = |l: &&Opaque| {
        total += partitions(l);
        total
    };
    let ends: Vec<u32> = layers.iter().map(place).collect();
    let reads = move |_: &Layer, index: u32, out: &mut Vec<(u32, u32)>| {
        let input = ends.partition_point(|end| *end <= index);
        // The concatenation of no bags has one partition, which reads nothing.
        if input < ends.len() {
            out.push((input as u32, index - if input == 0 { 0 } else { ends[input - 1] }));
        }
    };
    (total.max(1), Box::new(reads))
}
