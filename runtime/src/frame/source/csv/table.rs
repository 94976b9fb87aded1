//! A table of CSV files: their dialect, the columns, and offsets in them.

use crate::csv::column::Reading;
use crate::csv::dialect::{Dialect, Sep};
use crate::csv::kind::Kind;
use crate::csv::quotes::{State, Transition, Walker, states, transition};
use crate::csv::scan::Delimiters;
use crate::csv::value::{Format, Values};
use crate::decode::{Compression, Decoder, Transcode};
use crate::error::{Error, ErrorKind, Result};
use crate::frame::source::csv::options::BadLines;
use crate::frame::source::csv::types::Types;
use crate::fs;
use arrow::datatypes::DataType;
use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

/// The metadata of a table of CSV files.
#[derive(Debug)]
pub(in crate::frame) struct Table {
    pub(in crate::frame) files: Vec<FileInfo>,
    pub(in crate::frame) dialect: Dialect,
    pub(in crate::frame) values: Values,
    pub(in crate::frame) columns: Vec<Column>,
    pub(in crate::frame) types: Types,
    /// The number of fields of a valid line.
    pub(in crate::frame) width: u32,
    pub(in crate::frame) on_bad_lines: BadLines,
    /// The block size, in bytes.
    pub(in crate::frame) step: usize,
    /// Bytes of a partition, if given.
    pub(in crate::frame) block: Option<u64>,
    pub(in crate::frame) compression: Option<Compression>,
    pub(in crate::frame) decoder: Decoder,
    pub(in crate::frame) nrows: Option<usize>,
    pub(in crate::frame) skipfooter: usize,
}

/// A column to read.
#[derive(Debug)]
pub(in crate::frame) struct Column {
    pub(in crate::frame) name: String,
    /// The source of its values.
    pub(in crate::frame) from: From,
    /// The given type.
    pub(in crate::frame) given: Option<(Kind, DataType)>,
    pub(in crate::frame) formats: Arc<Vec<Format>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::frame) enum From {
    Field(u32),
    Path,
}

/// One file.
#[derive(Debug)]
pub(in crate::frame) struct FileInfo {
    pub(in crate::frame) path: String,
    /// Whether rows can be read from any offset: a local, uncompressed file with a plain dialect.
    pub(in crate::frame) ranged: bool,
    /// Size in bytes, for a local file.
    pub(in crate::frame) size: u64,
    /// The offset of the first row of data.
    pub(in crate::frame) start: u64,
    /// The index in this file of each field of the first file, if they differ.
    pub(in crate::frame) order: Option<Vec<u32>>,
}

pub(in crate::frame) fn io_error(path: &str, source: std::io::Error) -> Error {
    Error::io("read_csv", path)(source)
}

impl Table {
    /// Returns whether rows of such a file can be read from any offset.
    pub(in crate::frame) fn is_ranged(&self, path: &str) -> bool {
        !fs::is_remote(path) && self.has_parts(path)
    }

    /// Returns whether rows can be parsed from any part of such a file, local or remote.
    pub(in crate::frame) fn has_parts(&self, path: &str) -> bool {
        let plain =
            self.dialect.plain().is_some() && self.decoder.is_utf8() && self.decoder.is_strict();
        plain && self.compression_of(path) == Compression::None && self.skipfooter == 0
    }

    fn compression_of(&self, path: &str) -> Compression {
        self.compression.unwrap_or_else(|| Compression::of_name(path))
    }

    /// Opens the text of a file from the start, decompressed, and converted to UTF-8 if necessary.
    pub(in crate::frame) fn text(&self, path: &str) -> Result<Box<dyn Read + Send>> {
        let file = fs::open_for("read_csv", path)?;
        let bytes = self.compression_of(path).reader(file).map_err(|e| io_error(path, e))?;
        let as_it_is = self.decoder.is_utf8() && self.decoder.is_strict();
        Ok(if as_it_is { bytes } else { Box::new(Transcode::new(bytes, self.decoder)) })
    }

    /// Returns the index of a column's field in a file; `None` for a column of paths.
    pub(in crate::frame) fn field(&self, column: &Column, file: usize) -> Option<u32> {
        let From::Field(field) = column.from else { return None };
        Some(self.files[file].order.as_ref().map_or(field, |o| o[field as usize]))
    }

