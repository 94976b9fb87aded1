//! Methods of bags on whole partitions: zip, product, running totals, samples, repartition.

use super::handle::{
    Bag, Element, count_of, gathered, length, list_of, of, partitions, push_list, size,
    size_of_value,
};
use super::layers::{Elements, Join, Of, Reads, after, between, joined, own_and_the};
use crate::config;
use crate::delayed::{each, typed, typed_ref};
use crate::error::Result;
use crate::graph::size::Size;
use crate::graph::stream::{Make, Part, Sink, Stream};
use crate::graph::{Key, Layer, Name, Value, Work};
use crate::handle::Opaque;
use crate::mix::splitmix64;
use crate::sched;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

/// The pieces of a list, which are lists too.
#[derive(Default)]
pub(super) struct Cut(Vec<Value>);

impl Cut {
    #[inline(never)]
    pub(super) fn push(&mut self, piece: Value) {
        self.0.push(piece);
    }

    /// Reverses the pieces.
    #[inline(never)]
    fn turned(mut self) -> Self {
        self.0.reverse();
        self
    }
}

/// The work that returns the pieces of lists; each list was cut into `each` pieces.
struct Pieces {
    each: u32,
    size: fn(&Value) -> Size,
}

impl Work for Pieces {
    fn reads(&self, _: &Layer, index: u32, out: &mut Vec<(u32, u32)>) {
        out.push((0, index / self.each));
    }
    fn run(&self, index: u32, mut values: Vec<Value>) -> Result<Value> {
        Ok(typed::<Cut>(values.remove(0)).0[(index % self.each) as usize].clone())
    }
    fn size(&self, value: &Value) -> Size {
        (self.size)(value)
    }
}

/// Builds a layer of the pieces of lists, one task per piece; each list was cut into `each` pieces.
#[inline(never)]
pub(super) fn pieces(name: &str, cut: &Opaque, each: u32, size: fn(&Value) -> Size) -> Opaque {
    let cut: Arc<Layer> = cut.arc();
    let work = Pieces { each, size };
    Opaque::of(Layer::new(Key::new(Name::new(name)), cut.len * each, vec![cut.at(0)], work))
}

/// All lists of a layer, each with the number of elements before it.
struct Lists(Vec<(u64, Value)>);

impl Lists {
    /// Returns the list with the element at a position, and the index in that list.
    fn find(&self, place: u64) -> (usize, usize) {
        // The last list that starts at or before the position.
        let list = self.0.partition_point(|(before, _)| *before <= place).saturating_sub(1);
        (list, self.0.get(list).map_or(0, |(before, _)| (place - before) as usize))
    }
}

/// Builds a layer of one task that holds all lists of a layer.
#[inline(never)]
fn together(layer: &Opaque, len: fn(&Value) -> usize) -> Opaque {
    let join: Join = Arc::new(move |values| {
        let mut before = 0;
        let place = |list| {
            let start = before;
            before += len(&list) as u64;
            (start, list)
        };
        Ok(Arc::new(Lists(values.into_iter().map(place).collect())) as Value)
    });
    // The bytes of the lists are counted where they were computed.
    Opaque::of(joined(Name::new("together"), &layer.arc(), join, |_| Size {
        bytes: 0,
        exact: true,
    }))
}

/// Builds a layer of one task: the number of elements before each partition and in total, from the
/// counts of the partitions.
#[inline(never)]
fn offsets(counts: &Opaque) -> Opaque {
    let join: Join = Arc::new(|values| {
        let (mut before, mut all) = (0, vec![0]);
        each(values, &mut |n| {
            before += *typed::<u64>(n);
            all.push(before);
        });
        Ok(Arc::new(all) as Value)
    });
    Opaque::of(joined(Name::new("offsets"), &counts.arc(), join, size_of_value::<Vec<u64>>))
}

/// Returns the number of elements before the current partition, which reads the [`offsets`] as its
/// value `i`.
#[inline(never)]
fn offset(part: &mut Part, i: usize) -> u64 {
    typed::<Vec<u64>>(part.take(i))[part.index as usize]
}

