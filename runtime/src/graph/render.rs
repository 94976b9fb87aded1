//! Drawings as SVG: functions are round, data is boxed, every node has a tooltip.

use super::drawing::{Direction, Drawing};
use super::layout::{self, Placed, Xy};
use crate::show::html::escape;
use crate::show::svg::{FAMILY, colour};
use std::fmt::Write;

/// A picture wider than this is drawn from left to right instead, so that names stay readable and
/// the page scrolls.
const WIDE: f64 = 820.0;

/// Returns the drawing as SVG; drawn from left to right if that makes a wide one narrower and the
/// direction was not `chosen`.
pub(super) fn svg(drawing: &Drawing, chosen: bool, note: &str) -> String {
    let mut placed = layout::place(drawing);
    if !chosen && placed.size.0 > WIDE && drawing.direction == Direction::Down {
        let turned = layout::place(&Drawing { direction: Direction::Right, ..drawing.clone() });
        if turned.size.0 < placed.size.0 {
            placed = turned;
        }
    }
    draw(drawing, &placed, note)
}

fn draw(drawing: &Drawing, placed: &Placed, note: &str) -> String {
    const MARGIN: f64 = 8.0;
    let note_height = if note.is_empty() { 0.0 } else { 22.0 };
    let width =
        (placed.size.0 + 2.0 * MARGIN).max(note.chars().count() as f64 * 6.6 + 2.0 * MARGIN);
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
        let tip =
            if node.tip.is_empty() { String::new() } else { format!("\n{}", escape(&node.tip)) };
        let _ = write!(out, "<g><title>{label}{tip}</title>");
        let _ = if node.round {
            let (fill, line) = (node.fill.as_deref().unwrap_or(colour::TASK.0), colour::TASK.1);
            let (rx, ry) = (w / 2.0, h / 2.0);
            write!(
                out,
                "<ellipse cx=\"{x:.1}\" cy=\"{y:.1}\" rx=\"{rx:.1}\" ry=\"{ry:.1}\" fill=\"{fill}\" stroke=\"{line}\"/>"
            )
        } else {
            let (fill, line) = (node.fill.as_deref().unwrap_or(colour::DATA.0), colour::DATA.1);
            let (left, top) = (x - w / 2.0, y - h / 2.0);
            write!(
                out,
                "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{w:.1}\" height=\"{h:.1}\" rx=\"2\" fill=\"{fill}\" stroke=\"{line}\"/>"
            )
        };
        let _ = write!(
            out,
            "<text x=\"{x:.1}\" y=\"{:.1}\" fill=\"{}\">{label}</text></g>",
            y + 4.2,
            colour::TEXT
        );
    }
    if !note.is_empty() {
        let y = placed.size.1 + MARGIN + 12.0;
        let _ = write!(
            out,
            "<text x=\"0\" y=\"{y:.1}\" text-anchor=\"start\" fill=\"{}\">{}</text>",
            colour::INK,
            escape(note)
        );
    }
    out + "</g></svg>"
}

/// Draws an edge and its arrowhead.
fn arrow(out: &mut String, points: &[Xy]) {
    let [.., before, end] = points else { return };
    let (dx, dy) = (end.0 - before.0, end.1 - before.1);
    let length = dx.hypot(dy).max(1e-9);
    let (ux, uy) = (dx / length, dy / length);
    let base = (end.0 - 7.0 * ux, end.1 - 7.0 * uy);
    let mut path = format!("M{:.1},{:.1}", points[0].0, points[0].1);
    for piece in points[1..].chunks_exact(3) {
        let _ = write!(
            path,
            " C{:.1},{:.1} {:.1},{:.1} {:.1},{:.1}",
            piece[0].0, piece[0].1, piece[1].0, piece[1].1, piece[2].0, piece[2].1
        );
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
