//! Arrays like others, and arrays of indices.

use super::align::{Operand, aligned, apply, cast};
use super::args::{IntoShape, axes_of, axis_of, shape_of};
use super::block::Block;
use super::calls::{layer, of_blocks};
use super::core::Core;
use super::create::{arange, fill};
use super::data::{Data, Number, Slice, sealed::Sealed};
use super::difference::{binary, range};
use super::dtype::Dtype;
use super::element::ArrayElement;
use super::grid::{Grid, tuple};
use super::handle::{Array, Place, automatic, made, step};
use super::join::{Arrays, handles, joined, stack};
use super::ops::{Binary, Function, Op};
use super::reshape::reshaped;
use super::take::taken;
use crate::delayed::Delayed;
use crate::error::{Error, Result};
use crate::graph::Value;
use crate::handle::Opaque;
use ndarray::ArrayD;
use std::panic::Location;
use std::sync::Arc;

#[inline(never)]
fn filled(inner: &Opaque, number: Number, place: Place) -> Opaque {
    step(&[inner], place, &|cores| Ok(fill(cores[0].grid.clone(), number)))
}

/// Creates an array of ones with the shape, chunks and type of another one.
#[track_caller]
pub fn ones_like<T: ArrayElement>(x: &Array<T>) -> Array<T> {
    Array::of(filled(&x.inner, super::create::one(T::DTYPE), Location::caller()))
}

/// Creates an array of zeros with the shape, chunks and type of another one.
#[track_caller]
pub fn zeros_like<T: ArrayElement>(x: &Array<T>) -> Array<T> {
    Array::of(filled(&x.inner, T::default().number(), Location::caller()))
}

/// Creates an array of one value with the shape and the chunks of another one.
#[track_caller]
pub fn full_like<T: ArrayElement, U: ArrayElement>(x: &Array<T>, value: U) -> Array<U> {
    Array::of(filled(&x.inner, value.number(), Location::caller()))
}

/// Creates an array of zeros: elements are never left without a value.
#[track_caller]
pub fn empty(shape: impl IntoShape) -> Array<f64> {
    super::create::zeros(shape)
}

/// Creates an array of zeros with the shape, chunks and type of another one.
#[track_caller]
pub fn empty_like<T: ArrayElement>(x: &Array<T>) -> Array<T> {
    zeros_like(x)
}

/// Computes elements from their indices.
type OfIndices = Arc<dyn Fn(&mut dyn FnMut(&mut dyn FnMut(&[usize])), usize) -> Data + Send + Sync>;

#[inline(never)]
fn from_indices(lengths: &[i64], dtype: Dtype, f: &OfIndices, place: Place) -> Opaque {
    let new = || {
        let shape = shape_of("fromfunction", lengths)?;
        let grid = automatic("fromfunction", &shape, dtype)?;
        let (f, to) = (f.clone(), grid.clone());
        let reads = |_: usize, _: &mut dyn FnMut(usize, usize)| {};
        Ok(of_blocks("fromfunction", grid, dtype, &[], reads, move |i, _| {
            let place = to.place(i);
            let (start, shape) = (to.block_start(&place), to.block_shape(&place));
            let n: usize = shape.iter().product();
            let mut index = start.clone();
            let data = f(
                &mut |each| {
                    for _ in 0..n {
                        each(&index);
                        for axis in (0..index.len()).rev() {
                            index[axis] += 1;
                            if index[axis] < start[axis] + shape[axis] {
                                break;
                            }
                            index[axis] = start[axis];
                        }
                    }
                },
                n,
            );
            Ok(Block::new(shape, data))
        }))
    };
    made(new(), place)
}

