//! Reductions of all elements to one value: each partition is folded separately, and the results
//! are merged in order by a tree.

use super::handle::{Bag, Element, gathered, list_of, push_own, size_of_value};
use super::layers::{Join, joined, the_only, tree};
use crate::delayed::{Delayed, each, from_layer, take_or_clone, typed};
use crate::error::{Error, ErrorKind, Result};
use crate::graph::size::Size;
use crate::graph::stream::Part;
use crate::graph::{Name, Value};
use crate::handle::Opaque;
use std::cmp::Ordering;
use std::sync::Arc;

/// Number of partition results that are merged at once, as in Dask.
const SPLIT_EVERY: u32 = 8;

/// Returns the error of a reduction that has no value for an empty bag.
#[inline(never)]
pub(super) fn empty(method: &str) -> Error {
    let message =
        "the bag is empty, so it has no such value; help: count() returns the number of elements"
            .to_owned();
    ErrorKind::BadArgument { method: method.to_owned(), message }.into()
}

/// Returns a function that merges values of one type.
fn join_by<A: Element + Default>(merge: impl Fn(A, A) -> A + Send + Sync + 'static) -> Join {
    two_by_two(Box::new(move |a, b| Arc::new(merge(take_or_clone(a), take_or_clone(b)))))
}

/// Returns a function that merges the first two values, then the result and the third one, and so
/// on.
#[inline(never)]
fn two_by_two(merge: Box<dyn Fn(Value, Value) -> Value + Send + Sync>) -> Join {
    Arc::new(move |values: Vec<Value>| {
        // A layer has at least one task, and so has every group of tasks.
        Ok(values.into_iter().reduce(&*merge).expect("a join reads a value"))
    })
}

/// Returns the name of the tasks that reduce each partition.
#[inline(never)]
pub(super) fn part_name(name: &str) -> Name {
    Name::new(&format!("{name}-partition"))
}

#[inline(never)]
fn merged_layer(name: &str, parts: &Opaque, join: &Join, size: fn(&Value) -> Size) -> Opaque {
    Opaque::of(tree(Name::new(&format!("{name}-merge")), &parts.arc(), join, size, SPLIT_EVERY))
}

#[inline(never)]
fn joined_layer(name: &str, parts: &Opaque, join: Join, size: fn(&Value) -> Size) -> Opaque {
    Opaque::of(joined(Name::new(name), &parts.arc(), join, size))
}

/// Returns the number of elements, from the counts of the partitions.
#[inline(never)]
fn counted(parts: &Opaque) -> Delayed<u64> {
    let total = merged::<u64>("count", parts, |a, b| a + b);
    let only: Join = Arc::new(|values| Ok(first(values)));
    from_layer(joined_layer("count", &total, only, size_of_value::<u64>))
}

#[inline(never)]
fn first(mut values: Vec<Value>) -> Value {
    values.remove(0)
}

/// Builds a layer of one task that merges the values of a layer in order.
pub(super) fn merged<A: Element + Default>(
    name: &str,
    parts: &Opaque,
    merge: impl Fn(A, A) -> A + Send + Sync + 'static,
) -> Opaque {
    merged_layer(name, parts, &join_by(merge), size_of_value::<A>)
}

impl<T: Element> Bag<T> {
    /// Folds each partition, merges the results by a tree, and applies `finish` to the last one.
    pub(super) fn tree<A: Element + Default, R: Element>(
        &self,
        name: &str,
        initial: impl Fn() -> A + Send + Sync + 'static,
        add: impl Fn(&mut A, T) + Send + Sync + 'static,
        merge: impl Fn(A, A) -> A + Send + Sync + 'static,
        finish: impl Fn(A) -> Result<R> + Send + Sync + 'static,
    ) -> Delayed<R> {
        let layer = self.folded(name, initial, add, merge);
        let finish: Join =
            Arc::new(move |values: Vec<Value>| match finish(take_or_clone(first(values))) {
                Ok(value) => Ok(Arc::new(value) as Value),
                Err(e) => Err(e),
            });
        from_layer(joined_layer(name, &layer, finish, size_of_value::<R>))
    }

    /// Builds a layer of one task that merges the folds of all partitions.
    fn folded<A: Element + Default>(
        &self,
        name: &str,
        initial: impl Fn() -> A + Send + Sync + 'static,
        add: impl Fn(&mut A, T) + Send + Sync + 'static,
        merge: impl Fn(A, A) -> A + Send + Sync + 'static,
    ) -> Opaque {
        let parts = self.summarize(part_name(name), move |part, up| {
            let mut total = initial();
            let read = up(part, &mut |x| {
                add(&mut total, x);
                true
            });
            match read {
                Ok(()) => Ok(total),
                Err(e) => Err(e),
            }
        });
        merged(name, &parts, merge)
    }

