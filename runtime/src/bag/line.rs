//! A line of text, or a part of one, as a slice of the block that it was read with: no text is copied but short ones, which
//! are kept in place so that to compare and count words touches no other memory.

use crate::graph::pack::{Pack, register};
use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::num::NonZeroU8;
use std::ops::Deref;
use std::sync::{Arc, Once};

/// Bytes of a text that is kept in place: what fits beside the other form in 24 bytes.
const SHORT: usize = 16;

/// A line of a text, or a part of one. It derefs to `str`, compares and hashes as one, and is cheap to clone: it shares the
/// block of text that it was read with, which stays in memory as long as any of its lines does. Texts of up to 16 bytes
/// share nothing.
#[derive(Clone)]
pub struct Line(Text);

#[derive(Clone)]
enum Text {
    Short(Short),
    /// Longer than [`SHORT`].
    Part {
        block: Arc<String>,
        start: u32,
        end: u32,
    },
}

/// A text in place. The bytes behind it are zero, so that texts are compared and hashed as one number.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Short {
    bytes: Bytes,
    /// One more than there are bytes: zero is left to tell the other form.
    len: NonZeroU8,
}

/// Aligned, so that they are moved in whole words.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(align(8))]
struct Bytes([u8; SHORT]);

impl Short {
    /// A part of a text, at most [`SHORT`] bytes: what follows it is read along and blanked out, which is quicker than to
    /// copy as many bytes as there are.
    #[inline(always)]
    fn of(text: &[u8], start: usize, end: usize) -> Self {
        let len = end - start;
        let bytes = match text[start..].first_chunk::<SHORT>() {
            Some(bytes) if len > 0 => (u128::from_le_bytes(*bytes) & u128::MAX >> (8 * (SHORT - len))).to_le_bytes(),
            _ => {
                let mut bytes = [0; SHORT];
                bytes[..len].copy_from_slice(&text[start..end]);
                bytes
            }
        };
        Self { bytes: Bytes(bytes), len: NonZeroU8::MIN.saturating_add(len as u8) }
    }

    #[inline(always)]
    fn as_bytes(&self) -> &[u8] {
        &self.bytes.0[..usize::from(self.len.get() - 1).min(SHORT)]
    }

    fn as_str(&self) -> &str {
        // It was cut out of a text where characters begin.
        std::str::from_utf8(self.as_bytes()).expect("a part of a text is a text")
    }
}

impl Line {
    /// A part of a block, between places where characters begin.
    #[inline]
    pub(super) fn new(block: &Arc<String>, start: usize, end: usize) -> Self {
        debug_assert!(block.is_char_boundary(start) && block.is_char_boundary(end), "{start}..{end} of {block:?}");
        if end - start <= SHORT {
            Self(Text::Short(Short::of(block.as_bytes(), start, end)))
        } else {
            Self(Text::Part { block: block.clone(), start: start as u32, end: end as u32 })
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Text::Short(text) => text.as_str(),
            Text::Part { block, start, end } => &block[*start as usize..*end as usize],
        }
    }

    #[inline]
    fn bytes(&self) -> &[u8] {
        match &self.0 {
            Text::Short(text) => text.as_bytes(),
            Text::Part { block, start, end } => &block.as_bytes()[*start as usize..*end as usize],
        }
    }

    /// A short text as a number, which no other short text is but those that end in bytes of zero.
    #[inline]
    pub(super) fn as_number(&self) -> Option<u128> {
        match &self.0 {
            Text::Short(text) => Some(u128::from_le_bytes(text.bytes.0)),
            Text::Part { .. } => None,
        }
    }

    /// A part of this line that `text`, which was taken out of it, stands for: `line.part(line.trim())`. What was not taken
    /// out of this line is copied.
    #[must_use]
    pub fn part(&self, text: &str) -> Self {
        if let (Text::Part { block, .. }, false) = (&self.0, text.len() <= SHORT) {
            let offset = (text.as_ptr() as usize).wrapping_sub(block.as_ptr() as usize);
            if offset <= block.len() && offset + text.len() <= block.len() {
                return Self::new(block, offset, offset + text.len());
            }
        }
        Self::from(text)
    }

    /// A part of this line, by places in it where characters begin.
    #[inline]
    pub(crate) fn slice(&self, from: usize, to: usize) -> Self {
        match &self.0 {
            Text::Part { block, start, .. } => Self::new(block, *start as usize + from, *start as usize + to),
            // A part of a short text is short.
            Text::Short(text) => Self(Text::Short(Short::of(&text.bytes.0, from, to))),
        }
    }

