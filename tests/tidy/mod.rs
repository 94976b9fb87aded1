//! The structure of the source: layers, size limits, and restricted code. Every rule fails with the
//! file and the line.

mod imports;

use std::fs;
use std::path::{Path, PathBuf};

/// The modules of each crate, lowest first: a file uses those before it, and its own module.
const LAYERS: [(&str, &[&str]); 2] = [
    (
        "runtime/src",
        &[
            "mix",
            "units",
            "error",
            "deferred",
            "handle",
            "config",
            "exact",
            "wire",
            "comm",
            "show",
            "widget",
            "graph",
            "sched",
            "input",
            "delayed",
            "fs",
            "decode",
            "atomic_file",
            "array",
            "bag",
            "html",
            "json",
            "xml",
            "csv",
            "frame",
            "convert",
            "frame_arrays",
            "bag_arrays",
            "collect",
            "client",
            "datasets",
            "plot",
            "host",
        ],
    ),
    (
        "kernel/src",
        &[
            "error", "protocol", "outbox", "history", "eval", "handlers", "server", "steps",
            "build", "install", "clean", "lab", "doctor", "verify", "main",
        ],
    ),
];
/// The files and folders of a folder, lowest first: each uses those before it, and itself.
const FOLDERS: [(&str, &str, &[&str]); 2] = [
    (
        "runtime/src",
        "frame",
        &[
            "passthrough",
            "threads",
            "types",
            "expr",
            "source",
            "plan",
            "exec",
            "engine",
            "dataframe",
            "column",
            "join",
            "group",
            "io",
        ],
    ),
    (
        "kernel/src",
        "eval",
        &[
            "runtime", "source", "tools", "assist", "errors", "process", "text", "session",
            "shell", "commands", "magics", "run",
        ],
    ),
];
/// Modules that must not use each other, although their order would allow it.
const BLIND: [(&str, &str, &str); 4] = [
    ("runtime/src", "frame", "delayed"),
    ("runtime/src", "frame", "bag"),
    ("kernel/src", "install", "server"),
    ("kernel/src", "doctor", "handlers"),
];
/// The only files with unsafe code.
const UNSAFE: [&str; 5] = [
    "runtime/src/host.rs",
    "runtime/src/array/ops/widest.rs",
    "runtime/src/csv/scan.rs",
    "runtime/src/csv/texts.rs",
    "kernel/src/eval/process/child.rs",
];
const MOST_LINES: usize = 700;
const MOST_LINES_OF_A_FUNCTION: usize = 80;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && !name.starts_with('.') && name != "target" && name != "__pycache__" {
            files(&path, found);
        } else if path.is_file() {
            found.push(path);
        }
    }
}

/// The path from the root, and the text.
fn sources(ending: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    files(&root(), &mut found);
    found.retain(|f| f.extension().is_some_and(|e| e == ending));
    let name = |f: &PathBuf| f.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
    found.iter().map(|f| (name(f), fs::read_to_string(f).unwrap())).collect()
}

/// Returns the part of a file before its tests, as numbered lines.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let end = ["#[cfg(test)]\nmod", "#[cfg(test)]\npub"]
        .iter()
        .filter_map(|m| text.find(m))
        .min()
        .unwrap_or(text.len());
    text[..end].lines().enumerate().map(|(i, l)| (i + 1, l))
}

fn is_product(file: &str) -> bool {
    (file.starts_with("kernel/src") || file.starts_with("runtime")) && !file.ends_with("tests.rs")
}

