//! Arrays under the cell: a table of their sizes, and a picture of the chunks.

use super::core::Core;
use super::grid::{Grid, tuple};
use super::handle::{Array, lazily};
use super::sizes::{Shown, UNKNOWN};
use crate::graph::Graph;
use crate::graph::chains;
use crate::handle::Opaque;
use crate::show::{self, Bundle, Show, html};
use std::fmt;

impl<T> Show for Array<T> {
    fn show(&self) -> Bundle {
        bundle(&self.inner)
    }
}

impl<T> fmt::Debug for Array<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show::debug(self, f)
    }
}

#[inline(never)]
fn bundle(inner: &Opaque) -> Bundle {
    match lazily(inner) {
        Ok((core, None)) => Bundle::text(text(core)).with("text/html", card(core)),
        Ok((core, Some(axis))) => {
            Bundle::text(unknown_text(core, axis)).with("text/html", unknown_card(core, axis))
        }
        Err(e) => Bundle::text(format!("Array({e})")),
    }
}

fn bytes_of(core: &Core, elements: u128) -> String {
    html::bytes((elements * core.dtype.size() as u128) as u64)
}

fn text(core: &Core) -> String {
    format!(
        "Array<{}>(shape={}, chunks={}, {})",
        core.dtype.name(),
        tuple(&core.shape()),
        tuple(&core.grid.largest()),
        html::count(core.grid.blocks(), "chunk")
    )
}

/// Returns the table of sizes, beside the picture of the chunks.
fn card(core: &Core) -> String {
    let largest = core.grid.largest();
    let whole = bytes_of(core, core.grid.elements());
    let block = bytes_of(core, largest.iter().map(|n| *n as u128).product());
    let tasks = Graph::new(&chains::fused(&core.layer.points())).len();
    table(
        &[
            row("Bytes", &whole, &block),
            row("Shape", &tuple(&core.shape()), &tuple(&largest)),
            row("Count", &html::count(tasks, "task"), &html::count(core.grid.blocks(), "chunk")),
            row("Type", core.dtype.name(), "ndarray"),
        ],
        &picture(&core.grid),
    )
}

/// Returns lengths of which one is not known, as they are shown.
fn unknown(lengths: Vec<usize>, axis: usize) -> String {
    let shown = |(i, n): (usize, usize)| Shown(if i == axis { UNKNOWN } else { n });
    tuple(&lengths.into_iter().enumerate().map(shown).collect::<Vec<_>>())
}

fn unknown_text(core: &Core, axis: usize) -> String {
    format!(
        "Array<{}>(shape={}, {})",
        core.dtype.name(),
        unknown(core.shape(), axis),
        html::count(core.grid.blocks(), "chunk")
    )
}

/// Returns the table of an array whose sizes are not known along an axis.
fn unknown_card(core: &Core, axis: usize) -> String {
    let tasks = Graph::new(&chains::fused(&core.layer.points())).len();
    table(
        &[
            row("Bytes", "?", "?"),
            row("Shape", &unknown(core.shape(), axis), &unknown(core.grid.largest(), axis)),
            row("Count", &html::count(tasks, "task"), &html::count(core.grid.blocks(), "chunk")),
            row("Type", core.dtype.name(), "ndarray"),
        ],
        "",
    )
}

fn row(name: &str, a: &str, b: &str) -> String {
    format!("<tr><th>{name}</th><td>{a}</td><td>{b}</td></tr>")
}

/// Returns the table of rows, beside a picture.
fn table(rows: &[String], picture: &str) -> String {
    format!(
        "<div class=\"rask-array\">{STYLE}<table><thead><tr><th></th><th>Array</th><th>Chunk</th></tr></thead><tbody>{}</tbody></table>{picture}</div>",
        rows.concat()
    )
}

const STYLE: &str = "<style>.rask-array{display:flex;gap:2em;align-items:flex-start;font-size:var(--jp-code-font-size,13px)}.rask-array table{border-collapse:collapse;margin:0}.rask-array th{text-align:left;font-weight:600;padding:.2em .8em}.rask-array td{text-align:right;padding:.2em .8em;font-variant-numeric:tabular-nums}.rask-array svg{overflow:visible}.rask-array .e{stroke:currentColor;stroke-width:1.5;fill:none}.rask-array .c{stroke:currentColor;stroke-width:.6;opacity:.55}.rask-array .f{fill:#ecb172;fill-opacity:.55}.rask-array .s{fill:#ecb172;fill-opacity:.8}.rask-array text{fill:currentColor;font-size:12px;text-anchor:middle;font-family:var(--jp-ui-font-family,sans-serif)}</style>";

/// The length of the longest side of a picture.
const LONGEST: f64 = 140.0;
/// More lines than these would be a solid colour.
const MOST_LINES: usize = 40;

/// Returns the drawn lengths of axes: their ratios, but for very thin ones.
fn lengths(shape: &[usize]) -> Vec<f64> {
    let most = shape.iter().copied().max().unwrap_or(1).max(1) as f64;
    shape.iter().map(|n| (*n as f64 / most * LONGEST).max(LONGEST / 6.0)).collect()
}

