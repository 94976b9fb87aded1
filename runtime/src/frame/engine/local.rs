//! The engine of this process: DataFusion sessions over its worker threads, every operator watched so that the view under the
//! cell shows its partitions as tasks.

use crate::config::{self, Cluster};
use crate::error::{Error, Result};
use crate::frame::engine::interface::{Engine, Joins, Progress, Rows, Running};
use crate::frame::exec::{coalesce, memory_pool, observe, sort};
use crate::frame::expr::sums;
use crate::frame::plan::order;
use crate::frame::source::csv::speculate;
use crate::frame::source::remote;
use crate::sched::progress::Job;
use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNode;
use datafusion::error::Result as DfResult;
use datafusion::execution::cache::cache_manager::CacheManagerConfig;
use datafusion::execution::context::SessionContext;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};
use datafusion::prelude::SessionConfig;
use std::path::Path;
use std::sync::Arc;

/// The threads of this process: a session that plans for all of them and one that plans for one partition, in file order.
pub(in crate::frame) struct Local {
    pub(in crate::frame) cluster: Cluster,
    sessions: [SessionContext; 2],
}

impl Local {
    pub(in crate::frame) fn new(cluster: &Cluster) -> Self {
        let threads = cluster.threads();
        let spill_dir = (cluster.memory() < u64::MAX).then(|| config::own_folder(&cluster.local_directory));
        let environment = new_environment(cluster, spill_dir.as_deref());
        Self { cluster: cluster.clone(), sessions: [threads, 1].map(|n| new_session(n, cluster, &environment)) }
    }
}

/// What all plans run in: memory, and the folder where they go to disk if memory has a limit.
fn new_environment(cluster: &Cluster, spill_dir: Option<&Path>) -> Arc<RuntimeEnv> {
    // What a folder holds is looked up for each frame: files may have come since.
    let lookups = CacheManagerConfig::default().with_list_files_cache_limit(0);
    let mut environment = RuntimeEnvBuilder::new().with_object_store_registry(remote::STORES.clone()).with_cache_manager(lookups);
    if let Some(folder) = spill_dir {
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

impl Engine for Local {
    fn settings(&self, rows: Rows) -> &SessionContext {
        match rows {
            Rows::Spread => &self.sessions[0],
            Rows::InOrder => &self.sessions[1],
        }
    }

    fn finish(&self, plan: Arc<dyn ExecutionPlan>) -> DfResult<Arc<dyn ExecutionPlan>> {
        sort::in_memory(plan).and_then(coalesce::by_threads)
    }

    fn begin(&self, plan: &Arc<dyn ExecutionPlan>, rows: Rows, progress: Progress) -> Result<Box<dyn Running>> {
        let context = self.settings(rows).task_ctx();
        let at_once = coalesce::shuffles(plan);
        if progress == Progress::Hidden {
            return Ok(Box::new(LocalRun { plan: plan.clone(), context, at_once, _job: None }));
        }
        let failed = |e| Error::engine("planning", &e);
        let plan = speculate::guessed(plan.clone()).map_err(failed)?;
        let names = observe::names(&plan);
        let job = Arc::new(Job::begin(names.iter().cloned()));
        let plan = observe::wrap(&plan, &names, &job, context.memory_pool()).map_err(failed)?;
        Ok(Box::new(LocalRun { plan, context, at_once, _job: Some(job) }))
    }

    fn again(&self, e: &Error, plan: &LogicalPlan, joins: Joins) -> Option<Joins> {
        // Where memory does not hold a side of a join, it is sorted, which goes to disk.
        let by_sort = e.is_out_of_memory() && joins == Joins::Hash && has_join(plan);
        by_sort.then_some(Joins::Sort)
    }
}

fn has_join(plan: &LogicalPlan) -> bool {
    // The walk itself cannot fail.
    plan.exists(|node| Ok(matches!(node, LogicalPlan::Join(_)))).unwrap_or(false)
}

/// A plan that runs on the threads of this process.
struct LocalRun {
    plan: Arc<dyn ExecutionPlan>,
    context: Arc<TaskContext>,
    at_once: bool,
    /// What the view shows; it ends with the run.
    _job: Option<Arc<Job>>,
}

impl Running for LocalRun {
    fn schema(&self) -> SchemaRef {
        self.plan.schema()
    }

    fn partitions(&self) -> usize {
        self.plan.output_partitioning().partition_count()
    }

    fn open(&self, partition: usize) -> DfResult<SendableRecordBatchStream> {
        self.plan.execute(partition, self.context.clone())
    }

    fn at_once(&self) -> bool {
        self.at_once
    }
}
