//! Joins that preserve the order of rows: the build side is shared by all workers and the rows of
//! the probe side stay in their partitions, so the result needs no sort. Also the concatenation of
//! partitions.

use crate::frame::exec::coalesce;
use crate::frame::plan::order::ORDERED_EXEC;
use crate::frame::threads;
use crate::frame::types::batch;
use crate::frame::types::names::is_row;
use arrow::array::RecordBatch;
use datafusion::common::JoinType;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{LexOrdering, PhysicalSortExpr};
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::execution_plan::replace_children_if_necessary;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::joins::{HashJoinExec, PartitionMode};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties,
};
use futures::{StreamExt, stream};
use std::fmt;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Replaces a sort by the row numbers of both sides of a join if the join already emits this order:
/// returns the same rows in one partition.
pub(in crate::frame) fn in_order(
    sorted: &Arc<dyn ExecutionPlan>,
    order: &LexOrdering,
) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    // The rows of a join are numbered on each side before it, and sorted by both numbers after it:
    // pandas' order. Any other key, or a third, is a sort that the user asked for.
    let places: Option<Vec<usize>> = order.iter().map(row_of).collect();
    let Some(places) = places.filter(|p| p.len() <= 2) else { return Ok(None) };
    let Some(kept) = keeping(sorted, &places)? else { return Ok(None) };
    Ok(Some(if kept.output_partitioning().partition_count() == 1 {
        kept
    } else {
        Arc::new(Concatenated::new(kept))
    }))
}

/// Returns the index of the row-number column of an ascending sort key.
fn row_of(e: &PhysicalSortExpr) -> Option<usize> {
    let column = e.expr.downcast_ref::<Column>()?;
    (is_row(column.name()) && !e.options.descending).then_some(column.index())
}

/// Returns the plan with a join that keeps the order by these columns: first the probe rows, then
/// their matches.
fn keeping(
    plan: &Arc<dyn ExecutionPlan>,
    places: &[usize],
) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    if let Some(join) = plan.downcast_ref::<HashJoinExec>() {
        return joined(plan, join, places);
    }
    let below = if let Some(p) = plan.downcast_ref::<ProjectionExec>() {
        places
            .iter()
            .map(|i| Some(p.expr()[*i].expr.downcast_ref::<Column>()?.index()))
            .collect::<Option<Vec<_>>>()
    } else if plan.is::<CooperativeExec>() {
        Some(places.to_vec())
    } else {
        None
    };
    let Some(below) = below else { return Ok(None) };
    let Some(input) = keeping(plan.children()[0], &below)? else { return Ok(None) };
    replace_children_if_necessary(plan.clone(), vec![input]).map(Some)
}

fn joined(
    plan: &Arc<dyn ExecutionPlan>,
    join: &HashJoinExec,
    places: &[usize],
) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    // With both sides shuffled by their keys, no partition has rows that follow one another.
    if *join.partition_mode() != PartitionMode::CollectLeft {
        return Ok(None);
    }
    let places: Vec<_> =
        places.iter().map(|i| join.projection.as_ref().map_or(*i, |p| p[*i])).collect();
    let left = join.left().schema().fields().len();
    // The side whose rows a column numbers, and its index there.
    let of = |i: usize| match join.join_type() {
        // Left, full and left semi joins emit what is left of the build side last, in no order.
        JoinType::Inner | JoinType::Right => {
            Some(if i < left { (true, i) } else { (false, i - left) })
        }
        JoinType::RightSemi | JoinType::RightAnti => Some((false, i)),
        _ => None,
    };
    let sides: Option<Vec<_>> = places.iter().map(|i| of(*i)).collect();
    match sides.as_deref() {
        Some([(false, i)]) if rises(join.right(), *i) => Ok(Some(plan.clone())),
        // A probe row meets its matches in the order in which the build side was read, so that side
        // must be read in order as well.
        Some([(false, i), (true, j)]) if rises(join.right(), *i) => {
            let Some(held) = held_in_order(join.left(), *j) else { return Ok(None) };
            replace_children_if_necessary(plan.clone(), vec![held, join.right().clone()]).map(Some)
        }
        _ => Ok(None),
    }
}

