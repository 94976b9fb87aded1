//! Further functions of each element: rounding, comparison within a tolerance, parts of floats.

use super::align::{self, Operand};
use super::core::Core;
use super::data::{Data, Slice, sealed::Sealed};
use super::dtype::Dtype;
use super::element::{ArrayElement, Promote};
use super::handle::{Array, Place, step};
use super::ops::{Function, Function2, Op, zip};
use super::reduce::partial::{Nan, Reduction};
use crate::delayed::Delayed;
use crate::graph::Point;
use crate::handle::Opaque;
use num_complex::Complex64;
use std::panic::Location;
use std::sync::Arc;

/// Applies a function of floats to the elements as floats.
fn of_floats(
    name: &'static str,
    core: &Core,
    f: impl Fn(f64) -> f64 + Send + Sync + 'static,
) -> Core {
    let f: Function = Arc::new(move |list: Slice<'_>, out: &mut Data| match (list, out) {
        (Slice::F64(list), Data::F64(out)) => out.extend(list.iter().map(|x| f(*x))),
        (Slice::F32(list), Data::F32(out)) => {
            out.extend(list.iter().map(|x| f(f64::from(*x)) as f32));
        }
        // Of complex numbers, both parts are treated alike.
        (Slice::C64(list), Data::C64(out)) => {
            out.extend(list.iter().map(|x| Complex64::new(f(x.re), f(x.im))));
        }
        _ => unreachable!("elements are converted to floats"),
    });
    let dtype = core.dtype.float();
    align::unary(&align::cast(core, dtype), Op::Map(name, f), dtype)
}

#[inline(never)]
fn float_function(inner: &Opaque, name: &'static str, f: fn(f64) -> f64, place: Place) -> Opaque {
    step(&[inner], place, &|cores| Ok(of_floats(name, cores[0], f)))
}

/// Applies a function of two floats to the elements as floats.
#[inline(never)]
fn of_two(
    inner: &Opaque,
    other: &Opaque,
    name: &'static str,
    f: fn(f64, f64) -> f64,
    place: Place,
) -> Opaque {
    step(&[inner, other], place, &|cores| {
        let g: Function2 = Arc::new(move |a: Slice<'_>, b: Slice<'_>, out: &mut Data| {
            zip(Sealed::slice(a), Sealed::slice(b), Sealed::slice_mut(out), f);
        });
        let args = cores.iter().map(|c| Operand::Array(align::cast(c, Dtype::F64))).collect();
        align::apply(Op::Map2(name, g), Dtype::F64, args)
    })
}

/// Rounds to a number of decimals, halves to the even digit.
fn rounded(x: f64, power: f64) -> f64 {
    if power == 1.0 {
        return x.round_ties_even();
    }
    let scaled = x * power;
    // What is too large to have such decimals stays.
    if scaled.is_finite() { scaled.round_ties_even() / power } else { x }
}

#[inline(never)]
fn round(inner: &Opaque, decimals: i32, place: Place) -> Opaque {
    step(&[inner], place, &|cores| {
        let core = cores[0];
        if !core.dtype.is_float() && core.dtype != Dtype::C64 && decimals >= 0 {
            return Ok(core.clone());
        }
        let dtype = core.dtype;
        let power = 10f64.powi(decimals.abs());
        let found = if decimals < 0 {
            of_floats("round", core, move |x| (x / power).round_ties_even() * power)
        } else {
            of_floats("round", core, move |x| rounded(x, power))
        };
        Ok(align::cast(&found, dtype))
    })
}

/// How far apart numbers may be that count as equal: `atol + rtol * |b|`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tolerance {
    /// The part that grows with the number.
    pub rtol: f64,
    /// The part that does not.
    pub atol: f64,
    /// Whether NaN equals NaN.
    pub equal_nan: bool,
}

impl Default for Tolerance {
    fn default() -> Self {
        Self { rtol: 1e-5, atol: 1e-8, equal_nan: false }
    }
}

fn is_close(a: f64, b: f64, t: Tolerance) -> bool {
    if a.is_nan() || b.is_nan() {
        return t.equal_nan && a.is_nan() && b.is_nan();
    }
    // Infinities are close to themselves only.
    a == b || (b.is_finite() && (a - b).abs() <= t.atol + t.rtol * b.abs())
}

