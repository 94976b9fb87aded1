//! Elements by their places: lists of indices, and what is made of them.

use super::args::{IntoShape, axis_of};
use super::block::Block;
use super::calls::of_blocks;
use super::core::Core;
use super::data::{Data, Number, sealed::Sealed};
use super::element::ArrayElement;
use super::grid::{Grid, tuple};
use super::handle::{Array, Place, step};
use super::lanes::gather;
use super::operand::ArrayOperand;
use super::reshape::reshaped;
use super::slice::{cut_axis, part_along};
use crate::error::{Error, Result};
use crate::handle::Opaque;
use std::panic::Location;
use std::sync::Arc;

/// The blocks along an axis that a block of the result reads, and for each of its elements which of
/// those it is in, and where.
type Parts = (Vec<usize>, Vec<(usize, usize)>);

/// Takes elements along an axis; places are below its length.
pub(super) fn taken(name: &str, core: &Core, axis: usize, places: &[usize]) -> Core {
    let chunks = &core.grid.chunks[axis];
    if let Some(step) = even(places) {
        let (sizes, parts) =
            cut_axis(chunks, places.first().copied().unwrap_or(0), step, places.len());
        return part_along(name, core, axis, sizes, parts, step);
    }
    // Blocks of the result are about as long as those of the array.
    let size = core.grid.largest()[axis].max(1);
    let sizes: Vec<usize> = places.chunks(size).map(<[usize]>::len).collect();
    let starts: Vec<usize> =
        chunks.iter().scan(0, |at, c| Some(std::mem::replace(at, *at + c))).collect();
    let parts: Vec<Parts> = places
        .chunks(size)
        .map(|places| {
            let found = |place: &usize| {
                let block = starts.partition_point(|s| s <= place) - 1;
                (block, place - starts[block])
            };
            let found: Vec<(usize, usize)> = places.iter().map(found).collect();
            let mut blocks: Vec<usize> = found.iter().map(|f| f.0).collect();
            blocks.sort_unstable();
            blocks.dedup();
            let at =
                |(block, place): &(usize, usize)| (blocks.partition_point(|b| b < block), *place);
            let found = found.iter().map(at).collect();
            (blocks, found)
        })
        .collect();
    let mut new: Vec<Vec<usize>> = core.grid.chunks.iter().map(|c| c.to_vec()).collect();
    new[axis] = sizes;
    let grid = Arc::new(Grid::new(new));
    let parts = Arc::new(parts);
    let (from, to) = (core.grid.clone(), grid.clone());
    let blocks = parts.clone();
    let reads = move |i: usize, read: &mut dyn FnMut(usize, usize)| {
        let mut place = to.place(i);
        for block in &blocks[place[axis]].0 {
            let at = std::mem::replace(&mut place[axis], *block);
            read(0, from.number(&place));
            place[axis] = at;
        }
    };
    let (to, dtype) = (grid.clone(), core.dtype);
    of_blocks(name, grid, dtype, &[core], reads, move |i, blocks| {
        let place = to.place(i);
        let shape = to.block_shape(&place);
        let found = &parts[place[axis]].1;
        let mut data = Data::with_capacity(dtype, shape.iter().product());
        if let [block] = blocks {
            let places: Vec<usize> = found.iter().map(|f| f.1).collect();
            gather(block, axis, &places, &mut data);
        } else {
            let inner: usize = shape[axis + 1..].iter().product();
            let lists: Vec<_> = blocks.iter().map(|b| b.data()).collect();
            for outer in 0..shape[..axis].iter().product() {
                for (block, place) in found {
                    let from = (outer * blocks[*block].shape[axis] + place) * inner;
                    data.extend(lists[*block].slice().part(from, from + inner));
                }
            }
        }
        Ok(Block::new(shape, data))
    })
}

/// Returns the step of places that are evenly apart.
fn even(places: &[usize]) -> Option<isize> {
    let step = match places {
        [] | [_] => 1,
        [a, b, ..] => *b as isize - *a as isize,
    };
    let fits = step != 0 && places.windows(2).all(|w| w[1] as isize - w[0] as isize == step);
    fits.then_some(step)
}

