//! Other chunks: blocks are cut into pieces where they must be, and pieces are put together.

use super::block::Block;
use super::core::Core;
use super::dtype::Dtype;
use super::grid::{Grid, common};
use super::merge;
use super::program::block_of;
use super::step::{Kind, Look};
use crate::error::Result;
use crate::graph::{Layer, Value, Work};
use std::sync::Arc;

/// Returns the array in other chunks.
pub(super) fn rechunk(core: &Core, grid: &Arc<Grid>) -> Core {
    if core.grid == *grid {
        return core.clone();
    }
    // Elements that are computed from their places are computed in the new chunks.
    if let Some(Kind::Make(make)) = core.as_step().map(|s| &s.kind) {
        let name = core.layer.key.name.text();
        return Core::step(&name, grid.clone(), core.dtype, &[], Kind::Make(make.clone()));
    }
    let edges = core.grid.chunks.iter().zip(&grid.chunks).map(|(a, b)| common(&[a, b]));
    let pieces = Arc::new(Grid::new(edges.collect()));
    let cut = if core.grid == pieces { core.clone() } else { split(core, &pieces) };
    if pieces == *grid {
        return cut;
    }
    let parts = grid.chunks.iter().zip(&pieces.chunks).map(|(to, from)| spans(to, from)).collect();
    let work = Merge { grid: grid.clone(), dtype: core.dtype, pieces, parts };
    Core::of("rechunk-merge", grid.clone(), core.dtype, &[&cut], work)
}

/// Cuts blocks into pieces.
fn split(core: &Core, pieces: &Arc<Grid>) -> Core {
    let looks =
        core.grid.chunks.iter().zip(&pieces.chunks).enumerate().map(|(axis, (from, to))| {
            let mut parts = Vec::with_capacity(to.len());
            let (mut block, mut start) = (0usize, 0usize);
            for size in to.iter() {
                while start >= from[block] && block + 1 < from.len() {
                    block += 1;
                    start = 0;
                }
                parts.push((block as u32, start));
                start += size;
            }
            Look::Along { axis, parts: parts.into(), step: 1 }
        });
    let kind = Kind::View(looks.collect());
    Core::step("rechunk-split", pieces.clone(), core.dtype, &[core], kind)
}

/// Returns, for each chunk, the chunks of `from` that make it up.
fn spans(to: &[usize], from: &[usize]) -> Vec<std::ops::Range<usize>> {
    let mut next = 0;
    to.iter()
        .map(|size| {
            let first = next;
            let mut have = 0;
            while have < *size {
                have += from[next];
                next += 1;
            }
            if *size == 0 && to.len() == from.len() {
                next += 1;
            }
            first..next
        })
        .collect()
}

/// Puts pieces together.
struct Merge {
    grid: Arc<Grid>,
    dtype: Dtype,
    pieces: Arc<Grid>,
    /// For each axis and chunk, the pieces along the axis.
    parts: Vec<Vec<std::ops::Range<usize>>>,
}

impl Merge {
    /// Calls `f` with the place of each piece of a block.
    fn each(&self, index: usize, f: &mut dyn FnMut(&[usize])) {
        let place = self.grid.place(index);
        let ranges: Vec<_> = place.iter().zip(&self.parts).map(|(at, p)| p[*at].clone()).collect();
        if ranges.iter().any(std::ops::Range::is_empty) {
            return;
        }
        let mut at: Vec<usize> = ranges.iter().map(|r| r.start).collect();
        loop {
            f(&at);
            let mut axis = ranges.len();
            loop {
                if axis == 0 {
                    return;
                }
                axis -= 1;
                at[axis] += 1;
                if at[axis] < ranges[axis].end {
                    break;
                }
                at[axis] = ranges[axis].start;
            }
        }
    }
}

impl Work for Merge {
    fn reads(&self, _: &Layer, index: u32, out: &mut Vec<(u32, u32)>) {
        self.each(index as usize, &mut |at| out.push((0, self.pieces.number(at) as u32)));
    }

    fn run(&self, index: u32, values: Vec<Value>) -> Result<Value> {
        let place = self.grid.place(index as usize);
        let shape = self.grid.block_shape(&place);
        if let Some(number) = merge::common(values.iter().map(block_of)) {
            return Ok(Arc::new(Block::same(shape, number)));
        }
        let origin = self.grid.block_start(&place);
        let mut data = merge::zeros(self.dtype, shape.iter().product());
        let mut values = values.into_iter();
        self.each(index as usize, &mut |at| {
            let start = self.pieces.block_start(at);
            let start: Vec<usize> = start.iter().zip(&origin).map(|(s, o)| s - o).collect();
            if let Some(value) = values.next() {
                merge::copy(block_of(&value), &start, &shape, &mut data);
            }
        });
        Ok(Arc::new(Block::new(shape, data)))
    }
}
