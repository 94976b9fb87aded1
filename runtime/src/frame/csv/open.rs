//! A look at the files before anything is read: their names, where the data begins, what the columns are called, and samples
//! of their values.

use super::names::{ColumnRef, HeaderRow, Separator};
use super::types::{Doubts, Known, Reason, Types};
use super::{BadLines, Options};
use crate::csv::column::Reading;
use crate::csv::dialect::{Dialect, Sep};
use crate::csv::kind::Kind;
use crate::csv::quotes::{State, Walker, byte_before};
use crate::csv::read::LONGEST;
use crate::csv::value::{Format, MISSING, Values};
use crate::decode::{Compression, Decoder, Errors, Transcode};
use crate::error::{Error, ErrorKind, Result};
use crate::frame::DType;
use crate::fs;
use arrow::datatypes::{DataType, TimeUnit};
use regex::bytes::Regex;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::sync::Arc;

/// Bytes that are read in one step where nothing else is said: they and their marks fit into the second cache.
const STEP: u64 = 256 << 10;
/// Bytes of a sample; the one at the start is four times as long.
const SAMPLE: usize = 64 << 10;
/// Files from which samples are taken.
const SAMPLED_FILES: usize = 3;

/// Everything that is known of a table of CSV files.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) files: Vec<FileInfo>,
    pub(super) dialect: Dialect,
    pub(super) values: Values,
    pub(super) columns: Vec<Column>,
    pub(super) types: Types,
    /// Fields of a line that is not bad.
    pub(super) width: u32,
    pub(super) on_bad_lines: BadLines,
    /// Bytes that are read in one step.
    pub(super) step: usize,
    /// Bytes of a partition, where that was said.
    pub(super) block: Option<u64>,
    pub(super) compression: Option<Compression>,
    pub(super) decoder: Decoder,
    pub(super) nrows: Option<usize>,
    pub(super) skipfooter: usize,
}

/// A column that is read.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) name: String,
    /// What it is made of.
    pub(super) from: From,
    /// The type that was given.
    pub(super) given: Option<(Kind, DataType)>,
    pub(super) formats: Arc<Vec<Format>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    Field(u32),
    Path,
}

/// One file.
#[derive(Debug)]
pub(super) struct FileInfo {
    pub(super) path: String,
    /// Rows can be read from any place: it lies on a disk, is not compressed, and has a plain dialect.
    pub(super) ranged: bool,
    /// Bytes, where it is on a disk.
    pub(super) size: u64,
    /// Place of the first row of data.
    pub(super) start: u64,
    /// The number that each field of the first file has in this one, where they differ.
    pub(super) order: Option<Vec<u32>>,
}

/// The start of a file's text, and whether that is all of it.
#[derive(Default)]
struct Head {
    text: Vec<u8>,
    last: bool,
}

/// What the start of a file tells.
struct Shape {
    names: Option<Vec<String>>,
    start: u64,
    /// Fields of the first line of data.
    fields: u32,
}

fn bad(message: String) -> Error {
    ErrorKind::BadArgument { method: "read_csv".to_owned(), message }.into()
}

pub(super) fn io_error(path: &str, source: std::io::Error) -> Error {
    ErrorKind::Io { method: "read_csv".to_owned(), path: path.to_owned(), source }.into()
}

