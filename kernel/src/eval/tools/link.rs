//! Links the object of a cell to a library that the evaluator can load. rustc has the C compiler
//! start a linker that reads the whole runtime to find out which of its libraries a cell uses,
//! which takes longer than to compile a small cell. This calls the system's linker with empty
//! libraries that stand for the runtime and for std: their names end up in the cell's library, and
//! the names that a cell uses of them are found when it is loaded.

use crate::eval::runtime::Runtime;
use std::path::Path;
use std::process::{Command, Stdio};

/// Links an object; returns whether that succeeded.
pub(super) fn link(runtime: &Runtime, object: &Path, to: &Path) -> bool {
    let linker = &runtime.manifest.linker;
    let mut command = Command::new(&linker.program);
    command.args(["-shared", "--hash-style=gnu", "--eh-frame-hdr", "--gc-sections"]);
    command.args(["-z", "noexecstack", "-z", "relro", "-z", "now", "--strip-debug", "-Bsymbolic"]);
    for folder in [runtime.folder.join("lib"), runtime.std_folder()] {
        command.arg("-rpath").arg(folder);
    }
    command.arg(object);
    command.args(linker.stubs.iter().map(|name| runtime.link_folder().join(name)));
    command.arg("--as-needed").args(&linker.libraries).arg("-o").arg(to);
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|s| s.success())
}
