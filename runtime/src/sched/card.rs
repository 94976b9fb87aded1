//! A snapshot of a computation as HTML and as text, for the live view, the frozen view and the
//! terminal. Everything that changes has a fixed width, so that nothing jumps.

use super::progress::{NameNow, Phase, Snapshot, WorkerNow};
use super::stream;
use crate::show::html::{self, BUSY, DONE, FAILED, FAINT};
use crate::units::shown_time;
use std::fmt::Write;
use std::time::Duration;

/// The number of task names shown one by one; the rest is one line.
const NAMES: usize = 12;
/// The number of workers shown one by one.
const WORKERS: usize = 16;

impl Phase {
    /// Returns its displayed name.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Computing => "Computing",
            Self::Finished => "Finished",
            Self::Failed => "Failed",
            Self::Stopped => "Stopped",
        }
    }

    fn colour(self) -> &'static str {
        match self {
            Self::Computing | Self::Finished => DONE,
            Self::Failed | Self::Stopped => FAILED,
        }
    }
}

/// Renders the computation as text: `Computing: 12 of 40 tasks done, 3.1 s, about 5 s left`.
pub(crate) fn text(now: &Snapshot) -> String {
    let (done, failed, total) = now.sums();
    let failed =
        if failed > 0 { format!(", {} failed", html::thousands(failed)) } else { String::new() };
    let left = now.left().map(|l| format!(", about {} left", shown_time(l))).unwrap_or_default();
    let tasks = html::count(total as usize, "task");
    format!(
        "{}: {} of {tasks} done{failed}, {}{left}",
        now.phase.label(),
        html::thousands(done),
        shown_time(now.elapsed)
    )
}

/// Returns the fraction of tasks that are done, 0 to 1.
pub(crate) fn part(now: &Snapshot) -> f64 {
    let (done, _, total) = now.sums();
    done as f64 / total.max(1) as f64
}

/// Renders state, counts, time and bytes read on one line.
pub(crate) fn head(now: &Snapshot) -> String {
    let (done, failed, total) = now.sums();
    let mut out = format!(
        "<b style=\"display:inline-block;min-width:5.8em\">{}</b> <span style=\"color:{FAINT}\">{} of {}",
        now.phase.label(),
        html::thousands(done),
        html::count(total as usize, "task"),
    );
    if failed > 0 {
        let _ = write!(
            out,
            ", <span style=\"color:{FAILED}\">{} failed</span>",
            html::thousands(failed)
        );
    }
    let _ = write!(out, " &middot; {}", shown_time(now.elapsed));
    if let Some(left) = now.left() {
        let _ = write!(out, " &middot; about {} left", shown_time(left));
    }
    let read: u64 = now.names.iter().map(|n| n.bytes).sum();
    if read > 0 {
        let _ = write!(out, " &middot; {} read", html::bytes(read));
    }
    out + "</span>"
}

/// Renders the bytes in memory, relative to the limit, and on disk.
pub(crate) fn memory(now: &Snapshot) -> String {
    let share = if now.limit == u64::MAX { 0.0 } else { now.held as f64 / now.limit.max(1) as f64 };
    let colour = if share > 0.8 {
        FAILED
    } else if share > 0.6 {
        BUSY
    } else {
        DONE
    };
    let over = now.phase != Phase::Computing;
    let mut out =
        format!("memory {}{} held", if over { "at most " } else { "" }, html::bytes(now.held));
    if now.limit < u64::MAX {
        let _ = write!(out, " of {} {}", html::bytes(now.limit), html::bar(share, colour, 80));
    }
    if now.spilled > 0 {
        let _ = write!(out, " &middot; {} spilled to disk", html::bytes(now.spilled));
    }
    for note in &now.notes {
        let _ = write!(out, "<br><span style=\"color:{FAILED}\">{}</span>", html::escape(note));
    }
    format!("<div style=\"color:{FAINT}\">{out}</div>")
}

const TABLE: &str = "<table style=\"border-collapse:collapse;margin:0;font-variant-numeric:tabular-nums;line-height:1.5\">";

/// A table row without the page's stripes.
const ROW: &str = "<tr style=\"background:none\">";

