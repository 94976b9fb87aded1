//! Data frames: lazy tables over files or memory, planned and run by DataFusion. A frame is a logical plan; each method
//! gives a new frame; `compute` runs it on all workers.
//!
//! `names` and `expr` say which columns; `elementwise`, `arithmetic`, `when`, `text`, `time`, `instants`, `clock`, `steps`,
//! `cat`, `list` and `map` what is made of each value, `window` and `rolling` what is made of neighbouring rows, `reduce` and
//! `sums` what is made of all of them; `udf` tells it to the engine. `order`, `keys`, `sort` and `keeping` keep and make the order
//! of rows, `index` finds rows by it. `csv`, `files`, `listed`, `lines`, `remote`, `sqlite`, `made` and `series` say where rows
//! come from, `held`, `lazy` and `spool` where they are kept, `grouped` in how many parts they are read; `columns`, `column`,
//! `asked`, `counts`, `sample`, `groupby`, `apply`, `resample`, `shape`, `merge`, `asof`, `partitions`, `sql` and the methods here
//! what is done with them; `engine`, `pool` and `watch` how it runs, `table` and `scalar` what comes out, `tables` how that goes on.

mod apply;
mod arithmetic;
mod asked;
mod asof;
mod cat;
mod clock;
mod column;
mod columns;
mod counts;
mod csv;
mod dtype;
mod elementwise;
pub(crate) mod engine;
mod explain;
mod expr;
mod files;
mod groupby;
mod grouped;
mod held;
mod index;
mod instants;
mod keeping;
mod keys;
pub(crate) mod lazy;
mod lines;
mod list;
mod listed;
mod made;
mod map;
mod merge;
mod names;
mod order;
pub(crate) mod partitions;
mod pool;
pub(crate) mod record;
mod reduce;
mod remote;
mod resample;
mod rolling;
pub(crate) mod rows;
mod sample;
mod scalar;
mod series;
mod shape;
mod sort;
mod spool;
mod sql;
mod sqlite;
mod steps;
mod sums;
mod table;
mod tables;
mod text;
mod time;
mod udf;
mod watch;
mod when;
mod window;

#[doc = include_str!("coverage.md")]
pub mod coverage {}

pub use asof::{Direction as AsofDirection, MergeAsof, Tolerance};
pub use cat::Cat;
pub use clock::IntoAmbiguous;
pub use column::{LazyScalar, LazySeries};
pub use counts::ValueCounts;
pub use csv::{BadLines, ByteCount, ColumnList, ColumnRef, Csv, HeaderRow, Separator, read_csv};
pub use dtype::DType;
pub use elementwise::{IntoList, Target};
pub use explain::Plan as ExplainedPlan;
pub use expr::{Expr, IntoExpr, col, lit};
pub use files::{read_ipc, read_json, read_parquet, read_sql};
pub use groupby::GroupBy;
pub use list::List;
pub use map::{ByOptionStr, ByStr, CellFn, FromCell};
pub use merge::{Join, Merge, concat};
pub use names::IntoNames;
pub use reduce::{Agg, IntoAgg, IntoSpec};
pub use resample::Resampler;
pub use rolling::{Rolling, WindowSize};
pub use scalar::Scalar;
pub use series::{Element, Series};
pub use sql::sql;
pub use table::{Column, FromColumn, Number, Table};
pub use tables::IntoFrame;
pub use text::Str;
pub use time::Dt;
pub use when::{Then, When, when};
pub use window::RankMethod;

use crate::error::{Error, ErrorKind, Result};
use crate::graph::drawing::{Direction, Drawing};
use crate::graph::picture::Picture;
use crate::opaque::Opaque;
use crate::poison;
use crate::show::html;
use crate::show::{self, Bundle, Show};
use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Schema};
use datafusion::catalog::TableProvider;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{self as df, ExprSchemable, LogicalPlan, LogicalPlanBuilder};
use datafusion::physical_plan::ExecutionPlanProperties;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// What a frame will do.
type Plan = LogicalPlan;

