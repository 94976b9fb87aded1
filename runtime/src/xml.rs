//! Attributes of XML elements, one element per line, as in Stack Exchange's dumps.

use crate::bag::{Line, Pluck};
use quick_xml::escape::unescape;
use quick_xml::events::Event;
use std::fmt;
use std::ops::Index;
use std::sync::OnceLock;

/// Parses the attributes of the element on a line, in their order. Values are decoded on first
/// access.
///
/// A line without an element (a declaration, a closing tag, white space) has no attributes.
///
/// # Panics
/// If the line is not valid XML; in a bag, the computation fails with an error that shows the line.
/// [`try_attributes`] returns an error instead.
///
/// ```
/// use rask::prelude::*;
/// let row = xml::attributes(r#"<row Id="5" Body="1 &lt; 2" />"#);
/// assert!(row["Id"] == "5");
/// assert_eq!(row["Body"], "1 < 2");
/// assert_eq!(row.get("Tags"), None);
/// ```
pub fn attributes<T: ToLine + ?Sized>(row: &T) -> Attributes {
    read(row.to_line()).unwrap_or_else(|e| panic!("xml::attributes: {e}"))
}

/// Like [`attributes`], but returns an error if the line is not valid XML.
///
/// # Errors
/// If the line is not valid XML; the message contains the start of the line.
pub fn try_attributes<T: ToLine + ?Sized>(row: &T) -> Result<Attributes, String> {
    read(row.to_line())
}

/// A value that can be used as a line of text.
pub trait ToLine {
    /// Returns the line: shared if it is a `Line`, else a copy.
    fn to_line(&self) -> Line;
}

impl ToLine for Line {
    fn to_line(&self) -> Line {
        self.clone()
    }
}

impl ToLine for str {
    fn to_line(&self) -> Line {
        Line::from(self)
    }
}

impl ToLine for String {
    fn to_line(&self) -> Line {
        Line::from(self.as_str())
    }
}

impl<T: ToLine + ?Sized> ToLine for &T {
    fn to_line(&self) -> Line {
        (**self).to_line()
    }
}

#[inline(never)]
fn read(line: Line) -> Result<Attributes, String> {
    if let Some(all) = quick(&line) {
        return Ok(Attributes { line, all });
    }
    let shown = |what: &dyn fmt::Display| {
        let start: String = line.trim().chars().take(80).collect();
        format!("{what}, in line {start:?}")
    };
    let mut reader = quick_xml::Reader::from_str(line.trim());
    // A line may contain only the closing tag of an earlier element.
    reader.config_mut().allow_unmatched_ends = true;
    let mut all = Vec::new();
    let place = |text: &[u8]| {
        let start = (text.as_ptr() as usize).wrapping_sub(line.as_ptr() as usize);
        (start, start + text.len())
    };
    loop {
        match reader.read_event().map_err(|e| shown(&e))? {
            Event::Start(element) | Event::Empty(element) => {
                for attribute in element.attributes() {
                    let attribute = attribute.map_err(|e| shown(&e))?;
                    // Both are slices of the line.
                    all.push(Attribute::new(place(attribute.key.0), place(&attribute.value)));
                }
                break;
            }
            Event::Text(text) if !text.iter().all(u8::is_ascii_whitespace) => {
                return Err(shown(&"unexpected text before the element"));
            }
            Event::Eof | Event::End(_) => break,
            _ => {}
        }
    }
    Ok(Attributes { line, all })
}

/// Parses a line that consists of one element, as most lines do; `None` if it needs the full
/// parser.
fn quick(line: &str) -> Option<Vec<Attribute>> {
    let bytes = line.as_bytes();
    let mut at = memchr::memchr(b'<', bytes)
        .filter(|at| bytes[..*at].iter().all(u8::is_ascii_whitespace))?
        + 1;
    let is_name =
        |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b':') || b >= 0x80;
    let end_of_name = |mut at: usize| {
        while at < bytes.len() && is_name(bytes[at]) {
            at += 1;
        }
        at
    };
    let element = at;
    at = end_of_name(at);
    let mut all: Vec<Attribute> = Vec::with_capacity(12);
    loop {
        let before = at;
        while bytes.get(at)?.is_ascii_whitespace() {
            at += 1;
        }
        match bytes[at] {
            b'/' | b'>' if before > element => {
                let rest = line[at..].trim_end();
                return (rest == "/>" || rest == ">").then_some(all);
            }
            _ if at == before => return None,
            _ => {}
        }
        let name = (at, end_of_name(at));
        let quote = *bytes.get(name.1 + 1)?;
        if name.1 == name.0 || bytes[name.1] != b'=' || !matches!(quote, b'"' | b'\'') {
            return None;
        }
        let start = name.1 + 2;
        let end = start + memchr::memchr2(quote, b'<', &bytes[start..])?;
        let twice = all
            .iter()
            .any(|a| bytes[a.name.0 as usize..a.name.1 as usize] == bytes[name.0..name.1]);
        if bytes[end] != quote || twice {
            return None;
        }
        all.push(Attribute::new(name, (start, end)));
        at = end + 1;
    }
}

