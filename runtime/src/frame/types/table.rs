//! Tables: the computed result of a frame, in memory as Arrow columns, with an HTML and text
//! display and typed access to each column.

use crate::error::{ErrorKind, Result};
use crate::exact::ExactSum;
use crate::frame::types::cell::FromCell;
use crate::frame::types::clock::datetimes;
use crate::frame::types::dtype::DType;
use crate::handle::Opaque;
use crate::show::html::{self, thousands};
use crate::show::{self, Bundle, Show};
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Date32Type, DurationMicrosecondType, Field, Fields, Float64Type, Int64Type, Schema,
    TimeUnit, UInt64Type,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use std::fmt;
use std::sync::Arc;

/// Tables with up to this many rows are shown in full; of longer ones, the first and the last half
/// of this number.
const SHOWN: usize = 20;

/// A computed table. Cheap to clone. Displays as HTML with dtypes below the column names, and with
/// its first and last rows.
///
/// ```
/// use rask::prelude::*;
/// let table = DataFrame::from_columns([("a", Series::from_iter([1i64, 2, 3]))]).compute()?;
/// assert_eq!(table.column("a")?.sum::<i64>()?, 6);
/// # Ok::<(), rask::Error>(())
/// ```
#[derive(Clone)]
pub struct Table(Opaque);

impl Table {
    pub(crate) fn new(batch: RecordBatch) -> Self {
        Self(Opaque::new(batch))
    }

    pub(crate) fn batch(&self) -> &RecordBatch {
        self.0.get()
    }

    /// Returns the number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.batch().num_rows()
    }

    /// Returns `true` if there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the names of the columns, in order.
    #[must_use]
    pub fn columns(&self) -> Vec<String> {
        self.batch().schema().fields().iter().map(|f| f.name().clone()).collect()
    }

    /// Returns the types of the columns, in order.
    #[must_use]
    pub fn dtypes(&self) -> Vec<DType> {
        self.batch().schema().fields().iter().map(|f| DType::of(f.data_type())).collect()
    }

    /// Returns the first `n` rows, or all if there are fewer.
    #[must_use]
    pub fn head(&self, n: usize) -> Self {
        Self::new(self.batch().slice(0, n.min(self.len())))
    }

    /// Returns the last `n` rows, or all if there are fewer.
    #[must_use]
    pub fn tail(&self, n: usize) -> Self {
        let n = n.min(self.len());
        Self::new(self.batch().slice(self.len() - n, n))
    }

    /// Returns the column with a name.
    ///
    /// # Errors
    /// [`ColumnNotFound`](ErrorKind::ColumnNotFound), with the available names.
    pub fn column(&self, name: &str) -> Result<Column> {
        match self.batch().column_by_name(name) {
            Some(array) => Ok(Column::new(name, array.clone())),
            None => Err(ErrorKind::ColumnNotFound {
                method: "column".to_owned(),
                column: name.to_owned(),
                available: self.columns(),
            }
            .into()),
        }
    }

    fn html(&self) -> String {
        let columns = headings(self.batch().schema().fields());
        let cells: Vec<_> = self.batch().columns().iter().map(Cells::new).collect();
        let row = |i: usize| Some((thousands(i as u64), cells.iter().map(|c| c.text(i)).collect()));
        let n = self.len();
        let mut rows: Vec<_> = (0..n.min(if n > SHOWN { SHOWN / 2 } else { n })).map(row).collect();
        if n > SHOWN {
            rows.push(None);
            rows.extend((n - SHOWN / 2..n).map(row));
        }
        html::table(&columns, &rows, &self.shape())
    }

    fn shape(&self) -> String {
        format!(
            "{} \u{d7} {}",
            html::count(self.len(), "row"),
            html::count(self.batch().num_columns(), "column")
        )
    }

    fn text(&self) -> String {
        let n = self.len();
        let batches = if n > SHOWN {
            vec![self.head(SHOWN / 2), self.tail(SHOWN / 2)]
        } else {
            vec![self.clone()]
        };
        let parts: Vec<_> = batches
            .iter()
            .map(|t| {
                let options = FormatOptions::new()
                    .with_null("null")
                    .with_duration_format(arrow::util::display::DurationFormat::Pretty);
                let text = arrow::util::pretty::pretty_format_batches_with_options(
                    std::slice::from_ref(t.batch()),
                    &options,
                );
                text.map_or_else(
                    |e| format!("cannot format the table as text: {e}"),
                    |t| t.to_string(),
                )
            })
            .collect();
        format!("{}\n{}", parts.join("\n...\n"), self.shape())
    }
}

