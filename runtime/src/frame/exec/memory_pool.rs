//! The memory pool that DataFusion's operators share. Operators that can spill get equal parts of
//! what the others leave. A shuffle and the merge of sorted partitions get whatever they request:
//! DataFusion 55 may wait forever when a shuffle spills (its issue 24883), and a merge needs at
//! least one batch of each partition. What a shuffle holds is bounded by its channels.
//!
//! DataFusion's own fair pool makes concurrent external sorts fail at random. It checks one
//! reservation at a time, but a spilling sorter has several, so that it takes up to twice its part.
//! A sorter must merge its rows before it can spill them; the merge requests slightly more than was
//! reserved for it, and gets nothing if others came first. The same holds for the first batch of a
//! sorter. In this pool, a sorter's reservations count together, the merge of a sorter's rows gets
//! what it requests, and some memory is always available to each, even if the total exceeds the
//! limit. The reservations of a group-by count separately, as in DataFusion's pool: the merge of
//! its spill files takes all that it may have, and the hash table that is filled from it cannot
//! spill again.

use crate::config;
use datafusion::common::resources_datafusion_err;
use datafusion::error::Result;
use datafusion::execution::memory_pool::{
    MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation, human_readable_size,
};
use rask_wire::helpers::Whole;
use std::cell::Cell;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

/// The prefixes of the names of sorters and of their merges.
const SORTER: &str = "ExternalSorter[";
const MERGE: &str = "ExternalSorterMerge[";

thread_local! {
    /// The last registered sorter. It registers its merge next, on the same thread.
    static LAST: Cell<Option<usize>> = const { Cell::new(None) };
}

/// How a consumer behaves when memory is short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It gets what it requests, without reducing what others get.
    Needed,
    /// It merges the rows of a sorter and, after the sorter is gone, its spill files: with more
    /// memory, more of them at once.
    Merge,
    /// It spills to disk, if it holds anything by then.
    Spills,
    /// It fails.
    Fixed,
}

impl Kind {
    fn of(consumer: &MemoryConsumer) -> Self {
        let is = |name: &str| consumer.name().starts_with(name);
        match () {
            () if is("RepartitionExec") || is("SortPreservingMergeExec") => Self::Needed,
            () if is(MERGE) => Self::Merge,
            () if consumer.can_spill() => Self::Spills,
            () => Self::Fixed,
        }
    }
}

/// The memory pool of one runtime environment.
#[derive(Debug)]
struct Shared {
    limit: usize,
    state: Mutex<State>,
}

/// The state of a consumer.
#[derive(Debug, Clone, Copy)]
struct Held {
    kind: Kind,
    /// Bytes of all its reservations.
    bytes: usize,
    /// The sorter of a merge.
    sorter: Option<usize>,
}

/// The registered consumers, by id.
#[derive(Debug, Default)]
struct State(HashMap<usize, Held>);

/// Creates a pool with a limit in bytes.
pub(in crate::frame) fn shared(limit: usize) -> Arc<dyn MemoryPool> {
    Arc::new(Shared { limit, state: Mutex::default() })
}

impl State {
    fn held(&mut self, consumer: &MemoryConsumer) -> &mut Held {
        self.0.entry(consumer.id()).or_insert_with(|| Held {
            kind: Kind::of(consumer),
            bytes: 0,
            sorter: None,
        })
    }

    /// Returns the bytes of all consumers of a kind, and their number, at least one.
    fn all(&self, kind: Kind) -> (usize, usize) {
        let of_kind = self.0.values().filter(|held| held.kind == kind);
        let (bytes, count) =
            of_kind.fold((0, 0), |(bytes, count), held| (bytes + held.bytes, count + 1));
        (bytes, count.max(1))
    }

    /// Returns the bytes that a consumer may hold in total.
    fn allowed(&mut self, consumer: &MemoryConsumer, limit: usize) -> usize {
        let Held { kind, bytes, sorter } = *self.held(consumer);
        let ((fixed, _), (merged, merges), (spillable, spillers)) =
            (self.all(Kind::Fixed), self.all(Kind::Merge), self.all(Kind::Spills));
        let left = limit.saturating_sub(fixed + merged);
        let free = bytes.saturating_add(left.saturating_sub(spillable));
        match kind {
            Kind::Needed => usize::MAX,
            Kind::Merge if sorter.is_some_and(|sorter| self.0.contains_key(&sorter)) => usize::MAX,
            Kind::Merge => free.max(limit / 2 / merges),
            Kind::Spills => left.max(limit / 4) / spillers,
            Kind::Fixed => free,
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().whole()
    }
}

impl fmt::Display for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "shared(pool_size: {})", human_readable_size(self.limit))
    }
}

impl MemoryPool for Shared {
    fn name(&self) -> &str {
        "shared"
    }

