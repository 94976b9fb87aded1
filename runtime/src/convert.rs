//! Conversions between collections: bags, delayed tables and rows to frames, and back.

use crate::bag::{Bag, Element};
use crate::delayed::{Delayed, keep, typed, typed_ref};
use crate::error::{Error, ErrorKind, Result};
use crate::frame::DType;
use crate::frame::DataFrame;
use crate::frame::Table;
use crate::frame::dataframe::partitions::RetryOnce;
use crate::frame::source::generated::Partition;
use crate::frame::types::batch::{BATCH, nullable, pieces, with_columns};
use crate::frame::types::record::each_row;
use crate::frame::types::rows::{Rows, schema};
use crate::graph::chains::fused;
use crate::graph::pack::{self, Pack};
use crate::graph::size::{self, Size, size_list};
use crate::graph::{Key, Layer, Name, Point, Value, Work};
use crate::handle::Opaque;
use crate::sched;
use arrow::array::RecordBatch;
use arrow::datatypes::{FieldRef, Schema, SchemaRef};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_arrow::schema::{SchemaLike, TracingOptions};
use std::borrow::Borrow;
use std::sync::{Arc, Once};

/// Number of rows from which the columns are inferred, if the user does not name them.
const SAMPLE: usize = 1000;

impl<T: Element + Serialize> Bag<T> {
    /// Converts a bag of maps or structs to a lazy frame, partition by partition.
    ///
    /// `columns` gives the names and types of the columns, in order: fields that a row lacks are
    /// null, fields that are not listed are dropped, and strings are parsed as the requested type
    /// (an empty string is null, except in a string column). With `&[]`, names and types are
    /// inferred by serde from the first 1000 rows, which are computed immediately.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let rows = Bag::from_iter([r#"<row Id="5" Score="9"/>"#, r#"<row Id="7"/>"#]).map(|row| xml::attributes(row));
    /// let df = rows.to_dataframe(&[("Id", DType::Int64), ("Score", DType::Float64)]);
    /// assert_eq!(df.compute()?.column("Score")?.to_vec::<Option<f64>>()?, [Some(9.0), None]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    #[track_caller]
    pub fn to_dataframe(&self, columns: &[(&str, DType)]) -> DataFrame {
        let mut points = Vec::new();
        self.each_point(&mut |point| points.push(point));
        if columns.is_empty() {
            by_serde(points, self.first_lists(SAMPLE), rows_in::<T>)
        } else {
            named(points, columns, rows_in::<T>)
        }
    }
}

/// A type-erased row.
type Row<'a> = &'a dyn erased_serde::Serialize;

/// Appends the rows of a partition's list to a list of type-erased rows.
type RowsIn = for<'a> fn(&'a Value, &mut Vec<Row<'a>>);

fn rows_in<'a, T: Element + Serialize>(list: &'a Value, rows: &mut Vec<Row<'a>>) {
    for row in typed_ref::<Vec<T>>(list) {
        rows.push(row);
    }
}

/// Builds the frame of rows with given columns.
#[track_caller]
#[inline(never)]
fn named(points: Vec<Point>, columns: &[(&str, DType)], rows_in: RowsIn) -> DataFrame {
    let columns: Vec<_> = columns.iter().map(|(n, t)| ((*n).to_owned(), t.clone())).collect();
    let schema = schema(&columns);
    let of = schema.clone().unwrap_or_else(|_| Arc::new(Schema::empty()));
    let batch = move |part: &[Row<'_>]| {
        let mut rows = Rows::new(&of);
        part.iter().try_for_each(|row| rows.push(row))?;
        rows.finish()
    };
    frame(schema, &points, batches(rows_in, batch))
}

