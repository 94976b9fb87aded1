//! The dialect of a CSV file: separator, quotes, comments. Parses byte by byte, by the rules of
//! pandas' parser; plain dialects are mostly parsed by `scan`, which must find the same rows.

use super::block::Block;
use super::scan::{Delimiters, Row};
use regex::bytes::Regex;

/// The separator of fields.
#[derive(Debug, Clone)]
pub(crate) enum Sep {
    Byte(u8),
    Text(Vec<u8>),
    Pattern(Regex),
    /// Any run of spaces and tabs.
    White,
}

/// The dialect of a file.
#[derive(Debug, Clone)]
pub(crate) struct Dialect {
    pub(crate) sep: Sep,
    pub(crate) quote: Option<u8>,
    /// Whether two quotes inside of quotes mean one.
    pub(crate) double_quote: bool,
    pub(crate) escape: Option<u8>,
    pub(crate) comment: Option<u8>,
    pub(crate) skip_initial_space: bool,
}

impl Default for Dialect {
    fn default() -> Self {
        Self {
            sep: Sep::Byte(b','),
            quote: Some(b'"'),
            double_quote: true,
            escape: None,
            comment: None,
            skip_initial_space: false,
        }
    }
}

impl Dialect {
    /// Returns the marks for a scan, if a scan can parse the dialect.
    pub(crate) fn plain(&self) -> Option<Delimiters> {
        match self.sep {
            Sep::Byte(sep)
                if self.escape.is_none()
                    && self.comment.is_none()
                    && (self.double_quote || self.quote.is_none()) =>
            {
                Some(Delimiters { sep, quote: self.quote })
            }
            _ => None,
        }
    }

    /// Parses the complete rows of `text`, which starts with a row, to a block of bare fields. Also
    /// returns the number of bytes parsed. `last`: the end of the text ends the last row, with or
    /// without a line end.
    pub(crate) fn rows(&self, text: &[u8], last: bool) -> (Block, usize) {
        let mut out = Block { bounds: vec![0], bare: true, ..Block::default() };
        let mut at = 0;
        while at < text.len() {
            let (mark, first) = (out.data.len(), out.bounds.len());
            let (end, complete) = self.row(text, at, &mut out);
            if !complete && !last {
                out.data.truncate(mark);
                out.bounds.truncate(first);
                break;
            }
            let fields = (out.bounds.len() - first) as u32;
            // Empty lines and comments are not rows.
            if fields > 0 {
                out.rows.push(Row { first: first as u32 - 1, fields });
                out.places.push(at as u64);
            }
            at = end;
        }
        (out, at)
    }

    /// Parses a line and appends its fields to `out`. Returns the start of the next line, and
    /// whether a line end was found.
    fn row(&self, text: &[u8], start: usize, out: &mut Block) -> (usize, bool) {
        let is_white = matches!(self.sep, Sep::White);
        // A line of blanks counts as empty, unless one of them is a separator.
        let blanks = if is_white { spaces(&text[start..]) } else { self.blanks(&text[start..]) };
        let separates = |at: usize| !is_white && self.separator(&text[at..]).is_some();
        let filled = if (start..start + blanks).any(separates) { start } else { start + blanks };
        if let Some(end) = self.line_end(text, filled) {
            return end;
        }
        let mut at = if is_white { filled } else { start };
        loop {
            if self.skip_initial_space {
                at += self.blanks(&text[at..]);
            }
            at = self.field(text, at, out);
            out.data.push(0);
            out.bounds.push(out.data.len() as u32);
            if let Some(end) = self.line_end(text, at) {
                return end;
            }
            // Neither the end of the line nor a comment: a separator ended the field.
            at += self.separator(&text[at..]).unwrap_or(1);
            if matches!(self.sep, Sep::White)
                && let Some(end) = self.line_end(text, at)
            {
                return end;
            }
        }
    }

    /// As [`line_end`], but a comment also ends the line.
    fn line_end(&self, text: &[u8], at: usize) -> Option<(usize, bool)> {
        let comment = self.comment.is_some() && text.get(at).copied() == self.comment;
        if comment { Some(skip_line(text, at)) } else { line_end(text, at) }
    }

    /// Appends a field without its quotes to `out`. Returns the end of the field.
    fn field(&self, text: &[u8], mut at: usize, out: &mut Block) -> usize {
        if self.quote.is_some() && text.get(at).copied() == self.quote {
            at = self.quoted(text, at + 1, out);
        }
        while at < text.len()
            && !matches!(text[at], b'\n' | b'\r')
            && Some(text[at]) != self.comment
            && self.separator(&text[at..]).is_none()
        {
            if Some(text[at]) == self.escape && at + 1 < text.len() {
                at += 1;
            }
            out.data.push(text[at]);
            at += 1;
        }
        at
    }

    /// Appends the quoted part of a field to `out`. Returns the offset behind the closing quote.
    fn quoted(&self, text: &[u8], mut at: usize, out: &mut Block) -> usize {
        while at < text.len() {
            let byte = text[at];
            if Some(byte) == self.escape && at + 1 < text.len() && (self.escape != self.quote) {
                out.data.push(text[at + 1]);
                at += 2;
            } else if Some(byte) == self.quote {
                if !self.double_quote || text.get(at + 1).copied() != self.quote {
                    return at + 1;
                }
                out.data.push(byte);
                at += 2;
            } else {
                out.data.push(byte);
                at += 1;
            }
        }
        // The text ends inside of quotes: the row is incomplete, or the last one.
        out.open_quote = true;
        at
    }

