//! The ipywidgets protocol (messages of version 2.1.0), implemented by the runtime itself: the
//! models of the live view, their state on both sides, and the control comm by which a reloaded
//! page learns of them.

use crate::comm::{self, Comm, Value, json};
use rask_wire::helpers::Whole;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard};

/// The comm target of widgets, and that of the comm by which a page requests them.
const TARGET: &str = "jupyter.widget";
const CONTROL: &str = "jupyter.widget.control";
/// The version of the messages, and of the models' modules.
const PROTOCOL: &str = "2.1.0";
const VERSION: &str = "2.0.0";

/// The supported kinds of widget: the names of the model, of the view, and of their module.
const KINDS: [(Kind, &str, &str, &str); 7] = [
    (Kind::VBox, "VBoxModel", "VBoxView", "@jupyter-widgets/controls"),
    (Kind::HBox, "HBoxModel", "HBoxView", "@jupyter-widgets/controls"),
    (Kind::Html, "HTMLModel", "HTMLView", "@jupyter-widgets/controls"),
    (Kind::FloatProgress, "FloatProgressModel", "ProgressView", "@jupyter-widgets/controls"),
    (Kind::Button, "ButtonModel", "ButtonView", "@jupyter-widgets/controls"),
    (Kind::Tab, "TabModel", "TabView", "@jupyter-widgets/controls"),
    (Kind::Accordion, "AccordionModel", "AccordionView", "@jupyter-widgets/controls"),
];
/// The model of a widget's position and size.
const LAYOUT: (&str, &str, &str) = ("LayoutModel", "LayoutView", "@jupyter-widgets/base");

/// A kind of widget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    VBox,
    HBox,
    Html,
    FloatProgress,
    Button,
    Tab,
    Accordion,
}

/// The handler of a click.
type OnClick = Arc<dyn Fn() + Send + Sync>;

struct Model {
    comm: Comm,
    state: serde_json::Map<String, Value>,
    on_click: Option<OnClick>,
}

/// The open models.
static MODELS: LazyLock<Mutex<BTreeMap<String, Model>>> = LazyLock::new(Mutex::default);
/// Whether a page with a widget manager has sent a message.
static AVAILABLE: AtomicBool = AtomicBool::new(false);

fn models() -> MutexGuard<'static, BTreeMap<String, Model>> {
    MODELS.lock().whole()
}

/// A widget. Cheap to clone; it exists until it is closed.
#[derive(Debug, Clone)]
pub(crate) struct Widget {
    id: String,
}

/// Returns whether there is a page that shows widgets.
pub(crate) fn available() -> bool {
    AVAILABLE.load(Ordering::Relaxed)
}

/// Starts listening to pages that request widgets.
pub(crate) fn start() {
    comm::on_open(CONTROL, |comm, _, _| {
        AVAILABLE.store(true, Ordering::Relaxed);
        comm.on_message(|comm, data, _| {
            if data["method"] == "request_states" {
                comm.send(&states());
            }
        });
    });
}

/// Returns the states of all models, in the form of the reply to a page's request.
fn states() -> Value {
    let states: serde_json::Map<String, Value> =
        models().iter().map(|(id, m)| (id.clone(), described(&m.state))).collect();
    json!({ "method": "update_states", "states": states, "buffer_paths": [] })
}

fn described(state: &serde_json::Map<String, Value>) -> Value {
    json!({
        "model_name": state["_model_name"],
        "model_module": state["_model_module"],
        "model_module_version": state["_model_module_version"],
        "state": state,
    })
}

/// Returns a reference to another model.
fn reference(id: &str) -> Value {
    Value::String(format!("IPY_MODEL_{id}"))
}

fn open(model: &str, view: &str, module: &str, state: Value) -> Widget {
    let mut all = serde_json::Map::new();
    for (key, value) in [
        ("_model_module", module),
        ("_model_module_version", VERSION),
        ("_model_name", model),
        ("_view_module", module),
        ("_view_module_version", VERSION),
        ("_view_name", view),
    ] {
        all.insert(key.to_owned(), value.into());
    }
    if let Value::Object(state) = state {
        all.extend(state);
    }
    let data = json!({ "state": all, "buffer_paths": [] });
    let comm = Comm::open_with(TARGET, &data, json!({ "version": PROTOCOL }));
    let id = comm.id().to_owned();
    comm.on_message(|comm, data, _| heard(comm, data));
    models().insert(id.clone(), Model { comm, state: all, on_click: None });
    Widget { id }
}

