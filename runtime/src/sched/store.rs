//! The values of one computation: in memory, or on disk when memory is short. The files on disk are
//! unnamed, so that nothing is left behind however the process ends.

use super::segment::{Segments, Spilled};
use crate::error::Result;
use crate::graph::Value;
use crate::graph::pack::{Packer, packer_of};
use foldhash::HashMap;
use std::sync::Arc;

/// Values smaller than this are not moved, as that gains nothing.
const WORTH: u64 = 4096;

enum Slot {
    Empty,
    Held(Value),
    Disk(Arc<Spilled>),
}

/// A value that a task reads.
#[derive(Clone)]
pub(super) enum Read {
    Held(Value),
    Disk { task: u32, from: Arc<Spilled> },
}

/// A value on its way to disk.
pub(super) struct Victim {
    pub(super) task: u32,
    value: Value,
    packer: Packer,
    pub(super) bytes: u64,
}

impl Victim {
    /// Writes the value; this takes time, and nothing is locked meanwhile.
    pub(super) fn write(&self, segments: &Segments) -> Result<Spilled> {
        segments.write(&*self.value, self.packer, self.bytes)
    }
}

/// The values of one computation, by task number.
pub(super) struct Store {
    slots: Vec<Slot>,
    /// Values that could be moved to disk: when each was last read or written, and its bytes.
    movable: HashMap<u32, (u64, u64)>,
    clock: u64,
    /// Whether values are moved at all: not without a limit, nor after the disk has failed.
    pub(super) moving: bool,
}

impl Store {
    pub(super) fn new(tasks: usize, moving: bool) -> Self {
        Self {
            slots: (0..tasks).map(|_| Slot::Empty).collect(),
            movable: HashMap::default(),
            clock: 0,
            moving,
        }
    }

    pub(super) fn put(&mut self, task: u32, value: Value, bytes: u64) {
        if self.moving && bytes >= WORTH && packer_of(&*value).is_some() {
            self.clock += 1;
            self.movable.insert(task, (self.clock, bytes));
        }
        self.slots[task as usize] = Slot::Held(value);
    }

    /// Returns the value for a reader; the last reader takes ownership. `None` if the value has
    /// been taken.
    pub(super) fn read(&mut self, task: u32, last: bool) -> Option<Read> {
        if let Some((tick, _)) = self.movable.get_mut(&task) {
            self.clock += 1;
            *tick = self.clock;
        }
        let slot = &mut self.slots[task as usize];
        match slot {
            Slot::Held(_) if last => {
                self.movable.remove(&task);
                let Slot::Held(value) = std::mem::replace(slot, Slot::Empty) else {
                    unreachable!("it was matched above")
                };
                Some(Read::Held(value))
            }
            Slot::Held(value) => Some(Read::Held(value.clone())),
            Slot::Disk(from) => Some(Read::Disk { task, from: from.clone() }),
            Slot::Empty => None,
        }
    }

    pub(super) fn remove(&mut self, task: u32) {
        self.movable.remove(&task);
        self.slots[task as usize] = Slot::Empty;
    }

    /// Drops all values.
    pub(super) fn clear(&mut self) {
        self.movable.clear();
        self.slots.iter_mut().for_each(|s| *s = Slot::Empty);
    }

    /// Selects the least recently used values whose move frees `bytes`.
    pub(super) fn victims(&mut self, bytes: u64) -> Vec<Victim> {
        if !self.moving || self.movable.is_empty() {
            return Vec::new();
        }
        let mut oldest: Vec<_> =
            self.movable.iter().map(|(task, (tick, bytes))| (*tick, *task, *bytes)).collect();
        oldest.sort_unstable();
        let mut freed = 0;
        let mut victims = Vec::new();
        for (_, task, size) in oldest {
            if freed >= bytes {
                break;
            }
            // A value that is being read stays in memory anyway.
            if let Slot::Held(value) = &self.slots[task as usize]
                && Arc::strong_count(value) == 1
                && let Some(packer) = packer_of(&**value)
            {
                self.movable.remove(&task);
                freed += size;
                victims.push(Victim { task, value: value.clone(), packer, bytes: size });
            }
        }
        victims
    }

    /// Drops a written value from memory; returns whether it was still there.
    pub(super) fn moved(&mut self, victim: &Victim, to: Spilled) -> bool {
        let slot = &mut self.slots[victim.task as usize];
        let same = matches!(slot, Slot::Held(v) if Arc::ptr_eq(v, &victim.value));
        if same {
            *slot = Slot::Disk(Arc::new(to));
        }
        same
    }

    /// Keeps a value in memory that could not be written.
    pub(super) fn kept(&mut self, victim: &Victim) {
        self.clock += 1;
        self.movable.insert(victim.task, (self.clock, victim.bytes));
    }

    /// Puts a value that was read from disk and has more readers back into memory.
    pub(super) fn restore(&mut self, task: u32, value: &Value, bytes: u64) -> bool {
        let on_disk = matches!(self.slots[task as usize], Slot::Disk(_));
        if on_disk {
            self.put(task, value.clone(), bytes);
        }
        on_disk
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_unused_go_first_and_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let segments = Segments::new(folder.path().to_owned());
        let mut store = Store::new(3, true);
        for task in 0..3u32 {
            store.put(task, Arc::new(vec![f64::from(task); 1000]), 8024);
        }
        assert!(matches!(store.read(0, false), Some(Read::Held(_))));
        let victims = store.victims(9000);
        assert_eq!(victims.iter().map(|v| v.task).collect::<Vec<_>>(), [1, 2], "0 was read last");
        for v in &victims {
            let spilled = v.write(&segments).unwrap();
            assert!(store.moved(v, spilled));
        }
        drop(victims);
        assert_eq!(segments.spilled(), 2 * 8024);
        let Some(Read::Disk { from, .. }) = store.read(2, false) else { panic!("2 is on disk") };
        let value = from.read().unwrap();
        assert_eq!(value.downcast_ref::<Vec<f64>>(), Some(&vec![2.0; 1000]));
        assert!(store.restore(2, &value, 8024) && !store.restore(2, &value, 8024));
        drop(from);
        store.remove(1);
        assert_eq!(segments.spilled(), 0);
        let Some(Read::Held(value)) = store.read(0, true) else { panic!("0 is in memory") };
        assert_eq!(Arc::strong_count(&value), 1, "the last reader has it for itself");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "files have no names");
    }

    #[test]
    fn a_value_in_use_or_too_small_or_unknown_stays() {
        let mut store = Store::new(3, true);
        let used: Value = Arc::new(vec![0u8; 10_000]);
        store.put(0, used.clone(), 10_024);
        store.put(1, Arc::new(vec![0u8; 10]), 34);
        store.put(2, Arc::new(Some(vec![0u8; 10_000])), 10_000);
        assert!(store.victims(u64::MAX).is_empty());
        drop(used);
    }
}