    /// The words of the line, between white space, each a slice of the same block.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let words = Bag::from_iter(["to be or", "not to be"]).map(Line::from).flat_map(|line| line.words());
    /// assert_eq!(words.frequencies().compute()?[0], (Line::from("to"), 2));
    /// # Ok::<(), rask::Error>(())
    /// ```
    #[must_use]
    pub fn words(&self) -> Words {
        Words { line: self.clone(), at: 0 }
    }
}

/// The words of a line, made by [`Line::words`].
#[derive(Debug, Clone)]
pub struct Words {
    line: Line,
    at: usize,
}

impl Words {
    /// The next word that lies behind `at`, where it begins and ends; at the end of the text, an empty one.
    fn after(text: &str, at: usize) -> (usize, usize) {
        let mut start = at;
        while let Some(n) = space_at(text, start) {
            start += n;
        }
        let bytes = text.as_bytes();
        let mut end = start;
        // Most bytes are letters of ASCII; others are looked at one character at a time.
        while end < bytes.len() && (bytes[end] > b' ' && bytes[end] < 0x80 || space_at(text, end).is_none()) {
            end += 1;
            while end < bytes.len() && bytes[end] & 0xc0 == 0x80 {
                end += 1;
            }
        }
        (start, end)
    }
}

impl Iterator for Words {
    type Item = Line;

    fn next(&mut self) -> Option<Line> {
        let (start, end) = Self::after(&self.line, self.at);
        self.at = end;
        (end > start).then(|| self.line.slice(start, end))
    }

    // What bags call: the words of a whole line are found at once.
    #[inline]
    fn all<F: FnMut(Line) -> bool>(&mut self, mut wanted: F) -> bool {
        let bytes = self.line.bytes();
        let mut chunk = self.at;
        let (mut inside, mut start) = (false, 0);
        while chunk < bytes.len() {
            let Some(mut edges) = edges(&bytes[chunk..], inside) else {
                // A word that has begun is looked at again, as it may go on.
                self.at = if inside { start } else { chunk };
                return self.by_ref().try_for_each(|word| if wanted(word) { Ok(()) } else { Err(()) }).is_ok();
            };
            while edges != 0 {
                let at = chunk + edges.trailing_zeros() as usize;
                edges &= edges - 1;
                if inside && !wanted(self.line.slice(start, at)) {
                    self.at = at;
                    return false;
                }
                (inside, start) = (!inside, at);
            }
            chunk += CHUNK;
        }
        self.at = bytes.len();
        !inside || wanted(self.line.slice(start, bytes.len()))
    }
}

/// Bytes that are looked at together.
const CHUNK: usize = 64;

/// Where words begin and end in the first [`CHUNK`] bytes of a text, of which `inside` tells whether a word has begun before
/// them: bit `i` stands for byte `i`. `None` where not all of them are ASCII.
fn edges(text: &[u8], inside: bool) -> Option<u64> {
    let mut chunk = [b' '; CHUNK];
    let n = text.len().min(CHUNK);
    match text.first_chunk() {
        Some(whole) => chunk = *whole,
        None => chunk[..n].copy_from_slice(&text[..n]),
    }
    if !chunk.is_ascii() {
        return None;
    }
    let words =
        chunk.as_chunks::<8>().0.iter().enumerate().fold(0, |mask, (i, eight)| mask | letters(u64::from_le_bytes(*eight)) << (8 * i));
    let edges = words ^ (words << 1 | u64::from(inside));
    // Where the text ends is no end that has been seen.
    Some(if n < CHUNK { edges & ((1 << n) - 1) } else { edges })
}

/// A bit for each byte of eight that is no white space; all are ASCII.
#[inline(always)]
fn letters(x: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    // The highest bit of a byte tells whether it is as large as that, as no sum is above 255.
    let at_least = |least: u64| x + ONES * (0x80 - least);
    let space = at_least(b' '.into()) & !at_least(0x21);
    let line = at_least(b'\t'.into()) & !at_least(0x0e);
    let high = !(space | line) & ONES << 7;
    // The product brings the eight bits together in the highest byte.
    (high >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
}

/// Length of the white space at a place where a character begins; `None` where it is none, or the text ends.
#[inline(always)]
fn space_at(text: &str, at: usize) -> Option<usize> {
    match *text.as_bytes().get(at)? {
        b'\t'..=b'\r' | b' ' => Some(1),
        0..0x80 => None,
        _ => text[at..].chars().next().filter(|c| c.is_whitespace()).map(char::len_utf8),
    }
}

impl Deref for Line {
    type Target = str;
    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Line {
    fn as_ref(&self) -> &str {
        self
    }
}

impl Borrow<str> for Line {
    fn borrow(&self) -> &str {
        self
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self)
    }
}

impl PartialEq for Line {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Text::Short(a), Text::Short(b)) => a == b,
            (Text::Part { .. }, Text::Part { .. }) => self.bytes() == other.bytes(),
            _ => false,
        }
    }
}

