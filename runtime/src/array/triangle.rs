//! Diagonals and triangles of matrices.

use super::align::{self, Operand};
use super::args::axis_of;
use super::core::Core;
use super::create::generated;
use super::data::{Number, sealed::Sealed};
use super::dtype::Dtype;
use super::element::ArrayElement;
use super::grid::{Grid, common, tuple};
use super::handle::{Array, Place, automatic, step};
use super::make::Make;
use super::ops::Op;
use super::rechunk::rechunk;
use super::reduce::partial::{Nan, Reduction};
use super::slice::transposed;
use super::step::{Kind, Look};
use crate::delayed::Delayed;
use crate::error::{Error, Result};
use crate::handle::Opaque;
use std::panic::Location;
use std::sync::Arc;

/// Returns the diagonal of two axes, as the last axis of the result.
pub(super) fn diagonal_of(core: &Core, offset: i64, a: usize, b: usize) -> Result<Core> {
    let ndim = core.ndim();
    let mut order: Vec<usize> = (0..ndim).filter(|x| *x != a && *x != b).collect();
    order.extend([a, b]);
    let mut core = transposed("transpose", core, &order);
    let (rows, columns) = (ndim - 2, ndim - 1);
    let shape = core.shape();
    let (skip_rows, skip_columns) = ((-offset).max(0) as usize, offset.max(0) as usize);
    let n = shape[rows].saturating_sub(skip_rows).min(shape[columns].saturating_sub(skip_columns));
    for (axis, skip) in [(rows, skip_rows), (columns, skip_columns)] {
        core = super::difference::range("diagonal", &core, axis, skip.min(shape[axis]), n);
    }
    // Along the diagonal, both axes have the same chunks.
    let along = common(&[&core.grid.chunks[rows], &core.grid.chunks[columns]]);
    let mut chunks: Vec<Vec<usize>> = core.grid.chunks.iter().map(|c| c.to_vec()).collect();
    (chunks[rows], chunks[columns]) = (along.clone(), along.clone());
    let core = rechunk(&core, &Arc::new(Grid::new(chunks.clone())));
    chunks.pop();
    let whole = |axis: usize, n: usize| Look::Along {
        axis,
        parts: (0..n as u32).map(|b| (b, 0)).collect(),
        step: 1,
    };
    let mut looks: Vec<Look> = chunks.iter().enumerate().map(|(a, c)| whole(a, c.len())).collect();
    looks.push(whole(rows, along.len()));
    Ok(Core::step("diagonal", Arc::new(Grid::new(chunks)), core.dtype, &[&core], Kind::View(looks)))
}

fn two_axes(name: &str, core: &Core) -> Result<()> {
    if core.ndim() < 2 {
        return Err(Error::bad_argument(
            name,
            format!("an array of shape {}; expected two axes or more", tuple(&core.shape())),
        ));
    }
    Ok(())
}

#[inline(never)]
fn diagonal(inner: &Opaque, offset: i64, place: Place) -> Opaque {
    step(&[inner], place, &|cores| {
        two_axes("diagonal", cores[0])?;
        diagonal_of(cores[0], offset, 0, 1)
    })
}

#[inline(never)]
fn diagonal_axes(inner: &Opaque, offset: i64, axes: (i64, i64), place: Place) -> Opaque {
    step(&[inner], place, &|cores| {
        two_axes("diagonal", cores[0])?;
        let n = cores[0].ndim();
        let (a, b) = (axis_of("diagonal", axes.0, n)?, axis_of("diagonal", axes.1, n)?);
        if a == b {
            return Err(Error::bad_argument("diagonal", format!("axis {a} was given twice")));
        }
        diagonal_of(cores[0], offset, a, b)
    })
}

/// Returns the mask of a triangle: true where the column is at most `k` right of the row.
fn mask(core: &Core, k: i64) -> Core {
    let n = core.ndim();
    let columns = core.shape()[n - 1].max(1) as u64;
    let chunks = core.grid.chunks[n - 2..].iter().map(|c| c.to_vec()).collect();
    let make = Make::Lower { columns, diagonal: k };
    Core::step("tri", Arc::new(Grid::new(chunks)), Dtype::Bool, &[], Kind::Make(make))
}

#[inline(never)]
fn triangle(inner: &Opaque, k: i64, upper: bool, zero: Number, place: Place) -> Opaque {
    let name = if upper { "triu" } else { "tril" };
    step(&[inner], place, &|cores| {
        let core = cores[0];
        two_axes(name, core)?;
        let [mask, core] =
            [mask(core, if upper { k - 1 } else { k }), core.clone()].map(Operand::Array);
        let zero = Operand::Number(zero);
        let args = if upper { vec![mask, zero, core] } else { vec![mask, core, zero] };
        align::apply(Op::Where, zero_dtype(&args), args)
    })
}

fn zero_dtype(args: &[Operand]) -> Dtype {
    args[1].dtype()
}

