//! Listed files as one DataFusion table: finds the files, partition columns in the names of their
//! folders, and the merged columns.

use crate::decode::Compression;
use crate::error::{During, Error, ErrorKind, Result};
use crate::frame::plan::Plan;
use crate::frame::plan::scan::scan;
use crate::frame::source::provider::FrameSource;
use crate::frame::source::remote;
use crate::frame::source::row_groups::{self, Split};
use crate::frame::types::dtype::DType;
use crate::frame::{engine, threads};
use crate::fs;
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};
use datafusion::catalog::Session;
use datafusion::common::{ColumnStatistics, DFSchema, ScalarValue, Statistics, project_schema};
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::listing::helpers::expr_applicable_for_cols;
use datafusion::datasource::listing::{
    ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl, PartitionedFile,
};
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::{DataFusionError, Result as DfResult};
use datafusion::execution::context::SessionState;
use datafusion::logical_expr::type_coercion::binary::type_union_resolution;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::{ExecutionPlan, Partitioning};
use futures::{StreamExt, TryStreamExt, stream};
use indexmap::IndexMap;
use object_store::{ObjectMeta, ObjectStoreExt};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Null in Hive-style folder names.
const MISSING: &str = "__HIVE_DEFAULT_PARTITION__";
/// The number of files whose schemas are read concurrently.
const LOOKUPS: usize = 32;

/// A partition column from folder names, with its value for each file.
type Key = (Field, Vec<ScalarValue>);

/// The files of a table.
#[derive(Debug, Clone)]
pub(in crate::frame) struct Found {
    urls: Vec<ListingTableUrl>,
    keys: Vec<Key>,
}

/// Finds the files of a path, a pattern, a folder or a URL; in a folder, those with these
/// extensions.
pub(in crate::frame) fn found(
    method: &str,
    path: &str,
    endings: &[&str],
    by_ranges: bool,
) -> Result<Found> {
    if fs::is_remote(path) {
        let names = remote::reachable(method, path, by_ranges)?;
        let urls = names.iter().map(ListingTableUrl::parse).collect::<DfResult<_>>();
        return Ok(Found { urls: urls.during(method)?, keys: Vec::new() });
    }
    let path = fs::local(path);
    let (base, files) = if Path::new(path).is_dir() {
        (PathBuf::from(path), below(Path::new(path), endings).map_err(Error::io(method, path))?)
    } else {
        (fs::known_folder(path), fs::find(method, path)?)
    };
    if files.is_empty() {
        let message = format!("{path:?} is a directory without .{} files", endings[0]);
        return Err(Error::bad_argument(method, message));
    }
    let urls = files.iter().map(|f| url(method, f)).collect::<Result<_>>()?;
    Ok(Found { urls, keys: keys(&base, &files) })
}

/// Returns the URL of a file: DataFusion reads characters such as `[` in a path as a pattern, but
/// not in a URL.
fn url(method: &str, file: &Path) -> Result<ListingTableUrl> {
    let text = file.to_string_lossy();
    let full = std::path::absolute(file).map_err(Error::io(method, &text))?;
    let bad = |()| Error::bad_argument(method, format!("invalid file path {text:?}"));
    let url = reqwest::Url::from_file_path(full).map_err(bad)?;
    ListingTableUrl::parse(url.as_str()).during(method)
}

/// Lists a folder recursively, in order; skips names that begin with `.` or `_`.
fn below(folder: &Path, endings: &[&str]) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with(['.', '_']) && !name.contains('=') {
            continue;
        }
        if path.is_dir() {
            files.extend(below(&path, endings)?);
        } else if ends(&name, endings) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Returns whether a name has one of these extensions, before that of a compression.
fn ends(name: &str, endings: &[&str]) -> bool {
    let packed = Compression::of_name(name) != Compression::None;
    let name = if packed { name.rsplit_once('.').map_or(name, |n| n.0) } else { name };
    name.rsplit_once('.').is_some_and(|(_, e)| endings.contains(&e.to_lowercase().as_str()))
}

/// Returns the partition columns of all files together.
fn keys(base: &Path, files: &[PathBuf]) -> Vec<Key> {
    let all: Vec<IndexMap<String, Option<String>>> = files.iter().map(|f| said(base, f)).collect();
    let mut names: Vec<&String> = Vec::new();
    for name in all.iter().flat_map(IndexMap::keys) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let values = |n: &String| all.iter().map(|f| f.get(n).and_then(Option::as_deref)).collect();
    names.into_iter().map(|n| key(n, values(n))).collect()
}