/// A lazy table. Cheap to clone; nothing is read until it is computed.
///
/// Rows of a file keep their order through `filter`, `select` and `with_column`; a group-by is ordered by its keys. A step
/// that cannot work (a column that is not there) is reported under the cell, and again by `compute` in a later cell.
///
/// ```
/// use rask::prelude::*;
/// let df = DataFrame::from_columns([
///     ("city", Series::from_iter(["Oslo", "Bergen", "Oslo"])),
///     ("rain", Series::from_iter([1.0, 8.0, 3.0])),
/// ]);
/// let means = df.groupby("city").mean("rain").compute()?;
/// assert_eq!(means.column("city")?.to_vec::<String>()?, ["Bergen", "Oslo"]);
/// assert_eq!(means.column("rain")?.to_vec::<f64>()?, [8.0, 2.0]);
/// # Ok::<(), rask::Error>(())
/// ```
#[derive(Clone)]
#[must_use = "a frame does nothing until it is computed"]
pub struct DataFrame(Opaque);

/// A frame that scans `table`.
fn scan(table: Arc<dyn TableProvider>, method: &str) -> Result<Plan> {
    LogicalPlanBuilder::scan("frame", provider_as_source(table), None)
        .and_then(LogicalPlanBuilder::build)
        .map_err(|e| Error::engine(method, &e))
}

impl DataFrame {
    #[track_caller]
    fn from_result(plan: Result<Plan>) -> Self {
        if let Err(e) = &plan {
            poison::note(e, std::panic::Location::caller());
        }
        Self(Opaque::new(plan))
    }

    /// The plan, or the error of an earlier step, which its user is hereby told.
    fn plan(&self) -> Result<&Plan> {
        self.0.get::<Result<Plan>>().as_ref().map_err(|e| {
            poison::told(e);
            e.clone()
        })
    }

    /// A frame of named columns in memory, all of one length. Split into one partition per worker.
    #[track_caller]
    pub fn from_columns<N: AsRef<str>>(columns: impl IntoIterator<Item = (N, Series)>) -> Self {
        let mut all = Vec::new();
        for (name, series) in columns {
            put_series(&mut all, name.as_ref(), series);
        }
        Self::in_memory(all)
    }

    #[inline(never)]
    #[track_caller]
    fn in_memory(columns: Vec<(String, Series)>) -> Self {
        Self::from_result(memory(columns))
    }

    /// A frame over a batch in memory, or the error that was met on the way to it.
    #[track_caller]
    pub(crate) fn from_batch(batch: Result<RecordBatch>) -> Self {
        Self::from_result(batch.and_then(|b| batches(&b)))
    }

    /// A frame over a Parquet file.
    #[track_caller]
    pub(crate) fn from_parquet(path: &Path) -> Self {
        Self::from_result(files::parquet(&path.to_string_lossy()))
    }

    /// The plan, for a step that passes an earlier error on.
    fn quiet(&self) -> Result<&Plan> {
        self.0.get::<Result<Plan>>().as_ref().map_err(Clone::clone)
    }

    /// The frame with an error in place of a step; an earlier error stays the error.
    #[track_caller]
    fn failed(&self, e: Error) -> Self {
        if self.quiet().is_err() { self.clone() } else { Self::from_result(Err(e)) }
    }

    /// Adds a step; an earlier error stays the error.
    #[track_caller]
    fn step(&self, method: &str, f: impl FnOnce(LogicalPlanBuilder, &Plan) -> Result<LogicalPlanBuilder>) -> Self {
        let plan = match self.0.get::<Result<Plan>>() {
            Ok(plan) => plan,
            Err(_) => return self.clone(),
        };
        let built = f(LogicalPlanBuilder::from(plan.clone()), plan).and_then(|b| b.build().map_err(|e| Error::engine(method, &e)));
        Self::from_result(built)
    }

