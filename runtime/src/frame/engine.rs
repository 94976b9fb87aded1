//! Running a frame's plan: one DataFusion session for all frames, every operator's partition streams watched so that the
//! view under the cell shows them as tasks, and Cancel reaches into each batch.

use super::{csv, grouped, order, pool, remote, sort, sums, watch};
use crate::config::{self, Cluster};
use crate::error::{Error, ErrorKind, Result};
use crate::sched::{self, progress::Job};
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNode;
use datafusion::execution::cache::cache_manager::CacheManagerConfig;
use datafusion::execution::context::{SessionContext, SessionState};
use datafusion::execution::memory_pool::MemoryPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use datafusion::physical_plan::display::DisplayableExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, displayable};
use datafusion::prelude::SessionConfig;
use futures::future::BoxFuture;
use futures::{StreamExt, TryStreamExt};
use std::cell::Cell;
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

thread_local! {
    static WORKER: Cell<usize> = const { Cell::new(0) };
}

/// What runs frames: threads, and a session that plans for all of them and one that plans for one partition, in file order.
struct Engine {
    cluster: Cluster,
    runtime: Option<tokio::runtime::Runtime>,
    sessions: [SessionContext; 2],
}

impl Drop for Engine {
    /// A runtime waits for its threads when it is dropped; these end by themselves.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

static ENGINE: RwLock<Option<Arc<Engine>>> = RwLock::new(None);

/// The engine for the workers and the memory that are set now.
fn engine() -> Arc<Engine> {
    let cluster = config::cluster();
    let fits = |e: &Option<Arc<Engine>>| e.as_ref().filter(|e| e.cluster == cluster).cloned();
    if let Some(engine) = fits(&ENGINE.read().unwrap_or_else(PoisonError::into_inner)) {
        return engine;
    }
    let mut place = ENGINE.write().unwrap_or_else(PoisonError::into_inner);
    fits(&place).unwrap_or_else(|| place.insert(Arc::new(new_engine(&cluster))).clone())
}

fn new_engine(cluster: &Cluster) -> Engine {
    let next = AtomicUsize::new(0);
    let threads = cluster.threads();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .thread_name("rask-frame")
        .thread_stack_size(8 << 20)
        .on_thread_start(move || {
            let worker = next.fetch_add(1, Ordering::Relaxed) % threads;
            WORKER.set(worker);
            sched::cpu::register(worker);
        })
        .enable_all()
        .build()
        // Without threads there is no runtime.
        .unwrap_or_else(|e| panic!("the threads that run frames could not be started: {e}"));
    let spills = (cluster.memory() < u64::MAX).then(|| config::own_folder(&cluster.local_directory));
    let environment = new_environment(cluster, spills.as_deref());
    Engine { cluster: cluster.clone(), runtime: Some(runtime), sessions: [threads, 1].map(|n| new_session(n, cluster, &environment)) }
}

/// What all plans run in: memory, and the folder where they go to disk if memory has a limit.
fn new_environment(cluster: &Cluster, spills: Option<&Path>) -> Arc<RuntimeEnv> {
    // What a folder holds is looked up for each frame: files may have come since.
    let lookups = CacheManagerConfig::default().with_list_files_cache_limit(0);
    let mut environment = RuntimeEnvBuilder::new().with_object_store_registry(remote::STORES.clone()).with_cache_manager(lookups);
    if let Some(folder) = spills {
        // Operators go to disk at 60 % of the limit, as tasks do: they do not count all that they hold.
        environment = environment.with_memory_pool(pool::shared((cluster.memory() / 5 * 3) as usize)).with_temp_file_path(folder);
    }
    // A folder that cannot be used: without it, what does not fit into memory is an error when it happens.
    environment.build_arc().unwrap_or_default()
}

/// A session that plans for so many partitions.
fn new_session(partitions: usize, cluster: &Cluster, environment: &Arc<RuntimeEnv>) -> SessionContext {
    let config = SessionConfig::new()
        .with_target_partitions(partitions)
        .with_information_schema(false)
        // Rows keep the order of their files: nothing deals them out in turn, and no partition takes over another's part.
        .with_round_robin_repartition(false)
        .set_bool("datafusion.execution.enable_file_stream_work_stealing", false)
        .set_bool("datafusion.sql_parser.map_string_types_to_utf8view", false)
        .set_bool("datafusion.optimizer.prefer_existing_union", true)
        // Partitions of a join with such a filter wait for one another, and here they may be read one after the other.
        .set_bool("datafusion.optimizer.enable_join_dynamic_filter_pushdown", false)
        // The smaller side of a join is held once, for all workers to look into, and the rows of the other stay where they are.
        .set_usize("datafusion.optimizer.hash_join_single_partition_threshold", (cluster.memory() / 4).min(512 << 20) as usize)
        .set_usize("datafusion.optimizer.hash_join_single_partition_threshold_rows", 16 << 20)
        .set_bool("datafusion.execution.collect_statistics", true);
    let limit = cluster.memory();
    let config = config.with_sort_spill_reservation_bytes((limit / (8 * cluster.threads() as u64)).min(10 << 20) as usize);
    let context = SessionContext::new_with_config_rt(config, environment.clone());
    sums::register(&context);
    // It would sum up sums that were rounded once for each distinct value.
    context.remove_optimizer_rule("single_distinct_aggregation_to_group_by");
    order::with_planner(&context)
}

/// Number of this thread's worker.
pub(super) fn worker() -> usize {
    WORKER.get()
}

/// The session that plans for all workers.
pub(super) fn session() -> SessionContext {
    engine().sessions[0].clone()
}

/// Waits for something asynchronous from the user's thread, or until the user stops it.
pub(super) fn wait<T: Send + 'static>(work: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
    let engine = engine();
    // It is there until the engine is dropped.
    let runtime = engine.runtime.as_ref().expect("an engine has a runtime");
    let done = runtime.block_on(async {
        let task = runtime.spawn(work);
        let stop = task.abort_handle();
        tokio::select! {
            result = task => result.unwrap_or_else(|e| Err(joined(e))),
            () = sched::until_cancelled() => {
                stop.abort();
                Err(ErrorKind::Interrupted.into())
            }
        }
    });
    done.map_err(sched::stop_here)
}

