//! Inspects the files before anything is read: their paths, where the data begins, and the column
//! names.

use crate::csv::dialect::{Dialect, Sep};
use crate::csv::kind::Kind;
use crate::csv::read::LONGEST;
use crate::csv::value::{Format, MISSING, Values};
use crate::decode::{Compression, Decoder, Errors};
use crate::error::{Error, ErrorKind, Result};
use crate::frame::source::csv::names::{ColumnRef, HeaderRow, Separator};
use crate::frame::source::csv::options::Options;
use crate::frame::source::csv::sample::{self, Head};
use crate::frame::source::csv::table::{Column, FileInfo, From, Table, io_error};
use crate::frame::source::csv::types::Types;
use crate::frame::types::dtype::{DType, arrow_type};
use crate::frame::types::names::distinct;
use crate::fs;
use arrow::datatypes::DataType;
use regex::bytes::Regex;
use std::collections::HashMap;
use std::io::Read;
use std::sync::Arc;

/// The default block size, in bytes: a block and its marks fit into the L2 cache.
const STEP: u64 = 256 << 10;
/// Bytes at the start of a file that are inspected first.
const START: u64 = 16 << 10;

/// What the start of a file shows.
struct Shape {
    names: Option<Vec<String>>,
    start: u64,
    /// The number of fields of the first line of data.
    fields: u32,
}

fn bad(message: String) -> Error {
    ErrorKind::BadArgument { method: "read_csv".to_owned(), message }.into()
}

pub(in crate::frame) fn open(options: &Options, pattern: &str) -> Result<Arc<Table>> {
    let local = fs::local(pattern);
    if !fs::is_remote(pattern) && std::path::Path::new(local).is_dir() {
        return Err(bad(format!(
            "{local:?} is a directory; help: read its files with \"{}/*.csv\"",
            local.trim_end_matches('/')
        )));
    }
    let block = options.blocksize.as_ref().map(|b| b.bytes()).transpose()?.map(|b| b.max(1));
    let mut table = Table {
        files: Vec::new(),
        dialect: dialect(options)?,
        values: values(options)?,
        columns: Vec::new(),
        types: Types::default(),
        width: 0,
        on_bad_lines: options.on_bad_lines,
        step: block.map_or(STEP, |b| b.min(STEP)) as usize,
        block,
        compression: Compression::named(&options.compression)?,
        decoder: Decoder::new(&options.encoding, Errors::named(&options.encoding_errors)?)?,
        nrows: options.nrows,
        skipfooter: options.skipfooter,
    };
    let (mut names, mut heads) = (Vec::new(), HashMap::new());
    // Rows that are not read must not affect the types.
    let rows = options.infer_rows.into_iter().chain(options.nrows).min();
    let paths = fs::expand("read_csv", pattern)?;
    let sampled = sample::picked(paths.len(), rows);
    for (number, path) in paths.into_iter().enumerate() {
        if crate::sched::cancelled() {
            return Err(ErrorKind::Interrupted.into());
        }
        let wanted = if sampled.contains(&number) { sample::head_bytes(rows) } else { START };
        let (file, shape, head) = table.look(&path, wanted, options)?;
        if number == 0 {
            (names, table.width) = columns_of(&shape, options);
        }
        if sampled.contains(&number) {
            heads.insert(number, head);
        }
        // Given names refer to positions; those of a header are matched by name.
        let header = shape.names.filter(|_| options.names.is_none());
        let order = table.order(&path, &names, header)?;
        table.files.push(FileInfo { order, ..file });
    }
    table.columns = chosen(options, names)?;
    table.types = sample::types(&table, &sampled, heads, rows)?;
    Ok(Arc::new(table))
}

/// Returns a mark as a byte, as the scanner searches for bytes.
fn byte(option: &str, mark: char) -> Result<u8> {
    u8::try_from(mark)
        .ok()
        .filter(u8::is_ascii)
        .ok_or_else(|| bad(format!("{option}: {mark:?} is not an ASCII character")))
}

