//! Arrays whose type is known at run time only: what all methods work on.

use super::dtype::Dtype;
use super::grid::Grid;
use super::step::{Kind, Step};
use crate::config;
use crate::graph::{Key, Layer, Name, Work};
use std::sync::Arc;

/// An array: its grid, the type of its elements, and the layer whose tasks compute its blocks.
#[derive(Clone)]
pub(crate) struct Core {
    pub(super) grid: Arc<Grid>,
    pub(super) dtype: Dtype,
    pub(super) layer: Arc<Layer>,
}

impl Core {
    /// Creates the array of a step.
    pub(super) fn step(
        name: &str,
        grid: Arc<Grid>,
        dtype: Dtype,
        inputs: &[&Self],
        kind: Kind,
    ) -> Self {
        let inputs_grids = inputs.iter().map(|c| c.grid.clone()).collect();
        let work = Step { grid: grid.clone(), dtype, inputs: inputs_grids, kind };
        Self::of(name, grid, dtype, inputs, work)
    }

    /// Creates the array of any work.
    pub(super) fn of(
        name: &str,
        grid: Arc<Grid>,
        dtype: Dtype,
        inputs: &[&Self],
        work: impl Work + 'static,
    ) -> Self {
        let points = inputs.iter().map(|c| c.layer.at(0)).collect();
        // A graph has less than 2^32 tasks.
        let len = u32::try_from(grid.blocks()).expect("an array has less than 2^32 blocks");
        let layer = Layer::new(Key::new(Name::new(name)), len, points, work);
        Self { grid, dtype, layer }
    }

    /// Returns the step of the array, if it is one.
    pub(super) fn as_step(&self) -> Option<&Step> {
        self.layer.work.inline()?.as_any().downcast_ref()
    }

    pub(super) fn shape(&self) -> Vec<usize> {
        self.grid.shape()
    }

    pub(super) fn ndim(&self) -> usize {
        self.grid.ndim()
    }

    /// Returns the most elements of a block.
    pub(super) fn largest(&self) -> usize {
        self.grid.largest().iter().product()
    }
}

/// Returns the most elements of an automatic block: 128 MiB, or a quarter of what a worker may
/// hold, if that is less.
pub(super) fn most_elements(dtype: Dtype, bytes: Option<u64>) -> usize {
    const MOST: u64 = 128 << 20;
    let quarter = config::cluster().memory_limit.map_or(MOST, |limit| (limit / 4).min(MOST));
    (bytes.unwrap_or(quarter) as usize / dtype.size()).max(1)
}
