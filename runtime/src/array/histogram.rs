//! Counts of elements: in bins, and of small integers.

use super::align::cast;
use super::block::Block;
use super::calls::{layer, of_blocks, one_block, tree};
use super::core::Core;
use super::data::{Data, sealed::Sealed};
use super::dtype::Dtype;
use super::element::ArrayElement;
use super::grid::{Grid, tuple};
use super::handle::{Array, Place, step, unknown};
use super::lanes::refuse_complex;
use super::program::block_of;
use super::rechunk::rechunk;
use super::reduce::partial::{Nan, Reduction};
use super::reduce::whole_number;
use crate::error::{Error, Result};
use crate::graph::{Layer, Value};
use crate::handle::Opaque;
use std::panic::Location;
use std::sync::Arc;

/// The bins of a histogram: how many there are between the least and the greatest element, how many
/// in a range (`(10, 0.0..1.0)`), or their edges.
pub trait Bins {
    #[doc(hidden)]
    fn bins(&self) -> Edges;
}

/// Bins as given.
#[doc(hidden)]
#[derive(Debug, Clone)]
pub enum Edges {
    Number(i64),
    Range(i64, f64, f64),
    List(Vec<f64>),
}

macro_rules! numbers {
    ($($t:ty),*) => {$(
        impl Bins for $t {
            fn bins(&self) -> Edges {
                Edges::Number(i64::try_from(*self).unwrap_or(i64::MAX))
            }
        }
        impl Bins for ($t, std::ops::Range<f64>) {
            fn bins(&self) -> Edges {
                let n = i64::try_from(self.0).unwrap_or(i64::MAX);
                Edges::Range(n, self.1.start, self.1.end)
            }
        }
        impl Bins for ($t, (f64, f64)) {
            fn bins(&self) -> Edges {
                let n = i64::try_from(self.0).unwrap_or(i64::MAX);
                Edges::Range(n, self.1.0, self.1.1)
            }
        }
    )*};
}
numbers!(i32, i64, usize);

impl Bins for Vec<f64> {
    fn bins(&self) -> Edges {
        Edges::List(self.clone())
    }
}

impl Bins for &[f64] {
    fn bins(&self) -> Edges {
        Edges::List(self.to_vec())
    }
}

impl<const N: usize> Bins for [f64; N] {
    fn bins(&self) -> Edges {
        Edges::List(self.to_vec())
    }
}

/// Returns the edges of `n` bins of one width.
fn even(n: usize, low: f64, high: f64) -> Vec<f64> {
    // NumPy widens a range without width.
    let (low, high) = if low == high { (low - 0.5, high + 0.5) } else { (low, high) };
    let width = (high - low) / n as f64;
    (0..=n).map(|i| if i == n { high } else { low + i as f64 * width }).collect()
}

/// Creates the list of the edges, which depends on the elements if only the number of bins is known.
fn edges_of(name: &str, core: &Core, edges: &Edges) -> Result<Core> {
    let refused = |what: String| {
        Error::bad_argument(
            name,
            format!("{what}; expected 1 bin or more, or 2 edges or more that rise"),
        )
    };
    let given = |list: Vec<f64>| {
        let block = Block::new(vec![list.len()], Data::F64(list));
        super::create::in_memory(block)
    };
    match edges {
        Edges::Number(n) | Edges::Range(n, ..) if !(1..1 << 32).contains(n) => {
            Err(refused(format!("{n} bins")))
        }
        Edges::Range(n, low, high) => {
            if !(low <= high && low.is_finite() && high.is_finite()) {
                return Err(refused(format!("a range from {low} to {high}")));
            }
            Ok(given(even(*n as usize, *low, *high)))
        }
        Edges::List(list) => {
            if list.len() < 2 || !list.windows(2).all(|w| w[0] <= w[1]) {
                return Err(refused(format!("edges {list:?}")));
            }
            Ok(given(list.clone()))
        }
        Edges::Number(n) => {
            if core.grid.elements() == 0 {
                return Ok(given(even(*n as usize, 0.0, 1.0)));
            }
            let least = whole_number(core, Reduction::Minimum, Nan::Counts)?;
            let greatest = whole_number(core, Reduction::Maximum, Nan::Counts)?;
            let n = *n as usize;
            let name = name.to_owned();
            let run = move |_: usize, values: Vec<Value>| {
                let [low, high] = [0, 1].map(|i| *crate::delayed::typed_ref::<f64>(&values[i]));
                if !low.is_finite() || !high.is_finite() {
                    return Err(Error::bad_argument(
                        &name,
                        format!(
                            "elements from {low} to {high}; expected finite ones; help: give a range, as in ({n}, 0.0..1.0)"
                        ),
                    ));
                }
                Ok(Arc::new(Block::new(vec![n + 1], Data::F64(even(n, low, high)))) as Value)
            };
            let reads = |_: usize, read: &mut dyn FnMut(usize, usize)| {
                read(0, 0);
                read(1, 0);
            };
            let layer = layer("edges", 1, &[&least, &greatest], reads, run);
            Ok(Core { grid: Arc::new(Grid::whole(&[n + 1])), dtype: Dtype::F64, layer })
        }
    }
}

