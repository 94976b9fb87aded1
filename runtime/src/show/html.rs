//! HTML as text: escaping, tables, bars. Colours are JupyterLab's theme variables, with plain
//! fallbacks, so that everything is readable on light and dark pages.

pub use rask_wire::helpers::escape_html as escape;
use std::fmt::Write;

/// The colour of secondary text.
pub const FAINT: &str = "var(--jp-ui-font-color2, #767676)";
/// The colour of thin lines.
pub const LINE: &str = "var(--jp-border-color2, #c8c8c8)";
/// The colour of finished tasks.
pub const DONE: &str = "#388e3c";
/// The colour of running tasks.
pub const BUSY: &str = "#e08e0b";
/// The colour of failed tasks.
pub const FAILED: &str = "#d32f2f";

/// A column of a displayed table.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type, shown under the name.
    pub dtype: String,
    /// Whether it is right-aligned.
    pub right: bool,
}

/// A row: its label and its cells; `None` is null.
pub type Row = (String, Vec<Option<String>>);

/// Renders a table with a type under each name; a row of `None` is the gap between the first and
/// the last rows.
#[must_use]
pub fn table(columns: &[Column], rows: &[Option<Row>], note: &str) -> String {
    let mut out = String::from(
        "<div style=\"overflow-x:auto\"><table class=\"rask-table\" style=\"border-collapse:collapse;margin:0;font-variant-numeric:tabular-nums\"><thead><tr>\
         <th></th>",
    );
    let align = |c: &Column| if c.right { "right" } else { "left" };
    for c in columns {
        let _ = write!(
            out,
            "<th style=\"text-align:{};vertical-align:bottom\">{}<br><span style=\"font-weight:normal;font-size:85%;color:{FAINT}\">{}</span></th>",
            align(c),
            escape(&c.name),
            escape(&c.dtype)
        );
    }
    out += "</tr></thead><tbody>";
    for row in rows {
        match row {
            Some((label, cells)) => {
                let _ = write!(
                    out,
                    "<tr><th style=\"color:{FAINT};font-weight:normal;text-align:right;white-space:nowrap\">{}</th>",
                    escape(label)
                );
                for (c, cell) in columns.iter().zip(cells) {
                    let _ = match cell {
                        Some(text) => write!(
                            out,
                            "<td style=\"text-align:{};{}\">{}</td>",
                            align(c),
                            wrapping(text),
                            escape(text)
                        ),
                        None => write!(
                            out,
                            "<td style=\"text-align:{};color:{FAINT};font-style:italic\">null</td>",
                            align(c)
                        ),
                    };
                }
                out += "</tr>";
            }
            None => {
                out += "<tr><th>\u{22ee}</th>";
                for c in columns {
                    let _ = write!(
                        out,
                        "<td style=\"text-align:{};color:{FAINT}\">\u{22ee}</td>",
                        align(c)
                    );
                }
                out += "</tr>";
            }
        }
    }
    let _ = write!(
        out,
        "</tbody></table></div><p style=\"color:{FAINT};margin:4px 0 0 0\">{}</p>",
        escape(note)
    );
    out
}

/// Returns the CSS of a cell's wrapping: short cells stay on one line, however many columns there
/// are; long ones are wrapped.
fn wrapping(text: &str) -> &'static str {
    if text.len() > 60 { "white-space:pre-wrap;min-width:24em" } else { "white-space:pre" }
}

/// Embeds an SVG picture as an image, for pages that strip inline SVG.
#[must_use]
pub fn svg_image(svg: &str) -> String {
    use base64::prelude::{BASE64_STANDARD, Engine as _};
    format!(
        "<img style=\"max-width:100%\" src=\"data:image/svg+xml;base64,{}\">",
        BASE64_STANDARD.encode(svg)
    )
}

/// Renders a horizontal bar filled to `part` (0 to 1).
#[must_use]
pub fn bar(part: f64, colour: &str, width_px: u32) -> String {
    format!(
        "<span style=\"display:inline-block;vertical-align:middle;width:{width_px}px;height:11px;background:var(--jp-layout-color3, #e3e3e3);\
         border-radius:2px;overflow:hidden\"><span style=\"display:block;width:{:.1}%;height:100%;background:{colour}\"></span></span>",
        part.clamp(0.0, 1.0) * 100.0
    )
}

pub use crate::units::show_bytes as bytes;

/// Formats an integer with thousands separators: `336,776`.
#[must_use]
pub fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, d) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(d);
    }
    out
}

/// Formats a count with its noun: `1 row`, `2 rows`.
#[must_use]
pub fn count(n: usize, what: &str) -> String {
    format!("{} {what}{}", thousands(n as u64), if n == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        let cases = [
            (0, "0", "0 B"),
            (999, "999", "999 B"),
            (1024, "1,024", "1.00 kiB"),
            (336_776, "336,776", "328.88 kiB"),
        ];
        for (n, grouped, size) in cases {
            assert_eq!((thousands(n), bytes(n)), (grouped.to_owned(), size.to_owned()));
        }
        assert_eq!(bytes(u64::MAX), "16384.00 PiB");
    }

    #[test]
    fn cells_are_escaped_and_nulls_visible() {
        let columns = [Column { name: "<a>".into(), dtype: "str".into(), right: false }];
        let html = table(
            &columns,
            &[Some(("0".into(), vec![Some("<p>&".into())])), None, Some(("1".into(), vec![None]))],
            "2 rows",
        );
        assert!(
            html.contains("&lt;a&gt;")
                && html.contains("&lt;p&gt;&amp;")
                && html.contains(">null<")
                && !html.contains("<p>&")
        );
    }
}
