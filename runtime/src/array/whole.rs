//! Arrays in blocks that are whole along some axes, for what needs all elements of a lane at once.

use super::core::{Core, most_elements};
use super::grid::{Cut, Grid, cut};
use super::rechunk::rechunk;
use crate::error::Result;
use std::sync::Arc;

/// Returns the array in blocks that are whole along some axes, and so short along the others that
/// they are no larger than automatic ones.
///
/// # Errors
/// Returns an error if the chunks cannot be cut.
pub(super) fn whole_along(method: &str, core: &Core, axes: &[usize]) -> Result<Core> {
    let shape = core.shape();
    if axes.iter().all(|a| core.grid.chunks[*a].len() <= 1) {
        return Ok(core.clone());
    }
    let most = most_elements(core.dtype, None).max(core.largest());
    let length: usize = axes.iter().map(|a| shape[*a].max(1)).product();
    let largest = core.grid.largest();
    let others: usize =
        (0..shape.len()).filter(|a| !axes.contains(a)).map(|a| largest[a].max(1)).product();
    let fits = length.saturating_mul(others) <= most;
    let cuts: Vec<Cut> = (0..shape.len())
        .map(|axis| {
            if axes.contains(&axis) {
                Cut::Whole
            } else if fits {
                Cut::Sizes(core.grid.chunks[axis].to_vec())
            } else {
                Cut::Auto
            }
        })
        .collect();
    let grid = cut(method, &shape, &cuts, most)?;
    Ok(rechunk(core, &Arc::new(grid)))
}

/// Returns the array in one block.
pub(super) fn whole(core: &Core) -> Core {
    rechunk(core, &Arc::new(Grid::whole(&core.shape())))
}
