//! Sums of groups, and what is computed of them.

use crate::exact::moments::Line;
use arrow::array::{Array, ArrayRef, BooleanArray};
use arrow::compute::prep_null_mask_filter;
use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::logical_expr::GroupsAccumulator;

/// The sums of groups, which may also be those of one group whose rows come and go.
pub(in crate::frame) trait Groups: GroupsAccumulator + Sync {
    /// The types of a state's columns.
    fn state_types(&self) -> Vec<DataType>;

    /// Adds all rows to the first group; how many have values.
    fn update_first(&mut self, values: &[ArrayRef]) -> Result<u64>;

    /// Takes rows out of the first group; how many had values.
    fn retract_first(&mut self, values: &[ArrayRef]) -> Result<u64>;

    /// Whether rows can be taken out again.
    fn can_retract(&self) -> bool {
        true
    }

    /// The result of the first group, which stays.
    fn first(&self) -> Result<ScalarValue>;
}

/// What is worked out of the values of a group, or of pairs of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::frame) enum Statistic {
    Sum,
    Product,
    Mean,
    /// With what is taken off the count.
    Variance(u64),
    Deviation(u64),
    ErrorOfMean,
    Skewness,
    Kurtosis,
    Covariance(u64),
    Correlation,
    Regression(Line),
}

/// The rows that a filter leaves: null is false.
pub(in crate::frame) fn kept(filter: &BooleanArray) -> BooleanArray {
    if filter.null_count() > 0 { prep_null_mask_filter(filter) } else { filter.clone() }
}