/// Does something that may take long, such as a user's closure, beside what the engine does; a panic is an error.
pub(super) async fn beside<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(move || sched::within(work)).await.map_err(joined)?
}

/// A panic inside the engine.
pub(super) fn joined(e: tokio::task::JoinError) -> Error {
    let message = match e.try_into_panic() {
        Ok(payload) => sched::panic_text(&*payload),
        Err(e) => e.to_string(),
    };
    ErrorKind::Engine { operation: "compute".to_owned(), message }.into()
}

/// The physical plan for all workers, with the types that are known by now.
pub(super) fn current(plan: &LogicalPlan) -> Result<Arc<dyn ExecutionPlan>> {
    physical(&csv::current(plan)?, false)
}

/// The physical plan for all workers, or in one partition.
fn physical(plan: &LogicalPlan, ordered: bool) -> Result<Arc<dyn ExecutionPlan>> {
    planned_by(plan, engine().sessions[usize::from(ordered)].state(), SORTS_TO_JOIN.get())
}

/// The physical plan for so many partitions; with joins that go to disk, where that is wanted.
pub(super) fn planned(plan: &LogicalPlan, partitions: usize, sorts_to_join: bool) -> Result<Arc<dyn ExecutionPlan>> {
    let mut state = session().state();
    state.config_mut().options_mut().execution.target_partitions = partitions;
    planned_by(plan, state, sorts_to_join)
}

fn planned_by(plan: &LogicalPlan, mut state: SessionState, sorts_to_join: bool) -> Result<Arc<dyn ExecutionPlan>> {
    let options = state.config_mut().options_mut();
    options.optimizer.prefer_hash_join = !sorts_to_join;
    if sorts_to_join {
        // The engine joins by sorting where there are several partitions alone.
        options.execution.target_partitions = options.execution.target_partitions.max(2);
    }
    let plan = plan.clone();
    wait(async move {
        state
            .create_physical_plan(&plan)
            .await
            .and_then(sort::in_memory)
            .and_then(grouped::by_threads)
            .map_err(|e| Error::engine("planning", &e))
    })
}

/// Does something with the plan. Where a value of a file does not fit the type of its column, it is done again with the plan
/// made for the type that holds it; and where memory does not hold a side of a join, with joins that go to disk.
pub(super) fn with_right_types<T>(plan: &LogicalPlan, mut work: impl FnMut(&LogicalPlan) -> Result<T>) -> Result<T> {
    let mut plan = csv::current(plan)?;
    let _as_before = Restored(SORTS_TO_JOIN.get());
    loop {
        match work(&plan) {
            Err(e) if e.is_out_of_memory() && !SORTS_TO_JOIN.get() && has_join(&plan) => SORTS_TO_JOIN.set(true),
            Err(e) => plan = csv::mended(&plan)?.filter(csv::is_current).ok_or(e)?,
            done => return done,
        }
    }
}

thread_local! {
    /// Whether joins are planned to sort both sides, which goes to disk, and not to hold one in a table.
    static SORTS_TO_JOIN: Cell<bool> = const { Cell::new(false) };
}

struct Restored(bool);

impl Drop for Restored {
    fn drop(&mut self) {
        SORTS_TO_JOIN.set(self.0);
    }
}

