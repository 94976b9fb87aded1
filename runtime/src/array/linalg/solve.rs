//! Equations, inverses, least squares and eigenvalues.

use super::dense::{self, block, list, matrix, once, singular, square, unsettled, with};
use super::tall::decomposed;
use crate::array::core::Core;
use crate::array::dtype::Dtype;
use crate::array::element::ArrayElement;
use crate::array::grid::tuple;
use crate::array::handle::{Array, Place, core, several, step};
use crate::array::product::matrix_product;
use crate::array::reshape::reshaped;
use crate::array::slice::transposed;
use crate::delayed::{Delayed, typed_ref};
use crate::error::{Error, Result};
use crate::graph::{Layer, Value};
use crate::handle::Opaque;
pub use rask_dense::Half as Triangle;
use std::panic::Location;
use std::sync::Arc;

/// Returns the right side as a matrix of columns, and whether it was a list.
fn right_side(name: &str, a: &Core, b: &Core) -> Result<(Core, bool)> {
    let is_list = b.ndim() == 1;
    let columns = if is_list { reshaped(b, &[-1, 1])? } else { b.clone() };
    let columns = matrix(name, &columns)?;
    if columns.shape()[0] != a.shape()[0] {
        return Err(Error::bad_argument(
            name,
            format!(
                "shapes {} and {} do not fit; expected a right side with as many rows as the matrix",
                tuple(&a.shape()),
                tuple(&b.shape())
            ),
        ));
    }
    Ok((columns, is_list))
}

/// Returns columns as a list, if they were one.
fn as_given(found: Core, is_list: bool) -> Result<Core> {
    if is_list { reshaped(&found, &[-1]) } else { Ok(found) }
}

#[inline(never)]
fn solved(a: &Opaque, b: &Opaque, place: Place) -> Opaque {
    step(&[a, b], place, &|cores| {
        let a = square("solve", cores[0])?;
        let (b, is_list) = right_side("solve", &a, cores[1])?;
        let found = once("solve", &[&a, &b], |blocks| {
            let found = with(blocks, |m| rask_dense::solve(m[0], m[1]));
            Ok(vec![block(found.map_err(singular("solve"))?)])
        });
        as_given(dense::result("solve", &b.shape(), &found, 0), is_list)
    })
}

#[inline(never)]
fn triangular(a: &Opaque, b: &Opaque, half: Triangle, place: Place) -> Opaque {
    let name = "solve_triangular";
    step(&[a, b], place, &|cores| {
        let a = square(name, cores[0])?;
        let (b, is_list) = right_side(name, &a, cores[1])?;
        let found = once(name, &[&a, &b], move |blocks| {
            let found = with(blocks, |m| rask_dense::solve_triangular(m[0], m[1], half));
            Ok(vec![block(found.map_err(singular(name))?)])
        });
        as_given(dense::result(name, &b.shape(), &found, 0), is_list)
    })
}

#[inline(never)]
fn inverse(inner: &Opaque, place: Place) -> Opaque {
    step(&[inner], place, &|cores| {
        let a = square("inv", cores[0])?;
        let found = once("inv", &[&a], |blocks| {
            let found = with(blocks, |m| rask_dense::inverse(m[0]));
            Ok(vec![block(found.map_err(singular("inv"))?)])
        });
        Ok(dense::result("inv", &a.shape(), &found, 0))
    })
}

/// Returns the permutation, the lower and the upper triangle: `p.dot(&l).dot(&u)` is the matrix.
fn factors(core: &Core) -> Result<[Core; 3]> {
    let a = square("lu", core)?;
    let all =
        once("lu", &[&a], |blocks| Ok(with(blocks, |m| rask_dense::lu(m[0])).map(block).to_vec()));
    Ok([0, 1, 2].map(|at| dense::result("lu", &a.shape(), &all, at)))
}

#[inline(never)]
fn lu_of(inner: &Opaque, place: Place) -> [Opaque; 3] {
    several(&[inner], place, &|cores| factors(cores[0]))
}

/// Returns the solution with the least squares, and the singular values of the matrix.
fn least(a: &Core, b: &Core) -> Result<(Core, Core)> {
    let a = matrix("lstsq", a)?;
    let (b, is_list) = right_side("lstsq", &a, b)?;
    let shape = a.shape();
    if shape[0] < shape[1] {
        return Err(Error::bad_argument(
            "lstsq",
            format!(
                "a matrix of shape {}; expected at least as many rows as columns",
                tuple(&shape)
            ),
        ));
    }
    let (q, r) = decomposed("lstsq", &a)?;
    let right = matrix_product("dot", &transposed("transpose", &q, &[1, 0]), &b, Dtype::F64)?;
    let found = once("lstsq", &[&r, &right], |blocks| {
        let found = with(blocks, |m| rask_dense::least_squares(m[0], m[1]));
        let (x, values) = found.ok_or_else(|| unsettled("lstsq"))?;
        Ok(vec![block(x), list(values)])
    });
    let solution = dense::result("lstsq", &[shape[1], b.shape()[1]], &found, 0);
    Ok((as_given(solution, is_list)?, dense::result("lstsq", &[shape[1]], &found, 1)))
}

