//! Fields to arrays: one column of a block at a time, in a loop for each type.

use super::block::Block;
use super::kind::{self, Kind};
use super::scan::Row;
use super::value::{self, Values};
use arrow::array::{ArrayRef, BooleanArray, BooleanBuilder, PrimitiveArray, PrimitiveBuilder, StringArray};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{ArrowPrimitiveType, Date32Type, Float64Type, Int64Type, TimestampMicrosecondType};
use std::sync::Arc;

/// How the values of a column are read.
#[derive(Debug, Clone)]
pub(crate) struct Reading {
    pub(crate) kind: Kind,
    /// The type was given: codes may be numbers, and other values are errors.
    pub(crate) given: bool,
    /// Formats of instants, in the order in which they are tried.
    pub(crate) formats: Arc<Vec<String>>,
}

/// The first value of a column that is not of its type: the row's number in the block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Misfit(pub(crate) usize);

/// Reads a column of the rows of a block.
pub(crate) fn column(block: &Block, rows: &[Row], column: u32, reading: &Reading, values: &Values) -> Result<ArrayRef, Misfit> {
    let given = reading.given;
    Ok(match reading.kind {
        Kind::Nothing => Arc::new(numbers::<Float64Type>(block, rows, column, values, |_| None)?),
        Kind::Int if given => Arc::new(numbers::<Int64Type>(block, rows, column, values, |t| values.int(t))?),
        Kind::Int => Arc::new(numbers::<Int64Type>(block, rows, column, values, |t| values.int(t).filter(|_| !kind::is_code(t)))?),
        Kind::Float if given => Arc::new(numbers::<Float64Type>(block, rows, column, values, |t| values.float(t))?),
        Kind::Float => {
            let decimal =
                |t: &[u8]| values.float(t).filter(|_| !kind::is_code(t) || t.contains(&b'.')).filter(|_| !kind::is_long_number(t));
            Arc::new(numbers::<Float64Type>(block, rows, column, values, decimal)?)
        }
        Kind::Date => Arc::new(numbers::<Date32Type>(block, rows, column, values, value::date)?),
        Kind::Time if reading.formats.is_empty() => {
            Arc::new(numbers::<TimestampMicrosecondType>(block, rows, column, values, value::time)?)
        }
        Kind::Time => {
            let formatted = |t: &[u8]| reading.formats.iter().find_map(|f| value::formatted(t, f));
            Arc::new(numbers::<TimestampMicrosecondType>(block, rows, column, values, formatted)?)
        }
        Kind::Bool => Arc::new(bools(block, rows, column, values)?),
        Kind::Text => Arc::new(text(block, rows, column, values)?),
    })
}

#[inline(always)]
fn numbers<T: ArrowPrimitiveType>(
    block: &Block,
    rows: &[Row],
    column: u32,
    values: &Values,
    parse: impl Fn(&[u8]) -> Option<T::Native>,
) -> Result<PrimitiveArray<T>, Misfit> {
    let mut out = PrimitiveBuilder::<T>::with_capacity(rows.len());
    let mut scratch = Vec::new();
    for (i, row) in rows.iter().enumerate() {
        match block.field(*row, column, &mut scratch) {
            None => out.append_null(),
            Some(field) if values.missing_first && values.is_missing(field) => out.append_null(),
            Some(field) => match parse(field) {
                Some(value) => out.append_value(value),
                None if values.is_missing(field) => out.append_null(),
                None => return Err(Misfit(i)),
            },
        }
    }
    Ok(out.finish())
}

fn bools(block: &Block, rows: &[Row], column: u32, values: &Values) -> Result<BooleanArray, Misfit> {
    let mut out = BooleanBuilder::with_capacity(rows.len());
    let mut scratch = Vec::new();
    for (i, row) in rows.iter().enumerate() {
        match block.field(*row, column, &mut scratch) {
            Some(field) if !values.is_missing(field) => out.append_value(values.bool(field).ok_or(Misfit(i))?),
            _ => out.append_null(),
        }
    }
    Ok(out.finish())
}

/// # Errors
/// The first row whose bytes are no UTF-8.
fn text(block: &Block, rows: &[Row], column: u32, values: &Values) -> Result<StringArray, Misfit> {
    let mut bytes: Vec<u8> = Vec::with_capacity(rows.len() * 12);
    let mut offsets: Vec<i32> = Vec::with_capacity(rows.len() + 1);
    let mut missing: Vec<usize> = Vec::new();
    let mut scratch = Vec::new();
    offsets.push(0);
    for (i, row) in rows.iter().enumerate() {
        match block.field(*row, column, &mut scratch) {
            Some(field) if !values.is_missing(field) => bytes.extend_from_slice(field),
            _ => missing.push(i),
        }
        offsets.push(bytes.len() as i32);
    }
    let nulls = (!missing.is_empty()).then(|| {
        let mut valid = vec![true; rows.len()];
        missing.iter().for_each(|i| valid[*i] = false);
        NullBuffer::from(valid)
    });
    let first_bad =
        |bytes: &[u8], offsets: &[i32]| offsets.windows(2).position(|w| std::str::from_utf8(&bytes[w[0] as usize..w[1] as usize]).is_err());
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    let bytes = Buffer::from_vec(bytes);
    StringArray::try_new(offsets.clone(), bytes.clone(), nulls).map_err(|_| Misfit(first_bad(&bytes, &offsets).unwrap_or(0)))
}
