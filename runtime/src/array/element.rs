//! The element types as Rust's traits: what functions of them return.

use super::block::Held;
use num_complex::Complex64;
use std::fmt::Debug;

/// A type of array elements: `f64`, `f32`, `i64`, `i32`, `u64`, `u8`, `bool` or
/// [`Complex64`](super::Complex64).
pub trait ArrayElement: Held + Copy + Default + PartialEq + Debug + Send + Sync + 'static {
    /// The type of sums and products, as in NumPy: `bool` and signed integers give `i64`, unsigned
    /// ones `u64`.
    type Sum: ArrayElement;
    /// The type of means, and of functions such as the square root: integers give `f64`.
    type Float: ArrayElement;
    /// The type of absolute values: `f64` for complex numbers.
    type Real: ArrayElement;
}

macro_rules! elements {
    ($($t:ty: $sum:ty, $float:ty, $real:ty;)*) => {$(
        impl ArrayElement for $t {
            type Sum = $sum;
            type Float = $float;
            type Real = $real;
        }
    )*};
}
elements! {
    f64: f64, f64, f64;
    f32: f32, f32, f32;
    i64: i64, f64, i64;
    i32: i64, f64, i32;
    u64: u64, f64, u64;
    u8: u64, f64, u8;
    bool: i64, f64, bool;
    Complex64: Complex64, Complex64, f64;
}

/// The type of an operation on elements of two types, as in NumPy.
pub trait Promote<B: ArrayElement>: ArrayElement {
    /// The common type.
    type Output: ArrayElement;
}

macro_rules! promotions {
    ($($a:ty: $($b:ty => $out:ty),*;)*) => {$($(
        impl Promote<$b> for $a { type Output = $out; }
    )*)*};
}
promotions! {
    f64: f64 => f64, f32 => f64, i64 => f64, i32 => f64, u64 => f64, u8 => f64, bool => f64, Complex64 => Complex64;
    f32: f64 => f64, f32 => f32, i64 => f64, i32 => f64, u64 => f64, u8 => f32, bool => f32, Complex64 => Complex64;
    i64: f64 => f64, f32 => f64, i64 => i64, i32 => i64, u64 => f64, u8 => i64, bool => i64, Complex64 => Complex64;
    i32: f64 => f64, f32 => f64, i64 => i64, i32 => i32, u64 => f64, u8 => i32, bool => i32, Complex64 => Complex64;
    u64: f64 => f64, f32 => f64, i64 => f64, i32 => f64, u64 => u64, u8 => u64, bool => u64, Complex64 => Complex64;
    u8: f64 => f64, f32 => f32, i64 => i64, i32 => i32, u64 => u64, u8 => u8, bool => u8, Complex64 => Complex64;
    bool: f64 => f64, f32 => f32, i64 => i64, i32 => i32, u64 => u64, u8 => u8, bool => bool, Complex64 => Complex64;
    Complex64: f64 => Complex64, f32 => Complex64, i64 => Complex64, i32 => Complex64, u64 => Complex64, u8 => Complex64, bool => Complex64, Complex64 => Complex64;
}
