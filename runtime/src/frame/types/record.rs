//! Deserializes rows with serde: a row is a map from column names to cells, and a cell converts to
//! the requested type. The generic parts are short, because they are compiled in a notebook cell
//! for each row type.

use crate::error::{Error, Result};
use crate::frame::types::dtype::DType;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Date32Type, Fields, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow::error::ArrowError;
use arrow::util::display::array_value_to_string;
use serde::de::value::{StrDeserializer, StringDeserializer};
use serde::de::{DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

/// Why a cell cannot be read.
#[derive(Debug)]
pub(crate) struct Wrong(String);

type Read<T> = std::result::Result<T, Wrong>;

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Wrong {}

impl serde::de::Error for Wrong {
    fn custom<T: fmt::Display>(message: T) -> Self {
        said(&message)
    }
}

#[inline(never)]
fn said(message: &dyn fmt::Display) -> Wrong {
    Wrong(message.to_string())
}

/// Calls `read` with each row, until it fails.
///
/// # Errors
/// The error of `read`, with the number of the row.
#[inline(never)]
pub(crate) fn each_row(
    method: &str,
    batch: &RecordBatch,
    read: &mut dyn FnMut(Record<'_>) -> Read<()>,
) -> Result<()> {
    let fields = batch.schema_ref().fields();
    let columns = batch.columns().iter().map(decoded).collect::<std::result::Result<Vec<_>, _>>();
    let columns = columns.map_err(|e| Error::bad_argument(method, e.to_string()))?;
    for row in 0..batch.num_rows() {
        let record = Record { fields, columns: &columns, row };
        read(record).map_err(|wrong| Error::bad_argument(method, format!("row {row}: {wrong}")))?;
    }
    Ok(())
}

/// Unpacks a dictionary column.
fn decoded(column: &ArrayRef) -> std::result::Result<ArrayRef, ArrowError> {
    match column.data_type() {
        DataType::Dictionary(_, of) => cast(column, of),
        _ => Ok(column.clone()),
    }
}

/// A row, or the fields of a struct in a cell.
#[derive(Clone, Copy)]
pub(crate) struct Record<'a> {
    fields: &'a Fields,
    columns: &'a [ArrayRef],
    row: usize,
}

impl<'a> Record<'a> {
    #[inline(never)]
    fn cell(&self, i: usize) -> Cell<'a> {
        Cell { name: self.fields[i].name(), array: &*self.columns[i], row: self.row }
    }

    /// Returns the existing columns with these names, or all.
    #[inline(never)]
    fn chosen(self, names: Option<&'static [&'static str]>) -> Entries<'a> {
        Entries { record: self, names, next: 0 }
    }
}

/// The fields of a row that have not been read yet.
pub(crate) struct Entries<'a> {
    record: Record<'a>,
    /// The fields to read; `None` for all.
    names: Option<&'static [&'static str]>,
    next: usize,
}

impl<'a> Entries<'a> {
    #[inline(never)]
    fn name(&mut self) -> Option<&'a str> {
        let wanted = |name: &str| self.names.is_none_or(|names| names.contains(&name));
        let left = self.record.fields.iter().enumerate().skip(self.next);
        let (i, name) = left.map(|(i, f)| (i, f.name().as_str())).find(|(_, name)| wanted(name))?;
        self.next = i;
        Some(name)
    }

    #[inline(never)]
    fn take(&mut self) -> Option<Cell<'a>> {
        let cell = (self.next < self.record.columns.len()).then(|| self.record.cell(self.next));
        self.next += 1;
        cell
    }
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Wrong;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Read<Option<K::Value>> {
        match self.name() {
            Some(name) => match seed.deserialize(StrDeserializer::new(name)) {
                Ok(key) => Ok(Some(key)),
                Err(e) => Err(e),
            },
            None => Ok(None),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Read<V::Value> {
        match self.take() {
            Some(cell) => read(seed, cell),
            None => Err(said(&"a value was read before its name")),
        }
    }
}

impl<'de> SeqAccess<'de> for Entries<'_> {
    type Error = Wrong;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Read<Option<T::Value>> {
        match self.take() {
            Some(cell) => match read(seed, cell) {
                Ok(value) => Ok(Some(value)),
                Err(e) => Err(e),
            },
            None => Ok(None),
        }
    }
}

/// Reads a cell; an error names its column.
fn read<'de, T: DeserializeSeed<'de>>(seed: T, cell: Cell<'_>) -> Read<T::Value> {
    match seed.deserialize(cell) {
        Ok(value) => Ok(value),
        Err(e) => Err(cell.place(e)),
    }
}

