//! Completions at the cursor: from rust-analyzer, file names inside a string, and plain words if
//! rust-analyzer is not ready in time.

use super::project::Project;
use crate::eval::source::scope::{CELL, Scope};
use ra_ap_hir::PrefixKind;
use ra_ap_ide::{
    CompletionConfig, CompletionFieldsToResolve, CompletionItem, CompletionItemKind, FilePosition,
    RaFixtureConfig,
};
use ra_ap_ide_db::SymbolKind;
use ra_ap_ide_db::imports::insert_use::{ImportGranularity, InsertUseConfig};
use ra_ap_syntax::{Edition, SourceFile, SyntaxKind};
use std::cmp::Reverse;

/// A completion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Completion {
    /// The text to insert.
    pub(crate) text: String,
    /// Jupyter's name for its kind: `function`, `class`, `instance`, `module`, `keyword`, ...
    pub(crate) kind: &'static str,
    /// Its type, if it has one.
    pub(crate) signature: String,
}

/// The completions that may replace the bytes `start..end` of the cell's text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Completions {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) items: Vec<Completion>,
}

fn config() -> CompletionConfig<'static> {
    CompletionConfig {
        enable_postfix_completions: false,
        enable_imports_on_the_fly: false,
        enable_self_on_the_fly: true,
        enable_auto_iter: false,
        enable_auto_await: false,
        enable_private_editable: false,
        enable_term_search: false,
        term_search_fuel: 0,
        full_function_signatures: true,
        callable: None,
        add_colons_to_module: true,
        add_semicolon_to_unit: false,
        snippet_cap: None,
        insert_use: InsertUseConfig {
            granularity: ImportGranularity::Item,
            enforce_granularity: false,
            prefix_kind: PrefixKind::ByCrate,
            group: false,
            skip_glob_imports: true,
        },
        prefer_no_std: false,
        prefer_prelude: true,
        prefer_absolute: false,
        snippets: Vec::new(),
        limit: None,
        fields_to_resolve: CompletionFieldsToResolve::empty(),
        exclude_flyimport: Vec::new(),
        exclude_traits: &[],
        ra_fixture: RaFixtureConfig::default(),
    }
}

/// Returns rust-analyzer's completions at byte `at` of the project's source, in which the cell
/// begins at `start`.
pub(super) fn find(project: &Project, at: usize, start: usize) -> Completions {
    let analysis = project.host.analysis();
    let position = FilePosition { file_id: project.source(), offset: (at as u32).into() };
    let Ok(text) = analysis.file_text(project.source()) else { return Completions::default() };
    let found = analysis.completions(&config(), position, None).ok().flatten().unwrap_or_default();
    // The typed part is what rust-analyzer would replace; the rare items with another range are
    // left out.
    let Some(range) = found.first().map(|i| i.source_range) else {
        return Completions { start: at - start, end: at - start, items: Vec::new() };
    };
    let typed = text.get(usize::from(range.start())..at).unwrap_or_default();
    let fitting = |fits: fn(&str, &str) -> bool| {
        let mut items: Vec<&CompletionItem> = found
            .iter()
            .filter(|i| i.source_range == range && is_own(i) && fits(i.lookup(), typed))
            .collect();
        items.sort_by_key(|i| rank(i));
        items.into_iter().filter_map(completion).collect::<Vec<_>>()
    };
    let mut items = fitting(|name, typed| name.starts_with(typed));
    if items.is_empty() {
        items = fitting(|name, typed| name.to_lowercase().starts_with(&typed.to_lowercase()));
    }
    let mut seen = std::collections::HashSet::new();
    // A name that is already complete is only offered if it is the only one.
    let others = items.iter().any(|i| i.text != typed);
    items.retain(|i| seen.insert(i.text.clone()) && !(others && i.text == typed));
    Completions {
        start: usize::from(range.start()).saturating_sub(start),
        end: usize::from(range.end()).max(at).saturating_sub(start),
        items,
    }
}

/// Returns the sort key, most relevant first: by rust-analyzer's relevance, methods of operators
/// (`le`, `add`) last, and among equals the shorter name first.
fn rank(item: &CompletionItem) -> (bool, Reverse<u32>, usize, String) {
    let mut relevance = item.relevance;
    // An exact match does not count, as the name is already complete.
    relevance.exact_name_match = false;
    let operator =
        relevance.trait_.is_some_and(|t| t.is_op_method) || OPERATORS.contains(&item.lookup());
    (operator, Reverse(relevance.score()), item.lookup().len(), item.lookup().to_owned())
}

/// Methods of the comparison traits, which are usually written as operators.
const OPERATORS: [&str; 10] =
    ["cmp", "eq", "ge", "gt", "le", "lt", "ne", "partial_cmp", "max", "min"];

/// Returns whether an item is not part of the generated code around the cell.
fn is_own(item: &CompletionItem) -> bool {
    !item.lookup().starts_with(CELL) && !item.lookup().starts_with("__")
}

fn completion(item: &CompletionItem) -> Option<Completion> {
    let mut edits = item.text_edit.iter();
    let text = edits.next()?.insert.trim_end().to_owned();
    // More than one edit would be an import, which a front end cannot apply.
    if edits.next().is_some() || text.is_empty() {
        return None;
    }
    let signature =
        item.detail.clone().or_else(|| item.label.detail_right.clone()).unwrap_or_default();
    Some(Completion { text, kind: kind(item.kind), signature })
}

