//! Reading CSV files: paths and patterns, compression by the ending of the name, types from the first rows, and splits
//! that are right for line ends inside quotes.

use super::DataFrame;
use crate::error::{Error, ErrorKind, Result};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::datasource::file_format::csv::CsvFormat;
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::datasource::listing::{ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl};
use datafusion::error::{DataFusionError, Result as DfResult};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// Rows from which the types of the columns are told.
const SAMPLE: usize = 100_000;

/// A frame over CSV files, read when it is computed. The first line names the columns; their types come from the first
/// 100,000 rows: `bool`, `int64`, `float64`, else `str`. Empty fields are missing values.
///
/// `path` is a file or a pattern (`"data/*.csv"`, read in the order of their names); `.gz`, `.bz2`, `.xz` and `.zst` are
/// decompressed while reading.
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
/// let sums = read_csv(path).groupby("device").sum("lat").compute()?;
/// assert_eq!(sums.column("lat")?.to_vec::<Option<f64>>()?, [Some(4.0), None]);
/// # Ok::<(), rask::Error>(())
/// ```
#[track_caller]
pub fn read_csv(path: &str) -> DataFrame {
    DataFrame::from_result(open(path))
}

fn open(path: &str) -> Result<super::Plan> {
    let files = crate::fs::find("read_csv", path)?;
    for f in &files {
        let empty = std::fs::metadata(f).map(|m| m.len() == 0).unwrap_or(false);
        if empty {
            return Err(ErrorKind::EmptyFile { method: "read_csv".to_owned(), path: f.display().to_string() }.into());
        }
    }
    let urls: Vec<_> =
        files.iter().map(|f| ListingTableUrl::parse(url_of(f)).map_err(|e| Error::engine("read_csv", &e))).collect::<Result<_>>()?;
    let compression = compression(&files[0]);
    let schema = infer(&files, compression)?;
    if schema.fields().is_empty() {
        return Err(ErrorKind::EmptyFile { method: "read_csv".to_owned(), path: path.to_owned() }.into());
    }
    let table = |whole: bool| -> Result<Arc<dyn TableProvider>> {
        let config = ListingTableConfig::new_with_multi_paths(urls.clone())
            .with_listing_options(options(compression, whole))
            .with_schema(schema.clone());
        Ok(Arc::new(ListingTable::try_new(config).map_err(|e| Error::engine("read_csv", &e))?))
    };
    let source = CsvTable { split: table(false)?, whole: table(true)?, files: Arc::new(files), quoted: Arc::default() };
    super::scan(Arc::new(source), "read_csv")
}

/// The absolute path with the characters that mean something in a pattern or URL escaped.
fn url_of(path: &Path) -> String {
    let mut out = String::from("file://");
    for b in path.to_string_lossy().bytes() {
        match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' | b'~' => out.push(b as char),
            b => out += &format!("%{b:02X}"),
        }
    }
    out
}

fn options(compression: FileCompressionType, whole: bool) -> ListingOptions {
    let format = CsvFormat::default()
        .with_has_header(true)
        .with_schema_infer_max_rec(SAMPLE)
        .with_newlines_in_values(whole)
        .with_file_compression_type(compression);
    ListingOptions::new(Arc::new(format)).with_file_extension("")
}

