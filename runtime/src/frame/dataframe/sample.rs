//! Random sampling: rows are chosen by their indices and a seed, so the partitions do not matter.

use crate::error::{During, Error, Result};
use crate::frame::dataframe::DataFrame;
use crate::frame::expr::ident;
use crate::frame::expr::udf::scalar_fn;
use crate::frame::plan::order::indexed;
use crate::frame::types::hash::{GOLDEN, share_of};
use crate::frame::types::names::INDEX;
use crate::mix::splitmix64;
use arrow::array::{ArrayRef, AsArray, BooleanArray};
use arrow::datatypes::{DataType, Int64Type};
use datafusion::logical_expr::LogicalPlanBuilder;
use std::sync::Arc;

/// The number of bits that one pass over the row indices examines.
const DIGIT: u32 = 16;

/// Hashes a row index to a number; different indices have different numbers.
fn dice(place: u64, seed: u64) -> u64 {
    splitmix64((place ^ seed.rotate_left(32)).wrapping_add(GOLDEN))
}

/// Returns the number at `rank` when the numbers of all row indices are sorted. Takes four passes,
/// each of which finds sixteen more of its bits, and no memory for the numbers.
fn threshold(places: u64, rank: u64, seed: u64) -> u64 {
    let (mut found, mut rank) = (0u64, rank);
    for shift in (0..64).step_by(DIGIT as usize).rev() {
        let mut counts = vec![0u64; 1 << DIGIT];
        let known = |number: u64| shift + DIGIT == 64 || number >> (shift + DIGIT) == found;
        for number in (0..places).map(|p| dice(p, seed)).filter(|n| known(*n)) {
            counts[(number >> shift & ((1 << DIGIT) - 1)) as usize] += 1;
        }
        let mut digit = 0;
        while rank >= counts[digit] {
            rank -= counts[digit];
            digit += 1;
        }
        found = found << DIGIT | digit as u64;
    }
    found
}

/// Which rows are chosen.
#[derive(Debug, Clone, Copy)]
enum Chosen {
    /// Those whose numbers are at most this one.
    UpTo(u64),
    /// Those whose numbers, as fractions, are in this half-open range.
    Between(f64, f64),
    None,
}

impl Chosen {
    fn has(self, number: u64) -> bool {
        match self {
            Self::UpTo(most) => number <= most,
            Self::Between(from, to) => (from..to).contains(&share_of(number)),
            Self::None => false,
        }
    }
}

fn is_share(method: &str, share: f64) -> Result<()> {
    if (0.0..=1.0 + 1e-9).contains(&share) {
        return Ok(());
    }
    let message = format!("invalid fraction of rows {share}: expected a number from 0 to 1");
    Err(Error::bad_argument(method, message))
}

impl DataFrame {
    /// Samples a fraction of the rows, from 0 to 1, without replacement: `round(n * share)` of `n`,
    /// with ties to even, in their order. The sample depends only on the row indices and the seed,
    /// not on the number of partitions. The rows are counted immediately.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let df = DataFrame::from_columns([("x", Series::from_iter(0..1000i64))]);
    /// assert_eq!(df.sample(0.25, 42).len()?, 250);
    /// # Ok::<(), rask::Error>(())
    /// ```
    #[track_caller]
    pub fn sample(&self, share: f64, seed: u64) -> Self {
        let rows = is_share("sample", share).and_then(|()| self.len());
        let most = rows.map(|n| (n as u64, (n as f64 * share.min(1.0)).round_ties_even() as u64));
        self.chosen_of("sample", most, seed)
    }

    /// Samples `n` rows without replacement, in their order: the same for any number of partitions.
    /// The rows are counted immediately.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let df = DataFrame::from_columns([("x", Series::from_iter(0..1000i64))]);
    /// assert_eq!(df.sample_n(3, 42).len()?, 3);
    /// # Ok::<(), rask::Error>(())
    /// ```
    #[track_caller]
    pub fn sample_n(&self, n: usize, seed: u64) -> Self {
        let rows = self.len().and_then(|rows| {
            if n <= rows {
                return Ok((rows as u64, n as u64));
            }
            let message = format!("cannot sample {n} rows from a frame of {rows}");
            Err(Error::bad_argument("sample_n", message))
        });
        self.chosen_of("sample_n", rows, seed)
    }

