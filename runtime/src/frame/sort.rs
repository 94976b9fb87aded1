//! Sorts in memory: all rows are gathered, their keys sorted side by side, and rows put together in that order. Where the memory
//! that is allowed does not hold them, the engine's own sort takes over, which goes to disk.

use super::engine::{self, BATCH};
use super::keeping;
use super::order::ROW;
use crate::config;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::{cast, interleave_record_batch};
use arrow::datatypes::{DataType, Float32Type, Float64Type, Int64Type, SchemaRef, UInt64Type};
use arrow::row::{RowConverter, SortField};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{LexOrdering, PhysicalExpr, PhysicalSortExpr, expressions::Column};
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::execution_plan::reset_plan_states;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties};
use futures::{StreamExt, TryStreamExt, stream};
use rayon::prelude::*;
use std::fmt;
use std::sync::{Arc, LazyLock};
use tokio::task::{JoinSet, spawn_blocking};

/// Threads that sort and do nothing else: on those of tasks, a sort could wait for a task that waits for the sort.
static POOL: LazyLock<rayon::ThreadPool> = LazyLock::new(|| {
    let threads = rayon::ThreadPoolBuilder::new().num_threads(config::threads()).thread_name(|i| format!("rask-sort-{i}")).build();
    // Without threads nothing can be sorted; the message says which limit was met.
    threads.unwrap_or_else(|e| panic!("the threads that sort could not be started: {e}"))
});

/// The plan without sorts of what is in order, and with the other sorts of whole tables in memory.
pub(super) fn in_memory(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let replaced = plan.transform_down(|node| {
        let whole = node.downcast_ref::<SortPreservingMergeExec>().filter(|m| m.fetch().is_none()).and_then(|m| {
            let sort = m.input().downcast_ref::<SortExec>()?;
            (sort.preserve_partitioning() && sort.fetch().is_none() && sort.expr() == m.expr()).then_some(sort)
        });
        let single = || {
            let sort = node.downcast_ref::<SortExec>()?;
            let one = sort.input().output_partitioning().partition_count() == 1;
            (one && sort.fetch().is_none() && !sort.preserve_partitioning()).then_some(sort)
        };
        let found = whole.or_else(single);
        let merged = node.downcast_ref::<SortPreservingMergeExec>().filter(|m| m.fetch().is_none()).map(|m| (m.input(), m.expr()));
        if let Some((input, order)) = found.map(|s| (s.input(), s.expr())).or(merged)
            && let Some(kept) = keeping::in_order(input, order)?
        {
            return Ok(Transformed::yes(kept));
        }
        Ok(match found {
            Some(sort) => Transformed::yes(Arc::new(Sorted::new(sort.input().clone(), sort.expr().clone())) as Arc<dyn ExecutionPlan>),
            None => Transformed::no(node),
        })
    });
    keeping::apart(replaced.data()?)
}

/// The rows of all partitions in order.
#[derive(Debug)]
struct Sorted {
    input: Arc<dyn ExecutionPlan>,
    order: LexOrdering,
    properties: Arc<PlanProperties>,
}

/// The engine's own sort of the same rows. Each of its sorters asks for memory, so there are no more of them than threads.
fn on_disk(input: Arc<dyn ExecutionPlan>, order: &LexOrdering) -> Arc<dyn ExecutionPlan> {
    let partitions = input.output_partitioning().partition_count();
    if partitions == 1 {
        return Arc::new(SortExec::new(order.clone(), input));
    }
    if partitions > config::threads() {
        return Arc::new(SortExec::new(order.clone(), Arc::new(CoalescePartitionsExec::new(input))));
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
    fn name(&self) -> &str {
        "SortExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(&self, f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>) -> Result<TreeNodeRecursion> {
        self.order.iter().try_fold(TreeNodeRecursion::Continue, |_, e| f(&e.expr))
    }

    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(Self { input: children.swap_remove(0), order: self.order.clone(), properties: self.properties.clone() }))
    }

    fn execute(&self, _: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let (input, order, schema) = (self.input.clone(), self.order.clone(), self.schema());
        let rows = stream::once(async move {
            let memory = Arc::new(MemoryConsumer::new("sort").register(context.memory_pool()));
            match gathered(&input, &context, &memory).await {
                Ok(batches) => sorted(input.schema(), batches, keys(&input, &order), memory).await,
                Err(e) if matches!(e.find_root(), DataFusionError::ResourcesExhausted(_)) => {
                    drop(memory);
                    on_disk(reset_plan_states(input)?, &order).execute(0, context)
                }
                Err(e) => Err(e),
            }
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, rows.try_flatten())))
    }
}

