//! The evaluator's process: `child` is its start, `output` listens to it, `comms` carries its messages, `running` is what the
//! threads of the kernel know of the cell that runs in it: `clock` its times, `display` whose its output is, `stop` how it ends.

pub(crate) mod child;
pub(super) mod clock;
pub(super) mod comms;
mod display;
pub(super) mod output;
pub(super) mod running;
mod stop;
