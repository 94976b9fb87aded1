//! Files other than CSV: reads JSON Lines, Arrow IPC and SQLite; writes these and Parquet.

use crate::atomic_file::{self, AtomicFile};
use crate::error::{During, Error, ErrorKind, Result};
use crate::frame::dataframe::DataFrame;
use crate::frame::engine::{self, collect};
use crate::frame::io::listed;
use crate::frame::io::sqlite::{self, read};
use crate::frame::join::merge::union;
use crate::frame::plan::Plan;
use crate::frame::source::lines;
use crate::frame::source::row_groups::Split;
use crate::frame::types::batch::{cast_to, plain};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::file_format::arrow::ArrowFormat;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::parquet::arrow::ArrowWriter;
use futures::StreamExt;
use std::io::Write;
use std::sync::Arc;

/// Returns a lazy frame over JSON Lines: one file, a pattern, a folder, or a URL, which is
/// downloaded at once.
///
/// Types are inferred from all lines. A field that a line lacks is null; objects and lists are
/// kept. Files that end in `.gz`, `.bz2`, `.xz` or `.zst` are decompressed.
///
/// ```
/// use rask::prelude::*;
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("t.json");
/// # let path = path.to_str().unwrap();
/// std::fs::write(path, "{\"a\": 1}\n{\"a\": 2, \"late\": \"x\"}\n").unwrap();
/// assert_eq!(read_json(path).columns()?, ["a", "late"]);
/// # Ok::<(), rask::Error>(())
/// ```
#[track_caller]
pub fn read_json(path: &str) -> DataFrame {
    DataFrame::from_result(json(path))
}

/// Returns a lazy frame over Arrow IPC files (Feather): one, a pattern, a folder, or a URL, which
/// is downloaded at once.
#[track_caller]
pub fn read_ipc(path: &str) -> DataFrame {
    DataFrame::from_result(ipc(path))
}

/// Returns the rows of a query to a SQLite database, read at once; the name of a table selects all
/// of its rows.
///
/// ```
/// use rask::prelude::*;
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("t.sqlite");
/// # let path = path.to_str().unwrap();
/// DataFrame::from_columns([("x", Series::from_iter([1i64, 2]))]).to_sql("numbers", path)?;
/// assert_eq!(read_sql("select sum(x) as s from numbers", path).compute()?.column("s")?.to_vec::<i64>()?, [3]);
/// # Ok::<(), rask::Error>(())
/// ```
#[track_caller]
pub fn read_sql(query: &str, path: &str) -> DataFrame {
    DataFrame::from_result(read(query, path))
}

fn json(path: &str) -> Result<Plan> {
    const METHOD: &str = "read_json";
    let found = listed::found(METHOD, path, &["json", "jsonl", "ndjson"], false)?;
    let format: Arc<dyn FileFormat> = Arc::new(lines::Lines);
    let columns = found.together(METHOD, &format)?;
    found.plan(METHOD, format, &columns, Split::BySize)
}

fn ipc(path: &str) -> Result<Plan> {
    const METHOD: &str = "read_ipc";
    let found = listed::found(METHOD, path, &["arrow", "feather", "ipc"], false)?;
    let format: Arc<dyn FileFormat> = Arc::new(ArrowFormat);
    let schemas = found.schemas(METHOD, &format)?;
    if listed::alike(&schemas) {
        return found.plan(METHOD, format, &schemas[0], Split::BySize);
    }
    // DataFusion reads these files by column index.
    let each = found
        .each()
        .zip(&schemas)
        .map(|(one, s)| one.plan(METHOD, format.clone(), s, Split::BySize));
    union(each.collect::<Result<_>>()?)
}

/// A writer of batches of one schema.
trait Sink: Send {
    fn put(&mut self, batch: &RecordBatch) -> std::result::Result<(), String>;
    fn end(self: Box<Self>) -> std::result::Result<AtomicFile, String>;
}

/// A Parquet writer.
struct ParquetRows(ArrowWriter<AtomicFile>);

impl Sink for ParquetRows {
    fn put(&mut self, batch: &RecordBatch) -> std::result::Result<(), String> {
        self.0.write(batch).map_err(|e| e.to_string())
    }
    fn end(self: Box<Self>) -> std::result::Result<AtomicFile, String> {
        self.0.into_inner().map_err(|e| e.to_string())
    }
}

struct Lines(arrow::json::LineDelimitedWriter<AtomicFile>);

impl Sink for Lines {
    fn put(&mut self, batch: &RecordBatch) -> std::result::Result<(), String> {
        self.0.write(batch).map_err(|e| e.to_string())
    }
    fn end(mut self: Box<Self>) -> std::result::Result<AtomicFile, String> {
        self.0.finish().map_err(|e| e.to_string())?;
        Ok(self.0.into_inner())
    }
}

