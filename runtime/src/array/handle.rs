//! The handle of an array. It holds a [`Core`], or the error of the step that failed.

use super::args::Cuts;
use super::block::Block;
use super::core::Core;
use super::dtype::Dtype;
use super::element::ArrayElement;
use super::grid::{Cut, Grid, cut};
use super::program::block_of;
use crate::config;
use crate::deferred;
use crate::error::{Error, Result};
use crate::graph::picture::Picture;
use crate::graph::{Point, Value};
use crate::handle::Opaque;
use crate::sched;
use ndarray::ArrayD;
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::Arc;

/// A lazy array of any number of dimensions, in chunks: the type of its elements is `T`.
///
/// Methods build a graph, in which each block is a task, and steps on elements at the same places
/// are fused into one. Nothing runs until [`compute`](Self::compute). No result depends on the
/// chunks, and sums are exact: rounded once.
///
/// ```
/// use rask::prelude::*;
/// let x = da::arange(0..24i64).reshape((4, 6)).rechunk((2, 4));
/// assert_eq!(x.sum_axis(0).compute()?.into_raw_vec_and_offset().0, [36, 40, 44, 48, 52, 56]);
/// assert_eq!((&x * 2).mean().compute()?, 23.0);
/// # Ok::<(), rask::Error>(())
/// ```
pub struct Array<T> {
    pub(super) inner: Opaque,
    of: PhantomData<fn() -> T>,
}

impl<T> Clone for Array<T> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.again(), of: PhantomData }
    }
}

/// What a handle holds.
enum State {
    Ready(Core),
    Failed(Error),
}

/// Where a step was called.
pub(super) type Place = &'static Location<'static>;

/// Creates what a handle holds; an error is noted, to be reported under the cell.
#[inline(never)]
pub(super) fn made(found: Result<Core>, place: Place) -> Opaque {
    Opaque::new(match found {
        Ok(core) => State::Ready(core),
        Err(e) => {
            deferred::note(&e, place);
            State::Failed(e)
        }
    })
}

/// Returns the array of a handle.
///
/// # Errors
/// Returns the error of the step that failed.
pub(super) fn core(inner: &Opaque) -> Result<&Core> {
    match inner.get::<State>() {
        State::Ready(core) => Ok(core),
        State::Failed(e) => Err(e.clone()),
    }
}

/// Applies a step to arrays; an earlier error is passed on and not noted again.
pub(super) fn step(
    inputs: &[&Opaque],
    place: Place,
    f: &dyn Fn(&[&Core]) -> Result<Core>,
) -> Opaque {
    let mut cores = Vec::with_capacity(inputs.len());
    for inner in inputs {
        match inner.get::<State>() {
            State::Ready(core) => cores.push(core),
            State::Failed(_) => return inner.again(),
        }
    }
    made(f(&cores), place)
}

/// Returns the most elements of an automatic block: 128 MiB, or a quarter of what a worker may
/// hold, if that is less.
pub(super) fn most_elements(dtype: Dtype, bytes: Option<u64>) -> usize {
    const MOST: u64 = 128 << 20;
    let quarter = config::cluster().memory_limit.map_or(MOST, |limit| (limit / 4).min(MOST));
    (bytes.unwrap_or(quarter) as usize / dtype.size()).max(1)
}

/// Cuts a shape as asked.
pub(super) fn grid_of(
    method: &str,
    shape: &[usize],
    dtype: Dtype,
    cuts: &Cuts,
) -> Result<Arc<Grid>> {
    let (cuts, bytes) = cuts.of(method, shape.len())?;
    cut(method, shape, &cuts, most_elements(dtype, bytes)).map(Arc::new)
}

/// Cuts a shape into automatic chunks.
pub(super) fn automatic(method: &str, shape: &[usize], dtype: Dtype) -> Result<Arc<Grid>> {
    let cuts = vec![Cut::Auto; shape.len()];
    cut(method, shape, &cuts, most_elements(dtype, None)).map(Arc::new)
}

#[inline(never)]
fn computed(inner: &Opaque) -> Result<Block> {
    let core = core(inner)?;
    let values = sched::compute(&core.layer.points())?;
    Ok(assembled(core, values))
}