/// One value of a column.
#[derive(Clone, Copy)]
pub(crate) struct Cell<'a> {
    name: &'a str,
    array: &'a dyn Array,
    row: usize,
}

/// The content of a cell.
enum Plain<'a> {
    Null,
    Bool(bool),
    Signed(i64),
    Unsigned(u64),
    Float(f64),
    Text(Cow<'a, str>),
    Bytes(&'a [u8]),
    List(&'a dyn Array, Range<usize>),
    Struct(Record<'a>),
    Map(&'a dyn Array, &'a dyn Array, Range<usize>),
}

impl<'a> Cell<'a> {
    /// Returns the content; dates, times and all other types are strings, in ISO 8601 where it
    /// applies.
    #[inline(never)]
    fn plain(&self) -> Plain<'a> {
        let (array, row) = (self.array, self.row);
        if self.is_null() {
            return Plain::Null;
        }
        let range = |start: usize, end: usize| start..end;
        match array.data_type() {
            DataType::Boolean => Plain::Bool(array.as_boolean().value(row)),
            DataType::Int8 => Plain::Signed(array.as_primitive::<Int8Type>().value(row).into()),
            DataType::Int16 => Plain::Signed(array.as_primitive::<Int16Type>().value(row).into()),
            DataType::Int32 => Plain::Signed(array.as_primitive::<Int32Type>().value(row).into()),
            DataType::Int64 => Plain::Signed(array.as_primitive::<Int64Type>().value(row)),
            DataType::UInt8 => Plain::Unsigned(array.as_primitive::<UInt8Type>().value(row).into()),
            DataType::UInt16 => {
                Plain::Unsigned(array.as_primitive::<UInt16Type>().value(row).into())
            }
            DataType::UInt32 => {
                Plain::Unsigned(array.as_primitive::<UInt32Type>().value(row).into())
            }
            DataType::UInt64 => Plain::Unsigned(array.as_primitive::<UInt64Type>().value(row)),
            DataType::Float16 => {
                Plain::Float(array.as_primitive::<Float16Type>().value(row).into())
            }
            DataType::Float32 => {
                Plain::Float(array.as_primitive::<Float32Type>().value(row).into())
            }
            DataType::Float64 => Plain::Float(array.as_primitive::<Float64Type>().value(row)),
            DataType::Utf8 => Plain::Text(array.as_string::<i32>().value(row).into()),
            DataType::LargeUtf8 => Plain::Text(array.as_string::<i64>().value(row).into()),
            DataType::Utf8View => Plain::Text(array.as_string_view().value(row).into()),
            DataType::Binary => Plain::Bytes(array.as_binary::<i32>().value(row)),
            DataType::LargeBinary => Plain::Bytes(array.as_binary::<i64>().value(row)),
            DataType::BinaryView => Plain::Bytes(array.as_binary_view().value(row)),
            DataType::FixedSizeBinary(_) => Plain::Bytes(array.as_fixed_size_binary().value(row)),
            DataType::List(_) => {
                let (list, at) = (array.as_list::<i32>(), array.as_list::<i32>().value_offsets());
                Plain::List(&**list.values(), range(at[row] as usize, at[row + 1] as usize))
            }
            DataType::LargeList(_) => {
                let (list, at) = (array.as_list::<i64>(), array.as_list::<i64>().value_offsets());
                Plain::List(&**list.values(), range(at[row] as usize, at[row + 1] as usize))
            }
            DataType::FixedSizeList(..) => {
                let list = array.as_fixed_size_list();
                let start = list.value_offset(row) as usize;
                Plain::List(&**list.values(), range(start, start + list.value_length() as usize))
            }
            DataType::Struct(fields) => {
                Plain::Struct(Record { fields, columns: array.as_struct().columns(), row })
            }
            DataType::Map(..) => {
                let (map, at) = (array.as_map(), array.as_map().value_offsets());
                Plain::Map(
                    &**map.keys(),
                    &**map.values(),
                    range(at[row] as usize, at[row + 1] as usize),
                )
            }
            _ => Plain::Text(array_value_to_string(array, row).unwrap_or_default().into()),
        }
    }

    /// Returns the days of a date or the units of a time; `None` for nulls and other types.
    fn units(&self) -> Option<i64> {
        if self.is_null() {
            return None;
        }
        let days = |a: &dyn Array| i64::from(a.as_primitive::<Date32Type>().value(self.row));
        match self.array.data_type() {
            DataType::Date32 => Some(days(self.array)),
            DataType::Date64
            | DataType::Timestamp(..)
            | DataType::Time64(_)
            | DataType::Duration(_) => {
                let whole = cast(&self.array.slice(self.row, 1), &DataType::Int64).ok()?;
                Some(whole.as_primitive::<Int64Type>().value(0))
            }
            _ => None,
        }
    }

    /// Creates the error of a cell whose content does not match the requested type.
    #[inline(never)]
    fn no(&self, wanted: &str) -> Wrong {
        if self.is_null() {
            return Wrong(format!("null; expected {wanted}; help: make the field an Option"));
        }
        let value = array_value_to_string(self.array, self.row).unwrap_or_default();
        let dtype = DType::of(self.array.data_type());
        Wrong(format!("{value:.40} of dtype {dtype}; expected {wanted}"))
    }

    /// Prefixes an error with the column name.
    #[inline(never)]
    fn place(&self, wrong: Wrong) -> Wrong {
        Wrong(format!("column {:?}: {}", self.name, wrong.0))
    }

    #[inline(never)]
    fn truth(&self) -> Read<bool> {
        match self.plain() {
            Plain::Bool(b) => Ok(b),
            _ => Err(self.no("a boolean")),
        }
    }

    /// Returns an integer; one above the range of `i64` as the `Err` variant.
    #[inline(never)]
    fn whole(&self) -> Read<std::result::Result<i64, u64>> {
        // Before they are formatted as strings.
        if let Some(units) = self.units() {
            return Ok(Ok(units));
        }
        match self.plain() {
            Plain::Signed(i) => Ok(Ok(i)),
            Plain::Unsigned(u) => Ok(i64::try_from(u).map_err(|_| u)),
            _ => Err(self.no("an integer")),
        }
    }

    #[inline(never)]
    fn float(&self) -> Read<f64> {
        // The largest integer up to which a float is exact.
        const MOST: u64 = 1 << 53;
        match self.plain() {
            Plain::Float(x) => Ok(x),
            Plain::Signed(i) if i.unsigned_abs() <= MOST => Ok(i as f64),
            Plain::Unsigned(u) if u <= MOST => Ok(u as f64),
            _ => Err(self.no("a float")),
        }
    }

    #[inline(never)]
    fn text(&self) -> Read<String> {
        match self.plain() {
            Plain::Text(t) => Ok(t.into_owned()),
            _ => Err(self.no("a string")),
        }
    }

    #[inline(never)]
    fn bytes(&self) -> Read<Vec<u8>> {
        match self.plain() {
            Plain::Bytes(b) => Ok(b.to_vec()),
            Plain::Text(t) => Ok(t.into_owned().into_bytes()),
            _ => Err(self.no("bytes")),
        }
    }

    #[inline(never)]
    fn items(&self) -> Read<Items<'a>> {
        match self.plain() {
            Plain::List(array, left) => Ok(Items { name: self.name, array, left, bytes: &[] }),
            Plain::Bytes(bytes) => {
                Ok(Items { name: self.name, array: self.array, left: 0..0, bytes })
            }
            _ => Err(self.no("a list")),
        }
    }

    #[inline(never)]
    fn record(&self) -> Read<Record<'a>> {
        match self.plain() {
            Plain::Struct(record) => Ok(record),
            _ => Err(self.no("a struct")),
        }
    }

    #[inline(never)]
    fn is_null(&self) -> bool {
        // A column of the null type has no validity mask.
        *self.array.data_type() == DataType::Null || self.array.is_null(self.row)
    }
}

