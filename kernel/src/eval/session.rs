//! One session: evcxr with the runtime in scope, run cell by cell.

use super::cell::Cell;
use super::diagnostics::CellError;
use super::output::{self, Shared};
use super::runtime::Runtime;
use super::{cargo, rustc};
use evcxr::{CommandContext, EvalContext};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

/// What the session starts with: the prelude, and the state in which `?` is understood, so that no cell is built twice to
/// find out that it uses one.
const PRELUDE: &str = "#[allow(unused_imports)]\nuse rask::prelude::*;\nOk::<(), std::fmt::Error>(())?;";

/// A session that is ready for cells.
pub(super) struct Session {
    context: CommandContext,
    shared: Arc<Shared>,
    folder: PathBuf,
    runtime: Runtime,
    /// Whether rust-analyzer has read everything.
    full: bool,
}

impl Session {
    /// Makes evcxr ready: takes about a second.
    ///
    /// # Errors
    /// The text that the first cell shows.
    pub(super) fn start(runtime: &Runtime, folder: PathBuf, shared: Arc<Shared>) -> Result<Self, String> {
        runtime.check().map_err(|e| e.to_string())?;
        prepare(runtime, &folder).map_err(|e| format!("the session's folder {} cannot be used: {e}", folder.display()))?;
        output::listen(shared.clone()).map_err(|e| e.to_string())?;
        let (evaluator, outputs) = EvalContext::with_subprocess_command(child_command(runtime, &folder)?).map_err(|e| e.to_string())?;
        // Cells speak through the session's own pipes; what evcxr finds on its own is from a process that could not start.
        std::thread::spawn(move || outputs.stderr.iter().for_each(|line| eprintln!("{line}")));
        let mut context = CommandContext::with_eval_context(evaluator);
        shared.set_process(context.process_handle());
        let start = format!("{}{PRELUDE}", dependencies(runtime));
        context.execute(&start).map_err(|e| format!("the prelude failed: {e}"))?;
        Ok(Self { context, shared, folder, runtime: runtime.clone(), full: false })
    }

    /// Has rust-analyzer read the standard library and the crates in scope: takes a few seconds, so it is done when there
    /// is nothing else to do, or when a cell needs the type of a variable.
    pub(super) fn warm(&mut self) {
        if std::mem::replace(&mut self.full, true) {
            return;
        }
        if let Err(e) = cargo::read_library(&self.runtime, &self.folder, true) {
            eprintln!("rask: the library cannot be read: {e}");
        }
        // A changed manifest makes evcxr load the session anew. The level in it is that of the user's own dependencies; that of
        // cells is chosen for each.
        let loaded = self.context.set_opt_level("3").map_err(|e| e.to_string()).and_then(|()| {
            let text = "let rask_warm = vec![1];\nrask_warm.";
            self.context.completions(text, text.len()).map(drop).map_err(|e| e.to_string())
        });
        if let Err(e) = loaded {
            eprintln!("rask: the library could not be analysed: {e}");
        }
    }

    /// Runs one cell.
    pub(super) fn run(&mut self, text: &str) -> Result<(), CellError> {
        if text.lines().any(|l| l.trim() == ":quit") {
            return Err(CellError::plain(
                "NotHere",
                ":quit ends a terminal; a notebook's kernel is ended by its front end (Kernel > Shut Down)",
            ));
        }
        let cell = Cell::parse(text);
        let names: Vec<String> = self.context.defined_item_names().map(str::to_owned).collect();
        let level = if cell.is_heavy(&names) { "2" } else { "0" };
        if let Err(e) = std::fs::write(cargo::level_file(&self.folder), level) {
            return Err(CellError::plain("InternalError", &format!("the session's folder {} is gone: {e}", self.folder.display())));
        }
        if cell.defines_variables() {
            self.warm();
        }
        let result = self.context.execute(&cell.code);
        if matches!(result, Err(evcxr::Error::SubprocessTerminated(_))) {
            self.shared.wait_restarted();
        }
        let (reported, stopping) = self.shared.verdict();
        match result {
            Err(evcxr::Error::SubprocessTerminated(_)) if stopping => Err(CellError::plain(
                "Interrupted",
                "the cell did not stop by itself, so its process was ended; all variables are lost, functions and types are kept",
            )),
            Err(_) if stopping => {
                Err(CellError::plain("Interrupted", "the cell was interrupted while it was compiled; all variables are kept"))
            }
            Err(evcxr::Error::CompilationErrors(errors)) => Err(CellError::compiler(&errors, &cell)),
            Err(evcxr::Error::SubprocessTerminated(how)) => Err(CellError::plain("ProcessEnded", &ended(&how))),
            Err(e) => Err(CellError::plain("Error", &e.to_string())),
            Ok(outputs) => match reported {
                Some(r) => {
                    let source = self.context.last_source().unwrap_or_default();
                    let place = r.place.filter(|p| p.file == "src/lib.rs");
                    let place = place.and_then(|p| cell.locate(&source, p.line, p.column));
                    Err(CellError::at(&r.name, &r.message, &cell, place))
                }
                None => {
                    self.shared.command_output(outputs.content_by_mime_type);
                    Ok(())
                }
            },
        }
    }
}

