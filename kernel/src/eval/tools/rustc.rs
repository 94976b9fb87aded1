//! The compilation of a cell: the arguments of rustc, and the wrapper of rustc that cargo calls if
//! a session has dependencies of its own. Both link a cell against the prebuilt runtime instead of
//! its source.

use super::compiler::compile;
use super::files::Request;
use super::parent_death;
use super::replay::Replay;
use crate::error::{Error, Result};
use crate::eval::runtime::Runtime;
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

/// Set by the kernel for the compilers that it starts: this program then acts as the wrapper of
/// rustc.
pub(crate) const MARKER: &str = "RASK_WRAPS_RUSTC";
/// The content of a stub file that represents a prebuilt library; the path follows.
const STUB: &str = "rask-prebuilt:";

/// The parsed arguments of a rustc call.
#[derive(Debug, Default, PartialEq, Eq)]
struct Call {
    crate_name: String,
    crate_type: String,
    out_dir: String,
    extra: String,
    emit: String,
    features: Vec<String>,
    /// Compiled for the target (to run in cells), not for the host (as build scripts and macros
    /// are).
    for_target: bool,
}

impl Call {
    fn read(args: &[String]) -> Self {
        let mut call = Self::default();
        let mut args = args.iter().peekable();
        while let Some(arg) = args.next() {
            // Cargo writes `--name value` and `--name=value`.
            let (name, value) = match arg.split_once('=') {
                Some((name, value)) if name.starts_with("--") => (name, value.to_owned()),
                _ => (arg.as_str(), args.peek().map(|a| (*a).clone()).unwrap_or_default()),
            };
            match name {
                "--crate-name" => call.crate_name = value,
                "--crate-type" => call.crate_type = value,
                "--out-dir" => call.out_dir = value,
                "--emit" => call.emit = value,
                "--target" => call.for_target = true,
                "-C" => {
                    if let Some(extra) = value.strip_prefix("extra-filename=") {
                        extra.clone_into(&mut call.extra);
                    }
                }
                "--cfg" => {
                    if let Some(feature) =
                        value.strip_prefix("feature=\"").and_then(|f| f.strip_suffix('"'))
                    {
                        call.features.push(feature.to_owned());
                    }
                }
                _ => {}
            }
        }
        call
    }
}

/// Runs the wrapper of rustc: `args` are the compiler and its arguments. Returns the exit code.
///
/// # Errors
/// Returns an error if the compiler cannot be started or a stub cannot be written.
pub(crate) fn wrap(runtime: &Runtime, session: &Path, args: &[String]) -> Result<i32> {
    parent_death::hold();
    let Some((rustc, args)) = args.split_first() else {
        return Err(Error::Usage("missing the path of the compiler".to_owned()));
    };
    let call = Call::read(args);
    if let Some(prebuilt) = stub_of(runtime, &call) {
        write_stub(&call, &prebuilt)?;
        return Ok(0);
    }
    let mut out = Vec::new();
    let mut rest = args.iter();
    let is_cell = call.crate_name == "ctx";
    while let Some(arg) = rest.next() {
        // The types of a cell must be the same whether or not cargo compiles it: drop cargo's crate
        // metadata.
        if is_cell
            && arg == "-C"
            && rest.as_slice().first().is_some_and(|a| a.starts_with("metadata="))
        {
            rest.next();
            continue;
        }
        out.push(OsString::from(arg));
        if arg == "--extern"
            && let Some(extern_) = rest.next()
        {
            out.push(swap(extern_));
        }
    }
    if is_cell {
        out.push(format!("-Copt-level={}", Request::read(session).level).into());
        out.extend(cell_args(runtime));
    } else if call.crate_type != "proc-macro" && call.crate_name != "build_script_build" {
        // A crate that uses a prebuilt one must find the dependencies of that one.
        out.extend([OsString::from("-L"), dependency(runtime)]);
    }
    if is_cell && call.crate_type == "cdylib" && call.emit.contains("link") {
        let text: Vec<String> = out.iter().map(|a| a.to_string_lossy().into_owned()).collect();
        Replay::note(session, rustc, &without_level(&text))?;
    }
    let status = parent_death::command(Path::new(rustc))
        .args(&out)
        .status()
        .map_err(|source| Error::Start { command: rustc.clone(), source })?;
    Ok(status.code().unwrap_or(1))
}

