//! The picture of a task graph: what is drawn, in which colours, and how it is saved.

use super::chains::fused;
use super::drawing::{Direction, Drawing, MOST};
use super::layer::{Key, Layer, Name, Point, layers_of};
use super::numbered::Graph;
use super::optimize::{fuse, order};
use super::{layout, render};
use crate::error::Result;
use crate::show::html;
use crate::show::svg::{self, colour};
use crate::show::{Bundle, Show};
use crate::units::show_bytes;
use foldhash::{HashMap, HashMapExt};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The last run of a task.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ran {
    pub(crate) took: Duration,
    pub(crate) thread: u32,
    pub(crate) bytes: u64,
    pub(crate) failed: bool,
}

/// The runs of tasks, by key and number in the layer.
pub(crate) type Runs = HashMap<(Key, u32), Ran>;

/// What is drawn.
enum What {
    Tasks(Vec<Point>, Runs),
    Drawn(Drawing, usize),
}

/// A picture of a task graph. Displayed as SVG; the tooltip of a task shows its key and, after a
/// run, its bytes and duration.
#[derive(Clone)]
pub struct Picture {
    what: Arc<What>,
    direction: Option<Direction>,
    optimize: bool,
    layers: bool,
    colour: Option<Colour>,
}

/// The meaning of a task's colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Colour {
    Order,
    State,
    Worker,
    Time,
}

/// The colourings by name.
const COLOURS: [(&str, Colour); 4] = [
    ("order", Colour::Order),
    ("state", Colour::State),
    ("worker", Colour::Worker),
    ("time", Colour::Time),
];

/// Returns the picture of everything that the points need, with the last run of each task.
pub(crate) fn of_points(wanted: &[Point], runs: Runs) -> Picture {
    Picture::of(What::Tasks(wanted.to_vec(), runs))
}

impl Picture {
    /// Creates a picture of `drawing`, which stands for `tasks` tasks.
    pub(crate) fn new(drawing: Drawing, tasks: usize) -> Self {
        Self::of(What::Drawn(drawing, tasks))
    }

    fn of(what: What) -> Self {
        Self { what: Arc::new(what), direction: None, optimize: false, layers: false, colour: None }
    }

    /// Sets the direction of the arrows: `"TB"` (top to bottom, the default of small graphs),
    /// `"LR"`, `"BT"` or `"RL"`.
    ///
    /// # Panics
    /// If `direction` is none of these.
    #[must_use]
    #[track_caller]
    pub fn rankdir(&self, direction: &str) -> Self {
        let known = Direction::named(direction);
        Self {
            direction: Some(
                known.unwrap_or_else(|| panic!("rankdir: invalid direction {direction:?}: expected \"TB\", \"LR\", \"BT\" or \"RL\"")),
            ),
            ..self.clone()
        }
    }

    /// Sets whether the graph is drawn as it runs, with the steps that are fused into one task as
    /// one node (`true`), or with a node for each step (`false`, the default).
    #[must_use]
    pub fn optimize_graph(&self, optimize: bool) -> Self {
        Self { optimize, ..self.clone() }
    }

    /// Sets whether all tasks of one kind are drawn as one node with their count. Graphs of more
    /// than a thousand nodes are collapsed like this automatically.
    #[must_use]
    pub fn layers(&self, layers: bool) -> Self {
        Self { layers, ..self.clone() }
    }

    /// Sets the meaning of a task's colour: `"order"` (the order in which tasks start), `"state"`
    /// (run, failed, not yet run), `"worker"` (the thread that ran it) or `"time"` (its duration;
    /// the default after a run). The last three refer to the last run.
    ///
    /// # Panics
    /// If `by` is none of these.
    #[must_use]
    #[track_caller]
    pub fn color(&self, by: &str) -> Self {
        let known = COLOURS.iter().find(|(n, _)| *n == by).map(|(_, c)| *c);
        let names = || COLOURS.map(|(n, _)| format!("{n:?}")).join(", ");
        Self {
            colour: Some(known.unwrap_or_else(|| {
                panic!("color: invalid colouring {by:?}: expected one of {}", names())
            })),
            ..self.clone()
        }
    }

