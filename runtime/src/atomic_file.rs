//! Files that are written to a temporary file and renamed when they are complete; compressed
//! depending on the extension of the name.

use crate::decode::Compression;
use crate::error::{Error, Result};
use std::io::{BufWriter, Write};
use std::path::Path;

/// A file that is being written and does not have its final name yet.
pub(crate) struct AtomicFile {
    to: Box<dyn Finish>,
    path: String,
    temporary: tempfile::TempPath,
}

/// A writer that must be finished at the end.
trait Finish: Write + Send {
    fn finish(self: Box<Self>) -> std::io::Result<()>;
}

impl Finish for BufWriter<std::fs::File> {
    fn finish(mut self: Box<Self>) -> std::io::Result<()> {
        self.flush()
    }
}

macro_rules! finishes {
    ($($t:ty),*) => {$(
        impl Finish for BufWriter<$t> {
            fn finish(self: Box<Self>) -> std::io::Result<()> {
                self.into_inner().map_err(std::io::IntoInnerError::into_error)?.finish().map(drop)
            }
        }
    )*};
}
finishes!(
    flate2::write::GzEncoder<std::fs::File>,
    bzip2::write::BzEncoder<std::fs::File>,
    zstd::stream::write::Encoder<'static, std::fs::File>,
    liblzma::write::XzEncoder<std::fs::File>
);

impl AtomicFile {
    /// Creates a file that will have this path.
    #[inline(never)]
    pub(crate) fn create(method: &str, path: &str) -> Result<Self> {
        Self::open(path).map_err(Error::io(method, path))
    }

    fn open(path: &str) -> std::io::Result<Self> {
        let folder = Path::new(path)
            .parent()
            .filter(|p| !p.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        let (file, temporary) =
            tempfile::Builder::new().prefix(".rask-").tempfile_in(folder)?.into_parts();
        let to: Box<dyn Finish> = match Compression::of_name(path) {
            Compression::None => Box::new(BufWriter::new(file)),
            Compression::Gzip => Box::new(BufWriter::new(flate2::write::GzEncoder::new(
                file,
                flate2::Compression::default(),
            ))),
            Compression::Bzip2 => Box::new(BufWriter::new(bzip2::write::BzEncoder::new(
                file,
                bzip2::Compression::default(),
            ))),
            Compression::Zstd => {
                Box::new(BufWriter::new(zstd::stream::write::Encoder::new(file, 0)?))
            }
            Compression::Xz => Box::new(BufWriter::new(liblzma::write::XzEncoder::new(file, 6))),
        };
        Ok(Self { to, path: path.to_owned(), temporary })
    }

    /// Writes the remaining data, and renames the file to its final name.
    #[inline(never)]
    pub(crate) fn finish(self) -> std::io::Result<()> {
        self.complete()?.persist()
    }

    /// Writes the remaining data.
    pub(crate) fn complete(self) -> std::io::Result<Whole> {
        self.to.finish()?;
        // Temporary files are readable by their owner only; the final file gets the usual
        // permissions.
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&self.temporary, std::fs::Permissions::from_mode(0o644))?;
        Ok(Whole { path: self.path, temporary: self.temporary })
    }
}

/// Returns the local path of a file to write.
pub(crate) fn local<'a>(method: &str, path: &'a str) -> Result<&'a str> {
    if crate::fs::is_remote(path) {
        return Err(Error::invalid(
            method,
            "path",
            &path,
            "a local path, as remote files cannot be written",
        ));
    }
    Ok(crate::fs::local(path))
}

/// Creates the folder of a file.
pub(crate) fn make_folder(method: &str, path: &str) -> Result<()> {
    let folder = Path::new(path).parent().filter(|f| !f.as_os_str().is_empty());
    folder.map_or(Ok(()), |f| std::fs::create_dir_all(f).map_err(Error::io(method, path)))
}

/// Returns the offset of the `*` that stands for the number of a partition; in the name of an
/// existing folder it is an ordinary character.
pub(crate) fn star(path: &str) -> Option<usize> {
    let counts = |at: &usize| match path[*at..].find('/') {
        Some(end) => !Path::new(&path[..at + end]).is_dir(),
        None => true,
    };
    path.match_indices('*').map(|m| m.0).find(counts)
}

/// Replaces the `*` of a path by a string.
pub(crate) fn filled(path: &str, with: &str) -> String {
    star(path)
        .map_or_else(|| path.to_owned(), |at| format!("{}{with}{}", &path[..at], &path[at + 1..]))
}

/// Returns the paths of `n` files: the `*` is replaced by zero-padded numbers, so that the names
/// sort.
pub(crate) fn numbered(pattern: &str, n: usize) -> Vec<String> {
    let width = n.saturating_sub(1).to_string().len();
    (0..n).map(|i| filled(pattern, &format!("{i:0width$}"))).collect()
}

/// Renames files to their final names once all are complete; returns their paths.
pub(crate) fn finish_all(method: &str, files: Vec<AtomicFile>) -> Result<Vec<String>> {
    let paths: Vec<_> = files.iter().map(|f| f.path.clone()).collect();
    let whole = files
        .into_iter()
        .zip(&paths)
        .map(|(file, path)| file.complete().map_err(Error::io(method, path)));
    for (file, path) in whole.collect::<Result<Vec<_>>>()?.into_iter().zip(&paths) {
        file.persist().map_err(Error::io(method, path))?;
    }
    Ok(paths)
}

/// A complete file that does not have its final name yet.
pub(crate) struct Whole {
    path: String,
    temporary: tempfile::TempPath,
}

impl Whole {
    /// Renames the file to its final name, replacing an existing file.
    pub(crate) fn persist(self) -> std::io::Result<()> {
        self.temporary.persist(&self.path).map_err(|e| e.error)
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.to.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.to.flush()
    }
}
