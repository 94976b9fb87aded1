//! `rask doctor`: checks each part of the installation, reports what it found, and names the
//! command that fixes a problem.

use crate::error::Result;
use crate::eval::runtime::Runtime;
use crate::steps::output;
use crate::{install, lab};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// A check: its name, and either what it found or the problem and its fix.
type Check = (&'static str, std::result::Result<String, (String, &'static str)>);

const LAB: &str = "cargo lab --no-start";

/// Runs all checks; returns 1 if one fails.
pub(crate) fn run() -> Result<i32> {
    let spec = read_spec();
    let runtime =
        spec.as_ref().ok().and_then(|s| Runtime::open(Path::new(s["argv"][3].as_str()?)).ok());
    let checks = [
        ("kernelspec", kernelspec(&spec)),
        ("runtime", found_runtime(runtime.as_ref())),
        ("compiler", compiler(runtime.as_ref())),
        ("rust-src", rust_src(runtime.as_ref())),
        ("linker", linker()),
        ("front end", front_end()),
        ("python", python()),
    ];
    let mut failed = 0;
    for (name, outcome) in &checks as &[Check] {
        match outcome {
            Ok(found) => println!("\x1b[32mok\x1b[0m    {name}: {found}"),
            Err((problem, mend)) => {
                failed += 1;
                println!("\x1b[31mbad\x1b[0m   {name}: {problem}\n      help: {mend}");
            }
        }
    }
    println!(
        "{}",
        if failed == 0 {
            "all checks passed".to_owned()
        } else {
            format!("{failed} of {} checks failed", checks.len())
        }
    );
    Ok(i32::from(failed > 0))
}

fn read_spec() -> std::result::Result<Value, String> {
    let path = install::kernelspec().join("kernel.json");
    let text = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    serde_json::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))
}

fn kernelspec(
    spec: &std::result::Result<Value, String>,
) -> std::result::Result<String, (String, &'static str)> {
    let spec = spec.as_ref().map_err(|e| (e.clone(), LAB))?;
    let program = spec["argv"][0].as_str().unwrap_or_default();
    if Path::new(program).is_file() {
        Ok(format!("{} starts {program}", install::kernelspec().display()))
    } else {
        Err((format!("it starts {program}, which does not exist"), LAB))
    }
}

fn found_runtime(runtime: Option<&Runtime>) -> std::result::Result<String, (String, &'static str)> {
    let runtime = runtime
        .ok_or(("the folder named by the kernelspec contains no runtime".to_owned(), LAB))?;
    match std::fs::metadata(runtime.library()) {
        Ok(m) => Ok(format!(
            "{} ({} MB, {} prebuilt crates)",
            runtime.library().display(),
            m.len() >> 20,
            runtime.manifest.crates.len()
        )),
        Err(e) => Err((format!("{}: {e}", runtime.library().display()), LAB)),
    }
}

fn compiler(runtime: Option<&Runtime>) -> std::result::Result<String, (String, &'static str)> {
    let runtime = runtime.ok_or(("unknown without a runtime".to_owned(), LAB))?;
    let rustc = runtime.tool("rustc");
    let output = output(Command::new(&rustc).arg("-vV")).map_err(|e| (e.to_string(), LAB))?;
    let now = output.lines().next().unwrap_or_default();
    if now == runtime.manifest.rustc {
        Ok(format!("{now} at {}", rustc.display()))
    } else {
        Err((
            format!(
                "the runtime was built with {}, but {} is {now}",
                runtime.manifest.rustc,
                rustc.display()
            ),
            LAB,
        ))
    }
}

fn rust_src(runtime: Option<&Runtime>) -> std::result::Result<String, (String, &'static str)> {
    let runtime = runtime.ok_or(("unknown without a runtime".to_owned(), LAB))?;
    let source = runtime.manifest.sysroot.join("lib/rustlib/src/rust/library");
    if source.join("std/src/lib.rs").is_file() {
        Ok(source.display().to_string())
    } else {
        Err((format!("{} is missing", source.display()), "rustup component add rust-src"))
    }
}

fn linker() -> std::result::Result<String, (String, &'static str)> {
    match output(Command::new("cc").arg("--version")) {
        Ok(text) => Ok(text.lines().next().unwrap_or_default().to_owned()),
        Err(e) => {
            Err((e.to_string(), "install a C compiler, on Debian and Ubuntu: apt-get install gcc"))
        }
    }
}

fn front_end() -> std::result::Result<String, (String, &'static str)> {
    let python = lab::python();
    let code = "import jupyterlab, ipywidgets; print('JupyterLab', jupyterlab.__version__, 'with ipywidgets', ipywidgets.__version__)";
    match output(Command::new(&python).args(["-c", code])) {
        Ok(text) => Ok(format!("{} in {}", text.trim(), lab::venv().display())),
        Err(_) => Err((format!("JupyterLab not found in {}", lab::venv().display()), LAB)),
    }
}

fn python() -> std::result::Result<String, (String, &'static str)> {
    match output(Command::new("python3").arg("--version")) {
        Ok(text) => Ok(text.trim().to_owned()),
        Err(e) => Err((
            e.to_string(),
            "install Python 3, on Debian and Ubuntu: apt-get install python3 python3-venv",
        )),
    }
}
