//! The few helpers that both processes need: locks that outlive a panic, the CPU time in a line of
//! `/proc`, and the special characters of HTML.

use std::sync::{LockResult, PoisonError};
use std::time::Duration;

/// Ignores that a thread has panicked while it held a lock.
pub trait Whole<G> {
    /// Returns the guard also where the lock is poisoned. Every change under our locks is whole
    /// before code that may panic runs, and a user's closure that panics must not stop all cells
    /// after it.
    fn whole(self) -> G;
}

impl<G> Whole<G> for LockResult<G> {
    fn whole(self) -> G {
        self.unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the user and system time in a line of `/proc/PID/stat` or `/proc/PID/task/TID/stat`,
/// given the ticks of a second.
#[must_use]
pub fn cpu_time(stat: &str, ticks_per_second: u64) -> Option<Duration> {
    sum_of_two(stat, 11, ticks_per_second)
}

/// Returns the same of the children that have ended.
#[must_use]
pub fn cpu_time_of_children(stat: &str, ticks_per_second: u64) -> Option<Duration> {
    sum_of_two(stat, 13, ticks_per_second)
}

fn sum_of_two(stat: &str, at: usize, ticks_per_second: u64) -> Option<Duration> {
    // The name, in parentheses, may contain anything. The fields after it are counted before they
    // are parsed: the process group of the terminal is -1 if there is no terminal.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(at);
    let mut next = || fields.next()?.parse::<u64>().ok();
    let ticks = next()? + next()?;
    Duration::try_from_secs_f64(ticks as f64 / ticks_per_second as f64).ok()
}

/// Replaces the special characters of HTML.
#[must_use]
pub fn escape_html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_found_without_a_terminal() {
        let with = |group: &str| format!("7 (a) b) S 1 7 7 0 {group} 4 99 98 0 0 155 20 3 20 20 0");
        let time = |group: &str| cpu_time(&with(group), 100);
        let both = (time("-1"), time("7"));
        assert_eq!(both, (Some(Duration::from_millis(1750)), Some(Duration::from_millis(1750))));
        assert_eq!(cpu_time("", 100), None);
        let children = |group: &str| cpu_time_of_children(&with(group), 100);
        assert_eq!(children("-1"), Some(Duration::from_millis(230)));
    }
}
