//! Passes over a numbered graph: an order that keeps few values alive, and chains that run as one
//! task. Neither changes the value of a task. Culling and merging of equal keys happen when a graph
//! is built, as its walk visits each needed task once.

use super::numbered::{Graph, Lists, Task};

/// Renumbers the tasks, so that running them by number keeps few values alive: of a task's
/// dependencies, the one that needs the most values at once is computed first (Sethi and Ullman,
/// "The generation of optimal code for arithmetic expressions", 1970; optimal on trees). The order
/// stays depth first.
pub(crate) fn order(graph: Graph) -> Graph {
    let mut need: Vec<u32> = Vec::with_capacity(graph.len());
    let mut sorted = true;
    let mut own: Vec<u32> = Vec::new();
    for deps in graph.deps.iter() {
        own.clear();
        own.extend(deps.iter().map(|d| need[*d as usize]));
        sorted &= own.windows(2).all(|w| w[0] >= w[1]);
        own.sort_unstable_by(|a, b| b.cmp(a));
        need.push(own.iter().enumerate().map(|(i, n)| n + i as u32).max().unwrap_or(1));
    }
    if sorted { graph } else { renumber(graph, &need) }
}

/// Renumbers the tasks depth first, the largest need first.
fn renumber(graph: Graph, need: &[u32]) -> Graph {
    const OPEN: u32 = u32::MAX;
    let mut new = vec![OPEN; graph.len()];
    let mut old = Vec::with_capacity(graph.len());
    let mut stack: Vec<(u32, bool)> = Vec::new();
    for root in &graph.wanted {
        stack.push((*root, false));
        while let Some((task, entered)) = stack.pop() {
            if new[task as usize] != OPEN {
                continue;
            }
            if entered {
                new[task as usize] = old.len() as u32;
                old.push(task);
                continue;
            }
            stack.push((task, true));
            let start = stack.len();
            stack.extend(graph.deps.get(task).iter().map(|d| (*d, false)));
            // The top of the stack is taken first. Equal needs keep their order.
            stack[start..].reverse();
            stack[start..].sort_by_key(|(d, _)| need[*d as usize]);
        }
    }
    let tasks: Vec<Task> = old.iter().map(|t| graph.tasks[*t as usize]).collect();
    let mut deps = Lists::with_capacity(graph.len());
    old.iter().for_each(|t| deps.push(graph.deps.get(*t).iter().map(|d| new[*d as usize])));
    let wanted = graph.wanted.iter().map(|w| new[*w as usize]).collect();
    Graph { layers: graph.layers, tasks, deps, wanted }
}

/// Chains of tasks that run as one: each reads only the one before, and is its only reader. As
/// tasks are numbered depth first, the tasks of a chain are neighbours.
pub(crate) struct Chains {
    /// The first task of each chain, and the number of tasks at the end.
    starts: Vec<u32>,
    /// The number of each task's chain.
    pub(crate) of: Vec<u32>,
}

impl Chains {
    pub(crate) fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// Returns the tasks of a chain.
    pub(crate) fn tasks(&self, chain: u32) -> std::ops::Range<u32> {
        self.starts[chain as usize]..self.starts[chain as usize + 1]
    }

    /// Returns the last task of a chain, whose value is the chain's.
    pub(crate) fn last(&self, chain: u32) -> u32 {
        self.starts[chain as usize + 1] - 1
    }
}

/// Finds the chains of a graph; a task that is part of none is a chain of its own.
pub(crate) fn fuse(graph: &Graph) -> Chains {
    let mut readers = vec![0u32; graph.len()];
    graph.deps.iter().flatten().chain(&graph.wanted).for_each(|d| readers[*d as usize] += 1);
    let (mut starts, mut of) = (Vec::new(), Vec::with_capacity(graph.len()));
    for (i, deps) in graph.deps.iter().enumerate() {
        let goes_on = matches!(deps, [d] if *d as usize + 1 == i && readers[*d as usize] == 1);
        if !goes_on {
            starts.push(i as u32);
        }
        of.push(starts.len() as u32 - 1);
    }
    starts.push(graph.len() as u32);
    Chains { starts, of }
}

/// Returns the graph of the chains: each depends on what its first task reads.
pub(crate) fn chained(graph: &Graph, chains: &Chains) -> (Lists, Vec<u32>) {
    let mut deps = Lists::with_capacity(chains.len());
    for chain in 0..chains.len() as u32 {
        deps.push(graph.deps.get(chains.tasks(chain).start).iter().map(|d| chains.of[*d as usize]));
    }
    (deps, graph.wanted.iter().map(|w| chains.of[*w as usize]).collect())
}

#[cfg(test)]
mod tests {
    use super::super::layer::Point;
    use super::super::numbered::tests::node;
    use super::super::value::Value;
    use super::*;
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    /// Returns the wanted points of a random graph with chains, forks and joins.
    fn random(seed: u64) -> Vec<Point> {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut nodes: Vec<Point> = Vec::new();
        for i in 0..rng.random_range(1..60) {
            let reads = if i == 0 { 0 } else { rng.random_range(0..4usize) };
            let near = |rng: &mut StdRng| {
                if rng.random_bool(0.5) { i - 1 } else { rng.random_range(0..i) }
            };
            let deps: Vec<_> = (0..reads).map(|_| nodes[near(&mut rng)].clone()).collect();
            nodes.push(node(&format!("n{i}"), &deps));
        }
        (0..rng.random_range(1..4))
            .map(|_| nodes[rng.random_range(0..nodes.len())].clone())
            .collect()
    }

