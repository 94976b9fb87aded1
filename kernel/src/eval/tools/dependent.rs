//! Cells of a session with dependencies of its own. cargo builds the dependencies once, all
//! together, and shows its progress; after that, cells are compiled by repeating the rustc call
//! that cargo made, without cargo.

use super::compiler::{is_warning, note_warnings, tell_library};
use super::files::DEPENDENCY;
use super::replay::Replay;
use super::{parent_death, rustc};
use crate::error::{Error, Result};
use crate::eval::runtime::Runtime;
use serde_json::Value;
use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{ChildStderr, Stdio};
use std::time::{Duration, Instant};

/// Builds or checks a cell.
pub(super) fn cell(
    runtime: &Runtime,
    session: &Path,
    args: &[String],
    manifest: &str,
    compiles: bool,
) -> Result<i32> {
    if compiles
        && let Some(replay) = Replay::read(session).filter(|r| r.manifest == manifest)
        && let Some(library) = replay.library()
    {
        let mut command = parent_death::command(Path::new(&replay.program));
        command.args(&replay.args).envs(&replay.env);
        let code = rustc::run(session, &mut command)?;
        if code == 0 {
            tell_library(&library)?;
        }
        return Ok(code);
    }
    let code = cargo(runtime, session, args, compiles)?;
    if compiles
        && code == 0
        && let Some(mut replay) = Replay::read(session)
    {
        manifest.clone_into(&mut replay.manifest);
        replay.write(session)?;
    }
    Ok(code)
}

/// Runs the real cargo, with its progress on the cell's standard error.
fn cargo(runtime: &Runtime, session: &Path, args: &[String], compiles: bool) -> Result<i32> {
    let real = runtime.tool("cargo");
    let mut command = parent_death::command(&real);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
        .env("CARGO_TERM_PROGRESS_WHEN", "always")
        .env("CARGO_TERM_PROGRESS_WIDTH", "72")
        .env("CARGO_TERM_COLOR", "never");
    let start = |source| Error::Start { command: real.display().to_string(), source };
    let mut child = command.spawn().map_err(start)?;
    // Both were configured as pipes above.
    let (mut stdout, stderr) =
        (child.stdout.take().expect("a pipe"), child.stderr.take().expect("a pipe"));
    let screen = compiles
        .then(|| OpenOptions::new().write(true).open(session.join(rask_wire::session::STDERR)).ok())
        .flatten();
    let progress = std::thread::spawn(move || show_progress(stderr, screen));
    let mut messages = String::new();
    stdout.read_to_string(&mut messages).map_err(start)?;
    let status = child.wait().map_err(start)?;
    let errors = progress.join().unwrap_or_default();
    let inner = |m: &str| {
        serde_json::from_str::<Value>(m)
            .ok()
            .filter(|m| m["reason"] == "compiler-message")
            .map(|m| m["message"].to_string())
    };
    let own: Vec<String> =
        messages.lines().filter(|m| m.contains("lib.rs")).filter_map(inner).collect();
    note_warnings(session, own.iter().map(String::as_str))?;
    let failed = (!status.success()).then(|| failure(&errors, &messages)).flatten();
    if let Some(text) = failed {
        // evcxr would mistake the messages for errors of the cell.
        eprintln!("{DEPENDENCY}{text}");
        return Ok(status.code().unwrap_or(1));
    }
    messages
        .lines()
        .filter(|m| !inner(m).is_some_and(|m| is_warning(&m)))
        .for_each(|m| println!("{m}"));
    if !status.success() {
        eprint!("{errors}");
    }
    Ok(status.code().unwrap_or(1))
}

