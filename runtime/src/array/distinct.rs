//! Distinct elements, and searches in lists.

use super::block::{Block, Parts};
use super::calls::{layer, of_blocks, parts_of, tree};
use super::core::Core;
use super::data::{Data, Slice, sealed::Sealed};
use super::dtype::Dtype;
use super::element::ArrayElement;
use super::grid::{Grid, tuple};
use super::handle::{Array, Place, step, unknown};
use super::join::joined;
use super::lanes::{Ordered, any_type, floats_of, refuse_complex, same_type};
use super::ops::{Function, Op};
use super::program::block_of;
use super::reshape::reshaped;
use super::whole::whole;
use crate::error::Error;
use crate::graph::Value;
use crate::handle::Opaque;
use std::panic::Location;
use std::sync::Arc;

/// Sorts a list and leaves equal elements out; all NaN are one.
fn distinct<T: Ordered>(list: &[T]) -> Vec<T> {
    let mut list = list.to_vec();
    list.sort_unstable_by(Ordered::order);
    list.dedup_by(|a, b| a.order(b).is_eq());
    list
}

/// Returns the distinct elements of sorted lists, with their numbers.
fn counted<T: Ordered>(list: &[T], counts: Option<&[i64]>) -> (Vec<T>, Vec<i64>) {
    let mut all: Vec<(T, i64)> = match counts {
        Some(counts) => list.iter().copied().zip(counts.iter().copied()).collect(),
        None => list.iter().map(|x| (*x, 1)).collect(),
    };
    all.sort_unstable_by(|a, b| a.0.order(&b.0));
    all.dedup_by(|b, a| {
        let same = a.0.order(&b.0).is_eq();
        if same {
            a.1 += b.1;
        }
        same
    });
    all.into_iter().unzip()
}

/// Puts the elements of several blocks in one list.
fn together(blocks: &[&Block], dtype: Dtype) -> Data {
    let mut data = Data::with_capacity(dtype, blocks.iter().map(|b| b.len()).sum());
    blocks.iter().for_each(|b| data.extend(b.data().slice()));
    data
}

fn unique_core(core: &Core) -> (Core, usize) {
    let dtype = core.dtype;
    let join = move |values: Vec<Value>| {
        let blocks: Vec<&Block> = values.iter().map(block_of).collect();
        let data = same_type!(&together(&blocks, dtype), l => distinct(l));
        Ok(Arc::new(Block::new(vec![data.len()], data)) as Value)
    };
    let reads = |i: usize, read: &mut dyn FnMut(usize, usize)| read(0, i);
    let n = core.grid.blocks();
    let first = layer("unique", n, &[&core.layer], reads, move |_, values| join(values));
    let last = tree("unique-aggregate", &first, join);
    (Core { grid: Arc::new(Grid::new(vec![vec![0]])), dtype, layer: last }, 0)
}

/// Returns the distinct elements and their numbers, side by side in a task's value.
fn tally(core: &Core) -> Arc<crate::graph::Layer> {
    let dtype = core.dtype;
    let reads = |i: usize, read: &mut dyn FnMut(usize, usize)| read(0, i);
    let pair = |(values, counts): (Data, Vec<i64>)| {
        let values = Block::new(vec![values.len()], values);
        let counts = Block::new(vec![counts.len()], Data::I64(counts));
        Ok(Arc::new(Parts(vec![values, counts])) as Value)
    };
    let start = move |_: usize, values: Vec<Value>| {
        let data = together(&[block_of(&values[0])], dtype);
        pair(tallied(&data, None))
    };
    let first = layer("unique_counts", core.grid.blocks(), &[&core.layer], reads, start);
    tree("unique_counts-aggregate", &first, move |values: Vec<Value>| {
        let pairs: Vec<&[Block]> = values.iter().map(parts_of).collect();
        let data = together(&pairs.iter().map(|p| &p[0]).collect::<Vec<_>>(), dtype);
        let counts = together(&pairs.iter().map(|p| &p[1]).collect::<Vec<_>>(), Dtype::I64);
        pair(tallied(&data, Some(Sealed::slice(counts.slice()))))
    })
}

fn tallied(data: &Data, counts: Option<&[i64]>) -> (Data, Vec<i64>) {
    let found;
    let values = same_type!(data, l => {
        let (values, counts) = counted(l, counts);
        found = counts;
        values
    });
    (values, found)
}

