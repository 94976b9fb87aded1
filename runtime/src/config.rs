//! Settings of this process: how many workers there are and where the installed data lies. Each has a default that
//! suits a laptop and an environment variable that overrides it.

use std::path::PathBuf;
use std::sync::LazyLock;

/// Number of workers: `RASK_WORKERS`, else the cores that this process may use.
pub(crate) fn workers() -> usize {
    static N: LazyLock<usize> = LazyLock::new(|| {
        let asked = std::env::var("RASK_WORKERS").ok().and_then(|v| v.parse::<usize>().ok()).filter(|n| *n > 0);
        asked.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
    });
    *N
}

/// Folder of the data sets that come with Rask: beside the installed runtime, else in the source tree.
pub(crate) fn data_folder() -> PathBuf {
    match std::env::var_os(rask_wire::env::RUNTIME) {
        Some(runtime) => PathBuf::from(runtime).join("data"),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../assets/data"),
    }
}
