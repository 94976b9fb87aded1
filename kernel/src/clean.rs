//! `rask clean`: removes installed builds that neither a kernelspec nor an open kernel uses.

use crate::error::{Error, Result};
use crate::install;
use std::collections::HashMap;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What is younger may belong to an installation that is under way.
const NEW: Duration = Duration::from_hours(1);

/// Removes what is unused, or with `--dry-run` only lists it.
pub(crate) fn run(args: &[String]) -> Result<i32> {
    let dry = match args {
        [] => false,
        [flag] if flag == "--dry-run" => true,
        [other, ..] => {
            let message = format!("clean: unknown option {other:?}; expected --dry-run");
            return Err(Error::Usage(message));
        }
    };
    let unused = unused(&installed(&install::home(), is_new), &in_use());
    let bytes = freed(&unused);
    for path in &unused {
        let size = freed(std::slice::from_ref(path));
        if !dry {
            remove(path).map_err(Error::file(path))?;
        }
        let what = if dry { "unused" } else { "removed" };
        println!("{what} {} ({} MB)", path.display(), size >> 20);
    }
    let what = if dry { "can be removed" } else { "removed" };
    println!("{} builds and programs {what}, {} MB", unused.len(), bytes >> 20);
    Ok(0)
}

/// Returns the builds and programs below the installation folder; what is being installed now is
/// left out.
fn installed(home: &Path, left_out: fn(&Path) -> bool) -> Vec<PathBuf> {
    let entries = ["runtime", "bin"].map(|folder| std::fs::read_dir(home.join(folder)));
    let paths = entries.into_iter().flatten().flatten().flatten().map(|e| e.path());
    let mut all: Vec<_> = paths.filter(|p| !left_out(p)).collect();
    all.sort();
    all
}

fn is_new(path: &Path) -> bool {
    let age = path.metadata().and_then(|m| m.modified()).map(|t| t.elapsed().unwrap_or_default());
    age.is_ok_and(|a| a < NEW)
}

/// Returns the texts that name what is used: the kernelspecs of the user, and the command lines of
/// all processes.
fn in_use() -> Vec<String> {
    let read = |path: PathBuf| std::fs::read(path).ok();
    let below = |folder: &Path, file: &'static str| {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(move |e| e.path().join(file)).filter_map(read).collect::<Vec<_>>()
    };
    let spec = install::kernelspec();
    let mut all = below(spec.parent().unwrap_or(&spec), "kernel.json");
    all.extend(below(Path::new("/proc"), "cmdline"));
    all.iter().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect()
}

/// Returns the paths whose names occur in no text.
fn unused(installed: &[PathBuf], texts: &[String]) -> Vec<PathBuf> {
    let used = |path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        texts.iter().any(|t| t.contains(name.as_ref()))
    };
    installed.iter().filter(|p| !used(p)).cloned().collect()
}

/// Returns the bytes that are free once the paths are removed: builds share files, which take their
/// space until the last one is gone.
fn freed(paths: &[PathBuf]) -> u64 {
    fn count(path: &Path, links: &mut HashMap<u64, (u64, Metadata)>) {
        if let Ok(entries) = std::fs::read_dir(path) {
            entries.flatten().for_each(|e| count(&e.path(), links));
        } else if let Ok(file) = path.symlink_metadata() {
            links.entry(file.ino()).or_insert((0, file)).0 += 1;
        }
    }
    let mut links = HashMap::new();
    paths.iter().for_each(|p| count(p, &mut links));
    let all = links.values().filter(|(seen, file)| *seen >= file.nlink());
    all.map(|(_, file)| file.len()).sum()
}

fn remove(path: &Path) -> std::io::Result<()> {
    if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_kernelspec_or_a_process_names_is_kept() {
        let home = tempfile::tempdir().unwrap();
        for file in [
            "runtime/aaa/lib/librask.so",
            "runtime/bbb/runtime.json",
            "bin/rask-1",
            "bin/rask-2",
            "venv/x",
        ] {
            let path = home.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "12345").unwrap();
        }
        let texts = [
            "{\"argv\": [\"/h/bin/rask-2\"]}".to_owned(),
            "kernel\0--runtime\0/h/runtime/aaa\0".to_owned(),
        ];
        let found = unused(&installed(home.path(), |_| false), &texts);
        assert_eq!(found, ["bin/rask-1", "runtime/bbb"].map(|p| home.path().join(p)));
        let (shared, other) = (found[1].join("shared"), found[1].join("other"));
        std::fs::write(&shared, "1234567").unwrap();
        assert_eq!(freed(&found), 17);
        std::fs::hard_link(&shared, &other).unwrap();
        assert_eq!(freed(&found), 17, "both links are removed");
        std::fs::hard_link(&shared, home.path().join("runtime/aaa/shared")).unwrap();
        assert_eq!(freed(&found), 10, "another build has the file too");
        found.iter().for_each(|p| remove(p).unwrap());
        assert_eq!(installed(home.path(), |_| false).len(), 2);
        assert!(installed(home.path(), is_new).is_empty());
    }
}
