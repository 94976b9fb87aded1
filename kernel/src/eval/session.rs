//! A session: evcxr with the runtime in scope, run cell by cell.

use super::assist::{Assist, Wait};
use super::errors::diagnostics::{CellError, warnings};
use super::errors::persist;
use super::process::comms::Comms;
use super::process::output;
use super::process::running::{Reported, Shared};
use super::runtime::Runtime;
use super::source::cell::Cell;
use super::source::scope::Variable;
use super::source::types::Inferred;
use super::text::span;
use super::tools::environment::users_environment;
use super::tools::files::{self, Request, Source};
use super::tools::spare;
use evcxr::{CommandContext, CompilationError, EvalContext};
use rask_wire::Bundle;
use serde_json::Value;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

/// The first code of a session: the prelude, and a statement that switches evcxr to cells with `?`,
/// so that no cell is compiled twice to find out that it uses `?`.
const PRELUDE: &str = "#[allow(unused_imports)]\nuse rask::prelude::*;\n#[allow(unused_imports)]\nuse rask::host::print::{eprint, eprintln, print, println};\nOk::<(), std::fmt::Error>(())?;";

/// The user's settings.
#[derive(Debug, Default)]
pub(super) struct Settings {
    /// The optimisation level of all cells; `None` chooses a level for each cell.
    pub(super) level: Option<String>,
    /// The format of values without a rich representation, such as `{:#?}`.
    pub(super) format: Option<String>,
    /// Whether to show the types of values.
    pub(super) types: bool,
    /// Whether to show the time of each cell.
    pub(super) timing: bool,
}

/// A session that is ready for cells.
pub(super) struct Session {
    pub(super) context: CommandContext,
    pub(super) shared: Arc<Shared>,
    pub(super) assist: Assist,
    pub(super) settings: Settings,
    /// The payload for the front end at the end of the cell.
    pub(super) payload: Vec<Value>,
    /// The text of the running cell, and its number.
    pub(super) text: String,
    pub(super) number: u32,
    began: Instant,
    folder: PathBuf,
    start: String,
    manifest: String,
    /// Earlier cells with items, which a later panic may point into.
    past: Vec<Arc<Cell>>,
    /// Variables that no longer exist, and why.
    gone: BTreeMap<String, String>,
}

impl Session {
    /// Sets up evcxr, which takes about half a second.
    ///
    /// # Errors
    /// Returns the error text that the first cell shows.
    pub(super) fn start(
        runtime: &Runtime,
        folder: PathBuf,
        shared: Arc<Shared>,
        comms: Arc<Comms>,
        assist: Assist,
    ) -> Result<Self, String> {
        runtime.check().map_err(|e| e.to_string())?;
        prepare(runtime, &folder).map_err(|e| {
            format!("the session's folder {} cannot be used: {e}", folder.display())
        })?;
        if let Err(e) = spare::start(runtime, &folder) {
            eprintln!("rask: cells will start slowly: {}: {e}", folder.display());
        }
        output::listen(shared.clone(), comms).map_err(|e| e.to_string())?;
        let (evaluator, outputs) =
            EvalContext::with_subprocess_command(child_command(runtime, &folder)?)
                .map_err(|e| e.to_string())?;
        // Cells print into the session's own pipes; what evcxr receives comes from a process that
        // could not start.
        std::thread::spawn(move || outputs.stderr.iter().for_each(|line| eprintln!("{line}")));
        let mut context = CommandContext::with_eval_context(evaluator);
        shared.set_process(context.process_handle());
        let start = format!("{}{PRELUDE}", dependencies(runtime));
        context.execute(&start).map_err(|e| format!("the prelude failed: {e}"))?;
        Ok(Self {
            context,
            shared,
            assist,
            settings: Settings::default(),
            payload: Vec::new(),
            text: String::new(),
            number: 0,
            began: Instant::now(),
            folder,
            start,
            manifest: manifest(runtime),
            past: Vec::new(),
            gone: BTreeMap::new(),
        })
    }

    /// Begins a new cell.
    pub(super) fn begin(&mut self, text: &str, number: u32) {
        text.clone_into(&mut self.text);
        self.number = number;
        self.began = Instant::now();
        self.payload.clear();
    }

