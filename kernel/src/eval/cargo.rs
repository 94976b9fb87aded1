//! The stand-in for cargo (and rustup) that evcxr calls for each cell. It turns evcxr's generated source to the runtime's
//! own hooks, and compiles a cell of a plain session with one rustc call; anything else goes to the real cargo.

use super::prune::prune;
use super::runtime::Runtime;
use super::rustc::plain_cell;
use super::{dependent, leash};
use crate::error::{Error, Result};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A stand-in: gets the runtime, the session's folder and its arguments; its exit code.
type Tool = fn(&Runtime, &Path, &[String]) -> Result<i32>;

/// The tools for which this program stands in, by the name under which it is called.
pub(crate) const TOOLS: [(&str, Tool); 3] = [("cargo", cargo), ("rustc", rustc), ("rustup", rustup)];

/// Where the optimisation level of the next cell is noted.
pub(super) fn level_file(session: &Path) -> PathBuf {
    session.join("opt-level")
}

/// The optimisation level of the next cell.
pub(crate) fn level(session: &Path) -> String {
    std::fs::read_to_string(level_file(session)).unwrap_or_else(|_| "0".to_owned())
}

/// Where the process group of the compiler under way is noted.
pub(super) fn pid_file(session: &Path) -> PathBuf {
    session.join("compiler.pid")
}

/// Where the `Cargo.toml` of a session without dependencies of its own is kept, to be recognised.
pub(super) fn plain_manifest(session: &Path) -> PathBuf {
    session.join("plain.toml")
}

/// The folder that rust-analyzer takes for the toolchain: its tools are this program, its library is what [`read_library`]
/// chose.
pub(crate) fn toolchain(session: &Path) -> PathBuf {
    session.join("toolchain")
}

/// Set for the questions of the rust-analyzer that knows everything. That of evcxr is told next to nothing: evcxr makes it load
/// before a cell can run, and what it would find out is written into the cell already.
pub(super) const READER: &str = "RASK_READS_ALL";

fn reads_all() -> bool {
    std::env::var_os(READER).is_some()
}

/// The folder of the crate that rust-analyzer reads.
pub(super) fn reading_folder(session: &Path) -> PathBuf {
    session.join("reading")
}

/// The toolchain with the whole library, for the rust-analyzer that knows everything.
pub(super) fn toolchain_of_readers(session: &Path) -> PathBuf {
    session.join("toolchain-of-readers")
}

/// Makes both toolchains.
///
/// # Errors
/// A session's folder that cannot be written.
pub(super) fn make_toolchains(runtime: &Runtime, session: &Path) -> std::io::Result<()> {
    for (toolchain, library) in [(toolchain(session), "library-empty"), (toolchain_of_readers(session), "library")] {
        let folder = toolchain.join("lib/rustlib/src/rust");
        std::fs::create_dir_all(&folder)?;
        std::os::unix::fs::symlink(runtime.folder.join(library), folder.join("library"))?;
    }
    std::os::unix::fs::symlink(toolchain(session).join("bin"), toolchain_of_readers(session).join("bin"))
}

/// Where the text of the cell at hand is noted.
pub(super) fn cell_file(session: &Path) -> PathBuf {
    session.join("cell.rs")
}

/// Where the compiler's warnings about the cell at hand are noted, one JSON object a line.
pub(super) fn warnings_file(session: &Path) -> PathBuf {
    session.join("warnings.json")
}

/// Where the rustc call is noted that cargo made for the last cell.
pub(super) fn replay_file(session: &Path) -> PathBuf {
    session.join("replay.json")
}

/// `rustc ARGS`, as rust-analyzer calls it.
fn rustc(runtime: &Runtime, session: &Path, args: &[String]) -> Result<i32> {
    if args == ["--print", "sysroot"] {
        println!("{}", if reads_all() { toolchain_of_readers(session) } else { toolchain(session) }.display());
        return Ok(0);
    }
    if args.iter().any(|a| a == "-vV" || a.starts_with("--print")) {
        return remembered(runtime, session, "rustc", args);
    }
    become_tool(&runtime.tool("rustc"), args)
}

/// Turns this process into the real tool; returns only where that fails.
fn become_tool(real: &Path, args: &[String]) -> Result<i32> {
    let source = Command::new(real).args(args).exec();
    Err(Error::Start { command: real.display().to_string(), source })
}

/// A short name for a content, under which something about it is kept.
fn name_of(content: impl AsRef<[u8]>) -> String {
    crate::protocol::frames::hex(&Sha256::digest(content)[..12])
}

