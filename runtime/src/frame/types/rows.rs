//! Serializes rows into columns: each field goes to the builder of its column, and strings are
//! parsed if the column has another type.

use crate::error::{ErrorKind, Result};
use crate::frame::types::batch::batch;
use crate::frame::types::dtype::{DType, arrow_type};
use crate::frame::types::names::check_names;
use arrow::array::{
    ArrayRef, BooleanBuilder, Date32Builder, Float32Builder, Float64Builder, Int8Builder,
    Int16Builder, Int32Builder, Int64Builder, RecordBatch, StringBuilder, StringDictionaryBuilder,
    TimestampMicrosecondBuilder, UInt8Builder, UInt16Builder, UInt32Builder, UInt64Builder,
};
use arrow::compute::kernels::cast_utils::{Parser, string_to_datetime};
use arrow::datatypes::{DataType, Date32Type, Field, Int32Type, Schema, SchemaRef};
use serde::ser::{Error as _, Impossible, Serialize, SerializeMap, SerializeStruct, Serializer};
use std::borrow::Cow;
use std::sync::Arc;

/// A value of a row.
#[derive(Debug, Clone, PartialEq)]
enum Cell {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(String),
}

/// Builds a batch of rows.
pub(crate) struct Rows {
    schema: SchemaRef,
    names: Vec<String>,
    columns: Vec<Column>,
    /// The current row.
    cells: Vec<Cell>,
    rows: usize,
}

/// Returns the schema of columns given by names and types.
pub(crate) fn schema(columns: &[(String, DType)]) -> Result<SchemaRef> {
    check_names("to_dataframe", columns.iter().map(|(n, _)| n))?;
    let fields: Vec<_> = columns
        .iter()
        .map(|(n, t)| Ok(Field::new(n, arrow_type("to_dataframe", n, t)?, true)))
        .collect::<Result<_>>()?;
    Ok(Arc::new(Schema::new(fields)))
}

macro_rules! columns {
    ($($variant:ident($builder:ty, $type:pat) = $read:expr;)*) => {
        enum Column { $($variant($builder),)* }

        impl Column {
            fn new(of: &DataType) -> Self {
                match of {
                    $($type => Self::$variant(<$builder>::new()),)*
                    // `arrow_type` returns no others.
                    _ => Self::Str(StringBuilder::new()),
                }
            }

            /// Appends a cell; returns `false` if it does not fit the type.
            fn push(&mut self, cell: &Cell) -> bool {
                match self {
                    $(Self::$variant(builder) => {
                        let value = if *cell == Cell::Null { Ok(None) } else { $read(cell) };
                        // An empty string in a column of another type is null.
                        let value = match (value, cell) {
                            (Err(()), Cell::Text(t)) if t.trim().is_empty() => Ok(None),
                            (value, _) => value,
                        };
                        value.map(|v| builder.append_option(v)).is_ok()
                    })*
                }
            }

            fn finish(&mut self) -> ArrayRef {
                match self {
                    $(Self::$variant(builder) => Arc::new(builder.finish()),)*
                }
            }
        }
    };
}

fn integer<T: TryFrom<i128>>(cell: &Cell) -> std::result::Result<Option<T>, ()> {
    let n = match cell {
        Cell::Int(n) => *n,
        Cell::Bool(b) => i128::from(*b),
        Cell::Float(x) if x.fract() == 0.0 && x.abs() < 1e18 => *x as i128,
        Cell::Text(t) => t.trim().parse().map_err(|_| ())?,
        _ => return Err(()),
    };
    T::try_from(n).map(Some).map_err(|_| ())
}

fn float(cell: &Cell) -> std::result::Result<Option<f64>, ()> {
    match cell {
        Cell::Int(n) => Ok(Some(*n as f64)),
        Cell::Float(x) => Ok(Some(*x)),
        Cell::Bool(b) => Ok(Some(f64::from(u8::from(*b)))),
        Cell::Text(t) => t.trim().parse().map(Some).map_err(|_| ()),
        Cell::Null => Ok(None),
    }
}

