//! The local engine: DataFusion sessions on the worker threads of this process. Every operator
//! reports its partitions as tasks to the view under the cell.

use crate::config::{self, Cluster};
use crate::error::{During, Error, Result};
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

/// The threads of this process: one session plans for all of them, the other for one partition, in
/// file order.
pub(in crate::frame) struct Local {
    pub(in crate::frame) cluster: Cluster,
    sessions: [SessionContext; 2],
}

impl Local {
    pub(in crate::frame) fn new(cluster: &Cluster) -> Self {
        let threads = cluster.threads();
        let spill_dir =
            (cluster.memory() < u64::MAX).then(|| config::own_folder(&cluster.local_directory));
        let environment = new_environment(cluster, spill_dir.as_deref());
        Self {
            cluster: cluster.clone(),
            sessions: [threads, 1].map(|n| new_session(n, cluster, &environment)),
        }
    }
}

/// Creates the environment of all plans: memory pool and, if memory is limited, the spill folder.
fn new_environment(cluster: &Cluster, spill_dir: Option<&Path>) -> Arc<RuntimeEnv> {
    // Folders are listed anew for each frame: files may have been added.
    let lookups = CacheManagerConfig::default().with_list_files_cache_limit(0);
    let mut environment = RuntimeEnvBuilder::new()
        .with_object_store_registry(remote::STORES.clone())
        .with_cache_manager(lookups);
    if let Some(folder) = spill_dir {
        // Operators spill at 60 % of the limit, as tasks do: they do not count all that they hold.
        environment = environment
            .with_memory_pool(memory_pool::shared((cluster.memory() / 5 * 3) as usize))
            .with_temp_file_path(folder);
    }
    // If the folder is unusable, running out of memory is an error when it happens.
    environment.build_arc().unwrap_or_default()
}

/// Creates a session that plans for this many partitions.
fn new_session(
    partitions: usize,
    cluster: &Cluster,
    environment: &Arc<RuntimeEnv>,
) -> SessionContext {
    let config = SessionConfig::new()
        .with_target_partitions(partitions)
        .with_information_schema(false)
        // Rows keep the order of their files: no round-robin distribution, and no work stealing.
        .with_round_robin_repartition(false)
        .set_bool("datafusion.execution.enable_file_stream_work_stealing", false)
        .set_bool("datafusion.sql_parser.map_string_types_to_utf8view", false)
        .set_bool("datafusion.optimizer.prefer_existing_union", true)
        // Partitions of a join with such a filter wait for one another, but may be read in sequence
        // here.
        .set_bool("datafusion.optimizer.enable_join_dynamic_filter_pushdown", false)
        // The smaller side of a join is built once for all workers, and the rows of the other are
        // not moved.
        .set_usize(
            "datafusion.optimizer.hash_join_single_partition_threshold",
            (cluster.memory() / 4).min(512 << 20) as usize,
        )
        .set_usize("datafusion.optimizer.hash_join_single_partition_threshold_rows", 16 << 20)
        .set_bool("datafusion.execution.collect_statistics", true);
    let limit = cluster.memory();
    let config = config.with_sort_spill_reservation_bytes(
        (limit / (8 * cluster.threads() as u64)).min(10 << 20) as usize,
    );
    let context = SessionContext::new_with_config_rt(config, environment.clone());
    sums::register(&context);
    // This rule would add up sums that were already rounded per distinct value.
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

    fn begin(
        &self,
        plan: &Arc<dyn ExecutionPlan>,
        rows: Rows,
        progress: Progress,
    ) -> Result<Box<dyn Running>> {
        let context = self.settings(rows).task_ctx();
        let at_once = coalesce::shuffles(plan);
        if progress == Progress::Hidden {
            return Ok(Box::new(LocalRun { plan: plan.clone(), context, at_once, _job: None }));
        }
        let plan = speculate::guessed(plan.clone()).during("planning")?;
        let names = observe::names(&plan);
        let job = Arc::new(Job::begin(names.iter().cloned()));
        let plan = observe::wrap(&plan, &names, &job, context.memory_pool()).during("planning")?;
        Ok(Box::new(LocalRun { plan, context, at_once, _job: Some(job) }))
    }

    fn again(&self, e: &Error, plan: &LogicalPlan, joins: Joins) -> Option<Joins> {
        // A join whose build side does not fit into memory is replanned as a sort-merge join, which
        // spills.
        let by_sort = e.is_out_of_memory() && joins == Joins::Hash && has_join(plan);
        by_sort.then_some(Joins::Sort)
    }
}

fn has_join(plan: &LogicalPlan) -> bool {
    // The walk itself cannot fail.
    plan.exists(|node| Ok(matches!(node, LogicalPlan::Join(_)))).unwrap_or(false)
}

/// A plan that is running on the threads of this process.
struct LocalRun {
    plan: Arc<dyn ExecutionPlan>,
    context: Arc<TaskContext>,
    at_once: bool,
    /// The progress display; ends with the run.
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
