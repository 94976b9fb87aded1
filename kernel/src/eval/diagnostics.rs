//! Errors as a front end shows them: a name, one line, and a traceback with the user's own lines, carets and colours.

use super::cell::Cell;
use evcxr::CompilationError;

const RED: &str = "\x1b[1;31m";
const BLUE: &str = "\x1b[1;34m";
const BOLD: &str = "\x1b[1m";
const OFF: &str = "\x1b[0m";

/// How a cell failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CellError {
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) traceback: Vec<String>,
}

impl CellError {
    /// An error without a place.
    pub(crate) fn plain(name: &str, value: &str) -> Self {
        Self { name: name.to_owned(), value: value.to_owned(), traceback: lines(&format!("{RED}{name}{OFF}{BOLD}: {value}{OFF}")) }
    }

    /// An error at a place of the user's text, line and column from 1.
    pub(super) fn at(name: &str, value: &str, cell: &Cell, place: Option<(usize, usize)>) -> Self {
        let mut error = Self::plain(name, value);
        if let Some((line, column)) = place {
            let label = Label { line, start: column, end: column + 1, text: String::new(), primary: true };
            error.traceback.extend(excerpt(&cell.original, &[label]));
        }
        error
    }

    /// The compiler's errors.
    pub(super) fn compiler(errors: &[CompilationError], cell: &Cell) -> Self {
        let mut traceback = Vec::new();
        for error in errors {
            traceback.extend(one(error, cell));
        }
        const SHOWN: usize = 3;
        let mut parts: Vec<_> = errors.iter().take(SHOWN).map(|e| summary(e, cell)).collect();
        if errors.len() > SHOWN {
            parts.push(format!("and {} more", errors.len() - SHOWN));
        }
        let value = if parts.is_empty() { "the compiler failed without a message".to_owned() } else { parts.join("; ") };
        Self { name: "CompileError".to_owned(), value, traceback }
    }
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

/// One line for one error: code, message, the line and what is said of it.
fn summary(error: &CompilationError, cell: &Cell) -> String {
    let place = labels(error, cell).into_iter().find(|l| l.primary).map(|l| {
        let text = if l.text.is_empty() { String::new() } else { format!(": {}", l.text) };
        format!(" (line {}{text})", l.line)
    });
    format!("{}{}", headline(error), place.unwrap_or_default())
}

fn headline(error: &CompilationError) -> String {
    let message = error.message();
    match error.code() {
        Some(code) => format!("{code}: {message}"),
        None => message,
    }
}

/// A piece of one line and what is said of it.
struct Label {
    line: usize,
    start: usize,
    end: usize,
    text: String,
    primary: bool,
}

fn labels(error: &CompilationError, cell: &Cell) -> Vec<Label> {
    let spanned = error.spanned_messages().iter();
    let found = spanned.filter_map(|m| {
        let span = m.span?;
        let (line, start) = cell.place(span.start_line, span.start_column)?;
        let (end_line, end) = cell.place(span.end_line, span.end_column)?;
        let end = if end_line == line { end.max(start + 1) } else { usize::MAX };
        // Only error-level texts are labels; evcxr repeats the headline where rustc gave none.
        let text = if m.label.starts_with("error: ") { String::new() } else { m.label.clone() };
        Some(Label { line, start, end, text, primary: m.is_primary })
    });
    let mut found: Vec<_> = found.collect();
    found.sort_by_key(|l| (l.line, !l.primary, l.start));
    found
}

fn one(error: &CompilationError, cell: &Cell) -> Vec<String> {
    let kind = error.code().map_or_else(|| "error".to_owned(), |c| format!("error[{c}]"));
    let mut out = lines(&format!("{RED}{kind}{OFF}{BOLD}: {}{OFF}", error.message()));
    out.extend(excerpt(&cell.original, &labels(error, cell)));
    for help in error.help() {
        out.extend(lines(&format!("  {BLUE}={OFF} {BOLD}help{OFF}: {}", help.replace('\n', "\n          "))));
    }
    if let Some(hint) = error.evcxr_extra_hint() {
        out.push(format!("  {BLUE}={OFF} {BOLD}note{OFF}: {}", hint.replace("Evcxr", "a notebook")));
    }
    out
}

/// The lines of the labels, underlined.
fn excerpt(text: &str, labels: &[Label]) -> Vec<String> {
    let Some(widest) = labels.iter().map(|l| l.line.to_string().len()).max() else { return Vec::new() };
    let gutter = |number: &str| format!("{BLUE}{number:>widest$} |{OFF}");
    let mut out = Vec::new();
    let mut last = 0;
    for label in labels {
        let Some(line) = text.lines().nth(label.line - 1) else { continue };
        if last == 0 {
            out.push(format!("{BLUE}{:>widest$}-->{OFF} line {}, column {}", "", label.line, label.start));
        }
        if label.line != last {
            out.push(format!("{} {line}", gutter(&label.line.to_string())));
            last = label.line;
        }
        // Tabs stay tabs, so that the mark stands under its text.
        let pad: String = line.chars().take(label.start - 1).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        let width = label.end.min(line.chars().count() + 1).saturating_sub(label.start).max(1);
        let (colour, mark) = if label.primary { (RED, "^") } else { (BLUE, "-") };
        out.push(format!("{} {pad}{colour}{} {}{OFF}", gutter(""), mark.repeat(width), label.text));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_shows_its_line_and_a_caret() {
        let cell = Cell::parse("let a = 1;\n\tlet é = b[7];");
        let text = CellError::at("Panic", "out of bounds", &cell, Some((2, 10))).traceback.join("\n");
        let plain: String = text.replace(RED, "").replace(BLUE, "").replace(BOLD, "").replace(OFF, "");
        assert_eq!(plain, "Panic: out of bounds\n --> line 2, column 10\n2 | \tlet é = b[7];\n  | \t        ^ ");
    }
}
