//! The comms of a session: which there are, and the way of their messages between front end and evaluator.

use super::shared::Shared;
use crate::outbox::{Outbox, Parent};
use rask_wire::{Comm, CommEvent, ToEvaluator};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The open comms: their names and targets.
#[derive(Default)]
pub(crate) struct Comms(Mutex<BTreeMap<String, String>>);

impl Comms {
    fn open(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A message from the evaluator to the front end.
    pub(super) fn say(&self, outbox: &Outbox, parent: &Parent, message: Comm) {
        self.note(&message);
        outbox.comm(parent, message);
    }

    /// A message from the front end to the evaluator. A comm that nobody can serve is closed, as the protocol asks.
    pub(super) fn hear(&self, shared: &Shared, parent: &Parent, message: Comm) {
        self.note(&message);
        let (event, id) = (message.event, message.id.clone());
        if !shared.send(&ToEvaluator::Comm(message)) && event != CommEvent::Close {
            let data = json!({});
            let close =
                Comm { event: CommEvent::Close, id, target: String::new(), data: data.clone(), metadata: data, buffers: Vec::new() };
            self.say(shared.outbox(), parent, close);
        }
    }

    fn note(&self, message: &Comm) {
        match message.event {
            CommEvent::Open => drop(self.open().insert(message.id.clone(), message.target.clone())),
            CommEvent::Close => drop(self.open().remove(&message.id)),
            CommEvent::Message => {}
        }
    }

    /// The process that served them is gone.
    pub(super) fn forget(&self) {
        self.open().clear();
    }

    /// What the protocol wants to know of the open comms, of one target where `target` names one.
    pub(crate) fn info(&self, target: Option<&str>) -> Value {
        let open = self.open();
        let wanted = open.iter().filter(|(_, t)| target.is_none_or(|x| x == *t));
        wanted.map(|(id, target)| (id.clone(), json!({ "target_name": target }))).collect::<serde_json::Map<_, _>>().into()
    }
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
