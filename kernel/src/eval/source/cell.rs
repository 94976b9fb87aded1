//! Rewrites the Rust of a cell for evcxr: wraps the last expression so that it compiles at once
//! whatever its type, adds interrupt checks to loops and type annotations to variables; and maps
//! positions back to the user's text.

use crate::eval::source::scope::Item;
use crate::eval::source::split::{Binding, Kind, Piece, ends_statement, items, loop_bodies, split};
use crate::eval::source::types::Inferred;
use ra_ap_syntax::{Edition, SourceFile, SyntaxKind};
use std::ops::Range;

/// Inserted around the last expression.
const BEFORE: &str = "rask::__result!(";
const AFTER: &str = ");";
/// Inserted before an assignment that defines its variable again.
const MAKE: &str = "let mut ";
/// Inserted into the bodies of loops, to check for an interrupt.
const LOOK: &str = "::rask::host::check_cancelled();";

/// An insertion.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Edit {
    at: usize,
    text: String,
    /// The variable whose type it annotates.
    types: Option<String>,
}

fn edit(at: usize, text: &str) -> Edit {
    Edit { at, text: text.to_owned(), types: None }
}

/// Creates the insertion that annotates the type of a variable.
fn type_edit(piece: &Piece, b: &Binding, name: &str) -> Edit {
    let (at, text) = match b.later {
        Some(at) => (at, format!(": {name}")),
        None => (
            piece.to,
            format!(" let {}{}: {name} = {};", if b.mutable { "mut " } else { "" }, b.name, b.name),
        ),
    };
    Edit { at, text, types: Some(b.name.clone()) }
}

/// Creates the interrupt checks of loops.
fn looks(rust: &str) -> Vec<Edit> {
    loop_bodies(rust).into_iter().map(|at| edit(at, LOOK)).collect()
}

/// A cell that has been rewritten for evcxr.
#[derive(Debug, Clone)]
pub(in crate::eval) struct Cell {
    /// The whole text of the user's cell.
    pub(in crate::eval) text: String,
    /// The range of the Rust code in it.
    range: Range<usize>,
    /// Generated code, whose lines mean nothing to the user.
    hidden: bool,
    /// The number of the cell, for messages; 0 if it has none.
    pub(in crate::eval) number: u32,
    /// The code for evcxr: the same lines, with insertions.
    pub(in crate::eval) code: String,
    pieces: Vec<Piece>,
    edits: Vec<Edit>,
    /// The byte range in `code` of each statement, as evcxr writes them into its source.
    statements: Vec<(usize, usize)>,
}

impl Cell {
    /// Creates a cell that consists of Rust only.
    #[cfg(test)]
    pub(in crate::eval) fn parse(text: &str) -> Self {
        Self::part(text, 0..text.len(), 0)
    }

    /// Creates a cell from the Rust code in `range` of a cell's text.
    pub(in crate::eval) fn part(text: &str, range: Range<usize>, number: u32) -> Self {
        let rust = &text[range.clone()];
        let pieces = split(rust);
        let mut edits = looks(rust);
        if let Some(Piece { kind: Kind::Expression(from, to), .. }) = pieces.last() {
            edits.extend([edit(*from, BEFORE), edit(*to, AFTER)]);
        }
        Self::with(text, range.clone(), number, pieces, edits)
    }

    /// Creates a cell from the Rust code in `range`, between `before` and `after`: one statement,
    /// whose variables are not kept.
    pub(in crate::eval) fn wrapped(
        text: &str,
        range: Range<usize>,
        number: u32,
        before: &str,
        after: &str,
    ) -> Self {
        let rust = &text[range.clone()];
        let mut edits = looks(rust);
        edits.insert(0, edit(0, before));
        edits.push(edit(rust.len(), after));
        Self::with(text, range.clone(), number, Vec::new(), edits)
    }

    /// Creates a cell from code that the kernel generates.
    pub(in crate::eval) fn hidden(code: &str) -> Self {
        Self { hidden: true, ..Self::part(code, 0..code.len(), 0) }
    }

