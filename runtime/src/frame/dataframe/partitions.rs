//! Partitions of frames: repartitioning, single partitions, and closures over each.

use crate::config;
use crate::error::{During, Error, ErrorKind, Result};
use crate::frame::dataframe::DataFrame;
use crate::frame::dataframe::index::required;
use crate::frame::engine::refresh::{current, is_current};
use crate::frame::engine::{self, Joins, Rows, collect};
use crate::frame::expr::{Expr, IntoExpr, col};
use crate::frame::plan::Plan;
use crate::frame::plan::scan::{held, scan};
use crate::frame::source::disk::SpillFile;
use crate::frame::source::generated::{Generated, Partition};
use crate::frame::threads;
use crate::frame::types::batch::{self, nullable, pieces, with_columns};
use crate::frame::types::table::Table;
use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use datafusion::physical_plan::execution_plan::reset_plan_states;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};
use rask_wire::helpers::Whole;
use std::ops::Range;
use std::sync::{Arc, Mutex};

/// The partitions of a plan, each computed when it is first needed; their number is fixed on
/// creation.
pub(crate) struct Partitions {
    plan: Plan,
    /// The number of partitions that DataFusion plans for.
    target: usize,
    count: usize,
    made: Made,
}

/// How partitions are computed.
enum Made {
    /// Each on its own.
    Independent(Arc<dyn ExecutionPlan>),
    /// From one another: all are computed at once, and kept.
    Dependent(RetryOnce<Arc<Vec<RecordBatch>>>),
}

/// A value that is computed once, when it is first needed. After a failure or an interrupt, the
/// next call tries again.
pub(crate) struct RetryOnce<T>(Mutex<Option<T>>);

impl<T: Clone> RetryOnce<T> {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(None))
    }

    pub(crate) fn get(&self, make: impl FnOnce() -> Result<T>) -> Result<T> {
        let mut made = self.0.lock().whole();
        if let Some(made) = &*made {
            return Ok(made.clone());
        }
        Ok(made.insert(make()?).clone())
    }
}

/// Returns whether each partition depends on a single partition of a source, and on nothing else.
fn are_alone(plan: &Arc<dyn ExecutionPlan>) -> bool {
    let partitions = |p: &Arc<dyn ExecutionPlan>| p.output_partitioning().partition_count();
    match plan.children()[..] {
        [] => true,
        [input] => {
            plan.name() != "RepartitionExec"
                && partitions(input) == partitions(plan)
                && are_alone(input)
        }
        ref all => plan.name() == "UnionExec" && all.iter().all(|p| are_alone(p)),
    }
}

impl Partitions {
    pub(in crate::frame) fn of(plan: &Plan) -> Result<Self> {
        Self::planned_for(plan, config::threads())
    }

    fn planned_for(plan: &Plan, target: usize) -> Result<Self> {
        let physical = engine::planned(plan, target, Joins::Hash)?;
        let count = physical.output_partitioning().partition_count();
        let made = if are_alone(&physical) {
            Made::Independent(physical)
        } else {
            Made::Dependent(RetryOnce::new())
        };
        Ok(Self { plan: plan.clone(), target, count, made })
    }

    /// Returns the rows of one partition.
    fn get(&self, number: usize) -> Result<RecordBatch> {
        match &self.made {
            Made::Dependent(all) => Ok(all.get(|| self.all().map(Arc::new))?[number].clone()),
            Made::Independent(physical) => {
                // What a source learned about its files is kept; the state of operators is not.
                let physical = reset_plan_states(physical.clone()).during("partitions")?;
                let batches =
                    engine::nth(&physical, number, |rows| engine::keep("partitions")(0, rows))?;
                batch::concat(&physical.schema(), &batches)
            }
        }
    }

