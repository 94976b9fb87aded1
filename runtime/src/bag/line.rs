//! A line of text, or a part of one, as a slice of the block that it was read with: no text is copied but short ones, which
//! are kept in place so that to compare and count words touches no other memory.

use crate::graph::pack::{Pack, register};
use arrayvec::ArrayString;
use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
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
    Short(ArrayString<SHORT>),
    Part { block: Arc<String>, start: u32, end: u32 },
}

impl Line {
    /// A part of a block.
    pub(super) fn new(block: &Arc<String>, start: usize, end: usize) -> Self {
        match ArrayString::from(&block[start..end]) {
            Ok(short) => Self(Text::Short(short)),
            Err(_) => Self(Text::Part { block: block.clone(), start: start as u32, end: end as u32 }),
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Text::Short(text) => text,
            Text::Part { block, start, end } => &block[*start as usize..*end as usize],
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

    /// A part of this line, by places in it.
    pub(crate) fn slice(&self, from: usize, to: usize) -> Self {
        match &self.0 {
            Text::Part { block, start, .. } => Self::new(block, *start as usize + from, *start as usize + to),
            // A part of a short text is short.
            Text::Short(text) => Self(Text::Short(ArrayString::from(&text[from..to]).unwrap_or_default())),
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

impl Iterator for Words {
    type Item = Line;

    #[inline(never)]
    fn next(&mut self) -> Option<Line> {
        let text = self.line.as_str();
        let mut start = self.at;
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
        self.at = end;
        (end > start).then(|| self.line.slice(start, end))
    }
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
        let (a, b) = (self.as_bytes(), other.as_bytes());
        if a.len() != b.len() {
            return false;
        }
        // Words are short: two reads that overlap are quicker than a call.
        match (a.first_chunk::<8>(), b.first_chunk::<8>(), a.last_chunk::<8>(), b.last_chunk::<8>()) {
            (Some(a0), Some(b0), Some(a1), Some(b1)) if a.len() <= SHORT => a0 == b0 && a1 == b1,
            (None, None, None, None) => a.iter().zip(b).all(|(a, b)| a == b),
            _ => a == b,
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
        self.as_str().cmp(other.as_str())
    }
}

impl Hash for Line {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // As `str` does, so that a map of lines can be asked with a `&str`.
        state.write(self.as_bytes());
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
        if let Ok(short) = ArrayString::from(&text) {
            return Self(Text::Short(short));
        }
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
        (self.len() as u64).pack(out);
        out.extend_from_slice(self.as_bytes());
    }
    fn unpack(from: &mut &[u8]) -> Option<Self> {
        String::unpack(from).map(Self::from)
    }
    fn heap(&self) -> usize {
        match &self.0 {
            Text::Short(_) => 0,
            Text::Part { .. } => self.len(),
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