/// The keys that are needed: rows that come in the order of their numbers keep it where all else is equal.
fn keys(input: &Arc<dyn ExecutionPlan>, order: &LexOrdering) -> Vec<PhysicalSortExpr> {
    let is_row = |e: &PhysicalSortExpr| e.expr.downcast_ref::<Column>().is_some_and(|c| c.name() == ROW) && !e.options.descending;
    let mut keys: Vec<_> = order.iter().cloned().collect();
    if keys.len() > 1 && keys.last().is_some_and(is_row) && input.output_ordering().is_some_and(|o| is_row(o.first())) {
        keys.pop();
    }
    keys
}

/// All rows, partition by partition.
async fn gathered(input: &Arc<dyn ExecutionPlan>, context: &Arc<TaskContext>, memory: &Arc<MemoryReservation>) -> Result<Vec<RecordBatch>> {
    let mut tasks = JoinSet::new();
    let partitions = input.output_partitioning().partition_count();
    for partition in 0..partitions {
        let (mut rows, memory) = (input.execute(partition, context.clone())?, memory.clone());
        tasks.spawn(async move {
            let mut batches = Vec::new();
            while let Some(batch) = rows.next().await {
                let batch = batch?;
                // The rows, the rows in order, and a key and a place for each.
                memory.try_grow(2 * engine::size(&batch) as usize + 32 * batch.num_rows())?;
                batches.push(batch);
            }
            Ok::<_, DataFusionError>((partition, batches))
        });
    }
    let mut parts = vec![Vec::new(); partitions];
    while let Some(done) = tasks.join_next().await {
        match done.map_err(|e| DataFusionError::Execution(format!("sort: {e}"))).flatten() {
            Ok((partition, batches)) => parts[partition] = batches,
            Err(e) => {
                // What the others hold is free before anything else is tried.
                tasks.shutdown().await;
                return Err(e);
            }
        }
    }
    Ok(parts.into_iter().flatten().filter(|b| b.num_rows() > 0).collect())
}

/// A batch and a row in it.
type Place = u64;

fn place(batch: usize, row: usize) -> Place {
    (batch as u64) << 32 | row as u64
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
    let failed = |e: tokio::task::JoinError| DataFusionError::Execution(format!("sort: {e}"));
    let (batches, places) = spawn_blocking(move || {
        let places = POOL.install(|| order(&batches, &keys))?;
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
                let rows: Vec<_> = places[start..end].iter().map(|p| ((p >> 32) as usize, (p & 0xffff_ffff) as usize)).collect();
                interleave_record_batch(&all, &rows)
            });
            Ok(put.await.map_err(failed)??)
        }
    });
    let rows = made.buffered(config::threads() * 2).inspect(move |_| {
        // The memory is held until the last row is out.
        let _ = &memory;
    });
    Ok(Box::pin(RecordBatchStreamAdapter::new(schema, rows)))
}

/// The places of all rows in order; of equal rows, those that come first are first.
fn order(batches: &[RecordBatch], keys: &[PhysicalSortExpr]) -> Result<Vec<Place>> {
    let column = |key: &PhysicalSortExpr, batch: &RecordBatch| -> Result<ArrayRef> {
        let values = key.expr.evaluate(batch)?.into_array(batch.num_rows())?;
        Ok(match values.data_type() {
            // Both zeros are equal.
            DataType::Float64 => Arc::new(values.as_primitive::<Float64Type>().unary::<_, Float64Type>(|x| x + 0.0)),
            DataType::Float32 => Arc::new(values.as_primitive::<Float32Type>().unary::<_, Float32Type>(|x| x + 0.0)),
            _ => values,
        })
    };
    let columns = |batch: &RecordBatch| keys.iter().map(|k| column(k, batch)).collect::<Result<Vec<_>>>();
    let columns = batches.par_iter().map(columns).collect::<Result<Vec<_>>>()?;
    let numbers = |key: usize| -> Option<Vec<Vec<u64>>> { columns.par_iter().map(|c| numbers(&c[key], &keys[key])).collect() };
    match keys.len() {
        1 => {
            if let Some(numbers) = numbers(0) {
                return Ok(by_numbers(&numbers));
            }
        }
        2 => {
            if let (Some(first), Some(second)) = (numbers(0), numbers(1)) {
                let both = |(a, b): (&Vec<u64>, &Vec<u64>)| {
                    a.iter().zip(b).map(|(a, b)| u128::from(*a) << 64 | u128::from(*b)).collect::<Vec<_>>()
                };
                return Ok(by_numbers(&first.par_iter().zip(&second).map(both).collect::<Vec<_>>()));
            }
        }
        _ => {}
    }
    let fields = keys.iter().zip(&columns[0]).map(|(k, c)| SortField::new_with_options(c.data_type().clone(), k.options)).collect();
    let converter = RowConverter::new(fields)?;
    let rows = columns.iter().map(|c| converter.convert_columns(c)).collect::<std::result::Result<Vec<_>, _>>()?;
    let mut places: Vec<Place> =
        batches.iter().enumerate().flat_map(|(b, batch)| (0..batch.num_rows()).map(move |r| place(b, r))).collect();
    let row = |p: &Place| rows[(p >> 32) as usize].row((p & 0xffff_ffff) as usize);
    places.par_sort_unstable_by(|a, b| row(a).cmp(&row(b)).then_with(|| a.cmp(b)));
    Ok(places)
}