#[inline(never)]
fn unique(inner: &Opaque, place: Place) -> Opaque {
    unknown(&[inner], place, &|cores| {
        refuse_complex("unique", cores[0].dtype)?;
        Ok(unique_core(cores[0]))
    })
}

#[inline(never)]
fn union(a: &Opaque, b: &Opaque, place: Place) -> Opaque {
    unknown(&[a, b], place, &|cores| {
        refuse_complex("union1d", cores[0].dtype)?;
        let flat = [reshaped(cores[0], &[-1])?, reshaped(cores[1], &[-1])?];
        Ok(unique_core(&joined("union1d", &[&flat[0], &flat[1]], 0, false)?))
    })
}

/// Returns the distinct elements and how often each occurs.
#[inline(never)]
fn unique_counts(inner: &Opaque, place: Place) -> [Opaque; 2] {
    let pick = |core: &Core, first: bool| {
        refuse_complex("unique_counts", core.dtype)?;
        let dtype = if first { core.dtype } else { Dtype::I64 };
        let reads = |_: usize, read: &mut dyn FnMut(usize, usize)| read(0, 0);
        let run = move |_: usize, values: Vec<Value>| {
            Ok(Arc::new(parts_of(&values[0])[usize::from(!first)].clone()) as Value)
        };
        let layer = layer("getitem", 1, &[&tally(core)], reads, run);
        Ok((Core { grid: Arc::new(Grid::new(vec![vec![0]])), dtype, layer }, 0))
    };
    [true, false].map(|first| unknown(&[inner], place, &|cores| pick(cores[0], first)))
}

/// Returns where elements belong in a sorted list, so that it stays sorted: before equal ones, or
/// behind them if `right`.
fn positions<T: Ordered>(sorted: &[T], list: &[T], right: bool) -> Vec<i64> {
    let before = |a: &T, x: &T| if right { a.order(x).is_le() } else { a.order(x).is_lt() };
    list.iter().map(|x| sorted.partition_point(|a| before(a, x)) as i64).collect()
}

#[inline(never)]
fn searchsorted(inner: &Opaque, values: &Opaque, right: bool, place: Place) -> Opaque {
    step(&[inner, values], place, &|cores| {
        refuse_complex("searchsorted", cores[0].dtype)?;
        if cores[0].ndim() != 1 {
            return Err(Error::bad_argument(
                "searchsorted",
                format!("an array of shape {}; expected a sorted list", tuple(&cores[0].shape())),
            ));
        }
        Ok(beside_whole("searchsorted", cores[1], cores[0], Dtype::I64, move |list, sorted| {
            Data::I64(any_type!(list, l => positions(Sealed::slice(sorted.slice()), l, right)))
        }))
    })
}

/// Computes blocks from those of an array and the whole of another one.
fn beside_whole(
    name: &str,
    core: &Core,
    beside: &Core,
    dtype: Dtype,
    f: impl Fn(&Data, &Data) -> Data + Send + Sync + 'static,
) -> Core {
    let reads = |i: usize, read: &mut dyn FnMut(usize, usize)| {
        read(0, i);
        read(1, 0);
    };
    let run = move |_: usize, blocks: &[&Block]| {
        let data = f(&blocks[0].data(), &blocks[1].data());
        Ok(Block::new(blocks[0].shape.clone(), data))
    };
    of_blocks(name, core.grid.clone(), dtype, &[core, &whole(beside)], reads, run)
}

#[inline(never)]
fn isin(inner: &Opaque, values: &Opaque, place: Place) -> Opaque {
    step(&[inner, values], place, &|cores| {
        refuse_complex("isin", cores[0].dtype)?;
        let flat = reshaped(cores[1], &[-1])?;
        Ok(beside_whole("isin", cores[0], &flat, Dtype::Bool, |list, values| {
            Data::Bool(among(list, values))
        }))
    })
}

fn among(list: &Data, values: &Data) -> Vec<bool> {
    fn found<T: Ordered>(list: &[T], values: &[T]) -> Vec<bool> {
        let sorted = distinct(values);
        let is_in = |x: &T| !x.is_nan() && sorted.binary_search_by(|a| a.order(x)).is_ok();
        list.iter().map(is_in).collect()
    }
    any_type!(list, l => found(l, Sealed::slice(values.slice())))
}