/// Returns places that may count from the end.
///
/// # Errors
/// Returns an error if a place is out of range.
pub(super) fn places_of(method: &str, places: &[i64], n: usize, axis: usize) -> Result<Vec<usize>> {
    let of = |i: &i64| {
        let at = if *i < 0 { i + n as i64 } else { *i };
        if (0..n as i64).contains(&at) {
            return Ok(at as usize);
        }
        Err(Error::bad_argument(
            method,
            format!("index {i} is out of bounds for axis {axis} with {n} elements"),
        ))
    };
    places.iter().map(of).collect()
}

#[inline(never)]
fn take(inner: &Opaque, places: &[i64], axis: i64, place: Place) -> Opaque {
    step(&[inner], place, &|cores| {
        let axis = axis_of("take", axis, cores[0].ndim())?;
        let places = places_of("take", places, cores[0].shape()[axis], axis)?;
        Ok(taken("take", cores[0], axis, &places))
    })
}

#[inline(never)]
fn delete(inner: &Opaque, places: &[i64], axis: i64, place: Place) -> Opaque {
    step(&[inner], place, &|cores| {
        let axis = axis_of("delete", axis, cores[0].ndim())?;
        let n = cores[0].shape()[axis];
        let gone = places_of("delete", places, n, axis)?;
        let kept: Vec<usize> = (0..n).filter(|i| !gone.contains(i)).collect();
        Ok(taken("delete", cores[0], axis, &kept))
    })
}

#[inline(never)]
fn repeat(inner: &Opaque, times: usize, axis: Option<i64>, place: Place) -> Opaque {
    step(&[inner], place, &|cores| {
        let (flat, axis) = match axis {
            Some(axis) => (cores[0].clone(), axis_of("repeat", axis, cores[0].ndim())?),
            None => (reshaped(cores[0], &[-1])?, 0),
        };
        let n = flat.shape()[axis];
        let places: Vec<usize> = (0..n).flat_map(|i| std::iter::repeat_n(i, times)).collect();
        Ok(taken("repeat", &flat, axis, &places))
    })
}

/// What is put around an array by [`Array::pad_with`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PadMode {
    /// The last element: `1 2 3` becomes `1 1 1 2 3 3 3`.
    Edge,
    /// The elements in the other direction, without the last one: `3 2 1 2 3 2 1`.
    Reflect,
    /// The elements in the other direction, with the last one: `2 1 1 2 3 3 2`.
    Symmetric,
    /// The elements from the other end: `2 3 1 2 3 1 2`.
    Wrap,
}

impl PadMode {
    /// Returns the place of the element at `i`, which may be beyond the ends, of `n`.
    fn place(self, i: i64, n: i64) -> usize {
        let at = match self {
            Self::Edge => i.clamp(0, n - 1),
            Self::Wrap => i.rem_euclid(n),
            Self::Symmetric => {
                let i = i.rem_euclid(2 * n);
                if i < n { i } else { 2 * n - 1 - i }
            }
            Self::Reflect if n == 1 => 0,
            Self::Reflect => {
                let i = i.rem_euclid(2 * (n - 1));
                if i < n { i } else { 2 * (n - 1) - i }
            }
        };
        at as usize
    }
}

/// Returns how many elements are put before and after each axis.
fn widths_of(widths: &[i64], ndim: usize) -> Result<Vec<(i64, i64)>> {
    let widths: Vec<(i64, i64)> = match widths {
        [n] => vec![(*n, *n); ndim],
        [before, after] if ndim == 1 => vec![(*before, *after)],
        all if all.len() == ndim => all.iter().map(|n| (*n, *n)).collect(),
        all if all.len() == 2 * ndim => all.chunks(2).map(|w| (w[0], w[1])).collect(),
        _ => Vec::new(),
    };
    if widths.len() != ndim || widths.iter().any(|w| w.0 < 0 || w.1 < 0) {
        return Err(Error::bad_argument(
            "pad",
            format!(
                "widths of an array with {ndim} axes; expected one width of 0 or more, one for each axis, or two for each (before and after)"
            ),
        ));
    }
    Ok(widths)
}

