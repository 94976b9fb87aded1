//! Differences of neighbours, and elements put between others.

use super::align::{self, Operand};
use super::args::axis_of;
use super::core::Core;
use super::dtype::Dtype;
use super::handle::{Place, step};
use super::join::joined;
use super::operand::{Given, Inner};
use super::ops::{Binary, Op};
use super::slice::{cut_axis, part_along};
use crate::error::{Error, Result};
use crate::handle::Opaque;

/// Returns `n` elements from `start` on along an axis.
pub(super) fn range(name: &str, core: &Core, axis: usize, start: usize, n: usize) -> Core {
    let (sizes, parts) = cut_axis(&core.grid.chunks[axis], start, 1, n);
    part_along(name, core, axis, sizes, parts, 1)
}

/// Applies an operation to two arrays of one type.
pub(super) fn binary(op: Binary, a: &Core, b: &Core, dtype: Dtype) -> Result<Core> {
    align::apply(Op::Binary(op), dtype, vec![Operand::Array(a.clone()), Operand::Array(b.clone())])
}

#[inline(never)]
pub(super) fn diff(inner: &Opaque, n: usize, axis: i64, dtype: Dtype, place: Place) -> Opaque {
    step(&[inner], place, &|cores| {
        let axis = axis_of("diff", axis, cores[0].ndim())?;
        // Booleans differ or not, as in NumPy.
        let op = if dtype == Dtype::Bool { Binary::Xor } else { Binary::Subtract };
        let mut core = cores[0].clone();
        for _ in 0..n {
            let length = core.shape()[axis].saturating_sub(1);
            let next = range("diff", &core, axis, 1.min(core.shape()[axis]), length);
            core = binary(op, &next, &range("diff", &core, axis, 0, length), dtype)?;
        }
        Ok(core)
    })
}

#[inline(never)]
pub(super) fn insert(inner: &Opaque, at: i64, values: Given, axis: i64, place: Place) -> Opaque {
    let mut inputs = vec![inner];
    if let Inner::Array(more) = &values.0 {
        inputs.push(more);
    }
    step(&inputs, place, &|cores| {
        let core = cores[0];
        let axis = axis_of("insert", axis, core.ndim())?;
        let n = core.shape()[axis];
        let start = if at < 0 { at + n as i64 } else { at };
        if !(0..=n as i64).contains(&start) {
            return Err(Error::bad_argument(
                "insert",
                format!("index {at} is out of bounds for axis {axis} with {n} elements"),
            ));
        }
        let start = start as usize;
        let new = match &values.0 {
            Inner::Number(number) => {
                let mut chunks: Vec<Vec<usize>> =
                    core.grid.chunks.iter().map(|c| c.to_vec()).collect();
                chunks[axis] = vec![1];
                let number = super::ops::number_as(*number, core.dtype)?;
                super::create::fill(super::grid::Grid::new(chunks).into(), number)
            }
            Inner::Array(_) => cores[1].clone(),
        };
        let (before, after) =
            (range("insert", core, axis, 0, start), range("insert", core, axis, start, n - start));
        let parts: Vec<&Core> =
            [(start > 0).then_some(&before), Some(&new), (start < n).then_some(&after)]
                .into_iter()
                .flatten()
                .collect();
        joined("insert", &parts, axis as i64, false)
    })
}