    /// The rows for which the condition holds; a missing value does not hold.
    #[track_caller]
    pub fn filter(&self, condition: impl IntoExpr) -> Self {
        self.filter_by(&condition.into_expr())
    }

    #[inline(never)]
    #[track_caller]
    fn filter_by(&self, condition: &Expr) -> Self {
        let filtered = self.step("filter", |b, plan| {
            let (input, mut condition) = prepared("filter", plan, vec![condition.get().clone()])?;
            let b = input.map_or(b, LogicalPlanBuilder::from);
            b.filter(condition.remove(0)).map_err(|e| Error::engine("filter", &e))
        });
        if order::is_ordered(condition.get()) { filtered.unnumbered(self) } else { filtered }
    }

    /// The columns of these names, in this order.
    #[track_caller]
    pub fn select(&self, names: impl IntoNames) -> Self {
        self.select_all(&names.into_names())
    }

    #[inline(never)]
    #[track_caller]
    fn select_all(&self, names: &[String]) -> Self {
        self.step("select", |b, plan| {
            let columns = names.iter().map(|n| bound("select", col(n).get(), plan)).collect::<Result<Vec<_>>>()?;
            unique("select", names.iter())?;
            b.project(columns).map_err(|e| Error::engine("select", &e))
        })
    }

    /// The frame with one more column, or one replaced.
    #[track_caller]
    pub fn with_column(&self, name: &str, value: impl IntoExpr) -> Self {
        self.put_column(name, &value.into_expr())
    }

    #[inline(never)]
    #[track_caller]
    fn put_column(&self, name: &str, value: &Expr) -> Self {
        self.put_named("with_column", vec![(name.to_owned(), value.clone())])
    }

    /// Puts columns whose names a user gives.
    #[inline(never)]
    #[track_caller]
    fn put_named(&self, method: &str, made: Vec<(String, Expr)>) -> Self {
        match names::free(method, made.iter().map(|(n, _)| n)) {
            Ok(()) => self.put_columns(method, made),
            Err(e) => self.failed(e),
        }
    }

    #[inline(never)]
    #[track_caller]
    fn put_columns(&self, method: &str, made: Vec<(String, Expr)>) -> Self {
        self.step(method, |b, plan| {
            let (names, values): (Vec<_>, Vec<_>) = made.into_iter().map(|(n, e)| (n, e.get().clone())).unzip();
            unique(method, names.iter())?;
            let mut columns: Vec<_> = names_of(plan).iter().map(|n| bare(n)).collect();
            let (input, values) = prepared(method, plan, values)?;
            for (name, value) in names.iter().zip(values) {
                let value = value.alias(name);
                match plan.schema().fields().iter().position(|f| f.name() == name) {
                    Some(i) => columns[i] = value,
                    None => columns.push(value),
                }
            }
            let b = input.map_or(b, LogicalPlanBuilder::from);
            b.project(columns).map_err(|e| Error::engine(method, &e))
        })
    }

    /// Groups the rows by one or several columns. Results have one row per group and are ordered by the keys.
    ///
    /// Rows whose key is missing are left out, as in Dask and pandas.
    #[track_caller]
    pub fn groupby(&self, keys: impl IntoNames) -> GroupBy {
        self.grouped(keys.into_names())
    }

    // Apart, as a clone has the compiler of a cell go through all types that have one.
    #[inline(never)]
    fn grouped(&self, keys: Vec<String>) -> GroupBy {
        GroupBy::new(self.clone(), keys)
    }

    /// Computes the first `n` rows; reads no more of a file than it needs.
    ///
    /// # Errors
    /// As [`DataFrame::compute`].
    pub fn head(&self, n: usize) -> Result<Table> {
        Ok(Table::new(engine::first_rows(self.plan()?, n)?))
    }

    /// Computes the frame on all workers.
    ///
    /// # Errors
    /// The error of an earlier step, or what went wrong while reading or computing.
    pub fn compute(&self) -> Result<Table> {
        Ok(Table::new(engine::collect(self.plan()?, false)?))
    }

