//! QR: of matrices with many more rows than columns block by block (Benson, Gleich and Demmel,
//! "Direct QR factorizations for tall-and-skinny matrices in MapReduce architectures", 2013).
//!
//! Rows are cut at places that depend on the shape only, so that the result does not depend on the
//! chunks.

use super::dense::{self, block, finite, floats, matrix, once, with};
use crate::array::block::{Block, Parts};
use crate::array::calls::{layer, parts_of};
use crate::array::core::Core;
use crate::array::dtype::Dtype;
use crate::array::element::ArrayElement;
use crate::array::grid::Grid;
use crate::array::handle::{Array, Place, several};
use crate::array::program::block_of;
use crate::array::rechunk::rechunk;
use crate::error::Result;
use crate::graph::Value;
use crate::handle::Opaque;
use rask_dense::View;
use std::panic::Location;
use std::sync::Arc;

/// The elements of a block of rows: 32 MiB.
const ELEMENTS: usize = 1 << 22;

/// Decomposes a block, as the two parts of a task's value.
fn factors(a: View<'_>) -> Vec<Block> {
    let (q, r) = rask_dense::qr(a);
    vec![block(q), block(r)]
}

/// Returns the numbers of rows of blocks, if there are enough rows for several.
fn rows_of(rows: usize, columns: usize) -> Option<Vec<usize>> {
    let size = (ELEMENTS / columns.max(1)).max(4 * columns).max(1);
    if columns == 0 || rows <= size {
        return None;
    }
    let mut sizes = vec![size; rows / size];
    match rows % size {
        0 => {}
        // A block has at least as many rows as columns.
        rest if rest < columns => *sizes.last_mut()? += rest,
        rest => sizes.push(rest),
    }
    Some(sizes)
}

/// Returns Q and R of a matrix.
///
/// # Errors
/// Returns an error if the array is not a matrix of real numbers.
pub(super) fn decomposed(name: &'static str, core: &Core) -> Result<(Core, Core)> {
    let core = matrix(name, core)?;
    let shape = core.shape();
    let (m, n) = (shape[0], shape[1]);
    let k = m.min(n);
    let Some(rows) = rows_of(m, n) else {
        let both = once(name, &[&core], |blocks| Ok(with(blocks, |m| factors(m[0]))));
        return Ok((
            dense::result(name, &[m, k], &both, 0),
            dense::result(name, &[k, n], &both, 1),
        ));
    };
    let core = rechunk(&core, &Arc::new(Grid::new(vec![rows.clone(), vec![n]])));
    let blocks = rows.len();
    let reads = |i: usize, read: &mut dyn FnMut(usize, usize)| read(0, i);
    let first = layer(name, blocks, &[&core.layer], reads, move |_, values: Vec<Value>| {
        let given = block_of(&values[0]);
        finite(name, given)?;
        Ok(Arc::new(Parts(with(&[given], |m| factors(m[0])))) as Value)
    });
    let all =
        move |_: usize, read: &mut dyn FnMut(usize, usize)| (0..blocks).for_each(|i| read(0, i));
    let stacked = layer(name, 1, &[&first], all, move |_, values: Vec<Value>| {
        let rows: Vec<f64> =
            values.iter().flat_map(|v| floats(&parts_of(v)[1]).into_owned()).collect();
        let stack = View { rows: blocks * n, columns: n, list: &rows };
        Ok(Arc::new(Parts(factors(stack))) as Value)
    });
    let r = dense::result(name, &[n, n], &stacked, 1);
    let reads = |i: usize, read: &mut dyn FnMut(usize, usize)| {
        read(0, i);
        read(1, 0);
    };
    let grid = core.grid.clone();
    let values = layer(name, blocks, &[&first, &stacked], reads, move |i, values: Vec<Value>| {
        let both = [&parts_of(&values[0])[0], &parts_of(&values[1])[0]];
        let product = with(&both, |m| rask_dense::multiply(m[0], m[1].part(i * n, n)));
        Ok(Arc::new(block(product)) as Value)
    });
    Ok((Core { grid, dtype: Dtype::F64, layer: values }, r))
}

/// Decomposes an array into a pair.
#[inline(never)]
fn pair(name: &'static str, inner: &Opaque, place: Place) -> [Opaque; 2] {
    several(&[inner], place, &|cores| decomposed(name, cores[0]).map(<[Core; 2]>::from))
}

/// Decomposes a matrix into one with orthonormal columns and an upper triangle with a positive
/// diagonal. Many rows are decomposed block by block; the result does not depend on the chunks.
///
/// ```
/// use rask::prelude::*;
/// let x = da::random_seeded((100, 3), 1);
/// let (q, r) = da::linalg::qr(&x);
/// assert!((q.dot(&r) - &x).abs().max().compute()? < 1e-14);
/// # Ok::<(), rask::Error>(())
/// ```
#[track_caller]
pub fn qr<T: ArrayElement>(x: &Array<T>) -> (Array<f64>, Array<f64>) {
    let [q, r] = pair("qr", &x.inner, Location::caller());
    (Array::of(q), Array::of(r))
}

/// Decomposes a matrix as [`qr`] does, which is for many rows too.
#[track_caller]
pub fn tsqr<T: ArrayElement>(x: &Array<T>) -> (Array<f64>, Array<f64>) {
    let [q, r] = pair("tsqr", &x.inner, Location::caller());
    (Array::of(q), Array::of(r))
}
