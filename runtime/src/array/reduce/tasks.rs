//! The tasks of reductions: one for each block, which computes its elements too, and a tree of
//! tasks that join their results.

use super::partial::{Nan, Partial, Reduction, Run};
use crate::array::block::Block;
use crate::array::core::Core;
use crate::array::data::{Number, Slice};
use crate::array::dtype::Dtype;
use crate::array::grid::Grid;
use crate::array::program::{self, Plan, Program, block_of};
use crate::array::task::{names_of, steps_of};
use crate::error::Result;
use crate::graph::size::Size;
use crate::graph::{Inline, Key, Layer, Member, Name, Reach, Source, Value, Work};
use std::any::Any;
use std::sync::Arc;

/// How many results a task joins.
const EVERY: usize = 16;

/// A reduction of some axes.
#[derive(Clone)]
struct Task {
    op: Reduction,
    nan: Nan,
    dtype: Dtype,
    /// The grid of the array.
    grid: Arc<Grid>,
    /// Whether each axis is reduced.
    reduced: Arc<[bool]>,
    /// Whether the shapes of blocks are known from the blocks only.
    lazy: bool,
}

/// What a reduction gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum To {
    Array,
    /// A plain number; `lazy` if the shapes of blocks are known from the blocks only.
    Number {
        lazy: bool,
    },
}

impl Task {
    /// Computes the result of a block.
    fn run(&self, plan: &Plan<'_>, index: usize, values: &[Value]) -> Result<Value> {
        let place = self.grid.place(index);
        let shape = match self.lazy {
            true => block_of(&values[0]).shape.clone(),
            false => self.grid.block_shape(&place),
        };
        let mut walk = Walk::new(self, &place, &shape);
        let mut partial = Partial::new(self.op, self.dtype, walk.groups)?;
        let mut program = Program::new(plan, index, &shape, values)?;
        let times = shape.iter().product::<usize>() / walk.groups.max(1);
        let same = program.same().is_some_and(|element| partial.add_same(element, times as u64));
        if !same {
            program.run(&mut |tile| walk.add(tile, self.nan, &mut partial))?;
        }
        Ok(Arc::new(partial))
    }
}

/// The way through a block in row-major order, run by run.
struct Walk {
    groups: usize,
    /// The axes of the block, neighbours of one kind merged where they can be.
    axes: Vec<Axis>,
    at: usize,
    /// The place of the block's first element among those that are reduced.
    first: u64,
}

struct Axis {
    len: usize,
    /// How far apart neighbours are in the list of groups; 0 along reduced axes.
    group: usize,
    /// How far apart they are among the elements that are reduced.
    distance: u64,
}

impl Walk {
    fn new(task: &Task, place: &[usize], shape: &[usize]) -> Self {
        let whole = task.grid.shape();
        let start = task.grid.block_start(place);
        let (mut groups, mut distance, mut first) = (1, 1u64, 0u64);
        let mut axes: Vec<Axis> = Vec::new();
        for axis in (0..shape.len()).rev() {
            let len = shape[axis];
            if task.reduced[axis] {
                first += start[axis] as u64 * distance;
                axes.push(Axis { len, group: 0, distance });
                distance *= whole[axis] as u64;
            } else {
                axes.push(Axis { len, group: groups, distance: 0 });
                groups *= len;
            }
        }
        axes.reverse();
        let mut walk = Self { groups, axes, at: 0, first };
        walk.merge();
        walk
    }

    /// Merges neighbouring axes that are gone through in one go.
    fn merge(&mut self) {
        let mut i = 0;
        while i + 1 < self.axes.len() {
            let (outer, inner) = (&self.axes[i], &self.axes[i + 1]);
            let fits = outer.len == 1
                || (outer.group == inner.group * inner.len
                    && outer.distance == inner.distance * inner.len as u64
                    && (outer.group == 0) == (inner.group == 0));
            if fits {
                let len = outer.len;
                self.axes[i + 1].len *= len;
                self.axes.remove(i);
                i = i.saturating_sub(1);
            } else {
                i += 1;
            }
        }
        if self.axes.is_empty() {
            self.axes.push(Axis { len: 1, group: 0, distance: 0 });
        }
    }

