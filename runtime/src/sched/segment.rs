//! Values on disk: unnamed files, filled one after the other; a file's space is freed when the last
//! value in it is dropped.

use crate::error::{ErrorKind, Result};
use crate::graph::Value;
use crate::graph::pack::Packer;
use rask_wire::helpers::Whole;
use std::any::Any;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

/// A new file is started when the current one reaches this size.
const FULL: u64 = 256 << 20;

/// The files of one computation.
pub(super) struct Segments {
    folder: PathBuf,
    open: Mutex<Option<(Arc<File>, u64)>>,
    spilled: Arc<AtomicU64>,
}

/// A value on disk.
pub(super) struct Spilled {
    file: Arc<File>,
    at: u64,
    length: usize,
    packer: Packer,
    /// The bytes that the value holds in memory.
    pub(super) bytes: u64,
    spilled: Arc<AtomicU64>,
}

impl Segments {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder, open: Mutex::new(None), spilled: Arc::default() }
    }

    /// Returns the in-memory size of the values on disk.
    pub(super) fn spilled(&self) -> u64 {
        self.spilled.load(Relaxed)
    }

    /// Writes a value.
    pub(super) fn write(
        &self,
        value: &(dyn Any + Send + Sync),
        packer: Packer,
        bytes: u64,
    ) -> Result<Spilled> {
        let mut packed = Vec::with_capacity(bytes as usize);
        (packer.pack)(value, &mut packed);
        let length = packed.len();
        let (file, at) = self.reserve(length as u64)?;
        file.write_all_at(&packed, at).map_err(|e| self.failed(e))?;
        self.spilled.fetch_add(bytes, Relaxed);
        Ok(Spilled { file, at, length, packer, bytes, spilled: self.spilled.clone() })
    }

    /// Reserves space for a value: returns a file and the offset in it.
    fn reserve(&self, length: u64) -> Result<(Arc<File>, u64)> {
        let mut open = self.open.lock().whole();
        if open.as_ref().is_none_or(|(_, end)| *end >= FULL) {
            let file = tempfile::tempfile_in(&self.folder).map_err(|e| self.failed(e))?;
            *open = Some((Arc::new(file), 0));
        }
        // It was opened above if there was none.
        let (file, end) = open.as_mut().expect("a file is open");
        let at = *end;
        *end += length;
        Ok((file.clone(), at))
    }

    fn failed(&self, source: std::io::Error) -> crate::error::Error {
        ErrorKind::Spill { folder: self.folder.display().to_string(), source }.into()
    }
}

impl Spilled {
    /// Reads the value back.
    pub(super) fn read(&self) -> Result<Value> {
        let mut packed = vec![0; self.length];
        let fail = |source| ErrorKind::Spill {
            folder: "a temporary file and reading it back".to_owned(),
            source,
        };
        self.file.read_exact_at(&mut packed, self.at).map_err(fail)?;
        let cut = || fail(std::io::Error::other("corrupted data"));
        Ok((self.packer.unpack)(&packed).ok_or_else(cut)?)
    }
}

impl Drop for Spilled {
    fn drop(&mut self) {
        self.spilled.fetch_sub(self.bytes, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::pack::packer_of;

    #[test]
    fn a_full_disk_is_an_error_that_says_where() {
        let value = vec![1u64; 1000];
        let packer = packer_of(&value).unwrap();
        let segments = Segments::new("/dev".into());
        *segments.open.lock().unwrap() =
            Some((Arc::new(File::options().write(true).open("/dev/full").unwrap()), 0));
        let e = segments.write(&value, packer, 8024).map(drop).unwrap_err().to_string();
        assert!(e.contains("/dev") && e.contains("No space left"), "{e}");
        assert_eq!(segments.spilled(), 0);
        let nowhere = Segments::new("/nonexistent/folder".into());
        let e = nowhere.write(&value, packer, 8024).map(drop).unwrap_err().to_string();
        assert!(e.contains("/nonexistent/folder"), "{e}");
    }
}
