//! The installed runtime: the folder that `rask lab` fills, named by a build id, and its contents.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The contents of `runtime.json`, which describes the folder of a runtime.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    pub(crate) build_id: String,
    /// The toolchain's folder; its tools are called by absolute path, whatever the user's `PATH`
    /// is.
    pub(crate) sysroot: PathBuf,
    /// The first line of `rustc -vV`.
    pub(crate) rustc: String,
    pub(crate) host: String,
    pub(crate) linker: Linker,
    /// The prebuilt crates that a cell may use.
    pub(crate) crates: Vec<Prebuilt>,
}

/// What links a cell, as the C compiler found it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Linker {
    pub(crate) program: PathBuf,
    /// Empty libraries with the names of the runtime and of std, in the folder for linking.
    pub(crate) stubs: Vec<String>,
    /// The libraries of the system.
    pub(crate) libraries: Vec<PathBuf>,
}

/// A prebuilt crate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Prebuilt {
    /// The name of the package.
    pub(crate) package: String,
    /// The name of the library.
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) features: Vec<String>,
    /// The file name in the folder of dependencies.
    pub(crate) file: String,
    /// Whether it is in scope of every cell.
    pub(crate) direct: bool,
}

/// An installed runtime.
#[derive(Debug, Clone)]
pub(crate) struct Runtime {
    pub(crate) folder: PathBuf,
    pub(crate) manifest: Manifest,
}

impl Runtime {
    /// # Errors
    /// Returns an error if the folder contains no complete runtime.
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        let path = folder.join("runtime.json");
        let text = std::fs::read_to_string(&path).map_err(|e| {
            Error::setup(
                format!("no runtime in {} ({e})", folder.display()),
                "run `cargo lab --no-start` in the source folder of Rask",
            )
        })?;
        let manifest = serde_json::from_str(&text).map_err(|e| Error::Format {
            what: path.display().to_string(),
            message: e.to_string(),
        })?;
        Ok(Self { folder: folder.to_owned(), manifest })
    }

    /// Returns the installation folder, the parent of the folder of runtimes.
    pub(crate) fn home(&self) -> PathBuf {
        self.folder.parent().and_then(Path::parent).unwrap_or(&self.folder).to_owned()
    }

    pub(crate) fn library(&self) -> PathBuf {
        self.folder.join("lib").join("librask.so")
    }

    pub(crate) fn facade(&self) -> PathBuf {
        self.folder.join("facade")
    }

    pub(crate) fn deps(&self) -> PathBuf {
        self.folder.join("deps")
    }

    /// Returns the folder of the empty libraries that cells are linked to.
    pub(crate) fn link_folder(&self) -> PathBuf {
        self.folder.join("link")
    }

    pub(crate) fn tool(&self, name: &str) -> PathBuf {
        self.manifest.sysroot.join("bin").join(name)
    }

    /// Returns the folder of the toolchain's shared libraries.
    pub(crate) fn std_folder(&self) -> PathBuf {
        self.manifest.sysroot.join("lib/rustlib").join(&self.manifest.host).join("lib")
    }

    /// Checks that the toolchain that the runtime was built with still exists and is unchanged.
    ///
    /// # Errors
    /// Returns an error with the change and the command that fixes it.
    pub(crate) fn check(&self) -> Result<()> {
        let rustc = self.tool("rustc");
        let mend = "run `cargo lab --no-start` in the source folder of Rask";
        let output = std::process::Command::new(&rustc).arg("-vV").output().map_err(|e| {
            Error::setup(
                format!(
                    "the compiler that the runtime was built with was not found: {} ({e})",
                    rustc.display()
                ),
                mend,
            )
        })?;
        let text = String::from_utf8_lossy(&output.stdout);
        let now = text.lines().next().unwrap_or_default();
        if now != self.manifest.rustc {
            let problem = format!(
                "the runtime was built with {}, but {} is now {now}",
                self.manifest.rustc,
                rustc.display()
            );
            return Err(Error::setup(problem, mend));
        }
        let std_source = self.manifest.sysroot.join("lib/rustlib/src/rust/library/std/src/lib.rs");
        if !std_source.is_file() {
            return Err(Error::setup(
                "the source of the standard library (rust-src), which is needed to infer the types of variables, is missing",
                "run `rustup component add rust-src`, then restart the kernel",
            ));
        }
        Ok(())
    }
}