/// Creates an array whose elements are computed from their indices.
///
/// ```
/// use rask::prelude::*;
/// let x = da::fromfunction((2, 3), |i: &[usize]| (10 * i[0] + i[1]) as i64);
/// assert_eq!(x.compute()?.into_raw_vec_and_offset().0, [0, 1, 2, 10, 11, 12]);
/// # Ok::<(), rask::Error>(())
/// ```
#[track_caller]
pub fn fromfunction<T: ArrayElement>(
    shape: impl IntoShape,
    f: impl Fn(&[usize]) -> T + Send + Sync + 'static,
) -> Array<T> {
    let f: OfIndices = Arc::new(move |indices, n| {
        let mut list = Vec::with_capacity(n);
        indices(&mut |index| list.push(f(index)));
        T::data(list)
    });
    Array::of(from_indices(&shape.lengths(), T::DTYPE, &f, Location::caller()))
}

/// Returns the indices of a grid along each axis, side by side along a new first axis.
#[track_caller]
pub fn indices(shape: impl IntoShape) -> Array<i64> {
    let lengths = shape.lengths();
    let mut all = Vec::new();
    for axis in 0..lengths.len() {
        let mut own = vec![1i64; lengths.len()];
        own[axis] = lengths[axis];
        all.push(arange(0..lengths[axis]).reshape(own).broadcast_to(&lengths));
    }
    stack(&all, 0)
}

/// Repeats lists along the axes of a grid, as NumPy's `meshgrid` does: the first two are exchanged,
/// so that the first list runs along the columns.
#[track_caller]
pub fn meshgrid<T: ArrayElement>(lists: impl Arrays<T>) -> Vec<Array<T>> {
    let place = Location::caller();
    let mut all = Vec::new();
    for inner in grid_of_lists(&handles(&lists), place) {
        all.push(Array::of(inner));
    }
    all
}

#[inline(never)]
fn grid_of_lists(lists: &[Opaque], place: Place) -> Vec<Opaque> {
    let inputs: Vec<&Opaque> = lists.iter().collect();
    let n = lists.len();
    let axis_of = |i: usize| match i {
        0 | 1 if n > 1 => 1 - i,
        i => i,
    };
    let spread = |i: usize| {
        step(&inputs, place, &|cores| {
            let flat = cores.iter().map(|c| reshaped(c, &[-1])).collect::<Result<Vec<_>>>()?;
            let mut lengths = vec![1i64; n];
            lengths[axis_of(i)] = -1;
            let own = reshaped(&flat[i], &lengths)?;
            let mut chunks = vec![Vec::new(); n];
            flat.iter()
                .enumerate()
                .for_each(|(k, c)| chunks[axis_of(k)] = c.grid.chunks[0].to_vec());
            Ok(super::align::broadcast_to(&own, &Arc::new(Grid::new(chunks))))
        })
    };
    (0..n).map(spread).collect()
}

/// Returns the arrays repeated to the shape that they have in common.
#[track_caller]
pub fn broadcast_arrays<T: ArrayElement>(arrays: impl Arrays<T>) -> Vec<Array<T>> {
    let place = Location::caller();
    let mut all = Vec::new();
    for inner in with_one_shape(&handles(&arrays), place) {
        all.push(Array::of(inner));
    }
    all
}

/// Returns the arrays in chunks of the same sizes; their shapes are broadcast.
#[track_caller]
pub fn unify_chunks<T: ArrayElement>(arrays: impl Arrays<T>) -> Vec<Array<T>> {
    broadcast_arrays(arrays)
}

#[inline(never)]
fn with_one_shape(arrays: &[Opaque], place: Place) -> Vec<Opaque> {
    let inputs: Vec<&Opaque> = arrays.iter().collect();
    let one = |i: usize| {
        step(&inputs, place, &|cores| {
            let cores: Vec<Core> = cores.iter().map(|c| (*c).clone()).collect();
            Ok(aligned("broadcast_arrays", &cores)?.swap_remove(i))
        })
    };
    (0..arrays.len()).map(one).collect()
}

