//! `rask verify`: runs every test in one command. Installs what the tests need and shows the
//! progress.

use crate::error::{Error, Result};
use crate::install;
use crate::lab;
use crate::steps::{announce, cargo, output};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

const REQUIREMENTS: &str = include_str!("../../tests/requirements.txt");

/// Runs everything; returns an error at the first step that fails.
pub(crate) fn run() -> Result<i32> {
    let root = install::source()?;
    let began = Instant::now();
    let browser = find_browser()?;
    want_graphviz();
    let checks: [(&str, &[&str]); 4] = [
        ("formatting", &["fmt", "--all", "--check"]),
        (
            "unit tests, documentation examples, structure, and the kernel through a strict client",
            &["test", "--release", "--workspace"],
        ),
        ("lints", &["clippy", "--release", "--workspace", "--all-targets", "--", "-D", "warnings"]),
        ("documentation", &["doc", "--release", "--workspace", "--no-deps"]),
    ];
    let total = checks.len() + 3;
    let step = |i: usize, what: &str| {
        announce(&format!(
            "step {i} of {total}: {what} ({} min so far)",
            began.elapsed().as_secs() / 60
        ))
    };
    // The strict client among the tests talks to the installed kernel.
    step(1, "installing the kernel");
    lab::run(&["--no-start".to_owned()])?;
    for (i, (what, args)) in checks.iter().enumerate() {
        step(i + 2, what);
        check(cargo(&root).args(*args).env("RUSTDOCFLAGS", "-D warnings"))?;
    }
    step(total - 1, "Python packages of the tests");
    lab::need_packages(REQUIREMENTS, "rask-test-requirements.txt")?;
    step(total, "the installed kernel: protocol, notebooks, JupyterLab in a browser");
    let mut command = Command::new(lab::python());
    command.arg(root.join("tests/run.py")).current_dir(&root).env("RASK_BROWSER", browser);
    // One of the tests reads the list of generics from these pages.
    command.env("RASK_PAGES", pages(&root)?);
    // The tests start kernels as a user's Jupyter would: without the variables that cargo sets for
    // this program.
    for (name, _) in std::env::vars_os()
        .filter(|(n, _)| n.to_string_lossy().starts_with("CARGO_") || n == "RUSTUP_TOOLCHAIN")
    {
        command.env_remove(name);
    }
    check(&mut command)?;
    Ok(0)
}

/// Returns the folder of the runtime's rustdoc pages.
fn pages(root: &Path) -> Result<PathBuf> {
    let text =
        output(cargo(root).args(["metadata", "--no-deps", "--format-version=1", "--offline"]))?;
    let metadata: serde_json::Value = serde_json::from_str(&text)
        .map_err(|e| Error::Format { what: "cargo metadata".to_owned(), message: e.to_string() })?;
    Ok(Path::new(metadata["target_directory"].as_str().unwrap_or_default()).join("doc/rask"))
}

fn check(command: &mut Command) -> Result<()> {
    let shown = format!("{command:?}").replace('"', "");
    let status =
        command.status().map_err(|source| Error::Start { command: shown.clone(), source })?;
    if status.success() {
        return Ok(());
    }
    Err(Error::Command { command: shown, status: status.to_string(), output: String::new() })
}

/// Finds Chromium, or installs it from the system's packages where possible.
fn find_browser() -> Result<PathBuf> {
    if browser().is_none() {
        apt_install("chromium", "Chromium for the browser tests")?;
    }
    browser().ok_or_else(|| {
        Error::setup(
            "the browser tests need Chromium, which was not found",
            "install it, on Debian: apt-get install chromium",
        )
    })
}

/// Installs Graphviz, so that both layouts of task graphs are tested; without it only the one in
/// pure Rust is.
fn want_graphviz() {
    if on_path("dot").is_none()
        && let Err(e) = apt_install("graphviz", "Graphviz for the second layout of task graphs")
    {
        announce(&format!("Graphviz could not be installed, so its layout is not tested: {e}"));
    }
}

/// Installs a system package if this user is allowed to.
fn apt_install(package: &str, what: &str) -> Result<()> {
    if !rustix::process::geteuid().is_root() || !Path::new("/usr/bin/apt-get").is_file() {
        return Ok(());
    }
    announce(&format!("installing {what}"));
    let install = || {
        output(
            Command::new("apt-get")
                .args(["install", "-y", package])
                .env("DEBIAN_FRONTEND", "noninteractive"),
        )
    };
    if install().is_err() {
        output(Command::new("apt-get").arg("update"))?;
        install()?;
    }
    Ok(())
}

/// Finds a program by its name, as the shell would.
fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|f| f.join(name)).find(|p| p.is_file())
}

fn browser() -> Option<PathBuf> {
    ["chromium", "chromium-browser", "google-chrome"].iter().find_map(|n| on_path(n))
}