    /// Computes the rows of all partitions together.
    fn all(&self) -> Result<Vec<RecordBatch>> {
        let compute = |joins| {
            let physical = engine::planned(&self.plan, self.target, joins)?;
            engine::consume(&physical, Rows::Spread, engine::keep("partitions"))
        };
        let (schema, parts) = match compute(Joins::Hash) {
            Err(e) => compute(engine::again(&e, &self.plan, Joins::Hash).ok_or(e)?)?,
            done => done?,
        };
        let mut parts =
            parts.iter().map(|p| batch::concat(&schema, p)).collect::<Result<Vec<_>>>()?;
        if parts.len() != self.count {
            // A different plan may have a different number of partitions.
            let all = batch::concat(&schema, &parts)?;
            let place = |i: usize| all.num_rows() * i / self.count;
            parts = (0..self.count).map(|i| all.slice(place(i), place(i + 1) - place(i))).collect();
        }
        Ok(parts)
    }

    /// Returns the rows of all partitions in one batch.
    pub(in crate::frame) fn whole(&self) -> Result<RecordBatch> {
        let parts = self.all()?;
        let schema = parts.first().map_or_else(|| Arc::new(Schema::empty()), RecordBatch::schema);
        batch::concat(&schema, &parts)
    }

    /// Returns the rows of one partition with those before and after it, and how many of these
    /// there are.
    fn around(
        &self,
        number: usize,
        before: usize,
        after: usize,
    ) -> Result<(RecordBatch, usize, usize)> {
        let own = self.get(number)?;
        let last = |part: &RecordBatch, n: usize| part.slice(part.num_rows() - n, n);
        let (mut all, head) = self.some(before, (0..number).rev(), last)?;
        all.reverse();
        let schema = own.schema();
        all.push(own);
        let (tail, behind) =
            self.some(after, number + 1..self.count, |part, n| part.slice(0, n))?;
        all.extend(tail);
        Ok((batch::concat(&schema, &all)?, head, behind))
    }

    /// Collects up to `wanted` rows from consecutive partitions, and returns how many there are.
    fn some(
        &self,
        wanted: usize,
        partitions: impl Iterator<Item = usize>,
        of: fn(&RecordBatch, usize) -> RecordBatch,
    ) -> Result<(Vec<RecordBatch>, usize)> {
        let (mut found, mut rows) = (Vec::new(), 0);
        for i in partitions {
            if rows == wanted {
                break;
            }
            let part = self.get(i)?;
            let n = (wanted - rows).min(part.num_rows());
            found.push(of(&part, n));
            rows += n;
        }
        Ok((found, rows))
    }
}

/// A change of partitions.
#[derive(Clone)]
enum Change {
    /// Of each partition.
    Each(OfOne),
    /// Of all partitions, as one.
    All(OfAll),
}

type OfOne = Arc<dyn Fn(&Partitions, usize) -> Result<RecordBatch> + Send + Sync>;
type OfAll = Arc<dyn Fn(&Partitions) -> Result<RecordBatch> + Send + Sync>;
/// Computes the table of a partition.
pub(crate) type TableOf = Arc<dyn Fn(usize) -> Result<Table> + Send + Sync>;

impl Change {
    fn of(&self, partitions: &Arc<Partitions>, number: usize) -> Result<RecordBatch> {
        match self {
            Self::Each(change) => change(partitions, number),
            Self::All(change) => change(partitions),
        }
    }
}

/// Creates a table of changed partitions. The first is computed immediately, as it determines the
/// columns, and kept until it is read.
fn changed(method: &'static str, plan: &Plan, change: &Change) -> Result<Generated> {
    collect::retry_widened(plan, |plan, _| {
        let partitions = Arc::new(Partitions::of(plan)?);
        let count = if let Change::All(_) = change { 1 } else { partitions.count };
        let (told, of) = (change.clone(), partitions.clone());
        let first = match count {
            0 => RecordBatch::new_empty(Arc::new(Schema::empty())),
            _ => threads::wait(threads::beside(move || told.of(&of, 0)))?,
        };
        let schema = nullable(&first.schema());
        let (of, change, again, first) =
            (schema.clone(), change.clone(), change.clone(), Mutex::new(Some(first)));
        let make = move |i: u32| {
            let known = (i == 0).then(|| first.lock().whole());
            // A single partition is not computed twice.
            let known =
                known.and_then(|mut first| if count == 1 { first.clone() } else { first.take() });
            let made = known.map_or_else(|| change.of(&partitions, i as usize), Ok)?;
            let fitting = with_columns(method, &made, &of)?;
            Ok(pieces(&fitting))
        };
        Ok(Generated::new(schema, count as u32, Arc::new(make))
            .over(plan.clone(), move |plan| changed(method, plan, &again)))
    })
}

