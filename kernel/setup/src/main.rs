//! What `cargo lab` and `cargo verify` start: checks in the first second whether Rask can be built
//! and run on this machine, and then has cargo build the program and run it. It has no
//! dependencies, so that nothing is built before the answer.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Bytes that a first build writes below the target folder, and what an update writes.
const BUILD: u64 = 4 << 30;
const UPDATE: u64 = 1 << 30;
/// Bytes of the installed runtime, with the Python environment of JupyterLab.
const INSTALLED: u64 = 2 << 30;

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let machine = Machine::read();
    if let Err(problem) = machine.check() {
        eprintln!("rask: {problem}");
        return ExitCode::FAILURE;
    }
    start(&args)
}

/// What the build depends on.
struct Machine {
    os: &'static str,
    arch: &'static str,
    /// The C library that programs are linked to.
    libc: &'static str,
    /// Whether there is a C compiler, which is also the linker.
    has_cc: bool,
    /// Folders, the bytes that go there, and how many are free; unknown where the system does not
    /// tell.
    folders: Vec<(PathBuf, u64, Option<u64>)>,
}

impl Machine {
    fn read() -> Self {
        let libc = match () {
            () if cfg!(target_env = "gnu") => "glibc",
            () if cfg!(target_env = "musl") => "musl",
            () => "another C library",
        };
        let has_cc = Command::new("cc").arg("--version").output().is_ok_and(|o| o.status.success());
        // This program is in `TARGET/debug`.
        let me = env::current_exe().unwrap_or_default();
        let target = me.ancestors().nth(2).unwrap_or(Path::new("target")).to_owned();
        let build = if target.join("release/rask").exists() { UPDATE } else { BUILD };
        let home = home();
        let wanted = if home.join("venv").exists() { UPDATE } else { INSTALLED };
        let folders =
            [(target, build), (home, wanted)].map(|(folder, n)| (folder.clone(), n, free(&folder)));
        let (os, arch) = (env::consts::OS, env::consts::ARCH);
        Self { os, arch, libc, has_cc, folders: folders.into() }
    }

    /// Names the first thing that Rask cannot be built or run with.
    fn check(&self) -> Result<(), String> {
        let (os, arch, libc) = (self.os, self.arch, self.libc);
        if os != "linux" {
            let help =
                if os == "windows" { "run it in WSL 2" } else { "run it in a Linux container" };
            return Err(format!("unsupported system {os}: expected Linux; help: {help}"));
        }
        if !["x86_64", "aarch64"].contains(&arch) {
            return Err(format!("unsupported processor {arch}: expected x86_64 or aarch64"));
        }
        if libc != "glibc" {
            return Err(format!(
                "unsupported C library {libc}: cells are shared libraries, for which Rust needs glibc; \
                 help: use Debian, Ubuntu or Fedora, or a container of one"
            ));
        }
        if !self.has_cc {
            return Err("no C compiler (`cc`) found; help: install one, on Debian and Ubuntu: \
                        apt-get install gcc"
                .to_owned());
        }
        for (folder, wanted, free) in self.with_shared_disks() {
            if free < wanted {
                return Err(format!(
                    "not enough disk space at {}: {} free, about {} needed; help: make room, or \
                     set CARGO_TARGET_DIR and RASK_HOME to folders on a larger disk",
                    folder.display(),
                    gigabytes(free),
                    gigabytes(wanted)
                ));
            }
        }
        Ok(())
    }

    /// Folders with the bytes that they need; what goes to one disk counts together, which the free
    /// bytes tell: no two disks have the same number of them.
    fn with_shared_disks(&self) -> Vec<(&Path, u64, u64)> {
        let known =
            self.folders.iter().filter_map(|(f, n, free)| Some((f.as_path(), *n, (*free)?)));
        let mut disks: Vec<(&Path, u64, u64)> = Vec::new();
        for (folder, wanted, free) in known {
            match disks.iter_mut().find(|(_, _, f)| f.abs_diff(free) < 1 << 20) {
                Some(disk) => disk.1 += wanted,
                None => disks.push((folder, wanted, free)),
            }
        }
        disks
    }
}