/// Puts the blocks of an array together.
pub(super) fn assembled(core: &Core, mut values: Vec<Value>) -> Block {
    if values.len() == 1 {
        let value = values.remove(0);
        return match value.downcast::<Block>() {
            Ok(block) => Arc::unwrap_or_clone(block),
            Err(value) => block_of(&value).clone(),
        };
    }
    let mut data = super::merge::zeros(core.dtype, core.grid.elements() as usize);
    let shape = core.shape();
    for (i, value) in values.into_iter().enumerate() {
        let start = core.grid.block_start(&core.grid.place(i));
        super::merge::copy(block_of(&value), &start, &shape, &mut data);
    }
    Block::new(shape, data)
}

#[inline(never)]
fn points(inner: &Opaque) -> Result<Vec<Point>> {
    Ok(core(inner)?.layer.points())
}

impl<T> Array<T> {
    pub(super) fn of(inner: Opaque) -> Self {
        Self { inner, of: PhantomData }
    }

    /// Draws the task graph: functions as circles, blocks as boxes. Runs nothing.
    ///
    /// # Panics
    /// If an earlier step failed.
    #[must_use]
    pub fn visualize(&self) -> Picture {
        picture(&self.inner)
    }

    /// Returns the lengths of the axes; empty if an earlier step failed.
    #[must_use]
    pub fn shape(&self) -> Vec<usize> {
        core(&self.inner).map(Core::shape).unwrap_or_default()
    }

    /// Returns the sizes of the chunks along each axis; empty if an earlier step failed.
    #[must_use]
    pub fn chunks(&self) -> Vec<Vec<usize>> {
        chunks(&self.inner)
    }

    /// Returns the largest chunk along each axis.
    #[must_use]
    pub fn chunksize(&self) -> Vec<usize> {
        core(&self.inner).map(|c| c.grid.largest()).unwrap_or_default()
    }

    /// Returns the number of chunks along each axis.
    #[must_use]
    pub fn numblocks(&self) -> Vec<usize> {
        core(&self.inner).map(|c| c.grid.counts()).unwrap_or_default()
    }

    /// Returns the number of chunks.
    #[must_use]
    pub fn npartitions(&self) -> usize {
        core(&self.inner).map_or(0, |c| c.grid.blocks())
    }

    /// Returns the number of axes.
    #[must_use]
    pub fn ndim(&self) -> usize {
        core(&self.inner).map_or(0, Core::ndim)
    }

    /// Returns the number of elements.
    #[must_use]
    pub fn size(&self) -> usize {
        core(&self.inner).map_or(0, |c| c.grid.elements() as usize)
    }

    /// Returns the bytes of one element.
    #[must_use]
    pub fn itemsize(&self) -> usize {
        core(&self.inner).map_or(0, |c| c.dtype.size())
    }

    /// Returns the bytes of all elements.
    #[must_use]
    pub fn nbytes(&self) -> usize {
        self.size() * self.itemsize()
    }

    /// Returns NumPy's name of the type of the elements: `"float64"`, `"int64"`, ...
    #[must_use]
    pub fn dtype(&self) -> &'static str {
        core(&self.inner).map_or("unknown", |c| c.dtype.name())
    }
}

impl<T: ArrayElement> Array<T> {
    /// Computes the array. Each task runs once, in parallel where possible.
    ///
    /// # Errors
    /// Returns the error of the step that failed, of a task, or
    /// [`ResultTooLarge`](crate::ErrorKind::ResultTooLarge) if the array exceeds the memory limit.
    pub fn compute(&self) -> Result<ArrayD<T>> {
        match computed(&self.inner) {
            Ok(block) => Ok(T::array(block)),
            Err(e) => Err(e),
        }
    }
}

#[inline(never)]
fn picture(inner: &Opaque) -> Picture {
    match points(inner) {
        Ok(points) => sched::picture(&points),
        Err(e) => panic!("visualize: {e}"),
    }
}

#[inline(never)]
fn chunks(inner: &Opaque) -> Vec<Vec<usize>> {
    core(inner).map(|c| c.grid.chunks.iter().map(|c| c.to_vec()).collect()).unwrap_or_default()
}