/// Splits the rows of a plan into partitions that end before these rows, and a last one.
fn cut(plan: &Plan, places: impl FnOnce(usize, u64) -> Result<Vec<usize>>) -> Result<Plan> {
    let index = crate::frame::dataframe::index::of(plan);
    let ranges = |ends: Vec<usize>, rows: usize| -> Vec<Range<usize>> {
        let starts = std::iter::once(0).chain(ends.iter().copied());
        starts.zip(ends.iter().copied().chain([rows])).map(|(start, end)| start..end).collect()
    };
    let batch = match collect::collect(plan, Rows::Spread) {
        Err(e) if matches!(e.kind(), ErrorKind::ResultTooLarge { .. }) => {
            let spool = collect::retry_widened(plan, |plan, joins| {
                engine::in_order(plan, joins, SpillFile::of)
            })?;
            let ranges = ranges(places(spool.rows(), spool.bytes)?, spool.rows());
            let (schema, count) = (spool.schema(), ranges.len() as u32);
            let make = move |i: u32| spool.read(ranges[i as usize].start, ranges[i as usize].end);
            return scan(
                Arc::new(Generated::new(schema, count, Arc::new(make)).ordered_by(index)),
                "repartition",
            );
        }
        other => other?,
    };
    let part = |range: Range<usize>| pieces(&batch.slice(range.start, range.end - range.start));
    let parts = ranges(places(batch.num_rows(), batch::size(&batch))?, batch.num_rows())
        .into_iter()
        .map(part)
        .collect();
    held("repartition", batch.schema(), parts, index)
}

/// A closure over a table.
type OverTable = Arc<dyn Fn(Table) -> Result<Table> + Send + Sync>;

impl DataFrame {
    /// Computes the frame immediately and keeps it in `npartitions` partitions with about the same
    /// number of rows, in the same order: in memory, or on disk if it exceeds the memory limit.
    #[track_caller]
    pub fn repartition(&self, npartitions: usize) -> Self {
        let parts = npartitions.max(1);
        self.cut_at(|rows, _| Ok((1..parts).map(|p| rows * p / parts).collect()))
    }

    /// Repartitions like [`repartition`](DataFrame::repartition), into partitions of about this
    /// many bytes in memory, such as `"100MB"`.
    #[track_caller]
    pub fn repartition_size(&self, size: &str) -> Self {
        self.cut_at(|rows, held| {
            let bytes = config::bytes("repartition_size", size)?;
            let parts = held.div_ceil(bytes.max(1)).clamp(1, rows.max(1) as u64) as usize;
            Ok((1..parts).map(|p| rows * p / parts).collect())
        })
    }

    /// Computes the frame immediately and keeps it in partitions between these values of its index:
    /// each from its division up to, not including, the next one; the last division is included.
    /// All rows must lie between the first and the last division.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let df = DataFrame::from_columns([("k", Series::from_iter([5i64, 1, 3, 2, 4]))]).set_index("k");
    /// let parts: Vec<usize> = df.repartition_divisions([1, 2, 5]).partitions().iter().map(|p| p.len()).collect::<Result<_, _>>()?;
    /// assert_eq!(parts, [1, 4]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    #[track_caller]
    pub fn repartition_divisions<V: IntoExpr>(
        &self,
        divisions: impl IntoIterator<Item = V>,
    ) -> Self {
        self.divided(&divisions.into_iter().map(V::into_expr).collect::<Vec<_>>())
    }

    #[inline(never)]
    #[track_caller]
    fn divided(&self, divisions: &[Expr]) -> Self {
        let Ok(plan) = self.quiet() else { return self.clone() };
        match self.places_of(plan, divisions) {
            Ok(places) => self.cut_at(|_, _| Ok(places)),
            Err(e) => Self::from_result(Err(e)),
        }
    }

