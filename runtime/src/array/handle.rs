//! The handle of an array. It holds a [`Core`], or the error of the step that failed.

use super::args::Cuts;
use super::block::Block;
use super::core::{Core, most_elements};
use super::dtype::Dtype;
use super::element::ArrayElement;
use super::grid::{Cut, Grid, cut, tuple};
use super::program::block_of;
use super::sizes::{Sizes, UNKNOWN};
use crate::deferred;
use crate::delayed::{keep, typed_ref};
use crate::error::{Error, Result};
use crate::graph::picture::Picture;
use crate::graph::{Point, Value};
use crate::handle::Opaque;
use crate::sched;
use ndarray::ArrayD;
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::{Arc, OnceLock};

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
    Unknown(Unknown),
    Failed(Error),
}

/// An array whose sizes of chunks along one axis are not known before it is computed.
struct Unknown {
    /// The array, with chunks of 0 elements along the axis.
    lazy: Core,
    axis: usize,
    /// The array with its sizes, once they were needed.
    known: OnceLock<Result<Core>>,
}

impl Unknown {
    /// Returns the array with its sizes, for which it is computed the first time.
    fn known(&self) -> Result<&Core> {
        self.known.get_or_init(|| self.counted()).as_ref().map_err(Error::clone)
    }

    fn counted(&self) -> Result<Core> {
        let axis = self.axis;
        let n = self.lazy.grid.chunks[axis].len();
        let grid = self.lazy.grid.clone();
        let reads = move |i: usize, read: &mut dyn FnMut(usize, usize)| {
            let mut place = vec![0; grid.ndim()];
            place[axis] = i;
            read(0, grid.number(&place));
        };
        let run = move |_: usize, values: Vec<Value>| {
            Ok(Arc::new(block_of(&values[0]).shape[axis]) as Value)
        };
        let sizes = super::calls::layer("chunk-sizes", n, &[&self.lazy.layer], reads, run);
        let sizes = sched::compute(&sizes.points())?;
        Ok(self.sized(sizes.iter().map(|n| *typed_ref::<usize>(n)).collect()))
    }

    /// Returns the array with these sizes of chunks.
    fn sized(&self, sizes: Vec<usize>) -> Core {
        let mut chunks: Vec<Vec<usize>> =
            self.lazy.grid.chunks.iter().map(|c| c.to_vec()).collect();
        chunks[self.axis] = sizes;
        Core { grid: Arc::new(Grid::new(chunks)), ..self.lazy.clone() }
    }

    /// Puts blocks together that were computed before their sizes were known.
    fn assembled(&self, values: Vec<Value>) -> Block {
        let grid = &self.lazy.grid;
        let mut place = vec![0; grid.ndim()];
        let sizes = (0..grid.chunks[self.axis].len()).map(|i| {
            place[self.axis] = i;
            block_of(&values[grid.number(&place)]).shape[self.axis]
        });
        let core = self.sized(sizes.collect());
        assembled(&core, values)
    }
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

/// Creates what the handle of an array holds whose sizes along an axis are not known: the chunks of
/// `grid` along it say only how many there are.
#[inline(never)]
pub(super) fn made_unknown(found: Result<(Core, usize)>, place: Place) -> Opaque {
    match found {
        Ok((lazy, axis)) => {
            Opaque::new(State::Unknown(Unknown { lazy, axis, known: OnceLock::new() }))
        }
        Err(e) => made(Err(e), place),
    }
}

/// Returns the array of a handle. Sizes of chunks that are not known are counted.
///
/// # Errors
/// Returns the error of the step that failed.
pub(super) fn core(inner: &Opaque) -> Result<&Core> {
    match inner.get::<State>() {
        State::Ready(core) => Ok(core),
        State::Unknown(unknown) => unknown.known(),
        State::Failed(e) => Err(e.clone()),
    }
}

/// Returns the array of a handle as it is, and the axis along which sizes are not known.
///
/// # Errors
/// Returns the error of the step that failed.
pub(super) fn lazily(inner: &Opaque) -> Result<(&Core, Option<usize>)> {
    match inner.get::<State>() {
        State::Ready(core) => Ok((core, None)),
        State::Unknown(unknown) => match unknown.known.get() {
            Some(known) => known.as_ref().map(|c| (c, None)).map_err(Error::clone),
            None => Ok((&unknown.lazy, Some(unknown.axis))),
        },
        State::Failed(e) => Err(e.clone()),
    }
}

/// Returns the arrays of handles, or the handle of the first one that failed: its error is passed on
/// and not noted again.
fn cores_of<'a>(inputs: &[&'a Opaque]) -> std::result::Result<Vec<&'a Core>, Opaque> {
    inputs.iter().map(|inner| core(inner).map_err(|_| inner.again())).collect()
}