    /// Returns the separator if it is one character, else `,`.
    pub(in crate::frame) fn separator(&self) -> char {
        if let Sep::Byte(b) = self.dialect.sep { char::from(b) } else { ',' }
    }

    /// Returns the marks of files that can be read from any offset, and whether spaces after
    /// separators are skipped.
    fn rules(&self) -> (Delimiters, bool) {
        // Other dialects are never read from the middle.
        let marks = self.dialect.plain().unwrap_or(Delimiters { sep: b',', quote: None });
        (marks, self.dialect.skip_initial_space)
    }

    /// Computes the transition of the quote state over a part of a file.
    pub(in crate::frame) fn transition(
        &self,
        file: usize,
        from: u64,
        to: u64,
    ) -> Result<Transition> {
        let FileInfo { path, start, .. } = &self.files[file];
        transition(Path::new(fs::local(path)), *start, from, to, self.rules())
            .map_err(|e| io_error(path, e))
    }

    /// Verifies the guesses about offsets in the files (see [`Types::look_into`]).
    pub(in crate::frame) fn look_into(&self) -> Result<()> {
        self.types.look_into(|places| {
            let mut all = HashMap::new();
            for (number, file) in self.files.iter().enumerate() {
                let own: Vec<u64> =
                    places.range((number, 0)..=(number, u64::MAX)).map(|p| p.1).collect();
                if own.is_empty() {
                    continue;
                }
                if !file.ranged {
                    // Verifying would download the whole file: the guess is assumed to be wrong.
                    all.extend(own.into_iter().map(|at| ((number, at), State::Inside)));
                    continue;
                }
                let told = states(Path::new(fs::local(&file.path)), file.start, &own, self.rules())
                    .map_err(|e| io_error(&file.path, e))?;
                if crate::sched::cancelled() {
                    return Err(ErrorKind::Interrupted.into());
                }
                all.extend(own.into_iter().map(|at| (number, at)).zip(told));
            }
            Ok(all)
        })
    }

    /// Opens a file at an offset, with a walker that finds the next line end there.
    pub(in crate::frame) fn walk(
        &self,
        file: usize,
        place: u64,
        state: State,
    ) -> Result<(File, Walker)> {
        let FileInfo { path, start, .. } = &self.files[file];
        let opened = File::open(fs::local(path)).and_then(|mut disk| {
            let walker = Walker::at(&mut disk, place, *start, self.rules(), state)?;
            Ok((disk, walker))
        });
        opened.map_err(|e| io_error(path, e))
    }

    /// Returns the number of the line at an offset, from 1.
    pub(in crate::frame) fn line(&self, path: &str, place: u64) -> Result<u64> {
        let mut text = self.text(path)?.take(place);
        let (mut lines, mut after_return) = (1, false);
        let mut piece = vec![0; 1 << 16];
        loop {
            let n = text.read(&mut piece).map_err(|e| io_error(path, e))?;
            if n == 0 || crate::sched::cancelled() {
                return Ok(lines);
            }
            for byte in &piece[..n] {
                lines += u64::from(*byte == b'\r' || *byte == b'\n' && !after_return);
                after_return = *byte == b'\r';
            }
        }
    }

    /// Returns how a column is parsed if its values have this kind.
    pub(in crate::frame) fn reading(&self, column: usize, kind: Kind) -> Reading {
        let c = &self.columns[column];
        Reading {
            kind: c.given.as_ref().map_or(kind, |g| g.0),
            given: c.given.is_some(),
            formats: c.formats.clone(),
        }
    }

    /// Creates an error at an offset of a file.
    pub(in crate::frame) fn bad_row(&self, path: &str, offset: u64, message: String) -> Error {
        match self.line(path, offset) {
            Ok(line) => ErrorKind::BadCsv { path: path.to_owned(), line, offset, message }.into(),
            Err(e) => e,
        }
    }

    /// Creates the error for a row with an unclosed quote.
    pub(in crate::frame) fn open_quote(&self, path: &str, row: u64) -> Error {
        let message = "the quotes that this row opens are not closed before the end of the file; help: quotechar(None) reads quotes literally";
        self.bad_row(path, row, message.to_owned())
    }
}
