//! Methods of bags on each element.

use super::handle::{Bag, Element, list_of, name_for, push_all};
use crate::delayed::args::TaskFn;
use crate::graph::Name;
use crate::graph::stream::Sink;
use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::sync::Arc;

impl<T: Element> Bag<T> {
    /// Applies a function to every element.
    pub fn map<U: Element>(&self, function: impl Fn(T) -> U + Send + Sync + 'static) -> Bag<U> {
        let name = name_for("map", type_name_of(&function));
        let function = Arc::new(function);
        self.step(name, move |up| {
            let f = function.clone();
            Arc::new(move |part, sink| up(part, &mut |x| sink(f(x))))
        })
    }

    /// Applies a function of several arguments to the fields of every element, which must be a
    /// tuple.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let sums = Bag::from_iter([(1, 2), (10, 20)]).starmap(|a, b| a + b);
    /// assert_eq!(sums.compute()?, [3, 30]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    pub fn starmap<F>(&self, function: F) -> Bag<F::Output>
    where
        F: TaskFn<T>,
        F::Output: Clone,
    {
        let function = Arc::new(function);
        self.step(name_for("starmap", std::any::type_name::<F>()), move |up| {
            let f = function.clone();
            Arc::new(move |part, sink| up(part, &mut |x| sink(f.apply(x))))
        })
    }

    /// Keeps the elements for which `predicate` is true.
    pub fn filter(&self, predicate: impl Fn(&T) -> bool + Send + Sync + 'static) -> Self {
        self.keep("filter", predicate, true)
    }

    /// Removes the elements for which `predicate` is true.
    pub fn remove(&self, predicate: impl Fn(&T) -> bool + Send + Sync + 'static) -> Self {
        self.keep("remove", predicate, false)
    }

    fn keep(
        &self,
        method: &str,
        predicate: impl Fn(&T) -> bool + Send + Sync + 'static,
        wanted: bool,
    ) -> Self {
        let predicate = Arc::new(predicate);
        self.step(Name::new(method), move |up| {
            let p = predicate.clone();
            Arc::new(move |part, sink| {
                up(part, &mut |x| if p(&x) == wanted { sink(x) } else { true })
            })
        })
    }

