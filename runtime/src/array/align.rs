//! Operations on arrays of different shapes and chunks: shapes are broadcast, and chunks are cut so
//! that blocks at the same place have the same elements.

use super::core::Core;
use super::data::Number;
use super::dtype::Dtype;
use super::grid::{Grid, broadcast, common};
use super::ops::{Op, number_as};
use super::rechunk::rechunk;
use super::step::{Arg, Kind, Look};
use crate::error::Result;
use std::sync::Arc;

/// An argument of an elementwise operation.
#[derive(Clone)]
pub(super) enum Operand {
    Array(Core),
    Number(Number),
}

impl Operand {
    pub(super) fn dtype(&self) -> Dtype {
        match self {
            Self::Array(core) => core.dtype,
            Self::Number(number) => number.dtype(),
        }
    }

    /// Returns the operand with elements of another type.
    ///
    /// # Errors
    /// Returns an error if a number does not fit.
    pub(super) fn cast(self, dtype: Dtype) -> Result<Self> {
        Ok(match self {
            Self::Array(core) => Self::Array(cast(&core, dtype)),
            Self::Number(number) => Self::Number(number_as(number, dtype)?),
        })
    }
}

/// Returns the array with elements of another type.
pub(super) fn cast(core: &Core, dtype: Dtype) -> Core {
    if core.dtype == dtype {
        return core.clone();
    }
    let kind = Kind::Apply { op: Op::Cast(dtype), args: vec![Arg::Input(0)] };
    Core::step("astype", core.grid.clone(), dtype, &[core], kind)
}

/// Applies an operation of one argument.
pub(super) fn unary(core: &Core, op: Op, dtype: Dtype) -> Core {
    let name = op.name();
    let kind = Kind::Apply { op, args: vec![Arg::Input(0)] };
    Core::step(name, core.grid.clone(), dtype, &[core], kind)
}

/// Applies an operation to the elements at the same places.
///
/// # Errors
/// Returns an error if the shapes do not fit.
pub(super) fn apply(op: Op, dtype: Dtype, operands: Vec<Operand>) -> Result<Core> {
    let name = op.name();
    let mut cores = Vec::new();
    let mut args = Vec::with_capacity(operands.len());
    for operand in operands {
        args.push(match operand {
            Operand::Number(number) => Arg::Number(number),
            Operand::Array(core) => {
                cores.push(core);
                Arg::Input(cores.len() - 1)
            }
        });
    }
    let cores = aligned(name, &cores)?;
    let grid = match cores.first() {
        Some(first) => first.grid.clone(),
        None => Arc::new(Grid::whole(&[])),
    };
    let inputs: Vec<&Core> = cores.iter().collect();
    Ok(Core::step(name, grid, dtype, &inputs, Kind::Apply { op, args }))
}

/// Returns the arrays with one shape and one grid.
///
/// # Errors
/// Returns an error if the shapes do not fit.
pub(super) fn aligned(method: &str, cores: &[Core]) -> Result<Vec<Core>> {
    if cores.windows(2).all(|w| w[0].grid == w[1].grid) {
        return Ok(cores.to_vec());
    }
    let mut shape = Vec::new();
    for core in cores {
        shape = broadcast(method, &shape, &core.shape())?;
    }
    let ndim = shape.len();
    let axis_of = |core: &Core, axis: usize| (axis + core.ndim()).checked_sub(ndim);
    let chunks = (0..ndim).map(|axis| {
        let cut = cores.iter().filter_map(|core| {
            let chunks: &[usize] = &core.grid.chunks[axis_of(core, axis)?];
            // An axis of one element is repeated along the others.
            (shape[axis] == 1 || chunks.iter().sum::<usize>() != 1).then_some(chunks)
        });
        let cut: Vec<&[usize]> = cut.collect();
        if cut.windows(2).all(|w| w[0] == w[1])
            && let Some(first) = cut.first()
        {
            first.to_vec()
        } else {
            common(&cut)
        }
    });
    let grid = Arc::new(Grid::new(chunks.collect()));
    Ok(cores.iter().map(|core| broadcast_to(core, &grid)).collect())
}

/// Returns the array repeated along the axes where it has one element or none at all, in the
/// chunks of `grid`, whose shape it fits.
pub(super) fn broadcast_to(core: &Core, grid: &Arc<Grid>) -> Core {
    let shape = grid.shape();
    let more = shape.len() - core.ndim();
    let own: Vec<Vec<usize>> = (0..core.ndim())
        .map(|axis| {
            let chunks = &core.grid.chunks[axis];
            if chunks.iter().sum::<usize>() == shape[axis + more] {
                grid.chunks[axis + more].to_vec()
            } else {
                vec![1]
            }
        })
        .collect();
    let core = rechunk(core, &Arc::new(Grid::new(own)));
    if core.grid == *grid {
        return core;
    }
    let looks = core.grid.chunks.iter().enumerate().map(|(axis, chunks)| {
        if chunks.iter().sum::<usize>() == shape[axis + more] {
            let parts = (0..chunks.len() as u32).map(|block| (block, 0)).collect();
            Look::Along { axis: axis + more, parts, step: 1 }
        } else {
            Look::At { block: 0, start: 0 }
        }
    });
    let looks = looks.collect();
    Core::step("broadcast_to", grid.clone(), core.dtype, &[&core], Kind::View(looks))
}
