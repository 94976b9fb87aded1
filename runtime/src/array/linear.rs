//! Products of matrices and of further axes, and what follows from them.

use super::align::{self, Operand};
use super::args::{IntoShape, axes_of};
use super::core::Core;
use super::data::{Number, sealed::Sealed};
use super::dtype::Dtype;
use super::element::{ArrayElement, Promote};
use super::grid::tuple;
use super::handle::{Array, Place, step};
use super::join::{Arrays, handles};
use super::ops::{Binary, Op, Unary};
use super::product::{contracted, matrix_product};
use super::reduce::partial::{Nan, Reduction};
use super::reduce::reduced;
use super::reshape::reshaped;
use super::slice::transposed;
use crate::delayed::Delayed;
use crate::error::{Error, Result};
use crate::graph::Point;
use crate::handle::Opaque;
use std::panic::Location;

#[inline(never)]
fn dot(a: &Opaque, b: &Opaque, dtype: Dtype, place: Place) -> Opaque {
    step(&[a, b], place, &|cores| {
        let (a, b) = (cores[0], cores[1]);
        match (a.ndim(), b.ndim()) {
            (1 | 2, 1 | 2) => matrix_product("dot", a, b, dtype),
            // As in NumPy, the last axis of the first with the second to last of the second.
            (n, m) if n > 0 && m > 0 => {
                contracted("dot", a, b, (&[n - 1], &[m.saturating_sub(2)]), dtype)
            }
            _ => align::apply(
                Op::Binary(Binary::Multiply),
                dtype,
                vec![Operand::Array(align::cast(a, dtype)), Operand::Array(align::cast(b, dtype))],
            ),
        }
    })
}

#[inline(never)]
fn matmul(a: &Opaque, b: &Opaque, dtype: Dtype, place: Place) -> Opaque {
    step(&[a, b], place, &|cores| matrix_product("matmul", cores[0], cores[1], dtype))
}

/// The axes that [`Array::tensordot`] sums over: how many, or lists of them.
pub trait Contraction {
    #[doc(hidden)]
    fn axes(&self) -> (Vec<i64>, Vec<i64>);
}

impl Contraction for i32 {
    fn axes(&self) -> (Vec<i64>, Vec<i64>) {
        let n = i64::from(*self);
        ((-n..0).collect(), (0..n).collect())
    }
}

impl<A: IntoShape, B: IntoShape> Contraction for (A, B) {
    fn axes(&self) -> (Vec<i64>, Vec<i64>) {
        (self.0.lengths(), self.1.lengths())
    }
}

#[inline(never)]
fn tensordot(
    a: &Opaque,
    b: &Opaque,
    axes: &(Vec<i64>, Vec<i64>),
    dtype: Dtype,
    place: Place,
) -> Opaque {
    step(&[a, b], place, &|cores| {
        let of_a = axes_of("tensordot", &axes.0, cores[0].ndim())?;
        let of_b = axes_of("tensordot", &axes.1, cores[1].ndim())?;
        contracted("tensordot", cores[0], cores[1], (&of_a, &of_b), dtype)
    })
}

#[inline(never)]
fn outer(a: &Opaque, b: &Opaque, dtype: Dtype, place: Place) -> Opaque {
    step(&[a, b], place, &|cores| {
        let column = reshaped(&align::cast(cores[0], dtype), &[-1, 1])?;
        let row = reshaped(&align::cast(cores[1], dtype), &[1, -1])?;
        let args = vec![Operand::Array(column), Operand::Array(row)];
        align::apply(Op::Binary(Binary::Multiply), dtype, args)
    })
}

#[inline(never)]
fn vdot(a: &Opaque, b: &Opaque, dtype: Dtype, sum: Dtype) -> Point {
    let product = step(&[a, b], Location::caller(), &|cores| {
        let a = align::unary(&align::cast(cores[0], dtype), Op::Unary(Unary::Conj), dtype);
        let args =
            [&a, &align::cast(cores[1], dtype)].map(|c| reshaped(c, &[-1]).map(Operand::Array));
        let [a, b] = args;
        align::apply(Op::Binary(Binary::Multiply), dtype, vec![a?, b?])
    });
    super::reduce::number(&product, Reduction::Sum, Nan::Counts, sum)
}

