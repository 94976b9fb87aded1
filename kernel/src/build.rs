//! Building: the runtime's dependencies and this program by cargo, the runtime as the shared library
//! that cells link to, and everything else that a cell needs to be compiled.

use crate::error::{Error, Result};
use crate::eval::runtime::{Linker, Manifest, Prebuilt};
use crate::protocol::frames::hex;
use crate::steps::{announce, cargo, copy, output, share, walk, write};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// Crates in scope of every cell, as the runtime was built with them.
const IN_SCOPE: [&str; 6] = ["arrow", "chrono", "ndarray", "rand", "regex", "serde"];
/// Flags that build the runtime as a library that cells link to.
const LIBRARY_FLAGS: [&str; 5] = [
    "--crate-type=dylib",
    "-Cprefer-dynamic",
    "-Copt-level=3",
    "-Ccodegen-units=4",
    "--edition=2024",
];

/// The toolchain that the source requires.
pub(crate) struct Toolchain {
    sysroot: PathBuf,
    version: String,
}

impl Toolchain {
    pub(crate) fn find(root: &Path) -> Result<Self> {
        let rustc = |arg: &[&str]| output(Command::new("rustc").args(arg).current_dir(root));
        let sysroot = PathBuf::from(rustc(&["--print", "sysroot"])?.trim());
        Ok(Self { sysroot, version: rustc(&["-vV"])? })
    }

    fn host(&self) -> String {
        self.version.lines().find_map(|l| l.strip_prefix("host: ")).unwrap_or_default().to_owned()
    }

    /// Returns the folder of the toolchain's libraries.
    fn std_folder(&self) -> PathBuf {
        self.sysroot.join("lib/rustlib").join(self.host()).join("lib")
    }

    /// Installs rust-src, from which rust-analyzer infers the types of variables, where it is
    /// missing.
    pub(crate) fn need_source(&self, root: &Path) -> Result<()> {
        if self.sysroot.join("lib/rustlib/src/rust/library/std/src/lib.rs").is_file() {
            return Ok(());
        }
        announce("adding the source of the standard library (rust-src)");
        let added =
            output(Command::new("rustup").args(["component", "add", "rust-src"]).current_dir(root));
        added.map(drop).map_err(|e| {
            Error::setup(
                format!("rust-src is missing and could not be added: {e}"),
                "run `rustup component add rust-src`",
            )
        })
    }
}

/// Hashes everything that a compiled cell depends on.
pub(crate) fn build_id(root: &Path, tools: &Toolchain) -> Result<String> {
    let mut files = vec![
        root.join("Cargo.toml"),
        root.join("Cargo.lock"),
        root.join("assets/fonts/DejaVuSans.ttf"),
    ];
    for folder in ["runtime", "assets/data"] {
        walk(&root.join(folder), &mut files)?;
    }
    files.sort();
    let mut hash = Sha256::new();
    // The layout of the folder is part of the build too.
    hash.update(format!("{}{}", tools.version, include_str!("build.rs")));
    for f in files {
        hash.update(f.strip_prefix(root).unwrap_or(&f).as_os_str().as_encoded_bytes());
        hash.update(std::fs::read(&f).map_err(Error::file(&f))?);
    }
    Ok(hex(&hash.finalize()[..8]))
}

/// A library that cargo built.
#[derive(Debug, Clone)]
struct Artifact {
    name: String,
    features: Vec<String>,
    files: Vec<PathBuf>,
    proc_macro: bool,
}

