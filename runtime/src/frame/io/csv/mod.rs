//! CSV files as frames: `read_csv`, and `Csv` with its options; writing is in `write`, the
//! implementation of reading in `source::csv`.

pub(in crate::frame) mod write;

#[cfg(test)]
mod quotes_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod write_tests;

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

/// Returns a lazy frame over CSV files, read when it is computed; see [`Csv`] for options.
///
/// `path` is a file, a pattern (`"data/*.csv"`, read in the order of the file names) or a URL
/// (`http://`, `https://`, `s3://`); files that end in `.gz`, `.bz2`, `.xz` or `.zst` are
/// decompressed while reading. The first line names the columns. Their types are inferred from
/// samples at the start, the middle and the end: `bool`, `int64`, `float64`, `date`, `datetime`,
/// else `str`; numbers with leading zeros stay `str`. If a later value does not fit the type of its
/// column, the column gets a type that holds both, and the query is computed again: no result
/// depends on the samples. Empty fields and `NA`, `NaN`, `null` and so on are null, as in pandas.
/// Rows keep the order of the files.
///
/// If the path does not exist, a file is empty or a header is invalid, the frame reports the error
/// under the cell and when it is computed.
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

/// Options for reading and writing CSV files, with pandas' names and defaults. Each method sets one
/// option.
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
        f.debug_struct("Csv")
            .field("sep", &self.0.sep)
            .field("names", &self.0.names)
            .finish_non_exhaustive()
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
    /// Sets the field separator to a regular expression. Patterns such as `,\s*` are as fast as a
    /// single character.
    sep_regex(pattern: &str) |o| o.sep = Separator::Regex(pattern.to_owned());
    /// Separates fields by any run of spaces and tabs.
    delim_whitespace(yes: bool) |o| o.sep = if yes { Separator::Whitespace } else { Separator::Char(',') };
    /// Moves this column to the front.
    index_col(name: &str) |o| o.index_col = Some(name.to_owned());
    /// Sets the type of a column; a value that does not fit is an error.
    dtype(column: &str, dtype: DType) |o| o.dtypes.push((column.to_owned(), dtype));
    /// Sets the type of all columns that have none of their own.
    dtype_all(dtype: DType) |o| o.dtype_all = Some(dtype);
    /// Sets the format of the columns of `parse_dates`, such as `"%d/%m/%Y"`; if given more than
    /// once, each is tried. Default: ISO 8601. Also the format in which timestamps are written.
    date_format(format: &str) |o| { o.date_formats.push(format.to_owned()); o.date_format = Some(format.to_owned()) };
    /// Infers the types only from this many rows at the start.
    infer_rows(rows: usize) |o| o.infer_rows = Some(rows);
    /// Sets whether pandas' null strings (`""`, `"NA"`, `"null"` and so on) are null. Default:
    /// true.
    keep_default_na(keep: bool) |o| o.keep_default_na = keep;
    /// Sets the thousands separator.
    thousands(mark: char) |o| o.thousands = Some(mark);
    /// Sets the decimal point. Default: `'.'`.
    decimal(mark: char) |o| o.decimal = mark;
    /// Skips this many lines at the start of each file.
    skiprows(lines: usize) |o| o.skiprows = lines;
    /// Skips this many rows at the end of each file.
    skipfooter(lines: usize) |o| o.skipfooter = lines;
    /// Reads at most this many rows.
    nrows(rows: usize) |o| o.nrows = Some(rows);
    /// Ignores the rest of a line after this character; a line that begins with it is not a row.
    comment(mark: char) |o| o.comment = Some(mark);
    /// Sets whether two quotes inside quotes are read as one. Default: true.
    doublequote(yes: bool) |o| o.doublequote = yes;
    /// Sets the escape character: the character after it is read literally.
    escapechar(mark: char) |o| o.escapechar = Some(mark);
    /// Skips spaces after separators.
    skip_initial_space(yes: bool) |o| o.skip_initial_space = yes;
    /// Sets how to handle lines with too many fields. Shorter lines are filled with nulls.
    on_bad_lines(how: BadLines) |o| o.on_bad_lines = how;
    /// Sets the encoding of the files, by its label. Default: `"utf-8"`.
    encoding(label: &str) |o| o.encoding = label.to_owned();
    /// Sets how to handle bytes that are invalid in the encoding: `"strict"` (an error, the
    /// default), `"replace"`, `"ignore"`.
    encoding_errors(how: &str) |o| o.encoding_errors = how.to_owned();
    /// Sets the compression: `"gzip"`, `"bz2"`, `"zstd"`, `"xz"`, `"none"`, or `"infer"` from the
    /// file extension (the default).
    compression(name: &str) |o| o.compression = name.to_owned();
    /// Adds a column `path` with the file of each row.
    include_path(yes: bool) |o| o.path_column = yes.then(|| "path".to_owned());
    /// Adds a column of this name with the file of each row.
    include_path_column(name: &str) |o| o.path_column = Some(name.to_owned());
    /// When writing: sets the string for null. Default: the empty string.
    na_rep(text: &str) |o| o.na_rep = text.to_owned();
    /// When writing: sets whether the first line names the columns. Default: true.
    write_header(yes: bool) |o| o.write_header = yes;
    /// When writing: sets the number of decimals of floats. Default: as few as read back to the
    /// same number.
    float_decimals(decimals: usize) |o| o.float_format = Some(decimals);
    /// When writing: quotes every string, not only where necessary.
    quote_all(yes: bool) |o| o.quote_all = yes;
}

