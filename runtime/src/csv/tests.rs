//! Reads random and mutated files with this module and the `csv` crate, which must find the same
//! rows. `RASK_FUZZ_FILES` sets the number of files.

use super::compared_tests::{Rows, expected, found};
use super::dialect::Dialect;
use super::quotes::{State, Walker, transition};
use super::read::Blocks;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::fs::File;
use std::io::Cursor;

/// Generates a text: random letters and special characters, well-formed rows, or those with a few
/// bytes changed.
fn text(random: &mut StdRng) -> Vec<u8> {
    let length = [3, 20, 80, 300, 1500][random.random_range(0..5)];
    let marks: [&[u8]; 3] = [b"a,\n\"", b"ab ,,\r\n\"\"", b"abcdefgh12345,\n"];
    let alphabet = marks[random.random_range(0..3)];
    if random.random_range(0..3) == 0 {
        return (0..random.random_range(0..length + 1))
            .map(|_| alphabet[random.random_range(0..alphabet.len())])
            .collect();
    }
    let end: &[u8] = [&b"\n"[..], b"\r\n", b"\r"][random.random_range(0..3)];
    let mut out = Vec::new();
    while out.len() < length {
        for i in 0..random.random_range(1..5) {
            if i > 0 {
                out.push(b',');
            }
            let field: Vec<u8> = (0..random.random_range(0..9))
                .map(|_| alphabet[random.random_range(0..alphabet.len())])
                .collect();
            if field.iter().any(|b| b",\n\r\"".contains(b)) {
                out.push(b'"');
                field.iter().for_each(|b| {
                    out.extend_from_slice(if *b == b'"' {
                        b"\"\""
                    } else {
                        std::slice::from_ref(b)
                    })
                });
                out.push(b'"');
            } else {
                out.extend_from_slice(&field);
            }
        }
        out.extend_from_slice(end);
    }
    for _ in 0..[0, 0, 1, 3][random.random_range(0..4)] {
        let at = random.random_range(0..out.len());
        match random.random_range(0..3) {
            0 => out[at] = alphabet[random.random_range(0..alphabet.len())],
            1 => drop(out.remove(at)),
            _ => out.insert(at, b'"'),
        }
        if out.is_empty() {
            break;
        }
    }
    out
}

/// Reads the rows of a file in parts that start anywhere.
fn in_parts(path: &std::path::Path, text: &[u8], cuts: &[usize], step: usize) -> Option<Rows> {
    let dialect = Dialect::default();
    let rules = (dialect.plain().unwrap(), false);
    let (mut rows, mut state, mut from) = (Vec::new(), State::Outside, 0);
    for to in cuts.iter().copied().chain([text.len()]) {
        let mut walker =
            Walker::at(&mut File::open(path).unwrap(), from as u64, 0, rules, state).unwrap();
        let start =
            if from == 0 { Some(0) } else { walker.line_end(&text[from..]).map(|n| from + n) };
        let end = (to < text.len()).then_some(to as u64);
        if let Some(start) = start.filter(|s| end.is_none_or(|end| *s as u64 <= end)) {
            let blocks =
                Blocks::new(Cursor::new(&text[start..]), dialect.clone(), step, start as u64, end);
            rows.extend(found(blocks)?);
        }
        state = transition(path, 0, from as u64, to as u64, rules).unwrap().from(state);
        from = to;
    }
    Some(rows)
}

#[test]
fn random_files_have_the_rows_that_the_csv_crate_finds() {
    let files: u64 =
        std::env::var("RASK_FUZZ_FILES").ok().and_then(|s| s.parse().ok()).unwrap_or(60_000);
    let seed = std::env::var("RASK_FUZZ_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(1);
    let mut random = StdRng::seed_from_u64(seed);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f.csv");
    let mut compared = 0;
    while compared < files {
        let text = text(&mut random);
        let step = [1, 3, 16, 64, 100, 4096][random.random_range(0..6)];
        let Some(rows) = found(Blocks::new(&text[..], Dialect::default(), step, 0, None)) else {
            continue;
        };
        let shown = || String::from_utf8_lossy(&text).into_owned();
        assert_eq!(rows, expected(&text), "steps of {step}: {:?}", shown());
        compared += 1;
        if compared % 8 == 0 && !text.is_empty() {
            std::fs::write(&path, &text).unwrap();
            let mut cuts: Vec<usize> = (0..random.random_range(1..4))
                .map(|_| random.random_range(1..text.len() + 1))
                .collect();
            cuts.sort_unstable();
            cuts.dedup();
            assert_eq!(
                in_parts(&path, &text, &cuts, step).as_ref(),
                Some(&rows),
                "cut at {cuts:?}, steps of {step}: {:?}",
                shown()
            );
        }
    }
}
