//! Reads texts in blocks that end at line ends. A file that can be split is read in parts, each of
//! which has the lines that start in its range of bytes, whatever the range; a stream is split as
//! it is read.

use super::line::Line;
use crate::decode::Decoder;
use crate::error::{ErrorKind, Result};
use crate::graph::stream::Sink;
use crate::sched;
use memchr::memmem::Finder;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// Bytes of a block: it stays in the processor's L2 cache while its lines are read, and leaves most
/// of the cache to the results.
const BLOCK: usize = 128 << 10;
/// Bytes of the window that is searched for a line end: at first, and at most.
const WINDOW: (usize, usize) = (1 << 10, 64 << 10);

/// The delimiter of lines.
#[derive(Debug, Clone)]
pub(super) enum Delimiter {
    /// `\n`, `\r\n` or `\r`.
    AnyLineEnd,
    Text(Arc<str>),
}

impl Delimiter {
    /// Returns whether a file can be split anywhere, without reading what comes before. It cannot
    /// if the delimiter can overlap itself: which occurrences count then depends on the first one.
    pub(super) fn can_be_found_anywhere(&self) -> bool {
        match self {
            Self::AnyLineEnd => true,
            Self::Text(t) => (1..t.len()).all(|n| !t.as_bytes().ends_with(&t.as_bytes()[..n])),
        }
    }

    /// Returns the number of bytes before an offset that may belong to a delimiter which ends there
    /// or later.
    fn reach(&self) -> usize {
        match self {
            Self::AnyLineEnd => 1,
            Self::Text(t) => t.len(),
        }
    }

    /// Returns the offset behind the first line end in `bytes`. `None` if there is none, or if it
    /// depends on the bytes that follow, unless `last`.
    fn end(&self, bytes: &[u8], last: bool) -> Option<usize> {
        match self {
            Self::Text(t) => memchr::memmem::find(bytes, t.as_bytes()).map(|at| at + t.len()),
            Self::AnyLineEnd => {
                let at = memchr::memchr2(b'\n', b'\r', bytes)?;
                match (bytes[at], bytes.get(at + 1)) {
                    (b'\r', Some(b'\n')) => Some(at + 2),
                    (b'\r', None) if !last => None,
                    _ => Some(at + 1),
                }
            }
        }
    }
}

/// Pushes the lines of a block. Returns `false` if the sink wants no more.
fn push_lines(text: String, delimiter: &Delimiter, sink: &mut Sink<'_, Line>) -> Result<bool> {
    // A line stores its offsets in a block as 32-bit integers.
    let apart = text.len() > u32::MAX as usize;
    let block = Arc::new(text);
    let bytes = block.as_bytes();
    let mut start = 0;
    let mut push = |start: usize, end: usize| -> Result<bool> {
        if sched::cancelled() {
            return Err(ErrorKind::Interrupted.into());
        }
        if end - start > u32::MAX as usize {
            let message = format!(
                "a line has {} bytes: expected at most 4 GiB; help: set another Text::new().linedelimiter(..)",
                end - start
            );
            return Err(ErrorKind::BadArgument { method: "read_text".to_owned(), message }.into());
        }
        Ok(sink(if apart { Line::from(&block[start..end]) } else { Line::new(&block, start, end) }))
    };
    match delimiter {
        Delimiter::Text(t) => {
            for at in Finder::new(t.as_bytes()).find_iter(bytes) {
                if !push(start, at + t.len())? {
                    return Ok(false);
                }
                start = at + t.len();
            }
        }
        Delimiter::AnyLineEnd => {
            for at in memchr::memchr2_iter(b'\n', b'\r', bytes) {
                let end = at + 1;
                // In a pair, the `\n` ends the line.
                if bytes[at] == b'\r' && bytes.get(end) == Some(&b'\n') {
                    continue;
                }
                if !push(start, end)? {
                    return Ok(false);
                }
                start = end;
            }
        }
    }
    if start < bytes.len() { push(start, bytes.len()) } else { Ok(true) }
}

/// A file on disk.
pub(super) struct Blocks<'a> {
    pub(super) path: &'a str,
    pub(super) delimiter: &'a Delimiter,
    pub(super) decoder: Decoder,
}

