//! Removes what a cell does not need from the source that evcxr writes for it: unused items of
//! earlier cells, and unused variables, which then stay in their store. So the hundredth item costs
//! no more than the fifth.
//!
//! The rule is conservative: every word of a text counts as a use, in strings and comments too. An
//! `impl` block is kept with the local types and traits in its head, a trait with the names of its
//! methods, and `use` lines always.

use crate::eval::source::split::item_name;
use ra_ap_syntax::ast::{self, AstNode, HasModuleItem};
use ra_ap_syntax::{Edition, SourceFile, SyntaxKind};
use std::collections::HashSet;
use std::ops::Range;

/// An item of the source, and the condition under which it is kept.
struct Candidate {
    range: Range<usize>,
    /// Words that count as a use of it.
    offers: Vec<String>,
    /// It is kept if one of these local names is kept.
    goes_with: Vec<String>,
}

/// Returns the source without what the cell `own` does not need; line numbers do not change.
pub(super) fn prune(source: &str, own: &str) -> String {
    // rustc's time grows with every item and variable that it sees, used or not: of a notebook with
    // a hundred cells, nearly all of a source is there for other cells.
    let touched = without(source, variables(source, own));
    // A type that is used only by such a variable is not needed either.
    let unused = items(&touched, own);
    without(&touched, unused)
}

/// Replaces the ranges of a text with spaces.
fn without(text: &str, ranges: Vec<Range<usize>>) -> String {
    let mut out = text.to_owned();
    for range in ranges {
        // Diagnostics name lines of this source, so that its newlines stay.
        let blank: String =
            text[range.clone()].bytes().map(|b| if b == b'\n' { '\n' } else { ' ' }).collect();
        out.replace_range(range, &blank);
    }
    out
}

/// Returns the lines that take unused variables from their store, check them and put them back.
fn variables(source: &str, own: &str) -> Vec<Range<usize>> {
    const MARKS: [&str; 3] = [
        "evcxr_variable_store.take_variable::<",
        "evcxr_variable_store.check_variable::<",
        "evcxr_variable_store.put_variable::<",
    ];
    let used = words(own);
    let mut found = Vec::new();
    let mut start = 0;
    for line in source.split_inclusive('\n') {
        let end = start + line.len();
        let statement = line.trim_start();
        let generated = ["let ", "vars_ok &= ", "evcxr_variable_store."]
            .iter()
            .any(|s| statement.starts_with(s));
        if generated
            && MARKS.iter().any(|m| line.contains(m))
            && let Some(name) = line.rsplit("(stringify!(").next().and_then(|r| r.split(')').next())
            && !used.contains(name.trim_start_matches("r#"))
        {
            found.push(start..end);
        }
        start = end;
    }
    found
}

fn items(source: &str, own: &str) -> Vec<Range<usize>> {
    let file = SourceFile::parse(source, Edition::Edition2024);
    let mut candidates = Vec::new();
    let mut needed: HashSet<&str> = HashSet::new();
    let all: Vec<ast::Item> = file.tree().items().collect();
    let local: HashSet<String> = all.iter().filter_map(item_name).collect();
    for item in &all {
        let range = item.syntax().text_range();
        let range = usize::from(range.start())..usize::from(range.end());
        let text = &source[range.clone()];
        // What evcxr and Rask generate holds the cell together, and calls each other by other
        // names.
        let kept = own.contains(text)
            || text.contains("evcxr_variable_store")
            || text.contains("Evcxr")
            || text.contains("run_user_code_")
            || text.contains("RASK_CELL");
        match (kept, candidate(item, range, &local)) {
            (false, Some(candidate)) => candidates.push(candidate),
            _ => needed.extend(words_of(text)),
        }
    }
    // An item that is kept may use others, which are then kept too, until no more are found.
    loop {
        let calls = |c: &Candidate| {
            c.offers.iter().any(|o| needed.contains(o.as_str()))
                || c.goes_with.iter().any(|g| needed.contains(g.as_str()))
        };
        let (called, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut candidates).into_iter().partition(calls);
        candidates = rest;
        if called.is_empty() {
            return candidates.into_iter().map(|c| c.range).collect();
        }
        needed.extend(called.into_iter().flat_map(|c| words_of(&source[c.range])));
    }
}