fn cell(style: &str, content: &str) -> String {
    format!(
        "<td style=\"text-align:left;padding:0 14px 0 0;white-space:nowrap;{style}\">{content}</td>"
    )
}

/// Renders a row per worker: state, CPU usage, memory, tasks done and running. `before` is an
/// earlier snapshot.
pub(crate) fn workers(now: &Snapshot, before: Option<&Snapshot>) -> String {
    let mut out = TABLE.to_owned();
    for (i, w) in now.workers.iter().take(WORKERS).enumerate() {
        let cpu = cpu_of(
            w,
            before.and_then(|b| Some((b.workers.get(i)?, now.elapsed.checked_sub(b.elapsed)?))),
        );
        let (state, colour) = if w.doing.is_empty() { ("idle", FAINT) } else { ("running", DONE) };
        let over = now.phase != Phase::Computing;
        let state = if over {
            cell("display:none", "")
        } else {
            cell(&format!("color:{colour};min-width:4em"), state)
        };
        out += ROW;
        out += &cell(
            "",
            &format!(
                "worker {i}{}",
                if w.threads > 1 { format!(" ({} threads)", w.threads) } else { String::new() }
            ),
        );
        out += &state;
        out += &cell(
            "",
            &format!(
                "{} <span style=\"color:{FAINT}\">{:>3.0} % {}</span>",
                html::bar(cpu.0, BUSY, 70),
                cpu.0 * 100.0,
                cpu.1
            ),
        );
        out += &cell("min-width:6em", &memory_of(w, now));
        out += &cell(&format!("color:{FAINT}"), &format!("{} done", html::thousands(w.done)));
        if !over {
            out += &cell("min-width:14em", &doing(w, &now.names));
        }
        out += "</tr>";
    }
    out += "</table>";
    if now.workers.len() > WORKERS {
        let _ = write!(
            out,
            "<div style=\"color:{FAINT}\">and {} more workers</div>",
            now.workers.len() - WORKERS
        );
    }
    out
}

/// Returns a worker's recent CPU usage (0 to 1) and `"CPU"` if an earlier snapshot is known, else
/// the fraction of time it was busy and `"busy"`.
fn cpu_of(w: &WorkerNow, before: Option<(&WorkerNow, Duration)>) -> (f64, &'static str) {
    if let Some((b, passed)) = before
        && let (Some(now), Some(then)) = (w.cpu, b.cpu)
        && passed > Duration::ZERO
    {
        let part =
            now.saturating_sub(then).as_secs_f64() / passed.as_secs_f64() / w.threads.max(1) as f64;
        return (part.min(1.0), "CPU");
    }
    (w.busy, "busy")
}

fn memory_of(w: &WorkerNow, now: &Snapshot) -> String {
    let text = format!("<span style=\"color:{FAINT}\">{}</span>", html::bytes(w.held));
    if now.limit == u64::MAX {
        return text;
    }
    let share = w.held as f64 / (now.limit as f64 / now.workers.len().max(1) as f64).max(1.0);
    format!("{} {text}", html::bar(share, if share > 0.8 { FAILED } else { DONE }, 40))
}

fn doing(w: &WorkerNow, names: &[NameNow]) -> String {
    let mut shown: Vec<_> =
        w.doing.iter().filter_map(|n| names.get(*n as usize)).map(|n| n.name.as_str()).collect();
    shown.dedup();
    shown
        .iter()
        .map(|n| format!("<code style=\"background:none\">{}</code>", html::escape(n)))
        .collect::<Vec<_>>()
        .join(" ")
}

