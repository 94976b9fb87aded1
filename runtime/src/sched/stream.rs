//! The task stream: which thread ran which task when, as an SVG picture. Neighbouring tasks that
//! are too narrow to be distinguished are drawn as one, so that it stays small for any number of
//! tasks.

use super::progress::{Counts, Outcome, Record, Snapshot};
use crate::show::html;
use crate::show::svg::{FAMILY, colour};
use crate::units::shown_time;
use std::fmt::Write;

/// The width of the picture in CSS pixels.
const WIDTH: f64 = 720.0;
/// The height of a thread's row.
const ROW: f64 = 14.0;
/// The maximum number of threads shown.
const ROWS: u32 = 32;
/// The maximum number of tasks considered.
const TASKS: usize = 20_000;

/// The colours of task names, in the order of the names; middle tones that are readable on light
/// and dark pages.
const COLOURS: [&str; 10] = [
    "#4c8dd6", "#e08e0b", "#4ca64c", "#c05fb8", "#c9a227", "#3aa6a0", "#a5734a", "#8a79c9",
    "#7d8a2e", "#d06f8e",
];
/// The colour of failed tasks.
const FAILED: &str = "#d32f2f";

/// Returns the colour of a task name, by its number.
pub(crate) fn colour_of(name: u32) -> &'static str {
    COLOURS[name as usize % COLOURS.len()]
}

/// Returns the picture of a computation; `None` if no task has finished.
pub(crate) fn picture(counts: &Counts, now: &Snapshot) -> Option<String> {
    let records = counts.records(TASKS);
    (!records.is_empty()).then(|| draw(&records, now))
}

/// A run of tasks of one name on one thread.
struct Block {
    thread: u32,
    name: u32,
    failed: bool,
    from: u64,
    to: u64,
    tasks: u32,
}

fn blocks(records: &[Record], narrow_us: u64) -> Vec<Block> {
    let mut sorted: Vec<&Record> = records.iter().filter(|r| r.thread < ROWS).collect();
    sorted.sort_by_key(|r| (r.thread, r.start_us));
    let mut blocks: Vec<Block> = Vec::new();
    for r in sorted {
        let (to, failed) = (r.start_us + r.took_us, r.outcome == Outcome::Failed);
        match blocks.last_mut() {
            // A task that is wide enough to be seen has a block of its own.
            Some(b)
                if b.thread == r.thread
                    && b.name == r.name
                    && b.failed == failed
                    && r.start_us < b.to + narrow_us
                    && (r.took_us < 6 * narrow_us || b.to - b.from < 6 * narrow_us) =>
            {
                b.to = to.max(b.to);
                b.tasks += 1;
            }
            // A task of another name that is too narrow to be seen does not get a block of its own.
            Some(b) if b.thread == r.thread && to < b.to + narrow_us && !failed => {
                b.to = to.max(b.to)
            }
            _ => blocks.push(Block {
                thread: r.thread,
                name: r.name,
                failed,
                from: r.start_us,
                to,
                tasks: 1,
            }),
        }
    }
    blocks
}

fn draw(records: &[Record], now: &Snapshot) -> String {
    let threads = (now.workers.iter().map(|w| w.threads as u32).sum::<u32>()).clamp(1, ROWS);
    let end = records
        .iter()
        .map(|r| r.start_us + r.took_us)
        .max()
        .unwrap_or(0)
        .max(now.elapsed.as_micros() as u64);
    // The picture begins at the start of the computation, if that is remembered.
    let first = records.iter().map(|r| r.start_us).min().unwrap_or(0);
    let start = if first < end / 20 { 0 } else { first };
    let span = end.saturating_sub(start).max(1);
    let left = 64.0;
    let x = |us: u64| left + (us.saturating_sub(start)) as f64 / span as f64 * (WIDTH - left - 8.0);
    let height = f64::from(threads) * ROW + 24.0;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"{FAMILY}\" font-size=\"10\">"
    );
    for t in 0..threads {
        let y = f64::from(t) * ROW + ROW - 4.0;
        let _ =
            write!(out, "<text x=\"0\" y=\"{y:.0}\" fill=\"{}\">thread {t}</text>", colour::INK);
    }
    // Half a pixel.
    for b in blocks(records, span / (2 * WIDTH as u64)) {
        let (x0, x1) = (x(b.from), x(b.to));
        let name = now.names.get(b.name as usize).map_or("", |n| n.name.as_str());
        let _ = write!(
            out,
            "<rect x=\"{x0:.1}\" y=\"{:.0}\" width=\"{:.1}\" height=\"{:.0}\" fill=\"{}\"><title>{}{}: {}</title></rect>",
            f64::from(b.thread) * ROW + 1.0,
            (x1 - x0 - 0.5).max(0.7),
            ROW - 2.0,
            if b.failed { FAILED } else { colour_of(b.name) },
            html::escape(name),
            if b.tasks > 1 { format!(" \u{d7} {}", b.tasks) } else { String::new() },
            shown_time(std::time::Duration::from_micros(b.to - b.from)),
        );
    }
    let base = f64::from(threads) * ROW + 3.0;
    let _ =
        write!(out, "<path d=\"M{left},{base} H{}\" stroke=\"{}\"/>", WIDTH - 8.0, colour::LINE);
    for i in 0..=4u64 {
        let us = start + span * i / 4;
        let anchor = ["start", "middle", "middle", "middle", "end"][i as usize];
        let label =
            if us == 0 { "0".to_owned() } else { shown_time(std::time::Duration::from_micros(us)) };
        let _ = write!(
            out,
            "<text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"{anchor}\" fill=\"{}\">{label}</text>",
            x(us),
            base + 14.0,
            colour::INK
        );
    }
    out + "</svg>"
}

#[cfg(test)]
mod tests {
    use super::super::progress::Job;
    use super::*;

    #[test]
    fn a_hundred_thousand_tasks_are_a_small_picture() {
        let job = Job::begin(["<a>".to_owned(), "b".to_owned()]);
        job.expect(0, 100_000);
        let record = |i: u64| Record {
            name: (i % 2) as u32,
            task: None,
            thread: (i % 3) as u32,
            start_us: i * 10,
            took_us: 9,
            bytes: 0,
            outcome: if i == 5000 { Outcome::Failed } else { Outcome::Done },
        };
        job.hand_in(&mut (0..100_000).map(record).collect());
        let counts = job.counts();
        let svg = picture(&counts, &counts.snapshot()).unwrap();
        assert!(svg.len() < 400_000, "{}", svg.len());
        assert!(svg.contains("&lt;a&gt;") && !svg.contains("<a>"));
    }
}