#[inline(never)]
fn least_squares(a: &Opaque, b: &Opaque, place: Place) -> [Opaque; 2] {
    several(&[a, b], place, &|cores| least(cores[0], cores[1]).map(<[Core; 2]>::from))
}

/// Returns the eigenvalues of a symmetric matrix, least first, and their vectors as columns.
fn eigen(core: &Core) -> Result<(Core, Core)> {
    let a = square("eigh", core)?;
    let shape = a.shape();
    let both = once("eigh", &[&a], |blocks| {
        let found = with(blocks, |m| rask_dense::eigh(m[0]));
        let (values, vectors) = found.ok_or_else(|| unsettled("eigh"))?;
        Ok(vec![list(values), block(vectors)])
    });
    Ok((dense::result("eigh", &shape[..1], &both, 0), dense::result("eigh", &shape, &both, 1)))
}

#[inline(never)]
fn eigen_of(inner: &Opaque, place: Place) -> [Opaque; 2] {
    several(&[inner], place, &|cores| eigen(cores[0]).map(<[Core; 2]>::from))
}

#[inline(never)]
fn determinant(inner: &Opaque) -> crate::graph::Point {
    use crate::array::failing::Failing;
    use crate::graph::{Key, Name};
    let found = core(inner).and_then(|core| {
        let a = square("det", core)?;
        let all: Arc<Layer> = once("det", &[&a], |blocks| {
            Ok(vec![list(vec![with(blocks, |m| rask_dense::det(m[0]))])])
        });
        let reads = |_: usize, read: &mut dyn FnMut(usize, usize)| read(0, 0);
        Ok(crate::array::calls::layer("det", 1, &[&all], reads, |_, values: Vec<Value>| {
            let parts = &typed_ref::<crate::array::block::Parts>(&values[0]).0;
            let found: Vec<f64> =
                crate::array::data::sealed::Sealed::list(parts[0].data().into_owned());
            Ok(Arc::new(found[0]) as Value)
        }))
    });
    match found {
        Ok(layer) => layer.at(0),
        Err(e) => Layer::new(Key::new(Name::new("det")), 1, Vec::new(), Failing(e)).at(0),
    }
}

/// Solves `a x = b` for a square matrix, by LU with pivots; `b` is a list or a matrix of columns. A
/// singular matrix is an error.
///
/// ```
/// use rask::prelude::*;
/// let x = da::linalg::solve(&(da::eye(3) * 2.0), &da::ones(3));
/// assert_eq!(x.sum().compute()?, 1.5);
/// # Ok::<(), rask::Error>(())
/// ```
#[track_caller]
pub fn solve<A: ArrayElement, B: ArrayElement>(a: &Array<A>, b: &Array<B>) -> Array<f64> {
    Array::of(solved(&a.inner, &b.inner, Location::caller()))
}

/// Solves `a x = b` for a lower or an upper triangle; the other elements are not read:
/// `da::linalg::solve_triangular(&l, &b, da::linalg::Triangle::Lower)`.
#[track_caller]
pub fn solve_triangular<A: ArrayElement, B: ArrayElement>(
    a: &Array<A>,
    b: &Array<B>,
    half: Triangle,
) -> Array<f64> {
    Array::of(triangular(&a.inner, &b.inner, half, Location::caller()))
}

/// Computes the inverse of a square matrix. A singular one is an error.
#[track_caller]
pub fn inv<T: ArrayElement>(x: &Array<T>) -> Array<f64> {
    Array::of(inverse(&x.inner, Location::caller()))
}

/// Decomposes a square matrix into a permutation, a lower triangle with ones on the diagonal, and an
/// upper triangle: `p.dot(&l).dot(&u)` is the matrix.
#[track_caller]
pub fn lu<T: ArrayElement>(x: &Array<T>) -> (Array<f64>, Array<f64>, Array<f64>) {
    let [p, l, u] = lu_of(&x.inner, Location::caller());
    (Array::of(p), Array::of(l), Array::of(u))
}

/// Finds the `x` with the least squares of `a x - b`, the shortest if there are several, and the
/// singular values of `a`. Rows are decomposed block by block.
#[track_caller]
pub fn lstsq<A: ArrayElement, B: ArrayElement>(
    a: &Array<A>,
    b: &Array<B>,
) -> (Array<f64>, Array<f64>) {
    let [x, s] = least_squares(&a.inner, &b.inner, Location::caller());
    (Array::of(x), Array::of(s))
}

/// Computes the eigenvalues of a symmetric matrix, least first, and their vectors as columns. Only
/// the lower triangle is read.
#[track_caller]
pub fn eigh<T: ArrayElement>(x: &Array<T>) -> (Array<f64>, Array<f64>) {
    let [w, v] = eigen_of(&x.inner, Location::caller());
    (Array::of(w), Array::of(v))
}

/// Computes the eigenvalues of a symmetric matrix, least first.
#[track_caller]
pub fn eigvalsh<T: ArrayElement>(x: &Array<T>) -> Array<f64> {
    eigh(x).0
}

/// Computes the determinant of a square matrix.
#[must_use]
pub fn det<T: ArrayElement>(x: &Array<T>) -> Delayed<f64> {
    Delayed::of_point(determinant(&x.inner))
}
