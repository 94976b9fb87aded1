//! Operations of one argument.

use super::integer::Integer;
use super::maths;
use super::table::{Test, Unary};
use super::zip::overflow;
use crate::array::data::{Data, Slice};
use crate::error::Result;
use num_complex::Complex64;

/// Appends the results.
///
/// # Errors
/// Returns an error if an integer result does not fit.
pub(super) fn run(op: Unary, a: Slice<'_>, out: &mut Data) -> Result<()> {
    match (a, out) {
        (Slice::F64(a), Data::F64(out)) => doubles(op, a, out),
        (Slice::F32(a), Data::F32(out)) => {
            out.extend(a.iter().map(|x| float(op, f64::from(*x)) as f32));
        }
        (Slice::I64(a), Data::I64(out)) => return whole(op, a, out),
        (Slice::I32(a), Data::I32(out)) => return whole(op, a, out),
        (Slice::U64(a), Data::U64(out)) => return whole(op, a, out),
        (Slice::U8(a), Data::U8(out)) => return whole(op, a, out),
        (Slice::Bool(a), Data::Bool(out)) => {
            out.extend(a.iter().map(|x| if matches!(op, Unary::Not) { !x } else { *x }));
        }
        (Slice::C64(a), Data::F64(out)) => out.extend(a.iter().map(|x| match op {
            Unary::Abs => x.norm(),
            Unary::Imag => x.im,
            _ => x.re,
        })),
        (Slice::C64(a), Data::C64(out)) => out.extend(a.iter().map(|x| complex(op, *x))),
        _ => unreachable!("{} keeps the type of its argument", op.name()),
    }
    Ok(())
}

fn doubles(op: Unary, a: &[f64], out: &mut Vec<f64>) {
    match op {
        Unary::Exp => maths::exp_all(a, out),
        Unary::Log => maths::log_all(a, out),
        // Each in a loop of its own, which is vectorized.
        Unary::Negative => out.extend(a.iter().map(|x| -x)),
        Unary::Abs => out.extend(a.iter().map(|x| x.abs())),
        Unary::Square => out.extend(a.iter().map(|x| x * x)),
        Unary::Sqrt => out.extend(a.iter().map(|x| x.sqrt())),
        _ => out.extend(a.iter().map(|x| float(op, *x))),
    }
}

fn float(op: Unary, x: f64) -> f64 {
    match op {
        Unary::Negative => -x,
        Unary::Abs => x.abs(),
        Unary::Sign => {
            if x == 0.0 || x.is_nan() {
                x + 0.0
            } else {
                x.signum()
            }
        }
        Unary::Square => x * x,
        Unary::Sqrt => x.sqrt(),
        Unary::Cbrt => x.cbrt(),
        Unary::Exp => maths::exp(x),
        Unary::Exp2 => x.exp2(),
        Unary::Expm1 => x.exp_m1(),
        Unary::Log => maths::log(x),
        Unary::Log2 => x.log2(),
        Unary::Log10 => x.log10(),
        Unary::Log1p => x.ln_1p(),
        Unary::Sin => x.sin(),
        Unary::Cos => x.cos(),
        Unary::Tan => x.tan(),
        Unary::Arcsin => x.asin(),
        Unary::Arccos => x.acos(),
        Unary::Arctan => x.atan(),
        Unary::Sinh => x.sinh(),
        Unary::Cosh => x.cosh(),
        Unary::Tanh => x.tanh(),
        Unary::Arcsinh => x.asinh(),
        Unary::Arccosh => x.acosh(),
        Unary::Arctanh => x.atanh(),
        Unary::Floor => x.floor(),
        Unary::Ceil => x.ceil(),
        Unary::Trunc => x.trunc(),
        Unary::Rint => x.round_ties_even(),
        Unary::Reciprocal => x.recip(),
        Unary::Degrees => x * (180.0 / std::f64::consts::PI),
        Unary::Radians => x * (std::f64::consts::PI / 180.0),
        Unary::Imag => 0.0,
        Unary::Not | Unary::Conj | Unary::Real => x,
    }
}

