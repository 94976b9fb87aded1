//! What elementwise methods and operators take beside an array: another array, or a number.

use super::align::{self, Operand};
use super::data::{Number, sealed::Sealed};
use super::dtype::Dtype;
use super::element::ArrayElement;
use super::handle::{Array, Place, core, step};
use super::ops::{Binary, Op};
use crate::error::{Error, Result};
use crate::handle::Opaque;
use num_complex::Complex64;

/// An argument of a method on arrays of `T`: an array of `T`, or a number.
pub trait ArrayOperand<T> {
    #[doc(hidden)]
    fn given(&self) -> Given;
}

/// An argument as given.
#[doc(hidden)]
pub struct Given(pub(super) Inner);

pub(super) enum Inner {
    Array(Opaque),
    Number(Number),
}

impl<T: ArrayElement> ArrayOperand<T> for Array<T> {
    fn given(&self) -> Given {
        array(&self.inner)
    }
}

impl<T: ArrayElement> ArrayOperand<T> for &Array<T> {
    fn given(&self) -> Given {
        array(&self.inner)
    }
}

#[inline(never)]
pub(super) fn array(inner: &Opaque) -> Given {
    Given(Inner::Array(inner.again()))
}

#[inline(never)]
pub(super) fn number(number: Number) -> Given {
    Given(Inner::Number(number))
}

macro_rules! numbers {
    ($($array:ty: $($t:ty),*;)*) => {$($(
        impl ArrayOperand<$array> for $t {
            fn given(&self) -> Given {
                number(Sealed::number(*self))
            }
        }
    )*)*};
}
numbers! {
    f64: f64, i32;
    f32: f32, i32;
    i64: i64;
    i32: i32;
    u64: u64;
    u8: u8;
    bool: bool;
    Complex64: Complex64, f64, i32;
}

/// Applies an operation to arguments of one type, to which they are converted.
#[inline(never)]
pub(super) fn apply(op: Op, args: &[Given], common: Dtype, dtype: Dtype, place: Place) -> Opaque {
    let inputs: Vec<&Opaque> = args
        .iter()
        .filter_map(|a| if let Inner::Array(inner) = &a.0 { Some(inner) } else { None })
        .collect();
    step(&inputs, place, &|_| {
        let mut operands = args.iter().map(operand).collect::<Result<Vec<_>>>()?;
        // The mask of `where` keeps its type.
        let from = usize::from(matches!(op, Op::Where));
        for operand in &mut operands[from..] {
            if operand.dtype() != common {
                *operand = operand.clone().cast(common)?;
            }
        }
        if let Op::Binary(binary) = &op {
            refuse(*binary, common)?;
        }
        align::apply(op.clone(), dtype, operands)
    })
}

fn operand(given: &Given) -> Result<Operand> {
    Ok(match &given.0 {
        Inner::Array(inner) => Operand::Array(core(inner)?.clone()),
        Inner::Number(number) => Operand::Number(*number),
    })
}

/// Refuses operations that a type does not have.
fn refuse(op: Binary, dtype: Dtype) -> Result<()> {
    let bits = matches!(
        op,
        Binary::And | Binary::Or | Binary::Xor | Binary::LeftShift | Binary::RightShift
    );
    let fits = match dtype {
        Dtype::F64 | Dtype::F32 => !bits,
        Dtype::C64 => matches!(
            op,
            Binary::Add
                | Binary::Subtract
                | Binary::Multiply
                | Binary::Divide
                | Binary::Power
                | Binary::Minimum
                | Binary::Maximum
                | Binary::Fmin
                | Binary::Fmax
        ),
        Dtype::Bool => matches!(
            op,
            Binary::Add
                | Binary::Multiply
                | Binary::And
                | Binary::Or
                | Binary::Xor
                | Binary::Minimum
                | Binary::Maximum
                | Binary::Fmin
                | Binary::Fmax
        ),
        _ => true,
    };
    if fits {
        return Ok(());
    }
    Err(Error::bad_argument(
        op.name(),
        format!(
            "there is none of {} elements; help: convert first, as in .astype::<i64>()",
            dtype.name()
        ),
    ))
}