fn dialect(options: &Options) -> Result<Dialect> {
    let (sep, spaces) = match &options.sep {
        Separator::Char(c) if c.is_ascii() => (Sep::Byte(*c as u8), false),
        Separator::Char(c) => (Sep::Text(c.to_string().into_bytes()), false),
        Separator::Text(text) if text.is_empty() => {
            return Err(bad(
                "sep: invalid separator \"\": expected at least one character".to_owned()
            ));
        }
        Separator::Text(text) => (Sep::Text(text.as_bytes().to_vec()), false),
        Separator::Whitespace => (Sep::White, false),
        Separator::Regex(pattern) => pattern_of(pattern)?,
    };
    if let Sep::Byte(sep @ (b'\n' | b'\r')) = sep {
        return Err(bad(format!("sep: invalid separator {:?}: it ends lines", char::from(sep))));
    }
    let mark = |name, c: Option<char>| c.map(|c| byte(name, c)).transpose();
    let dialect = Dialect {
        sep,
        quote: mark("quotechar", options.quotechar)?,
        double_quote: options.doublequote,
        escape: mark("escapechar", options.escapechar)?,
        comment: mark("comment", options.comment)?,
        skip_initial_space: options.skip_initial_space || spaces,
    };
    if let Sep::Byte(sep) = dialect.sep
        && (dialect.quote == Some(sep) || dialect.comment == Some(sep))
    {
        return Err(bad(format!(
            "{:?} is both the separator and the quote or comment character; expected different characters",
            char::from(sep)
        )));
    }
    Ok(dialect)
}

/// Returns a separator pattern, and whether spaces after it are skipped: a character followed by
/// whitespace needs no regular expression.
fn pattern_of(pattern: &str) -> Result<(Sep, bool)> {
    let plain = [r"\s*", " *", r"\ *", "[ ]*", r"[ \t]*"]
        .iter()
        .find_map(|tail| pattern.strip_suffix(tail));
    let plain = plain.map(|p| p.strip_prefix('\\').unwrap_or(p));
    let mut chars = plain.unwrap_or_default().chars();
    if let (Some(c), None) = (chars.next(), chars.next())
        && c.is_ascii()
        && !c.is_ascii_alphanumeric()
        && !matches!(c, '.' | ' ' | '\t')
    {
        return Ok((Sep::Byte(c as u8), true));
    }
    if pattern == r"\s+" {
        return Ok((Sep::White, false));
    }
    let made =
        Regex::new(&format!("^(?:{pattern})")).map_err(|e| bad(format!("sep_regex: {e}")))?;
    Ok((Sep::Pattern(made), false))
}

fn values(options: &Options) -> Result<Values> {
    let standard = MISSING.iter().filter(|_| options.keep_default_na).map(|m| (*m).to_owned());
    let missing = standard.chain(options.na_values.iter().cloned()).collect();
    let thousands = options.thousands.map(|c| byte("thousands", c)).transpose()?;
    let decimal = byte("decimal", options.decimal)?;
    if thousands == Some(decimal) {
        return Err(bad(format!(
            "{:?} is both the decimal point and the thousands separator; expected different characters",
            options.decimal
        )));
    }
    Ok(Values::new(missing, &options.true_values, &options.false_values, decimal, thousands))
}

/// Returns the names of all fields, and the number of fields of a line.
fn columns_of(shape: &Shape, options: &Options) -> (Vec<String>, u32) {
    let mut names = match (&options.names, &shape.names) {
        (Some(given), _) => given.clone(),
        (None, Some(header)) => header.clone(),
        (None, None) => (0..shape.fields).map(|i| i.to_string()).collect(),
    };
    let width = if options.names.is_some() {
        shape.fields.max(names.len() as u32)
    } else {
        names.len() as u32
    };
    distinct(&mut names);
    (names, width)
}