fn truth(cell: &Cell) -> std::result::Result<Option<bool>, ()> {
    match cell {
        Cell::Bool(b) => Ok(Some(*b)),
        Cell::Int(0 | 1) => Ok(Some(*cell == Cell::Int(1))),
        Cell::Text(t) => match t.trim() {
            "true" | "True" | "TRUE" | "1" => Ok(Some(true)),
            "false" | "False" | "FALSE" | "0" => Ok(Some(false)),
            _ => Err(()),
        },
        _ => Err(()),
    }
}

fn text(cell: &Cell) -> std::result::Result<Option<Cow<'_, str>>, ()> {
    Ok(Some(match cell {
        Cell::Text(t) => Cow::Borrowed(t.as_str()),
        Cell::Bool(b) => b.to_string().into(),
        Cell::Int(n) => n.to_string().into(),
        Cell::Float(x) => x.to_string().into(),
        Cell::Null => return Ok(None),
    }))
}

fn day(cell: &Cell) -> std::result::Result<Option<i32>, ()> {
    let Cell::Text(t) = cell else { return Err(()) };
    Date32Type::parse(t.trim()).map(Some).ok_or(())
}

fn instant(cell: &Cell) -> std::result::Result<Option<i64>, ()> {
    let Cell::Text(t) = cell else { return Err(()) };
    let read = string_to_datetime(&chrono::Utc, t.trim()).map_err(|_| ())?;
    crate::csv::value::micros_of(read.naive_utc()).map(Some).ok_or(())
}

columns! {
    Bool(BooleanBuilder, DataType::Boolean) = truth;
    Int8(Int8Builder, DataType::Int8) = integer::<i8>;
    Int16(Int16Builder, DataType::Int16) = integer::<i16>;
    Int32(Int32Builder, DataType::Int32) = integer::<i32>;
    Int64(Int64Builder, DataType::Int64) = integer::<i64>;
    UInt8(UInt8Builder, DataType::UInt8) = integer::<u8>;
    UInt16(UInt16Builder, DataType::UInt16) = integer::<u16>;
    UInt32(UInt32Builder, DataType::UInt32) = integer::<u32>;
    UInt64(UInt64Builder, DataType::UInt64) = integer::<u64>;
    Float32(Float32Builder, DataType::Float32) = |c: &Cell| float(c).map(|x| x.map(|x| x as f32));
    Float64(Float64Builder, DataType::Float64) = float;
    Str(StringBuilder, DataType::Utf8) = text;
    Category(StringDictionaryBuilder<Int32Type>, DataType::Dictionary(..)) = text;
    Date(Date32Builder, DataType::Date32) = day;
    Datetime(TimestampMicrosecondBuilder, DataType::Timestamp(..)) = instant;
}

impl Rows {
    pub(crate) fn new(schema: &SchemaRef) -> Self {
        let names: Vec<_> = schema.fields().iter().map(|f| f.name().clone()).collect();
        let columns = schema.fields().iter().map(|f| Column::new(f.data_type())).collect();
        Self {
            schema: schema.clone(),
            cells: vec![Cell::Null; names.len()],
            names,
            columns,
            rows: 0,
        }
    }

    /// Appends a row: a map or a struct. Other fields are ignored, and absent ones are null.
    pub(crate) fn push<T: Serialize>(&mut self, row: &T) -> Result<()> {
        self.cells.fill(Cell::Null);
        let read = row.serialize(RowReader { names: &self.names, cells: &mut self.cells });
        self.end(read)
    }

    #[inline(never)]
    fn end(&mut self, read: std::result::Result<(), RowError>) -> Result<()> {
        let wrong =
            |message: String| ErrorKind::BadArgument { method: "to_dataframe".to_owned(), message };
        read.map_err(|e| wrong(e.0))?;
        for (i, cell) in self.cells.iter().enumerate() {
            if !self.columns[i].push(cell) {
                let dtype = DType::of(self.schema.field(i).data_type());
                let shown = text(cell).ok().flatten().unwrap_or_default().into_owned();
                let name = &self.names[i];
                let hint = "help: DType::Str holds every value";
                return Err(wrong(format!(
                    "column {name:?}: cannot convert {shown:?} to {dtype}; {hint}"
                ))
                .into());
            }
        }
        self.rows += 1;
        Ok(())
    }

