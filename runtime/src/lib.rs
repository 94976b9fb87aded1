//! Rask: lazy parallel collections for Rust notebooks. A cell builds a frame, a bag or delayed calls; nothing runs until
//! `compute`; then all workers do.
//!
//! # The map, in reading order
//!
//! | module | what it is for | may use |
//! |---|---|---|
//! | `units`, `error`, `poison`, `opaque`, `config`, `exact` | sizes as text, errors, errors of lazy steps, hidden values, settings, sums without rounding | what stands before it |
//! | `wire`, [`comm`] | this process's end of the connection to the kernel; lines to objects in the front end | the above |
//! | [`show`], `widget` | results to MIME bundles, HTML and SVG as text; ipywidgets | the above |
//! | `graph` | keys, layers of tasks, streams, passes, pictures; pure | the above |
//! | `sched` | running a graph: state machine, threads, memory and disk, progress, the live view, the dashboard | the above |
//! | `ask` | questions to the user | the above |
//! | [`delayed`], [`fs`], `decode`, `pending`, [`bag`], [`html`], [`json`], [`xml`] | lazy calls; files and URLs; bytes to text; files under way; bags; rows of text | the above |
//! | `csv` | bytes to columns and back, as fast as they can be read | the above |
//! | [`frame`] | tables; blind to bags and delayed calls | the above but those two |
//! | `convert`, `collect`, [`client`] | bags to frames; several collections at once; workers, memory, futures | the above |
//! | [`datasets`], [`plot`] | data that comes with Rask; plots of frames | the above |
//! | [`host`] | the evaluator process: loads cells and runs them | the above |
//!
//! Start with `delayed/function.rs` for the way from a call to the scheduler, with `bag/handle.rs` for chains of steps that run as one
//! task, with `frame/mod.rs` for the way to DataFusion.
//!
//! Two rules hold everywhere, as the price of every cell hangs on them. Public handles are opaque: they hold a reference to
//! something whose drop is compiled here. Public generics are thin: they pack and unpack values around a core without types.
//! And where a generic names a trait that many types have, the compiler of the cell goes through all of them, in all crates: 40 ms
//! for `Debug` (also by `expect` and `unwrap` of a `Result`, and by `clamp`) or `Clone`, 15 for `From` (also by `?` and `into`), `PartialEq` or
//! `Default`. So thin parts use loops and `match`, and leave these to functions without types.
#![deny(missing_docs, unsafe_code)]

// Every cell finds these crates in scope, taken from this library: naming them here makes them part of it.
extern crate arrow as _;
extern crate chrono as _;
extern crate ndarray as _;
extern crate rand as _;
extern crate regex as _;
extern crate serde as _;

mod ask;
pub mod bag;
pub mod client;
mod collect;
pub mod comm;
mod config;
mod convert;
mod csv;
pub mod datasets;
mod decode;
pub mod delayed;
mod error;
mod exact;
pub mod frame;
pub mod fs;
mod graph;
pub mod host;
pub mod html;
pub mod json;
mod opaque;
mod pending;
pub mod plot;
mod poison;
mod sched;
pub mod show;
mod units;
mod widget;
mod wire;
pub mod xml;

pub use ask::{clear_output, input, password};
pub use collect::{Collection, compute};
pub use error::{Error, ErrorKind, Result};
pub use graph::picture::Picture;
pub use sched::view::ProgressBar;

/// What is in scope in every cell.
pub mod prelude {
    pub use crate::ask::{clear_output, input, password};
    pub use crate::bag::{self, Bag, Line, Text, from_iter, from_sequence, read_text};
    pub use crate::client::{Client, Future, as_completed, gather, wait};
    pub use crate::collect::compute;
    pub use crate::delayed::{Delayed, delayed};
    pub use crate::frame::{
        Agg, BadLines, Column, Csv, DType, DataFrame, Expr, GroupBy, Join, LazySeries, Merge, MergeAsof, Parquet, RankMethod, Scalar,
        Series, Table, ValueCounts, col, concat, lit, read_csv, read_ipc, read_json, read_parquet, read_sql, sql, when,
    };
    pub use crate::sched::view::ProgressBar;
    pub use crate::show::{Bundle, Show, display};
    pub use crate::{Error, ErrorKind, datasets, fs, html, json, plot, xml};
}
