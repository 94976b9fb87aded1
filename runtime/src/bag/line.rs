//! A line of text, or a part of one, as a slice of the block that it was read with: only short
//! strings are copied. They are stored inline, so that comparing and counting words touches no
//! other memory.

use crate::graph::pack::{Pack, register};
use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::num::NonZeroU8;
use std::ops::{Deref, Range};
use std::sync::{Arc, Once};

/// Maximum length of an inline string in bytes: what fits in 24 bytes together with the other
/// variant.
const SHORT: usize = 16;

/// A line of a text, or a part of one. It derefs to `str`, compares and hashes as a `str`, and is
/// cheap to clone: it shares the block of text that it was read with, which stays in memory as long
/// as any of its lines. Strings of up to 16 bytes are stored inline and share nothing.
#[derive(Clone)]
pub struct Line(Text);

#[derive(Clone)]
enum Text {
    Short(Short),
    /// Longer than [`SHORT`].
    Part {
        block: Arc<String>,
        span: Span,
    },
}

/// The start and end of a part of a block. One integer, so that both variants are moved in the same
/// words: reading bytes in other units than they were written stalls the processor (store
/// forwarding).
#[derive(Clone, Copy)]
struct Span(u64);

impl Span {
    fn new(start: usize, end: usize) -> Self {
        Self(start as u64 | (end as u64) << 32)
    }

    fn start(self) -> usize {
        self.0 as u32 as usize
    }

    fn end(self) -> usize {
        (self.0 >> 32) as usize
    }

    fn range(self) -> Range<usize> {
        self.start()..self.end()
    }
}

/// An inline string. It is padded with zeros, so that strings are compared and hashed as integers.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Short {
    bytes: Bytes,
    /// The length plus one: zero is left for the other variant of the enum.
    len: NonZeroU8,
}

/// Masks of the bytes that belong to a string of each length, as two integers.
static OWN: [[u64; 2]; SHORT + 1] = {
    let mut own = [[0; 2]; SHORT + 1];
    let mut length = 1;
    while length <= SHORT {
        own[length] = own[length - 1];
        own[length][(length - 1) / 8] |= 0xff << ((length - 1) % 8 * 8);
        length += 1;
    }
    own
};

/// Aligned bytes, which are moved in whole words.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(align(8))]
struct Bytes([u8; SHORT]);

impl Short {
    /// Copies a part of a text of at most [`SHORT`] bytes: bytes behind it are read too and masked
    /// out, which is faster than copying a variable number of bytes.
    #[inline(always)]
    fn of(text: &[u8], start: usize, end: usize) -> Self {
        let len = end - start;
        let length = NonZeroU8::MIN.saturating_add(len as u8);
        match text[start..].as_chunks::<8>().0 {
            [low, high, ..] => {
                let own = OWN[len];
                Word {
                    bytes: [u64::from_le_bytes(*low) & own[0], u64::from_le_bytes(*high) & own[1]],
                    length,
                }
                .into()
            }
            _ => {
                let mut bytes = [0; SHORT];
                bytes[..len].copy_from_slice(&text[start..end]);
                Self { bytes: Bytes(bytes), len: length }
            }
        }
    }

    #[inline(always)]
    fn as_bytes(&self) -> &[u8] {
        &self.bytes.0[..usize::from(self.len.get() - 1).min(SHORT)]
    }

    fn as_str(&self) -> &str {
        // It was cut at character boundaries.
        std::str::from_utf8(self.as_bytes()).expect("a short string is valid UTF-8")
    }
}

/// A short string as integers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) bytes: [u64; SHORT / 8],
    /// As in [`Short`].
    pub(super) length: NonZeroU8,
}

impl Word {
    /// Hashes the string, with the mixing of foldhash.
    #[inline(always)]
    pub(super) fn hash(self) -> u64 {
        let [low, high] =
            [self.bytes[0] ^ 0x9e37_79b9_7f4a_7c15, self.bytes[1] ^ 0xd1b5_4a32_d192_ed03];
        let product = u128::from(low) * u128::from(high);
        product as u64 ^ (product >> 64) as u64
    }
}

impl From<Word> for Short {
    #[inline(always)]
    fn from(word: Word) -> Self {
        let bytes = u128::from(word.bytes[0]) | u128::from(word.bytes[1]) << 64;
        Self { bytes: Bytes(bytes.to_le_bytes()), len: word.length }
    }
}