    /// Saves the picture as `.svg`, `.png`, `.pdf` or `.dot`, depending on the file name's
    /// extension.
    ///
    /// # Errors
    /// If the extension is unknown or the file cannot be written.
    pub fn save(&self, path: &str) -> Result<()> {
        let (drawing, note) = self.drawing();
        svg::save(
            path,
            &render::svg(&drawing, self.direction.is_some(), &note),
            Some(&layout::to_dot(&drawing)),
        )
    }

    /// Returns the drawing and the note below it.
    fn drawing(&self) -> (Drawing, String) {
        let (mut drawing, tasks, legend) = match &*self.what {
            What::Drawn(drawing, tasks) => (drawing.clone(), *tasks, String::new()),
            What::Tasks(points, runs) => {
                let points = &if self.optimize { fused(points) } else { points.clone() };
                let kinds = layers_of(points, |_| true);
                let tasks: u64 = kinds.iter().map(|l| u64::from(l.len)).sum();
                let crowded = tasks > MOST as u64
                    && kinds.len() <= MOST / 2
                    && kinds.iter().any(|l| l.len > 1);
                if self.layers || crowded {
                    (
                        self.by_layer(&kinds),
                        tasks as usize,
                        format!("{}, by layer", html::count(tasks as usize, "task")),
                    )
                } else {
                    self.by_task(order(Graph::new(points)), runs)
                }
            }
        };
        drawing.direction = self.direction.unwrap_or(drawing.direction);
        let (drawing, note) = drawing.readable(tasks);
        (drawing, if note.is_empty() { legend } else { note })
    }

    /// Draws a node for each layer, or for each of its steps.
    fn by_layer(&self, kinds: &[Arc<Layer>]) -> Drawing {
        let mut drawing = empty();
        let mut ends: HashMap<*const Layer, usize> = HashMap::new();
        for layer in kinds {
            let mut inputs: Vec<usize> =
                layer.inputs.iter().map(|p| ends[&Arc::as_ptr(&p.layer)]).collect();
            inputs.sort_unstable();
            inputs.dedup();
            for name in self.steps(layer) {
                let text = name.text();
                let label = if layer.len > 1 {
                    format!("{text} \u{d7} {}", html::thousands(u64::from(layer.len)))
                } else {
                    text.to_string()
                };
                let node = drawing.add(&label, true);
                drawing.nodes[node].tip = layer.key.to_string();
                drawing.edges.extend(inputs.iter().map(|i| (*i, node)));
                inputs = vec![node];
            }
            ends.insert(Arc::as_ptr(layer), inputs[0]);
        }
        drawing
    }

    /// Returns the steps of a layer that are drawn.
    fn steps(&self, layer: &Layer) -> Vec<Name> {
        let stages = layer.work.stages();
        if self.optimize || stages.is_empty() { vec![layer.label()] } else { stages }
    }

    /// Draws a node for each task, or for each of its steps, and for each plain argument and
    /// result.
    fn by_task(&self, graph: Graph, runs: &Runs) -> (Drawing, usize, String) {
        if self.optimize { self.chains(&graph, runs) } else { self.tasks(&graph, runs) }
    }

    fn tasks(&self, graph: &Graph, runs: &Runs) -> (Drawing, usize, String) {
        let mut drawing = empty();
        let mut at = Vec::with_capacity(graph.len());
        let paint = self.paint(graph, runs);
        for (i, (task, deps)) in graph.tasks.iter().zip(graph.deps.iter()).enumerate() {
            let layer = &graph.layers[task.layer as usize];
            let mut inputs: Vec<usize> = deps.iter().map(|d| at[*d as usize]).collect();
            for literal in layer.work.literals() {
                inputs.push(drawing.add(&literal, false));
            }
            for name in self.steps(layer) {
                let node = drawing.add(&name.text(), true);
                drawing.edges.extend(inputs.iter().map(|i| (*i, node)));
                paint.shape(&mut drawing, node, &[i as u32]);
                inputs = vec![node];
            }
            at.push(inputs[0]);
        }
        for w in &graph.wanted {
            let data = drawing.add("result", false);
            drawing.edges.push((at[*w as usize], data));
        }
        (drawing, graph.len(), paint.legend)
    }

