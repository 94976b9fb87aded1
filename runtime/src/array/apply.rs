//! Functions of the user's on parts of arrays: lanes, windows, neighbours, blocks of two arrays.

use super::align::aligned;
use super::args::{IntoShape, axes_of, axis_of};
use super::block::Block;
use super::calls::{each_block, of_blocks};
use super::core::Core;
use super::data::{Data, Number};
use super::dtype::Dtype;
use super::element::ArrayElement;
use super::grid::{Grid, equal, tuple};
use super::handle::{Array, Place, step};
use super::lanes::Lanes;
use super::rechunk::rechunk;
use super::take::{PadMode, padded};
use super::whole::whole_along;
use crate::error::{Error, Result};
use crate::handle::Opaque;
use ndarray::{Array1, ArrayD};
use std::panic::Location;
use std::sync::Arc;

/// A function of a block, as arrays are given to the user's function.
type OfBlock = Arc<dyn Fn(&Block) -> Block + Send + Sync>;
type OfBlocks = Arc<dyn Fn(&Block, &Block) -> Block + Send + Sync>;

/// Appends the results for the lanes of a block; returns how many there are for each.
type OfLanes = Arc<dyn Fn(&Block, usize) -> Result<(Data, usize)> + Send + Sync>;

/// Applies a function to each lane, which gives `m` results along the same axis, or one without
/// that axis if `m` is `None`.
#[inline(never)]
fn lanes(
    inner: &Opaque,
    name: &'static str,
    axis: i64,
    m: Option<usize>,
    (f, dtype): (OfLanes, Dtype),
    place: Place,
) -> Opaque {
    step(&[inner], place, &|cores| {
        let axis = axis_of(name, axis, cores[0].ndim())?;
        let core = whole_along(name, cores[0], &[axis])?;
        let mut chunks: Vec<Vec<usize>> = core.grid.chunks.iter().map(|c| c.to_vec()).collect();
        match m {
            Some(m) => chunks[axis] = vec![m],
            None => drop(chunks.remove(axis)),
        }
        let grid = Arc::new(Grid::new(chunks));
        let f = f.clone();
        Ok(each_block(name, grid, dtype, &core, move |_, block| {
            let (data, found) = f(block, axis)?;
            if found != m.unwrap_or(1) {
                return Err(Error::bad_argument(
                    name,
                    format!(
                        "the function returned {found} elements for a lane; expected {}",
                        m.unwrap_or(1)
                    ),
                ));
            }
            let mut shape = block.shape.clone();
            match m {
                Some(m) => shape[axis] = m,
                None => drop(shape.remove(axis)),
            }
            Ok(Block::new(shape, data))
        }))
    })
}

/// Calls a function for the elements of each lane of a block, and puts the results in the order of
/// the block of results.
fn each_lane<T: ArrayElement, U: ArrayElement>(
    block: &Block,
    axis: usize,
    f: &mut dyn FnMut(Array1<T>) -> Vec<U>,
) -> (Data, usize) {
    let of = Lanes::of(&block.shape, axis);
    let data = block.data();
    let list: &[T] = T::slice(data.slice());
    let mut all: Vec<Vec<U>> = Vec::with_capacity(of.outer * of.inner);
    for outer in 0..of.outer {
        for inner in 0..of.inner {
            let first = outer * of.n * of.inner + inner;
            let lane = (0..of.n).map(|i| list[first + i * of.inner]).collect();
            all.push(f(lane));
        }
    }
    let m = all.first().map_or(1, Vec::len);
    let mut out = Vec::with_capacity(all.len() * m);
    for lanes in all.chunks(of.inner.max(1)) {
        for i in 0..m {
            out.extend(lanes.iter().filter_map(|l| l.get(i).copied()));
        }
    }
    (U::data(out), m)
}

