//! Values by key: counts, folds, groups, joins. Results that fit in one place come in the order in which their keys are first
//! met; groups, which may not, come in an order that hangs on the keys alone.

use super::elements::{first, second};
use super::layers::Reads;
use super::line::Line;
use super::ordered::{Gathering, Keys, Ordered, hash};
use super::reduce::merged;
use super::{Bag, Element, gathered, push_all, push_list};
use crate::delayed::typed;
use crate::graph::stream::Part;
use crate::graph::{Layer, Name};
use crate::opaque::Opaque;
use std::any::TypeId;
use std::hash::Hash;
use std::sync::Arc;

/// Partitions of groups: their number must not hang on the number of partitions before.
const BUCKETS: usize = 32;

/// What every task reads where there is one before it.
fn the_only() -> Reads {
    Box::new(|_, _, out| out.push((0, 0)))
}

type Reduced = fn(&Opaque) -> Opaque;

/// How keys of everyday types are counted and told apart: compiled here and not in the cell, with the quick map.
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
    /// How often each element is there, in the order in which they are first met.
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
            None => self.keyed("frequencies", |x| (x, ()), || 0, |n, ()| *n += 1, |a, b| *a += b),
        }
    }

    /// The distinct elements, in the order in which they are first met.
    pub fn distinct(&self) -> Self
    where
        T: Hash + Eq,
    {
        match everyday(TypeId::of::<T>()) {
            Some((_, tell_apart)) => Bag::from_layer(tell_apart(&self.layer)),
            None => self.keyed("distinct", |x| (x, ()), || (), |(), ()| (), |(), ()| ()).map(first),
        }
    }

    /// The first element of each key, in their order.
    pub fn distinct_by<K: Element + Hash + Eq>(&self, key: impl Fn(&T) -> K + Send + Sync + 'static) -> Self {
        let keep = |first: &mut Option<T>, x: T| {
            first.get_or_insert(x);
        };
        // Every key has an element.
        self.keyed("distinct", move |x| (key(&x), x), || None, keep, |_, _| ()).flat_map(second)
    }

    /// Folds the elements of each key: `binop` adds an element to the total of its key within a partition, `combine` joins
    /// totals of partitions. Keys come in the order in which they are first met.
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
        let begin = move || Some(initial.clone());
        let add = move |total: &mut Option<A>, x: T| *total = total.take().map(|t| binop(t, x));
        let merge = move |a: &mut Option<A>, b: Option<A>| *a = a.take().zip(b).map(|(a, b)| combine(a, b));
        // Every key has a total.
        self.keyed("foldby", move |x| (key(&x), x), begin, add, merge).flat_map(|(key, total)| total.map(|t| (key, t)))
    }

    /// A value per key: of the elements of each partition, then of all. One partition holds them in the end.
    fn keyed<K: Element + Hash + Eq, X: 'static, A: Element>(
        &self,
        name: &str,
        split: impl Fn(T) -> (K, X) + Send + Sync + 'static,
        begin: impl Fn() -> A + Send + Sync + 'static,
        add: impl Fn(&mut A, X) + Send + Sync + 'static,
        merge: impl Fn(&mut A, A) + Send + Sync + 'static,
    ) -> Bag<(K, A)> {
        let layer = self.by_key(name, split, begin, add, merge);
        gathered(name, 1, &[&layer], the_only(), |part: &mut Part, sink| {
            push_all(Arc::unwrap_or_clone(typed::<Keys<K, A>>(part.take(0))).into_entries(), sink)
        })
    }

    /// As `keyed`, over the quick map, which is much to compile: for everyday keys, here.
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
        let parts = self.summarize(Name::new(&format!("{name}-partition")), move |part, up| {
            let mut map = Gathering::new(&begin, |total: &mut A, ()| add(total));
            up(part, &mut |x| {
                map.push(x, ());
                true
            })?;
            Ok(map.finish())
        });
        let all = merged(name, &parts, move |a: Ordered<T, A>, b| a.merge(b, &merge));
        gathered(name, 1, &[&all], the_only(), |part: &mut Part, sink| {
            push_all(Arc::unwrap_or_clone(typed::<Ordered<T, A>>(part.take(0))).into_entries(), sink)
        })
    }

    /// A layer of one task: a map of all keys.
    fn by_key<K: Element + Hash + Eq, X: 'static, A: Element>(
        &self,
        name: &str,
        split: impl Fn(T) -> (K, X) + Send + Sync + 'static,
        begin: impl Fn() -> A + Send + Sync + 'static,
        add: impl Fn(&mut A, X) + Send + Sync + 'static,
        merge: impl Fn(&mut A, A) + Send + Sync + 'static,
    ) -> Arc<Layer> {
        let parts = self.summarize(Name::new(&format!("{name}-partition")), move |part, up| {
            let mut map = Keys::new();
            let read = up(part, &mut |x| {
                let (key, value) = split(x);
                add(map.value(key, &begin), value);
                true
            });
            match read {
                Ok(()) => Ok(map),
                Err(e) => Err(e),
            }
        });
        merged(name, &parts, move |a: Keys<K, A>, b| a.merge(b, &merge))
    }

    /// The elements of each key together, those of a group in the order of the bag. All data moves between the partitions:
    /// where a fold of each group is wanted in the end, [`foldby`](Bag::foldby) is much cheaper.
    ///
    /// Groups come in an order that hangs on their keys alone, in 32 partitions.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let mut groups = Bag::from_iter(["one", "two", "three"]).groupby(|word| word.len()).compute()?;
    /// groups.sort();
    /// assert_eq!(groups, [(3, vec!["one", "two"]), (5, vec!["three"])]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    pub fn groupby<K: Element + Hash + Eq>(&self, key: impl Fn(&T) -> K + Send + Sync + 'static) -> Bag<(K, Vec<T>)> {
        let split = self.summarize(Name::new("groupby-split"), move |part, up| {
            let mut buckets: Vec<Vec<(K, T)>> = (0..BUCKETS).map(|_| Vec::new()).collect();
            up(part, &mut |x| {
                let k = key(&x);
                // The high bits choose the bucket; maps look at the low ones.
                buckets[(hash(&k) >> 32) as usize % BUCKETS].push((k, x));
                true
            })?;
            Ok(buckets)
        });
        let pieces = super::partitions::pieces::<(K, T)>("groupby-bucket", &split, BUCKETS as u32);
        let all: Reads = Box::new(|layer: &Layer, bucket, out| {
            let parts = layer.inputs[0].layer.len / BUCKETS as u32;
            out.extend((0..parts).map(|p| (0, p * BUCKETS as u32 + bucket)));
        });
        gathered("groupby", BUCKETS as u32, &[&pieces], all, |part: &mut Part, sink| {
            let mut groups = Gathering::new(Vec::new, |group: &mut Vec<T>, x| group.push(x));
            for i in 0..part.values.len() {
                push_list(part, i, &mut |(k, x): (K, T)| {
                    groups.push(k, x);
                    true
                })?;
            }
            push_all(groups.finish().into_entries(), sink)
        })
    }

    /// The pairs of an element of `other` and one of this bag that have equal keys: this bag's order first, then the other's.
    ///
    /// Every partition holds all of `other` while it is joined, so `other` should be the smaller one.
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
        let table = other.by_key("join-table", split, Vec::new, |list: &mut Vec<U>, x| list.push(x), |a, b| a.extend(b));
        let reads: Reads = Box::new(|_, i, out| out.extend([(0, i), (1, 0)]));
        gathered("join", self.layer().len, &[&self.layer(), &table], reads, move |part: &mut Part, sink| {
            let table = typed::<Keys<K, Vec<U>>>(part.take(1));
            push_list(part, 0, &mut |x: T| match table.get(&on_self(&x)) {
                Some(matches) => matches.iter().all(|u| sink((u.clone(), x.clone()))),
                None => true,
            })
        })
    }
}
