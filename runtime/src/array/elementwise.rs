//! Methods on each element.

use super::align::{self, Operand};
use super::data::{Data, Slice, sealed::Sealed};
use super::dtype::Dtype;
use super::element::ArrayElement;
use super::handle::{Array, Place, step};
use super::operand::{ArrayOperand, Given, apply, array};
use super::ops::{Binary, Compare, Logical, Op, Test, Unary};
use crate::handle::Opaque;
use std::panic::Location;
use std::sync::Arc;

#[inline(never)]
fn unary(inner: &Opaque, op: Unary, place: Place) -> Opaque {
    step(&[inner], place, &|cores| {
        let dtype = if op.wants_floats() { cores[0].dtype.float() } else { cores[0].dtype };
        Ok(align::unary(&align::cast(cores[0], dtype), Op::Unary(op), dtype))
    })
}

#[inline(never)]
fn part(inner: &Opaque, op: Unary, dtype: Dtype, place: Place) -> Opaque {
    step(&[inner], place, &|cores| Ok(align::unary(cores[0], Op::Unary(op), dtype)))
}

#[inline(never)]
fn test(inner: &Opaque, op: Test, place: Place) -> Opaque {
    step(&[inner], place, &|cores| Ok(align::unary(cores[0], Op::Test(op), Dtype::Bool)))
}

#[inline(never)]
fn binary(inner: &Opaque, op: Binary, other: Given, dtype: Dtype, place: Place) -> Opaque {
    let dtype = if op.wants_floats() { dtype.float() } else { dtype };
    apply(Op::Binary(op), &[array(inner), other], dtype, dtype, place)
}

#[inline(never)]
fn compare(inner: &Opaque, op: Compare, other: Given, dtype: Dtype, place: Place) -> Opaque {
    apply(Op::Compare(op), &[array(inner), other], dtype, Dtype::Bool, place)
}

#[inline(never)]
fn logical(a: &Opaque, op: Logical, b: &Opaque, place: Place) -> Opaque {
    apply(Op::Logical(op), &[array(a), array(b)], Dtype::Bool, Dtype::Bool, place)
}

#[inline(never)]
fn cast(inner: &Opaque, dtype: Dtype, place: Place) -> Opaque {
    step(&[inner], place, &|cores| Ok(align::cast(cores[0], dtype)))
}