impl<T: Element> Bag<T> {
    /// Computes elements from each element and its index in the bag.
    fn numbered<U: Element>(
        &self,
        name: &str,
        push: impl Fn(u64, T, &mut Sink<'_, U>) -> bool + Send + Sync + 'static,
    ) -> Bag<U> {
        let inputs = [&self.layer, &offsets(&self.counts())];
        gathered(
            name,
            partitions(&self.layer),
            &inputs,
            own_and_the(1),
            move |part: &mut Part, sink| {
                let mut next = offset(part, 1);
                push_list(part, 0, &mut |x: T| {
                    next += 1;
                    push(next - 1, x, sink)
                })
            },
        )
    }

    /// Pairs the elements with their indices, from 0.
    ///
    /// Partitions are counted first: an expensive bag is kept in memory meanwhile, or can be
    /// persisted before.
    ///
    /// ```
    /// use rask::prelude::*;
    /// assert_eq!(Bag::from_iter(["a", "b"]).enumerate().compute()?, [(0, "a"), (1, "b")]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    pub fn enumerate(&self) -> Bag<(u64, T)> {
        self.numbered("enumerate", |i, x, sink| sink((i, x)))
    }

    /// Pairs the elements of two bags by position; the rest of the longer bag is dropped, and the
    /// bags may be partitioned differently. All of `other` is in memory meanwhile.
    pub fn zip<U: Element>(&self, other: &Bag<U>) -> Bag<(T, U)> {
        let inputs = [&self.layer, &offsets(&self.counts()), &together(&other.layer, length::<U>)];
        gathered(
            "zip",
            partitions(&self.layer),
            &inputs,
            own_and_the(2),
            |part: &mut Part, sink| {
                let start = offset(part, 1);
                let lists = typed::<Lists>(part.take(2));
                let (mut list, mut at) = lists.find(start);
                push_list(part, 0, &mut |x: T| {
                    while let Some((_, items)) = lists.0.get(list) {
                        if let Some(other) = typed_ref::<Vec<U>>(items).get(at) {
                            at += 1;
                            return sink((x, other.clone()));
                        }
                        (list, at) = (list + 1, 0);
                    }
                    false
                })
            },
        )
    }

    /// Returns the Cartesian product: all elements of `other` paired with the first element of this
    /// bag, and so on. All of `other` is in memory meanwhile.
    pub fn product<U: Element>(&self, other: &Bag<U>) -> Bag<(T, U)> {
        let inputs = [&self.layer, &together(&other.layer, length::<U>)];
        gathered(
            "product",
            partitions(&self.layer),
            &inputs,
            own_and_the(1),
            |part: &mut Part, sink| {
                let lists = typed::<Lists>(part.take(1));
                push_list(part, 0, &mut |x: T| {
                    for (_, items) in &lists.0 {
                        for other in typed_ref::<Vec<U>>(items) {
                            if !sink((x.clone(), other.clone())) {
                                return false;
                            }
                        }
                    }
                    true
                })
            },
        )
    }

