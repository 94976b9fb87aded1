//! A run of the compiler for a cell: handles its messages and its library.

use super::files::warnings_file;
use crate::error::{Error, Result};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Runs a compiler that writes JSON to its standard error; warnings are recorded, everything else
/// is passed on.
pub(super) fn compile(command: &mut Command, session: &Path) -> Result<i32> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .map_err(|source| Error::Start { command: "rustc".to_owned(), source })?;
    pass_on(&String::from_utf8_lossy(&output.stderr), session)?;
    Ok(output.status.code().unwrap_or(1))
}

/// Records the warnings among the messages of a compiler, and passes everything else on.
pub(super) fn pass_on(messages: &str, session: &Path) -> Result<()> {
    note_warnings(session, messages.lines())?;
    // evcxr would mistake a warning next to an error for another error.
    messages.lines().filter(|l| !is_warning(l)).for_each(|l| eprintln!("{l}"));
    Ok(())
}

/// Records the warnings among the compiler's messages.
pub(super) fn note_warnings<'a>(
    session: &Path,
    messages: impl Iterator<Item = &'a str>,
) -> Result<()> {
    let warnings: String = messages.filter(|m| is_warning(m)).map(|m| format!("{m}\n")).collect();
    let path = warnings_file(session);
    std::fs::write(&path, warnings).map_err(Error::file(path))
}

/// Returns whether a message of the compiler is a warning.
pub(super) fn is_warning(message: &str) -> bool {
    serde_json::from_str::<Value>(message).is_ok_and(|m| m["level"] == "warning")
}

/// Reports the path of the cell's library to evcxr.
pub(super) fn tell_library(library: &Path) -> Result<()> {
    if let Some(file) = std::env::var_os("EVCXR_EXECUTION_SO_PATH") {
        let here = std::env::current_dir().map_err(Error::file("."))?;
        std::fs::write(&file, here.join(library).display().to_string())
            .map_err(Error::file(PathBuf::from(&file)))?;
    }
    Ok(())
}
