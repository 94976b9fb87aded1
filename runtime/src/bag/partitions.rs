//! What is done with whole partitions: bags side by side, samples, running totals, other partitions.

use super::layers::{Join, Reads, after, joined};
use super::{Bag, Element, count_of, gathered, list_of, push_list, size, size_of_value};
use crate::config;
use crate::delayed::typed;
use crate::error::Result;
use crate::graph::stream::Part;
use crate::graph::{Key, Layer, Name, Value, Work};
use crate::sched;
use std::sync::Arc;

/// Gives out the lists of a value that is a list of lists, `each` to a value.
struct Pieces {
    each: u32,
    take: fn(Value, usize) -> Value,
    size: fn(&Value) -> crate::graph::value::Size,
}

impl Work for Pieces {
    fn reads(&self, _: &Layer, index: u32, out: &mut Vec<(u32, u32)>) {
        out.push((0, index / self.each));
    }
    fn run(&self, index: u32, mut values: Vec<Value>) -> Result<Value> {
        Ok((self.take)(values.remove(0), (index % self.each) as usize))
    }
    fn size(&self, value: &Value) -> crate::graph::value::Size {
        (self.size)(value)
    }
}

/// The lists of a layer whose values are lists of `each` lists: one task for each.
pub(super) fn pieces<T: Element>(name: &str, layer: &Arc<Layer>, each: u32) -> Arc<Layer> {
    fn take<T: Element>(value: Value, i: usize) -> Value {
        Arc::new(typed::<Vec<Vec<T>>>(value).get(i).cloned().unwrap_or_default())
    }
    let work = Pieces { each, take: take::<T>, size: size::<T> };
    Layer::new(Key::new(Name::new(name)), layer.len * each, vec![layer.at(0)], work)
}

/// Reads task `i` of the first input, and the only tasks of the others.
fn own_and_the(others: u32) -> Reads {
    Box::new(move |_, i, out| {
        out.push((0, i));
        out.extend((1..=others).map(|input| (input, 0)));
    })
}

/// The lists of a layer together, each with the number of elements before it.
type Lists<T> = Vec<(u64, Arc<Vec<T>>)>;

fn together<T: Element>(layer: &Arc<Layer>) -> Arc<Layer> {
    let join: Join = Arc::new(|values| {
        let mut before = 0;
        let place = |v| {
            let list = typed::<Vec<T>>(v);
            before += list.len() as u64;
            (before - list.len() as u64, list)
        };
        Ok(Arc::new(values.into_iter().map(place).collect::<Lists<T>>()) as Value)
    });
    // The lists are counted where they were made.
    joined(Name::new("together"), layer, join, |_| crate::graph::value::Size { bytes: 0, exact: true })
}

impl<T: Element> Bag<T> {
    /// A layer of one task: the number of elements before each partition.
    fn offsets(&self) -> Arc<Layer> {
        let lengths = self.summarize(Name::new("count-partition"), |part, up| {
            let mut n = 0u64;
            up(part, &mut |_| {
                n += 1;
                true
            })?;
            Ok(n)
        });
        let join: Join = Arc::new(|values| {
            let mut before = 0;
            let place = |v| {
                before += *typed::<u64>(v);
                before
            };
            let ends: Vec<u64> = values.into_iter().map(place).collect();
            Ok(Arc::new([&[0], ends.as_slice()].concat()) as Value)
        });
        joined(Name::new("offsets"), &lengths, join, size_of_value::<Vec<u64>>)
    }

