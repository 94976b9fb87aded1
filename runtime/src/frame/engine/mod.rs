//! Running a frame's plan: one DataFusion session for all frames, every operator's partition streams watched so that the
//! view under the cell shows them as tasks, and Cancel reaches into each batch.

pub(in crate::frame) mod collect;
pub(in crate::frame) mod refresh;

use crate::config::{self, Cluster};
use crate::error::{Error, ErrorKind, Result};
use crate::frame::exec::{coalesce, memory_pool, observe, sort};
use crate::frame::expr::sums;
use crate::frame::plan::order;
use crate::frame::source::csv::speculate;
use crate::frame::source::remote;
use crate::frame::threads::{joined, wait};
use crate::frame::types::batch::{concat, size};
use crate::sched::progress::Job;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNode;
use datafusion::execution::cache::cache_manager::CacheManagerConfig;
use datafusion::execution::context::{SessionContext, SessionState};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};
use datafusion::prelude::SessionConfig;
use futures::future::BoxFuture;
use futures::{StreamExt, TryStreamExt};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// What plans and runs frames: a session that plans for all of them and one that plans for one partition, in file order.
struct Engine {
    cluster: Cluster,
    sessions: [SessionContext; 2],
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
    let threads = cluster.threads();
    let spills = (cluster.memory() < u64::MAX).then(|| config::own_folder(&cluster.local_directory));
    let environment = new_environment(cluster, spills.as_deref());
    Engine { cluster: cluster.clone(), sessions: [threads, 1].map(|n| new_session(n, cluster, &environment)) }
}

/// What all plans run in: memory, and the folder where they go to disk if memory has a limit.
fn new_environment(cluster: &Cluster, spills: Option<&Path>) -> Arc<RuntimeEnv> {
    // What a folder holds is looked up for each frame: files may have come since.
    let lookups = CacheManagerConfig::default().with_list_files_cache_limit(0);
    let mut environment = RuntimeEnvBuilder::new().with_object_store_registry(remote::STORES.clone()).with_cache_manager(lookups);
    if let Some(folder) = spills {
        // Operators go to disk at 60 % of the limit, as tasks do: they do not count all that they hold.
        environment = environment.with_memory_pool(memory_pool::shared((cluster.memory() / 5 * 3) as usize)).with_temp_file_path(folder);
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

/// The session that plans for all workers.
pub(in crate::frame) fn session() -> SessionContext {
    engine().session(Rows::Spread).clone()
}

/// In what partitions the rows of a plan come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::frame) enum Rows {
    /// In as many partitions as suit all workers.
    Spread,
    /// In one partition, in their order.
    InOrder,
}

/// How the sides of a join are brought together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::frame) enum Joins {
    /// One side is held in a table.
    Hash,
    /// Both sides are sorted, which goes to disk where memory does not hold them.
    Sort,
}

/// How a logical plan becomes a physical one.
#[derive(Debug, Clone, Copy)]
pub(in crate::frame) struct PlanOptions {
    pub(in crate::frame) rows: Rows,
    pub(in crate::frame) joins: Joins,
}

impl Engine {
    fn session(&self, rows: Rows) -> &SessionContext {
        match rows {
            Rows::Spread => &self.sessions[0],
            Rows::InOrder => &self.sessions[1],
        }
    }
}

/// The physical plan.
pub(in crate::frame) fn physical(plan: &LogicalPlan, options: PlanOptions) -> Result<Arc<dyn ExecutionPlan>> {
    planned_by(plan, engine().session(options.rows).state(), options.joins)
}

/// The physical plan for so many partitions.
pub(in crate::frame) fn planned(plan: &LogicalPlan, partitions: usize, joins: Joins) -> Result<Arc<dyn ExecutionPlan>> {
    let mut state = session().state();
    state.config_mut().options_mut().execution.target_partitions = partitions;
    planned_by(plan, state, joins)
}

fn planned_by(plan: &LogicalPlan, mut state: SessionState, joins: Joins) -> Result<Arc<dyn ExecutionPlan>> {
    let options = state.config_mut().options_mut();
    options.optimizer.prefer_hash_join = joins == Joins::Hash;
    if joins == Joins::Sort {
        // The engine joins by sorting where there are several partitions alone.
        options.execution.target_partitions = options.execution.target_partitions.max(2);
    }
    let plan = plan.clone();
    wait(async move {
        state
            .create_physical_plan(&plan)
            .await
            .and_then(sort::in_memory)
            .and_then(coalesce::by_threads)
            .map_err(|e| Error::engine("planning", &e))
    })
}

pub(in crate::frame) fn has_join(plan: &LogicalPlan) -> bool {
    // The walk itself cannot fail.
    plan.exists(|node| Ok(matches!(node, LogicalPlan::Join(_)))).unwrap_or(false)
}

/// Computes the plan with the types as they are.
pub(in crate::frame) fn run(plan: &LogicalPlan, options: PlanOptions) -> Result<RecordBatch> {
    let (schema, parts) = consume(&physical(plan, options)?, options.rows, keep("compute"))?;
    concat(&schema, &parts.into_iter().flatten().collect::<Vec<_>>())
}

/// What keeps all rows of each partition, as long as the limit of memory holds those of all partitions.
pub(in crate::frame) fn keep(
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

/// Computes the plan for all workers, and does something with each partition's rows; `work` is made for so many partitions.
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

/// Computes the plan and does something with all rows in their order, one partition after the other.
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
    // What ends in a sort is in order however many work on it.
    let (whole, rows) = if sort::is_last(&whole) { (whole, Rows::Spread) } else { (planned(Rows::InOrder)?, Rows::InOrder) };
    let (job, watched, context) = watched(&whole, rows)?;
    let done = wait(async move {
        let schema = watched.schema();
        let partitions = futures::stream::iter(0..watched.output_partitioning().partition_count());
        let rows = partitions.map(move |i| watched.execute(i, context.clone())).try_flatten();
        work(Box::pin(RecordBatchStreamAdapter::new(schema, rows))).await
    });
    drop(job);
    done
}

/// Computes one partition of a plan, and does something with its rows.
pub(in crate::frame) fn nth<T: Send + 'static, F>(
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
fn watched(physical: &Arc<dyn ExecutionPlan>, rows: Rows) -> Result<Watched> {
    let context = engine().session(rows).task_ctx();
    let physical = speculate::guessed(physical.clone()).map_err(|e| Error::engine("planning", &e))?;
    let names = observe::names(&physical);
    let job = Arc::new(Job::begin(names.iter().cloned()));
    let watched = observe::wrap(&physical, &names, &job, context.memory_pool()).map_err(|e| Error::engine("planning", &e))?;
    Ok((job, watched, context))
}

/// Computes all partitions of a plan, and does something with each one's rows.
pub(in crate::frame) fn consume<T: Send + 'static, F>(
    physical: &Arc<dyn ExecutionPlan>,
    rows: Rows,
    work: impl Fn(usize, SendableRecordBatchStream) -> F + Send + 'static,
) -> Result<(SchemaRef, Vec<T>)>
where
    F: Future<Output = Result<T>> + Send + 'static,
{
    let schema = physical.schema();
    // There may be thousands of partitions; as many are open at once as there are threads. Those of a shuffle are all open: what
    // nobody takes would pile up.
    let open = if coalesce::shuffles(physical) { usize::MAX } else { config::threads() };
    let (job, watched, context) = watched(physical, rows)?;
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