    /// Draws a node for each chain of tasks that run as one.
    fn chains(&self, graph: &Graph, runs: &Runs) -> (Drawing, usize, String) {
        let chains = fuse(graph);
        let mut drawing = empty();
        let paint = self.paint(graph, runs);
        for chain in 0..chains.len() as u32 {
            let tasks: Vec<u32> = chains.tasks(chain).collect();
            let mut names: Vec<_> =
                tasks.iter().map(|t| graph.layer(*t).label().text().to_string()).collect();
            names.dedup();
            let label = if names.len() > 4 {
                format!("{}-\u{2026}-{}", names[0], names[names.len() - 1])
            } else {
                names.join("-")
            };
            let node = drawing.add(&label, true);
            drawing.edges.extend(
                graph.deps.get(tasks[0]).iter().map(|d| (chains.of[*d as usize] as usize, node)),
            );
            paint.shape(&mut drawing, node, &tasks);
        }
        (drawing, chains.len(), paint.legend)
    }

    fn paint<'a>(&self, graph: &'a Graph, runs: &'a Runs) -> Paint<'a> {
        let ran: Vec<Option<Ran>> = graph
            .tasks
            .iter()
            .map(|t| runs.get(&(graph.layers[t.layer as usize].key, t.index)).copied())
            .collect();
        let colour =
            self.colour.or_else(|| ran.iter().any(Option::is_some).then_some(Colour::Time));
        let most = ran.iter().flatten().map(|r| r.took).max().unwrap_or_default();
        let least = ran.iter().flatten().map(|r| r.took).min().unwrap_or_default();
        let legend = match colour {
            Some(Colour::Time) if !most.is_zero() => {
                format!("colour: duration, {least:.1?} (light) to {most:.1?} (dark)")
            }
            Some(Colour::Order) => {
                format!("colour: order, 0 (light) to {} (dark)", graph.len().saturating_sub(1))
            }
            Some(Colour::Worker) => "colour: thread that ran the task".to_owned(),
            Some(Colour::State) => {
                "colour: green has run, red has failed, yellow has not run".to_owned()
            }
            _ => String::new(),
        };
        Paint { graph, ran, colour, most, legend }
    }
}

/// The colours and tooltips of tasks.
struct Paint<'a> {
    graph: &'a Graph,
    ran: Vec<Option<Ran>>,
    colour: Option<Colour>,
    most: Duration,
    legend: String,
}

impl Paint<'_> {
    /// Sets the colour and tooltip of a node that stands for these tasks.
    fn shape(&self, drawing: &mut Drawing, node: usize, tasks: &[u32]) {
        let [first, ..] = tasks else { return };
        let ran: Vec<Ran> = tasks.iter().filter_map(|t| self.ran[*t as usize]).collect();
        let took: Duration = ran.iter().map(|r| r.took).sum();
        let mut tip =
            tasks.iter().take(8).map(|t| self.graph.key(*t)).collect::<Vec<_>>().join("\n");
        if let Some(last) = ran.last() {
            tip += &format!("\n{took:.1?}, {}", show_bytes(last.bytes));
        }
        drawing.nodes[node].tip = tip;
        drawing.nodes[node].fill = match self.colour {
            Some(Colour::Order) => Some(shade(f64::from(*first) / self.graph.len().max(2) as f64)),
            Some(Colour::Time) => (!ran.is_empty())
                .then(|| shade((took.as_secs_f64() / self.most.as_secs_f64().max(1e-9)).min(1.0))),
            Some(Colour::Worker) => {
                ran.last().map(|r| PASTELS[r.thread as usize % PASTELS.len()].to_owned())
            }
            Some(Colour::State) => Some(
                match ran.last() {
                    Some(r) if r.failed => "#f4b6b6",
                    Some(_) => "#bfe3c0",
                    None => colour::TASK.0,
                }
                .to_owned(),
            ),
            None => None,
        };
    }
}

/// Distinguishable light colours.
const PASTELS: [&str; 8] =
    ["#cfe2f7", "#fde0b4", "#cdebcd", "#f1cfe9", "#f3e6a8", "#c8ecea", "#e6d3c1", "#dcd6f2"];

