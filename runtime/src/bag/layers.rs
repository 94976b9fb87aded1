//! The type-erased layers of bags: a list per partition, computed element by element; one value per
//! partition; values merged by a tree. The typed parts are passed as functions.

use crate::error::Result;
use crate::graph::size::Size;
use crate::graph::stream::{Part, Stream, Streaming};
use crate::graph::{Key, Layer, Name, Point, Value, Work};
use std::sync::Arc;

/// The typed functions of a partition's list.
#[derive(Clone, Copy)]
pub(super) struct Of {
    pub(super) collect: fn(&Stream, &mut Part) -> Result<Value>,
    pub(super) size: fn(&Value) -> Size,
}

/// A function that adds the inputs of a task.
pub(super) type Reads = Box<dyn Fn(&Layer, u32, &mut Vec<(u32, u32)>) + Send + Sync>;

/// Task `i` reads task `i` of the first input, and the only task of each other input.
pub(super) fn own_and_the(others: u32) -> Reads {
    Box::new(move |_, i, out| {
        out.push((0, i));
        out.extend((1..=others).map(|input| (input, 0)));
    })
}

/// Every task reads the only task of the input.
pub(super) fn the_only() -> Reads {
    Box::new(|_, _, out| out.push((0, 0)))
}

/// Task `i` reads piece `i` of every list; each list was cut into `each` pieces.
pub(super) fn of_each(each: u32) -> Reads {
    Box::new(move |layer, i, out| {
        let lists = layer.inputs[0].layer.len / each;
        out.extend((0..lists).map(|list| (0, list * each + i)));
    })
}

/// Task `i` reads the tasks from bound `i` up to the next one.
pub(super) fn between(bounds: Vec<u32>) -> Reads {
    Box::new(move |_, i, out| {
        out.extend((bounds[i as usize]..bounds[i as usize + 1]).map(|task| (0, task)))
    })
}

/// The work that computes the elements of a partition, from those of the layer before or as a
/// source.
pub(super) struct Elements {
    pub(super) open: Box<dyn Fn(Option<Stream>) -> Stream + Send + Sync>,
    pub(super) of: Of,
    /// The inputs of the tasks; `None` if task `i` reads task `i` of the layer before.
    pub(super) reads: Option<Reads>,
}

/// Task `i` reads task `i` of every input.
fn read_each(layer: &Layer, index: u32, out: &mut Vec<(u32, u32)>) {
    out.extend((0..layer.inputs.len() as u32).map(|input| (input, index)));
}

impl Work for Elements {
    fn reads(&self, layer: &Layer, index: u32, out: &mut Vec<(u32, u32)>) {
        match &self.reads {
            Some(reads) => reads(layer, index, out),
            None => read_each(layer, index, out),
        }
    }

    fn run(&self, index: u32, values: Vec<Value>) -> Result<Value> {
        self.finish(&mut Part::new(index, values), None)
    }

    fn size(&self, value: &Value) -> Size {
        (self.of.size)(value)
    }

    fn streaming(&self) -> Option<&dyn Streaming> {
        Some(self)
    }
}

impl Streaming for Elements {
    fn open(&self, before: Option<Stream>) -> Option<Stream> {
        Some((self.open)(before))
    }

    fn finish(&self, part: &mut Part, before: Option<Stream>) -> Result<Value> {
        (self.of.collect)(&(self.open)(before), part)
    }

    fn follows(&self) -> bool {
        self.reads.is_none()
    }

    fn gives(&self) -> bool {
        true
    }
}

/// A function that computes one value from the elements of a partition.
pub(super) type Finish = Box<dyn Fn(&mut Part, Option<Stream>) -> Result<Value> + Send + Sync>;

/// The work that computes one value per partition.
pub(super) struct Summary {
    pub(super) finish: Finish,
    pub(super) size: fn(&Value) -> Size,
}

impl Work for Summary {
    fn reads(&self, layer: &Layer, index: u32, out: &mut Vec<(u32, u32)>) {
        read_each(layer, index, out);
    }

    fn run(&self, index: u32, values: Vec<Value>) -> Result<Value> {
        Streaming::finish(self, &mut Part::new(index, values), None)
    }

    fn size(&self, value: &Value) -> Size {
        (self.size)(value)
    }

    fn streaming(&self) -> Option<&dyn Streaming> {
        Some(self)
    }
}

impl Streaming for Summary {
    fn open(&self, _: Option<Stream>) -> Option<Stream> {
        None
    }

    fn finish(&self, part: &mut Part, before: Option<Stream>) -> Result<Value> {
        (self.finish)(part, before)
    }

    fn follows(&self) -> bool {
        true
    }

    fn gives(&self) -> bool {
        false
    }
}

/// A function that merges values in order: those of a whole layer, or of some neighbours.
pub(super) type Join = Arc<dyn Fn(Vec<Value>) -> Result<Value> + Send + Sync>;

struct Joined {
    join: Join,
    size: fn(&Value) -> Size,
    every: u32,
}

impl Work for Joined {
    fn reads(&self, layer: &Layer, index: u32, out: &mut Vec<(u32, u32)>) {
        let end = layer.inputs[0].layer.len.min((index + 1).saturating_mul(self.every));
        out.extend((index * self.every..end).map(|i| (0, i)));
    }

    fn run(&self, _: u32, values: Vec<Value>) -> Result<Value> {
        (self.join)(values)
    }

    fn size(&self, value: &Value) -> Size {
        (self.size)(value)
    }
}

/// Builds a layer after another one.
pub(super) fn after(name: Name, before: &Arc<Layer>, work: impl Work + 'static) -> Arc<Layer> {
    Layer::new(Key::new(name), before.len, vec![before.at(0)], work)
}

/// Merges the values of `layer` in order, `every` at a time, until one is left.
pub(super) fn tree(
    name: Name,
    layer: &Arc<Layer>,
    join: &Join,
    size: fn(&Value) -> Size,
    every: u32,
) -> Arc<Layer> {
    let mut layer = layer.clone();
    while layer.len > 1 {
        let len = layer.len.div_ceil(every);
        layer = Layer::new(
            Key::new(name),
            len,
            vec![layer.at(0)],
            Joined { join: join.clone(), size, every },
        );
    }
    layer
}

/// Merges all values of `layer` at once.
pub(super) fn joined(
    name: Name,
    layer: &Arc<Layer>,
    join: Join,
    size: fn(&Value) -> Size,
) -> Arc<Layer> {
    Layer::new(Key::new(name), 1, vec![layer.at(0)], Joined { join, size, every: u32::MAX })
}

/// Returns the names of a bag's layers, the first one first, and the number of tasks.
pub(super) fn described(layer: &Arc<Layer>) -> (Vec<String>, usize) {
    let mut names = vec![layer.key.name.text().to_string()];
    let mut at = layer.clone();
    while let Some(Point { layer: before, .. }) = at.inputs.first().cloned() {
        names.push(before.key.name.text().to_string());
        at = before;
    }
    names.reverse();
    let tasks = crate::graph::Graph::new(&crate::graph::chains::fused(&layer.points())).len();
    (names, tasks)
}