pub(super) fn open(options: &Options, pattern: &str) -> Result<Arc<Table>> {
    let local = fs::local(pattern);
    if !fs::is_remote(pattern) && std::path::Path::new(local).is_dir() {
        return Err(bad(format!("{local:?} is a directory; \"{}/*.csv\" reads the files in it", local.trim_end_matches('/'))));
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
    let (mut names, mut head) = (Vec::new(), Head::default());
    for path in fs::expand("read_csv", pattern)? {
        if crate::sched::cancelled() {
            return Err(ErrorKind::Interrupted.into());
        }
        let (file, shape, start) = table.look(&path, options)?;
        if table.files.is_empty() {
            (names, table.width) = columns_of(&shape, options);
            head = start;
        }
        // Names that are given stand for places; those of a header are looked for.
        let header = shape.names.filter(|_| options.names.is_none());
        let order = table.order(&path, &names, header)?;
        table.files.push(FileInfo { order, ..file });
    }
    table.columns = chosen(options, names)?;
    // Rows that are not read must not decide a type.
    let rows = options.infer_rows.into_iter().chain(options.nrows).min();
    table.types = sampled(&table, &head, rows)?;
    Ok(Arc::new(table))
}

/// A mark must be one byte to be looked for among bytes.
fn byte(option: &str, mark: char) -> Result<u8> {
    u8::try_from(mark).ok().filter(u8::is_ascii).ok_or_else(|| bad(format!("{option}: {mark:?} is no character of ASCII")))
}

fn dialect(options: &Options) -> Result<Dialect> {
    let (sep, spaces) = match &options.sep {
        Separator::Char(c) if c.is_ascii() => (Sep::Byte(*c as u8), false),
        Separator::Char(c) => (Sep::Text(c.to_string().into_bytes()), false),
        Separator::Text(text) if text.is_empty() => return Err(bad("sep: the separator is empty".to_owned())),
        Separator::Text(text) => (Sep::Text(text.as_bytes().to_vec()), false),
        Separator::Whitespace => (Sep::White, false),
        Separator::Regex(pattern) => pattern_of(pattern)?,
    };
    if let Sep::Byte(sep @ (b'\n' | b'\r')) = sep {
        return Err(bad(format!("sep: {:?} ends lines, and cannot separate fields", char::from(sep))));
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
        return Err(bad(format!("{:?} is the separator, and a quote or the mark of a comment at once", char::from(sep))));
    }
    Ok(dialect)
}

/// A pattern as a separator, and whether spaces behind it are left out: a character followed by white space is no pattern.
fn pattern_of(pattern: &str) -> Result<(Sep, bool)> {
    let plain = [r"\s*", " *", r"\ *", "[ ]*", r"[ \t]*"].iter().find_map(|tail| pattern.strip_suffix(tail));
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
    let made = Regex::new(&format!("^(?:{pattern})")).map_err(|e| bad(format!("sep_regex: {e}")))?;
    Ok((Sep::Pattern(made), false))
}

fn values(options: &Options) -> Result<Values> {
    let standard = MISSING.iter().filter(|_| options.keep_default_na).map(|m| (*m).to_owned());
    let missing = standard.chain(options.na_values.iter().cloned()).collect();
    let thousands = options.thousands.map(|c| byte("thousands", c)).transpose()?;
    let decimal = byte("decimal", options.decimal)?;
    if thousands == Some(decimal) {
        return Err(bad(format!("{:?} is the decimal point and the mark between thousands at once", options.decimal)));
    }
    Ok(Values::new(missing, &options.true_values, &options.false_values, decimal, thousands))
}

/// Names of all fields, and how many fields a line has.
fn columns_of(shape: &Shape, options: &Options) -> (Vec<String>, u32) {
    let mut names = match (&options.names, &shape.names) {
        (Some(given), _) => given.clone(),
        (None, Some(header)) => header.clone(),
        (None, None) => (0..shape.fields).map(|i| i.to_string()).collect(),
    };
    let width = if options.names.is_some() { shape.fields.max(names.len() as u32) } else { names.len() as u32 };
    distinct(&mut names);
    (names, width)
}

/// As in pandas: `id`, `id.1`; a column without a name is `Unnamed: 3`.
fn distinct(names: &mut [String]) {
    let mut seen = std::collections::HashSet::new();
    for (i, name) in names.iter_mut().enumerate() {
        if name.is_empty() {
            *name = format!("Unnamed: {i}");
        }
        let (base, mut n) = (name.clone(), 1);
        while !seen.insert(name.clone()) {
            *name = format!("{base}.{n}");
            n += 1;
        }
    }
}

/// The columns that are read, in the order of the file.
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
    let lists =
        [("dtype", options.dtypes.iter().map(|(n, _)| n).collect::<Vec<_>>()), ("parse_dates", options.parse_dates.iter().collect())];
    for (method, list) in lists.into_iter().chain([("index_col", options.index_col.iter().collect())]) {
        if let Some(missing) = list.into_iter().find(|n| !names.contains(n)) {
            return Err(not_there(method, missing).into());
        }
    }
    let mut columns = Vec::new();
    for (i, name) in names.iter().enumerate().filter(|(i, _)| wanted[*i]) {
        let dtype = options.dtypes.iter().rev().find(|(n, _)| n == name).map(|(_, d)| d).or(options.dtype_all.as_ref());
        let dates = options.parse_dates.contains(name);
        let given = if dates { Some((Kind::Time, Kind::Time.arrow())) } else { dtype.map(|d| kind_of(name, d)).transpose()? };
        let formats = Arc::new(if dates { options.date_formats.iter().map(|f| Format::new(f)).collect() } else { Vec::new() });
        columns.push(Column { name: name.clone(), from: From::Field(i as u32), given, formats });
    }
    if let Some(first) = &options.index_col
        && let Some(at) = columns.iter().position(|c| c.name == *first)
    {
        columns[..=at].rotate_right(1);
    }
    if let Some(name) = &options.path_column {
        if names.contains(name) {
            return Err(ErrorKind::DuplicateColumn { method: "include_path".to_owned(), column: name.clone() }.into());
        }
        columns.push(Column { name: name.clone(), from: From::Path, given: Some((Kind::Text, DataType::Utf8)), formats: Arc::default() });
    }
    Ok(columns)
}