/// Takes the element of the array whose number the index says, at each place.
///
/// ```
/// use rask::prelude::*;
/// let (a, b) = (da::zeros(3), da::ones(3));
/// let index = da::from_array(ndarray::arr1(&[0, 1, 0i64]), 3);
/// assert_eq!(da::choose(&index, [&a, &b]).sum().compute()?, 1.0);
/// # Ok::<(), rask::Error>(())
/// ```
#[track_caller]
pub fn choose<T: ArrayElement>(index: &Array<i64>, arrays: impl Arrays<T>) -> Array<T> {
    Array::of(chosen(&index.inner, &handles(&arrays), T::DTYPE, Location::caller()))
}

#[inline(never)]
fn chosen(index: &Opaque, arrays: &[Opaque], dtype: Dtype, place: Place) -> Opaque {
    let inputs: Vec<&Opaque> = std::iter::once(index).chain(arrays).collect();
    let n = arrays.len() as i64;
    step(&inputs, place, &|cores| {
        if n == 0 {
            return Err(Error::bad_argument(
                "choose",
                "no arrays; expected at least one".to_owned(),
            ));
        }
        let all: Vec<Core> = cores.iter().map(|c| (*c).clone()).collect();
        let all = aligned("choose", &all)?;
        let grid = all[0].grid.clone();
        let reads = move |i: usize, read: &mut dyn FnMut(usize, usize)| {
            (0..=n as usize).for_each(|k| read(k, i));
        };
        let inputs: Vec<&Core> = all.iter().collect();
        Ok(of_blocks("choose", grid, dtype, &inputs, reads, move |_, blocks| {
            let index = blocks[0].data();
            let index: &[i64] = Sealed::slice(index.slice());
            let lists: Vec<_> = blocks[1..].iter().map(|b| b.data()).collect();
            let mut out = Data::with_capacity(dtype, index.len());
            for (at, i) in index.iter().enumerate() {
                let list =
                    usize::try_from(*i).ok().and_then(|i| lists.get(i)).ok_or_else(|| {
                        Error::bad_argument(
                            "choose",
                            format!("index {i} of {n} arrays; expected 0 to {}", n - 1),
                        )
                    })?;
                out.extend(list.slice().part(at, at + 1));
            }
            Ok(Block::new(blocks[0].shape.clone(), out))
        }))
    })
}

/// Takes, at each place, the element of the first array whose mask is true there, and `otherwise`
/// where none is.
#[track_caller]
pub fn select<T: ArrayElement>(
    masks: &[&Array<bool>],
    arrays: &[&Array<T>],
    otherwise: T,
) -> Array<T> {
    let mut pairs = Vec::new();
    for (mask, array) in masks.iter().zip(arrays) {
        pairs.push((mask.inner.again(), array.inner.again()));
    }
    let lengths = (masks.len(), arrays.len());
    Array::of(selected(&pairs, lengths, otherwise.number(), Location::caller()))
}

#[inline(never)]
fn selected(
    pairs: &[(Opaque, Opaque)],
    lengths: (usize, usize),
    number: Number,
    place: Place,
) -> Opaque {
    let inputs: Vec<&Opaque> = pairs.iter().flat_map(|p| [&p.0, &p.1]).collect();
    if lengths.0 != lengths.1 || pairs.is_empty() {
        let e = Error::bad_argument(
            "select",
            format!(
                "{} masks and {} arrays; expected as many, and at least one",
                lengths.0, lengths.1
            ),
        );
        return made(Err(e), place);
    }
    step(&inputs, place, &|cores| {
        let mut last = Operand::Number(number);
        for pair in cores.chunks(2).rev() {
            let args = vec![Operand::Array(pair[0].clone()), Operand::Array(pair[1].clone()), last];
            last = Operand::Array(apply(Op::Where, number.dtype(), args)?);
        }
        match last {
            Operand::Array(core) => Ok(core),
            Operand::Number(_) => unreachable!("there is at least one pair"),
        }
    })
}