    /// Counts the rows before each of the inner divisions.
    fn places_of(&self, plan: &Plan, divisions: &[Expr]) -> Result<Vec<usize>> {
        const METHOD: &str = "repartition_divisions";
        let bad = |message: &str| Error::bad_argument(METHOD, message.to_owned());
        let index = required(METHOD, plan)?;
        let [first, inner @ .., last] = divisions else {
            return Err(bad(
                "expected at least two divisions: where the rows start and where they end",
            ));
        };
        let x = || col(&index);
        if !self.filter(x().lt(first).or(x().gt(last))).is_empty()? {
            return Err(bad(
                "some rows are before the first or after the last division; help: divisions() returns the current ones",
            ));
        }
        let places =
            inner.iter().map(|v| self.filter(x().lt(v)).len()).collect::<Result<Vec<_>>>()?;
        if places.is_sorted() {
            Ok(places)
        } else {
            Err(bad("expected divisions in ascending order"))
        }
    }

    /// Computes the frame and splits it before these rows; `places` gets the numbers of rows and
    /// bytes.
    #[track_caller]
    fn cut_at(&self, places: impl FnOnce(usize, u64) -> Result<Vec<usize>>) -> Self {
        let Ok(plan) = self.quiet() else { return self.clone() };
        Self::from_result(cut(plan, places))
    }

    /// Computes one partition, counted from 0, and keeps it as a frame.
    #[track_caller]
    pub fn get_partition(&self, number: usize) -> Self {
        let Ok(plan) = self.quiet() else { return self.clone() };
        let there = self.npartitions();
        if number >= there {
            let message = format!(
                "partition {number} is out of range: the frame has {there} partitions, counted from 0"
            );
            return Self::from_result(Err(Error::bad_argument("get_partition", message)));
        }
        Self::from_result(collect::retry_widened(plan, |plan, _| {
            let batch = Partitions::of(plan)?.get(number)?;
            held(
                "partitions",
                batch.schema(),
                vec![vec![batch]],
                crate::frame::dataframe::index::of(plan),
            )
        }))
    }

    /// Computes all partitions and returns each as a frame.
    #[track_caller]
    pub fn partitions(&self) -> Vec<Self> {
        let Ok(plan) = self.quiet() else { return vec![self.clone()] };
        let index = crate::frame::dataframe::index::of(plan);
        let all = collect::retry_widened(plan, |plan, joins| {
            engine::each_partition(plan, joins, |_| Ok(engine::keep("partitions")))
        });
        match all {
            Ok((schema, parts)) => parts
                .into_iter()
                .map(|p| {
                    Self::from_result(held("partitions", schema.clone(), vec![p], index.clone()))
                })
                .collect(),
            Err(e) => vec![Self::from_result(Err(e))],
        }
    }

    /// Calls a closure with each partition when the frame is computed, in parallel; the returned
    /// tables, which must have the same columns, are the partitions of the new frame. The first
    /// partition is computed immediately, as it determines the columns.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let df = DataFrame::from_columns([("x", Series::from_iter(0..100i64))]);
    /// let firsts = df.repartition(4).map_partitions(|part| Ok(part.head(1)));
    /// assert_eq!(firsts.compute()?.column("x")?.to_vec::<i64>()?, [0, 25, 50, 75]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    #[track_caller]
    pub fn map_partitions(
        &self,
        closure: impl Fn(Table) -> Result<Table> + Send + Sync + 'static,
    ) -> Self {
        self.mapped("map_partitions", Arc::new(closure))
    }

    #[inline(never)]
    #[track_caller]
    fn mapped(&self, method: &'static str, closure: OverTable) -> Self {
        self.over_partitions(
            method,
            Change::Each(Arc::new(move |all, i| {
                Ok(closure(Table::new(all.get(i)?))?.batch().clone())
            })),
        )
    }

