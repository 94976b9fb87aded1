//! Other shapes. The elements keep their row-major order, so a block of the result is a range of
//! the elements, wherever these are: arrays are cut into blocks of whole rows for it.

use super::args::IntoShape;
use super::block::Block;
use super::core::Core;
use super::data::Data;
use super::dtype::Dtype;
use super::element::ArrayElement;
use super::grid::{Cut, Grid, cut, tuple};
use super::handle::{Array, Place, step};
use super::merge;
use super::program::block_of;
use super::rechunk::rechunk;
use super::step::Kind;
use crate::error::{Error, Result};
use crate::graph::{Layer, Value, Work};
use crate::handle::Opaque;
use std::panic::Location;
use std::sync::Arc;

/// Returns the grid whose blocks are ranges of the elements in row-major order, of at most `most`
/// elements.
pub(super) fn in_order(method: &str, shape: &[usize], most: usize) -> Result<Arc<Grid>> {
    let mut cuts = vec![Cut::Whole; shape.len()];
    let mut inner = 1;
    for axis in (0..shape.len()).rev() {
        let size = (most / inner).max(1);
        if size < shape[axis] {
            cuts[axis] = Cut::Size(size);
            cuts[..axis].fill(Cut::Size(1));
            break;
        }
        inner *= shape[axis].max(1);
    }
    cut(method, shape, &cuts, most).map(Arc::new)
}

/// Returns the elements of blocks in row-major order, as blocks of another shape.
struct Reshape {
    dtype: Dtype,
    grid: Arc<Grid>,
    /// The place of each block's first element in row-major order, and the number of elements.
    from: Vec<usize>,
    to: Vec<usize>,
}

/// Returns the places of the blocks' first elements, and the number of elements.
pub(super) fn starts(grid: &Grid) -> Vec<usize> {
    let mut at = 0;
    let sizes = (0..grid.blocks()).map(|i| grid.block_shape(&grid.place(i)).iter().product());
    let next = |n: usize| {
        at += n;
        at - n
    };
    let mut starts: Vec<usize> = sizes.map(next).collect();
    starts.push(at);
    starts
}

impl Reshape {
    /// Returns the blocks that make up a range of the elements.
    fn parts(&self, index: usize) -> std::ops::Range<usize> {
        let (from, to) = (self.to[index], self.to[index + 1]);
        if from == to {
            return 0..0;
        }
        let first = self.from.partition_point(|s| *s <= from) - 1;
        first..self.from.partition_point(|s| *s < to).min(self.from.len() - 1)
    }
}

impl Work for Reshape {
    fn reads(&self, _: &Layer, index: u32, out: &mut Vec<(u32, u32)>) {
        out.extend(self.parts(index as usize).map(|i| (0, i as u32)));
    }

    fn run(&self, index: u32, values: Vec<Value>) -> Result<Value> {
        let index = index as usize;
        let shape = self.grid.block_shape(&self.grid.place(index));
        if let Some(number) = merge::common(values.iter().map(block_of)) {
            return Ok(Arc::new(Block::same(shape, number)));
        }
        let (from, to) = (self.to[index], self.to[index + 1]);
        let mut data = Data::with_capacity(self.dtype, to - from);
        for (i, value) in self.parts(index).zip(&values) {
            let (start, end) = (self.from[i].max(from), self.from[i + 1].min(to));
            merge::append(block_of(value), start - self.from[i], end - self.from[i], &mut data);
        }
        Ok(Arc::new(Block::new(shape, data)))
    }
}

/// Returns the shape with its open length filled in.
fn filled(own: &[usize], lengths: &[i64]) -> Result<Vec<usize>> {
    let n: usize = own.iter().product();
    let refused = || {
        Error::bad_argument(
            "reshape",
            format!(
                "an array of shape {} has {n} elements, which do not fit {}{}; expected a shape with as many elements, or -1 for one length",
                tuple(own),
                tuple(lengths),
                lengths
                    .iter()
                    .try_fold(1i64, |n, d| n.checked_mul(*d).filter(|_| *d >= 0))
                    .map_or_else(String::new, |m| format!(" ({m} elements)"))
            ),
        )
    };
    let known: usize = lengths
        .iter()
        .filter(|n| **n != -1)
        .try_fold(1usize, |n, d| n.checked_mul(usize::try_from(*d).ok()?))
        .ok_or_else(refused)?;
    let open = lengths.iter().filter(|n| **n == -1).count();
    let rest = match open {
        0 if known == n => 0,
        1 if known > 0 && n.is_multiple_of(known) => n / known,
        1 if known == 0 && n == 0 => 0,
        _ => return Err(refused()),
    };
    Ok(lengths.iter().map(|d| usize::try_from(*d).unwrap_or(rest)).collect())
}

pub(super) fn reshaped(core: &Core, lengths: &[i64]) -> Result<Core> {
    let own = core.shape();
    let shape = filled(&own, lengths)?;
    if shape == own {
        return Ok(core.clone());
    }
    let most = core.largest().max(1);
    let grid = in_order("reshape", &shape, most)?;
    // What is computed from the number of an element does not change.
    if let Some(Kind::Make(make)) = core.as_step().map(|s| &s.kind) {
        let name = core.layer.key.name.text();
        return Ok(Core::step(&name, grid, core.dtype, &[], Kind::Make(make.clone())));
    }
    let rows = rechunk(core, &in_order("reshape", &own, most)?);
    let (from, to) = (starts(&rows.grid), starts(&grid));
    let work = Reshape { dtype: core.dtype, grid: grid.clone(), from, to };
    Ok(Core::of("reshape", grid, core.dtype, &[&rows], work))
}

#[inline(never)]
fn reshape(inner: &Opaque, lengths: &[i64], place: Place) -> Opaque {
    step(&[inner], place, &|cores| reshaped(cores[0], lengths))
}

impl<T: ArrayElement> Array<T> {
    /// Gives the array another shape; the elements keep their row-major order. One length may be
    /// -1, which stands for whatever is left. Any shape with as many elements will do.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let x = da::arange(0..24i64).reshape((-1, 6));
    /// assert_eq!(x.shape(), [4, 6]);
    /// assert!((x.reshape((5, 5))).compute().is_err());
    /// ```
    #[must_use]
    #[track_caller]
    pub fn reshape(&self, shape: impl IntoShape) -> Self {
        Self::of(reshape(&self.inner, &shape.lengths(), Location::caller()))
    }

    /// Returns the elements in row-major order, along one axis.
    #[must_use]
    #[track_caller]
    pub fn ravel(&self) -> Self {
        Self::of(reshape(&self.inner, &[-1], Location::caller()))
    }

    /// Returns the elements in row-major order, along one axis: the same as [`ravel`](Self::ravel).
    #[must_use]
    #[track_caller]
    pub fn flatten(&self) -> Self {
        self.ravel()
    }
}
