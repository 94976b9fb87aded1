//! Rows of a text as read by this module and by the `csv` crate, for tests and for the fuzzer in
//! `tests/fuzz`.

use super::read::{Blocks, Stop};

pub(crate) type Rows = Vec<Vec<Vec<u8>>>;

/// Reads the rows with the `csv` crate.
pub(crate) fn expected(text: &[u8]) -> Rows {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text);
    reader
        .byte_records()
        .map(|r| r.unwrap().iter().map(<[u8]>::to_vec).collect::<Vec<_>>())
        .filter(|r| !is_blank(r))
        .collect()
}

/// Returns whether a row is a line of blanks: a row for the `csv` crate, but not here. In quotes it
/// is a row for both.
fn is_blank(row: &[Vec<u8>]) -> bool {
    row.len() == 1 && !row[0].is_empty() && row[0].iter().all(|b| matches!(b, b' ' | b'\t'))
}

/// Returns the rows of some blocks; `None` if the text ends inside of quotes.
pub(crate) fn found<R: std::io::Read>(mut blocks: Blocks<R>) -> Option<Rows> {
    let (mut rows, mut scratch): (Rows, _) = (Vec::new(), Vec::new());
    loop {
        match blocks.next() {
            Ok(None) => {
                rows.retain(|r| !is_blank(r));
                return Some(rows);
            }
            Ok(Some(block)) => {
                rows.extend(block.rows.iter().map(|r| {
                    (0..r.fields)
                        .map(|j| block.field(*r, j, &mut scratch).unwrap().to_vec())
                        .collect()
                }));
                blocks.give_back(block);
            }
            Err(Stop::OpenQuote(_)) => return None,
            Err(e) => panic!("{e:?}"),
        }
    }
}
