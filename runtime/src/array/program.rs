//! Programs: the evaluation of a group of steps for one block. A program goes through the block in
//! tiles of a thousand elements, which stay in the processor's nearest cache from one operation to
//! the next. Elements are read where they are, through the composed views of all steps, so that
//! nothing is read or computed that the block does not need.

use super::block::{Block, Content};
use super::data::{Data, Number, Slice};
use super::dtype::Dtype;
use super::make::Make;
use super::ops::Op;
use super::step::{Arg, Kind, Step};
use super::view::View;
use crate::error::{ErrorKind, Result};
use crate::graph::{Source, Value};
use crate::sched;
use std::sync::Arc;

/// The elements of a tile.
const TILE: usize = 1024;
/// The number of tiles between two looks for an interrupt.
const BETWEEN_LOOKS: usize = 256;

/// The steps of a group, each after those that it reads.
pub(super) struct Plan<'a> {
    steps: Vec<(&'a Step, &'a [Source])>,
    root: Source,
}

impl<'a> Plan<'a> {
    /// Creates the plan that ends with the last step.
    pub(super) fn new(steps: Vec<(&'a Step, &'a [Source])>) -> Self {
        let root = Source::Member(steps.len() - 1);
        Self { steps, root }
    }

    /// Creates a plan whose result is that of `root`.
    pub(super) fn rooted(steps: Vec<(&'a Step, &'a [Source])>, root: Source) -> Self {
        Self { steps, root }
    }

    /// Calls `f` with the input and the block of each value that is read, in order.
    fn each(&self, source: Source, block: usize, f: &mut dyn FnMut(usize, usize)) {
        match source {
            Source::Input(input) => f(input, block),
            Source::Member(i) => {
                let (step, sources) = self.steps[i];
                for read in step.read(block) {
                    self.each(sources[read.input], read.block, f);
                }
            }
        }
    }
}

/// Adds what the task of a block reads: of each value, the group's input and its block.
pub(super) fn reads(plan: &Plan<'_>, block: usize, out: &mut Vec<(u32, u32)>) {
    let mut known = foldhash::HashSet::default();
    plan.each(plan.root, block, &mut |input, block| {
        let read = (input as u32, block as u32);
        if known.insert(read) {
            out.push(read);
        }
    });
}

/// Computes a block.
///
/// # Errors
/// Returns an error if an operation fails, or if the user interrupts.
pub(super) fn block(plan: &Plan<'_>, index: usize, values: &[Value]) -> Result<Block> {
    let (shape, dtype) = match plan.root {
        Source::Member(i) => {
            let step = plan.steps[i].0;
            (step.grid.block_shape(&step.grid.place(index)), step.dtype)
        }
        Source::Input(_) => {
            let block = block_of(&values[0]);
            (block.shape.clone(), block.slice().dtype())
        }
    };
    let mut program = Program::new(plan, index, &shape, values)?;
    if let Some(number) = program.same() {
        return Ok(Block::same(shape, number));
    }
    let mut data = Data::with_capacity(dtype, shape.iter().product());
    program.run(&mut |tile| {
        data.extend(tile);
        Ok(())
    })?;
    Ok(Block::new(shape, data))
}

/// Returns a task's value as a block.
pub(super) fn block_of(value: &Value) -> &Block {
    // Only layers of arrays are inputs of arrays, and their tasks return blocks.
    value.downcast_ref().expect("a task of an array returns a block")
}

/// Returns a task's value as a block, without a copy if nothing else holds it.
pub(super) fn owned(value: Value) -> Block {
    match value.downcast::<Block>() {
        Ok(block) => Arc::unwrap_or_clone(block),
        Err(value) => block_of(&value).clone(),
    }
}

/// Where the elements of a leaf are: the place of the first, and the distance of neighbours along
/// each axis of the block.
struct Strided {
    start: usize,
    strides: Vec<isize>,
}

enum Node<'a> {
    /// The same number for all elements; it is in the node's buffer.
    One,
    Read(Slice<'a>, Strided),
    Make(&'a Make, Strided),
    Apply(&'a Op, Vec<usize>),
}

impl Node<'_> {
    fn strided(&mut self) -> Option<&mut Strided> {
        match self {
            Self::Read(_, strided) | Self::Make(_, strided) => Some(strided),
            Self::One | Self::Apply(..) => None,
        }
    }
}

/// Where the elements of a node's current tile are.
#[derive(Clone, Copy)]
enum Held<'a> {
    Buffer,
    Borrowed(Slice<'a>),
}

/// A group of steps, ready to be evaluated for one block.
pub(super) struct Program<'a> {
    nodes: Vec<Node<'a>>,
    buffers: Vec<Data>,
    /// The lengths of the block's axes, as few as possible.
    shape: Vec<usize>,
}

/// What a program is built from.
struct Builder<'a> {
    plan: &'a Plan<'a>,
    values: &'a [Value],
    ndim: usize,
    /// The next value that is read for the first time.
    next: usize,
    known: Vec<(Source, usize, Known)>,
    nodes: Vec<Node<'a>>,
    buffers: Vec<Data>,
}

