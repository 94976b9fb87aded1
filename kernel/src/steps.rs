//! What the steps of an installation have in common: progress messages, commands, and files that are
//! written, copied and found.

use crate::error::{Error, Result};
use rask_wire::helpers;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Prints a progress message.
pub(crate) fn announce(text: &str) {
    println!("\x1b[1;32m       Rask\x1b[0m {text}");
}

/// Runs a command and returns what it wrote.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let shown = format!("{command:?}").replace('"', "");
    let output =
        command.output().map_err(|source| Error::Start { command: shown.clone(), source })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Err(Error::Command {
        command: shown,
        status: output.status.to_string(),
        output: text.trim().to_owned(),
    })
}

/// Returns a cargo command for the workspace, as a user's shell would start it. This program is
/// itself started by cargo, which sets the package's variables: some build scripts read those, and
/// everything above them would be rebuilt.
pub(crate) fn cargo(root: &Path) -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(root);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_"]
            .iter()
            .any(|p| text.starts_with(p))
        {
            command.env_remove(&name);
        }
    }
    command
}

/// Returns the CPU time of the commands so far. `cargo run` becomes this program, so that those of
/// the build that preceded it are included.
pub(crate) fn cpu_time_of_children() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    helpers::cpu_time_of_children(&stat, rustix::param::clock_ticks_per_second())
        .unwrap_or_default()
}

/// Adds all files below a folder.
pub(crate) fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder).map_err(Error::file(folder))?.flatten() {
        let path = entry.path();
        if path.is_dir() {
            walk(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

/// Copies a file, and creates the folder for it.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<()> {
    if let Some(folder) = to.parent() {
        std::fs::create_dir_all(folder).map_err(Error::file(folder))?;
    }
    std::fs::copy(from, to).map(drop).map_err(Error::file(from))
}

/// Writes a file.
pub(crate) fn write(to: &Path, text: &str) -> Result<()> {
    std::fs::write(to, text).map_err(Error::file(to))
}

/// Copies a file into a folder; if one of the `others` has the same under the same name, that is
/// linked instead, as neither is ever changed.
pub(crate) fn share(from: &Path, folder: &Path, others: &[PathBuf]) -> Result<()> {
    let name = from.file_name().unwrap_or_default();
    let to = folder.join(name);
    let content = std::fs::read(from).map_err(Error::file(from))?;
    let same = |there: &PathBuf| std::fs::read(there).is_ok_and(|c| c == content);
    let linked = others
        .iter()
        .map(|o| o.join(name))
        .any(|there| same(&there) && std::fs::hard_link(there, &to).is_ok());
    if linked { Ok(()) } else { std::fs::write(&to, content).map_err(Error::file(&to)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn two_folders_share_a_file_only_if_it_is_the_same() {
        let home = tempfile::tempdir().unwrap();
        let at = |path: &str| home.path().join(path);
        for folder in ["source", "old", "new"] {
            std::fs::create_dir(at(folder)).unwrap();
        }
        for (file, old) in [("a", "1"), ("b", "1")] {
            std::fs::write(at("old").join(file), old).unwrap();
        }
        for (file, content, links) in [("a", "1", 2), ("b", "2", 1), ("c", "1", 1)] {
            std::fs::write(at("source").join(file), content).unwrap();
            share(&at("source").join(file), &at("new"), &[at("none"), at("old")]).unwrap();
            let new = at("new").join(file);
            assert_eq!(std::fs::read_to_string(&new).unwrap(), content);
            assert_eq!(new.metadata().unwrap().nlink(), links, "{file}");
        }
        assert_eq!(std::fs::read_to_string(at("old/b")).unwrap(), "1");
    }
}
