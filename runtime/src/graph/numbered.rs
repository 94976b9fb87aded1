//! The numbered graph that the scheduler runs: each task once, after its dependencies.

use super::layer::{Key, Layer, Point};
use foldhash::HashMap;
use std::sync::Arc;

/// Lists of numbers, stored contiguously.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lists {
    ends: Vec<u32>,
    items: Vec<u32>,
}

impl Lists {
    pub(crate) fn with_capacity(lists: usize) -> Self {
        Self { ends: Vec::with_capacity(lists), items: Vec::new() }
    }

    pub(crate) fn push(&mut self, list: impl IntoIterator<Item = u32>) {
        self.items.extend(list);
        // 32-bit numbers keep a task small; a graph with more dependencies would not fit into
        // memory anyway.
        self.ends.push(
            u32::try_from(self.items.len())
                .expect("a graph has less than 4,294,967,296 dependencies"),
        );
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn get(&self, i: u32) -> &[u32] {
        let start = if i == 0 { 0 } else { self.ends[i as usize - 1] };
        &self.items[start as usize..self.ends[i as usize] as usize]
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u32]> {
        (0..self.len() as u32).map(|i| self.get(i))
    }

    /// Returns, for each number below `n`, the lists that contain it, with repetitions.
    pub(crate) fn reversed(&self, n: usize) -> Self {
        let mut ends = vec![0u32; n];
        self.items.iter().for_each(|i| ends[*i as usize] += 1);
        let mut sum = 0;
        for e in &mut ends {
            sum += *e;
            *e = sum;
        }
        // Lists are filled from the back, which moves each end to its list's start.
        let mut items = vec![0; self.items.len()];
        for (list, held) in self.iter().enumerate().collect::<Vec<_>>().into_iter().rev() {
            for i in held.iter().rev() {
                ends[*i as usize] -= 1;
                items[ends[*i as usize] as usize] = list as u32;
            }
        }
        let total = items.len() as u32;
        let ends = ends[1.min(n)..].iter().copied().chain((n > 0).then_some(total)).collect();
        Self { ends, items }
    }
}

/// One task of a numbered graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Task {
    /// The number of its layer in the graph.
    pub(crate) layer: u32,
    pub(crate) index: u32,
}

/// A numbered graph: each task's dependencies have smaller numbers.
pub(crate) struct Graph {
    pub(crate) layers: Vec<Arc<Layer>>,
    pub(crate) tasks: Vec<Task>,
    pub(crate) deps: Lists,
    /// The numbers of the wanted tasks, in the order in which they were requested.
    pub(crate) wanted: Vec<u32>,
}

/// The numbers of layers and tasks while a graph is built.
#[derive(Default)]
struct Numbering {
    layers: Vec<Arc<Layer>>,
    by_layer: HashMap<*const Layer, u32>,
    by_pure_key: HashMap<Key, u32>,
    /// The start of each layer's tasks in `numbers`.
    first: Vec<u32>,
    /// The number of each task; `OPEN` before it has one.
    numbers: Vec<u32>,
}

const OPEN: u32 = u32::MAX;

impl Numbering {
    fn layer(&mut self, layer: &Arc<Layer>) -> u32 {
        if let Some(known) = self.by_layer.get(&Arc::as_ptr(layer)) {
            return *known;
        }
        let next = self.layers.len() as u32;
        let number = if layer.key.is_pure() {
            *self.by_pure_key.entry(layer.key).or_insert(next)
        } else {
            next
        };
        if number == next {
            self.layers.push(layer.clone());
            self.first.push(self.numbers.len() as u32);
            self.numbers.resize(self.numbers.len() + layer.len as usize, OPEN);
        }
        self.by_layer.insert(Arc::as_ptr(layer), number);
        number
    }

    fn number(&mut self, task: Task) -> &mut u32 {
        &mut self.numbers[(self.first[task.layer as usize] + task.index) as usize]
    }
}

impl Graph {
    /// Creates the graph of everything that `wanted` needs, depth first.
    pub(crate) fn new(wanted: &[Point]) -> Self {
        let mut numbering = Numbering::default();
        let mut graph = Self {
            layers: Vec::new(),
            tasks: Vec::new(),
            deps: Lists::default(),
            wanted: Vec::new(),
        };
        // While a task is on the stack, its dependencies are in `reads` from `start` on.
        let mut reads: Vec<Task> = Vec::new();
        let mut stack: Vec<(Task, usize, usize)> = Vec::new();
        let mut fresh: Vec<(u32, u32)> = Vec::new();
        for root in wanted {
            let root = Task { layer: numbering.layer(&root.layer), index: root.index };
            let mut enter = Some(root);
            loop {
                if let Some(task) = enter.take()
                    && *numbering.number(task) == OPEN
                {
                    let start = reads.len();
                    let layer = numbering.layers[task.layer as usize].clone();
                    layer.work.reads(&layer, task.index, &mut fresh);
                    for (input, index) in fresh.drain(..) {
                        reads.push(Task {
                            layer: numbering.layer(&layer.inputs[input as usize].layer),
                            index,
                        });
                    }
                    stack.push((task, start, start));
                }
                let Some((task, start, next)) = stack.last_mut() else { break };
                if let Some(dep) = reads.get(*next) {
                    *next += 1;
                    enter = Some(*dep);
                } else {
                    let (task, start) = (*task, *start);
                    *numbering.number(task) = graph.tasks.len() as u32;
                    graph.tasks.push(task);
                    graph.deps.push(reads[start..].iter().map(|d| *numbering.number(*d)));
                    reads.truncate(start);
                    stack.pop();
                }
            }
            graph.wanted.push(*numbering.number(root));
        }
        graph.layers = numbering.layers;
        graph
    }

