//! JSON Lines: a file format that infers the columns from all lines of all files, and its source.

mod shape;

use crate::decode::Compression;
use crate::error::Error;
use crate::frame::types::batch::BATCH;
use crate::{config, sched};
use arrow::datatypes::{Schema, SchemaRef};
use arrow::json::ReaderBuilder;
use datafusion::catalog::Session;
use datafusion::common::Statistics;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{
    FileGroupPartitioner, FileOpenFuture, FileOpener, FileScanConfig, FileSource,
};
use datafusion::datasource::projection::{ProjectionOpener, SplitProjection};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::{DataFusionError, Result as DfResult};
use datafusion::physical_expr::{LexOrdering, PhysicalExpr};
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::physical_plan::projection::ProjectionExprs;
use datafusion::physical_plan::{ExecutionPlan, apply_expression_roots};
use futures::{StreamExt, stream};
use object_store::path::Path as ObjectPath;
use object_store::{GetResultPayload, ObjectMeta, ObjectStore, ObjectStoreExt};
use shape::{At, Bad, Shape, look};
use std::io::{self, BufRead, BufReader, Cursor, Read, Seek, SeekFrom};
use std::sync::Arc;

const METHOD: &str = "read_json";
/// Bytes per unit of type inference.
const PART: u64 = 16 << 20;
/// The size of the read buffer, in bytes.
const STEP: usize = 1 << 20;

/// Builds the error of a line, with its file and line number.
async fn error_of(
    bad: Bad,
    store: Arc<dyn ObjectStore>,
    files: Vec<ObjectPath>,
) -> DataFusionError {
    let place = async |at: At| {
        let line = line(&store, &files[at.0], at.1).await.unwrap_or(0);
        format!("\"/{}\", line {line}", files[at.0])
    };
    let mut text = format!("{}: ", place(bad.at).await);
    if !bad.field.is_empty() {
        text += &format!("field {:?} is ", bad.field);
    }
    text += &bad.what;
    match bad.other {
        Some(_) if bad.field.is_empty() => text += "; expected one object per line",
        Some((at, kind)) => text += &format!("; expected {kind}, as in {}", place(at).await),
        None => {}
    }
    external(text)
}

fn external(text: String) -> DataFusionError {
    DataFusionError::External(Box::new(Error::bad_argument(METHOD, text)))
}

trait Place: Read + Seek + Send {}
impl<T: Read + Seek + Send> Place for T {}

/// Returns the offset of the first line that starts at or after this one.
fn line_start(file: &mut dyn Place, at: u64) -> io::Result<u64> {
    if at == 0 {
        return Ok(0);
    }
    file.seek(SeekFrom::Start(at - 1))?;
    let read = BufReader::new(file).read_until(b'\n', &mut Vec::new())?;
    Ok(at - 1 + read as u64)
}

/// Opens a file, decompressed, at the lines that begin in a range; also returns the offset of the
/// first.
async fn opened(
    store: &Arc<dyn ObjectStore>,
    at: &ObjectPath,
    range: Option<(u64, u64)>,
) -> DfResult<(Box<dyn Read + Send>, u64)> {
    let got = store.get(at).await?;
    let mut file: Box<dyn Place> = match got.payload {
        GetResultPayload::File(file, _) => Box::new(file),
        GetResultPayload::Stream(_) => Box::new(Cursor::new(got.bytes().await?)),
    };
    let Some((from, to)) = range else {
        return Ok((Compression::of_name(at.as_ref()).reader(file)?, 0));
    };
    let (from, to) = (line_start(&mut *file, from)?, line_start(&mut *file, to)?);
    file.seek(SeekFrom::Start(from))?;
    Ok((Box::new(file.take(to.saturating_sub(from))), from))
}

/// Returns the number of the line at an offset, from 1.
async fn line(store: &Arc<dyn ObjectStore>, at: &ObjectPath, place: u64) -> DfResult<u64> {
    let text = BufReader::new(opened(store, at, None).await?.0.take(place));
    let mut lines = 1;
    for byte in text.bytes() {
        lines += u64::from(byte? == b'\n');
    }
    Ok(lines)
}

fn is_packed(at: &ObjectPath) -> bool {
    Compression::of_name(at.as_ref()) != Compression::None
}

/// A part of a file: the file's number, its path, and a byte range; `None` for a whole compressed
/// file.
type Part = (usize, ObjectPath, Option<(u64, u64)>);

/// Splits a file into parts for parallel type inference.
fn parts((i, file): (usize, &ObjectMeta)) -> Vec<Part> {
    let at = &file.location;
    if is_packed(at) {
        return vec![(i, at.clone(), None)];
    }
    let part = |from| (i, at.clone(), Some((from, file.size.min(from + PART))));
    (0..file.size).step_by(PART as usize).map(part).collect()
}

async fn look_into(store: Arc<dyn ObjectStore>, part: Part) -> DfResult<Result<Shape, Bad>> {
    let (text, start) = opened(&store, &part.1, part.2).await?;
    // After an interrupt, nobody waits for this task.
    let work = move || look(BufReader::with_capacity(STEP, text), part.0, start, sched::cancelled);
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|e| DataFusionError::External(Box::new(e)))
}

/// JSON Lines as a DataFusion file format.
#[derive(Debug)]
pub(in crate::frame) struct Lines;

