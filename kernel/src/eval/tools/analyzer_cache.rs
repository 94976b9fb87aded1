//! A cache for rust-analyzer's queries of the toolchain: a dozen at every start, each of which
//! would cost up to three processes. Also restricts the crates that it reads.

use crate::error::{Error, Result};
use crate::eval::runtime::{Prebuilt, Runtime};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Set for the queries of the kernel's rust-analyzer, which reads everything. That of evcxr gets
/// almost nothing: evcxr waits for it to load before a cell can run, and the types that it would
/// infer are already annotated in the cell.
pub(in crate::eval) const READER: &str = "RASK_READS_ALL";

pub(super) fn reads_all() -> bool {
    std::env::var_os(READER).is_some()
}

/// Returns a short hash of some content, as the name of a cache entry.
pub(super) fn name_of(content: impl AsRef<[u8]>) -> String {
    crate::protocol::frames::hex(&Sha256::digest(content)[..12])
}

/// Prints the cached output of a tool for the same query in this or an earlier session; otherwise
/// runs the tool. rust-analyzer makes a dozen queries at every start, and each costs up to three
/// processes.
pub(super) fn remembered(
    runtime: &Runtime,
    session: &Path,
    tool: &str,
    args: &[String],
) -> Result<i32> {
    let here = session.display().to_string();
    let asked = args.join("\n").replace(&here, "{session}");
    let read = |path: PathBuf| std::fs::read_to_string(path).unwrap_or_default();
    let manifest = args
        .iter()
        .skip_while(|a| *a != "--manifest-path")
        .nth(1)
        .map_or_else(|| session.join("crate/Cargo.toml"), PathBuf::from);
    // The dependencies do not affect what evcxr's own rust-analyzer sees.
    let manifest = if reads_all() { read(manifest) } else { String::new() };
    let about = format!("{tool}\n{asked}\n{manifest}\n{}\n{RETURNED:?}", reads_all());
    let kept = runtime.folder.join("answers").join(name_of(about));
    if let Ok(answer) = std::fs::read_to_string(&kept) {
        print!("{}", answer.replace("{session}", &here));
        return Ok(0);
    }
    let real = runtime.tool(tool);
    let output = Command::new(&real)
        .args(args)
        .output()
        .map_err(|source| Error::Start { command: real.display().to_string(), source })?;
    let mut answer = String::from_utf8_lossy(&output.stdout).into_owned();
    if let Ok(metadata) = serde_json::from_str::<Value>(&answer)
        && metadata["packages"].is_array()
    {
        answer = readable(metadata, runtime, reads_all()).to_string();
    }
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    print!("{answer}");
    if output.status.success() {
        keep(answer.replace(&here, "{session}").as_bytes(), &kept);
    }
    Ok(output.status.code().unwrap_or(1))
}

/// Caches a file for future sessions; if that fails, they compute it again.
pub(super) fn keep(content: &[u8], at: &Path) {
    if let Some(folder) = at.parent()
        && std::fs::create_dir_all(folder).is_ok()
    {
        let new = folder.join(format!(".new-{}", std::process::id()));
        if std::fs::write(&new, content).is_ok() {
            let _ = std::fs::rename(&new, at);
        }
    }
}

/// Crates whose types are re-exported by the crates in scope.
const GIVEN_AWAY: [&str; 7] = [
    "arrow-array",
    "arrow-buffer",
    "arrow-data",
    "arrow-schema",
    "num-complex",
    "rand_core",
    "serde_core",
];

/// Crates whose types the runtime's functions return: the facade has no dependencies, so they are
/// added here.
const RETURNED: [&str; 2] = ["ndarray", "num-complex"];

/// Dependencies of macros. rust-analyzer does not run macros, so it need not read these crates.
const MACROS: [&str; 6] =
    ["proc-macro2", "quote", "serde_derive", "syn", "synstructure", "unicode-ident"];

/// Returns the metadata for rust-analyzer. Of the crates of every session, it contains those whose
/// types a cell can name; their internal dependencies would be megabytes of source, read at every
/// start for nothing. Unless `full` is set, it contains only the session's own crate.
fn readable(mut metadata: Value, runtime: &Runtime, full: bool) -> Value {
    let hidden = |p: &Value| {
        let is =
            |x: &Prebuilt| p["name"] == x.package.as_str() && p["version"] == x.version.as_str();
        let inside = !GIVEN_AWAY.iter().any(|g| p["name"] == *g)
            && runtime.manifest.crates.iter().any(|x| !x.direct && is(x));
        inside || MACROS.iter().any(|m| p["name"] == *m) || !full && p["name"] != "ctx"
    };
    let packages = metadata["packages"].as_array().cloned().unwrap_or_default();
    let (gone, kept): (Vec<_>, Vec<_>) = packages.into_iter().partition(hidden);
    let gone: Vec<&Value> = gone.iter().map(|p| &p["id"]).collect();
    let facade = kept.iter().find(|p| p["name"] == "rask").map(|p| p["id"].clone());
    let returned: Vec<(String, Value)> = kept
        .iter()
        .filter_map(|p| Some((p["name"].as_str()?, &p["id"])))
        .filter(|(name, _)| RETURNED.contains(name))
        .map(|(name, id)| (name.replace('-', "_"), id.clone()))
        .collect();
    metadata["packages"] = kept.into();
    if let Some(nodes) = metadata["resolve"]["nodes"].as_array_mut() {
        nodes.retain(|n| !gone.contains(&&n["id"]));
        for n in nodes {
            for (list, key) in [("deps", Some("pkg")), ("dependencies", None)] {
                if let Some(list) = n[list].as_array_mut() {
                    list.retain(|d| !gone.contains(&key.map_or(d, |k| &d[k])));
                }
            }
            if Some(&n["id"]) == facade.as_ref() {
                add_dependencies(n, &returned);
            }
        }
    }
    metadata
}

/// Adds dependencies to a node of the metadata, by name and id.
fn add_dependencies(node: &mut Value, new: &[(String, Value)]) {
    let kinds = json!([{ "kind": null, "target": null }]);
    if let Some(list) = node["deps"].as_array_mut() {
        let dep = |(name, id)| json!({ "name": name, "pkg": id, "dep_kinds": kinds });
        list.extend(new.iter().map(|(name, id)| dep((name, id))));
    }
    if let Some(list) = node["dependencies"].as_array_mut() {
        list.extend(new.iter().map(|(_, id)| id.clone()));
    }
}

/// Returns whether this is one of rust-analyzer's queries.
pub(super) fn asks_about_session(args: &[String]) -> bool {
    let has = |what: &str| args.iter().any(|a| a == what);
    has("--manifest-path") || has("--print") || has("config") || has("--version")
}
