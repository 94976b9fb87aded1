//! Processes that end with their parent, however that ends.

use crate::error::{Error, Result};
use rustix::process::{
    Signal, getppid, kill_current_process_group, set_parent_process_death_signal,
};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Command, Stdio};

/// Makes the system kill this process when its parent ends.
pub(crate) fn hold() {
    let parent = getppid();
    // Without support of the system, the process ends by itself.
    let _ = set_parent_process_death_signal(Some(Signal::KILL));
    if getppid() != parent {
        // The parent has already ended.
        std::process::exit(1);
    }
}

/// Returns a command that ends with this process: this program, which calls [`hold`] and then
/// executes the real one.
pub(in crate::eval) fn command(program: &Path) -> Command {
    match std::env::current_exe() {
        Ok(me) => {
            let mut command = Command::new(me);
            command.arg(ROLE).arg(program);
            command
        }
        // Without its own path, this program cannot be used as the wrapper.
        Err(_) => Command::new(program),
    }
}

/// Like [`command`], for a program that starts others: all of them are one process group, which is
/// killed when this process closes the standard input of the program, or ends.
pub(in crate::eval) fn group(program: &Path) -> Command {
    let mut out = Command::new(std::env::current_exe().unwrap_or_else(|_| "rask".into()));
    out.args([ROLE, GROUP]).arg(program).process_group(0).stdin(Stdio::piped());
    out
}

/// The first argument of this program in this role.
pub(crate) const ROLE: &str = "end-with-parent";
const GROUP: &str = "--group";

/// `rask end-with-parent [--group] PROGRAM ARGS`.
///
/// # Errors
/// Returns an error if the program cannot be started.
pub(crate) fn run(args: &[String]) -> Result<i32> {
    let (grouped, args) = match args {
        [flag, rest @ ..] if flag == GROUP => (true, rest),
        _ => (false, args),
    };
    let Some((program, args)) = args.split_first() else {
        return Err(Error::Usage("this command is started by the kernel only".to_owned()));
    };
    let failed = |source| Error::Start { command: program.clone(), source };
    if !grouped {
        hold();
        return Err(failed(Command::new(program).args(args).exec()));
    }
    let mut child =
        Command::new(program).args(args).stdin(Stdio::null()).spawn().map_err(failed)?;
    std::thread::spawn(|| {
        // Nothing is ever written: the copy ends when the other end is closed.
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        let _ = kill_current_process_group(Signal::KILL);
    });
    let status = child.wait().map_err(failed)?;
    Ok(status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0)))
}
