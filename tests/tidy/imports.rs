//! The imports between files, parsed from the source text: `use` trees, and paths from `crate`,
//! `super`, `self` or a child module. A path counts for the deepest file on it, so a re-export of a
//! `mod.rs` counts for that `mod.rs`.

use std::collections::{BTreeMap, BTreeSet};

/// The path of a module, from the root of its crate.
type Module = Vec<String>;
/// Modules and their imports.
pub(super) type Imports = BTreeMap<Module, BTreeSet<Module>>;

/// Returns the imports among the files of a crate, which are given by their paths relative to
/// `src`.
pub(super) fn imports(files: &[(String, String)]) -> Imports {
    let modules: BTreeMap<Module, &str> =
        files.iter().map(|(f, text)| (module(f), text.as_str())).collect();
    modules.iter().map(|(own, text)| (own.clone(), of_file(own, &code(text), &modules))).collect()
}

/// `frame/csv/mod.rs` is `frame::csv`, and `lib.rs` the root.
fn module(file: &str) -> Module {
    let mut path: Module = file.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if path.last().is_some_and(|l| l == "mod")
        || path.len() == 1 && (path[0] == "lib" || path[0] == "main")
    {
        path.pop();
    }
    path
}

/// Returns the text without comments and tests.
fn code(text: &str) -> String {
    let mut lines = text.lines().map(|l| l.split("//").next().unwrap_or(""));
    let mut code = String::new();
    while let Some(line) = lines.next() {
        if line.trim() == "#[cfg(test)]" {
            let indent = line.len() - line.trim_start().len();
            match lines.next() {
                // The tests end the file.
                Some(next) if indent == 0 && next.contains("mod ") && next.ends_with('{') => break,
                Some(next) if next.ends_with('{') => {
                    let closing = format!("{}}}", " ".repeat(indent));
                    lines.by_ref().take_while(|l| *l != closing).for_each(drop);
                    continue;
                }
                _ => continue,
            }
        }
        // In an inline module it refers to the file.
        if line.starts_with(' ') && line.trim() == "use super::*;" {
            continue;
        }
        // A visibility is not an import.
        code += &line.replace("pub(in crate::", "pub(in ");
        code.push('\n');
    }
    code
}

fn of_file(own: &Module, code: &str, modules: &BTreeMap<Module, &str>) -> BTreeSet<Module> {
    let mut found = BTreeSet::new();
    let mut rest = code;
    let mut body = String::new();
    while let Some(at) = next_use(rest) {
        let end = rest[at..].find(';').map_or(rest.len(), |n| at + n);
        body += &rest[..at];
        for path in branches(&rest[at + 4..end]) {
            found.extend(target(own, &path, modules));
        }
        rest = &rest[end..];
    }
    body += rest;
    for path in paths(&body) {
        found.extend(target(own, &path, modules));
    }
    found.remove(own);
    found
}

/// Returns where the next `use` begins, which is the first word of a line but for its visibility.
fn next_use(code: &str) -> Option<usize> {
    let first = |at: &usize| {
        let before = code[..*at].rsplit('\n').next().unwrap_or("").trim();
        before.is_empty() || before == "pub" || before.starts_with("pub(") && before.ends_with(')')
    };
    code.match_indices("use ").map(|(at, _)| at).find(first)
}

/// Returns the paths of a `use` tree.
fn branches(tree: &str) -> Vec<String> {
    let Some(open) = tree.find('{') else {
        return vec![tree.split_whitespace().next().unwrap_or("").to_owned()];
    };
    let Some(close) = tree.rfind('}') else { return Vec::new() };
    let (mut depth, mut parts) = (0, vec![String::new()]);
    for c in tree[open + 1..close].chars() {
        depth += i32::from(c == '{') - i32::from(c == '}');
        match (c, parts.last_mut()) {
            (',', _) if depth == 0 => parts.push(String::new()),
            (c, Some(part)) => part.push(c),
            _ => {}
        }
    }
    let start = tree[..open].trim();
    parts
        .iter()
        .filter(|p| !p.trim().is_empty())
        .flat_map(|p| branches(p.trim()))
        .map(|p| format!("{start}{p}"))
        .collect()
}

/// Returns all paths of at least two segments.
fn paths(code: &str) -> Vec<String> {
    let end = |c: char| !c.is_alphanumeric() && c != '_' && c != ':';
    code.split(end).map(|p| p.trim_matches(':').to_owned()).filter(|p| p.contains("::")).collect()
}

/// Returns the deepest file on a path; `None` if the path begins elsewhere.
fn target(own: &Module, path: &str, modules: &BTreeMap<Module, &str>) -> Option<Module> {
    let mut segments = path.split("::").map(str::trim).peekable();
    let mut at = own.clone();
    // A constant of the crate that expands a macro of this one.
    if path == "crate::RASK_CELL" {
        return None;
    }
    match *segments.peek()? {
        "crate" => at.clear(),
        "super" | "self" => {}
        first => {
            let child = [own.as_slice(), &[first.to_owned()]].concat();
            modules.get(&child)?;
        }
    }
    for segment in segments {
        match segment {
            "crate" | "self" => {}
            "super" => drop(at.pop()),
            name => {
                at.push(name.to_owned());
                if !modules.contains_key(&at) {
                    at.pop();
                    break;
                }
            }
        }
    }
    modules.contains_key(&at).then_some(at)
}

/// Returns the groups of modules that import each other, directly or indirectly, as sorted names.
pub(super) fn circles(imports: &Imports) -> Vec<Vec<String>> {
    let reached: BTreeMap<&Module, BTreeSet<&Module>> =
        imports.keys().map(|m| (m, reachable(m, imports))).collect();
    let mut found = BTreeSet::new();
    for (module, far) in &reached {
        if far.contains(module) {
            let circle: Vec<String> = far
                .iter()
                .filter(|other| reached[*other].contains(module))
                .map(|m| name(m))
                .collect();
            found.insert(circle);
        }
    }
    found.into_iter().collect()
}

fn reachable<'a>(from: &Module, imports: &'a Imports) -> BTreeSet<&'a Module> {
    let (mut seen, mut open) = (BTreeSet::new(), vec![from]);
    while let Some(module) = open.pop() {
        for next in &imports[module] {
            if seen.insert(next) {
                open.push(next);
            }
        }
    }
    seen
}

pub(super) fn name(module: &Module) -> String {
    if module.is_empty() { "the root".to_owned() } else { module.join("::") }
}
