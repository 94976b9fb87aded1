//! Reads sources of many partitions as fewer: a frame may have thousands of partitions, and an
//! operator that combines all of them would hold state for each at once.

use crate::config;
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{AcrossPartitions, EquivalenceProperties};
use datafusion::physical_plan::execution_plan::replace_children_if_necessary;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::union::UnionExec;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning,
    PlanProperties,
};
use futures::{TryStreamExt, stream};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// Limits the partitions below operators that combine rows of all partitions to the number of
/// threads.
pub(in crate::frame) fn by_threads(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    grouped(plan, config::threads(), false)
}

fn partitions(plan: &Arc<dyn ExecutionPlan>) -> usize {
    plan.output_partitioning().partition_count()
}

fn grouped(
    plan: Arc<dyn ExecutionPlan>,
    threads: usize,
    below: bool,
) -> Result<Arc<dyn ExecutionPlan>> {
    let is_source = plan.children().is_empty() || plan.is::<UnionExec>() && !shuffles(&plan);
    if below && is_source && partitions(&plan) > threads && !is_in_parts(&plan) {
        return Ok(Arc::new(Grouped::new(plan, threads)));
    }
    let child = |input: &Arc<dyn ExecutionPlan>| {
        let brought_together = partitions(&plan) <= threads && partitions(input) > threads;
        grouped(input.clone(), threads, below || brought_together)
    };
    let children = plan.children().into_iter().map(child).collect::<Result<Vec<_>>>()?;
    replace_children_if_necessary(plan, children)
}

/// Returns whether the rows of each partition are known to be sorted or to share a value, which
/// does not hold for concatenated partitions.
fn is_in_parts(plan: &Arc<dyn ExecutionPlan>) -> bool {
    let constants = plan.equivalence_properties().constants();
    plan.output_ordering().is_some()
        || constants.iter().any(|c| !matches!(c.across_partitions, AcrossPartitions::Uniform(_)))
}

/// Returns whether rows move between partitions.
pub(in crate::frame) fn shuffles(plan: &Arc<dyn ExecutionPlan>) -> bool {
    plan.name() == "RepartitionExec" || plan.children().into_iter().any(shuffles)
}

/// Concatenates adjacent partitions.
#[derive(Debug)]
struct Grouped {
    input: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
}

impl Grouped {
    fn new(input: Arc<dyn ExecutionPlan>, groups: usize) -> Self {
        let properties = in_partitions(&input, groups);
        Self { input, properties }
    }

    fn groups(&self) -> usize {
        self.properties.partitioning.partition_count()
    }
}

/// Returns the partitions of a group, for this many partitions in this many groups.
pub(in crate::frame) fn members(partitions: usize, groups: usize, group: usize) -> Range<usize> {
    group * partitions / groups..(group + 1) * partitions / groups
}

/// Returns the properties of a plan with this many other partitions.
pub(in crate::frame) fn in_partitions(
    input: &Arc<dyn ExecutionPlan>,
    partitions: usize,
) -> Arc<PlanProperties> {
    let order = EquivalenceProperties::new(input.schema());
    let (emission, boundedness) = (input.pipeline_behavior(), input.boundedness());
    Arc::new(PlanProperties::new(
        order,
        Partitioning::UnknownPartitioning(partitions),
        emission,
        boundedness,
    ))
}

impl DisplayAs for Grouped {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GroupedExec: partitions={} as {}", partitions(&self.input), self.groups())
    }
}

impl ExecutionPlan for Grouped {
    passthrough!(name "GroupedExec", input |p| &p.input, no_expressions, statistics);

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(Self::new(children.swap_remove(0), self.groups())))
    }

    fn execute(
        &self,
        group: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let input = self.input.clone();
        let parts = stream::iter(members(partitions(&self.input), self.groups(), group).map(Ok))
            .and_then(move |i| {
                let rows = input.execute(i, context.clone());
                async move { rows }
            });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), parts.try_flatten())))
    }
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;

    #[test]
    fn many_partitions_are_read_as_few_in_their_order() {
        let xs: Vec<i64> = (0..2_000).map(|i| i * 7919 % 1013).collect();
        let df = DataFrame::from_columns([("x", Series::from_iter(xs.clone()))]).repartition(200);
        assert_eq!(df.npartitions(), 200);
        let firsts = df.groupby("x").agg([("n", "x", "count")]);
        let plan = firsts.explain().unwrap().to_string();
        assert!(plan.contains("GroupedExec: partitions=200"), "{plan}");
        assert_eq!(
            firsts
                .compute()
                .unwrap()
                .column("n")
                .unwrap()
                .to_vec::<i64>()
                .unwrap()
                .iter()
                .sum::<i64>(),
            2_000
        );
        // Row-wise steps keep the partitions, and steps that depend on the order of rows are
        // correct.
        let twice = df.with_column("twice", col("x") * 2);
        assert!(
            twice.npartitions() == 200
                && !twice.explain().unwrap().to_string().contains("GroupedExec")
        );
        let mut sum = 0;
        let sums: Vec<i64> = xs
            .iter()
            .map(|x| {
                sum += x;
                sum
            })
            .collect();
        assert_eq!(
            df.with_column("sum", col("x").cumsum())
                .compute()
                .unwrap()
                .column("sum")
                .unwrap()
                .to_vec::<i64>()
                .unwrap(),
            sums
        );
        let both = concat([&df, &df]).drop_duplicates_by(["x"]);
        assert_eq!(both.len().unwrap(), 1013);
    }

    #[test]
    fn joins_and_sorts_of_unions_end_and_are_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let rows = |from: i64, n: i64, parts| {
            DataFrame::from_columns([("id", Series::from_iter(from..from + n))]).repartition(parts)
        };
        let path = |name: &str, df: DataFrame| {
            let path = folder.path().join(name).display().to_string();
            std::fs::create_dir(&path).unwrap();
            df.to_parquet(&format!("{path}/*.parquet")).unwrap();
            read_parquet(&path)
        };
        let (a, b, d) = (
            path("a", rows(0, 40_000, 8)),
            path("b", rows(20_000, 40_000, 8)),
            path("d", rows(0, 50_000, 3)),
        );
        let text = "select count(*) as n from (select * from a union all select * from b) f join d on f.id = d.id";
        let n = sql(text, [("a", &a), ("b", &b), ("d", &d)]).compute().unwrap();
        assert_eq!(n.column("n").unwrap().to_vec::<i64>().unwrap(), [70_000]);
        let (big, small) = (rows(0, 30_000, 15), rows(0, 1_000, 1));
        let text = "select 'b' as src, id from big union all select 'a' as src, id from small order by src";
        let src = sql(text, [("big", &big), ("small", &small)])
            .compute()
            .unwrap()
            .column("src")
            .unwrap()
            .to_vec::<String>()
            .unwrap();
        assert!(src.len() == 31_000 && src.is_sorted());
    }
}