#[inline(never)]
fn diag_of(inner: &Opaque, k: i64, zero: Number, place: Place) -> Opaque {
    step(&[inner], place, &|cores| {
        let core = cores[0];
        match core.ndim() {
            1 => {
                let n = core.shape()[0];
                let size = n + k.unsigned_abs() as usize;
                // Row i holds element i, or element i - |k| of a diagonal below.
                let rows = match (-k).max(0) {
                    0 => core.clone(),
                    skip => {
                        super::join::joined("diag", &[&zeros(skip as usize, zero), core], 0, false)?
                    }
                };
                let rows = match k.max(0) {
                    0 => rows,
                    more => super::join::joined(
                        "diag",
                        &[&rows, &zeros(more as usize, zero)],
                        0,
                        false,
                    )?,
                };
                let column = super::reshape::reshaped(&rows, &[-1, 1])?;
                let grid = automatic("diag", &[size, size], core.dtype)?;
                let make = Make::Diagonal { columns: size.max(1) as u64, diagonal: k };
                let eye = Core::step("eye", grid, Dtype::Bool, &[], Kind::Make(make));
                let args = vec![Operand::Array(eye), Operand::Array(column), Operand::Number(zero)];
                align::apply(Op::Where, core.dtype, args)
            }
            2 => diagonal_of(core, k, 0, 1),
            _ => Err(Error::bad_argument(
                "diag",
                format!("an array of shape {}; expected a list or a matrix", tuple(&core.shape())),
            )),
        }
    })
}

fn zeros(n: usize, zero: Number) -> Core {
    super::create::fill(Arc::new(Grid::whole(&[n])), zero)
}

#[inline(never)]
fn trace(inner: &Opaque, dtype: Dtype) -> crate::graph::Point {
    let diagonal = diagonal(inner, 0, Location::caller());
    super::reduce::number(&diagonal, Reduction::Sum, Nan::Counts, dtype)
}

impl<T: ArrayElement> Array<T> {
    /// Returns the diagonal of the first two axes, `offset` places right of the main one, as the
    /// last axis of the result.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let x = da::arange(0..9i64).reshape((3, 3));
    /// assert_eq!(x.diagonal(0).compute()?.into_raw_vec_and_offset().0, [0, 4, 8]);
    /// assert_eq!(x.trace().compute()?, 12);
    /// # Ok::<(), rask::Error>(())
    /// ```
    #[must_use]
    #[track_caller]
    pub fn diagonal(&self, offset: i64) -> Self {
        Self::of(diagonal(&self.inner, offset, Location::caller()))
    }

    /// Returns the diagonal of two axes, as the last axis of the result.
    #[must_use]
    #[track_caller]
    pub fn diagonal_axes(&self, offset: i64, axes: (i64, i64)) -> Self {
        Self::of(diagonal_axes(&self.inner, offset, axes, Location::caller()))
    }

    /// Computes the sum of the main diagonal of a matrix.
    #[must_use]
    pub fn trace(&self) -> Delayed<T::Sum> {
        Delayed::of_point(trace(&self.inner, <T::Sum as Sealed>::DTYPE))
    }

    /// Keeps the elements up to diagonal `k` of the last two axes; those right of it become 0.
    #[must_use]
    #[track_caller]
    pub fn tril(&self, k: i64) -> Self {
        let zero = T::default().number();
        Self::of(triangle(&self.inner, k, false, zero, Location::caller()))
    }

    /// Keeps the elements from diagonal `k` of the last two axes on; those left of it become 0.
    #[must_use]
    #[track_caller]
    pub fn triu(&self, k: i64) -> Self {
        let zero = T::default().number();
        Self::of(triangle(&self.inner, k, true, zero, Location::caller()))
    }
}

/// Creates the matrix of a list as diagonal `k`, or takes diagonal `k` of a matrix.
#[track_caller]
pub fn diag<T: ArrayElement>(array: &Array<T>, k: i64) -> Array<T> {
    Array::of(diag_of(&array.inner, k, T::default().number(), Location::caller()))
}

#[inline(never)]
fn lower(rows: usize, columns: usize, k: i64, place: Place) -> Opaque {
    let make = Make::Lower { columns: columns.max(1) as u64, diagonal: k };
    generated("tri", &[rows as i64, columns as i64], Dtype::Bool, make, place)
}

/// Creates a matrix of ones up to diagonal `k`, and zeros right of it.
#[track_caller]
pub fn tri(rows: usize, columns: usize, k: i64) -> Array<f64> {
    Array::<bool>::of(lower(rows, columns, k, Location::caller())).astype()
}

/// Returns the indices of the elements of a matrix up to diagonal `k`: their rows and columns.
#[track_caller]
pub fn tril_indices(rows: usize, columns: usize, k: i64) -> Vec<Array<i64>> {
    Array::<bool>::of(lower(rows, columns, k, Location::caller())).nonzero()
}

/// Returns the indices of the elements of a matrix from diagonal `k` on: their rows and columns.
#[track_caller]
pub fn triu_indices(rows: usize, columns: usize, k: i64) -> Vec<Array<i64>> {
    Array::<bool>::of(lower(rows, columns, k - 1, Location::caller())).logical_not().nonzero()
}
