//! CSV files as a DataFusion source: each partition reads a contiguous run of rows, and the
//! partitions concatenated are the files in order.
//!
//! It implements `DataSource` instead of `FileSource`: DataFusion assigns byte ranges to a
//! `FileSource` in any order, but the parts of a CSV file depend on each other (whether a split is
//! inside quotes follows from the parts before it, and a value that does not fit makes all of them
//! be read again). Filters, limits, progress and cancellation still apply.

use crate::csv::kind::Kind;
use crate::csv::quotes::State;
use crate::csv::read::Blocks;
use crate::error::{Error, ErrorKind, Result};
use crate::frame::source::csv::parse::{Job, engine as engine_error};
use crate::frame::source::csv::pieces::{PARTITIONS_PER_THREAD, Piece, pieces};
use crate::frame::source::csv::quotes::{self, States};
use crate::frame::source::csv::table::{Table, io_error};
use crate::frame::source::csv::types::Reason;
use crate::frame::source::provider::{FrameSource, Inferred};
use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::catalog::Session;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DFSchema, Statistics};
use datafusion::datasource::source::{DataSource, DataSourceExec};
use datafusion::error::{DataFusionError, Result as DfResult};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, LogicalPlan, TableProviderFilterPushDown};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricBuilder};
use datafusion::physical_plan::projection::ProjectionExprs;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayFormatType, ExecutionPlan, Partitioning};
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// A table of CSV files, with the types that were known when the plan was built.
#[derive(Debug, Clone)]
pub(in crate::frame) struct CsvTable {
    table: Arc<Table>,
    kinds: Vec<Kind>,
    generation: u32,
    schema: SchemaRef,
    /// Whether values are only inspected to widen the types.
    settle: bool,
}

impl CsvTable {
    pub(in crate::frame) fn new(table: Arc<Table>) -> Self {
        let (generation, kinds) = (table.types.generation(), table.types.kinds());
        let field = |(i, kind): (usize, &Kind)| {
            let c = &table.columns[i];
            Field::new(
                &c.name,
                c.given.as_ref().map_or_else(|| kind.arrow(), |g| g.1.clone()),
                true,
            )
        };
        let schema = Arc::new(Schema::new(kinds.iter().enumerate().map(field).collect::<Vec<_>>()));
        Self { table, kinds, generation, schema, settle: false }
    }
}

#[async_trait::async_trait]
impl FrameSource for CsvTable {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn is_current(&self) -> bool {
        self.settle || self.table.types.are_still(self.generation, &self.kinds)
    }

    fn renewed(&self, _: Option<&LogicalPlan>) -> Result<Option<Arc<dyn FrameSource>>> {
        Ok((!self.is_current())
            .then(|| Arc::new(Self::new(self.table.clone())) as Arc<dyn FrameSource>))
    }

    fn verify(&self) {
        // An error here is not the one to report.
        drop(self.table.look_into());
    }

    fn unfinished(&self) -> Option<(Vec<String>, Arc<dyn FrameSource>)> {
        let columns = self.table.types.take_lost();
        let names: Vec<_> = columns.iter().map(|i| self.table.columns[*i].name.clone()).collect();
        let types_only = Self { settle: true, ..Self::new(self.table.clone()) };
        (!names.is_empty()).then(|| (names, Arc::new(types_only) as Arc<dyn FrameSource>))
    }

    fn inferred(&self) -> Vec<Inferred> {
        let columns = self.table.columns.iter().enumerate();
        columns
            .map(|(i, c)| Inferred {
                column: c.name.clone(),
                reason: self.reason(i),
                given: c.given.is_some(),
            })
            .collect()
    }

