//! Rust's operators on arrays and numbers: `&x + 1.0`, `&x * &y`, `-&x`, `&a & &b`.

use super::data::{Number, sealed::Sealed};
use super::dtype::Dtype;
use super::element::{ArrayElement, Promote};
use super::handle::{Array, Place};
use super::operand::{Given, apply, array, number};
use super::ops::{Binary, Op, Unary};
use crate::handle::Opaque;
use num_complex::Complex64;
use std::ops::{Add, BitAnd, BitOr, BitXor, Div, Mul, Neg, Not, Rem, Sub};
use std::panic::Location;

#[inline(never)]
fn arrays(op: Binary, a: &Opaque, b: &Opaque, dtype: Dtype, place: Place) -> Opaque {
    operation(op, [array(a), array(b)], dtype, place)
}

#[inline(never)]
fn with_number(op: Binary, a: &Opaque, b: Number, dtype: Dtype, place: Place) -> Opaque {
    operation(op, [array(a), number(b)], dtype, place)
}

#[inline(never)]
fn of_number(op: Binary, a: Number, b: &Opaque, dtype: Dtype, place: Place) -> Opaque {
    operation(op, [number(a), array(b)], dtype, place)
}

fn operation(op: Binary, args: [Given; 2], dtype: Dtype, place: Place) -> Opaque {
    let dtype = if op.wants_floats() { dtype.float() } else { dtype };
    apply(Op::Binary(op), &args, dtype, dtype, place)
}

/// The type of `A op B`.
type Common<A, B> = <A as Promote<B>>::Output;
/// The type of a quotient.
type Quotient<A, B> = <Common<A, B> as ArrayElement>::Float;

macro_rules! between_arrays {
    ($($op:ident $f:ident: $binary:expr => $out:ident;)*) => {$(
        between_arrays!(@one $op $f $binary, $out, Array<A>, Array<B>);
        between_arrays!(@one $op $f $binary, $out, Array<A>, &Array<B>);
        between_arrays!(@one $op $f $binary, $out, &Array<A>, Array<B>);
        between_arrays!(@one $op $f $binary, $out, &Array<A>, &Array<B>);
    )*};
    (@one $op:ident $f:ident $binary:expr, $out:ident, $a:ty, $b:ty) => {
        impl<A: Promote<B>, B: ArrayElement> $op<$b> for $a {
            type Output = Array<$out<A, B>>;
            #[track_caller]
            fn $f(self, other: $b) -> Self::Output {
                let dtype = <Common<A, B> as Sealed>::DTYPE;
                Array::of(arrays($binary, &self.inner, &other.inner, dtype, Location::caller()))
            }
        }
    };
}
between_arrays! {
    Add add: Binary::Add => Common;
    Sub sub: Binary::Subtract => Common;
    Mul mul: Binary::Multiply => Common;
    Div div: Binary::Divide => Quotient;
    Rem rem: Binary::Remainder => Common;
    BitAnd bitand: Binary::And => Common;
    BitOr bitor: Binary::Or => Common;
    BitXor bitxor: Binary::Xor => Common;
}

macro_rules! with_numbers {
    ($($array:ty: $($t:ty),*;)*) => {$($(
        with_numbers!(@op $array, $t, Add add Binary::Add, Common);
        with_numbers!(@op $array, $t, Sub sub Binary::Subtract, Common);
        with_numbers!(@op $array, $t, Mul mul Binary::Multiply, Common);
        with_numbers!(@op $array, $t, Div div Binary::Divide, Quotient);
        with_numbers!(@op $array, $t, Rem rem Binary::Remainder, Common);
    )*)*};
    (@op $array:ty, $t:ty, $op:ident $f:ident $binary:expr, $out:ident) => {
        with_numbers!(@right $array, $t, Array<$array>, $op $f $binary, $out);
        with_numbers!(@right $array, $t, &Array<$array>, $op $f $binary, $out);
        with_numbers!(@left $array, $t, Array<$array>, $op $f $binary, $out);
        with_numbers!(@left $array, $t, &Array<$array>, $op $f $binary, $out);
    };
    (@right $array:ty, $t:ty, $own:ty, $op:ident $f:ident $binary:expr, $out:ident) => {
        impl $op<$t> for $own {
            type Output = Array<$out<$array, $t>>;
            #[track_caller]
            fn $f(self, other: $t) -> Self::Output {
                let dtype = <Common<$array, $t> as Sealed>::DTYPE;
                let other = Sealed::number(other);
                Array::of(with_number($binary, &self.inner, other, dtype, Location::caller()))
            }
        }
    };
    (@left $array:ty, $t:ty, $own:ty, $op:ident $f:ident $binary:expr, $out:ident) => {
        impl $op<$own> for $t {
            type Output = Array<$out<$array, $t>>;
            #[track_caller]
            fn $f(self, other: $own) -> Self::Output {
                let dtype = <Common<$array, $t> as Sealed>::DTYPE;
                let own = Sealed::number(self);
                Array::of(of_number($binary, own, &other.inner, dtype, Location::caller()))
            }
        }
    };
}
// An integer literal must have one meaning, and a float literal too.
with_numbers! {
    f64: f64, i32;
    f32: f32, i32;
    i64: i64, f64;
    i32: i32, f64;
    u64: u64, f64;
    u8: u8, f64;
    Complex64: Complex64, f64, i32;
}

#[inline(never)]
fn unary(inner: &Opaque, op: Unary, dtype: Dtype, place: Place) -> Opaque {
    apply(Op::Unary(op), &[array(inner)], dtype, dtype, place)
}

impl<T: ArrayElement> Neg for Array<T> {
    type Output = Self;
    #[track_caller]
    fn neg(self) -> Self {
        Self::of(unary(&self.inner, Unary::Negative, T::DTYPE, Location::caller()))
    }
}

impl<T: ArrayElement> Neg for &Array<T> {
    type Output = Array<T>;
    #[track_caller]
    fn neg(self) -> Array<T> {
        Array::of(unary(&self.inner, Unary::Negative, T::DTYPE, Location::caller()))
    }
}

macro_rules! complements {
    ($($t:ty),*) => {$(
        impl Not for Array<$t> {
            type Output = Self;
            #[track_caller]
            fn not(self) -> Self {
                Self::of(unary(&self.inner, Unary::Not, <$t as Sealed>::DTYPE, Location::caller()))
            }
        }

        impl Not for &Array<$t> {
            type Output = Array<$t>;
            #[track_caller]
            fn not(self) -> Array<$t> {
                Array::of(unary(&self.inner, Unary::Not, <$t as Sealed>::DTYPE, Location::caller()))
            }
        }
    )*};
}
complements!(bool, i64, i32, u64, u8);
