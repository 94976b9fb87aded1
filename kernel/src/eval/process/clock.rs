//! The wall and CPU time of a cell's code, and the system's information about a process.

use rask_wire::helpers::cpu_time;
use std::time::{Duration, Instant};

/// The run time of a cell.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Times {
    /// Run time, excluding compilation.
    pub(crate) ran: Duration,
    /// CPU time of the run.
    pub(crate) cpu: Duration,
}

/// Sums the run times of a cell's parts and its shell commands.
#[derive(Debug, Default)]
pub(super) struct Clock {
    started: Option<Instant>,
    cpu_before: Duration,
    pub(super) times: Times,
}

impl Clock {
    /// Prepares for a run of code in a process.
    pub(super) fn prepare(&mut self, pid: u32) {
        self.cpu_before = processor_time(pid);
    }

    /// Begins a run.
    pub(super) fn start(&mut self) {
        self.started = Some(Instant::now());
    }

    /// Ends a run, if there was one.
    pub(super) fn stop(&mut self, pid: u32) {
        if let Some(started) = self.started.take() {
            self.times.ran += started.elapsed();
            self.times.cpu += processor_time(pid).saturating_sub(self.cpu_before);
        }
    }

    /// Adds the run of a shell command.
    pub(super) fn add(&mut self, ran: Duration) {
        self.times.ran += ran;
    }
}

/// Returns the memory of a process in bytes, or 0 if the system does not report it.
pub(in crate::eval) fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"));
    line.and_then(|l| l.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) * 1024
}

/// Reads the CPU time of a process so far, if the system reports it.
fn processor_time(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    cpu_time(&stat, rustix::param::clock_ticks_per_second()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #[test]
    fn this_process_has_used_the_processor() {
        let before = super::processor_time(std::process::id());
        let began = std::time::Instant::now();
        while began.elapsed().as_millis() < 60 {
            std::hint::black_box(0);
        }
        assert!(super::processor_time(std::process::id()) > before);
    }
}
