//! Fourier transforms along axes, by `rustfft`. Blocks are made whole along the axis, so that each
//! lane is transformed in one task.

use super::align::{self, Operand, cast};
use super::args::{IntoShape, axes_of, axis_of};
use super::block::Block;
use super::calls::each_block;
use super::core::Core;
use super::create::arange;
use super::data::{Data, Number, sealed::Sealed};
use super::dtype::Dtype;
use super::element::ArrayElement;
use super::handle::{Array, Place, step};
use super::lanes::Lanes;
use super::ops::{Binary, Op, Unary};
use super::sort::with_chunks;
use super::whole::whole_along;
use crate::error::{Error, Result};
use crate::handle::Opaque;
use num_complex::Complex64;
use rustfft::{FftDirection, FftPlanner};
use std::cell::RefCell;
use std::panic::Location;

/// A transform of lanes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Forward,
    /// The inverse, divided by the number of elements.
    Inverse,
    /// The first half of the transform of real numbers; the other half are its conjugates.
    Real,
    /// The inverse of that, with this number of elements.
    ToReal(usize),
}

thread_local! {
    /// Plans are kept: lanes of one length are transformed by one plan.
    static PLANNER: RefCell<FftPlanner<f64>> = RefCell::new(FftPlanner::new());
}

/// Transforms a list in place.
fn transform(list: &mut [Complex64], direction: FftDirection) {
    PLANNER.with_borrow_mut(|p| p.plan_fft(list.len(), direction)).process(list);
}

/// Transforms the lanes of a block.
fn lanes(block: &Block, axis: usize, way: Way) -> Block {
    let of = Lanes::of(&block.shape, axis);
    let data = block.data();
    let list: &[Complex64] = Sealed::slice(data.slice());
    let m = match way {
        Way::Forward | Way::Inverse => of.n,
        Way::Real => of.n / 2 + 1,
        Way::ToReal(n) => n,
    };
    let mut shape = block.shape.clone();
    shape[axis] = m;
    if let Way::ToReal(n) = way {
        let found: Vec<f64> = of.map(list, n, &mut |lane, out: &mut [f64]| {
            let mut whole = vec![Complex64::ZERO; n];
            for (i, x) in lane.iter().enumerate().take(n / 2 + 1) {
                whole[i] = *x;
                if i > 0 && i < n.div_ceil(2) {
                    whole[n - i] = x.conj();
                }
            }
            // What has no counterpart counts as real, as in NumPy.
            whole[0].im = 0.0;
            if n.is_multiple_of(2) {
                whole[n / 2].im = 0.0;
            }
            transform(&mut whole, FftDirection::Inverse);
            out.iter_mut().zip(whole).for_each(|(o, x)| *o = x.re / n as f64);
        });
        return Block::new(shape, Data::F64(found));
    }
    let found = of.map(list, m, &mut |lane, out: &mut [Complex64]| {
        let direction =
            if way == Way::Inverse { FftDirection::Inverse } else { FftDirection::Forward };
        transform(lane, direction);
        if way == Way::Inverse {
            let n = lane.len() as f64;
            lane.iter_mut().for_each(|x| *x /= n);
        }
        out.copy_from_slice(&lane[..m]);
    });
    Block::new(shape, Data::C64(found))
}

/// Transforms an axis.
fn transformed(name: &str, core: &Core, axis: usize, way: Way) -> Result<Core> {
    let core = whole_along(name, &cast(core, Dtype::C64), &[axis])?;
    let n = core.shape()[axis];
    let m = match way {
        Way::Forward | Way::Inverse => n,
        Way::Real => n / 2 + 1,
        Way::ToReal(n) => n,
    };
    if n == 0 || m == 0 {
        return Err(Error::bad_argument(
            name,
            format!("axis {axis} with {n} elements; expected 1 or more"),
        ));
    }
    let dtype = if matches!(way, Way::ToReal(_)) { Dtype::F64 } else { Dtype::C64 };
    let grid = with_chunks(&core.grid, axis, vec![m]);
    Ok(each_block(name, grid, dtype, &core, move |_, block| Ok(lanes(block, axis, way))))
}

