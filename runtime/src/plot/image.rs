//! Matrices as pictures: a colour for each element, or for the mean of neighbouring ones where there
//! are more than pixels.

use super::look::{self, INK, SIZE, embedded, finished, register_font};
use super::ticks::Axis;
use crate::array::{Array, ArrayElement};
use crate::error::{Error, ErrorKind, Result};
use crate::show::{self, Bundle, Show, svg};
use ndarray::ArrayD;
use plotters::prelude::*;
use std::fmt;

/// More rows or columns than these become means.
const MOST: usize = 480;
/// The width of the scale beside the picture.
const SCALE: i32 = 14;

/// Draws a matrix: a colour for each element, from dark for the least to light for the greatest one.
/// More than 480 rows or columns are drawn as means of neighbours, and the plot says so. NaN is left
/// out. Displayed as SVG.
///
/// ```
/// use rask::prelude::*;
/// let x = da::fromfunction((20, 30), |i: &[usize]| (i[0] * i[1]) as f64);
/// assert!(plot::image(&x).title("Products").show().data["image/svg+xml"].contains("Products"));
/// ```
#[track_caller]
pub fn image<T: ArrayElement>(array: &Array<T>) -> Image {
    of(array.astype::<f64>())
}

#[inline(never)]
fn of(array: Array<f64>) -> Image {
    Image { array, title: String::new() }
}

/// A picture of a matrix, created by [`image`].
#[derive(Clone)]
#[must_use = "a plot is drawn when it is shown or saved"]
pub struct Image {
    array: Array<f64>,
    title: String,
}

impl Image {
    /// Sets the title.
    pub fn title(mut self, title: &str) -> Self {
        title.clone_into(&mut self.title);
        self
    }

    /// Draws and saves the plot as `.svg`, `.png` or `.pdf`, depending on the file name's
    /// extension.
    ///
    /// # Errors
    /// If the array cannot be computed or is not a matrix, the extension is unknown or the file
    /// cannot be written.
    pub fn save(&self, path: &str) -> Result<()> {
        svg::save(path, &self.svg()?.0, None)
    }

    /// Computes the picture and its plain text.
    fn svg(&self) -> Result<(String, String)> {
        let shape: Vec<usize> = self.array.shape().to_vec();
        let [rows, columns] = shape[..] else {
            // The error of an earlier step comes before that of the shape.
            self.array.sum().compute()?;
            return Err(Error::bad_argument(
                "image",
                format!("an array of shape {shape:?}; expected a matrix"),
            ));
        };
        let (tall, wide) = (rows.div_ceil(MOST).max(1), columns.div_ceil(MOST).max(1));
        let mut note = format!("{rows} x {columns} elements");
        let mut means = self.array.clone();
        if (tall, wide) != (1, 1) {
            note += &format!(", a pixel is the mean of {tall} x {wide}");
            let rest = |n: usize, by: usize| (n.div_ceil(by) * by - n) as i64;
            means = means
                .pad((0, rest(rows, tall), 0, rest(columns, wide)), f64::NAN)
                .coarsen(&[(0, tall), (1, wide)], mean);
        }
        let values = means.compute()?;
        let drawn = draw(&values, (rows, columns), &self.title, &note)
            .map_err(|message| ErrorKind::Picture { what: "the image".to_owned(), message })?;
        Ok((drawn, format!("image of {note}")))
    }
}

/// Returns the mean of the elements that are not NaN.
fn mean(window: &ArrayD<f64>) -> f64 {
    let (sum, n) =
        window.iter().filter(|x| !x.is_nan()).fold((0.0, 0.0), |(sum, n), x| (sum + x, n + 1.0));
    if n == 0.0 { f64::NAN } else { sum / n }
}

/// Returns the colour of a part of the scale: viridis, whose lightness grows evenly.
fn colour(part: f64) -> RGBColor {
    let RGBColor(r, g, b) = ViridisRGB.get_color(part.clamp(0.0, 1.0));
    RGBColor(r, g, b)
}

/// Returns a picture with a pixel for each value; those that are not finite are transparent.
fn png(
    values: &mut dyn Iterator<Item = f64>,
    (w, h): (usize, usize),
    (low, high): (f64, f64),
) -> std::result::Result<Vec<u8>, String> {
    let mut pixels = resvg::tiny_skia::Pixmap::new(w.max(1) as u32, h.max(1) as u32)
        .ok_or("not enough memory for the picture")?;
    let width = if high > low { high - low } else { 1.0 };
    for (pixel, value) in pixels.pixels_mut().iter_mut().zip(values) {
        if value.is_finite() {
            let RGBColor(r, g, b) = colour((value - low) / width);
            *pixel = resvg::tiny_skia::ColorU8::from_rgba(r, g, b, 255).premultiply();
        }
    }
    pixels.encode_png().map_err(|e| e.to_string())
}

