//! Writes arrays as CSV: the rows of a batch become lines, which read back to the same values.

use super::kind::Kind;
use super::texts::views;
use super::value;
use arrow::array::{
    Array, AsArray, BooleanArray, Float32Array, Float64Array, RecordBatch, StringViewArray,
};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Date32Type, Int64Type, TimeUnit, TimestampMicrosecondType, TimestampNanosecondType,
};
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use std::io::Write;

/// The format of the values.
#[derive(Debug, Clone)]
pub(crate) struct Printing {
    pub(crate) sep: u8,
    pub(crate) quote: u8,
    pub(crate) quote_all: bool,
    pub(crate) missing: String,
    pub(crate) decimal: u8,
    /// Decimal places of floats; `None` for the shortest text that reads back to the same number.
    pub(crate) decimals: Option<usize>,
    /// Format of timestamps and dates, as for strftime.
    pub(crate) date_format: Option<String>,
}

/// A column, by the way it is written.
enum Column<'a> {
    Int(arrow::array::PrimitiveArray<Int64Type>),
    Float(&'a Float64Array),
    Float32(&'a Float32Array),
    Bool(&'a BooleanArray),
    Text(StringViewArray),
    Date(arrow::array::PrimitiveArray<Date32Type>),
    Time(arrow::array::PrimitiveArray<TimestampMicrosecondType>),
    Nanos(arrow::array::PrimitiveArray<TimestampNanosecondType>),
    Other(&'a dyn Array, ArrayFormatter<'a>),
}

impl<'a> Column<'a> {
    fn of(array: &'a dyn Array, options: &'a FormatOptions<'a>) -> Result<Self, ArrowError> {
        Ok(match array.data_type() {
            DataType::Float64 => Self::Float(array.as_primitive()),
            DataType::Float32 => Self::Float32(array.as_primitive()),
            DataType::Boolean => Self::Bool(array.as_boolean()),
            DataType::Date32 => Self::Date(array.as_primitive().clone()),
            DataType::Timestamp(TimeUnit::Nanosecond, None) => {
                Self::Nanos(array.as_primitive().clone())
            }
            DataType::Timestamp(_, None) => {
                Self::Time(cast(array, &Kind::Time.arrow())?.as_primitive().clone())
            }
            t if t.is_integer() && *t != DataType::UInt64 => {
                Self::Int(cast(array, &DataType::Int64)?.as_primitive().clone())
            }
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Self::texts(array)?,
            DataType::Dictionary(_, values) if values.is_string() => Self::texts(array)?,
            _ => Self::Other(array, ArrayFormatter::try_new(array, options)?),
        })
    }

    fn texts(array: &dyn Array) -> Result<Self, ArrowError> {
        views(array).map(Self::Text)
    }

    fn is_missing(&self, i: usize) -> bool {
        match self {
            Self::Int(a) => a.is_null(i),
            Self::Float(a) => a.is_null(i),
            Self::Float32(a) => a.is_null(i),
            Self::Bool(a) => a.is_null(i),
            Self::Text(a) => a.is_null(i),
            Self::Date(a) => a.is_null(i),
            Self::Time(a) => a.is_null(i),
            Self::Nanos(a) => a.is_null(i),
            Self::Other(a, _) => a.is_null(i),
        }
    }
}

impl Printing {
    /// Writes the names of the columns as a line.
    pub(crate) fn header<'a>(&self, names: impl Iterator<Item = &'a String>, out: &mut Vec<u8>) {
        let line = out.len();
        for name in names {
            self.text(name, out);
            out.push(self.sep);
        }
        self.line(line, out);
    }

    /// Ends the line that starts at `start`. A line that is empty or only blanks is quoted: it
    /// would not be read as a row.
    fn line(&self, start: usize, out: &mut Vec<u8>) {
        let last = out.len().saturating_sub(1);
        if out[start..last].iter().all(|b| matches!(b, b' ' | b'\t') && *b != self.sep) {
            out.insert(last, self.quote);
            out.insert(start, self.quote);
        }
        end_line(out);
    }

    /// Writes the rows of a batch as lines.
    pub(crate) fn rows(&self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        let options = FormatOptions::default();
        let columns = batch
            .columns()
            .iter()
            .map(|c| Column::of(c.as_ref(), &options))
            .collect::<Result<Vec<_>, _>>()?;
        let risky = self.is_risky();
        for i in 0..batch.num_rows() {
            let line = out.len();
            for column in &columns {
                let start = out.len();
                if column.is_missing(i) {
                    out.extend_from_slice(self.missing.as_bytes());
                } else {
                    self.value(column, i, out);
                }
                if risky
                    && (column.is_missing(i)
                        || !matches!(column, Column::Text(_) | Column::Other(..)))
                {
                    self.protect(start, out);
                }
                out.push(self.sep);
            }
            self.line(line, out);
        }
        Ok(())
    }

    /// Returns whether numbers, dates or nulls may contain separators or quotes.
    fn is_risky(&self) -> bool {
        let marks = [self.sep, self.quote];
        let values = b"0123456789+-.:eE TrueFalsNinf";
        let own = self.missing.bytes().chain([self.decimal]);
        own.chain(values.iter().copied()).any(|b| marks.contains(&b))
            || self.missing.contains(['\n', '\r'])
    }

    /// Quotes what was written since `start`, if it contains special characters.
    fn protect(&self, start: usize, out: &mut Vec<u8>) {
        if !out[start..].iter().any(|b| self.is_special(*b)) {
            return;
        }
        let value = out.split_off(start);
        self.quoted(&value, out);
    }

    /// Returns whether text with this byte needs quotes.
    fn is_special(&self, byte: u8) -> bool {
        byte == self.sep || byte == self.quote || byte == b'\n' || byte == b'\r'
    }

    fn quoted(&self, text: &[u8], out: &mut Vec<u8>) {
        out.push(self.quote);
        for b in text {
            if *b == self.quote {
                out.push(*b);
            }
            out.push(*b);
        }
        out.push(self.quote);
    }

    fn value(&self, column: &Column<'_>, i: usize, out: &mut Vec<u8>) {
        match column {
            Column::Int(a) => {
                out.extend_from_slice(itoa::Buffer::new().format(a.value(i)).as_bytes())
            }
            Column::Float(a) => self.float(a.value(i), zmij::Buffer::new().format(a.value(i)), out),
            Column::Float32(a) => {
                self.float(f64::from(a.value(i)), zmij::Buffer::new().format(a.value(i)), out)
            }
            Column::Bool(a) => out.extend_from_slice(if a.value(i) { b"True" } else { b"False" }),
            Column::Text(a) => self.text(a.value(i), out),
            Column::Date(a) => self.date(i64::from(a.value(i)), out),
            Column::Time(a) => self.time(a.value(i), out),
            Column::Nanos(a) => self.nanos(a.value(i), out),
            Column::Other(_, a) => self.text(&a.value(i).to_string(), out),
        }
    }

    fn float(&self, value: f64, shortest: &str, out: &mut Vec<u8>) {
        let start = out.len();
        match self.decimals {
            Some(n) if value.is_finite() => {
                out.extend_from_slice(format!("{value:.n$}").as_bytes())
            }
            _ => out.extend_from_slice(shortest.as_bytes()),
        }
        if self.decimal != b'.' {
            out[start..].iter_mut().filter(|b| **b == b'.').for_each(|b| *b = self.decimal);
        }
    }

    fn text(&self, text: &str, out: &mut Vec<u8>) {
        // An empty string is quoted, to distinguish it from a null.
        if !self.quote_all && !text.is_empty() && !text.bytes().any(|b| self.is_special(b)) {
            return out.extend_from_slice(text.as_bytes());
        }
        self.quoted(text.as_bytes(), out);
    }

    fn date(&self, days: i64, out: &mut Vec<u8>) {
        if self.date_format.is_some() {
            return self.time(days * 86_400_000_000, out);
        }
        day(days, out);
    }

    /// Writes a timestamp with all its digits.
    fn nanos(&self, nanos: i64, out: &mut Vec<u8>) {
        if nanos % 1000 == 0 {
            return self.time(nanos / 1000, out);
        }
        if let Some(format) = &self.date_format {
            let time = chrono::DateTime::from_timestamp_nanos(nanos).naive_utc();
            return self.text(&time.format(format).to_string(), out);
        }
        self.time(nanos.div_euclid(1_000_000_000) * 1_000_000, out);
        // Writing to a vector cannot fail.
        let _ = write!(out, ".{:09}", nanos.rem_euclid(1_000_000_000));
    }

    fn time(&self, micros: i64, out: &mut Vec<u8>) {
        if let (Some(format), Some(time)) =
            (&self.date_format, chrono::DateTime::from_timestamp_micros(micros))
        {
            let mut text = String::new();
            // The format was validated when it was set.
            let _ = std::fmt::Write::write_fmt(
                &mut text,
                format_args!("{}", time.naive_utc().format(format)),
            );
            return self.text(&text, out);
        }
        const DAY: i64 = 86_400_000_000;
        let of_day = micros.rem_euclid(DAY);
        day(micros.div_euclid(DAY), out);
        out.push(b' ');
        for (unit, count, mark) in
            [(3_600_000_000, 24, b':'), (60_000_000, 60, b':'), (1_000_000, 60, b'.')]
        {
            two((of_day / unit % count) as u32, out);
            out.push(mark);
        }
        match of_day % 1_000_000 {
            0 => drop(out.pop()),
            part if part % 1000 == 0 => padded(part / 1000, 3, out),
            part => padded(part, 6, out),
        }
    }
}

/// Replaces the last separator of a line by the line end.
fn end_line(out: &mut [u8]) {
    if let Some(last) = out.last_mut() {
        *last = b'\n';
    }
}

fn two(n: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(&[b'0' + (n / 10) as u8, b'0' + (n % 10) as u8]);
}

fn day(days: i64, out: &mut Vec<u8>) {
    let (year, month, day) = value::civil(days);
    if (0..10_000).contains(&year) {
        two(year as u32 / 100, out);
        two(year as u32 % 100, out);
    } else {
        padded(i64::from(year), 4, out);
    }
    out.push(b'-');
    two(month as u32, out);
    out.push(b'-');
    two(day as u32, out);
}

fn padded(n: i64, width: usize, out: &mut Vec<u8>) {
    // Writing to a vector cannot fail.
    let _ = write!(out, "{n:0width$}");
}