/// The columns and their types, from the first rows of the first file that has any. All files must have the same columns in
/// the same order and be compressed alike, as rows are read by position.
fn infer(files: &[PathBuf], compression: FileCompressionType) -> Result<SchemaRef> {
    let mut schema = sample(&files[0], compression, Some(SAMPLE))?;
    let names = |s: &Schema| s.fields().iter().map(|f| f.name().clone()).collect::<Vec<_>>();
    for file in &files[1..] {
        let differs = |what: String| -> crate::Error {
            let message =
                format!("{:?} and {:?} cannot be read as one: {what}", files[0].display().to_string(), file.display().to_string());
            ErrorKind::BadArgument { method: "read_csv".to_owned(), message }.into()
        };
        if self::compression(file) != compression {
            return Err(differs("one is compressed and the other is not, or in another way".to_owned()));
        }
        let header = sample(file, compression, Some(1))?;
        if names(&header) != names(&schema) {
            return Err(differs(format!("their columns are {:?} and {:?}", names(&schema), names(&header))));
        }
        if schema.fields().iter().all(|f| f.data_type() == &DataType::Null) {
            schema = sample(file, compression, Some(SAMPLE))?;
        }
    }
    let field = |f: &Arc<Field>| {
        let keep = matches!(f.data_type(), DataType::Int64 | DataType::Float64 | DataType::Boolean);
        Field::new(f.name(), if keep { f.data_type().clone() } else { DataType::Utf8 }, true)
    };
    Ok(Arc::new(Schema::new(schema.fields().iter().map(field).collect::<Vec<_>>())))
}

/// What the first rows of a file tell.
fn sample(path: &Path, compression: FileCompressionType, rows: Option<usize>) -> Result<Schema> {
    let io = |source| ErrorKind::Io { method: "read_csv".to_owned(), path: path.display().to_string(), source };
    let reader = compression.convert_read(File::open(path).map_err(io)?).map_err(|e| Error::engine("read_csv", &e))?;
    let format = arrow::csv::reader::Format::default().with_header(true);
    let told = format.infer_schema(reader, rows);
    let failed = |e: arrow::error::ArrowError| ErrorKind::Engine {
        operation: format!("read_csv of {:?}", path.display().to_string()),
        message: e.to_string(),
    };
    Ok(told.map_err(failed)?.0)
}

fn compression(path: &Path) -> FileCompressionType {
    match path.extension().and_then(|e| e.to_str()).map(str::to_lowercase).as_deref() {
        Some("gz") => FileCompressionType::GZIP,
        Some("bz2") => FileCompressionType::BZIP2,
        Some("xz") => FileCompressionType::XZ,
        Some("zst") => FileCompressionType::ZSTD,
        _ => FileCompressionType::UNCOMPRESSED,
    }
}

/// A CSV table that is cut into ranges of bytes where that is safe, and read file by file where a line end lies inside of
/// quotes. Which it is takes one look at every byte, so it is found when the frame is first planned.
#[derive(Debug)]
struct CsvTable {
    split: Arc<dyn TableProvider>,
    whole: Arc<dyn TableProvider>,
    files: Arc<Vec<PathBuf>>,
    quoted: Arc<OnceLock<bool>>,
}

