//! The handle of a bag, and the composition of steps; their layers are in `layers`.

use super::layers::{self, Elements, Of, Reads, Summary};
use crate::delayed::{Delayed, each, sole, take_or_clone, typed_ref};
use crate::error::{Error, ErrorKind, Result};
use crate::graph::picture::Picture;
use crate::graph::size::{Size, size_list, size_typed};
use crate::graph::stream::{Make, Part, Sink, Stream};
use crate::graph::value::short_type;
use crate::graph::{Key, Layer, Name, Point, Value};
use crate::handle::Opaque;
use crate::sched;
use crate::show::{Bundle, Show, html};

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

/// A type that can be an element of a bag.
pub trait Element: Clone + Send + Sync + 'static {}
impl<T: Clone + Send + Sync + 'static> Element for T {}

/// A lazy list in partitions.
///
/// Elements keep their order, unless a method documents otherwise, and no result depends on the
/// partitioning. Elements can be of any type that is `Clone + Send + Sync + 'static`.
///
/// ```
/// use rask::prelude::*;
/// let squares = Bag::from_iter(1..=10i64).map(|x| x * x).filter(|x| x % 2 == 0);
/// assert_eq!(squares.compute()?, [4, 16, 36, 64, 100]);
/// assert_eq!(squares.sum().compute()?, 220);
/// # Ok::<(), rask::Error>(())
/// ```
pub struct Bag<T> {
    pub(super) layer: Opaque,
    of: PhantomData<fn() -> T>,
}

impl<T> Clone for Bag<T> {
    fn clone(&self) -> Self {
        Self { layer: self.layer.clone(), of: PhantomData }
    }
}

/// Returns the functions that collect and measure the list of a partition.
pub(super) fn of<T: Element>() -> Of {
    fn collect<T: Element>(stream: &Stream, part: &mut Part) -> Result<Value> {
        match list_of(&**make::<T>(stream), part) {
            Ok(list) => Ok(Arc::new(list)),
            Err(e) => Err(e),
        }
    }
    Of { collect: collect::<T>, size: size::<T> }
}

pub(super) fn size<T: Element>(value: &Value) -> Size {
    size_list(typed_ref::<Vec<T>>(value))
}

pub(super) fn size_of_value<A: Send + Sync + 'static>(value: &Value) -> Size {
    size_typed(typed_ref::<A>(value))
}

/// Returns the typed function of a stream.
pub(super) fn make<T: 'static>(stream: &Stream) -> &Arc<Make<T>> {
    // Layers are only combined by methods of `Bag`, whose types determine what each returns and
    // takes.
    stream.downcast_ref().expect("a stream has the type of its bag")
}

/// Collects all elements of a partition.
pub(super) fn list_of<T: Element>(make: &Make<T>, part: &mut Part) -> Result<Vec<T>> {
    let mut list = Vec::new();
    let read = make(part, &mut |x| {
        list.push(x);
        true
    });
    match read {
        Ok(()) => Ok(list),
        Err(e) => Err(e),
    }
}

/// The elements of a list: moved out of it, or cloned if something else holds it too.
pub(super) enum Items<'a, T> {
    Own(std::vec::IntoIter<T>),
    Shared(std::slice::Iter<'a, T>),
}

impl<T: Clone> Iterator for Items<'_, T> {
    type Item = T;
    #[inline]
    fn next(&mut self) -> Option<T> {
        match self {
            Self::Own(items) => items.next(),
            Self::Shared(items) => items.next().cloned(),
        }
    }
}

/// Pushes the elements of the list that a task reads as its value `i`.
pub(super) fn push_list<T: Element>(
    part: &mut Part,
    i: usize,
    sink: &mut Sink<'_, T>,
) -> Result<()> {
    let mut value = part.take(i);
    let own = match sole(&mut value).map(|v| v.downcast_mut::<Vec<T>>()) {
        Some(Some(own)) => Some(std::mem::take(own)),
        _ => None,
    };
    let items = match own {
        Some(own) => Items::Own(own.into_iter()),
        None => Items::Shared(typed_ref::<Vec<T>>(&value).iter()),
    };
    push_all(items, sink)
}

/// Pushes the elements of a list, until the sink wants no more or the user interrupts.
pub(super) fn push_own<T: Clone>(list: Vec<T>, sink: &mut Sink<'_, T>) -> Result<()> {
    push_all(Items::Own(list.into_iter()), sink)
}

