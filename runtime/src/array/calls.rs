//! Tasks that are functions of whole blocks.

use super::block::{Block, Parts};
use super::core::Core;
use super::dtype::Dtype;
use super::grid::Grid;
use super::program::block_of;
use crate::delayed::typed_ref;
use crate::error::Result;
use crate::graph::{Key, Layer, Name, Value, Work};
use std::sync::Arc;

/// How many values a task of a tree joins.
const EVERY: usize = 16;

/// Calls a function for each task that it reads: the number of the input, and of its task.
type Reads = dyn Fn(usize, &mut dyn FnMut(usize, usize)) + Send + Sync;
type Run = dyn Fn(usize, Vec<Value>) -> Result<Value> + Send + Sync;

/// The work of tasks that are given by two functions.
struct Calls {
    reads: Box<Reads>,
    run: Box<Run>,
}

impl Work for Calls {
    fn reads(&self, layer: &Layer, index: u32, out: &mut Vec<(u32, u32)>) {
        (self.reads)(index as usize, &mut |input, task| {
            out.push((input as u32, layer.inputs[input].index + task as u32));
        });
    }

    fn run(&self, index: u32, values: Vec<Value>) -> Result<Value> {
        (self.run)(index as usize, values)
    }
}

/// Creates the layer of `n` tasks: `reads` names what each reads, `run` computes its value.
pub(super) fn layer(
    name: &str,
    n: usize,
    inputs: &[&Arc<Layer>],
    reads: impl Fn(usize, &mut dyn FnMut(usize, usize)) + Send + Sync + 'static,
    run: impl Fn(usize, Vec<Value>) -> Result<Value> + Send + Sync + 'static,
) -> Arc<Layer> {
    let points = inputs.iter().map(|l| l.at(0)).collect();
    let work = Calls { reads: Box::new(reads), run: Box::new(run) };
    Layer::new(Key::new(Name::new(name)), n as u32, points, work)
}

/// Creates the array whose blocks are computed from blocks of others.
pub(super) fn of_blocks(
    name: &str,
    grid: Arc<Grid>,
    dtype: Dtype,
    inputs: &[&Core],
    reads: impl Fn(usize, &mut dyn FnMut(usize, usize)) + Send + Sync + 'static,
    run: impl Fn(usize, &[&Block]) -> Result<Block> + Send + Sync + 'static,
) -> Core {
    let layers: Vec<&Arc<Layer>> = inputs.iter().map(|c| &c.layer).collect();
    let run = move |i: usize, values: Vec<Value>| {
        let blocks: Vec<&Block> = values.iter().map(block_of).collect();
        Ok(Arc::new(run(i, &blocks)?) as Value)
    };
    let layer = layer(name, grid.blocks(), &layers, reads, run);
    Core { grid, dtype, layer }
}

/// Creates the array of a function of each block, whose results have the shapes of `grid`.
pub(super) fn each_block(
    name: &str,
    grid: Arc<Grid>,
    dtype: Dtype,
    core: &Core,
    run: impl Fn(usize, &Block) -> Result<Block> + Send + Sync + 'static,
) -> Core {
    let reads = |i: usize, read: &mut dyn FnMut(usize, usize)| read(0, i);
    of_blocks(name, grid, dtype, &[core], reads, move |i, blocks| run(i, blocks[0]))
}

/// Joins the values of a layer's tasks in their order, some at a time, until one is left.
pub(super) fn tree(
    name: &str,
    from: &Arc<Layer>,
    join: impl Fn(Vec<Value>) -> Result<Value> + Send + Sync + 'static,
) -> Arc<Layer> {
    let join = Arc::new(join);
    let mut last = from.clone();
    while last.len > 1 {
        let n = last.len as usize;
        let join = join.clone();
        let reads = move |i: usize, read: &mut dyn FnMut(usize, usize)| {
            (i * EVERY..((i + 1) * EVERY).min(n)).for_each(|t| read(0, t));
        };
        last = layer(name, n.div_ceil(EVERY), &[&last], reads, move |_, values| join(values));
    }
    last
}

/// Creates the array of one block that is computed from the value of one task.
pub(super) fn one_block(
    name: &str,
    shape: Vec<usize>,
    dtype: Dtype,
    from: &Arc<Layer>,
    run: impl Fn(&Value) -> Result<Block> + Send + Sync + 'static,
) -> Core {
    let reads = |_: usize, read: &mut dyn FnMut(usize, usize)| read(0, 0);
    let run = move |_: usize, values: Vec<Value>| Ok(Arc::new(run(&values[0])?) as Value);
    let layer = layer(name, 1, &[from], reads, run);
    Core { grid: Arc::new(Grid::whole(&shape)), dtype, layer }
}

/// Returns the blocks that a task returned.
pub(super) fn parts_of(value: &Value) -> &[Block] {
    &typed_ref::<Parts>(value).0
}

/// Creates the array of one block that is among those that a task returned.
pub(super) fn part(
    name: &str,
    shape: Vec<usize>,
    dtype: Dtype,
    from: &Arc<Layer>,
    at: usize,
) -> Core {
    one_block(name, shape, dtype, from, move |value| Ok(parts_of(value)[at].clone()))
}