/// Why the process ended, in words: `Subprocess terminated with status: signal: 11 (SIGSEGV) (core dumped)`.
fn ended(how: &str) -> String {
    let status = how.rsplit("terminated with status: ").next().unwrap_or(how).trim();
    let why = if status.contains("SIGSEGV") {
        "it used memory that is not its own (a segmentation fault)"
    } else if status.contains("SIGABRT") {
        "it aborted"
    } else if status.contains("SIGKILL") {
        "it was killed, most often because memory ran out"
    } else if status.starts_with("exit") {
        "the cell called exit"
    } else {
        "it ended"
    };
    format!("the cell's process is gone: {why} ({status}); all variables are lost, functions and types are kept")
}

/// The tools that evcxr is to find, and a lock file with the runtime's versions.
fn prepare(runtime: &Runtime, folder: &Path) -> std::io::Result<()> {
    let krate = folder.join("crate");
    std::fs::create_dir_all(krate.join("target").join(&runtime.manifest.host).join("debug"))?;
    std::fs::create_dir_all(folder.join("config"))?;
    cargo::read_library(runtime, folder, false)?;
    std::fs::write(cargo::plain_manifest(folder), manifest(runtime))?;
    std::fs::copy(runtime.folder.join("Cargo.lock"), krate.join("Cargo.lock"))?;
    Ok(())
}

/// The evaluator's command: this program, in the environment that the user's shell had.
fn child_command(runtime: &Runtime, folder: &Path) -> Result<Command, String> {
    let mut command = Command::new(std::env::current_exe().map_err(|e| format!("this program cannot find itself: {e}"))?);
    command.arg("evaluate").env(rask_wire::env::RUNTIME, &runtime.folder).env(rask_wire::env::SESSION, folder);
    for name in ["RUSTC_WRAPPER", "RUSTUP_TOOLCHAIN", "CARGO", "RUSTC", "EVCXR_TMPDIR", "EVCXR_CONFIG_DIR", rustc::MARKER] {
        command.env_remove(name);
    }
    if let Some(path) = std::env::var_os("RASK_USER_PATH") {
        command.env("PATH", path);
    }
    Ok(command)
}

/// evcxr's lines for the crates that every session has.
fn dependencies(runtime: &Runtime) -> String {
    dependency_lines(runtime).iter().map(|(name, value)| format!(":dep {name} = {value}\n")).collect()
}

fn dependency_lines(runtime: &Runtime) -> Vec<(String, String)> {
    let mut lines = vec![("rask".to_owned(), format!("{{ path = {:?} }}", runtime.facade().display().to_string()))];
    for p in runtime.manifest.crates.iter().filter(|p| p.direct) {
        let features: Vec<_> = p.features.iter().filter(|f| *f != "default").collect();
        lines.push((p.package.clone(), format!("{{ version = \"={}\", default-features = false, features = {features:?} }}", p.version)));
    }
    lines
}

/// The dependencies as evcxr writes them into the session's manifest.
fn manifest(runtime: &Runtime) -> String {
    let lines = dependency_lines(runtime).iter().map(|(name, value)| format!("{name} = {value}\n")).collect::<String>();
    format!("[dependencies]\n{lines}")
}

#[cfg(test)]
mod tests {
    use super::ended;

    #[test]
    fn a_dead_process_is_explained() {
        for (how, part) in [
            ("Subprocess terminated with status: signal: 11 (SIGSEGV) (core dumped)", "segmentation fault"),
            ("text\nSubprocess terminated with status: exit status: 3", "exit status: 3"),
            ("Subprocess terminated with status: signal: 6 (SIGABRT)", "SIGABRT"),
        ] {
            assert!(ended(how).contains(part));
        }
    }
}