    /// Applies a function that returns several elements, and flattens the result.
    pub fn flat_map<I>(&self, function: impl Fn(T) -> I + Send + Sync + 'static) -> Bag<I::Item>
    where
        I: IntoIterator,
        I::Item: Element,
    {
        let name = name_for("flat-map", type_name_of(&function));
        let function = Arc::new(function);
        self.step(name, move |up| {
            let f = function.clone();
            Arc::new(move |part, sink| up(part, &mut |x| push_each(f(x), sink)))
        })
    }

    /// Flattens nested elements by one level.
    pub fn flatten(&self) -> Bag<T::Item>
    where
        T: IntoIterator,
        T::Item: Element,
    {
        self.step(Name::new("flatten"), move |up| {
            Arc::new(move |part, sink| up(part, &mut |x: T| push_each(x, sink)))
        })
    }

    /// Takes one item of every element: by its key, or by its index.
    ///
    /// The task panics if an element has no such item; see [`pluck_or`](Bag::pluck_or).
    ///
    /// ```
    /// use rask::prelude::*;
    /// let rows = Bag::from_iter([vec![1, 2], vec![3, 4]]);
    /// assert_eq!(rows.pluck(1).compute()?, [2, 4]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    pub fn pluck<K>(&self, key: K) -> Bag<T::Part>
    where
        K: std::fmt::Debug + Send + Sync + 'static,
        T: Pluck<K>,
        T::Part: Element,
    {
        let key = Arc::new(key);
        self.step(Name::new("pluck"), move |up| {
            let key = key.clone();
            Arc::new(move |part, sink| {
                up(part, &mut |x: T| match x.pluck(&key) {
                    Some(found) => sink(found),
                    None => no_part(&*key),
                })
            })
        })
    }

    /// Takes one item of every element, or `default` if an element has no such item.
    pub fn pluck_or<K>(&self, key: K, default: T::Part) -> Bag<T::Part>
    where
        K: Send + Sync + 'static,
        T: Pluck<K>,
        T::Part: Element,
    {
        let given = Arc::new((key, default));
        self.step(Name::new("pluck"), move |up| {
            let given = given.clone();
            Arc::new(move |part, sink| {
                up(part, &mut |x: T| sink(x.pluck(&given.0).unwrap_or_else(|| given.1.clone())))
            })
        })
    }

    /// Applies a function to the list of every partition. Unlike other methods, the result may
    /// depend on the partitioning.
    pub fn map_partitions<I>(
        &self,
        function: impl Fn(Vec<T>) -> I + Send + Sync + 'static,
    ) -> Bag<I::Item>
    where
        I: IntoIterator,
        I::Item: Element,
    {
        let name = name_for("map-partitions", type_name_of(&function));
        let function = Arc::new(function);
        self.step(name, move |up| {
            let f = function.clone();
            Arc::new(move |part, sink| {
                let list = list_of(&*up, part)?;
                push_all(f(list), sink)
            })
        })
    }
}

#[cold]
#[inline(never)]
fn no_part(key: &dyn std::fmt::Debug) -> ! {
    panic!("pluck: an element has no item {key:?}; help: pluck_or(..) takes a default")
}

impl<A: Element, B: Element> Bag<(A, B)> {
    /// Splits a bag of pairs into a bag of the first and a bag of the second values.
    #[must_use]
    pub fn unzip(&self) -> (Bag<A>, Bag<B>) {
        (self.map(first), self.map(second))
    }
}

/// Pushes all items, until the sink wants no more.
#[inline]
fn push_each<T>(items: impl IntoIterator<Item = T>, sink: &mut Sink<'_, T>) -> bool {
    #[expect(
        clippy::redundant_closure,
        reason = "passed directly, the sink would cost each element one more call"
    )]
    items.into_iter().all(|x| sink(x))
}

pub(super) fn first<A, B>(pair: (A, B)) -> A {
    pair.0
}

pub(super) fn second<A, B>(pair: (A, B)) -> B {
    pair.1
}

fn type_name_of<F>(_: &F) -> &'static str {
    std::any::type_name::<F>()
}

/// An element with items by key or by index.
pub trait Pluck<K> {
    /// The type of an item.
    type Part;
    /// Returns the item, if there is one.
    fn pluck(&self, key: &K) -> Option<Self::Part>;
}

impl<T: Clone> Pluck<usize> for Vec<T> {
    type Part = T;
    fn pluck(&self, key: &usize) -> Option<T> {
        self.get(*key).cloned()
    }
}

impl<V: Clone> Pluck<&'static str> for HashMap<String, V> {
    type Part = V;
    fn pluck(&self, key: &&'static str) -> Option<V> {
        self.get(*key).cloned()
    }
}

impl<K: Eq + Hash, V: Clone> Pluck<K> for HashMap<K, V>
where
    K: PluckKey,
{
    type Part = V;
    fn pluck(&self, key: &K) -> Option<V> {
        self.get(key).cloned()
    }
}

/// Integers that can be the keys of a map.
pub trait PluckKey {}
impl PluckKey for u64 {}
impl PluckKey for i64 {}
impl PluckKey for u32 {}
impl PluckKey for i32 {}

impl<V: Clone> Pluck<&'static str> for BTreeMap<String, V> {
    type Part = V;
    fn pluck(&self, key: &&'static str) -> Option<V> {
        self.get(*key).cloned()
    }
}

impl Pluck<&'static str> for serde_json::Value {
    type Part = Self;
    fn pluck(&self, key: &&'static str) -> Option<Self> {
        self.get(*key).cloned()
    }
}

impl Pluck<String> for serde_json::Value {
    type Part = Self;
    fn pluck(&self, key: &String) -> Option<Self> {
        self.get(key.as_str()).cloned()
    }
}

impl Pluck<usize> for serde_json::Value {
    type Part = Self;
    fn pluck(&self, key: &usize) -> Option<Self> {
        self.get(*key).cloned()
    }
}
