//! Errors for the front end: a name, a one-line value, and a traceback with the user's lines,
//! carets and colours.

use crate::eval::errors::hints::{self, Complaint};
use crate::eval::source::cell::Cell;
use evcxr::CompilationError;
use serde_json::Value;
use std::collections::BTreeMap;

const GREEN: &str = "\x1b[1;32m";
const YELLOW: &str = "\x1b[1;33m";
const RED: &str = "\x1b[1;31m";
const BLUE: &str = "\x1b[1;34m";
const BOLD: &str = "\x1b[1m";
const OFF: &str = "\x1b[0m";

/// The error of a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CellError {
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) traceback: Vec<String>,
}

impl CellError {
    /// Creates an error without a position.
    pub(crate) fn plain(name: &str, value: &str) -> Self {
        Self {
            name: name.to_owned(),
            value: value.to_owned(),
            traceback: lines(&format!("{RED}{name}{OFF}{BOLD}: {value}{OFF}")),
        }
    }

    /// Creates an error at a position of the user's text; line and column start at 1.
    pub(in crate::eval) fn at(
        name: &str,
        value: &str,
        cell: &Cell,
        place: Option<(usize, usize)>,
    ) -> Self {
        let mut error = Self::plain(name, value);
        if let Some((line, column)) = place {
            error.traceback.extend(excerpt(cell, &[Label::point(line, column)]));
        }
        let complaint = Complaint { message: value.to_owned(), ..Complaint::default() };
        if let Some(hint) = hints::find(&complaint, &BTreeMap::new()) {
            error.traceback.push(help(&hint));
            error.value += &format!("; help: {hint}");
        }
        error
    }

    /// Creates the error for a variable that cannot be kept for later cells, with hints on how to
    /// write it instead.
    pub(in crate::eval) fn not_kept(
        variable: &str,
        value: &str,
        hints: &[String],
        cell: &Cell,
    ) -> Self {
        let mut error = Self::plain("CannotBeKept", value);
        if let Some((line, start)) = cell.place_of(variable) {
            let label = Label {
                line,
                start,
                end: start + variable.chars().count(),
                text: String::new(),
                primary: true,
            };
            error.traceback.extend(excerpt(cell, &[label]));
        }
        for hint in hints {
            error.traceback.extend(lines(&help(&hint.replace('\n', "\n          "))));
        }
        error
    }

    /// Creates the error for the compiler's errors about evcxr's source, each with the hints of the
    /// table. `gone` are variables that no longer exist, and why.
    pub(in crate::eval) fn compiler(
        errors: &[CompilationError],
        cell: &Cell,
        source: &str,
        gone: &BTreeMap<String, String>,
    ) -> Self {
        let (mut traceback, mut hints) = (Vec::new(), Vec::new());
        for error in errors {
            traceback.extend(one(error, cell, source));
            let hint = hints::find(&complaint(error, cell), gone);
            if let Some(hint) = hint.filter(|h| !hints.contains(h)) {
                traceback.push(help(&hint));
                hints.push(hint);
            }
        }
        const SHOWN: usize = 3;
        let mut parts: Vec<_> = errors.iter().take(SHOWN).map(|e| summary(e, cell)).collect();
        if errors.len() > SHOWN {
            parts.push(format!("and {} more", errors.len() - SHOWN));
        }
        if parts.is_empty() {
            parts.push("the compiler failed without a message".to_owned());
        }
        parts.extend(hints.iter().map(|h| format!("help: {h}")));
        Self { name: "CompileError".to_owned(), value: parts.join("; "), traceback }
    }
}

/// Formats a line of help under an error.
fn help(text: &str) -> String {
    format!("  {BLUE}={OFF} {BOLD}help{OFF}: {text}")
}

