//! Splits the Rust of a cell into statements, as evcxr does, and checks whether it is complete.

use crate::eval::source::scope::Item;
use ra_ap_syntax::ast::{self, AstNode, HasName};
use ra_ap_syntax::{Edition, SourceFile, SyntaxKind, SyntaxNode};

/// Turns statements into a source file.
const HEAD: &str = "fn f(){";

/// The kind of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::eval) enum Kind {
    Let(Vec<Binding>),
    /// An item; its name, if it has one.
    Item(Option<String>),
    /// An expression without a semicolon, and its byte range.
    Expression(usize, usize),
    Other,
}

/// A name bound by a `let`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::eval) struct Binding {
    pub(in crate::eval) name: String,
    /// The byte range of the name.
    pub(in crate::eval) at: usize,
    pub(in crate::eval) mutable: bool,
    /// `true` if the user wrote its complete type.
    pub(in crate::eval) typed: bool,
    /// The byte range of its value.
    pub(in crate::eval) value: Option<(usize, usize)>,
    /// The byte at which a type can be inserted, for a variable that is initialised later.
    pub(in crate::eval) later: Option<usize>,
}

/// A statement: the bytes that evcxr assigns to it, those of the statement itself, and its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::eval) struct Piece {
    pub(in crate::eval) start: usize,
    pub(in crate::eval) end: usize,
    pub(in crate::eval) from: usize,
    pub(in crate::eval) to: usize,
    pub(in crate::eval) kind: Kind,
    /// The variable that it assigns, as the binding of an equivalent `let`.
    pub(in crate::eval) assigns: Option<Binding>,
}

/// Splits a text into statements.
pub(in crate::eval) fn split(rust: &str) -> Vec<Piece> {
    let file = SourceFile::parse(&format!("{HEAD}{rust}\n}}"), Edition::Edition2024);
    let list = file
        .syntax_node()
        .children()
        .next()
        .and_then(ast::Fn::cast)
        .and_then(|f| f.body())
        .and_then(|b| b.stmt_list());
    let mut pieces: Vec<Piece> = Vec::new();
    let children: Vec<_> = list.iter().flat_map(|l| l.syntax().children()).collect();
    for (i, child) in children.iter().enumerate() {
        let start = pieces.last().map_or(0, |p| p.end);
        let end = children
            .get(i + 1)
            .map_or(rust.len(), |n| usize::from(n.text_range().start()) - HEAD.len())
            .min(rust.len());
        if start == end {
            break;
        }
        let range = child.text_range();
        let (from, to) =
            (usize::from(range.start()) - HEAD.len(), usize::from(range.end()) - HEAD.len());
        let kind = kind(child, to <= rust.len(), from, to);
        let to = to.min(rust.len());
        pieces.push(Piece { start, end, from, to, kind, assigns: assigned(child) });
    }
    // The text that the parser left over belongs to evcxr's last statement, which then does not
    // compile.
    if file.errors().iter().any(|e| usize::from(e.range().start()) >= HEAD.len()) {
        pieces.iter_mut().for_each(|p| (p.kind, p.assigns) = (Kind::Other, None));
    }
    pieces
}

fn kind(node: &SyntaxNode, whole: bool, from: usize, to: usize) -> Kind {
    if let Some(statement) = ast::LetStmt::cast(node.clone()) {
        return Kind::Let(bindings(&statement));
    }
    if let Some(item) = ast::Item::cast(node.clone()) {
        return Kind::Item(item_name(&item));
    }
    if whole && ast::Expr::can_cast(node.kind()) { Kind::Expression(from, to) } else { Kind::Other }
}