/// An Arrow IPC writer. Categories are written as strings, as a file stores only one dictionary per
/// column.
struct Ipc(arrow::ipc::writer::FileWriter<AtomicFile>, SchemaRef);

impl Sink for Ipc {
    fn put(&mut self, batch: &RecordBatch) -> std::result::Result<(), String> {
        self.0
            .write(&cast_to(batch, &self.1).map_err(|e| e.to_string())?)
            .map_err(|e| e.to_string())
    }
    fn end(mut self: Box<Self>) -> std::result::Result<AtomicFile, String> {
        self.0.finish().map_err(|e| e.to_string())?;
        self.0.into_inner().map_err(|e| e.to_string())
    }
}

type Make = fn(AtomicFile, &SchemaRef) -> std::result::Result<Box<dyn Sink>, String>;

impl DataFrame {
    /// Computes the frame and writes it to Parquet files; as in [`to_csv`](DataFrame::to_csv), a
    /// `*` writes one for each partition.
    ///
    /// # Errors
    /// As [`DataFrame::to_csv`].
    pub fn to_parquet(&self, path: &str) -> Result<Vec<String>> {
        self.written("to_parquet", path, |file, schema| {
            Ok(Box::new(ParquetRows(
                ArrowWriter::try_new(file, schema.clone(), None).map_err(|e| e.to_string())?,
            )))
        })
    }

    /// Computes the frame and writes it as JSON Lines; as in [`to_csv`](DataFrame::to_csv), a `*`
    /// writes one file for each partition.
    ///
    /// # Errors
    /// As [`DataFrame::to_csv`].
    pub fn to_json(&self, path: &str) -> Result<Vec<String>> {
        self.written("to_json", path, |file, _| {
            let nulls = arrow::json::WriterBuilder::new().with_explicit_nulls(true);
            Ok(Box::new(Lines(nulls.build(file))))
        })
    }

    /// Computes the frame and writes it as Arrow IPC; as in [`to_csv`](DataFrame::to_csv), a `*`
    /// writes one file for each partition.
    ///
    /// # Errors
    /// As [`DataFrame::to_csv`].
    pub fn to_ipc(&self, path: &str) -> Result<Vec<String>> {
        self.written("to_ipc", path, |file, schema| {
            let stored = plain(schema);
            let writer = arrow::ipc::writer::FileWriter::try_new(file, &stored)
                .map_err(|e| e.to_string())?;
            Ok(Box::new(Ipc(writer, stored)))
        })
    }

    /// Computes the frame and writes it as a table of a SQLite database, replacing a table of that
    /// name.
    ///
    /// # Errors
    /// As [`DataFrame::compute`], and if the database cannot be written: it is then unchanged.
    pub fn to_sql(&self, table: &str, path: &str) -> Result<()> {
        sqlite::write(self.compute()?.batch(), table, path)
    }

    #[inline(never)]
    fn written(&self, method: &'static str, path: &str, make: Make) -> Result<Vec<String>> {
        let path = atomic_file::local(method, path)?;
        atomic_file::make_folder(method, path)?;
        collect::retry_widened(self.plan()?, |plan, joins| {
            // One file has all rows in order.
            let files = if atomic_file::star(path).is_some() {
                let each = |parts| {
                    let paths = Arc::new(atomic_file::numbered(path, parts));
                    Ok(move |i: usize, rows| write_rows(method, paths[i].clone(), rows, make))
                };
                engine::each_partition(plan, joins, each)?.1
            } else {
                let to = path.to_owned();
                vec![engine::in_order(plan, joins, move |rows| write_rows(method, to, rows, make))?]
            };
            atomic_file::finish_all(method, files)
        })
    }
}