/// Returns the bin of an element; the last bin has both of its edges.
fn bin_of(edges: &[f64], x: f64) -> Option<usize> {
    let last = edges.len() - 1;
    if x == edges[last] {
        return Some(edges.partition_point(|e| *e < x).saturating_sub(1).min(last - 1));
    }
    match edges.partition_point(|e| *e <= x) {
        0 => None,
        i if i > last => None,
        i => Some(i - 1),
    }
}

/// Adds up lists of counts.
fn added(values: &[Value]) -> Block {
    let mut all: Vec<f64> = Vec::new();
    for value in values {
        let list: Vec<f64> = Sealed::list(block_of(value).data().into_owned());
        all.resize(all.len().max(list.len()), 0.0);
        all.iter_mut().zip(list).for_each(|(a, b)| *a += b);
    }
    Block::new(vec![all.len()], Data::F64(all))
}

fn floats(block: &Block) -> Vec<f64> {
    Sealed::list(block.data().into_owned())
}

/// Counts lists of elements, which have one shape, in bins along as many axes.
fn counted(name: &str, columns: &[Core], edges: &[Core]) -> Core {
    let n = columns.len();
    let inputs: Vec<&Arc<Layer>> = columns.iter().chain(edges).map(|c| &c.layer).collect();
    let reads = move |i: usize, read: &mut dyn FnMut(usize, usize)| {
        (0..n).for_each(|k| read(k, i));
        (n..2 * n).for_each(|k| read(k, 0));
    };
    let lengths: Vec<usize> = edges.iter().map(|e| e.shape()[0] - 1).collect();
    let sizes = lengths.clone();
    let run = move |_: usize, values: Vec<Value>| {
        let lists: Vec<Vec<f64>> = values.iter().map(|v| floats(block_of(v))).collect();
        let (columns, edges) = lists.split_at(n);
        // Counts are floats, which are exact up to 2^53, so that weights can be added alike.
        let mut counts = vec![0.0; sizes.iter().product()];
        for i in 0..columns[0].len() {
            let at = columns
                .iter()
                .zip(edges)
                .zip(&sizes)
                .try_fold(0, |at, ((c, e), size)| Some(at * size + bin_of(e, c[i])?));
            if let Some(at) = at {
                counts[at] += 1.0;
            }
        }
        Ok(Arc::new(Block::new(vec![counts.len()], Data::F64(counts))) as Value)
    };
    let blocks = columns[0].grid.blocks();
    let first = layer(name, blocks, &inputs, reads, run);
    let last = tree(&format!("{name}-aggregate"), &first, |v| Ok(Arc::new(added(&v)) as Value));
    let shape = lengths.clone();
    one_block(name, lengths, Dtype::I64, &last, move |v| {
        let counts = floats(block_of(v)).into_iter().map(|x| x as i64).collect();
        Ok(Block::new(shape.clone(), Data::I64(counts)))
    })
}