/// Collects an iterator. To compile `collect`, the compiler of a cell goes through a dozen traits of
/// the library, which takes longer than all the rest of a bag.
pub(super) fn list<T>(items: impl IntoIterator<Item = T>) -> Vec<T> {
    let items = items.into_iter();
    let mut list = Vec::with_capacity(items.size_hint().0);
    for x in items {
        list.push(x);
    }
    list
}

/// Pushes copies of `size` elements of a list, or of as many as there are.
pub(super) fn push_copies<T: Clone>(
    list: &[T],
    start: usize,
    size: usize,
    sink: &mut Sink<'_, T>,
) -> Result<()> {
    let (mut i, mut left) = (start, size);
    while left > 0 && i < list.len() {
        if sched::cancelled() {
            return Err(interrupted());
        }
        if !sink(list[i].clone()) {
            break;
        }
        i += 1;
        left -= 1;
    }
    Ok(())
}

/// Pushes the elements of an iterator, until the sink wants no more or the user interrupts.
pub(super) fn push_all<T>(
    items: impl IntoIterator<Item = T>,
    sink: &mut Sink<'_, T>,
) -> Result<()> {
    for x in items {
        if sched::cancelled() {
            return Err(interrupted());
        }
        if !sink(x) {
            break;
        }
    }
    Ok(())
}

#[cold]
#[inline(never)]
pub(super) fn interrupted() -> Error {
    ErrorKind::Interrupted.into()
}

/// Returns the stream before a layer; if there is none, the list that the task reads.
pub(super) fn upstream<T: Element>(before: Option<Stream>) -> Arc<Make<T>> {
    match before {
        Some(stream) => make::<T>(&stream).clone(),
        None => Arc::new(|part, sink| push_list(part, 0, sink)),
    }
}

#[inline(never)]
pub(super) fn elements(
    name: Name,
    before: &Opaque,
    open: Box<dyn Fn(Option<Stream>) -> Stream + Send + Sync>,
    of: Of,
) -> Opaque {
    Opaque::of(layers::after(name, &before.arc(), Elements { open, of, reads: None }))
}

#[inline(never)]
pub(super) fn summary(
    name: Name,
    before: &Opaque,
    finish: layers::Finish,
    size: fn(&Value) -> Size,
) -> Opaque {
    Opaque::of(layers::after(name, &before.arc(), Summary { finish, size }))
}

/// Returns a name for the tasks of a method: that of the function, or of the method for a closure.
#[inline(never)]
pub(super) fn name_for(method: &str, function: &str) -> Name {
    if function.contains("{{closure}}") {
        Name::new(method)
    } else {
        crate::delayed::named_after(function)
    }
}

impl<T> Bag<T> {
    pub(crate) fn from_layer(layer: Opaque) -> Self {
        Self { layer, of: PhantomData }
    }

    /// Returns the number of partitions.
    #[must_use]
    pub fn npartitions(&self) -> usize {
        partitions(&self.layer) as usize
    }

    /// Calls `f` with each task.
    pub(crate) fn each_point(&self, f: &mut dyn FnMut(Point)) {
        each_point(&self.layer, f);
    }

    /// Draws the task graph, with a node for each step; `.optimize_graph(true)` shows it as it
    /// runs.
    pub fn visualize(&self) -> Picture {
        picture(&self.layer)
    }
}

#[inline(never)]
pub(super) fn partitions(layer: &Opaque) -> u32 {
    layer.get::<Layer>().len
}

#[inline(never)]
pub(super) fn each_point(layer: &Opaque, f: &mut dyn FnMut(Point)) {
    layer.arc::<Layer>().points().into_iter().for_each(f);
}

#[inline(never)]
pub(super) fn picture(layer: &Opaque) -> Picture {
    sched::picture(&layer.arc::<Layer>().points())
}

#[inline(never)]
pub(super) fn compute(layer: &Opaque) -> Result<Vec<Value>> {
    sched::compute(&layer.arc::<Layer>().points())
}

#[inline(never)]
pub(super) fn persist(layer: &Opaque, size: fn(&Value) -> Size) -> Result<Opaque> {
    let layer: Arc<Layer> = layer.arc();
    Ok(Opaque::of(crate::delayed::keep(&layer.key.name.text(), &layer.points(), |_, v| size(v))?))
}

