//! `rask`: the Jupyter kernel and its command line. This file only wires the parts together.
//!
//! # Modules, in reading order
//!
//! | module | what it is for | may use |
//! |---|---|---|
//! | `error` | every error, with its fix | nothing |
//! | `protocol` | bytes to typed messages and back; pure | `error` |
//! | `outbox` | the only writer of iopub | the above |
//! | `history` | the history of executed cells, on disk | `error` |
//! | `eval` | compiles and runs cells | the above |
//! | `handlers` | request handlers, one file per topic | the above |
//! | `server` | the sockets and the event loop | the above |
//! | `steps`, `build`, `install` | what the commands have in common; building and installing the runtime | `error`, `eval::runtime` |
//! | `lab`, `doctor`, `clean`, `verify` | the other commands of the program | the above |
//!
//! One binary has several roles, selected by how it is called: the kernel, the evaluator process
//! (`eval::child`), and the stand-ins for cargo, rustup and rustc that evcxr calls (`eval::tools`).

mod build;
mod clean;
mod doctor;
mod error;
mod eval;
mod handlers;
mod history;
mod install;
mod lab;
mod outbox;
mod protocol;
mod server;
mod steps;
mod verify;

use error::{Error, Result};
use eval::runtime::Runtime;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

const HELP: &str = "rask: a Jupyter kernel for Rust with a lazy parallel runtime

  rask lab [--no-start] [--no-browser] [--port N]   set everything up and open JupyterLab
  rask lab --run FILE.ipynb [--output COPY.ipynb]   run a notebook without a browser
  rask verify                                       run every test
  rask doctor                                       check the installation
  rask clean [--dry-run]                            remove builds that no kernel uses
  rask kernel --runtime DIR CONNECTION_FILE         serve one kernel (called by Jupyter)

In the source folder, `cargo lab` and `cargo verify` build this program first.";