async fn write_rows(
    method: &'static str,
    path: String,
    mut rows: SendableRecordBatchStream,
    make: Make,
) -> Result<AtomicFile> {
    let bad = |message: String| -> Error {
        ErrorKind::Engine { operation: method.to_owned(), message: format!("{path:?}: {message}") }
            .into()
    };
    let mut sink = make(AtomicFile::create(method, &path)?, &rows.schema()).map_err(bad)?;
    while let Some(batch) = rows.next().await {
        sink.put(&batch.during(method)?).map_err(bad)?;
    }
    let mut file = sink.end().map_err(bad)?;
    file.flush().map_err(Error::io(method, &path))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;

    fn frame() -> DataFrame {
        let df = DataFrame::from_columns([
            ("i", Series::from_iter((0..1000i64).map(|i| (i % 7 != 0).then_some(i)))),
            ("s", Series::from_iter((0..1000).map(|i| format!("t{}", i % 5)))),
            ("t", Series::from_iter((0..1000).map(|i| format!("2020-01-{:02}", 1 + i % 28)))),
        ]);
        df.with_columns([("t", col("t").to_datetime("")), ("words", col("s").str().split("t"))])
    }

    #[test]
    fn what_is_written_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let df = frame();
        let want = format!("{:?}", df.compute().unwrap());
        type Write = fn(&DataFrame, &str) -> crate::Result<Vec<String>>;
        type Read = fn(&str) -> DataFrame;
        let formats: [(&str, Write, Read); 2] = [
            ("parquet", DataFrame::to_parquet, read_parquet),
            ("arrow", DataFrame::to_ipc, read_ipc),
        ];
        for (name, write, read) in formats {
            for path in [format!("one.{name}"), format!("{name}/*.{name}")] {
                let paths = write(&df, &at(&path)).unwrap();
                assert!(paths.iter().all(|p| std::path::Path::new(p).is_file()), "{paths:?}");
                assert_eq!(format!("{:?}", read(&at(&path)).compute().unwrap()), want, "{path}");
            }
        }
        for path in ["one.json", "some.json.gz"] {
            df.to_json(&at(path)).unwrap();
            let back = read_json(&at(path)).compute().unwrap();
            assert_eq!(
                back.column("i").unwrap().to_vec::<Option<i64>>().unwrap(),
                df.compute().unwrap().column("i").unwrap().to_vec::<Option<i64>>().unwrap()
            );
        }
        let e = df.to_parquet(&at("one.json/x.parquet")).unwrap_err().to_string();
        assert!(e.contains("to_parquet") && e.contains("one.json"), "{e}");
        let e = read_parquet(&at("one.json")).compute().unwrap_err().to_string();
        assert!(e.contains("read_parquet"), "{e}");
    }

    #[test]
    fn columns_are_those_of_all_files() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        std::fs::write(at("a.json"), "{\"x\": 1}\n").unwrap();
        std::fs::write(at("b.json"), "{\"x\": 2.5, \"late\": \"y\"}\n").unwrap();
        let both = read_json(&at("*.json")).compute().unwrap();
        assert_eq!(both.column("x").unwrap().to_vec::<f64>().unwrap(), [1.0, 2.5]);
        assert_eq!(
            both.column("late").unwrap().to_vec::<Option<String>>().unwrap(),
            [None, Some("y".into())]
        );
        DataFrame::from_columns([("x", Series::from_iter([1i64]))])
            .to_parquet(&at("a.parquet"))
            .unwrap();
        DataFrame::from_columns([
            ("y", Series::from_iter([0.5])),
            ("x", Series::from_iter([7i64])),
        ])
        .to_parquet(&at("b.parquet"))
        .unwrap();
        let both = read_parquet(&at("*.parquet"));
        assert_eq!(both.columns().unwrap(), ["x", "y"]);
        assert_eq!(
            both.compute().unwrap().column("y").unwrap().to_vec::<Option<f64>>().unwrap(),
            [None, Some(0.5)]
        );
        // A file that is added to a folder later is read by the next frame.
        let sum = || {
            read_parquet(folder.path().to_str().unwrap()).col("x").sum().compute().unwrap().as_i64()
        };
        assert_eq!(sum(), Some(8));
        DataFrame::from_columns([("x", Series::from_iter([100i64]))])
            .to_parquet(&at("c.parquet"))
            .unwrap();
        assert_eq!(sum(), Some(108));
    }

    #[test]
    fn names_of_folders_are_columns() {
        let folder = tempfile::tempdir().unwrap();
        for year in [2019, 2020] {
            let path = folder.path().join(format!("year={year}/p.parquet"));
            DataFrame::from_columns([("x", Series::from_iter([f64::from(year)]))])
                .to_parquet(path.to_str().unwrap())
                .unwrap();
        }
        let df = read_parquet(folder.path().to_str().unwrap());
        assert_eq!(
            df.filter(col("year").eq(2020))
                .compute()
                .unwrap()
                .column("x")
                .unwrap()
                .to_vec::<f64>()
                .unwrap(),
            [2020.0]
        );
        assert_eq!(df.columns().unwrap(), ["x", "year"]);
    }

    #[test]
    fn tables_of_sqlite_go_there_and_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.sqlite");
        let path = path.to_str().unwrap();
        let df = frame().drop("words");
        df.to_sql("a table", path).unwrap();
        df.filter(col("i").lt(10)).to_sql("a table", path).unwrap();
        let back = read_sql("a table", path);
        assert_eq!(
            back.compute().unwrap().column("i").unwrap().to_vec::<i64>().unwrap(),
            [1, 2, 3, 4, 5, 6, 8, 9]
        );
        assert_eq!(back.dtypes().unwrap()[1], DType::Str);
        let e = read_sql("select nothing from nowhere", path).compute().unwrap_err().to_string();
        assert!(e.contains("nowhere") && e.contains("a table"), "{e}");
        let e = read_sql("x", "/no/such.sqlite").compute().unwrap_err().to_string();
        assert!(e.contains("/no/such.sqlite"), "{e}");
    }
}
