//! Data frames: lazy tables over files or memory, planned and run by DataFusion. A frame is a
//! logical plan; each method returns a new frame; `compute` runs it on all workers.
//!
//! Each folder may use those above it in this table. A test enforces this, and that no two files
//! import each other.
//!
//! | folder | purpose |
//! |---|---|
//! | `threads` | the threads on which frames are computed |
//! | `types` | dtypes, names, columns, tables, rows; no plans |
//! | `expr` | expressions, and their functions in DataFusion |
//! | `source` | where rows come from: memory, disk, partitions on demand, CSV, JSON Lines, object stores |
//! | `plan` | logical plans: binding to columns, order, aggregation |
//! | `exec` | custom operators, and rewrites of physical plans |
//! | `engine` | planning and running through `trait Engine`, with retries when a type or the memory use was misjudged |
//! | `dataframe` | `DataFrame` and its methods, grouped as in pandas' reference |
//! | `column` | methods of columns: of expressions, and of the columns of a frame |
//! | `join`, `group` | joins and concatenation; group-bys and resampling |
//! | `io` | files and databases |

#[macro_use]
mod passthrough;
mod column;
pub(crate) mod dataframe;
pub(crate) mod engine;
mod exec;
mod expr;
mod group;
mod io;
mod join;
mod plan;
pub(crate) mod source;
mod threads;
pub(crate) mod types;

#[doc = include_str!("coverage.md")]
pub mod coverage {}

pub use column::cat::Cat;
pub use column::counts::ValueCounts;
pub use column::dt::Dt;
pub use column::elementwise::IntoList;
pub use column::lazy_series::LazySeries;
pub use column::list::List;
pub use column::map::{ByOptionStr, ByStr, CellFn};
pub use column::reduce::LazyScalar;
pub use column::rolling::{Rolling, WindowSize};
pub use column::str::Str;
pub use column::target::Target;
pub use column::window::RankMethod;
pub use dataframe::DataFrame;
pub use dataframe::explain::Plan as ExplainedPlan;
pub use dataframe::sql::sql;
pub use dataframe::tables::IntoFrame;
pub use expr::agg::{Agg, IntoAgg, IntoSpec};
pub use expr::when::{Then, When, when};
pub use expr::{Expr, IntoExpr, col, lit};
pub use group::groupby::GroupBy;
pub use group::resample::Resampler;
pub use io::csv::{Csv, read_csv};
pub use io::files::{read_ipc, read_json, read_sql};
pub use io::parquet::{Parquet, read_parquet};
pub use join::asof::{Direction as AsofDirection, MergeAsof, Tolerance};
pub use join::merge::{Join, Merge, concat};
pub use source::csv::names::{ByteCount, ColumnList, ColumnRef, HeaderRow, Separator};
pub use source::csv::options::BadLines;
pub use types::cell::FromCell;
pub use types::clock::IntoAmbiguous;
pub use types::dtype::DType;
pub use types::names::IntoNames;
pub use types::scalar::Scalar;
pub use types::series::{Element, Series};
pub use types::table::{Column, FromColumn, Number, Table};

#[cfg(test)]
mod coverage_tests;
#[cfg(test)]
mod order_tests;
#[cfg(test)]
mod pandas_tests;
#[cfg(test)]
mod partition_tests;
#[cfg(test)]
mod tests;
