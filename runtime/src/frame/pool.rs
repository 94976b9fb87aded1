//! The memory that the engine's operators share. Those that can go to disk get equal parts of what the others leave. A shuffle
//! and the merge of sorted partitions get what they ask for: DataFusion 55 may wait for ever where a shuffle goes to disk (its
//! issue 24883), and a merge cannot do with less than a batch of each partition. What a shuffle holds is bounded by its channels.

use datafusion::error::Result;
use datafusion::execution::memory_pool::{FairSpillPool, MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation, TrackConsumersPool};
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Consumers of memory that an error names.
const NAMED: NonZeroUsize = NonZeroUsize::MIN.saturating_add(2);

/// The memory of one engine.
#[derive(Debug)]
struct Shared {
    others: TrackConsumersPool<FairSpillPool>,
    needed: AtomicUsize,
}

/// A pool of so many bytes.
pub(super) fn shared(limit: usize) -> Arc<dyn MemoryPool> {
    Arc::new(Shared { others: TrackConsumersPool::new(FairSpillPool::new(limit), NAMED), needed: AtomicUsize::new(0) })
}

/// Whether a consumer gets what it asks for.
fn is_needed(consumer: &MemoryConsumer) -> bool {
    ["RepartitionExec", "SortPreservingMergeExec"].iter().any(|name| consumer.name().starts_with(name))
}

impl fmt::Display for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.others.fmt(f)
    }
}

impl MemoryPool for Shared {
    fn name(&self) -> &str {
        "shared"
    }

    fn register(&self, consumer: &MemoryConsumer) {
        if !is_needed(consumer) {
            self.others.register(consumer);
        }
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        if !is_needed(consumer) {
            self.others.unregister(consumer);
        }
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        if is_needed(reservation.consumer()) {
            self.needed.fetch_add(additional, Ordering::Relaxed);
        } else {
            self.others.grow(reservation, additional);
        }
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        if is_needed(reservation.consumer()) {
            self.needed.fetch_sub(shrink, Ordering::Relaxed);
        } else {
            self.others.shrink(reservation, shrink);
        }
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        if is_needed(reservation.consumer()) {
            self.grow(reservation, additional);
            return Ok(());
        }
        self.others.try_grow(reservation, additional)
    }

    fn reserved(&self) -> usize {
        self.others.reserved() + self.needed.load(Ordering::Relaxed)
    }

    fn memory_limit(&self) -> MemoryLimit {
        self.others.memory_limit()
    }
}