/// Builds the program and the runtime's dependencies and shows the progress; returns the libraries
/// by package id. The whole workspace is selected, so that features are unified as in every other
/// build of it.
fn artifacts(root: &Path) -> Result<HashMap<String, Artifact>> {
    let total = std::fs::read_to_string(root.join("Cargo.lock"))
        .map_err(Error::file(root.join("Cargo.lock")))?
        .matches("[[package]]")
        .count();
    announce("building the runtime's libraries (the first time takes about 45 minutes on 2 cores)");
    let mut command = cargo(root);
    command
        .args(["build", "--release", "--message-format=json-render-diagnostics"])
        .args(["--features", "rask/dependencies-only"])
        .stdout(Stdio::piped());
    let mut child = command
        .spawn()
        .map_err(|source| Error::Start { command: "cargo build".to_owned(), source })?;
    // It was configured as a pipe above.
    let stdout = child.stdout.take().expect("the output is piped");
    let mut found = HashMap::new();
    let (began, mut seen) = (Instant::now(), HashSet::new());
    for line in BufReader::new(stdout).lines().map_while(std::result::Result::ok) {
        let Ok(message) = serde_json::from_str::<Value>(&line) else { continue };
        if message["reason"] != "compiler-artifact" {
            continue;
        }
        let id = message["package_id"].as_str().unwrap_or_default().to_owned();
        if seen.insert(id.clone()) && std::io::stderr().is_terminal() && message["fresh"] == false {
            eprint!(
                "\r\x1b[2K  {} of about {total} packages, {} min: {}",
                seen.len(),
                began.elapsed().as_secs() / 60,
                message["target"]["name"]
            );
        }
        let kind = |k: &str| {
            message["target"]["kind"].as_array().is_some_and(|a| a.iter().any(|x| x == k))
        };
        let proc_macro = kind("proc-macro");
        // Dependencies of build scripts are compiled again without optimisation; cells never see
        // those.
        if !proc_macro
            && (kind("bin") || kind("custom-build") || message["profile"]["opt_level"] != "3")
        {
            continue;
        }
        let texts = |v: &Value| {
            v.as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let name = message["target"]["name"].as_str().unwrap_or_default().replace('-', "_");
        let files = texts(&message["filenames"]).into_iter().map(PathBuf::from).collect();
        found.insert(
            id,
            Artifact { name, features: texts(&message["features"]), files, proc_macro },
        );
    }
    if std::io::stderr().is_terminal() {
        eprint!("\r\x1b[2K");
    }
    let status = child
        .wait()
        .map_err(|source| Error::Start { command: "cargo build".to_owned(), source })?;
    if !status.success() {
        return Err(Error::Command {
            command: "cargo build --release".to_owned(),
            status: status.to_string(),
            output: String::new(),
        });
    }
    Ok(found)
}

/// A dependency of a package: its package id and the name it is used by.
type Edges = HashMap<String, Vec<(String, String)>>;

/// Each package's name and version, by package id.
type Names = HashMap<String, (String, String)>;

/// Returns the normal (non-build, non-dev) dependencies of each package, and the names of the
/// packages.
fn dependencies(root: &Path, host: &str) -> Result<(Edges, Names)> {
    let args =
        ["metadata", "--format-version=1", "--offline", "--locked", "--filter-platform", host];
    let text = output(cargo(root).args(args))?;
    let metadata: Value = serde_json::from_str(&text)
        .map_err(|e| Error::Format { what: "cargo metadata".to_owned(), message: e.to_string() })?;
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let names =
        packages.map(|p| (text(&p["id"]), (text(&p["name"]), text(&p["version"])))).collect();
    let nodes = metadata["resolve"]["nodes"].as_array().into_iter().flatten();
    let edges = nodes.map(|n| {
        let deps = n["deps"].as_array().into_iter().flatten();
        let running = deps.filter(|d| {
            d["dep_kinds"].as_array().is_some_and(|k| k.iter().any(|k| k["kind"].is_null()))
        });
        (text(&n["id"]), running.map(|d| (text(&d["pkg"]), text(&d["name"]))).collect())
    });
    Ok((edges.collect(), names))
}

/// Fills the folder of a build id atomically.
pub(crate) fn build(root: &Path, tools: &Toolchain, id: &str, folder: &Path) -> Result<()> {
    let built = artifacts(root)?;
    let (edges, names) = dependencies(root, &tools.host())?;
    let is = |id: &&String, name: &str| names.get(*id).is_some_and(|(n, _)| n == name);
    let rask = edges.keys().find(|k| is(k, "rask")).cloned().ok_or_else(|| Error::Format {
        what: "cargo metadata".to_owned(),
        message: "package `rask` not found".to_owned(),
    })?;
    let parent = folder.parent().unwrap_or(folder);
    std::fs::create_dir_all(parent).map_err(Error::file(parent))?;
    let new =
        tempfile::Builder::new().prefix(".new-").tempdir_in(parent).map_err(Error::file(parent))?;
    let at = new.path();
    for sub in ["lib", "deps", "facade", "data", "link"] {
        std::fs::create_dir(at.join(sub)).map_err(Error::file(at.join(sub)))?;
    }
    announce("linking the runtime library");
    link(root, tools, &edges[&rask], &built, &at.join("lib/librask.so"))?;
    let builds = std::fs::read_dir(parent).into_iter().flatten().flatten();
    let others: Vec<PathBuf> = builds.map(|b| b.path().join("deps")).collect();
    let mut crates = Vec::new();
    for dep in closure(&rask, &edges) {
        let Some(artifact) = built.get(&dep) else { continue };
        let wanted = if artifact.proc_macro { "so" } else { "rmeta" };
        let Some(file) = artifact.files.iter().find(|f| f.extension().is_some_and(|e| e == wanted))
        else {
            continue;
        };
        let name = file.file_name().unwrap_or_default();
        share(file, &at.join("deps"), &others)?;
        let (package, version) = names[&dep].clone();
        let direct =
            IN_SCOPE.contains(&package.as_str()) && edges[&rask].iter().any(|(d, _)| *d == dep);
        let (features, file) = (artifact.features.clone(), name.to_string_lossy().into_owned());
        crates.push(Prebuilt {
            package,
            name: artifact.name.clone(),
            version,
            features,
            file,
            direct,
        });
    }
    crates.sort_by(|a, b| (&a.package, &a.version).cmp(&(&b.package, &b.version)));
    facade(root, &at.join("facade"))?;
    for entry in std::fs::read_dir(root.join("assets/data"))
        .map_err(Error::file(root.join("assets/data")))?
        .flatten()
    {
        if entry.path().extension().is_some_and(|e| e == "parquet") {
            copy(&entry.path(), &at.join("data").join(entry.file_name()))?;
        }
    }
    readable_library(&tools.sysroot, at)?;
    copy(&root.join("Cargo.lock"), &at.join("Cargo.lock"))?;
    let rustc = tools.version.lines().next().unwrap_or_default().to_owned();
    let manifest = Manifest {
        build_id: id.to_owned(),
        sysroot: tools.sysroot.clone(),
        rustc,
        host: tools.host(),
        linker: linker(tools, &at.join("link"))?,
        crates,
    };
    write(&at.join("runtime.json"), &json!(manifest).to_string())?;
    std::fs::rename(new.keep(), folder).map_err(Error::file(folder))
}

fn closure(from: &str, edges: &Edges) -> Vec<String> {
    let mut seen = HashSet::new();
    let mut stack = vec![from.to_owned()];
    while let Some(id) = stack.pop() {
        for (dep, _) in edges.get(&id).into_iter().flatten() {
            if seen.insert(dep.clone()) {
                stack.push(dep.clone());
            }
        }
    }
    let mut all: Vec<_> = seen.into_iter().collect();
    all.sort();
    all
}

/// Compiles the runtime into one shared library, from the same dependencies that cargo has built.
/// `cargo rustc` would not do: with one package selected, cargo resolves features again and builds
/// half of the dependencies a second time.
fn link(
    root: &Path,
    tools: &Toolchain,
    deps: &[(String, String)],
    built: &HashMap<String, Artifact>,
    to: &Path,
) -> Result<()> {
    let mut command = Command::new(tools.sysroot.join("bin/rustc"));
    command
        .args(["--crate-name", "rask", "runtime/src/lib.rs"])
        .args(LIBRARY_FLAGS)
        .arg("-o")
        .arg(to)
        .current_dir(root);
    // A fixed soname for the loader, and the path of the standard library that the runtime shares
    // with the cells.
    command.arg("-Clink-arg=-Wl,-soname,librask.so");
    command.arg(format!("-Clink-arg=-Wl,-rpath,{}", tools.std_folder().display()));
    // Its symbols are a fifth of its size, and only debuggers read them.
    command.arg("-Cstrip=symbols").env("CARGO_MANIFEST_DIR", root.join("runtime"));
    // What cargo would tell; it is not there if the installed program is called.
    command.env("CARGO_PKG_VERSION", env!("CARGO_PKG_VERSION"));
    for (dep, name) in deps {
        let Some(artifact) = built.get(dep) else { continue };
        let wanted = if artifact.proc_macro { "so" } else { "rlib" };
        if let Some(file) =
            artifact.files.iter().find(|f| f.extension().is_some_and(|e| e == wanted))
        {
            command.arg("--extern").arg(format!("{name}={}", file.display()));
            let folder = file.parent().unwrap_or(file);
            command
                .arg(format!("-Ldependency={}", folder.join("deps").display()))
                .arg(format!("-Ldependency={}", folder.display()));
        }
    }
    output(&mut command).map(drop)
}

/// Finds what links a cell, and fills the folder of the libraries that stand for the runtime and for
/// std.
fn linker(tools: &Toolchain, at: &Path) -> Result<Linker> {
    let cc = |args: &[&str]| output(Command::new("cc").args(args).current_dir(at));
    let std_folder = tools.std_folder();
    let mut names = Vec::new();
    walk(&std_folder, &mut names)?;
    let named = |start: &str, end: &str| {
        let is = |p: &&PathBuf| {
            let name = p.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with(start) && name.ends_with(end)
        };
        names.iter().find(is).cloned().ok_or_else(|| Error::Format {
            what: std_folder.display().to_string(),
            message: format!("{start}*{end} not found"),
        })
    };
    let standard = named("libstd-", ".so")?;
    let standard = standard.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let stubs = vec!["librask.so".to_owned(), standard];
    for name in &stubs {
        let soname = format!("-Wl,-soname,{name}");
        cc(&["-shared", "-nostdlib", &soname, "-o", name, "-x", "c", "/dev/null"])?;
    }
    let mut libraries = vec![named("libcompiler_builtins-", ".rlib")?];
    for name in ["libc.so.6", "libm.so.6", "libgcc_s.so.1"] {
        libraries.push(cc(&[&format!("-print-file-name={name}")])?.trim().into());
    }
    let program = PathBuf::from(cc(&["-print-prog-name=ld"])?.trim());
    // It is the bare name if the linker is on the path.
    let path = std::env::var_os("PATH").unwrap_or_default();
    let program = std::env::split_paths(&path).map(|p| p.join(&program)).find(|p| p.is_file());
    let program = program.ok_or_else(|| {
        Error::setup(
            "the linker `ld` was not found",
            "install binutils, on Debian: apt-get install binutils",
        )
    })?;
    Ok(Linker { program, stubs, libraries })
}

/// Writes the runtime's source with a manifest without dependencies: evcxr's rust-analyzer reads
/// it, cargo builds nothing.
fn facade(root: &Path, to: &Path) -> Result<()> {
    let manifest = format!(
        "[package]\nname = \"rask\"\nversion = \"{}\"\nedition = \"2024\"\n\n[workspace]\n",
        env!("CARGO_PKG_VERSION")
    );
    write(&to.join("Cargo.toml"), &manifest)?;
    let mut files = Vec::new();
    let source = root.join("runtime/src");
    walk(&source, &mut files)?;
    for f in files {
        copy(&f, &to.join("src").join(f.strip_prefix(&source).unwrap_or(&f)))?;
    }
    Ok(())
}

/// Copies the part of the standard library's source that rust-analyzer should read: the crates
/// whose types a cell can name, without tests and processor intrinsics; and an empty library for
/// the start of a session.
fn readable_library(sysroot: &Path, at: &Path) -> Result<()> {
    let source = sysroot.join("lib/rustlib/src/rust/library");
    for name in ["alloc", "core", "proc_macro", "std"] {
        let mut files = Vec::new();
        walk(&source.join(name).join("src"), &mut files)?;
        for f in files.iter().filter(|f| {
            f.extension().is_some_and(|e| e == "rs")
                && !f.components().any(|c| c.as_os_str() == "tests")
        }) {
            copy(f, &at.join("library").join(f.strip_prefix(&source).unwrap_or(f)))?;
        }
        let empty = at.join("library-empty").join(name).join("src");
        std::fs::create_dir_all(&empty).map_err(Error::file(&empty))?;
        write(&empty.join("lib.rs"), "")?;
    }
    Ok(())
}