fn bindings(statement: &ast::LetStmt) -> Vec<Binding> {
    let Some(pat) = statement.pat() else { return Vec::new() };
    let whole =
        |t: ast::Type| !t.syntax().descendants().any(|n| n.kind() == SyntaxKind::INFER_TYPE);
    let typed = matches!(pat, ast::Pat::IdentPat(_)) && statement.ty().is_some_and(whole);
    // A type can only be inserted after a plain name without one.
    let bare = matches!(pat, ast::Pat::IdentPat(_)) && statement.ty().is_none();
    let without_value = statement.initializer().is_none();
    let typed = typed || without_value && !bare;
    let later =
        (without_value && bare).then(|| usize::from(pat.syntax().text_range().end()) - HEAD.len());
    let value = statement.initializer().map(|e| e.syntax().text_range());
    let value =
        value.map(|r| (usize::from(r.start()) - HEAD.len(), usize::from(r.end()) - HEAD.len()));
    let names = pat.syntax().descendants().filter_map(ast::IdentPat::cast);
    names
        .map(|p| Binding {
            name: p.name().map(|n| n.text().to_string()).unwrap_or_default(),
            at: usize::from(
                p.name().map_or(p.syntax().text_range(), |n| n.syntax().text_range()).start(),
            ) - HEAD.len(),
            mutable: p.mut_token().is_some() && p.ref_token().is_none(),
            typed,
            value,
            later,
        })
        .collect()
}

/// Parses a plain assignment to a variable: `x = f();`.
fn assigned(node: &SyntaxNode) -> Option<Binding> {
    let expression = match ast::ExprStmt::cast(node.clone()) {
        Some(statement) => statement.expr()?,
        None => ast::Expr::cast(node.clone())?,
    };
    let ast::Expr::BinExpr(assignment) = expression else { return None };
    if assignment.op_kind()? != (ast::BinaryOp::Assignment { op: None }) {
        return None;
    }
    let ast::Expr::PathExpr(path) = assignment.lhs()? else { return None };
    let (name, value) = (path.path()?.as_single_name_ref()?, assignment.rhs()?);
    let within = |at: ra_ap_syntax::TextSize| usize::from(at) - HEAD.len();
    let value = value.syntax().text_range();
    Some(Binding {
        name: name.text().to_string(),
        at: within(path.syntax().text_range().start()),
        mutable: true,
        typed: false,
        value: Some((within(value.start()), within(value.end()))),
        later: None,
    })
}

/// What a part of a text consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::eval) enum Content {
    Code,
    /// Comments and blank lines.
    Comments,
    /// The same, and the last comment is not terminated.
    OpenComment,
}

/// Returns what follows byte `from`.
pub(in crate::eval) fn content(rust: &str, from: usize) -> Content {
    let file = SourceFile::parse(&format!("{HEAD}{rust}"), Edition::Edition2024);
    let tokens = file.syntax_node().descendants_with_tokens().filter_map(|e| e.into_token());
    let mut found = Content::Comments;
    for token in tokens.filter(|t| usize::from(t.text_range().end()) > HEAD.len() + from) {
        match token.kind() {
            SyntaxKind::WHITESPACE => {}
            SyntaxKind::COMMENT if is_open(token.text()) => found = Content::OpenComment,
            SyntaxKind::COMMENT => {}
            _ => return Content::Code,
        }
    }
    found
}

/// Returns whether a comment is not terminated; block comments nest.
fn is_open(comment: &str) -> bool {
    let (bytes, mut depth, mut i) = (comment.as_bytes(), 0, 0);
    while i + 1 < bytes.len() {
        let step = match [bytes[i], bytes[i + 1]] {
            [b'/', b'*'] => 1,
            [b'*', b'/'] => -1,
            _ => 0,
        };
        depth += step;
        i += if step == 0 { 1 } else { 2 };
    }
    comment.starts_with("/*") && depth > 0
}

/// Returns whether a new statement can begin after the text: nothing in it is open, and its last
/// statement is complete.
pub(in crate::eval) fn ends_statement(rust: &str) -> bool {
    if completeness(rust) != Completeness::Complete {
        return false;
    }
    let file = SourceFile::parse(&format!("{HEAD}{rust}\n}}"), Edition::Edition2024);
    let function = file.syntax_node().children().next().and_then(ast::Fn::cast);
    let Some(list) = function.and_then(|f| f.body()?.stmt_list()) else { return false };
    let Some(last) = list.syntax().children().last() else { return true };
    let tokens = last.descendants_with_tokens().filter_map(|e| e.into_token());
    const BLOCKS: [SyntaxKind; 7] = [
        SyntaxKind::BLOCK_EXPR,
        SyntaxKind::FOR_EXPR,
        SyntaxKind::IF_EXPR,
        SyntaxKind::LOOP_EXPR,
        SyntaxKind::MACRO_EXPR,
        SyntaxKind::MATCH_EXPR,
        SyntaxKind::WHILE_EXPR,
    ];
    let inner = ast::ExprStmt::cast(last.clone()).and_then(|s| s.expr());
    let kind = inner.map_or(last.kind(), |e| e.syntax().kind());
    match tokens.filter(|t| !t.kind().is_trivia()).last().map(|t| t.kind()) {
        Some(SyntaxKind::SEMICOLON) => true,
        Some(SyntaxKind::R_CURLY) => BLOCKS.contains(&kind) || ast::Item::can_cast(kind),
        _ => false,
    }
}

