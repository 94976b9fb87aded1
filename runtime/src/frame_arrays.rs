//! Conversions between frames and arrays.

use crate::array::{Array, ArrayElement, Data, bridge};
use crate::convert::frame;
use crate::delayed::{Delayed, typed_ref};
use crate::error::{Error, Result};
use crate::frame::{DataFrame, Table};
use crate::graph::{Point, Value};
use crate::sched;
use arrow::array::{
    Array as _, ArrayRef, AsArray, BooleanArray, Float32Array, Float64Array, Int32Array,
    Int64Array, RecordBatch, UInt8Array, UInt64Array,
};
use arrow::compute::{CastOptions, cast, cast_with_options};
use arrow::datatypes::{
    DataType, Field, Float64Type, Int32Type, Int64Type, Schema, UInt8Type, UInt64Type,
};
use num_complex::Complex64;
use std::panic::Location;
use std::sync::Arc;

/// From here on, floats have gaps between integers.
const EXACT: u64 = 1 << 53;

/// Returns the elements of a column as floats; nulls are NaN.
///
/// # Errors
/// Returns an error if the column is not numeric, or has an integer that no float equals.
fn floats(name: &str, column: &ArrayRef) -> Result<Vec<f64>> {
    let refused = |what: &str| {
        Error::bad_argument(
            "to_array",
            format!(
                "column {name:?}: {what}; expected numbers; help: select numeric columns, or convert this one first"
            ),
        )
    };
    let dtype = column.data_type();
    if !dtype.is_numeric() && *dtype != DataType::Boolean && !dtype.is_null() {
        return Err(refused(&format!("its type is {dtype}")));
    }
    let signed = || {
        column.as_primitive_opt::<Int64Type>()?.iter().flatten().find(|x| x.unsigned_abs() > EXACT)
    };
    let unsigned =
        || column.as_primitive_opt::<UInt64Type>()?.iter().flatten().find(|x| *x > EXACT);
    if let Some(large) = signed().map(i128::from).or_else(|| unsigned().map(i128::from)) {
        return Err(refused(&format!(
            "{large} is beyond 2^53, and no float has all of its digits"
        )));
    }
    let cast = cast(column, &DataType::Float64).map_err(|e| refused(&e.to_string()))?;
    Ok(cast.as_primitive::<Float64Type>().iter().map(|x| x.unwrap_or(f64::NAN)).collect())
}

/// Returns the elements of a column as integers or booleans; there are no nulls.
///
/// # Errors
/// Returns an error if the column has nulls, is not numeric, or has a value that is not whole or out
/// of range.
fn whole(name: &str, column: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    let refused = |what: &str| {
        Error::bad_argument("to_array_of", format!("column {name:?}: {what}; expected {to} values"))
    };
    let dtype = column.data_type();
    if column.null_count() > 0 {
        return Err(refused("it has nulls, which only floats can stand for; help: .fillna(0)"));
    }
    if !dtype.is_numeric() && *dtype != DataType::Boolean {
        return Err(refused(&format!("its type is {dtype}")));
    }
    if dtype.is_floating() {
        let floats = cast(column, &DataType::Float64).map_err(|e| refused(&e.to_string()))?;
        let list = floats.as_primitive::<Float64Type>();
        if let Some(x) = list.values().iter().find(|x| x.fract() != 0.0 || !x.is_finite()) {
            return Err(refused(&format!("{x} is not whole")));
        }
    }
    let strict = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(column, to, &strict).map_err(|e| refused(&e.to_string()))
}

/// Returns the elements of a column as elements of an array.
fn elements(name: &str, column: &ArrayRef, dtype: &Data) -> Result<Data> {
    macro_rules! integers {
        ($v:ident, $arrow:ident, $t:ty) => {{
            let found = whole(name, column, &DataType::$arrow)?;
            Data::$v(found.as_primitive::<$t>().values().to_vec())
        }};
    }
    Ok(match dtype {
        Data::F64(_) => Data::F64(floats(name, column)?),
        Data::F32(_) => Data::F32(floats(name, column)?.into_iter().map(|x| x as f32).collect()),
        Data::I64(_) => integers!(I64, Int64, Int64Type),
        Data::I32(_) => integers!(I32, Int32, Int32Type),
        Data::U64(_) => integers!(U64, UInt64, UInt64Type),
        Data::U8(_) => integers!(U8, UInt8, UInt8Type),
        Data::Bool(_) => {
            let found = whole(name, column, &DataType::Boolean)?;
            Data::Bool(found.as_boolean().values().iter().collect())
        }
        Data::C64(_) => {
            let list = floats(name, column)?;
            Data::C64(list.into_iter().map(Complex64::from).collect())
        }
    })
}

