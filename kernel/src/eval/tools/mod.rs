//! The stand-ins for the tools that evcxr and rust-analyzer call: cargo, rustc, rustup. Each is this program under another name, in
//! a process of its own; `files` is how they and the kernel know of each other.
//!
//! `cargo` and `rustc` compile cells, `dependent` those of a session with dependencies of its own; before that `hooks` turns evcxr's
//! source to the runtime, and `prune` leaves out what the cell has no use for. `compiler` is one run of a compiler, `replay` the
//! call of it that cargo made; `parent_death` ends processes with the kernel, `environment` is what users' processes get,
//! `analyzer_cache` what rust-analyzer gets to know.

pub(super) mod analyzer_cache;
mod cargo;
mod compiler;
mod dependent;
pub(super) mod environment;
pub(crate) mod files;
mod hooks;
pub(crate) mod parent_death;
mod prune;
mod replay;
pub(crate) mod rustc;

use super::runtime::Runtime;
use crate::error::Result;
use std::path::Path;

/// A stand-in: gets the runtime, the session's folder and its arguments; its exit code.
type Tool = fn(&Runtime, &Path, &[String]) -> Result<i32>;

/// The tools for which this program stands in, by the name under which it is called.
pub(crate) const TOOLS: [(&str, Tool); 3] = [("cargo", cargo::cargo), ("rustc", cargo::rustc), ("rustup", cargo::rustup)];
