//! Converts blocks to batches: selects the columns, applies filters, and reports values and lines
//! that do not fit.

use crate::csv::block::{Block, Misfit};
use crate::csv::column::column;
use crate::csv::kind::Kind;
use crate::csv::read::Stop;
use crate::csv::scan::Row;
use crate::error::{During, Error, ErrorKind, Result};
use crate::frame::source::csv::options::BadLines;
use crate::frame::source::csv::table::{Table, io_error};
use crate::frame::source::csv::types::Reason;
use crate::frame::types::batch;
use crate::frame::types::dtype::DType;
use crate::fs;
use crate::show::{self, html};
use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, RecordBatch, StringArray, StringViewArray,
};
use arrow::compute::{CastOptions, cast_with_options, filter, prep_null_mask_filter};
use arrow::datatypes::SchemaRef;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::metrics::Count;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// What to read from a table.
#[derive(Debug)]
pub(in crate::frame) struct Job {
    pub(in crate::frame) table: Arc<Table>,
    pub(in crate::frame) kinds: Vec<Kind>,
    /// As in [`crate::frame::source::csv::types::Types`], when the plan was built.
    pub(in crate::frame) generation: u32,
    /// The columns of the output.
    pub(in crate::frame) projection: Vec<usize>,
    pub(in crate::frame) schema: SchemaRef,
    /// The predicate that rows must pass, and its columns.
    pub(in crate::frame) filter: Option<(Arc<dyn PhysicalExpr>, Vec<usize>, SchemaRef)>,
    /// Whether values are only inspected to widen the types.
    pub(in crate::frame) settle: bool,
    /// The number of skipped lines.
    pub(in crate::frame) bad: AtomicU64,
    /// The number of rows still to read, if limited.
    pub(in crate::frame) left: Option<AtomicUsize>,
    /// Bytes of text that were parsed.
    pub(in crate::frame) read: Count,
}

impl Drop for Job {
    fn drop(&mut self) {
        let bad = *self.bad.get_mut();
        // If types have changed since, everything is read and reported again.
        let is_current = self.table.types.are_still(self.generation, &self.kinds);
        if bad > 0 && self.table.on_bad_lines == BadLines::Warn && !self.settle && is_current {
            show::warn(&format!(
                "read_csv: skipped {} with too many fields",
                html::count(bad as usize, "line")
            ));
        }
    }
}

impl Job {
    /// Drops rows beyond the limit, which must not be inspected at all; returns whether more rows
    /// are needed. Blocks arrive in order.
    pub(in crate::frame) fn limit(&self, block: &mut Block, file: usize) -> Result<bool> {
        let Some(left) = &self.left else { return Ok(true) };
        let wanted = left.load(Ordering::Relaxed);
        let good = block.rows.iter().enumerate().filter(|(_, r)| r.fields <= self.table.width);
        // One past the last row to keep.
        let end = if wanted == 0 {
            0
        } else {
            good.map(|(i, _)| i + 1).nth(wanted - 1).unwrap_or(block.rows.len())
        };
        block.rows.truncate(end);
        self.leave_out_bad(block, file)?;
        left.store(wanted - block.rows.len(), Ordering::Relaxed);
        Ok(wanted > block.rows.len())
    }

    /// Parses the rows of a block into a batch.
    pub(in crate::frame) fn batch(&self, block: &mut Block, file: usize) -> Result<RecordBatch> {
        self.leave_out_bad(block, file)?;
        self.read.add(block.data.len());
        let block = &*block;
        if block.quote.is_some() || block.bare {
            self.table.types.see_quotes();
            self.sure()?;
        }
        if self.settle {
            return self.settled(block, file);
        }
        let mut read: Vec<(usize, ArrayRef)> = Vec::new();
        let mut kept: Option<BooleanArray> = None;
        if let Some((condition, columns, schema)) = &self.filter {
            for c in columns {
                read.push((*c, self.column(block, &block.rows, *c, file)?));
            }
            kept = evaluate(
                condition,
                schema,
                read.iter().map(|(_, a)| a.clone()).collect(),
                block.rows.len(),
            )?;
        }
        // Strings of filtered rows are not parsed; other values are, as they may widen their
        // columns.
        let rows: Option<Vec<Row>> = kept.as_ref().map(|k| {
            block.rows.iter().zip(k.values()).filter(|(_, k)| *k).map(|(r, _)| *r).collect()
        });
        let count = rows.as_ref().map_or(block.rows.len(), Vec::len);
        let arrays = self.projection.iter().map(|c| {
            match (read.iter().find(|(r, _)| r == c), &kept, &rows) {
                (Some((_, array)), Some(kept), _) => Ok(sieved(array, kept)),
                (Some((_, array)), None, _) => Ok(array.clone()),
                (None, Some(_), Some(rows)) if self.is_text(*c) => {
                    self.column(block, rows, *c, file)
                }
                (None, Some(kept), _) => {
                    self.column(block, &block.rows, *c, file).map(|a| sieved(&a, kept))
                }
                (None, None, _) => self.column(block, &block.rows, *c, file),
            }
        });
        let arrays = arrays.collect::<Result<Vec<_>>>()?;
        batch::batch("read_csv", &self.schema, arrays, count)
    }

