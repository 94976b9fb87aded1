//! The output of commands and magics: errors, tables, durations, the nearest name. Independent of
//! the session.

use super::errors::diagnostics::CellError;
use rask_wire::Bundle;
use rask_wire::helpers::escape_html as escape;
use std::time::Duration;

/// The result of a command or a magic.
pub(super) type Outcome = Result<(), CellError>;

/// Returns the most similar name, if one is similar enough.
pub(super) fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let bare = |n: &str| n.trim_start_matches(['%', ':']).to_lowercase();
    let wanted = bare(name);
    names
        .map(|n| (strsim::osa_distance(&wanted, &bare(n)), n))
        .min_by_key(|(d, _)| *d)
        .filter(|(d, n)| *d <= 1 + n.len() / 4)
        .map(|(_, n)| n)
}

/// Formats two columns, as text and as HTML.
pub(super) fn table(head: [&str; 2], rows: Vec<[String; 2]>) -> Bundle {
    let width = rows.iter().map(|r| r[0].chars().count()).max().unwrap_or(0);
    let text: Vec<_> = rows.iter().map(|[a, b]| format!("{a:width$}  {b}")).collect();
    let cell =
        |tag: &str, s: &str| format!("<{tag} style=\"text-align:left\">{}</{tag}>", escape(s));
    let row = |[a, b]: &[String; 2]| {
        format!(
            "<tr><td style=\"text-align:left\"><code>{}</code></td>{}</tr>",
            escape(a),
            cell("td", b)
        )
    };
    let body: String = rows.iter().map(row).collect();
    let html = format!(
        "<table><thead><tr>{}{}</tr></thead><tbody>{body}</tbody></table>",
        cell("th", head[0]),
        cell("th", head[1])
    );
    Bundle::text(text.join("\n")).with("text/html", html)
}

pub(super) fn bad(name: &str, message: &str) -> CellError {
    CellError::plain("BadArgument", &format!("{name}: {message}"))
}

/// Formats a duration, as in `12.3 ms`.
pub(super) fn span(time: Duration) -> String {
    let s = time.as_secs_f64();
    match s {
        s if s >= 60.0 => format!("{} min {:.0} s", (s / 60.0).floor(), s % 60.0),
        s if s >= 1.0 => format!("{s:.2} s"),
        s if s >= 1e-3 => format!("{:.1} ms", s * 1e3),
        s => format!("{:.1} µs", s * 1e6),
    }
}

/// Shortens the paths in a type, as in `Vec<DataFrame>`.
pub(super) fn short(type_name: &str) -> String {
    let mut out = String::new();
    for part in type_name.split_inclusive(|c: char| !c.is_alphanumeric() && c != '_' && c != ':') {
        let end = part.len()
            - part
                .chars()
                .last()
                .filter(|c| !c.is_alphanumeric() && *c != '_')
                .map_or(0, char::len_utf8);
        let (path, sign) = part.split_at(end);
        out += path.rsplit("::").next().unwrap_or(path);
        out += sign;
    }
    out
}