/// Applies a step with several results, which are computed at once.
pub(super) fn several<const N: usize>(
    inputs: &[&Opaque],
    place: Place,
    f: &dyn Fn(&[&Core]) -> Result<[Core; N]>,
) -> [Opaque; N] {
    let failed = match cores_of(inputs).map(|cores| f(&cores)) {
        Ok(Ok(all)) => return all.map(|core| made(Ok(core), place)),
        Ok(Err(e)) => made(Err(e), place),
        Err(failed) => failed,
    };
    std::array::from_fn(|_| failed.again())
}

/// Computes an array whose sizes of chunks are not known along an axis.
type Lazily<'a> = &'a dyn Fn(&[&Core]) -> Result<(Core, usize)>;

/// Applies a step whose result has unknown sizes of chunks along an axis.
pub(super) fn unknown(inputs: &[&Opaque], place: Place, f: Lazily<'_>) -> Opaque {
    match cores_of(inputs) {
        Ok(cores) => made_unknown(f(&cores), place),
        Err(failed) => failed,
    }
}

/// Applies a step to arrays; an earlier error is passed on and not noted again.
pub(super) fn step(
    inputs: &[&Opaque],
    place: Place,
    f: &dyn Fn(&[&Core]) -> Result<Core>,
) -> Opaque {
    let cores = match cores_of(inputs) {
        Ok(cores) => cores,
        Err(failed) => return failed,
    };
    let found = f(&cores);
    if let Ok(core) = &found {
        tell_of_large_chunks(core, &cores);
    }
    made(found, place)
}

/// How much larger than those of its inputs the chunks of a result may be without a word.
const GROWTH: usize = 10;

/// Warns if a step makes chunks that are far larger than automatic ones and than those before it.
fn tell_of_large_chunks(core: &Core, inputs: &[&Core]) {
    let size = |core: &Core| core.largest().saturating_mul(core.dtype.size());
    let most = most_elements(core.dtype, None) * core.dtype.size();
    let before = inputs.iter().map(|c| size(c)).max().unwrap_or(0);
    if inputs.is_empty() || size(core) <= 4 * most || size(core) / GROWTH <= before {
        return;
    }
    let bytes = |n: usize| crate::show::html::bytes(n as u64);
    let name = core.layer.key.name.text();
    let better = automatic(&name, &core.shape(), core.dtype);
    let better = better.map_or_else(|_| String::new(), |grid| tuple(&grid.largest()));
    crate::show::warn(&format!(
        "{name}: chunks of {} from chunks of at most {}; help: cut the arrays before it, so that the result's chunks are about {better}, as in .rechunk(..)",
        bytes(size(core)),
        bytes(before),
    ));
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
    put_together(inner, sched::compute(&points(inner)?)?)
}