    /// Runs a part of the cell's text.
    pub(super) fn rust(&mut self, range: Range<usize>) -> Result<(), CellError> {
        self.run_cell(Cell::part(&self.text, range, self.number))
    }

    /// Runs code that the kernel generates.
    pub(super) fn generated(&mut self, code: &str) -> Result<(), CellError> {
        self.run_cell(Cell::hidden(code))
    }

    /// Evaluates an expression; returns all representations of its value.
    pub(super) fn expression(&mut self, code: &str) -> Result<Bundle, CellError> {
        self.shared.capture(true);
        let result = self.generated(code);
        let found = self.shared.capture(false);
        result.map(|()| found.into_iter().last().unwrap_or_default())
    }

    /// Compiles and runs a cell.
    pub(super) fn run_cell(&mut self, mut cell: Cell) -> Result<(), CellError> {
        cell.revive(|name| self.gone.contains_key(name));
        cell.show_as(self.settings.format.as_deref(), self.settings.types);
        let names: Vec<String> = self.context.defined_item_names().map(str::to_owned).collect();
        let level = self
            .settings
            .level
            .clone()
            .unwrap_or_else(|| if cell.is_heavy(&names) { "2" } else { "0" }.to_owned());
        // The cell before it gets types, if rust-analyzer is not ready to infer them.
        let mut untyped = None;
        let mut inferred = Vec::new();
        if cell.wants_types() {
            match self.infer(&mut cell, Wait::Briefly) {
                Some(types) => inferred = types,
                None => untyped = Some(cell.clone()),
            }
        }
        if self.shared.stopping() {
            return Err(interrupted_compiler());
        }
        // Names that the running cell defines can be completed while it runs.
        let before = self.assist.scope().clone();
        let earlier = before.variables();
        self.foresee_all(&cell, &inferred);
        self.shared.publish("stderr", persist::statics(&cell));
        let mut asked = Vec::new();
        let cell = loop {
            let running = Arc::new(cell);
            self.note(&running.code, &level)?;
            self.shared.compiling(self.reporter(&running));
            let result = self.context.execute(&running.code);
            cell = match result {
                Err(evcxr::Error::CompilationErrors(errors)) => {
                    let mut next = Cell::clone(&running);
                    if self.correct_types(&errors, &mut next) {
                        next
                    } else if let Some(next) = self.infer_fully(&mut untyped, &mut inferred) {
                        asked.clear();
                        next
                    } else {
                        *self.assist.scope() = before;
                        return Err(self.compile_error(&errors, &running, &inferred));
                    }
                }
                // The compiler knows types that rust-analyzer does not, and reports them in an
                // error.
                Err(evcxr::Error::Message(text))
                    if persist::to_be_asked(&text, &inferred, &mut asked) =>
                {
                    let mut next = Cell::clone(&running);
                    if let Some(variable) = asked.last() {
                        next.ask_type(variable);
                    }
                    if untyped.is_some() {
                        // All at once, as each question is a compilation.
                        let others = running.without_types().filter(|v| !asked.contains(v));
                        let others: Vec<String> = others.collect();
                        others.iter().for_each(|v| next.ask_type(v));
                        asked.extend(others);
                    }
                    next
                }
                Err(e) if persist::is_about_type(&e.to_string()) => {
                    match self.infer_fully(&mut untyped, &mut inferred) {
                        Some(next) => {
                            asked.clear();
                            next
                        }
                        None => break self.finish(Err(e), running, before, &inferred),
                    }
                }
                result => break self.finish(result, running, before, &inferred),
            };
        };
        self.note_variables();
        self.note_gone(&earlier, &cell);
        cell
    }

    /// Records which of the `earlier` variables no longer exist after a cell, and why.
    fn note_gone(&mut self, earlier: &[Variable], result: &Result<(), CellError>) {
        let now = self.assist.scope().variables();
        let is_there = |name: &str| now.iter().any(|v| v.name == name);
        let ends = |e: &CellError| e.name == "ProcessEnded" || e.name == "Interrupted";
        let ended = result.as_ref().is_err_and(ends);
        let why = if ended { "was lost with the process of" } else { "was moved by" };
        self.gone.retain(|name, _| !is_there(name));
        for lost in earlier.iter().filter(|v| !is_there(&v.name)) {
            self.gone.insert(lost.name.clone(), format!("{why} cell [{}]", self.number));
        }
    }

