//! Scatterplots. Up to 50,000 points are drawn one by one; above that the plane is divided into
//! small squares coloured by the number of points in each, so that ten million points are quick to
//! draw and none hides another.

use super::look::{self, INK, SIZE, embedded, finished, register_font};
use super::ticks::Axis;
use crate::error::{ErrorKind, Result};
use crate::frame::DataFrame;
use crate::frame::IntoFrame;
use crate::show::svg;
use crate::show::{self, Bundle, Show, html};
use plotters::prelude::*;
use std::fmt::{self, Write};

/// More points than this are drawn as a density image.
const POINTS: usize = 50_000;
/// The side of a density square, in CSS pixels.
const SQUARE: usize = 2;

/// Creates a scatterplot of two numeric columns. Rows where either value is null or not finite are
/// left out, and the plot says how many. Displayed as SVG.
///
/// ```
/// use rask::prelude::*;
/// let df = DataFrame::from_columns([("x", Series::from_iter([1.0, 2.0])), ("y", Series::from_iter([3.0, 5.0]))]);
/// let bundle = plot::scatter(&df, "x", "y").title("Two points").show();
/// assert!(bundle.data["image/svg+xml"].contains("Two points"));
/// ```
#[track_caller]
pub fn scatter(frame: impl IntoFrame, x: &str, y: &str) -> Scatter {
    of(&frame.into_frame(), x, y)
}

#[inline(never)]
#[track_caller]
fn of(frame: &DataFrame, x: &str, y: &str) -> Scatter {
    // Selecting the columns now reports an unknown name under this cell.
    let names = if x == y { vec![x] } else { vec![x, y] };
    Scatter { frame: frame.select(names), x: x.to_owned(), y: y.to_owned(), title: String::new() }
}

/// A scatterplot, created by [`scatter`].
#[derive(Clone)]
#[must_use = "a plot is drawn when it is shown or saved"]
pub struct Scatter {
    frame: DataFrame,
    x: String,
    y: String,
    title: String,
}

impl Scatter {
    /// Sets the title.
    pub fn title(mut self, title: &str) -> Self {
        title.clone_into(&mut self.title);
        self
    }

    /// Draws and saves the plot as `.svg`, `.png` or `.pdf`, depending on the file name's
    /// extension.
    ///
    /// # Errors
    /// If the frame cannot be computed, a column is not numeric, the extension is unknown or the
    /// file cannot be written.
    pub fn save(&self, path: &str) -> Result<()> {
        svg::save(path, &self.svg()?.0, None)
    }

    /// Computes the picture and its plain text.
    fn svg(&self) -> Result<(String, String)> {
        let table = self.frame.compute()?;
        let values = |name: &str| table.column(name)?.to_vec::<Option<f64>>();
        let points: Vec<(f64, f64)> = values(&self.x)?
            .into_iter()
            .zip(values(&self.y)?)
            .filter_map(|(x, y)| x.zip(y))
            .filter(|(x, y)| x.is_finite() && y.is_finite())
            .collect();
        let left_out = table.len() - points.len();
        let mut note = html::count(points.len(), "point");
        if points.len() > POINTS {
            note += ", coloured by density";
        }
        if left_out > 0 {
            let _ = write!(
                note,
                "; {} with null or non-finite values left out",
                html::count(left_out, "row")
            );
        }
        let drawn = draw(self, &points, &note).map_err(|message| ErrorKind::Picture {
            what: "the scatterplot".to_owned(),
            message,
        })?;
        Ok((drawn, format!("scatterplot of {} against {}: {note}", self.y, self.x)))
    }
}

/// The colour of points.
const POINT: RGBColor = RGBColor(0x3b, 0x82, 0xc4);

fn draw(plot: &Scatter, points: &[(f64, f64)], note: &str) -> std::result::Result<String, String> {
    register_font();
    let text = |e: &dyn fmt::Display| e.to_string();
    let mut out = String::new();
    let mut image = String::new();
    {
        let root = SVGBackend::with_string(&mut out, SIZE).into_drawing_area();
        let range = |f: fn(&(f64, f64)) -> f64| {
            points.iter().map(f).fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(v), h.max(v)))
        };
        let fit = |(low, high): (f64, f64), most| {
            if low > high { Axis::new(0.0, 1.0, most) } else { Axis::new(low, high, most) }
        };
        let (xs, ys) = (fit(range(|p| p.0), 9), fit(range(|p| p.1), 7));
        let style = |size: i32, colour: &RGBColor| ("sans-serif", size).into_font().color(colour);
        let mut builder = ChartBuilder::on(&root);
        builder
            .margin(14)
            .margin_bottom(26)
            .margin_right(22)
            .x_label_area_size(46)
            .y_label_area_size(64);
        if !plot.title.is_empty() {
            builder.caption(&plot.title, style(18, &INK));
        }
        let mut chart = builder.build_cartesian_2d(xs.clone(), ys.clone()).map_err(|e| text(&e))?;
        chart
            .configure_mesh()
            .x_labels(xs.ticks().len())
            .y_labels(ys.ticks().len())
            .x_label_formatter(&|v: &f64| xs.label(*v))
            .y_label_formatter(&|v: &f64| ys.label(*v))
            .x_desc(&plot.x)
            .y_desc(&plot.y)
            .axis_desc_style(style(14, &INK))
            .label_style(style(12, &INK))
            .axis_style(INK)
            .bold_line_style(INK.mix(0.25))
            .light_line_style(TRANSPARENT)
            .draw()
            .map_err(|e| text(&e))?;
        if points.len() > POINTS {
            let (px, py) = chart.plotting_area().get_pixel_range();
            let png = densities(points, [&xs, &ys], (px.len() / SQUARE, py.len() / SQUARE))?;
            let side = |n: usize| (n / SQUARE * SQUARE) as i32;
            image = embedded(&png, [px.start, py.start, side(px.len()), side(py.len())]);
        } else {
            let radius = if points.len() > 2000 { 1.4 } else { 2.6 };
            let colour = POINT.to_rgba();
            let series = points
                .iter()
                .map(|p| Circle::new(*p, (radius * 1.0f64).round() as i32, colour.filled()));
            chart.draw_series(series).map_err(|e| text(&e))?;
        }
        look::note(&root, note)?;
        root.present().map_err(|e| text(&e))?;
    }
    Ok(finished(&out, &image))
}