    /// Computes running totals: `binop` of `initial` and the first element, of that and the second
    /// element, and so on.
    ///
    /// Each partition waits for the one before it.
    ///
    /// ```
    /// use rask::prelude::*;
    /// assert_eq!(Bag::from_iter(1..=4).accumulate(0, |total, x| total + x).compute()?, [1, 3, 6, 10]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    pub fn accumulate<A: Element>(
        &self,
        initial: A,
        binop: impl Fn(A, T) -> A + Send + Sync + 'static,
    ) -> Bag<A> {
        let make: Arc<Make<A>> = Arc::new(move |part, sink| {
            let last = if part.values.len() > 1 {
                typed_ref::<Vec<A>>(&part.take(1)).last().cloned()
            } else {
                None
            };
            let mut total = match last {
                Some(last) => last,
                None => initial.clone(),
            };
            // The first element is the total before this partition, and is removed below.
            sink(total.clone());
            push_list(part, 0, &mut |x: T| {
                total = binop(total.clone(), x);
                sink(total.clone())
            })
        });
        let parts = one_after_another(&self.layer, Arc::new(make), of::<A>());
        let inputs: Vec<&Opaque> = parts.iter().collect();
        let own: Reads = Box::new(|_, i, out| out.push((i, 0)));
        gathered("accumulate", partitions(&self.layer), &inputs, own, |part: &mut Part, sink| {
            let mut first = true;
            push_list(part, 0, &mut |x: A| std::mem::take(&mut first) || sink(x))
        })
    }

    /// Keeps each element with probability `prob`, by a random number that depends only on `seed`
    /// and the element's index in the bag: the result is the same for any partitioning and number
    /// of workers.
    ///
    /// # Panics
    /// Panics if `prob` is not between 0 and 1.
    #[track_caller]
    pub fn random_sample(&self, prob: f64, seed: u64) -> Self {
        let below = threshold(prob);
        self.numbered("random-sample", move |i, x, sink| {
            u128::from(mixed(seed, i)) >= below || sink(x)
        })
    }

    /// Samples `k` elements without replacement (all, if there are fewer), in the order of the bag.
    /// The choice depends only on `seed` and the indices in the bag.
    pub fn sample(&self, k: usize, seed: u64) -> Self {
        let offsets = offsets(&self.counts());
        let inputs = [&self.layer, &offsets, &chosen(&offsets, k, seed)];
        gathered(
            "sample",
            partitions(&self.layer),
            &inputs,
            own_and_the(2),
            |part: &mut Part, sink| {
                let mut next = offset(part, 1);
                let chosen = typed::<Vec<u64>>(part.take(2));
                push_list(part, 0, &mut |x: T| {
                    next += 1;
                    chosen.binary_search(&(next - 1)).is_err() || sink(x)
                })
            },
        )
    }

    /// Redistributes the elements over `npartitions` partitions.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let bag = Bag::from_iter(0..10).repartition(3);
    /// assert_eq!((bag.npartitions(), bag.count().compute()?), (3, 10));
    /// # Ok::<(), rask::Error>(())
    /// ```
    pub fn repartition(&self, npartitions: usize) -> Self {
        let (each, bounds) = bounds_by_number(partitions(&self.layer), count_of(npartitions));
        self.in_pieces(each, bounds)
    }

    /// Cuts each partition into `each` pieces, and builds a partition of the pieces between each
    /// two `bounds`.
    fn in_pieces(&self, each: u32, bounds: Vec<u32>) -> Self {
        let cut = if each == 1 {
            self.layer.again()
        } else {
            let split =
                self.summarize(Name::new("repartition-split"), move |part, up| {
                    match list_of(&*up, part) {
                        Ok(list) => Ok(cut(list, each as usize)),
                        Err(e) => Err(e),
                    }
                });
            pieces("repartition-piece", &split, each, size::<T>)
        };
        gathered(
            "repartition",
            bounds.len() as u32 - 1,
            &[&cut],
            between(bounds),
            |part: &mut Part, sink| {
                let (mut more, mut i) = (true, 0);
                while more && i < part.values.len() {
                    let read = push_list(part, i, &mut |x: T| {
                        more = sink(x);
                        more
                    });
                    read?;
                    i += 1;
                }
                Ok(())
            },
        )
    }

    /// Redistributes the elements over partitions of about `size` bytes, such as `"10MB"`. Computes
    /// the bag now, to measure its partitions, and keeps it in memory.
    ///
    /// # Errors
    /// Fails if `size` is invalid, or as [`compute`](Bag::compute).
    pub fn repartition_size(&self, size: &str) -> Result<Self> {
        match persisted_by_size(&self.layer, super::handle::size::<T>, size) {
            Ok((kept, each, bounds)) => Ok(Self::from_layer(kept).in_pieces(each, bounds)),
            Err(e) => Err(e),
        }
    }
}

/// Cuts a list into `each` pieces of nearly equal length.
fn cut<T: Element>(mut list: Vec<T>, each: usize) -> Cut {
    let (len, mut pieces) = (list.len(), Cut::default());
    // The last piece first, so that no element is moved twice.
    for k in (1..each).rev() {
        pieces.push(Arc::new(list.split_off(len * k / each)));
    }
    list.shrink_to_fit();
    pieces.push(Arc::new(list));
    pieces.turned()
}

/// Builds a layer of one task for each task of `layer`, which computes the elements of `stream`
/// from that task and the layer before.
#[inline(never)]
fn one_after_another(layer: &Opaque, stream: Stream, of: Of) -> Vec<Opaque> {
    let layer: Arc<Layer> = layer.arc();
    let mut parts: Vec<Arc<Layer>> = Vec::new();
    for i in 0..layer.len {
        let inputs =
            std::iter::once(layer.at(0)).chain(parts.last().map(|before| before.at(0))).collect();
        let reads: Reads = Box::new(move |layer, _, out| {
            out.push((0, i));
            out.extend((layer.inputs.len() > 1).then_some((1, 0)));
        });
        let stream = stream.clone();
        let work = Elements { open: Box::new(move |_| stream.clone()), of, reads: Some(reads) };
        parts.push(Layer::new(Key::new(Name::new("accumulate")), 1, inputs, work));
    }
    parts.into_iter().map(Opaque::of).collect()
}