impl<T: Element> Bag<T> {
    /// Adds a step that computes new elements from those before it.
    pub(super) fn step<U: Element>(
        &self,
        name: Name,
        compose: impl Fn(Arc<Make<T>>) -> Arc<Make<U>> + Send + Sync + 'static,
    ) -> Bag<U> {
        let open = Box::new(move |before| Arc::new(compose(upstream(before))) as Stream);
        Bag::from_layer(elements(name, &self.layer, open, of::<U>()))
    }

    /// Builds a layer of one value per partition.
    pub(super) fn summarize<A: Send + Sync + 'static>(
        &self,
        name: Name,
        finish: impl Fn(&mut Part, Arc<Make<T>>) -> Result<A> + Send + Sync + 'static,
    ) -> Opaque {
        let finish =
            Box::new(move |part: &mut Part, before| match finish(part, upstream(before)) {
                Ok(value) => Ok(Arc::new(value) as Value),
                Err(e) => Err(e),
            });
        summary(name, &self.layer, finish, size_of_value::<A>)
    }

    /// Computes all elements, in order.
    ///
    /// # Errors
    /// Fails if a function panics, a file cannot be read, or the elements exceed the memory limit.
    pub fn compute(&self) -> Result<Vec<T>> {
        let mut all = Vec::new();
        match compute(&self.layer) {
            Ok(parts) => each(parts, &mut |part| append(&mut all, part)),
            Err(e) => return Err(e),
        }
        Ok(all)
    }

    /// Computes the partitions now and keeps them in memory; methods on the result do not compute
    /// them again.
    ///
    /// The display of the result shows its size in memory; the bag itself is not changed.
    ///
    /// # Errors
    /// As [`compute`](Bag::compute).
    pub fn persist(&self) -> Result<Self> {
        Ok(Self::from_layer(persist(&self.layer, size::<T>)?))
    }

    /// Returns the partitions, each as a delayed list.
    #[must_use]
    pub fn to_delayed(&self) -> Vec<Delayed<Vec<T>>> {
        let mut all = Vec::new();
        self.each_point(&mut |point| all.push(Delayed::of_point(point)));
        all
    }

    /// Computes the first `k` elements now: partition by partition, and no more of them than
    /// needed. Warns if there are fewer.
    ///
    /// # Errors
    /// As [`compute`](Bag::compute).
    pub fn take(&self, k: usize) -> Result<Vec<T>> {
        let taken = self.take_at_most(k)?;
        if taken.len() < k {
            told_fewer(k, taken.len());
        }
        Ok(taken)
    }

    /// Computes the first `k` elements, or all if there are fewer.
    pub(super) fn take_at_most(&self, k: usize) -> Result<Vec<T>> {
        let mut taken = Vec::new();
        match self.first_lists(k) {
            Ok(lists) => each(lists, &mut |list| append(&mut taken, list)),
            Err(e) => return Err(e),
        }
        taken.truncate(k);
        Ok(taken)
    }

    /// Computes lists with the first `k` elements and possibly more, or all if there are fewer.
    pub(crate) fn first_lists(&self, k: usize) -> Result<Vec<Value>> {
        let first = self.summarize(Name::new("take"), move |part, up| {
            let mut taken = Vec::new();
            let read = if k == 0 {
                Ok(())
            } else {
                up(part, &mut |x| {
                    taken.push(x);
                    taken.len() < k
                })
            };
            match read {
                Ok(()) => Ok(taken),
                Err(e) => Err(e),
            }
        });
        enough(&first, k, length::<T>)
    }
}

pub(super) fn length<T: Element>(list: &Value) -> usize {
    typed_ref::<Vec<T>>(list).len()
}

/// Computes the list of the first task, then of twice as many tasks and so on, until they have `k`
/// elements.
#[inline(never)]
pub(super) fn enough(layer: &Opaque, k: usize, length: fn(&Value) -> usize) -> Result<Vec<Value>> {
    let layer: Arc<Layer> = layer.arc();
    let (mut lists, mut found, mut at, mut many) = (Vec::new(), 0, 0, 1);
    while found < k && at < layer.len {
        let end = (at + many).min(layer.len);
        let more = sched::compute(&(at..end).map(|i| layer.at(i)).collect::<Vec<_>>())?;
        found += more.iter().map(length).sum::<usize>();
        lists.extend(more);
        (at, many) = (end, many * 2);
    }
    Ok(lists)
}