/// Returns the name of an item, if it has one.
pub(in crate::eval) fn item_name(item: &ast::Item) -> Option<String> {
    let name = match item {
        ast::Item::Const(i) => i.name(),
        ast::Item::Enum(i) => i.name(),
        ast::Item::Fn(i) => i.name(),
        ast::Item::MacroRules(i) => i.name(),
        ast::Item::Module(i) => i.name(),
        ast::Item::Static(i) => i.name(),
        ast::Item::Struct(i) => i.name(),
        ast::Item::Trait(i) => i.name(),
        ast::Item::TypeAlias(i) => i.name(),
        ast::Item::Union(i) => i.name(),
        _ => None,
    };
    name.map(|n| n.text().to_string())
}

/// Returns the items among the pieces of a text.
pub(in crate::eval) fn items(rust: &str, pieces: &[Piece]) -> Vec<Item> {
    let item = |p: &Piece| match &p.kind {
        Kind::Item(name) => Some(Item { name: name.clone(), text: rust[p.from..p.to].to_owned() }),
        _ => None,
    };
    pieces.iter().filter_map(item).collect()
}

/// Returns where loops should check for an interrupt: the byte after the brace of each such body. A
/// plain `for` over arithmetic ends by itself, and is left to the optimiser.
pub(in crate::eval) fn loop_bodies(rust: &str) -> Vec<usize> {
    let file = SourceFile::parse(&format!("{HEAD}{rust}\n}}"), Edition::Edition2024);
    if file.errors().iter().any(|e| usize::from(e.range().start()) >= HEAD.len()) {
        return Vec::new();
    }
    let body = |node: SyntaxNode| match ast::Expr::cast(node)? {
        ast::Expr::LoopExpr(e) => Some((ast::HasLoopBody::loop_body(&e)?, true)),
        ast::Expr::WhileExpr(e) => Some((ast::HasLoopBody::loop_body(&e)?, true)),
        ast::Expr::ForExpr(e) => Some((ast::HasLoopBody::loop_body(&e)?, false)),
        _ => None,
    };
    let calls = |n: SyntaxNode| {
        matches!(
            n.kind(),
            SyntaxKind::MACRO_CALL
                | SyntaxKind::CALL_EXPR
                | SyntaxKind::AWAIT_EXPR
                | SyntaxKind::LOOP_EXPR
                | SyntaxKind::WHILE_EXPR
                | SyntaxKind::FOR_EXPR
        )
    };
    let constant = |n: &SyntaxNode| {
        n.ancestors().any(|a| {
            ast::Fn::cast(a.clone()).is_some_and(|f| f.const_token().is_some())
                || matches!(
                    a.kind(),
                    SyntaxKind::CONST
                        | SyntaxKind::STATIC
                        | SyntaxKind::CONST_ARG
                        | SyntaxKind::ARRAY_TYPE
                )
        })
    };
    let mut found = Vec::new();
    for node in file.syntax_node().descendants() {
        if let Some((block, endless)) = body(node.clone())
            && (endless || block.syntax().descendants().any(calls))
            && !constant(&node)
            && let Some(brace) = block.stmt_list().and_then(|l| l.l_curly_token())
        {
            // Inner attributes of the block come first.
            let inner = block
                .stmt_list()
                .into_iter()
                .flat_map(|l| l.syntax().children())
                .filter(|c| c.kind() == SyntaxKind::ATTR)
                .last();
            let at = inner.map_or(brace.text_range().end(), |a| a.text_range().end());
            found.push(usize::from(at) - HEAD.len());
        }
    }
    found
}

/// The completeness of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Completeness {
    Complete,
    /// More lines are needed, with this indentation.
    Incomplete(String),
    Invalid,
}

