//! Cholesky's decomposition, block by block: each block needs those left of it in its row, and those
//! in the row of its column's diagonal block.

use super::dense::{block, finite, mat, square};
use crate::array::block::Block;
use crate::array::calls::layer;
use crate::array::core::Core;
use crate::array::data::Number;
use crate::array::dtype::Dtype;
use crate::array::element::ArrayElement;
use crate::array::grid::Grid;
use crate::array::handle::{Array, Place, step};
use crate::array::join::joined;
use crate::array::program::block_of;
use crate::array::rechunk::rechunk;
use crate::error::{Error, Result};
use crate::graph::{Layer, Value};
use crate::handle::Opaque;
use faer::linalg::triangular_solve::solve_lower_triangular_in_place;
use faer::{Mat, Par, Side};
use std::panic::Location;
use std::sync::Arc;

/// The rows and columns of a block, which do not depend on the array's chunks.
const SIZE: usize = 1024;

/// Returns the block minus the products of pairs of blocks: `a - sum(l * k^T)`.
fn reduced(values: &[Value], pairs: usize) -> Mat<f64> {
    let mut all = mat(block_of(&values[0]));
    for i in 0..pairs {
        let [left, upper] = [1 + 2 * i, 2 + 2 * i].map(|k| mat(block_of(&values[k])));
        all -= &left * upper.transpose();
    }
    all
}

/// Returns the lower triangle whose product with its transpose is a symmetric matrix.
fn lower(core: &Core) -> Result<Core> {
    let core = square("cholesky", core)?;
    let n = core.shape()[0];
    let mut sizes = vec![SIZE; n / SIZE];
    if !n.is_multiple_of(SIZE) || n == 0 {
        sizes.push(n % SIZE);
    }
    let blocks = sizes.len();
    let core = rechunk(&core, &Arc::new(Grid::new(vec![sizes.clone(), sizes.clone()])));
    let mut columns: Vec<Arc<Layer>> = Vec::new();
    let mut done: Vec<Core> = Vec::new();
    for k in 0..blocks {
        // The blocks left of a block, and those left of the diagonal block, are in earlier columns.
        let earlier = columns.clone();
        let mut inputs: Vec<&Arc<Layer>> = vec![&core.layer];
        inputs.extend(&earlier);
        let reads = move |i: usize, read: &mut dyn FnMut(usize, usize)| {
            read(0, i * blocks + k);
            for j in 0..k {
                read(1 + j, i);
                read(1 + j, k);
            }
        };
        let start = k * SIZE;
        let diagonal = layer(
            "cholesky",
            1,
            &inputs,
            move |_, read| reads(k, read),
            move |_, v| {
                finite("cholesky", block_of(&v[0]))?;
                let found = reduced(&v, k).llt(Side::Lower).map_err(|_| {
                Error::bad_argument(
                    "cholesky",
                    format!("the matrix is not positive definite (rows from {start} on); expected a symmetric matrix with positive eigenvalues"),
                )
            })?;
                Ok(Arc::new(block(found.L())) as Value)
            },
        );
        inputs.push(&diagonal);
        let size = sizes[k];
        let shapes = sizes.clone();
        let last = inputs.len() - 1;
        let column = layer(
            "cholesky",
            blocks,
            &inputs,
            move |i, read| match i.cmp(&k) {
                std::cmp::Ordering::Less => {}
                std::cmp::Ordering::Equal => read(last, 0),
                std::cmp::Ordering::Greater => {
                    reads(i, read);
                    read(last, 0);
                }
            },
            move |i, v: Vec<Value>| {
                Ok(match i.cmp(&k) {
                    std::cmp::Ordering::Less => {
                        Arc::new(Block::same(vec![shapes[i], size], Number::F64(0.0))) as Value
                    }
                    std::cmp::Ordering::Equal => v[0].clone(),
                    std::cmp::Ordering::Greater => {
                        finite("cholesky", block_of(&v[0]))?;
                        // X * L^T = B is L * X^T = B^T.
                        let mut turned = reduced(&v, k).transpose().to_owned();
                        let l = mat(block_of(&v[v.len() - 1]));
                        solve_lower_triangular_in_place(l.as_ref(), turned.as_mut(), Par::Seq);
                        Arc::new(block(turned.transpose())) as Value
                    }
                })
            },
        );
        let grid = Arc::new(Grid::new(vec![sizes.clone(), vec![size]]));
        done.push(Core { grid, dtype: Dtype::F64, layer: column.clone() });
        columns.push(column);
    }
    joined("cholesky", &done.iter().collect::<Vec<_>>(), 1, false)
}

#[inline(never)]
fn decompose(inner: &Opaque, place: Place) -> Opaque {
    step(&[inner], place, &|cores| lower(cores[0]))
}

/// Computes the lower triangle whose product with its transpose is a symmetric, positive definite
/// matrix. Only the lower triangle of the matrix is read. Blocks of the matrix are decomposed in
/// parallel. A matrix that is not positive definite is an error.
///
/// ```
/// use rask::prelude::*;
/// let l = da::linalg::cholesky(&(da::eye(3) * 4.0));
/// assert_eq!(l.trace().compute()?, 6.0);
/// # Ok::<(), rask::Error>(())
/// ```
#[track_caller]
pub fn cholesky<T: ArrayElement>(x: &Array<T>) -> Array<f64> {
    Array::of(decompose(&x.inner, Location::caller()))
}
