//! Singular values and vectors.

use super::dense::{self, block, list, matrix, once, unsettled, with};
use super::tall::decomposed;
use crate::array::core::Core;
use crate::array::create::generated;
use crate::array::dtype::Dtype;
use crate::array::element::ArrayElement;
use crate::array::handle::{Array, Place, several};
use crate::array::make::Make;
use crate::array::product::matrix_product;
use crate::array::random::Distribution;
use crate::array::slice::transposed;
use crate::error::{Error, Result};
use crate::handle::Opaque;
use std::panic::Location;

/// U, the singular values, and V transposed.
type Triple = (Core, Core, Core);

/// Decomposes a small matrix.
fn small(core: &Core) -> Triple {
    let shape = core.shape();
    let (m, n) = (shape[0], shape[1]);
    let k = m.min(n);
    let all = once("svd", &[core], |blocks| {
        let found = with(blocks, |m| rask_dense::svd(m[0]));
        let (u, s, vt) = found.ok_or_else(|| unsettled("svd"))?;
        Ok(vec![block(u), list(s), block(vt)])
    });
    (
        dense::result("svd", &[m, k], &all, 0),
        dense::result("svd", &[k], &all, 1),
        dense::result("svd", &[k, n], &all, 2),
    )
}

/// Decomposes a matrix: one with more rows than columns by its QR.
fn full(core: &Core) -> Result<Triple> {
    let core = matrix("svd", core)?;
    let shape = core.shape();
    if shape[0] < shape[1] {
        let (v, s, ut) = full(&transposed("transpose", &core, &[1, 0]))?;
        let turned = |core: &Core| transposed("transpose", core, &[1, 0]);
        return Ok((turned(&ut), s, turned(&v)));
    }
    let (q, r) = decomposed("svd", &core)?;
    let (u, s, vt) = small(&r);
    Ok((matrix_product("dot", &q, &u, Dtype::F64)?, s, vt))
}

/// Finds the first `k` singular values and vectors with random directions (Halko, Martinsson and
/// Tropp, "Finding structure with randomness", 2011).
fn compressed(core: &Core, k: usize, powers: usize, seed: u64) -> Result<Triple> {
    let core = matrix("svd_compressed", core)?;
    let shape = core.shape();
    let most = shape[0].min(shape[1]);
    if k == 0 || k > most {
        return Err(Error::bad_argument(
            "svd_compressed",
            format!(
                "{k} values of a matrix of shape {}; expected 1 to {most}",
                crate::array::grid::tuple(&shape)
            ),
        ));
    }
    let directions = (k + 10).min(most);
    let of = Distribution::Normal { mean: 0.0, deviation: 1.0 };
    let random = generated(
        "random",
        &[shape[1] as i64, directions as i64],
        Dtype::F64,
        Make::Random { seed, of },
        Location::caller(),
    );
    let random = crate::array::handle::core(&random)?.clone();
    let turned = transposed("transpose", &core, &[1, 0]);
    let dot = |a: &Core, b: &Core| matrix_product("dot", a, b, Dtype::F64);
    let (mut q, _) = decomposed("svd_compressed", &dot(&core, &random)?)?;
    for _ in 0..powers {
        let (back, _) = decomposed("svd_compressed", &dot(&turned, &q)?)?;
        q = decomposed("svd_compressed", &dot(&core, &back)?)?.0;
    }
    let inside = dot(&transposed("transpose", &q, &[1, 0]), &core)?;
    let (u, s, vt) = full(&inside)?;
    let u = dot(&q, &u)?;
    let first = |core: &Core, axis| crate::array::difference::range("getitem", core, axis, 0, k);
    Ok((first(&u, 1), first(&s, 0), first(&vt, 0)))
}

#[inline(never)]
fn triple(inner: &Opaque, f: &dyn Fn(&Core) -> Result<Triple>, place: Place) -> [Opaque; 3] {
    several(&[inner], place, &|cores| f(cores[0]).map(<[Core; 3]>::from))
}

#[inline(never)]
fn compress(inner: &Opaque, k: usize, powers: usize, seed: u64, place: Place) -> [Opaque; 3] {
    triple(inner, &|core| compressed(core, k, powers, seed), place)
}

/// Decomposes a matrix into U, its singular values, greatest first, and V transposed: `(&u *
/// &s).dot(&vt)` is the matrix. Many rows, or columns, are decomposed block by block.
///
/// ```
/// use rask::prelude::*;
/// let x = da::random_seeded((100, 3), 1);
/// let (u, s, vt) = da::linalg::svd(&x);
/// assert!(((&u * &s).dot(&vt) - &x).abs().max().compute()? < 1e-13);
/// # Ok::<(), rask::Error>(())
/// ```
#[track_caller]
pub fn svd<T: ArrayElement>(x: &Array<T>) -> (Array<f64>, Array<f64>, Array<f64>) {
    let [u, s, vt] = triple(&x.inner, &full, Location::caller());
    (Array::of(u), Array::of(s), Array::of(vt))
}

/// Computes the singular values, greatest first.
#[track_caller]
pub fn svdvals<T: ArrayElement>(x: &Array<T>) -> Array<f64> {
    svd(x).1
}

/// Approximates the `k` greatest singular values and their vectors with random directions: U, the
/// values, and V transposed. Two rounds of powers make it exact enough for most uses; the
/// directions are those of seed 0.
#[track_caller]
pub fn svd_compressed<T: ArrayElement>(
    x: &Array<T>,
    k: usize,
) -> (Array<f64>, Array<f64>, Array<f64>) {
    let [u, s, vt] = compress(&x.inner, k, 2, 0, Location::caller());
    (Array::of(u), Array::of(s), Array::of(vt))
}

/// Like [`svd_compressed`], with a number of rounds of powers and a seed of the directions.
#[track_caller]
pub fn svd_compressed_seeded<T: ArrayElement>(
    x: &Array<T>,
    k: usize,
    powers: usize,
    seed: u64,
) -> (Array<f64>, Array<f64>, Array<f64>) {
    let [u, s, vt] = compress(&x.inner, k, powers, seed, Location::caller());
    (Array::of(u), Array::of(s), Array::of(vt))
}
