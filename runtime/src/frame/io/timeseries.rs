//! Frames of synthetic rows, generated per partition on demand.

use crate::csv::kind::Kind;
use crate::csv::value;
use crate::error::{Error, ErrorKind, Result};
use crate::frame::dataframe::DataFrame;
use crate::frame::source::generated::Partition;
use crate::frame::types::freq::{DAY, step};
use crate::frame::types::hash::{GOLDEN, share_of};
use crate::mix::splitmix64;
use arrow::array::{
    ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Schema};
use std::sync::Arc;

const BATCH: i64 = crate::frame::types::batch::BATCH as i64;

const NAMES: [&str; 26] = [
    "Alice", "Bob", "Charlie", "Dan", "Edith", "Frank", "George", "Hannah", "Ingrid", "Jerry",
    "Kevin", "Laura", "Michael", "Norbert", "Oliver", "Patricia", "Quinn", "Ray", "Sarah", "Tim",
    "Ursula", "Victor", "Wendy", "Xavier", "Yvonne", "Zelda",
];

/// A hash of a row number: a row is the same in any partition.
fn mixed(row: i64, column: u64) -> u64 {
    splitmix64(
        (row as u64).wrapping_mul(4).wrapping_add(column).wrapping_add(1).wrapping_mul(GOLDEN),
    )
}

fn share(row: i64, column: u64) -> f64 {
    share_of(mixed(row, column))
}

/// A number around 1000 with a variance of 1000, like a Poisson distribution: the sum of twelve
/// uniform numbers is nearly normal.
fn id(row: i64) -> i64 {
    let sum: f64 = (0..12).map(|i| share(row, 100 + i)).sum();
    (1000.0 + (sum - 6.0) * 1000f64.sqrt()).round() as i64
}

impl DataFrame {
    #[track_caller]
    pub(crate) fn timeseries(start: &str, end: &str, freq: &str) -> Self {
        let bad = |message: String| -> Error { Error::bad_argument("timeseries", message) };
        let instant = |text: &str| {
            value::time(text.as_bytes()).ok_or_else(|| {
                Error::invalid(
                    "timeseries",
                    "date or timestamp",
                    &text,
                    "one such as \"2000-01-31\"",
                )
            })
        };
        let asked = || -> Result<(i64, i64, i64)> {
            let (start, end) = (instant(start)?, instant(end)?);
            let freq = step(freq).map_err(&bad)?;
            if end <= start {
                Err(bad("the end must be after the start".to_owned()))
            } else {
                Ok((start, end, freq))
            }
        };
        let (start, end, freq) = match asked() {
            Ok(asked) => asked,
            Err(e) => return Self::from_result(Err(e)),
        };
        let field = |name: &str, t| Field::new(name, t, true);
        let schema = Arc::new(Schema::new(vec![
            field("timestamp", Kind::Time.arrow()),
            field("name", DataType::Utf8),
            field("id", DataType::Int64),
            field("x", DataType::Float64),
            field("y", DataType::Float64),
        ]));
        let days = (end - start + DAY - 1) / DAY;
        // The number of the first row of a day.
        let first = move |day: i64| {
            (day * DAY).min(end - start).div_euclid(freq)
                + i64::from((day * DAY).min(end - start) % freq != 0)
        };
        let of = schema.clone();
        let make: Partition = Arc::new(move |day| {
            let (from, to) = (first(i64::from(day)), first(i64::from(day) + 1));
            let batch = |at: i64| {
                let rows = at..(at + BATCH).min(to);
                let columns: Vec<ArrayRef> = vec![
                    Arc::new(TimestampMicrosecondArray::from_iter_values(
                        rows.clone().map(|r| start + r * freq),
                    )),
                    Arc::new(StringArray::from_iter_values(
                        rows.clone().map(|r| NAMES[(mixed(r, 0) % NAMES.len() as u64) as usize]),
                    )),
                    Arc::new(Int64Array::from_iter_values(rows.clone().map(id))),
                    Arc::new(Float64Array::from_iter_values(
                        rows.clone().map(|r| share(r, 1) * 2.0 - 1.0),
                    )),
                    Arc::new(Float64Array::from_iter_values(rows.map(|r| share(r, 2) * 2.0 - 1.0))),
                ];
                RecordBatch::try_new(of.clone(), columns).map_err(|e| bad_batch(&e))
            };
            (from..to).step_by(BATCH as usize).map(batch).collect()
        });
        Self::from_partitions(Ok(schema), days as u32, make)
    }
}

fn bad_batch(e: &arrow::error::ArrowError) -> Error {
    ErrorKind::Engine { operation: "timeseries".to_owned(), message: e.to_string() }.into()
}
