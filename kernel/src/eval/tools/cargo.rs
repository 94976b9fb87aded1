//! The wrapper of cargo (and rustup) that evcxr calls for each cell. It redirects evcxr's generated
//! source to the hooks of the runtime, and compiles a cell of a plain session with one rustc call;
//! everything else is passed to the real cargo.

use super::analyzer_cache::{asks_about_session, keep, name_of, reads_all, remembered};
use super::compiler::{compile, pass_on, tell_library};
use super::files::{Request, Source, pid_file, plain_manifest, toolchain, toolchain_of_readers};
use super::hooks::{hooked, number};
use super::link::link;
use super::prune::prune;
use super::rustc::{Emit, plain_cell};
use super::{dependent, parent_death, spare};
use crate::error::{Error, Result};
use crate::eval::runtime::Runtime;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// `rustc ARGS`, as rust-analyzer calls it.
pub(super) fn rustc(runtime: &Runtime, session: &Path, args: &[String]) -> Result<i32> {
    if args == ["--print", "sysroot"] {
        println!(
            "{}",
            if reads_all() { toolchain_of_readers(session) } else { toolchain(session) }.display()
        );
        return Ok(0);
    }
    if args.iter().any(|a| a == "-vV" || a.starts_with("--print")) {
        return remembered(runtime, session, "rustc", args);
    }
    become_tool(&runtime.tool("rustc"), args)
}

/// Replaces this process with the real tool; returns only if that fails.
fn become_tool(real: &Path, args: &[String]) -> Result<i32> {
    let source = Command::new(real).args(args).exec();
    Err(Error::Start { command: real.display().to_string(), source })
}

/// `rustup which TOOL`, as evcxr calls it: returns our cargo, but the real rustc.
pub(super) fn rustup(runtime: &Runtime, session: &Path, args: &[String]) -> Result<i32> {
    match args {
        [which, tool] if which == "which" && tool == "cargo" => {
            println!("{}", toolchain(session).join("bin/cargo").display())
        }
        [which, tool] if which == "which" => println!("{}", runtime.tool(tool).display()),
        _ => return Err(Error::Usage(format!("this rustup only supports `which`, got {args:?}"))),
    }
    Ok(0)
}

/// `cargo ARGS` in the session's crate.
///
/// # Errors
/// Returns an error if a tool cannot be started, or a file cannot be read or written.
pub(super) fn cargo(runtime: &Runtime, session: &Path, args: &[String]) -> Result<i32> {
    parent_death::hold();
    // The compiler and its children are one process group, which an interrupt kills as a whole.
    let _ = rustix::process::setpgid(None, None);
    let compiles = args.iter().any(|a| a == "build" || a == "check") && !reads_all();
    if !compiles {
        // A query of rust-analyzer is not interruptible.
        return build(runtime, session, args);
    }
    let pid = pid_file(session);
    std::fs::write(&pid, std::process::id().to_string()).map_err(Error::file(&pid))?;
    let code = build(runtime, session, args);
    let _ = std::fs::remove_file(&pid);
    code
}

