//! Writes bags to text files, one per partition. A file gets its final name when it is complete.

use super::handle::{Bag, Element};
use crate::atomic_file::{self, AtomicFile};
use crate::delayed::take_or_clone;
use crate::error::{Error, Result};
use crate::graph::Name;
use crate::handle::Opaque;
use std::collections::BTreeSet;
use std::fmt::Display;
use std::io::Write;
use std::path::Path;

impl<T: Element + Display> Bag<T> {
    /// Writes each partition to a file, one line per element, and returns the paths.
    ///
    /// The `*` of `pattern` becomes the number of the partition, padded with zeros so that names
    /// sort; a pattern without `*` is a folder. Files whose names end in `.gz`, `.bz2`, `.zst` or
    /// `.xz` are compressed. Every line ends with a line end; none is added to elements that
    /// already end with one, such as lines from `read_text`.
    ///
    /// # Errors
    /// Fails if a file cannot be written; no incomplete file is left behind.
    ///
    /// ```
    /// use rask::prelude::*;
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let pattern = folder.path().join("out-*.txt").to_str().unwrap().to_owned();
    /// let paths = Bag::from_iter(["a", "b"]).to_textfiles(&pattern)?;
    /// assert_eq!(read_text(&paths[1]).compute()?, ["b\n"]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    pub fn to_textfiles(&self, pattern: &str) -> Result<Vec<String>> {
        let files = Files::named(pattern, self.npartitions())?;
        let layer = self.summarize(Name::new("to-textfiles"), move |part, up| {
            files.write(part.index, &mut |line| up(part, &mut |x| line(&x)))
        });
        paths_of(&layer)
    }
}

/// A callback that takes an element, and returns whether it wants more.
type Line<'a> = &'a mut dyn FnMut(&dyn Display) -> bool;
/// A function that calls its argument with every element of a partition, until it wants no more.
type Each<'a> = &'a mut dyn FnMut(Line<'_>) -> Result<()>;

/// The files of a bag, one per partition.
struct Files(Vec<String>);

impl Files {
    /// Determines the names, and creates the folders.
    #[inline(never)]
    fn named(pattern: &str, n: usize) -> Result<Self> {
        let paths = names(atomic_file::local("to_textfiles", pattern)?, n);
        for folder in paths.iter().filter_map(|p| Path::new(p).parent()).collect::<BTreeSet<_>>() {
            std::fs::create_dir_all(folder)
                .map_err(|source| failed(&folder.display().to_string(), source))?;
        }
        Ok(Self(paths))
    }

    /// Writes one file and returns its path.
    #[inline(never)]
    fn write(&self, index: u32, each: Each<'_>) -> Result<String> {
        let path = &self.0[index as usize];
        let mut file = AtomicFile::create("to_textfiles", path)?;
        let mut error = None;
        each(&mut |x| {
            error = line(&mut file, x).err();
            error.is_none()
        })?;
        if let Some(source) = error {
            return Err(failed(path, source));
        }
        file.finish().map_err(|e| failed(path, e))?;
        Ok(path.clone())
    }
}

#[inline(never)]
fn paths_of(layer: &Opaque) -> Result<Vec<String>> {
    Ok(super::handle::compute(layer)?.into_iter().map(take_or_clone).collect())
}

/// Returns the names of `n` files.
fn names(pattern: &str, n: usize) -> Vec<String> {
    if atomic_file::star(pattern).is_some() {
        atomic_file::numbered(pattern, n)
    } else {
        atomic_file::numbered(&format!("{}/*.part", pattern.trim_end_matches('/')), n)
    }
}

#[inline(never)]
fn failed(path: &str, source: std::io::Error) -> Error {
    Error::io("to_textfiles", path)(source)
}

/// Writes an element and its line end.
fn line(to: &mut AtomicFile, x: &dyn Display) -> std::io::Result<()> {
    use std::fmt::Write as _;
    // The last byte shows whether the element has a line end itself.
    struct Last<'a>(&'a mut AtomicFile, Option<u8>, Option<std::io::Error>);
    impl std::fmt::Write for Last<'_> {
        fn write_str(&mut self, s: &str) -> std::fmt::Result {
            self.1 = s.bytes().next_back().or(self.1);
            self.0.write_all(s.as_bytes()).map_err(|e| {
                self.2 = Some(e);
                std::fmt::Error
            })
        }
    }
    let mut last = Last(to, None, None);
    let written = write!(last, "{x}");
    if let Some(e) = last.2 {
        return Err(e);
    }
    written.map_err(std::io::Error::other)?;
    let ended = matches!(last.1, Some(b'\n' | b'\r'));
    if ended { Ok(()) } else { to.write_all(b"\n") }
}