    /// Calls a closure with each partition, like [`map_partitions`](DataFrame::map_partitions),
    /// extended by a number of rows before and after it. The closure must return one row for each
    /// row it gets; the results for the neighbouring rows are dropped.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let df = DataFrame::from_columns([("x", Series::from_iter(0..10i64))]).repartition(3);
    /// let sums = df.map_overlap(1, 0, |part| {
    ///     let x = part.column("x")?.to_vec::<i64>()?;
    ///     let sums = (0..x.len()).map(|i| if i == 0 { x[0] } else { x[i - 1] + x[i] });
    ///     DataFrame::from_columns([("sum", Series::from_iter(sums))]).compute()
    /// });
    /// assert_eq!(sums.compute()?.column("sum")?.to_vec::<i64>()?, [0, 1, 3, 5, 7, 9, 11, 13, 15, 17]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    #[track_caller]
    pub fn map_overlap(
        &self,
        before: usize,
        after: usize,
        closure: impl Fn(Table) -> Result<Table> + Send + Sync + 'static,
    ) -> Self {
        self.overlapped(before, after, Arc::new(closure))
    }

    #[inline(never)]
    #[track_caller]
    fn overlapped(&self, before: usize, after: usize, closure: OverTable) -> Self {
        const METHOD: &str = "map_overlap";
        let change = move |all: &Partitions, i: usize| {
            let (rows, head, tail) = all.around(i, before, after)?;
            let given = rows.num_rows();
            let made = closure(Table::new(rows))?;
            if made.len() != given {
                let message = format!(
                    "the closure was given {given} rows and returned {}; expected one for each",
                    made.len()
                );
                return Err(Error::bad_argument(METHOD, message));
            }
            Ok(made.batch().slice(head, given - head - tail))
        };
        self.over_partitions(METHOD, Change::Each(Arc::new(change)))
    }

    #[track_caller]
    fn over_partitions(&self, method: &'static str, change: Change) -> Self {
        let Ok(plan) = self.quiet() else { return self.clone() };
        Self::from_result(
            changed(method, plan, &change).and_then(|table| scan(Arc::new(table), method)),
        )
    }

    /// Changes all partitions, as one.
    #[track_caller]
    pub(in crate::frame) fn over_all(&self, method: &'static str, change: OfAll) -> Self {
        self.over_partitions(method, Change::All(change))
    }

    /// Returns the number of partitions and a function that computes each, for other collections.
    /// If a column of a file gets a wider type later, partitions computed before keep theirs.
    pub(crate) fn to_partitions(&self) -> Result<(usize, TableOf)> {
        let plan = current(self.quiet()?)?;
        let first = Arc::new(Partitions::of(&plan)?);
        let (count, target) = (first.count, first.target);
        let known = Mutex::new(first);
        let get = move |i: usize| {
            collect::retry_widened(&plan, |plan, _| {
                let partitions = {
                    let mut known = known.lock().whole();
                    // Types became wider, or assumed row boundaries were wrong.
                    if known.plan != *plan || !is_current(&known.plan) {
                        *known = Arc::new(Partitions {
                            count,
                            ..Partitions::planned_for(plan, target)?
                        });
                    }
                    known.clone()
                };
                partitions.get(i).map(Table::new)
            })
        };
        Ok((count, Arc::new(get)))
    }
}

impl DataFrame {
    /// Creates a frame of the partitions that `make` computes; `schema` may be an earlier error.
    #[track_caller]
    pub(crate) fn from_partitions(
        schema: Result<SchemaRef>,
        partitions: u32,
        make: Partition,
    ) -> Self {
        Self::from_result(schema.and_then(|schema| {
            scan(Arc::new(Generated::new(schema, partitions, make)), "to_dataframe")
        }))
    }
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn frame(rows: i64) -> DataFrame {
        DataFrame::from_columns([
            ("x", Series::from_iter(0..rows)),
            ("k", Series::from_iter((0..rows).map(|i| i % 3))),
        ])
    }

    fn xs(df: &DataFrame) -> Vec<i64> {
        df.compute().unwrap().column("x").unwrap().to_vec().unwrap()
    }

