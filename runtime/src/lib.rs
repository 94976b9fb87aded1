//! Rask: lazy parallel collections for Rust notebooks. A cell builds a frame, a bag or delayed
//! calls; nothing runs until `compute`, which uses all workers.
//!
//! # The map, in reading order
//!
//! | module | what it is for | may use |
//! |---|---|---|
//! | `mix`, `units`, `error`, `deferred`, `handle`, `config`, `exact` | a hash of numbers, sizes and durations, errors, errors of lazy steps, type-erased values, settings, exact sums | the modules before it |
//! | `wire`, [`comm`] | this process's end of the connection to the kernel; channels to objects in the front end | the above |
//! | [`show`], `widget` | results to MIME bundles, HTML and SVG; ipywidgets | the above |
//! | `graph` | keys, layers of tasks, streams, optimization passes, pictures; no side effects | the above |
//! | `sched` | the scheduler: state machine, threads, memory and spilling, progress, live view, dashboard | the above |
//! | `input` | input from the user | the above |
//! | [`delayed`], [`fs`], `decode`, `atomic_file`, [`mod@array`], [`bag`], [`html`], [`json`], [`xml`] | lazy calls; files and URLs; decompression and decoding; atomic file writes; arrays in chunks; bags; HTML, JSON and XML text | the above |
//! | `csv` | reading and writing CSV: bytes to columns and back | the above |
//! | [`frame`] | data frames; independent of bags and delayed calls | the above except those two |
//! | `convert`, `frame_arrays`, `bag_arrays`, `collect`, [`client`] | conversions between collections; computing several collections at once; workers, memory, futures | the above |
//! | [`datasets`], [`plot`] | bundled data sets; plots of frames | the above |
//! | [`host`] | the evaluator process, which loads and runs cells | the above |
//!
//! Start with `delayed/function.rs` for the path from a call to the scheduler, with `bag/handle.rs`
//! for chains of steps that run as one task, and with `frame/mod.rs` for the path to DataFusion.
//!
//! Two rules hold everywhere, because the compile time of every cell depends on them. Public
//! handles are opaque: they hold a reference to something whose drop code is compiled here. Public
//! generics are thin: they pack and unpack values around a type-erased core. And if a generic
//! function uses a trait that many types implement, the compiler of the cell goes through all of
//! them, in all crates: 40 ms for `Debug` (also through `expect` and `unwrap` of a `Result`, and
//! through `clamp`) or `Clone`, 15 ms for `From` (also through `?` and `into`), `PartialEq` or
//! `Default`. So thin parts use loops and `match`, and leave the rest to functions without
//! generics.
#![deny(missing_docs, unsafe_code)]
#![cfg(not(feature = "dependencies-only"))]

// Every cell has these crates in scope, loaded from this library: naming them here links them into
// it.
extern crate arrow as _;
extern crate chrono as _;
extern crate ndarray as _;
extern crate rand as _;
extern crate regex as _;
extern crate serde as _;

pub mod array;
mod atomic_file;
pub mod bag;
mod bag_arrays;
pub mod client;
mod collect;
pub mod comm;
mod config;
mod convert;
mod csv;
pub mod datasets;
mod decode;
mod deferred;
pub mod delayed;
mod error;
mod exact;
pub mod frame;
mod frame_arrays;
pub mod fs;
mod graph;
mod handle;
pub mod host;
pub mod html;
mod input;
pub mod json;
mod mix;
pub mod plot;
mod sched;
pub mod show;
mod units;
mod widget;
mod wire;
pub mod xml;

pub use collect::{Collection, compute};
pub use error::{Error, ErrorKind, Result};
pub use graph::picture::Picture;
pub use input::{clear_output, input, password};
pub use sched::view::ProgressBar;

/// The names that are in scope in every cell.
pub mod prelude {
    pub use crate::array as da;
    pub use crate::bag::{self, Bag, Line, Text, from_iter, from_sequence, read_text};
    pub use crate::client::{Client, Future, as_completed, gather, wait};
    pub use crate::collect::compute;
    pub use crate::delayed::{Delayed, delayed};
    pub use crate::frame::{
        Agg, BadLines, Column, Csv, DType, DataFrame, Expr, GroupBy, Join, LazySeries, Merge,
        MergeAsof, Parquet, RankMethod, Scalar, Series, Table, ValueCounts, col, concat, lit,
        read_csv, read_ipc, read_json, read_parquet, read_sql, sql, when,
    };
    pub use crate::input::{clear_output, input, password};
    pub use crate::sched::view::ProgressBar;
    pub use crate::show::{Bundle, Show, display};
    pub use crate::{Error, ErrorKind, datasets, fs, html, json, plot, xml};
    pub use ndarray::s;
}
