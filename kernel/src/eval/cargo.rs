//! The stand-in for cargo (and rustup) that evcxr calls for each cell. It turns evcxr's generated source to the runtime's
//! own hooks, and compiles a cell of a plain session with one rustc call; anything else goes to the real cargo.

use super::runtime::Runtime;
use super::rustc;
use crate::error::{Error, Result};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the optimisation level of the next cell is noted.
pub(super) fn level_file(session: &Path) -> PathBuf {
    session.join("opt-level")
}

/// Where the process group of the compiler under way is noted.
pub(super) fn pid_file(session: &Path) -> PathBuf {
    session.join("compiler.pid")
}

/// Where the `Cargo.toml` of a session without dependencies of its own is kept, to be recognised.
pub(super) fn plain_manifest(session: &Path) -> PathBuf {
    session.join("plain.toml")
}

/// `rustup which TOOL`, as evcxr asks it: our cargo, the real rustc.
pub(crate) fn rustup(runtime: &Runtime, session: &Path, args: &[String]) -> Result<i32> {
    match args {
        [which, tool] if which == "which" && tool == "cargo" => println!("{}", session.join("bin/cargo").display()),
        [which, tool] if which == "which" => println!("{}", runtime.tool(tool).display()),
        _ => return Err(Error::Usage(format!("this rustup only knows `which`, not {args:?}"))),
    }
    Ok(0)
}

/// `cargo ARGS` in the session's crate.
///
/// # Errors
/// A tool that cannot be started, a file that cannot be read or written.
pub(crate) fn cargo(runtime: &Runtime, session: &Path, args: &[String]) -> Result<i32> {
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
        std::fs::write(source, hooked(&text)).map_err(Error::file(source))?;
    }
    let manifest = std::fs::read_to_string("Cargo.toml").unwrap_or_default();
    let plain = std::fs::read_to_string(plain_manifest(session)).unwrap_or_default();
    let target = args.iter().skip_while(|a| *a != "--target").nth(1);
    if let Some(target) = target
        && (compiles || checks)
        && is_plain(&manifest, &plain)
    {
        let level = std::fs::read_to_string(level_file(session)).unwrap_or_else(|_| "0".to_owned());
        let (mut command, library) = rustc::plain_cell(runtime, target, checks, &level);
        let status = command.status().map_err(|source| Error::Start { command: "rustc".to_owned(), source })?;
        if let Some(file) = std::env::var_os("EVCXR_EXECUTION_SO_PATH")
            && status.success()
            && compiles
        {
            let here = std::env::current_dir().map_err(Error::file("."))?;
            std::fs::write(&file, here.join(library).display().to_string()).map_err(Error::file(PathBuf::from(&file)))?;
        }
        return Ok(status.code().unwrap_or(1));
    }
    if verb == Some("metadata") && asks_for_known(&manifest, &plain) {
        return Ok(0);
    }
    let real = runtime.tool("cargo");
    if compiles || checks {
        let status = Command::new(&real).args(args).status().map_err(|source| Error::Start { command: real.display().to_string(), source })?;
        return Ok(status.code().unwrap_or(1));
    }
    let source = Command::new(&real).args(args).exec();
    Err(Error::Start { command: real.display().to_string(), source })
}

/// Whether evcxr asks if a dependency exists that every session has: it does.
fn asks_for_known(manifest: &str, plain: &str) -> bool {
    manifest.contains("name = \"evcxr_dummy_validate_dep\"")
        && manifest.split("[dependencies]").nth(1).is_some_and(|d| plain.lines().any(|l| !l.is_empty() && l == d.trim()))
}

/// Whether a session's manifest names no dependencies but those that every session has: then its cells need no cargo. The
/// order of evcxr's dependency lines changes from run to run.
fn is_plain(manifest: &str, plain: &str) -> bool {
    let dependencies = |text: &str| {
        let mut lines: Vec<_> = text.split("[dependencies]").nth(1).unwrap_or_default().lines().map(str::trim).filter(|l| !l.is_empty()).map(str::to_owned).collect();
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
    let mut out = source.to_owned();
    if let Some(start) = out.find(STORE)
        && let Some(length) = out[start..].find(STORE_END)
    {
        let end = start + length + 2;
        let lines = out[start..end].matches('\n').count();
        out.replace_range(start..end, &format!("use rask::host::store as evcxr_internal_runtime;{}", "\n".repeat(lines)));
    }
    out = out.replace("println!(\"EVCXR_PANIC_NOTIFICATION\")", "rask::host::notify(\"EVCXR_PANIC_NOTIFICATION\")");
    if let Some(start) = out.find("struct EvcxrUserCodeError {}") {
        let (head, tail) = out.split_at(start);
        let tail = tail
            .replacen("fn from(error: T) -> Self {", "#[track_caller] fn from(error: T) -> Self {", 1)
            .replacen("eprintln!(\"{}\", error);", "rask::host::user_error(std::any::type_name::<T>(), &error);", 1)
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
        for part in ["use rask::host::store as", "#[track_caller] fn from", "rask::host::user_error(", "rask::host::notify(", "println!(\"x\")"] {
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