    /// Returns the length of the spaces that are skipped before a field, not counting separators.
    fn blanks(&self, text: &[u8]) -> usize {
        let sep = if let Sep::Byte(sep) = self.sep { Some(sep) } else { None };
        text.iter().take_while(|b| matches!(b, b' ' | b'\t') && Some(**b) != sep).count()
    }

    /// Returns the length of the separator at the start of `text`.
    fn separator(&self, text: &[u8]) -> Option<usize> {
        match &self.sep {
            Sep::Byte(sep) => (text[0] == *sep).then_some(1),
            Sep::Text(sep) => text.starts_with(sep).then_some(sep.len()),
            Sep::White => Some(spaces(text)).filter(|n| *n > 0),
            Sep::Pattern(pattern) => {
                let line = &text[..memchr::memchr2(b'\n', b'\r', text).unwrap_or(text.len())];
                // The pattern is anchored at the start.
                pattern.find(line).map(|m| m.end()).filter(|n| *n > 0)
            }
        }
    }
}

fn spaces(text: &[u8]) -> usize {
    text.iter().take_while(|b| matches!(b, b' ' | b'\t')).count()
}

/// If a line or the text ends here, returns the start of the next line, and whether there is a line
/// end.
fn line_end(text: &[u8], at: usize) -> Option<(usize, bool)> {
    match (text.get(at), text.get(at + 1)) {
        (None, _) => Some((at, false)),
        (Some(b'\r'), Some(b'\n')) => Some((at + 2, true)),
        // If the text ends in `\r`, a line feed may still follow: it is then read as a blank line.
        (Some(b'\n' | b'\r'), _) => Some((at + 1, true)),
        _ => None,
    }
}

fn skip_line(text: &[u8], at: usize) -> (usize, bool) {
    let end = memchr::memchr2(b'\n', b'\r', &text[at..]).map_or(text.len(), |n| at + n);
    line_end(text, end).unwrap_or((end, false))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::csv::scan;

    fn fields(block: &Block) -> Vec<Vec<String>> {
        let mut scratch = Vec::new();
        let mut field = |row: Row, j| {
            String::from_utf8_lossy(block.field(row, j, &mut scratch).unwrap()).into_owned()
        };
        block.rows.iter().map(|r| (0..r.fields).map(|j| field(*r, j)).collect()).collect()
    }

    #[test]
    fn the_rules_of_pandas() {
        let plain = Dialect::default();
        let pattern = |p: &str| Sep::Pattern(Regex::new(&format!("^(?:{p})")).unwrap());
        let table: [(&str, Dialect, &[&[&str]]); 10] = [
            ("a,b\n1,2", plain.clone(), &[&["a", "b"], &["1", "2"]]),
            ("\"a\nb\",\"c\"\"d\"\r\n\n,x\r", plain.clone(), &[&["a\nb", "c\"d"], &["", "x"]]),
            ("5\" pipe,\"q\"tail\n", plain.clone(), &[&["5\" pipe", "qtail"]]),
            (
                "a, \"b,c\"\n",
                Dialect { skip_initial_space: true, ..plain.clone() },
                &[&["a", "b,c"]],
            ),
            (
                "# x\na#y,z\n#\"\nb\n",
                Dialect { comment: Some(b'#'), ..plain.clone() },
                &[&["a"], &["b"]],
            ),
            (
                "a\\,b,\"c\\\"d\"\n",
                Dialect { escape: Some(b'\\'), ..plain.clone() },
                &[&["a,b", "c\"d"]],
            ),
            (
                "a::b:c\n",
                Dialect { sep: Sep::Text(b"::".to_vec()), ..plain.clone() },
                &[&["a", "b:c"]],
            ),
            (
                "  a \t b\n\n c \n",
                Dialect { sep: Sep::White, ..plain.clone() },
                &[&["a", "b"], &["c"]],
            ),
            ("a, b;c\n", Dialect { sep: pattern("[,;] *"), ..plain.clone() }, &[&["a", "b", "c"]]),
            (
                "'a''b'|\"\n",
                Dialect { sep: Sep::Byte(b'|'), quote: Some(b'\''), ..plain },
                &[&["a'b", "\""]],
            ),
        ];
        for (text, dialect, want) in table {
            let (block, end) = dialect.rows(text.as_bytes(), true);
            assert_eq!(
                (fields(&block), end),
                (
                    want.iter().map(|r| r.iter().map(|f| (*f).to_owned()).collect()).collect(),
                    text.len()
                ),
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_scan_finds_the_same_rows() {
        use rand::{RngExt, SeedableRng};
        let mut random = rand::rngs::StdRng::seed_from_u64(11);
        let letters = b"ab , ,\n\n\r\"\"\"";
        let mut compared = 0;
        for n in 0..9000 {
            let mut text: Vec<u8> =
                (0..n % 150).map(|_| letters[random.random_range(0..letters.len())]).collect();
            text.push(b'\n');
            let mut index = scan::Index::default();
            if scan::index(&text, Delimiters { sep: b',', quote: Some(b'"') }, &mut index).is_err()
            {
                continue;
            }
            let (slow, end) = Dialect::default().rows(&text, false);
            let fast = Block::scanned(text.clone(), index, Some(b'"'));
            assert_eq!(fields(&fast), fields(&slow), "{:?}", String::from_utf8_lossy(&text));
            // Only the next byte shows whether a row ends in `\r` alone.
            assert!(
                fast.bounds.last().is_none_or(|b| (*b as usize) <= end),
                "{:?}",
                String::from_utf8_lossy(&text)
            );
            compared += usize::from(!slow.rows.is_empty() && n % 150 > 4);
        }
        assert!(compared > 300, "only {compared} texts were regular");
    }
}
