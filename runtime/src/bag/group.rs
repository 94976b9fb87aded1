//! Methods by key: counts, folds, groups, joins. Results that fit in one partition are in the order
//! in which their keys first occur; groups, which may not fit, are in an order that depends only on
//! the keys.

use super::elements::first;
use super::handle::{Bag, Element, gathered, partitions, push_all, push_list, push_own, size};
use super::layers::{of_each, own_and_the, the_only};
use super::line::Line;
use super::ordered::{Gathering, Keys, Ordered, hash_anywhere};
use super::partitions::{Cut, pieces};
use super::reduce::{merged, part_name};
use crate::delayed::{take_or_clone, typed_ref};
use crate::graph::Name;
use crate::graph::stream::Part;
use crate::handle::Opaque;
use std::any::TypeId;
use std::hash::Hash;
use std::sync::Arc;

/// Number of partitions of groups: it must not depend on the number of input partitions.
const BUCKETS: usize = 32;

type Reduced = fn(&Opaque) -> Opaque;

/// Returns the functions that count and deduplicate keys of common types: compiled here and not in
/// the cell, with the fast map.
#[inline(never)]
fn everyday(of: TypeId) -> Option<(Reduced, Reduced)> {
    macro_rules! find {
        ($($t:ty),*) => {$(
            if of == TypeId::of::<$t>() {
                return Some((count_quickly::<$t>, tell_apart_quickly::<$t>));
            }
        )*};
    }
    find!(Line, String, &'static str, char, u64, usize, i32, i64, (String, String));
    None
}

fn count_quickly<T: Element + Hash + Eq>(layer: &Opaque) -> Opaque {
    let bag = Bag::<T>::from_layer(layer.again());
    bag.quickly("frequencies", || 0u64, |n| *n += 1, |a, b| *a += b).layer
}

fn tell_apart_quickly<T: Element + Hash + Eq>(layer: &Opaque) -> Opaque {
    let bag = Bag::<T>::from_layer(layer.again());
    bag.quickly("distinct", || (), |()| (), |(), ()| ()).map(first).layer
}

impl<T: Element> Bag<T> {
    /// Counts the occurrences of each element, in the order in which they first occur.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let counts = Bag::from_iter(["b", "a", "b"]).frequencies();
    /// assert_eq!(counts.compute()?, [("b", 2), ("a", 1)]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    pub fn frequencies(&self) -> Bag<(T, u64)>
    where
        T: Hash + Eq,
    {
        match everyday(TypeId::of::<T>()) {
            Some((count, _)) => Bag::from_layer(count(&self.layer)),
            None => self.keyed(
                "frequencies",
                |x| (x, ()),
                |n, ()| n.unwrap_or(0) + 1,
                |a, b| a + b,
                |x, n| (x, n),
            ),
        }
    }

    /// Returns the distinct elements, in the order in which they first occur.
    pub fn distinct(&self) -> Self
    where
        T: Hash + Eq,
    {
        match everyday(TypeId::of::<T>()) {
            Some((_, tell_apart)) => Bag::from_layer(tell_apart(&self.layer)),
            None => self.keyed("distinct", |x| (x, ()), |_, ()| (), |(), ()| (), |x, ()| x),
        }
    }

    /// Returns the first element of each key, in the order of the bag.
    pub fn distinct_by<K: Element + Hash + Eq>(
        &self,
        key: impl Fn(&T) -> K + Send + Sync + 'static,
    ) -> Self {
        let keep = |first: Option<T>, x: T| match first {
            Some(first) => first,
            None => x,
        };
        self.keyed("distinct", move |x| (key(&x), x), keep, |first, _| first, |_, first| first)
    }

    /// Folds the elements of each key: `binop` adds an element to the total of its key within a
    /// partition, `combine` merges the totals of partitions. Keys are in the order in which they
    /// first occur.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let by_parity = Bag::from_iter(1..=5).foldby(|x| x % 2, 0, |total, x| total + x, |a, b| a + b);
    /// assert_eq!(by_parity.compute()?, [(1, 9), (0, 6)]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    pub fn foldby<K: Element + Hash + Eq, A: Element>(
        &self,
        key: impl Fn(&T) -> K + Send + Sync + 'static,
        initial: A,
        binop: impl Fn(A, T) -> A + Send + Sync + 'static,
        combine: impl Fn(A, A) -> A + Send + Sync + 'static,
    ) -> Bag<(K, A)> {
        let add = move |total: Option<A>, x: T| match total {
            Some(total) => binop(total, x),
            None => binop(initial.clone(), x),
        };
        self.keyed("foldby", move |x| (key(&x), x), add, combine, |key, total| (key, total))
    }

    /// Aggregates by key: the elements of each partition, then of all. The result is one partition
    /// with an element per key.
    fn keyed<K: Element + Hash + Eq, X: 'static, A: Element, U: Element>(
        &self,
        name: &str,
        split: impl Fn(T) -> (K, X) + Send + Sync + 'static,
        add: impl Fn(Option<A>, X) -> A + Send + Sync + 'static,
        merge: impl Fn(A, A) -> A + Send + Sync + 'static,
        element: fn(K, A) -> U,
    ) -> Bag<U> {
        let layer = self.by_key(name, split, add, merge);
        gathered(name, 1, &[&layer], the_only(), move |part: &mut Part, sink| {
            let pairs = take_or_clone::<Keys<K, A>>(part.take(0)).into_pairs();
            push_all(pairs.map(|(key, value)| element(key, value)), sink)
        })
    }

    /// As `keyed`, with the fast map, which is slow to compile: only for the common key types here.
    fn quickly<A: Element>(
        &self,
        name: &str,
        begin: impl Fn() -> A + Send + Sync + 'static,
        add: impl Fn(&mut A) + Send + Sync + 'static,
        merge: impl Fn(&mut A, A) + Send + Sync + 'static,
    ) -> Bag<(T, A)>
    where
        T: Hash + Eq,
    {
        let parts = self.summarize(part_name(name), move |part, up| {
            let mut map = Gathering::new(&begin, |total: &mut A, ()| add(total));
            up(part, &mut |x| {
                map.push(x, ());
                true
            })?;
            Ok(map.finish())
        });
        let all = merged(name, &parts, move |a: Ordered<T, A>, b| a.merge(b, &merge));
        gathered(name, 1, &[&all], the_only(), |part: &mut Part, sink| {
            push_own(take_or_clone::<Ordered<T, A>>(part.take(0)).into_entries(), sink)
        })
    }

    /// Builds a layer of one task: a map of all keys. `add` adds an element to the value of its
    /// key, if there is one.
    fn by_key<K: Element + Hash + Eq, X: 'static, A: Element>(
        &self,
        name: &str,
        split: impl Fn(T) -> (K, X) + Send + Sync + 'static,
        add: impl Fn(Option<A>, X) -> A + Send + Sync + 'static,
        merge: impl Fn(A, A) -> A + Send + Sync + 'static,
    ) -> Opaque {
        let parts = self.summarize(part_name(name), move |part, up| {
            let mut map = Keys::default();
            let read = up(part, &mut |x| {
                let (key, x) = split(x);
                let value: &mut Option<A> = map.value(key);
                *value = Some(add(value.take(), x));
                true
            });
            match read {
                Ok(()) => Ok(map),
                Err(e) => Err(e),
            }
        });
        merged(name, &parts, move |a: Keys<K, A>, b| a.merge(b, &merge))
    }

    /// Groups the elements by key; each group is in the order of the bag. All data is shuffled
    /// between partitions: if each group is folded in the end, [`foldby`](Bag::foldby) is much
    /// cheaper.
    ///
    /// The order of the groups depends only on their keys; the result has 32 partitions.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let mut groups = Bag::from_iter(["one", "two", "three"]).groupby(|word| word.len()).compute()?;
    /// groups.sort();
    /// assert_eq!(groups, [(3, vec!["one", "two"]), (5, vec!["three"])]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    pub fn groupby<K: Element + Hash + Eq>(
        &self,
        key: impl Fn(&T) -> K + Send + Sync + 'static,
    ) -> Bag<(K, Vec<T>)> {
        let split = self.summarize(Name::new("groupby-split"), move |part, up| {
            let mut buckets: Vec<Vec<(K, T)>> = Vec::with_capacity(BUCKETS);
            while buckets.len() < BUCKETS {
                buckets.push(Vec::new());
            }
            let read = up(part, &mut |x| {
                let k = key(&x);
                // The high bits choose the bucket; maps use the low ones.
                buckets[(hash_anywhere(&k) >> 32) as usize % BUCKETS].push((k, x));
                true
            });
            let mut cut = Cut::default();
            for bucket in &mut buckets {
                cut.push(Arc::new(std::mem::take(bucket)));
            }
            match read {
                Ok(()) => Ok(cut),
                Err(e) => Err(e),
            }
        });
        let pieces = pieces("groupby-bucket", &split, BUCKETS as u32, size::<(K, T)>);
        gathered(
            "groupby",
            BUCKETS as u32,
            &[&pieces],
            of_each(BUCKETS as u32),
            |part: &mut Part, sink| {
                let (mut groups, mut i) = (Keys::<K, Vec<T>>::default(), 0);
                while i < part.values.len() {
                    let read = push_list(part, i, &mut |(k, x): (K, T)| {
                        match groups.value(k) {
                            Some(group) => group.push(x),
                            new => *new = Some(vec![x]),
                        }
                        true
                    });
                    read?;
                    i += 1;
                }
                push_all(groups.into_pairs(), sink)
            },
        )
    }

    /// Joins two bags: pairs of an element of `other` and one of this bag with equal keys, in the
    /// order of this bag first, then of the other.
    ///
    /// All of `other` is in memory during the join, so `other` should be the smaller bag.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let people = Bag::from_iter([("ann", 1), ("bob", 2)]);
    /// let towns = Bag::from_iter([(1, "Oslo"), (2, "Rome"), (1, "Bergen")]);
    /// let both = people.join(&towns, |p| p.1, |t| t.0).map(|(town, person)| (person.0, town.1));
    /// assert_eq!(both.compute()?, [("ann", "Oslo"), ("ann", "Bergen"), ("bob", "Rome")]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    pub fn join<U: Element, K: Element + Hash + Eq>(
        &self,
        other: &Bag<U>,
        on_self: impl Fn(&T) -> K + Send + Sync + 'static,
        on_other: impl Fn(&U) -> K + Send + Sync + 'static,
    ) -> Bag<(U, T)> {
        let split = move |x: U| (on_other(&x), x);
        let add = |list: Option<Vec<U>>, x: U| match list {
            Some(mut list) => {
                list.push(x);
                list
            }
            None => vec![x],
        };
        let merge = |mut a: Vec<U>, mut b: Vec<U>| {
            a.append(&mut b);
            a
        };
        let table = other.by_key("join-table", split, add, merge);
        gathered(
            "join",
            partitions(&self.layer),
            &[&self.layer, &table],
            own_and_the(1),
            move |part: &mut Part, sink| {
                let table = part.take(1);
                let table = typed_ref::<Keys<K, Vec<U>>>(&table);
                push_list(part, 0, &mut |x: T| {
                    if let Some(matches) = table.get(&on_self(&x)) {
                        for other in matches {
                            if !sink((other.clone(), x.clone())) {
                                return false;
                            }
                        }
                    }
                    true
                })
            },
        )
    }
}
