//! Inlining: layers of array blocks that are computed inside the tasks that read them, so that a
//! chain of elementwise steps is one task a block, and a slice of it computes only what it needs.
//!
//! A layer is inlined if each of its tasks is read by one task at most, so that nothing is computed
//! twice, and if its own value is not wanted. [`Inline`] says how layers read each other; what a
//! group of them computes is up to their module.

use super::layer::{Inline, Layer, Member, Point, Reach, Source, Work, layers_of};
use super::{Name, Value};
use crate::error::Result;
use foldhash::{HashMap, HashMapExt};
use std::sync::Arc;

/// Most layers of a group: evaluating one needs a buffer for each.
const MOST: usize = 128;

/// A layer inlined so far: its group's last layer, and how it is reached from there.
#[derive(Clone, Copy)]
struct Place {
    group: usize,
    reach: Reach,
}

/// Returns the same tasks with groups of layers inlined into one.
pub(crate) fn inline(wanted: &[Point]) -> Vec<Point> {
    if !wanted.iter().any(|p| p.layer.inlines) {
        return wanted.to_vec();
    }
    let layers = layers_of(wanted, |l| l.inlines);
    let number: HashMap<*const Layer, usize> =
        layers.iter().enumerate().map(|(i, l)| (Arc::as_ptr(l), i)).collect();
    let places = places(&layers, &number, wanted);
    let mut new: Vec<Arc<Layer>> = Vec::with_capacity(layers.len());
    let mut members: HashMap<usize, Vec<usize>> = HashMap::new();
    for (i, place) in places.iter().enumerate() {
        members.entry(place.group).or_default().push(i);
        // Replaced once its group is complete.
        new.push(layers[i].clone());
        if place.group == i {
            let group = members.remove(&i).unwrap_or_default();
            new[i] = replaced(&layers, &number, &group, &new);
        }
    }
    let point = |p: &Point| match number.get(&Arc::as_ptr(&p.layer)) {
        Some(i) => new[*i].at(p.index),
        None => p.clone(),
    };
    wanted.iter().map(point).collect()
}

/// Finds the group of each layer; a layer that is not inlined is the last one of its own.
fn places(
    layers: &[Arc<Layer>],
    number: &HashMap<*const Layer, usize>,
    wanted: &[Point],
) -> Vec<Place> {
    let mut readers: Vec<Vec<(usize, usize)>> = vec![Vec::new(); layers.len()];
    for (i, layer) in layers.iter().enumerate() {
        for (k, input) in layer.inputs.iter().enumerate() {
            if let Some(read) = number.get(&Arc::as_ptr(&input.layer)) {
                readers[*read].push((i, k));
            }
        }
    }
    let mut is_wanted = vec![false; layers.len()];
    for point in wanted {
        if let Some(i) = number.get(&Arc::as_ptr(&point.layer)) {
            is_wanted[*i] = true;
        }
    }
    let mut sizes = vec![1usize; layers.len()];
    let alone = |i| Place { group: i, reach: Reach::Same };
    let mut places: Vec<Place> = (0..layers.len()).map(alone).collect();
    for i in (0..layers.len()).rev() {
        let able = layers[i].work.inline().is_some_and(Inline::can_be_inlined);
        if able
            && !is_wanted[i]
            && let Some(place) = place(layers, &readers[i], &places)
            && sizes[place.group] < MOST
        {
            sizes[place.group] += 1;
            places[i] = place;
        }
    }
    places
}

/// Returns the place of a layer with these readers, if it can be inlined into one group.
fn place(layers: &[Arc<Layer>], readers: &[(usize, usize)], places: &[Place]) -> Option<Place> {
    let mut found: Option<Place> = None;
    for (reader, input) in readers {
        let work = layers[*reader].work.inline().filter(|w| w.inlines())?;
        let outer = places[*reader];
        let here = Place { group: outer.group, reach: outer.reach.max(work.reach(*input)) };
        // Several readers in one task must read the same block.
        let fits = match found {
            None => here.reach < Reach::Many,
            Some(f) => f.group == here.group && f.reach == Reach::Same && here.reach == Reach::Same,
        };
        if !fits {
            return None;
        }
        found = Some(here);
    }
    found
}

/// Returns the layer that replaces a group, given the layers that replace what it reads.
fn replaced(
    layers: &[Arc<Layer>],
    number: &HashMap<*const Layer, usize>,
    group: &[usize],
    new: &[Arc<Layer>],
) -> Arc<Layer> {
    let last = &layers[group[group.len() - 1]];
    let mut inputs: Vec<Point> = Vec::new();
    let mut known: HashMap<*const Layer, usize> = HashMap::new();
    let mut changed = group.len() > 1;
    let mut members = Vec::with_capacity(group.len());
    for i in group {
        let mut sources = Vec::with_capacity(layers[*i].inputs.len());
        for input in &layers[*i].inputs {
            let read = number.get(&Arc::as_ptr(&input.layer)).copied();
            if let Some(member) = read.and_then(|r| group.binary_search(&r).ok()) {
                sources.push(Source::Member(member));
                continue;
            }
            let layer = read.map_or(&input.layer, |r| &new[r]);
            changed |= !Arc::ptr_eq(layer, &input.layer);
            let next = inputs.len();
            let at = if group.len() == 1 {
                inputs.push(layer.at(input.index));
                next
            } else {
                *known.entry(Arc::as_ptr(layer)).or_insert_with(|| {
                    inputs.push(layer.at(input.index));
                    next
                })
            };
            sources.push(Source::Input(at));
        }
        members.push(Member { layer: layers[*i].clone(), sources });
    }
    match last.work.inline() {
        _ if !changed => last.clone(),
        Some(work) if group.len() > 1 => {
            Layer::boxed(last.key, last.len, inputs, work.group(members))
        }
        _ => Layer::new(last.key, last.len, inputs, Same(last.clone())),
    }
}

/// The work of a layer whose inputs were replaced.
pub(super) struct Same(pub(super) Arc<Layer>);

impl Work for Same {
    fn reads(&self, layer: &Layer, index: u32, out: &mut Vec<(u32, u32)>) {
        self.0.work.reads(layer, index, out);
    }
    fn run(&self, index: u32, values: Vec<Value>) -> Result<Value> {
        self.0.work.run(index, values)
    }
    fn literals(&self) -> Vec<String> {
        self.0.work.literals()
    }
    fn stages(&self) -> Vec<Name> {
        self.0.work.stages()
    }
    fn size(&self, value: &Value) -> super::size::Size {
        self.0.work.size(value)
    }
    fn retries(&self) -> u32 {
        self.0.work.retries()
    }
}
