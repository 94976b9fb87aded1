//! Compilers that are started before they are needed. Most of what rustc does for a small cell does
//! not depend on the cell: it loads its own libraries, and the metadata of the runtime and of all
//! that the runtime depends on. A spare compiler does this ahead and then waits for the source.
//!
//! To rustc, the source is a crate of two lines that names the runtime and includes `lib.rs`, which
//! is its standard input: crates are loaded before macros are expanded, and the expansion of
//! `include!` waits for the input. The kernel holds the spares; the wrapper of cargo sends the
//! source of a cell over a socket. If a spare fails for a reason that may be its own, the cell is
//! compiled again in the usual way, and only the messages of that count.

use super::files::pid_file;
use super::rustc::{Emit, plain_cell};
use crate::error::{Error, Result};
use crate::eval::runtime::Runtime;
use serde::{Deserialize, Serialize};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::symlink;
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use tempfile::TempDir;

/// The levels of optimisation for which a spare waits: those of cells without and with loops.
const LEVELS: [&str; 2] = ["0", "2"];
/// The attributes that every source of evcxr begins with. They have to stand in the root of the
/// crate.
const ATTRIBUTES: &str = "#![allow(unused_imports, unused_mut, dead_code)]";

/// The root of the crate.
const ROOT: &str = "src/root.rs";
/// Signs that an error is the spare's own: it names the root (to which rustc would add a missing
/// `use`, for example), or comes from names that an expansion defines.
const OWN: [&str; 4] =
    ["root.rs", "E0659", "macro_expanded_macro_exports", "internal compiler error"];

/// A cell to compile.
#[derive(Debug, Serialize, Deserialize)]
struct Order {
    level: String,
    source: String,
}

/// The result of a spare.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Compiled {
    /// The compiler's messages.
    pub(super) messages: String,
    /// `None` if the messages contain an error of the cell.
    pub(super) object: Option<Object>,
}

/// Where the object of a cell is.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Object {
    pub(super) file: PathBuf,
    /// The folder to remove when it is linked.
    pub(super) folder: PathBuf,
}

fn socket(session: &Path) -> PathBuf {
    session.join("spare.sock")
}

/// Asks the kernel to have a spare compile the source; returns `None` if the cell has to be
/// compiled in the usual way.
pub(super) fn compile(session: &Path, source: &str, level: &str) -> Option<Compiled> {
    let body = source.strip_prefix(ATTRIBUTES)?;
    // Other attributes of the crate cannot be included, and libraries are linked by rustc only.
    if body.contains("#![") || body.contains("#[link") {
        return None;
    }
    let order = Order { level: level.to_owned(), source: body.to_owned() };
    let mut kernel = UnixStream::connect(socket(session)).ok()?;
    rask_wire::write(&mut kernel, &order).ok()?;
    rask_wire::read::<Option<Compiled>>(&mut kernel).ok()?.flatten()
}

/// Starts the spares of a session, and the thread that holds them. Without it, cells are compiled
/// in the usual way.
///
/// # Errors
/// Returns an error if the socket or the thread cannot be created.
pub(in crate::eval) fn start(runtime: &Runtime, session: &Path) -> std::io::Result<()> {
    let listener = UnixListener::bind(socket(session))?;
    let (runtime, session) = (runtime.clone(), session.to_owned());
    // The spares end with this thread, which lives as long as the process.
    std::thread::Builder::new().name("spares".to_owned()).spawn(move || {
        let new = |level| Spare::start(&runtime, &session, level).ok();
        let mut spares = LEVELS.map(new);
        for mut wrapper in listener.incoming().map_while(std::result::Result::ok) {
            let Ok(Some(order)) = rask_wire::read::<Order>(&mut wrapper) else { continue };
            let place = LEVELS.iter().position(|l| *l == order.level);
            // It is killed at the end, after the answer: nobody should wait until it is gone.
            let mut spare = place.and_then(|i| spares[i].take());
            let fed = spare.as_mut().is_some_and(|s| s.feed(&session, &order.source));
            // The next one loads while this one compiles.
            if let Some(i) = place {
                spares[i] = new(LEVELS[i]);
            }
            let result = spare.as_mut().filter(|_| fed).and_then(Spare::result);
            if rask_wire::write(&mut wrapper, &result).is_err() {
                // The wrapper was killed, with the compiler that it had noted.
                let _ = std::fs::remove_file(pid_file(&session));
            }
        }
    })?;
    Ok(())
}

