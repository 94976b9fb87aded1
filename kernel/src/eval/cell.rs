//! A cell's text: taken apart into statements as evcxr does, its last expression wrapped so that it compiles in one build
//! whatever its type, and places mapped back to what the user wrote.

use ra_ap_syntax::{AstNode, Edition, SourceFile, SyntaxKind, ast};

/// Put around the last expression.
const BEFORE: &str = "rask::__result!(";
const AFTER: &str = ");";

/// A cell ready for evcxr.
#[derive(Debug)]
pub(super) struct Cell {
    /// What the user wrote.
    pub(super) original: String,
    /// What evcxr gets: the same lines, with the last expression wrapped.
    pub(super) code: String,
    /// Byte range in `code` of each statement, as evcxr writes them into its source.
    statements: Vec<(usize, usize)>,
    /// Where in `code` the wrapping begins, and where the expression ends.
    wrapped: Option<(usize, usize)>,
}

impl Cell {
    pub(super) fn parse(original: &str) -> Self {
        let start = rust_start(original);
        let rust = &original[start..];
        let pieces = split(rust);
        let mut code = original.to_owned();
        let mut statements: Vec<_> = pieces.iter().map(|p| (start + p.start, start + p.end)).collect();
        let mut wrapped = None;
        if let Some(last) = pieces.last()
            && let Some((from, to)) = last.expression
        {
            code.insert_str(start + to, AFTER);
            code.insert_str(start + from, BEFORE);
            wrapped = Some((start + from, start + to + BEFORE.len()));
            // There is a last piece, so there is a last statement.
            let end = statements.last_mut().expect("as many statements as pieces");
            end.1 += BEFORE.len() + AFTER.len();
        }
        Self { original: original.to_owned(), code, statements, wrapped }
    }

    /// Whether the cell has statements that make variables, or commands, which may change what there is to know.
    pub(super) fn defines_variables(&self) -> bool {
        let makes = |(start, end): &(usize, usize)| {
            let text = self.code[*start..*end].trim_start();
            text.starts_with("let") || text.starts_with("//") || text.starts_with('#')
        };
        rust_start(&self.original) > 0 || self.statements.iter().any(makes)
    }

    /// Whether the cell is worth optimising: it has loops, closures or functions of its own, or uses one of `names`.
    pub(super) fn is_heavy(&self, names: &[String]) -> bool {
        let file = SourceFile::parse(&format!("fn f(){{{}\n}}", &self.original[rust_start(&self.original)..]), Edition::Edition2024);
        file.syntax_node().descendants_with_tokens().skip(3).any(|e| match e.kind() {
            SyntaxKind::CLOSURE_EXPR | SyntaxKind::FOR_EXPR | SyntaxKind::WHILE_EXPR | SyntaxKind::LOOP_EXPR | SyntaxKind::IMPL => true,
            SyntaxKind::FN => e.as_node().is_some_and(|n| n.ancestors().count() > 2),
            SyntaxKind::NAME_REF => e.as_node().is_some_and(|n| names.iter().any(|x| n.text() == x.as_str())),
            _ => false,
        })
    }

    /// The place in the user's text, line and column in characters from 1, of a place in evcxr's source.
    pub(super) fn locate(&self, source: &str, line: u32, column: u32) -> Option<(usize, usize)> {
        let offset = offset_of(source, line as usize, column as usize)?;
        self.statements.iter().find_map(|(start, end)| {
            let text = &self.code[*start..*end];
            let found = source.match_indices(text.trim_end()).map(|(at, _)| at);
            let at =
                found.filter(|at| *at == 0 || source.as_bytes()[at - 1] == b'\n').find(|at| (*at..=at + text.len()).contains(&offset))?;
            self.original_place(start + offset - at)
        })
    }

    /// Line and column in the user's text of a line and column in `code`.
    pub(super) fn place(&self, line: usize, column: usize) -> Option<(usize, usize)> {
        self.original_place(offset_of(&self.code, line, column)?)
    }

    fn original_place(&self, offset: usize) -> Option<(usize, usize)> {
        let offset = match self.wrapped {
            Some((start, _)) if offset <= start => offset,
            Some((start, end)) => offset.min(end).saturating_sub(BEFORE.len()).max(start),
            None => offset,
        };
        let before = self.original.get(..offset)?;
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        Some((before.matches('\n').count() + 1, before[line_start..].chars().count() + 1))
    }
}

fn offset_of(text: &str, line: usize, column: usize) -> Option<usize> {
    let start = if line == 1 { 0 } else { text.match_indices('\n').nth(line - 2)?.0 + 1 };
    let rest = text[start..].split('\n').next()?;
    Some(start + rest.char_indices().nth(column - 1).map_or(rest.len(), |(i, _)| i))
}

/// Where the Rust code begins: after commands (`:dep`), shell lines (`!ls`), blank lines and comments.
fn rust_start(text: &str) -> usize {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim_start_matches(' ');
        if line.starts_with('!') || trimmed.starts_with(':') || line.starts_with("//") || line.trim().is_empty() {
            start += line.len();
        } else {
            break;
        }
    }
    start
}