/// Options with generic arguments: only the conversion is compiled in a notebook cell.
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
    /// Sets the field separator: a character, or a string of several. Default: `','`.
    sep(sep: impl Into<Separator>, into Separator) |o| o.sep = sep;
    /// Sets the names of the columns, for files without a header; with `header(0)`, replaces it.
    names(names: impl IntoNames, into_names Vec<String>) |o| o.names = Some(names);
    /// Sets the number of the header line, counted from 0 after the lines that `skiprows` skips;
    /// `None` for no header. Default: 0, or `None` if `names` are given.
    header(row: impl Into<HeaderRow>, into HeaderRow) |o| o.header = Some(row);
    /// Reads only these columns, by name or number (`0..3`); they keep the order of the file.
    usecols(columns: impl Into<ColumnList>, into ColumnList) |o| o.usecols = Some(columns);
    /// Parses these columns as timestamps; an invalid value is an error.
    parse_dates(columns: impl IntoNames, into_names Vec<String>) |o| o.parse_dates = columns;
    /// Sets additional strings that are null.
    na_values(texts: impl IntoNames, into_names Vec<String>) |o| o.na_values = texts;
    /// Sets additional strings that are true.
    true_values(texts: impl IntoNames, into_names Vec<String>) |o| o.true_values = texts;
    /// Sets additional strings that are false.
    false_values(texts: impl IntoNames, into_names Vec<String>) |o| o.false_values = texts;
    /// Sets the quote character; `None` for no quoting. Default: `'"'`.
    quotechar(mark: impl Into<Option<char>>, into Option<char>) |o| o.quotechar = mark;
    /// Sets the size of a partition, in bytes or as a string such as `"64MB"`; results do not
    /// depend on it. There are at most 16 partitions per thread. Default: one partition per thread.
    blocksize(bytes: impl Into<ByteCount>, into ByteCount) |o| o.blocksize = Some(bytes);
}

impl Csv {
    /// When writing: sets the name that replaces `*`, from the number of the partition.
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
    /// Creates the options with pandas' defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns a lazy frame over a file, a pattern or a URL, read when it is computed; see
    /// [`read_csv`].
    #[track_caller]
    pub fn read(&self, path: &str) -> DataFrame {
        DataFrame::from_result(open(&self.0, path).and_then(|files| {
            crate::frame::plan::scan::scan(Arc::new(CsvTable::new(files)), "read_csv")
        }))
    }
}

impl DataFrame {
    /// Returns the types of the columns of the CSV files that the frame reads, and the value that
    /// decided each: the first one that no narrower type holds, as far as the files have been read.
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
                let otherwise =
                    if inferred.given { "the type was given" } else { "no value was seen" };
                because.push(inferred.reason.unwrap_or_else(|| otherwise.to_owned()));
            }
        });
        let of = |texts: Vec<String>| Arc::new(StringArray::from(texts)) as ArrayRef;
        let columns = [("column", of(names)), ("dtype", of(dtypes)), ("because", of(because))];
        let batch = RecordBatch::try_from_iter(columns);
        Ok(Table::new(batch.map_err(|e| ErrorKind::Engine {
            operation: "csv_types".to_owned(),
            message: e.to_string(),
        })?))
    }
}
