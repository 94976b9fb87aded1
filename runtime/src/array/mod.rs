//! Arrays: NumPy's methods on chunks. Methods are lazy, and each block is a task.
//!
//! | file | what it is for |
//! |---|---|
//! | `dtype`, `data`, `element` | the element types: at run time, in lists, and as Rust's traits |
//! | `grid`, `args` | chunks, and how shapes and chunks are given |
//! | `view` | where the elements of a result are found |
//! | `block`, `merge`, `bytes` | the values of tasks, copies of them, and their bytes |
//! | `random`, `make` | elements that are computed from their places |
//! | `ops` | elementwise operations |
//! | `step`, `program`, `task` | what the layers of an array do; its evaluation, tile by tile; their tasks |
//! | `core`, `rechunk`, `align` | arrays without their type in Rust: other chunks, equal shapes |
//! | `handle` | the handle |
//! | `create`, `operand`, `elementwise`, `operators`, `slice`, `reshape`, `join`, `blocks`, `linear`, `reduce` | functions and methods |
//! | `npy` | NumPy's files |
//! | `bridge` | what conversions from and to other collections need |
//! | `show` | the table and the picture under the cell |
//!
//! A chain of steps on elements at the same places, of slices and of transposes is one task a block:
//! `graph/inline.rs` says which layers are computed in the tasks that read them, and `program.rs`
//! goes through a block in tiles that stay in the processor's cache.

mod align;
mod args;
mod block;
mod blocks;
pub(crate) mod bridge;
mod bytes;
mod core;
mod create;
mod data;
mod dtype;
mod element;
mod elementwise;
mod failing;
mod grid;
mod handle;
mod join;
mod linear;
mod make;
mod merge;
mod npy;
mod operand;
mod operators;
mod ops;
mod program;
mod random;
mod rechunk;
mod reduce;
mod reshape;
mod show;
mod slice;
mod step;
mod task;
#[cfg(test)]
mod tests;
mod view;

pub use args::{IntoChunks, IntoShape, Length};
pub use create::{
    Countable, Rng, arange, arange_step, eye, from_array, full, linspace, ones, ones_of, random,
    random_seeded, rng, zeros, zeros_of,
};
pub(crate) use data::Data;
pub use element::{ArrayElement, Promote};
pub use elementwise::where_;
pub use handle::Array;
pub use join::{Arrays, concatenate, stack};
pub use npy::{from_npy, from_npy_of};
pub use num_complex::Complex64;
pub use operand::ArrayOperand;
