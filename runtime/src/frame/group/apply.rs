//! Closures over groups: each gets the rows of one group as a table, and returns rows of the new
//! frame.

use crate::config;
use crate::error::{During, Error, Result};
use crate::frame::dataframe::DataFrame;
use crate::frame::dataframe::partitions::Partitions;
use crate::frame::expr::keys::one_value;
use crate::frame::group::groupby::GroupBy;
use crate::frame::threads;
use crate::frame::types::batch::{self, nullable, with_columns};
use crate::frame::types::table::Table;
use arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use arrow::compute::{partition, take};
use arrow::datatypes::{Field, Schema};
use futures::{StreamExt, TryStreamExt, stream};
use std::sync::Arc;

const METHOD: &str = "groupby(..).apply";

impl GroupBy {
    /// Calls a closure with the rows of each group, in parallel; the returned tables are
    /// concatenated in the order of the keys, with the keys as first columns unless the closure
    /// returns them itself. The frame is computed immediately, as the closure determines the
    /// columns; if there are no groups, it is called with an empty table.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let df = DataFrame::from_columns([("k", Series::from_iter(["b", "a", "b"])), ("x", Series::from_iter([1.0, 2.0, 4.0]))]);
    /// let spread = df.groupby("k").apply(|group| {
    ///     let x = group.column("x")?.to_vec::<f64>()?;
    ///     let spread = x.iter().copied().fold(f64::MIN, f64::max) - x.iter().copied().fold(f64::MAX, f64::min);
    ///     DataFrame::from_columns([("spread", Series::from_iter([spread]))]).compute()
    /// });
    /// assert_eq!(spread.compute()?.column("spread")?.to_vec::<f64>()?, [0.0, 3.0]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    #[track_caller]
    pub fn apply(
        &self,
        closure: impl Fn(Table) -> Result<Table> + Send + Sync + 'static,
    ) -> DataFrame {
        self.applied(Arc::new(closure))
    }

    #[inline(never)]
    #[track_caller]
    fn applied(&self, closure: Arc<dyn Fn(Table) -> Result<Table> + Send + Sync>) -> DataFrame {
        let rows = self
            .non_null()
            .map_or_else(|| self.frame.clone(), |non_null| self.frame.filter(non_null));
        let sorted = rows.sorted(METHOD, &self.keys, true);
        let keys = self.keys.clone();
        // Groups can span partitions.
        sorted.over_all(
            METHOD,
            Arc::new(move |all: &Partitions| each_group(&all.whole()?, &keys, &closure)),
        )
    }
}

/// Calls the closure with each group of rows that are sorted by their keys.
fn each_group(
    rows: &RecordBatch,
    keys: &[String],
    closure: &Arc<dyn Fn(Table) -> Result<Table> + Send + Sync>,
) -> Result<RecordBatch> {
    let column =
        |k: &String| rows.schema().index_of(k).map(|i| rows.column(i).clone()).during(METHOD);
    let columns = keys.iter().map(column).collect::<Result<Vec<_>>>()?;
    let (of, closure, names, arrays) =
        (rows.clone(), closure.clone(), keys.to_vec(), columns.clone());
    let one = Arc::new(move |start: usize, len: usize| {
        let made = closure(Table::new(of.slice(start, len)))?;
        with_keys(made.batch(), &names, &arrays, start)
    });
    if rows.num_rows() == 0 {
        return one(0, 0).map_err(|e| {
            let message =
                format!("there are no groups, and the closure failed for an empty table: {e}");
            Error::bad_argument(METHOD, message)
        });
    }
    let groups = if columns.is_empty() {
        std::iter::once(0..rows.num_rows()).collect()
    } else {
        partition(&keys_of(&columns)).during(METHOD)?.ranges()
    };
    // Closures may compute frames themselves, so they run beside DataFusion, and not on the threads
    // of tasks.
    let calls = stream::iter(groups).map(move |g| {
        let one = one.clone();
        threads::beside(move || one(g.start, g.len()))
    });
    let made: Vec<RecordBatch> = threads::wait(calls.buffered(config::threads()).try_collect())?;
    let schema = nullable(&made[0].schema());
    let made = made.iter().map(|b| with_columns(METHOD, b, &schema)).collect::<Result<Vec<_>>>()?;
    batch::concat(&schema, &made)
}