    /// Folds the elements: `binop` adds an element to a partition's total, `combine` merges the
    /// totals of two partitions.
    ///
    /// Every partition starts with `initial`, so it must be the identity of `combine`, as 0 is for
    /// a sum: any other value counts once per partition. The order of elements is preserved.
    /// [`reduce`](Bag::reduce) needs no initial value.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let letters = Bag::from_iter(["a", "bc", "def"]).fold(0, |n, word| n + word.len(), |a, b| a + b);
    /// assert_eq!(letters.compute()?, 6);
    /// # Ok::<(), rask::Error>(())
    /// ```
    pub fn fold<A: Element>(
        &self,
        initial: A,
        binop: impl Fn(A, T) -> A + Send + Sync + 'static,
        combine: impl Fn(A, A) -> A + Send + Sync + 'static,
    ) -> Delayed<A> {
        let start = move || Some(initial.clone());
        let add = move |total: &mut Option<A>, x: T| *total = total.take().map(|t| binop(t, x));
        let merge = move |a: Option<A>, b: Option<A>| a.zip(b).map(|(a, b)| combine(a, b));
        // Every partition starts with a total.
        self.tree("fold", start, add, merge, |total| some(total, "fold"))
    }

    /// Folds the elements with one function, which also merges the results of partitions in order:
    /// if it is associative, such as a sum or a maximum, the result is the same for any
    /// partitioning.
    ///
    /// # Errors
    /// The computation fails if the bag is empty.
    pub fn reduce(&self, binop: impl Fn(T, T) -> T + Send + Sync + 'static) -> Delayed<T> {
        let binop = Arc::new(binop);
        let join = binop.clone();
        let add = move |total: &mut Option<T>, x: T| {
            *total = Some(match total.take() {
                Some(t) => binop(t, x),
                None => x,
            });
        };
        let merge = move |a: Option<T>, b: Option<T>| match (a, b) {
            (Some(a), Some(b)) => Some(join(a, b)),
            (a, b) => a.or(b),
        };
        self.tree("reduce", || None, add, merge, |total| some(total, "reduce"))
    }

    /// Reduces the list of each partition to a value, and all those values, in order, to one.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let longest = Bag::from_iter(["a", "bcd", "ef"])
    ///     .reduction(|part| part.iter().map(|w| w.len()).max(), |maxima| maxima.into_iter().flatten().max());
    /// assert_eq!(longest.compute()?, Some(3));
    /// # Ok::<(), rask::Error>(())
    /// ```
    pub fn reduction<A: Element, R: Element>(
        &self,
        perpartition: impl Fn(Vec<T>) -> A + Send + Sync + 'static,
        aggregate: impl Fn(Vec<A>) -> R + Send + Sync + 'static,
    ) -> Delayed<R> {
        let parts =
            self.summarize(Name::new("reduction-partition"), move |part, up| {
                match list_of(&*up, part) {
                    Ok(list) => Ok(perpartition(list)),
                    Err(e) => Err(e),
                }
            });
        let join: Join = Arc::new(move |values: Vec<Value>| {
            let mut all = Vec::with_capacity(values.len());
            each(values, &mut |value| all.push(Arc::unwrap_or_clone(typed::<A>(value))));
            Ok(Arc::new(aggregate(all)) as Value)
        });
        from_layer(joined_layer("reduction", &parts, join, size_of_value::<R>))
    }

    /// Counts the elements.
    pub fn count(&self) -> Delayed<u64> {
        counted(&self.counts())
    }

    /// Builds a layer of the number of elements of each partition.
    pub(super) fn counts(&self) -> Opaque {
        self.summarize(part_name("count"), |part, up| {
            let mut n = 0u64;
            let read = up(part, &mut |_| {
                n += 1;
                true
            });
            match read {
                Ok(()) => Ok(n),
                Err(e) => Err(e),
            }
        })
    }

    /// Computes the minimum; of equal elements the first. NaN is ignored, unless all elements are
    /// NaN.
    ///
    /// # Errors
    /// The computation fails if the bag is empty.
    pub fn min(&self) -> Delayed<T>
    where
        T: PartialOrd,
    {
        self.extreme("min", |a, b| b < a)
    }

    /// Computes the maximum; of equal elements the first. NaN is ignored, unless all elements are
    /// NaN.
    ///
    /// # Errors
    /// The computation fails if the bag is empty.
    pub fn max(&self) -> Delayed<T>
    where
        T: PartialOrd,
    {
        self.extreme("max", |a, b| b > a)
    }