    /// Computes the number of rows.
    ///
    /// # Errors
    /// As [`DataFrame::compute`].
    pub fn len(&self) -> Result<usize> {
        let count = datafusion::functions_aggregate::expr_fn::count(df::lit(1)).alias("n");
        let plan =
            LogicalPlanBuilder::from(self.plan()?.clone()).aggregate(Vec::<df::Expr>::new(), [count]).and_then(LogicalPlanBuilder::build);
        let table = Table::new(engine::collect(&plan.map_err(|e| Error::engine("len", &e))?, false)?);
        Ok(table.column("n")?.sum::<i64>()? as usize)
    }

    /// Computes whether there are no rows.
    ///
    /// # Errors
    /// As [`DataFrame::compute`].
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.head(1)?.is_empty())
    }

    /// Names of the columns, in order.
    ///
    /// # Errors
    /// The error of an earlier step.
    pub fn columns(&self) -> Result<Vec<String>> {
        Ok(names_of(self.plan()?))
    }

    /// Types of the columns, in order.
    ///
    /// # Errors
    /// The error of an earlier step.
    pub fn dtypes(&self) -> Result<Vec<DType>> {
        Ok(csv::current(self.plan()?)?.schema().fields().iter().map(|f| DType::of(f.data_type())).collect())
    }

    /// Number of partitions in which the frame is computed; 0 for one with an error.
    #[must_use]
    #[track_caller]
    pub fn npartitions(&self) -> usize {
        let place = std::panic::Location::caller();
        let told = self.physical().inspect_err(|e| poison::note(e, place));
        told.map_or(0, |p| p.output_partitioning().partition_count())
    }

    fn physical(&self) -> Result<Arc<dyn datafusion::physical_plan::ExecutionPlan>> {
        engine::current(self.plan()?)
    }

    /// The graph of the frame's tasks, one for each operator and partition, as a picture.
    #[track_caller]
    #[must_use]
    pub fn visualize(&self) -> Picture {
        let mut drawing = Drawing { nodes: Vec::new(), edges: Vec::new(), direction: Direction::Down };
        match self.physical() {
            Ok(plan) => {
                let outputs = draw(&plan, &mut drawing);
                let result = drawing.add("result", false);
                drawing.edges.extend(outputs.iter().flatten().map(|o| (*o, result)));
                Picture::new(drawing, watch::tasks(&plan))
            }
            Err(e) => {
                poison::note(&e, std::panic::Location::caller());
                Picture::new(drawing, 0)
            }
        }
    }
}

/// Adds an operator's tasks and returns those of each partition.
fn draw(plan: &Arc<dyn datafusion::physical_plan::ExecutionPlan>, drawing: &mut Drawing) -> Vec<Vec<usize>> {
    let inputs: Vec<Vec<Vec<usize>>> = plan.children().into_iter().map(|c| draw(c, drawing)).collect();
    let n = plan.output_partitioning().partition_count();
    let Some(name) = watch::name(plan.as_ref()) else {
        // Neighbours may be read as one.
        let all: Vec<Vec<usize>> = inputs.into_iter().flatten().collect();
        return (0..n).map(|i| all[grouped::members(all.len(), n, i)].concat()).collect();
    };
    let mine: Vec<usize> = (0..n).map(|_| drawing.add(&name, true)).collect();
    if inputs.is_empty() {
        for (i, task) in mine.iter().enumerate() {
            let data = drawing.add(&format!("partition {i}"), false);
            drawing.edges.push((data, *task));
        }
    }
    for input in inputs {
        if input.len() == n {
            let shuffles = name == "shuffle";
            for (i, from) in input.iter().enumerate() {
                let to: &[usize] = if shuffles { &mine } else { &mine[i..=i] };
                drawing.edges.extend(from.iter().flat_map(|f| to.iter().map(move |t| (*f, *t))));
            }
        } else {
            drawing.edges.extend(input.iter().flatten().flat_map(|from| mine.iter().map(move |to| (*from, *to))));
        }
    }
    mine.into_iter().map(|task| vec![task]).collect()
}

