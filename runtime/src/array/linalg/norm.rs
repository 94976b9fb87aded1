//! Norms of vectors and matrices.

use super::svd::svdvals;
use crate::array::align::{self, cast};
use crate::array::core::Core;
use crate::array::dtype::Dtype;
use crate::array::element::ArrayElement;
use crate::array::handle::{Array, Place, step};
use crate::array::ops::{Binary, Op, Unary};
use crate::array::reduce::partial::{Nan, Reduction};
use crate::array::reduce::{number, reduced};
use crate::delayed::Delayed;
use crate::error::{Error, Result};
use crate::graph::Point;
use crate::handle::Opaque;
use std::panic::Location;

/// A norm, by NumPy's `ord`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Norm {
    /// The root of the sum of squares.
    Frobenius,
    /// The sum of singular values.
    Nuclear,
    /// Of a vector the greatest absolute value, of a matrix the greatest sum of a row.
    Infinity,
    /// Of a vector the least absolute value, of a matrix the least sum of a row.
    NegativeInfinity,
    /// Of a vector `sum(|x|^p)^(1/p)`, and the number of elements other than 0 for 0; of a matrix 1
    /// and -1 (the greatest and the least sum of a column), 2 and -2 (the greatest and the least
    /// singular value).
    P(f64),
}

/// Returns the absolute values as floats.
fn absolute(core: &Core) -> Core {
    let dtype = if core.dtype == Dtype::C64 { Dtype::C64 } else { Dtype::F64 };
    align::unary(&cast(core, dtype), Op::Unary(Unary::Abs), Dtype::F64)
}

/// Applies a function to the elements.
fn each(core: &Core, op: Binary, by: f64) -> Result<Core> {
    let by = align::Operand::Number(crate::array::data::Number::F64(by));
    align::apply(Op::Binary(op), Dtype::F64, vec![align::Operand::Array(core.clone()), by])
}

fn sum(core: &Core, gone: &[bool]) -> Result<Core> {
    reduced(core, (Reduction::Sum, Nan::Counts), gone, Dtype::F64)
}

/// Computes the norm over the axes that are gone, as an array of the others.
fn vector_norm(core: &Core, gone: &[bool], p: Norm) -> Result<Core> {
    let size = absolute(core);
    let best = |op| reduced(&size, (op, Nan::Counts), gone, Dtype::F64);
    match p {
        Norm::Infinity => best(Reduction::Maximum),
        Norm::NegativeInfinity => best(Reduction::Minimum),
        Norm::P(0.0) => {
            let truth = align::unary(&size, Op::Test(crate::array::ops::Test::True), Dtype::Bool);
            sum(&cast(&truth, Dtype::F64), gone)
        }
        Norm::P(1.0) => sum(&size, gone),
        Norm::Frobenius | Norm::P(2.0) => {
            let squares = align::unary(&size, Op::Unary(Unary::Square), Dtype::F64);
            Ok(align::unary(&sum(&squares, gone)?, Op::Unary(Unary::Sqrt), Dtype::F64))
        }
        Norm::P(p) => each(&sum(&each(&size, Binary::Power, p)?, gone)?, Binary::Power, 1.0 / p),
        Norm::Nuclear => Err(Error::bad_argument(
            "norm",
            "the nuclear norm of vectors; expected a matrix".to_owned(),
        )),
    }
}

#[inline(never)]
fn along(inner: &Opaque, axis: i64, p: Norm, place: Place) -> Opaque {
    step(&[inner], place, &|cores| {
        let axis = crate::array::args::axis_of("norm", axis, cores[0].ndim())?;
        let gone: Vec<bool> = (0..cores[0].ndim()).map(|a| a == axis).collect();
        vector_norm(cores[0], &gone, p)
    })
}

/// Computes a norm that needs no singular values.
#[inline(never)]
fn plain(inner: &Opaque, p: Norm, place: Place) -> Point {
    let found = step(&[inner], place, &|cores| {
        let core = cores[0];
        let all = vec![true; core.ndim()];
        if core.ndim() != 2 || p == Norm::Frobenius {
            return vector_norm(core, &all, p);
        }
        let size = absolute(core);
        let (by_rows, op) = match p {
            Norm::Infinity => (true, Reduction::Maximum),
            Norm::NegativeInfinity => (true, Reduction::Minimum),
            Norm::P(1.0) => (false, Reduction::Maximum),
            Norm::P(-1.0) => (false, Reduction::Minimum),
            _ => {
                return Err(Error::bad_argument(
                    "norm",
                    format!(
                        "{p:?} of a matrix; expected Frobenius, Nuclear, Infinity, or P of 1, -1, 2 or -2"
                    ),
                ));
            }
        };
        let sums = sum(&size, &[!by_rows, by_rows])?;
        reduced(&sums, (op, Nan::Counts), &[true], Dtype::F64)
    });
    number(&found, Reduction::Maximum, Nan::Counts, Dtype::F64)
}

/// Computes the root of the sum of squares of all elements. The sum is exact.
///
/// ```
/// use rask::prelude::*;
/// assert_eq!(da::linalg::norm(&da::ones((30, 30))).compute()?, 30.0);
/// # Ok::<(), rask::Error>(())
/// ```
#[track_caller]
pub fn norm<T: ArrayElement>(x: &Array<T>) -> Delayed<f64> {
    norm_of(x, Norm::Frobenius)
}

/// Computes a norm of a vector or a matrix: `da::linalg::norm_of(&x, da::linalg::Norm::P(1.0))`.
#[track_caller]
pub fn norm_of<T: ArrayElement>(x: &Array<T>, norm: Norm) -> Delayed<f64> {
    let is_matrix = x.ndim() == 2;
    match norm {
        Norm::Nuclear if is_matrix => svdvals(x).sum(),
        Norm::P(2.0) if is_matrix => svdvals(x).max(),
        Norm::P(-2.0) if is_matrix => svdvals(x).min(),
        _ => Delayed::of_point(plain(&x.inner, norm, Location::caller())),
    }
}

/// Computes the norms of the vectors along an axis.
#[track_caller]
pub fn norm_axis<T: ArrayElement>(x: &Array<T>, norm: Norm, axis: i64) -> Array<f64> {
    Array::of(along(&x.inner, axis, norm, Location::caller()))
}
