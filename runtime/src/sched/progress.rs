//! What is running, and its view under the cell: each worker with what it is doing, done and total for each task name,
//! bytes held, elapsed time. Workers count into atomics; one thread draws, only for what takes longer than half a second.
//! Collections never know about the view.

use super::pool;
use crate::config;
use crate::show::html::{self, BUSY, DONE, FAILED, FAINT};
use crate::wire;
use rask_wire::{Bundle, Role, ToKernel};
use std::fmt::Write;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A computation shorter than this leaves nothing on screen.
const PATIENCE: Duration = Duration::from_millis(500);
/// Time between two drawings.
const EVERY: Duration = Duration::from_millis(250);
/// Task names shown one by one; the rest is one line.
const NAMES: usize = 12;

/// How a task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    Failed,
}

/// Counts of one task name.
#[derive(Default)]
struct Name {
    name: String,
    total: AtomicU64,
    running: AtomicU64,
    done: AtomicU64,
    failed: AtomicU64,
}

/// What one worker is doing: number of a name plus one, zero when idle.
#[derive(Default)]
struct Worker {
    current: AtomicU32,
    done: AtomicU64,
    busy_us: AtomicU64,
    since_us: AtomicU64,
}

/// One computation's counts.
struct Counts {
    started: Instant,
    names: Vec<Name>,
    workers: Vec<Worker>,
    bytes: AtomicI64,
    rows: AtomicU64,
    view: Mutex<View>,
}

/// What is on screen.
#[derive(Default)]
struct View {
    id: Option<String>,
    ended: bool,
}

/// A computation under way; ends when dropped.
pub(crate) struct Job(Arc<Counts>);

/// The computations under way and the thread that draws them.
static ACTIVE: LazyLock<(Mutex<Vec<Arc<Counts>>>, Condvar)> = LazyLock::new(|| {
    let builder = std::thread::Builder::new().name("rask-view".to_owned());
    // Without this thread there is no view, and everything else works.
    let _ = builder.spawn(draw_all);
    Default::default()
});

impl Job {
    /// Begins a computation of tasks with these names. Inside of another's task it is not drawn.
    pub(crate) fn begin(names: Vec<Arc<str>>) -> Self {
        let names = names.iter().map(|n| Name { name: n.to_string(), ..Name::default() }).collect();
        let workers = (0..config::workers()).map(|_| Worker::default()).collect();
        let started = Instant::now();
        let counts = Arc::new(Counts { started, names, workers, bytes: 0.into(), rows: 0.into(), view: Mutex::default() });
        if wire::connected() && !pool::inside_task() {
            let (list, changed) = &*ACTIVE;
            list.lock().unwrap_or_else(PoisonError::into_inner).push(counts.clone());
            changed.notify_one();
        }
        Self(counts)
    }

    /// Adds tasks that will run.
    pub(crate) fn expect(&self, name: u32, tasks: u64) {
        self.0.names[name as usize].total.fetch_add(tasks, Relaxed);
    }

    /// A worker begins a task.
    pub(crate) fn start(&self, worker: usize, name: u32) {
        self.begin_task(name);
        self.on(worker, name);
    }

    /// A task begins.
    pub(crate) fn begin_task(&self, name: u32) {
        self.0.names[name as usize].running.fetch_add(1, Relaxed);
    }

    /// A worker turns to a task that has begun before.
    pub(crate) fn on(&self, worker: usize, name: u32) {
        if let Some(w) = self.0.workers.get(worker) {
            w.current.store(name + 1, Relaxed);
            w.since_us.store(self.0.started.elapsed().as_micros() as u64, Relaxed);
        }
    }

    /// A worker lays its task aside.
    pub(crate) fn off(&self, worker: usize) {
        if let Some(w) = self.0.workers.get(worker) {
            let now = self.0.started.elapsed().as_micros() as u64;
            w.busy_us.fetch_add(now.saturating_sub(w.since_us.load(Relaxed)), Relaxed);
            w.current.store(0, Relaxed);
        }
    }

