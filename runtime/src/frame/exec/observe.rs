//! Operators of a plan as tasks: each partition of an operator is one task with a familiar name,
//! from its first batch to its last. Wrapping is the last step, so that no planner rule ever sees a
//! wrapper.

use crate::error::{Error, ErrorKind};
use crate::frame::exec::memory_pool;
use crate::frame::threads;
use crate::sched;
use crate::sched::progress::{Job, Outcome, Record};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::memory_pool::MemoryPool;
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::execution_plan::replace_children_if_necessary;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties,
};
use futures::{Stream, StreamExt};
use std::cell::Cell;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

/// Returns the user-facing name of an operator; `None` for those that only forward batches.
pub(in crate::frame) fn name(plan: &dyn ExecutionPlan) -> Option<String> {
    let detail = |style| {
        struct Text<'a>(&'a dyn ExecutionPlan, DisplayFormatType);
        impl fmt::Display for Text<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt_as(self.1, f)
            }
        }
        Text(plan, style).to_string()
    };
    let text = match plan.name() {
        "CooperativeExec" | "CoalesceBatchesExec" | "OrderedExec" | "GroupedExec" => return None,
        "DataSourceExec" => {
            let text = detail(DisplayFormatType::Default);
            ["csv", "parquet", "json"]
                .iter()
                .find(|f| text.contains(&format!("file_type={f}")))
                .map_or("memory".to_owned(), |f| format!("read-{f}"))
        }
        "AggregateExec" if detail(DisplayFormatType::Default).contains("mode=Partial") => {
            "groupby-chunk".to_owned()
        }
        "AggregateExec" => "groupby-aggregate".to_owned(),
        "ProjectionExec" => "select".to_owned(),
        "RepartitionExec" => "shuffle".to_owned(),
        "SortPreservingMergeExec" | "CoalescePartitionsExec" => "merge".to_owned(),
        "StreamingTableExec" => "from-bag".to_owned(),
        "GlobalLimitExec" | "LocalLimitExec" => "head".to_owned(),
        other => other.trim_end_matches("Exec").to_lowercase(),
    };
    Some(text)
}

/// Returns the distinct names of all operators that count as tasks, sources first.
pub(in crate::frame) fn names(plan: &Arc<dyn ExecutionPlan>) -> Vec<String> {
    let mut found = Vec::new();
    visit(plan, &mut |_, name| {
        if !found.contains(&name) {
            found.push(name);
        }
    });
    found
}

/// Calls `f` for every operator that counts as tasks, children first.
pub(in crate::frame) fn visit(
    plan: &Arc<dyn ExecutionPlan>,
    f: &mut dyn FnMut(&Arc<dyn ExecutionPlan>, String),
) {
    for child in plan.children() {
        visit(child, f);
    }
    if let Some(name) = name(plan.as_ref()) {
        f(plan, name);
    }
}

/// Returns the number of tasks: the sum of the partitions of all operators.
pub(in crate::frame) fn tasks(plan: &Arc<dyn ExecutionPlan>) -> usize {
    let mut n = 0;
    visit(plan, &mut |p, _| n += p.output_partitioning().partition_count());
    n
}

/// Wraps every operator of a plan to report its progress.
pub(in crate::frame) fn wrap(
    plan: &Arc<dyn ExecutionPlan>,
    names: &[String],
    job: &Arc<Job>,
    pool: &Arc<dyn MemoryPool>,
) -> Result<Arc<dyn ExecutionPlan>> {
    let children = plan
        .children()
        .into_iter()
        .map(|c| wrap(c, names, job, pool))
        .collect::<Result<Vec<_>>>()?;
    let inner = replace_children_if_necessary(plan.clone(), children)?;
    let Some(name) = name(plan.as_ref()).and_then(|n| names.iter().position(|x| *x == n)) else {
        return Ok(inner);
    };
    let name = name as u32;
    job.expect(name, inner.output_partitioning().partition_count() as u64);
    let read = inner.children().is_empty().then(Arc::default);
    Ok(Arc::new(Watched { inner, name, read, job: job.clone(), pool: pool.clone() }))
}

/// An operator whose streams report progress.
struct Watched {
    inner: Arc<dyn ExecutionPlan>,
    name: u32,
    /// Bytes read so far that were reported to the job, for a source.
    read: Option<Arc<AtomicU64>>,
    job: Arc<Job>,
    pool: Arc<dyn MemoryPool>,
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl DisplayAs for Watched {
    fn fmt_as(&self, style: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt_as(style, f)
    }
}

impl ExecutionPlan for Watched {
    passthrough!(input | p | &p.inner, no_expressions);

    fn name(&self) -> &str {
        self.inner.name()
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.inner.properties()
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let (job, pool) = (self.job.clone(), self.pool.clone());
        Ok(Arc::new(Self {
            inner: children.swap_remove(0),
            name: self.name,
            read: self.read.clone(),
            job,
            pool,
        }))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let stream = self.inner.execute(partition, context)?;
        let (job, pool) = (self.job.clone(), self.pool.clone());
        Ok(Box::pin(Reporting {
            stream,
            name: self.name,
            source: self.read.clone().map(|read| (self.inner.clone(), read)),
            told: 0,
            state: Progress::Waiting,
            start_us: 0,
            took_us: 0,
            job,
            pool,
        }))
    }
}

/// Microseconds between two reports of the bytes that were read.
const SELDOM: u64 = 50_000;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    Waiting,
    Running,
    Ended,
}

