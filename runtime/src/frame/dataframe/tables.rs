//! Tables as frames: a computed table can be written, joined, queried and plotted like a frame.

use crate::error::{ErrorKind, Result};
use crate::exact::moving::Moving;
use crate::frame::dataframe::DataFrame;
use crate::frame::plan::scan::batches;
use crate::frame::types::table::{Column, FromColumn, Table};
use arrow::array::{Array, ArrayRef, AsArray, UInt64Array, make_comparator};
use arrow::compute::{SortOptions, take};
use arrow::datatypes::Float64Type;

/// A value that can be read as a frame: a frame or a computed table.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is neither a frame nor a computed table",
    note = "use a DataFrame, a Table, or a reference to one"
)]
pub trait IntoFrame {
    /// Converts the rows into a frame.
    fn into_frame(self) -> DataFrame;
}

impl IntoFrame for DataFrame {
    fn into_frame(self) -> DataFrame {
        self
    }
}

impl IntoFrame for &DataFrame {
    fn into_frame(self) -> DataFrame {
        self.clone()
    }
}

impl IntoFrame for Table {
    #[track_caller]
    fn into_frame(self) -> DataFrame {
        self.to_frame()
    }
}

impl IntoFrame for &Table {
    #[track_caller]
    fn into_frame(self) -> DataFrame {
        self.to_frame()
    }
}

impl From<Table> for DataFrame {
    #[track_caller]
    fn from(table: Table) -> Self {
        table.to_frame()
    }
}

impl From<&Table> for DataFrame {
    #[track_caller]
    fn from(table: &Table) -> Self {
        table.to_frame()
    }
}

impl Table {
    /// Creates a lazy frame of the rows, which stay in memory. Two columns of one name become `a`
    /// and `a.1`, as in pandas.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let table = DataFrame::from_columns([("x", Series::from_iter([3i64, 1, 2]))]).compute()?;
    /// let best = table.to_frame().nlargest(2, "x").compute()?;
    /// assert_eq!(best.column("x")?.to_vec::<i64>()?, [3, 2]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    #[track_caller]
    pub fn to_frame(&self) -> DataFrame {
        DataFrame::from_result(batches(self.batch()))
    }

    /// Writes the rows to a CSV file and returns its path; see [`DataFrame::to_csv`].
    ///
    /// # Errors
    /// As [`DataFrame::to_csv`].
    pub fn to_csv(&self, path: &str) -> Result<Vec<String>> {
        self.to_frame().to_csv(path)
    }

    /// Writes the rows to a Parquet file and returns its path; see [`DataFrame::to_parquet`].
    ///
    /// # Errors
    /// As [`DataFrame::to_csv`].
    pub fn to_parquet(&self, path: &str) -> Result<Vec<String>> {
        self.to_frame().to_parquet(path)
    }

    /// Writes the rows as JSON Lines and returns the file's path; see [`DataFrame::to_json`].
    ///
    /// # Errors
    /// As [`DataFrame::to_csv`].
    pub fn to_json(&self, path: &str) -> Result<Vec<String>> {
        self.to_frame().to_json(path)
    }

    /// Writes the rows to an Arrow IPC file and returns its path; see [`DataFrame::to_ipc`].
    ///
    /// # Errors
    /// As [`DataFrame::to_csv`].
    pub fn to_ipc(&self, path: &str) -> Result<Vec<String>> {
        self.to_frame().to_ipc(path)
    }

    /// Renames columns: pairs of the old and the new name.
    ///
    /// # Errors
    /// [`ColumnNotFound`](ErrorKind::ColumnNotFound) if there is no column of an old name.
    pub fn rename<A: AsRef<str>, B: AsRef<str>>(
        &self,
        names: impl IntoIterator<Item = (A, B)>,
    ) -> Result<Self> {
        self.to_frame().rename(names).compute()
    }
}

impl Column {
    /// Returns the maximum, as the requested type. Nulls and NaN are skipped; without values, an
    /// `Option` is `None`.
    ///
    /// # Errors
    /// [`WrongType`](ErrorKind::WrongType) if the values are of another type, or if there are none
    /// and the type is not an `Option`.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let t = DataFrame::from_columns([("x", Series::from_iter([Some(1i64), None, Some(7)]))]).compute()?;
    /// assert_eq!(t.column("x")?.max::<i64>()?, 7);
    /// assert_eq!(t.head(0).column("x")?.max::<Option<i64>>()?, None);
    /// # Ok::<(), rask::Error>(())
    /// ```
    pub fn max<T: FromColumn>(&self) -> Result<T> {
        let (values, none) = self.extreme("max", true);
        only(T::values(&values), none)
    }

    /// Returns the minimum, as the requested type. Nulls and NaN are skipped; without values, an
    /// `Option` is `None`.
    ///
    /// # Errors
    /// As [`Column::max`].
    pub fn min<T: FromColumn>(&self) -> Result<T> {
        let (values, none) = self.extreme("min", false);
        only(T::values(&values), none)
    }

