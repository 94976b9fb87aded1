//! New arrays.

use super::args::{IntoChunks, IntoShape, shape_of};
use super::block::Block;
use super::core::Core;
use super::data::Number;
use super::dtype::Dtype;
use super::element::ArrayElement;
use super::grid::Grid;
use super::handle::{Array, Place, automatic, grid_of, made};
use super::make::Make;
use super::random::Distribution;
use super::step::Kind;
use crate::error::{Error, Result};
use crate::graph::{Key, Layer, Name, Value, Work};
use crate::handle::Opaque;
use ndarray::{ArrayBase, ArrayD, Dimension, OwnedRepr};
use std::panic::Location;
use std::sync::Arc;

#[inline(never)]
fn filled(name: &str, lengths: &[i64], number: Number, place: Place) -> Opaque {
    generated(name, lengths, number.dtype(), Make::Fill(number), place)
}

/// Creates an array of elements that are computed from their places, in automatic chunks.
#[inline(never)]
pub(super) fn generated(
    name: &str,
    lengths: &[i64],
    dtype: Dtype,
    make: Make,
    place: Place,
) -> Opaque {
    let new = || {
        let shape = shape_of(name, lengths)?;
        let grid = automatic(name, &shape, dtype)?;
        Ok(Core::step(name, grid, dtype, &[], Kind::Make(make.clone())))
    };
    made(new(), place)
}

/// Creates the array of one number with a grid.
pub(super) fn fill(grid: Arc<Grid>, number: Number) -> Core {
    Core::step("full", grid, number.dtype(), &[], Kind::Make(Make::Fill(number)))
}

/// Creates an array of ones.
///
/// ```
/// use rask::prelude::*;
/// assert_eq!(da::ones((2, 3)).sum().compute()?, 6.0);
/// # Ok::<(), rask::Error>(())
/// ```
#[track_caller]
pub fn ones(shape: impl IntoShape) -> Array<f64> {
    Array::of(filled("ones", &shape.lengths(), Number::F64(1.0), Location::caller()))
}

/// Creates an array of zeros.
#[track_caller]
pub fn zeros(shape: impl IntoShape) -> Array<f64> {
    Array::of(filled("zeros", &shape.lengths(), Number::F64(0.0), Location::caller()))
}

/// Creates an array of ones of any type: `da::ones_of::<i64>((2, 3))`.
///
/// # Panics
/// Never: all element types have a one.
#[track_caller]
pub fn ones_of<T: ArrayElement>(shape: impl IntoShape) -> Array<T> {
    Array::of(filled("ones", &shape.lengths(), one(T::DTYPE), Location::caller()))
}

/// Creates an array of zeros of any type: `da::zeros_of::<i64>((2, 3))`.
#[track_caller]
pub fn zeros_of<T: ArrayElement>(shape: impl IntoShape) -> Array<T> {
    Array::of(filled("zeros", &shape.lengths(), T::default().number(), Location::caller()))
}

pub(super) fn one(dtype: Dtype) -> Number {
    match dtype {
        Dtype::F64 => Number::F64(1.0),
        Dtype::F32 => Number::F32(1.0),
        Dtype::I64 => Number::I64(1),
        Dtype::I32 => Number::I32(1),
        Dtype::U64 => Number::U64(1),
        Dtype::U8 => Number::U8(1),
        Dtype::Bool => Number::Bool(true),
        Dtype::C64 => Number::C64(num_complex::Complex64::ONE),
    }
}

/// Creates an array of one value, whose type is the array's.
///
/// ```
/// use rask::prelude::*;
/// assert_eq!(da::full((2, 2), 7i64).sum().compute()?, 28);
/// # Ok::<(), rask::Error>(())
/// ```
#[track_caller]
pub fn full<T: ArrayElement>(shape: impl IntoShape, value: T) -> Array<T> {
    Array::of(filled("full", &shape.lengths(), value.number(), Location::caller()))
}

/// Creates the identity matrix of `n` rows.
#[track_caller]
pub fn eye(n: usize) -> Array<f64> {
    let make = Make::Eye { columns: n.max(1) as u64, diagonal: 0 };
    let lengths = [n as i64, n as i64];
    Array::of(generated("eye", &lengths, Dtype::F64, make, Location::caller()))
}

/// Creates `n` floats from `start` to `stop`, both included.
///
/// ```
/// use rask::prelude::*;
/// assert_eq!(da::linspace(0.0, 1.0, 5).compute()?.into_raw_vec_and_offset().0, [0.0, 0.25, 0.5, 0.75, 1.0]);
/// # Ok::<(), rask::Error>(())
/// ```
#[track_caller]
pub fn linspace(start: f64, stop: f64, n: usize) -> Array<f64> {
    let parts = n.saturating_sub(1).max(1) as u64;
    let make = Make::Between { start, stop, parts, to_end: n > 1 };
    Array::of(generated("linspace", &[n as i64], Dtype::F64, make, Location::caller()))
}

/// A type whose values can be counted through by [`arange`].
pub trait Countable: ArrayElement {
    #[doc(hidden)]
    fn counted(start: Self, stop: Self, step: Self) -> Result<(Counted, i64)>;
}

/// The way to make the numbers of a range.
#[doc(hidden)]
pub struct Counted(Make);

