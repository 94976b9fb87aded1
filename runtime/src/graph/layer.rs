//! Layers: tasks of one kind that share their work, with their inputs.

use super::size::{Size, size_of};
use super::stream::Streaming;
use super::value::Value;
use crate::error::Result;
use rask_wire::helpers::Whole;
use std::any::Any;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, RwLock};

/// The interned name of a function, shared by all of its tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Name(u32);

static NAMES: LazyLock<RwLock<indexmap::IndexSet<Arc<str>>>> = LazyLock::new(RwLock::default);

impl Name {
    pub(crate) fn new(name: &str) -> Self {
        if let Some(known) = NAMES.read().whole().get_index_of(name) {
            return Self(known as u32);
        }
        Self(NAMES.write().whole().insert_full(name.into()).0 as u32)
    }

    pub(crate) fn text(self) -> Arc<str> {
        // Names are only created by `new`, and none is ever removed.
        NAMES.read().whole()[self.0 as usize].clone()
    }
}

/// The key of a layer in all computations of this process: its function's name and a number. Pure
/// work with equal arguments has equal keys; other keys are never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) name: Name,
    number: u64,
}

/// The bit that is set in the numbers of pure keys.
const PURE: u64 = 1 << 63;

impl Key {
    pub(crate) fn new(name: Name) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self { name, number: NEXT.fetch_add(1, Ordering::Relaxed) }
    }

    /// Creates the key of pure work from a hash of the function and its arguments.
    pub(crate) fn pure(name: Name, token: u64) -> Self {
        Self { name, number: token | PURE }
    }

    pub(crate) fn is_pure(self) -> bool {
        self.number & PURE != 0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_pure() {
            write!(f, "{}-{:x}", self.name.text(), self.number & !PURE)
        } else {
            write!(f, "{}-{}", self.name.text(), self.number)
        }
    }
}

/// The work of a layer's tasks.
pub(crate) trait Work: Send + Sync {
    /// Adds what task `index` reads: which of the layer's inputs, and which task of that input's
    /// layer. By default a task reads every input, at the task it points to.
    fn reads(&self, layer: &Layer, index: u32, out: &mut Vec<(u32, u32)>) {
        let _ = index;
        layer.read_all(out);
    }

    /// Computes the value of task `index` from the values that it reads, in their order.
    fn run(&self, index: u32, values: Vec<Value>) -> Result<Value>;

    /// Returns plain arguments as text, for pictures and error messages.
    fn literals(&self) -> Vec<String> {
        Vec::new()
    }

    /// Returns the names of the steps that were fused into one task; empty if there is only one.
    fn stages(&self) -> Vec<Name> {
        Vec::new()
    }

    /// Returns its elements as a stream, if it produces a list: see [`super::stream`].
    fn streaming(&self) -> Option<&dyn Streaming> {
        None
    }

    /// Returns how it reads other layers, if its tasks can be computed inside others: see
    /// [`super::inline`].
    fn inline(&self) -> Option<&dyn Inline> {
        None
    }

    /// Returns the bytes that a value of this work holds in memory.
    fn size(&self, value: &Value) -> Size {
        size_of(&**value)
    }

    /// Returns the value that it stands for, if that is computed elsewhere and may not be ready
    /// yet.
    fn waits(&self) -> Option<Arc<dyn Waits>> {
        None
    }

    /// Returns the bytes of its values, if they are ready already.
    fn held(&self) -> Option<u64> {
        None
    }

    /// Returns how often a failed task is retried.
    fn retries(&self) -> u32 {
        0
    }
}

/// How the tasks of a layer read those of one of its inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reach {
    /// Task `i` reads task `i`.
    Same,
    /// No task is read twice.
    Once,
    /// Several tasks may read the same one.
    Many,
}

/// The work of a layer that can be part of a group.
pub(crate) trait Inline {
    /// Returns how its tasks read those of input `i`.
    fn reach(&self, i: usize) -> Reach;
    /// Returns the work, for its own module.
    fn as_any(&self) -> &dyn Any;
    /// Returns whether the tasks that read it can compute it.
    fn can_be_inlined(&self) -> bool;
    /// Returns whether it can compute the layers that it reads.
    fn inlines(&self) -> bool;
    /// Returns the work of a group, whose last member is this layer.
    fn group(&self, members: Vec<Member>) -> Box<dyn Work>;
}

/// Where a member of a group finds an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// At an earlier member.
    Member(usize),
    /// At an input of the group.
    Input(usize),
}