    fn with(
        text: &str,
        range: Range<usize>,
        number: u32,
        pieces: Vec<Piece>,
        edits: Vec<Edit>,
    ) -> Self {
        let mut edits = edits;
        let mut lines = text[range.clone()].lines();
        let first = lines.find(|l| !l.trim().is_empty() && !l.starts_with("//"));
        if first.is_some_and(|l| l.trim_start().starts_with([':', '!'])) {
            // evcxr would mistake it for one of its commands, or run it in the shell.
            edits.insert(0, edit(0, "();"));
        }
        let mut cell = Self {
            text: text.to_owned(),
            range,
            hidden: false,
            number,
            code: String::new(),
            pieces,
            edits,
            statements: Vec::new(),
        };
        cell.render();
        cell
    }

    /// Returns the Rust code as the user wrote it.
    pub(in crate::eval) fn rust(&self) -> &str {
        &self.text[self.range.clone()]
    }

    fn render(&mut self) {
        // Insertions at the same offset keep their order.
        self.edits.sort_by_key(|e| e.at);
        self.code = self.rust().to_owned();
        for edit in self.edits.iter().rev() {
            self.code.insert_str(edit.at, &edit.text);
        }
        // evcxr omits comments at the head.
        let head: usize = self
            .code
            .split_inclusive('\n')
            .take_while(|l| l.trim().is_empty() || l.starts_with("//"))
            .map(str::len)
            .sum();
        self.statements = split(&self.code)
            .iter()
            .map(|p| (p.start.max(head), p.end))
            .filter(|(from, to)| from < to)
            .collect();
    }

    /// Sets the format of the last expression's value, such as `{:#?}`, and whether to show its
    /// type.
    pub(in crate::eval) fn show_as(&mut self, format: Option<&str>, types: bool) {
        if format.is_none() && !types {
            return;
        }
        if let Some(before) = self.edits.iter_mut().find(|e| e.text == BEFORE) {
            before.text = format!("{BEFORE}as {:?}, {types}; ", format.unwrap_or("{:?}"));
            self.render();
        }
    }

    /// Turns assignments to variables that are `gone` into definitions: `s = f();` becomes
    /// `let mut s = f();`.
    pub(in crate::eval) fn revive(&mut self, gone: impl Fn(&str) -> bool) {
        let mut made: Vec<String> = Vec::new();
        for piece in &mut self.pieces {
            if let Kind::Let(bindings) = &piece.kind {
                made.extend(bindings.iter().map(|b| b.name.clone()));
            }
            let new = |b: &mut Binding| gone(&b.name) && !made.contains(&b.name);
            let Some(binding) = piece.assigns.take_if(new) else { continue };
            if matches!(piece.kind, Kind::Expression(..)) {
                // A `let` has no value to show.
                self.edits.retain(|e| e.text != BEFORE && e.text != AFTER);
                self.edits.push(edit(piece.to, ";"));
            }
            self.edits.push(edit(piece.from, MAKE));
            made.push(binding.name.clone());
            piece.kind = Kind::Let(vec![binding]);
        }
        self.render();
    }

    /// Returns whether a statement begins at a line of the cell, after other statements.
    pub(in crate::eval) fn begins_behind(&self, line: usize) -> bool {
        let start: usize = self.text.split_inclusive('\n').take(line - 1).map(str::len).sum();
        let before = self.text.get(self.range.start..start).unwrap_or_default();
        !before.trim().is_empty() && ends_statement(before)
    }

    /// Returns whether the cell defines variables without a type annotation.
    pub(in crate::eval) fn wants_types(&self) -> bool {
        self.bindings().any(|b| !b.typed)
    }

    /// Returns the items and the statements of the cell separately.
    pub(in crate::eval) fn apart(&self) -> (String, String) {
        let (mut items, mut statements) = (String::new(), String::new());
        for p in &self.pieces {
            let to = if matches!(p.kind, Kind::Item(_)) { &mut items } else { &mut statements };
            let made = self.edits.iter().any(|e| e.at == p.from && e.text == MAKE);
            *to += &self.rust()[p.start..p.from];
            *to += if made { MAKE } else { "" };
            *to += &self.rust()[p.from..p.end];
            *to += if made { ";\n" } else { "\n" };
        }
        (items, statements)
    }