    fn filter_support(&self, filter: &Expr) -> TableProviderFilterPushDown {
        // `nrows` counts filtered rows too.
        let sound = self.table.nrows.is_none() && !filter.is_volatile() && !filter.contains_outer();
        if sound {
            TableProviderFilterPushDown::Exact
        } else {
            TableProviderFilterPushDown::Unsupported
        }
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _: Option<usize>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        let projection = projection.cloned().unwrap_or_else(|| (0..self.kinds.len()).collect());
        let schema = Arc::new(self.schema.project(&projection)?);
        let filter = match conjunction(filters.to_vec()) {
            Some(all) => {
                let places = all
                    .column_refs()
                    .iter()
                    .map(|c| self.schema.index_of(c.name()))
                    .collect::<std::result::Result<Vec<_>, _>>();
                let mut columns = places?;
                columns.sort_unstable();
                let part = self.schema.project(&columns)?;
                Some((
                    state.create_physical_expr(all, &DFSchema::try_from(part.clone())?)?,
                    columns,
                    Arc::new(part),
                ))
            }
            None => None,
        };
        let metrics = ExecutionPlanMetricsSet::new();
        let job = Job {
            table: self.table.clone(),
            kinds: self.kinds.clone(),
            generation: self.generation,
            projection,
            schema,
            filter,
            settle: self.settle,
            bad: AtomicU64::default(),
            left: self.table.nrows.map(AtomicUsize::new),
            read: MetricBuilder::new(&metrics).global_counter("bytes_scanned"),
        };
        let wanted = if self.table.nrows.is_some() {
            1
        } else {
            state.config_options().execution.target_partitions
        };
        // A plan for one partition must keep the order.
        let wanted = if wanted > 1 && self.table.block.is_some() {
            wanted * PARTITIONS_PER_THREAD
        } else {
            wanted
        };
        let work = pieces(&self.table, wanted);
        let source = CsvSource {
            job: Arc::new(job),
            work: Arc::new(work),
            states: Arc::default(),
            guess: false,
            metrics,
        };
        Ok(DataSourceExec::from_data_source(source))
    }
}

/// The rows of the files as a source of batches.
#[derive(Debug, Clone)]
pub(in crate::frame) struct CsvSource {
    pub(in crate::frame) job: Arc<Job>,
    pub(in crate::frame) work: Arc<Vec<Vec<Piece>>>,
    states: Arc<States>,
    /// Whether splits are assumed to be outside quotes.
    guess: bool,
    metrics: ExecutionPlanMetricsSet,
}

impl DataSource for CsvSource {
    fn open(&self, partition: usize, _: Arc<TaskContext>) -> DfResult<SendableRecordBatchStream> {
        if let (Some(left), Some(rows)) = (&self.job.left, self.job.table.nrows) {
            // The only partition may be read more than once.
            left.store(rows, Ordering::Relaxed);
        }
        let source = self.clone();
        let pieces = stream::iter(self.work[partition].clone());
        let batches = pieces.then(move |piece| source.clone().rows(piece)).try_flatten();
        let batches = batches.map_err(|e: Error| DataFusionError::External(Box::new(e)));
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.job.schema.clone(), batches)))
    }

    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let files = &self.job.table.files;
        write!(
            f,
            "file_type=csv, files={}, first={:?}, partitions={}",
            files.len(),
            files[0].path,
            self.work.len()
        )?;
        match &self.job.filter {
            Some((filter, ..)) => write!(f, ", filter={filter}"),
            None => Ok(()),
        }
    }

    fn output_partitioning(&self) -> Partitioning {
        Partitioning::UnknownPartitioning(self.work.len())
    }

    fn eq_properties(&self) -> EquivalenceProperties {
        EquivalenceProperties::new(self.job.schema.clone())
    }

    fn partition_statistics(&self, _: Option<usize>) -> DfResult<Arc<Statistics>> {
        // The number of rows is unknown; file sizes show which of two tables is smaller.
        let bytes = self.job.table.files.iter().map(|f| f.size as usize).sum::<usize>();
        let each = 8 * self.job.table.columns.len().max(1);
        let guess = |n: usize| if bytes == 0 { Precision::Absent } else { Precision::Inexact(n) };
        let unknown = Statistics::new_unknown(&self.job.schema);
        Ok(Arc::new(unknown.with_num_rows(guess(bytes / each)).with_total_byte_size(guess(bytes))))
    }

    fn with_fetch(&self, _: Option<usize>) -> Option<Arc<dyn DataSource>> {
        None
    }

    fn fetch(&self) -> Option<usize> {
        None
    }

    fn metrics(&self) -> ExecutionPlanMetricsSet {
        self.metrics.clone()
    }

    fn try_swapping_with_projection(
        &self,
        _: &ProjectionExprs,
    ) -> DfResult<Option<Arc<dyn DataSource>>> {
        Ok(None)
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> DfResult<TreeNodeRecursion>,
    ) -> DfResult<TreeNodeRecursion> {
        match &self.job.filter {
            Some((filter, ..)) => f(filter),
            None => Ok(TreeNodeRecursion::Continue),
        }
    }
}