/// Returns the number of pieces into which each of `before` lists is cut, and the first piece of
/// each of `wanted` partitions.
#[inline(never)]
fn bounds_by_number(before: u32, wanted: u32) -> (u32, Vec<u32>) {
    // Enough pieces for every new partition to consist of whole pieces.
    let each = if wanted <= before { 1 } else { wanted.div_ceil(before) };
    let bound = |j| (u64::from(before) * u64::from(each) * u64::from(j) / u64::from(wanted)) as u32;
    (each, (0..=wanted).map(bound).collect())
}

/// Persists the lists, and returns them with the number of pieces into which each is cut and the
/// first piece of each partition of about that size.
#[inline(never)]
fn persisted_by_size(
    layer: &Opaque,
    of: fn(&Value) -> Size,
    wanted: &str,
) -> Result<(Opaque, u32, Vec<u32>)> {
    let wanted = config::bytes("repartition_size", wanted)?.max(1);
    let kept = super::handle::persist(layer, of)?;
    let sizes = after(Name::new("size-partition"), &kept.arc(), Sizes(of));
    let (each, bounds) = bounds_by_size(sched::compute(&sizes.points())?, wanted);
    Ok((kept, each, bounds))
}

/// Returns the number of pieces into which each list is cut, and the first piece of each partition
/// of about `wanted` bytes.
fn bounds_by_size(sizes: Vec<Value>, wanted: u64) -> (u32, Vec<u32>) {
    let sizes: Vec<u64> = sizes.into_iter().map(|v| *typed::<u64>(v)).collect();
    let each = sizes
        .iter()
        .max()
        .map_or(1, |most| most.div_ceil(wanted))
        .clamp(1, (1 << 24) / sizes.len() as u64) as u32;
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

/// The work that measures the lists of a layer in bytes.
struct Sizes(fn(&Value) -> Size);

impl Work for Sizes {
    fn reads(&self, _: &Layer, index: u32, out: &mut Vec<(u32, u32)>) {
        out.push((0, index));
    }
    fn run(&self, _: u32, values: Vec<Value>) -> Result<Value> {
        Ok(Arc::new((self.0)(&values[0]).bytes))
    }
}

/// Builds a layer of one task: the sorted indices of the `k` elements with the largest random
/// numbers.
#[inline(never)]
fn chosen(offsets: &Opaque, k: usize, seed: u64) -> Opaque {
    let choose: Join = Arc::new(move |mut values| {
        let total = *typed::<Vec<u64>>(values.remove(0)).last().unwrap_or(&0);
        let mut best = BinaryHeap::new();
        for place in 0..total {
            if sched::cancelled() {
                return Err(super::handle::interrupted());
            }
            best.push(Reverse((mixed(seed, place), place)));
            if best.len() > k {
                best.pop();
            }
        }
        let mut places: Vec<u64> = best.into_iter().map(|Reverse((_, place))| place).collect();
        places.sort_unstable();
        Ok(Arc::new(places) as Value)
    });
    Opaque::of(joined(
        Name::new("sample-places"),
        &offsets.arc(),
        choose,
        size_of_value::<Vec<u64>>,
    ))
}

/// Returns the threshold below which the random number of an element selects it.
///
/// # Panics
/// Panics if `prob` is not between 0 and 1.
#[track_caller]
#[inline(never)]
fn threshold(prob: f64) -> u128 {
    assert!(
        (0.0..=1.0).contains(&prob),
        "random_sample: `prob` must be between 0 and 1, got {prob}"
    );
    (prob * 2f64.powi(64)) as u128
}

/// Returns a random number that depends only on the seed and the position.
#[inline(never)]
fn mixed(seed: u64, place: u64) -> u64 {
    let place = place.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    splitmix64(seed.wrapping_mul(0xD134_2543_DE82_EF95) ^ place)
}
