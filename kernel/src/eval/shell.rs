//! Shell commands and scripts: each runs in a child process, which prints into the cell's pipes and
//! which Stop ends.

use super::errors::diagnostics::CellError;
use super::session::Session;
use super::text::Outcome;
use super::tools::environment::users_environment;
use super::tools::parent_death;
use rask_wire::session as names;
use std::fs::OpenOptions;
use std::path::Path;
use std::process::Stdio;

/// Runs a shell command.
pub(super) fn line(session: &mut Session, line: &str) -> Outcome {
    child(session, "sh", line)
}

/// Runs a script; its output goes straight into the cell's pipes.
pub(super) fn child(session: &mut Session, program: &str, script: &str) -> Outcome {
    let failed = |e: std::io::Error| {
        CellError::plain("ShellError", &format!("{program} could not be started: {e}"))
    };
    let pipe = |name: &str| {
        OpenOptions::new().write(true).open(session.shared.folder.join(name)).map(Stdio::from)
    };
    let mut command = parent_death::group(Path::new(program));
    command.args(["-c", script]).current_dir(session.working_folder());
    users_environment(&mut command);
    command
        .envs(session.shared.environment())
        .env_remove(rask_wire::env::RUNTIME)
        .env_remove(rask_wire::env::SESSION)
        .env_remove("RASK_USER_PATH");
    command
        .stdout(pipe(names::STDOUT).map_err(failed)?)
        .stderr(pipe(names::STDERR).map_err(failed)?);
    let mut child = command.spawn().map_err(failed)?;
    // The command holds the writing ends of the pipes, which must be closed here.
    drop(command);
    let status = session
        .shared
        .attend(&mut child)
        .map_err(|e| CellError::plain("ShellError", &e.to_string()))?;
    if session.shared.stopping() {
        return Err(CellError::plain(
            "Interrupted",
            "the command was interrupted; all variables are kept",
        ));
    }
    if status.success() {
        return Ok(());
    }
    Err(CellError::plain(
        "ShellError",
        &format!("the command failed ({status}); help: add `|| true` to ignore the failure"),
    ))
}