#[inline(never)]
fn put_series(all: &mut Vec<(String, Series)>, name: &str, series: Series) {
    all.push((name.to_owned(), series));
}

fn memory(columns: Vec<(String, Series)>) -> Result<Plan> {
    unique("from_columns", columns.iter().map(|(n, _)| n))?;
    names::free("from_columns", columns.iter().map(|(n, _)| n))?;
    let rows = columns.first().map_or(0, |(_, s)| s.len());
    if let Some((name, s)) = columns.iter().find(|(_, s)| s.len() != rows) {
        let (first, column, length) = (columns[0].0.clone(), name.clone(), s.len());
        return Err(ErrorKind::LengthMismatch { first, expected: rows, column, length }.into());
    }
    let fields: Vec<_> = columns.iter().map(|(n, s)| Field::new(n, s.array().data_type().clone(), true)).collect();
    let schema = Arc::new(Schema::new(fields));
    let arrays = columns.iter().map(|(_, s)| s.array().clone()).collect();
    batches(&engine::batch("from_columns", &schema, arrays, rows)?)
}

/// A plan over partitions in memory; their rows are in the order of the index, where one is given.
fn held(method: &str, schema: arrow::datatypes::SchemaRef, parts: Vec<Vec<RecordBatch>>, index: Option<String>) -> Result<Plan> {
    let table = held::Held::new(schema, parts, index).map_err(|e| Error::engine(method, &e))?;
    scan(Arc::new(table), method)
}

/// A plan over rows in memory.
fn batches(batch: &RecordBatch) -> Result<Plan> {
    let batch = &names::own(batch)?;
    let rows = batch.num_rows();
    // Batches of the engine's own size, dealt out in runs so that the partitions keep the order.
    let parts = crate::config::threads().min(rows.div_ceil(engine::BATCH)).max(1);
    let each = rows.div_ceil(parts);
    let part = |p: usize| {
        let (start, end) = (p * each, ((p + 1) * each).min(rows));
        partitions::pieces(&batch.slice(start, end.saturating_sub(start)))
    };
    held("from_columns", batch.schema(), (0..parts).map(part).collect(), None)
}

fn names_of(plan: &Plan) -> Vec<String> {
    plan.schema().fields().iter().map(|f| f.name().clone()).collect()
}

fn bare(name: &str) -> df::Expr {
    df::Expr::Column(datafusion::common::Column::new_unqualified(name))
}

/// The expression, once all its columns are known to be there.
fn bound(method: &str, expr: &df::Expr, plan: &Plan) -> Result<df::Expr> {
    let available = names_of(plan);
    let mut missing = None;
    let walk = expr.apply(|e| {
        if let df::Expr::Column(c) = e
            && c.name != order::ROW
            && !available.contains(&c.name)
        {
            missing = Some(c.name.clone());
            return Ok(TreeNodeRecursion::Stop);
        }
        Ok(TreeNodeRecursion::Continue)
    });
    walk.map_err(|e| Error::engine(method, &e))?;
    match missing {
        Some(column) => Err(ErrorKind::ColumnNotFound { method: method.to_owned(), column, available }.into()),
        None => {
            let schema = plan.schema();
            let is_float = |x: &df::Expr| x.get_type(schema).is_ok_and(|t| t.is_floating());
            let usual = |e| match e {
                df::Expr::BinaryExpr(e) => Ok(Transformed::yes(arithmetic::arithmetic(e, schema))),
                df::Expr::Negative(x) => Ok(Transformed::yes(arithmetic::negated(*x, schema))),
                // Files may hold decimals that are no numbers: they are missing.
                df::Expr::IsNull(x) if is_float(&x) => Ok(Transformed::yes(elementwise::number(*x).is_null())),
                df::Expr::IsNotNull(x) if is_float(&x) => Ok(Transformed::yes(elementwise::number(*x).is_not_null())),
                other => Ok(Transformed::no(other)),
            };
            Ok(expr.clone().transform_up(usual).map_err(|e| Error::engine(method, &e))?.data)
        }
    }
}

