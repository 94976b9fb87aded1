//! Fields to arrays: one column of a block at a time, in a loop for each type.

use super::block::Block;
use super::kind::{self, Kind};
use super::scan::Row;
use super::value::{self, Field, Format, Values};
use arrow::array::{ArrayRef, BooleanArray, BooleanBuilder, PrimitiveArray, StringArray};
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
    pub(crate) formats: Arc<Vec<Format>>,
}

/// The first value of a column that is not of its type: the row's number in the block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Misfit(pub(crate) usize);

/// Reads a column of the rows of a block.
pub(crate) fn column(block: &Block, rows: &[Row], column: u32, reading: &Reading, values: &Values) -> Result<ArrayRef, Misfit> {
    let fields = Fields { block, rows, column, values };
    let own = !reading.given;
    Ok(match reading.kind {
        Kind::Nothing => Arc::new(fields.numbers::<Float64Type>(|_| None)?),
        Kind::Int => {
            Arc::new(fields.numbers::<Int64Type>(|f| values.int(f).filter(|_| !(own && f.may_be_code() && kind::is_code(f.text()))))?)
        }
        Kind::Float if reading.given => Arc::new(fields.numbers::<Float64Type>(|f| values.float(f))?),
        Kind::Float => {
            let is_none = |f: Field<'_>| (f.may_be_code() || f.end - f.start > 18) && kind::is_no_decimal(f.text());
            Arc::new(fields.numbers::<Float64Type>(|f| values.float(f).filter(|_| !is_none(f)))?)
        }
        Kind::Date => Arc::new(fields.numbers::<Date32Type>(|f| value::date(f.text()))?),
        Kind::Time if reading.formats.is_empty() => Arc::new(fields.numbers::<TimestampMicrosecondType>(|f| value::time(f.text()))?),
        Kind::Time => {
            let formatted = |f: Field<'_>| reading.formats.iter().find_map(|format| format.micros(f.text()));
            Arc::new(fields.numbers::<TimestampMicrosecondType>(formatted)?)
        }
        Kind::Bool => Arc::new(bools(block, rows, column, values, own)?),
        Kind::Text => Arc::new(text(block, rows, column, values)?),
    })
}

/// The fields of a column.
struct Fields<'a> {
    block: &'a Block,
    rows: &'a [Row],
    column: u32,
    values: &'a Values,
}

impl Fields<'_> {
    #[inline(always)]
    fn numbers<T: ArrowPrimitiveType>(&self, parse: impl Fn(Field<'_>) -> Option<T::Native>) -> Result<PrimitiveArray<T>, Misfit> {
        let mut out: Vec<T::Native> = Vec::with_capacity(self.rows.len());
        let mut missing = Vec::new();
        let mut scratch = Vec::new();
        let Self { block, column, values, .. } = *self;
        let plain = block.quote.is_none() && !block.trim && !values.missing_first;
        for (i, row) in self.rows.iter().enumerate() {
            let field = if plain && column < row.fields {
                let (start, end) = block.ends(*row, column);
                Field { data: &block.data, start, end }
            } else if let Some(text) = block.field(*row, column, &mut scratch).filter(|t| !(values.missing_first && values.is_missing(t))) {
                Field::of(text)
            } else {
                missing.push(i);
                out.push(T::Native::default());
                continue;
            };
            match parse(field) {
                Some(value) => out.push(value),
                None if values.is_missing(field.text()) => {
                    missing.push(i);
                    out.push(T::Native::default());
                }
                None => return Err(Misfit(i)),
            }
        }
        Ok(PrimitiveArray::new(out.into(), nulls(&missing, self.rows.len())))
    }
}

/// Which values are there, where some are missing.
fn nulls(missing: &[usize], rows: usize) -> Option<NullBuffer> {
    (!missing.is_empty()).then(|| {
        let mut valid = vec![true; rows];
        missing.iter().for_each(|i| valid[*i] = false);
        NullBuffer::from(valid)
    })
}

/// `own`: the type was not given, so a text that looks like a number is one.
fn bools(block: &Block, rows: &[Row], column: u32, values: &Values, own: bool) -> Result<BooleanArray, Misfit> {
    let mut out = BooleanBuilder::with_capacity(rows.len());
    let mut scratch = Vec::new();
    for (i, row) in rows.iter().enumerate() {
        match block.field(*row, column, &mut scratch) {
            Some(field) if !values.is_missing(field) => {
                out.append_value(values.bool(field).filter(|_| !own || Kind::of(field, values) == Kind::Bool).ok_or(Misfit(i))?)
            }
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
    let plain = block.quote.is_none() && !block.trim;
    offsets.push(0);
    for (i, row) in rows.iter().enumerate() {
        if plain && column < row.fields {
            let (start, end) = block.ends(*row, column);
            if values.is_missing(&block.data[start..end]) {
                missing.push(i);
            } else {
                append(&mut bytes, &block.data, start, end);
            }
        } else {
            match block.field(*row, column, &mut scratch) {
                Some(field) if !values.is_missing(field) => bytes.extend_from_slice(field),
                _ => missing.push(i),
            }
        }
        offsets.push(bytes.len() as i32);
    }
    let nulls = nulls(&missing, rows.len());
    let first_bad =
        |bytes: &[u8], offsets: &[i32]| offsets.windows(2).position(|w| std::str::from_utf8(&bytes[w[0] as usize..w[1] as usize]).is_err());
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    let bytes = Buffer::from_vec(bytes);
    StringArray::try_new(offsets.clone(), bytes.clone(), nulls).map_err(|_| Misfit(first_bad(&bytes, &offsets).unwrap_or(0)))
}

/// Appends a part of a text. Of short ones more is copied and left out again, which is quicker than to copy as much as there is.
#[inline(always)]
fn append(to: &mut Vec<u8>, text: &[u8], start: usize, end: usize) {
    match text[start..].first_chunk::<16>() {
        Some(sixteen) if end - start <= 16 => {
            to.extend_from_slice(sixteen);
            to.truncate(to.len() - 16 + (end - start));
        }
        _ => to.extend_from_slice(&text[start..end]),
    }
}
