//! The evaluator process: `child` starts it, `output` listens to it, `comms` routes its comm
//! messages, `running` is the state of the running cell that the kernel's threads share: `clock`
//! holds its times, `display` owns its output, `stop` interrupts it.

pub(crate) mod child;
pub(super) mod clock;
pub(super) mod comms;
mod display;
pub(super) mod output;
pub(super) mod running;
mod stop;
