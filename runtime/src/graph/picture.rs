//! The picture of a task graph: functions round, data boxed, as SVG, PNG or DOT. Large graphs are collapsed: tasks of one
//! name at one depth become one node with their number, and a line under the picture says so.

use super::layout::{self, Placed, Xy};
use super::{Graph, Node};
use crate::error::Result;
use crate::show::html::{self, escape};
use crate::show::svg::{self, FAMILY, colour};
use crate::show::{Bundle, Show};
use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::sync::Arc;

/// More nodes than this are collapsed.
const MOST: usize = 1000;
/// A picture wider than this is turned to run from left to right, so that names stay readable and the page scrolls.
const WIDE: f64 = 820.0;

/// Which way the arrows run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Down,
    Right,
}

/// A node of a drawing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) label: String,
    /// Functions are round, data is boxed.
    pub(crate) round: bool,
}

/// A graph to draw.
#[derive(Debug, Clone)]
pub(crate) struct Drawing {
    pub(crate) nodes: Vec<Shape>,
    pub(crate) edges: Vec<(usize, usize)>,
    pub(crate) direction: Direction,
}

/// A task graph as a picture. Displays as SVG.
#[derive(Clone)]
pub struct Picture {
    drawing: Arc<Drawing>,
    /// The user's own choice of direction.
    chosen: bool,
    note: String,
}

/// The picture of everything that the nodes need.
pub(crate) fn of_nodes(wanted: &[Arc<Node>]) -> Picture {
    let graph = Graph::new(wanted);
    let mut drawing = Drawing { nodes: Vec::new(), edges: Vec::new(), direction: Direction::Down };
    let mut at = Vec::with_capacity(graph.len());
    for (task, deps) in graph.tasks.iter().zip(&graph.deps) {
        let me = drawing.add(&task.key.name, true);
        at.push(me);
        drawing.edges.extend(deps.iter().map(|d| (at[*d as usize], me)));
        for literal in &task.literals {
            let data = drawing.add(literal, false);
            drawing.edges.push((data, me));
        }
    }
    for w in &graph.wanted {
        let data = drawing.add("result", false);
        drawing.edges.push((at[*w as usize], data));
    }
    Picture::new(drawing, graph.len())
}

impl Drawing {
    pub(crate) fn add(&mut self, label: &str, round: bool) -> usize {
        self.nodes.push(Shape { label: label.to_owned(), round });
        self.nodes.len() - 1
    }

    /// Length of the longest path to each node; nodes on a cycle stay at what was found.
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

    /// One node for all nodes with the same group.
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
        let mut edges: Vec<_> = self.edges.iter().map(|(a, b)| (to[*a], to[*b])).filter(|(a, b)| a != b).collect();
        edges.sort_unstable();
        edges.dedup();
        let label = |(s, n): (Shape, usize)| Shape {
            label: if n > 1 { format!("{} \u{d7} {}", s.label, html::thousands(n as u64)) } else { s.label },
            ..s
        };
        Self { nodes: nodes.into_iter().map(label).collect(), edges, direction: self.direction }
    }
}

impl Picture {
    /// A picture of `drawing`, which stands for `tasks` tasks; collapsed where it is too large to read.
    pub(crate) fn new(drawing: Drawing, tasks: usize) -> Self {
        let all = drawing.nodes.len();
        let mut shown = drawing;
        let mut note = String::new();
        if all > MOST {
            let depths = shown.depths();
            // Data of one depth is one group, whatever it says; functions keep their names.
            let name = |d: &Drawing, i: usize| if d.nodes[i].round { d.nodes[i].label.clone() } else { String::new() };
            let mut small = shown.collapse(|i| (depths[i], shown.nodes[i].round, name(&shown, i)));
            let mut rule = "tasks of one name at one depth are drawn as one node";
            if small.nodes.len() > MOST {
                small = shown.collapse(|i| (0, shown.nodes[i].round, name(&shown, i)));
                rule = "tasks of one name are drawn as one node";
            }
            note = format!("{} with {} in all: {rule}", html::count(tasks, "task"), html::count(shown.edges.len(), "edge"));
            shown = small;
        }
        Self { drawing: Arc::new(shown), chosen: false, note }
    }

    /// Sets the direction: `"TB"` (top to bottom, the default of small graphs) or `"LR"` (left to right).
    #[must_use]
    pub fn rankdir(&self, direction: &str) -> Self {
        let mut drawing = (*self.drawing).clone();
        drawing.direction = if direction.eq_ignore_ascii_case("LR") { Direction::Right } else { Direction::Down };
        Self { drawing: Arc::new(drawing), chosen: true, note: self.note.clone() }
    }

    /// Saves the picture as `.svg`, `.png` or `.dot`, by the ending of the name.
    ///
    /// # Errors
    /// An unknown ending, or a file that cannot be written.
    pub fn save(&self, path: &str) -> Result<()> {
        svg::save(path, &self.svg(), Some(&layout::to_dot(&self.drawing)))
    }

    fn svg(&self) -> String {
        let mut placed = layout::place(&self.drawing);
        let mut drawing = self.drawing.clone();
        if !self.chosen && placed.size.0 > WIDE && drawing.direction == Direction::Down {
            let turned = Arc::new(Drawing { direction: Direction::Right, ..(*drawing).clone() });
            let other = layout::place(&turned);
            if other.size.0 < placed.size.0 {
                (placed, drawing) = (other, turned);
            }
        }
        draw(&drawing, &placed, &self.note)
    }
}