    /// Updates the variables in scope from evcxr.
    fn note_variables(&self) {
        let kept = self
            .context
            .variables_and_types()
            .map(|(n, t)| Variable { name: n.to_owned(), type_name: t.to_owned() })
            .collect();
        self.assist.scope().set_variables(kept);
    }

    /// Adds type annotations for the cell's variables, as far as their types are known; returns
    /// `None` if rust-analyzer is not ready in time.
    fn infer(&self, cell: &mut Cell, wait: Wait) -> Option<Vec<(String, Inferred)>> {
        let (items, statements) = cell.apart();
        let types = self.assist.types(&items, &statements, wait)?;
        cell.write_types(&types);
        Some(cell.bound().map(str::to_owned).zip(types).collect())
    }

    /// Waits for rust-analyzer where the cell has been tried without it; returns the cell with its
    /// types. Nobody waits for the types of a cell that was interrupted.
    fn infer_fully(
        &self,
        untyped: &mut Option<Cell>,
        inferred: &mut Vec<(String, Inferred)>,
    ) -> Option<Cell> {
        if self.shared.stopping() {
            return None;
        }
        let mut cell = untyped.take()?;
        *inferred = self.infer(&mut cell, Wait::Fully)?;
        Some(cell)
    }

    fn foresee_all(&self, cell: &Cell, inferred: &[(String, Inferred)]) {
        self.assist.scope().add_items(cell.items());
        for (name, inferred) in inferred {
            if let Inferred::Type(type_name) = inferred {
                self.foresee(name.clone(), type_name.clone());
            }
        }
    }

    /// Corrects the types of variables of which the compiler told; returns whether there was one.
    fn correct_types(&self, errors: &[evcxr::CompilationError], cell: &mut Cell) -> bool {
        let corrected = persist::correct_types(errors, cell);
        let found = !corrected.is_empty();
        for (name, type_name) in corrected {
            if let Some(type_name) = type_name {
                self.foresee(name, type_name);
            }
        }
        found
    }

    fn foresee(&self, name: String, type_name: String) {
        self.assist.scope().add_variable(Variable { name, type_name });
    }

    /// Writes the files that the wrappers of the compiler read.
    fn note(&self, code: &str, level: &str) -> Result<(), CellError> {
        let request = Request { level: level.to_owned(), source: Source::Cell(code.to_owned()) };
        request.write(&self.folder).map_err(|e| {
            let message = format!(
                "cannot write to the session's folder {}: {e}; help: restart the kernel",
                self.folder.display()
            );
            CellError::plain("InternalError", &message)
        })
    }

    /// Returns the function to call when the compiled cell starts: it shows the compiler's warnings
    /// before the output.
    fn reporter(&self, cell: &Arc<Cell>) -> Box<dyn FnOnce() + Send> {
        let (shared, cell, folder) = (self.shared.clone(), cell.clone(), self.folder.clone());
        Box::new(move || {
            let messages =
                std::fs::read_to_string(files::warnings_file(&folder)).unwrap_or_default();
            if !messages.is_empty() {
                let source =
                    std::fs::read_to_string(folder.join("crate/src/lib.rs")).unwrap_or_default();
                shared.publish("stderr", warnings(&messages, &cell, &source));
            }
        })
    }

    fn compile_error(
        &self,
        errors: &[CompilationError],
        cell: &Cell,
        inferred: &[(String, Inferred)],
    ) -> CellError {
        if self.shared.stopping() {
            return interrupted_compiler();
        }
        let source = self.context.last_source().unwrap_or_default();
        persist::borrowed(errors, cell, inferred)
            .unwrap_or_else(|| CellError::compiler(errors, cell, &source, &self.gone))
    }

