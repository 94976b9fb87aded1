//! The operations of integers, in which nothing overflows unnoticed.

use super::table::Binary;
use std::fmt::Display;

/// An integer type and its operations; `None` where the result does not fit.
pub(crate) trait Integer: Copy + Display + Ord + Default {
    fn wide(self) -> i128;
    fn negative(self) -> Option<Self>;
    fn abs(self) -> Option<Self>;
    fn sign(self) -> Self;
    fn not(self) -> Self;
    fn add(self, b: Self) -> Option<Self>;
    fn subtract(self, b: Self) -> Option<Self>;
    fn multiply(self, b: Self) -> Option<Self>;
    fn floor_divide(self, b: Self) -> Option<Self>;
    fn remainder(self, b: Self) -> Option<Self>;
    fn fmod(self, b: Self) -> Option<Self>;
    fn power(self, b: Self) -> Option<Self>;
    fn bits(self, op: Binary, b: Self) -> Self;
    fn shift(self, op: Binary, b: Self) -> Option<Self>;
}

macro_rules! whole {
    ($($t:ty, $abs:expr, $sign:expr, $floor:expr, $modulo:expr;)*) => {$(
        impl Integer for $t {
            fn wide(self) -> i128 {
                self as i128
            }
            fn negative(self) -> Option<Self> {
                self.checked_neg()
            }
            fn abs(self) -> Option<Self> {
                $abs(self)
            }
            fn sign(self) -> Self {
                $sign(self)
            }
            fn not(self) -> Self {
                !self
            }
            fn add(self, b: Self) -> Option<Self> { self.checked_add(b) }
            fn subtract(self, b: Self) -> Option<Self> { self.checked_sub(b) }
            fn multiply(self, b: Self) -> Option<Self> { self.checked_mul(b) }
            fn floor_divide(self, b: Self) -> Option<Self> { $floor(self, b) }
            fn remainder(self, b: Self) -> Option<Self> { $modulo(self, b) }
            fn fmod(self, b: Self) -> Option<Self> { Some(self.wrapping_rem(b)) }
            fn power(self, b: Self) -> Option<Self> { self.checked_pow(u32::try_from(b).ok()?) }
            fn bits(self, op: Binary, b: Self) -> Self {
                match op {
                    Binary::And => self & b,
                    Binary::Or => self | b,
                    _ => self ^ b,
                }
            }
            fn shift(self, op: Binary, b: Self) -> Option<Self> {
                let by = u32::try_from(b).ok()?;
                if matches!(op, Binary::RightShift) {
                    // All bits are shifted out, but for the sign.
                    return Some(self.checked_shr(by).unwrap_or_else(|| self.checked_shr(Self::BITS - 1).unwrap_or_default()));
                }
                self.checked_shl(by).filter(|x| x.checked_shr(by) == Some(self))
            }
        }
    )*};
}
macro_rules! signed_division {
    ($t:ty) => {
        |a: $t, b: $t| {
            let q = a.checked_div(b)?;
            Some(if a % b != 0 && (a < 0) != (b < 0) { q - 1 } else { q })
        }
    };
}
macro_rules! signed_modulo {
    ($t:ty) => {
        |a: $t, b: $t| {
            let r = a.wrapping_rem(b);
            Some(if r != 0 && (r < 0) != (b < 0) { r + b } else { r })
        }
    };
}
whole! {
    i64, i64::checked_abs, i64::signum, signed_division!(i64), signed_modulo!(i64);
    i32, i32::checked_abs, i32::signum, signed_division!(i32), signed_modulo!(i32);
    u64, Some, |x: u64| x.min(1), u64::checked_div, u64::checked_rem;
    u8, Some, |x: u8| x.min(1), u8::checked_div, u8::checked_rem;
}
