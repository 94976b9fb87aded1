//! What is known of the columns' types. A value that is not of its column's type widens the column; plans made before are
//! then made again.

use super::source::CsvTable;
use crate::csv::kind::Kind;
use crate::csv::quotes::State;
use crate::error::{Error, ErrorKind, Result};
use crate::frame::lazy::Lazy;
use crate::frame::{DType, DataFrame, Plan, Table, bare, engine};
use arrow::array::{ArrayRef, RecordBatch, StringArray};
use datafusion::catalog::TableProvider;
use datafusion::common::tree_node::{Transformed, TreeNodeRecursion};
use datafusion::datasource::{provider_as_source, source_as_provider};
use datafusion::error::{DataFusionError, Result as DfResult};
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, TableScan, TableScanBuilder, Union};
use datafusion::optimizer::analyzer::type_coercion::coerce_union_schema;
use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// The value that made a column what it is.
#[derive(Debug, Clone)]
pub(super) struct Reason {
    pub(super) value: String,
    pub(super) file: usize,
    /// Place of its row in the file.
    pub(super) place: u64,
}

/// A file, and a place in it.
pub(super) type Place = (usize, u64);

/// The kinds of the columns, each with the value that decided it.
pub(super) type Known = Vec<(Kind, Option<Reason>)>;

/// Places in files that are taken to be outside of quotes as long as no quotes are seen.
#[derive(Debug, Default)]
pub(super) struct Unsure {
    /// Where samples were taken, and what was known without them.
    pub(super) samples: BTreeSet<Place>,
    pub(super) sure: Known,
    /// Where files were cut.
    cuts: BTreeSet<Place>,
    /// Quotes have been seen.
    pub(super) quoted: bool,
}

/// The kinds of a table's columns, and why each is what it is.
#[derive(Debug, Default)]
pub(super) struct Types {
    known: RwLock<Known>,
    unsure: Mutex<Unsure>,
    /// There are such places.
    in_doubt: AtomicBool,
    /// Goes up when plans are to be made again, though no type has changed.
    generation: AtomicU32,
    /// Columns that were read when a value did not fit.
    lost: Mutex<BTreeSet<usize>>,
}

impl Types {
    pub(super) fn new(known: Known, unsure: Unsure) -> Self {
        let in_doubt = AtomicBool::new(!unsure.samples.is_empty());
        Self { known: RwLock::new(known), unsure: Mutex::new(unsure), in_doubt, ..Self::default() }
    }

    fn unsure(&self) -> MutexGuard<'_, Unsure> {
        self.unsure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it may be guessed that files are not cut inside of quotes; then that is looked into when quotes turn up.
    pub(super) fn guess(&self, cuts: impl Iterator<Item = Place>) -> bool {
        let mut unsure = self.unsure();
        if !unsure.quoted {
            unsure.cuts.extend(cuts);
            self.in_doubt.store(true, Ordering::Release);
        }
        !unsure.quoted
    }

    /// Notes that there are quotes.
    pub(super) fn see_quotes(&self) {
        if self.in_doubt.load(Ordering::Acquire) {
            self.unsure().quoted = true;
        }
    }

    /// Called when quotes turn up or anything fails: looks into what was guessed, with `states_at`. Where samples were taken from
    /// the inside of quotes, what they told is forgotten; where anything was wrong, plans are to be made again.
    pub(super) fn look_into(&self, states_at: impl Fn(&BTreeSet<Place>) -> Result<HashMap<Place, State>>) -> Result<()> {
        if !self.in_doubt.load(Ordering::Acquire) {
            return Ok(());
        }
        let mut unsure = self.unsure();
        if unsure.cuts.is_empty() && !unsure.quoted {
            // Without quotes, samples were rows.
            return Ok(());
        }
        let states = states_at(&unsure.samples.union(&unsure.cuts).copied().collect())?;
        let wrong_sample = unsure.samples.iter().any(|p| states.get(p) == Some(&State::Inside));
        let wrong_cut = unsure.cuts.iter().any(|p| states.get(p) != Some(&State::Outside));
        unsure.quoted |= wrong_sample || wrong_cut;
        unsure.cuts.clear();
        if unsure.quoted {
            unsure.samples.clear();
        }
        if wrong_sample {
            *self.known.write().unwrap_or_else(PoisonError::into_inner) = std::mem::take(&mut unsure.sure);
        }
        if wrong_sample || wrong_cut {
            self.generation.fetch_add(1, Ordering::AcqRel);
        }
        self.in_doubt.store(!unsure.samples.is_empty(), Ordering::Release);
        Ok(())
    }