/// What a tool answered when it was asked the same before, in this session or an earlier one; else asks it. rust-analyzer
/// asks a dozen questions about the toolchain at every start, and each costs a process or three.
fn remembered(runtime: &Runtime, session: &Path, tool: &str, args: &[String]) -> Result<i32> {
    let here = session.display().to_string();
    let asked = args.join("\n").replace(&here, "{session}");
    let read = |path: PathBuf| std::fs::read_to_string(path).unwrap_or_default();
    let manifest =
        args.iter().skip_while(|a| *a != "--manifest-path").nth(1).map_or_else(|| session.join("crate/Cargo.toml"), PathBuf::from);
    // Of what evcxr's own reader gets to see, the dependencies change nothing.
    let manifest = if reads_all() { read(manifest) } else { String::new() };
    let about = format!("{tool}\n{asked}\n{}\n{}", manifest, reads_all());
    let kept = runtime.folder.join("answers").join(name_of(about));
    if let Ok(answer) = std::fs::read_to_string(&kept) {
        print!("{}", answer.replace("{session}", &here));
        return Ok(0);
    }
    let real = runtime.tool(tool);
    let output = Command::new(&real).args(args).output().map_err(|source| Error::Start { command: real.display().to_string(), source })?;
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

/// `rustup which TOOL`, as evcxr asks it: our cargo, the real rustc.
fn rustup(runtime: &Runtime, session: &Path, args: &[String]) -> Result<i32> {
    match args {
        [which, tool] if which == "which" && tool == "cargo" => println!("{}", toolchain(session).join("bin/cargo").display()),
        [which, tool] if which == "which" => println!("{}", runtime.tool(tool).display()),
        _ => return Err(Error::Usage(format!("this rustup only knows `which`, not {args:?}"))),
    }
    Ok(0)
}

/// `cargo ARGS` in the session's crate.
///
/// # Errors
/// A tool that cannot be started, a file that cannot be read or written.
fn cargo(runtime: &Runtime, session: &Path, args: &[String]) -> Result<i32> {
    leash::hold();
    // The compiler and all it starts are one group, which an interrupt ends as a whole.
    let _ = rustix::process::setpgid(None, None);
    let pid = pid_file(session);
    std::fs::write(&pid, std::process::id().to_string()).map_err(Error::file(&pid))?;
    let code = build(runtime, session, args);
    let _ = std::fs::remove_file(&pid);
    code
}

fn build(runtime: &Runtime, session: &Path, args: &[String]) -> Result<i32> {
    let verb = args.iter().find(|a| !a.starts_with('-')).map(String::as_str);
    let (compiles, checks) = (verb == Some("build"), verb == Some("check"));
    if compiles {
        let source = Path::new("src/lib.rs");
        let text = std::fs::read_to_string(source).map_err(Error::file(source))?;
        let own = std::fs::read_to_string(cell_file(session)).unwrap_or_default();
        std::fs::write(source, prune(&hooked(&text), &own)).map_err(Error::file(source))?;
    }
    let here = std::env::current_dir().unwrap_or_default();
    let asked = args.iter().skip_while(|a| *a != "--manifest-path").nth(1).map(PathBuf::from);
    let manifest = std::fs::read_to_string(asked.unwrap_or_else(|| here.join("Cargo.toml"))).unwrap_or_default();
    let plain = std::fs::read_to_string(plain_manifest(session)).unwrap_or_default();
    let target = args.iter().skip_while(|a| *a != "--target").nth(1);
    if let Some(target) = target
        && (compiles || checks)
    {
        if is_plain(&manifest, &plain) {
            return cell(runtime, session, target, checks, &level(session));
        }
        return dependent::cell(runtime, session, args, &manifest, compiles);
    }
    if verb == Some("metadata") && manifest.contains("name = \"evcxr_dummy_validate_dep\"") {
        // evcxr asks of each dependency by itself whether it exists; the build that follows resolves all of them at once.
        return Ok(0);
    }
    if asks_about_session(args) && is_plain(&manifest, &plain) {
        return remembered(runtime, session, "cargo", args);
    }
    if verb == Some("metadata") && asks_about_session(args) && !reads_all() {
        // What evcxr's rust-analyzer would find out of a user's dependencies is written into the cell already.
        return remembered(runtime, session, "cargo", args);
    }
    // What follows is not a compiler to be stopped.
    let _ = std::fs::remove_file(pid_file(session));
    become_tool(&runtime.tool("cargo"), args)
}

/// Compiles a plain cell, or takes what an earlier session made of the very same source while it started.
fn cell(runtime: &Runtime, session: &Path, target: &str, checks: bool, level: &str) -> Result<i32> {
    let (mut command, library) = plain_cell(runtime, target, checks, level);
    let starts = std::fs::read_to_string(cell_file(session)).is_ok_and(|own| own.is_empty());
    let kept = (!checks && starts).then(|| kept_cell(runtime)).flatten();
    let code = match &kept {
        Some(kept) if std::fs::copy(kept, &library).is_ok() => 0,
        _ => compile(&mut command, session)?,
    };
    if code != 0 || checks {
        return Ok(code);
    }
    if let Some(kept) = kept
        && !kept.exists()
    {
        keep(&std::fs::read(&library).map_err(Error::file(&library))?, &kept);
    }
    tell_library(Path::new(&library))?;
    Ok(0)
}

/// Runs a compiler that writes JSON to its standard error; warnings are noted, all else is passed on.
pub(super) fn compile(command: &mut Command, session: &Path) -> Result<i32> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .map_err(|source| Error::Start { command: "rustc".to_owned(), source })?;
    let text = String::from_utf8_lossy(&output.stderr);
    note_warnings(session, text.lines())?;
    // evcxr would take a warning beside an error for one more error.
    text.lines().filter(|l| !is_warning(l)).for_each(|l| eprintln!("{l}"));
    Ok(output.status.code().unwrap_or(1))
}