/// Computes the covariances of the rows, with a divisor of `n - ddof`.
fn covariance(name: &str, core: &Core, ddof: u64) -> Result<Core> {
    if !(1..=2).contains(&core.ndim()) {
        return Err(Error::bad_argument(
            name,
            format!(
                "an array of shape {}; expected a row of values for each variable",
                tuple(&core.shape())
            ),
        ));
    }
    let core = align::cast(core, core.dtype.float());
    let dtype = core.dtype;
    let rows = if core.ndim() == 1 { reshaped(&core, &[1, -1])? } else { core };
    let n = rows.shape()[1];
    let mean = reduced(&rows, (Reduction::Mean, Nan::Counts), &[false, true], dtype)?;
    let mean = reshaped(&mean, &[-1, 1])?;
    let args = vec![Operand::Array(rows), Operand::Array(mean)];
    let centred = align::apply(Op::Binary(Binary::Subtract), dtype, args)?;
    let conjugate = align::unary(&centred, Op::Unary(Unary::Conj), dtype);
    let sums =
        matrix_product(name, &centred, &transposed("transpose", &conjugate, &[1, 0]), dtype)?;
    let divisor = super::ops::number_as(Number::F64(n as f64 - ddof as f64), dtype)?;
    align::apply(
        Op::Binary(Binary::Divide),
        dtype,
        vec![Operand::Array(sums), Operand::Number(divisor)],
    )
}

#[inline(never)]
fn cov(inner: &Opaque, ddof: u64, place: Place) -> Opaque {
    step(&[inner], place, &|cores| covariance("cov", cores[0], ddof))
}

#[inline(never)]
fn corrcoef(inner: &Opaque, place: Place) -> Opaque {
    step(&[inner], place, &|cores| {
        let all = covariance("corrcoef", cores[0], 1)?;
        let variances = super::triangle::diagonal_of(&all, 0, 0, 1)?;
        let real = align::unary(&variances, Op::Unary(Unary::Sqrt), all.dtype);
        let column = reshaped(&real, &[-1, 1])?;
        let divide = |a: Core, b: Core| {
            let args = vec![Operand::Array(a), Operand::Array(b)];
            align::apply(Op::Binary(Binary::Divide), all.dtype, args)
        };
        divide(divide(all.clone(), column)?, real)
    })
}

impl<T: ArrayElement> Array<T> {
    /// Multiplies matrices, or a matrix and a vector, or vectors; of more axes the last one of this
    /// array with the second to last of the other. Sums are rounded on the way, always in the same
    /// order: the result does not depend on the chunks. Integers that do not fit are an error.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let x = da::arange(0..4i64).reshape((2, 2));
    /// assert_eq!(x.dot(&x).compute()?.into_raw_vec_and_offset().0, [2, 3, 6, 11]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    #[must_use]
    #[track_caller]
    pub fn dot<B: ArrayElement>(&self, other: &Array<B>) -> Array<<T as Promote<B>>::Output>
    where
        T: Promote<B>,
    {
        let dtype = <<T as Promote<B>>::Output as Sealed>::DTYPE;
        Array::of(dot(&self.inner, &other.inner, dtype, Location::caller()))
    }

    /// Multiplies matrices; axes in front of them are broadcast, so that each matrix is multiplied
    /// with the one at the same place.
    #[must_use]
    #[track_caller]
    pub fn matmul<B: ArrayElement>(&self, other: &Array<B>) -> Array<<T as Promote<B>>::Output>
    where
        T: Promote<B>,
    {
        let dtype = <<T as Promote<B>>::Output as Sealed>::DTYPE;
        Array::of(matmul(&self.inner, &other.inner, dtype, Location::caller()))
    }

    /// Sums the products over pairs of axes: the last `n` of this array with the first `n` of the
    /// other, or lists of axes (`([0, 1], [1, 0])`).
    #[must_use]
    #[track_caller]
    pub fn tensordot<B: ArrayElement>(
        &self,
        other: &Array<B>,
        axes: impl Contraction,
    ) -> Array<<T as Promote<B>>::Output>
    where
        T: Promote<B>,
    {
        let dtype = <<T as Promote<B>>::Output as Sealed>::DTYPE;
        Array::of(tensordot(&self.inner, &other.inner, &axes.axes(), dtype, Location::caller()))
    }

    /// Computes the products of all pairs of elements: a row for each of this array.
    #[must_use]
    #[track_caller]
    pub fn outer<B: ArrayElement>(&self, other: &Array<B>) -> Array<<T as Promote<B>>::Output>
    where
        T: Promote<B>,
    {
        let dtype = <<T as Promote<B>>::Output as Sealed>::DTYPE;
        Array::of(outer(&self.inner, &other.inner, dtype, Location::caller()))
    }