/// Returns the rows of a table, each with the values of all columns.
fn rows(value: &Value, dtype: &Data) -> Result<Data> {
    let batch = typed_ref::<Table>(value).batch();
    let schema = batch.schema();
    let columns = batch.columns().iter().zip(schema.fields());
    let columns: Vec<Data> =
        columns.map(|(c, f)| elements(f.name(), c, dtype)).collect::<Result<_>>()?;
    Ok(bridge::interleaved(&columns, dtype))
}

/// Returns the partitions with rows, and the number of their rows.
fn partitions(frame: &DataFrame) -> Result<(Vec<Point>, Vec<usize>)> {
    let tables = frame.to_delayed();
    let lengths: Vec<Point> = tables.iter().map(|t| t.map(|t: Table| t.len()).point()).collect();
    let lengths = sched::compute(&lengths)?;
    let known =
        tables.iter().map(Delayed::point).zip(lengths.iter().map(|n| *typed_ref::<usize>(n)));
    let (points, lengths): (Vec<Point>, Vec<usize>) = known.filter(|(_, n)| *n > 0).unzip();
    if points.is_empty() {
        // A matrix without rows.
        return Ok((tables.iter().take(1).map(Delayed::point).collect(), vec![0]));
    }
    Ok((points, lengths))
}

impl DataFrame {
    /// Converts the frame to a matrix of floats: a block for each partition that has rows. Nulls are
    /// NaN. The rows are counted at once, which computes the frame.
    ///
    /// A column that is not numeric is an error when the array is computed, and so is an integer
    /// beyond 2^53, which no float equals.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let x = datasets::flights().select(["distance", "hour"]).to_array();
    /// assert_eq!(x.shape(), [336_776, 2]);
    /// assert_eq!(x.slice(s![.., 1]).max().compute()?, 23.0);
    /// # Ok::<(), rask::Error>(())
    /// ```
    #[must_use]
    #[track_caller]
    pub fn to_array(&self) -> Array<f64> {
        matrix(self, Data::F64(Vec::new()), Location::caller())
    }

    /// Converts the frame to a matrix of elements of any type: `df.to_array_of::<i64>()`. The rows
    /// are counted at once. For integers and booleans, a null, a fraction and a value out of range
    /// are errors when the array is computed.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let x = datasets::flights().select(["distance", "hour"]).to_array_of::<i64>();
    /// assert_eq!(x.slice(s![.., 1]).max().compute()?, 23);
    /// # Ok::<(), rask::Error>(())
    /// ```
    #[must_use]
    #[track_caller]
    pub fn to_array_of<T: ArrayElement>(&self) -> Array<T> {
        matrix(self, T::data(Vec::new()), Location::caller())
    }
}

#[inline(never)]
fn matrix<T: ArrayElement>(
    frame: &DataFrame,
    dtype: Data,
    place: &'static Location<'static>,
) -> Array<T> {
    let columns = frame.columns();
    let known = columns.as_ref().map_or(0, Vec::len);
    bridge::from_rows(columns.and_then(|_| partitions(frame)), known, dtype, rows, place)
}

/// Returns a list of elements as a column of Arrow; NaN is null, as in the other direction.
fn column(data: Data) -> Result<ArrayRef> {
    Ok(match data {
        Data::F64(list) => {
            Arc::new(list.into_iter().map(|x| (!x.is_nan()).then_some(x)).collect::<Float64Array>())
        }
        Data::F32(list) => {
            Arc::new(list.into_iter().map(|x| (!x.is_nan()).then_some(x)).collect::<Float32Array>())
        }
        Data::I64(list) => Arc::new(Int64Array::from(list)),
        Data::I32(list) => Arc::new(Int32Array::from(list)),
        Data::U64(list) => Arc::new(UInt64Array::from(list)),
        Data::U8(list) => Arc::new(UInt8Array::from(list)),
        Data::Bool(list) => Arc::new(BooleanArray::from(list)),
        Data::C64(_) => {
            return Err(Error::bad_argument(
                "to_dataframe",
                "frames have no complex numbers; help: convert .real() and .imag()".to_owned(),
            ));
        }
    })
}

#[track_caller]
#[inline(never)]
fn framed(points: Result<Vec<Point>>, names: Vec<String>, dtype: Data) -> DataFrame {
    let dtype = column(dtype).map(|c| c.data_type().clone());
    let schema = points.as_ref().map_err(Clone::clone).and_then(|_| {
        let dtype = dtype?;
        let fields = names.iter().map(|n| Field::new(n, dtype.clone(), true));
        Ok(Arc::new(Schema::new(fields.collect::<Vec<_>>())))
    });
    let of = schema.clone().unwrap_or_else(|_| Arc::new(Schema::empty()));
    let batch = move |value: Value| {
        let lists = bridge::columns(&value, names.len());
        let columns = lists.into_iter().map(column).collect::<Result<Vec<_>>>()?;
        let batch = RecordBatch::try_new(of.clone(), columns);
        Ok(vec![batch.map_err(|e| Error::bad_argument("to_dataframe", e.to_string()))?])
    };
    frame(schema, &points.unwrap_or_default(), Arc::new(batch))
}