/// Returns the headings of a displayed table: names and types, with numbers right-aligned.
pub(in crate::frame) fn headings(fields: &Fields) -> Vec<html::Column> {
    let heading = |f: &Arc<Field>| {
        let dtype = DType::of(f.data_type());
        html::Column { name: f.name().clone(), right: dtype.is_numeric(), dtype: dtype.to_string() }
    };
    fields.iter().map(heading).collect()
}

/// Formats the cells of one column.
struct Cells<'a> {
    array: &'a ArrayRef,
    formatter: Option<ArrayFormatter<'a>>,
}

impl<'a> Cells<'a> {
    fn new(array: &'a ArrayRef) -> Self {
        static OPTIONS: FormatOptions<'static> =
            FormatOptions::new().with_timestamp_format(Some("%Y-%m-%d %H:%M:%S%.f"));
        Self { array, formatter: ArrayFormatter::try_new(array, &OPTIONS).ok() }
    }

    fn text(&self, i: usize) -> Option<String> {
        if self.array.is_null(i) {
            return None;
        }
        if let DataType::Duration(_) = self.array.data_type() {
            let micros = cast(self.array, &DataType::Duration(TimeUnit::Microsecond)).ok()?;
            return Some(length(micros.as_primitive::<DurationMicrosecondType>().value(i)));
        }
        if self.array.data_type() == &DataType::Float64 {
            return Some(float(self.array.as_primitive::<Float64Type>().value(i)));
        }
        Some(self.formatter.as_ref().map_or_else(|| "?".to_owned(), |f| f.value(i).to_string()))
    }
}

/// Formats a float with up to six decimals, as pandas does; very small and large ones with an
/// exponent.
pub(in crate::frame) fn float(x: f64) -> String {
    if !x.is_finite() || x == 0.0 {
        return x.to_string();
    }
    if !(1e-4..1e15).contains(&x.abs()) {
        return format!("{x:.6e}");
    }
    let text = format!("{x:.6}");
    let text = text.trim_end_matches('0');
    if text.ends_with('.') { format!("{text}0") } else { text.to_owned() }
}

/// Formats a duration as pandas does: `1 days 02:03:04.5`.
fn length(micros: i64) -> String {
    let (days, rest) = (micros.div_euclid(86_400_000_000), micros.rem_euclid(86_400_000_000));
    let (seconds, part) = (rest / 1_000_000, rest % 1_000_000);
    let text =
        format!("{days} days {:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if part == 0 { text } else { format!("{text}.{part:06}").trim_end_matches('0').to_owned() }
}

impl Show for Table {
    fn show(&self) -> Bundle {
        Bundle::text(self.text()).with("text/html", self.html())
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show::debug(self, f)
    }
}

/// One column of a computed table.
#[derive(Clone)]
pub struct Column(Opaque);

impl Column {
    pub(in crate::frame) fn new(name: &str, values: ArrayRef) -> Self {
        Self(Opaque::new((name.to_owned(), values)))
    }

    pub(in crate::frame) fn name(&self) -> &str {
        &self.parts().0
    }

    fn parts(&self) -> &(String, ArrayRef) {
        self.0.get()
    }

    pub(in crate::frame) fn array(&self) -> &ArrayRef {
        &self.parts().1
    }

    /// Returns the number of values, nulls included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.parts().1.len()
    }

    /// Returns `true` if there are no values.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the type of the values.
    #[must_use]
    pub fn dtype(&self) -> DType {
        DType::of(self.parts().1.data_type())
    }

    /// Returns the sum of the non-null values; 0 if there are none.
    ///
    /// # Errors
    /// [`WrongType`](ErrorKind::WrongType) if the column does not hold numbers, or the sum does not
    /// fit.
    pub fn sum<T: Number>(&self) -> Result<T> {
        T::sum(self)
    }

    /// Returns the mean of the non-null values; NaN if there are none.
    ///
    /// # Errors
    /// [`WrongType`](ErrorKind::WrongType) if the column does not hold numbers.
    pub fn mean(&self) -> Result<f64> {
        let values = self.floats("mean")?;
        Ok(exact_sum(&values).mean((values.len() - values.null_count()) as u64))
    }

    /// Returns the values as a vector; use `Option<T>` if values may be null.
    ///
    /// # Errors
    /// [`WrongType`](ErrorKind::WrongType) if the values have another type or, for a plain `T`, one
    /// is null.
    pub fn to_vec<T: FromColumn>(&self) -> Result<Vec<T>> {
        T::values(self)
    }

    fn wrong(&self, method: &str, wanted: &str, hint: &str) -> crate::error::Error {
        let (column, dtype) = (self.parts().0.clone(), self.dtype().to_string());
        ErrorKind::WrongType {
            method: method.to_owned(),
            column,
            dtype,
            wanted: wanted.to_owned(),
            hint: hint.to_owned(),
        }
        .into()
    }

    /// Creates the error of a type that the values do not convert to.
    fn not_taken_as(&self, wanted: &str) -> crate::error::Error {
        self.wrong("to_vec", wanted, &format!("help: its values convert to {}", self.taken_as()))
    }

    pub(in crate::frame) fn floats(&self, method: &str) -> Result<ArrayRef> {
        if !self.dtype().is_numeric() {
            return Err(self.wrong(method, "a number", "only numeric columns have one"));
        }
        cast(&self.parts().1, &DataType::Float64)
            .map_err(|_| self.wrong(method, "a number", "only numeric columns have one"))
    }

    fn nulls(&self) -> usize {
        self.parts().1.null_count()
    }
}