/// Builds the frame of rows whose columns are inferred from the first rows.
#[track_caller]
#[inline(never)]
fn by_serde(points: Vec<Point>, first: Result<Vec<Value>>, rows_in: RowsIn) -> DataFrame {
    let fields = || {
        let (first, mut rows) = (first?, Vec::new());
        first.iter().for_each(|list| rows_in(list, &mut rows));
        if rows.is_empty() {
            let message = "the bag is empty, so it has no columns; help: name them: to_dataframe(&[(\"x\", DType::Int64)])".to_owned();
            return Err(
                ErrorKind::BadArgument { method: "to_dataframe".to_owned(), message }.into()
            );
        }
        fields_of(&rows)
    };
    let schema: Result<SchemaRef> = fields().map(|f| Arc::new(Schema::new(f)));
    let of = schema.as_ref().map(|s| s.fields().to_vec()).unwrap_or_default();
    frame(schema, &points, batches(rows_in, move |part| batch_of(&of, part)))
}

/// Returns a function that converts a partition's list to batches; `batch` converts some of its
/// rows.
fn batches(
    rows_in: RowsIn,
    batch: impl Fn(&[Row<'_>]) -> Result<RecordBatch> + Send + Sync + 'static,
) -> Batches {
    Arc::new(move |list: Value| {
        let mut rows = Vec::new();
        rows_in(&list, &mut rows);
        rows.chunks(BATCH).map(&batch).collect()
    })
}

impl Table {
    /// Deserializes the rows by serde: structs whose fields are columns.
    ///
    /// # Errors
    /// Fails if a row cannot be deserialized as a `T`.
    ///
    /// ```
    /// use rask::prelude::*;
    /// #[derive(serde::Deserialize)]
    /// struct Point { x: f64 }
    /// let table = DataFrame::from_columns([("x", Series::from_iter([1.5, 2.5]))]).compute()?;
    /// let mut sum = 0.0;
    /// for point in table.to_rows::<Point>()? {
    ///     sum += point.x;
    /// }
    /// assert_eq!(sum, 4.0);
    /// # Ok::<(), rask::Error>(())
    /// ```
    pub fn to_rows<T: DeserializeOwned>(&self) -> Result<Vec<T>> {
        rows_of("to_rows", self)
    }
}

impl DataFrame {
    /// Builds a frame of structs or maps by serde; the column types are inferred from the rows.
    ///
    /// ```
    /// use rask::prelude::*;
    /// #[derive(serde::Serialize)]
    /// struct City { name: String, rain: Option<f64> }
    /// let rows = [City { name: "Oslo".into(), rain: Some(1.5) }, City { name: "Bergen".into(), rain: None }];
    /// assert_eq!(DataFrame::from_rows(rows).dtypes()?, [DType::Str, DType::Float64]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    #[track_caller]
    pub fn from_rows<T: Serialize>(rows: impl IntoIterator<Item = T>) -> Self {
        let rows: Vec<T> = rows.into_iter().collect();
        let mut untyped: Vec<Row<'_>> = Vec::with_capacity(rows.len());
        for row in &rows {
            untyped.push(row);
        }
        from_rows(&untyped)
    }

    /// Computes the frame and deserializes its rows by serde: structs whose fields are columns.
    ///
    /// # Errors
    /// As [`DataFrame::compute`]; also fails if a row cannot be deserialized as a `T`.
    ///
    /// ```
    /// use rask::prelude::*;
    /// #[derive(serde::Deserialize)]
    /// struct Point { x: f64 }
    /// let points: Vec<Point> = DataFrame::from_columns([("x", Series::from_iter([1.5]))]).to_rows()?;
    /// assert_eq!(points[0].x, 1.5);
    /// # Ok::<(), rask::Error>(())
    /// ```
    pub fn to_rows<T: DeserializeOwned>(&self) -> Result<Vec<T>> {
        match self.compute() {
            Ok(table) => rows_of("to_rows", &table),
            Err(e) => Err(e),
        }
    }

    /// Converts the frame to a lazy bag of its rows, deserialized by serde, partition by partition.
    ///
    /// # Errors
    /// Returns the error of an earlier step. Rows that cannot be deserialized fail when the bag is
    /// computed.
    ///
    /// ```
    /// use rask::prelude::*;
    /// #[derive(Clone, serde::Deserialize)]
    /// struct Point { x: f64 }
    /// let df = DataFrame::from_columns([("x", Series::from_iter([1.5, 2.5]))]);
    /// assert_eq!(df.to_bag::<Point>()?.map(|p| p.x).sum().compute()?, 4.0);
    /// # Ok::<(), rask::Error>(())
    /// ```
    pub fn to_bag<T: Element + DeserializeOwned>(&self) -> Result<Bag<T>> {
        let rows = |table: &Table| match rows_of::<T>("to_bag", table) {
            Ok(rows) => Ok(Arc::new(rows) as Value),
            Err(e) => Err(e),
        };
        match bag_of(self, rows, |rows| size_list(typed_ref::<Vec<T>>(rows))) {
            Ok(layer) => Ok(Bag::from_layer(layer)),
            Err(e) => Err(e),
        }
    }

    /// Returns the partitions, each as a delayed table. If partitions depend on one another, as
    /// after a group-by, computing one computes all, which are kept in memory as long as the
    /// delayed tables exist.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let df = DataFrame::from_columns([("x", Series::from_iter(0..10i64))]).repartition(3);
    /// let rows: Vec<_> = df.to_delayed().iter().map(|part| delayed(|t: Table| t.len()).call((part,))).collect();
    /// assert_eq!(compute(rows)?, [3, 3, 4]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    #[must_use]
    pub fn to_delayed(&self) -> Vec<Delayed<Table>> {
        known_tables();
        let size = |table: &Value| size::size_of(&**table);
        let (count, get): (_, Arc<dyn Fn(usize) -> Result<Table> + Send + Sync>) =
            match self.to_partitions() {
                Ok(parts) => parts,
                // The error is returned on computation.
                Err(e) => (1, Arc::new(move |_| Err(e.clone()))),
            };
        let parts = Parts { get: Box::new(move |i| Ok(Arc::new(get(i)?))), size };
        layer_of("to-delayed", count, parts).points().into_iter().map(Delayed::of_point).collect()
    }

    /// Builds a frame whose partitions are delayed tables or delayed frames, computed with the
    /// frame. The first one is computed immediately: all others must have its columns.
    ///
    /// ```
    /// use rask::prelude::*;
    /// fn load(day: i64) -> DataFrame {
    ///     DataFrame::from_columns([("day", Series::from_iter([day, day]))])
    /// }
    /// let days: Vec<_> = (1..4).map(|day| delayed(load).call((day,))).collect();
    /// let df = DataFrame::from_delayed(&days);
    /// assert_eq!(df.compute()?.column("day")?.to_vec::<i64>()?, [1, 1, 2, 2, 3, 3]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    #[track_caller]
    pub fn from_delayed<T: IntoTable, D: Borrow<Delayed<T>>>(
        parts: impl IntoIterator<Item = D>,
    ) -> Self {
        let convert = |value: Value| typed::<T>(value).table();
        gathered(parts.into_iter().map(|p| p.borrow().point()).collect(), Arc::new(convert))
    }
}

/// A value that can be a partition of a frame.
pub trait IntoTable: Send + Sync + 'static {
    /// Returns the rows.
    ///
    /// # Errors
    /// Returns the error of the value, or of its computation.
    fn table(&self) -> Result<Table>;
}

impl IntoTable for Table {
    fn table(&self) -> Result<Table> {
        Ok(self.clone())
    }
}

impl IntoTable for DataFrame {
    fn table(&self) -> Result<Table> {
        self.compute()
    }
}

impl<T: IntoTable> IntoTable for Result<T> {
    fn table(&self) -> Result<Table> {
        self.as_ref().map_err(Clone::clone)?.table()
    }
}

impl Pack for Table {
    fn pack(&self, out: &mut Vec<u8>) {
        self.batch().pack(out);
    }
    fn unpack(from: &mut &[u8]) -> Option<Self> {
        RecordBatch::unpack(from).map(Self::new)
    }
    fn heap(&self) -> usize {
        size_of::<RecordBatch>() + self.batch().heap()
    }
}

/// Registers how the scheduler measures and spills tables.
fn known_tables() {
    static ONCE: Once = Once::new();
    ONCE.call_once(pack::register::<Table>);
}

/// Tasks that compute the partitions of a frame.
struct Parts {
    get: Box<dyn Fn(usize) -> Result<Value> + Send + Sync>,
    size: fn(&Value) -> Size,
}

impl Work for Parts {
    fn run(&self, index: u32, _: Vec<Value>) -> Result<Value> {
        (self.get)(index as usize)
    }

    fn size(&self, value: &Value) -> Size {
        (self.size)(value)
    }
}

fn layer_of(name: &str, count: usize, parts: Parts) -> Arc<Layer> {
    Layer::new(Key::new(Name::new(name)), count as u32, Vec::new(), parts)
}

/// Builds the layer of a bag from a frame, partition by partition.
#[inline(never)]
fn bag_of(
    frame: &DataFrame,
    rows: fn(&Table) -> Result<Value>,
    size: fn(&Value) -> Size,
) -> Result<Opaque> {
    let (count, get) = frame.to_partitions()?;
    Ok(Opaque::of(layer_of(
        "to-bag",
        count,
        Parts { get: Box::new(move |i| rows(&get(i)?)), size },
    )))
}

/// Builds the frame of delayed tables.
#[track_caller]
#[inline(never)]
fn gathered(
    mut points: Vec<Point>,
    table: Arc<dyn Fn(Value) -> Result<Table> + Send + Sync>,
) -> DataFrame {
    known_tables();
    let mut first = || {
        let Some(point) = points.first_mut() else { return Ok(Arc::new(Schema::empty())) };
        let kept =
            keep("from-delayed", std::slice::from_ref(point), |p, v| p.layer.work.size(v))?.at(0);
        let value = sched::compute(std::slice::from_ref(&kept))?.remove(0);
        *point = kept;
        Ok(nullable(&table(value)?.batch().schema()))
    };
    let schema: Result<SchemaRef> = first();
    let of = schema.clone().unwrap_or_else(|_| Arc::new(Schema::empty()));
    frame(
        schema,
        &points,
        Arc::new(move |value| {
            Ok(pieces(&with_columns("from_delayed", table(value)?.batch(), &of)?))
        }),
    )
}

/// Deserializes the rows of a table by serde.
fn rows_of<T: DeserializeOwned>(method: &str, table: &Table) -> Result<Vec<T>> {
    let mut rows = Vec::with_capacity(table.len());
    let read = each_row(method, table.batch(), &mut |row| match T::deserialize(row) {
        Ok(row) => {
            rows.push(row);
            Ok(())
        }
        Err(e) => Err(e),
    });
    match read {
        Ok(()) => Ok(rows),
        Err(e) => Err(e),
    }
}

#[track_caller]
#[inline(never)]
fn from_rows(rows: &[Row<'_>]) -> DataFrame {
    DataFrame::from_batch(fields_of(rows).and_then(|fields| batch_of(&fields, rows)))
}

fn batch_of(fields: &[FieldRef], rows: &[Row<'_>]) -> Result<RecordBatch> {
    serde_arrow::to_record_batch(fields, &rows).map_err(|e| told(&e))
}

/// Infers the columns of rows by serde.
fn fields_of(rows: &[Row<'_>]) -> Result<Vec<FieldRef>> {
    let options =
        TracingOptions::default().allow_null_fields(true).coerce_numbers(true).guess_dates(true);
    Vec::<FieldRef>::from_samples(
        rows,
        options.sequence_as_large_list(false).strings_as_large_utf8(false),
    )
    .map_err(|e| told(&e))
}

#[inline(never)]
fn told(e: &serde_arrow::Error) -> Error {
    let message = format!(
        "{}; help: name the columns, as in to_dataframe(&[(\"x\", DType::Int64)])",
        e.message()
    );
    ErrorKind::BadArgument { method: "to_dataframe".to_owned(), message }.into()
}

/// A function that computes the batches of a partition.
pub(crate) type Batches = Arc<dyn Fn(Value) -> Result<Vec<RecordBatch>> + Send + Sync>;

/// Builds the frame of a bag's partitions.
#[track_caller]
#[inline(never)]
pub(crate) fn frame(schema: Result<SchemaRef>, points: &[Point], convert: Batches) -> DataFrame {
    let points = fused(points);
    let partitions = points.len() as u32;
    // Partitions that depend on one another are all computed at once, and kept as long as the frame
    // exists.
    let alone = points.iter().all(|p| p.layer.inputs.is_empty());
    let together = RetryOnce::new();
    let make: Partition = Arc::new(move |i| {
        let point = if alone {
            points[i as usize].clone()
        } else {
            let layer: Arc<Layer> =
                together.get(|| keep("to-dataframe", &points, |p, v| p.layer.work.size(v)))?;
            layer.at(i)
        };
        convert(sched::compute(&[point])?.remove(0))
    });
    DataFrame::from_partitions(schema, partitions, make)
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;

    #[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
    struct Row {
        x: i64,
        s: Option<String>,
    }

    fn frame() -> DataFrame {
        let s = (0..50i64).map(|x| (x % 4 != 0).then(|| format!("t{x}")));
        DataFrame::from_columns([("x", Series::from_iter(0..50i64)), ("s", Series::from_iter(s))])
    }

    #[test]
    fn frames_go_to_other_collections_and_back() {
        let want = format!("{:?}", frame().compute().unwrap());
        for parts in [1, 3, 50] {
            let df = frame().repartition(parts);
            let tables = df.to_delayed();
            assert_eq!(tables.len(), parts);
            assert_eq!(format!("{:?}", DataFrame::from_delayed(&tables).compute().unwrap()), want);
            let doubled: Vec<_> =
                tables.iter().map(|t| delayed(|t: Table| t.len() * 2).call((t,))).collect();
            assert_eq!(compute(doubled).unwrap().iter().sum::<usize>(), 100);
            let rows = df.to_bag::<Row>().unwrap();
            assert_eq!(rows.npartitions(), parts);
            assert_eq!(format!("{:?}", rows.to_dataframe(&[]).compute().unwrap()), want);
        }
        // Partitions that depend on one another.
        let sums = frame().with_column("k", col("x").modulo(7)).groupby("k").sum("x");
        let first = sums
            .to_delayed()
            .iter()
            .map(|t| delayed(|t: Table| t.column("x").unwrap().sum::<i64>().unwrap()).call((t,)))
            .collect::<Vec<_>>();
        assert_eq!(compute(first).unwrap().iter().sum::<i64>(), 49 * 25);
    }

    #[test]
    fn what_does_not_fit_is_told() {
        let bad = frame().select("nothing");
        assert!(bad.to_delayed()[0].compute().unwrap_err().to_string().contains("nothing"));
        assert!(bad.to_bag::<Row>().unwrap_err().to_string().contains("nothing"));
        let other = |i: i64| if i == 0 { frame() } else { frame().rename([("x", "y")]) };
        let parts: Vec<_> = (0..2).map(|i| delayed(other).call((i,))).collect();
        let e = DataFrame::from_delayed(&parts).compute().unwrap_err().to_string();
        assert!(
            e.contains("from_delayed") && e.contains("y: int64") && e.contains("x: int64"),
            "{e}"
        );
        let e = frame()
            .rename([("x", "y")])
            .to_bag::<Row>()
            .unwrap()
            .compute()
            .unwrap_err()
            .to_string();
        assert!(e.contains('x'), "{e}");
        assert_eq!(DataFrame::from_delayed(Vec::<Delayed<Table>>::new()).len().unwrap(), 0);
    }
}
