//! Record batches: building, measuring, concatenating and slicing.

use crate::error::{During, Error, ErrorKind, Result};
use crate::frame::types::batch;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use std::collections::HashMap;
use std::sync::Arc;

/// Rows per batch: DataFusion's default.
pub(crate) const BATCH: usize = 8192;

/// Builds a batch with this many rows; it may have no columns.
pub(in crate::frame) fn batch(
    operation: &str,
    schema: &SchemaRef,
    columns: Vec<ArrayRef>,
    rows: usize,
) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(schema.clone(), columns, &options).map_err(|e| {
        ErrorKind::Engine { operation: operation.to_owned(), message: e.to_string() }.into()
    })
}

/// Returns the bytes of the rows of a batch, which may be a slice of longer columns.
pub(in crate::frame) fn size(batch: &RecordBatch) -> u64 {
    batch.columns().iter().map(size_of).sum()
}

/// Returns the bytes of the values of a column.
pub(in crate::frame) fn size_of(column: &ArrayRef) -> u64 {
    // Long strings of views live in separate buffers, which several columns may share.
    let long = column.as_string_view_opt().map_or(0, |views| views.total_buffer_bytes_used());
    (column.to_data().get_slice_memory_size().unwrap_or_else(|_| column.get_array_memory_size())
        + long) as u64
}

pub(in crate::frame) fn concat(schema: &SchemaRef, batches: &[RecordBatch]) -> Result<RecordBatch> {
    arrow::compute::concat_batches(schema, batches).map_err(|e| {
        ErrorKind::Engine { operation: "compute".to_owned(), message: e.to_string() }.into()
    })
}

/// Makes every column nullable.
pub(crate) fn nullable(schema: &Schema) -> SchemaRef {
    // Other partitions may have other categories.
    let field =
        |f: &Arc<Field>| f.as_ref().clone().with_nullable(true).with_metadata(HashMap::new());
    Arc::new(Schema::new(schema.fields().iter().map(field).collect::<Vec<_>>()))
}

/// Slices rows into batches of DataFusion's default size.
pub(crate) fn pieces(rows: &RecordBatch) -> Vec<RecordBatch> {
    (0..rows.num_rows())
        .step_by(BATCH)
        .map(|at| rows.slice(at, BATCH.min(rows.num_rows() - at)))
        .collect()
}

/// Casts rows to the schema of the first partition; an error if they have other columns.
pub(crate) fn with_columns(
    method: &str,
    rows: &RecordBatch,
    schema: &SchemaRef,
) -> Result<RecordBatch> {
    let types = |s: &Schema| {
        s.fields()
            .iter()
            .map(|f| (f.name().clone(), f.data_type().clone()))
            .collect::<Vec<(String, DataType)>>()
    };
    let (have, want) = (types(&rows.schema()), types(schema));
    // Strings have several Arrow types.
    let alike = |(h, w): (&(String, DataType), &(String, DataType))| {
        h == w || h.0 == w.0 && h.1.is_string() && w.1.is_string()
    };
    if have.len() != want.len() || !have.iter().zip(&want).all(alike) {
        let show = |t: &[(String, DataType)]| {
            t.iter()
                .map(|(n, t)| format!("{n}: {}", crate::frame::types::dtype::DType::of(t)))
                .collect::<Vec<_>>()
                .join(", ")
        };
        let message = format!(
            "the closure returned different columns for different partitions: {}; expected {}, as for the first; help: cast with astype(..) in the closure",
            show(&have),
            show(&want)
        );
        return Err(Error::bad_argument(method, message));
    }
    let column = |(c, f): (&ArrayRef, &Arc<Field>)| cast(c, f.data_type()).during(method);
    let columns = rows.columns().iter().zip(schema.fields()).map(column).collect::<Result<_>>()?;
    batch::batch(method, schema, columns, rows.num_rows())
}

/// Casts the rows to columns of these types.
pub(in crate::frame) fn cast_to(
    batch: &RecordBatch,
    schema: &SchemaRef,
) -> std::result::Result<RecordBatch, ArrowError> {
    let columns = batch.columns().iter().zip(schema.fields()).map(|(c, f)| cast(c, f.data_type()));
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(
        schema.clone(),
        columns.collect::<std::result::Result<_, _>>()?,
        &options,
    )
}

/// Returns the on-disk schema: dictionaries are unpacked, because an IPC file stores only one
/// dictionary per column; string views become plain strings, because their whole buffers would be
/// written.
pub(in crate::frame) fn plain(schema: &Schema) -> SchemaRef {
    let field = |f: &Arc<Field>| {
        let stored = match f.data_type() {
            DataType::Dictionary(_, values) => values.as_ref(),
            other => other,
        };
        let stored = if *stored == DataType::Utf8View { &DataType::Utf8 } else { stored };
        f.as_ref().clone().with_data_type(stored.clone())
    };
    Arc::new(Schema::new(schema.fields().iter().map(field).collect::<Vec<_>>()))
}
