//! Files by name or URL (local paths, `file://`, `http://`, `https://`, `s3://`) as streams of
//! bytes. `net` downloads remote files, on threads of its own.

mod net;
#[cfg(test)]
pub(crate) use net::tests::serve as serve_parts;

use crate::error::{Error, ErrorKind, Result};
use futures::TryStreamExt;
use net::{http, s3, store, wait};
use object_store::path::Path as ObjectPath;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

pub(crate) use net::{middle_and_end, ranged};

/// A reader of the bytes of a file or URL, from the start.
pub struct File(Box<dyn Read + Send>);

impl std::fmt::Debug for File {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("File")
    }
}

impl Read for File {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        self.0.read(to)
    }
}

/// Opens a path or a URL (`file://`, `http://`, `https://`, `s3://`) for reading.
///
/// The bytes are not decompressed. Credentials and region of S3 are taken from the environment
/// (`AWS_ACCESS_KEY_ID` and so on).
///
/// # Errors
/// If the file does not exist, the connection is not established within five seconds, or the server
/// responds with an error.
///
/// ```no_run
/// use std::io::Read;
/// let mut text = String::new();
/// rask::fs::open("https://www.example.com/data.txt")?.read_to_string(&mut text)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn open(url: &str) -> Result<File> {
    open_for("fs::open", url)
}

/// Returns whether a name is the URL of a remote file.
pub(crate) fn is_remote(name: &str) -> bool {
    ["http://", "https://", "s3://"].iter().any(|scheme| name.starts_with(scheme))
}

/// Returns the local path of a `file://` URL; other names are returned unchanged.
pub(crate) fn local(name: &str) -> &str {
    name.strip_prefix("file://").unwrap_or(name)
}

/// Opens a path or a URL on behalf of `method`, which is named in errors.
pub(crate) fn open_for(method: &str, url: &str) -> Result<File> {
    let reader: Box<dyn Read + Send> = if url.starts_with("s3://") {
        Box::new(s3(method, url)?)
    } else if is_remote(url) {
        Box::new(http(method, url)?)
    } else {
        let path = local(url);
        Box::new(std::fs::File::open(path).map_err(Error::io(method, path))?)
    };
    Ok(File(reader))
}

/// Reads a whole file or URL; `None` if it does not exist.
pub(crate) fn read_if_exists(method: &str, url: &str) -> Result<Option<Vec<u8>>> {
    if is_remote(url) {
        return net::whole(method, url);
    }
    let path = local(url);
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(Error::io(method, path)(e)),
    }
}

/// Writes a file, which gets its name once it is complete, or uploads it to S3. Folders are created.
pub(crate) fn write_whole(method: &str, url: &str, bytes: Vec<u8>) -> Result<()> {
    if url.starts_with("s3://") {
        return net::put(method, url, bytes);
    }
    if is_remote(url) {
        return Err(Error::bad_argument(
            method,
            format!("{url:?} cannot be written to; expected a local path or an s3:// address"),
        ));
    }
    let path = Path::new(local(url));
    let io = |e| Error::io(method, local(url))(e);
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(io)?;
    let mut temporary = tempfile::Builder::new()
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
        .tempfile_in(folder)
        .map_err(io)?;
    io::Write::write_all(&mut temporary, &bytes).map_err(io)?;
    temporary.persist(path).map(drop).map_err(|e| io(e.error))
}

/// Returns the files that match a path, a pattern or a URL, sorted by name.
pub(crate) fn expand(method: &str, pattern: &str) -> Result<Vec<String>> {
    if pattern.starts_with("s3://") && pattern.contains(['*', '?', '[']) {
        return expand_s3(method, pattern);
    }
    if is_remote(pattern) {
        return Ok(vec![pattern.to_owned()]);
    }
    Ok(find(method, local(pattern))?.iter().map(|p| p.to_string_lossy().into_owned()).collect())
}

/// Returns the longest prefix of a path that is literally an existing folder.
pub(crate) fn known_folder(path: &str) -> PathBuf {
    let full = std::env::current_dir().unwrap_or_default().join(path);
    let mut known = PathBuf::new();
    for part in full.components() {
        let next = known.join(part);
        if !next.is_dir() {
            break;
        }
        known = next;
    }
    known
}

/// Returns the glob pattern of a path in which existing folders are escaped, so that special
/// characters in their names are literal.
fn pattern_of(full: &Path, path: &str) -> String {
    let known = known_folder(path);
    let rest = full.strip_prefix(&known).unwrap_or(full);
    let known = glob::Pattern::escape(&known.to_string_lossy());
    format!("{}/{}", known.trim_end_matches('/'), rest.to_string_lossy())
}

