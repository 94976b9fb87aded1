//! Plans and runs frames on the current engine: a whole plan, each partition, or all rows in order.

pub(in crate::frame) mod collect;
pub(in crate::frame) mod interface;
pub(in crate::frame) mod local;
pub(in crate::frame) mod refresh;

pub(in crate::frame) use interface::{Joins, PlanOptions, Progress, Rows};

use crate::config;
use crate::error::{During, Error, ErrorKind, Result};
use crate::frame::exec::sort;
use crate::frame::threads::{joined, wait};
use crate::frame::types::batch::{concat, size};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::context::{SessionContext, SessionState};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};
use futures::future::BoxFuture;
use futures::{StreamExt, TryStreamExt};
use interface::{Engine, Running};
use local::Local;
use rask_wire::helpers::Whole;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};

static ENGINE: RwLock<Option<Arc<Local>>> = RwLock::new(None);

/// Returns the engine for the current workers and memory.
fn engine() -> Arc<dyn Engine> {
    let cluster = config::cluster();
    let fits = |e: &Option<Arc<Local>>| e.as_ref().filter(|e| e.cluster == cluster).cloned();
    if let Some(engine) = fits(&ENGINE.read().whole()) {
        return engine;
    }
    let mut current = ENGINE.write().whole();
    fits(&current).unwrap_or_else(|| current.insert(Arc::new(Local::new(&cluster))).clone())
}

/// Returns the session that plans for all workers.
pub(in crate::frame) fn session() -> SessionContext {
    engine().settings(Rows::Spread).clone()
}

/// Returns how to replan a plan that failed; `None` if that would not help.
pub(in crate::frame) fn again(e: &Error, plan: &LogicalPlan, joins: Joins) -> Option<Joins> {
    engine().again(e, plan, joins)
}

/// Returns the physical plan.
pub(in crate::frame) fn physical(
    plan: &LogicalPlan,
    options: PlanOptions,
) -> Result<Arc<dyn ExecutionPlan>> {
    planned_by(plan, engine().settings(options.rows).state(), options.joins)
}

/// Returns the physical plan for this many partitions.
pub(in crate::frame) fn planned(
    plan: &LogicalPlan,
    partitions: usize,
    joins: Joins,
) -> Result<Arc<dyn ExecutionPlan>> {
    let mut state = session().state();
    state.config_mut().options_mut().execution.target_partitions = partitions;
    planned_by(plan, state, joins)
}

fn planned_by(
    plan: &LogicalPlan,
    mut state: SessionState,
    joins: Joins,
) -> Result<Arc<dyn ExecutionPlan>> {
    let options = state.config_mut().options_mut();
    options.optimizer.prefer_hash_join = joins == Joins::Hash;
    if joins == Joins::Sort {
        // DataFusion plans sort-merge joins only for several partitions.
        options.execution.target_partitions = options.execution.target_partitions.max(2);
    }
    let plan = plan.clone();
    wait(async move {
        let physical = state.create_physical_plan(&plan).await.and_then(|p| engine().finish(p));
        physical.during("planning")
    })
}

/// Computes the plan with its types unchanged.
pub(in crate::frame) fn run(plan: &LogicalPlan, options: PlanOptions) -> Result<RecordBatch> {
    let (schema, parts) = consume(&physical(plan, options)?, options.rows, keep("compute"))?;
    concat(&schema, &parts.into_iter().flatten().collect::<Vec<_>>())
}

/// Returns a consumer that keeps all rows of each partition, up to the memory limit for all of
/// them.
pub(in crate::frame) fn keep(
    operation: &'static str,
) -> impl Fn(usize, SendableRecordBatchStream) -> BoxFuture<'static, Result<Vec<RecordBatch>>>
+ Send
+ 'static {
    let (held, limit) = (Arc::new(AtomicU64::new(0)), config::cluster().memory());
    move |_, mut rows| {
        let held = held.clone();
        Box::pin(async move {
            let mut kept = Vec::new();
            while let Some(batch) = rows.next().await {
                let batch = batch.during(operation)?;
                if limit < u64::MAX {
                    let own = size(&batch);
                    let bytes = held.fetch_add(own, Ordering::Relaxed) + own;
                    if bytes > limit {
                        return Err(ErrorKind::ResultTooLarge { bytes, limit }.into());
                    }
                }
                kept.push(batch);
            }
            Ok(kept)
        })
    }
}

