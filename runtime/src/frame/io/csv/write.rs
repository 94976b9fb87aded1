//! Writes frames to CSV files: partitions are written in parallel, and files get their names when
//! all are complete.

use crate::atomic_file::{self, AtomicFile};
use crate::csv::print::Printing;
use crate::error::{During, Error, Result};
use crate::frame::dataframe::DataFrame;
use crate::frame::engine::{self, Joins, collect};
use crate::frame::io::csv::{Csv, Separator};
use crate::frame::plan::Plan;
use crate::frame::source::csv::options::{NameFunction, Options};
use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt;
use std::io::{Seek, Write};
use std::path::Path;
use std::sync::Arc;

/// Bytes per write.
const STEP: usize = 256 << 10;

/// The method named in errors.
const METHOD: &str = "to_csv";

impl DataFrame {
    /// Computes the frame and writes it to CSV files; see [`Csv::write`] for options.
    ///
    /// A `*` in the path writes one file per partition, numbered from 0 with leading zeros; without
    /// one, all rows go into one file in order. Returns the paths. Floats are written with the
    /// fewest digits that read back to the same number, nulls as empty fields. Files that end in
    /// `.gz`, `.zst` and so on are compressed.
    ///
    /// # Errors
    /// As [`DataFrame::compute`], and if a file cannot be written: all files are then unchanged.
    ///
    /// ```
    /// use rask::prelude::*;
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let path = dir.path().join("out.csv");
    /// # let path = path.to_str().unwrap();
    /// let df = DataFrame::from_columns([("x", Series::from_iter([Some(0.1), None])), ("s", Series::from_iter(["a,b", "c"]))]);
    /// df.to_csv(path)?;
    /// assert_eq!(std::fs::read_to_string(path).unwrap(), "x,s\n0.1,\"a,b\"\n,c\n");
    /// # Ok::<(), rask::Error>(())
    /// ```
    pub fn to_csv(&self, path: &str) -> Result<Vec<String>> {
        Csv::new().write(self, path)
    }
}

impl Csv {
    /// Computes a frame and writes it with these options; see [`DataFrame::to_csv`].
    ///
    /// # Errors
    /// As [`DataFrame::to_csv`].
    ///
    /// ```
    /// use rask::prelude::*;
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let path = dir.path().join("*.csv");
    /// # let path = path.to_str().unwrap();
    /// let df = DataFrame::from_columns([("x", Series::from_iter([1i64, 2]))]);
    /// let paths = Csv::new().sep(';').name_function(|i| format!("part-{i}")).write(&df, path)?;
    /// assert!(paths[0].ends_with("part-0.csv"));
    /// # Ok::<(), rask::Error>(())
    /// ```
    pub fn write(&self, frame: &DataFrame, path: &str) -> Result<Vec<String>> {
        let (path, printing) = (atomic_file::local(METHOD, path)?, Arc::new(printing(&self.0)?));
        let plan = frame.plan()?;
        let named = atomic_file::star(path).is_some().then(|| self.0.name_function.clone());
        collect::retry_widened(plan, |plan, joins| match &named {
            Some(name) => many((plan, joins), path, name.as_ref(), &printing, self.0.write_header),
            None => one((plan, joins), path, &printing, self.0.write_header),
        })
    }
}

fn bad(message: String) -> Error {
    Error::bad_argument(METHOD, message)
}

fn failed(path: &str) -> impl Fn(std::io::Error) -> Error + '_ {
    Error::io(METHOD, path)
}

fn printing(options: &Options) -> Result<Printing> {
    let byte = |c: char| {
        u8::try_from(c)
            .ok()
            .filter(u8::is_ascii)
            .ok_or_else(|| bad(format!("{c:?} is not an ASCII character")))
    };
    let Separator::Char(sep) = options.sep else {
        return Err(bad("invalid separator: expected a single character for writing".to_owned()));
    };
    let quote =
        options.quotechar.ok_or_else(|| bad("writing strings requires a quotechar".to_owned()))?;
    if sep == quote || [sep, quote].iter().any(|c| matches!(c, '\n' | '\r')) {
        return Err(bad(format!(
            "invalid separator {sep:?} and quotechar {quote:?}: expected two different characters that do not end lines"
        )));
    }
    if let Some(format) = &options.date_format {
        use std::fmt::Write as _;
        let tried = write!(String::new(), "{}", chrono::NaiveDateTime::default().format(format));
        tried.map_err(|_| {
            bad(format!("date_format: invalid format {format:?}: expected strftime codes for timestamps without a time zone"))
        })?;
    }
    Ok(Printing {
        sep: byte(sep)?,
        quote: byte(quote)?,
        quote_all: options.quote_all,
        missing: options.na_rep.clone(),
        decimal: byte(options.decimal)?,
        decimals: options.float_format,
        date_format: options.date_format.clone(),
    })
}