/// Takes elements and appends results.
type Mapping = Box<dyn Fn(Slice<'_>, &mut Data) + Send + Sync>;

#[inline(never)]
fn mapped(inner: &Opaque, f: Mapping, dtype: Dtype, place: Place) -> Opaque {
    let f: super::ops::Function = Arc::from(f);
    step(&[inner], place, &|cores| Ok(align::unary(cores[0], Op::Map("map", f.clone()), dtype)))
}

/// Takes elements of two arrays and appends results.
type Mapping2 = Box<dyn Fn(Slice<'_>, Slice<'_>, &mut Data) + Send + Sync>;

#[inline(never)]
fn mapped_with(a: &Opaque, b: &Opaque, f: Mapping2, dtype: Dtype, place: Place) -> Opaque {
    let f: super::ops::Function2 = Arc::from(f);
    step(&[a, b], place, &|cores| {
        let args = cores.iter().map(|c| Operand::Array((*c).clone())).collect();
        align::apply(Op::Map2("map_with", f.clone()), dtype, args)
    })
}

/// Returns the number of results of lists of which one may have a single element for all.
#[inline(never)]
fn longest(a: usize, b: usize) -> usize {
    if a == 1 { b } else { a }
}

/// Returns the place of element `i` in a list of `n`, which may have a single element for all.
fn place(n: usize, i: usize) -> usize {
    if n == 1 { 0 } else { i }
}

macro_rules! functions {
    ($($(#[$doc:meta])* $name:ident: $op:ident => $out:ty;)*) => {
        impl<T: ArrayElement> Array<T> {$(
            $(#[$doc])*
            #[must_use]
            #[track_caller]
            pub fn $name(&self) -> Array<$out> {
                Array::of(unary(&self.inner, Unary::$op, Location::caller()))
            }
        )*}
    };
}
functions! {
    /// Computes e^x, within 1 ulp.
    exp: Exp => T::Float;
    /// Computes 2^x.
    exp2: Exp2 => T::Float;
    /// Computes e^x - 1, exactly near 0 too.
    expm1: Expm1 => T::Float;
    /// Computes the natural logarithm, within 1 ulp; of 0 it is -inf, of negative numbers NaN.
    log: Log => T::Float;
    /// Computes the logarithm to base 2.
    log2: Log2 => T::Float;
    /// Computes the logarithm to base 10.
    log10: Log10 => T::Float;
    /// Computes the natural logarithm of 1 + x, exactly near 0 too.
    log1p: Log1p => T::Float;
    /// Computes the square root; of negative numbers it is NaN.
    sqrt: Sqrt => T::Float;
    /// Computes the cube root.
    cbrt: Cbrt => T::Float;
    /// Computes the sine.
    sin: Sin => T::Float;
    /// Computes the cosine.
    cos: Cos => T::Float;
    /// Computes the tangent.
    tan: Tan => T::Float;
    /// Computes the inverse sine.
    arcsin: Arcsin => T::Float;
    /// Computes the inverse cosine.
    arccos: Arccos => T::Float;
    /// Computes the inverse tangent.
    arctan: Arctan => T::Float;
    /// Computes the hyperbolic sine.
    sinh: Sinh => T::Float;
    /// Computes the hyperbolic cosine.
    cosh: Cosh => T::Float;
    /// Computes the hyperbolic tangent.
    tanh: Tanh => T::Float;
    /// Computes the inverse hyperbolic sine.
    arcsinh: Arcsinh => T::Float;
    /// Computes the inverse hyperbolic cosine.
    arccosh: Arccosh => T::Float;
    /// Computes the inverse hyperbolic tangent.
    arctanh: Arctanh => T::Float;
    /// Computes 1 / x.
    reciprocal: Reciprocal => T::Float;
    /// Converts radians to degrees.
    degrees: Degrees => T::Float;
    /// Converts degrees to radians.
    radians: Radians => T::Float;
    /// Computes the negative; an integer that has none is an error.
    negative: Negative => T;
    /// Computes the sign: -1, 0 or 1; of NaN it is NaN.
    sign: Sign => T;
    /// Computes x * x; integers that do not fit are an error.
    square: Square => T;
    /// Rounds down.
    floor: Floor => T;
    /// Rounds up.
    ceil: Ceil => T;
    /// Rounds towards 0.
    trunc: Trunc => T;
    /// Rounds to the nearest integer, and halves to the even one.
    rint: Rint => T;
    /// Computes the complex conjugate.
    conj: Conj => T;
}

macro_rules! tests {
    ($($(#[$doc:meta])* $name:ident: $op:ident;)*) => {
        impl<T: ArrayElement> Array<T> {$(
            $(#[$doc])*
            #[must_use]
            #[track_caller]
            pub fn $name(&self) -> Array<bool> {
                Array::of(test(&self.inner, Test::$op, Location::caller()))
            }
        )*}
    };
}
tests! {
    /// Returns whether each element is NaN.
    isnan: IsNan;
    /// Returns whether each element is neither infinite nor NaN.
    isfinite: IsFinite;
    /// Returns whether each element is infinite.
    isinf: IsInf;
    /// Returns whether each element is positive infinity.
    isposinf: IsPosInf;
    /// Returns whether each element is negative infinity.
    isneginf: IsNegInf;
    /// Returns whether each element has a minus sign.
    signbit: Signbit;
    /// Returns whether each element is 0 or false.
    logical_not: Not;
}

macro_rules! operations {
    ($($(#[$doc:meta])* $name:ident: $op:ident => $out:ty;)*) => {
        impl<T: ArrayElement> Array<T> {$(
            $(#[$doc])*
            #[must_use]
            #[track_caller]
            pub fn $name(&self, other: impl ArrayOperand<T>) -> Array<$out> {
                Array::of(binary(&self.inner, Binary::$op, other.given(), T::DTYPE, Location::caller()))
            }
        )*}
    };
}
operations! {
    /// Computes the greater of two elements; NaN if one is NaN.
    maximum: Maximum => T;
    /// Computes the lesser of two elements; NaN if one is NaN.
    minimum: Minimum => T;
    /// Computes the greater of two elements, and the other one if one is NaN.
    fmax: Fmax => T;
    /// Computes the lesser of two elements, and the other one if one is NaN.
    fmin: Fmin => T;
    /// Computes the quotient, rounded down as in Python. Integer division by 0 is an error.
    floor_divide: FloorDivide => T;
    /// Computes the remainder with the sign of the divisor, as in Python.
    remainder: Remainder => T;
    /// Computes the remainder with the sign of the dividend, as in C.
    fmod: Fmod => T;
    /// Computes the power; integers that do not fit are an error, and so are negative exponents of integers.
    power: Power => T;
    /// Computes the angle of the point (`other`, `self`), from -pi to pi.
    arctan2: Arctan2 => T::Float;
    /// Computes the length of the hypotenuse, without overflow on the way.
    hypot: Hypot => T::Float;
    /// Gives elements the sign of `other`.
    copysign: Copysign => T::Float;
    /// Computes log(exp(a) + exp(b)), without overflow on the way.
    logaddexp: Logaddexp => T::Float;
    /// Shifts bits to the left; bits that are lost are an error.
    left_shift: LeftShift => T;
    /// Shifts bits to the right.
    right_shift: RightShift => T;
}

macro_rules! comparisons {
    ($($(#[$doc:meta])* $name:ident: $op:ident;)*) => {
        impl<T: ArrayElement> Array<T> {$(
            $(#[$doc])*
            #[must_use]
            #[track_caller]
            pub fn $name(&self, other: impl ArrayOperand<T>) -> Array<bool> {
                Array::of(compare(&self.inner, Compare::$op, other.given(), T::DTYPE, Location::caller()))
            }
        )*}
    };
}
comparisons! {
    /// Returns whether elements are equal; NaN equals nothing.
    eq: Equal;
    /// Returns whether elements differ.
    ne: NotEqual;
    /// Returns whether elements are less.
    lt: Less;
    /// Returns whether elements are less or equal.
    le: LessEqual;
    /// Returns whether elements are greater.
    gt: Greater;
    /// Returns whether elements are greater or equal.
    ge: GreaterEqual;
}

impl Array<bool> {
    /// Returns whether both are true.
    #[must_use]
    #[track_caller]
    pub fn logical_and(&self, other: &Self) -> Self {
        Self::of(logical(&self.inner, Logical::And, &other.inner, Location::caller()))
    }

    /// Returns whether one is true.
    #[must_use]
    #[track_caller]
    pub fn logical_or(&self, other: &Self) -> Self {
        Self::of(logical(&self.inner, Logical::Or, &other.inner, Location::caller()))
    }

    /// Returns whether exactly one is true.
    #[must_use]
    #[track_caller]
    pub fn logical_xor(&self, other: &Self) -> Self {
        Self::of(logical(&self.inner, Logical::Xor, &other.inner, Location::caller()))
    }
}

impl<T: ArrayElement> Array<T> {
    /// Computes the absolute value; of complex numbers it is a float.
    #[must_use]
    #[track_caller]
    pub fn abs(&self) -> Array<T::Real> {
        let dtype = <T::Real as Sealed>::DTYPE;
        Array::of(part(&self.inner, Unary::Abs, dtype, Location::caller()))
    }

    /// Returns the real part.
    #[must_use]
    #[track_caller]
    pub fn real(&self) -> Array<T::Real> {
        let dtype = <T::Real as Sealed>::DTYPE;
        Array::of(part(&self.inner, Unary::Real, dtype, Location::caller()))
    }

    /// Returns the imaginary part: 0 of real numbers.
    #[must_use]
    #[track_caller]
    pub fn imag(&self) -> Array<T::Real> {
        let dtype = <T::Real as Sealed>::DTYPE;
        Array::of(part(&self.inner, Unary::Imag, dtype, Location::caller()))
    }

    /// Converts the elements. Fractions are cut off; an element that does not fit is an error, such
    /// as NaN into an integer.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let x = da::arange(0..4i64).astype::<f64>().sqrt();
    /// assert_eq!(x.max().compute()?, 3f64.sqrt());
    /// # Ok::<(), rask::Error>(())
    /// ```
    #[must_use]
    #[track_caller]
    pub fn astype<U: ArrayElement>(&self) -> Array<U> {
        Array::of(cast(&self.inner, U::DTYPE, Location::caller()))
    }

    /// Applies a function to each element. It is compiled in the cell, and runs in the same task as
    /// the steps before and after it.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let x = da::arange(0..4i64).map(|v: i64| v * v + 1);
    /// assert_eq!(x.sum().compute()?, 18);
    /// # Ok::<(), rask::Error>(())
    /// ```
    #[must_use]
    #[track_caller]
    pub fn map<U: ArrayElement>(&self, f: impl Fn(T) -> U + Send + Sync + 'static) -> Array<U> {
        let f = move |x: Slice<'_>, out: &mut Data| {
            let (x, out) = (T::slice(x), U::slice_mut(out));
            out.reserve(x.len());
            for x in x {
                out.push(f(*x));
            }
        };
        Array::of(mapped(&self.inner, Box::new(f), U::DTYPE, Location::caller()))
    }

    /// Applies a function to the elements of two arrays at the same places, whose shapes are
    /// broadcast.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let x = da::arange(0..4i64);
    /// let y = x.map_with(&da::ones(4), |a: i64, b: f64| a as f64 + b);
    /// assert_eq!(y.sum().compute()?, 10.0);
    /// # Ok::<(), rask::Error>(())
    /// ```
    #[must_use]
    #[track_caller]
    pub fn map_with<B: ArrayElement, U: ArrayElement>(
        &self,
        other: &Array<B>,
        f: impl Fn(T, B) -> U + Send + Sync + 'static,
    ) -> Array<U> {
        let f = move |a: Slice<'_>, b: Slice<'_>, out: &mut Data| {
            let (a, b, out) = (T::slice(a), B::slice(b), U::slice_mut(out));
            let n = longest(a.len(), b.len());
            out.reserve(n);
            for i in 0..n {
                out.push(f(a[place(a.len(), i)], b[place(b.len(), i)]));
            }
        };
        Array::of(mapped_with(&self.inner, &other.inner, Box::new(f), U::DTYPE, Location::caller()))
    }

    /// Limits the elements to a range: those below `low` become `low`, those above `high` become
    /// `high`.
    #[must_use]
    #[track_caller]
    pub fn clip(&self, low: impl ArrayOperand<T>, high: impl ArrayOperand<T>) -> Self {
        let place = Location::caller();
        let low = binary(&self.inner, Binary::Maximum, low.given(), T::DTYPE, place);
        Self::of(binary(&low, Binary::Minimum, high.given(), T::DTYPE, place))
    }
}

/// Takes elements of `a` where the mask is true, and of `b` elsewhere.
///
/// ```
/// use rask::prelude::*;
/// let x = da::arange(0..24i64);
/// assert_eq!(da::where_(&x.gt(20), &x, 0).sum().compute()?, 66);
/// # Ok::<(), rask::Error>(())
/// ```
#[track_caller]
pub fn where_<T: ArrayElement>(
    mask: &Array<bool>,
    a: impl ArrayOperand<T>,
    b: impl ArrayOperand<T>,
) -> Array<T> {
    let args = [array(&mask.inner), a.given(), b.given()];
    Array::of(apply(Op::Where, &args, T::DTYPE, T::DTYPE, Location::caller()))
}