/// Returns the columns to read, in the order of the file.
fn chosen(options: &Options, names: Vec<String>) -> Result<Vec<Column>> {
    let not_there = |method: &str, column: &str| ErrorKind::ColumnNotFound {
        method: format!("read_csv: {method}"),
        column: column.to_owned(),
        available: names.clone(),
    };
    let mut wanted = vec![options.usecols.is_none(); names.len()];
    for column in options.usecols.iter().flat_map(|c| &c.0) {
        let at = match column {
            ColumnRef::Number(n) => Some(*n).filter(|n| *n < names.len()),
            ColumnRef::Name(name) => names.iter().position(|n| n == name),
        };
        let shown = match column {
            ColumnRef::Number(n) => format!("number {n}"),
            ColumnRef::Name(name) => name.clone(),
        };
        wanted[at.ok_or_else(|| not_there("usecols", &shown))?] = true;
    }
    let lists = [
        ("dtype", options.dtypes.iter().map(|(n, _)| n).collect::<Vec<_>>()),
        ("parse_dates", options.parse_dates.iter().collect()),
    ];
    for (method, list) in
        lists.into_iter().chain([("index_col", options.index_col.iter().collect())])
    {
        if let Some(missing) = list.into_iter().find(|n| !names.contains(n)) {
            return Err(not_there(method, missing).into());
        }
    }
    let mut columns = Vec::new();
    for (i, name) in names.iter().enumerate().filter(|(i, _)| wanted[*i]) {
        let dtype = options
            .dtypes
            .iter()
            .rev()
            .find(|(n, _)| n == name)
            .map(|(_, d)| d)
            .or(options.dtype_all.as_ref());
        let dates = options.parse_dates.contains(name);
        let given = if dates {
            Some((Kind::Time, Kind::Time.arrow()))
        } else {
            dtype.map(|d| kind_of(name, d)).transpose()?
        };
        let formats = Arc::new(if dates {
            options.date_formats.iter().map(|f| Format::new(f)).collect()
        } else {
            Vec::new()
        });
        columns.push(Column { name: name.clone(), from: From::Field(i as u32), given, formats });
    }
    if let Some(first) = &options.index_col
        && let Some(at) = columns.iter().position(|c| c.name == *first)
    {
        columns[..=at].rotate_right(1);
    }
    if let Some(name) = &options.path_column {
        if names.contains(name) {
            return Err(ErrorKind::DuplicateColumn {
                method: "include_path".to_owned(),
                column: name.clone(),
            }
            .into());
        }
        columns.push(Column {
            name: name.clone(),
            from: From::Path,
            given: Some((Kind::Text, DataType::Utf8)),
            formats: Arc::default(),
        });
    }
    Ok(columns)
}

/// Returns how a given type is parsed, and its Arrow type.
fn kind_of(column: &str, dtype: &DType) -> Result<(Kind, DataType)> {
    let wanted = match dtype {
        DType::Datetime => Kind::Time.arrow(),
        DType::Str => Kind::Text.arrow(),
        dtype => arrow_type("read_csv", column, dtype)?,
    };
    let kind = match &wanted {
        DataType::Boolean => Kind::Bool,
        // Its values may not fit into a signed 64-bit integer.
        DataType::UInt64 => Kind::Text,
        t if t.is_integer() => Kind::Int,
        t if t.is_floating() => Kind::Float,
        DataType::Date32 => Kind::Date,
        DataType::Timestamp(..) => Kind::Time,
        _ => Kind::Text,
    };
    Ok((kind, wanted))
}

