//! The CPU time of each worker's threads, as counted by the operating system.

use rask_wire::helpers::{Whole, cpu_time};
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

/// The ids of the OS threads registered under each number: those of the pool, and those that run
/// frames.
static THREADS: Mutex<Vec<Vec<i32>>> = Mutex::new(Vec::new());

/// Registers this thread under `number`.
pub(crate) fn register(number: usize) {
    let id = rustix::thread::gettid().as_raw_nonzero().get();
    let mut threads = THREADS.lock().whole();
    if threads.len() <= number {
        threads.resize(number + 1, Vec::new());
    }
    threads[number].push(id);
}

/// Returns the CPU time of each number's threads since they were started; threads that have ended
/// no longer count.
pub(crate) fn times() -> Vec<Duration> {
    let mut threads = THREADS.lock().whole();
    threads
        .iter_mut()
        .map(|ids| {
            let mut sum = Duration::ZERO;
            ids.retain(|id| of_thread(*id).inspect(|t| sum += *t).is_some());
            sum
        })
        .collect()
}

/// Returns the user and system time of a thread of this process, from Linux's `/proc`.
fn of_thread(id: i32) -> Option<Duration> {
    static TICKS: LazyLock<u64> = LazyLock::new(rustix::param::clock_ticks_per_second);
    let text = std::fs::read_to_string(format!("/proc/self/task/{id}/stat")).ok()?;
    cpu_time(&text, *TICKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_thread_has_used_time() {
        register(500);
        let before = times()[500];
        let begun = std::time::Instant::now();
        while begun.elapsed() < Duration::from_millis(100) {
            std::hint::spin_loop();
        }
        if std::path::Path::new("/proc/self/task").exists() {
            assert!(times()[500] > before);
        }
    }
}
