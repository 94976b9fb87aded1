//! Sorts rows by their keys: as integers if the keys map to them, else as bytes that compare like
//! the keys.

use crate::frame::exec::sort::part::POOL;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float32Type, Float64Type, Int64Type, UInt64Type};
use arrow::row::{RowConverter, SortField};
use datafusion::error::Result;
use datafusion::physical_expr::PhysicalSortExpr;
use rayon::prelude::*;
use std::sync::Arc;

/// A batch index and a row index, packed.
pub(super) type Place = u64;

pub(super) fn place(batch: usize, row: usize) -> Place {
    (batch as u64) << 32 | row as u64
}

/// Returns the positions of all rows in sorted order; the sort is stable.
pub(super) fn order(batches: &[RecordBatch], keys: &[PhysicalSortExpr]) -> Result<Vec<Place>> {
    let column = |key: &PhysicalSortExpr, batch: &RecordBatch| -> Result<ArrayRef> {
        let values = key.expr.evaluate(batch)?.into_array(batch.num_rows())?;
        Ok(match values.data_type() {
            // -0.0 and 0.0 are equal.
            DataType::Float64 => {
                Arc::new(values.as_primitive::<Float64Type>().unary::<_, Float64Type>(|x| x + 0.0))
            }
            DataType::Float32 => {
                Arc::new(values.as_primitive::<Float32Type>().unary::<_, Float32Type>(|x| x + 0.0))
            }
            _ => values,
        })
    };
    let columns =
        |batch: &RecordBatch| keys.iter().map(|k| column(k, batch)).collect::<Result<Vec<_>>>();
    let columns = batches.par_iter().map(columns).collect::<Result<Vec<_>>>()?;
    let lengths: Vec<usize> = batches.iter().map(RecordBatch::num_rows).collect();
    let has_missing: Vec<bool> =
        (0..keys.len()).map(|key| columns.iter().any(|c| c[key].null_count() > 0)).collect();
    let numbers =
        |batch: usize, key: usize| numbers(&columns[batch][key], &keys[key], has_missing[key]);
    let of_numbers = match keys.len() {
        1 => by_numbers(
            &lengths,
            |b| numbers(b, 0),
            |n, place| u128::from(n) << 64 | u128::from(place),
            |both| both as Place,
        ),
        2 => {
            let both = |b| Some(numbers(b, 0)?.into_iter().zip(numbers(b, 1)?));
            by_numbers(
                &lengths,
                both,
                |(m, n), place| (u128::from(m) << 64 | u128::from(n), place),
                |(_, place)| place,
            )
        }
        _ => None,
    };
    if let Some(places) = of_numbers {
        return Ok(places);
    }
    let fields = keys
        .iter()
        .zip(&columns[0])
        .map(|(k, c)| SortField::new_with_options(c.data_type().clone(), k.options))
        .collect();
    let converter = RowConverter::new(fields)?;
    let rows = columns
        .par_iter()
        .map(|c| converter.convert_columns(c))
        .collect::<std::result::Result<Vec<_>, _>>()?;
    let mut places: Vec<Place> = batches
        .iter()
        .enumerate()
        .flat_map(|(b, batch)| (0..batch.num_rows()).map(move |r| place(b, r)))
        .collect();
    let row = |p: &Place| rows[(p >> 32) as usize].row((p & 0xffff_ffff) as usize);
    places.par_sort_unstable_by(|a, b| row(a).cmp(&row(b)).then_with(|| a.cmp(b)));
    Ok(places)
}

/// Returns the positions of rows in the order of their numbers: a number and its position are
/// packed into one sortable value. `None` if a batch has no numbers.
fn by_numbers<N, I: IntoIterator<Item = N>, P: Copy + Default + Ord + Send + Sync>(
    lengths: &[usize],
    numbers: impl Fn(usize) -> Option<I> + Sync,
    pack: impl Fn(N, Place) -> P + Sync,
    unpack: impl Fn(P) -> Place + Sync,
) -> Option<Vec<Place>> {
    let mut all = vec![P::default(); lengths.iter().sum()];
    let mut rest = all.as_mut_slice();
    let parts: Vec<&mut [P]> =
        lengths.iter().map(|n| rest.split_off_mut(..*n)).collect::<Option<_>>()?;
    parts.into_par_iter().enumerate().try_for_each(|(b, part)| {
        for (row, (to, n)) in part.iter_mut().zip(numbers(b)?).enumerate() {
            *to = pack(n, place(b, row));
        }
        Some(())
    })?;
    sort(&mut all, POOL.current_num_threads());
    Some(all.into_par_iter().map(&unpack).collect())
}

/// Sorts with this many threads: partitions at the median, then sorts both halves in parallel.
fn sort<P: Ord + Send>(all: &mut [P], threads: usize) {
    const FEW: usize = 1 << 14;
    if threads < 2 || all.len() < FEW {
        return all.sort_unstable();
    }
    let middle = all.len() / 2;
    all.select_nth_unstable(middle);
    let (low, high) = all.split_at_mut(middle);
    rayon::join(|| sort(low, threads / 2), || sort(high, threads - threads / 2));
}

/// Maps the values of a key to integers of the same order, nulls included; `None` if that is not
/// possible, such as for a value with the integer that stands for null in this batch or another.
fn numbers(array: &ArrayRef, key: &PhysicalSortExpr, has_missing: bool) -> Option<Vec<u64>> {
    const SIGN: u64 = 1 << 63;
    let float = |x: f64| {
        let bits = x.to_bits();
        if bits & SIGN == 0 { bits ^ SIGN } else { !bits }
    };
    let mut numbers: Vec<u64> = match array.data_type() {
        DataType::UInt64 => array.as_primitive::<UInt64Type>().values().to_vec(),
        t if t.is_floating() => cast(array, &DataType::Float64)
            .ok()?
            .as_primitive::<Float64Type>()
            .values()
            .iter()
            .map(|x| float(*x))
            .collect(),
        t if t.is_integer()
            || matches!(
                t,
                DataType::Timestamp(..)
                    | DataType::Date32
                    | DataType::Date64
                    | DataType::Duration(_)
            ) =>
        {
            cast(array, &DataType::Int64)
                .ok()?
                .as_primitive::<Int64Type>()
                .values()
                .iter()
                .map(|i| *i as u64 ^ SIGN)
                .collect()
        }
        _ => return None,
    };
    if key.options.descending {
        numbers.iter_mut().for_each(|n| *n = !*n);
    }
    if has_missing {
        let missing = if key.options.nulls_first { 0 } else { u64::MAX };
        for (i, n) in numbers.iter_mut().enumerate() {
            if array.is_null(i) {
                *n = missing;
            } else if *n == missing {
                return None;
            }
        }
    }
    Some(numbers)
}