fn is_close_complex(a: Complex64, b: Complex64, t: Tolerance) -> bool {
    if a.is_nan() || b.is_nan() {
        return t.equal_nan && a.is_nan() && b.is_nan();
    }
    a == b || (b.is_finite() && (a - b).norm() <= t.atol + t.rtol * b.norm())
}

#[inline(never)]
fn close(a: &Opaque, b: &Opaque, tolerance: Tolerance, place: Place) -> Opaque {
    step(&[a, b], place, &|cores| {
        let is_complex = cores.iter().any(|c| c.dtype == Dtype::C64);
        let dtype = if is_complex { Dtype::C64 } else { Dtype::F64 };
        let f: Function2 = Arc::new(move |a: Slice<'_>, b: Slice<'_>, out: &mut Data| {
            let out = Sealed::slice_mut(out);
            if let (Slice::C64(a), Slice::C64(b)) = (a, b) {
                zip(a, b, out, |a, b| is_close_complex(a, b, tolerance));
            } else {
                zip(Sealed::slice(a), Sealed::slice(b), out, |a, b| is_close(a, b, tolerance));
            }
        });
        let args = cores.iter().map(|c| Operand::Array(align::cast(c, dtype))).collect();
        align::apply(Op::Map2("isclose", f), Dtype::Bool, args)
    })
}

#[inline(never)]
fn all_close(a: &Opaque, b: &Opaque, tolerance: Tolerance, place: Place) -> Point {
    let close = close(a, b, tolerance, place);
    super::reduce::number(&close, Reduction::Minimum, Nan::Counts, Dtype::Bool)
}

/// Computes sin(pi x) / (pi x).
fn sinc(x: f64) -> f64 {
    if x == 0.0 {
        return 1.0;
    }
    let x = std::f64::consts::PI * x;
    x.sin() / x
}

/// Computes the modified Bessel function of the first kind of order 0: by its power series, and for
/// large numbers by the asymptotic one (Abramowitz and Stegun, 9.6.12 and 9.7.1).
fn i0(x: f64) -> f64 {
    let x = x.abs();
    if x <= 25.0 {
        let (mut sum, mut term, mut k) = (1.0, 1.0, 1.0);
        while term > sum * 1e-17 {
            term *= (x / 2.0 / k) * (x / 2.0 / k);
            sum += term;
            k += 1.0;
        }
        return sum;
    }
    let (mut sum, mut term, mut k) = (1.0, 1.0, 1.0f64);
    loop {
        let next = term * (2.0 * k - 1.0) * (2.0 * k - 1.0) / (8.0 * x * k);
        if next >= term || next < 1e-17 {
            break;
        }
        term = next;
        sum += term;
        k += 1.0;
    }
    x.exp() / (std::f64::consts::TAU * x).sqrt() * sum
}

/// Returns the next float from `a` in the direction of `b`.
fn next_after(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() {
        f64::NAN
    } else if a == b {
        b
    } else if b > a {
        a.next_up()
    } else {
        a.next_down()
    }
}

/// Returns the distance to the next float of greater size.
fn spacing(x: f64) -> f64 {
    if !x.is_finite() {
        return f64::NAN;
    }
    let next = if x < 0.0 { x.next_down() } else { x.next_up() };
    next - x
}

/// Splits a float into a part from 0.5 to 1 and a power of two.
fn parts(x: f64) -> (f64, i64) {
    if x == 0.0 || !x.is_finite() {
        return (x, 0);
    }
    // Subnormal numbers are scaled to normal ones.
    let (x, shift) = if x.abs() < f64::MIN_POSITIVE { (x * 2f64.powi(54), 54) } else { (x, 0) };
    let bits = x.to_bits();
    let exponent = ((bits >> 52) & 0x7FF) as i64 - 1022;
    (f64::from_bits(bits & !(0x7FF << 52) | 1022 << 52), exponent - shift)
}

/// Computes x * 2^n without overflow on the way.
fn scaled(x: f64, n: f64) -> f64 {
    let n = n.clamp(-2200.0, 2200.0) as i32;
    let (a, b) = (n / 3, n - 2 * (n / 3));
    x * 2f64.powi(a) * 2f64.powi(a) * 2f64.powi(b)
}

/// Replaces NaN by 0 and infinities by the largest numbers.
fn without_nan(x: f64, most: f64) -> f64 {
    if x.is_nan() { 0.0 } else { x.clamp(-most, most) }
}

