//! Files by name or URL: local paths, `file://`, `http://`, `https://`, `s3://`, as streams of bytes. What waits for a network
//! runs on threads of its own.

use crate::error::{Error, ErrorKind, Result};
use crate::sched;
use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt, TryStreamExt};
use object_store::aws::AmazonS3Builder;
use object_store::http::HttpBuilder;
use object_store::path::Path as ObjectPath;
use object_store::{ClientOptions, ObjectStore, ObjectStoreExt, RetryConfig};
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

/// A server that does not answer at all is given up after this.
const CONNECT: Duration = Duration::from_secs(5);

/// One that stops in the middle of an answer, after this.
const SILENT: Duration = Duration::from_secs(60);

static NET: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).thread_name("rask-net").enable_all();
    // Without threads there is no network; the message says which limit was met.
    builder.build().unwrap_or_else(|e| panic!("the threads for the network could not be started: {e}"))
});

static HTTP: LazyLock<reqwest::Result<reqwest::Client>> = LazyLock::new(|| {
    reqwest::Client::builder().connect_timeout(CONNECT).read_timeout(SILENT).user_agent(concat!("rask/", env!("CARGO_PKG_VERSION"))).build()
});

/// Waits for the network, or until the user stops it.
fn wait<T, E: std::error::Error + Send + Sync + 'static>(work: impl Future<Output = std::result::Result<T, E>>) -> io::Result<T> {
    NET.block_on(async {
        tokio::select! {
            done = tokio::time::timeout(SILENT, work) => match done {
                Ok(result) => result.map_err(|e| io::Error::other(causes(&e))),
                Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, format!("no answer for {} seconds", SILENT.as_secs()))),
            },
            () = sched::until_cancelled() => Err(io::Error::other("stopped by the user")),
        }
    })
}

/// The bytes of a file or URL, from the start.
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

/// Opens a path or a URL (`file://`, `http://`, `https://`, `s3://`) for reading. The bytes come as they are; nothing is
/// decompressed. S3 takes its keys and its region from the environment (`AWS_ACCESS_KEY_ID` and so on).
///
/// # Errors
/// Where there is no such file, or the server does not answer within five seconds or answers with an error.
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

/// Whether a name is that of something behind a network.
pub(crate) fn is_remote(name: &str) -> bool {
    ["http://", "https://", "s3://"].iter().any(|scheme| name.starts_with(scheme))
}

/// A local path out of a `file://` URL, or as it is.
pub(crate) fn local(name: &str) -> &str {
    name.strip_prefix("file://").unwrap_or(name)
}

/// Opens for `method`, which errors name.
pub(crate) fn open_for(method: &str, url: &str) -> Result<File> {
    let reader: Box<dyn Read + Send> = if url.starts_with("s3://") {
        Box::new(s3(method, url)?)
    } else if is_remote(url) {
        Box::new(http(method, url)?)
    } else {
        let path = local(url);
        Box::new(std::fs::File::open(path).map_err(|e| failed(method, path, e))?)
    };
    Ok(File(reader))
}

fn failed(method: &str, path: &str, source: io::Error) -> Error {
    ErrorKind::Io { method: method.to_owned(), path: path.to_owned(), source }.into()
}

fn http(method: &str, url: &str) -> Result<Chunks> {
    let other = |e: &reqwest::Error| failed(method, url, io::Error::other(causes(e)));
    let client = HTTP.as_ref().map_err(other)?.clone();
    let asked = url.to_owned();
    let answer = wait(async move { client.get(asked).send().await?.error_for_status() }).map_err(|e| failed(method, url, e))?;
    Ok(Chunks::new(answer.bytes_stream().map_err(|e| io::Error::other(causes(&e))).boxed()))
}

/// How stores ask.
fn asking() -> (ClientOptions, RetryConfig) {
    let options = ClientOptions::new().with_connect_timeout(CONNECT).with_timeout_disabled().with_allow_http(true);
    (options, RetryConfig { max_retries: 2, retry_timeout: CONNECT, ..Default::default() })
}

/// What gives parts of a URL's file, where the server does; other servers give all of it or nothing.
pub(crate) fn ranged(method: &str, url: &str) -> Result<Option<Arc<dyn ObjectStore>>> {
    if url.starts_with("s3://") {
        return Ok(Some(store(method, url)?.0));
    }
    let other = |e: &dyn std::error::Error| failed(method, url, io::Error::other(causes(e)));
    let client = HTTP.as_ref().map_err(|e| other(e))?.clone();
    let asked = client.get(url).header("Range", "bytes=0-0");
    let answer = wait(async move { asked.send().await?.error_for_status() }).map_err(|e| failed(method, url, e))?;
    // A query is part of the file's name here, and none of the store's.
    if answer.status().as_u16() != 206 || url.contains(['?', '#']) {
        return Ok(None);
    }
    let origin = answer.url().origin().ascii_serialization();
    // What was sent on to another place is asked for there by whoever reads all of it.
    if !url.starts_with(&origin) {
        return Ok(None);
    }
    let (options, retry) = asking();
    let store = HttpBuilder::new().with_url(origin).with_client_options(options).with_retry(retry).build().map_err(|e| other(&e))?;
    Ok(Some(Arc::new(store)))
}

fn store(method: &str, url: &str) -> Result<(Arc<dyn ObjectStore>, String)> {
    let rest = url.strip_prefix("s3://").unwrap_or(url);
    let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
    let (options, retry) = asking();
    let store = AmazonS3Builder::from_env().with_bucket_name(bucket).with_client_options(options).with_retry(retry).build();
    Ok((Arc::new(store.map_err(|e| failed(method, url, io::Error::other(causes(&e))))?), key.to_owned()))
}