/// Returns the densities as a PNG: transparent where there are no points, then from blue to amber
/// by the logarithm of the count.
fn densities(
    points: &[(f64, f64)],
    [x, y]: [&Axis; 2],
    (w, h): (usize, usize),
) -> std::result::Result<Vec<u8>, String> {
    let (w, h) = (w.max(1), h.max(1));
    let mut counts = vec![0u32; w * h];
    for (px, py) in points {
        let i = (x.share(*px) * w as f64) as usize;
        let j = ((1.0 - y.share(*py)) * h as f64) as usize;
        counts[j.min(h - 1) * w + i.min(w - 1)] += 1;
    }
    let most = f64::from(counts.iter().copied().max().unwrap_or(1)).ln_1p();
    let mut pixels = resvg::tiny_skia::Pixmap::new(w as u32, h as u32)
        .ok_or("not enough memory for the density image")?;
    for (pixel, count) in pixels.pixels_mut().iter_mut().zip(&counts) {
        if *count > 0 {
            *pixel = shade(f64::from(*count).ln_1p() / most);
        }
    }
    pixels.encode_png().map_err(|e| e.to_string())
}

/// Returns a colour between blue (few) and amber (many), all readable on white and on black.
fn shade(part: f64) -> resvg::tiny_skia::PremultipliedColorU8 {
    const STOPS: [(f64, [f64; 3]); 4] = [
        (0.0, [120.0, 170.0, 220.0]),
        (0.35, [52.0, 110.0, 200.0]),
        (0.7, [150.0, 70.0, 160.0]),
        (1.0, [240.0, 140.0, 20.0]),
    ];
    let i = STOPS.iter().rposition(|s| s.0 <= part).unwrap_or(0).min(STOPS.len() - 2);
    let t = ((part - STOPS[i].0) / (STOPS[i + 1].0 - STOPS[i].0)).clamp(0.0, 1.0);
    let mix = |c: usize| (STOPS[i].1[c] + t * (STOPS[i + 1].1[c] - STOPS[i].1[c])).round() as u8;
    resvg::tiny_skia::ColorU8::from_rgba(mix(0), mix(1), mix(2), 255).premultiply()
}

impl Show for Scatter {
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

impl fmt::Debug for Scatter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show::debug(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Series;

    fn plot(n: usize) -> Scatter {
        let x = Series::from_iter((0..n).map(|i| (i > 0).then_some(i as f64)));
        scatter(
            &DataFrame::from_columns([
                ("x <1>", x),
                ("y", Series::from_iter((0..n).map(|i| (i as f64).sin()))),
            ]),
            "x <1>",
            "y",
        )
    }

    #[test]
    fn few_points_are_circles_and_many_a_density() {
        let (few, _) = plot(101).svg().unwrap();
        assert_eq!(few.matches("<circle").count(), 100);
        assert!(
            few.contains("x &lt;1&gt;")
                && few.contains("100 points; 1 row with null or non-finite values left out"),
            "{few}"
        );
        let (many, _) = plot(60_001).svg().unwrap();
        assert!(
            many.contains("data:image/png;base64,")
                && !many.contains("<circle")
                && many.contains("60,000 points, coloured by density")
        );
        for svg in [few, many] {
            assert!(svg::to_png(&svg).unwrap().starts_with(b"\x89PNG"));
        }
    }

    #[test]
    fn bad_plots_say_why() {
        let said = plot(3).frame.select("y");
        assert!(scatter(&said, "z", "y").svg().unwrap_err().to_string().contains("\"z\""));
        let text = DataFrame::from_columns([
            ("t", Series::from_iter(["a"])),
            ("y", Series::from_iter([1.0])),
        ]);
        assert!(scatter(&text, "t", "y").svg().unwrap_err().to_string().contains("\"t\" is str"));
        let none = DataFrame::from_columns([
            ("x", Series::from_iter([f64::NAN])),
            ("y", Series::from_iter([1.0])),
        ]);
        assert!(scatter(&none, "x", "y").svg().unwrap().0.contains("0 points"));
    }
}