fn draw(
    values: &ArrayD<f64>,
    (rows, columns): (usize, usize),
    title: &str,
    note: &str,
) -> std::result::Result<String, String> {
    register_font();
    let text = |e: &dyn fmt::Display| e.to_string();
    let finite = values.iter().copied().filter(|v| v.is_finite());
    let range = finite.fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(v), h.max(v)));
    let (low, high) = if range.0 > range.1 { (0.0, 1.0) } else { range };
    let style = |size: i32| ("sans-serif", size).into_font().color(&INK);
    let mut out = String::new();
    let image;
    {
        let root = SVGBackend::with_string(&mut out, SIZE).into_drawing_area();
        let mut builder = ChartBuilder::on(&root);
        builder.margin(14).margin_bottom(26).margin_right(96).x_label_area_size(30);
        builder.y_label_area_size(56);
        if !title.is_empty() {
            builder.caption(title, style(18));
        }
        let (xs, ys) = (0.0..columns.max(1) as f64, rows.max(1) as f64..0.0);
        let mut chart = builder.build_cartesian_2d(xs, ys).map_err(|e| text(&e))?;
        let whole = |v: &f64| format!("{v:.0}");
        chart
            .configure_mesh()
            .disable_mesh()
            .x_labels(8)
            .y_labels(7)
            .x_label_formatter(&whole)
            .y_label_formatter(&whole)
            .label_style(style(12))
            .axis_style(INK)
            .draw()
            .map_err(|e| text(&e))?;
        let (px, py) = chart.plotting_area().get_pixel_range();
        let size = [values.shape()[1], values.shape()[0]];
        let picture = png(&mut values.iter().copied(), (size[0], size[1]), (low, high))?;
        let place = [px.start, py.start, px.len() as i32, py.len() as i32];
        // The scale: the greatest value at the top.
        let steps = 128;
        let ramp = (0..steps).map(|i| 1.0 - f64::from(i) / f64::from(steps - 1));
        let ramp = png(&mut ramp.into_iter(), (1, steps as usize), (0.0, 1.0))?;
        let beside = [px.end + 18, py.start, SCALE, py.len() as i32];
        image = embedded(&picture, place) + &embedded(&ramp, beside);
        let scale = Axis::new(low, high, 6);
        for tick in scale.ticks().iter().filter(|t| **t >= low && **t <= high) {
            let part = if high > low { (tick - low) / (high - low) } else { 0.0 };
            let y = py.end - (part * py.len() as f64).round() as i32;
            let x = px.end + 18 + SCALE;
            let line = PathElement::new(vec![(x, y), (x + 4, y)], INK);
            root.draw(&line).map_err(|e| text(&e))?;
            let left = plotters::style::text_anchor::Pos::new(
                plotters::style::text_anchor::HPos::Left,
                plotters::style::text_anchor::VPos::Center,
            );
            let label = Text::new(scale.label(*tick), (x + 8, y), style(12).pos(left));
            root.draw(&label).map_err(|e| text(&e))?;
        }
        look::note(&root, note)?;
        root.present().map_err(|e| text(&e))?;
    }
    Ok(finished(&out, &image))
}

impl Show for Image {
    fn show(&self) -> Bundle {
        match self.svg() {
            Ok((svg, text)) => svg::bundle(&svg, &text),
            Err(e) => {
                crate::deferred::note(&e, std::panic::Location::caller());
                Bundle::text(format!("cannot draw the plot: {e}"))
            }
        }
    }
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show::debug(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::array as da;

    #[test]
    fn matrices_of_any_size_are_drawn() {
        let x = da::fromfunction((1000, 30), |i: &[usize]| (i[0] + i[1]) as f64);
        let (drawn, text) = image(&x).title("sums").svg().unwrap();
        assert!(drawn.contains("sums") && drawn.matches("data:image/png").count() == 2, "{drawn}");
        assert_eq!(text, "image of 1000 x 30 elements, a pixel is the mean of 3 x 1");
        assert!(svg::to_png(&drawn).unwrap().starts_with(b"\x89PNG"));
        for odd in [da::ones((1, 1)), da::ones((3, 3)) * f64::NAN, da::zeros((0, 4))] {
            image(&odd).svg().unwrap();
        }
        assert_eq!(mean(&ndarray::arr1(&[1.0, f64::NAN, 2.0]).into_dyn()), 1.5);
    }

    #[test]
    fn what_is_no_matrix_is_told() {
        let e = image(&da::ones(3)).svg().unwrap_err().to_string();
        assert!(e.contains("[3]") && e.contains("matrix"), "{e}");
        let e = image(&da::ones((3, 4)).reshape((5, 5))).svg().unwrap_err().to_string();
        assert!(e.starts_with("reshape"), "{e}");
    }
}