/// Parses the folder names of a file: `year=2020/kind=a`.
fn said(base: &Path, file: &Path) -> IndexMap<String, Option<String>> {
    let inside = file.strip_prefix(base).ok().and_then(Path::parent).unwrap_or(Path::new(""));
    let named = |part: &std::ffi::OsStr| {
        let part = part.to_string_lossy();
        let (k, v) = part.split_once('=')?;
        Some((unescaped(k), (v != MISSING).then(|| unescaped(v))))
    };
    inside.iter().filter_map(named).collect()
}

/// Builds a partition column: integers if all values are.
fn key(name: &str, values: Vec<Option<&str>>) -> Key {
    let mut there = values.iter().flatten().peekable();
    let whole = there.peek().is_some() && there.all(|v| v.parse::<i64>().is_ok());
    let value = |v: &Option<&str>| match whole {
        true => ScalarValue::Int64(v.and_then(|v| v.parse().ok())),
        false => ScalarValue::Utf8(v.map(str::to_owned)),
    };
    let dtype = if whole { DataType::Int64 } else { DataType::Utf8 };
    (Field::new(name, dtype, true), values.iter().map(value).collect())
}

/// Decodes percent-encoding such as `%3D`.
fn unescaped(text: &str) -> String {
    let (bytes, mut out, mut i) = (text.as_bytes(), Vec::with_capacity(text.len()), 0);
    while i < bytes.len() {
        let hex = text
            .get(i + 1..i + 3)
            .filter(|h| bytes[i] == b'%' && h.bytes().all(|b| b.is_ascii_hexdigit()));
        let (byte, length) = match hex.and_then(|h| u8::from_str_radix(h, 16).ok()) {
            Some(byte) => (byte, 3),
            None => (bytes[i], 1),
        };
        out.push(byte);
        i += length;
    }
    String::from_utf8(out).unwrap_or_else(|_| text.to_owned())
}

impl Found {
    /// Reads the schema of each file.
    pub(in crate::frame) fn schemas(
        &self,
        method: &'static str,
        format: &Arc<dyn FileFormat>,
    ) -> Result<Vec<SchemaRef>> {
        let (urls, format) = (self.urls.clone(), format.clone());
        threads::wait(async move {
            let state = Arc::new(engine::session().state());
            let one = |u| columns_of(method, state.clone(), format.clone(), vec![u]);
            let lookups: Vec<_> = urls.into_iter().map(one).collect();
            stream::iter(lookups).buffered(LOOKUPS).try_collect().await
        })
    }

    /// Reads the schema of all files together, for a format that merges them itself.
    pub(in crate::frame) fn together(
        &self,
        method: &'static str,
        format: &Arc<dyn FileFormat>,
    ) -> Result<SchemaRef> {
        let (urls, format) = (self.urls.clone(), format.clone());
        let state = Arc::new(engine::session().state());
        threads::wait(columns_of(method, state, format, urls))
    }

    /// Merges the columns of all files: each gets a type that holds all values.
    pub(in crate::frame) fn merged(
        &self,
        method: &str,
        schemas: &[SchemaRef],
    ) -> Result<SchemaRef> {
        if alike(schemas) {
            return Ok(schemas[0].clone());
        }
        let mut all: IndexMap<String, (Field, usize)> = IndexMap::new();
        for (file, schema) in schemas.iter().enumerate() {
            for field in schema.fields() {
                let new = || (field.as_ref().clone().with_nullable(true), file);
                let (known, first) = all.entry(field.name().clone()).or_insert_with(new);
                let both = wider(known.data_type(), field.data_type());
                let both = both.ok_or_else(|| self.unlike(method, known, *first, field, file))?;
                *known = known.clone().with_data_type(both);
            }
        }
        Ok(Arc::new(Schema::new(all.into_values().map(|f| f.0).collect::<Vec<_>>())))
    }

    fn unlike(&self, method: &str, a: &Field, first: usize, b: &Field, file: usize) -> Error {
        let (x, y) = (DType::of(a.data_type()), DType::of(b.data_type()));
        let (one, other) = (self.urls[first].as_str(), self.urls[file].as_str());
        let what = format!("column {:?} is {x} in {one} and {y} in {other}", a.name());
        let help = "help: read the files separately, cast with astype(..), then concat([..])";
        Error::bad_argument(method, format!("{what}; expected one type in all files; {help}"))
    }

    /// Iterates over the files, each on its own.
    pub(in crate::frame) fn each(&self) -> impl Iterator<Item = Self> + '_ {
        (0..self.urls.len()).map(|i| {
            let own = |k: &Key| (k.0.clone(), vec![k.1[i].clone()]);
            Self { urls: vec![self.urls[i].clone()], keys: self.keys.iter().map(own).collect() }
        })
    }

    /// Builds the plan of the files. A partition column takes precedence over a column of the
    /// files.
    pub(in crate::frame) fn plan(
        self,
        method: &str,
        format: Arc<dyn FileFormat>,
        columns: &Schema,
        split: Split,
    ) -> Result<Plan> {
        let Self { urls, keys } = self;
        let own = |f: &&Arc<Field>| keys.iter().all(|k| k.0.name() != f.name());
        let fields: Fields = columns.fields().iter().filter(own).cloned().collect();
        let file = Arc::new(Schema::new_with_metadata(fields, columns.metadata().clone()));
        let partition = keys.iter().map(|k| Arc::new(k.0.clone())).collect::<Vec<_>>();
        let schema = TableSchema::builder(file).with_table_partition_cols(partition).build();
        scan(Arc::new(Listed { format, urls, keys, schema, split }), method)
    }
}