/// Returns a colour from light yellow to strong orange; dark text is readable on all of them.
fn shade(part: f64) -> String {
    let mix = |a: f64, b: f64| (a + (b - a) * part.clamp(0.0, 1.0)) as u8;
    format!("#{:02x}{:02x}{:02x}", mix(255.0, 244.0), mix(246.0, 138.0), mix(219.0, 52.0))
}

fn empty() -> Drawing {
    Drawing { nodes: Vec::new(), edges: Vec::new(), direction: Direction::Down }
}

impl Show for Picture {
    fn show(&self) -> Bundle {
        let (drawing, note) = self.drawing();
        let text =
            format!("task graph: {} nodes, {} edges", drawing.nodes.len(), drawing.edges.len());
        svg::bundle(&render::svg(&drawing, self.direction.is_some(), &note), &text)
    }
}

impl fmt::Debug for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        crate::show::debug(self, f)
    }
}

#[cfg(test)]
impl Picture {
    fn text(&self) -> String {
        self.show().data["image/svg+xml"].clone()
    }
}

#[cfg(test)]
mod tests {
    use super::super::numbered::tests::node;
    use super::*;

    fn of(points: &[Point]) -> Picture {
        of_points(points, Runs::default())
    }

    #[test]
    fn large_graphs_are_collapsed_with_a_note_and_in_time() {
        let leaves: Vec<_> = (0..6000).map(|_| node("leaf", &[])).collect();
        let sums: Vec<_> = leaves.chunks(100).map(|c| node("sum", c)).collect();
        let svg = of(&[node("total", &sums)]).text();
        assert!(
            svg.contains("leaf \u{d7} 6,000")
                && svg.contains("sum \u{d7} 60")
                && svg.contains("6,061 tasks"),
            "{svg}"
        );
        let mut chain = node("link", &[]);
        for _ in 0..5000 {
            chain = node("link", &[chain]);
        }
        assert!(of(&[chain]).text().contains("link \u{d7} 5,001"));
    }

    #[test]
    fn colours_and_tips_tell_of_the_last_run() {
        let (a, b) = (node("fast", &[]), node("slow", &[]));
        let end = node("end", &[a.clone(), b.clone()]);
        let ran = |p: &Point, ms, failed| {
            (
                (p.layer.key, 0),
                Ran { took: Duration::from_millis(ms), thread: 1, bytes: 2048, failed },
            )
        };
        let runs: Runs = [ran(&a, 1, false), ran(&b, 100, true)].into_iter().collect();
        let picture = of_points(&[end], runs);
        let svg = picture.text();
        assert!(
            svg.contains("100.0ms, 2.00 kiB")
                && svg.contains(&shade(1.0))
                && svg.contains("duration"),
            "{svg}"
        );
        assert!(picture.color("state").text().contains("#f4b6b6"));
        assert!(picture.color("worker").text().contains(PASTELS[1]));
        assert!(picture.color("order").text().contains(&shade(0.0)));
        for (name, _) in COLOURS {
            assert!(!picture.color(name).text().is_empty());
        }
        assert!(
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| picture.color("colour")))
                .is_err()
        );
        assert!(
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| picture.rankdir("down")))
                .is_err()
        );
    }

    #[test]
    fn chains_are_one_node_when_optimized() {
        let chain = node("c", &[node("b", &[node("a", &[])])]);
        assert_eq!(of(std::slice::from_ref(&chain)).text().matches("<ellipse").count(), 3);
        let svg = of(&[chain]).optimize_graph(true).text();
        assert!(svg.contains("a-b-c") && svg.matches("<ellipse").count() == 1, "{svg}");
    }

    #[test]
    fn a_picture_is_saved_in_the_format_of_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let picture = of(&[node("b", &[node("a", &[])])]);
        for (name, start) in [
            ("a.svg", &b"<svg"[..]),
            ("a.png", b"\x89PNG"),
            ("a.pdf", b"%PDF"),
            ("a.dot", b"digraph"),
        ] {
            picture.save(&at(name)).unwrap();
            assert!(std::fs::read(at(name)).unwrap().starts_with(start), "{name}");
        }
        let e = picture.save(&at("a.gif")).unwrap_err().to_string();
        assert!(e.contains("a.gif") && e.contains(".svg, .png, .pdf or .dot"), "{e}");
    }
}