#[async_trait::async_trait]
impl FileFormat for Lines {
    fn get_ext(&self) -> String {
        "json".to_owned()
    }

    fn get_ext_with_compression(&self, _: &FileCompressionType) -> DfResult<String> {
        Ok(self.get_ext())
    }

    fn compression_type(&self) -> Option<FileCompressionType> {
        None
    }

    async fn infer_schema(
        &self,
        _: &dyn Session,
        store: &Arc<dyn ObjectStore>,
        files: &[ObjectMeta],
    ) -> DfResult<SchemaRef> {
        let all: Vec<Part> = files.iter().enumerate().flat_map(parts).collect();
        let lookups: Vec<_> = all.into_iter().map(|p| look_into(store.clone(), p)).collect();
        let mut lookups = stream::iter(lookups).buffered(config::threads());
        let mut row = Shape::row();
        while let Some(part) = lookups.next().await {
            if let Err(bad) = part?.and_then(|shape| row.join(shape)) {
                let names = files.iter().map(|f| f.location.clone()).collect();
                return Err(error_of(bad, store.clone(), names).await);
            }
        }
        Ok(Arc::new(Schema::new(row.columns())))
    }

    async fn infer_stats(
        &self,
        _: &dyn Session,
        _: &Arc<dyn ObjectStore>,
        schema: SchemaRef,
        _: &ObjectMeta,
    ) -> DfResult<Statistics> {
        Ok(Statistics::new_unknown(&schema))
    }

    async fn create_physical_plan(
        &self,
        _: &dyn Session,
        config: FileScanConfig,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        Ok(DataSourceExec::from_data_source(config))
    }

    fn file_source(&self, schema: TableSchema) -> Arc<dyn FileSource> {
        let projection = SplitProjection::unprojected(&schema);
        let metrics = ExecutionPlanMetricsSet::new();
        Arc::new(Source { schema, projection, batch: BATCH, metrics })
    }
}

/// Reads JSON Lines; numbers and booleans in a column of strings become strings.
#[derive(Clone)]
struct Source {
    schema: TableSchema,
    projection: SplitProjection,
    batch: usize,
    metrics: ExecutionPlanMetricsSet,
}

impl FileSource for Source {
    fn create_file_opener(
        &self,
        store: Arc<dyn ObjectStore>,
        _: &FileScanConfig,
        _: usize,
    ) -> DfResult<Arc<dyn FileOpener>> {
        let file = self.schema.file_schema();
        let columns = Arc::new(file.project(&self.projection.file_indices)?);
        let opener = Arc::new(Opener { store, columns, batch: self.batch });
        ProjectionOpener::try_new(self.projection.clone(), opener, file)
    }

    fn table_schema(&self) -> &TableSchema {
        &self.schema
    }

    fn with_batch_size(&self, batch: usize) -> Arc<dyn FileSource> {
        Arc::new(Self { batch, ..self.clone() })
    }

    fn projection(&self) -> Option<&ProjectionExprs> {
        Some(&self.projection.source)
    }

    fn metrics(&self) -> &ExecutionPlanMetricsSet {
        &self.metrics
    }

    fn file_type(&self) -> &str {
        "json"
    }

    fn repartitioned(
        &self,
        partitions: usize,
        least: usize,
        order: Option<LexOrdering>,
        config: &FileScanConfig,
    ) -> DfResult<Option<FileScanConfig>> {
        let mut files = config.file_groups.iter().flat_map(|g| g.iter());
        if files.any(|f| is_packed(&f.object_meta.location)) {
            return Ok(None);
        }
        let groups = FileGroupPartitioner::new()
            .with_target_partitions(partitions)
            .with_repartition_file_min_size(least)
            .with_preserve_order_within_groups(order.is_some())
            .repartition_file_groups(&config.file_groups);
        Ok(groups.map(|groups| {
            let mut config = config.clone();
            config.file_groups = groups;
            config
        }))
    }

    fn try_pushdown_projection(
        &self,
        more: &ProjectionExprs,
    ) -> DfResult<Option<Arc<dyn FileSource>>> {
        let all = self.projection.source.try_merge(more)?;
        let projection = SplitProjection::new(self.schema.file_schema(), &all);
        Ok(Some(Arc::new(Self { projection, ..self.clone() })))
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> DfResult<TreeNodeRecursion>,
    ) -> DfResult<TreeNodeRecursion> {
        apply_expression_roots(self.projection.source.iter(), f)
    }
}

struct Opener {
    store: Arc<dyn ObjectStore>,
    columns: SchemaRef,
    batch: usize,
}

impl FileOpener for Opener {
    fn open(&self, file: PartitionedFile) -> DfResult<FileOpenFuture> {
        let (store, columns, batch) = (self.store.clone(), self.columns.clone(), self.batch);
        Ok(Box::pin(async move {
            let at = file.object_meta.location;
            let range = file.range.map(|r| (r.start as u64, r.end as u64));
            let (text, _) = opened(&store, &at, range).await?;
            let reader =
                ReaderBuilder::new(columns).with_batch_size(batch).with_coerce_primitive(true);
            let rows = reader.build(BufReader::with_capacity(STEP, text))?;
            // All lines matched the schema when the frame was created.
            let changed = move |e| {
                external(format!("\"/{at}\": {e}; help: if the file has changed, read it again"))
            };
            Ok(stream::iter(rows).map(move |r| r.map_err(&changed)).boxed())
        }))
    }
}
