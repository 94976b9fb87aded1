//! Arrays put together by NumPy's short names, and blocks put together.

use super::core::Core;
use super::element::ArrayElement;
use super::handle::{Array, Place, made, step};
use super::join::{Arrays, handles, joined};
use super::reshape::reshaped;
use crate::error::Result;
use crate::handle::Opaque;
use std::panic::Location;

/// Returns the array with at least `n` axes, as NumPy adds them.
fn at_least(core: &Core, n: usize) -> Result<Core> {
    let shape: Vec<i64> = core.shape().iter().map(|n| *n as i64).collect();
    let lengths = match (shape.as_slice(), n) {
        ([], _) => vec![1; n],
        ([n], 2) => vec![1, *n],
        ([n], 3) => vec![1, *n, 1],
        ([a, b], 3) => vec![*a, *b, 1],
        _ => return Ok(core.clone()),
    };
    reshaped(core, &lengths)
}

#[inline(never)]
fn atleast(inner: &Opaque, n: usize, place: Place) -> Opaque {
    step(&[inner], place, &|cores| at_least(cores[0], n))
}

/// Joins arrays of at least `n` axes.
#[inline(never)]
fn stacked(
    name: &str,
    arrays: &[Opaque],
    n: usize,
    axis: &dyn Fn(usize) -> i64,
    place: Place,
) -> Opaque {
    let inputs: Vec<&Opaque> = arrays.iter().collect();
    if inputs.is_empty() {
        return made(joined(name, &[], 0, false), place);
    }
    step(&inputs, place, &|cores| {
        let cores = cores.iter().map(|c| at_least(c, n)).collect::<Result<Vec<_>>>()?;
        joined(name, &cores.iter().collect::<Vec<_>>(), axis(cores[0].ndim()), false)
    })
}

/// Puts arrays side by side: lists one behind the other, others along axis 1.
#[track_caller]
pub fn hstack<T: ArrayElement>(arrays: impl Arrays<T>) -> Array<T> {
    let axis = |ndim: usize| i64::from(ndim > 1);
    Array::of(stacked("hstack", &handles(&arrays), 1, &axis, Location::caller()))
}

/// Puts arrays below each other: lists become rows.
#[track_caller]
pub fn vstack<T: ArrayElement>(arrays: impl Arrays<T>) -> Array<T> {
    Array::of(stacked("vstack", &handles(&arrays), 2, &|_| 0, Location::caller()))
}

/// Puts arrays behind each other along axis 2.
#[track_caller]
pub fn dstack<T: ArrayElement>(arrays: impl Arrays<T>) -> Array<T> {
    Array::of(stacked("dstack", &handles(&arrays), 3, &|_| 2, Location::caller()))
}

#[inline(never)]
fn block_of_rows(rows: &[Vec<Opaque>], place: Place) -> Opaque {
    let rows: Vec<Opaque> =
        rows.iter().map(|row| stacked("block", row, 1, &|ndim| ndim as i64 - 1, place)).collect();
    stacked("block", &rows, 2, &|ndim| ndim as i64 - 2, place)
}

/// Puts an array together from rows of blocks.
///
/// ```
/// use rask::prelude::*;
/// let (a, b) = (da::ones((2, 2)), da::zeros((2, 3)));
/// assert_eq!(da::block(&[vec![&a, &b], vec![&a, &b]]).shape(), [4, 5]);
/// ```
#[track_caller]
pub fn block<T: ArrayElement>(rows: &[Vec<&Array<T>>]) -> Array<T> {
    let mut all = Vec::new();
    for row in rows {
        let mut list = Vec::new();
        for array in row {
            list.push(array.inner.again());
        }
        all.push(list);
    }
    Array::of(block_of_rows(&all, Location::caller()))
}

impl<T: ArrayElement> Array<T> {
    /// Puts the elements of another array behind those of this one, along an axis.
    #[must_use]
    #[track_caller]
    pub fn append(&self, other: &Self, axis: i64) -> Self {
        super::join::concatenate([self, other], axis)
    }

    /// Returns the array with at least one axis.
    #[must_use]
    #[track_caller]
    pub fn atleast_1d(&self) -> Self {
        Self::of(atleast(&self.inner, 1, Location::caller()))
    }

    /// Returns the array with at least two axes: a list becomes a row.
    #[must_use]
    #[track_caller]
    pub fn atleast_2d(&self) -> Self {
        Self::of(atleast(&self.inner, 2, Location::caller()))
    }

    /// Returns the array with at least three axes.
    #[must_use]
    #[track_caller]
    pub fn atleast_3d(&self) -> Self {
        Self::of(atleast(&self.inner, 3, Location::caller()))
    }

    /// Reverses the order of the rows.
    #[must_use]
    #[track_caller]
    pub fn flipud(&self) -> Self {
        self.flip_axis(0)
    }

    /// Reverses the order of the columns.
    #[must_use]
    #[track_caller]
    pub fn fliplr(&self) -> Self {
        self.flip_axis(1)
    }

    /// Turns the first two axes by 90 degrees, `k` times.
    #[must_use]
    #[track_caller]
    pub fn rot90(&self, k: i64) -> Self {
        match k.rem_euclid(4) {
            0 => self.clone(),
            1 => self.swapaxes(0, 1).flip_axis(0),
            2 => self.flip_axis([0, 1]),
            _ => self.swapaxes(0, 1).flip_axis(1),
        }
    }
}
