//! Operations of two arguments of one type.

use super::integer::Integer;
use super::table::{Binary, Compare};
use super::zip::{overflow, zip};
use crate::array::data::{Data, Slice};
use crate::array::dtype::with_types;
use crate::error::{Error, Result};
use num_complex::Complex64;

/// Appends the results.
///
/// # Errors
/// Returns an error if an integer result does not fit, and for an integer division by 0.
pub(super) fn run(op: Binary, a: Slice<'_>, b: Slice<'_>, out: &mut Data) -> Result<()> {
    match (a, b, out) {
        (Slice::F64(a), Slice::F64(b), Data::F64(out)) => floats(op, a, b, out),
        (Slice::F32(a), Slice::F32(b), Data::F32(out)) => singles(op, a, b, out),
        (Slice::I64(a), Slice::I64(b), Data::I64(out)) => return integers(op, a, b, out),
        (Slice::I32(a), Slice::I32(b), Data::I32(out)) => return integers(op, a, b, out),
        (Slice::U64(a), Slice::U64(b), Data::U64(out)) => return integers(op, a, b, out),
        (Slice::U8(a), Slice::U8(b), Data::U8(out)) => return integers(op, a, b, out),
        (Slice::Bool(a), Slice::Bool(b), Data::Bool(out)) => booleans(op, a, b, out),
        (Slice::C64(a), Slice::C64(b), Data::C64(out)) => complex(op, a, b, out),
        _ => unreachable!("{} has arguments of one type", op.name()),
    }
    Ok(())
}

fn floats(op: Binary, a: &[f64], b: &[f64], out: &mut Vec<f64>) {
    match op {
        // Each in a loop of its own, which is vectorized.
        Binary::Add => zip(a, b, out, |a, b| a + b),
        Binary::Subtract => zip(a, b, out, |a, b| a - b),
        Binary::Multiply => zip(a, b, out, |a, b| a * b),
        Binary::Divide => zip(a, b, out, |a, b| a / b),
        Binary::Maximum => zip(a, b, out, |a, b| if a >= b || a.is_nan() { a } else { b }),
        Binary::Minimum => zip(a, b, out, |a, b| if a <= b || a.is_nan() { a } else { b }),
        _ => zip(a, b, out, |a, b| float(op, a, b)),
    }
}

fn singles(op: Binary, a: &[f32], b: &[f32], out: &mut Vec<f32>) {
    match op {
        Binary::Add => zip(a, b, out, |a, b| a + b),
        Binary::Subtract => zip(a, b, out, |a, b| a - b),
        Binary::Multiply => zip(a, b, out, |a, b| a * b),
        Binary::Divide => zip(a, b, out, |a, b| a / b),
        _ => zip(a, b, out, |a, b| float(op, f64::from(a), f64::from(b)) as f32),
    }
}

/// Returns the remainder with the sign of the divisor, as in Python.
fn remainder(a: f64, b: f64) -> f64 {
    let r = a % b;
    if r == 0.0 {
        0.0f64.copysign(b)
    } else if (r < 0.0) == (b < 0.0) {
        r
    } else {
        r + b
    }
}

/// Returns the quotient, rounded down, as in Python: consistent with the remainder.
fn floor_divide(a: f64, b: f64) -> f64 {
    if b == 0.0 {
        return a / b;
    }
    let whole = (a - remainder(a, b)) / b;
    if whole == 0.0 {
        return 0.0f64.copysign(a / b);
    }
    let floor = whole.floor();
    if whole - floor > 0.5 { floor + 1.0 } else { floor }
}

fn float(op: Binary, a: f64, b: f64) -> f64 {
    match op {
        Binary::Add => a + b,
        Binary::Subtract => a - b,
        Binary::Multiply => a * b,
        Binary::Divide => a / b,
        Binary::FloorDivide => floor_divide(a, b),
        Binary::Remainder => remainder(a, b),
        Binary::Fmod => a % b,
        Binary::Power => a.powf(b),
        Binary::Maximum => {
            if a >= b || a.is_nan() {
                a
            } else {
                b
            }
        }
        Binary::Minimum => {
            if a <= b || a.is_nan() {
                a
            } else {
                b
            }
        }
        Binary::Fmax => {
            if a >= b || b.is_nan() {
                a
            } else {
                b
            }
        }
        Binary::Fmin => {
            if a <= b || b.is_nan() {
                a
            } else {
                b
            }
        }
        Binary::Arctan2 => a.atan2(b),
        Binary::Hypot => a.hypot(b),
        Binary::Copysign => a.copysign(b),
        Binary::Logaddexp => {
            if a == b {
                a + std::f64::consts::LN_2
            } else {
                let (high, low) = if a > b { (a, b) } else { (b, a) };
                high + (low - high).exp().ln_1p()
            }
        }
        Binary::And | Binary::Or | Binary::Xor | Binary::LeftShift | Binary::RightShift => {
            unreachable!("{} is not created for floats", op.name())
        }
    }
}

