//! The comms of a session: the open comms, and the routing of their messages between front end and
//! evaluator.

use crate::eval::process::running::Shared;
use crate::outbox::{Outbox, Parent};
use rask_wire::helpers::Whole;
use rask_wire::{Comm, CommEvent, ToEvaluator};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};

/// The target by which a page requests the existing widgets.
const CONTROL: &str = "jupyter.widget.control";

/// The open comms: their names and targets.
#[derive(Default)]
pub(crate) struct Comms {
    open: Mutex<BTreeMap<String, String>>,
    /// `true` if a page shows widgets.
    widgets: AtomicBool,
    /// The last message of a page to each comm: its answers carry its header.
    asked: Mutex<BTreeMap<String, Parent>>,
}

impl Comms {
    fn open(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.open.lock().whole()
    }

    /// Passes a message from the evaluator to the front end.
    pub(in crate::eval) fn publish(&self, outbox: &Outbox, parent: &Parent, message: Comm) {
        self.note(&message);
        let asked = self.asked.lock().whole().get(&message.id).cloned();
        let answers = ["echo_update", "update_states"].iter().any(|m| message.data["method"] == *m);
        outbox.comm(asked.as_ref().filter(|_| answers).unwrap_or(parent), message);
    }

    /// Passes a message from the front end to the evaluator. A comm without a handler is closed, as
    /// the protocol requires.
    pub(in crate::eval) fn deliver(&self, shared: &Shared, parent: &Parent, message: Comm) {
        self.note(&message);
        let (event, id) = (message.event, message.id.clone());
        self.asked.lock().whole().insert(id.clone(), parent.clone());
        let control = self.open().get(&id).is_some_and(|target| target == CONTROL);
        if shared.send(&ToEvaluator::Comm(message)) || event == CommEvent::Close {
            return;
        }
        match (control, event) {
            // Without an evaluator there are no widgets yet.
            (true, CommEvent::Message) => {
                let none = json!({ "method": "update_states", "states": {}, "buffer_paths": [] });
                self.publish(shared.outbox(), parent, comm(CommEvent::Message, id, "", none));
            }
            (true, _) => {}
            (false, _) => {
                self.publish(shared.outbox(), parent, comm(CommEvent::Close, id, "", json!({})))
            }
        }
    }

    /// Informs a new evaluator that a page shows widgets.
    pub(in crate::eval) fn introduce(&self, shared: &Shared) {
        if self.widgets.load(Ordering::Relaxed) {
            shared.send(&ToEvaluator::Comm(comm(
                CommEvent::Open,
                "rask-widgets".to_owned(),
                CONTROL,
                json!({}),
            )));
        }
    }

    fn note(&self, message: &Comm) {
        match message.event {
            CommEvent::Open => {
                if message.target == CONTROL {
                    self.widgets.store(true, Ordering::Relaxed);
                }
                self.open().insert(message.id.clone(), message.target.clone());
            }
            CommEvent::Close => drop(self.open().remove(&message.id)),
            CommEvent::Message => {}
        }
    }

    /// Closes the comms of a process that has ended. The control comms of pages stay.
    pub(in crate::eval) fn forget(&self, shared: &Shared, parent: &Parent) {
        let gone: Vec<String> = self
            .open()
            .iter()
            .filter(|(_, target)| *target != CONTROL)
            .map(|(id, _)| id.clone())
            .collect();
        for id in gone {
            self.publish(shared.outbox(), parent, comm(CommEvent::Close, id, "", json!({})));
        }
    }

    /// Returns the open comms in the form of a `comm_info_reply`, optionally of one target only.
    pub(crate) fn info(&self, target: Option<&str>) -> Value {
        let open = self.open();
        let wanted = open.iter().filter(|(_, t)| target.is_none_or(|x| x == *t));
        wanted
            .map(|(id, target)| (id.clone(), json!({ "target_name": target })))
            .collect::<serde_json::Map<_, _>>()
            .into()
    }
}

fn comm(event: CommEvent, id: String, target: &str, data: Value) -> Comm {
    Comm { event, id, target: target.to_owned(), data, metadata: json!({}), buffers: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_comms_are_listed_by_target() {
        let comms = Comms::default();
        let message = |event, id: &str, target: &str| Comm {
            event,
            id: id.into(),
            target: target.into(),
            data: json!({}),
            metadata: json!({}),
            buffers: Vec::new(),
        };
        comms.note(&message(CommEvent::Open, "1", "a"));
        comms.note(&message(CommEvent::Open, "2", "b"));
        comms.note(&message(CommEvent::Message, "3", ""));
        assert_eq!(comms.info(Some("b")), json!({ "2": { "target_name": "b" } }));
        comms.note(&message(CommEvent::Close, "2", ""));
        assert_eq!(comms.info(None), json!({ "1": { "target_name": "a" } }));
    }
}
