//! One value of all elements: each partition is folded on its own, and the results are joined by a tree in their order.

use super::layers::{Join, joined, tree};
use super::{Bag, Element, list_of, size_of_value};
use crate::delayed::{Delayed, typed};
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{Layer, Name, Value};
use std::sync::Arc;

/// Results of partitions that are joined at once, as in Dask.
const SPLIT_EVERY: u32 = 8;

/// The error of a reduction that has no value for an empty bag.
#[inline(never)]
pub(super) fn empty(method: &str) -> Error {
    let message = "the bag is empty, and so there is no such value; count() tells how many elements there are".to_owned();
    ErrorKind::BadArgument { method: method.to_owned(), message }.into()
}

/// Calls `f` with each of the values; here, so that cells need not compile how a list is taken apart.
#[inline(never)]
fn each(values: Vec<Value>, f: &mut dyn FnMut(Value)) {
    values.into_iter().for_each(f);
}

/// A join of values of one type.
pub(super) fn join_by<A: Element>(merge: impl Fn(A, A) -> A + Send + Sync + 'static) -> Join {
    Arc::new(move |values: Vec<Value>| {
        let mut total = None;
        each(values, &mut |value| {
            let value = Arc::unwrap_or_clone(typed::<A>(value));
            total = Some(match total.take() {
                Some(total) => merge(total, value),
                None => value,
            });
        });
        // A layer has a task at least, and so has every group of them.
        Ok(Arc::new(total.expect("a join reads a value")) as Value)
    })
}

#[inline(never)]
fn first(mut values: Vec<Value>) -> Value {
    values.remove(0)
}

/// A layer of one task: the values of a layer merged in their order.
pub(super) fn merged<A: Element>(name: &str, parts: &Arc<Layer>, merge: impl Fn(A, A) -> A + Send + Sync + 'static) -> Arc<Layer> {
    tree(Name::new(&format!("{name}-merge")), parts, &join_by(merge), size_of_value::<A>, SPLIT_EVERY)
}

impl<T: Element> Bag<T> {
    /// A fold of each partition, a tree of merges, and what is made of the last one.
    pub(super) fn tree<A: Element, R: Element>(
        &self,
        name: &str,
        initial: impl Fn() -> A + Send + Sync + 'static,
        add: impl Fn(&mut A, T) + Send + Sync + 'static,
        merge: impl Fn(A, A) -> A + Send + Sync + 'static,
        finish: impl Fn(A) -> Result<R> + Send + Sync + 'static,
    ) -> Delayed<R> {
        let layer = self.folded(name, initial, add, merge);
        let finish: Join = Arc::new(move |values: Vec<Value>| {
            let last = Arc::unwrap_or_clone(typed::<A>(first(values)));
            Ok(Arc::new(finish(last)?) as Value)
        });
        Delayed::of_point(joined(Name::new(name), &layer, finish, size_of_value::<R>).at(0))
    }

    /// A layer of one task: the folds of all partitions merged.
    pub(super) fn folded<A: Element>(
        &self,
        name: &str,
        initial: impl Fn() -> A + Send + Sync + 'static,
        add: impl Fn(&mut A, T) + Send + Sync + 'static,
        merge: impl Fn(A, A) -> A + Send + Sync + 'static,
    ) -> Arc<Layer> {
        let parts = self.summarize(Name::new(&format!("{name}-partition")), move |part, up| {
            let mut total = initial();
            up(part, &mut |x| {
                add(&mut total, x);
                true
            })?;
            Ok(total)
        });
        merged(name, &parts, merge)
    }