/// Notes the warnings among the compiler's messages.
pub(super) fn note_warnings<'a>(session: &Path, messages: impl Iterator<Item = &'a str>) -> Result<()> {
    let warnings: String = messages.filter(|m| is_warning(m)).map(|m| format!("{m}\n")).collect();
    let path = warnings_file(session);
    std::fs::write(&path, warnings).map_err(Error::file(path))
}

/// Whether a message of the compiler is a warning.
pub(super) fn is_warning(message: &str) -> bool {
    serde_json::from_str::<Value>(message).is_ok_and(|m| m["level"] == "warning")
}

/// Tells evcxr where the cell's library is.
pub(super) fn tell_library(library: &Path) -> Result<()> {
    if let Some(file) = std::env::var_os("EVCXR_EXECUTION_SO_PATH") {
        let here = std::env::current_dir().map_err(Error::file("."))?;
        std::fs::write(&file, here.join(library).display().to_string()).map_err(Error::file(PathBuf::from(&file)))?;
    }
    Ok(())
}

/// Where the library of the source at hand is kept beside the runtime.
fn kept_cell(runtime: &Runtime) -> Option<PathBuf> {
    let source = std::fs::read("src/lib.rs").ok()?;
    Some(runtime.folder.join("cells").join(format!("{}.so", name_of(source))))
}

/// Keeps something for sessions to come; without it they make it again.
fn keep(content: &[u8], at: &Path) {
    if let Some(folder) = at.parent()
        && std::fs::create_dir_all(folder).is_ok()
    {
        let new = folder.join(format!(".new-{}", std::process::id()));
        if std::fs::write(&new, content).is_ok() {
            let _ = std::fs::rename(&new, at);
        }
    }
}

/// Crates whose types those in scope give away as their own.
const GIVEN_AWAY: [&str; 6] = ["arrow-array", "arrow-buffer", "arrow-data", "arrow-schema", "rand_core", "serde_core"];

/// What macros are made with. rust-analyzer does not run them, so it need not read them.
const MACROS: [&str; 6] = ["proc-macro2", "quote", "serde_derive", "syn", "synstructure", "unicode-ident"];

/// The metadata for rust-analyzer. Of the crates that every session has, it reads those whose types a cell can name; what
/// they use inside would be megabytes of source, read at every start for nothing. Before it is to read everything, it reads
/// the session's own crate alone.
fn readable(mut metadata: Value, runtime: &Runtime, full: bool) -> Value {
    let hidden = |p: &Value| {
        let is = |x: &super::runtime::Prebuilt| p["name"] == x.package.as_str() && p["version"] == x.version.as_str();
        let inside = !GIVEN_AWAY.iter().any(|g| p["name"] == *g) && runtime.manifest.crates.iter().any(|x| !x.direct && is(x));
        inside || MACROS.iter().any(|m| p["name"] == *m) || !full && p["name"] != "ctx"
    };
    let packages = metadata["packages"].as_array().cloned().unwrap_or_default();
    let (gone, kept): (Vec<_>, Vec<_>) = packages.into_iter().partition(hidden);
    let gone: Vec<&Value> = gone.iter().map(|p| &p["id"]).collect();
    metadata["packages"] = kept.into();
    if let Some(nodes) = metadata["resolve"]["nodes"].as_array_mut() {
        nodes.retain(|n| !gone.contains(&&n["id"]));
        for n in nodes {
            for (list, key) in [("deps", Some("pkg")), ("dependencies", None)] {
                if let Some(list) = n[list].as_array_mut() {
                    list.retain(|d| !gone.contains(&key.map_or(d, |k| &d[k])));
                }
            }
        }
    }
    metadata
}