impl Show for Column {
    fn show(&self) -> Bundle {
        let (name, array) = self.parts();
        let schema = Schema::new(vec![Field::new(name, array.data_type().clone(), true)]);
        match RecordBatch::try_new(Arc::new(schema), vec![array.clone()]) {
            Ok(batch) => Table::new(batch).show(),
            Err(e) => Bundle::text(e.to_string()),
        }
    }
}

impl fmt::Debug for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show::debug(self, f)
    }
}

/// Returns the exact sum of the non-null floats.
fn exact_sum(values: &ArrayRef) -> ExactSum {
    let mut sum = ExactSum::default();
    values.as_primitive::<Float64Type>().iter().flatten().for_each(|x| sum.add(x));
    sum
}

/// A type to which a column can be summed: `i64`, `u64` or `f64`.
pub trait Number: Sized {
    /// Returns the sum of the column.
    ///
    /// # Errors
    /// As [`Column::sum`].
    fn sum(column: &Column) -> Result<Self>;
}

impl Number for f64 {
    fn sum(column: &Column) -> Result<Self> {
        let values = column.floats("sum")?;
        Ok(exact_sum(&values).value())
    }
}

macro_rules! whole_sums {
    ($($t:ty, $arrow:ty, $data:expr;)*) => {$(
        impl Number for $t {
            #[inline(never)]
            fn sum(column: &Column) -> Result<Self> {
                if !column.dtype().is_numeric() || matches!(column.dtype(), DType::Float32 | DType::Float64) {
                    return Err(column.wrong("sum", stringify!($t), "help: floats are summed with sum::<f64>(); other types have no sum"));
                }
                let fail = |_| column.wrong("sum", stringify!($t), "a value or the sum does not fit; help: sum::<f64>()");
                let options = arrow::compute::CastOptions { safe: false, ..Default::default() };
                let values = arrow::compute::cast_with_options(&column.parts().1, &$data, &options).map_err(fail)?;
                Ok(arrow::compute::sum_checked(values.as_primitive::<$arrow>()).map_err(fail)?.unwrap_or(0))
            }
        }
    )*};
}
whole_sums! { i64, Int64Type, DataType::Int64; u64, UInt64Type, DataType::UInt64; }

/// A type that column values convert to.
#[diagnostic::on_unimplemented(
    message = "the values of a column do not convert to `{Self}`",
    note = "use i64, i32, u64, f64, bool, String, NaiveDate, NaiveDateTime, DateTime<Utc>, or an Option of one"
)]
pub trait FromColumn: Sized {
    /// Returns the values.
    ///
    /// # Errors
    /// As [`Column::to_vec`].
    fn values(column: &Column) -> Result<Vec<Self>>;
}