impl From<Word> for Line {
    fn from(word: Word) -> Self {
        Self(Text::Short(word.into()))
    }
}

impl Line {
    /// Creates a line from a part of a block, between character boundaries.
    #[inline(always)]
    pub(super) fn new(block: &Arc<String>, start: usize, end: usize) -> Self {
        debug_assert!(
            block.is_char_boundary(start) && block.is_char_boundary(end),
            "{start}..{end} of {block:?}"
        );
        if end - start <= SHORT {
            Self(Text::Short(Short::of(block.as_bytes(), start, end)))
        } else {
            Self::long(block, start, end)
        }
    }

    // A separate function, to keep the code for short strings small.
    #[inline(never)]
    fn long(block: &Arc<String>, start: usize, end: usize) -> Self {
        Self(Text::Part { block: block.clone(), span: Span::new(start, end) })
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Text::Short(text) => text.as_str(),
            Text::Part { block, span } => &block[span.range()],
        }
    }

    #[inline]
    fn bytes(&self) -> &[u8] {
        match &self.0 {
            Text::Short(text) => text.as_bytes(),
            Text::Part { block, span } => &block.as_bytes()[span.range()],
        }
    }

    /// Returns a short string as integers; `None` for others.
    #[inline(always)]
    pub(super) fn as_word(&self) -> Option<Word> {
        let Text::Short(Short { bytes: Bytes(bytes), len }) = &self.0 else { return None };
        let [low, high] = bytes.as_chunks::<8>().0 else { return None };
        Some(Word { bytes: [u64::from_le_bytes(*low), u64::from_le_bytes(*high)], length: *len })
    }

    /// Returns `text`, a slice of this line, as a line that shares its block:
    /// `line.part(line.trim())`. Text that is not a slice of this line is copied.
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

    /// Returns a part of this line, between byte offsets at character boundaries.
    #[inline(always)]
    pub(crate) fn slice(&self, from: usize, to: usize) -> Self {
        match &self.0 {
            Text::Part { block, span } => Self::new(block, span.start() + from, span.start() + to),
            // A part of a short string is short.
            Text::Short(text) => Self(Text::Short(Short::of(&text.bytes.0, from, to))),
        }
    }

    /// Returns the whitespace-separated words of the line, as slices of the same block.
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

/// The iterator over the words of a line, created by [`Line::words`].
#[derive(Debug, Clone)]
pub struct Words {
    line: Line,
    at: usize,
}

