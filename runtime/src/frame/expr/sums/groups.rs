//! Sums of groups, and the statistics computed from them.

use crate::exact::moments::Line;
use arrow::array::{Array, ArrayRef, BooleanArray};
use arrow::compute::prep_null_mask_filter;
use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::logical_expr::GroupsAccumulator;

/// The sums of groups; also those of a single group to which rows are added and from which they are
/// removed.
pub(in crate::frame) trait Groups: GroupsAccumulator + Sync {
    /// Returns the types of the state's columns.
    fn state_types(&self) -> Vec<DataType>;

    /// Adds all rows to the first group and returns the number of rows with values.
    fn update_first(&mut self, values: &[ArrayRef]) -> Result<u64>;

    /// Removes rows from the first group and returns the number of rows with values.
    fn retract_first(&mut self, values: &[ArrayRef]) -> Result<u64>;

    /// Returns whether rows can be removed again.
    fn can_retract(&self) -> bool {
        true
    }

    /// Returns the result of the first group, which is kept.
    fn first(&self) -> Result<ScalarValue>;
}

/// A statistic of the values of a group, or of pairs of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::frame) enum Statistic {
    Sum,
    Product,
    Mean,
    /// With the degrees of freedom that are subtracted from the count.
    Variance(u64),
    Deviation(u64),
    ErrorOfMean,
    Skewness,
    Kurtosis,
    Covariance(u64),
    Correlation,
    Regression(Line),
}

/// Returns the rows that a filter keeps: null counts as false.
pub(in crate::frame) fn kept(filter: &BooleanArray) -> BooleanArray {
    if filter.null_count() > 0 { prep_null_mask_filter(filter) } else { filter.clone() }
}