impl Table {
    /// Inspects the start of a file, beginning with this many bytes.
    fn look(
        &self,
        path: &str,
        mut wanted: u64,
        options: &Options,
    ) -> Result<(FileInfo, Shape, Head)> {
        let ranged = self.is_ranged(path);
        let mut text = self.text(path)?;
        let mut head = Vec::new();
        loop {
            let read =
                text.by_ref().take(wanted).read_to_end(&mut head).map_err(|e| io_error(path, e))?
                    as u64;
            if let Some(shape) = self.shape(path, &head, read < wanted, options)? {
                let size = if ranged {
                    std::fs::metadata(fs::local(path)).map_err(|e| io_error(path, e))?.len()
                } else {
                    0
                };
                let start = shape.start;
                let last = read < wanted;
                return Ok((
                    FileInfo { path: path.to_owned(), ranged, size, start, order: None },
                    shape,
                    Head { text: head, last },
                ));
            }
            wanted = head.len() as u64;
            if head.len() > LONGEST {
                return Err(bad(format!(
                    "{path:?} has no complete row in its first GiB; help: check for an unclosed quote, or compression"
                )));
            }
        }
    }

    /// Parses the start of a file; `None` if more of it is needed.
    fn shape(
        &self,
        path: &str,
        head: &[u8],
        last: bool,
        options: &Options,
    ) -> Result<Option<Shape>> {
        let header = options.header.unwrap_or(HeaderRow(options.names.is_none().then_some(0))).0;
        let mut at = if head.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        for _ in 0..options.skiprows {
            match memchr::memchr2(b'\n', b'\r', &head[at..]).map(|n| at + n) {
                // A line feed may follow.
                Some(end) if head[end] == b'\r' && end + 1 == head.len() && !last => {
                    return Ok(None);
                }
                Some(end) => at = end + if head[end..].starts_with(b"\r\n") { 2 } else { 1 },
                None if last => at = head.len(),
                None => return Ok(None),
            }
        }
        let (block, used) = self.dialect.rows(&head[at..], last);
        let needed = header.map_or(0, |h| h + 1);
        if block.rows.len() <= needed && !last {
            return Ok(None);
        }
        if block.open_quote && block.rows.len() <= needed {
            return Err(
                self.open_quote(path, at as u64 + block.places.last().copied().unwrap_or(0))
            );
        }
        if block.rows.len() < needed {
            return Err(ErrorKind::EmptyFile {
                method: "read_csv".to_owned(),
                path: path.to_owned(),
            }
            .into());
        }
        if memchr::memchr(0, &head[..head.len().min(4096)]).is_some() {
            let message = format!(
                "{path:?} contains NUL bytes, so it is not text in this encoding; help: encoding(\"utf-16\") reads UTF-16"
            );
            return Err(bad(message));
        }
        let mut scratch = Vec::new();
        let names = header.map(|h| {
            let row = block.rows[h];
            (0..row.fields)
                .map(|i| {
                    String::from_utf8_lossy(block.field(row, i, &mut scratch).unwrap_or_default())
                        .into_owned()
                })
                .collect()
        });
        let start = at as u64 + block.places.get(needed).copied().unwrap_or(used as u64);
        if header.is_none() && options.names.is_none() && block.rows.is_empty() {
            return Err(ErrorKind::EmptyFile {
                method: "read_csv".to_owned(),
                path: path.to_owned(),
            }
            .into());
        }
        Ok(Some(Shape { names, start, fields: block.rows.get(needed).map_or(0, |r| r.fields) }))
    }

    /// Returns the positions in another file of the columns of the first one.
    fn order(
        &self,
        path: &str,
        names: &[String],
        header: Option<Vec<String>>,
    ) -> Result<Option<Vec<u32>>> {
        let (Some(first), Some(mut header)) = (self.files.first(), header) else { return Ok(None) };
        distinct(&mut header);
        if header == names {
            return Ok(None);
        }
        let at = |name: &String| header.iter().position(|h| h == name).map(|i| i as u32);
        let order: Option<Vec<u32>> = names.iter().map(at).collect();
        order.filter(|_| header.len() == names.len()).map(Some).ok_or_else(|| {
            let what = format!("their columns differ: {names:?} and {header:?}");
            bad(format!("cannot read {:?} and {path:?} together: {what}", first.path))
        })
    }
}