    /// Returns the sample standard deviation, with n - 1, of the non-null values; NaN for fewer
    /// than two.
    ///
    /// # Errors
    /// [`WrongType`](ErrorKind::WrongType) if the column is not numeric.
    pub fn std(&self) -> Result<f64> {
        let floats = self.floats("std")?;
        let mut moving = Moving::new(2);
        floats.as_primitive::<Float64Type>().iter().flatten().for_each(|x| moving.add(x));
        Ok(moving.deviation().unwrap_or(f64::NAN))
    }

    /// Returns the extreme value as a column of one row, and the error if there is none.
    fn extreme(&self, method: &str, greatest: bool) -> (Self, Option<crate::error::Error>) {
        let array = self.array();
        let place = place_of_extreme(array, greatest);
        let none = place.is_none().then(|| {
            let (column, dtype) = (self.name().to_owned(), self.dtype().to_string());
            let hint = format!("{method}::<Option<_>>() returns None for a column without values");
            let wanted = "a column with at least one value".to_owned();
            ErrorKind::WrongType { method: method.to_owned(), column, dtype, wanted, hint }.into()
        });
        let place = UInt64Array::from(vec![place.map(|i| i as u64)]);
        let one = take(array, &place, None).unwrap_or_else(|_| array.slice(0, 0));
        (Self::new(self.name(), one), none)
    }
}

/// Returns the only value of a column, or the error if there is none.
fn only<T>(values: Result<Vec<T>>, none: Option<crate::error::Error>) -> Result<T> {
    match (values, none) {
        (Ok(mut values), none) => match (values.pop(), none) {
            (Some(value), _) => Ok(value),
            (None, Some(e)) => Err(e),
            (None, None) => Err(no_value()),
        },
        (Err(_), Some(e)) | (Err(e), None) => Err(e),
    }
}

#[inline(never)]
fn no_value() -> crate::error::Error {
    crate::error::Error::bad_argument("column", "the column has no values".to_owned())
}

/// Returns the index of the smallest or largest value, except nulls and NaN.
fn place_of_extreme(array: &ArrayRef, greatest: bool) -> Option<usize> {
    let compare = make_comparator(array, array, SortOptions::default()).ok()?;
    let nan =
        |i: usize| array.as_primitive_opt::<Float64Type>().is_some_and(|x| x.value(i).is_nan());
    let mut best: Option<usize> = None;
    for i in (0..array.len()).filter(|i| array.is_valid(*i) && !nan(*i)) {
        let better =
            |b: usize| if greatest { compare(i, b).is_gt() } else { compare(i, b).is_lt() };
        if best.is_none_or(better) {
            best = Some(i);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;

    fn table() -> Table {
        let x = Series::from_iter([Some(2.5), None, Some(f64::NAN), Some(-1.0)]);
        let s = Series::from_iter(["b", "a", "d", "c"]);
        DataFrame::from_columns([("x", x), ("s", s)]).compute().unwrap()
    }

    #[test]
    fn columns_have_extremes_of_their_type() {
        let t = table();
        let x = t.column("x").unwrap();
        assert_eq!((x.max::<f64>().unwrap(), x.min::<f64>().unwrap()), (2.5, -1.0));
        assert_eq!(t.column("s").unwrap().max::<String>().unwrap(), "d");
        assert_eq!(t.column("x").unwrap().max::<Option<f64>>().unwrap(), Some(2.5));
        let none = t.head(2).tail(1).column("x").unwrap();
        assert_eq!(none.max::<Option<f64>>().unwrap(), None);
        let e = none.min::<f64>().unwrap_err().to_string();
        assert!(e.contains("min: column \"x\"") && e.contains("Option"), "{e}");
        let e = t.column("s").unwrap().max::<i64>().unwrap_err().to_string();
        assert!(e.contains("\"s\"") && e.contains("String"), "{e}");
    }

    #[test]
    fn a_table_stands_where_a_frame_stands() {
        let t = table();
        let names = DataFrame::from_columns([
            ("s", Series::from_iter(["a", "b"])),
            ("n", Series::from_iter([1i64, 2])),
        ]);
        let names = names.compute().unwrap();
        assert_eq!(concat([&t, &t.head(1)]).len().unwrap(), 5);
        assert_eq!(t.to_frame().merge(&names, "s").len().unwrap(), 2);
        assert_eq!(Merge::new().on("s").join(&t, &names).len().unwrap(), 2);
        assert_eq!(DataFrame::from(t.clone()).len().unwrap(), t.len());
        assert_eq!(t.rename([("x", "y")]).unwrap().columns(), ["y", "s"]);
    }

    #[test]
    fn tables_are_written_and_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
        let t = table().to_frame().dropna().compute().unwrap();
        t.to_csv(&path("t.csv")).unwrap();
        t.to_parquet(&path("t.parquet")).unwrap();
        t.to_json(&path("t.json")).unwrap();
        t.to_ipc(&path("t.arrow")).unwrap();
        let back = [
            read_csv(&path("t.csv")),
            read_parquet(&path("t.parquet")),
            read_json(&path("t.json")),
            read_ipc(&path("t.arrow")),
        ];
        for frame in back {
            let got = frame.compute().unwrap().column("x").unwrap().to_vec::<f64>().unwrap();
            assert_eq!(got, [2.5, -1.0]);
        }
    }
}
