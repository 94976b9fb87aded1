//! Wrappers of the tools that evcxr and rust-analyzer call: cargo, rustc, rustup. Each is this
//! program under another name, in a process of its own; they communicate with the kernel through
//! `files`.
//!
//! `cargo` and `rustc` compile cells, `dependent` those of a session with dependencies of its own;
//! before that, `hooks` redirects evcxr's source to the runtime, and `prune` removes what the cell
//! does not need. `compiler` is one run of a compiler, `spare` those that are started ahead, `link`
//! the linker for them, `replay` the call of the compiler that cargo made;
//! `parent_death` ends processes with the kernel, `environment` is the environment of users'
//! processes, `analyzer_cache` caches the answers to rust-analyzer's queries.

pub(super) mod analyzer_cache;
mod cargo;
mod compiler;
mod dependent;
pub(super) mod environment;
pub(crate) mod files;
mod hooks;
mod link;
pub(crate) mod parent_death;
mod prune;
mod replay;
pub(crate) mod rustc;
pub(super) mod spare;

use super::runtime::Runtime;
use crate::error::Result;
use std::path::Path;

/// A wrapper: takes the runtime, the session's folder and its arguments; returns its exit code.
type Tool = fn(&Runtime, &Path, &[String]) -> Result<i32>;

/// The tools that this program wraps, by the name that it is called by.
pub(crate) const TOOLS: [(&str, Tool); 3] =
    [("cargo", cargo::cargo), ("rustc", cargo::rustc), ("rustup", cargo::rustup)];