    fn register(&self, consumer: &MemoryConsumer) {
        let mut state = self.state();
        let held = state.held(consumer);
        if held.kind == Kind::Merge {
            held.sorter = LAST.take();
        } else if consumer.name().starts_with(SORTER) {
            LAST.set(Some(consumer.id()));
        }
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.state().0.remove(&consumer.id());
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.state().held(reservation.consumer()).bytes += additional;
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.state().held(reservation.consumer()).bytes -= shrink;
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        let (mut state, consumer) = (self.state(), reservation.consumer());
        let allowed = state.allowed(consumer, self.limit);
        let held = state.held(consumer);
        let each = held.kind == Kind::Spills && !consumer.name().starts_with(SORTER);
        let bytes = if each { reservation.size() } else { held.bytes };
        if bytes.saturating_add(additional) > allowed {
            let [asked, bytes, allowed, limit] =
                [additional, bytes, allowed, self.limit].map(human_readable_size);
            return Err(resources_datafusion_err!(
                "{} requests {asked} more, holds {bytes} and may hold {allowed} of {limit}",
                consumer.name()
            ));
        }
        held.bytes += additional;
        Ok(())
    }

    fn reserved(&self) -> usize {
        self.state().0.values().map(|held| held.bytes).sum()
    }

    fn memory_limit(&self) -> MemoryLimit {
        MemoryLimit::Finite(self.limit)
    }
}

/// Returns the bytes that DataFusion's operators hold, divided evenly among the workers, as
/// operators pass batches between them.
pub(in crate::frame) fn reserved(pool: &Arc<dyn MemoryPool>) -> Vec<u64> {
    let workers = config::cluster().workers;
    vec![pool.reserved() as u64 / workers as u64; workers]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, spills: bool, pool: &Arc<dyn MemoryPool>) -> MemoryReservation {
        MemoryConsumer::new(name).with_can_spill(spills).register(pool)
    }

    #[test]
    fn a_group_by_fills_a_table_beside_the_merge_of_its_files() {
        let pool = shared(1000);
        let (a, b) = (
            of("FinalHashAggregateStream[0]", true, &pool),
            of("FinalHashAggregateStream[1]", true, &pool),
        );
        a.try_grow(500).unwrap();
        a.try_grow(1).unwrap_err();
        a.shrink(500);
        let (merge, table) = (a.new_empty(), a.new_empty());
        merge.try_grow(500).unwrap();
        table.try_grow(500).unwrap();
        table.try_grow(1).unwrap_err();
        b.try_grow(500).unwrap();
        drop((a, b, merge, table));
        assert_eq!(pool.reserved(), 0);
    }

    #[test]
    fn the_reservations_of_a_sorter_count_together() {
        let pool = shared(1000);
        let (a, b) = (of("ExternalSorter[0]", true, &pool), of("ExternalSorter[1]", true, &pool));
        a.try_grow(500).unwrap();
        let part = a.split(400);
        a.try_grow(1).unwrap_err();
        b.try_grow(500).unwrap();
        drop(part);
        a.try_grow(400).unwrap();
        assert_eq!(pool.reserved(), 1000);
        drop((a, b));
        assert_eq!(pool.reserved(), 0);
    }

    #[test]
    fn some_memory_is_always_there_for_what_sorts_on_disk() {
        let pool = shared(1000);
        let table = of("HashJoinInput", false, &pool);
        table.try_grow(1000).unwrap();
        table.try_grow(1).unwrap_err();
        let [first, second] = [0, 1].map(|i| {
            let sorter = of(&format!("ExternalSorter[{i}]"), true, &pool);
            (sorter, of(&format!("ExternalSorterMerge[{i}]"), false, &pool))
        });
        first.0.try_grow(125).unwrap();
        let e = first.0.try_grow(1).unwrap_err().strip_backtrace();
        assert!(e.contains("ExternalSorter[0] requests 1.0 B more, holds 125.0 B and may hold 125.0 B of 1000.0 B"), "{e}");
        // The merge of a sorter's rows needs all of this. Of spill files, it merges as many as
        // memory allows.
        first.1.try_grow(1250).unwrap();
        first.1.shrink(1250);
        drop(first.0);
        first.1.try_grow(250).unwrap();
        first.1.try_grow(1).unwrap_err();
        drop(table);
        second.0.try_grow(750).unwrap();
        second.0.try_grow(1).unwrap_err();
        second.0.shrink(500);
        first.1.try_grow(500).unwrap();
        first.1.try_grow(1).unwrap_err();
        second.1.try_grow(250).unwrap();
        drop((first.1, second));
        assert_eq!(pool.reserved(), 0);
    }

    #[test]
    fn shuffles_and_merges_of_partitions_get_what_they_ask_for() {
        let pool = shared(1000);
        let (shuffle, sorter) =
            (of("RepartitionExec[0]", true, &pool), of("ExternalSorter[0]", true, &pool));
        shuffle.try_grow(5000).unwrap();
        sorter.try_grow(1000).unwrap();
        assert_eq!(pool.reserved(), 6000);
    }
}