/// Cuts windows of some lengths along the axes, and applies a function to each.
#[inline(never)]
fn coarsen(
    inner: &Opaque,
    lengths: &[(i64, usize)],
    (f, dtype): (OfBlock, Dtype),
    place: Place,
) -> Opaque {
    step(&[inner], place, &|cores| {
        let core = cores[0];
        let shape = core.shape();
        let mut size = vec![1; shape.len()];
        for (axis, n) in lengths {
            let axis = axis_of("coarsen", *axis, shape.len())?;
            if *n == 0 || !shape[axis].is_multiple_of(*n) {
                return Err(Error::bad_argument(
                    "coarsen",
                    format!(
                        "windows of {n} along axis {axis} with {} elements; expected a length that divides it",
                        shape[axis]
                    ),
                ));
            }
            size[axis] = *n;
        }
        // Blocks are cut between windows.
        let chunks: Vec<Vec<usize>> = (0..shape.len())
            .map(|a| {
                let largest = core.grid.chunks[a].iter().copied().max().unwrap_or(1);
                let n = largest.next_multiple_of(size[a]).max(size[a]);
                equal(shape[a], n)
            })
            .collect();
        let core = rechunk(core, &Arc::new(Grid::new(chunks.clone())));
        let fewer = chunks.iter().zip(&size).map(|(c, n)| c.iter().map(|x| x / n).collect());
        let grid = Arc::new(Grid::new(fewer.collect()));
        let f = f.clone();
        Ok(each_block("coarsen", grid, dtype, &core, move |_, block| {
            windows(block, &size, &f, dtype)
        }))
    })
}

/// Applies a function to the windows of a block.
fn windows(block: &Block, size: &[usize], f: &OfBlock, dtype: Dtype) -> Result<Block> {
    let shape: Vec<usize> = block.shape.iter().zip(size).map(|(n, s)| n / s).collect();
    let grid = Grid::new(shape.iter().zip(size).map(|(n, s)| vec![*s; *n]).collect());
    let data = block.data();
    let source = Block::new(block.shape.clone(), data.into_owned());
    let mut out = Data::with_capacity(dtype, shape.iter().product());
    for i in 0..shape.iter().product() {
        let start = grid.block_start(&grid.place(i));
        let window = super::merge::cut(&source, &start, size);
        let found = f(&window);
        if found.len() != 1 {
            return Err(Error::bad_argument(
                "coarsen",
                format!("the function returned {} elements for a window; expected 1", found.len()),
            ));
        }
        out.extend(found.data().slice());
    }
    Ok(Block::new(shape, out))
}

/// What is beyond the ends of an array for [`Array::map_overlap`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Boundary {
    /// Nothing: blocks at the ends have fewer neighbours.
    None,
    /// Elements of the array.
    Pad(PadMode),
    /// This number.
    Constant(f64),
}

/// Applies a function to each block with `depth` elements of its neighbours on all sides, and cuts
/// these off the result.
#[inline(never)]
fn overlap(
    inner: &Opaque,
    depth: &[i64],
    boundary: Boundary,
    (f, dtype): (OfBlock, Dtype),
    place: Place,
) -> Opaque {
    step(&[inner], place, &|cores| {
        let core = cores[0];
        let ndim = core.ndim();
        let depth: Vec<usize> = match depth {
            [d] => vec![usize::try_from(*d).unwrap_or(usize::MAX); ndim],
            all => all.iter().map(|d| usize::try_from(*d).unwrap_or(usize::MAX)).collect(),
        };
        let shape = core.shape();
        if depth.len() != ndim || depth.iter().zip(&shape).any(|(d, n)| d > n) {
            return Err(Error::bad_argument(
                "map_overlap",
                format!(
                    "depths {} of an array of shape {}; expected a depth for each axis, of at most its length",
                    tuple(&depth),
                    tuple(&shape)
                ),
            ));
        }
        let around = match boundary {
            Boundary::None => core.clone(),
            Boundary::Pad(mode) => padded(core, &depth, mode)?,
            Boundary::Constant(x) => {
                let number = super::ops::number_as(Number::F64(x), core.dtype)?;
                super::take::padded_by(core, &depth, number)?
            }
        };
        let has_ends = boundary != Boundary::None;
        Ok(with_neighbours(core, &around, &depth, has_ends, &f, dtype))
    })
}