/// Returns whether all files have the same columns in the same order.
pub(in crate::frame) fn alike(schemas: &[SchemaRef]) -> bool {
    schemas.iter().all(|s| s.fields() == schemas[0].fields())
}

/// Infers the columns of files with their format.
async fn columns_of(
    method: &'static str,
    state: Arc<SessionState>,
    format: Arc<dyn FileFormat>,
    urls: Vec<ListingTableUrl>,
) -> Result<SchemaRef> {
    let name = urls[0].to_string();
    let told = async {
        let store = state.runtime_env().object_store(&urls[0])?;
        let mut metas: Vec<ObjectMeta> = Vec::new();
        for url in &urls {
            if url.is_collection() {
                let listed = url.list_all_files(state.as_ref(), &store, "").await?;
                metas.extend(listed.try_collect::<Vec<_>>().await?);
            } else {
                metas.push(store.head(url.prefix()).await?);
            }
        }
        format.infer_schema(state.as_ref(), &store, &metas).await
    };
    told.await.map_err(|e: DataFusionError| named(Error::engine(method, &e), &name))
}

/// Adds the name of a file to an error of DataFusion.
fn named(e: Error, file: &str) -> Error {
    match e.kind() {
        ErrorKind::Engine { operation, message } => ErrorKind::Engine {
            operation: operation.clone(),
            message: format!("{file}: {message}"),
        }
        .into(),
        _ => e,
    }
}

/// Returns the type that holds the values of both, if there is one.
fn wider(a: &DataType, b: &DataType) -> Option<DataType> {
    let number = |t: &DataType| t.is_integer() || t.is_floating();
    match (a, b) {
        _ if a == b || b.is_null() => Some(a.clone()),
        _ if a.is_null() => Some(b.clone()),
        _ if number(a) && number(b) => Some(wider_number(a, b)),
        (DataType::List(x), DataType::List(y)) => {
            Some(DataType::new_list(wider(x.data_type(), y.data_type())?, true))
        }
        (DataType::Struct(x), DataType::Struct(y)) => struct_of(x, y),
        _ => {
            let kinds = [DataType::is_string, DataType::is_temporal, DataType::is_numeric];
            let same = kinds.iter().any(|is| is(a) && is(b));
            if same { type_union_resolution(&[a.clone(), b.clone()]) } else { None }
        }
    }
}

fn wider_number(a: &DataType, b: &DataType) -> DataType {
    let same =
        a.is_floating() == b.is_floating() && a.is_unsigned_integer() == b.is_unsigned_integer();
    match (a, b) {
        _ if same => if a.primitive_width() < b.primitive_width() { b } else { a }.clone(),
        _ if a.is_floating() || b.is_floating() => DataType::Float64,
        // No integer type holds both; pandas uses floats too.
        (DataType::UInt64, _) | (_, DataType::UInt64) => DataType::Float64,
        _ => DataType::Int64,
    }
}

fn struct_of(x: &Fields, y: &Fields) -> Option<DataType> {
    let mut all: IndexMap<&str, DataType> = IndexMap::new();
    for field in x.iter().chain(y) {
        let known = all.entry(field.name()).or_insert(DataType::Null);
        *known = wider(known, field.data_type())?;
    }
    let fields: Fields = all.into_iter().map(|(n, t)| Field::new(n, t, true)).collect();
    Some(DataType::Struct(fields))
}

/// A table of listed files.
#[derive(Debug)]
struct Listed {
    format: Arc<dyn FileFormat>,
    urls: Vec<ListingTableUrl>,
    keys: Vec<Key>,
    schema: TableSchema,
    split: Split,
}

impl Listed {
    /// Returns whether a filter uses only partition columns.
    fn by_keys(&self, filter: &Expr) -> bool {
        let names: Vec<_> = self.keys.iter().map(|k| k.0.name().as_str()).collect();
        !names.is_empty() && expr_applicable_for_cols(&names, filter)
    }