/// Expressions over a plan, and the plan with what they need of other rows, where they need some.
fn prepared(method: &str, plan: &Plan, exprs: Vec<df::Expr>) -> Result<(Option<Plan>, Vec<df::Expr>)> {
    let failed = |e| Error::engine(method, &e);
    let mut exprs = exprs.iter().map(|e| bound(method, e, plan)).collect::<Result<Vec<_>>>()?;
    if !exprs.iter().any(order::is_ordered) {
        return Ok((None, exprs));
    }
    let mut plan = order::numbered(plan).map_err(failed)?;
    // The engine names what it makes by columns with their tables.
    let full = |e| datafusion::logical_expr::expr_rewriter::normalize_col(e, &plan).map_err(failed);
    exprs = exprs.into_iter().map(full).collect::<Result<Vec<_>>>()?;
    loop {
        let windows = window::innermost(&exprs);
        if windows.is_empty() {
            // Windows of groups leave the rows in the order of the groups.
            let by_row = order::sorted(LogicalPlanBuilder::from(plan), [bare(order::ROW).sort(true, false)], None);
            return Ok((Some(by_row.and_then(LogicalPlanBuilder::build).map_err(failed)?), exprs));
        }
        plan = LogicalPlanBuilder::window_plan(plan, windows.clone()).map_err(failed)?;
        let replaced = |e: df::Expr| {
            e.transform_down(|e| {
                Ok(if windows.contains(&e) { Transformed::yes(bare(&e.schema_name().to_string())) } else { Transformed::no(e) })
            })
        };
        exprs = exprs.into_iter().map(|e| Ok(replaced(e).map_err(failed)?.data)).collect::<Result<Vec<_>>>()?;
    }
}

fn unique<'a>(method: &str, names: impl Iterator<Item = &'a String>) -> Result<()> {
    let mut seen = std::collections::HashSet::new();
    for n in names {
        if !seen.insert(n) {
            return Err(ErrorKind::DuplicateColumn { method: method.to_owned(), column: n.clone() }.into());
        }
    }
    Ok(())
}

impl Show for DataFrame {
    fn show(&self) -> Bundle {
        let described = self.plan().and_then(|plan| {
            let physical = engine::current(plan)?;
            Ok((plan, physical.output_partitioning().partition_count(), watch::tasks(&physical)))
        });
        let (plan, partitions, tasks) = match described {
            Ok(all) => all,
            Err(e) => {
                // Looking at it tells nobody: the cell still ends in the error.
                poison::note(&e, std::panic::Location::caller());
                return Bundle::text(format!("DataFrame with an error: {e}"));
            }
        };
        let columns = table::headings(plan.schema().fields());
        let note = format!(
            "lazy: {}, {}, {}",
            html::count(columns.len(), "column"),
            html::count(partitions, "partition"),
            html::count(tasks, "task")
        );
        let dots = vec![Some("\u{2026}".to_owned()); columns.len()];
        let rows: Vec<_> = (0..partitions.min(3)).map(|i| Some((format!("partition {i}"), dots.clone()))).collect();
        let text: Vec<_> = columns.iter().map(|c| format!("  {}: {}", c.name, c.dtype)).collect();
        Bundle::text(format!("DataFrame ({note})\n{}", text.join("\n"))).with("text/html", html::table(&columns, &rows, &note))
    }
}

impl fmt::Debug for DataFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show::debug(self, f)
    }
}

#[cfg(test)]
mod order_tests;
#[cfg(test)]
mod pandas_tests;
#[cfg(test)]
mod partition_tests;
#[cfg(test)]
mod tests;