    pub(crate) fn finish(mut self) -> Result<RecordBatch> {
        let arrays = self.columns.iter_mut().map(Column::finish).collect();
        batch("to_dataframe", &self.schema, arrays, self.rows)
    }
}

/// Why a row cannot be read.
#[derive(Debug)]
struct RowError(String);

impl std::fmt::Display for RowError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
impl std::error::Error for RowError {}
impl serde::ser::Error for RowError {
    fn custom<T: std::fmt::Display>(text: T) -> Self {
        Self(text.to_string())
    }
}

type Read<T> = std::result::Result<T, RowError>;

/// Puts the fields of a row into its cells.
struct RowReader<'a> {
    names: &'a [String],
    cells: &'a mut [Cell],
}

impl RowReader<'_> {
    fn put<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Read<()> {
        if let Some(i) = self.names.iter().position(|n| n == name) {
            self.cells[i] = cell_of(value)?;
        }
        Ok(())
    }
}

fn cell_of<T: Serialize + ?Sized>(value: &T) -> Read<Cell> {
    match value.serialize(CellReader) {
        Ok(cell) => Ok(cell),
        // A list or a map in a cell becomes JSON.
        Err(RowError(s)) if s.is_empty() => {
            serde_json::to_string(value).map(Cell::Text).map_err(RowError::custom)
        }
        Err(e) => Err(e),
    }
}

/// Defines methods of a [`Serializer`] that return an error, for the kinds of values that it does
/// not accept; after the arrow stands the type that the method would return.
macro_rules! refuse {
    ($error:expr; $($name:ident($($ty:ty),*) -> $of:ident)*) => {$(
        fn $name(self $(, _: $ty)*) -> Read<Self::$of> {
            Err($error)
        }
    )*};
}

/// Refuses the values that both serializers of this file refuse.
macro_rules! refuse_lists {
    ($error:expr) => {
        refuse! { $error;
            serialize_seq(Option<usize>) -> SerializeSeq
            serialize_tuple(usize) -> SerializeTuple
            serialize_tuple_struct(&'static str, usize) -> SerializeTupleStruct
            serialize_tuple_variant(&'static str, u32, &'static str, usize) -> SerializeTupleVariant
            serialize_struct_variant(&'static str, u32, &'static str, usize) -> SerializeStructVariant
        }
    };
}

/// Passes on what wraps a value.
macro_rules! unwrap_newtypes {
    () => {
        fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Read<Self::Ok> {
            value.serialize(self)
        }
        fn serialize_newtype_struct<T: Serialize + ?Sized>(
            self,
            _: &'static str,
            value: &T,
        ) -> Read<Self::Ok> {
            value.serialize(self)
        }
        fn serialize_newtype_variant<T: Serialize + ?Sized>(
            self,
            _: &'static str,
            _: u32,
            _: &'static str,
            value: &T,
        ) -> Read<Self::Ok> {
            value.serialize(self)
        }
    };
}

fn no_row() -> RowError {
    RowError("an element is neither a map nor a struct with fields; help: map the elements to structs first".to_owned())
}

impl<'a> Serializer for RowReader<'a> {
    type Ok = ();
    type Error = RowError;
    type SerializeSeq = Impossible<(), RowError>;
    type SerializeTuple = Impossible<(), RowError>;
    type SerializeTupleStruct = Impossible<(), RowError>;
    type SerializeTupleVariant = Impossible<(), RowError>;
    type SerializeMap = Fields<'a>;
    type SerializeStruct = Self;
    type SerializeStructVariant = Impossible<(), RowError>;

    unwrap_newtypes!();
    refuse_lists!(no_row());
    refuse! { no_row();
        serialize_bool(bool) -> Ok
        serialize_i8(i8) -> Ok
        serialize_i16(i16) -> Ok
        serialize_i32(i32) -> Ok
        serialize_i64(i64) -> Ok
        serialize_u8(u8) -> Ok
        serialize_u16(u16) -> Ok
        serialize_u32(u32) -> Ok
        serialize_u64(u64) -> Ok
        serialize_f32(f32) -> Ok
        serialize_f64(f64) -> Ok
        serialize_char(char) -> Ok
        serialize_str(&str) -> Ok
        serialize_bytes(&[u8]) -> Ok
        serialize_none() -> Ok
        serialize_unit() -> Ok
        serialize_unit_struct(&'static str) -> Ok
        serialize_unit_variant(&'static str, u32, &'static str) -> Ok
    }
    fn serialize_map(self, _: Option<usize>) -> Read<Fields<'a>> {
        Ok(Fields { row: self, key: String::new() })
    }
    fn serialize_struct(self, _: &'static str, _: usize) -> Read<Self> {
        Ok(self)
    }
}

/// A map whose entries are fields.
struct Fields<'a> {
    row: RowReader<'a>,
    key: String,
}