/// Whether this is one of rust-analyzer's questions.
fn asks_about_session(args: &[String]) -> bool {
    let has = |what: &str| args.iter().any(|a| a == what);
    has("--manifest-path") || has("--print") || has("config") || has("--version")
}

/// Whether a session's manifest names no dependencies but those that every session has: then its cells need no cargo. The
/// order of evcxr's dependency lines changes from run to run.
fn is_plain(manifest: &str, plain: &str) -> bool {
    let dependencies = |text: &str| {
        let mut lines: Vec<_> = text
            .split("[dependencies]")
            .nth(1)
            .unwrap_or_default()
            .lines()
            .map(str::trim)
            .filter(|l| !l.is_empty())
            .map(str::to_owned)
            .collect();
        lines.sort();
        lines
    };
    let have = dependencies(manifest);
    let known = dependencies(plain);
    have.is_empty() || have == known
}

/// evcxr's generated source with its ways to the outside turned to the runtime's. Lines keep their numbers, as evcxr finds
/// the user's code by them.
fn hooked(source: &str) -> String {
    const STORE: &str = "mod evcxr_internal_runtime {\n";
    const STORE_END: &str = "\n}\n#[unsafe(no_mangle)]\n";
    // What evcxr runs first, to see that it can: in the form that compiles at once.
    let mut out = source.replace("(\n42\n).evcxr_display();", "let _ = (\n42\n);");
    if let Some(start) = out.find(STORE)
        && let Some(length) = out[start..].find(STORE_END)
    {
        let end = start + length + 2;
        let lines = out[start..end].matches('\n').count();
        out.replace_range(start..end, &format!("use rask::host::store as evcxr_internal_runtime;{}", "\n".repeat(lines)));
    }
    out = out.replace("println!(\"EVCXR_PANIC_NOTIFICATION\")", "rask::host::notify(\"EVCXR_PANIC_NOTIFICATION\")");
    if let Some(start) = out.find("struct EvcxrUserCodeError {}")
        && !out.contains("rask::host::user_error(")
    {
        let (head, tail) = out.split_at(start);
        let tail = tail
            .replacen("fn from(error: T) -> Self {", "#[track_caller] fn from(error: T) -> Self {", 1)
            .replacen("eprintln!(\"{}\", error);", "rask::host::user_error(std::any::type_name::<T>(), &error);", 1)
            .replacen("eprintln!(\"{:?}\", error);", "rask::host::user_error(std::any::type_name::<T>(), &format!(\"{error:?}\"));", 1)
            .replacen("eprintln!(\"{:#?}\", error);", "rask::host::user_error(std::any::type_name::<T>(), &format!(\"{error:#?}\"));", 1)
            .replacen("println!(\"{}\", evcxr_internal_runtime::USER_ERROR_OCCURRED);", "", 1);
        out = format!("{head}{tail}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hooks_replace_evcxrs_own_and_keep_the_lines() {
        let source = "fn user() { println!(\"x\") }\nmod evcxr_internal_runtime {\npub fn a() {\n}\n}\n#[unsafe(no_mangle)]\nfn run() {\n\
                      struct EvcxrUserCodeError {}\nfn from(error: T) -> Self {\neprintln!(\"{}\", error);\n\
                      println!(\"{}\", evcxr_internal_runtime::USER_ERROR_OCCURRED);\n}\n    println!(\"EVCXR_PANIC_NOTIFICATION\");\n}\n";
        let out = hooked(source);
        assert_eq!(out.lines().count(), source.lines().count());
        for part in
            ["use rask::host::store as", "#[track_caller] fn from", "rask::host::user_error(", "rask::host::notify(", "println!(\"x\")"]
        {
            assert!(out.contains(part), "{part} is not in {out}");
        }
        assert!(!out.contains("pub fn a") && !out.contains("USER_ERROR_OCCURRED"));
        assert_eq!(hooked(&out), out);
    }

    #[test]
    fn a_session_is_plain_until_the_user_adds_a_dependency() {
        let plain = "[dependencies]\nrask = { path = \"/f\" }\nregex = \"=1\"\n";
        assert!(is_plain("[package]\n[dependencies]\nregex = \"=1\"\n\nrask = { path = \"/f\" }\n", plain));
        assert!(is_plain("[dependencies]\n\n", plain));
        assert!(!is_plain("[dependencies]\nrask = { path = \"/f\" }\nregex = \"=1\"\nuuid = \"1\"", plain));
    }
}
