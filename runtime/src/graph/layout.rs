//! The layout of a drawing's nodes and edges: by the `dot` program if it is installed, else by a
//! layout in pure Rust. Both take the same sizes and return the same kind of result, so shapes and
//! colours never depend on which one ran.

use super::drawing::{Direction, Drawing};
use graphviz_rust::cmd::Format;
use graphviz_rust::dot_structures::{
    Attribute, Edge, EdgeTy, Graph, GraphAttributes, Id, Node, NodeId, Stmt, Vertex,
};
use graphviz_rust::printer::{DotPrinter, PrinterContext};
use layout::core::base::Orientation;
use layout::core::format::{ClipHandle, RenderBackend};
use layout::core::geometry::Point;
use layout::core::style::StyleAttr;
use layout::std_shapes::shapes::{Arrow, Element, ShapeKind};
use layout::topo::layout::VisualGraph;

/// A point in CSS pixels, relative to the top left corner.
pub(super) type Xy = (f64, f64);

/// The positions of a drawing's nodes and edges.
#[derive(Debug, Default)]
pub(super) struct Placed {
    pub(super) size: Xy,
    /// The centre of each node.
    pub(super) nodes: Vec<Xy>,
    /// For each edge, the start and then three points for each cubic Bézier segment.
    pub(super) edges: Vec<Vec<Xy>>,
}

/// Returns the width and height of a node for its label, in CSS pixels.
pub(super) fn size_of(label: &str, round: bool) -> Xy {
    let letters = label.chars().count() as f64;
    (
        if round { letters * 7.4 + 30.0 } else { letters * 7.2 + 16.0 },
        if round { 34.0 } else { 26.0 },
    )
}

/// Lays out the drawing.
pub(super) fn place(drawing: &Drawing) -> Placed {
    let mut placed = by_dot(drawing).unwrap_or_else(|| by_rust(drawing));
    // Layouts run downwards or to the right; the other directions are their mirror images.
    let (w, h) = placed.size;
    let mirror: Option<fn(&mut Xy, f64, f64)> = match drawing.direction {
        Direction::Up => Some(|p, _, h| p.1 = h - p.1),
        Direction::Left => Some(|p, w, _| p.0 = w - p.0),
        Direction::Down | Direction::Right => None,
    };
    if let Some(mirror) = mirror {
        placed
            .nodes
            .iter_mut()
            .chain(placed.edges.iter_mut().flatten())
            .for_each(|p| mirror(p, w, h));
    }
    placed
}

/// Returns the drawing in the DOT language.
pub(super) fn to_dot(drawing: &Drawing) -> String {
    let rankdir = match drawing.direction {
        Direction::Down => "TB",
        Direction::Right => "LR",
        Direction::Up => "BT",
        Direction::Left => "RL",
    };
    dot_with(drawing, rankdir, &[])
}

/// Returns the drawing in the DOT language, with attributes for all edges.
fn dot_with(drawing: &Drawing, rankdir: &str, edges: &[(&str, &str)]) -> String {
    let quoted = |s: &str| {
        Id::Escaped(format!(
            "\"{}\"",
            s.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
        ))
    };
    let attribute = |k: &str, v: String| Attribute(Id::Plain(k.to_owned()), quoted(&v));
    let id = |i: usize| NodeId(Id::Plain(format!("n{i}")), None);
    let mut graph =
        Graph::DiGraph { id: Id::Plain("tasks".to_owned()), strict: false, stmts: Vec::new() };
    graph.add_stmt(Stmt::Attribute(attribute("rankdir", rankdir.to_owned())));
    if !edges.is_empty() {
        let attributes = edges.iter().map(|(k, v)| attribute(k, (*v).to_owned())).collect();
        graph.add_stmt(Stmt::GAttribute(GraphAttributes::Edge(attributes)));
    }
    for (i, n) in drawing.nodes.iter().enumerate() {
        let (w, h) = size_of(&n.label, n.round);
        let attributes = vec![
            attribute("label", n.label.clone()),
            attribute("shape", if n.round { "ellipse" } else { "box" }.to_owned()),
            attribute("fixedsize", "true".to_owned()),
            attribute("width", format!("{:.3}", w / 72.0)),
            attribute("height", format!("{:.3}", h / 72.0)),
        ];
        graph.add_stmt(Stmt::Node(Node::new(id(i), attributes)));
    }
    for (a, b) in &drawing.edges {
        let ty = EdgeTy::Pair(Vertex::N(id(*a)), Vertex::N(id(*b)));
        graph.add_stmt(Stmt::Edge(Edge { ty, attributes: Vec::new() }));
    }
    graph.print(&mut PrinterContext::default())
}