impl Blocks<'_> {
    fn failed(&self, source: std::io::Error) -> crate::error::Error {
        ErrorKind::Io { method: "read_text".to_owned(), path: self.path.to_owned(), source }.into()
    }

    /// Pushes the lines that start in bytes `start..end`. Returns `false` if the sink wants no
    /// more.
    pub(super) fn push_range(
        &self,
        start: u64,
        end: u64,
        sink: &mut Sink<'_, Line>,
    ) -> Result<bool> {
        let file = File::open(self.path).map_err(|e| self.failed(e))?;
        let size = file.metadata().map_err(|e| self.failed(e))?.len();
        let end = end.min(size);
        let mut at = self.line_start(&file, start, end, size)?;
        if at >= end {
            // The whole range belongs to a line that started before it.
            return Ok(true);
        }
        let end = self.line_start(&file, end, size, size)?;
        while at < end {
            let to = if end - at <= BLOCK as u64 {
                end
            } else {
                self.line_start(&file, at + BLOCK as u64, end, size)?
            };
            let mut bytes = Vec::with_capacity((to - at) as usize);
            (&file)
                .seek(SeekFrom::Start(at))
                .and_then(|_| (&file).take(to - at).read_to_end(&mut bytes))
                .map_err(|e| self.failed(e))?;
            let mut decoder = self.decoder;
            let mark = if at == 0 { decoder.take_mark(&mut bytes) } else { 0 };
            if !push_lines(
                decoder.decode(bytes, self.path, at + mark as u64)?,
                self.delimiter,
                sink,
            )? {
                return Ok(false);
            }
            at = to;
        }
        Ok(true)
    }

    /// Returns the first offset from `from` on at which a line starts; `until` if there is none
    /// before.
    fn line_start(&self, file: &File, from: u64, until: u64, size: u64) -> Result<u64> {
        if from == 0 || from >= until {
            return Ok(from.min(until));
        }
        let reach = self.delimiter.reach();
        let mut at = from.saturating_sub(reach as u64);
        let (mut bytes, mut window) = (Vec::new(), WINDOW.0);
        loop {
            let old = bytes.len();
            let more = (size - at - old as u64).min(window as u64) as usize;
            window = (window * 2).min(WINDOW.1);
            bytes.resize(old + more, 0);
            file.read_exact_at(&mut bytes[old..], at + old as u64).map_err(|e| self.failed(e))?;
            let last = at + bytes.len() as u64 == size;
            let skip = match self.delimiter.end(&bytes, last) {
                Some(end) if at + end as u64 >= from => return Ok((at + end as u64).min(until)),
                // A delimiter that ends before `from` does not count.
                Some(end) => end,
                None if last || at + bytes.len() as u64 > until + reach as u64 => return Ok(until),
                // Bytes that may be the start of a delimiter are searched again.
                None => bytes.len().saturating_sub(reach),
            };
            bytes.drain(..skip);
            at += skip as u64;
        }
    }

    /// Pushes all lines of a stream. Returns `false` if the sink wants no more.
    pub(super) fn push_stream(
        &self,
        mut from: impl Read,
        sink: &mut Sink<'_, Line>,
    ) -> Result<bool> {
        let (mut rest, mut offset, mut first) = (Vec::new(), 0u64, true);
        // In some encodings the bytes of a line end are ambiguous: their text is decoded as a
        // whole.
        let whole = !self.decoder.is_ascii_based()
            || (matches!(self.delimiter, Delimiter::Text(_)) && !self.decoder.is_utf8());
        let mut decoder = self.decoder;
        loop {
            let got = from
                .by_ref()
                .take(BLOCK as u64)
                .read_to_end(&mut rest)
                .map_err(|e| self.failed(e))?;
            if std::mem::take(&mut first) {
                offset += decoder.take_mark(&mut rest) as u64;
            }
            let last = got < BLOCK;
            let cut = if last {
                rest.len()
            } else if whole {
                0
            } else {
                self.last_end(&rest)
            };
            if cut > 0 {
                let after = rest.split_off(cut);
                let text =
                    decoder.decode(std::mem::replace(&mut rest, after), self.path, offset)?;
                offset += cut as u64;
                if !push_lines(text, self.delimiter, sink)? {
                    return Ok(false);
                }
            }
            if last {
                return Ok(true);
            }
        }
    }

    /// Returns the end of the last line that is certainly complete.
    fn last_end(&self, bytes: &[u8]) -> usize {
        match self.delimiter {
            // A `\r` at the very end may be half of a pair.
            Delimiter::AnyLineEnd => {
                memchr::memrchr2(b'\n', b'\r', &bytes[..bytes.len().saturating_sub(1)]).map_or(
                    0,
                    |at| {
                        if bytes[at] == b'\r' && bytes[at + 1] == b'\n' { at + 2 } else { at + 1 }
                    },
                )
            }
            // Searched from the start, as a delimiter may overlap itself.
            Delimiter::Text(t) => {
                Finder::new(t.as_bytes()).find_iter(bytes).last().map_or(0, |at| at + t.len())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(path: &str, delimiter: &Delimiter, size: u64, block: u64) -> Vec<String> {
        let blocks = Blocks { path, delimiter, decoder: Decoder::UTF_8 };
        let mut lines = Vec::new();
        let mut at = 0;
        while at < size {
            blocks
                .push_range(at, at + block, &mut |l: Line| {
                    lines.push(l.to_string());
                    true
                })
                .unwrap();
            at += block;
        }
        lines
    }

    fn stream(text: &[u8], delimiter: &Delimiter) -> Vec<String> {
        let mut lines = Vec::new();
        let push = &mut |l: Line| {
            lines.push(l.to_string());
            true
        };
        Blocks { path: "x", delimiter, decoder: Decoder::UTF_8 }.push_stream(text, push).unwrap();
        lines
    }

    #[test]
    fn every_block_size_gives_the_same_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t").to_str().unwrap().to_owned();
        let any = Delimiter::AnyLineEnd;
        let text = |t: &str| Delimiter::Text(t.into());
        let cases: [(&str, Delimiter, &[&str]); 7] = [
            (
                "the cat\r\n\r\nna\u{ef}ve \u{2014}\r\nlast",
                any.clone(),
                &["the cat\r\n", "\r\n", "na\u{ef}ve \u{2014}\r\n", "last"],
            ),
            ("a\rb\r\rc\n\nd\r\n", any.clone(), &["a\r", "b\r", "\r", "c\n", "\n", "d\r\n"]),
            ("\r\n\n\r\r", any.clone(), &["\r\n", "\n", "\r", "\r"]),
            ("x;y;z", text(";"), &["x;", "y;", "z"]),
            ("a<>b<<>c<>", text("<>"), &["a<>", "b<<>", "c<>"]),
            ("no end at all", any.clone(), &["no end at all"]),
            ("", any, &[]),
        ];
        for (content, delimiter, want) in cases {
            std::fs::write(&path, content).unwrap();
            assert!(delimiter.can_be_found_anywhere());
            for block in 1..=content.len() as u64 + 1 {
                assert_eq!(
                    ranges(&path, &delimiter, content.len() as u64, block),
                    want,
                    "{content:?} in blocks of {block}"
                );
            }
            assert_eq!(stream(content.as_bytes(), &delimiter), want, "{content:?} as a stream");
        }
        assert!(!Delimiter::Text("aa".into()).can_be_found_anywhere());
        assert_eq!(stream(b"aaab", &Delimiter::Text("aa".into())), ["aa", "ab"]);
    }

    #[test]
    fn lines_longer_than_a_block_and_marks() {
        let long = "x".repeat(3 * BLOCK) + "\n";
        assert_eq!(
            stream((long.clone() + &long).as_bytes(), &Delimiter::AnyLineEnd),
            [long.clone(), long.clone()]
        );
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t").to_str().unwrap().to_owned();
        let content = format!("\u{feff}a\n{long}b\r");
        std::fs::write(&path, &content).unwrap();
        for block in [1000, BLOCK as u64 + 3, 1 << 30] {
            assert_eq!(
                ranges(&path, &Delimiter::AnyLineEnd, content.len() as u64, block),
                ["a\n", &long, "b\r"]
            );
        }
        assert_eq!(stream(content.as_bytes(), &Delimiter::AnyLineEnd), ["a\n", &long, "b\r"]);
    }
}