/// The positions of an attribute in its line.
#[derive(Clone)]
struct Attribute {
    name: (u32, u32),
    /// The undecoded value.
    raw: (u32, u32),
    text: OnceLock<String>,
}

impl Attribute {
    fn new(name: (usize, usize), raw: (usize, usize)) -> Self {
        // A line holds less than 4 GiB.
        let short = |(a, b): (usize, usize)| (a as u32, b as u32);
        Self { name: short(name), raw: short(raw), text: OnceLock::new() }
    }

    fn name<'a>(&self, line: &'a str) -> &'a str {
        &line[self.name.0 as usize..self.name.1 as usize]
    }

    fn text(&self, line: &str) -> &String {
        self.text.get_or_init(|| {
            let raw = &line[self.raw.0 as usize..self.raw.1 as usize];
            // Literal white space is a space, by XML's rules for attributes.
            let plain = if raw.contains(['\t', '\r', '\n']) {
                raw.replace(['\t', '\r', '\n'], " ")
            } else {
                raw.to_owned()
            };
            // An unknown reference is left unchanged.
            if plain.contains('&') {
                unescape(&plain).map(std::borrow::Cow::into_owned).unwrap_or(plain)
            } else {
                plain
            }
        })
    }
}

/// The attributes of an element, returned by [`attributes`].
#[derive(Clone)]
pub struct Attributes {
    line: Line,
    all: Vec<Attribute>,
}

impl Attributes {
    fn find(&self, name: &str) -> Option<&Attribute> {
        self.all.iter().find(|a| a.name(&self.line) == name)
    }

    /// Returns the value of an attribute; `None` if it does not exist.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&String> {
        self.find(name).map(|a| a.text(&self.line))
    }

    /// Returns the number of attributes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Returns whether there are no attributes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Iterates over names and values, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &String)> {
        self.all.iter().map(|a| (a.name(&self.line), a.text(&self.line)))
    }
}

impl Index<&str> for Attributes {
    type Output = String;

    /// Returns the value of an attribute.
    ///
    /// # Panics
    /// If it does not exist; [`get`](Attributes::get) returns `None` instead.
    #[track_caller]
    fn index(&self, name: &str) -> &String {
        match self.get(name) {
            Some(text) => text,
            None => {
                let names: Vec<_> = self.all.iter().map(|a| a.name(&self.line)).collect();
                panic!(
                    "the element has no attribute {name:?}; it has {names:?}; help: .get({name:?}) returns None for a missing attribute"
                )
            }
        }
    }
}

impl fmt::Debug for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl PartialEq for Attributes {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl serde::Serialize for Attributes {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.iter())
    }
}

impl Pluck<&'static str> for Attributes {
    type Part = String;
    fn pluck(&self, key: &&'static str) -> Option<String> {
        self.get(key).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_once_and_kept_apart() {
        let row = attributes(
            "  <row Id=\"5\" Body=\"&lt;p&gt;I've &quot;asked&quot; 1 &amp;lt; 2&lt;/p&gt;&#xA;\" Emoji='\u{1f600}&#128512;' Odd=\"a&nope;b\tc\" />\r\n",
        );
        assert_eq!(row["Body"], "<p>I've \"asked\" 1 &lt; 2</p>\n");
        assert_eq!(
            (row["Emoji"].as_str(), row["Odd"].as_str(), row.len()),
            ("\u{1f600}\u{1f600}", "a&nope;b c", 4)
        );
        assert!(row["Id"] == "5" && row.get("Tags").is_none());
        assert_eq!(format!("{:?}", attributes("<a x='1' y='2'>")), "{\"x\": \"1\", \"y\": \"2\"}");
    }

    #[test]
    fn lines_without_an_element_have_no_attributes() {
        for line in
            ["<?xml version=\"1.0\"?>", "<posts>", "</posts>", "", " \r\n", "<!-- a=\"b\" -->"]
        {
            assert!(attributes(line).is_empty(), "{line:?}");
        }
    }

    #[test]
    fn what_is_no_xml_is_told_with_its_line() {
        for line in
            ["<row Id=\"5", "<row Id=5 />", "<row Id />", "no tags", "<row a=\"1\" a=\"2\"/>"]
        {
            let e = try_attributes(line).unwrap_err();
            assert!(e.contains(&format!("{line:?}")), "{e}");
        }
        let missing =
            std::panic::catch_unwind(|| attributes("<row Id='1'/>")["Tag"].clone()).unwrap_err();
        assert!(
            missing
                .downcast_ref::<String>()
                .unwrap()
                .contains("no attribute \"Tag\"; it has [\"Id\"]")
        );
    }
}