impl SerializeMap for Fields<'_> {
    type Ok = ();
    type Error = RowError;
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Read<()> {
        let cell = cell_of(key)?;
        self.key = text(&cell).ok().flatten().unwrap_or_default().into_owned();
        Ok(())
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Read<()> {
        let key = std::mem::take(&mut self.key);
        self.row.put(&key, value)
    }
    fn end(self) -> Read<()> {
        Ok(())
    }
}

impl SerializeStruct for RowReader<'_> {
    type Ok = ();
    type Error = RowError;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Read<()> {
        self.put(key, value)
    }
    fn end(self) -> Read<()> {
        Ok(())
    }
}

/// Reads one value. An empty error message means that the value is a list or a map.
struct CellReader;

macro_rules! cells {
    ($($name:ident($ty:ty) = $make:expr;)*) => {$(
        fn $name(self, v: $ty) -> Read<Cell> {
            Ok($make(v))
        }
    )*};
}

impl Serializer for CellReader {
    type Ok = Cell;
    type Error = RowError;
    type SerializeSeq = Impossible<Cell, RowError>;
    type SerializeTuple = Impossible<Cell, RowError>;
    type SerializeTupleStruct = Impossible<Cell, RowError>;
    type SerializeTupleVariant = Impossible<Cell, RowError>;
    type SerializeMap = Impossible<Cell, RowError>;
    type SerializeStruct = Impossible<Cell, RowError>;
    type SerializeStructVariant = Impossible<Cell, RowError>;

    cells! {
        serialize_bool(bool) = Cell::Bool;
        serialize_i8(i8) = |v| Cell::Int(i128::from(v));
        serialize_i16(i16) = |v| Cell::Int(i128::from(v));
        serialize_i32(i32) = |v| Cell::Int(i128::from(v));
        serialize_i64(i64) = |v| Cell::Int(i128::from(v));
        serialize_u8(u8) = |v| Cell::Int(i128::from(v));
        serialize_u16(u16) = |v| Cell::Int(i128::from(v));
        serialize_u32(u32) = |v| Cell::Int(i128::from(v));
        serialize_u64(u64) = |v| Cell::Int(i128::from(v));
        serialize_f32(f32) = |v| Cell::Float(f64::from(v));
        serialize_f64(f64) = Cell::Float;
        serialize_char(char) = |v: char| Cell::Text(v.to_string());
        serialize_str(&str) = |v: &str| Cell::Text(v.to_owned());
        serialize_bytes(&[u8]) = |v: &[u8]| Cell::Text(String::from_utf8_lossy(v).into_owned());
        serialize_unit_struct(&'static str) = |_| Cell::Null;
    }
    fn serialize_none(self) -> Read<Cell> {
        Ok(Cell::Null)
    }
    fn serialize_unit(self) -> Read<Cell> {
        Ok(Cell::Null)
    }
    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Read<Cell> {
        Ok(Cell::Text(variant.to_owned()))
    }
    unwrap_newtypes!();
    refuse_lists!(RowError(String::new()));
    refuse! { RowError(String::new());
        serialize_map(Option<usize>) -> SerializeMap
        serialize_struct(&'static str, usize) -> SerializeStruct
    }
}
