//! Elementwise operations on lists of elements. An argument of one element stands for as many as
//! the others have.

mod binary;
mod cast;
mod integer;
mod maths;
mod table;
mod unary;
pub(crate) mod widest;
mod zip;

pub(crate) use cast::number_as;
pub(crate) use integer::Integer;
pub(crate) use maths::{add_all, add_run, squares};
pub(crate) use table::{Binary, Compare, Logical, Test, Unary};

use super::data::{Data, Slice, sealed::Sealed};
use super::dtype::{Dtype, with_types};
use crate::error::Result;
use std::sync::Arc;
pub(crate) use zip::zip;

/// A function from a list of elements to a list of results.
pub(crate) type Function = Arc<dyn Fn(Slice<'_>, &mut Data) + Send + Sync>;

/// A function from two lists of elements to a list of results; a list of one element stands for as
/// many as the other one has.
pub(crate) type Function2 = Arc<dyn Fn(Slice<'_>, Slice<'_>, &mut Data) + Send + Sync>;

/// An elementwise operation.
#[derive(Clone)]
pub(crate) enum Op {
    /// Of one argument, with results of its type.
    Unary(Unary),
    /// Of two arguments of one type, with results of that type.
    Binary(Binary),
    /// A comparison of two arguments of one type.
    Compare(Compare),
    /// Of two booleans.
    Logical(Logical),
    /// A property of one argument.
    Test(Test),
    /// A conversion.
    Cast(Dtype),
    /// The second argument where the first is true, else the third.
    Where,
    /// A function with this name.
    Map(&'static str, Function),
    /// A function of two arguments with this name.
    Map2(&'static str, Function2),
}

impl Op {
    /// Returns the name of the operation in graphs and messages.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Unary(op) => op.name(),
            Self::Binary(op) => op.name(),
            Self::Compare(op) => op.name(),
            Self::Logical(op) => op.name(),
            Self::Test(op) => op.name(),
            Self::Cast(_) => "astype",
            Self::Where => "where",
            Self::Map(name, _) | Self::Map2(name, _) => name,
        }
    }

    /// Appends the results to `out`, which is empty and has their type.
    ///
    /// # Errors
    /// Returns an error if a result does not fit its type.
    pub(crate) fn run(&self, args: &[Slice<'_>], out: &mut Data) -> Result<()> {
        match (self, args) {
            (Self::Unary(op), [a]) => unary::run(*op, *a, out)?,
            (Self::Binary(op), [a, b]) => binary::run(*op, *a, *b, out)?,
            (Self::Compare(op), [a, b]) => {
                binary::compare(*op, *a, *b, Sealed::slice_mut(out));
            }
            (Self::Logical(op), [a, b]) => {
                let (a, b): (&[bool], &[bool]) = (Sealed::slice(*a), Sealed::slice(*b));
                zip(a, b, Sealed::slice_mut(out), op.function());
            }
            (Self::Test(op), [a]) => unary::test(*op, *a, Sealed::slice_mut(out)),
            (Self::Cast(dtype), [a]) => cast::run(*a, *dtype, out)?,
            (Self::Where, [mask, a, b]) => select(Sealed::slice(*mask), *a, *b, out),
            (Self::Map(_, f), [a]) => f(*a, out),
            (Self::Map2(_, f), [a, b]) => f(*a, *b, out),
            _ => unreachable!("{} was created with its arguments", self.name()),
        }
        Ok(())
    }
}

fn select(mask: &[bool], a: Slice<'_>, b: Slice<'_>, out: &mut Data) {
    macro_rules! typed {
        ($(($v:ident, $t:ty, $name:literal))*) => {
            match (a, b, out) {
                $((Slice::$v(a), Slice::$v(b), Data::$v(out)) => choose(mask, a, b, out),)*
                _ => unreachable!("both sides of `where` have the type of the result"),
            }
        };
    }
    with_types!(typed);
}

fn choose<T: Copy>(mask: &[bool], a: &[T], b: &[T], out: &mut Vec<T>) {
    let n = mask.len().max(a.len()).max(b.len());
    let at = |len: usize, i: usize| if len == 1 { 0 } else { i };
    out.extend(
        (0..n).map(|i| if mask[at(mask.len(), i)] { a[at(a.len(), i)] } else { b[at(b.len(), i)] }),
    );
}