/// Appends the list of a partition.
pub(super) fn append<T: Element>(all: &mut Vec<T>, part: Value) {
    let mut list = take_or_clone::<Vec<T>>(part);
    if all.is_empty() { *all = list } else { all.append(&mut list) }
}

#[inline(never)]
pub(super) fn told_fewer(asked: usize, there: usize) {
    crate::show::warn(&format!(
        "take({asked}): the bag has only {}",
        html::count(there, "element")
    ));
}

impl<T> Bag<T> {
    #[inline(never)]
    fn described(&self, of: &str) -> Bundle {
        described(&self.layer, of)
    }
}

#[inline(never)]
pub(super) fn described(layer: &Opaque, of: &str) -> Bundle {
    let layer: Arc<Layer> = layer.arc();
    let (names, tasks) = layers::described(&layer);
    let (of, partitions) = (short_type(of), html::count(layer.len as usize, "partition"));
    let held = if names.len() == 1 && layer.inputs.is_empty() {
        crate::delayed::held(&layer)
    } else {
        None
    };
    let held = held.map(|b| format!(", {} in memory", html::bytes(b))).unwrap_or_default();
    let text = format!(
        "Bag<{of}>({}: {partitions}{held}, {}, {})",
        layer.key,
        html::count(names.len(), "stage"),
        html::count(tasks, "task")
    );
    let html = format!(
        "<div><b>Bag</b> <code>&lt;{}&gt;</code> <span style=\"color:{}\">{partitions}{held} &middot; {} &middot; nothing runs until compute()</span></div>\
         <div style=\"color:{}\">{}</div>",
        html::escape(&of),
        html::FAINT,
        html::count(tasks, "task"),
        html::FAINT,
        names
            .iter()
            .map(|n| format!("<code>{}</code>", html::escape(n)))
            .collect::<Vec<_>>()
            .join(" &rarr; "),
    );
    Bundle::text(text).with("text/html", html)
}

impl<T> Show for Bag<T> {
    fn show(&self) -> Bundle {
        self.described(std::any::type_name::<T>())
    }
}

impl<T> fmt::Debug for Bag<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        crate::show::debug(self, f)
    }
}

/// Builds a source of elements: `read` pushes those of a partition.
pub(super) fn source<T: Element>(
    name: Name,
    partitions: usize,
    read: impl Fn(u32, &mut Sink<'_, T>) -> Result<()> + Send + Sync + 'static,
) -> Bag<T> {
    let make: Arc<Make<T>> = Arc::new(move |part, sink| read(part.index, sink));
    Bag::from_layer(source_layer(name, partitions, Arc::new(make), of::<T>()))
}

/// Returns the number of partitions, at least one.
///
/// # Panics
/// Panics if it is 2^24 or more: no bag needs so many, and each partition costs memory.
#[track_caller]
pub(super) fn count_of(npartitions: usize) -> u32 {
    const MOST: usize = 1 << 24;
    assert!(
        npartitions < MOST,
        "{npartitions} partitions are too many: expected at most {}",
        MOST - 1
    );
    npartitions.max(1) as u32
}

#[inline(never)]
pub(super) fn source_layer(name: Name, partitions: usize, stream: Stream, of: Of) -> Opaque {
    let open = Box::new(move |_| stream.clone());
    Opaque::of(Layer::new(
        Key::new(name),
        count_of(partitions),
        Vec::new(),
        Elements { open, of, reads: None },
    ))
}

/// Builds a layer of `len` lists, whose tasks read what `reads` returns and compute their elements
/// from those values.
pub(super) fn gathered<T: Element>(
    name: &str,
    len: u32,
    inputs: &[&Opaque],
    reads: Reads,
    push: impl Fn(&mut Part, &mut Sink<'_, T>) -> Result<()> + Send + Sync + 'static,
) -> Bag<T> {
    let make: Arc<Make<T>> = Arc::new(push);
    Bag::from_layer(gathered_layer(name, len, inputs, reads, Arc::new(make), of::<T>()))
}

#[inline(never)]
pub(super) fn gathered_layer(
    name: &str,
    len: u32,
    inputs: &[&Opaque],
    reads: Reads,
    stream: Stream,
    of: Of,
) -> Opaque {
    let work = Elements { open: Box::new(move |_| stream.clone()), of, reads: Some(reads) };
    let inputs = inputs.iter().map(|l| l.arc::<Layer>().at(0)).collect();
    Opaque::of(Layer::new(Key::new(Name::new(name)), len, inputs, work))
}
