//! Bags as text files, one per partition. A file gets its name when it is whole.

use super::{Bag, Element};
use crate::delayed::typed;
use crate::error::{Error, Result};
use crate::graph::Name;
use crate::pending::{self, Pending};
use crate::sched;
use std::fmt::Display;
use std::io::Write;
use std::path::Path;

impl<T: Element + Display> Bag<T> {
    /// Writes each partition to a file, one line per element, and returns the paths.
    ///
    /// The `*` of `pattern` becomes the number of the partition, with zeros before it so that names sort; a pattern without
    /// one is taken as a folder. Names that end in `.gz`, `.bz2`, `.zst` or `.xz` are compressed. Elements that end with a
    /// line end, as lines that were read do, get no other; the last line of a file gets one too.
    ///
    /// # Errors
    /// Where a file cannot be written: no file of that name is left behind then.
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
        let paths = names(pending::local("to_textfiles", pattern)?, self.npartitions());
        for folder in paths.iter().filter_map(|p| Path::new(p).parent()).collect::<std::collections::BTreeSet<_>>() {
            std::fs::create_dir_all(folder).map_err(|source| failed(&folder.display().to_string(), source))?;
        }
        let all = paths.clone();
        let layer = self.summarize(Name::new("to-textfiles"), move |part, up| {
            let path = &all[part.index as usize];
            let mut file = Pending::create("to_textfiles", path)?;
            let mut error = None;
            up(part, &mut |x| {
                error = line(&mut file, &x).err();
                error.is_none()
            })?;
            if let Some(source) = error {
                return Err(failed(path, source));
            }
            file.finish().map_err(|e| failed(path, e))?;
            Ok(path.clone())
        });
        Ok(sched::compute(&layer.points())?.into_iter().map(|v| (*typed::<String>(v)).clone()).collect())
    }
}

/// The names of `n` files.
fn names(pattern: &str, n: usize) -> Vec<String> {
    if pending::star(pattern).is_some() {
        pending::numbered(pattern, n)
    } else {
        pending::numbered(&format!("{}/*.part", pattern.trim_end_matches('/')), n)
    }
}

#[inline(never)]
fn failed(path: &str, source: std::io::Error) -> Error {
    Error::io("to_textfiles", path)(source)
}

/// One element and the end of its line.
#[inline(never)]
fn line(to: &mut Pending, x: &dyn Display) -> std::io::Result<()> {
    use std::fmt::Write as _;
    // The end of what is written tells whether the element ends its line itself.
    struct Last<'a>(&'a mut Pending, Option<u8>, Option<std::io::Error>);
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