    /// Returns the result of a cell that was compiled, or interrupted during compilation.
    fn finish(
        &mut self,
        result: Result<evcxr::EvalOutputs, evcxr::Error>,
        cell: Arc<Cell>,
        before: super::source::scope::Scope,
        inferred: &[(String, Inferred)],
    ) -> Result<(), CellError> {
        match result {
            Ok(outputs) => {
                if !cell.items().is_empty() {
                    self.past.push(cell.clone());
                }
                if let (Some(r), _) = self.shared.verdict() {
                    return Err(self.reported(r, &cell));
                }
                self.command_output(outputs);
                Ok(())
            }
            Err(evcxr::Error::SubprocessTerminated(how)) => {
                self.shared.wait_restarted();
                let lost = lost(&before.variables());
                *self.assist.scope() = before;
                let stopped = self.shared.stopping();
                self.restore_items(&cell);
                Err(if stopped {
                    let text = format!(
                        "the cell did not stop by itself, so its process was killed; {lost}; functions and types are kept"
                    );
                    CellError::plain("Interrupted", &text)
                } else {
                    CellError::plain(
                        "ProcessEnded",
                        &format!("{}; {lost}; functions and types are kept", ended(&how)),
                    )
                })
            }
            Err(e) => {
                *self.assist.scope() = before;
                if self.shared.stopping() {
                    return Err(interrupted_compiler());
                }
                let text = e.to_string();
                Err(persist::unknown_type(&text, &cell, inferred).unwrap_or_else(|| told(&text)))
            }
        }
    }

    /// Turns an error that the evaluator reported into a cell error with its location.
    fn reported(&self, r: Reported, cell: &Cell) -> CellError {
        let source = self.context.last_source().unwrap_or_default();
        let locate = |line: u32, column: u32| {
            let here = cell.locate(&source, line, column).map(|place| (cell, place));
            here.or_else(|| {
                self.past.iter().rev().find_map(|c| Some((&**c, c.locate(&source, line, column)?)))
            })
        };
        let message = places(&r.message, |line, column| {
            let (cell, (line, column)) = locate(line, column)?;
            Some(format!("cell [{}], line {line}, column {column}", cell.number))
        });
        let place =
            r.place.filter(|p| p.file == "src/lib.rs").and_then(|p| locate(p.line, p.column));
        let (cell, place) = place.map_or((cell, None), |(c, p)| (c, Some(p)));
        CellError::at(&r.name, &message, cell, place)
    }

    /// Restores the items of a cell whose process died, which evcxr forgets although they are
    /// valid.
    fn restore_items(&mut self, cell: &Cell) {
        let items: String = cell.items().into_iter().map(|i| i.text + "\n").collect();
        if !items.is_empty() && self.note(&items, "0").is_ok() {
            self.shared.compiling(Box::new(|| {}));
            // They have just been compiled; an error here shows up when they are used.
            if self.context.execute(&items).is_ok() {
                self.assist.scope().add_items(cell.items());
            }
        }
    }

    /// Shows the output of an evcxr command such as `:vars`.
    pub(super) fn command_output(&self, outputs: evcxr::EvalOutputs) {
        if !outputs.content_by_mime_type.is_empty() {
            let bundle = Bundle { data: outputs.content_by_mime_type.into_iter().collect() };
            self.shared.show(rask_wire::Role::Result, None, bundle);
        }
    }

    /// Shows how long the cell took, if the user has enabled it.
    pub(super) fn tell_times(&self) {
        if self.settings.timing {
            let (ran, compiled) = (
                self.shared.times().ran,
                self.began.elapsed().saturating_sub(self.shared.times().ran),
            );
            self.shared.publish(
                "stderr",
                format!("compiled in {}, ran in {}\n", span(compiled), span(ran)),
            );
        }
    }

    /// Runs lines of evcxr's commands.
    pub(super) fn evcxr_commands(&mut self, text: &str) -> Result<(), CellError> {
        self.note("// commands", "0")?;
        self.shared.compiling(Box::new(|| {}));
        let cell = Cell::part(text, 0..0, self.number);
        let result = self.context.execute(text);
        self.note_variables();
        match result {
            Ok(outputs) => {
                self.command_output(outputs);
                let now = std::fs::read_to_string(self.folder.join("crate/Cargo.toml"))
                    .unwrap_or_default();
                if now.contains("[dependencies]") && now != self.manifest {
                    now.clone_into(&mut self.manifest);
                    self.assist.load(now);
                }
                Ok(())
            }
            Err(_) if self.shared.stopping() => Err(interrupted_compiler()),
            Err(evcxr::Error::CompilationErrors(errors)) => {
                let source = self.context.last_source().unwrap_or_default();
                Err(CellError::compiler(&errors, &cell, &source, &self.gone))
            }
            Err(e) => Err(told(&e.to_string())),
        }
    }

