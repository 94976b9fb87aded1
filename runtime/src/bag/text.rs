//! Text files as bags of lines: `read_text` and its options.

use super::blocks::{Blocks, Delimiter};
use super::handle::{Bag, Element, source};
use super::line::{Line, known};
use crate::config;
use crate::decode::{Compression, Decoder, Errors};
use crate::deferred;
use crate::error::{Error, ErrorKind, Result};
use crate::fs;
use crate::graph::Name;
use crate::graph::stream::Sink;
use std::panic::Location;
use std::sync::Arc;

/// Default size of a partition in bytes: small enough for many partitions, large enough to outweigh
/// the cost of a task.
const BLOCKSIZE: u64 = 16 << 20;

/// Reads the lines of text files, by a path, a pattern such as `"logs/*.txt"`, or a URL; see
/// [`Text`] for options.
///
/// Lines keep their line ends (`\n`, `\r\n` or `\r`). Files ending in `.gz`, `.bz2`, `.zst` or
/// `.xz` are decompressed, each in one partition; others are split at line ends into partitions of
/// 16 MiB. Files are read in the order of their names.
///
/// ```
/// use rask::prelude::*;
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("t.txt").to_str().unwrap().to_owned();
/// # std::fs::write(&path, "one\ntwo two\n").unwrap();
/// let words = read_text(&path).str().split().flatten();
/// assert_eq!(words.frequencies().compute()?.len(), 2);
/// # Ok::<(), rask::Error>(())
/// ```
#[track_caller]
pub fn read_text(pattern: &str) -> Bag<Line> {
    Text::new().read(pattern)
}

/// Options for reading text files.
///
/// ```
/// use rask::prelude::*;
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("t.txt").to_str().unwrap().to_owned();
/// # std::fs::write(&path, "a;b;c").unwrap();
/// let parts = Text::new().linedelimiter(";").blocksize("1 kB").read(&path);
/// assert_eq!(parts.compute()?, ["a;", "b;", "c"]);
/// # Ok::<(), rask::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Text {
    blocksize: Option<String>,
    compression: String,
    encoding: String,
    errors: String,
    delimiter: Option<String>,
    files_per_partition: usize,
}

impl Default for Text {
    fn default() -> Self {
        Self::new()
    }
}

/// A part of the input: whole files, or a range of one file.
#[derive(Debug, Clone)]
enum Piece {
    Range { file: usize, start: u64, end: u64 },
    Files(std::ops::Range<usize>),
}

/// The plan for reading the partitions.
struct Plan {
    files: Vec<String>,
    pieces: Vec<Piece>,
    compression: Option<Compression>,
    decoder: Decoder,
    delimiter: Delimiter,
}

impl Text {
    /// Creates the default options: UTF-8, lines that end in `\n`, `\r\n` or `\r`.
    #[must_use]
    pub fn new() -> Self {
        Self {
            blocksize: None,
            compression: "infer".to_owned(),
            encoding: "utf-8".to_owned(),
            errors: "strict".to_owned(),
            delimiter: None,
            files_per_partition: 1,
        }
    }

    /// Sets the size of a partition, such as `"10MB"`; lines are never split, and no result depends
    /// on it. Default: 16 MiB.
    #[must_use]
    pub fn blocksize(mut self, size: &str) -> Self {
        self.blocksize = Some(size.to_owned());
        self
    }

    /// Sets the compression: `"gzip"`, `"bz2"`, `"zstd"`, `"xz"`, `"none"`, or `"infer"` (by the
    /// file extension, the default).
    #[must_use]
    pub fn compression(mut self, name: &str) -> Self {
        name.clone_into(&mut self.compression);
        self
    }

    /// Sets the encoding by its label. Default: `"utf-8"`.
    #[must_use]
    pub fn encoding(mut self, label: &str) -> Self {
        label.clone_into(&mut self.encoding);
        self
    }

    /// Sets the handling of invalid bytes: `"strict"` fails and reports the file and the offset
    /// (the default), `"replace"` reads them as U+FFFD, `"ignore"` skips them.
    #[must_use]
    pub fn errors(mut self, how: &str) -> Self {
        how.clone_into(&mut self.errors);
        self
    }

    /// Sets the string that ends a line, instead of a line end; lines keep it at their end.
    #[must_use]
    pub fn linedelimiter(mut self, delimiter: &str) -> Self {
        self.delimiter = Some(delimiter.to_owned());
        self
    }

    /// Reads this many whole files into each partition.
    #[must_use]
    pub fn files_per_partition(mut self, files: usize) -> Self {
        self.files_per_partition = files;
        self
    }

    /// Returns each line with the path of its file.
    ///
    /// ```no_run
    /// use rask::prelude::*;
    /// let lines = Text::new().include_path(true).read("logs/*.txt");
    /// let per_file = lines.map(|(_, path)| path).frequencies();
    /// ```
    #[must_use]
    pub fn include_path(self, include: bool) -> TextWithPath {
        TextWithPath { text: self, include }
    }

    /// Reads the lines. An invalid option or a missing file is reported immediately, and again by
    /// `compute`.
    #[track_caller]
    pub fn read(&self, pattern: &str) -> Bag<Line> {
        match self.plan(pattern) {
            Ok(plan) => plan.bag(|line, _| line),
            Err(error) => poisoned(error, Location::caller()),
        }
    }