/// Renders a row per task name: a bar, the tasks done, running, failed and in total, and the mean
/// duration.
pub(crate) fn names(now: &Snapshot) -> String {
    let mut shown: Vec<(usize, &NameNow)> =
        now.names.iter().enumerate().filter(|(_, n)| n.total > 0).collect();
    let all = shown.len();
    if all > NAMES {
        shown.sort_by_key(|(_, n)| std::cmp::Reverse(n.total));
    }
    let with_rows = shown.iter().any(|(_, n)| n.rows > 0);
    let mut out = TABLE.to_owned();
    for (i, n) in shown.iter().take(NAMES) {
        let colour = if n.failed > 0 { FAILED } else { DONE };
        let mut state = format!("{} / {}", html::thousands(n.done), html::thousands(n.total));
        if n.running > 0 {
            let _ = write!(state, ", {} running", n.running);
        }
        if n.failed > 0 {
            let _ = write!(
                state,
                ", <span style=\"color:{FAILED}\">{} failed</span>",
                html::thousands(n.failed)
            );
        }
        let each = if n.done > 0 {
            format!("{} each", shown_time(n.took / n.done.min(u64::from(u32::MAX)) as u32))
        } else {
            String::new()
        };
        out += ROW;
        let square = format!(
            "<span style=\"display:inline-block;width:9px;height:9px;border-radius:2px;background:{}\"></span>",
            stream::colour_of(*i as u32)
        );
        out += &cell(
            "",
            &format!("{square} <code style=\"background:none\">{}</code>", html::escape(&n.name)),
        );
        out += &cell("", &html::bar(n.done as f64 / n.total.max(1) as f64, colour, 120));
        out += &cell(&format!("color:{FAINT};min-width:10em"), &state);
        out += &cell(&format!("color:{FAINT};min-width:6em"), &each);
        if with_rows {
            out += &cell(&format!("color:{FAINT};min-width:16em"), &amounts(n));
        }
        out += "</tr>";
    }
    out += "</table>";
    if all > NAMES {
        let _ =
            write!(out, "<div style=\"color:{FAINT}\">and {} more task names</div>", all - NAMES);
    }
    out
}

/// Renders the rows that tasks produced and the bytes that they read from files.
fn amounts(n: &NameNow) -> String {
    let rows = if n.rows > 0 { html::count(n.rows as usize, "row") } else { String::new() };
    if n.bytes > 0 { format!("{rows}, {} read", html::bytes(n.bytes)) } else { rows }
}

/// Renders the whole view as one page, for front ends without widgets and for the frozen view.
pub(crate) fn page(now: &Snapshot, before: Option<&Snapshot>, picture: Option<&str>) -> String {
    let bar = html::bar(part(now), now.phase.colour(), 300);
    let cancel = if now.phase == Phase::Computing {
        "<button data-commandlinker-command=\"notebook:interrupt-kernel\" style=\"margin-left:8px\">Cancel</button>"
    } else {
        ""
    };
    let picture = picture
        .map(|svg| format!("<div style=\"margin-top:4px\">{}</div>", html::svg_image(svg)))
        .unwrap_or_default();
    format!(
        "<div class=\"rask-progress\" style=\"font-variant-numeric:tabular-nums;line-height:1.5\"><div>{bar} {}{cancel}</div>\
         <div style=\"display:flex;flex-wrap:wrap;gap:2px 32px;margin-top:2px\"><div>{}</div><div>{}</div></div>{}{picture}</div>",
        head(now),
        workers(now, before),
        names(now),
        memory(now),
    )
}

#[cfg(test)]
mod tests {
    use super::super::progress::Job;
    use super::*;

    #[test]
    fn times_read_well() {
        let cases = [
            (5, "5 \u{b5}s"),
            (1500, "1.5 ms"),
            (2_500_000, "2.5 s"),
            (59_000_000, "59 s"),
            (200_000_000, "3 min 20 s"),
        ];
        for (us, want) in cases {
            assert_eq!(shown_time(Duration::from_micros(us)), want);
        }
        assert_eq!(shown_time(Duration::from_secs(7300)), "2 h 1 min");
    }

    #[test]
    fn a_card_tells_all_and_escapes_names() {
        let job = Job::begin(["<slow>".to_owned(), "total".to_owned()]);
        job.expect(0, 2000);
        job.expect(1, 1);
        job.on(0, 0, 0);
        job.holds(&[1 << 20], 3 << 20);
        let now = job.counts().snapshot();
        let html = page(&now, None, None);
        for part in [
            "worker 0",
            "&lt;slow&gt;</code>",
            "0 of 2,001 tasks",
            "Computing",
            "1.00 MiB held",
            "3.00 MiB spilled",
            "Cancel",
            "1 running",
        ] {
            assert!(html.contains(part), "{part}: {html}");
        }
        assert!(text(&now).starts_with("Computing: 0 of 2,001 tasks done"));
    }
}
