//! In-memory sorts: gathers all rows, sorts their keys in parallel, and assembles the rows in that
//! order. If the rows exceed the memory limit, DataFusion's own sort, which spills to disk, takes
//! over with the gathered and the remaining rows.

mod keys;
pub(in crate::frame) mod part;
mod resume;

use crate::config;
use crate::frame::exec::join_order;
use crate::frame::exec::sort::part::{POOL, Part};
use crate::frame::types::batch::{BATCH, size};
use crate::frame::types::names::ROW;
use arrow::array::RecordBatch;
use arrow::compute::interleave_record_batch;
use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{LexOrdering, PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties,
};
use futures::{StreamExt, TryStreamExt, stream};
use resume::Begun;
use std::fmt;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet, spawn_blocking};

/// Removes sorts of sorted rows, and replaces the other sorts of whole tables by in-memory sorts.
pub(in crate::frame) fn in_memory(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let replaced = plan.transform_down(|node| {
        let whole = node
            .downcast_ref::<SortPreservingMergeExec>()
            .filter(|m| m.fetch().is_none())
            .and_then(|m| {
                let sort = m.input().downcast_ref::<SortExec>()?;
                (sort.preserve_partitioning() && sort.fetch().is_none() && sort.expr() == m.expr())
                    .then_some(sort)
            });
        let single = || {
            let sort = node.downcast_ref::<SortExec>()?;
            let one = sort.input().output_partitioning().partition_count() == 1;
            (one && sort.fetch().is_none() && !sort.preserve_partitioning()).then_some(sort)
        };
        let found = whole.or_else(single);
        let merged = node
            .downcast_ref::<SortPreservingMergeExec>()
            .filter(|m| m.fetch().is_none())
            .map(|m| (m.input(), m.expr()));
        if let Some((input, order)) = found.map(|s| (s.input(), s.expr())).or(merged)
            && let Some(kept) = join_order::in_order(input, order)?
        {
            return Ok(Transformed::yes(kept));
        }
        Ok(match found {
            Some(sort) => {
                Transformed::yes(Arc::new(Sorted::new(sort.input().clone(), sort.expr().clone()))
                    as Arc<dyn ExecutionPlan>)
            }
            None => Transformed::no(node),
        })
    });
    join_order::apart(replaced.data()?)
}

/// Returns whether the plan ends in a sort into one partition.
pub(in crate::frame) fn is_last(plan: &Arc<dyn ExecutionPlan>) -> bool {
    plan.is::<Sorted>() || join_order::keeps_order(plan) && is_last(plan.children()[0])
}

/// Sorts the rows of all partitions.
#[derive(Debug)]
struct Sorted {
    input: Arc<dyn ExecutionPlan>,
    order: LexOrdering,
    properties: Arc<PlanProperties>,
}

/// DataFusion's own sort of the same rows. Each of its sorters reserves memory, so there are no
/// more of them than threads.
fn on_disk(input: Arc<dyn ExecutionPlan>, order: &LexOrdering) -> Arc<dyn ExecutionPlan> {
    let partitions = input.output_partitioning().partition_count();
    if partitions == 1 {
        return Arc::new(SortExec::new(order.clone(), input));
    }
    if partitions > config::threads() {
        return Arc::new(SortExec::new(
            order.clone(),
            Arc::new(CoalescePartitionsExec::new(input)),
        ));
    }
    let sorted = SortExec::new(order.clone(), input).with_preserve_partitioning(true);
    Arc::new(SortPreservingMergeExec::new(order.clone(), Arc::new(sorted)))
}

impl Sorted {
    fn new(input: Arc<dyn ExecutionPlan>, order: LexOrdering) -> Self {
        let properties = on_disk(input.clone(), &order).properties().clone();
        Self { input, order, properties }
    }
}

impl DisplayAs for Sorted {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SortExec: in memory, expr=[{}]", self.order)
    }
}

impl ExecutionPlan for Sorted {
    passthrough!(name "SortExec", input |p| &p.input);

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.order.iter().try_fold(TreeNodeRecursion::Continue, |_, e| f(&e.expr))
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(Self {
            input: children.swap_remove(0),
            order: self.order.clone(),
            properties: self.properties.clone(),
        }))
    }

    fn execute(&self, _: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let (input, order, schema) = (self.input.clone(), self.order.clone(), self.schema());
        let rows = stream::once(async move {
            let memory = Arc::new(MemoryConsumer::new("sort").register(context.memory_pool()));
            let parts = gathered(&input, &context, &memory).await?;
            if parts.iter().any(|(_, rest)| rest.is_some()) {
                // The external sort consumes these rows first, and accounts for them itself.
                drop(memory);
                return on_disk(Arc::new(Begun::new(input.schema(), parts)), &order)
                    .execute(0, context);
            }
            let batches = parts
                .into_iter()
                .flat_map(|(batches, _)| batches)
                .filter(|b| b.num_rows() > 0)
                .collect();
            sorted(input.schema(), batches, wanted(&input, &order), memory).await
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, rows.try_flatten())))
    }
}