impl CsvSource {
    /// Returns the source with splits assumed to be outside quotes.
    pub(in crate::frame) fn guessing(&self) -> Self {
        Self { guess: true, ..self.clone() }
    }

    async fn rows(self, piece: Piece) -> Result<BoxStream<'static, Result<RecordBatch>>> {
        match piece {
            Piece::Whole { file } => Ok(self.whole(file)),
            Piece::Range { file, from, to } => {
                let state = self.state(file, from).await?;
                Ok(stream::iter(self.job.range(file, from, to, state)?).boxed())
            }
        }
    }

    /// Returns whether a split point of a file is inside quotes.
    async fn state(&self, file: usize, from: u64) -> Result<State> {
        let table = &self.job.table;
        if self.guess || table.dialect.quote.is_none() || from == table.files[file].start {
            return Ok(State::Outside);
        }
        let all = self
            .states
            .get_or_try_init(|| quotes::states(table.clone(), self.work.clone()))
            .await?;
        // The map has every split point.
        Ok(all.get(&(file, from)).copied().unwrap_or(State::Outside))
    }

    /// Reads a file from the start: one thread decodes its text and splits it into rows, the others
    /// parse columns.
    fn whole(&self, file: usize) -> BoxStream<'static, Result<RecordBatch>> {
        let threads = crate::config::threads();
        let (tx, rx) = tokio::sync::mpsc::channel(2 * threads);
        let job = self.job.clone();
        tokio::task::spawn_blocking(move || {
            // Stops when the receiver is dropped.
            let mut limited = |mut block| match job.limit(&mut block, file) {
                Ok(more) => tx.blocking_send(Ok(block)).is_ok() && more,
                Err(e) => {
                    let _ = tx.blocking_send(Err(e));
                    false
                }
            };
            if let Err(e) = job.each_block(file, &mut limited) {
                let _ = tx.blocking_send(Err(e));
            }
        });
        let blocks =
            stream::unfold(rx, |mut rx| async move { rx.recv().await.map(|block| (block, rx)) });
        let job = self.job.clone();
        let parsed = blocks.map(move |block| {
            let job = job.clone();
            async move {
                let mut block = block?;
                let parsed = tokio::task::spawn_blocking(move || job.batch(&mut block, file)).await;
                parsed.unwrap_or_else(|e| {
                    Err(ErrorKind::Engine {
                        operation: "read_csv".to_owned(),
                        message: e.to_string(),
                    }
                    .into())
                })
            }
        });
        parsed.buffered(threads).boxed()
    }
}

impl Job {
    /// Returns the batches of a part of a file that begins in this state.
    fn range(self: &Arc<Self>, file: usize, from: u64, to: u64, state: State) -> Result<Range> {
        let info = &self.table.files[file];
        let failed = |e| io_error(&info.path, e);
        let (mut disk, mut walker) = self.table.walk(file, from, state)?;
        let mut place = from;
        if from > info.start {
            let mut text = Vec::new();
            // The first row of this part begins after the first line end.
            loop {
                text.clear();
                let read = disk.by_ref().take(64 << 10).read_to_end(&mut text).map_err(failed)?;
                match walker.line_end(&text) {
                    Some(n) => break place += n as u64,
                    None => place += read as u64,
                }
                if read == 0 || place > to {
                    break;
                }
            }
        }
        disk.seek(SeekFrom::Start(place)).map_err(failed)?;
        let left = disk.take(info.size.saturating_sub(place));
        let end = (to < info.size).then_some(to);
        let over = end.is_some_and(|end| place > end);
        Ok(Range {
            job: self.clone(),
            file,
            blocks: Blocks::new(left, self.table.dialect.clone(), self.table.step, place, end),
            over,
            error: None,
        })
    }