/// Returns the files that match a path or pattern, sorted by name. An existing file with literally
/// this name takes precedence over the pattern.
pub(crate) fn find(method: &str, path: &str) -> Result<Vec<PathBuf>> {
    let here = std::env::current_dir().unwrap_or_default();
    let full = here.join(path);
    if full.is_file() {
        return Ok(vec![full]);
    }
    let mut found = Vec::new();
    if path.contains(['*', '?', '[']) {
        let bad = |message: String| ErrorKind::BadArgument { method: method.to_owned(), message };
        let pattern = pattern_of(&full, path);
        for entry in
            glob::glob(&pattern).map_err(|e| bad(format!("invalid pattern {path:?}: {e}")))?
        {
            let entry = entry.map_err(|e| bad(e.to_string()))?;
            if entry.is_file() {
                found.push(entry);
            }
        }
    }
    if found.is_empty() {
        let folder = full.parent().unwrap_or(&here).to_owned();
        let nearby = std::fs::read_dir(&folder)
            .into_iter()
            .flatten()
            .flatten()
            .map(|e| e.file_name().to_string_lossy().into_owned())
            .collect();
        return Err(ErrorKind::FileNotFound {
            method: method.to_owned(),
            path: path.to_owned(),
            folder: folder.display().to_string(),
            nearby,
        }
        .into());
    }
    found.sort();
    Ok(found)
}

fn expand_s3(method: &str, pattern: &str) -> Result<Vec<String>> {
    let (store, key) = store(method, pattern)?;
    let bucket = &pattern[..pattern.len() - key.len()];
    let known = &key[..key.find(['*', '?', '[']).unwrap_or(key.len())];
    let bad =
        |e: object_store::path::Error| Error::io(method, pattern)(io::Error::other(e.to_string()));
    let folder = known
        .rsplit_once('/')
        .map(|(folder, _)| ObjectPath::parse(folder))
        .transpose()
        .map_err(bad)?;
    let listed = wait(async move { store.list(folder.as_ref()).try_collect::<Vec<_>>().await })
        .map_err(Error::io(method, pattern))?;
    if listed.iter().any(|o| o.location.as_ref() == key) {
        return Ok(vec![pattern.to_owned()]);
    }
    // As for local files, a star does not match across folders.
    let inside_a_folder =
        glob::MatchOptions { require_literal_separator: true, ..Default::default() };
    let wanted = glob::Pattern::new(&key)
        .map_err(|e| Error::io(method, pattern)(io::Error::other(e.to_string())))?;
    let mut found: Vec<String> = listed
        .iter()
        .filter(|o| wanted.matches_with(o.location.as_ref(), inside_a_folder))
        .map(|o| format!("{bucket}{}", o.location))
        .collect();
    found.sort();
    if found.is_empty() {
        Err(Error::io(method, pattern)(io::Error::other("no object matches")))
    } else {
        Ok(found)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;

    /// Serves fixed responses, by path, to any number of requests; returns the address.
    pub(crate) fn serve(answers: &'static [(&'static str, &'static str)]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for socket in listener.incoming() {
                let mut socket = socket.unwrap();
                let mut lines =
                    BufReader::new(socket.try_clone().unwrap()).lines().map(|l| l.unwrap());
                let first = lines.next().unwrap_or_default();
                while lines.next().is_some_and(|l| !l.is_empty()) {}
                let path = first
                    .split(' ')
                    .nth(1)
                    .unwrap_or_default()
                    .split('?')
                    .next()
                    .unwrap_or_default()
                    .to_owned();
                let (status, body) = answers
                    .iter()
                    .find(|(p, _)| *p == path)
                    .map_or(("404 Not Found", ""), |(_, b)| ("200 OK", b));
                let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n", body.len());
                let more = "Last-Modified: Sat, 01 Nov 2025 00:00:00 GMT\r\nETag: \"x\"\r\nConnection: close\r\n\r\n";
                let _ = write!(socket, "{head}{more}{body}");
            }
        });
        format!("http://{address}")
    }

    #[test]
    fn names_with_marks_are_names_where_they_are_there() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("a[1] ?");
        std::fs::create_dir(&folder).unwrap();
        for name in ["t[1].csv", "t1.csv", "t*.csv", "what?.csv"] {
            std::fs::write(folder.join(name), "x\n").unwrap();
        }
        let found = |name: &str| {
            let files = find("test", folder.join(name).to_str().unwrap()).unwrap();
            files
                .iter()
                .map(|f| f.file_name().unwrap().to_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(found("t[1].csv"), ["t[1].csv"]);
        assert_eq!(found("t*.csv"), ["t*.csv"]);
        assert_eq!(found("what?.csv"), ["what?.csv"]);
        assert_eq!(found("t[12].csv"), ["t1.csv"]);
        assert_eq!(found("*.csv").len(), 4);
    }

    #[test]
    fn urls_are_read_and_errors_say_which() {
        let address = serve(&[("/a.txt", "one\ntwo\n")]);
        let mut text = String::new();
        open(&format!("{address}/a.txt")).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "one\ntwo\n");
        let e = open(&format!("{address}/b.txt")).unwrap_err().to_string();
        assert!(e.contains("/b.txt") && e.contains("404"), "{e}");
        let begun = std::time::Instant::now();
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let e = open(&format!("http://{closed}/x")).unwrap_err().to_string();
        assert!(e.contains("refused") && begun.elapsed().as_secs() < 5, "{e}");
        let e = open("/nowhere/at.all").unwrap_err().to_string();
        assert!(e.contains("/nowhere/at.all"), "{e}");
    }
}