fn build(runtime: &Runtime, session: &Path, args: &[String]) -> Result<i32> {
    let verb = args.iter().find(|a| !a.starts_with('-')).map(String::as_str);
    let (compiles, checks) = (verb == Some("build"), verb == Some("check"));
    let request = Request::read(session);
    if compiles || checks {
        let source = Path::new("src/lib.rs");
        let text = std::fs::read_to_string(source).map_err(Error::file(source))?;
        let own = if let Source::Cell(code) = &request.source { code.as_str() } else { "" };
        let text = if checks { number(&text) } else { prune(&hooked(&text), own) };
        std::fs::write(source, text).map_err(Error::file(source))?;
    }
    let here = std::env::current_dir().unwrap_or_default();
    let asked = args.iter().skip_while(|a| *a != "--manifest-path").nth(1).map(PathBuf::from);
    let manifest = std::fs::read_to_string(asked.unwrap_or_else(|| here.join("Cargo.toml")))
        .unwrap_or_default();
    let plain = std::fs::read_to_string(plain_manifest(session)).unwrap_or_default();
    let target = args.iter().skip_while(|a| *a != "--target").nth(1);
    if let Some(target) = target
        && (compiles || checks)
    {
        if is_plain(&manifest, &plain) {
            return cell(runtime, session, target, checks, &request);
        }
        return dependent::cell(runtime, session, args, &manifest, compiles);
    }
    if verb == Some("metadata") && manifest.contains("name = \"evcxr_dummy_validate_dep\"") {
        // evcxr checks each dependency separately; the build that follows resolves all of them at
        // once.
        return Ok(0);
    }
    // evcxr's rust-analyzer need not read the user's dependencies: the types are already annotated
    // in the cell.
    let answered = is_plain(&manifest, &plain) || verb == Some("metadata") && !reads_all();
    if asks_about_session(args) && answered {
        return remembered(runtime, session, "cargo", args);
    }
    become_tool(&runtime.tool("cargo"), args)
}

/// Compiles a plain cell; for the startup code, uses the cached library of an earlier session if
/// the source is the same.
fn cell(
    runtime: &Runtime,
    session: &Path,
    target: &str,
    checks: bool,
    request: &Request,
) -> Result<i32> {
    let folder = format!("target/{target}/debug");
    let library = format!("{folder}/libctx.so");
    let starts = matches!(request.source, Source::Startup);
    let kept = (!checks && starts).then(|| kept_cell(runtime)).flatten();
    let usual = || {
        let emit = if checks { Emit::Metadata } else { Emit::Library };
        compile(&mut plain_cell(runtime, "src/lib.rs", &folder, &emit, &request.level), session)
    };
    let code = match &kept {
        Some(kept) if std::fs::copy(kept, &library).is_ok() => 0,
        _ => {
            let ahead = if checks || starts {
                None
            } else {
                compiled_ahead(runtime, session, &request.level, &library)?
            };
            ahead.map_or_else(usual, Ok)?
        }
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

/// Compiles the current source with a spare compiler; returns the exit code, or `None` if that was
/// not possible.
fn compiled_ahead(runtime: &Runtime, session: &Path, level: &str, to: &str) -> Result<Option<i32>> {
    let source = std::fs::read_to_string("src/lib.rs").map_err(Error::file("src/lib.rs"))?;
    let Some(compiled) = spare::compile(session, &source, level) else { return Ok(None) };
    let code = match compiled.object {
        None => 1,
        Some(object) => {
            let linked = link(runtime, &object.file, Path::new(to));
            // What cannot be removed now goes with the session's folder.
            let _ = std::fs::remove_dir_all(object.folder);
            if !linked {
                return Ok(None);
            }
            0
        }
    };
    pass_on(&compiled.messages, session)?;
    Ok(Some(code))
}

/// Returns the path of the cached library of the current source, next to the runtime.
fn kept_cell(runtime: &Runtime) -> Option<PathBuf> {
    let source = std::fs::read("src/lib.rs").ok()?;
    Some(runtime.folder.join("cells").join(format!("{}.so", name_of(source))))
}

/// Returns whether a session's manifest has only the dependencies of every session, in which case
/// its cells need no cargo. The order of evcxr's dependency lines changes from run to run.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_plain_until_the_user_adds_a_dependency() {
        let plain = "[dependencies]\nrask = { path = \"/f\" }\nregex = \"=1\"\n";
        assert!(is_plain(
            "[package]\n[dependencies]\nregex = \"=1\"\n\nrask = { path = \"/f\" }\n",
            plain
        ));
        assert!(is_plain("[dependencies]\n\n", plain));
        assert!(!is_plain(
            "[dependencies]\nrask = { path = \"/f\" }\nregex = \"=1\"\nuuid = \"1\"",
            plain
        ));
    }
}
