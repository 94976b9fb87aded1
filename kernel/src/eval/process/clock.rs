//! How long the code of a cell runs, on the wall and on the processor; and what the system tells of a process.

use std::time::{Duration, Instant};

/// How long a cell took.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Times {
    /// Running, not counting compilation.
    pub(crate) ran: Duration,
    /// The processor's time for that.
    pub(crate) cpu: Duration,
}

/// Adds up the times at which the code of one cell runs: its pieces, and its shell lines.
#[derive(Debug, Default)]
pub(super) struct Clock {
    started: Option<Instant>,
    cpu_before: Duration,
    pub(super) times: Times,
}

impl Clock {
    /// Code is about to run in a process.
    pub(super) fn prepare(&mut self, pid: u32) {
        self.cpu_before = processor_time(pid);
    }

    /// Code begins to run.
    pub(super) fn start(&mut self) {
        self.started = Some(Instant::now());
    }

    /// Code has run; does nothing where none did.
    pub(super) fn stop(&mut self, pid: u32) {
        if let Some(started) = self.started.take() {
            self.times.ran += started.elapsed();
            self.times.cpu += processor_time(pid).saturating_sub(self.cpu_before);
        }
    }

    /// A command of the shell has run.
    pub(super) fn add(&mut self, ran: Duration) {
        self.times.ran += ran;
    }
}

/// Bytes of memory that a process holds, where the system tells it.
pub(in crate::eval) fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"));
    line.and_then(|l| l.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) * 1024
}

/// Reads the processor's time of a process so far, where the system tells it.
fn processor_time(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let second = rustix::param::clock_ticks_per_second() as f64;
    Duration::from_secs_f64(ticks(&stat).unwrap_or_default() as f64 / second)
}

/// Reads user's and system's ticks from a line of `/proc/PID/stat`.
fn ticks(stat: &str) -> Option<u64> {
    // The name, in parentheses, may hold anything. Behind it fields are counted and none is left
    // out: the group of the terminal is -1 where there is no terminal.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<u64>().ok();
    Some(next()? + next()?)
}

#[cfg(test)]
mod tests {
    #[test]
    fn ticks_are_found_without_a_terminal() {
        let with = |group: &str| format!("7 (a) b) S 1 7 7 0 {group} 4 99 98 0 0 155 20 3 4 20 0");
        let both = (super::ticks(&with("-1")), super::ticks(&with("7")));
        assert_eq!((both, super::ticks("")), ((Some(175), Some(175)), None));
    }

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
