//! `rask lab`: sets everything up and opens JupyterLab, or runs a notebook without a browser.

use crate::error::{Error, Result};
use crate::install;
use crate::steps::{self, announce, output};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The packages of the virtual environment.
const REQUIREMENTS: &str = include_str!("../../assets/python/requirements.txt");
/// Runs a notebook and writes the executed copy, even if a cell fails.
const RUNNER: &str = include_str!("../../assets/python/run_notebook.py");

/// Returns the folder of the virtual environment with JupyterLab.
pub(crate) fn venv() -> PathBuf {
    install::home().join("venv")
}

/// Returns the path of the environment's Python.
pub(crate) fn python() -> PathBuf {
    venv().join("bin/python")
}

/// The options of `rask lab`.
#[derive(Debug, Default, PartialEq, Eq)]
struct Options {
    start: bool,
    browser: bool,
    port: Option<u16>,
    run: Option<PathBuf>,
    output: Option<PathBuf>,
}

impl Options {
    fn read(args: &[String]) -> Result<Self> {
        let mut options = Self { start: true, browser: true, ..Self::default() };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let mut value =
                || args.next().ok_or_else(|| Error::Usage(format!("{arg} needs a value")));
            match arg.as_str() {
                "--no-start" => options.start = false,
                "--no-browser" => options.browser = false,
                "--port" => {
                    let port = value()?;
                    let number = port.parse().map_err(|_| {
                        Error::Usage(format!(
                            "--port: invalid port {port:?}: expected a number from 1 to 65535"
                        ))
                    })?;
                    options.port = Some(number);
                }
                "--run" => options.run = Some(PathBuf::from(value()?)),
                "--output" => options.output = Some(PathBuf::from(value()?)),
                other => {
                    return Err(Error::Usage(format!(
                        "lab: unknown option {other:?}; expected --no-start, --no-browser, --port, --run or --output"
                    )));
                }
            }
        }
        Ok(options)
    }
}

/// Sets up what is missing, then opens JupyterLab or runs the notebook.
pub(crate) fn run(args: &[String]) -> Result<i32> {
    let options = Options::read(args)?;
    if let Some(file) = &options.run
        && !file.is_file()
    {
        return Err(Error::setup(
            format!("notebook {} not found", file.display()),
            "give the path of an .ipynb file after --run",
        ));
    }
    if let Some(port) = options.port {
        TcpListener::bind(("127.0.0.1", port)).map_err(|e| {
            Error::setup(
                format!("port {port} cannot be used: {e}"),
                "choose another one with --port, or omit --port",
            )
        })?;
    }
    let runtime = install::install()?;
    announce(&format!("the kernel is installed: {}", install::kernelspec().display()));
    need_packages(REQUIREMENTS, "rask-requirements.txt")?;
    announce(&format!("the front end is in {}", venv().display()));
    if let Some(file) = &options.run {
        return run_notebook(file, options.output.as_deref());
    }
    if !options.start {
        announce(&format!(
            "everything is set up (build {}, {:.1} CPU minutes); `cargo lab` opens JupyterLab",
            runtime.manifest.build_id,
            steps::cpu_time_of_children().as_secs_f64() / 60.0
        ));
        return Ok(0);
    }
    start(&options)
}

/// Creates the environment if it is missing, and installs the packages if the list has changed.
pub(crate) fn need_packages(requirements: &str, stamp: &str) -> Result<()> {
    let stamp = venv().join(stamp);
    if python().is_file() && std::fs::read_to_string(&stamp).is_ok_and(|t| t == requirements) {
        return Ok(());
    }
    if !python().is_file() {
        announce(&format!("creating a Python environment in {}", venv().display()));
        output(Command::new("python3").args(["-m", "venv", "--clear"]).arg(venv())).map_err(|e| {
            let mend = "install Python 3 with its venv module; on Debian and Ubuntu: apt-get install python3 python3-venv";
            Error::setup(format!("cannot create a Python environment: {e}"), mend)
        })?;
    }
    let names: Vec<_> =
        requirements.lines().filter(|l| !l.is_empty() && !l.starts_with('#')).collect();
    announce(&format!("installing {}", names.join(", ")));
    output(
        Command::new(python())
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
            .args(&names),
    )?;
    steps::write(&stamp, requirements)
}

fn start(options: &Options) -> Result<i32> {
    let notebooks = install::source()?.join("notebooks");
    let mut command = Command::new(python());
    command.args(["-m", "jupyterlab", "--notebook-dir"]).arg(&notebooks);
    // Containers often have no user but root.
    if rustix::process::geteuid().is_root() {
        command.arg("--allow-root");
    }
    if !options.browser {
        command.arg("--no-browser");
    }
    if let Some(port) = options.port {
        command.args(["--port", &port.to_string(), "--ServerApp.port_retries=0"]);
    }
    command.arg("--LabApp.default_url=/lab/tree/00-tour.ipynb");
    announce(&format!("opening JupyterLab in {} (Ctrl-C ends it)", notebooks.display()));
    let source = command.exec();
    Err(Error::Start { command: "jupyter lab".to_owned(), source })
}

fn run_notebook(file: &Path, copy: Option<&Path>) -> Result<i32> {
    let copy = copy.map_or_else(|| file.with_extension("executed.ipynb"), Path::to_owned);
    announce(&format!("running {}", file.display()));
    let status = Command::new(python()).args(["-c", RUNNER]).arg(file).arg(&copy).status();
    let status = status
        .map_err(|source| Error::Start { command: "the notebook runner".to_owned(), source })?;
    announce(&format!("the executed copy is {}", copy.display()));
    Ok(status.code().unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_and_wrong_ones_named() {
        let read =
            |a: &[&str]| Options::read(&a.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>());
        let o = read(&["--no-browser", "--port", "8899"]).unwrap();
        assert_eq!((o.start, o.browser, o.port), (true, false, Some(8899)));
        assert_eq!(read(&["--run", "a.ipynb"]).unwrap().run, Some(PathBuf::from("a.ipynb")));
        for (args, part) in [
            (&["--port", "x"][..], "65535"),
            (&["--port"], "needs a value"),
            (&["--nobrowser"], "--no-browser"),
        ] {
            assert!(read(args).unwrap_err().to_string().contains(part));
        }
    }
}