#[inline(never)]
fn nan_to_num(inner: &Opaque, place: Place) -> Opaque {
    step(&[inner], place, &|cores| {
        let most = if cores[0].dtype == Dtype::F32 { f64::from(f32::MAX) } else { f64::MAX };
        if !cores[0].dtype.is_float() && cores[0].dtype != Dtype::C64 {
            return Ok(cores[0].clone());
        }
        Ok(of_floats("nan_to_num", cores[0], move |x| without_nan(x, most)))
    })
}

#[inline(never)]
fn exponents(inner: &Opaque, place: Place) -> Opaque {
    step(&[inner], place, &|cores| {
        let f: Function = Arc::new(|list: Slice<'_>, out: &mut Data| {
            let list: &[f64] = Sealed::slice(list);
            let all: Vec<i64> = list.iter().map(|x| parts(*x).1).collect();
            out.extend(Slice::I64(&all));
        });
        Ok(align::unary(&align::cast(cores[0], Dtype::F64), Op::Map("frexp", f), Dtype::I64))
    })
}

#[inline(never)]
fn angle(inner: &Opaque, place: Place) -> Opaque {
    step(&[inner], place, &|cores| {
        let f: Function = Arc::new(|list: Slice<'_>, out: &mut Data| {
            let list: &[Complex64] = Sealed::slice(list);
            let all: Vec<f64> = list.iter().map(|x| x.arg()).collect();
            out.extend(Slice::F64(&all));
        });
        Ok(align::unary(&align::cast(cores[0], Dtype::C64), Op::Map("angle", f), Dtype::F64))
    })
}