/// Puts elements of the array around it.
fn surrounded(core: &Core, widths: &[(i64, i64)], mode: PadMode) -> Result<Core> {
    let mut core = core.clone();
    for (axis, (before, after)) in widths.iter().enumerate() {
        let n = core.shape()[axis] as i64;
        if (*before, *after) == (0, 0) {
            continue;
        }
        if n == 0 {
            return Err(Error::bad_argument(
                "pad",
                format!(
                    "axis {axis} of shape {} has no elements to repeat; help: .pad(width, value)",
                    tuple(&core.shape())
                ),
            ));
        }
        let places: Vec<usize> = (-before..n + after).map(|i| mode.place(i, n)).collect();
        core = taken("pad", &core, axis, &places);
    }
    Ok(core)
}

/// Puts a number around the array.
fn framed(core: &Core, widths: &[(i64, i64)], number: Number) -> Result<Core> {
    let mut core = core.clone();
    for (axis, (before, after)) in widths.iter().enumerate() {
        let edge = |n: i64| {
            let mut chunks: Vec<Vec<usize>> = core.grid.chunks.iter().map(|c| c.to_vec()).collect();
            chunks[axis] = vec![n as usize];
            super::create::fill(Arc::new(Grid::new(chunks)), number)
        };
        let parts = [
            (*before > 0).then(|| edge(*before)),
            Some(core.clone()),
            (*after > 0).then(|| edge(*after)),
        ];
        let parts: Vec<Core> = parts.into_iter().flatten().collect();
        core = super::join::joined("pad", &parts.iter().collect::<Vec<_>>(), axis as i64, false)?;
    }
    Ok(core)
}

fn both_sides(depth: &[usize]) -> Vec<(i64, i64)> {
    depth.iter().map(|d| (*d as i64, *d as i64)).collect()
}

/// Puts elements of the array around it, as many on both sides of each axis.
pub(super) fn padded(core: &Core, depth: &[usize], mode: PadMode) -> Result<Core> {
    surrounded(core, &both_sides(depth), mode)
}

/// Puts a number around the array, as wide on both sides of each axis.
pub(super) fn padded_by(core: &Core, depth: &[usize], number: Number) -> Result<Core> {
    framed(core, &both_sides(depth), number)
}

#[inline(never)]
fn pad_with(inner: &Opaque, widths: &[i64], mode: PadMode, place: Place) -> Opaque {
    step(&[inner], place, &|cores| surrounded(cores[0], &widths_of(widths, cores[0].ndim())?, mode))
}

#[inline(never)]
fn pad(inner: &Opaque, widths: &[i64], number: Number, place: Place) -> Opaque {
    step(&[inner], place, &|cores| framed(cores[0], &widths_of(widths, cores[0].ndim())?, number))
}

/// Moves elements along an axis; those that leave it come back at the other end.
pub(super) fn rolled(core: &Core, shift: i64, axis: usize) -> Result<Core> {
    let n = core.shape()[axis];
    let first = if n == 0 { 0 } else { (-shift).rem_euclid(n as i64) as usize };
    if first == 0 {
        return Ok(core.clone());
    }
    let part = |from: usize, to: usize| {
        let places: Vec<usize> = (from..to).collect();
        taken("roll", core, axis, &places)
    };
    super::join::joined("roll", &[&part(first, n), &part(0, first)], axis as i64, false)
}

#[inline(never)]
fn roll(inner: &Opaque, shift: i64, axis: Option<i64>, place: Place) -> Opaque {
    step(&[inner], place, &|cores| {
        let core = cores[0];
        match axis {
            Some(axis) => rolled(core, shift, axis_of("roll", axis, core.ndim())?),
            None => {
                let shape: Vec<i64> = core.shape().iter().map(|n| *n as i64).collect();
                reshaped(&rolled(&reshaped(core, &[-1])?, shift, 0)?, &shape)
            }
        }
    })
}

#[inline(never)]
fn tile(inner: &Opaque, times: &[i64], place: Place) -> Opaque {
    step(&[inner], place, &|cores| {
        if times.iter().any(|n| *n < 0) {
            return Err(Error::bad_argument(
                "tile",
                format!("repetitions {}; expected 0 or more", tuple(times)),
            ));
        }
        let mut core = cores[0].clone();
        let ndim = core.ndim().max(times.len());
        let mut shape = vec![1; ndim - core.ndim()];
        shape.extend(core.shape().iter().map(|n| *n as i64));
        core = reshaped(&core, &shape)?;
        for (axis, n) in times.iter().rev().enumerate() {
            let axis = ndim - 1 - axis;
            core = match n {
                1 => core,
                0 => taken("tile", &core, axis, &[]),
                n => super::join::joined("tile", &vec![&core; *n as usize], axis as i64, false)?,
            };
        }
        Ok(core)
    })
}

