//! Conversion of fields to arrays: one column of a block at a time, in a loop for each type.

use super::block::{Block, Misfit, nulls};
use super::kind::{self, Kind};
use super::scan::Row;
use super::texts::texts;
use super::value::{self, Field, Format, Values};
use arrow::array::{ArrayRef, BooleanArray, BooleanBuilder, PrimitiveArray};
use arrow::datatypes::{
    ArrowPrimitiveType, Date32Type, Float64Type, Int64Type, TimestampMicrosecondType,
};
use std::sync::Arc;

/// The type of a column, and how its values are parsed.
#[derive(Debug, Clone)]
pub(crate) struct Reading {
    pub(crate) kind: Kind,
    /// Whether the user gave the type: codes may be numbers, and other values are errors.
    pub(crate) given: bool,
    /// Formats of timestamps, in the order in which they are tried.
    pub(crate) formats: Arc<Vec<Format>>,
}

/// Parses a column of the rows of a block.
pub(crate) fn column(
    block: &Block,
    rows: &[Row],
    column: u32,
    reading: &Reading,
    values: &Values,
) -> Result<ArrayRef, Misfit> {
    let fields = Fields { block, rows, column, values };
    let own = !reading.given;
    Ok(match reading.kind {
        Kind::Null => Arc::new(fields.numbers::<Float64Type>(|_| None, |_| None)?),
        Kind::Int => {
            let parse = |f: Field<'_>| values.int(f).filter(|_| !(own && kind::is_code(f.text())));
            Arc::new(fields.numbers::<Int64Type>(value::plain_int, parse)?)
        }
        Kind::Float => {
            let parse =
                |f: Field<'_>| values.float(f).filter(|_| !(own && kind::is_no_decimal(f.text())));
            Arc::new(fields.numbers::<Float64Type>(value::plain_float, parse)?)
        }
        Kind::Date => Arc::new(
            fields.numbers::<Date32Type>(|f| value::date(f.text()), |f| value::date(f.text()))?,
        ),
        Kind::Time if reading.formats.is_empty() => {
            Arc::new(fields.numbers::<TimestampMicrosecondType>(
                |f| value::time(f.text()),
                |f| value::time(f.text()),
            )?)
        }
        Kind::Time => {
            let formatted =
                |f: Field<'_>| reading.formats.iter().find_map(|format| format.micros(f.text()));
            Arc::new(fields.numbers::<TimestampMicrosecondType>(formatted, formatted)?)
        }
        Kind::Bool => Arc::new(bools(block, rows, column, values, own)?),
        Kind::Text => Arc::new(texts(block, rows, column, values)?),
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
    /// Parses most fields by `quick`, in a tight loop, and those for which it returns `None` by
    /// `parse`.
    #[inline(always)]
    fn numbers<T: ArrowPrimitiveType>(
        &self,
        quick: impl Fn(Field<'_>) -> Option<T::Native>,
        parse: impl Fn(Field<'_>) -> Option<T::Native>,
    ) -> Result<PrimitiveArray<T>, Misfit> {
        let Self { block, rows, column, values } = *self;
        let plain =
            block.quote.is_none() && !block.trim && !values.missing_first && values.are_plain();
        let mut out: Vec<T::Native> = Vec::with_capacity(rows.len());
        let mut others = Vec::new();
        for (i, row) in rows.iter().enumerate() {
            let value = if plain && column < row.fields {
                let (start, end) = block.ends(*row, column);
                quick(Field { data: &block.data, start, end })
            } else {
                None
            };
            if value.is_none() {
                others.push(i);
            }
            out.push(value.unwrap_or_default());
        }
        let mut missing = Vec::new();
        let mut scratch = Vec::new();
        for i in others {
            match block.field(rows[i], column, &mut scratch) {
                Some(text) if !(values.missing_first && values.is_missing(text)) => {
                    match parse(Field::of(text)) {
                        Some(value) => out[i] = value,
                        None if values.is_missing(text) => missing.push(i),
                        None => return Err(Misfit(i)),
                    }
                }
                _ => missing.push(i),
            }
        }
        Ok(PrimitiveArray::new(out.into(), nulls(&missing, rows.len())))
    }
}

/// Parses booleans. `own`: the type was inferred, so text that looks like a number is a misfit.
fn bools(
    block: &Block,
    rows: &[Row],
    column: u32,
    values: &Values,
    own: bool,
) -> Result<BooleanArray, Misfit> {
    let mut out = BooleanBuilder::with_capacity(rows.len());
    let mut scratch = Vec::new();
    for (i, row) in rows.iter().enumerate() {
        match block.field(*row, column, &mut scratch) {
            Some(field) if !values.is_missing(field) => out.append_value(
                values
                    .bool(field)
                    .filter(|_| !own || Kind::of(field, values) == Kind::Bool)
                    .ok_or(Misfit(i))?,
            ),
            _ => out.append_null(),
        }
    }
    Ok(out.finish())
}
