//! CSV files as frames: `read_csv`, and `Csv` with its options; `write` is the way back. How they are read is in
//! `source::csv`.

pub(in crate::frame) mod write;

#[cfg(test)]
mod tests;

use crate::error::{ErrorKind, Result};
use crate::frame::dataframe::DataFrame;
use crate::frame::engine::refresh::{current, each_source};
use crate::frame::source::csv::names::{ByteCount, ColumnList, HeaderRow, Separator};
use crate::frame::source::csv::open::open;
use crate::frame::source::csv::options::{BadLines, NameFunction, Options};
use crate::frame::source::csv::scan::CsvTable;
use crate::frame::types::dtype::DType;
use crate::frame::types::names::IntoNames;
use crate::frame::types::table::Table;
use arrow::array::{ArrayRef, RecordBatch, StringArray};
use std::fmt;
use std::sync::Arc;

/// A frame over CSV files, read when it is computed; see [`Csv`] for options.
///
/// `path` is a file, a pattern (`"data/*.csv"`, read in the order of their names) or a URL (`http://`, `https://`, `s3://`);
/// what ends in `.gz`, `.bz2`, `.xz` or `.zst` is decompressed while reading. The first line names the columns. Their types are
/// told from samples at the start, the middle and the end: `bool`, `int64`, `float64`, `date`, `datetime`, else `str`; digits that
/// begin with a zero stay `str`. Where a value turns up that is not of its column's type, the column takes the type that
/// holds both, and what needs it is computed again: no result depends on the samples. Fields that are empty or say `NA`,
/// `NaN`, `null` and the like, as in pandas, are missing values. Rows keep the order of the files.
///
/// A path that does not exist, an empty file or a broken header make a frame that reports its error under the cell and
/// when it is computed.
///
/// ```
/// use rask::prelude::*;
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("gps.csv");
/// # let path = path.to_str().unwrap();
/// std::fs::write(path, "device,lat\na,1.5\nb,\na,2.5\n").unwrap();
/// let means = read_csv(path).groupby("device").mean("lat").compute()?;
/// assert_eq!(means.column("lat")?.to_vec::<Option<f64>>()?, [Some(2.0), None]);
/// # Ok::<(), rask::Error>(())
/// ```
#[track_caller]
pub fn read_csv(path: &str) -> DataFrame {
    Csv::new().read(path)
}

/// Options for reading and writing CSV files, with pandas' names and defaults. Each method changes one and gives the rest on.
///
/// ```
/// use rask::prelude::*;
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("o.csv");
/// # let path = path.to_str().unwrap();
/// std::fs::write(path, "# exported\nid;amount\n1;1.234,5\n2;-\n").unwrap();
/// let df = Csv::new().sep(';').decimal(',').thousands('.').comment('#').na_values(["-"]).read(path);
/// assert_eq!(df.compute()?.column("amount")?.to_vec::<Option<f64>>()?, [Some(1234.5), None]);
/// # Ok::<(), rask::Error>(())
/// ```
#[derive(Clone, Default)]
#[must_use = "options do nothing until something is read or written"]
pub struct Csv(Box<Options>);

impl fmt::Debug for Csv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Csv").field("sep", &self.0.sep).field("names", &self.0.names).finish_non_exhaustive()
    }
}