/// Lays out the drawing with `dot -Tplain`; `None` if the program is missing or fails.
fn by_dot(drawing: &Drawing) -> Option<Placed> {
    // In this format an edge ends where Graphviz would begin the arrowhead; ours is drawn up to the
    // node.
    let rankdir = if drawing.direction.is_flat() { "LR" } else { "TB" };
    let edges_to_the_end = dot_with(drawing, rankdir, &[("arrowhead", "none")]);
    let plain = graphviz_rust::exec_dot(edges_to_the_end, vec![Format::Plain.into()]).ok()?;
    read_plain(&String::from_utf8(plain).ok()?, drawing)
}

/// Parses Graphviz's plain format: inches from the bottom left, edges as cubic B-splines in Bézier
/// form.
fn read_plain(text: &str, drawing: &Drawing) -> Option<Placed> {
    let mut placed = Placed { nodes: vec![(0.0, 0.0); drawing.nodes.len()], ..Placed::default() };
    let mut height = 0.0;
    let at = |x: &str, y: &str, height: f64| {
        Some((x.parse::<f64>().ok()? * 72.0, (height - y.parse::<f64>().ok()?) * 72.0))
    };
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match *words.first()? {
            "graph" => {
                height = words.get(3)?.parse().ok()?;
                placed.size = (words.get(2)?.parse::<f64>().ok()? * 72.0, height * 72.0);
            }
            "node" => {
                let i: usize = words.get(1)?.strip_prefix('n')?.parse().ok()?;
                *placed.nodes.get_mut(i)? = at(words.get(2)?, words.get(3)?, height)?;
            }
            "edge" => {
                let n: usize = words.get(3)?.parse().ok()?;
                let points = words.get(4..4 + 2 * n)?;
                placed
                    .edges
                    .push(points.chunks(2).map(|p| at(p[0], p[1], height)).collect::<Option<_>>()?);
            }
            _ => {}
        }
    }
    (placed.edges.len() == drawing.edges.len()).then_some(placed)
}

/// Lays out the drawing in pure Rust.
fn by_rust(drawing: &Drawing) -> Placed {
    let orientation = if drawing.direction.is_flat() {
        Orientation::LeftToRight
    } else {
        Orientation::TopToBottom
    };
    let mut graph = VisualGraph::new(orientation);
    let look = StyleAttr::simple();
    let handles: Vec<_> = drawing
        .nodes
        .iter()
        .enumerate()
        .map(|(i, n)| {
            let (w, h) = size_of(&n.label, n.round);
            // The layout rotates a left-to-right graph by 90 degrees after placing it.
            let shape = ShapeKind::new_box(&n.label);
            graph.add_node(Element::create_with_properties(
                shape,
                look.clone(),
                orientation,
                Point::new(w, h),
                format!("n{i}"),
            ))
        })
        .collect();
    for (a, b) in &drawing.edges {
        graph.add_edge(Arrow::simple(""), handles[*a], handles[*b]);
    }
    let mut recorder = Recorder { nodes: vec![(0.0, 0.0); drawing.nodes.len()], edges: Vec::new() };
    graph.do_it(false, false, false, &mut recorder);
    recorder.finish(drawing)
}

/// Records the positions that the layout draws at.
struct Recorder {
    nodes: Vec<Xy>,
    edges: Vec<Vec<Xy>>,
}