    /// Adds the next elements.
    fn add(&mut self, tile: Slice<'_>, nan: Nan, partial: &mut Partial) -> Result<()> {
        let mut done = 0;
        let inner = &self.axes[self.axes.len() - 1];
        let (length, each, distance) = (inner.len, inner.group != 0, inner.distance);
        while done < tile.len() {
            let (mut rest, mut group, mut place) = (self.at, 0, self.first);
            for axis in self.axes.iter().rev() {
                let i = rest % axis.len;
                group += i * axis.group;
                place += i as u64 * axis.distance;
                rest /= axis.len;
            }
            let n = (length - self.at % length).min(tile.len() - done);
            let run = Run { group, each, place, distance };
            match nan {
                Nan::Counts => partial.add(run, tile.part(done, done + n))?,
                Nan::Skipped => partial.add_numbers(run, tile.part(done, done + n))?,
            }
            done += n;
            self.at += n;
        }
        Ok(())
    }
}

impl Work for Task {
    fn run(&self, index: u32, values: Vec<Value>) -> Result<Value> {
        Self::run(self, &Plan::rooted(Vec::new(), Source::Input(0)), index as usize, &values)
    }

    fn reads(&self, _: &Layer, index: u32, out: &mut Vec<(u32, u32)>) {
        out.push((0, index));
    }

    fn size(&self, value: &Value) -> Size {
        size(value)
    }

    fn inline(&self) -> Option<&dyn Inline> {
        Some(self)
    }
}

fn size(value: &Value) -> Size {
    let heap = value.downcast_ref::<Partial>().map_or(0, Partial::heap);
    Size { bytes: (size_of::<Partial>() + heap) as u64, exact: true }
}

impl Inline for Task {
    fn reach(&self, _: usize) -> Reach {
        Reach::Same
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn can_be_inlined(&self) -> bool {
        false
    }

    fn inlines(&self) -> bool {
        true
    }

    fn group(&self, members: Vec<Member>) -> Box<dyn Work> {
        Box::new(Group { task: self.clone(), members })
    }
}

/// A reduction with the steps that compute its elements.
struct Group {
    task: Task,
    members: Vec<Member>,
}

impl Group {
    fn plan(&self) -> Plan<'_> {
        let (last, steps) = self.members.split_last().expect("a group has members");
        Plan::rooted(steps_of(steps), last.sources[0])
    }
}

impl Work for Group {
    fn reads(&self, _: &Layer, index: u32, out: &mut Vec<(u32, u32)>) {
        program::reads(&self.plan(), index as usize, out);
    }

    fn run(&self, index: u32, values: Vec<Value>) -> Result<Value> {
        self.task.run(&self.plan(), index as usize, &values)
    }

    fn stages(&self) -> Vec<Name> {
        names_of(&self.members)
    }

    fn size(&self, value: &Value) -> Size {
        size(value)
    }
}

/// Joins results: those of a block of the result are neighbours after the first round.
struct Join {
    /// How many results there are of each block before.
    before: usize,
    after: usize,
    /// The number of the task that computes a result, in the first round.
    first: Option<Arc<[u32]>>,
    last: Option<Last>,
}

/// What becomes of the last results.
#[derive(Clone)]
pub(super) struct Last {
    op: Reduction,
    dtype: Dtype,
    /// The grid of the result; a plain number if there is none.
    grid: Option<Arc<Grid>>,
}

impl Work for Join {
    fn reads(&self, _: &Layer, index: u32, out: &mut Vec<(u32, u32)>) {
        let (block, part) = (index as usize / self.after, index as usize % self.after);
        for i in part * EVERY..((part + 1) * EVERY).min(self.before) {
            let at = block * self.before + i;
            out.push((0, self.first.as_ref().map_or(at as u32, |f| f[at])));
        }
    }