#[async_trait::async_trait]
impl TableProvider for CsvTable {
    fn schema(&self) -> SchemaRef {
        self.split.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> DfResult<Vec<TableProviderFilterPushDown>> {
        self.split.supports_filters_pushdown(filters)
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        let ordered = state.config().target_partitions() == 1;
        let whole = ordered || self.has_quoted_lines().await?;
        if whole { &self.whole } else { &self.split }.scan(state, projection, filters, limit).await
    }
}

impl CsvTable {
    async fn has_quoted_lines(&self) -> DfResult<bool> {
        if let Some(known) = self.quoted.get() {
            return Ok(*known);
        }
        let files = self.files.clone();
        let found = tokio::task::spawn_blocking(move || {
            for f in files.iter() {
                // A compressed file is never cut.
                if compression(f) == FileCompressionType::UNCOMPRESSED && quoted_lines(File::open(f)?)? {
                    return Ok(true);
                }
            }
            Ok(false)
        });
        let found =
            found.await.map_err(|e| DataFusionError::External(Box::new(e)))?.map_err(|e: std::io::Error| DataFusionError::IoError(e))?;
        // What was broken off has told nothing.
        if crate::sched::cancelled() {
            return Ok(found);
        }
        Ok(*self.quoted.get_or_init(|| found))
    }
}

/// Whether a line ends inside of quotes.
fn quoted_lines(mut from: impl Read) -> std::io::Result<bool> {
    let mut block = vec![0; 1 << 20];
    let mut inside = false;
    loop {
        let n = from.read(&mut block)?;
        if n == 0 || crate::sched::cancelled() {
            return Ok(false);
        }
        let mut rest = &block[..n];
        while let Some(at) = if inside { memchr::memchr2(b'"', b'\n', rest) } else { memchr::memchr(b'"', rest) } {
            if rest[at] == b'\n' {
                return Ok(true);
            }
            inside = !inside;
            rest = &rest[at + 1..];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prelude::*;

    /// Writes the text to a file and reads it.
    fn read(name: &str, text: &str) -> (tempfile::TempDir, DataFrame) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        let frame = read_csv(path.to_str().unwrap());
        (dir, frame)
    }

    #[test]
    fn types_nulls_quotes_and_order() {
        let mut text = String::from("i,f,s,b,when\n");
        for i in 0..50_000 {
            text += &format!("{i},{}.5,\"line {i}\nand \"\"more\"\"\",true,2019-06-01 10:00:00\n", i % 7);
        }
        text += ",,,,\n";
        let (_dir, frame) = read("a b#1.csv", &text);
        assert_eq!(frame.dtypes().unwrap(), [DType::Int64, DType::Float64, DType::Str, DType::Bool, DType::Str]);
        let t = frame.compute().unwrap();
        assert_eq!(t.len(), 50_001);
        let i = t.column("i").unwrap().to_vec::<Option<i64>>().unwrap();
        assert!(i[..50_000].iter().enumerate().all(|(n, i)| *i == Some(n as i64)) && i[50_000].is_none());
        assert_eq!(t.column("s").unwrap().to_vec::<Option<String>>().unwrap()[7].as_deref(), Some("line 7\nand \"more\""));
    }

    #[test]
    fn rows_keep_the_order_of_the_file_whatever_the_partitions() {
        let text: String = std::iter::once("n\n".to_owned()).chain((0..2_000_000).map(|i| format!("{i}\n"))).collect();
        let (_dir, frame) = read("n.csv", &text);
        let kept = frame.filter((col("n") % 3).eq(0)).compute().unwrap().column("n").unwrap().to_vec::<i64>().unwrap();
        assert!(kept.iter().enumerate().all(|(i, n)| *n == 3 * i as i64) && kept.len() == 666_667);
    }

    #[test]
    fn bad_files_are_told_apart() {
        let (dir, empty) = read("empty.csv", "");
        let said = |f: DataFrame| f.compute().unwrap_err().to_string();
        assert!(said(empty).contains("is empty"));
        let missing = dir.path().join("empt.csv");
        let text = said(read_csv(missing.to_str().unwrap()));
        assert!(text.contains("no file matches") && text.contains("empty.csv"), "{text}");
        let (_dir, ragged) = read("r.csv", "a,b\n1,2\n3,4,5\n");
        assert!(said(ragged).contains('3'), "the number of fields is told");
    }

    #[test]
    fn files_of_one_pattern_must_agree() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
        let pattern = dir.path().join("*.csv");
        write("a.csv", "x,y\n");
        write("b.csv", "x,y\n1,2\n");
        let both = read_csv(pattern.to_str().unwrap());
        assert_eq!(both.dtypes().unwrap(), [DType::Int64, DType::Int64]);
        assert_eq!(both.len().unwrap(), 1);
        write("c.csv", "y,x\n3,4\n");
        let said = read_csv(pattern.to_str().unwrap()).compute().unwrap_err().to_string();
        assert!(said.contains("c.csv") && said.contains("cannot be read as one"), "{said}");
    }

    #[test]
    fn a_line_end_inside_quotes_is_seen_across_blocks() {
        let far = format!("{}\"a\nb\"", "x\n".repeat(1 << 19));
        for (text, want) in [("a,b\n\"x\",\"y\"\n", false), ("\"a\nb\"", true), ("\"a\"\"\nb\"", true), (&far, true)] {
            assert_eq!(quoted_lines(text.as_bytes()).unwrap(), want);
        }
    }
}