/// The items of a list that have not been read yet.
struct Items<'a> {
    name: &'a str,
    array: &'a dyn Array,
    left: Range<usize>,
    bytes: &'a [u8],
}

impl<'a> Items<'a> {
    #[inline(never)]
    fn take(&mut self) -> Option<Cell<'a>> {
        self.left.next().map(|row| Cell { name: self.name, array: self.array, row })
    }
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Wrong;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Read<Option<T::Value>> {
        let read = match (self.take(), self.bytes) {
            (Some(cell), _) => seed.deserialize(cell),
            (None, [byte, rest @ ..]) => {
                self.bytes = rest;
                seed.deserialize(IntoDeserializer::<Wrong>::into_deserializer(*byte))
            }
            (None, []) => return Ok(None),
        };
        match read {
            Ok(value) => Ok(Some(value)),
            Err(e) => Err(e),
        }
    }
}

/// The entries of a map that have not been read yet.
struct Pairs<'a> {
    keys: Items<'a>,
    values: Items<'a>,
}

impl<'de> MapAccess<'de> for Pairs<'_> {
    type Error = Wrong;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Read<Option<K::Value>> {
        self.keys.next_element_seed(seed)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Read<V::Value> {
        match self.values.take() {
            Some(cell) => seed.deserialize(cell),
            None => Err(said(&"a map has fewer values than keys")),
        }
    }
}