    fn run(&self, index: u32, values: Vec<Value>) -> Result<Value> {
        let mut values = values.into_iter();
        let first = values.next().expect("a reduction joins at least one result");
        // Its only reader takes a result over, unless the store still holds it.
        let mut all = Arc::unwrap_or_clone(first.downcast::<Partial>().unwrap_or_else(|_| other()));
        for value in values {
            all.join(value.downcast_ref().unwrap_or_else(|| other()))?;
        }
        match &self.last {
            None => Ok(Arc::new(all)),
            Some(last) => last.finish(all, index as usize),
        }
    }

    fn size(&self, value: &Value) -> Size {
        match self.last {
            None => size(value),
            Some(_) => crate::graph::size::size_of(&**value),
        }
    }
}

fn other() -> ! {
    unreachable!("the tasks of a reduction return partial results")
}

impl Last {
    fn finish(&self, all: Partial, block: usize) -> Result<Value> {
        let data = all.finish(self.op, self.dtype)?;
        Ok(match &self.grid {
            Some(grid) => Arc::new(Block::new(grid.block_shape(&grid.place(block)), data)),
            None => plain(data.slice().at(0)),
        })
    }
}

/// Returns a number as a value of its own type.
pub(super) fn plain(number: Number) -> Value {
    match number {
        Number::F64(x) => Arc::new(x),
        Number::F32(x) => Arc::new(x),
        Number::I64(x) => Arc::new(x),
        Number::I32(x) => Arc::new(x),
        Number::U64(x) => Arc::new(x),
        Number::U8(x) => Arc::new(x),
        Number::Bool(x) => Arc::new(x),
        Number::C64(x) => Arc::new(x),
    }
}

/// Returns the layer of a reduction of some axes, and the grid of its result.
///
/// # Errors
/// Returns an error if the type does not have the reduction.
pub(super) fn reduce(
    core: &Core,
    (op, nan): (Reduction, Nan),
    reduced: &[bool],
    dtype: Dtype,
    to: To,
) -> Result<(Arc<Layer>, Arc<Grid>)> {
    Partial::new(op, core.dtype, 0)?;
    let kept: Vec<usize> = (0..core.ndim()).filter(|axis| !reduced[*axis]).collect();
    let grid = Arc::new(Grid::new(kept.iter().map(|a| core.grid.chunks[*a].to_vec()).collect()));
    let name = Name::new(op.name());
    let task = Task {
        op,
        nan,
        dtype: core.dtype,
        grid: core.grid.clone(),
        reduced: reduced.to_vec().into(),
        lazy: to == (To::Number { lazy: true }),
    };
    let key = Key::new(name);
    let mut layer = Layer::new(key, core.layer.len, vec![core.layer.at(0)], task);
    let blocks = grid.blocks();
    let mut before = core.grid.blocks() / blocks;
    let mut first = Some(order(core, reduced, &grid, before));
    let last = Last { op, dtype, grid: (to == To::Array).then(|| grid.clone()) };
    loop {
        let after = before.div_ceil(EVERY);
        let last = (after == 1).then(|| last.clone());
        let work = Join { before, after, first: first.take(), last };
        let name = if after == 1 {
            Name::new(&format!("{}-aggregate", op.name()))
        } else {
            Name::new(&format!("{}-partial", op.name()))
        };
        layer = Layer::new(Key::new(name), (blocks * after) as u32, vec![layer.at(0)], work);
        before = after;
        if after == 1 {
            return Ok((layer, grid));
        }
    }
}

/// Returns the numbers of the tasks whose results are joined, block by block of the result.
fn order(core: &Core, reduced: &[bool], grid: &Grid, each: usize) -> Arc<[u32]> {
    let mut order = vec![0u32; core.grid.blocks()];
    let mut next = vec![0usize; grid.blocks()];
    for i in 0..core.grid.blocks() {
        let place = core.grid.place(i);
        let kept: Vec<usize> =
            place.iter().zip(reduced).filter(|(_, r)| !**r).map(|(p, _)| *p).collect();
        let block = grid.number(&kept);
        order[block * each + next[block]] = i as u32;
        next[block] += 1;
    }
    order.into()
}
