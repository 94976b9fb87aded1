//! Methods of timestamps, dates and durations: [`Dt`].

use crate::frame::types::clock::Changes;
use arrow::datatypes::DataType;

/// Methods of timestamps, created by [`Expr::dt`](crate::frame::Expr::dt); null where the timestamp
/// is null. Numbers are `int32`. Timestamps with a time zone have the fields of their local time.
#[derive(Debug, Clone)]
pub struct Dt<T>(pub(in crate::frame) T, pub(in crate::frame) Changes);

pub(in crate::frame) fn is_time(t: &DataType) -> bool {
    matches!(t, DataType::Timestamp(..) | DataType::Date32 | DataType::Date64)
}