impl Recorder {
    /// Moves everything so that the picture starts at the origin.
    fn finish(mut self, drawing: &Drawing) -> Placed {
        let (mut low, mut high) = ((f64::MAX, f64::MAX), (f64::MIN, f64::MIN));
        let mut grow = |x: f64, y: f64| {
            low = (low.0.min(x), low.1.min(y));
            high = (high.0.max(x), high.1.max(y));
        };
        for ((x, y), n) in self.nodes.iter().zip(&drawing.nodes) {
            let (w, h) = size_of(&n.label, n.round);
            grow(x - w / 2.0, y - h / 2.0);
            grow(x + w / 2.0, y + h / 2.0);
        }
        self.edges.iter().flatten().for_each(|(x, y)| grow(*x, *y));
        if self.nodes.is_empty() {
            return Placed::default();
        }
        for p in self.nodes.iter_mut().chain(self.edges.iter_mut().flatten()) {
            *p = (p.0 - low.0, p.1 - low.1);
        }
        Placed { size: (high.0 - low.0, high.1 - low.1), nodes: self.nodes, edges: self.edges }
    }
}

impl RenderBackend for Recorder {
    fn draw_rect(
        &mut self,
        xy: Point,
        size: Point,
        _: &StyleAttr,
        properties: Option<String>,
        _: Option<ClipHandle>,
    ) {
        let number =
            properties.and_then(|p| p.strip_prefix('n').and_then(|i| i.parse::<usize>().ok()));
        if let Some(node) = number.and_then(|i| self.nodes.get_mut(i)) {
            *node = (xy.x + size.x / 2.0, xy.y + size.y / 2.0);
        }
    }

    fn draw_line(&mut self, _: Point, _: Point, _: &StyleAttr, _: Option<String>) {}

    fn draw_circle(&mut self, _: Point, _: Point, _: &StyleAttr, _: Option<String>) {}

    fn draw_text(&mut self, _: Point, _: &str, _: &StyleAttr) {}

    fn draw_arrow(
        &mut self,
        path: &[(Point, Point)],
        _: bool,
        _: (bool, bool),
        _: &StyleAttr,
        _: Option<String>,
        _: &str,
    ) {
        let xy = |p: &Point| (p.x, p.y);
        let mut points = vec![xy(&path[0].0)];
        let mut control = xy(&path[0].1);
        for (entry, end) in &path[1..] {
            points.extend([control, xy(entry), xy(end)]);
            // The next piece leaves in the direction in which this one arrived.
            control = (2.0 * end.x - entry.x, 2.0 * end.y - entry.y);
        }
        self.edges.push(points);
    }

    fn create_clip(&mut self, _: Point, _: Point, _: usize) -> ClipHandle {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::super::drawing::tests::sample;
    use super::*;

    #[test]
    fn the_dot_text_can_be_read_back() {
        let dot = to_dot(&sample());
        let graph = graphviz_rust::parse(&dot).unwrap();
        let Graph::DiGraph { stmts, .. } = graph else { panic!("{dot}") };
        assert_eq!(
            stmts.iter().filter(|s| matches!(s, Stmt::Node(_))).count(),
            sample().nodes.len()
        );
        assert_eq!(
            stmts.iter().filter(|s| matches!(s, Stmt::Edge(_))).count(),
            sample().edges.len()
        );
    }

    #[test]
    fn nodes_do_not_overlap_and_edges_reach_them() {
        let drawing = sample();
        let mut layouts = vec![by_rust(&drawing)];
        layouts.extend(by_dot(&drawing));
        for placed in layouts {
            assert_eq!(placed.edges.len(), drawing.edges.len());
            for (i, a) in placed.nodes.iter().enumerate() {
                assert!(a.0 >= 0.0 && a.1 >= 0.0 && a.0 <= placed.size.0 && a.1 <= placed.size.1);
                for (j, b) in placed.nodes.iter().enumerate().take(i) {
                    let ((w1, h1), (w2, h2)) = (
                        size_of(&drawing.nodes[i].label, true),
                        size_of(&drawing.nodes[j].label, true),
                    );
                    let apart = (a.0 - b.0).abs() >= (w1 + w2) / 2.2
                        || (a.1 - b.1).abs() >= (h1 + h2) / 2.2;
                    assert!(apart, "nodes {i} and {j} overlap: {placed:?}");
                }
            }
            assert!(placed.edges.iter().all(|e| e.len() % 3 == 1 && e.len() >= 4));
        }
    }
}