    /// A worker ends the task it is at, whose value holds `bytes`.
    pub(crate) fn end(&self, worker: usize, name: u32, outcome: Outcome, bytes: u64) {
        self.0.bytes.fetch_add(bytes as i64, Relaxed);
        self.end_task(worker, name, outcome);
        self.off(worker);
    }

    /// A task ends on a worker.
    pub(crate) fn end_task(&self, worker: usize, name: u32, outcome: Outcome) {
        let n = &self.0.names[name as usize];
        n.running.fetch_sub(1, Relaxed);
        if outcome == Outcome::Done { &n.done } else { &n.failed }.fetch_add(1, Relaxed);
        if let Some(w) = self.0.workers.get(worker) {
            w.done.fetch_add(1, Relaxed);
        }
    }

    /// Ends the view: its last state stays on screen, and in the saved notebook.
    pub(crate) fn finish(&self) {
        if !wire::connected() {
            return;
        }
        let mut list = ACTIVE.0.lock().unwrap_or_else(PoisonError::into_inner);
        list.retain(|c| !Arc::ptr_eq(c, &self.0));
        drop(list);
        let mut view = self.0.view.lock().unwrap_or_else(PoisonError::into_inner);
        if !std::mem::replace(&mut view.ended, true) && view.id.is_some() {
            self.0.draw(&mut view);
        }
    }

    /// A value of that size was freed.
    pub(crate) fn release(&self, bytes: u64) {
        self.0.bytes.fetch_sub(bytes as i64, Relaxed);
    }

    /// Sets the bytes held, where another accounts for them.
    pub(crate) fn holds(&self, bytes: u64) {
        self.0.bytes.store(bytes as i64, Relaxed);
    }

    /// Rows that have been read.
    pub(crate) fn read_rows(&self, rows: u64) {
        self.0.rows.fetch_add(rows, Relaxed);
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        self.finish();
    }
}

/// The drawing thread: sleeps until there is a computation, then draws each that has lasted long enough.
fn draw_all() {
    let (list, changed) = &*ACTIVE;
    let mut active = list.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        active = if active.is_empty() {
            changed.wait(active).unwrap_or_else(PoisonError::into_inner)
        } else {
            let due: Vec<_> = active.iter().filter(|c| c.started.elapsed() >= PATIENCE).cloned().collect();
            drop(active);
            for counts in due {
                let mut view = counts.view.lock().unwrap_or_else(PoisonError::into_inner);
                if !view.ended {
                    counts.draw(&mut view);
                }
            }
            let active = list.lock().unwrap_or_else(PoisonError::into_inner);
            changed.wait_timeout(active, EVERY).unwrap_or_else(PoisonError::into_inner).0
        };
    }
}

impl Counts {
    fn draw(&self, view: &mut View) {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let role = if view.id.is_some() { Role::Update } else { Role::Display };
        let id = view.id.get_or_insert_with(|| format!("rask-view-{}-{}", std::process::id(), NEXT.fetch_add(1, Relaxed)));
        let bundle = Bundle::text(self.text()).with("text/html", self.html(view.ended));
        wire::send(&ToKernel::Show { role, id: Some(id.clone()), bundle, ack: false });
    }

    fn sums(&self) -> (u64, u64, u64) {
        let sum = |f: fn(&Name) -> &AtomicU64| self.names.iter().map(|n| f(n).load(Relaxed)).sum::<u64>();
        (sum(|n| &n.done), sum(|n| &n.failed), sum(|n| &n.total))
    }

    fn text(&self) -> String {
        let (done, failed, total) = self.sums();
        let failed = if failed > 0 { format!(", {failed} failed") } else { String::new() };
        format!("{done} of {total} tasks done{failed}, {:.1} s", self.started.elapsed().as_secs_f64())
    }