    fn plan(&self, pattern: &str) -> Result<Plan> {
        known();
        let blocksize = match &self.blocksize {
            Some(size) => config::bytes("blocksize", size)?.max(1),
            None => BLOCKSIZE,
        };
        let compression = Compression::named(&self.compression)?;
        let decoder = Decoder::new(&self.encoding, Errors::named(&self.errors)?)?;
        let delimiter = match &self.delimiter {
            Some(d) if d.is_empty() => {
                let message = "the delimiter is empty: expected at least one character".to_owned();
                return Err(
                    ErrorKind::BadArgument { method: "linedelimiter".to_owned(), message }.into()
                );
            }
            Some(d) => Delimiter::Text(d.as_str().into()),
            None => Delimiter::AnyLineEnd,
        };
        let files = fs::expand("read_text", pattern)?;
        let mut plan = Plan { files, pieces: Vec::new(), compression, decoder, delimiter };
        plan.pieces = plan.cut(blocksize, self.files_per_partition)?;
        Ok(plan)
    }
}

/// Options for reading text files, with the path of each line's file.
#[derive(Debug, Clone)]
pub struct TextWithPath {
    text: Text,
    include: bool,
}

impl TextWithPath {
    /// Reads the lines, each with the path of its file; the path is empty if `include_path` is
    /// `false`.
    #[track_caller]
    pub fn read(&self, pattern: &str) -> Bag<(Line, String)> {
        let include = self.include;
        match self.text.plan(pattern) {
            Ok(plan) => plan.bag(move |line, path| {
                (line, if include { path.to_owned() } else { String::new() })
            }),
            Err(error) => poisoned(error, Location::caller()),
        }
    }
}

/// Builds a bag whose computation returns an error.
fn poisoned<T: Element>(error: Error, place: &'static Location<'static>) -> Bag<T> {
    deferred::note(&error, place);
    source(Name::new("read-text"), 1, move |_, _| Err(error.clone()))
}

impl Plan {
    /// Cuts the files into pieces: ranges of files that can be split, and whole files.
    fn cut(&self, blocksize: u64, files_per_partition: usize) -> Result<Vec<Piece>> {
        if files_per_partition > 1 {
            let starts = (0..self.files.len()).step_by(files_per_partition);
            return Ok(starts
                .map(|s| Piece::Files(s..(s + files_per_partition).min(self.files.len())))
                .collect());
        }
        let mut pieces = Vec::new();
        for (file, path) in self.files.iter().enumerate() {
            if !self.can_be_cut(path) {
                pieces.push(Piece::Files(file..file + 1));
                continue;
            }
            let failed = |source| ErrorKind::Io {
                method: "read_text".to_owned(),
                path: path.clone(),
                source,
            };
            let size = std::fs::metadata(path).map_err(failed)?.len();
            let parts = size.div_ceil(blocksize).max(1);
            pieces.extend((0..parts).map(|i| Piece::Range {
                file,
                start: i * blocksize,
                end: ((i + 1) * blocksize).min(size),
            }));
        }
        Ok(pieces)
    }

    fn compression_of(&self, path: &str) -> Compression {
        self.compression.unwrap_or_else(|| Compression::of_name(path))
    }

    fn can_be_cut(&self, path: &str) -> bool {
        !fs::is_remote(path)
            && self.compression_of(path) == Compression::None
            && self.decoder.is_ascii_based()
            && self.delimiter.can_be_found_anywhere()
            && (matches!(self.delimiter, Delimiter::AnyLineEnd) || self.decoder.is_utf8())
    }

    fn bag<T: Element>(self, make: impl Fn(Line, &str) -> T + Send + Sync + 'static) -> Bag<T> {
        let plan = Arc::new(self);
        let parts = plan.pieces.len();
        source(Name::new("read-text"), parts, move |i, sink| {
            plan.push(i as usize, &mut |line, path| sink(make(line, path)))
        })
    }

    fn push(&self, piece: usize, sink: &mut dyn FnMut(Line, &str) -> bool) -> Result<()> {
        match &self.pieces[piece] {
            Piece::Range { file, start, end } => {
                let path = &self.files[*file];
                self.blocks(path).push_range(*start, *end, &mut |line| sink(line, path)).map(drop)
            }
            Piece::Files(files) => {
                for path in &self.files[files.clone()] {
                    if !self.push_whole(path, &mut |line| sink(line, path))? {
                        break;
                    }
                }
                Ok(())
            }
        }
    }

    fn push_whole(&self, path: &str, sink: &mut Sink<'_, Line>) -> Result<bool> {
        let file = fs::open_for("read_text", path)?;
        let failed = |source| ErrorKind::Io {
            method: "read_text".to_owned(),
            path: path.to_owned(),
            source,
        };
        let reader = self.compression_of(path).reader(file).map_err(failed)?;
        self.blocks(path).push_stream(reader, sink)
    }

    fn blocks<'a>(&'a self, path: &'a str) -> Blocks<'a> {
        Blocks { path, delimiter: &self.delimiter, decoder: self.decoder }
    }
}
