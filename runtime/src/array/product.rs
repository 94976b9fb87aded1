//! Products of matrices.
//!
//! The sum of each element is formed in panels of [`PANEL`] terms that begin at multiples of it,
//! whatever the chunks are, and the kernel adds the terms of a panel in one order wherever the
//! element is in its block. So the result does not depend on the chunks.

use super::align::cast;
use super::block::Block;
use super::calls::of_blocks;
use super::core::Core;
use super::data::{Data, sealed::Sealed};
use super::dtype::Dtype;
use super::grid::{Grid, broadcast, common, equal, tuple};
use super::rechunk::rechunk;
use super::reshape::reshaped;
use crate::config;
use crate::error::{Error, Result};
use num_complex::Complex64;
use rask_dense::{PANEL, Product};
use std::sync::Arc;

/// Products of fewer operations than these are one task.
const SMALL: f64 = 1e7;

/// Adds a product of floats, which always fits.
fn added<T: Product>(a: &[T], b: &[T], out: &mut [T], shape: (usize, usize, usize)) -> Option<()> {
    T::add_product(a, b, out, shape);
    Some(())
}

/// An integer type: products that do not fit are an error.
trait Whole: Copy + Default + TryFrom<i128> {
    fn wide(self) -> i128;
}

macro_rules! whole {
    ($($t:ty),*) => {$(
        impl Whole for $t {
            fn wide(self) -> i128 {
                i128::from(self)
            }
        }
    )*};
}
whole!(i64, i32, u64, u8);

fn add_integers<T: Whole>(
    a: &[T],
    b: &[T],
    out: &mut [T],
    (m, k, n): (usize, usize, usize),
) -> Option<()> {
    let mut row = vec![0i128; n];
    for i in 0..m {
        row.iter_mut().zip(&out[i * n..]).for_each(|(r, o)| *r = o.wide());
        for l in 0..k {
            let x = a[i * k + l].wide();
            if x != 0 {
                row.iter_mut().zip(&b[l * n..]).for_each(|(r, y)| *r += x * y.wide());
            }
        }
        for (o, r) in out[i * n..].iter_mut().zip(&row) {
            *o = T::try_from(*r).ok()?;
        }
    }
    Some(())
}

/// Adds the products of the matrices in two blocks, batch by batch.
fn add_blocks(a: &Block, b: &Block, out: &mut Data) -> Result<()> {
    let [m, k] = [a.shape[a.shape.len() - 2], a.shape[a.shape.len() - 1]];
    let n = b.shape[b.shape.len() - 1];
    let (a, b) = (a.data(), b.data());
    macro_rules! each {
        ($t:ty, $f:expr) => {{
            let (a, b): (&[$t], &[$t]) = (Sealed::slice(a.slice()), Sealed::slice(b.slice()));
            let out: &mut Vec<$t> = Sealed::slice_mut(out);
            let batches = if m * n == 0 { 0 } else { out.len() / (m * n) };
            (0..batches).try_for_each(|i| {
                let out = &mut out[i * m * n..(i + 1) * m * n];
                $f(&a[i * m * k..(i + 1) * m * k], &b[i * k * n..(i + 1) * k * n], out, (m, k, n))
            })
        }};
    }
    let dtype = out.dtype();
    let fits = match dtype {
        Dtype::F64 => each!(f64, added),
        Dtype::F32 => each!(f32, added),
        Dtype::C64 => each!(Complex64, added),
        Dtype::I64 => each!(i64, add_integers),
        Dtype::I32 => each!(i32, add_integers),
        Dtype::U64 => each!(u64, add_integers),
        Dtype::U8 => each!(u8, add_integers),
        Dtype::Bool => unreachable!("products of booleans are refused"),
    };
    fits.ok_or_else(|| {
        Error::bad_argument(
            "dot",
            format!(
                "integer overflow: a sum does not fit {}; help: .astype::<f64>() first",
                dtype.name()
            ),
        )
    })
}

/// Returns the chunks of the summed axis: those of the arrays, lengthened to whole panels.
fn panels(chunks: &[usize], n: usize) -> Vec<usize> {
    let size = chunks.iter().copied().max().unwrap_or(1).max(1).next_multiple_of(PANEL);
    equal(n, size)
}

