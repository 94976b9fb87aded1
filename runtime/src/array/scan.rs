//! Running totals along an axis. Each chunk goes on where the one before it ended, so that elements
//! are added in their order, as NumPy does, whatever the chunks.

use super::align::cast;
use super::args::axis_of;
use super::block::Block;
use super::calls::of_blocks;
use super::core::Core;
use super::data::{Data, sealed::Sealed};
use super::difference::range;
use super::dtype::Dtype;
use super::element::ArrayElement;
use super::handle::{Array, Place, step};
use super::join::joined;
use super::lanes::Lanes;
use super::reduce::partial::Nan;
use super::sort::with_chunks;
use crate::error::{Error, Result};
use crate::handle::Opaque;
use num_complex::Complex64;
use std::panic::Location;

/// A running total.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scan {
    Sum,
    Product,
}

impl Scan {
    fn name(self) -> &'static str {
        match self {
            Self::Sum => "cumsum",
            Self::Product => "cumprod",
        }
    }
}

/// Goes through the lanes of a block, each from what is before it on.
fn totals<T: Copy>(
    list: &mut [T],
    lanes: Lanes,
    before: Option<&[T]>,
    step: &dyn Fn(T, T) -> Option<T>,
) -> Option<()> {
    for outer in 0..lanes.outer {
        for i in 0..lanes.n {
            let at = (outer * lanes.n + i) * lanes.inner;
            for inner in 0..lanes.inner {
                let last = match (i, before) {
                    (0, None) => continue,
                    (0, Some(before)) => before[outer * lanes.inner + inner],
                    _ => list[at - lanes.inner + inner],
                };
                list[at + inner] = step(last, list[at + inner])?;
            }
        }
    }
    Some(())
}

/// Replaces NaN by the element that changes no total.
fn without_nan(data: &mut Data, scan: Scan) {
    let neutral = if scan == Scan::Sum { 0.0 } else { 1.0 };
    match data {
        Data::F64(list) => list.iter_mut().filter(|x| x.is_nan()).for_each(|x| *x = neutral),
        Data::F32(list) => list.iter_mut().filter(|x| x.is_nan()).for_each(|x| *x = neutral as f32),
        Data::C64(list) => list.iter_mut().filter(|x| x.is_nan()).for_each(|x| *x = neutral.into()),
        _ => (),
    }
}

/// Computes the totals of a block, from the last ones of the block before it on.
fn run(scan: Scan, nan: Nan, block: &Block, axis: usize, before: Option<&Block>) -> Result<Block> {
    let lanes = Lanes::of(&block.shape, axis);
    let mut data = block.data().into_owned();
    if nan == Nan::Skipped {
        without_nan(&mut data, scan);
    }
    let last = before.map(|b| {
        let mut last = Data::empty(data.dtype());
        super::lanes::gather(b, axis, &[b.shape[axis] - 1], &mut last);
        last
    });
    let last = last.as_ref().map(Data::slice);
    let is_sum = scan == Scan::Sum;
    macro_rules! total {
        ($list:expr, $add:expr, $multiply:expr) => {{
            let last = last.map(Sealed::slice);
            if is_sum {
                totals($list, lanes, last, &$add)
            } else {
                totals($list, lanes, last, &$multiply)
            }
        }};
    }
    let fits = match &mut data {
        Data::F64(l) => total!(l, |a: f64, b| Some(a + b), |a: f64, b| Some(a * b)),
        Data::F32(l) => total!(l, |a: f32, b| Some(a + b), |a: f32, b| Some(a * b)),
        Data::C64(l) => total!(l, |a: Complex64, b| Some(a + b), |a: Complex64, b| Some(a * b)),
        Data::I64(l) => total!(l, i64::checked_add, i64::checked_mul),
        Data::U64(l) => total!(l, u64::checked_add, u64::checked_mul),
        Data::I32(_) | Data::U8(_) | Data::Bool(_) => unreachable!("totals are wide"),
    };
    fits.ok_or_else(|| {
        Error::bad_argument(
            scan.name(),
            format!("a total does not fit {}; help: .astype::<f64>() first", data.dtype().name()),
        )
    })?;
    Ok(Block::new(block.shape.clone(), data))
}

/// Returns the totals along an axis: chunk by chunk, each of which reads the one before it.
fn scanned(core: &Core, axis: usize, scan: Scan, nan: Nan) -> Result<Core> {
    let mut parts: Vec<Core> = Vec::new();
    let mut start = 0;
    for size in core.grid.chunks[axis].iter().filter(|n| **n > 0) {
        let own = range(scan.name(), core, axis, start, *size);
        start += size;
        let grid = with_chunks(&own.grid, axis, vec![*size]);
        let inputs: Vec<&Core> = [Some(&own), parts.last()].into_iter().flatten().collect();
        let n = inputs.len();
        let reads =
            move |i: usize, read: &mut dyn FnMut(usize, usize)| (0..n).for_each(|k| read(k, i));
        let part = of_blocks(scan.name(), grid, core.dtype, &inputs, reads, move |_, blocks| {
            run(scan, nan, blocks[0], axis, blocks.get(1).copied())
        });
        parts.push(part);
    }
    if parts.is_empty() {
        return Ok(core.clone());
    }
    joined(scan.name(), &parts.iter().collect::<Vec<_>>(), axis as i64, false)
}

#[inline(never)]
fn scan(inner: &Opaque, scan: Scan, nan: Nan, axis: i64, dtype: Dtype, place: Place) -> Opaque {
    step(&[inner], place, &|cores| {
        let axis = axis_of(scan.name(), axis, cores[0].ndim())?;
        scanned(&cast(cores[0], dtype), axis, scan, nan)
    })
}

macro_rules! scans {
    ($($(#[$doc:meta])* $name:ident: $scan:ident, $nan:ident;)*) => {
        impl<T: ArrayElement> Array<T> {$(
            $(#[$doc])*
            #[must_use]
            #[track_caller]
            pub fn $name(&self, axis: i64) -> Array<T::Sum> {
                let dtype = <T::Sum as Sealed>::DTYPE;
                Array::of(scan(&self.inner, Scan::$scan, Nan::$nan, axis, dtype, Location::caller()))
            }
        )*}
    };
}
scans! {
    /// Computes the running sums along an axis, in the order of the elements as NumPy does. Integers that do not fit are an error.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let x = da::arange(1..5i64).rechunk(2).cumsum(0);
    /// assert_eq!(x.compute()?.into_raw_vec_and_offset().0, [1, 3, 6, 10]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    cumsum: Sum, Counts;
    /// Computes the running products along an axis. Integers that do not fit are an error.
    cumprod: Product, Counts;
    /// Computes the running sums along an axis of the elements that are not NaN.
    nancumsum: Sum, Skipped;
    /// Computes the running products along an axis of the elements that are not NaN.
    nancumprod: Product, Skipped;
}
