//! Cholesky's decomposition, block by block: each block needs those left of it in its row, and those
//! in the row of its column's diagonal block.

use super::dense::{block, finite, square, with};
use crate::array::block::Block;
use crate::array::calls::layer;
use crate::array::core::Core;
use crate::array::data::Number;
use crate::array::dtype::Dtype;
use crate::array::element::ArrayElement;
use crate::array::grid::{Grid, equal};
use crate::array::handle::{Array, Place, step};
use crate::array::join::joined;
use crate::array::program::block_of;
use crate::array::rechunk::rechunk;
use crate::error::{Error, Result};
use crate::graph::{Layer, Value};
use crate::handle::Opaque;
use rask_dense::Matrix;
use std::panic::Location;
use std::sync::Arc;

/// The rows and columns of a block, which do not depend on the array's chunks.
const SIZE: usize = 1024;

/// Returns the block less the products of the pairs of blocks that follow it, the second ones
/// transposed.
fn reduced(values: &[Value], pairs: usize) -> Matrix {
    let blocks: Vec<&Block> = values[..1 + 2 * pairs].iter().map(block_of).collect();
    with(&blocks, |m| {
        let pairs: Vec<_> = m[1..].chunks(2).map(|pair| (pair[0], pair[1])).collect();
        rask_dense::less_products(m[0], &pairs)
    })
}

/// Returns the lower triangle whose product with its transpose is a symmetric matrix.
fn lower(core: &Core) -> Result<Core> {
    let core = square("cholesky", core)?;
    let n = core.shape()[0];
    let sizes = equal(n, SIZE);
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
                let found = rask_dense::cholesky(reduced(&v, k).view()).ok_or_else(|| {
                Error::bad_argument(
                    "cholesky",
                    format!("the matrix is not positive definite (rows from {start} on); expected a symmetric matrix with positive eigenvalues"),
                )
            })?;
                Ok(Arc::new(block(found)) as Value)
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
                        let found = reduced(&v, k);
                        let solved = with(&[block_of(&v[v.len() - 1])], |m| {
                            rask_dense::solve_right(m[0], found.view())
                        });
                        Arc::new(block(solved)) as Value
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