    /// Computes the sum of the products of elements at the same places, of complex numbers with the
    /// conjugates of this array. The products are rounded, and their sum is exact.
    #[must_use]
    pub fn vdot(&self, other: &Self) -> Delayed<T::Sum> {
        let sum = <T::Sum as Sealed>::DTYPE;
        Delayed::of_point(vdot(&self.inner, &other.inner, T::DTYPE, sum))
    }

    /// Computes the covariances of variables, each of which is a row, with a divisor of `n - 1`.
    #[must_use]
    #[track_caller]
    pub fn cov(&self) -> Array<T::Float> {
        Array::of(cov(&self.inner, 1, Location::caller()))
    }

    /// Computes the correlations of variables, each of which is a row.
    #[must_use]
    #[track_caller]
    pub fn corrcoef(&self) -> Array<T::Float> {
        Array::of(corrcoef(&self.inner, Location::caller()))
    }
}

/// The labels of an operand, and the array as far as it is computed.
struct Labelled {
    labels: Vec<char>,
    core: Core,
}

impl Labelled {
    /// Takes the diagonals of labels that occur twice.
    fn new(labels: Vec<char>, core: &Core) -> Result<Self> {
        let mut found = Self { labels, core: core.clone() };
        while let Some((a, b)) = repeated(&found.labels) {
            let label = found.labels[a];
            found.core = super::triangle::diagonal_of(&found.core, 0, a, b)?;
            found.labels.remove(b);
            found.labels.remove(a);
            found.labels.push(label);
        }
        Ok(found)
    }

    /// Sums over the labels that nothing else needs.
    fn without(self, needed: &[char], dtype: Dtype) -> Result<Self> {
        let gone: Vec<bool> = self.labels.iter().map(|l| !needed.contains(l)).collect();
        if !gone.contains(&true) {
            return Ok(self);
        }
        let core = reduced(&self.core, (Reduction::Sum, Nan::Counts), &gone, dtype)?;
        let labels = self.labels.into_iter().filter(|l| needed.contains(l)).collect();
        Ok(Self { labels, core })
    }

    /// Returns the array with its axes in the order of labels.
    fn ordered(&self, labels: &[char]) -> Core {
        let order: Vec<usize> =
            labels.iter().filter_map(|l| self.labels.iter().position(|o| o == l)).collect();
        transposed("einsum", &self.core, &order)
    }
}

fn repeated(labels: &[char]) -> Option<(usize, usize)> {
    (0..labels.len()).find_map(|b| labels[..b].iter().position(|l| *l == labels[b]).map(|a| (a, b)))
}

/// Multiplies two operands, and sums over the labels that nothing else needs.
fn paired(a: Labelled, b: Labelled, needed: &[char], dtype: Dtype) -> Result<Labelled> {
    let in_both = |l: &&char| a.labels.contains(*l) && b.labels.contains(*l);
    let batch: Vec<char> = needed.iter().filter(in_both).copied().collect();
    let summed: Vec<char> =
        a.labels.iter().filter(in_both).filter(|l| !needed.contains(l)).copied().collect();
    let rest = |x: &Labelled, y: &Labelled| {
        x.labels.iter().filter(|l| !y.labels.contains(l)).copied().collect::<Vec<char>>()
    };
    let (left, right) = (rest(&a, &b), rest(&b, &a));
    let first = a.ordered(&[&*batch, &left, &summed].concat());
    let second = b.ordered(&[&*batch, &summed, &right].concat());
    let shapes = (first.shape(), second.shape());
    let n = batch.len();
    let all = |lengths: &[usize]| lengths.iter().product::<usize>() as i64;
    let front: Vec<i64> = shapes.0[..n].iter().map(|n| *n as i64).collect();
    let l = all(&shapes.0[n..n + left.len()]);
    let (k, r) = (all(&shapes.0[n + left.len()..]), all(&shapes.1[n + summed.len()..]));
    let first = reshaped(&first, &[&*front, &[l, k]].concat())?;
    let second = reshaped(&second, &[&*front, &[k, r]].concat())?;
    let found = matrix_product("einsum", &first, &second, dtype)?;
    let lengths = |list: &[usize]| list.iter().map(|n| *n as i64).collect::<Vec<_>>();
    let shape =
        [front, lengths(&shapes.0[n..n + left.len()]), lengths(&shapes.1[n + summed.len()..])]
            .concat();
    let labels = [batch, left, right].concat();
    Ok(Labelled { labels, core: reshaped(&found, &shape)? })
}