/// Cuts rows further where there are fewer blocks than threads to compute them.
fn for_all_threads(rows: &[usize], others: usize, operations: f64) -> Vec<usize> {
    let wanted = 2 * config::threads();
    let have = rows.len() * others;
    if have >= wanted || operations < SMALL {
        return rows.to_vec();
    }
    let parts = wanted.div_ceil(have.max(1));
    let cut = |n: &usize| equal(*n, n.div_ceil(parts).max(64));
    rows.iter().flat_map(cut).collect()
}

/// Multiplies arrays of matrices, whose batch axes are equal.
fn batched(name: &str, a: &Core, b: &Core, dtype: Dtype) -> Core {
    let batch = a.ndim() - 2;
    let (rows, inner, columns) = (batch, batch + 1, batch + 1);
    let shared: Vec<Vec<usize>> =
        (0..batch).map(|i| common(&[&a.grid.chunks[i], &b.grid.chunks[i]])).collect();
    let k = a.shape()[inner];
    let along = panels(&a.grid.chunks[inner], k);
    let [m, n] = [a.shape()[rows], b.shape()[columns]];
    let blocks: usize =
        shared.iter().map(Vec::len).product::<usize>() * b.grid.chunks[columns].len();
    let batches: usize = a.shape()[..batch].iter().product();
    let operations = 2.0 * batches as f64 * m as f64 * k as f64 * n as f64;
    let row_chunks = for_all_threads(&a.grid.chunks[rows], blocks, operations);
    let with =
        |last: [Vec<usize>; 2]| Arc::new(Grid::new(shared.iter().cloned().chain(last).collect()));
    let a = rechunk(a, &with([row_chunks.clone(), along.clone()]));
    let b = rechunk(b, &with([along.clone(), b.grid.chunks[columns].to_vec()]));
    let grid = with([row_chunks, b.grid.chunks[columns].to_vec()]);
    let mut last: Option<Core> = None;
    // A task for each part of the summed axis goes on from the one before, so that no task needs
    // more than three blocks.
    for part in 0..along.len() {
        let (grid_a, grid_b, to) = (a.grid.clone(), b.grid.clone(), grid.clone());
        let has_last = last.is_some();
        let reads = move |i: usize, read: &mut dyn FnMut(usize, usize)| {
            let mut place = to.place(i);
            let [row, column] = [place[rows], place[columns]];
            (place[rows], place[columns]) = (row, part);
            read(0, grid_a.number(&place));
            (place[rows], place[columns]) = (part, column);
            read(1, grid_b.number(&place));
            if has_last {
                read(2, i);
            }
        };
        let inputs: Vec<&Core> =
            [Some(&a), Some(&b), last.as_ref()].into_iter().flatten().collect();
        let to = grid.clone();
        let product = of_blocks(name, grid.clone(), dtype, &inputs, reads, move |i, blocks| {
            let shape = to.block_shape(&to.place(i));
            let mut out = match blocks.get(2) {
                Some(before) => before.data().into_owned(),
                None => super::merge::zeros(dtype, shape.iter().product()),
            };
            add_blocks(blocks[0], blocks[1], &mut out)?;
            Ok(Block::new(shape, out))
        });
        last = Some(product);
    }
    last.unwrap_or(a)
}

fn refused(name: &str, a: &[usize], b: &[usize]) -> Error {
    Error::bad_argument(
        name,
        format!(
            "shapes {} and {} do not fit; expected matrices or vectors of numbers, the last length of the first equal to the first one of the second",
            tuple(a),
            tuple(b)
        ),
    )
}

/// Returns the shape of an array as lengths.
fn lengths(shape: &[usize]) -> Vec<i64> {
    shape.iter().map(|n| *n as i64).collect()
}