/// Returns the required keys: the row number is dropped if the rows arrive in its order, as the
/// sort is stable.
fn wanted(input: &Arc<dyn ExecutionPlan>, order: &LexOrdering) -> Vec<PhysicalSortExpr> {
    let is_row = |e: &PhysicalSortExpr| {
        e.expr.downcast_ref::<Column>().is_some_and(|c| c.name() == ROW) && !e.options.descending
    };
    let mut keys: Vec<_> = order.iter().cloned().collect();
    if keys.len() > 1
        && keys.last().is_some_and(is_row)
        && input.output_ordering().is_some_and(|o| is_row(o.first()))
    {
        keys.pop();
    }
    keys
}

/// Gathers the rows of each partition, as many as fit into memory.
async fn gathered(
    input: &Arc<dyn ExecutionPlan>,
    context: &Arc<TaskContext>,
    memory: &Arc<MemoryReservation>,
) -> Result<Vec<Part>> {
    let mut tasks = JoinSet::new();
    let full = Arc::new(watch::Sender::new(false));
    let partitions = input.output_partitioning().partition_count();
    for partition in 0..partitions {
        let (mut rows, memory, full) =
            (input.execute(partition, context.clone())?, memory.clone(), full.clone());
        tasks.spawn(async move {
            let (mut batches, mut told) = (Vec::new(), full.subscribe());
            while !*told.borrow() {
                let batch = tokio::select! {
                    // Another partition reached the memory limit.
                    _ = told.changed() => break,
                    batch = rows.next() => batch.transpose()?,
                };
                let Some(batch) = batch else { return Ok((partition, (batches, None))) };
                // The rows, the sorted rows, and a key and a position for each.
                let bytes = 2 * size(&batch) as usize + 32 * batch.num_rows();
                if memory.try_grow(bytes).is_err() {
                    full.send_replace(true);
                }
                batches.push(batch);
            }
            Ok::<_, DataFusionError>((partition, (batches, Some(rows))))
        });
    }
    let mut parts: Vec<Part> = (0..partitions).map(|_| Part::default()).collect();
    while let Some(done) = tasks.join_next().await {
        let (partition, part) = done.map_err(failed).flatten()?;
        parts[partition] = part;
    }
    Ok(parts)
}

fn failed(e: JoinError) -> DataFusionError {
    DataFusionError::Execution(format!("sort: {e}"))
}

