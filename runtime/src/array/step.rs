//! Steps: what layers whose blocks are computed element by element do.

use super::data::Number;
use super::dtype::Dtype;
use super::grid::Grid;
use super::make::Make;
use super::ops::Op;
use super::view::{Along, View};
use std::sync::Arc;

/// An argument of an elementwise operation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Arg {
    /// An input of the layer.
    Input(usize),
    Number(Number),
}

/// Where a block of a view finds its elements along one axis of the source.
#[derive(Debug, Clone)]
pub(super) enum Look {
    /// Always at one element of one block.
    At { block: usize, start: usize },
    /// Along an axis of the result: for each of its blocks, a block of the source and the first
    /// element in it.
    Along { axis: usize, parts: Arc<[(u32, usize)]>, step: isize },
}

/// What a step computes.
pub(super) enum Kind {
    /// Elements from their places.
    Make(Make),
    /// An operation on elements at the same place.
    Apply { op: Op, args: Vec<Arg> },
    /// A part of the input, in another order: by the axes of the input.
    View(Vec<Look>),
    /// The inputs side by side along an axis: for each block along it, an input and a block of
    /// that. The axis is new if the inputs have one less.
    Join { axis: usize, parts: Arc<[(u32, u32)]>, is_new: bool },
}

/// The work of a layer whose blocks are computed element by element, and can be computed inside the
/// tasks that read them.
pub(super) struct Step {
    pub(super) grid: Arc<Grid>,
    pub(super) dtype: Dtype,
    /// The grids of the inputs.
    pub(super) inputs: Vec<Arc<Grid>>,
    pub(super) kind: Kind,
}

/// A block that a step reads of one of its inputs.
pub(super) struct Read {
    pub(super) input: usize,
    pub(super) block: usize,
    /// The block's elements that make up those of the reader's block.
    pub(super) view: View,
}

impl Step {
    /// Returns the blocks that block `i` is computed from.
    pub(super) fn read(&self, i: usize) -> Vec<Read> {
        let ndim = self.grid.ndim();
        match &self.kind {
            Kind::Make(_) => Vec::new(),
            Kind::Apply { args, .. } => {
                let inputs =
                    args.iter().filter_map(|a| if let Arg::Input(k) = a { Some(*k) } else { None });
                inputs.map(|input| Read { input, block: i, view: View::whole(ndim) }).collect()
            }
            Kind::View(looks) => {
                let place = self.grid.place(i);
                let found = looks.iter().map(|look| match look {
                    Look::At { block, start } => {
                        (*block, Along { start: *start, step: 0, axis: None })
                    }
                    Look::Along { axis, parts, step } => {
                        let (block, start) = parts[place[*axis]];
                        (block as usize, Along { start, step: *step, axis: Some(*axis) })
                    }
                });
                let (blocks, view): (Vec<usize>, Vec<Along>) = found.unzip();
                vec![Read { input: 0, block: self.inputs[0].number(&blocks), view: View(view) }]
            }
            Kind::Join { axis, parts, is_new } => {
                let mut place = self.grid.place(i);
                let (input, block) = parts[place[*axis]];
                let mut view = View::whole(ndim);
                if *is_new {
                    place.remove(*axis);
                    view.0.remove(*axis);
                } else {
                    place[*axis] = block as usize;
                }
                let input = input as usize;
                vec![Read { input, block: self.inputs[input].number(&place), view }]
            }
        }
    }
}
