//! Whether the offsets at which files are split are inside quotes. If samples contain no quotes,
//! none is assumed to be; this is verified when quotes turn up or anything fails, and if it was
//! wrong the plan is rebuilt.
//!
//! Guessing first follows Ge et al., "Speculative distributed CSV data parsing for big data
//! analytics", SIGMOD 2019.

use crate::csv::quotes::State;
use crate::error::{ErrorKind, Result};
use crate::frame::source::csv::pieces::Piece;
use crate::frame::source::csv::table::Table;
use crate::frame::source::csv::types::Place;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::OnceCell;

/// The quote states at the split points of files; computed when first needed.
pub(in crate::frame) type States = OnceCell<HashMap<Place, State>>;

/// Computes the states at the split points of all files, in parallel.
pub(in crate::frame) async fn states(
    table: Arc<Table>,
    work: Arc<Vec<Vec<Piece>>>,
) -> Result<HashMap<Place, State>> {
    let ranges: Vec<_> = work.iter().flatten().copied().collect();
    let cut = |file| {
        ranges.iter().filter(|p| matches!(p, Piece::Range { file: f, .. } if *f == file)).count()
            > 1
    };
    let mut parts = Vec::new();
    for piece in &ranges {
        // The state at the end of a file does not matter.
        if let Piece::Range { file, from, to } = *piece
            && cut(file)
            && to < table.files[file].size
        {
            let table = table.clone();
            parts.push((
                file,
                to,
                tokio::task::spawn_blocking(move || table.transition(file, from, to)),
            ));
        }
    }
    let mut states = HashMap::new();
    let mut now = (usize::MAX, State::Outside);
    for (file, to, part) in parts {
        let told = part.await.map_err(|e| ErrorKind::Engine {
            operation: "read_csv".to_owned(),
            message: e.to_string(),
        })??;
        let before = if now.0 == file { now.1 } else { State::Outside };
        now = (file, told.from(before));
        states.insert((file, to), now.1);
    }
    Ok(states)
}