macro_rules! countable_integers {
    ($($t:ty),*) => {$(
        impl Countable for $t {
            #[inline(never)]
            fn counted(start: Self, stop: Self, step: Self) -> Result<(Counted, i64)> {
                integers(start as i128, stop as i128, step as i128)
            }
        }
    )*};
}
countable_integers!(i64, i32, u64, u8);

fn integers(start: i128, stop: i128, step: i128) -> Result<(Counted, i64)> {
    if step == 0 {
        return Err(no_step());
    }
    let n = ((stop - start) + step - step.signum()) / step;
    let n = i64::try_from(n.max(0)).unwrap_or(i64::MAX);
    // As two's complement, so that the numbers beyond 2^63 come out right too.
    Ok((Counted(Make::Integers { start: start as i64, step: step as i64 }), n))
}

impl Countable for f64 {
    #[inline(never)]
    fn counted(start: Self, stop: Self, step: Self) -> Result<(Counted, i64)> {
        if step == 0.0 {
            return Err(no_step());
        }
        let n = ((stop - start) / step).ceil();
        if !n.is_finite() {
            return Err(Error::bad_argument(
                "arange",
                format!("{start} to {stop} by {step} has no length; expected finite numbers"),
            ));
        }
        Ok((Counted(Make::Floats { start, step }), n.max(0.0) as i64))
    }
}

fn no_step() -> Error {
    Error::bad_argument("arange", "a step of 0; expected another step".to_owned())
}

#[inline(never)]
fn counted(found: Result<(Counted, i64)>, dtype: Dtype, place: Place) -> Opaque {
    match found {
        Ok((make, n)) => generated("arange", &[n], dtype, make.0, place),
        Err(e) => made(Err(e), place),
    }
}

/// Creates the numbers of a range: `da::arange(0..24i64)`, `da::arange(0.0..2.0)`.
///
/// ```
/// use rask::prelude::*;
/// assert_eq!(da::arange(3..6i64).compute()?.into_raw_vec_and_offset().0, [3, 4, 5]);
/// # Ok::<(), rask::Error>(())
/// ```
#[track_caller]
pub fn arange<T: Countable>(range: std::ops::Range<T>) -> Array<T> {
    let one = T::single(one(T::DTYPE));
    let found = T::counted(range.start, range.end, one);
    Array::of(counted(found, T::DTYPE, Location::caller()))
}

/// Creates the numbers from `start` to `stop`, `step` apart, without `stop`: `da::arange_step(10i64, 0, -2)`.
#[track_caller]
pub fn arange_step<T: Countable>(start: T, stop: T, step: T) -> Array<T> {
    let found = T::counted(start, stop, step);
    Array::of(counted(found, T::DTYPE, Location::caller()))
}

/// Creates random floats in `[0, 1)`, with a new seed for every call.
#[track_caller]
pub fn random(shape: impl IntoShape) -> Array<f64> {
    Array::of(uniform(&shape.lengths(), rand::random(), Location::caller()))
}

/// Creates random floats in `[0, 1)`: the same ones for the same seed, whatever the chunks.
#[track_caller]
pub fn random_seeded(shape: impl IntoShape, seed: u64) -> Array<f64> {
    Array::of(uniform(&shape.lengths(), seed, Location::caller()))
}

#[inline(never)]
pub(super) fn uniform(lengths: &[i64], seed: u64, place: Place) -> Opaque {
    let of = Distribution::Uniform { low: 0.0, width: 1.0 };
    generated("random", lengths, Dtype::F64, Make::Random { seed, of }, place)
}

/// Creates an array of values in memory, cut into chunks.
///
/// ```
/// use rask::prelude::*;
/// let x = da::from_array(ndarray::arr2(&[[1.0, 2.0], [3.0, 4.0]]), (1, 2));
/// assert_eq!((x.npartitions(), x.sum().compute()?), (2, 10.0));
/// # Ok::<(), rask::Error>(())
/// ```
#[track_caller]
pub fn from_array<T: ArrayElement, D: Dimension>(
    array: ArrayBase<OwnedRepr<T>, D>,
    chunks: impl IntoChunks,
) -> Array<T> {
    let array: ArrayD<T> = array.into_dyn();
    Array::of(given(T::block(array), chunks.cuts(), Location::caller()))
}

#[inline(never)]
fn given(block: Block, cuts: super::args::Cuts, place: Place) -> Opaque {
    let new = || {
        let dtype = block.slice().dtype();
        let grid = grid_of("from_array", &block.shape, dtype, &cuts)?;
        Ok(super::rechunk::rechunk(&in_memory(block), &grid))
    };
    made(new(), place)
}

/// Creates the array of one block that is in memory.
pub(super) fn in_memory(block: Block) -> Core {
    let (grid, dtype) = (Arc::new(Grid::whole(&block.shape)), block.slice().dtype());
    let work = Handed(Arc::new(block));
    let layer = Layer::new(Key::new(Name::new("array")), 1, Vec::new(), work);
    Core { grid, dtype, layer }
}

/// The work of an array in memory: its value is there already.
struct Handed(Value);

impl Work for Handed {
    fn run(&self, _: u32, _: Vec<Value>) -> Result<Value> {
        Ok(self.0.clone())
    }
}