/// Returns the item if it may be removed, or `None` if it is always kept.
fn candidate(item: &ast::Item, range: Range<usize>, local: &HashSet<String>) -> Option<Candidate> {
    let in_head = |head: Option<ast::Type>| {
        let text = head.map(|t| t.syntax().text().to_string()).unwrap_or_default();
        words_of(&text).filter(|w| local.contains(*w)).map(str::to_owned).collect::<Vec<_>>()
    };
    let (offers, goes_with) = match item {
        // Nobody names an `impl`: it is used where its type or its trait is. One without a local
        // name in its head may be used anywhere.
        ast::Item::Impl(i) => {
            let goes_with: Vec<_> =
                in_head(i.self_ty()).into_iter().chain(in_head(i.trait_())).collect();
            if goes_with.is_empty() {
                return None;
            }
            (Vec::new(), goes_with)
        }
        // Methods are called without the trait's name.
        ast::Item::Trait(i) => {
            let inside = i.assoc_item_list().into_iter().flat_map(|l| l.assoc_items());
            let methods = inside
                .filter_map(|a| a.syntax().children().find_map(ast::Name::cast))
                .map(|n| n.text().to_string());
            (item_name(item).into_iter().chain(methods).collect(), Vec::new())
        }
        // It may import a trait, whose methods are used without its name.
        ast::Item::Use(_) => return None,
        _ => (vec![item_name(item)?], Vec::new()),
    };
    // An attribute macro may do anything.
    let attributes = item
        .syntax()
        .children()
        .filter(|c| c.kind() == SyntaxKind::ATTR)
        .map(|a| a.text().to_string());
    let exported = attributes.into_iter().any(|a| {
        ["no_mangle", "export_name", "macro_export", "ctor"].iter().any(|w| a.contains(w))
    });
    (!exported).then_some(Candidate { range, offers, goes_with })
}

/// Returns the distinct words of a text.
fn words(text: &str) -> HashSet<&str> {
    words_of(text).collect()
}

fn words_of(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|w| !w.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const EARLIER: &str = "use std::fmt;\nstruct Point { x: f64 }\nimpl Point { fn len(&self) -> f64 { scale(self.x) } }\nimpl fmt::Debug for Point {}\n\
        fn scale(x: f64) -> f64 { x * FACTOR }\nconst FACTOR: f64 = 2.0;\nfn unused(p: Other) {}\nstruct Other;\n\
        trait Twice { fn twice(&self) -> i32; }\nimpl Twice for i32 { fn twice(&self) -> i32 { 2 } }\nmod shapes { pub struct Circle; }\nuse shapes::Circle;\n";

    fn source(cell: &str) -> String {
        format!(
            "{EARLIER}#[unsafe(no_mangle)]\npub extern \"C\" fn run_user_code_3(evcxr_variable_store: u8) {{\n{cell}\n}}\n"
        )
    }

    /// Returns the items that are kept for the cell.
    fn left(cell: &str) -> Vec<String> {
        let source = source(cell);
        let out = prune(&source, cell);
        assert_eq!(out.lines().count(), source.lines().count());
        out.lines()
            .take(EARLIER.lines().count())
            .filter(|l| !l.trim().is_empty())
            .map(|l| l.split('{').next().unwrap().trim().to_owned())
            .collect()
    }

    #[test]
    fn only_what_is_named_is_left_and_what_that_names() {
        let always = ["use std::fmt;", "mod shapes", "use shapes::Circle;"];
        let with = |more: &[&str]| {
            let order = |l: &String| EARLIER.find(l.as_str());
            let mut all: Vec<String> = always.iter().chain(more).map(|l| (*l).to_owned()).collect();
            all.sort_by_key(order);
            all
        };
        assert_eq!(left("1 + 1"), with(&[]));
        assert_eq!(left("let c = \"{FACTOR}\";"), with(&["const FACTOR: f64 = 2.0;"]));
        let point = [
            "struct Point",
            "impl Point",
            "impl fmt::Debug for Point",
            "fn scale(x: f64) -> f64",
            "const FACTOR: f64 = 2.0;",
        ];
        assert_eq!(left("Point"), with(&point));
        assert_eq!(left("3.twice()"), with(&["trait Twice", "impl Twice for i32"]));
    }

    #[test]
    fn variables_that_are_not_touched_stay_where_they_are() {
        let source = "fn run_user_code_1() {\nvars_ok &= evcxr_variable_store.check_variable::<Other>(stringify!(a));\n\
            let mut a = evcxr_variable_store.take_variable::<Other>(stringify!(a));\nlet b = evcxr_variable_store.take_variable::<u8>(stringify!(b));\n\
            b + 1;\nevcxr_variable_store.put_variable::<u8>(stringify!(b), b);\nevcxr_variable_store.put_variable::<Other>(stringify!(a), a);\n}\nstruct Other;\n";
        let out = prune(source, "b + 1;");
        assert_eq!(out.lines().count(), source.lines().count());
        assert!(
            !out.contains("stringify!(a)") && out.matches("stringify!(b)").count() == 2,
            "{out}"
        );
        assert!(!out.contains("Other"), "a type that only its variable names goes with it: {out}");
        assert_eq!(prune(source, "a").matches("stringify!(a)").count(), 3);
    }
}
