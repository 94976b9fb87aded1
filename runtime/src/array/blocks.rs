//! Methods on whole blocks: functions of the user's, delayed values, other chunks.

use super::args::{Cuts, IntoChunks};
use super::block::Block;
use super::core::Core;
use super::data::sealed::Sealed;
use super::dtype::Dtype;
use super::element::ArrayElement;
use super::failing::Failing;
use super::grid::{Grid, equal, tuple};
use super::handle::{Array, Place, grid_of, lazily, persisted, step};
use super::program::{block_of, owned};
use super::rechunk::rechunk;
use crate::delayed::Delayed;
use crate::error::{Error, Result};
use crate::graph::{Key, Layer, Name, Point, Value, Work};
use crate::handle::Opaque;
use ndarray::ArrayD;
use std::panic::Location;
use std::sync::Arc;

/// A function of blocks.
type OfBlocks = Arc<dyn Fn(Block) -> Block + Send + Sync>;

/// Applies a function to each block.
struct Mapped(OfBlocks);

impl Work for Mapped {
    fn reads(&self, _: &Layer, index: u32, out: &mut Vec<(u32, u32)>) {
        out.push((0, index));
    }

    fn run(&self, _: u32, mut values: Vec<Value>) -> Result<Value> {
        let given = owned(values.swap_remove(0));
        let shape = given.shape.clone();
        let found = (self.0)(given);
        if found.shape != shape {
            return Err(Error::bad_argument(
                "map_blocks",
                format!(
                    "the function returned a block of shape {} for one of shape {}; expected the same shape",
                    tuple(&found.shape),
                    tuple(&shape)
                ),
            ));
        }
        Ok(Arc::new(found))
    }
}

#[inline(never)]
fn map_blocks(inner: &Opaque, f: &OfBlocks, dtype: Dtype, place: Place) -> Opaque {
    step(&[inner], place, &|cores| {
        let work = Mapped(f.clone());
        Ok(Core::of("map_blocks", cores[0].grid.clone(), dtype, &[cores[0]], work))
    })
}

/// Gives a block to a function that takes it as an array.
#[inline(never)]
fn as_array<T: ArrayElement>(block: Block, f: &mut dyn FnMut(&ArrayD<T>)) {
    f(&T::array(block));
}

/// Returns the array that a block is.
struct AsArray(fn(&Block) -> Value);

impl Work for AsArray {
    fn reads(&self, _: &Layer, index: u32, out: &mut Vec<(u32, u32)>) {
        out.push((0, index));
    }

    fn run(&self, _: u32, values: Vec<Value>) -> Result<Value> {
        Ok((self.0)(block_of(&values[0])))
    }
}

/// Returns the layer of an array's blocks as arrays.
#[inline(never)]
fn as_arrays(inner: &Opaque, f: fn(&Block) -> Value) -> Vec<Point> {
    let key = Key::new(Name::new("to_delayed"));
    match lazily(inner) {
        Ok((core, _)) => {
            Layer::new(key, core.layer.len, vec![core.layer.at(0)], AsArray(f)).points()
        }
        Err(e) => Layer::new(key, 1, Vec::new(), Failing(e)).points(),
    }
}

#[inline(never)]
fn cut(inner: &Opaque, cuts: &Cuts, place: Place) -> Opaque {
    step(&[inner], place, &|cores| {
        let core = cores[0];
        let grid = grid_of("rechunk", &core.shape(), core.dtype, cuts)?;
        Ok(rechunk(core, &grid))
    })
}

/// Returns chunks that are as equal as their number allows, for the size of a chunk (as Dask's
/// `balance`): a last chunk of at most half of the size is spread over the others.
fn balanced(n: usize, size: usize) -> Vec<usize> {
    if size == 0 || n <= size {
        return vec![n];
    }
    let given = equal(n, size);
    let small = given.last().is_some_and(|last| 2 * last <= size);
    let number = given.len() - usize::from(small && given.len() > 1);
    let width =
        |chunks: &Vec<usize>| chunks.iter().max().unwrap_or(&0) - chunks.iter().min().unwrap_or(&0);
    let near = (size - size / 2).max(1)..=size + size / 2;
    let all = near.map(|size| equal(n, size)).filter(|chunks| chunks.len() == number);
    all.min_by_key(width).unwrap_or(given)
}

#[inline(never)]
fn cut_evenly(inner: &Opaque, cuts: &Cuts, place: Place) -> Opaque {
    step(&[inner], place, &|cores| {
        let core = cores[0];
        let grid = grid_of("rechunk_balanced", &core.shape(), core.dtype, cuts)?;
        let chunks = grid.shape().into_iter().zip(grid.largest()).map(|(n, s)| balanced(n, s));
        Ok(rechunk(core, &Arc::new(Grid::new(chunks.collect()))))
    })
}

impl<T: ArrayElement> Array<T> {
    /// Cuts the array into chunks of about these sizes that are as equal as possible: 12 elements by
    /// 5 are two chunks of 6, and not 5, 5 and 2.
    #[must_use]
    #[track_caller]
    pub fn rechunk_balanced(&self, chunks: impl IntoChunks) -> Self {
        Self::of(cut_evenly(&self.inner, &chunks.cuts(), Location::caller()))
    }

    /// Cuts the array into other chunks: `(1000, 1000)`, `1000` along all axes, `-1` for a whole
    /// axis, `"auto"`, `"100MB"`, or all sizes of each axis. No result depends on it.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let x = da::arange(0..24i64).reshape((4, 6)).rechunk((2, 4));
    /// assert_eq!(x.chunks(), [vec![2, 2], vec![4, 2]]);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn rechunk(&self, chunks: impl IntoChunks) -> Self {
        Self::of(cut(&self.inner, &chunks.cuts(), Location::caller()))
    }

    /// Applies a function to each block, which returns a block of the same shape.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let x = da::arange(0..24i64).rechunk(5);
    /// let y = x.map_blocks(|b: &ndarray::ArrayD<i64>| b.mapv(|v| v * 10));
    /// assert_eq!(y.max().compute()?, 230);
    /// # Ok::<(), rask::Error>(())
    /// ```
    #[must_use]
    #[track_caller]
    pub fn map_blocks<U: ArrayElement>(
        &self,
        f: impl Fn(&ArrayD<T>) -> ArrayD<U> + Send + Sync + 'static,
    ) -> Array<U> {
        let f: OfBlocks = Arc::new(move |block: Block| {
            let mut found = None;
            as_array::<T>(block, &mut |array| found = Some(f(array)));
            match found {
                Some(array) => U::block(array),
                None => Block::same(Vec::new(), U::default().number()),
            }
        });
        Array::of(map_blocks(&self.inner, &f, <U as Sealed>::DTYPE, Location::caller()))
    }

    /// Returns the blocks as delayed values, in row-major order; a step that failed is a single
    /// value that fails.
    #[must_use]
    pub fn to_delayed(&self) -> Vec<Delayed<ArrayD<T>>> {
        let points = as_arrays(&self.inner, T::value);
        let mut all = Vec::new();
        for point in points {
            all.push(Delayed::of_point(point));
        }
        all
    }

    /// Computes the array and keeps its blocks in memory.
    ///
    /// # Errors
    /// Returns the error of the step that failed, or of a task.
    pub fn persist(&self) -> Result<Self> {
        match persisted(&self.inner) {
            Ok(inner) => Ok(Self::of(inner)),
            Err(e) => Err(e),
        }
    }
}
