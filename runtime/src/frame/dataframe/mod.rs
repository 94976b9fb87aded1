//! The lazy frame: a logical plan, or the error of a step. Each method returns a new frame.

pub(in crate::frame) mod columns;
pub(in crate::frame) mod explain;
pub(in crate::frame) mod index;
pub(crate) mod partitions;
pub(in crate::frame) mod reshape;
pub(in crate::frame) mod sample;
pub(in crate::frame) mod show;
pub(in crate::frame) mod sql;
pub(in crate::frame) mod tables;

use crate::deferred;
use crate::error::{During, Error, Result};
use crate::frame::engine::{Rows, collect, refresh};
use crate::frame::expr::{Expr, IntoExpr, col, ident};
use crate::frame::plan::scan::{batches, memory};
use crate::frame::plan::windows::prepared;
use crate::frame::plan::{Plan, names_of, order, resolve};
use crate::frame::types::dtype::DType;
use crate::frame::types::names::{self, IntoNames, check_names};
use crate::frame::types::series::Series;
use crate::frame::types::table::Table;
use crate::handle::Opaque;
use arrow::array::RecordBatch;
use datafusion::logical_expr as df;
use datafusion::logical_expr::LogicalPlanBuilder;
use datafusion::physical_plan::ExecutionPlanProperties;

/// A lazy table. Cheap to clone; nothing is read until it is computed.
///
/// Rows of a file keep their order through `filter`, `select` and `with_column`; the result of a
/// group-by is ordered by its keys. A step that fails (for example, an unknown column) is reported
/// under the cell, and again by `compute` in a later cell.
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
pub struct DataFrame(pub(in crate::frame) Opaque);

impl DataFrame {
    #[track_caller]
    pub(in crate::frame) fn from_result(plan: Result<Plan>) -> Self {
        if let Err(e) = &plan {
            deferred::note(e, std::panic::Location::caller());
        }
        Self(Opaque::new(plan))
    }

    /// Returns the plan, or the error of an earlier step, which is thereby reported to the user.
    pub(in crate::frame) fn plan(&self) -> Result<&Plan> {
        self.0.get::<Result<Plan>>().as_ref().map_err(|e| {
            deferred::told(e);
            e.clone()
        })
    }

    /// Creates a frame of named columns in memory, all of the same length. It is split into one
    /// partition per worker.
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
    pub(in crate::frame) fn in_memory(columns: Vec<(String, Series)>) -> Self {
        Self::from_result(memory(columns))
    }

    /// Creates a frame of a batch in memory, or of the error that occurred before.
    #[track_caller]
    pub(crate) fn from_batch(batch: Result<RecordBatch>) -> Self {
        Self::from_result(batch.and_then(|b| batches(&b)))
    }

    /// Returns the plan, for a step that passes on an earlier error.
    pub(in crate::frame) fn quiet(&self) -> Result<&Plan> {
        self.0.get::<Result<Plan>>().as_ref().map_err(Clone::clone)
    }

    /// Returns the frame with an error in place of a step; an earlier error is kept.
    #[track_caller]
    pub(in crate::frame) fn failed(&self, e: Error) -> Self {
        if self.quiet().is_err() { self.clone() } else { Self::from_result(Err(e)) }
    }

    /// Adds a step; an earlier error is kept.
    #[track_caller]
    pub(in crate::frame) fn step(
        &self,
        method: &str,
        f: impl FnOnce(LogicalPlanBuilder, &Plan) -> Result<LogicalPlanBuilder>,
    ) -> Self {
        let plan = match self.0.get::<Result<Plan>>() {
            Ok(plan) => plan,
            Err(_) => return self.clone(),
        };
        let built =
            f(LogicalPlanBuilder::from(plan.clone()), plan).and_then(|b| b.build().during(method));
        Self::from_result(built)
    }

    /// Returns the rows for which the condition holds; a null condition does not hold.
    #[track_caller]
    pub fn filter(&self, condition: impl IntoExpr) -> Self {
        self.filter_by(&condition.into_expr())
    }

    #[inline(never)]
    #[track_caller]
    pub(in crate::frame) fn filter_by(&self, condition: &Expr) -> Self {
        let filtered = self.step("filter", |b, plan| {
            let (input, mut condition) = prepared("filter", plan, vec![condition.get().clone()])?;
            let b = input.map_or(b, LogicalPlanBuilder::from);
            b.filter(condition.remove(0)).during("filter")
        });
        if order::is_ordered(condition.get()) { filtered.unnumbered(self) } else { filtered }
    }

    /// Selects columns by name, in this order.
    #[track_caller]
    pub fn select(&self, names: impl IntoNames) -> Self {
        self.select_all(&names.into_names())
    }

