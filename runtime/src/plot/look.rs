//! What all plots have in common: axes with round numbers, the font, pictures inside of them.

use super::ticks::Axis;
use crate::show::svg::{FAMILY, FONT};
use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use plotters::prelude::*;
use std::sync::Once;

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        limit.0 + (f64::from(limit.1 - limit.0) * self.share(*value)).round() as i32
    }

    fn key_points<H: KeyPointHint>(&self, hint: H) -> Vec<f64> {
        let light = hint.weight().allow_light_points();
        if light { Vec::new() } else { self.ticks().to_vec() }
    }

    fn range(&self) -> std::ops::Range<f64> {
        self.ticks()[0]..self.ticks()[self.ticks().len() - 1]
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, value: &f64) -> String {
        self.label(*value)
    }
}

pub(super) fn register_font() {
    static ONCE: Once = Once::new();
    // The bundled font is valid, so this cannot fail.
    ONCE.call_once(|| drop(plotters::style::register_font("sans-serif", FontStyle::Normal, FONT)));
}

/// The size of a plot in CSS pixels.
pub(super) const SIZE: (u32, u32) = (680, 460);

/// The colour of axes and text, which is readable on light and dark grounds.
pub(super) const INK: RGBColor = RGBColor(0x75, 0x7d, 0x88);

/// Inserts an image before everything else, and puts the bundled font first.
pub(super) fn finished(svg: &str, image: &str) -> String {
    let mut out = svg.replace("font-family=\"sans-serif\"", &format!("font-family=\"{FAMILY}\""));
    let start = out.find('>').map_or(0, |i| i + 1);
    out.insert_str(start, image);
    out
}

/// Returns the element of a picture that lies in a rectangle, by its left, top, width and height.
pub(super) fn embedded(png: &[u8], [x, y, w, h]: [i32; 4]) -> String {
    format!(
        "<image x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\" preserveAspectRatio=\"none\" style=\"image-rendering:pixelated\" href=\"data:image/png;base64,{}\"/>",
        base64(png)
    )
}

/// Writes a note in the lower right corner.
pub(super) fn note<B: DrawingBackend>(
    root: &DrawingArea<B, plotters::coord::Shift>,
    text: &str,
) -> Result<(), String> {
    use plotters::style::text_anchor::{HPos, Pos, VPos};
    let style = ("sans-serif", 11).into_font().color(&INK).pos(Pos::new(HPos::Right, VPos::Top));
    let place = (SIZE.0 as i32 - 22, SIZE.1 as i32 - 20);
    root.draw(&Text::new(text, place, style)).map_err(|e| e.to_string())
}

/// Encodes bytes as Base64 with padding (RFC 4648).
pub(super) fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
