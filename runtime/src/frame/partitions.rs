//! Frames by their partitions: one of them, another number of them, a closure over each.

use super::{DataFrame, Table, engine, held};
use crate::error::{Error, ErrorKind, Result};
use arrow::array::RecordBatch;
use datafusion::execution::SendableRecordBatchStream;
use futures::TryStreamExt;
use std::sync::Arc;

/// All rows of a partition.
async fn kept(rows: SendableRecordBatchStream) -> Result<Vec<RecordBatch>> {
    rows.try_collect().await.map_err(|e| Error::engine("partitions", &e))
}

impl DataFrame {
    /// Computes the frame at once and keeps it in so many partitions of about the same number of rows, in the same order.
    #[track_caller]
    pub fn repartition(&self, npartitions: usize) -> Self {
        if self.quiet().is_err() {
            return self.clone();
        }
        let parts = npartitions.max(1);
        Self::from_result(self.compute().and_then(|table| {
            let batch = table.batch();
            let place = |p: usize| batch.num_rows() * p / parts;
            let part = |p: usize| (place(p)..place(p + 1)).step_by(8192).map(|at| batch.slice(at, 8192.min(place(p + 1) - at))).collect();
            held(batch.schema(), (0..parts).map(part).collect())
        }))
    }

    /// Computes one partition, counted from 0, and keeps it as a frame.
    #[track_caller]
    pub fn get_partition(&self, number: usize) -> Self {
        let Ok(plan) = self.quiet() else { return self.clone() };
        let there = self.npartitions();
        if number >= there {
            let message = format!("there is no partition {number}; the frame has {there}, counted from 0");
            return Self::from_result(Err(Error::bad_argument("get_partition", message)));
        }
        Self::from_result(engine::with_right_types(plan, |plan| {
            let (schema, batches) = engine::nth_partition(plan, number, |rows| async move { Ok((rows.schema(), kept(rows).await?)) })?;
            held(schema, vec![batches])
        }))
    }

    /// The frames of all partitions.
    #[track_caller]
    pub fn partitions(&self) -> Vec<Self> {
        (0..self.npartitions()).map(|i| self.get_partition(i)).collect()
    }

    /// Computes the frame at once and calls a closure with each partition, side by side; the tables that it returns, which must
    /// have the same columns, are the partitions of the new frame.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let df = DataFrame::from_columns([("x", Series::from_iter(0..100i64))]);
    /// let firsts = df.repartition(4).map_partitions(|part| Ok(part.head(1)));
    /// assert_eq!(firsts.compute()?.column("x")?.to_vec::<i64>()?, [0, 25, 50, 75]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    #[track_caller]
    pub fn map_partitions(&self, closure: impl Fn(Table) -> Result<Table> + Send + Sync + 'static) -> Self {
        self.mapped(Arc::new(closure))
    }

    #[inline(never)]
    #[track_caller]
    fn mapped(&self, closure: Arc<dyn Fn(Table) -> Result<Table> + Send + Sync>) -> Self {
        let plan = match self.quiet() {
            Ok(plan) => plan,
            Err(_) => return self.clone(),
        };
        let done = engine::with_right_types(plan, |plan| {
            let closure = closure.clone();
            let work = move |_, rows: SendableRecordBatchStream| {
                let closure = closure.clone();
                async move {
                    let schema = rows.schema();
                    let batches = kept(rows).await?;
                    let part = engine::concat(&schema, &batches)?;
                    // A closure may take long: other partitions go on beside it.
                    let called = tokio::task::spawn_blocking(move || crate::sched::within(|| closure(Table::new(part)))).await;
                    called.map_err(engine::joined)?
                }
            };
            Ok(engine::each_partition(plan, |_| Ok(work))?.1)
        });
        Self::from_result(done.and_then(|tables| {
            let Some(first) = tables.first() else { return held(Arc::new(arrow::datatypes::Schema::empty()), vec![Vec::new()]) };
            let schema = first.batch().schema();
            let types =
                |t: &Table| t.batch().schema().fields().iter().map(|f| (f.name().clone(), f.data_type().clone())).collect::<Vec<_>>();
            if let Some(other) = tables.iter().find(|t| types(t) != types(first)) {
                let message = format!("the closure returned other columns for one partition: {:?} and {:?}", types(first), types(other));
                return Err(Error::bad_argument("map_partitions", message));
            }
            let nullable = Arc::new(arrow::datatypes::Schema::new(
                schema.fields().iter().map(|f| f.as_ref().clone().with_nullable(true)).collect::<Vec<_>>(),
            ));
            let part = |t: &Table| RecordBatch::try_new(nullable.clone(), t.batch().columns().to_vec()).map(|b| vec![b]);
            let parts = tables.iter().map(part).collect::<std::result::Result<Vec<_>, _>>();
            held(nullable.clone(), parts.map_err(|e| ErrorKind::Engine { operation: "map_partitions".to_owned(), message: e.to_string() })?)
        }))
    }
}