    #[inline(never)]
    #[track_caller]
    pub(in crate::frame) fn select_all(&self, names: &[String]) -> Self {
        self.step("select", |b, plan| {
            let columns = names
                .iter()
                .map(|n| resolve("select", col(n).get(), plan))
                .collect::<Result<Vec<_>>>()?;
            check_names("select", names.iter())?;
            b.project(columns).during("select")
        })
    }

    /// Adds or replaces a column.
    #[track_caller]
    pub fn with_column(&self, name: &str, value: impl IntoExpr) -> Self {
        self.put_column(name, &value.into_expr())
    }

    #[inline(never)]
    #[track_caller]
    pub(in crate::frame) fn put_column(&self, name: &str, value: &Expr) -> Self {
        self.put_named("with_column", vec![(name.to_owned(), value.clone())])
    }

    /// Adds or replaces columns whose names are given by the user.
    #[inline(never)]
    #[track_caller]
    pub(in crate::frame) fn put_named(&self, method: &str, made: Vec<(String, Expr)>) -> Self {
        match names::free(method, made.iter().map(|(n, _)| n)) {
            Ok(()) => self.put_columns(method, made),
            Err(e) => self.failed(e),
        }
    }

    #[inline(never)]
    #[track_caller]
    pub(in crate::frame) fn put_columns(&self, method: &str, made: Vec<(String, Expr)>) -> Self {
        self.step(method, |b, plan| {
            let (names, values): (Vec<_>, Vec<_>) =
                made.into_iter().map(|(n, e)| (n, e.get().clone())).unzip();
            check_names(method, names.iter())?;
            let mut columns: Vec<_> = names_of(plan).iter().map(|n| ident(n)).collect();
            let (input, values) = prepared(method, plan, values)?;
            for (name, value) in names.iter().zip(values) {
                let value = value.alias(name);
                match plan.schema().fields().iter().position(|f| f.name() == name) {
                    Some(i) => columns[i] = value,
                    None => columns.push(value),
                }
            }
            let b = input.map_or(b, LogicalPlanBuilder::from);
            b.project(columns).during(method)
        })
    }

    /// Computes the first `n` rows; reads no more of a file than it needs.
    ///
    /// # Errors
    /// As [`DataFrame::compute`].
    pub fn head(&self, n: usize) -> Result<Table> {
        Ok(Table::new(collect::first_rows(self.plan()?, n)?))
    }

    /// Computes the frame on all workers.
    ///
    /// # Errors
    /// The error of an earlier step, or what went wrong while reading or computing.
    pub fn compute(&self) -> Result<Table> {
        Ok(Table::new(collect::collect(self.plan()?, Rows::Spread)?))
    }

    /// Computes the number of rows.
    ///
    /// # Errors
    /// As [`DataFrame::compute`].
    pub fn len(&self) -> Result<usize> {
        let count = datafusion::functions_aggregate::expr_fn::count(df::lit(1)).alias("n");
        let plan = LogicalPlanBuilder::from(self.plan()?.clone())
            .aggregate(Vec::<df::Expr>::new(), [count])
            .and_then(LogicalPlanBuilder::build);
        let table = Table::new(collect::collect(&plan.during("len")?, Rows::Spread)?);
        Ok(table.column("n")?.sum::<i64>()? as usize)
    }

    /// Computes whether there are no rows.
    ///
    /// # Errors
    /// As [`DataFrame::compute`].
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.head(1)?.is_empty())
    }

    /// Returns the names of the columns, in order.
    ///
    /// # Errors
    /// The error of an earlier step.
    pub fn columns(&self) -> Result<Vec<String>> {
        Ok(names_of(self.plan()?))
    }

    /// Returns the types of the columns, in order.
    ///
    /// # Errors
    /// The error of an earlier step.
    pub fn dtypes(&self) -> Result<Vec<DType>> {
        Ok(refresh::current(self.plan()?)?
            .schema()
            .fields()
            .iter()
            .map(|f| DType::of(f.data_type()))
            .collect())
    }

    /// Returns the number of partitions in which the frame is computed; 0 for a frame with an
    /// error.
    #[must_use]
    #[track_caller]
    pub fn npartitions(&self) -> usize {
        let place = std::panic::Location::caller();
        let told = self.physical().inspect_err(|e| deferred::note(e, place));
        told.map_or(0, |p| p.output_partitioning().partition_count())
    }
}

#[inline(never)]
fn put_series(all: &mut Vec<(String, Series)>, name: &str, series: Series) {
    all.push((name.to_owned(), series));
}
