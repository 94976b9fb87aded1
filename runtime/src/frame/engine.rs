//! Running a frame's plan: one DataFusion session for all frames, every operator's partition streams watched so that the
//! view under the cell shows them as tasks, and Cancel reaches into each batch.

use super::watch;
use crate::config;
use crate::error::{Error, ErrorKind, Result};
use crate::sched::{self, progress::Job};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::execution::context::SessionContext;
use datafusion::execution::memory_pool::MemoryPool;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};
use datafusion::prelude::SessionConfig;
use futures::TryStreamExt;
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

thread_local! {
    static WORKER: Cell<usize> = const { Cell::new(0) };
}

/// The threads that run frames, as many as there are workers.
static RUNTIME: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(config::threads())
        .thread_name("rask-frame")
        .thread_stack_size(8 << 20)
        .on_thread_start(|| {
            let worker = NEXT.fetch_add(1, Ordering::Relaxed) % config::threads();
            WORKER.set(worker);
            sched::cpu::register(worker);
        })
        .enable_all()
        .build()
        // Without threads there is no runtime.
        .unwrap_or_else(|e| panic!("the threads that run frames could not be started: {e}"))
});

/// All partitions at once, and one partition in file order.
static SESSIONS: LazyLock<[SessionContext; 2]> = LazyLock::new(|| {
    [config::threads(), 1].map(|partitions| {
        let config = SessionConfig::new()
            .with_target_partitions(partitions)
            .with_information_schema(false)
            // Rows keep the order of their files: nothing deals them out in turn, and no partition takes over another's part.
            .with_round_robin_repartition(false)
            .set_bool("datafusion.execution.enable_file_stream_work_stealing", false)
            .set_bool("datafusion.execution.parquet.schema_force_view_types", false)
            .set_bool("datafusion.sql_parser.map_string_types_to_utf8view", false)
            .set_bool("datafusion.execution.collect_statistics", true);
        SessionContext::new_with_config(config)
    })
});

/// Number of this thread's worker.
pub(super) fn worker() -> usize {
    WORKER.get()
}

/// The session that plans for all workers.
pub(super) fn session() -> &'static SessionContext {
    &SESSIONS[0]
}

/// Waits for something asynchronous from the user's thread, or until the user stops it.
pub(super) fn wait<T: Send + 'static>(work: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
    let done = RUNTIME.block_on(async {
        let task = RUNTIME.spawn(work);
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

/// A panic inside the engine.
fn joined(e: tokio::task::JoinError) -> Error {
    let message = match e.try_into_panic() {
        Ok(payload) => sched::panic_text(&*payload),
        Err(e) => e.to_string(),
    };
    ErrorKind::Engine { operation: "compute".to_owned(), message }.into()
}

/// The physical plan for all workers, or in one partition.
pub(super) fn physical(plan: &LogicalPlan, ordered: bool) -> Result<Arc<dyn ExecutionPlan>> {
    let (plan, state) = (plan.clone(), SESSIONS[usize::from(ordered)].state());
    wait(async move { state.create_physical_plan(&plan).await.map_err(|e| Error::engine("planning", &e)) })
}

/// Runs the plan; rows come in the order of the partitions.
pub(super) fn collect(plan: &LogicalPlan, ordered: bool) -> Result<RecordBatch> {
    let physical = physical(plan, ordered)?;
    let schema = physical.schema();
    let session = &SESSIONS[usize::from(ordered)];
    let context = session.task_ctx();
    let names = watch::names(&physical);
    let job = Arc::new(Job::begin(names.iter().cloned()));
    let watched = watch::wrap(&physical, &names, &job, context.memory_pool()).map_err(|e| Error::engine("planning", &e))?;
    let result = wait(async move {
        // Spawned tasks die with this set when the user stops the computation.
        let mut tasks = tokio::task::JoinSet::new();
        let partitions = watched.output_partitioning().partition_count();
        for partition in 0..partitions {
            let stream = watched.execute(partition, context.clone()).map_err(|e| Error::engine("compute", &e))?;
            tasks.spawn(async move { (partition, stream.try_collect::<Vec<_>>().await) });
        }
        let mut parts = vec![Vec::new(); partitions];
        while let Some(done) = tasks.join_next().await {
            let (partition, batches) = done.map_err(joined)?;
            parts[partition] = batches.map_err(|e| Error::engine("compute", &e))?;
        }
        Ok(parts.into_iter().flatten().collect::<Vec<_>>())
    });
    drop(job);
    concat(&schema, &result?)
}

fn concat(schema: &SchemaRef, batches: &[RecordBatch]) -> Result<RecordBatch> {
    arrow::compute::concat_batches(schema, batches)
        .map_err(|e| ErrorKind::Engine { operation: "compute".to_owned(), message: e.to_string() }.into())
}

/// Bytes that the engine's operators hold, as a share for each worker: they pass batches on to one another.
pub(super) fn reserved(pool: &Arc<dyn MemoryPool>) -> Vec<u64> {
    let workers = config::cluster().workers;
    vec![pool.reserved() as u64 / workers as u64; workers]
}