impl<T: ArrayElement> Array<T> {
    /// Converts a matrix to a frame, with a name for each column; the rows of a block are a
    /// partition. A vector is a frame of one column. NaN becomes null.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let x = da::arange(0..6i64).reshape((3, 2));
    /// let df = x.to_dataframe(["a", "b"]);
    /// assert_eq!(df.compute()?.column("b")?.sum::<i64>()?, 9);
    /// # Ok::<(), rask::Error>(())
    /// ```
    #[track_caller]
    pub fn to_dataframe<S: AsRef<str>>(&self, names: impl AsRef<[S]>) -> DataFrame {
        let mut owned = Vec::new();
        for name in names.as_ref() {
            owned.push(name.as_ref().to_owned());
        }
        let points = bridge::rows_of(self, owned.len());
        framed(points, owned, T::data(Vec::new()))
    }
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;

    #[test]
    fn frames_go_to_arrays_and_back() {
        let null = |i: i64| (i % 5 != 0).then_some(i as f64 / 2.0);
        for parts in [1, 3, 7] {
            let df = DataFrame::from_columns([
                ("a", Series::from_iter(0..20i64)),
                ("b", Series::from_iter((0..20).map(null))),
            ]);
            let x = df.repartition(parts).to_array();
            assert_eq!((x.shape().to_vec(), x.npartitions()), (vec![20, 2], parts));
            assert_eq!(
                x.nansum_axis(0).compute().unwrap().into_raw_vec_and_offset().0,
                [190.0, 80.0]
            );
            let back = x.rechunk((6, 1)).to_dataframe(["a", "b"]);
            assert_eq!(back.compute().unwrap().column("a").unwrap().sum::<f64>().unwrap(), 190.0);
            assert_eq!(back.filter(col("b").gt(9)).len().unwrap(), 1);
            let few = df.filter(col("a").lt(3)).repartition(parts).to_array();
            assert_eq!(few.shape(), [3, 2]);
        }
        let none = DataFrame::from_columns([("a", Series::from_iter(0..0i64))]).to_array();
        assert_eq!((none.shape().to_vec(), none.sum().compute().unwrap()), (vec![0, 1], 0.0));
        let whole = da::arange(0..6i64).reshape((3, 2)).to_dataframe(["a", "b"]);
        assert_eq!(whole.to_array_of::<i64>().compute().unwrap()[[2, 1]], 5);
        assert_eq!(whole.to_array_of::<u8>().sum().compute().unwrap(), 15);
        assert!(
            whole
                .with_column("a", col("a").gt(1))
                .select(["a"])
                .to_array_of::<bool>()
                .any()
                .compute()
                .unwrap()
        );
        let one = da::arange(0..5i64).rechunk(2).to_dataframe(["n"]);
        assert_eq!(one.compute().unwrap().column("n").unwrap().sum::<i64>().unwrap(), 10);
    }

    #[test]
    fn what_is_no_matrix_of_numbers_is_told() {
        let text = |df: DataFrame| df.to_array().sum().compute().unwrap_err().to_string();
        let words = DataFrame::from_columns([("w", Series::from_iter(["a", "b"]))]);
        assert!(text(words).contains("column \"w\""));
        let large = DataFrame::from_columns([("n", Series::from_iter([(1i64 << 53) + 1]))]);
        assert!(text(large.clone()).contains("9007199254740993"), "{}", text(large));
        let of = |values: [Option<f64>; 2]| {
            let df = DataFrame::from_columns([("x", Series::from_iter(values))]);
            df.to_array_of::<u8>().compute().unwrap_err().to_string()
        };
        assert!(of([Some(1.5), Some(2.0)]).contains("column \"x\": 1.5 is not whole"));
        assert!(of([None, Some(2.0)]).contains("nulls"));
        assert!(of([Some(256.0), Some(2.0)]).contains("256"));
        let missing = DataFrame::from_columns([("n", Series::from_iter([1]))]).select("m");
        assert!(text(missing).contains("\"m\""));
        let e = da::ones((3, 2)).to_dataframe(["a"]).len().unwrap_err().to_string();
        assert!(e.contains("1 names") && e.contains("(3, 2)"), "{e}");
    }
}
