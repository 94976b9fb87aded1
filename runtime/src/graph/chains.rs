//! Fusion: chains of streaming layers run as one layer.

use super::inline::{Same, inline};
use super::layer::{Layer, Name, Point, Work, layers_of};
use super::size::Size;
use super::stream::{Part, Streaming};
use super::value::Value;
use crate::error::Result;
use foldhash::{HashMap, HashMapExt};
use std::sync::Arc;

/// The work of several layers that run as one.
struct Fused {
    layers: Vec<Arc<Layer>>,
}

impl Fused {
    fn last(&self) -> &Layer {
        // It consists of two or more layers.
        self.layers.last().expect("a chain has layers")
    }
}

impl Work for Fused {
    fn reads(&self, layer: &Layer, index: u32, out: &mut Vec<(u32, u32)>) {
        self.layers[0].work.reads(layer, index, out);
    }

    fn run(&self, index: u32, values: Vec<Value>) -> Result<Value> {
        let mut part = Part::new(index, values);
        let mut stream = None;
        for layer in &self.layers[..self.layers.len() - 1] {
            stream = layer.work.streaming().and_then(|s| s.open(stream.take()));
        }
        // Only layers with a stream are fused.
        self.last()
            .work
            .streaming()
            .expect("a chain consists of streaming layers")
            .finish(&mut part, stream)
    }

    fn stages(&self) -> Vec<Name> {
        self.layers.iter().map(|l| l.key.name).collect()
    }

    fn size(&self, value: &Value) -> Size {
        self.last().work.size(value)
    }

    fn retries(&self) -> u32 {
        self.layers.iter().map(|l| l.work.retries()).max().unwrap_or(0)
    }
}

/// Returns the same tasks with chains of streaming layers fused, and with layers of array blocks
/// inlined.
pub(crate) fn fused(wanted: &[Point]) -> Vec<Point> {
    fuse_streams(&inline(wanted))
}

/// Returns the same tasks with chains of streaming layers fused. A layer is fused into its reader
/// if that is its only one and its own value is not wanted: what several layers read is computed
/// once.
fn fuse_streams(wanted: &[Point]) -> Vec<Point> {
    if !wanted.iter().any(|p| p.layer.streams) {
        return wanted.to_vec();
    }
    let layers = layers_of(wanted, |l| l.streams);
    let mut readers: HashMap<*const Layer, u32> = HashMap::new();
    for layer in &layers {
        let mut read: Vec<_> = layer.inputs.iter().map(|p| Arc::as_ptr(&p.layer)).collect();
        read.sort_unstable();
        read.dedup();
        read.into_iter().for_each(|p| *readers.entry(p).or_default() += 1);
    }
    let wanted_layers: foldhash::HashSet<_> =
        wanted.iter().map(|p| Arc::as_ptr(&p.layer)).collect();
    // The chain that each layer ends so far, and the layer that replaces it in the new graph.
    let mut chains: HashMap<*const Layer, Vec<Arc<Layer>>> = HashMap::new();
    let mut new: HashMap<*const Layer, Arc<Layer>> = HashMap::new();
    for layer in &layers {
        let before = match layer.work.streaming() {
            Some(s) if s.follows() => layer.inputs.first().map(|p| &p.layer).filter(|before| {
                before.len == layer.len
                    && before.work.streaming().is_some_and(Streaming::gives)
                    && readers[&Arc::as_ptr(before)] == 1
                    && !wanted_layers.contains(&Arc::as_ptr(before))
            }),
            _ => None,
        };
        let chain = match before {
            Some(before) => {
                let mut chain = chains.remove(&Arc::as_ptr(before)).unwrap_or_default();
                new.remove(&Arc::as_ptr(before));
                chain.push(layer.clone());
                chain
            }
            None => vec![layer.clone()],
        };
        new.insert(Arc::as_ptr(layer), rebuilt(&chain, &new));
        chains.insert(Arc::as_ptr(layer), chain);
    }
    let point =
        |p: &Point| new.get(&Arc::as_ptr(&p.layer)).map_or_else(|| p.clone(), |l| l.at(p.index));
    wanted.iter().map(point).collect()
}

/// Returns the layer that replaces a chain: the layer itself if it is alone and its inputs are
/// unchanged.
fn rebuilt(chain: &[Arc<Layer>], new: &HashMap<*const Layer, Arc<Layer>>) -> Arc<Layer> {
    let (first, last) = (&chain[0], &chain[chain.len() - 1]);
    let input =
        |p: &Point| new.get(&Arc::as_ptr(&p.layer)).map_or_else(|| p.clone(), |l| l.at(p.index));
    let inputs: Vec<Point> = first.inputs.iter().map(input).collect();
    let same = inputs.iter().zip(&first.inputs).all(|(a, b)| Arc::ptr_eq(&a.layer, &b.layer));
    match chain {
        [alone] if same => alone.clone(),
        [alone] => Layer::new(alone.key, alone.len, inputs, Same(alone.clone())),
        // A chain has the key of its last layer.
        _ => Layer::new(last.key, last.len, inputs, Fused { layers: chain.to_vec() }),
    }
}