/// One statement: the bytes that evcxr gives to it, and the expression in it where it is one.
struct Piece {
    start: usize,
    end: usize,
    expression: Option<(usize, usize)>,
}

fn split(rust: &str) -> Vec<Piece> {
    const HEAD: &str = "fn f(){";
    let file = SourceFile::parse(&format!("{HEAD}{rust}\n}}"), Edition::Edition2024);
    let list = file.syntax_node().children().next().and_then(ast::Fn::cast).and_then(|f| f.body()).and_then(|b| b.stmt_list());
    let mut pieces: Vec<Piece> = Vec::new();
    let children: Vec<_> = list.iter().flat_map(|l| l.syntax().children()).collect();
    for (i, child) in children.iter().enumerate() {
        let start = pieces.last().map_or(0, |p| p.end);
        let end = children.get(i + 1).map_or(rust.len(), |n| usize::from(n.text_range().start()) - HEAD.len()).min(rust.len());
        if start == end {
            break;
        }
        let range = child.text_range();
        let (from, to) = (usize::from(range.start()) - HEAD.len(), usize::from(range.end()) - HEAD.len());
        let is_expression = ast::Expr::can_cast(child.kind()) && to <= rust.len();
        pieces.push(Piece { start, end, expression: is_expression.then_some((from, to)) });
    }
    // Whatever the parser left over belongs to evcxr's last statement, which then does not compile as it stands.
    if file.errors().iter().any(|e| usize::from(e.range().start()) >= HEAD.len()) {
        pieces.iter_mut().for_each(|p| p.expression = None);
    }
    pieces
}

/// Whether a text can be run as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Completeness {
    Complete,
    /// More is to come, indented so.
    Incomplete(String),
    Invalid,
}

/// Whether the text can be run, needs more lines, or cannot become right by adding any.
pub(crate) fn completeness(text: &str) -> Completeness {
    let rust = &text[rust_start(text)..];
    let file = SourceFile::parse(rust, Edition::Edition2024);
    let mut open = Vec::new();
    for token in file.syntax_node().descendants_with_tokens().filter_map(|e| e.into_token()) {
        let closes = match token.kind() {
            SyntaxKind::L_PAREN | SyntaxKind::L_CURLY | SyntaxKind::L_BRACK => {
                open.push(token.kind());
                continue;
            }
            SyntaxKind::R_PAREN => SyntaxKind::L_PAREN,
            SyntaxKind::R_CURLY => SyntaxKind::L_CURLY,
            SyntaxKind::R_BRACK => SyntaxKind::L_BRACK,
            _ => continue,
        };
        if open.pop() != Some(closes) {
            return Completeness::Invalid;
        }
    }
    let unterminated = file.errors().iter().any(|e| {
        let text = e.to_string();
        text.contains("terminate") && usize::from(e.range().end()) >= rust.trim_end().len().saturating_sub(1)
    });
    let dangling = ["=", "+", "-", "*", "/", "&&", "||", ",", ".", "->", "=>"].iter().any(|op| rust.trim_end().ends_with(op));
    if open.is_empty() && !unterminated && !dangling {
        return Completeness::Complete;
    }
    Completeness::Incomplete("    ".repeat(open.len()))
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
            ("for i in 0..3 { f(i) }", "rask::__result!(for i in 0..3 { f(i) });"),
            (":dep regex\n\n// note\n!ls\nf(\n  2)", ":dep regex\n\n// note\n!ls\nrask::__result!(f(\n  2));"),
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
    fn places_go_back_to_what_the_user_wrote() {
        let cell = Cell::parse("let é = 1; let b = 2;\nf(b,\n  c)");
        let source =
            format!("#![allow(x)]\nfn run() {{\n{}\n{}\n{}\nOk(())}}", "let é = 1; ", "let b = 2;", "rask::__result!(f(b,\n  c));");
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
    fn completeness_of_texts() {
        let more = |n: usize| Completeness::Incomplete("    ".repeat(n));
        let cases = [
            ("1 + 1", Completeness::Complete),
            ("let s = \"a", more(0)),
            ("fn f(", more(1)),
            ("fn f() { if x {", more(2)),
            ("}", Completeness::Invalid),
            ("(]", Completeness::Invalid),
            ("let x =", more(0)),
            ("let c = '{';", Completeness::Complete),
            (":dep x", Completeness::Complete),
        ];
        for (text, want) in cases {
            assert_eq!(completeness(text), want, "{text}");
        }
    }

    #[test]
    fn cells_with_inner_loops_are_heavy() {
        let names = ["area".to_owned()];
        let heavy = |t: &str| Cell::parse(t).is_heavy(&names);
        assert!(heavy("v.iter().map(|x| x + 1)") && heavy("fn g() {}") && heavy("area(2)") && heavy("for i in 0..2 {}"));
        assert!(!heavy("1 + 1") && !heavy("let x = df.head(5)?;"));
    }
}
