//! The evaluator's process: `child` is its start, `output` listens to it, `comms` carries its messages, `running` is what the
//! threads of the kernel know of the cell that runs in it.

pub(crate) mod child;
pub(super) mod comms;
pub(super) mod output;
pub(super) mod running;
