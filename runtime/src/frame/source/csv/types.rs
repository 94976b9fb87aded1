//! The inferred types of the columns. A value that does not fit its column's type widens the
//! column; earlier plans are then rebuilt.

use crate::csv::kind::Kind;
use crate::csv::quotes::State;
use crate::error::Result;
use rask_wire::helpers::Whole;
use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, RwLock};

/// The value that decided a column's type.
#[derive(Debug, Clone)]
pub(in crate::frame) struct Reason {
    pub(in crate::frame) value: String,
    pub(in crate::frame) file: usize,
    /// The offset of its row in the file.
    pub(in crate::frame) place: u64,
}

/// A file, and an offset in it.
pub(in crate::frame) type Place = (usize, u64);

/// The kinds of the columns, each with the value that decided it.
pub(in crate::frame) type Known = Vec<(Kind, Option<Reason>)>;

/// Offsets in files that are assumed to be outside quotes as long as no quotes are seen.
#[derive(Debug, Default)]
pub(in crate::frame) struct Unsure {
    /// Where samples were taken, and the types known without them.
    pub(in crate::frame) samples: BTreeSet<Place>,
    pub(in crate::frame) sure: Known,
    /// Where files were split.
    cuts: BTreeSet<Place>,
    /// Whether quotes have been seen.
    pub(in crate::frame) quoted: bool,
}

/// The kinds of a table's columns, and the reason for each.
#[derive(Debug, Default)]
pub(in crate::frame) struct Types {
    known: RwLock<Known>,
    unsure: Mutex<Unsure>,
    /// Whether there are such offsets.
    in_doubt: AtomicBool,
    /// Incremented when plans must be rebuilt although no type has changed.
    generation: AtomicU32,
    /// Columns that were being read when a value did not fit.
    lost: Mutex<BTreeSet<usize>>,
}

impl Types {
    pub(in crate::frame) fn new(known: Known, unsure: Unsure) -> Self {
        let in_doubt = AtomicBool::new(!unsure.samples.is_empty());
        Self { known: RwLock::new(known), unsure: Mutex::new(unsure), in_doubt, ..Self::default() }
    }

    fn unsure(&self) -> MutexGuard<'_, Unsure> {
        self.unsure.lock().whole()
    }

    /// Returns whether splits may be assumed to be outside quotes; this is verified when quotes
    /// turn up.
    pub(in crate::frame) fn guess(&self, cuts: impl Iterator<Item = Place>) -> bool {
        let mut unsure = self.unsure();
        if !unsure.quoted {
            unsure.cuts.extend(cuts);
            self.in_doubt.store(true, Ordering::Release);
        }
        !unsure.quoted
    }

    /// Records that quotes were seen.
    pub(in crate::frame) fn see_quotes(&self) {
        if self.in_doubt.load(Ordering::Acquire) {
            self.unsure().quoted = true;
        }
    }

    /// Verifies the guesses with `states_at`; called when quotes turn up or anything fails. Types
    /// from samples inside quotes are discarded; if any guess was wrong, plans must be rebuilt.
    pub(in crate::frame) fn look_into(
        &self,
        states_at: impl Fn(&BTreeSet<Place>) -> Result<HashMap<Place, State>>,
    ) -> Result<()> {
        if !self.in_doubt.load(Ordering::Acquire) {
            return Ok(());
        }
        let mut unsure = self.unsure();
        if unsure.cuts.is_empty() && !unsure.quoted {
            // Without quotes, the samples were rows.
            return Ok(());
        }
        let states = states_at(&unsure.samples.union(&unsure.cuts).copied().collect())?;
        let wrong_sample = unsure.samples.iter().any(|p| states.get(p) == Some(&State::Inside));
        let wrong_cut = unsure.cuts.iter().any(|p| states.get(p) != Some(&State::Outside));
        unsure.quoted |= wrong_sample || wrong_cut;
        unsure.cuts.clear();
        if unsure.quoted {
            unsure.samples.clear();
        }
        if wrong_sample {
            *self.known.write().whole() = std::mem::take(&mut unsure.sure);
        }
        if wrong_sample || wrong_cut {
            self.generation.fetch_add(1, Ordering::AcqRel);
        }
        self.in_doubt.store(!unsure.samples.is_empty(), Ordering::Release);
        Ok(())
    }

    pub(in crate::frame) fn generation(&self) -> u32 {
        self.generation.load(Ordering::Acquire)
    }

    /// Returns whether plans with this generation and these kinds are still valid.
    pub(in crate::frame) fn are_still(&self, generation: u32, kinds: &[Kind]) -> bool {
        self.generation() == generation && self.kinds() == kinds
    }

    pub(in crate::frame) fn kinds(&self) -> Vec<Kind> {
        self.known.read().whole().iter().map(|k| k.0).collect()
    }

    /// Widens the kind of a column to hold another kind.
    pub(in crate::frame) fn widen(&self, column: usize, kind: Kind, why: impl FnOnce() -> Reason) {
        let mut all = self.known.write().whole();
        let joined = all[column].0.and(kind);
        if joined != all[column].0 {
            all[column] = (joined, Some(why()));
        }
    }

    pub(in crate::frame) fn reason(&self, column: usize) -> Option<Reason> {
        self.known.read().whole()[column].1.clone()
    }

    /// Records the columns of a scan in which a value did not fit.
    pub(in crate::frame) fn lose(&self, columns: impl Iterator<Item = usize>) {
        self.lost.lock().whole().extend(columns);
    }

    pub(in crate::frame) fn take_lost(&self) -> BTreeSet<usize> {
        std::mem::take(&mut *self.lost.lock().whole())
    }
}
