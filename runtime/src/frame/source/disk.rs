//! Rows in unnamed temporary files, so that nothing is left behind: for persisted frames that do
//! not fit into memory.

use crate::config;
use crate::error::{During, Error, Result};
use crate::frame::types::batch::{self, cast_to, plain};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::ipc::reader::FileReader;
use arrow::ipc::writer::FileWriter;
use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt;
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;

/// The method named in errors.
const METHOD: &str = "repartition";

/// Rows on disk, in order.
pub(in crate::frame) struct SpillFile {
    file: File,
    schema: SchemaRef,
    /// The index of the first row of each batch, and the total number of rows.
    starts: Vec<usize>,
    /// Bytes of the rows in memory.
    pub(in crate::frame) bytes: u64,
}

impl SpillFile {
    /// Writes all rows.
    pub(in crate::frame) async fn of(mut rows: SendableRecordBatchStream) -> Result<Self> {
        let folder = config::cluster().local_directory;
        let io = |e: io::Error| Error::io(METHOD, &folder.display().to_string())(e);
        let file = tempfile::tempfile_in(&folder).map_err(io)?;
        let (schema, mut starts, mut bytes) = (rows.schema(), vec![0], 0);
        let stored = plain(&schema);
        let mut writer = FileWriter::try_new(BufWriter::new(file), &stored).during(METHOD)?;
        while let Some(batch) = rows.next().await {
            let batch = batch.during(METHOD)?;
            if batch.num_rows() > 0 {
                writer.write(&cast_to(&batch, &stored).during(METHOD)?).during(METHOD)?;
                starts.push(starts.last().map_or(0, |s| s + batch.num_rows()));
                bytes += batch::size(&batch);
            }
        }
        writer.finish().during(METHOD)?;
        let file =
            writer.into_inner().during(METHOD)?.into_inner().map_err(|e| io(e.into_error()))?;
        Ok(Self { file, schema, starts, bytes })
    }

    pub(in crate::frame) fn rows(&self) -> usize {
        self.starts.last().copied().unwrap_or(0)
    }

    pub(in crate::frame) fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    /// Reads the rows `from..to`.
    pub(in crate::frame) fn read(&self, from: usize, to: usize) -> Result<Vec<RecordBatch>> {
        if from >= to {
            return Ok(Vec::new());
        }
        let mut reader =
            FileReader::try_new(Reading { file: &self.file, at: 0 }, None).during(METHOD)?;
        let first = self.starts.partition_point(|s| *s <= from) - 1;
        reader.set_index(first).during(METHOD)?;
        let mut found = Vec::new();
        for (start, batch) in
            self.starts[first..].iter().zip(reader).take_while(|(start, _)| **start < to)
        {
            let batch = cast_to(&batch.during(METHOD)?, &self.schema).during(METHOD)?;
            let begin = from.saturating_sub(*start);
            found.push(batch.slice(begin, (to - start).min(batch.num_rows()) - begin));
        }
        Ok(found)
    }
}

/// A reader of a shared file with its own position.
struct Reading<'a> {
    file: &'a File,
    at: u64,
}

impl Read for Reading<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read_at(to, self.at)?;
        self.at += n as u64;
        Ok(n)
    }
}

impl Seek for Reading<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let (base, by) = match to {
            SeekFrom::Start(at) => (at, 0),
            SeekFrom::Current(by) => (self.at, by),
            SeekFrom::End(by) => (self.file.metadata()?.len(), by),
        };
        self.at = base.checked_add_signed(by).ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}
