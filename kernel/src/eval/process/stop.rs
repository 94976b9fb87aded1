//! Interrupts a cell: its compiler, its code, its shell commands; and everything when the kernel
//! shuts down.

use super::running::{Phase, Shared};
use crate::error::{Error, Result};
use crate::eval::tools::files::pid_file;
use rask_wire::helpers::Whole;
use rustix::process::{Pid, Signal, kill_process_group};
use std::process::Child;
use std::sync::Mutex;
use std::time::{Duration, Instant};

impl Shared {
    /// Records the user's interrupt and passes it on; returns the number of the cell to stop, if
    /// one is running.
    pub(in crate::eval) fn request_stop(&self) -> Option<u64> {
        let mut s = self.state();
        if s.phase == Phase::Idle || s.stopping {
            return None;
        }
        s.stopping = true;
        s.withdraw_question();
        if let Some(group) = s.shell {
            signal(group, Signal::INT);
        } else if s.phase == Phase::Running {
            s.cancel();
        }
        Some(s.cell)
    }

    /// Ensures that the interrupted cell with that number ends: kills its compiler at once, its
    /// process after `grace`.
    pub(in crate::eval) fn enforce_stop(&self, cell: u64, grace: Duration) {
        let deadline = Instant::now() + grace;
        let mut s = self.state();
        while s.cell == cell && s.phase != Phase::Idle {
            if s.phase == Phase::Compiling {
                self.kill_compiler();
            } else if Instant::now() >= deadline {
                if let Some(group) = s.shell {
                    signal(group, Signal::KILL);
                } else if let Some(process) = s.evaluator.process.clone() {
                    drop(s);
                    kill(&process);
                }
                return;
            }
            // A compiler may have started, or the phase changed, in the meantime.
            s = self.changed.wait_timeout(s, Duration::from_millis(100)).whole().0;
        }
    }

    /// Kills the process groups of the running compiler, whose ids are noted in the session's
    /// folder.
    fn kill_compiler(&self) {
        let noted = std::fs::read_to_string(pid_file(&self.folder)).unwrap_or_default();
        let groups: Vec<Pid> =
            noted.lines().filter_map(|l| l.parse().ok()).filter_map(Pid::from_raw).collect();
        for group in &groups {
            signal(*group, Signal::KILL);
        }
        if !groups.is_empty() {
            // The compiler cannot remove the file itself, and its id may soon be reused.
            let _ = std::fs::remove_file(pid_file(&self.folder));
        }
    }

    /// Kills everything, when the kernel shuts down.
    pub(in crate::eval) fn kill(&self) {
        self.kill_compiler();
        let (process, shell) = {
            let s = self.state();
            (s.evaluator.process.clone(), s.shell)
        };
        if let Some(group) = shell {
            signal(group, Signal::KILL);
        }
        if let Some(process) = process {
            kill(&process);
        }
    }

    /// Waits for `child`, the leader of its own process group, as a part of the cell that Stop
    /// ends; returns its status.
    pub(in crate::eval) fn attend(&self, child: &mut Child) -> Result<std::process::ExitStatus> {
        let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let mut s = self.state();
        (s.shell, s.phase) = (group, Phase::Running);
        if s.stopping
            && let Some(group) = group
        {
            signal(group, Signal::INT);
        }
        drop(s);
        let began = Instant::now();
        // Waiting would close it, which would end the group.
        let _held = child.stdin.take();
        let status =
            child.wait().map_err(|source| Error::Start { command: "sh".to_owned(), source });
        let mut s = self.state();
        (s.shell, s.phase) = (None, Phase::Compiling);
        s.clock.add(began.elapsed());
        let stopping = s.stopping;
        drop(s);
        if stopping && let Some(group) = group {
            // Processes that ignored the first signal must not outlive the cell.
            signal(group, Signal::KILL);
        }
        self.changed.notify_all();
        self.drain();
        status
    }
}

/// Signals a process group, unless it has already ended.
fn signal(group: Pid, signal: Signal) {
    let _ = kill_process_group(group, signal);
}

fn kill(process: &Mutex<Child>) {
    // A process that has already ended cannot be killed.
    let _ = process.lock().whole().kill();
}