macro_rules! options {
    ($($(#[$doc:meta])* $name:ident($($arg:ident: $type:ty),*) |$o:ident| $set:expr;)*) => {
        impl Csv {$(
            $(#[$doc])*
            pub fn $name(mut self, $($arg: $type),*) -> Self {
                let $o = &mut *self.0;
                $set;
                self
            }
        )*}
    };
}

options! {
    /// Fields are separated by what matches a regular expression. Patterns such as `,\s*` cost no more than a character.
    sep_regex(pattern: &str) |o| o.sep = Separator::Regex(pattern.to_owned());
    /// Fields are separated by any run of spaces and tabs.
    delim_whitespace(yes: bool) |o| o.sep = if yes { Separator::Whitespace } else { Separator::Char(',') };
    /// Puts this column first.
    index_col(name: &str) |o| o.index_col = Some(name.to_owned());
    /// Type of a column; a value that is not of this type is an error.
    dtype(column: &str, dtype: DType) |o| o.dtypes.push((column.to_owned(), dtype));
    /// Type of all columns that have none of their own.
    dtype_all(dtype: DType) |o| o.dtype_all = Some(dtype);
    /// Format of the columns of `parse_dates`, such as `"%d/%m/%Y"`; given more than once, each is tried. Default: ISO 8601.
    /// Also the format in which instants are written.
    date_format(format: &str) |o| { o.date_formats.push(format.to_owned()); o.date_format = Some(format.to_owned()) };
    /// Tells the types from this many rows at the start and looks no further.
    infer_rows(rows: usize) |o| o.infer_rows = Some(rows);
    /// Whether pandas' texts (`""`, `"NA"`, `"null"` and so on) stand for a missing value. Default: true.
    keep_default_na(keep: bool) |o| o.keep_default_na = keep;
    /// The mark between thousands.
    thousands(mark: char) |o| o.thousands = Some(mark);
    /// The decimal point. Default: `'.'`.
    decimal(mark: char) |o| o.decimal = mark;
    /// Leaves out this many lines at the start.
    skiprows(lines: usize) |o| o.skiprows = lines;
    /// Leaves out this many lines at the end of each file.
    skipfooter(lines: usize) |o| o.skipfooter = lines;
    /// Reads at most this many rows.
    nrows(rows: usize) |o| o.nrows = Some(rows);
    /// The rest of a line behind this character is a comment; a line that begins with it is none.
    comment(mark: char) |o| o.comment = Some(mark);
    /// Whether two quotes inside of quotes stand for one. Default: true.
    doublequote(yes: bool) |o| o.doublequote = yes;
    /// The character behind this one is taken as it is.
    escapechar(mark: char) |o| o.escapechar = Some(mark);
    /// Leaves out spaces behind separators.
    skip_initial_space(yes: bool) |o| o.skip_initial_space = yes;
    /// What is done with lines that have too many fields. Shorter ones end in missing values.
    on_bad_lines(how: BadLines) |o| o.on_bad_lines = how;
    /// Encoding of the files, by its label. Default: `"utf-8"`.
    encoding(label: &str) |o| o.encoding = label.to_owned();
    /// What is done with bytes that are no text: `"strict"` (an error, the default), `"replace"`, `"ignore"`.
    encoding_errors(how: &str) |o| o.encoding_errors = how.to_owned();
    /// `"gzip"`, `"bz2"`, `"zstd"`, `"xz"`, `"none"`, or `"infer"` by the ending of the name (the default).
    compression(name: &str) |o| o.compression = name.to_owned();
    /// Adds a column `path` that tells the file of each row.
    include_path(yes: bool) |o| o.path_column = yes.then(|| "path".to_owned());
    /// Adds a column of this name that tells the file of each row.
    include_path_column(name: &str) |o| o.path_column = Some(name.to_owned());
    /// When writing: what stands for a missing value. Default: nothing.
    na_rep(text: &str) |o| o.na_rep = text.to_owned();
    /// When writing: whether the first line names the columns. Default: true.
    write_header(yes: bool) |o| o.write_header = yes;
    /// When writing: decimals of floats. Default: as few as read back to the same number.
    float_decimals(decimals: usize) |o| o.float_format = Some(decimals);
    /// When writing: quotes around every text, not only where they are needed.
    quote_all(yes: bool) |o| o.quote_all = yes;
}

/// Options whose values a user may write in several ways: only the conversion is compiled in a cell.
macro_rules! converted {
    ($($(#[$doc:meta])* $name:ident($arg:ident: impl $of:path, $into:ident $own:ty) |$o:ident| $set:expr;)*) => {
        mod of {
            use super::*;
            $(#[inline(never)]
            pub(in crate::frame) fn $name(mut csv: Csv, $arg: $own) -> Csv {
                let $o = &mut *csv.0;
                $set;
                csv
            })*
        }

        impl Csv {$(
            $(#[$doc])*
            pub fn $name(self, $arg: impl $of) -> Self {
                of::$name(self, $arg.$into())
            }
        )*}
    };
}

converted! {
    /// What separates fields: a character, or a text of several. Default: `','`.
    sep(sep: impl Into<Separator>, into Separator) |o| o.sep = sep;
    /// Names of the columns, for files without a header; with `header(0)`, in place of it.
    names(names: impl IntoNames, into_names Vec<String>) |o| o.names = Some(names);
    /// The line that names the columns, counted from 0 behind what `skiprows` leaves out; `None` where there is none.
    /// Default: 0, or none where `names` are given.
    header(row: impl Into<HeaderRow>, into HeaderRow) |o| o.header = Some(row);
    /// Reads only these columns, by names or by numbers (`0..3`); they keep the order of the file.
    usecols(columns: impl Into<ColumnList>, into ColumnList) |o| o.usecols = Some(columns);
    /// These columns are instants; a value that is none is an error.
    parse_dates(columns: impl IntoNames, into_names Vec<String>) |o| o.parse_dates = columns;
    /// More texts that stand for a missing value.
    na_values(texts: impl IntoNames, into_names Vec<String>) |o| o.na_values = texts;
    /// More texts that stand for true.
    true_values(texts: impl IntoNames, into_names Vec<String>) |o| o.true_values = texts;
    /// More texts that stand for false.
    false_values(texts: impl IntoNames, into_names Vec<String>) |o| o.false_values = texts;
    /// What quotes fields; `None` where nothing does. Default: `'"'`.
    quotechar(mark: impl Into<Option<char>>, into Option<char>) |o| o.quotechar = mark;
    /// Bytes of a partition, as a number or a text such as `"64MB"`; no result depends on it. There are at most 16 partitions
    /// for each thread. Default: one partition for each thread.
    blocksize(bytes: impl Into<ByteCount>, into ByteCount) |o| o.blocksize = Some(bytes);
}

impl Csv {
    /// When writing: the name that takes the place of `*`, by the number of the partition.
    pub fn name_function(self, name: impl Fn(usize) -> String + Send + Sync + 'static) -> Self {
        self.named_by(Arc::new(name))
    }

    #[inline(never)]
    fn named_by(mut self, name: NameFunction) -> Self {
        self.0.name_function = Some(name);
        self
    }
}

impl Csv {
    /// pandas' defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// The frame of a file, a pattern or a URL, read when it is computed; see [`read_csv`].
    #[track_caller]
    pub fn read(&self, path: &str) -> DataFrame {
        DataFrame::from_result(
            open(&self.0, path).and_then(|files| crate::frame::plan::scan::scan(Arc::new(CsvTable::new(files)), "read_csv")),
        )
    }
}

impl DataFrame {
    /// The types of the columns of the CSV files behind the frame, and the value that decided each: the first one that no
    /// narrower type holds, as far as the files have been read.
    ///
    /// # Errors
    /// The error of an earlier step.
    ///
    /// ```
    /// use rask::prelude::*;
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let path = dir.path().join("t.csv");
    /// # let path = path.to_str().unwrap();
    /// std::fs::write(path, "id,code\n1,17\n2,A4\n").unwrap();
    /// let told = read_csv(path).csv_types()?;
    /// let because = told.column("because")?.to_vec::<String>()?;
    /// assert!(because[1].starts_with("\"A4\"") && because[1].ends_with("line 3"));
    /// # Ok::<(), rask::Error>(())
    /// ```
    pub fn csv_types(&self) -> Result<Table> {
        let (mut names, mut dtypes, mut because) = (Vec::new(), Vec::new(), Vec::new());
        each_source(&current(self.plan()?)?, &mut |source| {
            for (i, inferred) in source.inferred().into_iter().enumerate() {
                names.push(inferred.column);
                dtypes.push(DType::of(source.schema().field(i).data_type()).to_string());
                let otherwise = if inferred.given { "the type was given" } else { "no value was seen" };
                because.push(inferred.reason.unwrap_or_else(|| otherwise.to_owned()));
            }
        });
        let of = |texts: Vec<String>| Arc::new(StringArray::from(texts)) as ArrayRef;
        let columns = [("column", of(names)), ("dtype", of(dtypes)), ("because", of(because))];
        let batch = RecordBatch::try_from_iter(columns);
        Ok(Table::new(batch.map_err(|e| ErrorKind::Engine { operation: "csv_types".to_owned(), message: e.to_string() })?))
    }
}
