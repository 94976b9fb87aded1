//! Parquet files split by row groups: one partition each, in the order of the files' footers.

use datafusion::catalog::Session;
use datafusion::common::Statistics;
use datafusion::common::stats::Precision;
use datafusion::datasource::listing::{ListingTableUrl, PartitionedFile};
use datafusion::datasource::physical_plan::FileGroup;
use datafusion::datasource::physical_plan::parquet::metadata::DFParquetMetadata;
use datafusion::error::Result as DfResult;
use datafusion::parquet::file::metadata::RowGroupMetaData;
use std::collections::HashSet;
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
        pieces.extend(
            pieces_of(&file, footer.row_groups()).into_iter().map(|p| FileGroup::new(vec![p])),
        );
    }
    Ok(pieces)
}

/// Returns a piece of a file for each of its row groups, or the whole file if it does not tell where
/// they begin. A reader takes the row groups that begin in a byte range.
fn pieces_of(file: &PartitionedFile, groups: &[RowGroupMetaData]) -> Vec<PartitionedFile> {
    let start = |group: &RowGroupMetaData| {
        let first = group.columns().first()?;
        Some(first.dictionary_page_offset().unwrap_or_else(|| first.data_page_offset()))
    };
    let starts: Option<Vec<i64>> = groups.iter().map(start).collect();
    let distinct = |all: &Vec<i64>| all.iter().collect::<HashSet<_>>().len() == all.len();
    match starts.filter(distinct) {
        Some(starts) => starts.into_iter().map(|start| piece(file, start)).collect(),
        None => vec![file.clone()],
    }
}

fn piece(file: &PartitionedFile, start: i64) -> PartitionedFile {
    let mut piece = file.clone().with_range(start, start + 1);
    // The statistics of a file are only bounds for its row groups, and its row count does not
    // apply.
    piece.statistics = file.statistics.as_ref().map(|s| {
        let bounds = s.as_ref().clone().to_inexact();
        Arc::new(Statistics { num_rows: Precision::Absent, ..bounds })
    });
    piece
}