    /// Calls `emit` with each block of a file that is read from the start.
    pub(in crate::frame) fn each_block(
        &self,
        file: usize,
        emit: &mut dyn FnMut(crate::csv::block::Block) -> bool,
    ) -> Result<()> {
        let info = &self.table.files[file];
        let mut text = self.table.text(&info.path)?;
        std::io::copy(&mut text.by_ref().take(info.start), &mut std::io::sink())
            .map_err(|e| io_error(&info.path, e))?;
        let mut blocks =
            Blocks::new(text, self.table.dialect.clone(), self.table.step, info.start, None);
        // The last rows are held back, as they may belong to the footer.
        let (mut held, mut rows) = (VecDeque::new(), 0);
        while let Some(block) = blocks.next().map_err(|stop| self.stopped(stop, file))? {
            if crate::sched::cancelled() {
                return Err(ErrorKind::Interrupted.into());
            }
            rows += block.rows.len();
            held.push_back(block);
            while let Some(first) = held.front().map(|b: &crate::csv::block::Block| b.rows.len())
                && rows - first >= self.table.skipfooter
            {
                rows -= first;
                if held.pop_front().is_some_and(|b| !emit(b)) {
                    return Ok(());
                }
            }
        }
        let mut left = rows.saturating_sub(self.table.skipfooter);
        for mut block in held {
            block.rows.truncate(left);
            left -= block.rows.len();
            if !emit(block) {
                break;
            }
        }
        Ok(())
    }
}

/// The batches of a part of a file.
struct Range {
    job: Arc<Job>,
    file: usize,
    blocks: Blocks<std::io::Take<File>>,
    over: bool,
    /// The error to return after the rows that were read before it.
    error: Option<Error>,
}

/// Blocks are small, to stay in the CPU cache, but operators prefer many rows at a time. So blocks
/// are concatenated up to this many rows, or bytes of text.
const MANY_ROWS: usize = 8192;
const MUCH_TEXT: usize = 2 << 20;

impl Iterator for Range {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let (mut parts, mut rows, mut bytes) = (Vec::new(), 0, 0);
        while !self.over && rows < MANY_ROWS && bytes < MUCH_TEXT {
            match self.block() {
                // Returning no batch would end the iterator.
                Ok(Some((batch, _))) if batch.num_rows() == 0 => {}
                Ok(Some((batch, read))) => {
                    (rows, bytes) = (rows + batch.num_rows(), bytes + read);
                    parts.push(batch);
                }
                Ok(None) => self.over = true,
                Err(e) => {
                    self.over = true;
                    // A wrong guess may be the cause.
                    self.error = Some(self.job.sure().err().unwrap_or(e));
                }
            }
        }
        match parts.len() {
            0 => self.error.take().map(Err),
            1 => parts.pop().map(Ok),
            _ => Some(concat_batches(&self.job.schema, &parts).map_err(|e| engine_error(&e))),
        }
    }
}

impl Range {
    /// Returns the rows of the next block, and its size in bytes.
    fn block(&mut self) -> Result<Option<(RecordBatch, usize)>> {
        // Without output rows, nobody else checks.
        if crate::sched::cancelled() {
            return Err(ErrorKind::Interrupted.into());
        }
        let Some(mut block) =
            self.blocks.next().map_err(|stop| self.job.stopped(stop, self.file))?
        else {
            return self.job.unchanged(self.file).map(|()| None);
        };
        self.over |= !self.job.limit(&mut block, self.file)?;
        let read = block.data.len();
        let batch = if block.rows.is_empty() {
            Ok(RecordBatch::new_empty(self.job.schema.clone()))
        } else {
            self.job.batch(&mut block, self.file)
        };
        self.blocks.give_back(block);
        Ok(Some((batch?, read)))
    }
}

impl CsvTable {
    /// Returns the value that decided a column's type, and its location.
    fn reason(&self, column: usize) -> Option<String> {
        let Reason { value, file, place } = self.table.types.reason(column)?;
        let path = &self.table.files[file].path;
        // The line number is omitted if the file can no longer be read.
        let line =
            self.table.line(path, place).map(|line| format!(", line {line}")).unwrap_or_default();
        Some(format!("{value:?} in {path:?}{line}"))
    }
}