    /// The elements with their numbers, from 0.
    ///
    /// Partitions are counted first, so a bag that is expensive is held in memory, or persisted before.
    ///
    /// ```
    /// use rask::prelude::*;
    /// assert_eq!(Bag::from_iter(["a", "b"]).enumerate().compute()?, [(0, "a"), (1, "b")]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    pub fn enumerate(&self) -> Bag<(u64, T)> {
        let mine = self.layer();
        gathered("enumerate", mine.len, &[&mine, &self.offsets()], own_and_the(1), |part: &mut Part, sink| {
            let mut at = typed::<Vec<u64>>(part.take(1))[part.index as usize];
            push_list(part, 0, &mut |x: T| {
                at += 1;
                sink((at - 1, x))
            })
        })
    }

    /// The pairs of the first elements, the second elements, and so on; the longer bag's rest is left out, and no partition
    /// of either matters. All of `other` is in memory meanwhile.
    pub fn zip<U: Element>(&self, other: &Bag<U>) -> Bag<(T, U)> {
        let mine = self.layer();
        let inputs = [&mine, &self.offsets(), &together::<U>(&other.layer())];
        gathered("zip", mine.len, &inputs, own_and_the(2), |part: &mut Part, sink| {
            let start = typed::<Vec<u64>>(part.take(1))[part.index as usize];
            let lists = typed::<Lists<U>>(part.take(2));
            // The last list that begins at or before the place; those behind it follow.
            let first = lists.partition_point(|(before, _)| *before <= start).saturating_sub(1);
            let skip = lists.get(first).map_or(0, |(before, _)| (start - before) as usize);
            let mut rest = lists.iter().skip(first).flat_map(|(_, list)| list.iter()).skip(skip);
            push_list(part, 0, &mut |x: T| rest.next().is_some_and(|u| sink((x, u.clone()))))
        })
    }

    /// Every pair of an element of this bag and one of `other`: all of the other's for the first element, and so on. All of
    /// `other` is in memory meanwhile.
    pub fn product<U: Element>(&self, other: &Bag<U>) -> Bag<(T, U)> {
        let mine = self.layer();
        gathered("product", mine.len, &[&mine, &together::<U>(&other.layer())], own_and_the(1), |part: &mut Part, sink| {
            let lists = typed::<Lists<U>>(part.take(1));
            push_list(part, 0, &mut |x: T| lists.iter().flat_map(|(_, l)| l.iter()).all(|u| sink((x.clone(), u.clone()))))
        })
    }

    /// Running totals: `binop` of `initial` and the first element, of that and the second, and so on.
    ///
    /// Partitions wait for one another.
    ///
    /// ```
    /// use rask::prelude::*;
    /// assert_eq!(Bag::from_iter(1..=4).accumulate(0, |total, x| total + x).compute()?, [1, 3, 6, 10]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    pub fn accumulate<A: Element>(&self, initial: A, binop: impl Fn(A, T) -> A + Send + Sync + 'static) -> Bag<A> {
        let (binop, layer) = (Arc::new(binop), self.layer());
        let mut before: Option<Bag<A>> = None;
        let mut parts = Vec::new();
        for i in 0..layer.len {
            let (binop, initial) = (binop.clone(), initial.clone());
            let inputs: Vec<_> = std::iter::once(layer.clone()).chain(before.as_ref().map(Bag::layer)).collect();
            let reads: Reads = Box::new(move |layer, _, out| {
                out.push((0, i));
                out.extend((layer.inputs.len() > 1).then_some((1, 0)));
            });
            let part = gathered("accumulate", 1, &inputs.iter().collect::<Vec<_>>(), reads, move |part: &mut Part, sink| {
                let last = if part.values.len() > 1 { typed::<Vec<A>>(part.take(1)).last().cloned() } else { None };
                let mut total = last.unwrap_or_else(|| initial.clone());
                // The first is the total before this partition, and goes again below.
                sink(total.clone());
                push_list(part, 0, &mut |x: T| {
                    total = binop(total.clone(), x);
                    sink(total.clone())
                })
            });
            parts.push(part.clone());
            before = Some(part);
        }
        super::concat(&parts.iter().map(without_first).collect::<Vec<_>>())
    }

    /// Each element with the probability `prob`, by a random number of its own that hangs on `seed` and the element's place in
    /// the bag alone: the same elements whatever the partitions and workers.
    ///
    /// # Panics
    /// Where `prob` is not between 0 and 1.
    #[track_caller]
    pub fn random_sample(&self, prob: f64, seed: u64) -> Self {
        assert!((0.0..=1.0).contains(&prob), "random_sample: {prob} is no probability; it lies between 0 and 1");
        let below = (prob * 2f64.powi(64)) as u128;
        self.enumerate().filter(move |(i, _)| u128::from(mixed(seed, *i)) < below).map(|(_, x)| x)
    }

    /// `k` elements without repetition (all, where there are fewer), chosen by `seed` and the places in the bag alone, in the
    /// order of the bag.
    pub fn sample(&self, k: usize, seed: u64) -> Self {
        let ranked = self.enumerate().map(move |(i, x)| (mixed(seed, i), i, x));
        ranked.topk_by(k, |(rank, i, _)| (*rank, *i)).map_partitions(|mut chosen| {
            chosen.sort_by_key(|(_, i, _)| *i);
            chosen.into_iter().map(|(_, _, x)| x)
        })
    }

    /// The same elements in `npartitions` partitions.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let bag = Bag::from_iter(0..10).repartition(3);
    /// assert_eq!((bag.npartitions(), bag.count().compute()?), (3, 10));
    /// # Ok::<(), rask::Error>(())
    /// ```
    pub fn repartition(&self, npartitions: usize) -> Self {
        let (before, wanted) = (self.layer(), count_of(npartitions));
        // Each partition is cut into as many pieces as it takes for every new one to be made of whole pieces.
        let each = if wanted <= before.len { 1 } else { wanted.div_ceil(before.len) };
        self.in_pieces(
            each,
            (0..=wanted).map(|j| (u64::from(before.len) * u64::from(each) * u64::from(j) / u64::from(wanted)) as u32).collect(),
        )
    }

    /// Partitions of the pieces between each two `bounds`, where each partition before is cut into `each` pieces.
    fn in_pieces(&self, each: u32, bounds: Vec<u32>) -> Self {
        let before = self.layer();
        let cut = if each == 1 {
            before
        } else {
            let split = self.summarize(Name::new("repartition-split"), move |part, up| {
                let list = list_of(&*up, part)?;
                let (n, mut rest) = (list.len(), list.into_iter());
                let piece = |k: usize| n * (k + 1) / each as usize - n * k / each as usize;
                Ok((0..each as usize).map(|k| rest.by_ref().take(piece(k)).collect::<Vec<T>>()).collect::<Vec<_>>())
            });
            pieces::<T>("repartition-piece", &split, each)
        };
        let len = bounds.len() as u32 - 1;
        let reads: Reads = Box::new(move |_, j, out| out.extend((bounds[j as usize]..bounds[j as usize + 1]).map(|i| (0, i))));
        gathered("repartition", len, &[&cut], reads, |part: &mut Part, sink| {
            let mut more = true;
            for i in 0..part.values.len() {
                if more {
                    push_list(part, i, &mut |x: T| {
                        more = sink(x);
                        more
                    })?;
                }
            }
            Ok(())
        })
    }

    /// The same elements in partitions of about `size` bytes, such as `"10MB"`. The sizes of the partitions are computed now.
    ///
    /// # Errors
    /// A size that cannot be read, or as [`compute`](Bag::compute).
    pub fn repartition_size(&self, size: &str) -> Result<Self> {
        let wanted = config::bytes("repartition_size", size)?.max(1);
        let kept = self.persist()?;
        let sizes = after(Name::new("size-partition"), &kept.layer(), Sizes(super::size::<T>));
        let (each, bounds) = bounds_by_size(sched::compute(&sizes.points())?, wanted);
        Ok(kept.in_pieces(each, bounds))
    }
}