    /// Returns the cell's items.
    pub(in crate::eval) fn items(&self) -> Vec<Item> {
        items(self.rust(), &self.pieces)
    }

    /// Returns the names bound by the cell's `let` statements.
    pub(in crate::eval) fn bound(&self) -> impl Iterator<Item = &str> {
        self.bindings().map(|b| b.name.as_str())
    }

    fn bindings(&self) -> impl Iterator<Item = &Binding> {
        let lets = self
            .pieces
            .iter()
            .filter_map(|p| if let Kind::Let(b) = &p.kind { Some(b) } else { None });
        lets.flatten()
    }

    /// Returns the variables without an annotated type.
    pub(in crate::eval) fn without_types(&self) -> impl Iterator<Item = String> {
        let annotated = |name: &str| self.edits.iter().any(|e| e.types.as_deref() == Some(name));
        self.bindings().filter(move |b| !b.typed && !annotated(&b.name)).map(|b| b.name.clone())
    }

    /// Annotates the types of variables, each after the statement that defines it, so that evcxr
    /// need not infer them.
    pub(in crate::eval) fn write_types(&mut self, types: &[Inferred]) {
        let mut types = types.iter();
        let mut edits = Vec::new();
        for piece in &self.pieces {
            let Kind::Let(bindings) = &piece.kind else { continue };
            for b in bindings {
                if let Some(Inferred::Type(name)) = types.next()
                    && !b.typed
                {
                    edits.push(type_edit(piece, b, name));
                }
            }
        }
        self.edits.extend(edits);
        self.render();
    }

    /// Makes the compiler report the type of a variable, in an error.
    pub(in crate::eval) fn ask_type(&mut self, variable: &str) {
        self.forget_type(variable);
        let bound =
            |p: &&Piece| matches!(&p.kind, Kind::Let(b) if b.iter().any(|b| b.name == variable));
        if let Some(piece) = self.pieces.iter().rfind(bound) {
            let text = format!(" ::rask::host::ask_type(&{variable});");
            self.edits.push(Edit { at: piece.to, text, types: Some(variable.to_owned()) });
            self.render();
        }
    }

    /// Replaces the annotated type of a variable.
    pub(in crate::eval) fn write_type(&mut self, variable: &str, name: &str) {
        self.forget_type(variable);
        let bound =
            |p: &&Piece| matches!(&p.kind, Kind::Let(b) if b.iter().any(|b| b.name == variable));
        if let (Some(piece), Some(binding)) =
            (self.pieces.iter().rfind(bound), self.binding(variable))
        {
            let edit = type_edit(piece, binding, name);
            self.edits.push(edit);
            self.render();
        }
    }

    /// Returns the variable whose annotated type is at a line and column of `code`.
    pub(in crate::eval) fn types_at(&self, line: usize, column: usize) -> Option<&str> {
        let offset = offset_of(&self.code, line, column)?;
        let mut shift = 0;
        self.edits.iter().find_map(|e| {
            let start = e.at + shift;
            shift += e.text.len();
            (start..start + e.text.len()).contains(&offset).then_some(e.types.as_deref()).flatten()
        })
    }

    /// Returns the binding of a variable.
    fn binding(&self, variable: &str) -> Option<&Binding> {
        let lets = self
            .pieces
            .iter()
            .filter_map(|p| if let Kind::Let(b) = &p.kind { Some(b) } else { None });
        lets.flatten().rfind(|b| b.name == variable)
    }

    /// Returns the initial value of a variable, as the user wrote it.
    pub(in crate::eval) fn value_of(&self, variable: &str) -> Option<&str> {
        let (from, to) = self.binding(variable)?.value?;
        self.rust().get(from..to)
    }

    /// Returns the line and column of a variable's name in the user's text.
    pub(in crate::eval) fn place_of(&self, variable: &str) -> Option<(usize, usize)> {
        let at = self.binding(variable)?.at;
        Some(line_and_column(self.text.get(..self.range.start + at)?))
    }