fn report(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

#[test]
fn files_use_only_the_layers_below_them() {
    let mut problems = Vec::new();
    for (source, order) in LAYERS {
        for (file, text) in
            sources("rs").iter().filter(|(f, _)| f.starts_with(source) && is_product(f))
        {
            let module = file[source.len() + 1..].split(['/', '.']).next().unwrap();
            if module == "lib" || module == "main" {
                continue;
            }
            let Some(layer) = order.iter().position(|m| *m == module) else {
                problems.push(format!("{file}: module `{module}` is not in the table of layers"));
                continue;
            };
            for (n, line) in code(text).filter(|(_, l)| !l.trim_start().starts_with("//")) {
                for used in line
                    .split("crate::")
                    .skip(1)
                    .map(|u| u.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap())
                {
                    let blind = BLIND.contains(&(source, module, used));
                    if blind || order.iter().position(|m| *m == used).is_some_and(|l| l > layer) {
                        problems.push(format!(
                            "{file}:{n}: `{module}` uses `{used}`, which is not below it"
                        ));
                    }
                }
            }
        }
    }
    report(&problems);
}

/// Returns the files of a crate by their paths relative to `src`, without tests.
fn files_of(source: &str) -> Vec<(String, String)> {
    let own = sources("rs").into_iter().filter(|(f, _)| f.starts_with(source) && is_product(f));
    own.map(|(f, text)| (f[source.len() + 1..].to_owned(), text)).collect()
}

#[test]
fn folders_use_only_what_stands_before_them() {
    let mut problems = Vec::new();
    for (source, folder, order) in FOLDERS {
        let imports = imports::imports(&files_of(source));
        let place = |module: &[String]| match module {
            [first, second, ..] if first == folder => {
                Some(order.iter().position(|m| m == second).ok_or(second.clone()))
            }
            _ => None,
        };
        for (file, used) in &imports {
            let own = match place(file) {
                Some(Ok(own)) => own,
                Some(Err(name)) => {
                    problems.push(format!(
                        "{source}/{folder}: `{name}` is not in the table of folders"
                    ));
                    continue;
                }
                None => continue,
            };
            for other in used.iter().filter(|o| matches!(place(o), Some(Ok(other)) if other > own))
            {
                problems.push(format!(
                    "{source}: `{}` uses `{}`, which is not below it",
                    imports::name(file),
                    imports::name(other)
                ));
            }
        }
    }
    report(&problems);
}

#[test]
fn no_files_import_each_other() {
    let mut problems = Vec::new();
    for (source, _) in LAYERS {
        let found = imports::circles(&imports::imports(&files_of(source)));
        problems.extend(found.iter().map(|c| {
            format!("{source}: these import each other, directly or not: {}", c.join(" "))
        }));
    }
    report(&problems);
}

#[test]
fn every_file_says_what_it_is_for() {
    let missing = sources("rs").into_iter().filter(|(_, t)| !t.starts_with("//! ")).map(|(f, _)| f);
    let python =
        sources("py").into_iter().filter(|(_, t)| !t.starts_with("\"\"\"")).map(|(f, _)| f);
    report(
        &missing
            .chain(python)
            .map(|f| format!("{f} does not begin with a sentence on what it is for"))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn files_and_functions_stay_short() {
    let mut problems = Vec::new();
    for (file, text) in sources("rs") {
        let lines: Vec<_> = code(&text).collect();
        if lines.len() > MOST_LINES {
            problems.push(format!("{file}: {} lines, {MOST_LINES} at most", lines.len()));
        }
        for (n, line) in &lines {
            let indent = line.len() - line.trim_start().len();
            let head = line
                .trim_start()
                .trim_start_matches("pub ")
                .trim_start_matches("pub(crate) ")
                .trim_start_matches("pub(super) ");
            if (head.starts_with("fn ") || head.starts_with("async fn ")) && line.ends_with('{') {
                let closing = format!("{}}}", " ".repeat(indent));
                let length = lines[*n..].iter().take_while(|(_, l)| **l != closing).count() + 2;
                if length > MOST_LINES_OF_A_FUNCTION {
                    problems.push(format!("{file}:{n}: a function of {length} lines, {MOST_LINES_OF_A_FUNCTION} at most"));
                }
            }
        }
    }
    report(&problems);
}

#[test]
fn dangerous_words_stand_only_where_they_may() {
    let mut problems = Vec::new();
    for (file, text) in sources("rs").iter().filter(|(f, _)| is_product(f)) {
        for (n, line) in code(text).filter(|(_, l)| !l.trim_start().starts_with("//")) {
            let has = |words: &[&str]| words.iter().any(|w| line.contains(w));
            if has(&[".unwrap()", "todo!(", "unimplemented!(", "thread::sleep", "dbg!("]) {
                problems.push(format!("{file}:{n}: {}", line.trim()));
            }
            if has(&["unsafe {", "unsafe extern", "unsafe fn"])
                && !UNSAFE.contains(&file.as_str())
                && !line.contains('"')
            {
                problems
                    .push(format!("{file}:{n}: unsafe code belongs in {}", UNSAFE.join(" or ")));
            }
        }
    }
    report(&problems);
}

#[test]
fn versions_stand_in_the_root_manifest_alone() {
    let mut problems = Vec::new();
    // The fuzzer is a separate workspace.
    let own = ["Cargo.toml", "tests/fuzz/Cargo.toml"];
    for (file, text) in sources("toml")
        .iter()
        .filter(|(f, _)| f.ends_with("Cargo.toml") && !own.contains(&f.as_str()))
    {
        let mut section = "";
        for line in text.lines() {
            if line.starts_with('[') {
                section = line;
            } else if section.ends_with("dependencies]")
                && line.contains('=')
                && !line.contains("workspace = true")
            {
                problems.push(format!("{file}: {line}"));
            }
        }
    }
    let lock = fs::read_to_string(root().join("Cargo.lock")).unwrap();
    for name in ["salsa", "salsa-macros", "salsa-macro-rules"] {
        // evcxr 0.22.0 does not compile with a later version.
        if !lock.contains(&format!("name = \"{name}\"\nversion = \"0.28.2\"")) {
            problems.push(format!("Cargo.lock: {name} is not 0.28.2"));
        }
    }
    report(&problems);
}

#[test]
fn the_readme_leads_with_the_two_commands() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let top = &readme[..readme.len().min(1500)];
    assert!(
        top.contains("cargo lab") && top.contains("cargo verify"),
        "README.md does not state both commands at its top"
    );
}