/// Into how many pieces each list is cut, and the pieces with which a partition of about `wanted` bytes begins.
#[inline(never)]
fn bounds_by_size(sizes: Vec<Value>, wanted: u64) -> (u32, Vec<u32>) {
    let sizes: Vec<u64> = sizes.into_iter().map(|v| *typed::<u64>(v)).collect();
    let each = sizes.iter().max().map_or(1, |most| most.div_ceil(wanted)).clamp(1, (1 << 24) / sizes.len() as u64) as u32;
    let (mut bounds, mut sum) = (vec![0], 0);
    for (i, bytes) in sizes.iter().enumerate() {
        for k in 0..each {
            let piece = bytes / u64::from(each);
            let at = i as u32 * each + k;
            if sum + piece > wanted && bounds.last() != Some(&at) {
                bounds.push(at);
                sum = 0;
            }
            sum += piece;
        }
    }
    bounds.push(sizes.len() as u32 * each);
    (each, bounds)
}

/// Bytes of the lists of a layer.
struct Sizes(fn(&Value) -> crate::graph::value::Size);

impl Work for Sizes {
    fn reads(&self, _: &Layer, index: u32, out: &mut Vec<(u32, u32)>) {
        out.push((0, index));
    }
    fn run(&self, _: u32, values: Vec<Value>) -> Result<Value> {
        Ok(Arc::new((self.0)(&values[0]).bytes))
    }
}

fn without_first<A: Element>(part: &Bag<A>) -> Bag<A> {
    part.step(Name::new("accumulate"), |up| {
        Arc::new(move |part, sink| {
            let mut first = true;
            up(part, &mut |x| std::mem::take(&mut first) || sink(x))
        })
    })
}

/// A random number that hangs on the seed and the place alone (the finisher of SplitMix64).
fn mixed(seed: u64, place: u64) -> u64 {
    let mut z = seed.wrapping_mul(0xD134_2543_DE82_EF95) ^ place.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
