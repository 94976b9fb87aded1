//! Elements by masks. How many there are is known once the mask is computed, so that the sizes of
//! the results' chunks are not known before.

use super::align::broadcast_to;
use super::args::axis_of;
use super::block::Block;
use super::calls::of_blocks;
use super::core::Core;
use super::data::{Data, Slice, sealed::Sealed};
use super::dtype::{Dtype, with_types};
use super::element::ArrayElement;
use super::grid::{Grid, tuple};
use super::handle::{Array, Place, made_unknown, unknown};
use super::operand::{ArrayOperand, apply, array};
use super::ops::{Op, Test};
use super::rechunk::rechunk;
use super::reshape::{in_order, starts};
use crate::error::{Error, Result};
use crate::handle::Opaque;
use std::panic::Location;
use std::sync::Arc;

/// Returns the grid of as many blocks along one axis, of sizes that are not known.
fn unknown_grid(blocks: usize) -> Vec<usize> {
    vec![0; blocks]
}

/// Appends the elements where the mask is true.
fn select(mask: &[bool], from: Slice<'_>, out: &mut Data) {
    macro_rules! typed {
        ($(($v:ident, $t:ty, $name:literal))*) => {
            match (from, out) {
                $((Slice::$v(from), Data::$v(out)) => {
                    out.extend(from.iter().zip(mask).filter(|(_, m)| **m).map(|(x, _)| *x));
                })*
                _ => unreachable!("a filter keeps the type"),
            }
        };
    }
    with_types!(typed);
}

/// Takes the elements where the mask is true, in row-major order.
fn filtered(core: &Core, mask: &Core) -> Result<(Core, usize)> {
    let shape = core.shape();
    if mask.shape() != shape {
        if mask.ndim() == 1 && shape.first() == mask.shape().first() {
            return compressed("filter", core, mask, 0);
        }
        return Err(Error::bad_argument(
            "filter",
            format!(
                "a mask of shape {} for an array of shape {}; expected the same shape, or the length of axis 0",
                tuple(&mask.shape()),
                tuple(&shape)
            ),
        ));
    }
    let rows = if core.ndim() <= 1 {
        core.grid.clone()
    } else {
        in_order("filter", &shape, core.largest().max(1))?
    };
    let (core, mask) = (rechunk(core, &rows), rechunk(mask, &rows));
    let dtype = core.dtype;
    let grid = Arc::new(Grid::new(vec![unknown_grid(rows.blocks())]));
    let reads = |i: usize, read: &mut dyn FnMut(usize, usize)| {
        read(0, i);
        read(1, i);
    };
    let run = move |_: usize, blocks: &[&Block]| {
        let (from, mask) = (blocks[0].data(), blocks[1].data());
        let mut out = Data::empty(dtype);
        select(Sealed::slice(mask.slice()), from.slice(), &mut out);
        Ok(Block::new(vec![out.len()], out))
    };
    Ok((of_blocks("filter", grid, dtype, &[&core, &mask], reads, run), 0))
}

/// Takes the rows along an axis where the mask, a list, is true.
fn compressed(name: &str, core: &Core, mask: &Core, axis: usize) -> Result<(Core, usize)> {
    let n = core.shape()[axis];
    if mask.shape() != [n] {
        return Err(Error::bad_argument(
            name,
            format!(
                "a mask of shape {} for axis {axis} with {n} elements; expected ({n},)",
                tuple(&mask.shape())
            ),
        ));
    }
    let along = core.grid.chunks[axis].to_vec();
    let mask = rechunk(mask, &Arc::new(Grid::new(vec![along.clone()])));
    let mut chunks: Vec<Vec<usize>> = core.grid.chunks.iter().map(|c| c.to_vec()).collect();
    chunks[axis] = unknown_grid(along.len());
    let grid = Arc::new(Grid::new(chunks));
    let places = grid.clone();
    let reads = move |i: usize, read: &mut dyn FnMut(usize, usize)| {
        read(0, i);
        read(1, places.place(i)[axis]);
    };
    let dtype = core.dtype;
    let run = move |_: usize, blocks: &[&Block]| {
        let mask = blocks[1].data();
        let mask: &[bool] = Sealed::slice(mask.slice());
        let places: Vec<usize> = (0..mask.len()).filter(|i| mask[*i]).collect();
        let mut shape = blocks[0].shape.clone();
        shape[axis] = places.len();
        let mut out = Data::with_capacity(dtype, shape.iter().product());
        super::lanes::gather(blocks[0], axis, &places, &mut out);
        Ok(Block::new(shape, out))
    };
    Ok((of_blocks(name, grid, dtype, &[core, &mask], reads, run), axis))
}

/// Returns the places of the elements that are not 0: a row for each, with its index along each
/// axis, or only its place in row-major order if `flat`.
fn places(name: &str, core: &Core, flat: bool) -> Result<(Core, usize)> {
    let shape = core.shape();
    let truth = super::align::unary(core, Op::Test(Test::True), Dtype::Bool);
    let rows = if core.ndim() <= 1 {
        core.grid.clone()
    } else {
        in_order(name, &shape, core.largest().max(1))?
    };
    let truth = rechunk(&truth, &rows);
    let firsts = starts(&rows);
    let ndim = shape.len();
    let n = rows.blocks();
    let chunks = if flat { vec![unknown_grid(n)] } else { vec![unknown_grid(n), vec![ndim]] };
    let run = move |i: usize, block: &Block| {
        let mask = block.data();
        let mask: &[bool] = Sealed::slice(mask.slice());
        let mut out: Vec<i64> = Vec::new();
        for at in (0..mask.len()).filter(|at| mask[*at]) {
            let mut rest = firsts[i] + at;
            if flat {
                out.push(rest as i64);
                continue;
            }
            let from = out.len();
            for n in shape.iter().rev() {
                out.push((rest % n) as i64);
                rest /= n;
            }
            out[from..].reverse();
        }
        let count = if flat { out.len() } else { mask.iter().filter(|m| **m).count() };
        let shape = if flat { vec![count] } else { vec![count, ndim] };
        Ok(Block::new(shape, Data::I64(out)))
    };
    let grid = Arc::new(Grid::new(chunks));
    Ok((super::calls::each_block(name, grid, Dtype::I64, &truth, run), 0))
}

