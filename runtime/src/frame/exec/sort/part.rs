//! Partially read partitions, and the threads that sort.

use crate::config;
use arrow::array::RecordBatch;
use datafusion::execution::SendableRecordBatchStream;
use std::sync::LazyLock;

/// The batches read from a partition, and the remaining stream if memory was full.
pub(in crate::frame) type Part = (Vec<RecordBatch>, Option<SendableRecordBatchStream>);

/// A dedicated thread pool for sorting: on the threads of tasks, a sort could wait for a task that
/// waits for the sort.
pub(in crate::frame) static POOL: LazyLock<rayon::ThreadPool> = LazyLock::new(|| {
    let threads = rayon::ThreadPoolBuilder::new()
        .num_threads(config::threads())
        .thread_name(|i| format!("rask-sort-{i}"))
        .build();
    // Nothing can be sorted without threads; the message names the limit.
    threads.unwrap_or_else(|e| panic!("the threads that sort could not be started: {e}"))
});