fn kind(kind: CompletionItemKind) -> &'static str {
    use CompletionItemKind as K;
    match kind {
        K::Keyword => "keyword",
        K::SymbolKind(s) => match s {
            SymbolKind::Function
            | SymbolKind::Method
            | SymbolKind::Macro
            | SymbolKind::ProcMacro => "function",
            SymbolKind::Struct
            | SymbolKind::Enum
            | SymbolKind::Union
            | SymbolKind::TypeAlias
            | SymbolKind::TypeParam => "class",
            SymbolKind::Trait => "interface",
            SymbolKind::Module | SymbolKind::CrateRoot | SymbolKind::ToolModule => "module",
            SymbolKind::Field => "property",
            SymbolKind::Derive
            | SymbolKind::DeriveHelper
            | SymbolKind::Attribute
            | SymbolKind::BuiltinAttr => "attribute",
            _ => "instance",
        },
        K::BuiltinType => "class",
        _ => "instance",
    }
}

/// Returns completions that need no analysis: file names, if the cursor is inside a string.
pub(super) fn without_analysis(text: &str, at: usize) -> Option<Completions> {
    const HEAD: &str = "fn f(){";
    let before = text.get(..at)?;
    let file = SourceFile::parse(&format!("{HEAD}{before}"), Edition::Edition2024);
    let last = file
        .syntax_node()
        .descendants_with_tokens()
        .filter_map(|e| e.into_token())
        .filter(|t| t.kind() == SyntaxKind::STRING)
        .last()?;
    let open = usize::from(last.text_range().start()) - HEAD.len();
    let inside = before.get(open + 1..)?;
    let closed =
        last.text().len() > 1 && last.text().ends_with('"') && !last.text().ends_with("\\\"");
    if closed
        || !before[open..].starts_with('"')
        || usize::from(last.text_range().end()) - HEAD.len() < at
    {
        return None;
    }
    let (folder, name) =
        inside.rsplit_once('/').map_or(("", inside), |(f, n)| (&inside[..f.len() + 1], n));
    let mut items = Vec::new();
    for entry in std::fs::read_dir(if folder.is_empty() { "." } else { folder })
        .into_iter()
        .flatten()
        .flatten()
    {
        let file = entry.file_name().to_string_lossy().into_owned();
        if file.starts_with(name) && (name.starts_with('.') || !file.starts_with('.')) {
            let is_folder = entry.path().is_dir();
            let text = format!("{file}{}", if is_folder { "/" } else { "" });
            items.push(Completion {
                text,
                kind: "path",
                signature: if is_folder { "folder" } else { "file" }.to_owned(),
            });
        }
    }
    items.sort_by(|a, b| a.text.cmp(&b.text));
    Some(Completions { start: at - name.len(), end: at, items })
}

const KEYWORDS: [&str; 36] = [
    "as", "async", "await", "break", "const", "continue", "crate", "dyn", "else", "enum", "extern",
    "false", "fn", "for", "if", "impl", "in", "let", "loop", "match", "mod", "move", "mut", "pub",
    "ref", "return", "self", "static", "struct", "super", "trait", "true", "type", "unsafe", "use",
    "while",
];

/// Returns the words that begin like the one at the cursor: keywords, names of the session, words
/// of the cell.
pub(super) fn words(scope: &Scope, text: &str, at: usize) -> Completions {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let before = &text[..at];
    let (before, typed) = before.split_at(before.trim_end_matches(is_word).len());
    if before.ends_with('.') && !before.ends_with("..") {
        // A member of a value: only its type could tell.
        return Completions { start: at - typed.len(), end: at, items: Vec::new() };
    }
    let own = text
        .split(|c| !is_word(c))
        .filter(|w| w.len() > 2 && *w != typed && !w.starts_with(|c: char| c.is_ascii_digit()));
    let mut names: Vec<(&str, &'static str)> = KEYWORDS.iter().map(|k| (*k, "keyword")).collect();
    names.extend(scope.names().map(|n| (n, "instance")));
    names.extend(own.map(|w| (w, "instance")));
    let mut items: Vec<_> =
        names.into_iter().filter(|(n, _)| !typed.is_empty() && n.starts_with(typed)).collect();
    items.sort_unstable();
    items.dedup_by_key(|i| i.0);
    let items = items
        .into_iter()
        .map(|(text, kind)| Completion { text: text.to_owned(), kind, signature: String::new() })
        .collect();
    Completions { start: at - typed.len(), end: at, items }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_without_analysis() {
        let found = words(&Scope::default(), "let length = 1;\nle", 18);
        let texts: Vec<_> = found.items.iter().map(|i| i.text.as_str()).collect();
        assert_eq!((found.start, found.end, texts), (16, 18, vec!["length", "let"]));
        assert_eq!(words(&Scope::default(), "let length = 1;\nx.le", 20).items, []);
    }

    #[test]
    fn files_inside_a_string_and_nowhere_else() {
        assert_eq!(without_analysis("read_csv(\"a.csv\").gro", 21), None);
        assert_eq!(without_analysis("let a = \"é\"; text.le", 21), None);
        assert_eq!(without_analysis("1 + ", 4), None);
        let found = without_analysis("read_csv(\"Cargo.to", 18).unwrap();
        assert_eq!((found.start, found.items[0].text.as_str()), (10, "Cargo.toml"));
    }
}