    pub(crate) fn len(&self) -> usize {
        self.tasks.len()
    }

    pub(crate) fn layer(&self, task: u32) -> &Arc<Layer> {
        &self.layers[self.tasks[task as usize].layer as usize]
    }

    pub(crate) fn key(&self, task: u32) -> String {
        self.layer(task).task_key(self.tasks[task as usize].index)
    }

    /// Panics if the graph is inconsistent: a number out of range, a dependency that does not come
    /// first (so a cycle), a task that is not needed, or a duplicate task.
    #[cfg(any(test, debug_assertions))]
    pub(crate) fn validate(&self) {
        assert_eq!(self.tasks.len(), self.deps.len());
        let mut needed = vec![false; self.len()];
        self.wanted.iter().for_each(|w| needed[*w as usize] = true);
        for (i, deps) in self.deps.iter().enumerate() {
            for d in deps {
                assert!(
                    (*d as usize) < i,
                    "{} goes before {}, which it reads",
                    self.key(i as u32),
                    self.key(*d)
                );
                needed[*d as usize] = true;
            }
        }
        assert!(needed.iter().all(|n| *n), "a task is not needed");
        let distinct: std::collections::HashSet<_> =
            self.tasks.iter().map(|t| (t.layer, t.index)).collect();
        assert_eq!(distinct.len(), self.len(), "duplicate task");
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::layer::{Name, Work};
    use super::super::value::Value;
    use super::*;
    use crate::error::Result;

    /// Adds one to the sum of its dependencies.
    struct PlusOne;

    impl Work for PlusOne {
        fn run(&self, _: u32, values: Vec<Value>) -> Result<Value> {
            Ok(Arc::new(1 + values.iter().map(|v| *v.downcast_ref::<u64>().unwrap()).sum::<u64>()))
        }
    }

    /// Returns a task that adds one to the sum of its dependencies.
    pub(crate) fn node(name: &str, deps: &[Point]) -> Point {
        Layer::new(Key::new(Name::new(name)), 1, deps.to_vec(), PlusOne).at(0)
    }

    #[test]
    fn dependencies_come_first_and_once() {
        let a = node("a", &[]);
        let (b, c) = (node("b", std::slice::from_ref(&a)), node("c", &[a.clone(), a.clone()]));
        let d = node("d", &[b, c.clone()]);
        let g = Graph::new(&[d, c]);
        g.validate();
        assert_eq!((g.len(), g.wanted.len()), (4, 2));
        assert_eq!(g.layer(g.wanted[1]).key.name.text().as_ref(), "c");
        assert_eq!(g.deps.get(g.wanted[1]).len(), 2);
    }

    #[test]
    fn equal_pure_keys_are_one_task() {
        let pure = |name: &str, token| {
            Layer::new(Key::pure(Name::new(name), token), 1, Vec::new(), PlusOne).at(0)
        };
        let g =
            Graph::new(&[node("sum", &[pure("f", 1), pure("f", 1), pure("f", 2), pure("g", 1)])]);
        g.validate();
        assert_eq!(g.len(), 4);
        assert_eq!(g.deps.get(g.wanted[0]).len(), 4);
    }

    #[test]
    fn a_chain_of_a_million_is_built_and_freed() {
        let mut n = node("link", &[]);
        for _ in 0..1_000_000 {
            n = node("link", &[n]);
        }
        assert_eq!(Graph::new(&[n]).len(), 1_000_001);
    }

    #[test]
    fn lists_are_turned_around() {
        let mut lists = Lists::default();
        for list in [vec![], vec![0, 0], vec![1, 0], vec![]] {
            lists.push(list);
        }
        let back = lists.reversed(4);
        assert_eq!(
            back.iter().map(<[u32]>::to_vec).collect::<Vec<_>>(),
            [vec![1, 1, 2], vec![2], vec![], vec![]]
        );
        assert_eq!(Lists::default().reversed(0).len(), 0);
    }
}
