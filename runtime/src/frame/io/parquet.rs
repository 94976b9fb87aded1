//! Parquet files as frames: `read_parquet`, and `Parquet` with its options.

use crate::error::Result;
use crate::frame::dataframe::DataFrame;
use crate::frame::engine;
use crate::frame::io::listed;
use crate::frame::plan::Plan;
use crate::frame::source::row_groups::Split;
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use std::path::Path;
use std::sync::Arc;

/// Returns a lazy frame over Parquet files: one, a pattern, a folder, or a URL (`http`, `https`,
/// `s3`).
///
/// In a folder, names of subfolders such as `year=2020` become a column `year`. Reads only the
/// columns that are used, and of those only the row groups and pages that a filter does not rule
/// out. See [`Parquet`] for options.
///
/// # Errors
/// Reported under the cell and by `compute`: no matching file, a file that is not Parquet, and
/// columns whose types in two files have no common type.
///
/// ```
/// use rask::prelude::*;
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("t.parquet");
/// # let path = path.to_str().unwrap();
/// DataFrame::from_columns([("x", Series::from_iter([1i64, 2]))]).to_parquet(path)?;
/// assert_eq!(read_parquet(path).len()?, 2);
/// # Ok::<(), rask::Error>(())
/// ```
#[track_caller]
pub fn read_parquet(path: &str) -> DataFrame {
    Parquet::new().read(path)
}

/// Options for reading Parquet files, with Dask's names. Each method sets one option.
///
/// ```
/// use rask::prelude::*;
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("t.parquet");
/// # let path = path.to_str().unwrap();
/// DataFrame::from_columns([("x", Series::from_iter([1i64, 2]))]).to_parquet(path)?;
/// let df = Parquet::new().split_row_groups(true).read(path);
/// assert_eq!((df.npartitions(), df.len()?), (1, 2));
/// # Ok::<(), rask::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "options do nothing until something is read"]
pub struct Parquet {
    split: Split,
}

impl Default for Parquet {
    fn default() -> Self {
        Self { split: Split::BySize }
    }
}

impl Parquet {
    /// Creates the options of [`read_parquet`].
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets whether each row group becomes a partition, in order. A single worker thread reads them in
    /// one partition. Default: files are split by size, into as many partitions as there are threads.
    pub fn split_row_groups(mut self, yes: bool) -> Self {
        self.split = if yes { Split::RowGroups } else { Split::BySize };
        self
    }

    /// Returns a lazy frame over the files of a path, as [`read_parquet`].
    #[track_caller]
    pub fn read(&self, path: &str) -> DataFrame {
        DataFrame::from_result(plan(path, self.split))
    }
}

fn plan(path: &str, split: Split) -> Result<Plan> {
    const METHOD: &str = "read_parquet";
    let found = listed::found(METHOD, path, &["parquet", "parq", "pq"], true)?;
    let options = engine::session().copied_table_options().parquet;
    let format: Arc<dyn FileFormat> = Arc::new(ParquetFormat::new().with_options(options));
    let columns = found.merged(METHOD, &found.schemas(METHOD, &format)?)?;
    found.plan(METHOD, format, &columns, split)
}

impl DataFrame {
    /// Returns a frame over a Parquet file.
    #[track_caller]
    pub(crate) fn from_parquet(path: &Path) -> Self {
        read_parquet(&path.to_string_lossy())
    }
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;
    use arrow::array::{Int64Array, RecordBatch};
    use datafusion::parquet::arrow::ArrowWriter;
    use datafusion::parquet::file::properties::WriterProperties;
    use std::sync::Arc;

    /// Writes a file of the integers from `start`, in row groups of these sizes.
    fn write(path: &str, start: i64, sizes: &[i64]) {
        let rows = |from: i64, n: i64| {
            let x = Int64Array::from_iter_values(from..from + n);
            RecordBatch::try_from_iter([("x", Arc::new(x) as _)]).unwrap()
        };
        let properties =
            WriterProperties::builder().set_max_row_group_row_count(Some(1 << 20)).build();
        let schema = rows(0, 0).schema();
        let mut writer =
            ArrowWriter::try_new(std::fs::File::create(path).unwrap(), schema, Some(properties))
                .unwrap();
        let mut from = start;
        for n in sizes {
            writer.write(&rows(from, *n)).unwrap();
            writer.flush().unwrap();
            from += n;
        }
        writer.close().unwrap();
    }

    #[test]
    fn each_row_group_is_a_partition() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        write(&at("a.parquet"), 0, &[3, 1, 5]);
        write(&at("b.parquet"), 9, &[2]);
        if crate::config::threads() == 1 {
            return;
        }
        let df = Parquet::new().split_row_groups(true).read(&at("*.parquet"));
        let xs =
            |df: &DataFrame| df.compute().unwrap().column("x").unwrap().to_vec::<i64>().unwrap();
        assert_eq!(xs(&df), (0..11).collect::<Vec<_>>());
        let sizes: Vec<_> = df.partitions().iter().map(|p| p.len().unwrap()).collect();
        assert_eq!((df.npartitions(), sizes), (4, vec![3, 1, 5, 2]));
        assert_eq!(xs(&df.get_partition(2)), [4, 5, 6, 7, 8]);
        // Results from statistics cover all row groups.
        let sum = |df: &DataFrame| df.col("x").sum().compute().unwrap().as_i64();
        let large = df.filter(col("x").gt(7));
        assert_eq!(
            (df.len().unwrap(), sum(&df), large.len().unwrap(), sum(&large)),
            (11, Some(55), 3, Some(27))
        );
        assert_eq!(df.col("x").max().compute().unwrap().as_i64(), Some(10));
        assert_eq!(xs(&df.get_partition(1).filter(col("x").gt(-1))), [3]);
        assert_eq!(xs(&df.map_partitions(|part| Ok(part.head(1)))), [0, 3, 4, 9]);
        assert!(Parquet::new().split_row_groups(false).read(&at("*.parquet")).npartitions() <= 2);
        let none = at("none.parquet");
        write(&none, 0, &[]);
        let none = Parquet::new().split_row_groups(true).read(&none);
        let columns = none.compute().unwrap().columns();
        assert_eq!(
            (none.npartitions(), none.len().unwrap(), columns),
            (1, 0, vec!["x".to_owned()])
        );
        assert_eq!(none.get_partition(0).len().unwrap(), 0);
    }
}
