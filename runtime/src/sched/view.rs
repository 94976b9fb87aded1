//! The live view under a cell: one thread draws the computations that take longer than half a
//! second, as widgets if a page supports them, else as HTML that replaces itself, or as a line of
//! text on a terminal. At the end the view is replaced by plain HTML, which every notebook viewer
//! shows.

use super::progress::{self, Counts, Snapshot};
use super::{card, stream};
use crate::comm::json;
use crate::widget::{self, Kind, Widget};
use crate::wire;
use rask_wire::helpers::Whole;
use rask_wire::{Bundle, Role, ToKernel};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, Once};
use std::time::{Duration, Instant};

/// Computations shorter than this are not shown.
const PATIENCE: Duration = Duration::from_millis(500);
/// The time between two updates of widgets (`OFTEN`), and of HTML that is replaced as a whole
/// (`SELDOM`).
const OFTEN: Duration = Duration::from_millis(200);
const SELDOM: Duration = Duration::from_millis(250);
/// CPU usage is measured since a snapshot that is at least this old.
const LATELY: Duration = Duration::from_millis(900);

/// How computations are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Widgets,
    Html,
    Text,
    Off,
}

/// The number of registered progress bars.
static BARS: AtomicUsize = AtomicUsize::new(0);

fn way() -> Way {
    let asked = std::env::var("RASK_VIEW").unwrap_or_default();
    match asked.as_str() {
        "widgets" => Way::Widgets,
        "html" => Way::Html,
        "text" => Way::Text,
        "off" => Way::Off,
        _ if BARS.load(Relaxed) > 0 => Way::Text,
        _ if !wire::connected() => Way::Off,
        _ if widget::available() => Way::Widgets,
        _ => Way::Html,
    }
}

/// A progress bar for terminals and `jupyter console`: while it exists, every computation is shown
/// as a line of text.
///
/// ```
/// use rask::prelude::*;
/// let bar = ProgressBar::new();
/// let total = Bag::range(1000, 4).sum().compute()?;
/// assert_eq!(total, 499_500);
/// # Ok::<(), rask::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "the progress bar is removed when this value is dropped"]
pub struct ProgressBar(());

impl ProgressBar {
    /// Creates a progress bar: from now on, computations are shown as a line of text on standard
    /// output.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        BARS.fetch_add(1, Relaxed);
        start();
        Self(())
    }
}

impl Drop for ProgressBar {
    fn drop(&mut self) {
        BARS.fetch_sub(1, Relaxed);
    }
}

/// The displayed view of one computation.
struct Shown {
    id: String,
    way: Way,
    panel: Option<Panel>,
    last: Option<Instant>,
    /// Snapshots to measure CPU usage by: an old one, and the one that will replace it.
    before: [Option<Snapshot>; 2],
}

type Views = HashMap<u64, Shown>;

static VIEWS: LazyLock<Mutex<Views>> = LazyLock::new(Mutex::default);

fn views() -> MutexGuard<'static, Views> {
    VIEWS.lock().whole()
}

/// Starts the drawing thread; called by the host and by the first progress bar.
pub(crate) fn start() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        progress::when_ended(ended);
        // Without this thread there is no view, but everything else works.
        let _ = std::thread::Builder::new().name("rask-view".to_owned()).spawn(draw_all);
    });
}

fn draw_all() {
    let (mut session, changed) = progress::session();
    loop {
        if session.active.is_empty() {
            session = changed.wait(session).whole();
            continue;
        }
        let due: Vec<Arc<Counts>> =
            session.active.iter().filter(|c| c.started.elapsed() >= PATIENCE).cloned().collect();
        drop(session);
        for counts in due {
            let mut views = views();
            // It may have finished in the meantime, and its view may be frozen.
            if !counts.is_over() {
                draw(&mut views, &counts);
            }
        }
        session = progress::session().0;
        if !session.active.is_empty() {
            session = changed.wait_timeout(session, OFTEN).whole().0;
        }
    }
}

/// Freezes the view of a finished computation.
fn ended(counts: &Arc<Counts>) {
    let mut views = views();
    let Some(shown) = views.remove(&counts.number) else { return };
    let now = counts.snapshot();
    match shown.way {
        Way::Text => terminal(&now, true),
        Way::Off => {}
        Way::Html | Way::Widgets => {
            let picture = stream::picture(counts, &now);
            let bundle = Bundle::text(card::text(&now))
                .with("text/html", card::page(&now, None, picture.as_deref()));
            wire::send(&ToKernel::Show {
                role: Role::Update,
                id: Some(shown.id),
                bundle,
                ack: false,
            });
        }
    }
    if let Some(panel) = shown.panel {
        panel.root.close();
    }
}