    /// Computes the first element that no other one is `better` than.
    fn extreme(&self, name: &'static str, better: fn(&T, &T) -> bool) -> Delayed<T>
    where
        T: PartialOrd,
    {
        let pick = move |a: Option<T>, b: Option<T>| match (a, b) {
            // An element that does not equal itself (NaN) loses to one that does.
            (Some(a), Some(b)) => Some(match (a.partial_cmp(&a), b.partial_cmp(&b)) {
                (None, _) => b,
                (_, None) => a,
                _ if better(&a, &b) => b,
                _ => a,
            }),
            (a, b) => a.or(b),
        };
        let add = move |best: &mut Option<T>, x: T| *best = pick(best.take(), Some(x));
        self.tree(name, || None, add, pick, move |best| some(best, name))
    }

    /// Returns the `k` largest elements, the largest first; equal elements in the order of the bag.
    pub fn topk(&self, k: usize) -> Self
    where
        T: PartialOrd,
    {
        self.topk_by(k, Clone::clone)
    }

    /// Returns the `k` elements with the largest keys, the largest first; elements with equal keys
    /// in the order of the bag. Keys that cannot be compared, such as NaN, come last.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let words = Bag::from_iter(["b", "a", "b", "c", "a", "b"]).frequencies().topk_by(2, |(_, n)| *n);
    /// assert_eq!(words.compute()?, [("b", 3), ("a", 2)]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    pub fn topk_by<K: PartialOrd>(
        &self,
        k: usize,
        key: impl Fn(&T) -> K + Send + Sync + 'static,
    ) -> Self {
        let cut = Arc::new(move |list: &mut Vec<T>| {
            sort(list, k, &|a, b| {
                let (a, b) = (key(a), key(b));
                greatest_first(a.partial_cmp(&a), b.partial_cmp(&b), b.partial_cmp(&a))
            });
        });
        let (late, last) = (cut.clone(), cut.clone());
        let add = move |list: &mut Vec<T>, x: T| {
            list.push(x);
            // Sorting now and then keeps the list short.
            if list.len() >= 2 * k + 1024 {
                cut(list);
            }
        };
        let merge = move |mut a: Vec<T>, mut b: Vec<T>| {
            a.append(&mut b);
            late(&mut a);
            a
        };
        let top = self.folded("topk", Vec::new, add, merge);
        gathered("topk", 1, &[&top], the_only(), move |part: &mut Part, sink| {
            let mut list = take_or_clone::<Vec<T>>(part.take(0));
            last(&mut list);
            push_own(list, sink)
        })
    }
}

/// Returns the value of a reduction, or the error of an empty bag.
fn some<T>(total: Option<T>, method: &str) -> Result<T> {
    match total {
        Some(total) => Ok(total),
        None => Err(empty(method)),
    }
}

/// Returns the order of two keys, the larger one first and keys that cannot be compared last. The
/// arguments are the comparisons of each key with itself, and of the second with the first.
#[inline(never)]
fn greatest_first(a: Option<Ordering>, b: Option<Ordering>, second: Option<Ordering>) -> Ordering {
    match (a, b) {
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (None, None) => Ordering::Equal,
        _ => second.unwrap_or(Ordering::Equal),
    }
}

/// Sorts a list stably and keeps the first `most` elements. Sorts indices instead of elements: a
/// sort of elements would be compiled for each type in each cell.
fn sort<T>(list: &mut Vec<T>, most: usize, compare: &dyn Fn(&T, &T) -> Ordering) {
    let places = sorted(list.len(), most, &|a, b| compare(&list[a], &list[b]));
    let mut elements = Vec::with_capacity(list.len());
    for element in std::mem::take(list) {
        elements.push(Some(element));
    }
    for place in places {
        if let Some(element) = elements[place].take() {
            list.push(element);
        }
    }
}

#[inline(never)]
fn sorted(len: usize, most: usize, compare: &dyn Fn(usize, usize) -> Ordering) -> Vec<usize> {
    let mut places: Vec<usize> = (0..len).collect();
    places.sort_by(|a, b| compare(*a, *b));
    places.truncate(most);
    places
}

impl Bag<bool> {
    /// Returns whether any element is true; false for an empty bag.
    pub fn any(&self) -> Delayed<bool> {
        self.tree("any", || false, |any, x| *any |= x, |a, b| a || b, Ok)
    }

    /// Returns whether all elements are true; true for an empty bag.
    pub fn all(&self) -> Delayed<bool> {
        self.tree("all", || true, |all, x| *all &= x, |a, b| a && b, Ok)
    }
}