/// Returns the arguments without the optimisation level, which is chosen for each cell.
fn without_level(args: &[String]) -> Vec<String> {
    args.iter().filter(|a| !a.starts_with("-Copt-level=")).cloned().collect()
}

/// Repeats a rustc call for a cell.
pub(super) fn run(session: &Path, command: &mut Command) -> Result<i32> {
    command.arg(format!("-Copt-level={}", Request::read(session).level));
    compile(command, session)
}

/// Finds the prebuilt library for the crate of this call: the same package and version, with all
/// requested features.
fn stub_of(runtime: &Runtime, call: &Call) -> Option<String> {
    if call.crate_type == "bin" || call.crate_type == "cdylib" || call.out_dir.is_empty() {
        return None;
    }
    if call.crate_name == "rask" {
        return Some(runtime.library().display().to_string());
    }
    // Libraries linked by build scripts and macros must be compiled; only the macros themselves can
    // be prebuilt.
    if !call.for_target && call.crate_type != "proc-macro" {
        return None;
    }
    let package = std::env::var("CARGO_PKG_NAME").ok()?;
    let version = std::env::var("CARGO_PKG_VERSION").ok()?;
    let fits = |p: &&crate::eval::runtime::Prebuilt| {
        p.package == package
            && p.version == version
            && p.name == call.crate_name
            && call.features.iter().all(|f| p.features.contains(f))
    };
    let found = runtime.manifest.crates.iter().find(fits)?;
    Some(runtime.deps().join(&found.file).display().to_string())
}

/// Writes the output files that cargo expects.
fn write_stub(call: &Call, prebuilt: &str) -> Result<()> {
    let folder = Path::new(&call.out_dir);
    let stem = format!("{}{}", call.crate_name, call.extra);
    let content = format!("{STUB}{prebuilt}");
    let library = if call.crate_type == "proc-macro" {
        format!("lib{stem}.so")
    } else {
        format!("lib{stem}.rlib")
    };
    let mut names = vec![library, format!("lib{stem}.rmeta")];
    if !call.emit.contains("link") {
        names.remove(0);
    }
    for name in names {
        let path = folder.join(name);
        std::fs::write(&path, &content).map_err(Error::file(path))?;
    }
    let path = folder.join(format!("{stem}.d"));
    std::fs::write(&path, format!("{}:\n", path.display())).map_err(Error::file(path))
}

/// Replaces the path in `name=path` by that of the prebuilt library, if the file at `path` is a
/// stub.
fn swap(extern_: &str) -> OsString {
    if let Some((name, path)) = extern_.split_once('=')
        && std::fs::metadata(path).is_ok_and(|m| m.len() < 4096)
        && let Ok(text) = std::fs::read_to_string(path)
        && let Some(prebuilt) = text.strip_prefix(STUB)
    {
        return format!("{name}={prebuilt}").into();
    }
    extern_.into()
}

fn dependency(runtime: &Runtime) -> OsString {
    let mut out = OsString::from("dependency=");
    out.push(runtime.deps());
    out
}

fn joined(prefix: &str, path: &Path) -> OsString {
    let mut out = OsString::from(prefix);
    out.push(path);
    out
}