    pub(super) fn generation(&self) -> u32 {
        self.generation.load(Ordering::Acquire)
    }

    /// Whether nothing has changed since plans were made with these.
    pub(super) fn are_still(&self, generation: u32, kinds: &[Kind]) -> bool {
        self.generation() == generation && self.kinds() == kinds
    }

    pub(super) fn kinds(&self) -> Vec<Kind> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).iter().map(|k| k.0).collect()
    }

    /// Joins a kind to a column's.
    pub(super) fn widen(&self, column: usize, kind: Kind, why: impl FnOnce() -> Reason) {
        let mut all = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let joined = all[column].0.and(kind);
        if joined != all[column].0 {
            all[column] = (joined, Some(why()));
        }
    }

    fn reason(&self, column: usize) -> Option<Reason> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)[column].1.clone()
    }

    /// Notes the columns of a reading in which a value did not fit.
    pub(super) fn lose(&self, columns: impl Iterator<Item = usize>) {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner).extend(columns);
    }

    fn take_lost(&self) -> BTreeSet<usize> {
        std::mem::take(&mut *self.lost.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl CsvTable {
    /// The value that made a column what it is, and where it stands.
    fn why(&self, column: usize) -> Option<String> {
        let Reason { value, file, place } = self.table.types.reason(column)?;
        let path = &self.table.files[file].path;
        // A file that cannot be read any more has no lines to count.
        let line = self.table.line(path, place).map(|line| format!(", line {line}")).unwrap_or_default();
        Some(format!("{value:?} in {path:?}{line}"))
    }
}

impl DataFrame {
    /// The types of the columns of the CSV files behind the frame, and the value that decided each: the first one that no
    /// narrower type holds, as far as the files have been read.
    ///
    /// # Errors
    /// The error of an earlier step.
    ///
    /// ```
    /// use rask::prelude::*;
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let path = dir.path().join("t.csv");
    /// # let path = path.to_str().unwrap();
    /// std::fs::write(path, "id,code\n1,17\n2,A4\n").unwrap();
    /// let told = read_csv(path).csv_types()?;
    /// let because = told.column("because")?.to_vec::<String>()?;
    /// assert!(because[1].starts_with("\"A4\"") && because[1].ends_with("line 3"));
    /// # Ok::<(), rask::Error>(())
    /// ```
    pub fn csv_types(&self) -> Result<Table> {
        let mut tables = Vec::new();
        each_table(&current(self.plan()?)?, &mut |t| tables.push(t));
        let (mut names, mut dtypes, mut because) = (Vec::new(), Vec::new(), Vec::new());
        for table in &tables {
            let schema = TableProvider::schema(table);
            for (i, column) in table.table.columns.iter().enumerate() {
                names.push(column.name.clone());
                dtypes.push(DType::of(schema.field(i).data_type()).to_string());
                let told = if column.given.is_some() { "the type was given".to_owned() } else { "no value was seen".to_owned() };
                because.push(table.why(i).unwrap_or(told));
            }
        }
        let of = |texts: Vec<String>| Arc::new(StringArray::from(texts)) as ArrayRef;
        let columns = [("column", of(names)), ("dtype", of(dtypes)), ("because", of(because))];
        let batch = RecordBatch::try_from_iter(columns);
        Ok(Table::new(batch.map_err(|e| ErrorKind::Engine { operation: "csv_types".to_owned(), message: e.to_string() })?))
    }
}

fn table_of(scan: &TableScan) -> Option<CsvTable> {
    let provider = source_as_provider(&scan.source).ok()?;
    provider.downcast_ref::<CsvTable>().cloned()
}

/// What is done with the table of a scan whose partitions are made of another plan.
fn inside<T>(scan: &TableScan, f: impl FnOnce(&Lazy, &Plan) -> T) -> Option<T> {
    let provider = source_as_provider(&scan.source).ok()?;
    let lazy = provider.downcast_ref::<Lazy>()?;
    lazy.plan().map(|plan| f(lazy, plan))
}

/// The table of a scan, where its types have changed.
fn renewed(scan: &TableScan) -> DfResult<Option<Arc<dyn TableProvider>>> {
    if let Some(table) = table_of(scan).filter(|t| !t.is_current() && !t.settle) {
        return Ok(Some(Arc::new(CsvTable::new(table.table))));
    }
    let made =
        inside(scan, |lazy, plan| if is_current(plan) { None } else { Some(current(plan).and_then(|p| lazy.again(&p).transpose())) });
    match made.flatten().transpose().map(Option::flatten) {
        Ok(lazy) => Ok(lazy.map(|l| Arc::new(l) as Arc<dyn TableProvider>)),
        Err(e) => Err(DataFusionError::External(Box::new(e))),
    }
}

/// The plan with the types that are known by now.
pub(in crate::frame) fn current(plan: &Plan) -> Result<Plan> {
    let renew = |node: LogicalPlan| match node {
        LogicalPlan::TableScan(scan) => match renewed(&scan)? {
            Some(table) => {
                let scan = TableScanBuilder::new(scan.table_name, provider_as_source(table))
                    .with_projection(scan.projection)
                    .with_filters(scan.filters)
                    .with_fetch(scan.fetch);
                Ok(Transformed::yes(LogicalPlan::TableScan(scan.build()?)))
            }
            None => Ok(Transformed::no(LogicalPlan::TableScan(scan))),
        },
        other => Ok(Transformed::no(other)),
    };
    let renewed = plan.clone().transform_up_with_subqueries(renew).map_err(|e| Error::engine("read_csv", &e))?;
    if !renewed.transformed {
        return Ok(renewed.data);
    }
    let fitted = |node| match node {
        // The engine takes the types of the first part.
        LogicalPlan::Union(union) => {
            let schema = Arc::new(coerce_union_schema(&union.inputs)?);
            Ok(Transformed::yes(LogicalPlan::Union(Union { inputs: union.inputs, schema })))
        }
        node => Ok(Transformed::yes(node.recompute_schema()?)),
    };
    let again = renewed.data.transform_up_with_subqueries(fitted);
    Ok(again.map_err(|e| explained(plan, &e))?.data)
}

/// An error of a step that columns no longer fit, with why they changed.
fn explained(plan: &Plan, e: &datafusion::error::DataFusionError) -> Error {
    let mut reasons = Vec::new();
    for table in outdated(plan) {
        let why = |i: usize| table.why(i).map(|why| format!("{:?}: {why}", table.table.columns[i].name));
        reasons.extend((0..table.table.columns.len()).filter_map(why));
    }
    let message = format!("{}\n  types have changed since the frame was made: {}", e.strip_backtrace(), reasons.join("; "));
    ErrorKind::Engine { operation: "compute".to_owned(), message }.into()
}

fn each_table(plan: &Plan, found: &mut dyn FnMut(CsvTable)) {
    // The walk itself cannot fail.
    let _ = plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            table_of(scan).into_iter().for_each(&mut *found);
            inside(scan, |_, plan| each_table(plan, found));
        }
        Ok(TreeNodeRecursion::Continue)
    });
}

