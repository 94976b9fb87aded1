//! Arrays: NumPy's methods on chunks. Methods are lazy, and each block is a task.
//!
//! | file | what it is for |
//! |---|---|
//! | `dtype`, `data`, `element` | the element types: at run time, in lists, and as Rust's traits |
//! | `grid`, `args`, `sizes` | chunks, how shapes and chunks are given, and how they are shown |
//! | `view` | where the elements of a result are found |
//! | `block`, `merge`, `bytes`, `lanes` | the values of tasks, copies of them, their bytes, and their lanes along an axis |
//! | `random`, `law`, `make` | elements that are computed from their places |
//! | `ops` | elementwise operations |
//! | `step`, `program`, `task` | what the layers of an array do; its evaluation, tile by tile; their tasks |
//! | `core`, `calls`, `rechunk`, `whole`, `align` | arrays without their type in Rust: functions of whole blocks, other chunks, equal shapes |
//! | `handle` | the handle |
//! | `create`, `like`, `rng` | new arrays |
//! | `operand`, `elementwise`, `operators`, `numeric` | functions of each element |
//! | `slice`, `take`, `filter`, `reshape`, `join`, `stacks`, `triangle`, `difference` | parts of arrays, other shapes, arrays put together |
//! | `reduce`, `scan`, `sort`, `distinct`, `quantile`, `histogram` | reductions, running totals, order, counts |
//! | `blocks`, `apply` | functions of the user's on blocks, lanes and windows |
//! | `product`, `linear`, `linalg`, `fft` | products, linear algebra, Fourier transforms |
//! | `stats`, `ma` | statistical tests, masked arrays |
//! | `npy`, `zarr` | files |
//! | `bridge` | what conversions from and to other collections need |
//! | `show` | the table and the picture under the cell |
//!
//! A chain of steps on elements at the same places, of slices and of transposes is one task a block:
//! `graph/inline.rs` says which layers are computed in the tasks that read them, and `program.rs`
//! goes through a block in tiles that stay in the processor's cache.

mod align;
mod apply;
mod args;
mod block;
mod blocks;
pub(crate) mod bridge;
mod bytes;
mod calls;
mod core;
#[cfg(test)]
mod coverage_tests;
mod create;
mod data;
mod difference;
mod distinct;
mod dtype;
mod element;
mod elementwise;
mod failing;
pub mod fft;
mod filter;
#[cfg(test)]
mod further_tests;
mod grid;
mod handle;
mod histogram;
mod join;
mod lanes;
mod law;
mod like;
pub mod linalg;
mod linear;
pub mod ma;
mod make;
mod merge;
mod npy;
mod numeric;
#[cfg(test)]
mod numpy_tests;
mod operand;
mod operators;
mod ops;
mod product;
mod program;
mod quantile;
mod random;
mod rechunk;
mod reduce;
mod reshape;
mod rng;
mod scan;
mod show;
mod sizes;
mod slice;
mod sort;
mod stacks;
pub mod stats;
mod step;
mod take;
mod task;
#[cfg(test)]
mod tests;
mod triangle;
mod view;
mod whole;
mod zarr;

pub use apply::Boundary;
pub use args::{IntoChunks, IntoShape, Length};
pub use create::{
    Countable, arange, arange_step, eye, from_array, full, linspace, ones, ones_of, random,
    random_seeded, zeros, zeros_of,
};
pub(crate) use data::Data;
pub use element::{ArrayElement, Promote};
pub use elementwise::where_;
pub use handle::Array;
pub use histogram::{Bins, histogram2d};
pub use join::{Arrays, concatenate, stack};
pub use like::{
    broadcast_arrays, choose, empty, empty_like, from_delayed, fromfunction, full_like, indices,
    meshgrid, ones_like, ravel_multi_index, select, unify_chunks, unravel_index, zeros_like,
};
pub use linear::{Contraction, einsum};
pub use npy::{from_npy, from_npy_of, from_raw_of};
pub use num_complex::Complex64;
pub use numeric::Tolerance;
pub use operand::ArrayOperand;
pub use quantile::Probabilities;
pub use rng::{Rng, rng};
pub use sizes::{Sizes, UNKNOWN};
pub use stacks::{block, dstack, hstack, vstack};
pub use take::PadMode;
pub use triangle::{diag, tri, tril_indices, triu_indices};
pub use zarr::{from_zarr, from_zarr_of};
