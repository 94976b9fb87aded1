//! The tasks of steps. Steps that read each other are inlined into one task (see
//! `graph/inline.rs`), which `program` evaluates.

use super::program::{self, Plan};
use super::step::{Arg, Kind, Look, Step};
use crate::error::Result;
use crate::graph::{Inline, Layer, Member, Name, Reach, Source, Value, Work};
use std::any::Any;
use std::sync::Arc;

impl Work for Step {
    fn reads(&self, _: &Layer, index: u32, out: &mut Vec<(u32, u32)>) {
        out.extend(self.read(index as usize).iter().map(|r| (r.input as u32, r.block as u32)));
    }

    fn run(&self, index: u32, values: Vec<Value>) -> Result<Value> {
        let n = self.inputs.len();
        let sources: Vec<Source> = (0..n).map(Source::Input).collect();
        let plan = Plan::new(vec![(self, sources.as_slice())]);
        Ok(Arc::new(program::block(&plan, index as usize, &values)?))
    }

    fn literals(&self) -> Vec<String> {
        match &self.kind {
            Kind::Apply { args, .. } => {
                let numbers = args
                    .iter()
                    .filter_map(|a| if let Arg::Number(n) = a { Some(n.text()) } else { None });
                numbers.collect()
            }
            _ => Vec::new(),
        }
    }

    fn inline(&self) -> Option<&dyn Inline> {
        Some(self)
    }
}

impl Inline for Step {
    fn reach(&self, _: usize) -> Reach {
        match &self.kind {
            Kind::Make(_) | Kind::Apply { .. } => Reach::Same,
            Kind::Join { .. } => Reach::Once,
            Kind::View(looks) => {
                // Along each axis of the result, the blocks of the source must change.
                let changes = |axis: usize| {
                    looks.iter().any(|l| match l {
                        Look::Along { axis: a, parts, .. } if *a == axis => {
                            parts.windows(2).all(|w| w[0].0 != w[1].0)
                        }
                        _ => false,
                    })
                };
                let counts = self.grid.counts();
                let once = counts.iter().enumerate().all(|(axis, n)| *n <= 1 || changes(axis));
                if once { Reach::Once } else { Reach::Many }
            }
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn can_be_inlined(&self) -> bool {
        true
    }

    fn inlines(&self) -> bool {
        true
    }

    fn group(&self, members: Vec<Member>) -> Box<dyn Work> {
        Box::new(Group { members })
    }
}

/// Returns the step of a layer.
fn step_of(layer: &Layer) -> &Step {
    // Only layers of steps are inlined, and a group ends with a step or with a reduction.
    let work = layer.work.inline().map(Inline::as_any);
    work.and_then(|w| w.downcast_ref()).expect("members of groups are steps")
}

/// Returns the steps of the members of a group.
pub(super) fn steps_of(members: &[Member]) -> Vec<(&Step, &[Source])> {
    members.iter().map(|m| (step_of(&m.layer), m.sources.as_slice())).collect()
}

/// Returns the names of the members' steps, in order.
pub(super) fn names_of(members: &[Member]) -> Vec<Name> {
    members.iter().map(|m| m.layer.key.name).collect()
}

/// The work of several steps that are computed at once.
struct Group {
    members: Vec<Member>,
}

impl Work for Group {
    fn reads(&self, _: &Layer, index: u32, out: &mut Vec<(u32, u32)>) {
        program::reads(&Plan::new(steps_of(&self.members)), index as usize, out);
    }

    fn run(&self, index: u32, values: Vec<Value>) -> Result<Value> {
        Ok(Arc::new(program::block(&Plan::new(steps_of(&self.members)), index as usize, &values)?))
    }

    fn stages(&self) -> Vec<Name> {
        names_of(&self.members)
    }
}