    /// Folds the elements: `binop` adds an element to a partition's total, `combine` joins the totals of two partitions.
    ///
    /// Every partition begins with `initial`, so it must be neutral for `combine`, as 0 is for a sum: any other value counts
    /// once for each partition. The order of elements is kept. [`reduce`](Bag::reduce) needs no initial value.
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
        // Every partition begins with a total.
        self.tree("fold", start, add, merge, |total| total.ok_or_else(|| empty("fold")))
    }

    /// Folds the elements with one function, which also joins the results of partitions, in their order: for a function that
    /// is associative, as a sum or a maximum is, the result is the same for any partitions.
    ///
    /// # Errors
    /// When computed, where the bag is empty.
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
        self.tree("reduce", || None, add, merge, |total| total.ok_or_else(|| empty("reduce")))
    }

    /// Makes a value of each partition's list, and one value of all those, in their order.
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
        let parts = self.summarize(Name::new("reduction-partition"), move |part, up| Ok(perpartition(list_of(&*up, part)?)));
        let join: Join = Arc::new(move |values: Vec<Value>| {
            let mut all = Vec::with_capacity(values.len());
            each(values, &mut |value| all.push(Arc::unwrap_or_clone(typed::<A>(value))));
            Ok(Arc::new(aggregate(all)) as Value)
        });
        Delayed::of_point(joined(Name::new("reduction"), &parts, join, size_of_value::<R>).at(0))
    }

    /// Number of elements.
    pub fn count(&self) -> Delayed<u64> {
        self.tree("count", || 0u64, |n, _| *n += 1, |a, b| a + b, Ok)
    }

    /// The least element; of equal ones the first. Floats that are no numbers are left out, where there are others.
    ///
    /// # Errors
    /// When computed, where the bag is empty.
    pub fn min(&self) -> Delayed<T>
    where
        T: PartialOrd,
    {
        self.extreme("min", |a, b| b < a)
    }

    /// The greatest element; of equal ones the first. Floats that are no numbers are left out, where there are others.
    ///
    /// # Errors
    /// When computed, where the bag is empty.
    pub fn max(&self) -> Delayed<T>
    where
        T: PartialOrd,
    {
        self.extreme("max", |a, b| b > a)
    }

    /// The element that no later one is `better` than.
    fn extreme(&self, name: &'static str, better: fn(&T, &T) -> bool) -> Delayed<T>
    where
        T: PartialOrd,
    {
        let pick = move |a: Option<T>, b: Option<T>| match (a, b) {
            // What does not even equal itself gives way to anything that does.
            (Some(a), Some(b)) => Some(match (a.partial_cmp(&a), b.partial_cmp(&b)) {
                (None, _) => b,
                (_, None) => a,
                _ if better(&a, &b) => b,
                _ => a,
            }),
            (a, b) => a.or(b),
        };
        let add = move |best: &mut Option<T>, x: T| *best = pick(best.take(), Some(x));
        self.tree(name, || None, add, pick, move |best| best.ok_or_else(|| empty(name)))
    }

    /// The `k` greatest elements, the greatest first; equal ones in the order of the bag.
    pub fn topk(&self, k: usize) -> Self
    where
        T: PartialOrd,
    {
        self.topk_by(k, Clone::clone)
    }

    /// The `k` elements with the greatest keys, the greatest first; equal ones in the order of the bag. Keys that cannot be
    /// compared, such as floats that are no numbers, come last.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let words = Bag::from_iter(["b", "a", "b", "c", "a", "b"]).frequencies().topk_by(2, |(_, n)| *n);
    /// assert_eq!(words.compute()?, [("b", 3), ("a", 2)]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    pub fn topk_by<K: PartialOrd>(&self, k: usize, key: impl Fn(&T) -> K + Send + Sync + 'static) -> Self {
        let cut = move |list: &mut Vec<T>| {
            use std::cmp::Ordering::{Equal, Greater, Less};
            list.sort_by(|a, b| {
                let (a, b) = (key(a), key(b));
                match (a.partial_cmp(&a), b.partial_cmp(&b)) {
                    (None, Some(_)) => Greater,
                    (Some(_), None) => Less,
                    (None, None) => Equal,
                    _ => b.partial_cmp(&a).unwrap_or(Equal),
                }
            });
            list.truncate(k);
        };
        let cut = Arc::new(cut);
        let (late, last) = (cut.clone(), cut.clone());
        let add = move |list: &mut Vec<T>, x: T| {
            list.push(x);
            // Sorting now and then keeps the list short.
            if list.len() >= 2 * k + 1024 {
                cut(list);
            }
        };
        let merge = move |mut a: Vec<T>, b: Vec<T>| {
            a.extend(b);
            late(&mut a);
            a
        };
        let finish = move |mut list: Vec<T>| {
            last(&mut list);
            Ok(list)
        };
        Self::from_delayed(&[self.tree("topk", Vec::new, add, merge, finish)])
    }
}

impl Bag<bool> {
    /// Whether any element is true; false for an empty bag.
    pub fn any(&self) -> Delayed<bool> {
        self.tree("any", || false, |any, x| *any |= x, |a, b| a || b, Ok)
    }

    /// Whether all elements are true; true for an empty bag.
    pub fn all(&self) -> Delayed<bool> {
        self.tree("all", || true, |all, x| *all &= x, |a, b| a && b, Ok)
    }
}