    fn run(graph: &Graph, task: u32, values: &[Value]) -> Value {
        graph.layer(task).work.run(0, values.to_vec()).unwrap()
    }

    /// Computes the wanted values task by task.
    fn evaluate(graph: &Graph) -> Vec<u64> {
        let mut values: Vec<Value> = Vec::new();
        for (i, deps) in graph.deps.iter().enumerate() {
            let read: Vec<_> = deps.iter().map(|d| values[*d as usize].clone()).collect();
            values.push(run(graph, i as u32, &read));
        }
        graph.wanted.iter().map(|w| *values[*w as usize].downcast_ref().unwrap()).collect()
    }

    /// Computes the wanted values chain by chain.
    fn evaluate_chains(graph: &Graph) -> Vec<u64> {
        let chains = fuse(graph);
        let (deps, wanted) = chained(graph, &chains);
        let mut values: Vec<Value> = Vec::new();
        for chain in 0..chains.len() as u32 {
            let mut read: Vec<_> =
                deps.get(chain).iter().map(|d| values[*d as usize].clone()).collect();
            for task in chains.tasks(chain) {
                read = vec![run(graph, task, &read)];
            }
            values.push(read.remove(0));
        }
        wanted.iter().map(|w| *values[*w as usize].downcast_ref().unwrap()).collect()
    }

    /// Returns the most values alive at once when tasks run by number.
    fn peak(graph: &Graph) -> usize {
        let mut readers = vec![0u32; graph.len()];
        graph.deps.iter().flatten().chain(&graph.wanted).for_each(|d| readers[*d as usize] += 1);
        let (mut alive, mut most) = (0usize, 0);
        for deps in graph.deps.iter() {
            alive += 1;
            most = most.max(alive);
            for d in deps {
                readers[*d as usize] -= 1;
                alive -= usize::from(readers[*d as usize] == 0);
            }
        }
        most
    }

    /// Counts the tasks that the wanted ones depend on, by brute force.
    fn needed(wanted: &[Point]) -> usize {
        let mut seen = std::collections::HashSet::new();
        let mut open = wanted.to_vec();
        while let Some(p) = open.pop() {
            if seen.insert(p.layer.key) {
                open.extend(p.layer.inputs.iter().cloned());
            }
        }
        seen.len()
    }

    #[test]
    fn every_pass_keeps_every_value() {
        for seed in 0..500 {
            let wanted = random(seed);
            let graph = Graph::new(&wanted);
            graph.validate();
            assert_eq!(graph.len(), needed(&wanted), "seed {seed}: culled to what is needed");
            let want = evaluate(&graph);
            assert_eq!(evaluate_chains(&graph), want, "seed {seed}: fused");
            let ordered = order(graph);
            ordered.validate();
            assert_eq!(evaluate(&ordered), want, "seed {seed}: ordered");
            assert_eq!(evaluate_chains(&ordered), want, "seed {seed}: ordered and fused");
        }
    }

    #[test]
    fn chains_are_as_long_as_they_can_be() {
        for seed in 0..500 {
            let graph = order(Graph::new(&random(seed)));
            let chains = fuse(&graph);
            let mut readers = vec![0; graph.len()];
            graph
                .deps
                .iter()
                .flatten()
                .chain(&graph.wanted)
                .for_each(|d| readers[*d as usize] += 1);
            for (i, deps) in graph.deps.iter().enumerate() {
                let alone = deps.len() == 1 && readers[deps[0] as usize] == 1;
                let joined = i > 0 && chains.of[i] == chains.of[i - 1];
                assert_eq!(alone, joined, "seed {seed}, task {i}");
            }
        }
    }

    #[test]
    fn a_lopsided_tree_keeps_few_values() {
        // A comb read from the wrong side: in plain depth-first order all leaves are alive before
        // the first sum.
        let mut tree = node("leaf", &[]);
        for _ in 0..200 {
            tree = node("sum", &[node("leaf", &[]), tree]);
        }
        let graph = Graph::new(&[tree]);
        assert!(peak(&graph) > 200);
        assert_eq!(peak(&order(graph)), 3);
    }

    #[test]
    fn order_is_never_worse_on_trees() {
        for seed in 0..200 {
            let mut rng = StdRng::seed_from_u64(seed);
            let mut forest: Vec<Point> =
                (0..rng.random_range(2..40)).map(|_| node("leaf", &[])).collect();
            while forest.len() > 1 {
                let n = rng.random_range(1..=forest.len().min(4));
                let deps: Vec<_> =
                    (0..n).map(|_| forest.swap_remove(rng.random_range(0..forest.len()))).collect();
                forest.push(node("join", &deps));
            }
            let before = peak(&Graph::new(&forest));
            assert!(peak(&order(Graph::new(&forest))) <= before, "seed {seed}");
        }
    }
}
