//! Conversions between collections: bags and rows to frames, and back.

use crate::bag::{Bag, Element};
use crate::delayed::{keep, typed};
use crate::error::{Error, ErrorKind, Result};
use crate::frame::lazy::Partition;
use crate::frame::rows::{Rows, schema};
use crate::frame::{DType, DataFrame};
use crate::graph::stream::fuse_streams;
use crate::graph::{Layer, Value};
use crate::sched;
use arrow::array::RecordBatch;
use arrow::datatypes::{FieldRef, Schema, SchemaRef};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_arrow::schema::{SchemaLike, TracingOptions};
use std::sync::{Arc, Mutex, PoisonError};

/// Rows that tell the columns where the user does not.
const SAMPLE: usize = 1000;
/// Rows of a batch: the engine's own number.
const BATCH: usize = 8192;

impl<T: Element + Serialize> Bag<T> {
    /// A frame of rows that are maps or structs, partition by partition; nothing is computed until the frame is.
    ///
    /// With `columns`, these are its names and types, in this order: a field that a row does not have is null, one that is not
    /// named is left out, and text is read as the type that is asked for (empty text is null for all but text). With `&[]`
    /// names and types are those of the rows by serde, told by the first thousand, which are computed at once.
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
        if columns.is_empty() {
            return self.to_dataframe_by_serde();
        }
        let columns: Vec<_> = columns.iter().map(|(n, t)| ((*n).to_owned(), t.clone())).collect();
        let schema = schema(&columns);
        let of = schema.clone().unwrap_or_else(|_| Arc::new(Schema::empty()));
        let convert = move |value: Value| {
            let batch = |part: &[T]| {
                let mut rows = Rows::new(&of);
                part.iter().try_for_each(|row| rows.push(row))?;
                rows.finish()
            };
            typed::<Vec<T>>(value).chunks(BATCH).map(batch).collect()
        };
        frame(schema, &self.layer(), Arc::new(convert))
    }

    #[track_caller]
    fn to_dataframe_by_serde(&self) -> DataFrame {
        let sample = self.first_rows(SAMPLE);
        let fields = sample.and_then(|rows| fields_of(&rows));
        let schema: Result<SchemaRef> = fields.map(|f| Arc::new(Schema::new(f)));
        let of = schema.as_ref().map(|s| s.fields().to_vec()).unwrap_or_default();
        let convert = move |value: Value| {
            typed::<Vec<T>>(value).chunks(BATCH).map(|part| serde_arrow::to_record_batch(&of, &part).map_err(|e| told(&e))).collect()
        };
        frame(schema, &self.layer(), Arc::new(convert))
    }

    /// The first rows, with an error where there are none.
    fn first_rows(&self, n: usize) -> Result<Vec<T>> {
        let rows = self.take_at_most(n)?;
        if rows.is_empty() {
            let message = "the bag is empty, so its rows tell no columns; name them: to_dataframe(&[(\"x\", DType::Int64)])".to_owned();
            return Err(ErrorKind::BadArgument { method: "to_dataframe".to_owned(), message }.into());
        }
        Ok(rows)
    }
}

impl DataFrame {
    /// A frame of rows that are structs or maps, by serde; types are those of the rows.
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
        let made = fields_of(&rows).and_then(|fields| serde_arrow::to_record_batch(&fields, &rows).map_err(|e| told(&e)));
        Self::from_batch(made)
    }

    /// Computes the frame and gives its rows as values, by serde: structs whose fields are columns.
    ///
    /// # Errors
    /// As [`DataFrame::compute`], and where a row does not fit.
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
        serde_arrow::from_record_batch(self.compute()?.batch()).map_err(|e| told(&e))
    }

    /// Computes the frame and makes a bag of its rows, by serde.
    ///
    /// # Errors
    /// As [`DataFrame::to_rows`].
    pub fn to_bag<T: Element + DeserializeOwned>(&self) -> Result<Bag<T>> {
        Ok(Bag::from_iter(self.to_rows()?))
    }
}

/// The columns that rows have, by serde.
fn fields_of<T: Serialize>(rows: &[T]) -> Result<Vec<FieldRef>> {
    let options = TracingOptions::default().allow_null_fields(true).coerce_numbers(true).guess_dates(true);
    Vec::<FieldRef>::from_samples(rows, options.sequence_as_large_list(false).strings_as_large_utf8(false)).map_err(|e| told(&e))
}

#[inline(never)]
fn told(e: &serde_arrow::Error) -> Error {
    let message = format!("{}; columns can be named: to_dataframe(&[(\"x\", DType::Int64)])", e.message());
    ErrorKind::BadArgument { method: "to_dataframe".to_owned(), message }.into()
}

/// The frame of a bag's partitions.
#[track_caller]
#[inline(never)]
fn frame(
    schema: Result<SchemaRef>,
    layer: &Arc<Layer>,
    convert: Arc<dyn Fn(Value) -> Result<Vec<RecordBatch>> + Send + Sync>,
) -> DataFrame {
    let points = fuse_streams(&layer.points());
    let partitions = points.len() as u32;
    // Partitions that are made of one another are all made at once, and kept while the frame is there.
    let alone = points.iter().all(|p| p.layer.inputs.is_empty());
    let together: Mutex<Option<Arc<Layer>>> = Mutex::new(None);
    let make: Partition = Arc::new(move |i| {
        let point = if alone {
            points[i as usize].clone()
        } else {
            // What failed, or was stopped, is tried again by the next computation.
            let mut all = together.lock().unwrap_or_else(PoisonError::into_inner);
            if all.is_none() {
                *all = Some(keep("to-dataframe", &points, |p, v| p.layer.work.size(v))?);
            }
            // It was filled a line ago where it was empty.
            all.as_ref().expect("the partitions are there").at(i)
        };
        convert(sched::compute(&[point])?.remove(0))
    });
    DataFrame::from_partitions(schema, partitions, make)
}
