//! The rustc call that cargo made for a cell, to be repeated without cargo.

use super::files::replay_file;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A rustc call for a cell.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Replay {
    /// The manifest that the call is valid for.
    pub(super) manifest: String,
    pub(super) program: String,
    pub(super) args: Vec<String>,
    /// The environment variables that cargo set for it.
    pub(super) env: BTreeMap<String, String>,
}

impl Replay {
    /// Records the current call, made by cargo; the manifest is added once cargo has succeeded.
    pub(super) fn note(session: &Path, program: &str, args: &[String]) -> Result<()> {
        let env = std::env::vars()
            .filter(|(n, _)| n.starts_with("CARGO_") || n == "LD_LIBRARY_PATH" || n == "OUT_DIR")
            .collect();
        let call =
            Self { manifest: String::new(), program: program.to_owned(), args: args.to_vec(), env };
        call.write(session)
    }

    pub(super) fn write(&self, session: &Path) -> Result<()> {
        let path = replay_file(session);
        let text = serde_json::to_string(self)
            .map_err(|e| Error::Format { what: "rustc call".to_owned(), message: e.to_string() })?;
        std::fs::write(&path, text).map_err(Error::file(path))
    }

    pub(super) fn read(session: &Path) -> Option<Self> {
        serde_json::from_str(&std::fs::read_to_string(replay_file(session)).ok()?).ok()
    }

    /// Returns the path of the library that the call builds.
    pub(super) fn library(&self) -> Option<PathBuf> {
        let after = |flag: &str| self.args.iter().skip_while(|a| *a != flag).nth(1);
        let extra =
            self.args.iter().find_map(|a| a.strip_prefix("extra-filename=")).unwrap_or_default();
        Some(Path::new(after("--out-dir")?).join(format!("libctx{extra}.so")))
    }
}