#[inline(never)]
fn histogram(inner: &Opaque, edges: &Edges, place: Place) -> [Opaque; 2] {
    let parts = |cores: &[&Core]| {
        refuse_complex("histogram", cores[0].dtype)?;
        let core = cast(cores[0], Dtype::F64);
        let edges = edges_of("histogram", &core, edges)?;
        Ok((core, edges))
    };
    let edges = step(&[inner], place, &|cores| parts(cores).map(|p| p.1));
    let counts = step(&[inner, &edges], place, &|cores| {
        let core = cast(cores[0], Dtype::F64);
        Ok(counted("histogram", &[core], &[cores[1].clone()]))
    });
    [counts, edges]
}

/// Turns counts into densities: parts of all, by the width of the bin.
#[inline(never)]
fn density(counts: &Opaque, edges: &Opaque, place: Place) -> Opaque {
    step(&[counts, edges], place, &|cores| {
        let reads = |_: usize, read: &mut dyn FnMut(usize, usize)| {
            read(0, 0);
            read(1, 0);
        };
        let run = |_: usize, blocks: &[&Block]| {
            let counts: Vec<i64> = Sealed::list(blocks[0].data().into_owned());
            let edges = floats(blocks[1]);
            let all = counts.iter().sum::<i64>() as f64;
            let of = |(n, w): (&i64, &[f64])| *n as f64 / (w[1] - w[0]) / all;
            let list = counts.iter().zip(edges.windows(2)).map(of).collect();
            Ok(Block::new(blocks[0].shape.clone(), Data::F64(list)))
        };
        Ok(of_blocks(
            "density",
            cores[0].grid.clone(),
            Dtype::F64,
            &[cores[0], cores[1]],
            reads,
            run,
        ))
    })
}

/// Returns the columns of a matrix as lists in the same chunks.
fn columns_of(name: &str, core: &Core) -> Result<Vec<Core>> {
    let shape = core.shape();
    if shape.len() != 2 {
        return Err(Error::bad_argument(
            name,
            format!(
                "an array of shape {}; expected a matrix with a column for each axis",
                tuple(&shape)
            ),
        ));
    }
    let core = cast(core, Dtype::F64);
    let column = |at| {
        let one = super::difference::range(name, &core, 1, at, 1);
        super::reshape::reshaped(&one, &[-1])
    };
    let all = (0..shape[1]).map(column).collect::<Result<Vec<_>>>()?;
    let grid = all.first().map(|c: &Core| c.grid.clone());
    Ok(all.iter().map(|c| rechunk(c, grid.as_ref().unwrap_or(&c.grid))).collect())
}

#[inline(never)]
fn histogram_nd(
    name: &str,
    inner: &Opaque,
    edges: &[Edges],
    place: Place,
) -> (Opaque, Vec<Opaque>) {
    let edge = |axis: usize| {
        step(&[inner], place, &|cores| {
            let columns = columns_of(name, cores[0])?;
            if columns.len() != edges.len() {
                return Err(Error::bad_argument(
                    name,
                    format!(
                        "bins for {} axes of a matrix of {} columns",
                        edges.len(),
                        columns.len()
                    ),
                ));
            }
            edges_of(name, &columns[axis], &edges[axis])
        })
    };
    let edges: Vec<Opaque> = (0..edges.len()).map(edge).collect();
    let inputs: Vec<&Opaque> = std::iter::once(inner).chain(&edges).collect();
    let counts = step(&inputs, place, &|cores| {
        let edges: Vec<Core> = cores[1..].iter().map(|c| (*c).clone()).collect();
        Ok(counted(name, &columns_of(name, cores[0])?, &edges))
    });
    (counts, edges)
}

