//! Installing: a build of the runtime, this program, and the kernelspec. Each build gets its own
//! folder, named by its build id. Older builds are never overwritten, because a running kernel has
//! its library mapped.

use crate::build::{self, Toolchain};
use crate::error::{Error, Result};
use crate::eval::runtime::Runtime;
use crate::protocol::frames::hex;
use crate::steps::write;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Returns the installation folder: `RASK_HOME`, else `rask` in the user's data folder.
pub(crate) fn home() -> PathBuf {
    std::env::var_os("RASK_HOME").map_or_else(|| data_folder().join("rask"), PathBuf::from)
}

fn data_folder() -> PathBuf {
    let home = || {
        PathBuf::from(std::env::var_os("HOME").unwrap_or_else(|| "/".into())).join(".local/share")
    };
    std::env::var_os("XDG_DATA_HOME").filter(|d| !d.is_empty()).map_or_else(home, PathBuf::from)
}

/// Returns the folder of the kernelspec, which every Jupyter of the user searches.
pub(crate) fn kernelspec() -> PathBuf {
    let jupyter = std::env::var_os("JUPYTER_DATA_DIR")
        .map_or_else(|| data_folder().join("jupyter"), PathBuf::from);
    jupyter.join("kernels").join("rask")
}

/// Returns the source folder: where cargo started this program, else where it was built.
pub(crate) fn source() -> Result<PathBuf> {
    let kernel = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    let root = kernel.parent().unwrap_or(&kernel).to_owned();
    if root.join("runtime/src/lib.rs").is_file() {
        return Ok(root);
    }
    Err(Error::setup(
        format!("the source folder of Rask was not found at {}", root.display()),
        "run `cargo lab` in the source folder",
    ))
}

/// Builds and installs whatever is missing; returns the runtime.
pub(crate) fn install() -> Result<Runtime> {
    let root = source()?;
    let tools = Toolchain::find(&root)?;
    tools.need_source(&root)?;
    let id = build::build_id(&root, &tools)?;
    let folder = home().join("runtime").join(&id);
    let runtime = match Runtime::open(&folder) {
        Ok(runtime) => runtime,
        Err(_) => {
            build::build(&root, &tools, &id, &folder)?;
            Runtime::open(&folder)?
        }
    };
    let program = install_program()?;
    write_kernelspec(&program, &runtime)?;
    Ok(runtime)
}

/// Copies this program, under a separate name for each build.
fn install_program() -> Result<PathBuf> {
    let me = std::env::current_exe().map_err(Error::file("/proc/self/exe"))?;
    let bytes = std::fs::read(&me).map_err(Error::file(&me))?;
    let bin = home().join("bin");
    let to = bin.join(format!("rask-{}", hex(&Sha256::digest(&bytes)[..6])));
    if !to.is_file() {
        std::fs::create_dir_all(&bin).map_err(Error::file(&bin))?;
        let new = bin.join(format!(".new-{}", std::process::id()));
        std::fs::copy(&me, &new).map_err(Error::file(&new))?;
        std::fs::rename(&new, &to).map_err(Error::file(&to))?;
    }
    Ok(to)
}

fn write_kernelspec(program: &Path, runtime: &Runtime) -> Result<()> {
    let folder = kernelspec();
    std::fs::create_dir_all(&folder).map_err(Error::file(&folder))?;
    let spec = json!({
        "argv": [program, "kernel", "--runtime", runtime.folder, "{connection_file}"],
        "display_name": "Rust (Rask)",
        "language": "rust",
        "interrupt_mode": "message",
        "kernel_protocol_version": crate::protocol::VERSION,
        "metadata": { "debugger": false },
    });
    for (name, bytes) in [
        ("logo-svg.svg", &include_bytes!("../../assets/logo/logo-svg.svg")[..]),
        ("logo-32x32.png", include_bytes!("../../assets/logo/logo-32x32.png")),
        ("logo-64x64.png", include_bytes!("../../assets/logo/logo-64x64.png")),
    ] {
        std::fs::write(folder.join(name), bytes).map_err(Error::file(folder.join(name)))?;
    }
    let mut text = serde_json::to_string_pretty(&spec).unwrap_or_default();
    text.push('\n');
    let new = folder.join("kernel.json.new");
    write(&new, &text)?;
    std::fs::rename(&new, folder.join("kernel.json"))
        .map_err(Error::file(folder.join("kernel.json")))?;
    std::io::stdout().flush().map_err(Error::file("standard output"))
}
