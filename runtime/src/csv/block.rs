//! A block: complete rows of one file, with the offsets of their fields.

use super::scan::{Index, Row};
use arrow::buffer::NullBuffer;

/// Complete rows and the offsets of their fields.
#[derive(Debug, Default, Clone)]
pub(crate) struct Block {
    pub(crate) data: Vec<u8>,
    /// As in [`Index`].
    pub(crate) bounds: Vec<u32>,
    pub(crate) rows: Vec<Row>,
    /// The quote character, if fields may be quoted.
    pub(crate) quote: Option<u8>,
    /// Whether the fields were copied out of the file, without quotes.
    pub(crate) bare: bool,
    /// Whether spaces before a field are skipped.
    pub(crate) trim: bool,
    /// Offset in the file of the block's first byte.
    pub(crate) origin: u64,
    /// If the fields are bare: the offset of each row, from `origin`.
    pub(crate) places: Vec<u64>,
    /// Whether the text ended inside of quotes.
    pub(crate) open_quote: bool,
}

impl Block {
    /// Builds a block of scanned text.
    pub(crate) fn scanned(data: Vec<u8>, index: Index, quote: Option<u8>) -> Self {
        let quote = quote.filter(|_| index.quoted);
        Self { data, bounds: index.bounds, rows: index.rows, quote, ..Self::default() }
    }

    /// Returns the start and end of a field, which the row must have.
    #[inline(always)]
    pub(crate) fn ends(&self, row: Row, column: u32) -> (usize, usize) {
        let j = (row.first + column) as usize;
        (self.bounds[j] as usize, self.bounds[j + 1] as usize - 1)
    }

    /// Returns a field of a row with its quotes; `None` if the row is too short.
    #[inline(always)]
    pub(crate) fn raw(&self, row: Row, column: u32) -> Option<&[u8]> {
        if column >= row.fields {
            return None;
        }
        let (start, end) = self.ends(row, column);
        let bytes = &self.data[start..end];
        if !self.trim {
            return Some(bytes);
        }
        let blanks = bytes.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
        Some(&bytes[blanks..])
    }

    /// Returns a field of a row without its quotes; `None` if the row is too short.
    #[inline(always)]
    pub(crate) fn field<'a>(
        &'a self,
        row: Row,
        column: u32,
        scratch: &'a mut Vec<u8>,
    ) -> Option<&'a [u8]> {
        let raw = self.raw(row, column)?;
        match self.quote {
            Some(quote) if raw.first() == Some(&quote) => Some(unquoted(raw, quote, scratch)),
            _ => Some(raw),
        }
    }

    /// Keeps the rows for which `keep` is true.
    pub(crate) fn retain(&mut self, keep: impl Fn(Row) -> bool) {
        if self.bare {
            let mut rows = self.rows.iter();
            self.places.retain(|_| rows.next().is_none_or(|r| keep(*r)));
        }
        self.rows.retain(|r| keep(*r));
    }

    /// Returns the offset of a row in the file.
    pub(crate) fn place(&self, row: usize) -> u64 {
        let inside = if self.bare {
            self.places[row]
        } else {
            u64::from(self.bounds[self.rows[row].first as usize])
        };
        self.origin + inside
    }

    /// Returns the text of a row, for messages.
    pub(crate) fn text(&self, row: usize) -> String {
        let row = self.rows[row];
        let (start, end) = (
            self.bounds[row.first as usize] as usize,
            self.bounds[(row.first + row.fields) as usize] as usize - 1,
        );
        let mut bytes = self.data[start..end].to_vec();
        if self.bare {
            bytes.iter_mut().filter(|b| **b == 0).for_each(|b| *b = b',');
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// Replaces each pair of quotes in a quoted field by one.
#[cold]
fn many<'a>(inner: &[u8], quote: u8, scratch: &'a mut Vec<u8>) -> &'a [u8] {
    scratch.clear();
    let mut at = 0;
    while at < inner.len() {
        scratch.push(inner[at]);
        at += if inner[at] == quote { 2 } else { 1 };
    }
    scratch
}

fn unquoted<'a>(raw: &'a [u8], quote: u8, scratch: &'a mut Vec<u8>) -> &'a [u8] {
    // A regular quoted field ends with a quote.
    let inner = raw.get(1..raw.len().saturating_sub(1)).unwrap_or_default();
    if memchr::memchr(quote, inner).is_some() { many(inner, quote, scratch) } else { inner }
}

/// The first value of a column that does not parse as its type: the row's index in the block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Misfit(pub(crate) usize);

/// Returns the validity of a column's values; `None` if no value is null.
pub(super) fn nulls(missing: &[usize], rows: usize) -> Option<NullBuffer> {
    (!missing.is_empty()).then(|| {
        let mut valid = vec![true; rows];
        missing.iter().for_each(|i| valid[*i] = false);
        NullBuffer::from(valid)
    })
}