/// Defines methods that pass the result of a method of the cell to a visitor.
macro_rules! visits {
    ($($($method:ident)* => $get:ident $visit:ident;)*) => {$($(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
            match self.$get() {
                Ok(value) => visitor.$visit(value),
                Err(e) => Err(e),
            }
        }
    )*)*};
}

/// Defines methods for integers of any width: serde reports values out of range.
macro_rules! integers {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
            match self.whole() {
                Ok(Ok(signed)) => visitor.visit_i64(signed),
                Ok(Err(unsigned)) => visitor.visit_u64(unsigned),
                Err(e) => Err(e),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Cell<'_> {
    type Error = Wrong;

    visits! {
        deserialize_bool => truth visit_bool;
        deserialize_f32 deserialize_f64 => float visit_f64;
        deserialize_char deserialize_str deserialize_string deserialize_identifier => text visit_string;
        deserialize_bytes deserialize_byte_buf => bytes visit_byte_buf;
        deserialize_seq => items visit_seq;
    }
    integers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        match self.plain() {
            Plain::Null => visitor.visit_none(),
            Plain::Bool(b) => visitor.visit_bool(b),
            Plain::Signed(i) => visitor.visit_i64(i),
            Plain::Unsigned(u) => visitor.visit_u64(u),
            Plain::Float(x) => visitor.visit_f64(x),
            Plain::Text(t) => visitor.visit_string(t.into_owned()),
            Plain::Bytes(b) => visitor.visit_bytes(b),
            Plain::Struct(record) => visitor.visit_map(record.chosen(None)),
            Plain::List(array, left) => {
                visitor.visit_seq(Items { name: self.name, array, left, bytes: &[] })
            }
            Plain::Map(..) => self.deserialize_map(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        if self.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        visitor.visit_unit()
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Read<V::Value> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Read<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Read<V::Value> {
        match self.plain() {
            Plain::Struct(record) => visitor.visit_seq(record.chosen(None)),
            _ => self.deserialize_seq(visitor),
        }
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Read<V::Value> {
        self.deserialize_tuple(len, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        match self.plain() {
            Plain::Struct(record) => visitor.visit_map(record.chosen(None)),
            Plain::Map(keys, values, left) => {
                let items =
                    |array| Items { name: self.name, array, left: left.clone(), bytes: &[] };
                visitor.visit_map(Pairs { keys: items(keys), values: items(values) })
            }
            _ => Err(self.no("a map")),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Read<V::Value> {
        match self.record() {
            Ok(record) => visitor.visit_map(record.chosen(Some(names))),
            Err(e) => Err(e),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Read<V::Value> {
        match self.text() {
            Ok(variant) => visitor.visit_enum(StringDeserializer::new(variant)),
            Err(e) => Err(e),
        }
    }
}

/// Defines methods for types that a row cannot have.
macro_rules! no_row {
    ($($method:ident($($argument:ty),*))*) => {$(
        fn $method<V: Visitor<'de>>(self, $(_: $argument,)* _: V) -> Read<V::Value> {
            Err(said(&"invalid row type: expected a struct, a map or a tuple"))
        }
    )*};
}

impl<'de> Deserializer<'de> for Record<'_> {
    type Error = Wrong;

    no_row! {
        deserialize_bool() deserialize_i8() deserialize_i16() deserialize_i32() deserialize_i64() deserialize_i128() deserialize_u8()
        deserialize_u16() deserialize_u32() deserialize_u64() deserialize_u128() deserialize_f32() deserialize_f64() deserialize_char()
        deserialize_str() deserialize_string() deserialize_bytes() deserialize_byte_buf() deserialize_identifier()
        deserialize_enum(&'static str, &'static [&'static str])
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        visitor.visit_map(self.chosen(None))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        visitor.visit_map(self.chosen(None))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Read<V::Value> {
        visitor.visit_map(self.chosen(Some(names)))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        visitor.visit_seq(self.chosen(None))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Read<V::Value> {
        visitor.visit_seq(self.chosen(None))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Read<V::Value> {
        visitor.visit_seq(self.chosen(None))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Read<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        visitor.visit_unit()
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Read<V::Value> {
        visitor.visit_unit()
    }
}

#[cfg(test)]
mod tests;