/// What was built for a source and a block: the value that was read, or the node of a view.
enum Known {
    Value(usize),
    Node(View, usize),
}

impl<'a> Program<'a> {
    /// Creates the program of a block from the values that its task reads.
    ///
    /// # Errors
    /// Returns an error if an operation on numbers fails.
    pub(super) fn new(
        plan: &'a Plan<'a>,
        index: usize,
        shape: &[usize],
        values: &'a [Value],
    ) -> Result<Self> {
        let ndim = shape.len();
        let (known, nodes, buffers) = (Vec::new(), Vec::new(), Vec::new());
        let mut builder = Builder { plan, values, ndim, next: 0, known, nodes, buffers };
        builder.build(plan.root, index, View::whole(ndim))?;
        let mut program =
            Self { nodes: builder.nodes, buffers: builder.buffers, shape: shape.to_vec() };
        program.merge_axes();
        Ok(program)
    }

    /// Returns the number, if it is the same for all elements.
    pub(super) fn same(&self) -> Option<Number> {
        match self.nodes.last() {
            Some(Node::One) => self.buffers.last().map(|b| b.slice().at(0)),
            _ => None,
        }
    }

    /// Merges neighbouring axes wherever all leaves go through them in one go.
    fn merge_axes(&mut self) {
        let mut axis = 0;
        while axis < self.shape.len() {
            let n = self.shape[axis];
            let next = self.shape.get(axis + 1).copied();
            let mergeable = match next {
                _ if n == 1 => true,
                None => false,
                Some(next) => self
                    .nodes
                    .iter_mut()
                    .filter_map(Node::strided)
                    .all(|s| s.strides[axis] == s.strides[axis + 1] * next as isize),
            };
            if !mergeable {
                axis += 1;
                continue;
            }
            if n != 1
                && let Some(next) = self.shape.get_mut(axis + 1)
            {
                *next *= n;
            }
            self.shape.remove(axis);
            self.nodes.iter_mut().filter_map(Node::strided).for_each(|s| {
                s.strides.remove(axis);
            });
            // The axis before may now go with the merged one.
            axis = axis.saturating_sub(1);
        }
        if self.shape.is_empty() {
            self.shape.push(1);
            self.nodes.iter_mut().filter_map(Node::strided).for_each(|s| s.strides.push(0));
        }
    }