/// Computes the plan for all workers, and consumes each partition's rows; `work` gets the number of
/// partitions.
pub(in crate::frame) fn each_partition<T: Send + 'static, F, W>(
    plan: &LogicalPlan,
    joins: Joins,
    work: impl FnOnce(usize) -> Result<W>,
) -> Result<(SchemaRef, Vec<T>)>
where
    F: Future<Output = Result<T>> + Send + 'static,
    W: Fn(usize, SendableRecordBatchStream) -> F + Send + 'static,
{
    let physical = physical(plan, PlanOptions { rows: Rows::Spread, joins })?;
    let work = work(physical.output_partitioning().partition_count())?;
    consume(&physical, Rows::Spread, work)
}

/// Computes the plan and consumes all rows in order, one partition after the other.
pub(in crate::frame) fn in_order<T: Send + 'static, F>(
    plan: &LogicalPlan,
    joins: Joins,
    work: impl FnOnce(SendableRecordBatchStream) -> F + Send + 'static,
) -> Result<T>
where
    F: Future<Output = Result<T>> + Send + 'static,
{
    let planned = |rows| physical(plan, PlanOptions { rows, joins });
    let whole = planned(Rows::Spread)?;
    // A plan that ends in a sort is ordered for any number of partitions.
    let (whole, rows) = if sort::is_last(&whole) {
        (whole, Rows::Spread)
    } else {
        (planned(Rows::InOrder)?, Rows::InOrder)
    };
    let run: Arc<dyn Running> = engine().begin(&whole, rows, Progress::Shown)?.into();
    let shown = run.clone();
    let done = wait(async move {
        let schema = run.schema();
        let partitions = futures::stream::iter(0..run.partitions());
        let rows = partitions.map(move |i| run.open(i)).try_flatten();
        work(Box::pin(RecordBatchStreamAdapter::new(schema, rows))).await
    });
    drop(shown);
    done
}

/// Computes one partition of a plan, and consumes its rows.
pub(in crate::frame) fn nth<T: Send + 'static, F>(
    physical: &Arc<dyn ExecutionPlan>,
    number: usize,
    work: impl FnOnce(SendableRecordBatchStream) -> F + Send + 'static,
) -> Result<T>
where
    F: Future<Output = Result<T>> + Send + 'static,
{
    let run = engine().begin(physical, Rows::Spread, Progress::Hidden)?;
    wait(async move { work(run.open(number).during("compute")?).await })
}

/// Computes all partitions of a plan, and consumes their rows.
pub(in crate::frame) fn consume<T: Send + 'static, F>(
    physical: &Arc<dyn ExecutionPlan>,
    rows: Rows,
    work: impl Fn(usize, SendableRecordBatchStream) -> F + Send + 'static,
) -> Result<(SchemaRef, Vec<T>)>
where
    F: Future<Output = Result<T>> + Send + 'static,
{
    drain(physical, rows, Progress::Shown, work)
}

/// Computes all partitions of a plan, with or without progress display, and consumes their rows.
pub(in crate::frame) fn drain<T: Send + 'static, F>(
    physical: &Arc<dyn ExecutionPlan>,
    rows: Rows,
    progress: Progress,
    work: impl Fn(usize, SendableRecordBatchStream) -> F + Send + 'static,
) -> Result<(SchemaRef, Vec<T>)>
where
    F: Future<Output = Result<T>> + Send + 'static,
{
    let schema = physical.schema();
    let run: Arc<dyn Running> = engine().begin(physical, rows, progress)?.into();
    let shown = run.clone();
    // There may be thousands of partitions; only as many as there are threads are open at once.
    let open = if run.at_once() { usize::MAX } else { config::threads() };
    let result = wait(async move {
        // Dropping this set aborts the tasks when the user interrupts the computation.
        let mut tasks = tokio::task::JoinSet::new();
        let partitions = run.partitions();
        let mut parts: Vec<Option<T>> = (0..partitions).map(|_| None).collect();
        let mut left = 0..partitions;
        loop {
            while tasks.len() < open
                && let Some(partition) = left.next()
            {
                let stream = run.open(partition).during("compute")?;
                let work = work(partition, stream);
                tasks.spawn(async move { (partition, work.await) });
            }
            let Some(done) = tasks.join_next().await else { break };
            let (partition, part) = done.map_err(joined)?;
            parts[partition] = Some(part?);
        }
        // Every task has returned its part.
        Ok(parts.into_iter().flatten().collect::<Vec<_>>())
    });
    drop(shown);
    Ok((schema, result?))
}