/// Normalizes the key columns for comparison.
fn keys_of(columns: &[ArrayRef]) -> Vec<ArrayRef> {
    columns.iter().map(one_value).collect()
}

/// Adds the keys of a group to the table that the closure returned.
fn with_keys(
    made: &RecordBatch,
    keys: &[String],
    columns: &[ArrayRef],
    row: usize,
) -> Result<RecordBatch> {
    let schema = made.schema();
    let (mut fields, mut arrays) = (Vec::new(), Vec::new());
    for (key, column) in keys.iter().zip(columns).filter(|(k, _)| schema.index_of(k).is_err()) {
        fields.push(Arc::new(Field::new(key, column.data_type().clone(), true)));
        arrays.push(
            take(column, &UInt32Array::from(vec![row as u32; made.num_rows()]), None)
                .during(METHOD)?,
        );
    }
    fields.extend(schema.fields().iter().cloned());
    arrays.extend(made.columns().iter().cloned());
    batch::batch(METHOD, &Arc::new(Schema::new(fields)), arrays, made.num_rows())
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;

    #[test]
    fn groups_are_whole_whatever_the_partitions() {
        let df = DataFrame::from_columns([
            (
                "k",
                Series::from_iter(
                    (0..100i64).map(|i| if i % 10 == 9 { None } else { Some(i % 3) }),
                ),
            ),
            ("x", Series::from_iter(0..100i64)),
        ]);
        let first_two = |df: &DataFrame| {
            let made = df.groupby("k").apply(|g| Ok(g.head(2))).compute().unwrap();
            (
                made.column("k").unwrap().to_vec::<i64>().unwrap(),
                made.column("x").unwrap().to_vec::<i64>().unwrap(),
            )
        };
        for parts in [1, 2, 3, 100] {
            assert_eq!(
                first_two(&df.repartition(parts)),
                (vec![0, 0, 1, 1, 2, 2], vec![0, 3, 1, 4, 2, 5]),
                "{parts} partitions"
            );
        }
        let all = df.groupby("k").dropna(false).apply(|g| {
            DataFrame::from_columns([("n", Series::from_iter([g.len() as i64]))]).compute()
        });
        let all = all.compute().unwrap();
        assert_eq!(all.column("n").unwrap().to_vec::<i64>().unwrap(), [30, 30, 30, 10]);
        assert_eq!(
            all.column("k").unwrap().to_vec::<Option<i64>>().unwrap(),
            [Some(0), Some(1), Some(2), None]
        );
    }

    #[test]
    fn closures_and_tasks_may_sort_frames_themselves() {
        let rows = || {
            DataFrame::from_columns([
                ("k", Series::from_iter((0..400i64).map(|i| i % 40))),
                ("x", Series::from_iter((0..400i64).rev())),
            ])
        };
        let least = rows().groupby("k").apply(|g| {
            let x = g.column("x")?.to_vec::<i64>()?;
            DataFrame::from_columns([("x", Series::from_iter(x))]).sort_values("x").head(1)
        });
        assert_eq!(least.len().unwrap(), 40);
        let tasks: Vec<_> = (0..16)
            .map(|_| delayed(move || rows().groupby("k").sum("x").len().unwrap()).call(()))
            .collect();
        assert_eq!(compute(tasks).unwrap(), [40; 16]);
        let sums = rows().merge(&rows().groupby("k").mean("x").rename([("x", "mean")]), "k");
        assert_eq!(compute(sums.to_delayed()).unwrap().iter().map(Table::len).sum::<usize>(), 400);
    }

    #[test]
    fn what_a_closure_says_is_told() {
        let df = DataFrame::from_columns([
            ("k", Series::from_iter([1i64, 2])),
            ("x", Series::from_iter([1i64, 2])),
        ]);
        let e = df
            .groupby("k")
            .apply(|g| Ok(g.column("y")?).and(Ok(g)))
            .compute()
            .unwrap_err()
            .to_string();
        assert!(e.contains("\"y\""), "{e}");
        let none = df.filter(col("x").gt(5)).groupby("k").apply(Ok);
        assert_eq!(
            (none.len().unwrap(), none.columns().unwrap()),
            (0, vec!["k".to_owned(), "x".to_owned()])
        );
        let e = df.groupby("kk").apply(Ok).compute().unwrap_err().to_string();
        assert!(e.contains("\"kk\""), "{e}");
    }
}
