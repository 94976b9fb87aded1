//! The order of rows: a step that numbers them, for operations that depend on the order, and sorts
//! that the optimizer keeps. Numbers increase within each partition and from one partition to the
//! next, so that numbering needs no count of the rows before.

use crate::error::During;
use crate::frame::expr::keys::FloatKeys;
use crate::frame::expr::{col, ident};
use crate::frame::plan::{Plan, resolve};
use crate::frame::types::category::is_known;
use crate::frame::types::names::ROW;
use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::tree_node::TreeNode;
use datafusion::common::{ColumnStatistics, DFSchema, DFSchemaRef, Statistics};
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{
    Expr, Extension, LogicalPlan, LogicalPlanBuilder, SortExpr, UserDefinedLogicalNode,
    UserDefinedLogicalNodeCore, when,
};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{
    Distribution, EquivalenceProperties, LexOrdering, OrderingRequirements, PhysicalSortExpr,
};
use datafusion::physical_plan::execution_plan::CardinalityEffect;
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties,
};
use datafusion::physical_planner::{DefaultPhysicalPlanner, ExtensionPlanner, PhysicalPlanner};
use datafusion::prelude::SessionContext;
use futures::StreamExt;
use std::cmp::Ordering;
use std::collections::HashSet;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// The range of numbers of a partition.
const PARTITION: i64 = 1 << 40;

/// Adds row numbers to the plan.
pub(in crate::frame) fn numbered(plan: &Plan) -> Result<Plan> {
    if plan.schema().has_column_with_unqualified_name(ROW) {
        return Ok(plan.clone());
    }
    Ok(LogicalPlan::Extension(Extension { node: Arc::new(Ordered::new(plan.clone(), true)?) }))
}

/// Sorts the rows, optionally limited to the first. DataFusion removes a sort that the next
/// operator does not require; this one is kept.
pub(in crate::frame) fn sorted(
    b: LogicalPlanBuilder,
    keys: impl IntoIterator<Item = SortExpr>,
    most: Option<usize>,
) -> Result<LogicalPlanBuilder> {
    let sorted = b.sort_with_limit(keys.into_iter().collect::<Vec<_>>(), most)?.build()?;
    let node = Arc::new(Ordered::new(sorted, false)?);
    Ok(LogicalPlanBuilder::from(LogicalPlan::Extension(Extension { node })))
}

/// Returns the sort key of a column: its values, or the codes of its known categories.
pub(in crate::frame) fn key(method: &str, name: &str, plan: &Plan) -> crate::error::Result<Expr> {
    let column = resolve(method, col(name).get(), plan)?;
    let known = plan.schema().field_with_unqualified_name(name).is_ok_and(|f| is_known(f));
    if !known {
        return Ok(column);
    }
    // Null has no code.
    let codes = crate::frame::expr::codes::codes(&col(name)).get().clone();
    let there = when(column.is_not_null(), codes).end();
    there.during(method)
}

/// Removes a trailing sort, for steps that do not depend on the order of rows.
pub(in crate::frame) fn unsorted(plan: &Plan) -> Result<Plan> {
    match plan {
        LogicalPlan::Extension(e) if e.node.name() == ORDERED => match e.node.inputs()[0] {
            LogicalPlan::Sort(sort) if sort.fetch.is_none() => unsorted(&sort.input),
            _ => Ok(plan.clone()),
        },
        LogicalPlan::Projection(_) | LogicalPlan::Filter(_) => {
            let inputs = plan.inputs().into_iter().map(unsorted).collect::<Result<Vec<_>>>()?;
            plan.with_new_exprs(plan.expressions(), inputs)
        }
        other => Ok(other.clone()),
    }
}

pub(in crate::frame) const NUMBERED: &str = "Numbered";
pub(in crate::frame) const ORDERED: &str = "Ordered";