/// One task: the stream of one operator's partition.
struct Reporting {
    stream: SendableRecordBatchStream,
    name: u32,
    /// The source operator, and the bytes that were reported to the job.
    source: Option<(Arc<dyn ExecutionPlan>, Arc<AtomicU64>)>,
    /// When bytes were last reported.
    told: u64,
    state: Progress,
    start_us: u64,
    took_us: u64,
    job: Arc<Job>,
    pool: Arc<dyn MemoryPool>,
}

thread_local! {
    /// The operator that this thread is polling, with the number of its job: operators poll one
    /// another, and the innermost is the active one.
    static CURRENT: Cell<Option<(u64, u32)>> = const { Cell::new(None) };
}

/// Marks an operator as active while it is polled. When dropped, also by a panic, the operator that
/// polled it becomes active again.
struct Turn {
    job: Arc<Job>,
    worker: usize,
    outer: Option<(u64, u32)>,
}

impl Turn {
    fn begin(job: &Arc<Job>, worker: usize, name: u32) -> Self {
        let outer = CURRENT.replace(Some((job.number(), name)));
        job.on(worker, name, job.now());
        Self { job: job.clone(), worker, outer }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        CURRENT.set(self.outer);
        let now = self.job.now();
        self.job.off(self.worker, now);
        if let Some((_, name)) = self.outer.filter(|(job, _)| *job == self.job.number()) {
            self.job.on(self.worker, name, now);
        }
    }
}

impl Stream for Reporting {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let worker = threads::worker();
        if sched::cancelled() {
            // Reported once: further polls return the end of the stream.
            if self.state == Progress::Ended {
                return Poll::Ready(None);
            }
            self.begin();
            self.end(worker, Outcome::Failed);
            return Poll::Ready(Some(Err(DataFusionError::External(Box::new(Error::from(
                ErrorKind::Interrupted,
            ))))));
        }
        self.begin();
        let begun = self.job.now();
        let turn = Turn::begin(&self.job, worker, self.name);
        let polled = self.stream.poll_next_unpin(context);
        drop(turn);
        let now = self.job.now();
        self.took_us += now.saturating_sub(begun);
        match &polled {
            Poll::Ready(Some(Ok(batch))) => {
                self.job.gave_rows(self.name, batch.num_rows() as u64);
                if now >= self.told + SELDOM {
                    self.tell_bytes(now);
                }
            }
            Poll::Ready(Some(Err(_))) => self.end(worker, Outcome::Failed),
            Poll::Ready(None) => self.end(worker, Outcome::Done),
            _ => {}
        }
        self.job.holds(&memory_pool::reserved(&self.pool), 0);
        polled
    }
}

impl Reporting {
    fn begin(&mut self) {
        if self.state == Progress::Waiting {
            self.state = Progress::Running;
            self.start_us = self.job.now();
            self.job.runs(self.name, 1);
        }
    }

    /// Reports the bytes read from files since the last report.
    fn tell_bytes(&mut self, now: u64) {
        self.told = now;
        let Some((plan, known)) = &self.source else { return };
        let Some(read) = plan.metrics().and_then(|m| m.sum_by_name("bytes_scanned")) else {
            return;
        };
        let read = read.as_usize() as u64;
        self.job
            .read_bytes(self.name, read.saturating_sub(known.fetch_max(read, Ordering::Relaxed)));
    }

    fn end(&mut self, worker: usize, outcome: Outcome) {
        if self.state == Progress::Running {
            self.state = Progress::Ended;
            self.tell_bytes(self.told);
            self.job.runs(self.name, -1);
            let (name, start_us, took_us) = (self.name, self.start_us, self.took_us);
            self.job.hand_in(&mut vec![Record {
                name,
                task: None,
                thread: worker as u32,
                start_us,
                took_us,
                bytes: 0,
                outcome,
            }]);
        }
    }
}

impl Drop for Reporting {
    /// Ends the task: a reader that has enough rows drops the stream early.
    fn drop(&mut self) {
        self.begin();
        self.end(
            threads::worker(),
            if sched::cancelled() { Outcome::Failed } else { Outcome::Done },
        );
    }
}

impl RecordBatchStream for Reporting {
    fn schema(&self) -> SchemaRef {
        self.stream.schema()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sched::progress;

    /// Returns the names of the active operators of the job's threads.
    fn at_work(job: &Job) -> Vec<u32> {
        let (session, _) = progress::session();
        let counts = session.active.iter().find(|c| c.number == job.number()).unwrap().clone();
        drop(session);
        counts.snapshot().workers.into_iter().flat_map(|w| w.doing).collect()
    }

    #[test]
    fn no_operator_stays_at_work_behind_a_panic_or_in_another_job() {
        let job = |names: &[&str]| Arc::new(Job::begin(names.iter().map(|n| (*n).to_owned())));
        let (first, second) = (job(&["a", "b"]), job(&["c"]));
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _turn = Turn::begin(&first, 0, 1);
            panic!("in an operator");
        }));
        assert!(panicked.is_err() && at_work(&first).is_empty());
        drop(Turn::begin(&second, 0, 0));
        assert!(at_work(&second).is_empty());
        // A job within another one, on the same thread.
        let outer = Turn::begin(&first, 0, 0);
        drop(Turn::begin(&second, 0, 0));
        assert_eq!((at_work(&first), at_work(&second)), (vec![0], Vec::new()));
        // The innermost operator of a job is the active one.
        let inner = Turn::begin(&first, 0, 1);
        assert_eq!(at_work(&first), [1]);
        drop(inner);
        assert_eq!(at_work(&first), [0]);
        drop(outer);
        assert!(at_work(&first).is_empty());
    }
}
