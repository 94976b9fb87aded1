//! The pieces of files that tasks read.

use crate::frame::source::csv::table::{FileInfo, Table};

/// A part of the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::frame) enum Piece {
    Range { file: usize, from: u64, to: u64 },
    Whole { file: usize },
}

/// Splits the files into the given number of parts of equal size, or fewer for little data.
pub(in crate::frame) fn pieces(table: &Table, wanted: usize) -> Vec<Vec<Piece>> {
    // The size assumed for a file that cannot be split: it is unknown before reading.
    const UNKNOWN: u64 = 1 << 20;
    let length =
        |f: &FileInfo| if f.ranged { f.size.saturating_sub(f.start).max(1) } else { UNKNOWN };
    let total: u64 = table.files.iter().map(length).sum();
    let parts =
        total.div_ceil(table.block.unwrap_or(table.step as u64)).clamp(1, wanted.max(1) as u64);
    let mut work = vec![Vec::new(); parts as usize];
    let mut before = 0;
    for (file, info) in table.files.iter().enumerate() {
        let end = before + length(info);
        let first = before * parts / total;
        if info.ranged {
            let mut from = info.start;
            for part in first..parts {
                // The first offset of the next part.
                let bound = ((part + 1) * total).div_ceil(parts).min(end);
                let to = if bound == end { info.size } else { info.start + (bound - before) };
                if to > from || from == info.start {
                    work[part as usize].push(Piece::Range { file, from, to });
                    from = to;
                }
                if bound == end {
                    break;
                }
            }
        } else {
            work[first as usize].push(Piece::Whole { file });
        }
        before = end;
    }
    work
}

/// The maximum number of partitions per thread: each has an open file and a block in memory.
pub(in crate::frame) const PARTITIONS_PER_THREAD: usize = 16;