/// Where a block with its neighbours is, along one axis: the first element and the number of them,
/// and how many elements before the block's own ones.
fn reach(
    start: usize,
    size: usize,
    depth: usize,
    n: usize,
    has_ends: bool,
) -> (usize, usize, usize) {
    if has_ends {
        return (start, size + 2 * depth, depth);
    }
    let first = start.saturating_sub(depth);
    let end = (start + size + depth).min(n);
    (first, end - first, start - first)
}

fn with_neighbours(
    core: &Core,
    around: &Core,
    depth: &[usize],
    has_ends: bool,
    f: &OfBlock,
    dtype: Dtype,
) -> Core {
    let (grid, from) = (core.grid.clone(), around.grid.clone());
    let shape = core.shape();
    let parts = {
        let (grid, depth) = (grid.clone(), depth.to_vec());
        move |i: usize| -> Vec<(usize, usize, usize)> {
            let place = grid.place(i);
            let (start, size) = (grid.block_start(&place), grid.block_shape(&place));
            (0..size.len())
                .map(|a| reach(start[a], size[a], depth[a], shape[a], has_ends))
                .collect()
        }
    };
    let parts = Arc::new(parts);
    let (of_reads, sources) = (parts.clone(), from.clone());
    let reads = move |i: usize, read: &mut dyn FnMut(usize, usize)| {
        sources.each_block_of(&of_reads(i), &mut |place| read(0, sources.number(place)));
    };
    let (f, to, source) = (f.clone(), grid.clone(), core.dtype);
    of_blocks("map_overlap", grid, dtype, &[around], reads, move |i, blocks| {
        let reach = parts(i);
        let shape: Vec<usize> = reach.iter().map(|r| r.1).collect();
        let mut data = super::merge::zeros(source, shape.iter().product());
        let mut next = blocks.iter();
        from.each_block_of(&reach, &mut |place| {
            if let Some(block) = next.next() {
                super::merge::copy_overlap(block, &from.block_start(place), &reach, &mut data);
            }
        });
        let given = Block::new(shape, data);
        let found = f(&given);
        if found.shape != given.shape {
            return Err(Error::bad_argument(
                "map_overlap",
                format!(
                    "the function returned a block of shape {} for one of shape {}; expected the same shape",
                    tuple(&found.shape),
                    tuple(&given.shape)
                ),
            ));
        }
        let own = to.block_shape(&to.place(i));
        let start: Vec<usize> = reach.iter().map(|r| r.2).collect();
        Ok(super::merge::cut(&found, &start, &own))
    })
}

/// Applies a function to the blocks of two arrays at the same places.
#[inline(never)]
fn blocks_of_two(a: &Opaque, b: &Opaque, (f, dtype): (OfBlocks, Dtype), place: Place) -> Opaque {
    step(&[a, b], place, &|cores| {
        let both = aligned("map_blocks_with", &[cores[0].clone(), cores[1].clone()])?;
        let grid = both[0].grid.clone();
        let f = f.clone();
        let reads = |i: usize, read: &mut dyn FnMut(usize, usize)| {
            read(0, i);
            read(1, i);
        };
        Ok(of_blocks(
            "map_blocks_with",
            grid,
            dtype,
            &[&both[0], &both[1]],
            reads,
            move |_, blocks| {
                let found = f(blocks[0], blocks[1]);
                if found.shape != blocks[0].shape {
                    return Err(Error::bad_argument(
                        "map_blocks_with",
                        format!(
                            "the function returned a block of shape {} for one of shape {}; expected the same shape",
                            tuple(&found.shape),
                            tuple(&blocks[0].shape)
                        ),
                    ));
                }
                Ok(found)
            },
        ))
    })
}

