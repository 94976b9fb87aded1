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
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Float64Type, Int64Type, Schema, UInt64Type};
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

/// Returns the rows of a table, each with the values of all columns.
fn rows(value: &Value) -> Result<Vec<f64>> {
    let batch = typed_ref::<Table>(value).batch();
    let schema = batch.schema();
    let columns = batch.columns().iter().zip(schema.fields());
    let columns: Vec<Vec<f64>> =
        columns.map(|(c, f)| floats(f.name(), c)).collect::<Result<_>>()?;
    let mut list = Vec::with_capacity(batch.num_rows() * columns.len());
    for row in 0..batch.num_rows() {
        list.extend(columns.iter().map(|c| c[row]));
    }
    Ok(list)
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
        let place = Location::caller();
        let columns = self.columns();
        let known = columns.as_ref().map_or(0, Vec::len);
        bridge::from_rows(columns.and_then(|_| partitions(self)), known, rows, place)
    }
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
            assert_eq!((x.shape(), x.npartitions()), (vec![20, 2], parts));
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
        assert_eq!((none.shape(), none.sum().compute().unwrap()), (vec![0, 1], 0.0));
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
        let missing = DataFrame::from_columns([("n", Series::from_iter([1]))]).select("m");
        assert!(text(missing).contains("\"m\""));
        let e = da::ones((3, 2)).to_dataframe(["a"]).len().unwrap_err().to_string();
        assert!(e.contains("1 names") && e.contains("(3, 2)"), "{e}");
    }
}