    fn html(&self, ended: bool) -> String {
        let (done, failed, total) = self.sums();
        let elapsed = self.started.elapsed();
        let (state, colour) = match (ended, failed > 0, done == total) {
            (_, true, _) => ("Failed", FAILED),
            (true, _, true) => ("Finished", DONE),
            (true, _, false) => ("Stopped", FAILED),
            (false, ..) => ("Computing", BUSY),
        };
        let mut out = format!(
            "<div class=\"rask-progress\" style=\"font-variant-numeric:tabular-nums;line-height:1.6\"><div><b>{state}</b> \
             {} <span style=\"color:{FAINT}\">{} of {} &middot; {:.1} s",
            html::bar(done as f64 / total.max(1) as f64, if state == "Computing" { DONE } else { colour }, 300),
            html::thousands(done),
            html::count(total as usize, "task"),
            elapsed.as_secs_f64()
        );
        let bytes = self.bytes.load(Relaxed).max(0) as u64;
        if bytes > 0 {
            let _ = write!(out, " &middot; {} held", html::bytes(bytes));
        }
        let rows = self.rows.load(Relaxed);
        if rows > 0 {
            let _ = write!(out, " &middot; {} read", html::count(rows as usize, "row"));
        }
        out += "</span></div><div style=\"display:flex;flex-wrap:wrap;gap:0 32px\"><div>";
        self.workers_html(&mut out, elapsed, ended);
        out += "</div><div>";
        self.names_html(&mut out);
        out + "</div></div></div>"
    }

    fn workers_html(&self, out: &mut String, elapsed: Duration, ended: bool) {
        for (i, w) in self.workers.iter().enumerate() {
            let current = w.current.load(Relaxed) as usize;
            let now = elapsed.as_micros() as u64;
            let running = if current > 0 { now.saturating_sub(w.since_us.load(Relaxed)) } else { 0 };
            let busy = (w.busy_us.load(Relaxed) + running) as f64 / now.max(1) as f64;
            let doing = match self.names.get(current.wrapping_sub(1)) {
                Some(n) => format!("<code>{}</code>", html::escape(&n.name)),
                None if ended => String::new(),
                None => format!("<span style=\"color:{FAINT}\">idle</span>"),
            };
            let _ = write!(
                out,
                "<div>worker {i} {} <span style=\"color:{FAINT}\">{:>3.0}% busy, {} done</span> {doing}</div>",
                html::bar(busy, BUSY, 80),
                (busy * 100.0).min(100.0),
                html::thousands(w.done.load(Relaxed))
            );
        }
    }

    fn names_html(&self, out: &mut String) {
        let mut shown: Vec<&Name> = self.names.iter().collect();
        if shown.len() > NAMES {
            shown.sort_by_key(|n| std::cmp::Reverse(n.total.load(Relaxed)));
        }
        for n in shown.iter().take(NAMES) {
            let (done, failed, total) = (n.done.load(Relaxed), n.failed.load(Relaxed), n.total.load(Relaxed));
            let colour = if failed > 0 { FAILED } else { DONE };
            let _ = write!(
                out,
                "<div>{} <code>{}</code> <span style=\"color:{FAINT}\">{} / {}{}</span></div>",
                html::bar(done as f64 / total.max(1) as f64, colour, 120),
                html::escape(&n.name),
                html::thousands(done),
                html::thousands(total),
                if failed > 0 { format!(", {failed} failed") } else { String::new() }
            );
        }
        if shown.len() > NAMES {
            let _ = write!(out, "<div style=\"color:{FAINT}\">and {} more task names</div>", shown.len() - NAMES);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_view_tells_workers_names_and_totals() {
        let job = Job::begin(vec!["slow".into(), "<total>".into()]);
        job.expect(0, 2000);
        job.expect(1, 1);
        job.start(0, 0);
        let html = job.0.html(false);
        assert!(html.contains("worker 0") && html.contains("<code>slow</code>") && html.contains("&lt;total&gt;"), "{html}");
        assert!(html.contains("0 of 2,001 tasks") && html.contains("Computing"));
        job.end(0, 0, Outcome::Failed, 0);
        assert!(job.0.html(true).contains("1 failed"));
    }
}