impl Words {
    /// Returns the start and end of the first word behind `at`; an empty range at the end of the
    /// text.
    fn after(text: &str, at: usize) -> (usize, usize) {
        let mut start = at;
        while let Some(n) = space_at(text, start) {
            start += n;
        }
        let bytes = text.as_bytes();
        let mut end = start;
        // Most bytes are ASCII letters; others are decoded character by character.
        while end < bytes.len()
            && (bytes[end] > b' ' && bytes[end] < 0x80 || space_at(text, end).is_none())
        {
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

    // Called by bags: finds the words of a whole line at once.
    #[inline]
    fn all<F: FnMut(Line) -> bool>(&mut self, mut wanted: F) -> bool {
        let (text, line) = match &self.line.0 {
            Text::Short(short) => (&short.bytes.0[..], 0..short.as_bytes().len()),
            Text::Part { block, span } => (block.as_bytes(), span.range()),
        };
        let length = line.len();
        let mut chunk = self.at;
        let (mut inside, mut start) = (false, 0);
        while chunk < length {
            let Some(mut edges) = edges(&text[line.start + chunk..], length - chunk, inside) else {
                // A word that has started is scanned again, as it may continue.
                self.at = if inside { start } else { chunk };
                return self
                    .by_ref()
                    .try_for_each(|word| if wanted(word) { Ok(()) } else { Err(()) })
                    .is_ok();
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
        self.at = length;
        !inside || wanted(self.line.slice(start, length))
    }
}

/// Bytes that are scanned at once.
const CHUNK: usize = 64;

/// Returns the starts and ends of words in the first [`CHUNK`] bytes of a text of this length: bit
/// `i` represents byte `i`. `inside`: a word has started before them. Bytes behind the text are
/// read too. `None` if the text is not all ASCII.
#[inline(always)]
fn edges(bytes: &[u8], length: usize, inside: bool) -> Option<u64> {
    let mut chunk = [0; CHUNK];
    match bytes.first_chunk() {
        Some(whole) => chunk = *whole,
        None => chunk[..bytes.len()].copy_from_slice(bytes),
    }
    let eights = chunk.as_chunks::<8>().0.iter().map(|eight| u64::from_le_bytes(*eight));
    let mask = |bits: fn(u64) -> u64| {
        eights
            .clone()
            .enumerate()
            .fold(0, |mask, (i, eight)| mask | gathered(bits(eight)) << (8 * i))
    };
    let own = if length < CHUNK { (1 << length) - 1 } else { !0 };
    if chunk.iter().fold(0, |all, b| all | b) >= 0x80 && mask(|x| x) & own != 0 {
        return None;
    }
    let words = mask(letters);
    // The end of the text is not marked as the end of a word.
    Some((words ^ (words << 1 | u64::from(inside))) & own)
}

/// Gathers the highest bits of eight bytes.
#[inline(always)]
fn gathered(x: u64) -> u64 {
    // The product gathers them in the highest byte.
    (x >> 7 & 0x0101_0101_0101_0101).wrapping_mul(0x0102_0408_1020_4080) >> 56
}

/// Sets the highest bit of each ASCII byte that is not whitespace.
#[inline(always)]
fn letters(x: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let x = x & (0x7f * ONES);
    // The highest bit of a byte is set if the byte is at least `least`; no sum exceeds 255.
    let at_least = |least: u64| x + ONES * (0x80 - least);
    let space = at_least(b' '.into()) & !at_least(0x21);
    let line = at_least(b'\t'.into()) & !at_least(0x0e);
    !(space | line)
}

/// Returns the length of the whitespace character at a character boundary; `None` if it is another
/// character, or the end of the text.
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
        // Strings compare as their bytes do.
        self.bytes().cmp(other.bytes())
    }
}

impl Hash for Line {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        // As `str` does, so that a map of lines can be searched with a `&str`.
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
    /// Panics if the string has 4 GiB or more.
    fn from(text: String) -> Self {
        let end = text.len();
        assert!(
            u32::try_from(end).is_ok(),
            "a line must be shorter than 4 GiB, but this string has {end} bytes"
        );
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
            Text::Part { span, .. } => span.range().len(),
        }
    }
}

/// Registers lines with the scheduler, which counts their bytes and may spill them to disk.
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
        assert_eq!(
            line.words().collect::<Vec<_>>(),
            ["naïve", "café,", "and_more_than_sixteen_bytes"]
        );
        for text in
            ["", " ", "a", "\u{a0}é\u{2003}b\u{85}c\x0bd\x1ce ", "\u{1f600} x\u{3000}", "ab  cd"]
        {
            assert!(
                Line::from(text).words().map(String::from).eq(text.split_whitespace()),
                "{text:?}"
            );
        }
        // Word by word, and stopped after each number of words.
        for n in 0..200 {
            let text: String = (0..n)
                .map(|i| {
                    [' ', 'a', 'b', '\t', 'c', if n % 3 == 0 { 'é' } else { 'd' }, 'e', '\x1c']
                        [(i * i + n) % 8]
                })
                .collect();
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
        assert!(
            shares(&long, &line) && shares(&line.part(line.trim()), &line),
            "long strings are not copied"
        );
        let word = line.words().next().unwrap();
        assert_eq!(HashMap::from([(word.clone(), 1)]).get("naïve"), Some(&1));
        assert_eq!(
            (format!("{word:?}"), format!("{word:>7}")),
            ("\"naïve\"".to_owned(), "  naïve".to_owned())
        );
        assert!(
            word.cmp(&Line::from("n")) == Ordering::Greater && word == "naïve" && word == *"naïve"
        );
        assert_eq!(line.part("elsewhere"), "elsewhere");
        assert_eq!(HashMap::from([(long.clone(), 1)]).get("and_more_than_sixteen_bytes"), Some(&1));
        assert_eq!(Line::from("sixteen bytes ok").slice(8, 13), "bytes");
        assert_eq!(size_of::<Line>(), 24);
    }
}
