//! The methods of timestamps, dates and durations are on [`Dt`].

use crate::frame::types::clock::Changes;
use arrow::datatypes::DataType;

/// The parts of instants, made by [`Expr::dt`](crate::frame::Expr::dt); missing where the instant is. The numbers are `int32`. Instants of a time zone
/// have the parts that a clock there shows.
#[derive(Debug, Clone)]
pub struct Dt<T>(pub(in crate::frame) T, pub(in crate::frame) Changes);

pub(in crate::frame) fn is_time(t: &DataType) -> bool {
    matches!(t, DataType::Timestamp(..) | DataType::Date32 | DataType::Date64)
}