    /// Verifies the guesses after a contradiction; an error if the plan must be rebuilt.
    pub(in crate::frame) fn sure(&self) -> Result<()> {
        self.table.look_into()?;
        if self.settle || self.table.types.generation() == self.generation {
            return Ok(());
        }
        Err(ErrorKind::Engine {
            operation: "read_csv".to_owned(),
            message: "the guessed row boundaries were wrong".to_owned(),
        }
        .into())
    }

    fn is_text(&self, column: usize) -> bool {
        self.kinds[column] == Kind::Text
            && self.table.columns[column].given.as_ref().is_none_or(|g| g.0 == Kind::Text)
    }

    fn column(&self, block: &Block, rows: &[Row], c: usize, file: usize) -> Result<ArrayRef> {
        let spec = &self.table.columns[c];
        let Some(field) = self.table.field(spec, file) else {
            return Ok(Arc::new(StringArray::from_iter_values(std::iter::repeat_n(
                &self.table.files[file].path,
                rows.len(),
            ))));
        };
        let reading = self.table.reading(c, self.kinds[c]);
        let array = column(block, rows, field, &reading, &self.table.values)
            .map_err(|m| self.misfit(block, rows, m, c, field, file))?;
        match &spec.given {
            Some((kind, wanted)) if kind.arrow() != *wanted => {
                let cast = |safe| {
                    cast_with_options(
                        &array,
                        wanted,
                        &CastOptions { safe, ..CastOptions::default() },
                    )
                };
                cast(false).map_err(|e| {
                    let lost = cast(true)
                        .ok()
                        .and_then(|a| (0..a.len()).find(|i| a.is_null(*i) && array.is_valid(*i)));
                    lost.map_or_else(
                        || engine(&e),
                        |row| self.misfit(block, rows, Misfit(row), c, field, file),
                    )
                })
            }
            _ => Ok(array),
        }
    }

    /// Handles a value that does not fit its column's type: an error, or a wider type and a retry.
    #[cold]
    fn misfit(
        &self,
        block: &Block,
        rows: &[Row],
        at: Misfit,
        c: usize,
        field: u32,
        file: usize,
    ) -> Error {
        if let Err(again) = self.sure() {
            return again;
        }
        let row = rows[at.0];
        let mut scratch = Vec::new();
        let bytes = block.field(row, field, &mut scratch).unwrap_or_default().to_vec();
        let spec = &self.table.columns[c];
        let number = block.rows.iter().position(|r| *r == row).unwrap_or(0);
        let place = block.place(number);
        let Ok(value) = std::str::from_utf8(&bytes) else {
            let hint = "is not valid UTF-8; help: set encoding(\"latin1\") or encoding(\"windows-1252\"), or encoding_errors(\"replace\")";
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let bad = std::str::from_utf8(&bytes).map_or_else(|e| e.valid_up_to(), |_| 0);
            return self.bad_row(
                file,
                place,
                format!(
                    "column {:?}: byte {bad} of {text:?} (0x{:02X}) {hint}",
                    spec.name, bytes[bad]
                ),
            );
        };
        if let Some((_, wanted)) = &spec.given {
            let formats = if spec.formats.is_empty() {
                String::new()
            } else {
                format!(
                    " with the format {}",
                    spec.formats
                        .iter()
                        .map(|f| format!("{:?}", f.text()))
                        .collect::<Vec<_>>()
                        .join(" or ")
                )
            };
            let dtype = DType::of(wanted);
            return self.bad_row(
                file,
                place,
                format!(
                    "column {:?}: cannot parse {value:?} as {dtype}{formats}; help: add it to na_values([..]) to read it as null",
                    spec.name
                ),
            );
        }
        self.widen(c, &bytes, self.kinds[c], (file, place));
        let lost = self.projection.iter().chain(self.filter.iter().flat_map(|f| &f.1)).copied();
        self.table
            .types
            .lose(lost.filter(|c| !self.is_text(*c) && self.table.columns[*c].given.is_none()));
        ErrorKind::Engine {
            operation: "read_csv".to_owned(),
            message: format!("column {:?}: {value:?} does not fit its type", spec.name),
        }
        .into()
    }

    fn widen(&self, c: usize, value: &[u8], from: Kind, (file, place): (usize, u64)) {
        let joined = from.and(Kind::of(value, &self.table.values));
        let why = || Reason { value: String::from_utf8_lossy(value).into_owned(), file, place };
        // A string holds any value.
        self.table.types.widen(c, if joined == from { Kind::Text } else { joined }, why);
    }