async fn sorted(
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
    keys: Vec<PhysicalSortExpr>,
    memory: Arc<MemoryReservation>,
) -> Result<SendableRecordBatchStream> {
    if batches.is_empty() {
        return Ok(Box::pin(RecordBatchStreamAdapter::new(schema, stream::empty())));
    }
    let (batches, places) = spawn_blocking(move || {
        let places = POOL.install(|| keys::order(&batches, &keys))?;
        Ok::<_, DataFusionError>((Arc::new(batches), Arc::new(places)))
    })
    .await
    .map_err(failed)??;
    let starts = (0..places.len()).step_by(BATCH);
    let made = stream::iter(starts).map(move |start| {
        let (batches, places) = (batches.clone(), places.clone());
        async move {
            let put = spawn_blocking(move || {
                let all: Vec<&RecordBatch> = batches.iter().collect();
                let end = (start + BATCH).min(places.len());
                let rows: Vec<_> = places[start..end]
                    .iter()
                    .map(|p| ((p >> 32) as usize, (p & 0xffff_ffff) as usize))
                    .collect();
                interleave_record_batch(&all, &rows)
            });
            Ok(put.await.map_err(failed)??)
        }
    });
    let rows = made.buffered(config::threads() * 2).inspect(move |_| {
        // Holds the reservation until the last row is emitted.
        let _ = &memory;
    });
    Ok(Box::pin(RecordBatchStreamAdapter::new(schema, rows)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prelude::{DataFrame, Series};
    use arrow::array::AsArray;
    use arrow::datatypes::Float64Type;
    use datafusion::physical_plan::execution_plan::reset_plan_states;
    use rand::{RngExt, SeedableRng};

    /// Compares sorts with a simple reference implementation.
    fn check(values: &[Option<f64>], texts: &[Option<String>]) {
        let df = DataFrame::from_columns([
            ("x", Series::from_iter(values.to_vec())),
            ("s", Series::from_iter(texts.to_vec())),
            ("row", Series::from_iter(0..values.len() as i64)),
        ]);
        let rows =
            |df: &DataFrame| df.compute().unwrap().column("row").unwrap().to_vec::<i64>().unwrap();
        let slow = |compare: &dyn Fn(usize, usize) -> std::cmp::Ordering| {
            let mut order: Vec<usize> = (0..values.len()).collect();
            order.sort_by(|a, b| compare(*a, *b));
            order.into_iter().map(|i| i as i64).collect::<Vec<_>>()
        };
        let floats = |a: usize, b: usize| match (values[a], values[b]) {
            (Some(x), Some(y)) => (x + 0.0).total_cmp(&(y + 0.0)),
            (x, y) => x.is_none().cmp(&y.is_none()),
        };
        let words = |a: usize, b: usize| match (&texts[a], &texts[b]) {
            (Some(x), Some(y)) => x.cmp(y),
            (x, y) => x.is_none().cmp(&y.is_none()),
        };
        for parts in [1, 3] {
            let df = df.repartition(parts);
            assert_eq!(rows(&df.sort_values("x")), slow(&floats));
            assert_eq!(
                rows(&df.sort_values(["s", "x"])),
                slow(&|a, b| words(a, b).then_with(|| floats(a, b)))
            );
            let descending = |a: usize, b: usize| match (values[a], values[b]) {
                (Some(_), Some(_)) => floats(b, a),
                _ => floats(a, b),
            };
            assert_eq!(rows(&df.sort_values_descending("x")), slow(&descending));
        }
    }

    #[test]
    fn rows_are_in_order_and_equal_ones_stay_in_theirs() {
        let mut random = rand::rngs::StdRng::seed_from_u64(2);
        check(&[], &[]);
        check(&[None, None], &[None, Some(String::new())]);
        for n in [1, 5, 300, 20_000] {
            let values: Vec<_> = (0..n)
                .map(|_| {
                    [
                        None,
                        Some(0.0),
                        Some(-0.0),
                        Some(f64::INFINITY),
                        Some(f64::from(random.random_range(-50..50)) / 4.0),
                    ][random.random_range(0..5)]
                })
                .collect();
            let texts: Vec<_> = (0..n)
                .map(|_| {
                    (random.random_range(0..4) > 0).then(|| "ab".repeat(random.random_range(0..3)))
                })
                .collect();
            check(&values, &texts);
        }
    }

    #[test]
    fn values_at_the_end_of_their_type_are_not_missing() {
        let of = |values: &[Option<u64>]| {
            let parts = values
                .chunks(2)
                .map(|part| DataFrame::from_columns([("u", Series::from_iter(part.to_vec()))]));
            crate::frame::concat(&parts.collect::<Vec<_>>())
        };
        let sorted = |df: DataFrame| {
            df.compute().unwrap().column("u").unwrap().to_vec::<Option<u64>>().unwrap()
        };
        let df = of(&[Some(3), None, Some(0), Some(u64::MAX)]);
        assert_eq!(
            sorted(df.sort_values_descending("u")),
            [Some(u64::MAX), Some(3), Some(0), None]
        );
        assert_eq!(sorted(df.sort_values("u")), [Some(0), Some(3), Some(u64::MAX), None]);
    }

    /// Returns the plan of a frame sorted by `x`.
    fn by_x(df: &DataFrame) -> Arc<dyn ExecutionPlan> {
        crate::frame::engine::collect::current(df.sort_values("x").plan().unwrap()).unwrap()
    }

    /// Returns its `x` under a memory limit, of which some bytes are reserved for merges.
    fn sorted_within(plan: &Arc<dyn ExecutionPlan>, limit: usize, reserved: usize) -> Vec<f64> {
        use datafusion::execution::runtime_env::RuntimeEnvBuilder;
        use datafusion::prelude::SessionConfig;
        let environment = RuntimeEnvBuilder::new()
            .with_memory_pool(crate::frame::exec::memory_pool::shared(limit))
            .build_arc()
            .unwrap();
        let settings = SessionConfig::new().with_sort_spill_reservation_bytes(reserved);
        let context = Arc::new(
            TaskContext::default().with_session_config(settings).with_runtime(environment),
        );
        let plan = reset_plan_states(plan.clone()).unwrap();
        let batches = crate::frame::threads::wait(async move {
            Ok(datafusion::physical_plan::collect(plan, context).await.unwrap())
        });
        let column = |b: &RecordBatch| {
            b.column_by_name("x").unwrap().as_primitive::<Float64Type>().values().to_vec()
        };
        batches.unwrap().iter().flat_map(column).collect()
    }

    #[test]
    fn what_memory_does_not_hold_is_sorted_on_disk() {
        let wide = by_x(&DataFrame::timeseries("2000-01-01", "2000-01-16", "1s"));
        assert!(
            datafusion::physical_plan::displayable(wide.as_ref())
                .indent(false)
                .to_string()
                .contains("in memory")
        );
        let whole = sorted_within(&wide, usize::MAX, 1 << 20);
        assert!(whole.len() == 15 * 86_400 && whole.is_sorted());
        assert!(sorted_within(&wide, 40_000_000, 1 << 20) == whole);
    }

    #[test]
    fn sorts_side_by_side_share_the_memory_for_many_files() {
        let plan =
            by_x(&DataFrame::timeseries("2000-01-01", "2000-02-10", "1s").select(["x", "id"]));
        let whole = sorted_within(&plan, usize::MAX, 0);
        assert!(whole.len() == 40 * 86_400 && whole.is_sorted());
        for limit in [12_000_000, 15_000_000, 19_000_000, 23_000_000, 27_000_000, 31_000_000] {
            assert!(sorted_within(&plan, limit, limit / 10) == whole, "{limit}");
        }
    }
}
