//! Type inference from samples: of the first, the middle and the last file, each at its start,
//! middle and end.

use crate::csv::kind::Kind;
use crate::error::{ErrorKind, Result};
use crate::frame::source::csv::options::BadLines;
use crate::frame::source::csv::table::{Table, io_error};
use crate::frame::source::csv::types::{Known, Reason, Types, Unsure};
use crate::fs;
use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

/// Bytes of a sample; the one at the start of a file is four times as large.
const SAMPLE: usize = 64 << 10;
/// The number of files from which samples are taken.
const SAMPLED_FILES: usize = 3;

/// The start of a file's text, and whether it is the whole text.
pub(in crate::frame) struct Head {
    pub(in crate::frame) text: Vec<u8>,
    pub(in crate::frame) last: bool,
}

/// Returns the numbers of the files to sample first; only the first file if `infer_rows` is set.
pub(in crate::frame) fn picked(files: usize, infer_rows: Option<usize>) -> Vec<usize> {
    let mut picked =
        if infer_rows.is_some() { vec![0] } else { vec![0, files / 2, files.saturating_sub(1)] };
    picked.dedup();
    picked
}

/// Returns the bytes of the sample at the start of a file.
pub(in crate::frame) fn head_bytes(infer_rows: Option<usize>) -> u64 {
    infer_rows.map_or(4 * SAMPLE, |rows| rows.saturating_mul(1000).clamp(4 * SAMPLE, 64 * SAMPLE))
        as u64
}

/// Infers the kinds of the columns. `heads` are the starts of files that have been read already.
pub(in crate::frame) fn types(
    table: &Table,
    picked: &[usize],
    mut heads: HashMap<usize, Head>,
    infer_rows: Option<usize>,
) -> Result<Types> {
    let mut kinds = vec![(Kind::Null, None); table.columns.len()];
    let mut unsure = Unsure::default();
    let n = table.files.len();
    let mut seen = Vec::new();
    // If files have no data, others are sampled.
    for file in picked.iter().copied().chain(0..n) {
        let told = kinds.iter().any(|k| k.0 != Kind::Null);
        if seen.contains(&file) || told && seen.len() >= SAMPLED_FILES.min(n) {
            continue;
        }
        seen.push(file);
        let head = heads.remove(&file).map_or_else(|| head_of(table, file, infer_rows), Ok)?;
        sample_file(table, file, &head, infer_rows, (&mut kinds, &mut unsure))?;
        if infer_rows.is_some() && kinds.iter().any(|k| k.0 != Kind::Null) {
            break;
        }
    }
    Ok(Types::new(kinds, unsure))
}

fn head_of(table: &Table, file: usize, infer_rows: Option<usize>) -> Result<Head> {
    let file = &table.files[file];
    let wanted = file.start + head_bytes(infer_rows);
    let mut text = Vec::new();
    let read = table
        .text(&file.path)?
        .take(wanted)
        .read_to_end(&mut text)
        .map_err(|e| io_error(&file.path, e))? as u64;
    Ok(Head { text, last: read < wanted })
}

fn sample_file(
    table: &Table,
    number: usize,
    head: &Head,
    infer_rows: Option<usize>,
    (kinds, unsure): (&mut Known, &mut Unsure),
) -> Result<()> {
    let file = &table.files[number];
    let rows = &head.text[file.start as usize..];
    take_in(
        table,
        &Sample { number, place: file.start, text: rows, last: head.last },
        infer_rows.unwrap_or(usize::MAX),
        kinds,
    );
    // A later offset may be inside quotes. If no quotes are seen, it most likely is not; if some
    // turn up after all, the samples are verified (see `Types::look_into`).
    let quote = table.dialect.quote;
    unsure.quoted |= has(rows, quote);
    if infer_rows.is_some() || head.last || has(rows, quote) {
        return Ok(());
    }
    let (sure, mut places) = (kinds.clone(), Vec::new());
    for (at, text) in further(table, number)? {
        unsure.quoted |= has(&text, quote);
        if let (Some(line), false) = (line_end(&text), has(&text, quote)) {
            places.push((number, at));
            take_in(
                table,
                &Sample { number, place: at + line as u64, text: &text[line..], last: false },
                usize::MAX,
                kinds,
            );
        }
    }
    let told = kinds.iter().zip(&sure).any(|(k, s)| k.0 != s.0);
    if quote.is_some() && told {
        unsure.samples.extend(places);
        if unsure.sure.is_empty() {
            unsure.sure = sure;
        }
    }
    Ok(())
}

/// Reads samples of the middle and the end of a file, with their offsets.
fn further(table: &Table, number: usize) -> Result<Vec<(u64, Vec<u8>)>> {
    let file = &table.files[number];
    if !file.ranged {
        let parts = if table.has_parts(&file.path) {
            fs::middle_and_end(&file.path, SAMPLE as u64)
        } else {
            None
        };
        if crate::sched::cancelled() {
            return Err(ErrorKind::Interrupted.into());
        }
        return Ok(parts.into_iter().flatten().filter(|(at, _)| *at >= file.start).collect());
    }
    let part = |at: u64| {
        let at = at.max(file.start);
        let mut text = Vec::new();
        let mut disk = File::open(fs::local(&file.path))?;
        disk.seek(SeekFrom::Start(at))?;
        disk.take(SAMPLE as u64).read_to_end(&mut text)?;
        Ok((at, text))
    };
    let places = [file.size / 2, file.size.saturating_sub(SAMPLE as u64)];
    places
        .map(part)
        .into_iter()
        .collect::<std::io::Result<_>>()
        .map_err(|e| io_error(&file.path, e))
}

/// Returns the offset after the first line end of a text without quotes.
fn line_end(text: &[u8]) -> Option<usize> {
    let at = memchr::memchr2(b'\n', b'\r', text)?;
    // Half of a `\r\n` pair leaves an empty line, which is not a row.
    Some(at + 1)
}

fn has(text: &[u8], quote: Option<u8>) -> bool {
    quote.is_some_and(|q| memchr::memchr(q, text).is_some())
}

/// A sample of the rows of a file.
struct Sample<'a> {
    number: usize,
    place: u64,
    text: &'a [u8],
    last: bool,
}

/// Widens the known kinds by those of a sample's values.
fn take_in(table: &Table, sample: &Sample<'_>, rows: usize, kinds: &mut Known) {
    let (mut block, _) = table.dialect.rows(sample.text, sample.last);
    block.rows.truncate(block.rows.len().saturating_sub(table.skipfooter));
    if block.rows.iter().any(|r| r.fields > table.width) && table.on_bad_lines == BadLines::Error {
        return;
    }
    let mut scratch = Vec::new();
    for (column, (kind, why)) in table.columns.iter().zip(kinds) {
        let Some(field) = table.field(column, sample.number) else { continue };
        for (i, row) in
            block.rows.iter().enumerate().filter(|(_, r)| r.fields <= table.width).take(rows)
        {
            if *kind == Kind::Text || column.given.is_some() {
                break;
            }
            let Some(value) = block.field(*row, field, &mut scratch) else { continue };
            let joined = kind.and(Kind::of(value, &table.values));
            if joined != *kind {
                let value = String::from_utf8_lossy(value).into_owned();
                (*kind, *why) = (
                    joined,
                    Some(Reason {
                        value,
                        file: sample.number,
                        place: sample.place + block.place(i),
                    }),
                );
            }
        }
    }
}
