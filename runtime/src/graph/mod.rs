//! Task graphs: keys, tasks, and how a graph is put together from the nodes that collections hold. Pure: nothing here
//! runs a task, starts a thread or looks at a clock.
//!
//! A collection holds an [`Arc<Node>`]; a node owns what it depends on. [`Graph::new`] walks from the wanted nodes and
//! numbers each node once, dependencies first and depth first, so that running in that order keeps few values alive.

mod layout;
pub(crate) mod picture;
pub(crate) mod value;

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The value of a task, shared by its readers.
pub(crate) type Value = Arc<dyn Any + Send + Sync>;

/// Name of one task in all computations of this process: its function's name and a number.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) name: Arc<str>,
    pub(crate) number: u64,
}

impl Key {
    pub(crate) fn new(name: &str) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self { name: name.into(), number: NEXT.fetch_add(1, Ordering::Relaxed) }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.name, self.number)
    }
}

/// What a task does with the values of its dependencies, in their order.
pub(crate) type Run = Box<dyn Fn(Vec<Value>) -> Value + Send + Sync>;

/// One task and what it depends on.
pub(crate) struct Node {
    pub(crate) key: Key,
    /// Plain arguments as text, for pictures and error messages.
    pub(crate) literals: Vec<String>,
    pub(crate) deps: Vec<Arc<Node>>,
    pub(crate) run: Run,
}

impl Drop for Node {
    /// Frees a chain of any length without recursion.
    fn drop(&mut self) {
        let mut waiting = std::mem::take(&mut self.deps);
        while let Some(node) = waiting.pop() {
            if let Some(mut node) = Arc::into_inner(node) {
                waiting.append(&mut node.deps);
            }
        }
    }
}

/// A numbered graph: each task's dependencies have smaller numbers.
pub(crate) struct Graph {
    pub(crate) tasks: Vec<Arc<Node>>,
    pub(crate) deps: Vec<Vec<u32>>,
    /// Numbers of the tasks whose values were asked for, in the order asked.
    pub(crate) wanted: Vec<u32>,
}

impl Graph {
    /// The graph of everything that `wanted` needs; equal nodes appear once.
    pub(crate) fn new(wanted: &[Arc<Node>]) -> Self {
        let mut graph = Self { tasks: Vec::new(), deps: Vec::new(), wanted: Vec::new() };
        let mut numbers: HashMap<*const Node, u32> = HashMap::new();
        for root in wanted {
            let mut stack = vec![(root, 0)];
            while let Some((node, next)) = stack.pop() {
                if numbers.contains_key(&Arc::as_ptr(node)) {
                    continue;
                }
                if let Some(dep) = node.deps.get(next) {
                    stack.push((node, next + 1));
                    stack.push((dep, 0));
                } else {
                    let number = graph.tasks.len() as u32;
                    graph.deps.push(node.deps.iter().map(|d| numbers[&Arc::as_ptr(d)]).collect());
                    graph.tasks.push(node.clone());
                    numbers.insert(Arc::as_ptr(node), number);
                }
            }
            graph.wanted.push(numbers[&Arc::as_ptr(root)]);
        }
        graph
    }

    pub(crate) fn len(&self) -> usize {
        self.tasks.len()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A task that adds one to the sum of its dependencies.
    pub(crate) fn node(name: &str, deps: &[Arc<Node>]) -> Arc<Node> {
        let run: Run = Box::new(|values| Arc::new(1 + values.iter().map(|v| *v.downcast_ref::<u64>().unwrap()).sum::<u64>()));
        Arc::new(Node { key: Key::new(name), literals: Vec::new(), deps: deps.to_vec(), run })
    }

    #[test]
    fn dependencies_come_first_and_once() {
        let a = node("a", &[]);
        let (b, c) = (node("b", std::slice::from_ref(&a)), node("c", &[a.clone(), a.clone()]));
        let d = node("d", &[b, c.clone()]);
        let g = Graph::new(&[d, c]);
        assert_eq!(g.len(), 4);
        assert_eq!(g.wanted.len(), 2);
        for (i, deps) in g.deps.iter().enumerate() {
            assert!(deps.iter().all(|d| (*d as usize) < i));
        }
        assert_eq!(g.tasks[g.wanted[1] as usize].key.name.as_ref(), "c");
    }

    #[test]
    fn a_chain_of_a_million_is_built_and_freed() {
        let mut n = node("link", &[]);
        for _ in 0..1_000_000 {
            n = node("link", &[n]);
        }
        assert_eq!(Graph::new(&[n.clone()]).len(), 1_000_001);
    }
}