#[inline(never)]
fn filter(inner: &Opaque, mask: &Opaque, place: Place) -> Opaque {
    unknown(&[inner, mask], place, &|cores| filtered(cores[0], cores[1]))
}

#[inline(never)]
fn compress(inner: &Opaque, mask: &Opaque, axis: i64, place: Place) -> Opaque {
    unknown(&[inner, mask], place, &|cores| {
        let axis = axis_of("compress", axis, cores[0].ndim())?;
        compressed("compress", cores[0], cores[1], axis)
    })
}

#[inline(never)]
fn nonzero(inner: &Opaque, flat: bool, place: Place) -> Opaque {
    let name = if flat { "flatnonzero" } else { "argwhere" };
    unknown(&[inner], place, &|cores| places(name, cores[0], flat))
}

/// Returns one column of a matrix as a list, whose length may not be known.
#[inline(never)]
fn column(inner: &Opaque, at: usize, place: Place) -> Opaque {
    let found = super::handle::lazily(inner).map(|(core, unknown)| {
        let grid = Arc::new(Grid::new(vec![core.grid.chunks[0].to_vec()]));
        let run = move |_: usize, block: &Block| {
            let mut out = Data::empty(Dtype::I64);
            let rows = block.shape[0];
            if rows > 0 {
                out.extend_strided(block.data().slice(), at, block.shape[1] as isize, rows);
            }
            Ok(Block::new(vec![rows], out))
        };
        (super::calls::each_block("nonzero", grid, Dtype::I64, core, run), unknown)
    });
    match found {
        Ok((core, Some(axis))) => made_unknown(Ok((core, axis)), place),
        Ok((core, None)) => super::handle::made(Ok(core), place),
        Err(e) => super::handle::made(Err(e), place),
    }
}

/// Repeats a mask along the axes that it does not have.
#[inline(never)]
fn spread(mask: &Opaque, over: &Opaque, place: Place) -> Opaque {
    super::handle::step(&[mask, over], place, &|cores| {
        let (mask, over) = (cores[0], cores[1]);
        if mask.ndim() == 1 && over.ndim() > 1 && over.shape()[0] == mask.shape()[0] {
            let mut lengths = vec![1i64; over.ndim()];
            lengths[0] = mask.shape()[0] as i64;
            return Ok(broadcast_to(&super::reshape::reshaped(mask, &lengths)?, &over.grid));
        }
        Ok(mask.clone())
    })
}

impl<T: ArrayElement> Array<T> {
    /// Takes the elements where the mask is true, in row-major order, as a list. A mask with the
    /// length of axis 0 takes whole rows. How many there are is known when the mask is computed:
    /// until then [`shape`](Self::shape) shows `?`, and a step that needs the sizes counts them.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let x = da::arange(0..24i64).reshape((4, 6));
    /// assert_eq!(x.filter(&x.gt(20)).sum().compute()?, 66);
    /// # Ok::<(), rask::Error>(())
    /// ```
    #[must_use]
    #[track_caller]
    pub fn filter(&self, mask: &Array<bool>) -> Self {
        Self::of(filter(&self.inner, &mask.inner, Location::caller()))
    }

    /// Takes the parts along an axis where the mask is true, which has a value for each.
    #[must_use]
    #[track_caller]
    pub fn compress(&self, mask: &Array<bool>, axis: i64) -> Self {
        Self::of(compress(&self.inner, &mask.inner, axis, Location::caller()))
    }

    /// Puts a value, or the elements of another array, where the mask is true.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let x = da::arange(0..6i64);
    /// assert_eq!(x.put_mask(&x.lt(3), 0).sum().compute()?, 12);
    /// # Ok::<(), rask::Error>(())
    /// ```
    #[must_use]
    #[track_caller]
    pub fn put_mask(&self, mask: &Array<bool>, value: impl ArrayOperand<T>) -> Self {
        let place = Location::caller();
        let mask = spread(&mask.inner, &self.inner, place);
        let args = [array(&mask), value.given(), array(&self.inner)];
        Self::of(apply(Op::Where, &args, T::DTYPE, T::DTYPE, place))
    }

    /// Returns the indices of the elements that are not 0: a list for each axis.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let found = da::eye(3).nonzero();
    /// assert_eq!(found[1].compute()?.into_raw_vec_and_offset().0, [0, 1, 2]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    #[must_use]
    #[track_caller]
    pub fn nonzero(&self) -> Vec<Array<i64>> {
        let place = Location::caller();
        let rows = nonzero(&self.inner, false, place);
        let mut all = Vec::new();
        for axis in 0..self.ndim() {
            all.push(Array::of(column(&rows, axis, place)));
        }
        all
    }

    /// Returns the indices of the elements that are not 0: a row for each.
    #[must_use]
    #[track_caller]
    pub fn argwhere(&self) -> Array<i64> {
        Array::of(nonzero(&self.inner, false, Location::caller()))
    }

    /// Returns the places of the elements that are not 0, in row-major order.
    #[must_use]
    #[track_caller]
    pub fn flatnonzero(&self) -> Array<i64> {
        Array::of(nonzero(&self.inner, true, Location::caller()))
    }
}