    /// Deletes all variables, items and dependencies, and starts a new process.
    pub(super) fn reset(&mut self) -> Result<(), CellError> {
        let failed = |e: evcxr::Error| {
            CellError::plain("Error", &format!("the session could not be restarted: {e}"))
        };
        self.note(PRELUDE, "0")?;
        self.context.execute(":clear").map_err(failed)?;
        self.shared.wait_restarted();
        let start = self.start.clone();
        self.context.execute(&start).map_err(failed)?;
        self.assist.scope().clear();
        self.past.clear();
        self.gone.clear();
        Ok(())
    }

    /// Returns the working folder of the cells.
    pub(super) fn working_folder(&self) -> PathBuf {
        let pid = self.shared.evaluator_pid();
        std::fs::read_link(format!("/proc/{pid}/cwd"))
            .or_else(|_| std::env::current_dir())
            .unwrap_or_default()
    }
}

fn interrupted_compiler() -> CellError {
    CellError::plain(
        "Interrupted",
        "the cell was interrupted during compilation; all variables are kept",
    )
}

/// Describes lost variables, as in `these variables were lost: a, b`.
fn lost(variables: &[Variable]) -> String {
    match variables {
        [] => "no variables were lost".to_owned(),
        [one] => format!("the variable {} was lost", one.name),
        many => format!(
            "these variables were lost: {}",
            many.iter().map(|v| v.name.as_str()).collect::<Vec<_>>().join(", ")
        ),
    }
}

/// Turns a message of evcxr or cargo into an error.
fn told(text: &str) -> CellError {
    let words = plain_words(text);
    match words.strip_prefix(files::DEPENDENCY) {
        Some(why) => CellError::plain("DependencyFailed", why),
        None => CellError::plain("Error", &words),
    }
}

/// Removes the parts of evcxr's or cargo's message that are useless in a notebook.
fn plain_words(text: &str) -> String {
    let text = match text.split_once("no parsable errors were found. STDERR:") {
        Some((_, rest)) => rest.split("STDOUT:").next().unwrap_or(rest).trim(),
        None => text.trim(),
    };
    let text = text.trim_start_matches("error: ");
    let lines =
        text.lines().filter(|l| !l.contains("rask-session-") && !l.contains("package `ctx "));
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}

/// Replaces every `src/lib.rs:LINE:COLUMN` that `locate` can resolve.
fn places(text: &str, locate: impl Fn(u32, u32) -> Option<String>) -> String {
    const FILE: &str = "src/lib.rs:";
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(FILE) {
        let tail = &rest[at + FILE.len()..];
        let end = tail.find(|c: char| !c.is_ascii_digit() && c != ':').unwrap_or(tail.len());
        let mut numbers = tail[..end].split(':').filter_map(|n| n.parse().ok());
        let told =
            numbers.next().zip(numbers.next()).and_then(|(line, column)| locate(line, column));
        let length = tail[..end].trim_end_matches(':').len();
        out += &rest[..at];
        out += &told.unwrap_or_else(|| format!("{FILE}{}", &tail[..length]));
        rest = &tail[length..];
    }
    out + rest
}

/// Explains why the process ended, from `Subprocess terminated with status: signal: 11 (SIGSEGV)
/// (core dumped)`.
fn ended(how: &str) -> String {
    let status = how.rsplit("terminated with status: ").next().unwrap_or(how).trim();
    let why = if how.contains("overflowed its stack") {
        "a stack overflow (infinite recursion, or a huge value on the stack)"
    } else if status.contains("SIGSEGV") {
        "an invalid memory access (segmentation fault), or a stack overflow"
    } else if status.contains("SIGABRT") {
        "it aborted (on its own, after a stack overflow, or because a memory allocation failed)"
    } else if status.contains("SIGKILL") {
        "it was killed, most often because the system ran out of memory"
    } else if status.contains("SIGILL") || status.contains("SIGBUS") || status.contains("SIGFPE") {
        "an invalid instruction, memory access or arithmetic operation"
    } else if status.starts_with("exit") {
        "the cell called `exit`"
    } else {
        "it ended"
    };
    format!("the cell's process is gone: {why} ({status})")
}