/// Multiplies matrices; lists are rows on the left and columns on the right, and further axes in
/// front are broadcast.
pub(super) fn matrix_product(name: &str, a: &Core, b: &Core, dtype: Dtype) -> Result<Core> {
    let (shape_a, shape_b) = (a.shape(), b.shape());
    if a.ndim() == 0 || b.ndim() == 0 || dtype == Dtype::Bool {
        return Err(refused(name, &shape_a, &shape_b));
    }
    let (is_row, is_column) = (a.ndim() == 1, b.ndim() == 1);
    let (a, b) = (cast(a, dtype), cast(b, dtype));
    let a = if is_row { reshaped(&a, &[1, shape_a[0] as i64])? } else { a };
    let b = if is_column { reshaped(&b, &[shape_b[0] as i64, 1])? } else { b };
    let (full_a, full_b) = (a.shape(), b.shape());
    let [batch_a, batch_b] = [&full_a[..full_a.len() - 2], &full_b[..full_b.len() - 2]];
    if full_a[full_a.len() - 1] != full_b[full_b.len() - 2] {
        return Err(refused(name, &shape_a, &shape_b));
    }
    let batch = broadcast(name, batch_a, batch_b)?;
    let [a, b] = [spread(&a, &batch)?, spread(&b, &batch)?];
    let found = batched(name, &a, &b, dtype);
    let mut shape = batch;
    if !is_row {
        shape.push(full_a[full_a.len() - 2]);
    }
    if !is_column {
        shape.push(full_b[full_b.len() - 1]);
    }
    if is_row || is_column { reshaped(&found, &lengths(&shape)) } else { Ok(found) }
}

/// Repeats matrices along batch axes.
fn spread(core: &Core, batch: &[usize]) -> Result<Core> {
    let shape = core.shape();
    let own = shape.len() - 2;
    if shape[..own] == *batch {
        return Ok(core.clone());
    }
    let mut chunks: Vec<Vec<usize>> = Vec::new();
    for (i, n) in batch.iter().enumerate() {
        let from = (i + own).checked_sub(batch.len()).filter(|a| shape[*a] == *n);
        chunks.push(from.map_or_else(|| vec![1; *n], |a| core.grid.chunks[a].to_vec()));
    }
    chunks.extend(core.grid.chunks[own..].iter().map(|c| c.to_vec()));
    Ok(super::align::broadcast_to(core, &Arc::new(Grid::new(chunks))))
}

/// Sums the products over pairs of axes, one of each array. The other axes follow each other.
pub(super) fn contracted(
    name: &str,
    a: &Core,
    b: &Core,
    (axes_a, axes_b): (&[usize], &[usize]),
    dtype: Dtype,
) -> Result<Core> {
    let (shape_a, shape_b) = (a.shape(), b.shape());
    let fits = axes_a.len() == axes_b.len()
        && axes_a.iter().zip(axes_b).all(|(x, y)| shape_a[*x] == shape_b[*y]);
    if !fits {
        return Err(Error::bad_argument(
            name,
            format!(
                "axes {} of shape {} and {} of shape {} do not fit; expected pairs of equal lengths",
                tuple(axes_a),
                tuple(&shape_a),
                tuple(axes_b),
                tuple(&shape_b)
            ),
        ));
    }
    let free = |n: usize, axes: &[usize]| (0..n).filter(|i| !axes.contains(i)).collect::<Vec<_>>();
    let (free_a, free_b) = (free(a.ndim(), axes_a), free(b.ndim(), axes_b));
    let order_a: Vec<usize> = free_a.iter().chain(axes_a).copied().collect();
    let order_b: Vec<usize> = axes_b.iter().chain(&free_b).copied().collect();
    let length =
        |shape: &[usize], axes: &[usize]| axes.iter().map(|i| shape[*i]).product::<usize>() as i64;
    let (m, k, n) =
        (length(&shape_a, &free_a), length(&shape_a, axes_a), length(&shape_b, &free_b));
    let a = reshaped(&super::slice::transposed(name, a, &order_a), &[m, k])?;
    let b = reshaped(&super::slice::transposed(name, b, &order_b), &[k, n])?;
    let found = matrix_product(name, &a, &b, dtype)?;
    let shape: Vec<i64> = free_a
        .iter()
        .map(|i| shape_a[*i] as i64)
        .chain(free_b.iter().map(|i| shape_b[*i] as i64))
        .collect();
    reshaped(&found, &shape)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integer_products_are_exact_or_an_error() {
        let mut out = [0i64; 1];
        assert_eq!(add_integers(&[i64::MAX, i64::MIN], &[2, 2], &mut out, (1, 2, 1)), Some(()));
        assert_eq!(out, [-2]);
        assert_eq!(add_integers(&[i64::MAX], &[2], &mut out, (1, 1, 1)), None);
    }
}