/// Writes a stream of batches.
async fn print(
    mut rows: SendableRecordBatchStream,
    printing: &Printing,
    header: bool,
    mut to: impl Write,
    path: &str,
) -> Result<()> {
    let mut text = Vec::new();
    if header {
        printing.header(rows.schema().fields().iter().map(|f| f.name()), &mut text);
    }
    while let Some(batch) = rows.next().await {
        let batch = batch.during(METHOD)?;
        for start in (0..batch.num_rows()).step_by(4096) {
            let some = batch.slice(start, 4096.min(batch.num_rows() - start));
            printing.rows(&some, &mut text).map_err(|e| bad(e.to_string()))?;
            if text.len() >= STEP {
                to.write_all(&text).map_err(failed(path))?;
                text.clear();
            }
        }
    }
    to.write_all(&text).map_err(failed(path))
}

/// Returns the paths for this many files.
fn names(path: &str, files: usize, name: Option<&NameFunction>) -> Result<Vec<String>> {
    let paths: Vec<_> = match name {
        Some(name) => (0..files).map(|i| atomic_file::filled(path, &name(i))).collect(),
        None => atomic_file::numbered(path, files),
    };
    let mut seen = std::collections::HashSet::new();
    match paths.iter().find(|p| !seen.insert(p.as_str())) {
        Some(twice) => {
            Err(bad(format!("name_function returned the same file for two partitions: {twice:?}")))
        }
        None => Ok(paths),
    }
}

/// Writes one file per partition.
fn many(
    (plan, joins): (&Plan, Joins),
    path: &str,
    name: Option<&NameFunction>,
    printing: &Arc<Printing>,
    header: bool,
) -> Result<Vec<String>> {
    let (_, files) = engine::each_partition(plan, joins, |partitions| {
        let paths = names(path, partitions, name)?;
        paths.iter().try_for_each(|p| atomic_file::make_folder(METHOD, p))?;
        let (paths, printing) = (Arc::new(paths), printing.clone());
        Ok(move |i: usize, rows| {
            let (paths, printing) = (paths.clone(), printing.clone());
            async move {
                let mut file = AtomicFile::create(METHOD, &paths[i])?;
                print(rows, &printing, header, &mut file, &paths[i]).await?;
                Ok(file)
            }
        })
    })?;
    atomic_file::finish_all(METHOD, files)
}

/// Writes one file: each partition is written to a temporary file, and these are concatenated in
/// order.
fn one(
    (plan, joins): (&Plan, Joins),
    path: &str,
    printing: &Arc<Printing>,
    header: bool,
) -> Result<Vec<String>> {
    atomic_file::make_folder(METHOD, path)?;
    let folder = Path::new(path)
        .parent()
        .filter(|f| !f.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
        .to_owned();
    let (to, printing) = (path.to_owned(), printing.clone());
    let work = move |i, rows| {
        let (folder, to, printing) = (folder.clone(), to.clone(), printing.clone());
        async move {
            let mut part = tempfile::tempfile_in(folder).map_err(failed(&to))?;
            print(rows, &printing, header && i == 0, &mut part, &to).await?;
            Ok(part)
        }
    };
    let (_, parts) = engine::each_partition(plan, joins, |_| Ok(work))?;
    let mut file = AtomicFile::create(METHOD, path)?;
    for mut part in parts {
        part.rewind().and_then(|()| std::io::copy(&mut part, &mut file)).map_err(failed(path))?;
    }
    file.finish().map_err(failed(path))?;
    Ok(vec![path.to_owned()])
}