    #[test]
    fn closures_run_when_the_frame_is_computed() {
        let calls = Arc::new(AtomicUsize::new(0));
        let count = calls.clone();
        let df = frame(100).repartition(4).map_partitions(move |part| {
            count.fetch_add(1, Ordering::SeqCst);
            Ok(part.tail(1))
        });
        assert_eq!(calls.load(Ordering::SeqCst), 1, "the first partition determines the columns");
        assert_eq!(xs(&df), [24, 49, 74, 99]);
        assert_eq!(calls.load(Ordering::SeqCst), 4, "and is not computed twice");
        assert_eq!(xs(&df), [24, 49, 74, 99]);
        // Partitions that depend on one another.
        let sorted =
            frame(20).groupby("k").agg([("x", "sum")]).map_partitions(|part| Ok(part.head(2)));
        assert_eq!(xs(&sorted), [63, 70]);
    }

    #[test]
    fn partitions_of_files_whose_types_get_wider() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        let rows: String = (0..3000)
            .map(|i| if i == 2100 { "1.5,a\n".to_owned() } else { format!("{i},b\n") })
            .collect();
        std::fs::write(&path, format!("x,y\n{rows}")).unwrap();
        let read = Csv::new().blocksize(600).infer_rows(10).read(path.to_str().unwrap());
        let df = read.map_partitions(Ok);
        let x = df.compute().unwrap().column("x").unwrap().to_vec::<f64>().unwrap();
        assert_eq!((x.len(), x[2100], x[2999]), (3000, 1.5, 2999.0));
    }

    #[test]
    fn what_a_closure_does_wrong_is_told() {
        let df = frame(10).repartition(2).map_partitions(|part| {
            let first = part.column("x")?.to_vec::<i64>()?[0];
            if first == 0 {
                Ok(part)
            } else {
                DataFrame::from_columns([("y", Series::from_iter([1i64]))]).compute()
            }
        });
        let e = df.compute().unwrap_err().to_string();
        assert!(
            e.contains("map_partitions")
                && e.contains("y: int64")
                && e.contains("x: int64, k: int64"),
            "{e}"
        );
        let e =
            frame(10).map_overlap(1, 1, |part| Ok(part.head(1))).compute().unwrap_err().to_string();
        assert!(e.contains("10 rows and returned 1"), "{e}");
        let e = frame(3).repartition_size("big").compute().unwrap_err().to_string();
        assert!(e.contains("repartition_size") && e.contains("big"), "{e}");
        let e = frame(3).repartition_divisions([1]).compute().unwrap_err().to_string();
        assert!(e.contains("set_index"), "{e}");
    }

    #[test]
    fn neighbours_are_seen_across_several_partitions() {
        for parts in [1, 2, 5, 12] {
            let df = frame(12).repartition(parts).map_overlap(2, 1, |part| {
                let x = part.column("x")?.to_vec::<i64>()?;
                let around =
                    |i: usize| x[i.saturating_sub(2)..(i + 2).min(x.len())].iter().sum::<i64>();
                DataFrame::from_columns([("x", Series::from_iter((0..x.len()).map(around)))])
                    .compute()
            });
            assert_eq!(
                xs(&df),
                [1, 3, 6, 10, 14, 18, 22, 26, 30, 34, 38, 30],
                "{parts} partitions"
            );
        }
    }

    #[test]
    fn sizes_and_divisions_say_where_to_cut() {
        let df = frame(1000);
        assert_eq!(df.repartition_size("4000 B").npartitions(), 4);
        let parts = df.set_index("x").repartition_divisions([0, 10, 500, 999]);
        let ends = parts.partitions().iter().map(|p| p.len().unwrap()).collect::<Vec<_>>();
        assert_eq!(ends, [10, 490, 500]);
        assert_eq!(xs(&parts), (0..1000).collect::<Vec<_>>());
        let again = df.set_index("x").repartition_divisions(parts.divisions().unwrap());
        assert_eq!(again.divisions().unwrap(), parts.divisions().unwrap());
        let e = df.set_index("x").repartition_divisions([0, 10]).compute().unwrap_err().to_string();
        assert!(e.contains("after the last division"), "{e}");
    }
}