/// Reduces axes by functions of blocks: `chunk` of each block, `aggregate` of those results side by
/// side.
#[inline(never)]
fn reduce_blocks(
    inner: &Opaque,
    axes: &[i64],
    (chunk, middle): (OfBlock, Dtype),
    (aggregate, dtype): (OfBlock, Dtype),
    place: Place,
) -> Opaque {
    step(&[inner], place, &|cores| {
        let core = cores[0];
        let axes = axes_of("reduction", axes, core.ndim())?;
        let ones: Vec<Vec<usize>> = (0..core.ndim())
            .map(|a| {
                let chunks = &core.grid.chunks[a];
                if axes.contains(&a) { vec![1; chunks.len()] } else { chunks.to_vec() }
            })
            .collect();
        let with = |f: &OfBlock, name: &'static str, grid: Arc<Grid>, dtype, core: &Core| {
            let (f, to) = (f.clone(), grid.clone());
            each_block(name, grid, dtype, core, move |i, block| {
                let found = f(block);
                let expected = to.block_shape(&to.place(i));
                if found.len() != expected.iter().product::<usize>() {
                    return Err(Error::bad_argument(
                        "reduction",
                        format!(
                            "a function returned a block of shape {}; expected {}",
                            tuple(&found.shape),
                            tuple(&expected)
                        ),
                    ));
                }
                Ok(Block { shape: expected, ..found })
            })
        };
        let parts = with(&chunk, "reduction", Arc::new(Grid::new(ones)), middle, core);
        let parts = whole_along("reduction", &parts, &axes)?;
        let kept: Vec<Vec<usize>> = (0..core.ndim())
            .filter(|a| !axes.contains(a))
            .map(|a| parts.grid.chunks[a].to_vec())
            .collect();
        Ok(with(&aggregate, "reduction-aggregate", Arc::new(Grid::new(kept)), dtype, &parts))
    })
}

/// Wraps a function of arrays as one of blocks.
fn wrapped<T: ArrayElement, U: ArrayElement>(
    f: impl Fn(&ArrayD<T>) -> ArrayD<U> + Send + Sync + 'static,
) -> (OfBlock, Dtype) {
    (Arc::new(move |block: &Block| U::block(f(&T::array(block.clone())))), U::DTYPE)
}

impl<T: ArrayElement> Array<T> {
    /// Applies a function to the elements of each lane along an axis, which gives one result: the
    /// axis is dropped.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let x = da::arange(0..6i64).reshape((2, 3));
    /// let y = x.apply_along_axis(1, |lane: ndarray::Array1<i64>| lane[0] * lane[2]);
    /// assert_eq!(y.compute()?.into_raw_vec_and_offset().0, [0, 15]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    #[must_use]
    #[track_caller]
    pub fn apply_along_axis<U: ArrayElement>(
        &self,
        axis: i64,
        f: impl Fn(Array1<T>) -> U + Send + Sync + 'static,
    ) -> Array<U> {
        let f: OfLanes = Arc::new(move |block: &Block, axis: usize| {
            Ok(each_lane::<T, U>(block, axis, &mut |lane| vec![f(lane)]))
        });
        Array::of(lanes(
            &self.inner,
            "apply_along_axis",
            axis,
            None,
            (f, U::DTYPE),
            Location::caller(),
        ))
    }

    /// Applies a function to the elements of each lane along an axis, which gives `n` results.
    #[must_use]
    #[track_caller]
    pub fn map_lanes<U: ArrayElement>(
        &self,
        axis: i64,
        n: usize,
        f: impl Fn(Array1<T>) -> Array1<U> + Send + Sync + 'static,
    ) -> Array<U> {
        let f: OfLanes = Arc::new(move |block: &Block, axis: usize| {
            Ok(each_lane::<T, U>(block, axis, &mut |lane| f(lane).to_vec()))
        });
        Array::of(lanes(&self.inner, "map_lanes", axis, Some(n), (f, U::DTYPE), Location::caller()))
    }