    /// Selects the files that the partition columns do not rule out.
    fn chosen(&self, state: &dyn Session, filters: &[Expr]) -> DfResult<Vec<usize>> {
        let all = 0..self.urls.len();
        let own: Vec<_> = filters.iter().filter(|f| self.by_keys(f)).cloned().collect();
        let Some(filter) = conjunction(own) else { return Ok(all.collect()) };
        let schema = Schema::new(self.keys.iter().map(|k| k.0.clone()).collect::<Vec<_>>());
        let arrays = self.keys.iter().map(|k| ScalarValue::iter_to_array(k.1.clone()));
        let batch =
            RecordBatch::try_new(Arc::new(schema.clone()), arrays.collect::<DfResult<Vec<_>>>()?)?;
        let filter = state.create_physical_expr(filter, &DFSchema::try_from(schema)?)?;
        let told = filter.evaluate(&batch)?.into_array(self.urls.len())?;
        // Null counts as false.
        let holds =
            |i: &usize| told.as_boolean_opt().is_some_and(|t| t.is_valid(*i) && t.value(*i));
        Ok(all.filter(holds).collect())
    }

    /// Lists the files as they are now, in groups that keep their order.
    async fn groups(
        &self,
        state: &dyn Session,
        chosen: &[usize],
    ) -> DfResult<(Vec<FileGroup>, Statistics)> {
        let urls: Vec<_> = chosen.iter().map(|i| self.urls[*i].clone()).collect();
        let folder = urls.iter().any(ListingTableUrl::is_collection);
        let ending = if folder { self.format.get_ext() } else { String::new() };
        let options = ListingOptions::new(self.format.clone()).with_file_extension(ending);
        let config = ListingTableConfig::new_with_multi_paths(urls).with_listing_options(options);
        let config = config.with_schema(self.schema.file_schema().clone());
        let cache = state.runtime_env().cache_manager.get_file_statistic_cache();
        let table = ListingTable::try_new(config)?.with_cache(cache);
        // With a limit, DataFusion would take the files that it finds first.
        let listed = table.list_files_for_scan(state, &[], None).await?;
        if self.keys.is_empty() {
            return Ok((listed.file_groups, listed.statistics));
        }
        let places: HashMap<_, _> =
            chosen.iter().map(|i| (self.urls[*i].prefix().clone(), *i)).collect();
        let keyed = |mut file: PartitionedFile| {
            let i = places.get(&file.object_meta.location).copied().unwrap_or(0);
            file.partition_values = self.keys.iter().map(|k| k.1[i].clone()).collect();
            file.statistics = file.statistics.map(|s| Arc::new(self.more(s.as_ref().clone())));
            file
        };
        let group = |group: FileGroup| {
            let known = group.file_statistics(None).cloned();
            let files = FileGroup::new(group.into_inner().into_iter().map(keyed).collect());
            match known {
                Some(known) => files.with_statistics(Arc::new(self.more(known))),
                None => files,
            }
        };
        let groups = listed.file_groups.into_iter().map(group).collect();
        Ok((groups, self.more(listed.statistics)))
    }

    /// Adds the partition columns, without statistics: they already select the files.
    fn more(&self, of: Statistics) -> Statistics {
        let unknown =
            |s: Statistics, _: &Key| s.add_column_statistics(ColumnStatistics::new_unknown());
        self.keys.iter().fold(of, unknown)
    }
}

#[async_trait::async_trait]
impl FrameSource for Listed {
    fn schema(&self) -> SchemaRef {
        self.schema.table_schema().clone()
    }

    fn filter_support(&self, filter: &Expr) -> TableProviderFilterPushDown {
        if self.by_keys(filter) {
            TableProviderFilterPushDown::Exact
        } else {
            TableProviderFilterPushDown::Inexact
        }
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        let chosen = self.chosen(state, filters)?;
        let none = (Vec::new(), Statistics::new_unknown(self.schema.table_schema()));
        let (groups, statistics) =
            if chosen.is_empty() { none } else { self.groups(state, &chosen).await? };
        // A plan for one partition reads the files in sequence.
        let by_row_groups =
            self.split == Split::RowGroups && state.config().target_partitions() > 1;
        let groups = if by_row_groups {
            row_groups::split(state, &self.urls[0], groups).await?
        } else {
            groups
        };
        // Files without rows have no row groups.
        if groups.is_empty() {
            let schema = project_schema(&FrameSource::schema(self), projection)?;
            return Ok(Arc::new(EmptyExec::new(schema)));
        }
        let source = self.format.file_source(self.schema.clone());
        // DataFusion would redistribute the bytes of the files.
        let fixed = by_row_groups.then(|| Partitioning::UnknownPartitioning(groups.len()));
        let config = FileScanConfigBuilder::new(self.urls[0].object_store(), source)
            .with_file_groups(groups)
            .with_output_partitioning(fixed)
            .with_statistics(statistics)
            .with_projection_indices(projection.cloned())?
            .with_limit(limit);
        self.format.create_physical_plan(state, config.build()).await
    }
}