/// Describes the failure of a dependency: its name, and the message of its build script or of the
/// compiler.
fn failure(said: &str, messages: &str) -> Option<String> {
    const NOISE: [&str; 4] = ["cargo:", "note: run with", "warning: build failed", "--- std"];
    let script = said.split_once("failed to run custom build command for `");
    if let Some((name, rest)) = script.and_then(|(_, rest)| rest.split_once('`')) {
        let streams = rest.split_once("--- std").map_or(rest, |(_, streams)| streams);
        let lines = streams.lines().skip(1).map(str::trim);
        let told = lines.filter(|l| !l.is_empty() && !NOISE.iter().any(|n| l.starts_with(n)));
        let told: Vec<&str> = told.collect();
        return Some(format!("the build script of `{name}` failed: {}", told.join("\n")));
    }
    let parsed = messages.lines().filter_map(|m| serde_json::from_str::<Value>(m).ok());
    let mut foreign = parsed.filter(|m| m["target"]["name"] != "ctx");
    let error = foreign.find(|m| m["message"]["level"] == "error")?;
    let (path, version) = error["package_id"].as_str()?.rsplit_once('#')?;
    let name = match version.split_once('@') {
        Some((name, version)) => format!("{name} v{version}"),
        None => format!("{} v{version}", path.rsplit('/').next()?),
    };
    let text = error["message"]["message"].as_str()?;
    let place = &error["message"]["spans"][0];
    let (file, line) = (place["file_name"].as_str().unwrap_or_default(), &place["line_start"]);
    Some(format!("the crate `{name}` does not compile: {text} ({file}, line {line})"))
}

/// Shows the progress of cargo on one line that is overwritten; returns the rest of its output.
fn show_progress(mut from: ChildStderr, mut screen: Option<std::fs::File>) -> String {
    const EVERY: Duration = Duration::from_millis(150);
    const WIDTH: usize = 78;
    let began = Instant::now();
    let (mut said, mut line, mut block) = (String::new(), Vec::new(), [0; 4096]);
    let (mut shown, mut built) = (None, 0);
    while let Ok(n @ 1..) = from.read(&mut block) {
        for byte in &block[..n] {
            if !matches!(byte, b'\r' | b'\n') {
                line.push(*byte);
                continue;
            }
            let text = String::from_utf8_lossy(&std::mem::take(&mut line)).replace("\x1b[K", "");
            let text = text.trim();
            let first = text.split_whitespace().next().unwrap_or_default();
            built += usize::from(first == "Compiling" && !text.contains("ctx v1.0.0"));
            match first {
                // The cell itself is not a dependency.
                "Building" if text.ends_with(": ctx") => {}
                "Building" | "Updating" | "Downloading" | "Blocking" => {
                    if let Some(screen) = &mut screen
                        && shown.is_none_or(|at: Instant| at.elapsed() >= EVERY)
                    {
                        shown = Some(Instant::now());
                        // If the output cannot be shown, it is dropped.
                        let _ = write!(screen, "\r{text:<WIDTH$}");
                    }
                }
                "Compiling" | "Downloaded" | "Locking" | "Adding" | "Finished" | "Checking" => {}
                _ => said += &format!("{text}\n"),
            }
        }
    }
    if let Some(screen) = &mut screen
        && shown.is_some()
    {
        let text = if built > 0 {
            format!("built {built} crates in {:.1} s", began.elapsed().as_secs_f64())
        } else {
            String::new()
        };
        let _ = write!(screen, "\r{text:<WIDTH$}{}", if built > 0 { "\n" } else { "\r" });
    }
    said
}

#[cfg(test)]
mod tests {
    use super::failure;

    #[test]
    fn a_dependency_that_fails_is_named_with_its_words() {
        let said = "error: failed to run custom build command for `z-sys v1.1.0`\n\nCaused by:\n\
            process didn't exit successfully: `/tmp/b` (exit status: 101)\n--- stdout\n\
            cargo:rerun-if-changed=a\nlooking for libz\n\n--- stderr\n\nthread 'main' panicked at \
            build.rs:3:5:\nlibz is missing\nnote: run with `RUST_BACKTRACE=1`\n";
        let told = failure(said, "").unwrap();
        let want = "the build script of `z-sys v1.1.0` failed: looking for libz\nthread 'main' \
            panicked at build.rs:3:5:\nlibz is missing";
        assert_eq!(told, want);
        let message = r#"{"reason":"compiler-message","package_id":"path+file:///a/mine#0.1.0",
            "target":{"name":"mine"},"message":{"level":"error","message":"no x","spans":[
            {"file_name":"src/lib.rs","line_start":7}]}}"#
            .replace('\n', "");
        let want = "the crate `mine v0.1.0` does not compile: no x (src/lib.rs, line 7)";
        assert_eq!(failure("", &message).as_deref(), Some(want));
        assert_eq!(failure("error: no matching package", ""), None);
    }
}
