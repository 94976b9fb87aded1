//! Processes that end with the one that started them, however that ends.

use crate::error::{Error, Result};
use rustix::process::{Signal, getppid, kill_current_process_group, set_parent_process_death_signal};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Command, Stdio};

/// Has the system end this process when its parent ends.
pub(crate) fn hold() {
    let parent = getppid();
    // A system that cannot do it leaves the process to end by itself.
    let _ = set_parent_process_death_signal(Some(Signal::KILL));
    if getppid() != parent {
        // It ended a moment ago.
        std::process::exit(1);
    }
}

/// A command that ends with this process: this program, which asks the system for that and becomes the real one.
pub(in crate::eval) fn command(program: &Path) -> Command {
    match std::env::current_exe() {
        Ok(me) => {
            let mut command = Command::new(me);
            command.arg(ROLE).arg(program);
            command
        }
        // Without knowing itself this program cannot hold anybody.
        Err(_) => Command::new(program),
    }
}

/// As [`command`], for a program that starts others: all of them are one process group, which ends when this process closes
/// the program's standard input, or ends itself.
pub(in crate::eval) fn group(program: &Path) -> Command {
    let mut out = Command::new(std::env::current_exe().unwrap_or_else(|_| "rask".into()));
    out.args([ROLE, GROUP]).arg(program).process_group(0).stdin(Stdio::piped());
    out
}

/// How this program is called for it.
pub(crate) const ROLE: &str = "end-with-parent";
const GROUP: &str = "--group";

/// `rask end-with-parent [--group] PROGRAM ARGS`.
///
/// # Errors
/// A program that cannot be started.
pub(crate) fn run(args: &[String]) -> Result<i32> {
    let (grouped, args) = match args {
        [flag, rest @ ..] if flag == GROUP => (true, rest),
        _ => (false, args),
    };
    let Some((program, args)) = args.split_first() else { return Err(Error::Usage("only the kernel calls this".to_owned())) };
    let failed = |source| Error::Start { command: program.clone(), source };
    if !grouped {
        hold();
        return Err(failed(Command::new(program).args(args).exec()));
    }
    let mut child = Command::new(program).args(args).stdin(Stdio::null()).spawn().map_err(failed)?;
    std::thread::spawn(|| {
        // Nothing is ever written: this ends with the one who holds the other end.
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        let _ = kill_current_process_group(Signal::KILL);
    });
    let status = child.wait().map_err(failed)?;
    Ok(status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0)))
}