/// Extracts the parts of an error for the table of hints.
fn complaint(error: &CompilationError, cell: &Cell) -> Complaint {
    let labels = labels(error, cell);
    let notes = error.json["children"].as_array().into_iter().flatten();
    let notes: Vec<&str> = notes.filter_map(|n| n["message"].as_str()).collect();
    let notes = notes.join("\n");
    let Some(place) = labels.iter().find(|l| l.primary) else {
        return Complaint { message: error.message(), notes, ..Complaint::default() };
    };
    let line = cell.text.lines().nth(place.line - 1).unwrap_or_default();
    let line: Vec<char> = line.chars().collect();
    let part = |from: usize, to: usize| -> String {
        let to = to.min(line.len());
        line[from.min(to)..to].iter().collect()
    };
    let of = |l: &Label| part(l.start - 1, l.end - 1);
    let (start, end) = (place.start - 1, place.end - 1);
    let sides = labels.iter().filter(|l| !l.primary && l.line == place.line);
    Complaint {
        message: error.message(),
        label: place.text.clone(),
        line: [part(0, start), part(start, end), part(end, usize::MAX)],
        sides: sides.map(of).collect(),
        notes,
        behind: cell.begins_behind(place.line),
    }
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

/// Formats an error in one line: code, message, line and label.
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

/// A span of one line and its label.
struct Label {
    line: usize,
    start: usize,
    end: usize,
    text: String,
    primary: bool,
}

impl Label {
    fn point(line: usize, column: usize) -> Self {
        Self { line, start: column, end: column + 1, text: String::new(), primary: true }
    }
}

fn labels(error: &CompilationError, cell: &Cell) -> Vec<Label> {
    let spanned = error.spanned_messages().iter();
    let found = spanned.filter_map(|m| {
        let span = m.span?;
        let (line, start) = cell.place(span.start_line, span.start_column)?;
        let (end_line, end) = cell.place(span.end_line, span.end_column)?;
        let end = if end_line == line { end.max(start + 1) } else { usize::MAX };
        // evcxr repeats the headline if rustc gave no label.
        let text = if m.label.starts_with("error: ") { String::new() } else { m.label.clone() };
        Some(Label { line, start, end, text, primary: m.is_primary })
    });
    let mut found: Vec<_> = found.collect();
    found.sort_by_key(|l| (l.line, !l.primary, l.start));
    found
}

fn one(error: &CompilationError, cell: &Cell, source: &str) -> Vec<String> {
    let kind = error.code().map_or_else(|| "error".to_owned(), |c| format!("error[{c}]"));
    let mut out = lines(&format!("{RED}{kind}{OFF}{BOLD}: {}{OFF}", error.message()));
    out.extend(excerpt(cell, &labels(error, cell)));
    let children = error.json["children"].as_array();
    if children.is_none_or(Vec::is_empty) {
        for help in error.help() {
            out.extend(lines(&format!(
                "  {BLUE}={OFF} {BOLD}help{OFF}: {}",
                help.replace('\n', "\n          ")
            )));
        }
    }
    out.extend(children.into_iter().flatten().flat_map(|child| advice(child, cell, source)));
    let mutable = error.message();
    if matches!(error.code(), Some("E0596" | "E0384"))
        && let Some(name) = mutable.split('`').nth(1)
    {
        out.push(help(&format!(
            "make the variable of an earlier cell mutable: `let mut {name} = {name};`"
        )));
    }
    if error.message().contains("`!: ") {
        out.push(help(
            "the type of the value is not known here: annotate it, as in `let x: i32 = ...`",
        ));
    }
    if let Some(hint) = error.evcxr_extra_hint() {
        out.push(format!(
            "  {BLUE}={OFF} {BOLD}note{OFF}: {}",
            hint.replace("Evcxr", "a notebook")
        ));
    }
    out
}

/// Formats a note or help of the compiler, with the corrected line if the compiler suggests one.
fn advice(child: &Value, cell: &Cell, source: &str) -> Vec<String> {
    let (Some(level), Some(message)) = (child["level"].as_str(), child["message"].as_str()) else {
        return Vec::new();
    };
    // evcxr's requirements for variables are internal; the hint about keeping the variable replaces
    // them.
    if message.contains("evcxr")
        || message.contains("in the macro `::core::format_args`")
        || !["help", "note"].contains(&level)
    {
        return Vec::new();
    }
    let mut out = lines(&format!(
        "  {BLUE}={OFF} {BOLD}{level}{OFF}: {}",
        message.replace('\n', "\n          ")
    ));
    let spans = child["spans"].as_array().into_iter().flatten();
    let mut edits = Vec::new();
    for span in spans {
        let number = |key: &str| span[key].as_u64().and_then(|n| u32::try_from(n).ok());
        let at = |line: &str, column: &str| cell.locate(source, number(line)?, number(column)?);
        if let (Some(new), Some(start), Some(end)) = (
            span["suggested_replacement"].as_str(),
            at("line_start", "column_start"),
            at("line_end", "column_end"),
        ) && start.0 == end.0
        {
            edits.push((start, end.1, new));
        }
    }
    edits.sort_unstable();
    let Some(((line, _), ..)) = edits.first().copied() else { return out };
    if edits.iter().any(|e| e.0.0 != line || e.2.contains('\n')) {
        return out;
    }
    let Some(text) = cell.text.lines().nth(line - 1) else { return out };
    let mut fixed: Vec<String> = text.chars().map(String::from).collect();
    for ((_, start), end, new) in edits.iter().rev() {
        let range = start - 1..(end - 1).min(fixed.len()).max(start - 1);
        if range.end <= fixed.len() {
            fixed.splice(range, [format!("{GREEN}{new}{OFF}")]);
        }
    }
    out.push(format!("{BLUE}{line} |{OFF} {}", fixed.concat()));
    out
}

/// Formats the compiler's warnings about the user's own text.
pub(in crate::eval) fn warnings(messages: &str, cell: &Cell, source: &str) -> String {
    let mut out = Vec::new();
    for warning in messages.lines().filter_map(|m| serde_json::from_str::<Value>(m).ok()) {
        // Code after a diverging last expression is generated by the kernel.
        if warning["code"]["code"] == "unreachable_code" {
            continue;
        }
        let mut labels: Vec<Label> = Vec::new();
        for span in warning["spans"].as_array().into_iter().flatten() {
            let number = |key: &str| span[key].as_u64().and_then(|n| u32::try_from(n).ok());
            let at = |line: &str, column: &str| cell.locate(source, number(line)?, number(column)?);
            let (Some((line, start)), Some((end_line, end))) =
                (at("line_start", "column_start"), at("line_end", "column_end"))
            else {
                continue;
            };
            let end = if end_line == line { end } else { usize::MAX };
            let text = span["label"].as_str().unwrap_or_default().to_owned();
            labels.push(Label { line, start, end, text, primary: span["is_primary"] == true });
        }
        // Insertions have no width in the user's text.
        if !labels.iter().any(|l| l.primary && l.end > l.start) {
            continue;
        }
        labels.sort_by_key(|l| (l.line, !l.primary, l.start));
        out.push(format!(
            "{YELLOW}warning{OFF}{BOLD}: {}{OFF}",
            warning["message"].as_str().unwrap_or_default()
        ));
        out.extend(excerpt(cell, &labels).into_iter().map(|l| l.replace(RED, YELLOW)));
        let helps =
            warning["children"].as_array().into_iter().flatten().filter(|c| c["level"] == "help");
        out.extend(helps.flat_map(|child| advice(child, cell, source)));
    }
    out.into_iter().map(|l| l + "\n").collect()
}

/// Formats the lines of the labels, underlined.
fn excerpt(cell: &Cell, labels: &[Label]) -> Vec<String> {
    let Some(widest) = labels.iter().map(|l| l.line.to_string().len()).max() else {
        return Vec::new();
    };
    let gutter = |number: &str| format!("{BLUE}{number:>widest$} |{OFF}");
    let mut out = Vec::new();
    let mut last = 0;
    for label in labels {
        let Some(line) = cell.text.lines().nth(label.line - 1) else { continue };
        if last == 0 {
            let place = match cell.number {
                0 => String::new(),
                n => format!("cell [{n}], "),
            };
            out.push(format!(
                "{BLUE}{:>widest$}-->{OFF} {place}line {}, column {}",
                "", label.line, label.start
            ));
        }
        if label.line != last {
            out.push(format!("{} {line}", gutter(&label.line.to_string())));
            last = label.line;
        }
        // Keep tabs, so that the mark is aligned with its text.
        let pad: String = line
            .chars()
            .take(label.start - 1)
            .map(|c| if c == '\t' { '\t' } else { ' ' })
            .collect();
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
        let text =
            CellError::at("Panic", "out of bounds", &cell, Some((2, 10))).traceback.join("\n");
        let plain: String =
            text.replace(RED, "").replace(BLUE, "").replace(BOLD, "").replace(OFF, "");
        assert_eq!(
            plain,
            "Panic: out of bounds\n --> line 2, column 10\n2 | \tlet é = b[7];\n  | \t        ^ "
        );
    }
}