    /// Calls `f` with the elements of the block, tile by tile in row-major order.
    ///
    /// # Errors
    /// Returns the error of an operation or of `f`, or an error if the user interrupts.
    pub(super) fn run(&mut self, f: &mut dyn FnMut(Slice<'_>) -> Result<()>) -> Result<()> {
        let whole: usize = self.shape.iter().product();
        let mut held = vec![Held::Buffer; self.nodes.len()];
        for (tile, from) in (0..whole).step_by(TILE).enumerate() {
            if tile % BETWEEN_LOOKS == BETWEEN_LOOKS - 1 && sched::cancelled() {
                return Err(ErrorKind::Interrupted.into());
            }
            let n = TILE.min(whole - from);
            for (i, node) in self.nodes.iter().enumerate() {
                let (done, rest) = self.buffers.split_at_mut(i);
                let out = &mut rest[0];
                match node {
                    Node::One => {}
                    Node::Read(slice, strided) => {
                        held[i] = match strided.contiguous(&self.shape, from, n) {
                            Some(at) => Held::Borrowed(slice.part(at, at + n)),
                            None => {
                                out.clear();
                                strided.runs(&self.shape, from, n, &mut |start, step, n| {
                                    out.extend_strided(*slice, start, step, n);
                                });
                                Held::Buffer
                            }
                        };
                    }
                    Node::Make(make, strided) => {
                        out.clear();
                        strided.runs(&self.shape, from, n, &mut |start, step, n| {
                            make.run(start as u64, step as i64, n, out);
                        });
                    }
                    Node::Apply(op, args) => {
                        out.clear();
                        apply(op, args, done, &held, out)?;
                    }
                }
            }
            let last = self.nodes.len() - 1;
            match (held[last], self.buffers[last].slice()) {
                (Held::Borrowed(slice), _) => f(slice)?,
                (Held::Buffer, slice) if slice.len() == n => f(slice)?,
                (Held::Buffer, slice) => f(slice.at(0).repeat(n).slice())?,
            }
        }
        Ok(())
    }
}

/// Applies an operation to the current tiles of its arguments.
fn apply(
    op: &Op,
    args: &[usize],
    buffers: &[Data],
    held: &[Held<'_>],
    out: &mut Data,
) -> Result<()> {
    let slice = |i: &usize| match held[*i] {
        Held::Buffer => buffers[*i].slice(),
        Held::Borrowed(slice) => slice,
    };
    match args {
        [a] => op.run(&[slice(a)], out),
        [a, b] => op.run(&[slice(a), slice(b)], out),
        _ => op.run(&args.iter().map(slice).collect::<Vec<_>>(), out),
    }
}

impl<'a> Builder<'a> {
    fn add(&mut self, node: Node<'a>, buffer: Data) -> usize {
        self.nodes.push(node);
        self.buffers.push(buffer);
        self.nodes.len() - 1
    }

    fn one(&mut self, number: Number) -> usize {
        self.add(Node::One, number.repeat(1))
    }

    /// Returns the node of what a view reads of a source's block.
    fn build(&mut self, source: Source, block: usize, view: View) -> Result<usize> {
        let known = self.known.iter().find_map(|(s, b, k)| match k {
            Known::Node(v, node) if (*s, *b) == (source, block) && *v == view => Some(*node),
            _ => None,
        });
        if let Some(node) = known {
            return Ok(node);
        }
        let node = match source {
            Source::Input(_) => self.read(source, block, &view),
            Source::Member(i) => self.member(i, block, &view)?,
        };
        self.known.push((source, block, Known::Node(view, node)));
        Ok(node)
    }

    fn read(&mut self, source: Source, block: usize, view: &View) -> usize {
        let known = self.known.iter().find_map(|(s, b, k)| match k {
            Known::Value(i) if (*s, *b) == (source, block) => Some(*i),
            _ => None,
        });
        let value = known.unwrap_or_else(|| {
            self.known.push((source, block, Known::Value(self.next)));
            self.next += 1;
            self.next - 1
        });
        let values = self.values;
        let block = block_of(&values[value]);
        if let Content::Same(number) = block.content {
            return self.one(number);
        }
        let (start, strides) = view.strides(&block.shape, self.ndim);
        let slice = block.slice();
        let buffer = Data::empty(slice.dtype());
        self.add(Node::Read(slice, Strided { start, strides }), buffer)
    }

    fn member(&mut self, i: usize, block: usize, view: &View) -> Result<usize> {
        let (step, sources) = self.plan.steps[i];
        let mut read = step.read(block).into_iter();
        match &step.kind {
            Kind::Make(make) => {
                if let Some(number) = make.same() {
                    return Ok(self.one(number));
                }
                let start = step.grid.block_start(&step.grid.place(block));
                let mut view = view.clone();
                view.0.iter_mut().zip(start).for_each(|(a, start)| a.start += start);
                let (start, strides) = view.strides(&step.grid.shape(), self.ndim);
                let buffer = Data::with_capacity(step.dtype, TILE);
                Ok(self.add(Node::Make(make, Strided { start, strides }), buffer))
            }
            Kind::View(_) | Kind::Join { .. } => {
                // Views read one block.
                let read = read.next().expect("a view reads a block");
                self.build(sources[read.input], read.block, view.of(&read.view))
            }
            Kind::Apply { op, args } => {
                let mut nodes = Vec::with_capacity(args.len());
                for arg in args {
                    nodes.push(match arg {
                        Arg::Number(number) => self.one(*number),
                        Arg::Input(k) => self.build(sources[*k], block, view.clone())?,
                    });
                }
                self.apply(op, nodes, step.dtype)
            }
        }
    }

    /// Adds an operation; one on numbers only is computed at once.
    fn apply(&mut self, op: &'a Op, args: Vec<usize>, dtype: Dtype) -> Result<usize> {
        if args.iter().all(|a| matches!(self.nodes[*a], Node::One)) {
            let mut out = Data::with_capacity(dtype, 1);
            let slices: Vec<Slice<'_>> = args.iter().map(|a| self.buffers[*a].slice()).collect();
            op.run(&slices, &mut out)?;
            return Ok(self.add(Node::One, out));
        }
        Ok(self.add(Node::Apply(op, args), Data::with_capacity(dtype, TILE)))
    }
}

impl Strided {
    /// Returns the place of the first of `n` elements from `from` on, if all are neighbours.
    fn contiguous(&self, shape: &[usize], from: usize, n: usize) -> Option<usize> {
        let inner = shape[shape.len() - 1];
        let fits = from % inner + n <= inner;
        (fits && self.strides[shape.len() - 1] == 1).then(|| self.place(shape, from))
    }

    /// Returns the place of an element of the block.
    fn place(&self, shape: &[usize], i: usize) -> usize {
        let mut rest = i;
        let mut place = self.start;
        for (n, stride) in shape.iter().zip(&self.strides).rev() {
            place = place.wrapping_add_signed((rest % n) as isize * stride);
            rest /= n;
        }
        place
    }

    /// Calls `f` with the start, the step and the length of each run of elements.
    fn runs(&self, shape: &[usize], from: usize, n: usize, f: &mut dyn FnMut(usize, isize, usize)) {
        let inner = shape[shape.len() - 1];
        let step = self.strides[shape.len() - 1];
        let (mut from, end) = (from, from + n);
        while from < end {
            let length = (inner - from % inner).min(end - from);
            f(self.place(shape, from), step, length);
            from += length;
        }
    }
}