/// Prepares the tools for evcxr, and a lock file with the runtime's versions.
fn prepare(runtime: &Runtime, folder: &Path) -> std::io::Result<()> {
    let krate = folder.join("crate");
    std::fs::create_dir_all(krate.join("target").join(&runtime.manifest.host).join("debug"))?;
    std::fs::create_dir_all(folder.join("config"))?;
    std::fs::write(files::plain_manifest(folder), manifest(runtime))?;
    Request { level: "0".to_owned(), source: Source::Startup }.write(folder)?;
    std::fs::copy(runtime.folder.join("Cargo.lock"), krate.join("Cargo.lock")).map(drop)
}

/// Settings of the C library. By default it has eight heaps per core, each of them fragmented: a
/// sort that spills to disk would use half as much memory again.
const MALLOC: &str = "GLIBC_TUNABLES";

/// Returns the command of the evaluator: this program, in the environment of the user's shell.
fn child_command(runtime: &Runtime, folder: &Path) -> Result<Command, String> {
    let mut command = Command::new(
        std::env::current_exe()
            .map_err(|e| format!("cannot find the path of this program: {e}"))?,
    );
    command
        .arg("evaluate")
        .env(rask_wire::env::RUNTIME, &runtime.folder)
        .env(rask_wire::env::SESSION, folder);
    users_environment(&mut command);
    if std::env::var_os(MALLOC).is_none() {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        command.env(MALLOC, format!("glibc.malloc.arena_max={}", cores.max(2)));
    }
    Ok(command)
}

/// Returns the `:dep` lines for the crates of every session.
fn dependencies(runtime: &Runtime) -> String {
    dependency_lines(runtime)
        .iter()
        .map(|(name, value)| format!(":dep {name} = {value}\n"))
        .collect()
}

fn dependency_lines(runtime: &Runtime) -> Vec<(String, String)> {
    let mut lines = vec![(
        "rask".to_owned(),
        format!("{{ path = {:?} }}", runtime.facade().display().to_string()),
    )];
    for p in runtime.manifest.crates.iter().filter(|p| p.direct) {
        let features: Vec<_> = p.features.iter().filter(|f| *f != "default").collect();
        lines.push((
            p.package.clone(),
            format!(
                "{{ version = \"={}\", default-features = false, features = {features:?} }}",
                p.version
            ),
        ));
    }
    lines
}

/// Returns the initial manifest of a session.
pub(super) fn manifest(runtime: &Runtime) -> String {
    let lines = dependency_lines(runtime)
        .iter()
        .map(|(name, value)| format!("{name} = {value}\n"))
        .collect::<String>();
    format!(
        "[package]\nname = \"ctx\"\nversion = \"1.0.0\"\nedition = \"2024\"\n\n[dependencies]\n{lines}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_process_is_explained() {
        for (how, part) in [
            (
                "Subprocess terminated with status: signal: 11 (SIGSEGV) (core dumped)",
                "segmentation fault",
            ),
            ("text\nSubprocess terminated with status: exit status: 3", "exit status: 3"),
            ("Subprocess terminated with status: signal: 6 (SIGABRT)", "SIGABRT"),
        ] {
            assert!(ended(how).contains(part));
        }
    }

    #[test]
    fn places_in_messages_are_the_users() {
        let told = places("task at src/lib.rs:12:5: no, src/lib.rs:9:9", |line, column| {
            (line == 12).then(|| format!("line {line}/{column}"))
        });
        assert_eq!(told, "task at line 12/5: no, src/lib.rs:9:9");
    }

    #[test]
    fn cargos_words_without_the_sessions_own() {
        let text = "Compilation failed, but no parsable errors were found. STDERR:\nerror: no matching package named `nope` found\n\
                    location searched: crates.io index\nrequired by package `ctx v1.0.0 (/tmp/rask-session-x/crate)`\n\nSTDOUT:\n";
        assert_eq!(
            plain_words(text),
            "no matching package named `nope` found\nlocation searched: crates.io index"
        );
    }

    #[test]
    fn lost_variables_are_named() {
        let variable = |n: &str| Variable { name: n.into(), type_name: "u8".into() };
        assert_eq!(lost(&[variable("a"), variable("b")]), "these variables were lost: a, b");
        assert!(
            lost(&[]).contains("no variables")
                && lost(&[variable("a")]).contains("variable a was lost")
        );
    }
}
