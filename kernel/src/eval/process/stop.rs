//! Ends what a cell runs: its compiler, its code, its shell lines, and all of it where the kernel shuts down.

use super::running::{Phase, Shared, lock};
use crate::error::{Error, Result};
use crate::eval::tools::files::pid_file;
use rustix::process::{Pid, Signal, kill_process_group};
use std::process::Child;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

impl Shared {
    /// Notes the user's wish to stop and passes it on; the number of the cell that is to stop, where one runs.
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

    /// Sees to it that the cell of that number, which is being stopped, ends: its compiler at once, its process after `grace`.
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
            // A compiler may have been about to start; a phase may have changed.
            s = self.changed.wait_timeout(s, Duration::from_millis(100)).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// The process group of the compiler under way notes its number in the session's folder.
    fn kill_compiler(&self) {
        let noted = std::fs::read_to_string(pid_file(&self.folder)).ok();
        if let Some(pid) = noted.and_then(|t| t.trim().parse().ok()).and_then(Pid::from_raw) {
            signal(pid, Signal::KILL);
            // It cannot clean up after itself, and its number may soon be another's.
            let _ = std::fs::remove_file(pid_file(&self.folder));
        }
    }

    /// Ends everything, for a kernel that shuts down.
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

    /// Runs `child`, the leader of a process group of its own, as a part of the cell that Stop reaches; how it ended.
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
        // Waiting would close it, and with it end the group.
        let _held = child.stdin.take();
        let status = child.wait().map_err(|source| Error::Start { command: "sh".to_owned(), source });
        let mut s = self.state();
        (s.shell, s.phase) = (None, Phase::Compiling);
        s.clock.add(began.elapsed());
        let stopping = s.stopping;
        drop(s);
        if stopping && let Some(group) = group {
            // What did not heed the first signal must not go on behind the cell's back.
            signal(group, Signal::KILL);
        }
        self.changed.notify_all();
        self.drain();
        status
    }
}

/// Signals a process group; one that has ended by itself needs no signal.
fn signal(group: Pid, signal: Signal) {
    let _ = kill_process_group(group, signal);
}

fn kill(process: &Mutex<Child>) {
    // A process that has ended by itself needs no killing.
    let _ = lock(process).kill();
}