fn main() -> ExitCode {
    let mut args = std::env::args();
    let called = args.next().unwrap_or_default();
    let args: Vec<String> = args.collect();
    let name = Path::new(&called).file_name().and_then(|n| n.to_str()).unwrap_or_default();
    match dispatch(name, &args) {
        Ok(code) => ExitCode::from(u8::try_from(code).unwrap_or(1)),
        Err(e) => {
            eprintln!("rask: {e}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(name: &str, args: &[String]) -> Result<i32> {
    if let Some((_, tool)) = eval::tools::TOOLS.iter().find(|(n, _)| *n == name) {
        let (runtime, session) = surroundings()?;
        return tool(&runtime, &session, args);
    }
    if let [role, rest @ ..] = args
        && role == eval::tools::parent_death::ROLE
    {
        return eval::tools::parent_death::run(rest);
    }
    if std::env::var_os(eval::tools::rustc::MARKER).is_some()
        && args.first().is_some_and(|a| a.ends_with("rustc"))
    {
        let (runtime, session) = surroundings()?;
        return eval::tools::rustc::wrap(&runtime, &session, args);
    }
    let (command, rest) = args.split_first().map_or(("help", args), |(c, r)| (c.as_str(), r));
    match command {
        "lab" => lab::run(rest),
        "verify" => verify::run(),
        "doctor" => doctor::run(),
        "clean" => clean::run(rest),
        "kernel" => kernel(rest),
        "evaluate" => {
            let (runtime, session) = surroundings()?;
            eval::child::run(&runtime, &session)
        }
        "help" | "--help" | "-h" => {
            println!("{HELP}");
            Ok(0)
        }
        "--version" => {
            println!("rask {}", env!("CARGO_PKG_VERSION"));
            Ok(0)
        }
        other => Err(Error::Usage(format!("unknown command {other:?}\n{HELP}"))),
    }
}

/// Returns the runtime and the session's folder that the kernel passed to this process.
fn surroundings() -> Result<(Runtime, PathBuf)> {
    let folder = |name: &str| {
        std::env::var_os(name).map(PathBuf::from).ok_or_else(|| {
            Error::Usage(format!("this command is started by the kernel only: {name} is not set"))
        })
    };
    Ok((Runtime::open(&folder(rask_wire::env::RUNTIME)?)?, folder(rask_wire::env::SESSION)?))
}

/// `rask kernel`: creates the session's folder, executes itself again in the environment that evcxr
/// should see, then serves. Tools are called by absolute path, whatever the shell or a toolchain
/// file in the working folder says.
fn kernel(args: &[String]) -> Result<i32> {
    let usage = || Error::Usage("usage: rask kernel --runtime DIR CONNECTION_FILE".to_owned());
    let [flag, folder, file] = args else { return Err(usage()) };
    if flag != "--runtime" {
        return Err(usage());
    }
    if std::env::var_os(eval::tools::rustc::MARKER).is_none() {
        return enter_session(Path::new(folder), args);
    }
    let text = std::fs::read_to_string(file).map_err(Error::file(file))?;
    let connection = serde_json::from_str(&text)
        .map_err(|e| Error::Format { what: file.clone(), message: e.to_string() })?;
    let (runtime, session) = surroundings()?;
    let served = server::serve(&connection, runtime, session.clone());
    let _ = std::fs::remove_dir_all(&session);
    // Threads of evcxr may still wait for a process that has exited.
    if let Err(e) = served {
        eprintln!("rask: {e}");
        std::process::exit(1);
    }
    std::process::exit(0);
}

/// Removes the session folders of kernels that were killed.
fn remove_dead_sessions() {
    for entry in std::fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten() {
        let folder = entry.path();
        let named = folder
            .file_name()
            .and_then(|n| n.to_str())
            .is_some_and(|n| n.starts_with("rask-session-"));
        let owner = std::fs::read_to_string(folder.join("owner.pid")).ok();
        if named && owner.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            // Another kernel may be removing it as well.
            let _ = std::fs::remove_dir_all(&folder);
        }
    }
}

fn enter_session(folder: &Path, args: &[String]) -> Result<i32> {
    let runtime = Runtime::open(folder)?;
    let me = std::env::current_exe().map_err(Error::file("/proc/self/exe"))?;
    remove_dead_sessions();
    let session = tempfile::Builder::new()
        .prefix("rask-session-")
        .tempdir()
        .map_err(Error::file(std::env::temp_dir()))?
        .keep();
    // `exec` keeps the process id.
    let owner = session.join("owner.pid");
    std::fs::write(&owner, std::process::id().to_string()).map_err(Error::file(owner))?;
    let toolchain = eval::tools::files::toolchain(&session);
    let bin = toolchain.join("bin");
    std::fs::create_dir_all(&bin).map_err(Error::file(&bin))?;
    for (tool, _) in eval::tools::TOOLS {
        let link = bin.join(tool);
        std::os::unix::fs::symlink(&me, &link).map_err(Error::file(link))?;
    }
    let user_path = std::env::var_os("PATH").unwrap_or_default();
    let mut path = bin.clone().into_os_string();
    path.push(":");
    path.push(&user_path);
    let mut command = Command::new(&me);
    command.arg("kernel").args(args).env("PATH", path).env("RASK_USER_PATH", user_path);
    for name in [
        "RUSTFLAGS",
        "CARGO_ENCODED_RUSTFLAGS",
        "RUSTC_WORKSPACE_WRAPPER",
        "CARGO_TARGET_DIR",
        "CARGO_BUILD_TARGET",
    ] {
        command.env_remove(name);
    }
    command
        .env("RUSTUP_TOOLCHAIN", &toolchain)
        .env("CARGO", bin.join("cargo"))
        .env("RUSTC", bin.join("rustc"))
        .env("RUSTC_WRAPPER", &me)
        .env(eval::tools::rustc::MARKER, "1")
        .env(rask_wire::env::RUNTIME, &runtime.folder)
        .env(rask_wire::env::SESSION, &session)
        .env("EVCXR_TMPDIR", session.join("crate"))
        .env("EVCXR_CONFIG_DIR", session.join("config"));
    let source = command.exec();
    Err(Error::Start { command: me.display().to_string(), source })
}