/// A layer of a group, after those that it reads.
pub(crate) struct Member {
    pub(crate) layer: Arc<Layer>,
    pub(crate) sources: Vec<Source>,
}

/// A value that is computed elsewhere.
pub(crate) trait Waits: Send + Sync {
    /// Computes the value on this thread, unless another has begun to: for a thread that others may
    /// need, which must not just wait.
    fn help(&self);

    /// Calls `f` as soon as the value is ready (with `true`) or never will be (with `false`).
    fn on_done(&self, f: Box<dyn FnOnce(bool) + Send>);
}

/// Tasks of one kind and their inputs.
pub(crate) struct Layer {
    pub(crate) key: Key,
    /// Number of its tasks.
    pub(crate) len: u32,
    pub(crate) inputs: Box<[Point]>,
    /// Whether this layer, or one that it reads, streams its elements.
    pub(crate) streams: bool,
    /// Whether this layer, or one that it reads, can be inlined.
    pub(crate) inlines: bool,
    pub(crate) work: Box<dyn Work>,
}

/// One task of a layer.
#[derive(Clone)]
pub(crate) struct Point {
    pub(crate) layer: Arc<Layer>,
    pub(crate) index: u32,
}

impl Layer {
    pub(crate) fn new(
        key: Key,
        len: u32,
        inputs: Vec<Point>,
        work: impl Work + 'static,
    ) -> Arc<Self> {
        Self::boxed(key, len, inputs, Box::new(work))
    }

    pub(crate) fn boxed(key: Key, len: u32, inputs: Vec<Point>, work: Box<dyn Work>) -> Arc<Self> {
        let streams = work.streaming().is_some() || inputs.iter().any(|p| p.layer.streams);
        let inlines = work.inline().is_some() || inputs.iter().any(|p| p.layer.inlines);
        Arc::new(Self { key, len, inputs: inputs.into(), streams, inlines, work })
    }

    /// Reads each input at the task it points to.
    #[inline(never)]
    fn read_all(&self, out: &mut Vec<(u32, u32)>) {
        out.extend(self.inputs.iter().enumerate().map(|(i, p)| (i as u32, p.index)));
    }

    /// Returns the displayed name of its tasks: the names of its steps, if it has several.
    pub(crate) fn label(&self) -> Name {
        let stages = self.work.stages();
        match stages.as_slice() {
            [] => self.key.name,
            [a, .., z] if stages.len() > 5 => {
                Name::new(&format!("{}-\u{2026}-{}", a.text(), z.text()))
            }
            _ => Name::new(&stages.iter().map(|s| s.text()).collect::<Vec<_>>().join("-")),
        }
    }

    /// Returns the layer's tasks.
    pub(crate) fn points(self: &Arc<Self>) -> Vec<Point> {
        (0..self.len).map(|index| self.at(index)).collect()
    }

    pub(crate) fn at(self: &Arc<Self>, index: u32) -> Point {
        Point { layer: self.clone(), index }
    }

    /// Returns the key of one of its tasks, with the task's number if there are several.
    pub(crate) fn task_key(&self, index: u32) -> String {
        if self.len == 1 { self.key.to_string() } else { format!("{}-{index}", self.key) }
    }
}

impl Drop for Layer {
    /// Frees a chain of any length without recursion.
    fn drop(&mut self) {
        let mut waiting = vec![std::mem::take(&mut self.inputs)];
        while let Some(inputs) = waiting.pop() {
            for point in inputs {
                if let Some(mut layer) = Arc::into_inner(point.layer) {
                    waiting.push(std::mem::take(&mut layer.inputs));
                }
            }
        }
    }
}

/// Returns the layers that the points need, each once, dependencies first; layers that `enter`
/// rejects are not visited.
pub(crate) fn layers_of(points: &[Point], enter: impl Fn(&Layer) -> bool) -> Vec<Arc<Layer>> {
    let mut found = Vec::new();
    let mut seen: foldhash::HashSet<*const Layer> = foldhash::HashSet::default();
    for point in points.iter().filter(|p| enter(&p.layer)) {
        let mut stack = vec![(point.layer.clone(), 0)];
        while let Some((layer, next)) = stack.pop() {
            if next == 0 && !seen.insert(Arc::as_ptr(&layer)) {
                continue;
            }
            match layer.inputs.get(next).map(|p| p.layer.clone()) {
                Some(input) => {
                    stack.push((layer, next + 1));
                    if enter(&input) {
                        stack.push((input, 0));
                    }
                }
                None => found.push(layer),
            }
        }
    }
    found
}