    /// Samples a number of all rows.
    #[inline(never)]
    #[track_caller]
    fn chosen_of(&self, method: &str, rows: Result<(u64, u64)>, seed: u64) -> Self {
        match rows {
            Ok((_, 0)) => self.chosen(method, Chosen::None, seed),
            Ok((rows, most)) => {
                self.chosen(method, Chosen::UpTo(threshold(rows, most - 1, seed)), seed)
            }
            Err(e) => self.failed(e),
        }
    }

    /// Splits the rows randomly into frames by fractions, which are normalized, and a seed; each
    /// row goes into exactly one frame.
    #[track_caller]
    pub fn random_split(&self, shares: impl AsRef<[f64]>, seed: u64) -> Vec<Self> {
        self.split_all(shares.as_ref(), seed)
    }

    #[inline(never)]
    #[track_caller]
    fn split_all(&self, shares: &[f64], seed: u64) -> Vec<Self> {
        let total: f64 = shares.iter().sum();
        let mut parts = Vec::new();
        let mut from = 0.0;
        for (i, share) in shares.iter().enumerate() {
            let to = if i + 1 == shares.len() { 2.0 } else { from + share / total };
            parts.push(match is_share("random_split", share / total) {
                Ok(()) => self.chosen("random_split", Chosen::Between(from, to), seed),
                Err(e) => self.failed(e),
            });
            from = to;
        }
        parts
    }

    #[inline(never)]
    #[track_caller]
    fn chosen(&self, method: &str, chosen: Chosen, seed: u64) -> Self {
        let rows = self.step(method, |_, plan| {
            let plan = indexed(plan, INDEX).during(method)?;
            let key = format!("{chosen:?}, {seed}");
            let is_chosen = scalar_fn(
                "chosen",
                key,
                vec![ident(INDEX)],
                |_| Ok(DataType::Boolean),
                move |a| {
                    let places = a[0].as_primitive::<Int64Type>().values().iter();
                    let of = places.map(|p| chosen.has(dice(*p as u64, seed)));
                    Ok(Arc::new(BooleanArray::from_iter(of.map(Some))) as ArrayRef)
                },
            );
            LogicalPlanBuilder::from(plan).filter(is_chosen).during(method)
        });
        rows.unnumbered(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prelude::*;

    #[test]
    fn thresholds_are_those_of_sorted_numbers() {
        for (places, seed) in [(1, 0), (7, 3), (1000, 42), (100_000, 5)] {
            let mut numbers: Vec<_> = (0..places).map(|p| dice(p, seed)).collect();
            numbers.sort_unstable();
            for rank in [0, places / 3, places - 1] {
                assert_eq!(threshold(places, rank, seed), numbers[rank as usize]);
            }
        }
    }

    #[test]
    fn samples_have_their_size_and_do_not_depend_on_partitions() {
        let df = DataFrame::from_columns([("x", Series::from_iter(0..999i64))]);
        let rows =
            |f: DataFrame| f.compute().unwrap().column("x").unwrap().to_vec::<i64>().unwrap();
        for (share, n) in [(0.0, 0), (0.1, 100), (0.5, 500), (1.0, 999)] {
            let want = rows(df.sample(share, 7));
            assert_eq!(want.len(), n);
            assert!(want.is_sorted());
            for parts in [2, 5, 57] {
                assert_eq!(rows(df.repartition(parts).sample(share, 7)), want);
                assert_eq!(rows(df.repartition(parts).sample_n(n, 7)), want);
            }
        }
        assert_ne!(rows(df.sample(0.1, 1)), rows(df.sample(0.1, 2)));
        let e = df.sample_n(1000, 1).compute().unwrap_err().to_string();
        assert!(e.contains("1000") && e.contains("999"), "{e}");
        let e = df.sample(1.5, 1).compute().unwrap_err().to_string();
        assert!(e.contains("1.5"), "{e}");
        let parts: Vec<_> = df.random_split([0.7, 0.3], 3).into_iter().map(rows).collect();
        assert_eq!(parts.iter().map(Vec::len).sum::<usize>(), 999);
    }
}
