//! Matrices of one block: conversions to and from those of `rask-dense`, which decomposes them.

use crate::array::align::cast;
use crate::array::block::{Block, Parts};
use crate::array::calls::{layer, part};
use crate::array::core::Core;
use crate::array::data::{Data, sealed::Sealed};
use crate::array::dtype::Dtype;
use crate::array::grid::tuple;
use crate::array::program::block_of;
use crate::array::whole::whole;
use crate::error::{Error, Result};
use crate::graph::{Layer, Value};
use rask_dense::{Matrix, Singular, View};
use std::borrow::Cow;
use std::sync::Arc;

/// Returns the array as floats, if it is a matrix.
///
/// # Errors
/// Returns an error if it is none, or has complex elements.
pub(super) fn matrix(name: &str, core: &Core) -> Result<Core> {
    if core.ndim() != 2 || core.dtype == Dtype::C64 {
        return Err(Error::bad_argument(
            name,
            format!(
                "an array of shape {} of {}; expected a matrix of real numbers",
                tuple(&core.shape()),
                core.dtype.name()
            ),
        ));
    }
    Ok(cast(core, Dtype::F64))
}

/// Returns the array as floats, if it is a square matrix.
///
/// # Errors
/// Returns an error if it is none.
pub(super) fn square(name: &str, core: &Core) -> Result<Core> {
    let found = matrix(name, core)?;
    let shape = found.shape();
    if shape[0] != shape[1] {
        return Err(Error::bad_argument(
            name,
            format!("a matrix of shape {}; expected as many rows as columns", tuple(&shape)),
        ));
    }
    Ok(found)
}

/// Returns the elements of a block of floats.
pub(super) fn floats(block: &Block) -> Cow<'_, [f64]> {
    match block.data() {
        Cow::Borrowed(data) => Cow::Borrowed(Sealed::slice(data.slice())),
        Cow::Owned(data) => Cow::Owned(Sealed::list(data)),
    }
}

/// Calls a function with the matrices of blocks; lists are columns.
pub(super) fn with<T>(blocks: &[&Block], f: impl FnOnce(&[View<'_>]) -> T) -> T {
    let lists: Vec<Cow<'_, [f64]>> = blocks.iter().map(|b| floats(b)).collect();
    let mut views = Vec::with_capacity(blocks.len());
    for (block, list) in blocks.iter().zip(&lists) {
        let columns = block.shape.get(1).copied().unwrap_or(1);
        views.push(View { rows: block.shape[0], columns, list });
    }
    f(&views)
}

/// Returns the block of a matrix.
pub(super) fn block(matrix: Matrix) -> Block {
    Block::new(vec![matrix.rows, matrix.columns], Data::F64(matrix.list))
}

/// Returns the error of a matrix without an inverse.
pub(super) fn singular(name: &'static str) -> impl Fn(Singular) -> Error {
    move |Singular(pivot)| {
        Error::bad_argument(
            name,
            format!(
                "the matrix is singular (pivot {pivot} is 0); expected one with independent rows; help: da::linalg::lstsq"
            ),
        )
    }
}

/// Returns the error of an iteration that did not end.
pub(super) fn unsettled(name: &'static str) -> Error {
    Error::bad_argument(name, "no convergence; expected finite numbers of ordinary size".to_owned())
}

/// Returns the block of a list.
pub(super) fn list(values: Vec<f64>) -> Block {
    Block::new(vec![values.len()], Data::F64(values))
}

/// Refuses elements that no decomposition is made of.
///
/// # Errors
/// Returns an error if an element is NaN or infinite.
pub(super) fn finite(name: &str, block: &Block) -> Result<()> {
    let list = floats(block);
    match list.iter().position(|x| !x.is_finite()) {
        None => Ok(()),
        Some(at) => {
            let columns = block.shape.get(1).copied().unwrap_or(1).max(1);
            Err(Error::bad_argument(
                name,
                format!(
                    "element {} in row {}, column {} of a block; expected finite numbers; help: .nan_to_num()",
                    list[at],
                    at / columns,
                    at % columns
                ),
            ))
        }
    }
}

/// Creates the task that computes several matrices from whole ones.
pub(super) fn once(
    name: &'static str,
    inputs: &[&Core],
    run: impl Fn(&[&Block]) -> Result<Vec<Block>> + Send + Sync + 'static,
) -> Arc<Layer> {
    let wholes: Vec<Core> = inputs.iter().map(|c| whole(c)).collect();
    let layers: Vec<&Arc<Layer>> = wholes.iter().map(|c| &c.layer).collect();
    let n = layers.len();
    let reads = move |_: usize, read: &mut dyn FnMut(usize, usize)| (0..n).for_each(|k| read(k, 0));
    layer(name, 1, &layers, reads, move |_, values: Vec<Value>| {
        let blocks: Vec<&Block> = values.iter().map(block_of).collect();
        blocks.iter().try_for_each(|b| finite(name, b))?;
        Ok(Arc::new(Parts(run(&blocks)?)) as Value)
    })
}

/// Returns one of the matrices that a task computes.
pub(super) fn result(name: &str, shape: &[usize], from: &Arc<Layer>, at: usize) -> Core {
    part(name, shape.to_vec(), Dtype::F64, from, at)
}