impl Eq for Line {}

impl PartialEq<str> for Line {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Line {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl PartialEq<String> for Line {
    fn eq(&self, other: &String) -> bool {
        self.as_str() == other
    }
}

impl PartialOrd for Line {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Line {
    fn cmp(&self, other: &Self) -> Ordering {
        // The order of characters is that of their bytes.
        self.bytes().cmp(other.bytes())
    }
}

impl Hash for Line {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        // As `str` does, so that a map of lines can be asked with a `&str`.
        state.write(self.bytes());
        state.write_u8(0xff);
    }
}

impl From<&str> for Line {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

impl From<String> for Line {
    /// # Panics
    /// Where the text has 4 GiB or more.
    fn from(text: String) -> Self {
        let end = text.len();
        assert!(u32::try_from(end).is_ok(), "a line holds less than 4 GiB, and this text has {end} bytes");
        Self::new(&Arc::new(text), 0, end)
    }
}

impl From<Line> for String {
    fn from(line: Line) -> Self {
        line.as_str().to_owned()
    }
}

impl serde::Serialize for Line {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self)
    }
}

impl Pack for Line {
    fn pack(&self, out: &mut Vec<u8>) {
        (self.bytes().len() as u64).pack(out);
        out.extend_from_slice(self.bytes());
    }
    fn unpack(from: &mut &[u8]) -> Option<Self> {
        String::unpack(from).map(Self::from)
    }
    fn heap(&self) -> usize {
        match &self.0 {
            Text::Short(_) => 0,
            Text::Part { start, end, .. } => (end - start) as usize,
        }
    }
}

/// Makes lines known to the scheduler, which counts their bytes and may move them to disk.
pub(super) fn known() {
    static ONCE: Once = Once::new();
    ONCE.call_once(register::<Line>);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn a_line_is_a_str_in_all_that_matters() {
        let line = Line::from(" naïve café, and_more_than_sixteen_bytes\r\n");
        assert_eq!(line.words().collect::<Vec<_>>(), ["naïve", "café,", "and_more_than_sixteen_bytes"]);
        for text in ["", " ", "a", "\u{a0}é\u{2003}b\u{85}c\x0bd\x1ce ", "\u{1f600} x\u{3000}", "ab  cd"] {
            assert!(Line::from(text).words().map(String::from).eq(text.split_whitespace()), "{text:?}");
        }
        // In steps of words, and stopped after each number of them.
        for n in 0..200 {
            let text: String =
                (0..n).map(|i| [' ', 'a', 'b', '\t', 'c', if n % 3 == 0 { 'é' } else { 'd' }, 'e', '\x1c'][(i * i + n) % 8]).collect();
            let want: Vec<_> = text.split_whitespace().map(Line::from).collect();
            for stop in 0..=want.len() + 1 {
                let (mut words, mut seen) = (Line::from(text.as_str()).words(), Vec::new());
                let whole = words.all(|word| {
                    seen.push(word);
                    seen.len() < stop
                });
                assert_eq!(whole, stop > want.len() || want.is_empty(), "{text:?}");
                seen.extend(words);
                assert_eq!(seen, want, "{text:?} stopped after {stop}");
            }
        }
        let shares = |a: &Line, b: &Line| match (&a.0, &b.0) {
            (Text::Part { block: a, .. }, Text::Part { block: b, .. }) => Arc::ptr_eq(a, b),
            _ => false,
        };
        let long = line.words().last().unwrap();
        assert!(shares(&long, &line) && shares(&line.part(line.trim()), &line), "no long text is copied");
        let word = line.words().next().unwrap();
        assert_eq!(HashMap::from([(word.clone(), 1)]).get("naïve"), Some(&1));
        assert_eq!((format!("{word:?}"), format!("{word:>7}")), ("\"naïve\"".to_owned(), "  naïve".to_owned()));
        assert!(word.cmp(&Line::from("n")) == Ordering::Greater && word == "naïve" && word == *"naïve");
        assert_eq!(line.part("elsewhere"), "elsewhere");
        assert_eq!(HashMap::from([(long.clone(), 1)]).get("and_more_than_sixteen_bytes"), Some(&1));
        assert_eq!(Line::from("sixteen bytes ok").slice(8, 13), "bytes");
        assert_eq!(size_of::<Line>(), 24);
    }
}