macro_rules! functions {
    ($($(#[$doc:meta])* $name:ident: $f:expr;)*) => {
        impl<T: ArrayElement> Array<T> {$(
            $(#[$doc])*
            #[must_use]
            #[track_caller]
            pub fn $name(&self) -> Array<T::Float> {
                Array::of(float_function(&self.inner, stringify!($name), $f, Location::caller()))
            }
        )*}
    };
}
functions! {
    /// Computes sin(pi x) / (pi x): 1 at 0.
    sinc: sinc;
    /// Computes the modified Bessel function of the first kind of order 0.
    i0: i0;
    /// Returns the distance to the next float of greater size.
    spacing: spacing;
}

macro_rules! pairs {
    ($($(#[$doc:meta])* $name:ident: $f:expr;)*) => {
        impl<T: ArrayElement> Array<T> {$(
            $(#[$doc])*
            #[must_use]
            #[track_caller]
            pub fn $name<B: ArrayElement>(&self, other: &Array<B>) -> Array<f64> {
                Array::of(of_two(&self.inner, &other.inner, stringify!($name), $f, Location::caller()))
            }
        )*}
    };
}
pairs! {
    /// Returns the next float in the direction of `other`.
    nextafter: next_after;
    /// Computes x * 2^n, n being the elements of `other`.
    ldexp: scaled;
    /// Computes powers as floats, of integers too.
    float_power: f64::powf;
    /// Computes log2(2^a + 2^b), without overflow on the way.
    logaddexp2: |a, b| {
        let (low, high) = if a < b { (a, b) } else { (b, a) };
        if high.is_infinite() { high } else { high + (low - high).exp2().ln_1p() / std::f64::consts::LN_2 }
    };
}

impl<T: ArrayElement> Array<T> {
    /// Rounds to a number of decimals, halves to the even digit; to tens, hundreds, .. if it is
    /// negative.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let x = da::from_array(ndarray::arr1(&[0.125, 2.5, -1.005]), 3);
    /// assert_eq!(x.round(2).compute()?.into_raw_vec_and_offset().0, [0.12, 2.5, -1.0]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    #[must_use]
    #[track_caller]
    pub fn round(&self, decimals: i32) -> Self {
        Self::of(round(&self.inner, decimals, Location::caller()))
    }

    /// Returns whether elements are equal within `1e-8 + 1e-5 * |other|`.
    #[must_use]
    #[track_caller]
    pub fn isclose<B: ArrayElement>(&self, other: &Array<B>) -> Array<bool> {
        Array::of(close(&self.inner, &other.inner, Tolerance::default(), Location::caller()))
    }

    /// Returns whether elements are equal within a tolerance.
    #[must_use]
    #[track_caller]
    pub fn isclose_within<B: ArrayElement>(
        &self,
        other: &Array<B>,
        tolerance: Tolerance,
    ) -> Array<bool> {
        Array::of(close(&self.inner, &other.inner, tolerance, Location::caller()))
    }

    /// Returns whether all elements are equal within `1e-8 + 1e-5 * |other|`.
    #[must_use]
    #[track_caller]
    pub fn allclose<B: ArrayElement>(&self, other: &Array<B>) -> Delayed<bool> {
        let t = Tolerance::default();
        Delayed::of_point(all_close(&self.inner, &other.inner, t, Location::caller()))
    }

    /// Replaces NaN by 0, and infinities by the largest and smallest numbers.
    #[must_use]
    #[track_caller]
    pub fn nan_to_num(&self) -> Self {
        Self::of(nan_to_num(&self.inner, Location::caller()))
    }

    /// Splits each element into a part from 0.5 to 1 and an exponent of two.
    #[must_use]
    #[track_caller]
    pub fn frexp(&self) -> (Array<T::Float>, Array<i64>) {
        let place = Location::caller();
        let fraction = float_function(&self.inner, "frexp", |x| parts(x).0, place);
        (Array::of(fraction), Array::of(exponents(&self.inner, place)))
    }

    /// Splits each element into its fraction and its whole part, both with its sign.
    #[must_use]
    #[track_caller]
    pub fn modf(&self) -> (Array<T::Float>, Array<T::Float>) {
        let place = Location::caller();
        let fraction =
            |x: f64| if x.is_infinite() { 0f64.copysign(x) } else { x.fract().copysign(x) };
        (
            Array::of(float_function(&self.inner, "modf", fraction, place)),
            Array::of(float_function(&self.inner, "modf", f64::trunc, place)),
        )
    }

    /// Computes the angle of complex numbers, from -pi to pi.
    #[must_use]
    #[track_caller]
    pub fn angle(&self) -> Array<f64> {
        Array::of(angle(&self.inner, Location::caller()))
    }

    /// Returns whether the imaginary part is not 0.
    #[must_use]
    #[track_caller]
    pub fn iscomplex(&self) -> Array<bool> {
        self.imag().ne_zero()
    }

    /// Returns whether the imaginary part is 0.
    #[must_use]
    #[track_caller]
    pub fn isreal(&self) -> Array<bool> {
        self.imag().logical_not()
    }

    /// Returns whether each element is not 0.
    #[must_use]
    #[track_caller]
    pub(super) fn ne_zero(&self) -> Array<bool> {
        self.logical_not().logical_not()
    }

    /// Returns whether each element is a number, and not NaN.
    #[must_use]
    #[track_caller]
    pub fn notnull(&self) -> Array<bool> {
        self.isnan().logical_not()
    }

    /// Computes the quotient, rounded down, and the remainder with the sign of the divisor.
    #[must_use]
    #[track_caller]
    pub fn divmod(&self, other: &Self) -> (Self, Self) {
        (self.floor_divide(other), self.remainder(other))
    }

    /// Computes the difference of the greatest and the least elements along an axis.
    #[must_use]
    #[track_caller]
    pub fn ptp(&self, axis: i64) -> Array<<T as Promote<T>>::Output>
    where
        T: Promote<T>,
    {
        self.max_axis(axis) - self.min_axis(axis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_values() {
        assert_eq!(rounded(0.125, 100.0), 0.12);
        assert_eq!(rounded(1e300, 1e10), 1e300);
        assert!((i0(1.0) - 1.266_065_877_752_008_4).abs() < 1e-15);
        assert!((i0(30.0) / 7.816_722_978_239_775e11 - 1.0).abs() < 1e-14);
        assert_eq!(parts(8.0), (0.5, 4));
        assert_eq!(parts(-3.0), (-0.75, 2));
        assert_eq!(parts(5e-324), (0.5, -1073));
        assert_eq!(scaled(0.5, 1024.0), 2f64.powi(1023));
        assert_eq!(scaled(0.5, -1073.0), 5e-324);
        assert_eq!(spacing(1.0), f64::EPSILON);
        assert!(is_close(f64::INFINITY, f64::INFINITY, Tolerance::default()));
        assert!(!is_close(f64::NAN, f64::NAN, Tolerance::default()));
    }
}