fn s3(method: &str, url: &str) -> Result<Chunks> {
    let (store, key) = store(method, url)?;
    let at = ObjectPath::parse(&key).map_err(|e| failed(method, url, io::Error::other(e.to_string())))?;
    let got = wait(async move { store.get(&at).await }).map_err(|e| failed(method, url, e))?;
    Ok(Chunks::new(got.into_stream().map_err(|e| io::Error::other(causes(&e))).boxed()))
}

/// An error with everything that led to it, as libraries put the interesting part last.
fn causes(e: &dyn std::error::Error) -> String {
    let mut text = e.to_string();
    let mut at = e.source();
    while let Some(cause) = at {
        let more = cause.to_string();
        if !text.contains(&more) {
            text += ": ";
            text += &more;
        }
        at = cause.source();
    }
    text
}

/// A stream of chunks as a reader.
struct Chunks {
    stream: BoxStream<'static, io::Result<Bytes>>,
    rest: Bytes,
}

impl Chunks {
    fn new(stream: BoxStream<'static, io::Result<Bytes>>) -> Self {
        Self { stream, rest: Bytes::new() }
    }
}

impl Read for Chunks {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() {
            match wait(self.stream.try_next())? {
                Some(chunk) => self.rest = chunk,
                None => return Ok(0),
            }
        }
        let n = to.len().min(self.rest.len());
        to[..n].copy_from_slice(&self.rest.split_to(n));
        Ok(n)
    }
}

/// The files that a path, a pattern or a URL names, in the order of their names.
pub(crate) fn expand(method: &str, pattern: &str) -> Result<Vec<String>> {
    if pattern.starts_with("s3://") && pattern.contains(['*', '?', '[']) {
        return expand_s3(method, pattern);
    }
    if is_remote(pattern) {
        return Ok(vec![pattern.to_owned()]);
    }
    Ok(find(method, local(pattern))?.iter().map(|p| p.to_string_lossy().into_owned()).collect())
}

/// The files that a path or pattern names, in the order of their names.
pub(crate) fn find(method: &str, path: &str) -> Result<Vec<PathBuf>> {
    let here = std::env::current_dir().unwrap_or_default();
    let full = here.join(path);
    if full.is_file() {
        return Ok(vec![full]);
    }
    let mut found = Vec::new();
    if path.contains(['*', '?', '[']) {
        let bad = |message: String| ErrorKind::BadArgument { method: method.to_owned(), message };
        // The folder we are in is a name and no pattern.
        let here = glob::Pattern::escape(&here.to_string_lossy());
        let pattern = if path.starts_with('/') { path.to_owned() } else { format!("{here}/{path}") };
        for entry in glob::glob(&pattern).map_err(|e| bad(format!("{path:?} is no pattern: {e}")))? {
            let entry = entry.map_err(|e| bad(e.to_string()))?;
            if entry.is_file() {
                found.push(entry);
            }
        }
    }
    if found.is_empty() {
        let folder = full.parent().unwrap_or(&here).to_owned();
        let nearby =
            std::fs::read_dir(&folder).into_iter().flatten().flatten().map(|e| e.file_name().to_string_lossy().into_owned()).collect();
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
    let bad = |e: object_store::path::Error| failed(method, pattern, io::Error::other(e.to_string()));
    let folder = known.rsplit_once('/').map(|(folder, _)| ObjectPath::parse(folder)).transpose().map_err(bad)?;
    let listed = wait(async move { store.list(folder.as_ref()).try_collect::<Vec<_>>().await }).map_err(|e| failed(method, pattern, e))?;
    // As for files, a star stays in its folder.
    let inside_a_folder = glob::MatchOptions { require_literal_separator: true, ..Default::default() };
    let wanted = glob::Pattern::new(&key).map_err(|e| failed(method, pattern, io::Error::other(e.to_string())))?;
    let mut found: Vec<String> = listed
        .iter()
        .filter(|o| wanted.matches_with(o.location.as_ref(), inside_a_folder))
        .map(|o| format!("{bucket}{}", o.location))
        .collect();
    found.sort();
    if found.is_empty() { Err(failed(method, pattern, io::Error::other("no object matches"))) } else { Ok(found) }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;

    /// Serves fixed answers, by path, to as many requests as come; the address.
    pub(crate) fn serve(answers: &'static [(&'static str, &'static str)]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for socket in listener.incoming() {
                let mut socket = socket.unwrap();
                let mut lines = BufReader::new(socket.try_clone().unwrap()).lines().map(|l| l.unwrap());
                let first = lines.next().unwrap_or_default();
                while lines.next().is_some_and(|l| !l.is_empty()) {}
                let path = first.split(' ').nth(1).unwrap_or_default().split('?').next().unwrap_or_default().to_owned();
                let (status, body) = answers.iter().find(|(p, _)| *p == path).map_or(("404 Not Found", ""), |(_, b)| ("200 OK", b));
                let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n", body.len());
                let more = "Last-Modified: Sat, 01 Nov 2025 00:00:00 GMT\r\nETag: \"x\"\r\nConnection: close\r\n\r\n";
                let _ = write!(socket, "{head}{more}{body}");
            }
        });
        format!("http://{address}")
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
        assert!(e.contains("refused") && begun.elapsed() < Duration::from_secs(5), "{e}");
        let e = open("/nowhere/at.all").unwrap_err().to_string();
        assert!(e.contains("/nowhere/at.all"), "{e}");
    }
}