/// Handles a message from a page to a model.
fn heard(comm: &Comm, data: &Value) {
    let mut models = models();
    let Some(model) = models.get_mut(comm.id()) else { return };
    match data["method"].as_str() {
        Some("update") => {
            if let Value::Object(changed) = &data["state"] {
                model.state.extend(changed.clone());
                // Other pages of the same kernel are updated by the echo.
                comm.send(
                    &json!({ "method": "echo_update", "state": changed, "buffer_paths": [] }),
                );
            }
        }
        Some("request_state") => {
            comm.send(&json!({ "method": "update", "state": model.state, "buffer_paths": [] }))
        }
        Some("custom") if data["content"]["event"] == "click" => {
            let clicked = model.on_click.clone();
            drop(models);
            clicked.inspect(|f| f());
        }
        _ => {}
    }
}

impl Widget {
    /// Opens a widget of a kind with these parts of its state; the rest are the front end's
    /// defaults.
    pub(crate) fn new(kind: Kind, state: Value) -> Self {
        let (_, model, view, module) = KINDS[kind as usize];
        open(model, view, module, state)
    }

    /// Opens a widget with the given layout.
    pub(crate) fn with_layout(kind: Kind, mut state: Value, layout: Value) -> Self {
        let (model, view, module) = LAYOUT;
        state["layout"] = reference(&open(model, view, module, layout).id);
        Self::new(kind, state)
    }

    /// Opens a container of widgets, which must be open already, as pages require it.
    pub(crate) fn of(kind: Kind, children: &[&Self], mut state: Value) -> Self {
        state["children"] = children.iter().map(|c| reference(&c.id)).collect();
        Self::new(kind, state)
    }

    /// Returns its id, the same on both sides.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Sets parts of its state; unchanged parts are not sent.
    pub(crate) fn set(&self, parts: Value) {
        let (Value::Object(parts), mut models) = (parts, models()) else { return };
        let Some(model) = models.get_mut(&self.id) else { return };
        let changed: serde_json::Map<String, Value> =
            parts.into_iter().filter(|(k, v)| model.state.get(k) != Some(v)).collect();
        if !changed.is_empty() {
            model.state.extend(changed.clone());
            model.comm.send(&json!({ "method": "update", "state": changed, "buffer_paths": [] }));
        }
    }

    /// Calls `f` on every click.
    pub(crate) fn on_click(&self, f: impl Fn() + Send + Sync + 'static) {
        if let Some(model) = models().get_mut(&self.id) {
            model.on_click = Some(Arc::new(f));
        }
    }

    /// Closes the widget and its children.
    pub(crate) fn close(&self) {
        let Some(model) = models().remove(&self.id) else { return };
        model.comm.close();
        let held =
            model.state.get("children").and_then(Value::as_array).cloned().unwrap_or_default();
        for child in held.iter().chain(model.state.get("layout")) {
            if let Some(id) = child.as_str().and_then(|c| c.strip_prefix("IPY_MODEL_")) {
                Self { id: id.to_owned() }.close();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_row() {
        for (i, (kind, model, view, _)) in KINDS.iter().enumerate() {
            assert_eq!(*kind as usize, i);
            assert!(model.ends_with("Model") && view.ends_with("View"));
        }
    }

    #[test]
    fn a_tree_is_opened_told_and_closed() {
        let bar = Widget::with_layout(
            Kind::FloatProgress,
            json!({ "value": 0.0 }),
            json!({ "width": "300px" }),
        );
        let button = Widget::new(Kind::Button, json!({ "description": "Cancel" }));
        let tree = Widget::of(Kind::VBox, &[&bar, &button], json!({}));
        let clicks = Arc::new(AtomicBool::new(false));
        let seen = clicks.clone();
        button.on_click(move || seen.store(true, Ordering::Relaxed));
        bar.set(json!({ "value": 0.5 }));
        let all = states();
        let state = |w: &Widget| all["states"][w.id()].clone();
        assert_eq!(state(&bar)["state"]["value"], 0.5);
        assert_eq!(state(&bar)["model_name"], "FloatProgressModel");
        assert_eq!(state(&tree)["state"]["children"][1], format!("IPY_MODEL_{}", button.id()));
        let layout = state(&bar)["state"]["layout"].as_str().unwrap().replace("IPY_MODEL_", "");
        assert_eq!(all["states"][&layout]["model_module"], "@jupyter-widgets/base");
        let comm = models()[button.id()].comm.clone();
        heard(&comm, &json!({ "method": "custom", "content": { "event": "click" } }));
        assert!(clicks.load(Ordering::Relaxed));
        heard(&comm, &json!({ "method": "update", "state": { "description": "No" } }));
        assert_eq!(states()["states"][button.id()]["state"]["description"], "No");
        tree.close();
        let left = states();
        assert!(
            [bar.id(), button.id(), tree.id(), &layout]
                .iter()
                .all(|id| left["states"].get(id).is_none())
        );
    }
}