/// Returns where the chunks of an axis begin and end, in a drawing of `length`.
fn edges(chunks: &[usize], length: f64) -> Vec<f64> {
    let n: usize = chunks.iter().sum();
    let mut at = 0;
    let mut all = vec![0.0];
    for size in chunks {
        at += size;
        all.push(if n == 0 { length } else { at as f64 / n as f64 * length });
    }
    if all.len() <= MOST_LINES {
        return all;
    }
    // Every so many, and the last one.
    let every = all.len().div_ceil(MOST_LINES);
    let last = all[all.len() - 1];
    let mut some: Vec<f64> = all.into_iter().step_by(every).collect();
    if some.last() != Some(&last) {
        some.push(last);
    }
    some
}

/// Returns a picture of the chunks: up to three axes, the last ones of more.
fn picture(grid: &Grid) -> String {
    let shape = grid.shape();
    match shape.len() {
        0 => String::new(),
        1 => {
            let flat = Grid::new(vec![vec![1], grid.chunks[0].to_vec()]);
            sheet(&flat, &[None, Some(shape[0])])
        }
        2 => sheet(grid, &[Some(shape[0]), Some(shape[1])]),
        n => {
            let last = Grid::new(grid.chunks[n - 3..].iter().map(|c| c.to_vec()).collect());
            let rest = &shape[..n - 3];
            let note = if rest.is_empty() {
                String::new()
            } else {
                let blocks =
                    html::count(grid.chunks[..n - 3].iter().map(|c| c.len()).product(), "block");
                format!(
                    "<div>{} of these, in {blocks}</div>",
                    html::count(rest.iter().product(), "cube")
                )
            };
            format!("<div>{}{note}</div>", cube(&last))
        }
    }
}

fn line(x1: f64, y1: f64, x2: f64, y2: f64) -> String {
    format!("<line class=\"c\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>")
}

fn svg(width: f64, height: f64, body: &str) -> String {
    format!(
        "<svg width=\"{width:.0}\" height=\"{height:.0}\" role=\"img\" aria-label=\"chunks\">{body}</svg>"
    )
}

/// Draws two axes: the first one down, the second one to the right.
fn sheet(grid: &Grid, labels: &[Option<usize>; 2]) -> String {
    let shape = grid.shape();
    let mut size = lengths(&shape);
    if labels[0].is_none() {
        size = vec![LONGEST / 6.0, LONGEST];
    }
    let (h, w) = (size[0], size[1]);
    let mut body = format!("<rect class=\"f\" width=\"{w:.1}\" height=\"{h:.1}\"/>");
    edges(&grid.chunks[0], h).iter().for_each(|y| body += &line(0.0, *y, w, *y));
    edges(&grid.chunks[1], w).iter().for_each(|x| body += &line(*x, 0.0, *x, h));
    body += &format!("<rect class=\"e\" width=\"{w:.1}\" height=\"{h:.1}\"/>");
    if let Some(n) = labels[1] {
        body += &format!("<text x=\"{:.1}\" y=\"{:.1}\">{n}</text>", w / 2.0, h + 18.0);
    }
    if let Some(n) = labels[0] {
        let (x, y) = (w + 18.0, h / 2.0);
        body += &format!("<text transform=\"translate({x:.1},{y:.1}) rotate(-90)\">{n}</text>");
    }
    svg(w + 36.0, h + 26.0, &body)
}

/// Draws three axes: the first one to the back.
fn cube(grid: &Grid) -> String {
    let shape = grid.shape();
    let size = lengths(&shape);
    let (d, h, w) = (size[0] * 0.5, size[1], size[2]);
    // The front face is moved down and to the right by the depth.
    let (dx, dy) = (d * 0.8, d * 0.6);
    let mut body = String::new();
    let polygon = |class: &str, points: [(f64, f64); 4]| {
        let list: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        format!("<polygon class=\"{class}\" points=\"{}\"/>", list.join(" "))
    };
    let top = [(0.0, 0.0), (w, 0.0), (w + dx, dy), (dx, dy)];
    let left = [(0.0, 0.0), (dx, dy), (dx, dy + h), (0.0, h)];
    let front = [(dx, dy), (dx + w, dy), (dx + w, dy + h), (dx, dy + h)];
    body += &polygon("s", top);
    body += &polygon("s", left);
    body += &polygon("f", front);
    for t in edges(&grid.chunks[0], 1.0) {
        body += &line(dx * t, dy * t, dx * t + w, dy * t);
        body += &line(dx * t, dy * t, dx * t, dy * t + h);
    }
    for y in edges(&grid.chunks[1], h) {
        body += &line(0.0, y, dx, dy + y);
        body += &line(dx, dy + y, dx + w, dy + y);
    }
    for x in edges(&grid.chunks[2], w) {
        body += &line(x, 0.0, dx + x, dy);
        body += &line(dx + x, dy, dx + x, dy + h);
    }
    for face in [top, left, front] {
        body += &polygon("e", face);
    }
    body +=
        &format!("<text x=\"{:.1}\" y=\"{:.1}\">{}</text>", dx + w / 2.0, dy + h + 18.0, shape[2]);
    let (x, y) = (dx + w + 18.0, dy + h / 2.0);
    body +=
        &format!("<text transform=\"translate({x:.1},{y:.1}) rotate(-90)\">{}</text>", shape[1]);
    body += &format!(
        "<text x=\"{:.1}\" y=\"{:.1}\">{}</text>",
        dx / 2.0 - 14.0,
        dy / 2.0 + h + 14.0,
        shape[0]
    );
    svg(w + dx + 36.0, h + dy + 26.0, &body)
}