    /// Inspects all values of the columns to widen their types; the batch is empty.
    fn settled(&self, block: &Block, file: usize) -> Result<RecordBatch> {
        for c in &self.projection {
            let Some(field) = self.table.field(&self.table.columns[*c], file) else { continue };
            loop {
                let kind = self.table.types.kinds()[*c];
                if kind == Kind::Text {
                    break;
                }
                let reading = self.table.reading(*c, kind);
                let Err(Misfit(at)) =
                    column(block, &block.rows, field, &reading, &self.table.values)
                else {
                    break;
                };
                let mut scratch = Vec::new();
                let value = block.field(block.rows[at], field, &mut scratch).unwrap_or_default();
                self.widen(*c, value, kind, (file, block.place(at)));
            }
        }
        Ok(RecordBatch::new_empty(self.schema.clone()))
    }

    /// Skips lines with too many fields, or returns an error for the first.
    fn leave_out_bad(&self, block: &mut Block, file: usize) -> Result<()> {
        let width = self.table.width;
        if block.rows.iter().all(|r| r.fields <= width) {
            return Ok(());
        }
        if self.table.on_bad_lines == BadLines::Error {
            self.sure()?;
            return Err(self.first_bad(file));
        }
        let before = block.rows.len();
        block.retain(|r| r.fields <= width);
        self.bad.fetch_add((before - block.rows.len()) as u64, Ordering::Relaxed);
        Ok(())
    }

    /// Returns the error for the first line of a file with too many fields: another part may have
    /// found a later one.
    #[cold]
    fn first_bad(&self, file: usize) -> Error {
        let width = self.table.width;
        let mut found = None;
        let read = self.each_block(file, &mut |block| {
            let bad = block.rows.iter().position(|r| r.fields > width);
            found = bad.map(|i| (block.place(i), block.rows[i].fields, block.text(i)));
            found.is_none()
        });
        match (found, read) {
            (Some((place, saw, text)), _) => {
                let more = if saw == width + 1 && text.trim_end().ends_with(self.table.separator())
                {
                    "names([.., \"rest\"]).header(0) reads lines that end in a separator"
                } else {
                    "names([.., \"rest\"]) reads extra fields as columns"
                };
                let hint = format!("help: {more}; on_bad_lines(BadLines::Skip) skips such lines");
                self.bad_row(
                    file,
                    place,
                    format!(
                        "expected {}, saw {saw}: {text:?}; {hint}",
                        html::count(width as usize, "field")
                    ),
                )
            }
            (None, Err(e)) => e,
            (None, Ok(())) => {
                self.unchanged(file).err().unwrap_or_else(|| ErrorKind::Interrupted.into())
            }
        }
    }

    /// Returns the error for why reading a file stopped.
    pub(in crate::frame) fn stopped(&self, stop: Stop, file: usize) -> Error {
        match stop {
            Stop::Io(e) => io_error(&self.table.files[file].path, e),
            Stop::OpenQuote(place) => self.table.open_quote(&self.table.files[file].path, place),
            Stop::TooLong(place) => self.bad_row(
                file,
                place,
                "the row is longer than 1 GiB; help: check for an unclosed quote".to_owned(),
            ),
        }
    }

    fn bad_row(&self, file: usize, offset: u64, message: String) -> Error {
        self.table.bad_row(&self.table.files[file].path, offset, message)
    }

    /// Checks that a split file has not become shorter.
    pub(in crate::frame) fn unchanged(&self, file: usize) -> Result<()> {
        let info = &self.table.files[file];
        let now =
            std::fs::metadata(fs::local(&info.path)).map_err(|e| io_error(&info.path, e))?.len();
        if now >= info.size {
            return Ok(());
        }
        let message = format!(
            "the file had {} bytes when it was opened and has {now} now; help: read it again when it is no longer being written",
            info.size
        );
        Err(io_error(&info.path, std::io::Error::new(std::io::ErrorKind::UnexpectedEof, message)))
    }
}

pub(in crate::frame) fn engine(e: &arrow::error::ArrowError) -> Error {
    ErrorKind::Engine { operation: "read_csv".to_owned(), message: e.to_string() }.into()
}

/// Filters a column by a mask.
fn sieved(array: &ArrayRef, kept: &BooleanArray) -> ArrayRef {
    // Both have one value per row of the block.
    let kept = filter(array, kept).expect("a mask is as long as its column");
    // A few strings must not keep the buffers of the whole block alive.
    let own = |views: &StringViewArray| {
        let held: usize = views.data_buffers().iter().map(|b| b.len()).sum();
        (held > 2 * views.total_buffer_bytes_used()).then(|| Arc::new(views.gc()) as ArrayRef)
    };
    kept.as_string_view_opt().and_then(own).unwrap_or(kept)
}

/// Evaluates a predicate; `None` if it is true for all rows.
fn evaluate(
    condition: &Arc<dyn PhysicalExpr>,
    schema: &SchemaRef,
    arrays: Vec<ArrayRef>,
    rows: usize,
) -> Result<Option<BooleanArray>> {
    let batch = batch::batch("read_csv", schema, arrays, rows)?;
    let told = condition.evaluate(&batch).and_then(|v| v.into_array(rows)).during("filter")?;
    // Null counts as false.
    let told = told
        .as_any()
        .downcast_ref::<BooleanArray>()
        .map(|t| if t.null_count() > 0 { prep_null_mask_filter(t) } else { t.clone() });
    Ok(told.filter(|t| t.true_count() < rows))
}