    /// Applies a function to windows side by side, which gives one element for each: lengths by
    /// axis, which divide the array.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let x = da::arange(0..6i64).coarsen(&[(0, 2)], |w: &ndarray::ArrayD<i64>| w.sum());
    /// assert_eq!(x.compute()?.into_raw_vec_and_offset().0, [1, 5, 9]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    #[must_use]
    #[track_caller]
    pub fn coarsen<U: ArrayElement>(
        &self,
        lengths: &[(i64, usize)],
        f: impl Fn(&ArrayD<T>) -> U + Send + Sync + 'static,
    ) -> Array<U> {
        let f: OfBlock = Arc::new(move |block: &Block| {
            Block::same(Vec::new(), f(&T::array(block.clone())).number())
        });
        Array::of(coarsen(&self.inner, lengths, (f, U::DTYPE), Location::caller()))
    }

    /// Applies a function to each block with `depth` elements of its neighbours on all sides; it
    /// returns a block of the same shape, from which these are cut off. `depth` is one number for
    /// all axes, or one for each.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let x = da::arange(0..6i64).rechunk(2);
    /// let before = x.map_overlap(1, da::Boundary::Constant(0.0), |b: &ndarray::ArrayD<i64>| {
    ///     ndarray::Array1::from_shape_fn(b.len(), |i| if i > 0 { b[[i]] + b[[i - 1]] } else { 0 }).into_dyn()
    /// });
    /// assert_eq!(before.compute()?.into_raw_vec_and_offset().0, [0, 1, 3, 5, 7, 9]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    #[must_use]
    #[track_caller]
    pub fn map_overlap<U: ArrayElement>(
        &self,
        depth: impl IntoShape,
        boundary: Boundary,
        f: impl Fn(&ArrayD<T>) -> ArrayD<U> + Send + Sync + 'static,
    ) -> Array<U> {
        Array::of(overlap(&self.inner, &depth.lengths(), boundary, wrapped(f), Location::caller()))
    }

    /// Applies a function to the blocks of two arrays at the same places, whose shapes are
    /// broadcast; it returns a block of the same shape.
    #[must_use]
    #[track_caller]
    pub fn map_blocks_with<B: ArrayElement, U: ArrayElement>(
        &self,
        other: &Array<B>,
        f: impl Fn(&ArrayD<T>, &ArrayD<B>) -> ArrayD<U> + Send + Sync + 'static,
    ) -> Array<U> {
        let f: OfBlocks = Arc::new(move |a: &Block, b: &Block| {
            U::block(f(&T::array(a.clone()), &B::array(b.clone())))
        });
        Array::of(blocks_of_two(&self.inner, &other.inner, (f, U::DTYPE), Location::caller()))
    }

    /// Reduces axes by two functions: `chunk` reduces a block to one element along them, and
    /// `aggregate` those results, which lie side by side, to what is left without the axes.
    ///
    /// ```
    /// use rask::prelude::*;
    /// use ndarray::{ArrayD, Axis};
    /// let x = da::arange(0..6i64).reshape((2, 3)).rechunk((1, 2));
    /// let chunk = |b: &ArrayD<i64>| b.map_axis(Axis(1), |l| *l.iter().max().unwrap()).insert_axis(Axis(1));
    /// let aggregate = |b: &ArrayD<i64>| b.map_axis(Axis(1), |l| *l.iter().max().unwrap());
    /// assert_eq!(x.reduction(1, chunk, aggregate).compute()?.into_raw_vec_and_offset().0, [2, 5]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    #[must_use]
    #[track_caller]
    pub fn reduction<M: ArrayElement, U: ArrayElement>(
        &self,
        axis: impl IntoShape,
        chunk: impl Fn(&ArrayD<T>) -> ArrayD<M> + Send + Sync + 'static,
        aggregate: impl Fn(&ArrayD<M>) -> ArrayD<U> + Send + Sync + 'static,
    ) -> Array<U> {
        let (chunk, aggregate) = (wrapped(chunk), wrapped(aggregate));
        Array::of(reduce_blocks(&self.inner, &axis.lengths(), chunk, aggregate, Location::caller()))
    }
}