/// Returns whether the Rust text can be run, needs more lines, or is invalid.
pub(in crate::eval) fn completeness(rust: &str) -> Completeness {
    let file = SourceFile::parse(rust, Edition::Edition2024);
    let mut open = Vec::new();
    // The end of the code; comments may follow.
    let mut end = 0;
    for token in file.syntax_node().descendants_with_tokens().filter_map(|e| e.into_token()) {
        if !token.kind().is_trivia() {
            end = usize::from(token.text_range().end());
        }
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
        let open = text.contains("terminate") || text.contains("Invalid raw string");
        open && usize::from(e.range().end()) >= rust.trim_end().len().saturating_sub(1)
    });
    let operators = ["=", "+", "-", "*", "/", "&&", "||", ",", ".", "->", "=>"];
    let dangling = operators.iter().any(|op| rust[..end].ends_with(op));
    if open.is_empty() && !unterminated && !dangling {
        return Completeness::Complete;
    }
    Completeness::Incomplete("    ".repeat(open.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_and_what_they_bind() {
        let text = "use a::b;\nlet (mut x, y) = f();\nlet z: u8 = 1; let w: Vec<_> = g();\nlet late;\nfn h() {}\nx + y";
        let pieces = split(text);
        let bound: Vec<_> = pieces
            .iter()
            .filter_map(|p| if let Kind::Let(b) = &p.kind { Some(b) } else { None })
            .flatten()
            .map(|b| (b.name.as_str(), b.mutable, b.typed, b.later.is_some()))
            .collect();
        let want = [
            ("x", true, false, false),
            ("y", false, false, false),
            ("z", false, true, false),
            ("w", false, false, false),
            ("late", false, false, true),
        ];
        assert_eq!(bound, want);
        let items: Vec<_> = items(text, &pieces).into_iter().map(|i| (i.name, i.text)).collect();
        assert_eq!(
            items,
            [(None, "use a::b;".to_owned()), (Some("h".to_owned()), "fn h() {}".to_owned())]
        );
        assert!(matches!(pieces.last().unwrap().kind, Kind::Expression(_, to) if to == text.len()));
    }

    #[test]
    fn loops_that_may_not_end_look_up() {
        for (text, count) in [
            ("loop { f() }", 1),
            ("while x < 1 { x += 1 }", 1),
            ("for i in 0..9 { s += i }", 0),
            ("for i in 0..9 { println!(\"{i}\") }", 1),
            ("for i in 0..9 { for j in 0..9 { s += i * j } }", 1),
            ("fn f() { loop {} }", 1),
            ("const fn f() { loop {} }", 0),
            ("let x = loop { break 1 };", 1),
            ("1 + 1", 0),
        ] {
            assert_eq!(loop_bodies(text).len(), count, "{text}");
        }
        assert_eq!(loop_bodies("loop { 1 }"), [6]);
    }

    #[test]
    fn statements_end_where_the_next_can_begin() {
        for text in [
            "",
            "// a\n/* b */",
            "f();",
            "f(); // three\n// more",
            "fn f() {}",
            "if a { 1 } else { 2 }",
            "struct S;",
            "m! { 1 }",
            "let a = S { x: 1 };",
        ] {
            assert!(ends_statement(text), "{text}");
        }
        for text in [
            "let a = 17",
            "let a = if b { 1 } else { 2 }",
            "f(",
            "/* a;",
            "let a = \"b;",
            "let a = r#\"b;\n}",
            "x || ",
            "|| { 1 }",
        ] {
            assert!(!ends_statement(text), "{text}");
        }
    }

    #[test]
    fn assignments_are_read() {
        let pieces = split("a.b = 1; x += 1; x = 2;\ny = f()");
        let found = |p: &Piece| p.assigns.as_ref().map(|b| (b.name.clone(), b.at, b.value));
        let found: Vec<_> = pieces.iter().map(found).collect();
        let x = Some(("x".to_owned(), 17, Some((21, 22))));
        let y = Some(("y".to_owned(), 24, Some((28, 31))));
        assert_eq!(found, [None, None, x, y]);
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
            ("let r = r#\"a;\nb\";", more(0)),
            ("f(); // one, two,", Completeness::Complete),
            ("f() + // one", more(0)),
            ("/* a */", Completeness::Complete),
            ("let r = r#\"a;\nb\"#;", Completeness::Complete),
        ];
        for (text, want) in cases {
            assert_eq!(completeness(text), want, "{text}");
        }
    }
}