/// How a given type is read, and what it becomes.
fn kind_of(column: &str, dtype: &DType) -> Result<(Kind, DataType)> {
    Ok(match dtype {
        DType::Bool => (Kind::Bool, DataType::Boolean),
        DType::Int8 => (Kind::Int, DataType::Int8),
        DType::Int16 => (Kind::Int, DataType::Int16),
        DType::Int32 => (Kind::Int, DataType::Int32),
        DType::Int64 => (Kind::Int, DataType::Int64),
        DType::UInt8 => (Kind::Int, DataType::UInt8),
        DType::UInt16 => (Kind::Int, DataType::UInt16),
        DType::UInt32 => (Kind::Int, DataType::UInt32),
        DType::UInt64 => (Kind::Text, DataType::UInt64),
        DType::Float32 => (Kind::Float, DataType::Float32),
        DType::Float64 => (Kind::Float, DataType::Float64),
        DType::Str => (Kind::Text, DataType::Utf8),
        DType::Date => (Kind::Date, DataType::Date32),
        DType::Datetime => (Kind::Time, DataType::Timestamp(TimeUnit::Microsecond, None)),
        DType::Other(name) => return Err(bad(format!("dtype of {column:?}: a CSV file cannot be read as {name}"))),
    })
}

impl Table {
    /// Whether rows of such a file can be read from any place.
    fn is_ranged(&self, path: &str) -> bool {
        let plain = self.dialect.plain().is_some() && self.decoder.is_utf8() && self.decoder.is_strict();
        plain && !fs::is_remote(path) && self.compression_of(path) == Compression::None && self.skipfooter == 0
    }

    fn compression_of(&self, path: &str) -> Compression {
        self.compression.unwrap_or_else(|| Compression::of_name(path))
    }

    /// The text of a file from the start, decompressed and in UTF-8, where it is not read as it is.
    pub(super) fn text(&self, path: &str) -> Result<Box<dyn Read + Send>> {
        let file = fs::open_for("read_csv", path)?;
        let bytes = self.compression_of(path).reader(file).map_err(|e| io_error(path, e))?;
        let as_it_is = self.decoder.is_utf8() && self.decoder.is_strict();
        Ok(if as_it_is { bytes } else { Box::new(Transcode::new(bytes, self.decoder)) })
    }

    /// Looks at the start of a file.
    fn look(&self, path: &str, options: &Options) -> Result<(FileInfo, Shape, Head)> {
        let ranged = self.is_ranged(path);
        let mut text = self.text(path)?;
        let mut head = Vec::new();
        // What may come over a network is asked for once, and long enough for a sample.
        let mut wanted = if ranged { 16 << 10 } else { 4 * SAMPLE as u64 };
        loop {
            let read = text.by_ref().take(wanted).read_to_end(&mut head).map_err(|e| io_error(path, e))? as u64;
            if let Some(shape) = self.shape(path, &head, read < wanted, options)? {
                let size = if ranged { std::fs::metadata(fs::local(path)).map_err(|e| io_error(path, e))?.len() } else { 0 };
                let start = shape.start;
                let last = read < wanted;
                return Ok((FileInfo { path: path.to_owned(), ranged, size, start, order: None }, shape, Head { text: head, last }));
            }
            wanted = head.len() as u64;
            if head.len() > LONGEST {
                return Err(bad(format!("{path:?} has no complete row in its first GiB; is a quote left open, or is it compressed?")));
            }
        }
    }