#[inline(never)]
fn digitize(inner: &Opaque, edges: &[f64], right: bool, place: Place) -> Opaque {
    step(&[inner], place, &|cores| {
        refuse_complex("digitize", cores[0].dtype)?;
        let rising = edges.windows(2).all(|w| w[0] <= w[1]);
        let falling = edges.windows(2).all(|w| w[0] >= w[1]);
        if !rising && !falling || edges.iter().any(|e| e.is_nan()) {
            return Err(Error::bad_argument(
                "digitize",
                format!("edges {edges:?}; expected rising or falling numbers"),
            ));
        }
        let mut sorted = edges.to_vec();
        if !rising {
            sorted.reverse();
        }
        let f: Function = Arc::new(move |list: Slice<'_>, out: &mut Data| {
            // With falling edges, bins are counted from the end.
            let places = positions(&sorted, &floats_of(list), !right);
            let n = sorted.len() as i64;
            let bins = places.into_iter().map(|p| if rising { p } else { n - p });
            out.extend(Slice::I64(&bins.collect::<Vec<_>>()));
        });
        Ok(super::align::unary(cores[0], Op::Map("digitize", f), Dtype::I64))
    })
}

impl<T: ArrayElement> Array<T> {
    /// Returns the distinct elements, sorted; all NaN are one. How many there are is known once they
    /// are computed.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let x = da::arange(0..10i64) % 3;
    /// assert_eq!(x.unique().compute()?.into_raw_vec_and_offset().0, [0, 1, 2]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    #[must_use]
    #[track_caller]
    pub fn unique(&self) -> Self {
        Self::of(unique(&self.inner, Location::caller()))
    }

    /// Returns the distinct elements, sorted, and how often each occurs.
    #[must_use]
    #[track_caller]
    pub fn unique_counts(&self) -> (Self, Array<i64>) {
        let [values, counts] = unique_counts(&self.inner, Location::caller());
        (Self::of(values), Array::of(counts))
    }

    /// Returns the distinct elements of two arrays, sorted.
    #[must_use]
    #[track_caller]
    pub fn union1d(&self, other: &Self) -> Self {
        Self::of(union(&self.inner, &other.inner, Location::caller()))
    }

    /// Returns where values belong in this sorted list, so that it stays sorted: before equal
    /// elements.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let list = da::arange(0..10i64);
    /// let found = list.searchsorted(&da::full(2, 4i64));
    /// assert_eq!(found.compute()?.into_raw_vec_and_offset().0, [4, 4]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    #[must_use]
    #[track_caller]
    pub fn searchsorted(&self, values: &Self) -> Array<i64> {
        Array::of(searchsorted(&self.inner, &values.inner, false, Location::caller()))
    }

    /// Returns where values belong in this sorted list, so that it stays sorted: behind equal
    /// elements.
    #[must_use]
    #[track_caller]
    pub fn searchsorted_right(&self, values: &Self) -> Array<i64> {
        Array::of(searchsorted(&self.inner, &values.inner, true, Location::caller()))
    }

    /// Returns whether each element is among those of another array; NaN is not.
    #[must_use]
    #[track_caller]
    pub fn isin(&self, values: &Self) -> Array<bool> {
        Array::of(isin(&self.inner, &values.inner, Location::caller()))
    }

    /// Returns the number of the bin of each element: `i` if it is at least edge `i - 1` and less
    /// than edge `i`.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let x = da::arange(0..4i64).digitize(&[1.0, 3.0]);
    /// assert_eq!(x.compute()?.into_raw_vec_and_offset().0, [0, 1, 1, 2]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    #[must_use]
    #[track_caller]
    pub fn digitize(&self, edges: &[f64]) -> Array<i64> {
        Array::of(digitize(&self.inner, edges, false, Location::caller()))
    }

    /// Returns the number of the bin of each element: `i` if it is greater than edge `i - 1` and at
    /// most edge `i`.
    #[must_use]
    #[track_caller]
    pub fn digitize_right(&self, edges: &[f64]) -> Array<i64> {
        Array::of(digitize(&self.inner, edges, true, Location::caller()))
    }
}
