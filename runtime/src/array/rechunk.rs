//! Other chunks: blocks are cut into pieces where they must be, and pieces are put together.

use super::block::Block;
use super::calls::of_blocks;
use super::core::Core;
use super::dtype::Dtype;
use super::grid::{Grid, common};
use super::merge;
use super::program::block_of;
use super::step::{Kind, Look};
use crate::config;
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
    if Grid::new(edges.collect()) == **grid {
        return split(core, grid);
    }
    if fits_memory(core) { merged(core, grid) } else { by_pieces(core, grid) }
}

/// Returns whether all blocks may be in memory at once: then they need not be cut into pieces, which
/// a block is made of without loading all that it reads a part of.
fn fits_memory(core: &Core) -> bool {
    let bytes = core.grid.elements() * core.dtype.size() as u128;
    let limit = config::cluster().memory();
    bytes * 4 <= u128::from(limit)
}

/// Puts blocks together that are cut where they must be.
fn merged(core: &Core, grid: &Arc<Grid>) -> Core {
    let range = |to: &Grid, i: usize| -> Vec<(usize, usize, usize)> {
        let place = to.place(i);
        let starts = to.block_start(&place).into_iter().zip(to.block_shape(&place));
        starts.map(|(start, size)| (start, size, 0)).collect()
    };
    let (from, to, dtype) = (core.grid.clone(), grid.clone(), core.dtype);
    let (sources, targets) = (from.clone(), to.clone());
    let reads = move |i: usize, read: &mut dyn FnMut(usize, usize)| {
        sources.each_block_of(&range(&targets, i), &mut |place| read(0, sources.number(place)));
    };
    of_blocks("rechunk-merge", grid.clone(), dtype, &[core], reads, move |i, blocks| {
        let shape = to.block_shape(&to.place(i));
        if let Some(number) = merge::common(blocks.iter().copied()) {
            return Ok(Block::same(shape, number));
        }
        let range = range(&to, i);
        let mut data = merge::zeros(dtype, shape.iter().product());
        let mut next = blocks.iter();
        from.each_block_of(&range, &mut |place| {
            if let Some(block) = next.next() {
                merge::copy_overlap(block, &from.block_start(place), &range, &mut data);
            }
        });
        Ok(Block::new(shape, data))
    })
}

/// Cuts blocks into pieces, and puts these together.
fn by_pieces(core: &Core, grid: &Arc<Grid>) -> Core {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::array::data::Data;

    #[test]
    fn both_ways_give_the_same_blocks() {
        let list = (0..42).collect();
        let core = crate::array::create::in_memory(Block::new(vec![6, 7], Data::I64(list)));
        let grid = |rows: &[usize], columns: &[usize]| {
            Arc::new(Grid::new(vec![rows.to_vec(), columns.to_vec()]))
        };
        let grids = [grid(&[4, 2], &[3, 4]), grid(&[1, 5], &[7]), grid(&[2, 2, 2], &[1, 1, 5])];
        for first in &grids {
            for second in &grids {
                let values = |core: &Core| {
                    let values = crate::sched::compute(&core.layer.points()).unwrap();
                    values.iter().map(|v| block_of(v).clone()).collect::<Vec<_>>()
                };
                let (whole, cut) = (merged(&core, first), by_pieces(&core, first));
                assert_eq!(values(&whole), values(&cut));
                assert_eq!(values(&merged(&whole, second)), values(&by_pieces(&cut, second)));
            }
        }
    }
}
