//! SVG as text: the bundle of a picture, its conversion to PNG and PDF, and saving it. Fonts are
//! bundled with the library, so a picture is the same on every machine.

use crate::error::{Error, ErrorKind, Result};
use rask_wire::Bundle;
use resvg::{tiny_skia, usvg};
use std::path::Path;
use std::sync::{Arc, LazyLock};

/// The bundled font (DejaVu Sans, Bitstream Vera licence).
pub(crate) const FONT: &[u8] = include_bytes!("../../../assets/fonts/DejaVuSans.ttf");
/// The font family that pictures refer to it by.
pub(crate) const FAMILY: &str = "DejaVu Sans, Verdana, sans-serif";

/// The colours of pictures. Pictures have no background, and an image cannot know whether it is
/// shown on a light or a dark page. So lines and text on the page have middle tones that are
/// readable on both, and text in shapes is dark on a light fill.
pub(crate) mod colour {
    /// Text and axes.
    pub(crate) const INK: &str = "#757d88";
    /// Lines between shapes.
    pub(crate) const LINE: &str = "#8c959f";
    /// Text in shapes.
    pub(crate) const TEXT: &str = "#24292f";
    /// Functions.
    pub(crate) const TASK: (&str, &str) = ("#ffe3b3", "#d98e04");
    /// Data.
    pub(crate) const DATA: (&str, &str) = ("#d3e6fa", "#3b82c4");
}

/// Creates the bundle of a picture.
pub(crate) fn bundle(svg: &str, text: &str) -> Bundle {
    Bundle::text(text).with("image/svg+xml", svg)
}

/// Parses the picture with the bundled font.
fn tree(svg: &str, fail: impl Fn(String) -> ErrorKind) -> Result<usvg::Tree> {
    static OPTIONS: LazyLock<usvg::Options<'static>> = LazyLock::new(|| {
        let mut fonts = usvg::fontdb::Database::new();
        fonts.load_font_source(usvg::fontdb::Source::Binary(Arc::new(FONT)));
        usvg::Options {
            font_family: "DejaVu Sans".to_owned(),
            fontdb: Arc::new(fonts),
            ..Default::default()
        }
    });
    Ok(usvg::Tree::from_str(svg, &OPTIONS).map_err(|e| fail(e.to_string()))?)
}

/// Converts the picture to a page of PDF.
fn to_pdf(svg: &str) -> Result<Vec<u8>> {
    let fail = |message: String| ErrorKind::Picture { what: "the PDF".to_owned(), message };
    let page = svg2pdf::PageOptions::default();
    Ok(svg2pdf::to_pdf(&tree(svg, fail)?, svg2pdf::ConversionOptions::default(), page)
        .map_err(|e| fail(format!("{e:?}")))?)
}

/// Converts the picture to PNG, at twice its size in CSS pixels.
pub(crate) fn to_png(svg: &str) -> Result<Vec<u8>> {
    let fail = |message: String| ErrorKind::Picture { what: "the PNG".to_owned(), message };
    let tree = tree(svg, fail)?;
    let size = tree.size();
    let (w, h) = ((size.width() * 2.0).ceil() as u32, (size.height() * 2.0).ceil() as u32);
    let mut pixels = tiny_skia::Pixmap::new(w.max(1), h.max(1))
        .ok_or_else(|| fail(format!("{w} x {h} pixels do not fit in memory")))?;
    pixels.fill(tiny_skia::Color::WHITE);
    resvg::render(&tree, tiny_skia::Transform::from_scale(2.0, 2.0), &mut pixels.as_mut());
    Ok(pixels.encode_png().map_err(|e| fail(e.to_string()))?)
}

/// Writes the picture as `.svg`, `.png`, `.pdf`, or `.dot` if `dot` is given, depending on the file
/// name's extension.
pub(crate) fn save(path: &str, svg: &str, dot: Option<&str>) -> Result<()> {
    let ending =
        Path::new(path).extension().and_then(|e| e.to_str()).unwrap_or_default().to_lowercase();
    let content = match (ending.as_str(), dot) {
        ("svg", _) => svg.as_bytes().to_vec(),
        ("png", _) => to_png(svg)?,
        ("pdf", _) => to_pdf(svg)?,
        ("dot" | "gv", Some(dot)) => dot.as_bytes().to_vec(),
        _ => {
            let known =
                if dot.is_some() { ".svg, .png, .pdf or .dot" } else { ".svg, .png or .pdf" };
            let expected = format!("the extension {known}");
            return Err(Error::invalid("save", "file name", &path, expected));
        }
    };
    std::fs::write(path, content).map_err(|source| {
        ErrorKind::Io { method: "save".to_owned(), path: path.to_owned(), source }.into()
    })
}