/// Returns the places in row-major order of indices along each axis of a shape.
#[track_caller]
pub fn ravel_multi_index(indices: &[&Array<i64>], shape: impl IntoShape) -> Array<i64> {
    let mut all = Vec::new();
    for index in indices {
        all.push(index.inner.again());
    }
    Array::of(places(&all, &shape.lengths(), Location::caller()))
}

#[inline(never)]
fn places(indices: &[Opaque], lengths: &[i64], place: Place) -> Opaque {
    let inputs: Vec<&Opaque> = indices.iter().collect();
    if indices.is_empty() || indices.len() != lengths.len() {
        let e = Error::bad_argument(
            "ravel_multi_index",
            format!(
                "{} lists of indices for shape {}; expected one for each axis",
                indices.len(),
                tuple(lengths)
            ),
        );
        return made(Err(e), place);
    }
    step(&inputs, place, &|cores| {
        let mut all = inside(cores[0], lengths[0]);
        for (core, n) in cores.iter().zip(lengths).skip(1) {
            let args = vec![Operand::Array(all), Operand::Number(Number::I64(*n))];
            let scaled = apply(Op::Binary(Binary::Multiply), Dtype::I64, args)?;
            all = binary(Binary::Add, &scaled, &inside(core, *n), Dtype::I64)?;
        }
        Ok(all)
    })
}

/// Checks indices: those out of range are an error when they are computed.
fn inside(core: &Core, n: i64) -> Core {
    let reads = |i: usize, read: &mut dyn FnMut(usize, usize)| read(0, i);
    of_blocks(
        "ravel_multi_index",
        core.grid.clone(),
        Dtype::I64,
        &[core],
        reads,
        move |_, blocks| {
            let list = blocks[0].data();
            let list: &[i64] = Sealed::slice(list.slice());
            match list.iter().find(|i| !(0..n).contains(*i)) {
                None => Ok(blocks[0].clone()),
                Some(i) => Err(Error::bad_argument(
                    "ravel_multi_index",
                    format!("index {i} of an axis with {n} elements; expected 0 to {}", n - 1),
                )),
            }
        },
    )
}

/// Returns the indices along each axis of a shape of places in row-major order.
#[track_caller]
pub fn unravel_index(places: &Array<i64>, shape: impl IntoShape) -> Vec<Array<i64>> {
    let lengths = shape.lengths();
    let place = Location::caller();
    let mut all = Vec::new();
    for axis in 0..lengths.len() {
        all.push(Array::of(index_along(&places.inner, &lengths, axis, place)));
    }
    all
}

#[inline(never)]
fn index_along(inner: &Opaque, lengths: &[i64], axis: usize, place: Place) -> Opaque {
    step(&[inner], place, &|cores| {
        let all: i64 = lengths.iter().product();
        let distance: i64 = lengths[axis + 1..].iter().product::<i64>().max(1);
        let n = lengths[axis].max(1);
        let f: Function = Arc::new(move |list: Slice<'_>, out: &mut Data| {
            let list: &[i64] = Sealed::slice(list);
            let found: Vec<i64> = list.iter().map(|i| i / distance % n).collect();
            out.extend(Slice::I64(&found));
        });
        Ok(super::align::unary(&inside(cores[0], all), Op::Map("unravel_index", f), Dtype::I64))
    })
}

#[inline(never)]
fn vindex(inner: &Opaque, lists: &[Vec<i64>], place: Place) -> Opaque {
    step(&[inner], place, &|cores| {
        let shape = cores[0].shape();
        let n = lists.first().map_or(0, Vec::len);
        if lists.len() != shape.len() || lists.iter().any(|l| l.len() != n) {
            return Err(Error::bad_argument(
                "vindex",
                format!(
                    "{} lists of indices for shape {}; expected one for each axis, of equal lengths",
                    lists.len(),
                    tuple(&shape)
                ),
            ));
        }
        let mut flat = vec![0usize; n];
        for (axis, list) in lists.iter().enumerate() {
            let found = super::take::places_of("vindex", list, shape[axis], axis)?;
            flat.iter_mut().zip(found).for_each(|(f, i)| *f = *f * shape[axis] + i);
        }
        Ok(taken("vindex", &reshaped(cores[0], &[-1])?, 0, &flat))
    })
}

