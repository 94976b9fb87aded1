//! A drawing of a graph: functions are round, data is boxed, every node has a tooltip. Large
//! drawings are collapsed: nodes with the same name and depth become one node labelled with their
//! count.

use crate::show::html;
use std::collections::BTreeMap;

/// Drawings with more nodes than this are collapsed.
pub(super) const MOST: usize = 1000;

/// The direction of the arrows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Down,
    Right,
    Up,
    Left,
}

impl Direction {
    /// Parses Graphviz's names, ignoring case.
    pub(super) fn named(name: &str) -> Option<Self> {
        [("TB", Self::Down), ("LR", Self::Right), ("BT", Self::Up), ("RL", Self::Left)]
            .into_iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, d)| d)
    }

    /// Returns whether the arrows are horizontal.
    pub(super) fn is_flat(self) -> bool {
        matches!(self, Self::Right | Self::Left)
    }
}

/// A node of a drawing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) label: String,
    /// Functions are round, data is boxed.
    pub(crate) round: bool,
    /// A fill colour, light enough for dark text.
    pub(crate) fill: Option<String>,
    /// The tooltip, shown below the label.
    pub(crate) tip: String,
}

/// A graph to draw.
#[derive(Debug, Clone)]
pub(crate) struct Drawing {
    pub(crate) nodes: Vec<Shape>,
    pub(crate) edges: Vec<(usize, usize)>,
    pub(crate) direction: Direction,
}

impl Drawing {
    pub(crate) fn add(&mut self, label: &str, round: bool) -> usize {
        self.nodes.push(Shape { label: label.to_owned(), round, fill: None, tip: String::new() });
        self.nodes.len() - 1
    }

    /// Returns the length of the longest path to each node; nodes on a cycle keep what was found.
    fn depths(&self) -> Vec<usize> {
        let mut open = vec![0; self.nodes.len()];
        let mut next = vec![Vec::new(); self.nodes.len()];
        for (a, b) in &self.edges {
            open[*b] += 1;
            next[*a].push(*b);
        }
        let mut depths = vec![0; self.nodes.len()];
        let mut ready: Vec<usize> = (0..open.len()).filter(|i| open[*i] == 0).collect();
        while let Some(i) = ready.pop() {
            for &j in &next[i] {
                depths[j] = depths[j].max(depths[i] + 1);
                open[j] -= 1;
                if open[j] == 0 {
                    ready.push(j);
                }
            }
        }
        depths
    }

    /// Merges all nodes with the same group into one.
    fn collapse<K: Ord>(&self, group: impl Fn(usize) -> K) -> Self {
        let mut numbers: BTreeMap<K, (usize, usize)> = BTreeMap::new();
        let mut nodes: Vec<(Shape, usize)> = Vec::new();
        let mut to = Vec::with_capacity(self.nodes.len());
        for (i, shape) in self.nodes.iter().enumerate() {
            let entry = numbers.entry(group(i)).or_insert_with(|| {
                nodes.push((shape.clone(), 0));
                (nodes.len() - 1, 0)
            });
            nodes[entry.0].1 += 1;
            if nodes[entry.0].0.label != shape.label {
                "data".clone_into(&mut nodes[entry.0].0.label);
            }
            to.push(entry.0);
        }
        let mut edges: Vec<_> =
            self.edges.iter().map(|(a, b)| (to[*a], to[*b])).filter(|(a, b)| a != b).collect();
        edges.sort_unstable();
        edges.dedup();
        let label = |(s, n): (Shape, usize)| Shape {
            label: if n > 1 {
                format!("{} \u{d7} {}", s.label, html::thousands(n as u64))
            } else {
                s.label
            },
            ..s
        };
        Self { nodes: nodes.into_iter().map(label).collect(), edges, direction: self.direction }
    }
}

impl Drawing {
    /// Returns the drawing of `tasks` tasks, collapsed until it is small enough to read, and a note
    /// on what was collapsed.
    pub(super) fn readable(self, tasks: usize) -> (Self, String) {
        if self.nodes.len() <= MOST {
            return (self, String::new());
        }
        let depths = self.depths();
        // Data of the same depth is one group, whatever its label; functions are grouped by name.
        let name = |i: usize| {
            if self.nodes[i].round { self.nodes[i].label.clone() } else { String::new() }
        };
        let mut small = self.collapse(|i| (depths[i], self.nodes[i].round, name(i)));
        let mut rule = "tasks with the same name and depth are drawn as one node";
        if small.nodes.len() > MOST {
            small = self.collapse(|i| (0, self.nodes[i].round, name(i)));
            rule = "tasks with the same name are drawn as one node";
        }
        (
            small,
            format!(
                "{} and {} in total: {rule}",
                html::count(tasks, "task"),
                html::count(self.edges.len(), "edge")
            ),
        )
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::{layout, render};
    use super::*;

    /// A fork and a join with awkward labels.
    pub(in super::super) fn sample() -> Drawing {
        let labels = ["load \"x\"", "clean\\<T>", "clean\\<T>", "join, with a long name", "1500"];
        let mut drawing = Drawing {
            nodes: Vec::new(),
            edges: vec![(0, 1), (0, 2), (1, 3), (2, 3), (4, 3)],
            direction: Direction::Down,
        };
        for (i, label) in labels.iter().enumerate() {
            drawing.add(label, i < 4);
        }
        drawing
    }

    #[test]
    fn functions_are_round_and_data_boxed() {
        let svg = render::svg(&sample(), false, "");
        assert_eq!((svg.matches("<ellipse").count(), svg.matches("<rect").count()), (4, 1));
        assert!(svg.contains("clean\\&lt;T&gt;") && !svg.contains("clean\\<T>"));
    }

    #[test]
    fn every_direction_places_what_is_read_before_its_reader() {
        for name in ["TB", "lr", "BT", "rl"] {
            let direction = Direction::named(name).unwrap();
            let drawing = Drawing { direction, ..sample() };
            let at = layout::place(&drawing).nodes;
            let before = match direction {
                Direction::Down => at[0].1 < at[3].1,
                Direction::Right => at[0].0 < at[3].0,
                Direction::Up => at[0].1 > at[3].1,
                Direction::Left => at[0].0 > at[3].0,
            };
            assert!(before, "{name}: {at:?}");
        }
        assert_eq!(Direction::named("down"), None);
    }
}