fn draw(drawing: &Drawing, placed: &Placed, note: &str) -> String {
    const MARGIN: f64 = 8.0;
    let note_height = if note.is_empty() { 0.0 } else { 22.0 };
    let width = (placed.size.0 + 2.0 * MARGIN).max(note.chars().count() as f64 * 6.6 + 2.0 * MARGIN);
    let height = placed.size.1 + 2.0 * MARGIN + note_height;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" viewBox=\"0 0 {width:.1} {height:.1}\">\
         <g transform=\"translate({MARGIN},{MARGIN})\" font-family=\"{FAMILY}\" font-size=\"12\" text-anchor=\"middle\">"
    );
    for edge in &placed.edges {
        arrow(&mut out, edge);
    }
    for (node, (x, y)) in drawing.nodes.iter().zip(&placed.nodes) {
        let (w, h) = layout::size_of(&node.label, node.round);
        let label = escape(&node.label);
        let _ = write!(out, "<g><title>{label}</title>");
        let _ = if node.round {
            let (fill, line) = colour::TASK;
            let (rx, ry) = (w / 2.0, h / 2.0);
            write!(out, "<ellipse cx=\"{x:.1}\" cy=\"{y:.1}\" rx=\"{rx:.1}\" ry=\"{ry:.1}\" fill=\"{fill}\" stroke=\"{line}\"/>")
        } else {
            let (fill, line) = colour::DATA;
            let (left, top) = (x - w / 2.0, y - h / 2.0);
            write!(
                out,
                "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{w:.1}\" height=\"{h:.1}\" rx=\"2\" fill=\"{fill}\" stroke=\"{line}\"/>"
            )
        };
        let _ = write!(out, "<text x=\"{x:.1}\" y=\"{:.1}\" fill=\"{}\">{label}</text></g>", y + 4.2, colour::TEXT);
    }
    if !note.is_empty() {
        let y = placed.size.1 + MARGIN + 12.0;
        let _ = write!(out, "<text x=\"0\" y=\"{y:.1}\" text-anchor=\"start\" fill=\"{}\">{}</text>", colour::INK, escape(note));
    }
    out + "</g></svg>"
}

/// An edge and its head.
fn arrow(out: &mut String, points: &[Xy]) {
    let [.., before, end] = points else { return };
    let (dx, dy) = (end.0 - before.0, end.1 - before.1);
    let length = dx.hypot(dy).max(1e-9);
    let (ux, uy) = (dx / length, dy / length);
    let base = (end.0 - 7.0 * ux, end.1 - 7.0 * uy);
    let mut path = format!("M{:.1},{:.1}", points[0].0, points[0].1);
    for piece in points[1..].chunks_exact(3) {
        let _ =
            write!(path, " C{:.1},{:.1} {:.1},{:.1} {:.1},{:.1}", piece[0].0, piece[0].1, piece[1].0, piece[1].1, piece[2].0, piece[2].1);
    }
    let _ = write!(
        out,
        "<path d=\"{path}\" fill=\"none\" stroke=\"{0}\"/><path d=\"M{1:.1},{2:.1} L{3:.1},{4:.1} L{5:.1},{6:.1} Z\" fill=\"{0}\"/>",
        colour::LINE,
        end.0,
        end.1,
        base.0 - 3.0 * uy,
        base.1 + 3.0 * ux,
        base.0 + 3.0 * uy,
        base.1 - 3.0 * ux
    );
}

impl Show for Picture {
    fn show(&self) -> Bundle {
        svg::bundle(&self.svg(), &format!("task graph: {} nodes, {} edges", self.drawing.nodes.len(), self.drawing.edges.len()))
    }
}

impl fmt::Debug for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        crate::show::debug(self, f)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::tests::node;
    use super::*;

    /// A fork and a join with awkward labels.
    pub(in super::super) fn sample() -> Drawing {
        let labels = ["load \"x\"", "clean\\<T>", "clean\\<T>", "join, with a long name", "1500"];
        let nodes = labels.iter().enumerate().map(|(i, l)| Shape { label: (*l).to_owned(), round: i < 4 }).collect();
        Drawing { nodes, edges: vec![(0, 1), (0, 2), (1, 3), (2, 3), (4, 3)], direction: Direction::Down }
    }

    #[test]
    fn functions_are_round_and_data_boxed() {
        let svg = Picture::new(sample(), 4).svg();
        assert_eq!((svg.matches("<ellipse").count(), svg.matches("<rect").count()), (4, 1));
        assert!(svg.contains("clean\\&lt;T&gt;") && !svg.contains("clean\\<T>"));
    }

    #[test]
    fn large_graphs_are_collapsed_with_a_note_and_in_time() {
        let leaves: Vec<_> = (0..6000).map(|_| node("leaf", &[])).collect();
        let sums: Vec<_> = leaves.chunks(100).map(|c| node("sum", c)).collect();
        let svg = of_nodes(&[node("total", &sums)]).svg();
        assert!(svg.contains("leaf \u{d7} 6,000") && svg.contains("sum \u{d7} 60") && svg.contains("6,061 tasks"), "{svg}");
        let mut chain = node("link", &[]);
        for _ in 0..5000 {
            chain = node("link", &[chain]);
        }
        assert!(of_nodes(&[chain]).svg().contains("link \u{d7} 5,001"));
    }

    #[test]
    fn a_picture_is_saved_in_the_format_of_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let picture = Picture::new(sample(), 4);
        for (name, start) in [("a.svg", &b"<svg"[..]), ("a.png", b"\x89PNG"), ("a.dot", b"digraph")] {
            picture.save(&at(name)).unwrap();
            assert!(std::fs::read(at(name)).unwrap().starts_with(start), "{name}");
        }
        let e = picture.save(&at("a.gif")).unwrap_err().to_string();
        assert!(e.contains("a.gif") && e.contains(".svg, .png or .dot"), "{e}");
    }
}