#[inline(never)]
fn keep_dims(inner: &Opaque, axes: &[i64], place: Place) -> Opaque {
    step(&[inner], place, &|cores| {
        let mut axes = axes_of("keepdims", axes, cores[0].ndim() + axes.len())?;
        axes.sort_unstable();
        let mut lengths: Vec<i64> = cores[0].shape().iter().map(|n| *n as i64).collect();
        axes.iter().for_each(|a| lengths.insert(*a, 1));
        reshaped(cores[0], &lengths)
    })
}

#[inline(never)]
fn one_of_blocks(inner: &Opaque, at: &[i64], place: Place) -> Opaque {
    step(&[inner], place, &|cores| {
        let core = cores[0];
        if at.len() != core.ndim() {
            return Err(Error::bad_argument(
                "blocks",
                format!(
                    "{} indices for an array of shape {}; expected one for each axis",
                    at.len(),
                    tuple(&core.shape())
                ),
            ));
        }
        let mut place = Vec::new();
        for (axis, i) in at.iter().enumerate() {
            let n = core.grid.chunks[axis].len();
            place.extend(super::take::places_of("blocks", &[*i], n, axis)?);
        }
        let (start, size) = (core.grid.block_start(&place), core.grid.block_shape(&place));
        let mut part = core.clone();
        for axis in 0..start.len() {
            part = range("blocks", &part, axis, start[axis], size[axis]);
        }
        Ok(part)
    })
}

#[inline(never)]
fn gradient(inner: &Opaque, spacing: f64, axis: i64, place: Place) -> Opaque {
    step(&[inner], place, &|cores| {
        let core = cast(cores[0], cores[0].dtype.float());
        let axis = axis_of("gradient", axis, core.ndim())?;
        let n = core.shape()[axis];
        if n < 2 {
            return Err(Error::bad_argument(
                "gradient",
                format!("axis {axis} with {n} elements; expected 2 or more"),
            ));
        }
        let dtype = core.dtype;
        let slope = |from: usize, to: usize, len: usize, width: f64| {
            let rise = binary(
                Binary::Subtract,
                &range("gradient", &core, axis, to, len),
                &range("gradient", &core, axis, from, len),
                dtype,
            )?;
            let width = super::ops::number_as(Number::F64(width), dtype)?;
            apply(
                Op::Binary(Binary::Divide),
                dtype,
                vec![Operand::Array(rise), Operand::Number(width)],
            )
        };
        let (first, last) = (slope(0, 1, 1, spacing)?, slope(n - 2, n - 1, 1, spacing)?);
        let middle = slope(0, 2, n - 2, 2.0 * spacing)?;
        let parts: Vec<&Core> =
            if n > 2 { vec![&first, &middle, &last] } else { vec![&first, &last] };
        joined("gradient", &parts, axis as i64, false)
    })
}

#[inline(never)]
fn delayed_block(
    point: crate::graph::Point,
    lengths: &[i64],
    dtype: Dtype,
    f: fn(&Value) -> Block,
    place: Place,
) -> Opaque {
    let new = || {
        let shape = shape_of("from_delayed", lengths)?;
        let grid = Arc::new(Grid::whole(&shape));
        let at = point.index as usize;
        let reads = move |_: usize, read: &mut dyn FnMut(usize, usize)| read(0, at);
        let run = move |_: usize, values: Vec<Value>| {
            let found = f(&values[0]);
            if found.shape != shape {
                return Err(Error::bad_argument(
                    "from_delayed",
                    format!(
                        "a value of shape {} where {} was given",
                        tuple(&found.shape),
                        tuple(&shape)
                    ),
                ));
            }
            Ok(Arc::new(found) as Value)
        };
        let layer = layer("from_delayed", 1, &[&point.layer], reads, run);
        Ok(Core { grid, dtype, layer })
    };
    made(new(), place)
}

