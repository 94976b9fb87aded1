//! A sorted part, and the threads that sort.

use crate::config;
use arrow::array::RecordBatch;
use datafusion::execution::SendableRecordBatchStream;
use std::sync::LazyLock;

/// What was read of a partition, and what is left of it where memory was full.
pub(in crate::frame) type Part = (Vec<RecordBatch>, Option<SendableRecordBatchStream>);

/// Threads that sort and do nothing else: on those of tasks, a sort could wait for a task that waits for the sort.
pub(in crate::frame) static POOL: LazyLock<rayon::ThreadPool> = LazyLock::new(|| {
    let threads = rayon::ThreadPoolBuilder::new().num_threads(config::threads()).thread_name(|i| format!("rask-sort-{i}")).build();
    // Without threads nothing can be sorted; the message says which limit was met.
    threads.unwrap_or_else(|e| panic!("the threads that sort could not be started: {e}"))
});