/// Puts the values of all blocks of an array together.
///
/// # Errors
/// Returns the error of the step that failed.
pub(super) fn put_together(inner: &Opaque, values: Vec<Value>) -> Result<Block> {
    Ok(match (inner.get::<State>(), lazily(inner)?) {
        (State::Unknown(unknown), (_, Some(_))) => unknown.assembled(values),
        (_, (core, _)) => assembled(core, values),
    })
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

/// Returns the tasks of an array's blocks.
///
/// # Errors
/// Returns the error of the step that failed.
#[inline(never)]
pub(super) fn points(inner: &Opaque) -> Result<Vec<Point>> {
    Ok(lazily(inner)?.0.layer.points())
}

/// Returns the sizes of the chunks along each axis.
#[inline(never)]
fn chunks(inner: &Opaque) -> Vec<Sizes> {
    let Ok((core, unknown)) = lazily(inner) else { return Vec::new() };
    let sizes = |(axis, chunks): (usize, &Arc<[usize]>)| match unknown {
        Some(a) if a == axis => Sizes(vec![UNKNOWN; chunks.len()]),
        _ => Sizes(chunks.to_vec()),
    };
    core.grid.chunks.iter().enumerate().map(sizes).collect()
}

/// Returns the lengths of the axes.
#[inline(never)]
fn shape(inner: &Opaque) -> Sizes {
    let Ok((core, unknown)) = lazily(inner) else { return Sizes::default() };
    let mut shape = core.shape();
    if let Some(axis) = unknown {
        shape[axis] = UNKNOWN;
    }
    Sizes(shape)
}

/// Returns the array with its sizes of chunks.
#[inline(never)]
fn counted(inner: &Opaque) -> Result<Opaque> {
    Ok(Opaque::new(State::Ready(core(inner)?.clone())))
}

#[inline(never)]
fn elements(inner: &Opaque) -> usize {
    core(inner).map_or(0, |c| c.grid.elements() as usize)
}

/// Keeps the blocks of an array in memory.
#[inline(never)]
pub(super) fn persisted(inner: &Opaque) -> Result<Opaque> {
    let (core, unknown) = lazily(inner)?;
    let layer = keep("persist", &core.layer.points(), |p, v| p.layer.work.size(v))?;
    let kept = Core { layer, ..core.clone() };
    let place = Location::caller();
    Ok(match unknown {
        Some(axis) => made_unknown(Ok((kept, axis)), place),
        None => made(Ok(kept), place),
    })
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

    /// Returns the lengths of the axes; empty if an earlier step failed. A length that is not known
    /// before the array is computed prints as `?`.
    #[must_use]
    pub fn shape(&self) -> Sizes {
        shape(&self.inner)
    }

    /// Returns the sizes of the chunks along each axis; empty if an earlier step failed.
    #[must_use]
    pub fn chunks(&self) -> Vec<Sizes> {
        chunks(&self.inner)
    }

    /// Computes the sizes of chunks that are not known, as after [`filter`](Self::filter). Steps
    /// that need them do so by themselves; after this one they are known, and shown.
    ///
    /// # Errors
    /// Returns the error of the step that failed, or of a task.
    pub fn compute_chunk_sizes(&self) -> Result<Self> {
        match counted(&self.inner) {
            Ok(inner) => Ok(Self::of(inner)),
            Err(e) => Err(e),
        }
    }

    /// Returns the largest chunk along each axis.
    #[must_use]
    pub fn chunksize(&self) -> Vec<usize> {
        core(&self.inner).map(|c| c.grid.largest()).unwrap_or_default()
    }

    /// Returns the number of chunks along each axis.
    #[must_use]
    pub fn numblocks(&self) -> Vec<usize> {
        lazily(&self.inner).map(|c| c.0.grid.counts()).unwrap_or_default()
    }

    /// Returns the number of chunks.
    #[must_use]
    pub fn npartitions(&self) -> usize {
        lazily(&self.inner).map_or(0, |c| c.0.grid.blocks())
    }

    /// Returns the number of axes.
    #[must_use]
    pub fn ndim(&self) -> usize {
        lazily(&self.inner).map_or(0, |c| c.0.ndim())
    }

    /// Returns the number of elements; what is not known is counted.
    #[must_use]
    pub fn size(&self) -> usize {
        elements(&self.inner)
    }

    /// Returns the bytes of one element.
    #[must_use]
    pub fn itemsize(&self) -> usize {
        lazily(&self.inner).map_or(0, |c| c.0.dtype.size())
    }

    /// Returns the bytes of all elements.
    #[must_use]
    pub fn nbytes(&self) -> usize {
        self.size() * self.itemsize()
    }

    /// Returns NumPy's name of the type of the elements: `"float64"`, `"int64"`, ...
    #[must_use]
    pub fn dtype(&self) -> &'static str {
        lazily(&self.inner).map_or("unknown", |c| c.0.dtype.name())
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