#[inline(never)]
fn along(inner: &Opaque, name: &str, axes: Option<&[i64]>, way: Way, place: Place) -> Opaque {
    step(&[inner], place, &|cores| {
        let ndim = cores[0].ndim();
        let all: Vec<i64> = (0..ndim as i64).collect();
        let axes = axes_of(name, axes.unwrap_or(&all), ndim)?;
        let (last, rest) = axes.split_last().ok_or_else(|| {
            Error::bad_argument(name, "an array without axes; expected at least one".to_owned())
        })?;
        match way {
            // The real axis is the last one: it is transformed first, and back last.
            Way::Real => {
                rest.iter().try_fold(transformed(name, cores[0], *last, way)?, |core, axis| {
                    transformed(name, &core, *axis, Way::Forward)
                })
            }
            Way::ToReal(n) => {
                let core = rest.iter().try_fold(cores[0].clone(), |core, axis| {
                    transformed(name, &core, *axis, Way::Inverse)
                })?;
                let n = if n == 0 { 2 * core.shape()[*last].saturating_sub(1) } else { n };
                transformed(name, &core, *last, Way::ToReal(n))
            }
            _ => axes
                .iter()
                .try_fold(cores[0].clone(), |core, axis| transformed(name, &core, *axis, way)),
        }
    })
}

