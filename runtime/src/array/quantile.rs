//! Exact quantiles: of all elements in bounded memory, and along an axis.
//!
//! The elements of a given rank are found by their bits: floats in the order of their bits as
//! integers are in the order of their values. The first pass counts elements by their leading 16
//! bits, the second one those with the leading bits of a wanted rank by the next 16, and the third
//! one collects the few distinct elements that are left.

use super::align::cast;
use super::args::axis_of;
use super::block::Block;
use super::calls::{each_block, layer, one_block, tree};
use super::core::Core;
use super::data::{Data, sealed::Sealed};
use super::dtype::Dtype;
use super::element::ArrayElement;
use super::failing::Failing;
use super::handle::{Array, Place, core, made, step};
use super::lanes::{Lanes, refuse_complex};
use super::program::block_of;
use super::whole::whole_along;
use crate::delayed::{Delayed, typed_ref};
use crate::error::{Error, Result};
use crate::graph::{Key, Layer, Name, Point, Value};
use crate::handle::Opaque;
use std::collections::BTreeMap;
use std::panic::Location;
use std::sync::Arc;

/// Returns the bits of a float as an integer in the order of the values.
fn key(x: f64) -> u64 {
    // Both zeros are one value.
    let bits = (x + 0.0).to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

fn value(key: u64) -> f64 {
    f64::from_bits(if key >> 63 == 1 { key & !(1 << 63) } else { !key })
}

/// How many elements there are, by the leading bits of their keys.
#[derive(Debug, Clone, Default)]
struct Counts {
    /// How many bits are known of the elements that are counted.
    by: BTreeMap<u64, u64>,
    nan: u64,
}

/// The leading bits of the elements of the wanted ranks.
#[derive(Debug, Clone)]
struct Wanted {
    /// The number of elements that count, and whether the results are NaN.
    n: u64,
    is_nan: bool,
    /// For each wanted rank, the leading bits of its element, and how many elements are before
    /// those with the same bits.
    ranks: Vec<(u64, u64, u64)>,
}

/// Which of the two neighbouring ranks of a quantile, and how far between them it is.
fn ranks(q: f64, n: u64) -> (u64, f64) {
    let at = q * (n.saturating_sub(1)) as f64;
    (at.floor() as u64, at - at.floor())
}

/// Returns the number between two neighbours, as NumPy computes it.
fn between(a: f64, b: f64, t: f64) -> f64 {
    if a == b {
        return a;
    }
    let width = b - a;
    if t >= 0.5 { b - width * (1.0 - t) } else { a + width * t }
}

/// Counts the elements by `bits` more of their leading bits.
fn count(list: &[f64], known: Option<(&Wanted, u32)>, to: u32) -> Counts {
    let mut counts = Counts::default();
    // Keys of 16 bits are counted in a table.
    let mut table = vec![0u64; 1 << 16];
    let mut prefixes: Vec<u64> = match known {
        None => vec![0],
        Some((wanted, _)) => wanted.ranks.iter().map(|r| r.0).collect(),
    };
    prefixes.dedup();
    let from = known.map_or(0, |(_, bits)| bits);
    for prefix in prefixes {
        table.fill(0);
        let mut nan = 0;
        for x in list {
            if x.is_nan() {
                nan += 1;
                continue;
            }
            let key = key(*x);
            if from == 0 || key >> (64 - from) == prefix {
                table[(key >> (64 - to)) as usize & 0xFFFF] += 1;
            }
        }
        counts.nan = nan;
        let found = table.iter().enumerate().filter(|(_, n)| **n > 0);
        counts.by.extend(found.map(|(low, n)| (prefix << (to - from) | low as u64, *n)));
    }
    counts
}

/// Counts the distinct elements with the leading bits of a wanted rank.
fn collect(list: &[f64], wanted: &Wanted, bits: u32) -> Counts {
    let mut prefixes: Vec<u64> = wanted.ranks.iter().map(|r| r.0).collect();
    prefixes.sort_unstable();
    let mut counts = Counts::default();
    for x in list.iter().filter(|x| !x.is_nan()) {
        let key = key(*x);
        if prefixes.binary_search(&(key >> (64 - bits))).is_ok() {
            *counts.by.entry(key).or_default() += 1;
        }
    }
    counts
}

/// Finds the leading bits of wanted ranks among the counts.
fn narrow(
    counts: &Counts,
    wanted: &[u64],
    before: &dyn Fn(u64) -> (u64, u64),
    n: u64,
    is_nan: bool,
) -> Wanted {
    let find = |rank: &u64| {
        let (prefix_from, mut seen) = before(*rank);
        for (bits, n) in counts.by.range(prefix_from..) {
            if seen + n > *rank {
                return (*bits, seen, *rank);
            }
            seen += n;
        }
        (0, seen, *rank)
    };
    Wanted { n, is_nan, ranks: wanted.iter().map(find).collect() }
}

/// How NaN and the probabilities are treated.
#[derive(Clone)]
struct Query {
    qs: Arc<[f64]>,
    skip_nan: bool,
}

impl Query {
    /// Returns the ranks of the elements that the results lie between.
    fn wanted(&self, n: u64) -> Vec<u64> {
        let both = |q: &f64| {
            let (rank, _) = ranks(*q, n);
            [rank, (rank + 1).min(n.saturating_sub(1))]
        };
        let mut all: Vec<u64> = self.qs.iter().flat_map(both).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

fn joined(values: &[Value]) -> Counts {
    let mut all = Counts::default();
    for value in values {
        let counts = typed_ref::<Counts>(value);
        all.nan += counts.nan;
        for (bits, n) in &counts.by {
            *all.by.entry(*bits).or_default() += n;
        }
    }
    all
}

/// Creates the task that computes the quantiles of all elements, as a block of floats.
fn of_all(name: &str, core: &Core, query: &Query) -> Arc<Layer> {
    let core = cast(core, Dtype::F64);
    let n = core.grid.blocks();
    let reads_block = |i: usize, read: &mut dyn FnMut(usize, usize)| read(0, i);
    let reads_both = |i: usize, read: &mut dyn FnMut(usize, usize)| {
        read(0, i);
        read(1, 0);
    };
    fn floats(value: &Value) -> Vec<f64> {
        Sealed::list(block_of(value).data().into_owned())
    }
    let join = |values: Vec<Value>| Ok(Arc::new(joined(&values)) as Value);
    let first = layer(name, n, &[&core.layer], reads_block, |_, v| {
        Ok(Arc::new(count(&floats(&v[0]), None, 16)) as Value)
    });
    let asked = query.clone();
    let first = narrowed(name, &tree(name, &first, join), move |counts| {
        let n = counts.by.values().sum::<u64>();
        let is_nan = n == 0 || (counts.nan > 0 && !asked.skip_nan);
        narrow(counts, &asked.wanted(n), &|_| (0, 0), n, is_nan)
    });
    let second = layer(name, n, &[&core.layer, &first], reads_both, |_, v| {
        let wanted = typed_ref::<Wanted>(&v[1]);
        Ok(Arc::new(count(&floats(&v[0]), Some((wanted, 16)), 32)) as Value)
    });
    let second = refined(name, &tree(name, &second, join), &first, 16);
    let third = layer(name, n, &[&core.layer, &second], reads_both, |_, v| {
        Ok(Arc::new(collect(&floats(&v[0]), typed_ref(&v[1]), 32)) as Value)
    });
    let third = refined(name, &tree(name, &third, join), &second, 32);
    let query = query.clone();
    let reads = |_: usize, read: &mut dyn FnMut(usize, usize)| read(0, 0);
    layer(&format!("{name}-aggregate"), 1, &[&third], reads, move |_, v| {
        let found = typed_ref::<Wanted>(&v[0]);
        let of = |q: &f64| {
            if found.is_nan {
                return f64::NAN;
            }
            let (rank, t) = ranks(*q, found.n);
            let at = |rank: u64| {
                let known = found.ranks.iter().find(|r| r.2 == rank.min(found.n - 1));
                known.map_or(f64::NAN, |r| value(r.0))
            };
            between(at(rank), at(rank + 1), t)
        };
        let list: Vec<f64> = query.qs.iter().map(of).collect();
        Ok(Arc::new(Block::new(vec![list.len()], Data::F64(list))) as Value)
    })
}

/// Creates the task that finds the leading bits of the wanted ranks in counts.
fn narrowed(
    name: &str,
    counts: &Arc<Layer>,
    f: impl Fn(&Counts) -> Wanted + Send + Sync + 'static,
) -> Arc<Layer> {
    let reads = |_: usize, read: &mut dyn FnMut(usize, usize)| read(0, 0);
    layer(name, 1, &[counts], reads, move |_, v| Ok(Arc::new(f(typed_ref(&v[0]))) as Value))
}

/// Creates the task that finds more of the leading bits, of which `known` are known.
fn refined(name: &str, counts: &Arc<Layer>, before: &Arc<Layer>, known: u32) -> Arc<Layer> {
    let more = if known == 16 { 16 } else { 32 };
    let reads = |_: usize, read: &mut dyn FnMut(usize, usize)| {
        read(0, 0);
        read(1, 0);
    };
    layer(name, 1, &[counts, before], reads, move |_, v| {
        let (counts, last) = (typed_ref::<Counts>(&v[0]), typed_ref::<Wanted>(&v[1]));
        let wanted: Vec<u64> = last.ranks.iter().map(|r| r.2).collect();
        let start = |rank: u64| {
            let known = last.ranks.iter().find(|r| r.2 == rank);
            known.map_or((0, 0), |r| (r.0 << more, r.1))
        };
        Ok(Arc::new(narrow(counts, &wanted, &start, last.n, last.is_nan)) as Value)
    })
}

/// Computes quantiles of the elements of a lane, which is changed.
fn of_lane(lane: &mut Vec<f64>, query: &Query, out: &mut [f64]) {
    let n = lane.len();
    lane.retain(|x| !x.is_nan());
    let is_nan = lane.is_empty() || (lane.len() < n && !query.skip_nan);
    lane.sort_unstable_by(f64::total_cmp);
    for (q, out) in query.qs.iter().zip(out) {
        *out = if is_nan {
            f64::NAN
        } else {
            let (rank, t) = ranks(*q, lane.len() as u64);
            let rank = rank as usize;
            between(lane[rank], lane[(rank + 1).min(lane.len() - 1)], t)
        };
    }
}

/// Computes quantiles along an axis, which the results have first if there are several.
fn along(name: &str, core: &Core, axis: usize, query: &Query, many: bool) -> Result<Core> {
    let core = whole_along(name, &cast(core, Dtype::F64), &[axis])?;
    let m = query.qs.len();
    let query = query.clone();
    let mut chunks: Vec<Vec<usize>> = core.grid.chunks.iter().map(|c| c.to_vec()).collect();
    chunks.remove(axis);
    if many {
        chunks.insert(0, vec![m]);
    }
    let grid = Arc::new(super::grid::Grid::new(chunks));
    Ok(each_block(name, grid, Dtype::F64, &core, move |_, block| {
        let lanes = Lanes::of(&block.shape, axis);
        let list: Vec<f64> = Sealed::list(block.data().into_owned());
        let found = lanes
            .map(&list, m, &mut |lane, out: &mut [f64]| of_lane(&mut lane.to_vec(), &query, out));
        // From (outer, m, inner) to (m, outer, inner).
        let mut sorted = Vec::with_capacity(found.len());
        for i in 0..m {
            for outer in 0..lanes.outer {
                let from = (outer * m + i) * lanes.inner;
                sorted.extend_from_slice(&found[from..from + lanes.inner]);
            }
        }
        let mut shape = block.shape.clone();
        shape.remove(axis);
        if many {
            shape.insert(0, m);
        }
        Ok(Block::new(shape, Data::F64(sorted)))
    }))
}

fn checked(name: &str, qs: &[f64], scale: f64, dtype: Dtype, skip_nan: bool) -> Result<Query> {
    refuse_complex(name, dtype)?;
    if let Some(q) = qs.iter().find(|q| !(0.0..=scale).contains(*q)) {
        return Err(Error::bad_argument(name, format!("{q}; expected numbers from 0 to {scale}")));
    }
    Ok(Query { qs: qs.iter().map(|q| q / scale).collect(), skip_nan })
}

/// What a quantile is asked for by: a number, or several of them.
pub trait Probabilities {
    /// The result: a delayed number, or a list of floats.
    type Of;
    #[doc(hidden)]
    const MANY: bool;
    #[doc(hidden)]
    fn list(&self) -> Vec<f64>;
    #[doc(hidden)]
    fn found(of: Found) -> Self::Of;
}

/// The tasks of quantiles.
#[doc(hidden)]
pub struct Found(Result<Arc<Layer>>, usize, Place);

impl Found {
    #[inline(never)]
    fn number(self) -> Point {
        let key = || Key::new(Name::new("quantile"));
        match self.0 {
            Ok(from) => {
                let reads = |_: usize, read: &mut dyn FnMut(usize, usize)| read(0, 0);
                let run = |_: usize, v: Vec<Value>| {
                    let list: Vec<f64> = Sealed::list(block_of(&v[0]).data().into_owned());
                    Ok(Arc::new(list[0]) as Value)
                };
                layer("getitem", 1, &[&from], reads, run).at(0)
            }
            Err(e) => Layer::new(key(), 1, Vec::new(), Failing(e)).at(0),
        }
    }

    #[inline(never)]
    fn array(self) -> Opaque {
        let Self(found, n, place) = self;
        made(
            found.map(|from| {
                one_block("quantile", vec![n], Dtype::F64, &from, |v| Ok(block_of(v).clone()))
            }),
            place,
        )
    }
}

macro_rules! numbers {
    ($($t:ty),*) => {$(
        impl Probabilities for $t {
            type Of = Delayed<f64>;
            const MANY: bool = false;
            fn list(&self) -> Vec<f64> {
                vec![f64::from(*self)]
            }
            fn found(of: Found) -> Self::Of {
                Delayed::of_point(of.number())
            }
        }
    )*};
}
numbers!(f64, i32);

macro_rules! lists {
    ($(($($generic:tt)*) $t:ty),*) => {$(
        impl $($generic)* Probabilities for $t {
            type Of = Array<f64>;
            const MANY: bool = true;
            fn list(&self) -> Vec<f64> {
                self.to_vec()
            }
            fn found(of: Found) -> Self::Of {
                Array::of(of.array())
            }
        }
    )*};
}
lists!((<const N: usize>) [f64; N], () Vec<f64>, () &[f64]);

#[inline(never)]
fn all(name: &str, inner: &Opaque, qs: &[f64], scale: f64, skip_nan: bool, place: Place) -> Found {
    let layer = core(inner)
        .and_then(|core| Ok(of_all(name, core, &checked(name, qs, scale, core.dtype, skip_nan)?)));
    Found(layer, qs.len(), place)
}

/// How quantiles along an axis were asked for.
struct Asked<'a> {
    name: &'a str,
    qs: Vec<f64>,
    scale: f64,
    skip_nan: bool,
    many: bool,
}

#[inline(never)]
fn axis_wise(inner: &Opaque, asked: Asked<'_>, axis: i64, place: Place) -> Opaque {
    step(&[inner], place, &|cores| {
        let axis = axis_of(asked.name, axis, cores[0].ndim())?;
        let query = checked(asked.name, &asked.qs, asked.scale, cores[0].dtype, asked.skip_nan)?;
        along(asked.name, cores[0], axis, &query, asked.many)
    })
}

macro_rules! quantiles {
    ($($(#[$doc:meta])* $all:ident, $axis:ident: $scale:expr, $skip:expr;)*) => {
        impl<T: ArrayElement> Array<T> {$(
            $(#[$doc])*
            #[must_use]
            #[track_caller]
            pub fn $all<Q: Probabilities>(&self, q: Q) -> Q::Of {
                Q::found(all(stringify!($all), &self.inner, &q.list(), $scale, $skip, Location::caller()))
            }

            $(#[$doc])*
            ///
            /// Along an axis; the results of several numbers are side by side along a new first axis.
            #[must_use]
            #[track_caller]
            pub fn $axis<Q: Probabilities>(&self, q: Q, axis: i64) -> Array<f64> {
                let asked = Asked { name: stringify!($all), qs: q.list(), scale: $scale, skip_nan: $skip, many: Q::MANY };
                Array::of(axis_wise(&self.inner, asked, axis, Location::caller()))
            }
        )*}
    };
}
quantiles! {
    /// Computes exact quantiles, between the neighbours as NumPy does: of one number from 0 to 1 a delayed float, of several a
    /// list. NaN if there is one.
    quantile, quantile_axis: 1.0, false;
    /// Computes exact percentiles: quantiles of numbers from 0 to 100.
    percentile, percentile_axis: 100.0, false;
    /// Computes exact quantiles of the elements that are not NaN.
    nanquantile, nanquantile_axis: 1.0, true;
    /// Computes exact percentiles of the elements that are not NaN.
    nanpercentile, nanpercentile_axis: 100.0, true;
}

impl<T: ArrayElement> Array<T> {
    /// Computes the exact median; NaN if there is one.
    ///
    /// ```
    /// use rask::prelude::*;
    /// assert_eq!(da::arange(0..10i64).median().compute()?, 4.5);
    /// # Ok::<(), rask::Error>(())
    /// ```
    #[must_use]
    #[track_caller]
    pub fn median(&self) -> Delayed<f64> {
        self.quantile(0.5)
    }

    /// Computes the exact medians along an axis.
    #[must_use]
    #[track_caller]
    pub fn median_axis(&self, axis: i64) -> Array<f64> {
        self.quantile_axis(0.5, axis)
    }

    /// Computes the exact median of the elements that are not NaN.
    #[must_use]
    #[track_caller]
    pub fn nanmedian(&self) -> Delayed<f64> {
        self.nanquantile(0.5)
    }

    /// Computes the exact medians along an axis of the elements that are not NaN.
    #[must_use]
    #[track_caller]
    pub fn nanmedian_axis(&self, axis: i64) -> Array<f64> {
        self.nanquantile_axis(0.5, axis)
    }
}
