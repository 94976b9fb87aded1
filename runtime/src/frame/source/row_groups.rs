//! Parquet files split by row groups: one partition each, in the order of the files' footers.

use datafusion::catalog::Session;
use datafusion::common::Statistics;
use datafusion::datasource::listing::{ListingTableUrl, PartitionedFile};
use datafusion::datasource::physical_plan::FileGroup;
use datafusion::datasource::physical_plan::parquet::metadata::DFParquetMetadata;
use datafusion::error::Result as DfResult;
use datafusion::parquet::file::metadata::RowGroupMetaData;
use std::sync::Arc;

/// How the files of a table are split into partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::frame) enum Split {
    /// As many partitions as there are threads, of about the same size.
    BySize,
    /// One partition for each row group of a Parquet file.
    RowGroups,
}

/// Splits groups of files into one group for each of their row groups, in order.
pub(in crate::frame) async fn split(
    state: &dyn Session,
    url: &ListingTableUrl,
    groups: Vec<FileGroup>,
) -> DfResult<Vec<FileGroup>> {
    let store = state.runtime_env().object_store(url)?;
    let cache = state.runtime_env().cache_manager.get_file_metadata_cache();
    let mut pieces = Vec::new();
    for file in groups.into_iter().flat_map(FileGroup::into_inner) {
        let footer = DFParquetMetadata::new(store.as_ref(), &file.object_meta)
            .with_file_metadata_cache(Some(cache.clone()));
        let footer = footer.fetch_metadata().await?;
        // Row groups may be stored in any order, and a reader takes those that begin in a byte
        // range.
        pieces.extend(footer.row_groups().iter().map(|g| FileGroup::new(vec![piece(&file, g)])));
    }
    Ok(pieces)
}

fn piece(file: &PartitionedFile, group: &RowGroupMetaData) -> PartitionedFile {
    let first = group.column(0);
    let start = first.dictionary_page_offset().unwrap_or_else(|| first.data_page_offset());
    let mut piece = file.clone().with_range(start, start + 1);
    // The statistics of a file are only bounds for its row groups, and its row count does not
    // apply.
    piece.statistics = file.statistics.as_ref().map(|s| {
        let bounds = s.as_ref().clone().to_inexact();
        Arc::new(Statistics { num_rows: datafusion::common::stats::Precision::Absent, ..bounds })
    });
    piece
}
