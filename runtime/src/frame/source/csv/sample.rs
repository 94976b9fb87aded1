//! Types of columns as samples tell them: of the first, the middle and the last file, each at its head, its middle and its end.

use crate::csv::kind::Kind;
use crate::error::{ErrorKind, Result};
use crate::frame::source::csv::options::BadLines;
use crate::frame::source::csv::table::{Table, io_error};
use crate::frame::source::csv::types::{Known, Reason, Types, Unsure};
use crate::fs;
use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

/// Bytes of a sample; the one at the start of a file is four times as long.
const SAMPLE: usize = 64 << 10;
/// Files from which samples are taken.
const SAMPLED_FILES: usize = 3;

/// The start of a file's text, and whether that is all of it.
pub(in crate::frame) struct Head {
    pub(in crate::frame) text: Vec<u8>,
    pub(in crate::frame) last: bool,
}

/// The files, of so many, whose samples are asked first. Where the rows that tell the types are counted, it is the first alone.
pub(in crate::frame) fn picked(files: usize, infer_rows: Option<usize>) -> Vec<usize> {
    let mut picked = if infer_rows.is_some() { vec![0] } else { vec![0, files / 2, files.saturating_sub(1)] };
    picked.dedup();
    picked
}

/// Bytes of a sample at the start of a file.
pub(in crate::frame) fn head_bytes(infer_rows: Option<usize>) -> u64 {
    infer_rows.map_or(4 * SAMPLE, |rows| rows.saturating_mul(1000).clamp(4 * SAMPLE, 64 * SAMPLE)) as u64
}

/// The kinds of the columns. `heads` are the starts of files, as far as they were read.
pub(in crate::frame) fn types(
    table: &Table,
    picked: &[usize],
    mut heads: HashMap<usize, Head>,
    infer_rows: Option<usize>,
) -> Result<Types> {
    let mut kinds = vec![(Kind::Nothing, None); table.columns.len()];
    let mut unsure = Unsure::default();
    let n = table.files.len();
    let mut seen = Vec::new();
    // Files without data tell nothing: then others are asked.
    for file in picked.iter().copied().chain(0..n) {
        let told = kinds.iter().any(|k| k.0 != Kind::Nothing);
        if seen.contains(&file) || told && seen.len() >= SAMPLED_FILES.min(n) {
            continue;
        }
        seen.push(file);
        let head = heads.remove(&file).map_or_else(|| head_of(table, file, infer_rows), Ok)?;
        sample_file(table, file, &head, infer_rows, (&mut kinds, &mut unsure))?;
        if infer_rows.is_some() && kinds.iter().any(|k| k.0 != Kind::Nothing) {
            break;
        }
    }
    Ok(Types::new(kinds, unsure))
}

fn head_of(table: &Table, file: usize, infer_rows: Option<usize>) -> Result<Head> {
    let file = &table.files[file];
    let wanted = file.start + head_bytes(infer_rows);
    let mut text = Vec::new();
    let read = table.text(&file.path)?.take(wanted).read_to_end(&mut text).map_err(|e| io_error(&file.path, e))? as u64;
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
    take_in(table, &Sample { number, place: file.start, text: rows, last: head.last }, infer_rows.unwrap_or(usize::MAX), kinds);
    // A place further on may be inside of quotes. Where no quotes are seen it most likely is not; if there are some after all,
    // the samples are looked at again (see `Types::look_into`).
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
            take_in(table, &Sample { number, place: at + line as u64, text: &text[line..], last: false }, usize::MAX, kinds);
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

/// Bytes of the middle and the end of a file, with their places.
fn further(table: &Table, number: usize) -> Result<Vec<(u64, Vec<u8>)>> {
    let file = &table.files[number];
    if !file.ranged {
        let parts = if table.has_parts(&file.path) { fs::middle_and_end(&file.path, SAMPLE as u64) } else { None };
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
    places.map(part).into_iter().collect::<std::io::Result<_>>().map_err(|e| io_error(&file.path, e))
}

/// Where the first line end of a text without quotes ends.
fn line_end(text: &[u8]) -> Option<usize> {
    let at = memchr::memchr2(b'\n', b'\r', text)?;
    // What follows a half of a pair alone is an empty line, which is no row.
    Some(at + 1)
}

fn has(text: &[u8], quote: Option<u8>) -> bool {
    quote.is_some_and(|q| memchr::memchr(q, text).is_some())
}

/// Some rows of a file.
struct Sample<'a> {
    number: usize,
    place: u64,
    text: &'a [u8],
    last: bool,
}

/// Joins the kinds of a sample's values to those known.
fn take_in(table: &Table, sample: &Sample<'_>, rows: usize, kinds: &mut Known) {
    let (mut block, _) = table.dialect.rows(sample.text, sample.last);
    block.rows.truncate(block.rows.len().saturating_sub(table.skipfooter));
    if block.rows.iter().any(|r| r.fields > table.width) && table.on_bad_lines == BadLines::Error {
        return;
    }
    let mut scratch = Vec::new();
    for (column, (kind, why)) in table.columns.iter().zip(kinds) {
        let Some(field) = table.field(column, sample.number) else { continue };
        for (i, row) in block.rows.iter().enumerate().filter(|(_, r)| r.fields <= table.width).take(rows) {
            if *kind == Kind::Text || column.given.is_some() {
                break;
            }
            let Some(value) = block.field(*row, field, &mut scratch) else { continue };
            let joined = kind.and(Kind::of(value, &table.values));
            if joined != *kind {
                let value = String::from_utf8_lossy(value).into_owned();
                (*kind, *why) = (joined, Some(Reason { value, file: sample.number, place: sample.place + block.place(i) }));
            }
        }
    }
}