    /// Removes the annotated type of a variable.
    pub(in crate::eval) fn forget_type(&mut self, variable: &str) {
        self.edits.retain(|e| e.types.as_deref() != Some(variable));
        self.render();
    }

    /// Returns whether the cell is worth optimising: it has loops, closures or functions, or uses
    /// one of `names`.
    pub(in crate::eval) fn is_heavy(&self, names: &[String]) -> bool {
        let file = SourceFile::parse(&format!("fn f(){{{}\n}}", self.rust()), Edition::Edition2024);
        file.syntax_node().descendants_with_tokens().skip(3).any(|e| match e.kind() {
            SyntaxKind::CLOSURE_EXPR
            | SyntaxKind::FOR_EXPR
            | SyntaxKind::WHILE_EXPR
            | SyntaxKind::LOOP_EXPR
            | SyntaxKind::IMPL => true,
            SyntaxKind::FN => e.as_node().is_some_and(|n| n.ancestors().count() > 2),
            SyntaxKind::NAME_REF => {
                e.as_node().is_some_and(|n| names.iter().any(|x| n.text() == x.as_str()))
            }
            _ => false,
        })
    }

    /// Maps a position in evcxr's source to the user's text; line and column count characters from
    /// 1.
    pub(in crate::eval) fn locate(
        &self,
        source: &str,
        line: u32,
        column: u32,
    ) -> Option<(usize, usize)> {
        let offset = offset_of(source, line as usize, column as usize)?;
        self.statements.iter().find_map(|(start, end)| {
            let text = &self.code[*start..*end];
            let found = source.match_indices(text.trim_end()).map(|(at, _)| at);
            let at = found
                .filter(|at| *at == 0 || source.as_bytes()[at - 1] == b'\n')
                .find(|at| (*at..=at + text.len()).contains(&offset))?;
            self.original_place(start + offset - at)
        })
    }

    /// Maps a line and column in `code` to the user's text.
    pub(in crate::eval) fn place(&self, line: usize, column: usize) -> Option<(usize, usize)> {
        self.original_place(offset_of(&self.code, line, column)?)
    }

    fn original_place(&self, offset: usize) -> Option<(usize, usize)> {
        if self.hidden {
            return None;
        }
        let mut shift = 0;
        for edit in &self.edits {
            let start = edit.at + shift;
            if offset < start {
                break;
            }
            // A position inside an insertion maps to the offset of the insertion.
            shift += edit.text.len().min(offset - start);
        }
        let before = self.text.get(..self.range.start + offset - shift)?;
        Some(line_and_column(before))
    }
}