/// Creates the array of one block that is the value of a delayed array, whose shape is given. A value
/// of another shape is an error. Several are put together by [`concatenate`](super::concatenate) or
/// [`block`](super::block).
///
/// ```
/// use rask::prelude::*;
/// let value = delayed(|n: usize| ndarray::ArrayD::<f64>::ones(vec![n])).call((3usize,));
/// assert_eq!(da::from_delayed(&value, 3).sum().compute()?, 3.0);
/// # Ok::<(), rask::Error>(())
/// ```
#[track_caller]
pub fn from_delayed<T: ArrayElement>(
    value: &Delayed<ArrayD<T>>,
    shape: impl IntoShape,
) -> Array<T> {
    let block = |value: &Value| T::block(crate::delayed::typed_ref::<ArrayD<T>>(value).clone());
    Array::of(delayed_block(value.point(), &shape.lengths(), T::DTYPE, block, Location::caller()))
}

#[inline(never)]
fn averaged(inner: &Opaque, weights: &Opaque, place: Place) -> crate::graph::Point {
    use super::reduce::partial::{Nan, Reduction};
    let found = step(&[inner, weights], place, &|cores| {
        let [x, w] = [0, 1].map(|i| cast(cores[i], Dtype::F64));
        let sum = |core: &Core| {
            super::reduce::reduced(
                core,
                (Reduction::Sum, Nan::Counts),
                &vec![true; core.ndim()],
                Dtype::F64,
            )
        };
        let all = sum(&binary(Binary::Multiply, &x, &w, Dtype::F64)?)?;
        let weights = aligned("average", &[w, x])?.swap_remove(0);
        binary(Binary::Divide, &all, &sum(&weights)?, Dtype::F64)
    });
    super::reduce::number(&found, Reduction::Maximum, Nan::Counts, Dtype::F64)
}

impl<T: ArrayElement> Array<T> {
    /// Takes the elements at points: a list of indices for each axis.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let x = da::arange(0..12i64).reshape((3, 4));
    /// assert_eq!(x.vindex(&[vec![0, 2], vec![1, 3]]).compute()?.into_raw_vec_and_offset().0, [1, 11]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    #[must_use]
    #[track_caller]
    pub fn vindex(&self, indices: &[Vec<i64>]) -> Self {
        Self::of(vindex(&self.inner, indices, Location::caller()))
    }

    /// Adds axes of one element where a reduction has dropped them, so that the result fits the
    /// array again: `&x - x.mean_axis(1).keepdims(1)`.
    #[must_use]
    #[track_caller]
    pub fn keepdims(&self, axes: impl IntoShape) -> Self {
        Self::of(keep_dims(&self.inner, &axes.lengths(), Location::caller()))
    }

    /// Returns the block at a place: `x.blocks((0, -1))`.
    #[must_use]
    #[track_caller]
    pub fn blocks(&self, place: impl IntoShape) -> Self {
        Self::of(one_of_blocks(&self.inner, &place.lengths(), Location::caller()))
    }

    /// Computes slopes along an axis, from both neighbours, and at the ends from one; elements are
    /// `spacing` apart.
    #[must_use]
    #[track_caller]
    pub fn gradient(&self, spacing: f64, axis: i64) -> Array<T::Float> {
        Array::of(gradient(&self.inner, spacing, axis, Location::caller()))
    }

    /// Computes the mean with weights.
    #[must_use]
    #[track_caller]
    pub fn average<W: ArrayElement>(&self, weights: &Array<W>) -> Delayed<f64> {
        Delayed::of_point(averaged(&self.inner, &weights.inner, Location::caller()))
    }

    /// Computes the differences of neighbours in row-major order.
    #[must_use]
    #[track_caller]
    pub fn ediff1d(&self) -> Self {
        self.ravel().diff(1, 0)
    }
}