    /// What the start of a file tells; `None` where more of it is needed.
    fn shape(&self, path: &str, head: &[u8], last: bool, options: &Options) -> Result<Option<Shape>> {
        let header = options.header.unwrap_or(HeaderRow(options.names.is_none().then_some(0))).0;
        let mut at = if head.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        for _ in 0..options.skiprows {
            match memchr::memchr2(b'\n', b'\r', &head[at..]).map(|n| at + n) {
                // Whether a line feed follows is not known yet.
                Some(end) if head[end] == b'\r' && end + 1 == head.len() && !last => return Ok(None),
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
            let row = at as u64 + block.places.last().copied().unwrap_or(0);
            let line = 1 + memchr::memchr_iter(b'\n', &head[..row as usize]).count() as u64;
            let message = "the file ends inside of quotes that this row opens; is a quote missing?".to_owned();
            return Err(ErrorKind::BadCsv { path: path.to_owned(), line, offset: row, message }.into());
        }
        if block.rows.len() < needed {
            return Err(ErrorKind::EmptyFile { method: "read_csv".to_owned(), path: path.to_owned() }.into());
        }
        if memchr::memchr(0, &head[..head.len().min(4096)]).is_some() {
            let message = format!("{path:?} has bytes of zero, so it is no text in this encoding; encoding(\"utf-16\") reads such texts");
            return Err(bad(message));
        }
        let mut scratch = Vec::new();
        let names = header.map(|h| {
            let row = block.rows[h];
            (0..row.fields).map(|i| String::from_utf8_lossy(block.field(row, i, &mut scratch).unwrap_or_default()).into_owned()).collect()
        });
        let start = at as u64 + block.places.get(needed).copied().unwrap_or(used as u64);
        if header.is_none() && options.names.is_none() && block.rows.is_empty() {
            return Err(ErrorKind::EmptyFile { method: "read_csv".to_owned(), path: path.to_owned() }.into());
        }
        Ok(Some(Shape { names, start, fields: block.rows.get(needed).map_or(0, |r| r.fields) }))
    }

    /// Where the columns of the first file are in another one.
    fn order(&self, path: &str, names: &[String], header: Option<Vec<String>>) -> Result<Option<Vec<u32>>> {
        let (Some(first), Some(mut header)) = (self.files.first(), header) else { return Ok(None) };
        distinct(&mut header);
        if header == names {
            return Ok(None);
        }
        let at = |name: &String| header.iter().position(|h| h == name).map(|i| i as u32);
        let order: Option<Vec<u32>> = names.iter().map(at).collect();
        order.filter(|_| header.len() == names.len()).map(Some).ok_or_else(|| {
            let what = format!("their columns are {names:?} and {header:?}");
            bad(format!("{:?} and {path:?} cannot be read as one: {what}", first.path))
        })
    }

    /// Number of the line at a place, from 1.
    pub(super) fn line(&self, file: usize, place: u64) -> Result<u64> {
        let path = &self.files[file].path;
        let mut text = self.text(path)?.take(place);
        let (mut lines, mut after_return) = (1, false);
        let mut piece = vec![0; 1 << 16];
        loop {
            let n = text.read(&mut piece).map_err(|e| io_error(path, e))?;
            if n == 0 || crate::sched::cancelled() {
                return Ok(lines);
            }
            for byte in &piece[..n] {
                lines += u64::from(*byte == b'\r' || *byte == b'\n' && !after_return);
                after_return = *byte == b'\r';
            }
        }
    }

    /// How a column is read if its values are of this kind.
    pub(super) fn reading(&self, column: usize, kind: Kind) -> Reading {
        let c = &self.columns[column];
        Reading { kind: c.given.as_ref().map_or(kind, |g| g.0), given: c.given.is_some(), formats: c.formats.clone() }
    }
}

/// The kinds of the columns, as samples tell them.
fn sampled(table: &Table, first: &Head, infer_rows: Option<usize>) -> Result<Types> {
    let mut kinds = vec![(Kind::Nothing, None); table.columns.len()];
    let mut doubts = Doubts::default();
    let n = table.files.len();
    let picked = if infer_rows.is_some() { vec![0] } else { vec![0, n / 2, n - 1] };
    let mut seen = Vec::new();
    // Files without data tell nothing: then others are asked.
    for file in picked.into_iter().chain(0..n) {
        let told = kinds.iter().any(|k| k.0 != Kind::Nothing);
        if seen.contains(&file) || told && seen.len() >= SAMPLED_FILES.min(n) {
            continue;
        }
        seen.push(file);
        let head = (file == 0 && !table.files[0].ranged && infer_rows.is_none()).then_some(first);
        sample_file(table, file, head, infer_rows, (&mut kinds, &mut doubts))?;
        if infer_rows.is_some() && kinds.iter().any(|k| k.0 != Kind::Nothing) {
            break;
        }
    }
    Ok(Types::new(kinds, doubts))
}

fn sample_file(
    table: &Table,
    number: usize,
    head: Option<&Head>,
    infer_rows: Option<usize>,
    (kinds, doubts): (&mut Known, &mut Doubts),
) -> Result<()> {
    let file = &table.files[number];
    if let Some(head) = head {
        let text = &head.text[file.start as usize..];
        take_in(table, &Sample { number, place: file.start, text, last: head.last }, usize::MAX, kinds);
        return Ok(());
    }
    let failed = |e| io_error(&file.path, e);
    let mut text = table.text(&file.path)?;
    std::io::copy(&mut text.by_ref().take(file.start), &mut std::io::sink()).map_err(failed)?;
    let mut head = Vec::new();
    let wanted = infer_rows.map_or(4 * SAMPLE, |rows| rows.saturating_mul(1000).clamp(4 * SAMPLE, 64 * SAMPLE)) as u64;
    let read = text.by_ref().take(wanted).read_to_end(&mut head).map_err(failed)? as u64;
    let sample = Sample { number, place: file.start, text: &head, last: read < wanted };
    take_in(table, &sample, infer_rows.unwrap_or(usize::MAX), kinds);
    if !file.ranged || infer_rows.is_some() || read < wanted {
        return Ok(());
    }
    // A place further on may be inside of quotes. Where no quotes are seen it most likely is not; if there are some after all,
    // the samples are looked at again (see `Types::doubt`).
    let Some(marks) = table.dialect.plain().filter(|m| !has(&head, m.quote)) else { return Ok(()) };
    let blanks = table.dialect.skip_initial_space.then_some(marks.sep);
    let mut disk = File::open(fs::local(&file.path)).map_err(failed)?;
    let sure = kinds.clone();
    let mut places = Vec::new();
    for at in [file.size / 2, file.size.saturating_sub(SAMPLE as u64)] {
        let at = at.max(file.start);
        let before = byte_before(&mut disk, at, file.start, blanks).map_err(failed)?;
        disk.seek(SeekFrom::Start(at)).map_err(failed)?;
        let mut text = Vec::new();
        disk.by_ref().take(SAMPLE as u64).read_to_end(&mut text).map_err(failed)?;
        let line = Walker::new(marks, table.dialect.skip_initial_space, State::Outside, before).line_end(&text);
        if let (Some(line), false) = (line, has(&text, marks.quote)) {
            places.push((number, at));
            take_in(table, &Sample { number, place: at + line as u64, text: &text[line..], last: false }, usize::MAX, kinds);
        }
    }
    if marks.quote.is_some() && !places.is_empty() {
        doubts.places.extend(places);
        if doubts.sure.is_empty() {
            doubts.sure = sure;
        }
    }
    Ok(())
}

fn has(text: &[u8], quote: Option<u8>) -> bool {
    quote.is_some_and(|q| memchr::memchr(q, text).is_some())
}

/// Some rows of a file.
struct Sample<'a> {
    number: usize,
    place: u64,
    text: &'a [u8],
    last: bool,
}

/// Joins the kinds of a sample's values to those known.
fn take_in(table: &Table, sample: &Sample<'_>, rows: usize, kinds: &mut Known) {
    let (mut block, _) = table.dialect.rows(sample.text, sample.last);
    block.rows.truncate(block.rows.len().saturating_sub(table.skipfooter));
    if block.rows.iter().any(|r| r.fields > table.width) && table.on_bad_lines == BadLines::Error {
        return;
    }
    let mut scratch = Vec::new();
    for (column, (kind, why)) in table.columns.iter().zip(kinds) {
        let From::Field(field) = column.from else { continue };
        let field = table.files[sample.number].order.as_ref().map_or(field, |o| o[field as usize]);
        for (i, row) in block.rows.iter().enumerate().filter(|(_, r)| r.fields <= table.width).take(rows) {
            if *kind == Kind::Text || column.given.is_some() {
                break;
            }
            let Some(value) = block.field(*row, field, &mut scratch) else { continue };
            let joined = kind.and(Kind::of(value, &table.values));
            if joined != *kind {
                let value = String::from_utf8_lossy(value).into_owned();
                (*kind, *why) = (joined, Some(Reason { value, file: sample.number, place: sample.place + block.place(i) }));
            }
        }
    }
}
