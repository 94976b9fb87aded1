//! Methods that most of our operators implement alike: they pass on what their input has.

/// Methods of an `ExecutionPlan`: `name "X"` with the field `properties`, `input |p| &p.x` for the
/// one input in field `x`, `no_input`, `no_expressions` for an operator without expressions of its
/// own, `statistics` for one that returns the rows of its input.
macro_rules! passthrough {
    ($($what:ident $($value:expr)?),+ $(,)?) => { $(passthrough!(@ $what $($value)?);)+ };
    (@ name $name:expr) => {
        fn name(&self) -> &str {
            $name
        }

        fn properties(&self) -> &std::sync::Arc<datafusion::physical_plan::PlanProperties> {
            &self.properties
        }
    };
    (@ input $field:expr) => {
        fn children(&self) -> Vec<&std::sync::Arc<dyn datafusion::physical_plan::ExecutionPlan>> {
            let input: for<'a> fn(&'a Self) -> &'a std::sync::Arc<dyn datafusion::physical_plan::ExecutionPlan> = $field;
            vec![input(self)]
        }
    };
    (@ no_input) => {
        fn children(&self) -> Vec<&std::sync::Arc<dyn datafusion::physical_plan::ExecutionPlan>> {
            Vec::new()
        }

        fn with_new_children(
            self: std::sync::Arc<Self>,
            _: Vec<std::sync::Arc<dyn datafusion::physical_plan::ExecutionPlan>>,
        ) -> datafusion::error::Result<std::sync::Arc<dyn datafusion::physical_plan::ExecutionPlan>> {
            Ok(self)
        }
    };
    (@ no_expressions) => {
        fn apply_expressions(
            &self,
            _: &mut dyn FnMut(
                &std::sync::Arc<dyn datafusion::physical_plan::PhysicalExpr>,
            ) -> datafusion::error::Result<datafusion::common::tree_node::TreeNodeRecursion>,
        ) -> datafusion::error::Result<datafusion::common::tree_node::TreeNodeRecursion> {
            Ok(datafusion::common::tree_node::TreeNodeRecursion::Continue)
        }
    };
    (@ statistics) => {
        fn child_stats_requests(&self, _: Option<usize>) -> Vec<datafusion::physical_plan::statistics::ChildStats> {
            vec![datafusion::physical_plan::statistics::ChildStats::At(None)]
        }

        fn statistics_from_inputs(
            &self,
            inputs: &[std::sync::Arc<datafusion::common::Statistics>],
            _: &datafusion::physical_plan::statistics::StatisticsArgs,
        ) -> datafusion::error::Result<std::sync::Arc<datafusion::common::Statistics>> {
            Ok(inputs[0].clone())
        }
    };
}