pub(super) fn has_join(plan: &LogicalPlan) -> bool {
    // The walk itself cannot fail.
    plan.exists(|node| Ok(matches!(node, LogicalPlan::Join(_)))).unwrap_or(false)
}

/// Computes the plan; rows come in the order of the partitions.
pub(super) fn collect(plan: &LogicalPlan, ordered: bool) -> Result<RecordBatch> {
    with_right_types(plan, |plan| run(plan, ordered))
}

/// Computes the plan with the types as they are.
pub(super) fn run(plan: &LogicalPlan, ordered: bool) -> Result<RecordBatch> {
    let (schema, parts) = consume(&physical(plan, ordered)?, ordered, keep("compute"))?;
    concat(&schema, &parts.into_iter().flatten().collect::<Vec<_>>())
}

/// What keeps all rows of each partition, as long as the limit of memory holds those of all partitions.
pub(super) fn keep(
    operation: &'static str,
) -> impl Fn(usize, SendableRecordBatchStream) -> BoxFuture<'static, Result<Vec<RecordBatch>>> + Send + 'static {
    let (held, limit) = (Arc::new(AtomicU64::new(0)), config::cluster().memory());
    move |_, mut rows| {
        let held = held.clone();
        Box::pin(async move {
            let mut kept = Vec::new();
            while let Some(batch) = rows.next().await {
                let batch = batch.map_err(|e| Error::engine(operation, &e))?;
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

/// Rows of a batch: the engine's own number.
pub(crate) const BATCH: usize = 8192;

/// A batch of so many rows, which may have no columns.
pub(super) fn batch(operation: &str, schema: &SchemaRef, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(schema.clone(), columns, &options)
        .map_err(|e| ErrorKind::Engine { operation: operation.to_owned(), message: e.to_string() }.into())
}

/// Bytes of the rows of a batch, which may be a part of longer columns.
pub(super) fn size(batch: &RecordBatch) -> u64 {
    batch.columns().iter().map(size_of).sum()
}

/// Bytes of the values of a column.
pub(super) fn size_of(column: &ArrayRef) -> u64 {
    // Long texts of views lie elsewhere, and several columns may have parts of the same.
    let long = column.as_string_view_opt().map_or(0, |views| views.total_buffer_bytes_used());
    (column.to_data().get_slice_memory_size().unwrap_or_else(|_| column.get_array_memory_size()) + long) as u64
}

/// Computes the plan for all workers, and does something with each partition's rows; `work` is made for so many partitions.
pub(super) fn each_partition<T: Send + 'static, F, W>(
    plan: &LogicalPlan,
    work: impl FnOnce(usize) -> Result<W>,
) -> Result<(SchemaRef, Vec<T>)>
where
    F: Future<Output = Result<T>> + Send + 'static,
    W: Fn(usize, SendableRecordBatchStream) -> F + Send + 'static,
{
    let physical = physical(plan, false)?;
    let work = work(physical.output_partitioning().partition_count())?;
    consume(&physical, false, work)
}

/// Computes the plan and does something with all rows in their order, one partition after the other.
pub(super) fn in_order<T: Send + 'static, F>(
    plan: &LogicalPlan,
    work: impl FnOnce(SendableRecordBatchStream) -> F + Send + 'static,
) -> Result<T>
where
    F: Future<Output = Result<T>> + Send + 'static,
{
    let whole = physical(plan, false)?;
    // What ends in a sort is in order however many work on it.
    let (whole, ordered) = if sort::is_last(&whole) { (whole, false) } else { (physical(plan, true)?, true) };
    let (job, watched, context) = watched(&whole, ordered)?;
    let done = wait(async move {
        let schema = watched.schema();
        let partitions = futures::stream::iter(0..watched.output_partitioning().partition_count());
        let rows = partitions.map(move |i| watched.execute(i, context.clone())).try_flatten();
        work(Box::pin(RecordBatchStreamAdapter::new(schema, rows))).await
    });
    drop(job);
    done
}

/// The first rows of the plan, in their order.
pub(super) fn first_rows(plan: &LogicalPlan, n: usize) -> Result<RecordBatch> {
    with_right_types(plan, |plan| {
        let whole = physical(plan, true)?;
        if whole.output_partitioning().partition_count() == 1 {
            let limited = LogicalPlanBuilder::from(plan.clone()).limit(0, Some(n)).and_then(LogicalPlanBuilder::build);
            return run(&limited.map_err(|e| Error::engine("head", &e))?, true);
        }
        // The engine would take the rows of whichever partition is ready first.
        in_order(plan, move |mut rows| async move {
            let (schema, mut first, mut left) = (rows.schema(), Vec::new(), n);
            while left > 0
                && let Some(batch) = rows.next().await
            {
                let batch = batch.map_err(|e| Error::engine("head", &e))?;
                let batch = batch.slice(0, left.min(batch.num_rows()));
                left -= batch.num_rows();
                first.push(batch);
            }
            concat(&schema, &first)
        })
    })
}

/// The physical plan as text.
pub(super) fn explained(plan: &LogicalPlan) -> Result<String> {
    Ok(displayable(current(plan)?.as_ref()).indent(false).to_string())
}

/// Computes the plan, and gives it as text with what each operator did.
pub(super) fn measured(plan: &LogicalPlan) -> Result<String> {
    with_right_types(plan, |plan| {
        let physical = physical(plan, false)?;
        let (plan, context) = (physical.clone(), session().task_ctx());
        wait(async move {
            let failed = |e| Error::engine("compute", &e);
            let mut rows = datafusion::physical_plan::execute_stream(plan, context).map_err(failed)?;
            while let Some(batch) = rows.next().await {
                batch.map_err(failed)?;
            }
            Ok(())
        })?;
        Ok(DisplayableExecutionPlan::with_metrics(physical.as_ref()).indent(false).to_string())
    })
}

/// Computes one partition of a plan, and does something with its rows.
pub(super) fn nth<T: Send + 'static, F>(
    physical: &Arc<dyn ExecutionPlan>,
    number: usize,
    work: impl FnOnce(SendableRecordBatchStream) -> F + Send + 'static,
) -> Result<T>
where
    F: Future<Output = Result<T>> + Send + 'static,
{
    let (physical, context) = (physical.clone(), session().task_ctx());
    wait(async move { work(physical.execute(number, context).map_err(|e| Error::engine("compute", &e))?).await })
}

/// A plan that reports to a job, and what it runs in.
type Watched = (Arc<Job>, Arc<dyn ExecutionPlan>, Arc<TaskContext>);

/// The plan with operators that report to a job of this computation.
fn watched(physical: &Arc<dyn ExecutionPlan>, ordered: bool) -> Result<Watched> {
    let context = engine().sessions[usize::from(ordered)].task_ctx();
    let physical = csv::guessed(physical.clone()).map_err(|e| Error::engine("planning", &e))?;
    let names = watch::names(&physical);
    let job = Arc::new(Job::begin(names.iter().cloned()));
    let watched = watch::wrap(&physical, &names, &job, context.memory_pool()).map_err(|e| Error::engine("planning", &e))?;
    Ok((job, watched, context))
}

/// Computes all partitions of a plan, and does something with each one's rows.
pub(super) fn consume<T: Send + 'static, F>(
    physical: &Arc<dyn ExecutionPlan>,
    ordered: bool,
    work: impl Fn(usize, SendableRecordBatchStream) -> F + Send + 'static,
) -> Result<(SchemaRef, Vec<T>)>
where
    F: Future<Output = Result<T>> + Send + 'static,
{
    let schema = physical.schema();
    // There may be thousands of partitions; as many are open at once as there are threads. Those of a shuffle are all open: what
    // nobody takes would pile up.
    let open = if grouped::shuffles(physical) { usize::MAX } else { config::threads() };
    let (job, watched, context) = watched(physical, ordered)?;
    let result = wait(async move {
        // Spawned tasks die with this set when the user stops the computation.
        let mut tasks = tokio::task::JoinSet::new();
        let partitions = watched.output_partitioning().partition_count();
        let mut parts: Vec<Option<T>> = (0..partitions).map(|_| None).collect();
        let mut left = 0..partitions;
        loop {
            while tasks.len() < open
                && let Some(partition) = left.next()
            {
                let stream = watched.execute(partition, context.clone()).map_err(|e| Error::engine("compute", &e))?;
                let work = work(partition, stream);
                tasks.spawn(async move { (partition, work.await) });
            }
            let Some(done) = tasks.join_next().await else { break };
            let (partition, part) = done.map_err(joined)?;
            parts[partition] = Some(part?);
        }
        // Every task has handed in its part.
        Ok(parts.into_iter().flatten().collect::<Vec<_>>())
    });
    drop(job);
    Ok((schema, result?))
}

pub(super) fn concat(schema: &SchemaRef, batches: &[RecordBatch]) -> Result<RecordBatch> {
    arrow::compute::concat_batches(schema, batches)
        .map_err(|e| ErrorKind::Engine { operation: "compute".to_owned(), message: e.to_string() }.into())
}

/// Bytes that the engine's operators hold, as a share for each worker: they pass batches on to one another.
pub(super) fn reserved(pool: &Arc<dyn MemoryPool>) -> Vec<u64> {
    let workers = config::cluster().workers;
    vec![pool.reserved() as u64 / workers as u64; workers]
}