/// Returns whether an expression depends on the order of rows.
pub(in crate::frame) fn is_ordered(expr: &Expr) -> bool {
    // The walk itself cannot fail.
    expr.exists(|e| Ok(matches!(e, Expr::Column(c) if c.name == ROW))).unwrap_or(false)
}

/// Keeps the order of its rows, and optionally numbers them.
#[derive(Debug, PartialEq, Eq)]
struct Ordered {
    input: LogicalPlan,
    schema: DFSchemaRef,
    numbers: bool,
}

impl Ordered {
    fn new(input: LogicalPlan, numbers: bool) -> Result<Self> {
        let mut fields: Vec<_> =
            input.schema().iter().map(|(q, f)| (q.cloned(), f.clone())).collect();
        fields.extend(numbers.then(|| (None, Arc::new(row_field()))));
        let schema =
            Arc::new(DFSchema::new_with_metadata(fields, input.schema().metadata().clone())?);
        Ok(Self { input, schema, numbers })
    }
}

fn row_field() -> Field {
    Field::new(ROW, DataType::Int64, false)
}

impl Hash for Ordered {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.input, self.numbers).hash(state);
    }
}

impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.input.partial_cmp(&other.input)
    }
}

impl UserDefinedLogicalNodeCore for Ordered {
    fn name(&self) -> &str {
        if self.numbers { NUMBERED } else { ORDERED }
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        Vec::new()
    }

    fn prevent_predicate_push_down_columns(&self) -> HashSet<String> {
        // Numbers stay increasing if some rows are removed.
        HashSet::from([ROW.to_owned()])
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(UserDefinedLogicalNodeCore::name(self))
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> Result<Self> {
        Self::new(inputs.swap_remove(0), self.numbers)
    }

    fn necessary_children_exprs(&self, output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        let own = self.input.schema().fields().len();
        Some(vec![output_columns.iter().copied().filter(|c| *c < own).collect()])
    }

    fn supports_limit_pushdown(&self) -> bool {
        true
    }
}

/// The name of the step in a physical plan.
pub(in crate::frame) const ORDERED_EXEC: &str = "OrderedExec";

/// Plans the `Ordered` step.
#[derive(Debug)]
pub(in crate::frame) struct Planner;

#[async_trait::async_trait]
impl datafusion::execution::context::QueryPlanner for Planner {
    async fn create_physical_plan(
        &self,
        plan: &LogicalPlan,
        session: &dyn datafusion::catalog::Session,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        DefaultPhysicalPlanner::with_extension_planners(vec![Arc::new(Self)])
            .create_physical_plan(plan, session)
            .await
    }
}

#[async_trait::async_trait]
impl ExtensionPlanner for Planner {
    async fn plan_extension(
        &self,
        _: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        _: &[&LogicalPlan],
        inputs: &[Arc<dyn ExecutionPlan>],
        _: &dyn datafusion::catalog::Session,
        _: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let numbers = match node.name() {
            NUMBERED => true,
            ORDERED => false,
            _ => return Ok(None),
        };
        Ok(Some(Arc::new(OrderedExec::new(inputs[0].clone(), numbers))))
    }
}

/// Keeps the order of rows, and optionally numbers those of each partition.
#[derive(Debug)]
struct OrderedExec {
    input: Arc<dyn ExecutionPlan>,
    numbers: bool,
    properties: Arc<PlanProperties>,
    /// The planned order of the rows: without it, DataFusion removes a sort that no operator
    /// requires.
    order: Option<OrderingRequirements>,
    /// Whether they were planned as one partition.
    single: bool,
}

impl OrderedExec {
    fn new(input: Arc<dyn ExecutionPlan>, numbers: bool) -> Self {
        let order = if numbers {
            let mut fields: Vec<_> = input.schema().fields().iter().cloned().collect();
            fields.push(Arc::new(row_field()));
            let schema =
                Arc::new(Schema::new_with_metadata(fields, input.schema().metadata().clone()));
            let row = PhysicalSortExpr::new_default(Arc::new(Column::new(
                ROW,
                schema.fields().len() - 1,
            )));
            EquivalenceProperties::new_with_orderings(schema, LexOrdering::new([row]))
        } else {
            input.equivalence_properties().clone()
        };
        let (boundedness, emission) = (input.boundedness(), input.pipeline_behavior());
        let properties = Arc::new(PlanProperties::new(
            order,
            input.output_partitioning().clone(),
            emission,
            boundedness,
        ));
        let order = input.output_ordering().cloned().map(OrderingRequirements::from);
        // Rows that are only numbered may be read in several partitions: numbers increase within
        // each and from one to the next.
        let single =
            input.output_partitioning().partition_count() == 1 && (order.is_some() || !numbers);
        Self { input, numbers, properties, order, single }
    }
}

impl DisplayAs for OrderedExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl ExecutionPlan for OrderedExec {
    passthrough!(name ORDERED_EXEC, input |p| &p.input, no_expressions);