/// The tables of a plan whose types were widened since it was made.
fn outdated(plan: &Plan) -> Vec<CsvTable> {
    let mut all = Vec::new();
    each_table(plan, &mut |t| all.push(t));
    all.retain(|t| !t.is_current());
    all
}

/// Whether no types have changed since the plan was made.
pub(in crate::frame) fn is_current(plan: &Plan) -> bool {
    outdated(plan).is_empty()
}

/// The plan made again, where it failed because values did not fit. The columns that lost are read to their end first, so
/// that what else does not fit is known at once.
pub(in crate::frame) fn mended(plan: &Plan) -> Result<Option<Plan>> {
    // What failed may have been given rows that are none. A file that cannot be looked into is not what failed.
    each_table(plan, &mut |t| drop(t.table.look_into()));
    let tables = outdated(plan);
    if tables.is_empty() {
        return Ok(None);
    }
    for table in tables {
        settle(&table)?;
    }
    current(plan).map(Some)
}

/// Reads the columns that were asked for when values did not fit, and only looks at their types.
fn settle(table: &CsvTable) -> Result<()> {
    let columns = table.table.types.take_lost();
    if columns.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = columns.iter().map(|i| bare(&table.table.columns[*i].name)).collect();
    let settling = provider_as_source(Arc::new(table.settling()));
    let plan = LogicalPlanBuilder::scan("frame", settling, None).and_then(|b| b.project(names)).and_then(LogicalPlanBuilder::build);
    engine::run(&plan.map_err(|e| Error::engine("read_csv", &e))?, false).map(drop)
}