impl<T: ArrayElement> Array<T> {
    /// Takes elements along an axis by a list of indices, in their order; negative ones count from
    /// the end.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let x = da::arange(0..10i64).take([4, 0, -1], 0);
    /// assert_eq!(x.compute()?.into_raw_vec_and_offset().0, [4, 0, 9]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    #[must_use]
    #[track_caller]
    pub fn take(&self, indices: impl IntoShape, axis: i64) -> Self {
        Self::of(take(&self.inner, &indices.lengths(), axis, Location::caller()))
    }

    /// Leaves out elements along an axis, by a list of indices.
    #[must_use]
    #[track_caller]
    pub fn delete(&self, indices: impl IntoShape, axis: i64) -> Self {
        Self::of(delete(&self.inner, &indices.lengths(), axis, Location::caller()))
    }

    /// Repeats each element along an axis.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let x = da::arange(0..3i64).repeat(2, 0);
    /// assert_eq!(x.compute()?.into_raw_vec_and_offset().0, [0, 0, 1, 1, 2, 2]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    #[must_use]
    #[track_caller]
    pub fn repeat(&self, times: usize, axis: i64) -> Self {
        Self::of(repeat(&self.inner, times, Some(axis), Location::caller()))
    }

    /// Repeats the whole array along its axes, and along new ones in front.
    #[must_use]
    #[track_caller]
    pub fn tile(&self, times: impl IntoShape) -> Self {
        Self::of(tile(&self.inner, &times.lengths(), Location::caller()))
    }

    /// Moves the elements by `shift` places, in row-major order; those that leave the array come
    /// back at the other end.
    #[must_use]
    #[track_caller]
    pub fn roll(&self, shift: i64) -> Self {
        Self::of(roll(&self.inner, shift, None, Location::caller()))
    }

    /// Moves the elements along an axis; those that leave it come back at the other end.
    #[must_use]
    #[track_caller]
    pub fn roll_axis(&self, shift: i64, axis: i64) -> Self {
        Self::of(roll(&self.inner, shift, Some(axis), Location::caller()))
    }

    /// Puts a value around the array: as wide as `width` says for all axes, for each axis, or as two
    /// numbers for each (before and after).
    ///
    /// ```
    /// use rask::prelude::*;
    /// assert_eq!(da::ones((3, 3)).pad(1, 0.0).shape(), [5, 5]);
    /// assert_eq!(da::ones((3, 3)).pad((0, 0, 1, 2), 0.0).shape(), [3, 6]);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn pad(&self, width: impl IntoShape, value: T) -> Self {
        Self::of(pad(&self.inner, &width.lengths(), Sealed::number(value), Location::caller()))
    }

    /// Puts elements of the array around it: `x.pad_with(1, da::PadMode::Reflect)`.
    #[must_use]
    #[track_caller]
    pub fn pad_with(&self, width: impl IntoShape, mode: PadMode) -> Self {
        Self::of(pad_with(&self.inner, &width.lengths(), mode, Location::caller()))
    }

    /// Computes the differences of neighbours along an axis, `n` times.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let x = da::arange(0..4i64);
    /// assert_eq!((&x * &x).diff(1, 0).compute()?.into_raw_vec_and_offset().0, [1, 3, 5]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    #[must_use]
    #[track_caller]
    pub fn diff(&self, n: usize, axis: i64) -> Self {
        Self::of(super::difference::diff(&self.inner, n, axis, T::DTYPE, Location::caller()))
    }

    /// Puts values before index `at` of an axis: an array with the same other lengths, or a number.
    #[must_use]
    #[track_caller]
    pub fn insert(&self, at: i64, values: impl ArrayOperand<T>, axis: i64) -> Self {
        Self::of(super::difference::insert(
            &self.inner,
            at,
            values.given(),
            axis,
            Location::caller(),
        ))
    }
}