fn complex(op: Unary, x: Complex64) -> Complex64 {
    match op {
        Unary::Negative => -x,
        Unary::Abs => Complex64::new(x.norm(), 0.0),
        Unary::Sign => {
            if x == Complex64::ZERO {
                x
            } else {
                x / x.norm()
            }
        }
        Unary::Square => x * x,
        Unary::Sqrt => x.sqrt(),
        Unary::Cbrt => x.cbrt(),
        Unary::Exp => x.exp(),
        Unary::Exp2 => x.exp2(),
        Unary::Expm1 => x.exp() - 1.0,
        Unary::Log => x.ln(),
        Unary::Log2 => x.log2(),
        Unary::Log10 => x.log10(),
        Unary::Log1p => (x + 1.0).ln(),
        Unary::Sin => x.sin(),
        Unary::Cos => x.cos(),
        Unary::Tan => x.tan(),
        Unary::Arcsin => x.asin(),
        Unary::Arccos => x.acos(),
        Unary::Arctan => x.atan(),
        Unary::Sinh => x.sinh(),
        Unary::Cosh => x.cosh(),
        Unary::Tanh => x.tanh(),
        Unary::Arcsinh => x.asinh(),
        Unary::Arccosh => x.acosh(),
        Unary::Arctanh => x.atanh(),
        Unary::Reciprocal => x.inv(),
        Unary::Conj => x.conj(),
        Unary::Floor | Unary::Ceil | Unary::Trunc | Unary::Rint => {
            Complex64::new(float(op, x.re), float(op, x.im))
        }
        Unary::Degrees | Unary::Radians | Unary::Not | Unary::Real | Unary::Imag => x,
    }
}

/// Integers: whatever is not listed leaves them as they are.
fn whole<T: Integer>(op: Unary, a: &[T], out: &mut Vec<T>) -> Result<()> {
    let checked = match op {
        Unary::Negative => T::negative,
        Unary::Abs => T::abs,
        Unary::Square => |x: T| x.multiply(x),
        _ => {
            match op {
                Unary::Sign => out.extend(a.iter().map(|x| x.sign())),
                Unary::Not => out.extend(a.iter().map(|x| x.not())),
                Unary::Imag => out.extend(a.iter().map(|_| T::default())),
                _ => out.extend_from_slice(a),
            }
            return Ok(());
        }
    };
    for x in a {
        match checked(*x) {
            Some(y) => out.push(y),
            None => return Err(overflow(op.name(), &x.to_string(), std::any::type_name::<T>())),
        }
    }
    Ok(())
}

/// Appends whether each element has a property.
pub(super) fn test(op: Test, a: Slice<'_>, out: &mut Vec<bool>) {
    match a {
        Slice::F64(a) => floats(op, a.iter().copied(), out),
        Slice::F32(a) => floats(op, a.iter().map(|x| f64::from(*x)), out),
        Slice::C64(a) => out.extend(a.iter().map(|x| match op {
            Test::IsNan => x.is_nan(),
            Test::IsFinite => x.is_finite(),
            Test::IsInf => x.is_infinite(),
            Test::Not => *x == Complex64::ZERO,
            Test::True => *x != Complex64::ZERO,
            Test::IsPosInf | Test::IsNegInf | Test::Signbit => false,
        })),
        Slice::I64(a) => integers(op, a, |x| *x < 0, out),
        Slice::I32(a) => integers(op, a, |x| *x < 0, out),
        Slice::U64(a) => integers(op, a, |_| false, out),
        Slice::U8(a) => integers(op, a, |_| false, out),
        Slice::Bool(a) => integers(op, a, |_| false, out),
    }
}

fn floats(op: Test, a: impl Iterator<Item = f64>, out: &mut Vec<bool>) {
    let f: fn(f64) -> bool = match op {
        Test::IsNan => f64::is_nan,
        Test::IsFinite => f64::is_finite,
        Test::IsInf => f64::is_infinite,
        Test::IsPosInf => |x| x == f64::INFINITY,
        Test::IsNegInf => |x| x == f64::NEG_INFINITY,
        Test::Signbit => f64::is_sign_negative,
        Test::Not => |x| x == 0.0,
        Test::True => |x| x != 0.0,
    };
    out.extend(a.map(f));
}

fn integers<T: Default + PartialEq>(
    op: Test,
    a: &[T],
    negative: fn(&T) -> bool,
    out: &mut Vec<bool>,
) {
    let zero = T::default();
    out.extend(a.iter().map(|x| match op {
        Test::IsFinite => true,
        Test::IsNan | Test::IsInf | Test::IsPosInf | Test::IsNegInf => false,
        Test::Signbit => negative(x),
        Test::Not => *x == zero,
        Test::True => *x != zero,
    }));
}