/// Returns the labels of the operands and of the result.
fn labels_of(text: &str, n: usize) -> Option<(Vec<Vec<char>>, Vec<char>)> {
    let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let (inputs, output) = match text.split_once("->") {
        Some((inputs, output)) => (inputs, Some(output)),
        None => (&*text, None),
    };
    let inputs: Vec<Vec<char>> = inputs.split(',').map(|i| i.chars().collect()).collect();
    let all: Vec<char> = inputs.concat();
    let output: Vec<char> = match output {
        Some(output) => output.chars().collect(),
        // Without an arrow, labels that occur once, in the order of the alphabet.
        None => {
            let once = |l: &&char| all.iter().filter(|o| o == l).count() == 1;
            let mut once: Vec<char> = all.iter().filter(once).copied().collect();
            once.sort_unstable();
            once
        }
    };
    let fits = inputs.len() == n
        && all.iter().all(|c| c.is_ascii_alphabetic())
        && output.iter().all(|c| all.contains(c))
        && repeated(&output).is_none();
    fits.then_some((inputs, output))
}

#[inline(never)]
fn summed(text: &str, arrays: &[Opaque], dtype: Dtype, place: Place) -> Opaque {
    let inputs: Vec<&Opaque> = arrays.iter().collect();
    if inputs.is_empty() {
        return super::handle::made(Err(refused(text, &[])), place);
    }
    step(&inputs, place, &|cores| {
        let (inputs, output) = labels_of(text, cores.len()).ok_or_else(|| refused(text, cores))?;
        let mut sizes: Vec<(char, usize)> = Vec::new();
        for (labels, core) in inputs.iter().zip(cores) {
            if labels.len() != core.ndim() {
                return Err(refused(text, cores));
            }
            for (label, n) in labels.iter().zip(core.shape()) {
                match sizes.iter().find(|s| s.0 == *label) {
                    Some((_, known)) if *known != n => return Err(refused(text, cores)),
                    Some(_) => {}
                    None => sizes.push((*label, n)),
                }
            }
        }
        let mut operands = Vec::new();
        for (labels, core) in inputs.into_iter().zip(cores) {
            operands.push(Labelled::new(labels, core)?);
        }
        let mut operands = operands.into_iter();
        let mut all = operands.next().ok_or_else(|| refused(text, cores))?;
        let mut rest: Vec<Labelled> = operands.collect();
        loop {
            let others: Vec<char> = rest.iter().flat_map(|o| o.labels.clone()).collect();
            let needed: Vec<char> = sizes
                .iter()
                .map(|s| s.0)
                .filter(|l| others.contains(l) || output.contains(l))
                .collect();
            all = all.without(&needed, dtype)?;
            if rest.is_empty() {
                return Ok(all.ordered(&output));
            }
            let next = rest.remove(0);
            let later: Vec<char> = rest.iter().flat_map(|o| o.labels.clone()).collect();
            let needed: Vec<char> = sizes
                .iter()
                .map(|s| s.0)
                .filter(|l| later.contains(l) || output.contains(l))
                .collect();
            let with: Vec<char> = needed.iter().chain(&all.labels).copied().collect();
            let next = next.without(&with, dtype)?;
            all = paired(all, next, &needed, dtype)?;
        }
    })
}

fn refused(text: &str, cores: &[&Core]) -> Error {
    let shapes: Vec<String> = cores.iter().map(|c| tuple(&c.shape())).collect();
    Error::bad_argument(
        "einsum",
        format!(
            "{text:?} does not fit arrays of shapes {}; expected a letter for each axis, of one length each, as in \"ij,jk->ik\"",
            shapes.join(", ")
        ),
    )
}

/// Sums products of arrays by Einstein's convention: `da::einsum("ij,jk->ik", [&a, &b])` multiplies
/// matrices. Letters that the result does not have are summed over.
///
/// ```
/// use rask::prelude::*;
/// let x = da::arange(0..4i64).reshape((2, 2));
/// assert_eq!(da::einsum("ij,jk->ik", [&x, &x]).compute()?.into_raw_vec_and_offset().0, [2, 3, 6, 11]);
/// assert_eq!(da::einsum("ii", [&x]).compute()?.into_raw_vec_and_offset().0, [3]);
/// # Ok::<(), rask::Error>(())
/// ```
#[track_caller]
pub fn einsum<T: ArrayElement>(text: &str, arrays: impl Arrays<T>) -> Array<T> {
    Array::of(summed(text, &handles(&arrays), T::DTYPE, Location::caller()))
}