macro_rules! transforms {
    ($($(#[$doc:meta])* $name:ident $(($axis:ident))?: $axes:expr, $way:expr => $out:ty;)*) => {$(
        $(#[$doc])*
        #[track_caller]
        pub fn $name<T: ArrayElement>(x: &Array<T> $(, $axis: impl IntoShape)?) -> Array<$out> {
            $(let $axis = $axis.lengths();)?
            let axes: Option<&[i64]> = $axes;
            Array::of(along(&x.inner, stringify!($name), axes, $way, Location::caller()))
        }
    )*};
}
transforms! {
    /// Computes the Fourier transform along the last axis.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let x = da::fft::fft(&da::ones(8));
    /// assert_eq!(x.abs().compute()?.into_raw_vec_and_offset().0[..2], [8.0, 0.0]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    fft: Some(&[-1]), Way::Forward => Complex64;
    /// Computes the inverse Fourier transform along the last axis.
    ifft: Some(&[-1]), Way::Inverse => Complex64;
    /// Computes the Fourier transform along an axis, or along several one after the other.
    fft_axis(axis): Some(&axis), Way::Forward => Complex64;
    /// Computes the inverse Fourier transform along an axis, or along several one after the other.
    ifft_axis(axis): Some(&axis), Way::Inverse => Complex64;
    /// Computes the Fourier transform along the last two axes.
    fft2: Some(&[-2, -1]), Way::Forward => Complex64;
    /// Computes the inverse Fourier transform along the last two axes.
    ifft2: Some(&[-2, -1]), Way::Inverse => Complex64;
    /// Computes the Fourier transform along all axes.
    fftn: None, Way::Forward => Complex64;
    /// Computes the inverse Fourier transform along all axes.
    ifftn: None, Way::Inverse => Complex64;
    /// Computes the Fourier transform of real numbers along the last axis: the first half of it, n / 2 + 1 elements, whose
    /// conjugates are the other half.
    rfft: Some(&[-1]), Way::Real => Complex64;
    /// Computes the Fourier transform of real numbers along an axis; of several, the last one is halved.
    rfft_axis(axis): Some(&axis), Way::Real => Complex64;
    /// Computes the Fourier transform of real numbers along the last two axes; the last one is halved.
    rfft2: Some(&[-2, -1]), Way::Real => Complex64;
    /// Computes the Fourier transform of real numbers along all axes; the last one is halved.
    rfftn: None, Way::Real => Complex64;
    /// Computes the inverse of [`rfft`]: 2 (m - 1) real numbers along the last axis.
    irfft: Some(&[-1]), Way::ToReal(0) => f64;
    /// Computes the inverse of [`rfft_axis`] with 2 (m - 1) real numbers along the last of the axes.
    irfft_axis(axis): Some(&axis), Way::ToReal(0) => f64;
    /// Computes the inverse of [`rfft2`].
    irfft2: Some(&[-2, -1]), Way::ToReal(0) => f64;
    /// Computes the inverse of [`rfftn`].
    irfftn: None, Way::ToReal(0) => f64;
}

/// Computes the inverse of [`rfft`] with `n` real numbers along the last axis: odd numbers of them
/// must be given.
#[track_caller]
pub fn irfft_n<T: ArrayElement>(x: &Array<T>, n: usize) -> Array<f64> {
    Array::of(along(&x.inner, "irfft", Some(&[-1]), Way::ToReal(n), Location::caller()))
}

#[inline(never)]
fn hermitian(inner: &Opaque, place: Place) -> Opaque {
    step(&[inner], place, &|cores| {
        let core = align::unary(&cast(cores[0], Dtype::C64), Op::Unary(Unary::Conj), Dtype::C64);
        let axis = axis_of("hfft", -1, core.ndim())?;
        let n = 2 * core.shape()[axis].saturating_sub(1);
        scaled(&transformed("hfft", &core, axis, Way::ToReal(n))?, n as f64)
    })
}

fn scaled(core: &Core, by: f64) -> Result<Core> {
    let by = super::ops::number_as(Number::F64(by), core.dtype)?;
    let args = vec![Operand::Array(core.clone()), Operand::Number(by)];
    align::apply(Op::Binary(Binary::Multiply), core.dtype, args)
}

#[inline(never)]
fn inverse_hermitian(inner: &Opaque, place: Place) -> Opaque {
    step(&[inner], place, &|cores| {
        let axis = axis_of("ihfft", -1, cores[0].ndim())?;
        let n = cores[0].shape()[axis];
        let found = transformed("ihfft", cores[0], axis, Way::Real)?;
        let found = align::unary(&found, Op::Unary(Unary::Conj), Dtype::C64);
        scaled(&found, 1.0 / n as f64)
    })
}

/// Computes the Fourier transform of a signal that is its own mirrored conjugate, of which the first
/// half is given along the last axis.
#[track_caller]
pub fn hfft<T: ArrayElement>(x: &Array<T>) -> Array<f64> {
    Array::of(hermitian(&x.inner, Location::caller()))
}

/// Computes the inverse of [`hfft`].
#[track_caller]
pub fn ihfft<T: ArrayElement>(x: &Array<T>) -> Array<Complex64> {
    Array::of(inverse_hermitian(&x.inner, Location::caller()))
}

/// Returns the frequencies of the elements of a transform of `n` samples, `d` apart.
///
/// ```
/// use rask::prelude::*;
/// assert_eq!(da::fft::fftfreq(4, 0.5).compute()?.into_raw_vec_and_offset().0, [0.0, 0.5, -1.0, -0.5]);
/// # Ok::<(), rask::Error>(())
/// ```
#[track_caller]
pub fn fftfreq(n: usize, d: f64) -> Array<f64> {
    let (n, half) = (n as i64, (n as i64 + 1) / 2);
    let all = super::join::concatenate([&arange(0..half), &arange(-(n / 2)..0)], 0);
    all.astype::<f64>() / (n as f64 * d)
}

/// Returns the frequencies of the elements of [`rfft`] of `n` samples, `d` apart.
#[track_caller]
pub fn rfftfreq(n: usize, d: f64) -> Array<f64> {
    arange(0..n as i64 / 2 + 1).astype::<f64>() / (n as f64 * d)
}

#[inline(never)]
fn shifted(inner: &Opaque, back: bool, place: Place) -> Opaque {
    step(&[inner], place, &|cores| {
        let mut core = cores[0].clone();
        for axis in 0..core.ndim() {
            let n = core.shape()[axis] as i64;
            let shift = if back { -(n / 2) } else { n / 2 };
            core = super::take::rolled(&core, shift, axis)?;
        }
        Ok(core)
    })
}

/// Moves the element of frequency 0 to the middle of each axis.
#[track_caller]
pub fn fftshift<T: ArrayElement>(x: &Array<T>) -> Array<T> {
    Array::of(shifted(&x.inner, false, Location::caller()))
}

/// Moves the element of frequency 0 from the middle of each axis back to the front.
#[track_caller]
pub fn ifftshift<T: ArrayElement>(x: &Array<T>) -> Array<T> {
    Array::of(shifted(&x.inner, true, Location::caller()))
}