/// Returns the installation folder, as the program itself finds it.
fn home() -> PathBuf {
    let folder = |name: &str| env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let data = || {
        let home = || folder("HOME").unwrap_or_else(|| "/".into()).join(".local/share");
        folder("XDG_DATA_HOME").unwrap_or_else(home).join("rask")
    };
    folder("RASK_HOME").unwrap_or_else(data)
}

/// Returns the free bytes of the disk on which a folder is, or will be, by `df`.
fn free(folder: &Path) -> Option<u64> {
    let full = std::path::absolute(folder).ok()?;
    let there = full.ancestors().find(|f| f.exists())?;
    let output = Command::new("df").arg("-Pk").arg(there).output().ok()?;
    free_of(&String::from_utf8_lossy(&output.stdout))
}

/// Reads the answer of `df -Pk`: the fourth column of the second line, in KiB.
fn free_of(table: &str) -> Option<u64> {
    table.lines().nth(1)?.split_whitespace().nth(3)?.parse::<u64>().ok()?.checked_mul(1024)
}

fn gigabytes(bytes: u64) -> String {
    format!("{:.1} GB", bytes as f64 / f64::from(1 << 30))
}

/// Builds the program and runs it. The whole workspace is selected: with one package, shared
/// dependencies would be built again with other features.
fn start(args: &[String]) -> ExitCode {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["run", "--release", "--bin", "rask", "--"]).args(args);
    for (name, _) in env::vars_os() {
        // Cargo has set them for this program, and build scripts read some: all above would be
        // rebuilt.
        let own = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_"];
        if own.iter().any(|p| name.to_string_lossy().starts_with(p)) {
            command.env_remove(&name);
        }
    }
    match run(&mut command) {
        Ok(code) => ExitCode::from(code),
        Err(e) => {
            eprintln!("rask: cannot start cargo: {e}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(unix)]
fn run(command: &mut Command) -> std::io::Result<u8> {
    // Signals go to cargo, as if the user had called it.
    Err(std::os::unix::process::CommandExt::exec(command))
}

#[cfg(not(unix))]
fn run(command: &mut Command) -> std::io::Result<u8> {
    command.status().map(|s| s.code().and_then(|c| u8::try_from(c).ok()).unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine() -> Machine {
        let folder = |name: &str, free| (PathBuf::from(name), 4 << 30, Some(free));
        let folders = vec![folder("/a", 9 << 30), folder("/b", 20 << 30)];
        Machine { os: "linux", arch: "x86_64", libc: "glibc", has_cc: true, folders }
    }

    /// Changes a machine that is fine, and checks what is refused.
    fn check(change: fn(&mut Machine), parts: &[&str]) {
        let mut machine = machine();
        change(&mut machine);
        let said = machine.check().err().unwrap_or_default();
        assert_eq!(said.is_empty(), parts.is_empty(), "{said:?}");
        assert!(parts.iter().all(|p| said.contains(p)), "{said:?}: {parts:?}");
    }

    #[test]
    fn what_is_missing_is_named_with_what_works() {
        check(|_| {}, &[]);
        check(|m| m.os = "windows", &["windows", "WSL 2"]);
        check(|m| m.os = "macos", &["macos", "container"]);
        check(|m| m.arch = "riscv64", &["riscv64", "x86_64 or aarch64"]);
        check(|m| m.libc = "musl", &["musl", "glibc", "Debian"]);
        check(|m| m.has_cc = false, &["cc", "apt-get install gcc"]);
        check(|m| m.folders[1].2 = Some(1 << 30), &["/b", "1.0 GB free", "4.0 GB needed"]);
        check(|m| m.folders[1].2 = None, &[]);
        check(
            |m| (m.folders[0].2, m.folders[1].2) = (Some(6 << 30), Some(6 << 30)),
            &["/a", "8.0 GB needed"],
        );
    }

    #[test]
    fn free_bytes_are_read_from_df() {
        let table =
            "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/a 100 40 60 40% /\n";
        assert_eq!((free_of(table), free_of(""), free_of("a\nb")), (Some(60 * 1024), None, None));
        assert!(free(Path::new("/no/such/folder")).is_some_and(|n| n > 0));
    }
}