/// Returns whether the column increases within each partition and from one to the next.
fn rises(plan: &Arc<dyn ExecutionPlan>, place: usize) -> bool {
    plan.output_ordering().is_some_and(|o| row_of(o.first()) == Some(place)) && stay(plan)
}

/// Returns whether rows are in the partitions in which they were numbered. An ordering alone says
/// that each partition is sorted, which one after a shuffle can be too.
fn stay(plan: &Arc<dyn ExecutionPlan>) -> bool {
    match plan.children()[..] {
        _ if plan.name() == ORDERED_EXEC => true,
        [input] => plan.name() != "RepartitionExec" && stay(input),
        _ => false,
    }
}

/// Returns the build side in the order of a column.
fn held_in_order(plan: &Arc<dyn ExecutionPlan>, place: usize) -> Option<Arc<dyn ExecutionPlan>> {
    if let Some(any) = plan.downcast_ref::<CoalescePartitionsExec>() {
        return rises(any.input(), place)
            .then(|| Arc::new(Concatenated::new(any.input().clone())) as Arc<dyn ExecutionPlan>);
    }
    (plan.output_partitioning().partition_count() == 1 && rises(plan, place)).then(|| plan.clone())
}

/// Concatenates partitions in order. All run concurrently; batches that arrive early are buffered
/// while memory allows, else their producer waits.
#[derive(Debug)]
struct Concatenated {
    input: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
}

impl Concatenated {
    fn new(input: Arc<dyn ExecutionPlan>) -> Self {
        let properties = coalesce::in_partitions(&input, 1);
        Self { input, properties }
    }
}

impl DisplayAs for Concatenated {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConcatExec: partitions in order")
    }
}

impl ExecutionPlan for Concatenated {
    passthrough!(name "ConcatExec", input |p| &p.input, no_expressions, statistics);

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(Self::new(children.swap_remove(0))))
    }

    fn execute(&self, _: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let partitions = self.input.output_partitioning().partition_count();
        let rows = (0..partitions)
            .map(|i| ahead(self.input.execute(i, context.clone())?, &context))
            .collect::<Result<Vec<_>>>()?;
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), stream::iter(rows).flatten())))
    }
}

/// Returns whether an operator with one input preserves the order of its rows.
pub(in crate::frame) fn keeps_order(plan: &Arc<dyn ExecutionPlan>) -> bool {
    plan.is::<ProjectionExec>() || plan.is::<FilterExec>() || plan.name() == ORDERED_EXEC
}

/// Removes a final concatenation of partitions: the caller reads them in order.
pub(in crate::frame) fn apart(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    if let Some(all) = plan.downcast_ref::<Concatenated>() {
        return Ok(all.input.clone());
    }
    if keeps_order(&plan) {
        let input = plan.children()[0];
        let parts = apart(input.clone())?;
        return if Arc::ptr_eq(input, &parts) {
            Ok(plan)
        } else {
            replace_children_if_necessary(plan, vec![parts])
        };
    }
    Ok(plan)
}