#[inline(never)]
fn bincount(inner: &Opaque, least: usize, place: Place) -> Opaque {
    unknown(&[inner], place, &|cores| {
        let core = cores[0];
        if core.ndim() != 1 || core.dtype.is_float() || core.dtype == Dtype::C64 {
            return Err(Error::bad_argument(
                "bincount",
                format!(
                    "an array of shape {} of {}; expected a list of integers; help: .ravel(), .astype::<i64>()",
                    tuple(&core.shape()),
                    core.dtype.name()
                ),
            ));
        }
        let core = cast(core, Dtype::I64);
        let reads = |i: usize, read: &mut dyn FnMut(usize, usize)| read(0, i);
        let run = move |_: usize, values: Vec<Value>| {
            let list: Vec<i64> = Sealed::list(block_of(&values[0]).data().into_owned());
            let mut counts = vec![0.0; least];
            for x in list {
                let at = usize::try_from(x).map_err(|_| {
                    Error::bad_argument("bincount", format!("element {x}; expected 0 or more"))
                })?;
                if at >= counts.len() {
                    counts.resize(at + 1, 0.0);
                }
                counts[at] += 1.0;
            }
            Ok(Arc::new(Block::new(vec![counts.len()], Data::F64(counts))) as Value)
        };
        let first = layer("bincount", core.grid.blocks(), &[&core.layer], reads, run);
        let last = tree("bincount-aggregate", &first, |v| Ok(Arc::new(added(&v)) as Value));
        let counts = one_block("bincount", vec![0], Dtype::I64, &last, |v| {
            let counts: Vec<i64> = floats(block_of(v)).into_iter().map(|x| x as i64).collect();
            Ok(Block::new(vec![counts.len()], Data::I64(counts)))
        });
        Ok((counts, 0))
    })
}

impl<T: ArrayElement> Array<T> {
    /// Counts the elements in bins, and returns the counts and the edges. A bin has its lower edge,
    /// and the last one both. Elements elsewhere, and NaN, are not counted.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let (counts, edges) = da::arange(0..10i64).histogram((2, 0.0..10.0));
    /// assert_eq!(counts.compute()?.into_raw_vec_and_offset().0, [5, 5]);
    /// assert_eq!(edges.compute()?.into_raw_vec_and_offset().0, [0.0, 5.0, 10.0]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    #[must_use]
    #[track_caller]
    pub fn histogram(&self, bins: impl Bins) -> (Array<i64>, Array<f64>) {
        let [counts, edges] = histogram(&self.inner, &bins.bins(), Location::caller());
        (Array::of(counts), Array::of(edges))
    }

    /// Computes the densities of elements in bins, whose integral is 1, and returns them and the
    /// edges.
    #[must_use]
    #[track_caller]
    pub fn histogram_density(&self, bins: impl Bins) -> (Array<f64>, Array<f64>) {
        let place = Location::caller();
        let [counts, edges] = histogram(&self.inner, &bins.bins(), place);
        (Array::of(density(&counts, &edges, place)), Array::of(edges))
    }

    /// Counts the rows of a matrix in bins along as many axes as it has columns, and returns the
    /// counts and the edges of each axis.
    #[must_use]
    #[track_caller]
    pub fn histogramdd<B: Bins>(&self, bins: &[B]) -> (Array<i64>, Vec<Array<f64>>) {
        let mut all = Vec::new();
        for bins in bins {
            all.push(bins.bins());
        }
        let (counts, edges) = histogram_nd("histogramdd", &self.inner, &all, Location::caller());
        let mut lists = Vec::new();
        for edges in edges {
            lists.push(Array::of(edges));
        }
        (Array::of(counts), lists)
    }

    /// Counts how often each integer from 0 on occurs in a list, up to the greatest one, and at least
    /// `least` of them.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let x = da::from_array(ndarray::arr1(&[1, 1, 3i64]), 2);
    /// assert_eq!(x.bincount(0).compute()?.into_raw_vec_and_offset().0, [0, 2, 0, 1]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    #[must_use]
    #[track_caller]
    pub fn bincount(&self, least: usize) -> Array<i64> {
        Array::of(bincount(&self.inner, least, Location::caller()))
    }
}

/// Counts points in bins along two axes, and returns the counts and the edges of both.
#[must_use]
#[track_caller]
pub fn histogram2d<T: ArrayElement>(
    x: &Array<T>,
    y: &Array<T>,
    bins: impl Bins,
) -> (Array<i64>, Array<f64>, Array<f64>) {
    let points = super::join::stack([x, y], 1);
    let all = [bins.bins(), bins.bins()];
    let (counts, mut edges) = histogram_nd("histogram2d", &points.inner, &all, Location::caller());
    let of_y = edges.swap_remove(1);
    (Array::of(counts), Array::of(edges.swap_remove(0)), Array::of(of_y))
}
