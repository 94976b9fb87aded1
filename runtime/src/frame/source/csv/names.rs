//! Argument types of `Csv`: separators, lists of columns, header rows and byte counts.

use crate::config;
use crate::error::Result;

/// A field separator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Separator {
    /// One character.
    Char(char),
    /// A string of several characters.
    Text(String),
    /// Any match of a regular expression.
    Regex(String),
    /// Any run of spaces and tabs.
    Whitespace,
}

impl From<char> for Separator {
    fn from(c: char) -> Self {
        Self::Char(c)
    }
}

impl From<&str> for Separator {
    fn from(text: &str) -> Self {
        let mut chars = text.chars();
        match (chars.next(), chars.next()) {
            (Some(c), None) => Self::Char(c),
            _ if text == r"\s+" => Self::Whitespace,
            _ => Self::Text(text.to_owned()),
        }
    }
}

/// The number of the header line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeaderRow(pub(in crate::frame) Option<usize>);

impl From<Option<usize>> for HeaderRow {
    fn from(row: Option<usize>) -> Self {
        Self(row)
    }
}

impl From<usize> for HeaderRow {
    fn from(row: usize) -> Self {
        Self(Some(row))
    }
}

impl From<bool> for HeaderRow {
    fn from(yes: bool) -> Self {
        Self(yes.then_some(0))
    }
}

/// A column by name or number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ColumnRef {
    /// By name.
    Name(String),
    /// By number, from 0.
    Number(usize),
}

impl From<&str> for ColumnRef {
    fn from(name: &str) -> Self {
        Self::Name(name.to_owned())
    }
}

impl From<&&str> for ColumnRef {
    fn from(name: &&str) -> Self {
        Self::Name((*name).to_owned())
    }
}

impl From<String> for ColumnRef {
    fn from(name: String) -> Self {
        Self::Name(name)
    }
}

impl From<&String> for ColumnRef {
    fn from(name: &String) -> Self {
        Self::Name(name.clone())
    }
}

impl From<usize> for ColumnRef {
    fn from(number: usize) -> Self {
        Self::Number(number)
    }
}

/// A list of columns: `["a", "b"]`, `[0, 2]`, `0..10`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnList(pub(in crate::frame) Vec<ColumnRef>);

impl From<std::ops::Range<usize>> for ColumnList {
    fn from(range: std::ops::Range<usize>) -> Self {
        Self(range.map(ColumnRef::Number).collect())
    }
}

fn listed<C: Into<ColumnRef>>(columns: impl IntoIterator<Item = C>) -> ColumnList {
    let mut list = Vec::new();
    for column in columns {
        list.push(column.into());
    }
    ColumnList(list)
}

impl<C: Into<ColumnRef>, const N: usize> From<[C; N]> for ColumnList {
    fn from(columns: [C; N]) -> Self {
        listed(columns)
    }
}

impl<C: Into<ColumnRef>> From<Vec<C>> for ColumnList {
    fn from(columns: Vec<C>) -> Self {
        listed(columns)
    }
}

impl<'a, C> From<&'a [C]> for ColumnList
where
    &'a C: Into<ColumnRef>,
{
    fn from(columns: &'a [C]) -> Self {
        listed(columns)
    }
}

impl From<&str> for ColumnList {
    fn from(name: &str) -> Self {
        Self(vec![name.into()])
    }
}

/// A number of bytes: `64_000`, `"64MB"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ByteCount {
    /// A number.
    Bytes(u64),
    /// A string such as `"64MB"`.
    Text(String),
}

impl ByteCount {
    pub(in crate::frame) fn bytes(&self) -> Result<u64> {
        match self {
            Self::Bytes(n) => Ok(*n),
            Self::Text(text) => config::bytes("blocksize", text),
        }
    }
}

impl From<u64> for ByteCount {
    fn from(bytes: u64) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<usize> for ByteCount {
    fn from(bytes: usize) -> Self {
        Self::Bytes(bytes as u64)
    }
}

/// # Panics
/// Panics if the number is negative.
impl From<i32> for ByteCount {
    #[track_caller]
    fn from(bytes: i32) -> Self {
        assert!(bytes >= 0, "blocksize: invalid number of bytes {bytes}: expected at least 0");
        Self::Bytes(bytes as u64)
    }
}

impl From<&str> for ByteCount {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}