/// Returns the path of the object that a message of the compiler announces.
fn object_of(message: &str) -> Option<String> {
    if !message.starts_with("{\"$message_type\":\"artifact\"") {
        return None;
    }
    let message: serde_json::Value = serde_json::from_str(message).ok()?;
    message["artifact"].as_str().filter(|path| path.ends_with(".o")).map(str::to_owned)
}

/// A compiler that waits for its source.
struct Spare {
    compiler: Child,
    folder: TempDir,
}

impl Drop for Spare {
    fn drop(&mut self) {
        // It has ended, has done its work, or was never used.
        let _ = self.compiler.kill();
        let _ = self.compiler.wait();
    }
}

impl Spare {
    fn start(runtime: &Runtime, session: &Path, level: &str) -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("spare-")
            .tempdir_in(session)
            .map_err(Error::file(session))?;
        let source = folder.path().join("src");
        let failed = Error::file(&source);
        std::fs::create_dir(&source)
            .and_then(|()| symlink("/dev/stdin", source.join("lib.rs")))
            .and_then(|()| {
                let root =
                    format!("{ATTRIBUTES}\nextern crate rask as _;\ninclude!(\"lib.rs\");\n");
                std::fs::write(folder.path().join(ROOT), root)
            })
            .map_err(failed)?;
        let mut command = plain_cell(runtime, ROOT, "out", &Emit::Object, level);
        let compiler = command
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(|source| Error::Start { command: "rustc".to_owned(), source })?;
        Ok(Self { compiler, folder })
    }

    /// Gives the compiler its source; returns whether it took it.
    fn feed(&mut self, session: &Path, source: &str) -> bool {
        self.note(session);
        self.compiler.stdin.take().is_some_and(|mut i| i.write_all(source.as_bytes()).is_ok())
    }

    /// Waits for the object or the errors of the cell; returns `None` if there are neither.
    fn result(&mut self) -> Option<Compiled> {
        let mut messages = String::new();
        for line in BufReader::new(self.compiler.stderr.take()?).lines() {
            let line = line.ok()?;
            if let Some(object) = object_of(&line) {
                // The compiler would only clean up after itself from here on, for a tenth of its
                // time: it is killed when it is dropped. The wrapper links the object and then
                // removes the folder.
                self.folder.disable_cleanup(true);
                let folder = self.folder.path().to_owned();
                let object = Object { file: folder.join(object), folder };
                return Some(Compiled { messages, object: Some(object) });
            }
            messages += &line;
            messages.push('\n');
        }
        let failed = self.compiler.wait().ok()?.code() == Some(1);
        let own = OWN.iter().any(|sign| messages.contains(sign));
        (failed && !own).then_some(Compiled { messages, object: None })
    }

    /// Adds the compiler to the processes that an interrupt kills.
    fn note(&self, session: &Path) {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(pid_file(session));
        if let Ok(mut file) = file {
            let _ = write!(file, "\n{}", self.compiler.id());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::object_of;

    #[test]
    fn an_object_is_announced_by_its_message() {
        let artifact = |path: &str| {
            format!(r#"{{"$message_type":"artifact","artifact":"{path}","emit":"obj"}}"#)
        };
        assert_eq!(object_of(&artifact("out/ctx.o")).as_deref(), Some("out/ctx.o"));
        assert_eq!(object_of(&artifact("out/ctx.d")), None);
        let text = r#"{"$message_type":"diagnostic","message":"artifact out/ctx.o"}"#;
        assert_eq!((object_of(text), object_of("")), (None, None));
    }
}