fn complex(op: Binary, a: &[Complex64], b: &[Complex64], out: &mut Vec<Complex64>) {
    // Ordered as in NumPy: by the real part, then by the imaginary one.
    let least = |a: Complex64, b: Complex64| (a.re, a.im) <= (b.re, b.im) || a.is_nan();
    zip(a, b, out, |a, b| match op {
        Binary::Add => a + b,
        Binary::Subtract => a - b,
        Binary::Multiply => a * b,
        Binary::Divide => a / b,
        Binary::Power => a.powc(b),
        Binary::Minimum | Binary::Fmin => {
            if least(a, b) {
                a
            } else {
                b
            }
        }
        Binary::Maximum | Binary::Fmax => {
            if least(b, a) || a.is_nan() {
                a
            } else {
                b
            }
        }
        _ => unreachable!("{} is not created for complex numbers", op.name()),
    });
}

fn booleans(op: Binary, a: &[bool], b: &[bool], out: &mut Vec<bool>) {
    zip(a, b, out, |a, b| match op {
        Binary::Add | Binary::Or | Binary::Maximum | Binary::Fmax => a | b,
        Binary::Multiply | Binary::And | Binary::Minimum | Binary::Fmin => a & b,
        _ => a ^ b,
    });
}

fn integers<T: Integer>(op: Binary, a: &[T], b: &[T], out: &mut Vec<T>) -> Result<()> {
    let f: fn(T, T) -> Option<T> = match op {
        Binary::Add => return checked(op, a, b, out, T::add),
        Binary::Subtract => return checked(op, a, b, out, T::subtract),
        Binary::Multiply => return checked(op, a, b, out, T::multiply),
        Binary::Maximum | Binary::Fmax => {
            zip(a, b, out, T::max);
            return Ok(());
        }
        Binary::Minimum | Binary::Fmin => {
            zip(a, b, out, T::min);
            return Ok(());
        }
        Binary::And | Binary::Or | Binary::Xor => {
            zip(a, b, out, |a, b| a.bits(op, b));
            return Ok(());
        }
        Binary::LeftShift | Binary::RightShift => {
            return checked(op, a, b, out, |a, b| a.shift(op, b));
        }
        Binary::FloorDivide => T::floor_divide,
        Binary::Remainder => T::remainder,
        Binary::Fmod => T::fmod,
        Binary::Power => return checked(op, a, b, out, T::power),
        _ => unreachable!("{} is not created for integers", op.name()),
    };
    if b.contains(&T::default()) {
        return Err(Error::bad_argument(
            op.name(),
            "integer division by 0; expected divisors other than 0; help: convert first, as in .astype::<f64>(), or replace the zeros".to_owned(),
        ));
    }
    checked(op, a, b, out, f)
}

fn checked<T: Integer>(
    op: Binary,
    a: &[T],
    b: &[T],
    out: &mut Vec<T>,
    f: impl Fn(T, T) -> Option<T>,
) -> Result<()> {
    let failed = std::cell::Cell::new(false);
    // Without a branch out of the loop, it is vectorized.
    zip(a, b, out, |a, b| {
        let found = f(a, b);
        failed.set(failed.get() | found.is_none());
        found.unwrap_or_default()
    });
    if !failed.get() {
        return Ok(());
    }
    let n = a.len().max(b.len());
    let at = |list: &[T], i: usize| list[if list.len() == 1 { 0 } else { i }];
    let pairs = (0..n).map(|i| (at(a, i), at(b, i)));
    let (x, y) = pairs.into_iter().find(|(x, y)| f(*x, *y).is_none()).unwrap_or_default();
    Err(overflow(op.name(), &format!("{x} and {y}"), std::any::type_name::<T>()))
}

/// Appends the results of a comparison.
pub(super) fn compare(op: Compare, a: Slice<'_>, b: Slice<'_>, out: &mut Vec<bool>) {
    macro_rules! typed {
        ($(($v:ident, $t:ty, $name:literal))*) => {
            match (a, b) {
                (Slice::C64(a), Slice::C64(b)) => {
                    let key = |x: &[Complex64]| x.iter().map(|x| (x.re, x.im)).collect::<Vec<_>>();
                    compared(op, &key(a), &key(b), out);
                }
                $((Slice::$v(a), Slice::$v(b)) => compared(op, a, b, out),)*
                _ => unreachable!("{} has arguments of one type", op.name()),
            }
        };
    }
    macro_rules! ordered {
        ($($all:tt)*) => { ordered_only!([] $($all)*) };
    }
    // Complex numbers have no order of their own.
    macro_rules! ordered_only {
        ([$($kept:tt)*] (C64, $t:ty, $name:literal)) => { typed!($($kept)*) };
        ([$($kept:tt)*] $first:tt $($rest:tt)*) => { ordered_only!([$($kept)* $first] $($rest)*) };
    }
    with_types!(ordered);
}

fn compared<T: PartialOrd + Copy>(op: Compare, a: &[T], b: &[T], out: &mut Vec<bool>) {
    match op {
        Compare::Equal => zip(a, b, out, |a, b| a == b),
        Compare::NotEqual => zip(a, b, out, |a, b| a != b),
        Compare::Less => zip(a, b, out, |a, b| a < b),
        Compare::LessEqual => zip(a, b, out, |a, b| a <= b),
        Compare::Greater => zip(a, b, out, |a, b| a > b),
        Compare::GreaterEqual => zip(a, b, out, |a, b| a >= b),
    }
}