/// Returns the line and column after a text.
fn line_and_column(before: &str) -> (usize, usize) {
    let line_start = before.rfind('\n').map_or(0, |i| i + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

fn offset_of(text: &str, line: usize, column: usize) -> Option<usize> {
    let start =
        if line == 1 { 0 } else { text.match_indices('\n').nth(line.checked_sub(2)?)?.0 + 1 };
    let rest = text[start..].split('\n').next()?;
    Some(start + rest.char_indices().nth(column.checked_sub(1)?).map_or(rest.len(), |(i, _)| i))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_expression_is_wrapped_and_nothing_else() {
        let cases = [
            ("1 + 1", "rask::__result!(1 + 1);"),
            ("let x = 1;\nx // see", "let x = 1;\nrask::__result!(x); // see"),
            ("let x = 1;", "let x = 1;"),
            ("fn f() {}", "fn f() {}"),
            ("for i in 0..3 { s += i }", "rask::__result!(for i in 0..3 { s += i });"),
            ("loop { f() }", "rask::__result!(loop {::rask::host::check_cancelled(); f() });"),
            ("f(\n  2)", "rask::__result!(f(\n  2));"),
            ("x;", "x;"),
            ("let y = ", "let y = "),
            ("", ""),
            ("\"é\" ", "rask::__result!(\"é\"); "),
        ];
        for (text, want) in cases {
            assert_eq!(Cell::parse(text).code, want);
        }
    }

    #[test]
    fn types_are_written_behind_the_statement() {
        let mut cell = Cell::parse("let (mut a, b) = f(); let c: u8 = 1;\nlet d;\nd = a + b;");
        let types = ["i32", "String", "u8", "f64"].map(|t| Inferred::Type(t.to_owned()));
        cell.write_types(&types);
        assert_eq!(
            cell.code,
            "let (mut a, b) = f(); let mut a: i32 = a; let b: String = b; let c: u8 = 1;\nlet d: f64;\nd = a + b;"
        );
        assert_eq!(
            (cell.types_at(1, 30), cell.types_at(1, 50), cell.types_at(1, 5)),
            (Some("a"), Some("b"), None)
        );
        assert_eq!(
            (cell.place(1, 30), cell.place(1, 66), cell.place(2, 5)),
            (Some((1, 22)), Some((1, 27)), Some((2, 5)))
        );
        cell.forget_type("a");
        assert_eq!(
            cell.code.lines().next(),
            Some("let (mut a, b) = f(); let b: String = b; let c: u8 = 1;")
        );
    }

    #[test]
    fn assignments_make_variables_that_are_gone() {
        let mut cell = Cell::parse("s = f(1); s = g();\nt = 2; s = h()");
        cell.revive(|name| name == "s");
        assert_eq!(cell.code, "let mut s = f(1); s = g();\nt = 2; rask::__result!(s = h());");
        cell.write_types(&[Inferred::Type("u8".to_owned())]);
        assert!(cell.code.starts_with("let mut s = f(1); let mut s: u8 = s; "), "{}", cell.code);
        let mut cell = Cell::parse("s = f()");
        cell.revive(|_| true);
        assert_eq!((cell.code.as_str(), cell.wants_types()), ("let mut s = f();", true));
        assert_eq!(cell.apart().1, "let mut s = f();\n");
        assert_eq!(cell.place(1, 13), Some((1, 5)));
    }

    #[test]
    fn places_go_back_to_what_the_user_wrote() {
        let cell = Cell::parse("let é = 1; let b = 2;\nf(b,\n  c)");
        let source = format!(
            "#![allow(x)]\nfn run() {{\n{}\n{}\n{}\nOk(())}}",
            "let é = 1; ", "let b = 2;", "rask::__result!(f(b,\n  c));"
        );
        let at = |line, column| cell.locate(&source, line, column);
        assert_eq!(at(3, 5), Some((1, 5)));
        assert_eq!(at(4, 5), Some((1, 16)));
        assert_eq!(at(5, 17), Some((2, 1)), "the wrapping is not the user's");
        assert_eq!(at(6, 3), Some((3, 3)));
        assert_eq!(at(1, 1), None);
        assert_eq!(cell.place(2, 19), Some((2, 3)));
        assert_eq!(cell.place(3, 5), Some((3, 5)));
    }

    #[test]
    fn a_part_of_a_cell_keeps_its_place() {
        let text = "%time f(\"é\", 1)";
        let cell = Cell::wrapped(text, 6..text.len(), 3, "{", "}");
        assert_eq!(
            (cell.code.as_str(), cell.place(1, 2), cell.place(1, 9)),
            ("{f(\"é\", 1)}", Some((1, 7)), Some((1, 14)))
        );
        let cell = Cell::part(text, 6..text.len(), 3);
        assert_eq!(cell.code, "rask::__result!(f(\"é\", 1));");
        assert_eq!(Cell::parse("let a = 1;\nlet b = 2;").place_of("b"), Some((2, 5)));
    }

    #[test]
    fn cells_with_inner_loops_are_heavy() {
        let names = ["area".to_owned()];
        let heavy = |t: &str| Cell::parse(t).is_heavy(&names);
        assert!(
            heavy("v.iter().map(|x| x + 1)")
                && heavy("fn g() {}")
                && heavy("area(2)")
                && heavy("for i in 0..2 {}")
        );
        assert!(!heavy("1 + 1") && !heavy("let x = df.head(5)?;"));
    }
}