/// Returns the arguments of every cell: the runtime, the metadata of its dependencies, and the
/// paths to find both when the cell is loaded (absolute, as evcxr moves the library).
fn cell_args(runtime: &Runtime) -> Vec<OsString> {
    let lib = runtime.folder.join("lib");
    vec![
        "--extern".into(),
        joined("rask=", &runtime.library()),
        "-L".into(),
        dependency(runtime),
        "-C".into(),
        "lto=off".into(),
        "-C".into(),
        "rpath=no".into(),
        joined("-Clink-arg=-Wl,-rpath,", &lib),
        joined("-Clink-arg=-Wl,-rpath,", &runtime.std_folder()),
    ]
}

/// What rustc makes of a cell.
pub(super) enum Emit {
    /// Nothing but messages.
    Metadata,
    /// A library that can be loaded.
    Library,
    /// An object, whose path is among the messages.
    Object,
}

impl Emit {
    /// Returns the arguments for it. Several codegen units produce more code altogether, but on
    /// several threads; only of a single one does rustc tell the object.
    fn args(&self) -> &'static [&'static str] {
        match self {
            Self::Metadata => &["--emit=metadata"],
            Self::Library => &["--emit=link", "-Ccodegen-units=4"],
            Self::Object => &["--emit=obj", "-Ccodegen-units=1", "--json=artifacts"],
        }
    }
}

/// Returns the rustc call for a cell of a session without dependencies of its own, which needs no
/// cargo.
pub(super) fn plain_cell(
    runtime: &Runtime,
    source: &str,
    out_dir: &str,
    emit: &Emit,
    opt_level: &str,
) -> Command {
    let mut command = parent_death::command(&runtime.tool("rustc"));
    command.args(["--crate-name", "ctx", "--edition=2024", source, "--crate-type", "cdylib"]);
    command.args(["--error-format=json", "--json=diagnostic-rendered-ansi"]);
    command.args(emit.args());
    command.args(["--out-dir", out_dir, "--target", &runtime.manifest.host]);
    command.arg(format!("-Copt-level={opt_level}"));
    command.args(["-Cprefer-dynamic", "-Cstrip=debuginfo", "-Coverflow-checks=on"]);
    // Debug assertions also enable the library's checks of its own unsafe code, in the innermost
    // loops of closures.
    command.arg(if matches!(opt_level, "0" | "1") {
        "-Cdebug-assertions=on"
    } else {
        "-Cdebug-assertions=off"
    });
    command.args(cell_args(runtime));
    for p in runtime.manifest.crates.iter().filter(|p| p.direct) {
        command.arg("--extern").arg(joined(&format!("{}=", p.name), &runtime.deps().join(&p.file)));
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_read_in_both_spellings() {
        let args = [
            "--crate-name",
            "chrono",
            "--edition=2021",
            "x.rs",
            "--crate-type",
            "lib",
            "--emit=dep-info,metadata,link",
            "-C",
            "extra-filename=-12",
        ];
        let mut args: Vec<String> = args.iter().map(|a| (*a).to_owned()).collect();
        args.extend(["--cfg", "feature=\"std\"", "--out-dir", "/t"].map(str::to_owned));
        let call = Call::read(&args);
        assert_eq!(
            (call.crate_name.as_str(), call.extra.as_str(), call.out_dir.as_str()),
            ("chrono", "-12", "/t")
        );
        assert_eq!(
            (call.features, call.emit.as_str()),
            (vec!["std".to_owned()], "dep-info,metadata,link")
        );
    }

    #[test]
    fn an_extern_is_swapped_only_where_a_stub_stands() {
        let dir = tempfile::tempdir().unwrap();
        let (stub, real) = (dir.path().join("a.rlib"), dir.path().join("b.rlib"));
        std::fs::write(&stub, format!("{STUB}/p/libchrono.rlib")).unwrap();
        std::fs::write(&real, "!<arch>").unwrap();
        assert_eq!(swap(&format!("chrono={}", stub.display())), "chrono=/p/libchrono.rlib");
        assert_eq!(
            swap(&format!("b={}", real.display())).to_str().unwrap(),
            format!("b={}", real.display())
        );
        assert_eq!(swap("core"), "core");
    }
}