fn by_numbers<N: Copy + Ord + Send + Sync>(numbers: &[Vec<N>]) -> Vec<Place> {
    let pair = |(b, batch): (usize, &Vec<N>)| batch.iter().enumerate().map(|(r, n)| (*n, place(b, r))).collect::<Vec<_>>();
    let mut pairs: Vec<(N, Place)> = numbers.par_iter().enumerate().flat_map_iter(pair).collect();
    pairs.par_sort_unstable();
    pairs.into_par_iter().map(|(_, place)| place).collect()
}

/// The values of a key as numbers of the same order, missing ones included; `None` where there are none.
fn numbers(array: &ArrayRef, key: &PhysicalSortExpr) -> Option<Vec<u64>> {
    const SIGN: u64 = 1 << 63;
    let float = |x: f64| {
        let bits = x.to_bits();
        if bits & SIGN == 0 { bits ^ SIGN } else { !bits }
    };
    let mut numbers: Vec<u64> = match array.data_type() {
        DataType::UInt64 => array.as_primitive::<UInt64Type>().values().to_vec(),
        t if t.is_floating() => {
            cast(array, &DataType::Float64).ok()?.as_primitive::<Float64Type>().values().iter().map(|x| float(*x)).collect()
        }
        t if t.is_integer() || matches!(t, DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 | DataType::Duration(_)) => {
            cast(array, &DataType::Int64).ok()?.as_primitive::<Int64Type>().values().iter().map(|i| *i as u64 ^ SIGN).collect()
        }
        _ => return None,
    };
    if key.options.descending {
        numbers.iter_mut().for_each(|n| *n = !*n);
    }
    if array.null_count() > 0 {
        let missing = if key.options.nulls_first { 0 } else { u64::MAX };
        for (i, n) in numbers.iter_mut().enumerate() {
            if array.is_null(i) {
                *n = missing;
            } else if *n == missing {
                return None;
            }
        }
    }
    Some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prelude::{DataFrame, Series};
    use rand::{RngExt, SeedableRng};

    /// Rows in order, by a sort that is written out.
    fn check(values: &[Option<f64>], texts: &[Option<String>]) {
        let df = DataFrame::from_columns([
            ("x", Series::from_iter(values.to_vec())),
            ("s", Series::from_iter(texts.to_vec())),
            ("row", Series::from_iter(0..values.len() as i64)),
        ]);
        let rows = |df: &DataFrame| df.compute().unwrap().column("row").unwrap().to_vec::<i64>().unwrap();
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
            assert_eq!(rows(&df.sort_values(["s", "x"])), slow(&|a, b| words(a, b).then_with(|| floats(a, b))));
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
                    [None, Some(0.0), Some(-0.0), Some(f64::INFINITY), Some(f64::from(random.random_range(-50..50)) / 4.0)]
                        [random.random_range(0..5)]
                })
                .collect();
            let texts: Vec<_> = (0..n).map(|_| (random.random_range(0..4) > 0).then(|| "ab".repeat(random.random_range(0..3)))).collect();
            check(&values, &texts);
        }
    }

    #[test]
    fn what_memory_does_not_hold_is_sorted_on_disk() {
        use datafusion::execution::runtime_env::RuntimeEnvBuilder;
        let df = DataFrame::timeseries("2000-01-01", "2000-01-16", "1s").sort_values("x");
        let plan = crate::frame::engine::current(df.plan().unwrap()).unwrap();
        assert!(datafusion::physical_plan::displayable(plan.as_ref()).indent(false).to_string().contains("in memory"));
        let xs = |limit: usize| {
            let environment = RuntimeEnvBuilder::new().with_memory_limit(limit, 1.0).build_arc().unwrap();
            let context = Arc::new(TaskContext::default().with_runtime(environment));
            let plan = reset_plan_states(plan.clone()).unwrap();
            let batches = crate::frame::engine::wait(async move { Ok(datafusion::physical_plan::collect(plan, context).await.unwrap()) });
            let column = |b: &RecordBatch| b.column(3).as_primitive::<Float64Type>().values().to_vec();
            batches.unwrap().iter().flat_map(column).collect::<Vec<_>>()
        };
        let whole = xs(usize::MAX);
        assert!(whole.len() == 15 * 86_400 && whole.is_sorted());
        assert!(xs(40_000_000) == whole);
    }
}