macro_rules! takes {
    ($($t:ty, $accepts:pat, $data:expr, |$array:ident, $i:ident| $get:expr;)*) => {$(
        impl FromColumn for Option<$t> {
            #[inline(never)]
            fn values(column: &Column) -> Result<Vec<Self>> {
                if !matches!(column.dtype(), $accepts) {
                    return Err(column.not_taken_as(stringify!($t)));
                }
                let $array = cast(&column.parts().1, &$data).map_err(|e| column.wrong("to_vec", stringify!($t), &e.to_string()))?;
                Ok((0..$array.len()).map(|$i| $array.is_valid($i).then(|| $get)).collect())
            }
        }
        impl FromColumn for $t {
            #[inline(never)]
            fn values(column: &Column) -> Result<Vec<Self>> {
                if column.nulls() > 0 && matches!(column.dtype(), $accepts) {
                    let hint = format!("{} of its {} values are null; help: to_vec::<Option<{}>>()", column.nulls(), column.len(), stringify!($t));
                    return Err(column.wrong("to_vec", concat!(stringify!($t), " without nulls"), &hint));
                }
                Ok(Option::<$t>::values(column)?.into_iter().flatten().collect())
            }
        }
    )*};
}
takes! {
    i64, DType::Int8 | DType::Int16 | DType::Int32 | DType::Int64 | DType::UInt8 | DType::UInt16 | DType::UInt32, DataType::Int64,
        |a, i| a.as_primitive::<Int64Type>().value(i);
    i32, DType::Int8 | DType::Int16 | DType::Int32 | DType::UInt8 | DType::UInt16, DataType::Int32,
        |a, i| a.as_primitive::<arrow::datatypes::Int32Type>().value(i);
    u64, DType::UInt8 | DType::UInt16 | DType::UInt32 | DType::UInt64, DataType::UInt64, |a, i| a.as_primitive::<UInt64Type>().value(i);
    f64, DType::Float32 | DType::Float64 | DType::Int8 | DType::Int16 | DType::Int32 | DType::Int64 | DType::UInt8 | DType::UInt16
        | DType::UInt32 | DType::UInt64, DataType::Float64, |a, i| a.as_primitive::<Float64Type>().value(i);
    bool, DType::Bool, DataType::Boolean, |a, i| a.as_boolean().value(i);
    u32, DType::UInt8 | DType::UInt16 | DType::UInt32, DataType::UInt32, |a, i| a.as_primitive::<arrow::datatypes::UInt32Type>().value(i);
    f32, DType::Float32, DataType::Float32, |a, i| a.as_primitive::<arrow::datatypes::Float32Type>().value(i);
    String, DType::Str | DType::Category, DataType::Utf8, |a, i| a.as_string::<i32>().value(i).to_owned();
    chrono::NaiveDate, DType::Date, DataType::Date32, |a, i| a.as_primitive::<Date32Type>().value_as_date(i).unwrap_or_default();
}

macro_rules! times {
    ($($t:ty, $accepts:pat, |$at:ident| $get:expr;)*) => {$(
        impl FromColumn for Option<$t> {
            #[inline(never)]
            fn values(column: &Column) -> Result<Vec<Self>> {
                if !matches!(column.dtype(), $accepts) {
                    return Err(column.not_taken_as(stringify!($t)));
                }
                let times = datetimes(column.array()).map_err(|e| column.wrong("to_vec", stringify!($t), &e.to_string()))?;
                Ok(times.into_iter().map(|t| t.map(|$at| $get)).collect())
            }
        }
        impl FromColumn for $t {
            #[inline(never)]
            fn values(column: &Column) -> Result<Vec<Self>> {
                if column.nulls() > 0 && matches!(column.dtype(), $accepts) {
                    let hint = format!("{} of its {} values are null; help: to_vec::<Option<_>>()", column.nulls(), column.len());
                    return Err(column.wrong("to_vec", concat!(stringify!($t), " without nulls"), &hint));
                }
                Ok(Option::<$t>::values(column)?.into_iter().flatten().collect())
            }
        }
    )*};
}
times! {
    chrono::NaiveDateTime, DType::Datetime | DType::Date, |t| t;
    chrono::DateTime<chrono::Utc>, DType::DatetimeTz(_), |t| t.and_utc();
}

/// Converts lists; null items are skipped.
impl<T: FromCell> FromColumn for Option<Vec<T>> {
    fn values(column: &Column) -> Result<Vec<Self>> {
        let mut all = Vec::new();
        let read = column.lists(Vec::<T>::accepts, std::any::type_name::<Vec<T>>(), &mut |array| {
            Vec::<T>::each(array, &mut |list| all.push(list))
        });
        match read {
            Ok(()) => Ok(all),
            Err(e) => Err(e),
        }
    }
}

