//! The owner of an output: the running cell, or an earlier one whose threads still print.

use crate::outbox::{Outbox, Parent};
use rask_wire::{Bundle, Role};
use std::collections::BTreeMap;

/// The number of earlier cells whose output is still published.
const REMEMBERED: usize = 10_000;

/// The cell that output belongs to.
pub(super) struct Output {
    parent: Parent,
    count: u32,
    silent: bool,
    /// If set, results are collected here instead of shown.
    captured: Option<Vec<Bundle>>,
    /// The text of the last result, for the history.
    text: Option<String>,
    /// The cell that each library was compiled from.
    libraries: BTreeMap<u32, Parent>,
}

impl Default for Output {
    /// Before the first cell, nothing is shown.
    fn default() -> Self {
        Self {
            parent: None,
            count: 0,
            silent: true,
            captured: None,
            text: None,
            libraries: BTreeMap::new(),
        }
    }
}

impl Output {
    /// Begins a cell.
    pub(super) fn begin(&mut self, parent: Parent, count: u32, silent: bool) {
        (self.parent, self.count, self.silent, self.text) = (parent, count, silent, None);
    }

    /// Returns the header of the cell.
    pub(super) fn parent(&self) -> Parent {
        self.parent.clone()
    }

    /// Takes the text of the cell's last result.
    pub(super) fn take_text(&mut self) -> Option<String> {
        self.text.take()
    }

    /// Assigns the output of a library to the cell from now on.
    pub(super) fn remember(&mut self, library: u32) {
        let whose = if self.silent { None } else { self.parent.clone() };
        self.libraries.insert(library, whose);
        if self.libraries.len() > REMEMBERED {
            self.libraries.pop_first();
        }
    }

    pub(super) fn capture(&mut self, on: bool) -> Vec<Bundle> {
        std::mem::replace(&mut self.captured, on.then(Vec::new)).unwrap_or_default()
    }

    pub(super) fn show(&mut self, outbox: &Outbox, role: Role, id: Option<String>, bundle: Bundle) {
        if role == Role::Result {
            if let Some(captured) = &mut self.captured {
                captured.push(bundle);
                return;
            }
            self.text = bundle.data.get("text/plain").cloned();
        }
        if !self.silent {
            outbox.show(&self.parent, role, id, &bundle, self.count);
        }
    }

    pub(super) fn publish(&self, outbox: &Outbox, name: &'static str, text: String) {
        if !self.silent && !text.is_empty() {
            outbox.stream(&self.parent, name, text);
        }
    }

    pub(super) fn publish_for(
        &self,
        outbox: &Outbox,
        library: u32,
        name: &'static str,
        text: String,
    ) {
        // The output of a silent cell, or of one that is no longer known, is dropped.
        if let Some(Some(parent)) = self.libraries.get(&library) {
            outbox.stream(&Some(parent.clone()), name, text);
        }
    }

    pub(super) fn clear(&self, outbox: &Outbox, wait: bool) {
        if !self.silent {
            outbox.clear_output(&self.parent, wait);
        }
    }
}
