//! Settings of this process: workers, memory limits, and the folders of data and temporary files.
//! Each has a default that suits a laptop and an environment variable that overrides it; a client
//! overrides both.

use crate::error::{Error, Result};
use crate::units;
use rask_wire::helpers::Whole;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, RwLock};

/// The workers of this process: groups of threads that share a memory limit.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cluster {
    pub(crate) workers: usize,
    pub(crate) threads_per_worker: usize,
    /// Memory limit of one worker's values, in bytes; `None` for no limit.
    pub(crate) memory_limit: Option<u64>,
    /// Folder of spilled values.
    pub(crate) local_directory: PathBuf,
}

static CLUSTER: LazyLock<RwLock<Cluster>> =
    LazyLock::new(|| RwLock::new(Cluster::local(None, None, None)));

impl Cluster {
    /// Returns the workers of this machine; `None` means Dask's default.
    pub(crate) fn local(
        workers: Option<usize>,
        threads: Option<usize>,
        memory: Option<Option<u64>>,
    ) -> Self {
        let cores = std::env::var("RASK_WORKERS")
            .ok()
            .and_then(|v| v.parse::<usize>().ok())
            .filter(|n| *n > 0)
            .unwrap_or_else(cores);
        let (workers, threads_per_worker) = match (workers, threads) {
            (Some(w), Some(t)) => (w, t),
            (Some(w), None) => (w, cores.div_ceil(w)),
            (None, Some(t)) => ((cores / t).max(1), t),
            (None, None) => split(cores),
        };
        let part = (threads_per_worker as f64 / cores as f64).min(1.0);
        let memory_limit =
            memory.unwrap_or_else(|| system_memory().map(|m| (m as f64 * part) as u64));
        let local_directory = std::env::var_os("RASK_TEMPORARY_DIRECTORY")
            .map_or_else(std::env::temp_dir, PathBuf::from);
        Self { workers, threads_per_worker, memory_limit, local_directory }
    }

    pub(crate) fn threads(&self) -> usize {
        self.workers * self.threads_per_worker
    }

    /// Returns the memory limit of all workers together, in bytes; never more than the machine has.
    pub(crate) fn memory(&self) -> u64 {
        let asked = self.memory_limit.map_or(u64::MAX, |m| m.saturating_mul(self.workers as u64));
        if asked == u64::MAX { asked } else { asked.min(system_memory().unwrap_or(u64::MAX)) }
    }
}

/// Returns a folder that only this process writes to. Removes the folders of processes that ended
/// without cleaning up.
pub(crate) fn own_folder(root: &Path) -> PathBuf {
    const NAME: &str = "rask-frames-";
    let is_over = |name: &str| {
        let pid = name.strip_prefix(NAME).filter(|p| p.parse::<u32>().is_ok());
        pid.is_some_and(|pid| {
            Path::new("/proc/self").exists() && !Path::new("/proc").join(pid).exists()
        })
    };
    for entry in std::fs::read_dir(root).into_iter().flatten().flatten() {
        if is_over(&entry.file_name().to_string_lossy()) {
            // Another process may be doing the same.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
    let own = root.join(format!("{NAME}{}", std::process::id()));
    // A missing root is not created: the first write to it fails with the path.
    if own.is_dir() || std::fs::create_dir(&own).is_ok() { own } else { root.to_owned() }
}

/// Parses a size in bytes, an argument of `method`.
pub(crate) fn bytes(method: &str, text: &str) -> Result<u64> {
    let invalid = || Error::invalid(method, "size", &text, units::BYTES_LOOK);
    units::parse_bytes(text).ok_or_else(invalid)
}

/// Parses a duration, an argument of `method`.
pub(crate) fn time(method: &str, text: &str) -> Result<std::time::Duration> {
    let invalid = || Error::invalid(method, "duration", &text, units::TIME_LOOKS);
    units::parse_time(text).ok_or_else(invalid)
}

/// Returns the workers that computations run on.
pub(crate) fn cluster() -> Cluster {
    CLUSTER.read().whole().clone()
}

/// Sets the workers that later computations run on.
pub(crate) fn set_cluster(cluster: Cluster) {
    *CLUSTER.write().whole() = cluster;
}

/// Returns the number of threads that run tasks.
pub(crate) fn threads() -> usize {
    CLUSTER.read().whole().threads()
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Splits cores into workers and threads per worker: one thread each for up to four cores; above,
/// the number of workers is the smallest divisor that is at least the square root.
fn split(cores: usize) -> (usize, usize) {
    if cores <= 4 {
        return (cores, 1);
    }
    let workers = (1..=cores).find(|w| w * w >= cores && cores.is_multiple_of(*w)).unwrap_or(cores);
    (workers, cores / workers)
}

/// Returns the memory that this process may use, in bytes: the machine's, or the cgroup's limit if
/// that is lower.
pub(crate) fn system_memory() -> Option<u64> {
    static BYTES: LazyLock<Option<u64>> = LazyLock::new(|| {
        let machine = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
            let line = text.lines().find_map(|l| l.strip_prefix("MemTotal:"))?;
            Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
        });
        let group = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
        let group =
            group.iter().find_map(|f| std::fs::read_to_string(f).ok()?.trim().parse::<u64>().ok());
        machine.into_iter().chain(group).min()
    });
    *BYTES
}

/// Returns the folder of the bundled data sets: next to the installed runtime, else in the source
/// tree.
pub(crate) fn data_folder() -> PathBuf {
    match std::env::var_os(rask_wire::env::RUNTIME) {
        Some(runtime) => PathBuf::from(runtime).join("data"),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../assets/data"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_are_split_as_dask_splits_them() {
        let cases = [
            (1, (1, 1)),
            (2, (2, 1)),
            (4, (4, 1)),
            (6, (3, 2)),
            (8, (4, 2)),
            (12, (4, 3)),
            (16, (4, 4)),
            (24, (6, 4)),
            (64, (8, 8)),
        ];
        for (cores, want) in cases {
            assert_eq!(split(cores), want, "{cores}");
        }
    }

    #[test]
    fn folders_of_processes_that_are_gone_are_removed() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        for name in ["rask-frames-4294967295", "rask-frames-x", "rask-frames-1"] {
            std::fs::create_dir(at(name)).unwrap();
        }
        let own = own_folder(root.path());
        assert!(own.is_dir() && own.ends_with(format!("rask-frames-{}", std::process::id())));
        assert!(
            !at("rask-frames-4294967295").exists()
                && at("rask-frames-x").exists()
                && at("rask-frames-1").exists()
        );
    }

    #[test]
    fn what_is_given_is_kept_and_the_rest_follows() {
        let c = Cluster::local(Some(3), Some(2), Some(Some(1000)));
        assert_eq!((c.workers, c.threads(), c.memory()), (3, 6, 3000));
        assert_eq!(Cluster::local(Some(1), Some(1), Some(None)).memory(), u64::MAX);
        assert!(Cluster::local(None, None, None).memory() <= system_memory().unwrap_or(u64::MAX));
    }
}