fn draw(views: &mut Views, counts: &Counts) {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let now = counts.snapshot();
    let shown = views.entry(counts.number).or_insert_with(|| Shown {
        id: format!("rask-view-{}-{}", std::process::id(), NEXT.fetch_add(1, Relaxed)),
        way: way(),
        panel: None,
        last: None,
        before: [None, None],
    });
    let often = if shown.way == Way::Html { SELDOM } else { OFTEN };
    // The thread wakes up a little early or late.
    if shown.last.is_some_and(|l| l.elapsed() + OFTEN / 4 < often) {
        return;
    }
    let first = shown.last.replace(Instant::now()).is_none();
    let before = shown.before[0].clone();
    match shown.way {
        Way::Off => {}
        Way::Text => terminal(&now, false),
        Way::Html => {
            let role = if first { Role::Display } else { Role::Update };
            let bundle = Bundle::text(card::text(&now))
                .with("text/html", card::page(&now, before.as_ref(), None));
            wire::send(&ToKernel::Show { role, id: Some(shown.id.clone()), bundle, ack: false });
        }
        Way::Widgets => {
            let panel = shown.panel.get_or_insert_with(|| Panel::open(&now));
            panel.set(&now, before.as_ref(), || stream::picture(counts, &now));
            if first {
                let view =
                    json!({ "model_id": panel.root.id(), "version_major": 2, "version_minor": 0 });
                let bundle = Bundle::text(card::text(&now))
                    .with("text/html", card::page(&now, None, None))
                    .with("application/vnd.jupyter.widget-view+json", view.to_string());
                wire::send(&ToKernel::Show {
                    role: Role::Display,
                    id: Some(shown.id.clone()),
                    bundle,
                    ack: false,
                });
            }
        }
    }
    if shown.before[1].as_ref().is_none_or(|b| now.elapsed.saturating_sub(b.elapsed) >= LATELY) {
        shown.before[0] = shown.before[1].replace(now);
    }
}

/// Prints a line that overwrites the previous one.
fn terminal(now: &Snapshot, ended: bool) {
    const WIDTH: usize = 30;
    let filled = ((card::part(now) * WIDTH as f64) as usize).min(WIDTH);
    let line =
        format!("[{}{}] {}", "#".repeat(filled), " ".repeat(WIDTH - filled), card::text(now));
    // Not through the standard library's lock: its holder may be waiting for this very computation.
    let text = format!("\r{line:<100}{}", if ended { "\n" } else { "" });
    let mut left = text.as_bytes();
    while let Ok(n @ 1..) = rustix::io::write(rustix::stdio::stdout(), left) {
        left = &left[n..];
    }
}

/// The widgets of one computation.
struct Panel {
    root: Widget,
    head: Widget,
    bar: Widget,
    workers: Widget,
    names: Widget,
    stream: Widget,
    memory: Widget,
    streamed: Mutex<Option<Instant>>,
}

impl Panel {
    fn open(now: &Snapshot) -> Self {
        let number = now.number;
        let html = || Widget::new(Kind::Html, json!({ "value": "" }));
        let (head, workers, names, stream, memory) = (html(), html(), html(), html(), html());
        let bar = Widget::with_layout(
            Kind::FloatProgress,
            json!({ "min": 0.0, "max": 1.0, "value": card::part(now), "bar_style": "success" }),
            json!({ "width": "300px" }),
        );
        let cancel = Widget::with_layout(
            Kind::Button,
            json!({ "description": "Cancel", "icon": "stop", "button_style": "danger", "tooltip": "Stop this computation; all variables are kept" }),
            json!({ "width": "90px" }),
        );
        let pressed = cancel.clone();
        cancel.on_click(move || {
            // A late click must not stop the next computation.
            if !progress::session().0.active.iter().any(|c| c.number == number) {
                return;
            }
            pressed.set(json!({ "disabled": true, "description": "Stopping" }));
            super::cancel::cancel();
        });
        let top = Widget::of(Kind::HBox, &[&bar, &cancel, &head], json!({}));
        let titles = json!({ "titles": ["Workers", "Tasks", "Task stream"], "selected_index": 0 });
        let tabs = Widget::of(Kind::Tab, &[&workers, &names, &stream], titles);
        let root = Widget::of(Kind::VBox, &[&top, &tabs, &memory], json!({}));
        Self { root, head, bar, workers, names, stream, memory, streamed: Mutex::default() }
    }

    fn set(
        &self,
        now: &Snapshot,
        before: Option<&Snapshot>,
        picture: impl FnOnce() -> Option<String>,
    ) {
        self.bar.set(json!({ "value": card::part(now), "bar_style": if now.sums().1 > 0 { "danger" } else { "success" } }));
        self.head.set(json!({ "value": card::head(now) }));
        self.workers.set(json!({ "value": card::workers(now, before) }));
        self.names.set(json!({ "value": card::names(now) }));
        self.memory.set(json!({ "value": card::memory(now) }));
        // The picture is larger than the rest and is updated less often.
        let mut streamed = self.streamed.lock().whole();
        if streamed.is_none_or(|s| s.elapsed() >= Duration::from_secs(1)) {
            *streamed = Some(Instant::now());
            self.stream.set(json!({ "value": picture().unwrap_or_else(|| "no tasks have finished yet".to_owned()) }));
        }
    }
}