impl<T: FromCell> FromColumn for Vec<T> {
    fn values(column: &Column) -> Result<Vec<Self>> {
        let mut all = Vec::new();
        let read = column.all_lists(Self::accepts, std::any::type_name::<Self>(), &mut |array| {
            Self::each(array, &mut |list| {
                if let Some(list) = list {
                    all.push(list);
                }
            })
        });
        match read {
            Ok(()) => Ok(all),
            Err(e) => Err(e),
        }
    }
}

type EachList<'a> = &'a mut dyn FnMut(&ArrayRef) -> datafusion::error::Result<()>;

impl Column {
    #[inline(never)]
    fn lists(&self, fits: fn(&DataType) -> bool, wanted: &str, each: EachList<'_>) -> Result<()> {
        let array = &self.parts().1;
        if !fits(array.data_type()) {
            return Err(self.not_taken_as(wanted));
        }
        each(array).map_err(|e| self.wrong("to_vec", wanted, &e.to_string()))
    }

    #[inline(never)]
    fn all_lists(&self, fits: fn(&DataType) -> bool, of: &str, each: EachList<'_>) -> Result<()> {
        let (nulls, len) = (self.nulls(), self.len());
        if nulls > 0 && fits(self.parts().1.data_type()) {
            let hint =
                format!("{nulls} of its {len} lists are null; help: to_vec::<Option<Vec<_>>>()");
            return Err(self.wrong("to_vec", "a list without nulls", &hint));
        }
        self.lists(fits, of, each)
    }
}

impl Column {
    fn taken_as(&self) -> &'static str {
        match self.dtype() {
            DType::Bool => "bool",
            DType::Str | DType::Category => "String",
            DType::UInt64 => "u64 or f64",
            d if d.is_numeric() && !matches!(d, DType::Float32 | DType::Float64) => "i64 or f64",
            DType::Float32 | DType::Float64 => "f64",
            DType::Date => "NaiveDate",
            DType::Datetime => "NaiveDateTime",
            DType::DatetimeTz(_) => "DateTime<Utc>",
            DType::Other(list) if list.starts_with("list") => {
                "Vec<String>, Vec<f64> or Vec<i64>, depending on the items"
            }
            _ => "no Rust type; cast it to str first",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::DataFrame;
    use crate::frame::Series;

    fn table() -> Table {
        let a = Series::from_iter((0..100i64).map(|i| (i != 3).then_some(i)));
        DataFrame::from_columns([
            ("a", a),
            ("<b>", Series::from_iter((0..100).map(|i| format!("<{i}>")))),
        ])
        .compute()
        .unwrap()
    }

    #[test]
    fn the_display_has_types_nulls_and_both_ends() {
        let html = table().show().data["text/html"].clone();
        for part in [
            "int64",
            "str",
            ">null<",
            "&lt;0&gt;",
            "&lt;99&gt;",
            "\u{22ee}",
            "100 rows \u{d7} 2 columns",
        ] {
            assert!(html.contains(part), "{part} is not in {html}");
        }
        assert!(!html.contains("&lt;50&gt;"));
    }

    #[test]
    fn columns_are_typed_and_say_so() {
        let t = table();
        assert_eq!(t.column("a").unwrap().sum::<i64>().unwrap(), 4950 - 3);
        assert_eq!(t.column("a").unwrap().mean().unwrap(), 4947.0 / 99.0);
        assert_eq!(t.column("a").unwrap().to_vec::<Option<i64>>().unwrap()[3], None);
        let e = |r: Result<Vec<i64>>| r.unwrap_err().to_string();
        assert!(e(t.column("a").unwrap().to_vec::<i64>()).contains("Option<i64>"));
        assert!(e(t.column("<b>").unwrap().to_vec::<i64>()).contains("String"));
        assert!(t.column("aa").unwrap_err().to_string().contains("did you mean \"a\""));
    }

    #[test]
    fn floats_read_well() {
        for (x, text) in [
            (0.0, "0"),
            (1.0, "1.0"),
            (1.0 / 3.0, "0.333333"),
            (-6.2, "-6.2"),
            (1e-9, "1.000000e-9"),
            (2.5e20, "2.500000e20"),
        ] {
            assert_eq!(float(x), text);
        }
    }
}