/// Returns the batches of a partition, which runs in its own task.
fn ahead(
    mut rows: SendableRecordBatchStream,
    context: &Arc<TaskContext>,
) -> Result<impl stream::Stream<Item = Result<RecordBatch>> + use<>> {
    let memory = Arc::new(MemoryConsumer::new("concat").register(context.memory_pool()));
    let (tx, rx) = mpsc::unbounded_channel::<(Result<RecordBatch>, usize)>();
    let taken = Arc::new(tokio::sync::Notify::new());
    let (held, told) = (memory.clone(), taken.clone());
    let task = datafusion::common::runtime::SpawnedTask::spawn(async move {
        while let Some(batch) = rows.next().await {
            let bytes = batch.as_ref().map_or(0, |b| batch::size(b) as usize);
            // If memory is short, waits until buffered batches are consumed; a single batch always
            // passes.
            while held.try_grow(bytes).is_err() && held.size() > 0 {
                told.notified().await;
            }
            // After an error, a stream may return errors forever.
            let failed = batch.is_err();
            if tx.send((batch, bytes)).is_err() || failed {
                break;
            }
        }
    });
    Ok(stream::unfold(Some((rx, task, memory, taken)), |state| async move {
        let (mut rx, task, memory, taken) = state?;
        let Some((batch, bytes)) = rx.recv().await else {
            // A task that did not finish panicked.
            let ended = task.join().await;
            return ended
                .err()
                .map(|e| (Err(DataFusionError::Execution(threads::joined(e).to_string())), None));
        };
        memory.shrink(bytes.min(memory.size()));
        taken.notify_one();
        Some((batch, Some((rx, task, memory, taken))))
    }))
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;

    fn frame(keys: &[i64], name: &str, parts: usize) -> DataFrame {
        let rows = Series::from_iter(0..keys.len() as i64);
        DataFrame::from_columns([("k", Series::from_iter(keys.to_vec())), (name, rows)])
            .repartition(parts)
    }

    /// Checks pairs of rows in the order of the left frame, then of the right one.
    fn check(left: &[i64], right: &[i64], how: Join) {
        let mut want = Vec::new();
        for (i, k) in left.iter().enumerate() {
            let found: Vec<_> = right
                .iter()
                .enumerate()
                .filter(|(_, r)| *r == k)
                .map(|(j, _)| Some(j as i64))
                .collect();
            let none = if found.is_empty() && how == Join::Left { vec![None] } else { Vec::new() };
            want.extend(found.into_iter().chain(none).map(|j| (i as i64, j)));
        }
        for (a, b) in [(1, 1), (4, 1), (1, 3), (5, 3), (left.len().min(40), right.len())] {
            let joined =
                Merge::new().how(how).on("k").join(&frame(left, "i", a), &frame(right, "j", b));
            let t = joined.compute().unwrap();
            let (i, j) = (
                t.column("i").unwrap().to_vec::<i64>().unwrap(),
                t.column("j").unwrap().to_vec::<Option<i64>>().unwrap(),
            );
            assert_eq!(
                i.into_iter().zip(j).collect::<Vec<_>>(),
                want,
                "{how:?} in {a} and {b} partitions"
            );
        }
    }

    #[test]
    fn joins_come_in_the_order_of_their_rows() {
        let left: Vec<i64> = (0..20_000).map(|i| i * 7919 % 23).collect();
        let right: Vec<i64> = (0..30).map(|i| i * 31 % 17).collect();
        for how in [Join::Inner, Join::Left] {
            check(&left, &right, how);
            check(&right, &left, how);
        }
    }

    #[test]
    fn a_panic_on_one_side_is_an_error() {
        let right = frame(&(0..1000).collect::<Vec<_>>(), "j", 3);
        let right = right
            .with_column("j", col("j").map(|j: i64| if j == 800 { panic!("no {j}") } else { j }));
        let left = frame(&(0..50_000).map(|i| i % 1000).collect::<Vec<_>>(), "i", 2);
        let e = left.merge(&right, "k").with_row_index("row").compute().unwrap_err().to_string();
        assert!(e.contains("no 800"), "{e}");
    }

    #[test]
    fn what_is_in_order_is_not_sorted() {
        let left: Vec<i64> = (0..200_000).map(|i| i % 1000).collect();
        let right: Vec<i64> = (0..1000).collect();
        for how in [Join::Inner, Join::Left, Join::Semi, Join::Anti] {
            let plan = Merge::new()
                .how(how)
                .on("k")
                .join(&frame(&left, "i", 3), &frame(&right, "j", 2))
                .explain()
                .unwrap()
                .to_string();
            assert!(plan.contains("HashJoinExec") && !plan.contains("Sort"), "{how:?}: {plan}");
        }
    }
}