    fn maintains_input_order(&self) -> Vec<bool> {
        // It does, and its properties say so; but sorts must not be pushed below it.
        vec![false]
    }

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        vec![self.order.clone()]
    }

    fn required_input_distribution(&self) -> Vec<Distribution> {
        vec![if self.single {
            Distribution::SinglePartition
        } else {
            Distribution::UnspecifiedDistribution
        }]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(Self {
            order: self.order.clone(),
            single: self.single,
            ..Self::new(children.swap_remove(0), self.numbers)
        }))
    }

    fn child_stats_requests(&self, partition: Option<usize>) -> Vec<ChildStats> {
        vec![ChildStats::At(partition)]
    }

    fn statistics_from_inputs(
        &self,
        inputs: &[Arc<Statistics>],
        _: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        if !self.numbers {
            return Ok(inputs[0].clone());
        }
        let known = inputs[0].as_ref().clone();
        Ok(Arc::new(known.add_column_statistics(ColumnStatistics::new_unknown())))
    }

    fn cardinality_effect(&self) -> CardinalityEffect {
        CardinalityEffect::Equal
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let rows = self.input.execute(partition, context)?;
        if !self.numbers {
            return Ok(rows);
        }
        let schema: SchemaRef = self.schema();
        let (of, mut next) = (schema.clone(), partition as i64 * PARTITION);
        let numbered = rows.map(move |batch| {
            let batch = batch?;
            let end = next + batch.num_rows() as i64;
            let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(next..end));
            next = end;
            let columns = batch.columns().iter().cloned().chain([numbers]).collect();
            Ok(RecordBatch::try_new(of.clone(), columns)?)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, numbered)))
    }
}

/// Adds support for numbered rows to a session.
pub(in crate::frame) fn with_planner(context: &SessionContext) -> SessionContext {
    let state = datafusion::execution::SessionStateBuilder::new_from_existing(context.state());
    let state = state.with_query_planner(Arc::new(Planner)).with_analyzer_rule(Arc::new(FloatKeys));
    SessionContext::new_with_state(state.build())
}

/// Adds a column of row indices, from 0, to the plan.
pub(in crate::frame) fn indexed(plan: &Plan, name: &str) -> Result<Plan> {
    use datafusion::logical_expr::{ExprFunctionExt, lit};
    let number = datafusion::functions_window::expr_fn::row_number()
        .order_by(vec![ident(ROW).sort(true, false)])
        .build()?;
    let plan = numbered(plan)?;
    let window = LogicalPlanBuilder::window_plan(plan.clone(), vec![number.clone()])?;
    let index = datafusion::logical_expr::cast(number, DataType::Int64) - lit(1i64);
    let columns = plan.schema().fields().iter().map(|f| ident(f.name())).chain([index.alias(name)]);
    LogicalPlanBuilder::from(window).project(columns)?.build()
}
