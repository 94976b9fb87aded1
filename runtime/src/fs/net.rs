//! Remote files: the bytes of URLs as streams, in parts that are requested in parallel if the
//! server supports range requests.

use crate::error::{Error, Result};
use crate::sched;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use object_store::aws::AmazonS3Builder;
use object_store::http::HttpBuilder;
use object_store::path::Path as ObjectPath;
use object_store::{ClientOptions, GetOptions, GetRange, ObjectStore, ObjectStoreExt, RetryConfig};
use reqwest::header::{
    CONTENT_RANGE, ETAG, HeaderMap, HeaderName, HeaderValue, LAST_MODIFIED, RANGE,
};
use std::io::{self, Read};
use std::ops::Range;
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio::sync::mpsc;

/// The timeout of a connection attempt.
const CONNECT: Duration = Duration::from_secs(5);

/// The timeout of a server that stops sending in the middle of a response.
const SILENT: Duration = Duration::from_secs(60);

static NET: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).thread_name("rask-net").enable_all();
    // Without threads there is no network; the message names the limit that was hit.
    builder.build().unwrap_or_else(|e| panic!("cannot start the network threads: {e}"))
});

static HTTP: LazyLock<reqwest::Result<reqwest::Client>> = LazyLock::new(|| {
    reqwest::Client::builder()
        .connect_timeout(CONNECT)
        .read_timeout(SILENT)
        .user_agent(concat!("rask/", env!("CARGO_PKG_VERSION")))
        .build()
});

/// Waits for the network, or until the user interrupts the cell.
pub(super) fn wait<T, E: std::error::Error + Send + Sync + 'static>(
    work: impl Future<Output = std::result::Result<T, E>>,
) -> io::Result<T> {
    NET.block_on(async {
        tokio::select! {
            done = tokio::time::timeout(SILENT, work) => match done {
                Ok(result) => result.map_err(|e| io::Error::other(causes(&e))),
                Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, format!("no response within {} seconds", SILENT.as_secs()))),
            },
            () = sched::until_cancelled() => Err(io::Error::other("interrupted by the user")),
        }
    })
}

/// The bytes of one range request, and the maximum number of concurrent requests.
const PART: u64 = 8 << 20;
const PARTS: usize = 4;
/// The number of attempts per part, and the pause before the second one.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_millis(200);
/// A response that sends no data for this long is requested again.
const STALLED: Duration = Duration::from_secs(15);

type Body = BoxStream<'static, io::Result<Bytes>>;

/// Requests a range of bytes of a file, and checks that the file has not changed.
type Get = Arc<dyn Fn(Range<u64>) -> BoxFuture<'static, io::Result<Body>> + Send + Sync>;

/// Reads a file of this size in parts, the first of which has been requested already.
fn in_parts(first: Body, size: u64, get: Get) -> Chunks {
    let first = begun(0..size.min(PART), Some(first), get.clone());
    let starts = (1..size.div_ceil(PART)).map(|i| i * PART);
    let others = stream::iter(starts).map(move |start| {
        std::future::ready(begun(start..size.min(start + PART), None, get.clone()))
    });
    // A reader of only the start of a file has requested only one part.
    Chunks::new(first.chain(others.buffered(PARTS).flatten()).boxed())
}

/// Returns the bytes of a part. A task downloads them while earlier parts are processed; it ends
/// with the stream.
fn begun(range: Range<u64>, body: Option<Body>, get: Get) -> Body {
    let (tx, rx) = mpsc::unbounded_channel();
    let work = NET.spawn(part(range, body, get, tx));
    let ends = Ends(work);
    stream::unfold((rx, ends), |(mut rx, ends)| async move {
        rx.recv().await.map(|chunk| (chunk, (rx, ends)))
    })
    .boxed()
}

/// Aborts a task when dropped.
struct Ends(tokio::task::JoinHandle<()>);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Sends the bytes of a part, and requests the missing ones again if a response breaks off.
async fn part(
    mut left: Range<u64>,
    mut body: Option<Body>,
    get: Get,
    tx: mpsc::UnboundedSender<io::Result<Bytes>>,
) {
    let mut tried = 0;
    while !left.is_empty() {
        let Err(e) = some(&mut left, body.take(), &get, &tx).await else { continue };
        tried += 1;
        if tried == TRIES || e.kind() == io::ErrorKind::InvalidData {
            // The receiver may be gone.
            let _ = tx.send(Err(e));
            return;
        }
        tokio::time::sleep(PAUSE * tried).await;
    }
}

/// Sends the bytes of one response.
async fn some(
    left: &mut Range<u64>,
    body: Option<Body>,
    get: &Get,
    tx: &mpsc::UnboundedSender<io::Result<Bytes>>,
) -> io::Result<()> {
    let stalled = |_| {
        io::Error::new(
            io::ErrorKind::TimedOut,
            format!("no data received for {} seconds", STALLED.as_secs()),
        )
    };
    let mut body = match body {
        Some(body) => body,
        None => tokio::time::timeout(STALLED, get(left.clone())).await.map_err(stalled)??,
    };
    while let Some(mut chunk) =
        tokio::time::timeout(STALLED, body.try_next()).await.map_err(stalled)??
    {
        chunk.truncate((left.end - left.start) as usize);
        left.start += chunk.len() as u64;
        let _ = tx.send(Ok(chunk));
        if left.is_empty() {
            return Ok(());
        }
    }
    Err(io::Error::new(
        io::ErrorKind::UnexpectedEof,
        format!("the response ended {} bytes early", left.end - left.start),
    ))
}

fn changed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the file changed while it was read")
}

/// Returns the version of a file, as far as the server reports it: the ETag, else the modification
/// time.
fn version(headers: &HeaderMap) -> Option<&[u8]> {
    let value = |name: HeaderName| headers.get(name).map(HeaderValue::as_bytes);
    value(ETAG)
        .map(|mark| mark.strip_prefix(b"W/").unwrap_or(mark))
        .or_else(|| value(LAST_MODIFIED))
}

/// Parses the byte range of a response and the size of the whole file: `bytes 0-99/1234`.
fn content_range(headers: &HeaderMap) -> Option<(Range<u64>, u64)> {
    let (range, size) =
        headers.get(CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes ")?.split_once('/')?;
    let (from, last) = range.split_once('-')?;
    Some((from.parse().ok()?..last.parse::<u64>().ok()?.checked_add(1)?, size.parse().ok()?))
}

async fn asked(
    client: &reqwest::Client,
    url: &str,
    range: &Range<u64>,
) -> reqwest::Result<reqwest::Response> {
    client.get(url).header(RANGE, format!("bytes={}-{}", range.start, range.end - 1)).send().await
}

fn body(answer: reqwest::Response) -> Body {
    answer.bytes_stream().map_err(|e| io::Error::other(causes(&e))).boxed()
}

pub(super) fn http(method: &str, url: &str) -> Result<Chunks> {
    let other = |e: &reqwest::Error| Error::io(method, url)(io::Error::other(causes(e)));
    let client = HTTP.as_ref().map_err(other)?.clone();
    let (of, from) = (client.clone(), url.to_owned());
    let answer = wait(async move {
        let answer = asked(&of, &from, &(0..PART)).await?;
        let status = answer.status();
        let first = content_range(answer.headers())
            .filter(|(range, size)| status.as_u16() == 206 && *range == (0..PART.min(*size)));
        // If the response is neither the first part nor the whole file (an empty file, say), all of
        // it is requested.
        let again = first.is_none() && status.as_u16() != 200;
        let answer = if again { of.get(&from).send().await? } else { answer };
        Ok::<_, reqwest::Error>((answer.error_for_status()?, first.map(|(_, size)| size)))
    });
    let (answer, size) = answer.map_err(Error::io(method, url))?;
    let Some(size) = size else { return Ok(Chunks::new(body(answer))) };
    // After a redirect, the other parts are requested from the new address.
    let (url, headers): (Arc<str>, _) = (answer.url().as_str().into(), answer.headers().clone());
    let get: Get = Arc::new(move |range| {
        let (client, url, headers) = (client.clone(), url.clone(), headers.clone());
        Box::pin(async move {
            let answer =
                asked(&client, &url, &range).await.and_then(reqwest::Response::error_for_status);
            let answer = answer.map_err(|e| io::Error::other(causes(&e)))?;
            let same = content_range(answer.headers()) == Some((range, size))
                && version(answer.headers()) == version(&headers);
            if same { Ok(body(answer)) } else { Err(changed()) }
        })
    });
    Ok(in_parts(body(answer), size, get))
}

/// The range of a part of a file, the size of the whole file, and the bytes of the part.
type Part = (Range<u64>, u64, Bytes);

/// Returns `length` bytes of the middle and of the end of a remote file, with their offsets; `None`
/// if the server does not support range requests or the file is too short.
pub(crate) fn middle_and_end(url: &str, length: u64) -> Option<[(u64, Vec<u8>); 2]> {
    let part: Box<dyn Fn(GetRange) -> BoxFuture<'static, io::Result<Part>>> =
        if url.starts_with("s3://") {
            let (store, key) = store("", url).ok()?;
            let at = ObjectPath::parse(&key).ok()?;
            Box::new(move |range| {
                let (store, at) = (store.clone(), at.clone());
                Box::pin(async move {
                    let got = store
                        .get_opts(&at, GetOptions { range: Some(range), ..Default::default() })
                        .await?;
                    Ok((got.range.clone(), got.meta.size, got.bytes().await?))
                })
            })
        } else {
            let (client, url) = (HTTP.as_ref().ok()?.clone(), url.to_owned());
            Box::new(move |range| {
                let request = client.get(&url).header(RANGE, range.to_string());
                Box::pin(async move {
                    let answer = request.send().await.map_err(io::Error::other)?;
                    let told =
                        content_range(answer.headers()).filter(|_| answer.status().as_u16() == 206);
                    let (range, size) =
                        told.ok_or_else(|| io::Error::other("not a partial response"))?;
                    Ok((range, size, answer.bytes().await.map_err(io::Error::other)?))
                })
            })
        };
    let fits = |range: &Range<u64>, bytes: &Bytes| {
        range.end - range.start == length && bytes.len() as u64 == length
    };
    let (end, size, last) = wait(part(GetRange::Suffix(length))).ok()?;
    let (middle, _, midst) = wait(part(GetRange::Bounded(size / 2..size / 2 + length))).ok()?;
    (fits(&end, &last) && fits(&middle, &midst))
        .then(|| [(middle.start, midst.to_vec()), (end.start, last.to_vec())])
}

/// Downloads a whole file; `None` if there is none.
pub(super) fn whole(method: &str, url: &str) -> Result<Option<Vec<u8>>> {
    let io = Error::io(method, url);
    if url.starts_with("s3://") {
        let (store, key) = store(method, url)?;
        let at = ObjectPath::parse(&key).map_err(|e| io(io::Error::other(e.to_string())))?;
        let found = wait(async move {
            match store.get(&at).await {
                Ok(got) => got.bytes().await.map(Some),
                Err(object_store::Error::NotFound { .. }) => Ok(None),
                Err(e) => Err(e),
            }
        });
        return Ok(found.map_err(io)?.map(Vec::from));
    }
    let client = HTTP.as_ref().map_err(|e| io(io::Error::other(causes(e))))?.clone();
    let found = wait(async move {
        let answer = client.get(url).send().await?;
        if answer.status() == reqwest::StatusCode::NOT_FOUND {
            return Ok(None);
        }
        answer.error_for_status()?.bytes().await.map(Some)
    });
    Ok(found.map_err(io)?.map(Vec::from))
}

/// Uploads a file to S3.
pub(super) fn put(method: &str, url: &str, bytes: Vec<u8>) -> Result<()> {
    let io = Error::io(method, url);
    let (store, key) = store(method, url)?;
    let at = ObjectPath::parse(&key).map_err(|e| io(io::Error::other(e.to_string())))?;
    wait(async move { store.put(&at, bytes.into()).await }).map(drop).map_err(io)
}

/// Returns the timeouts and retries of object stores.
fn asking() -> (ClientOptions, RetryConfig) {
    let options = ClientOptions::new()
        .with_connect_timeout(CONNECT)
        .with_timeout_disabled()
        .with_allow_http(true);
    (options, RetryConfig { max_retries: 2, retry_timeout: CONNECT, ..Default::default() })
}

/// Returns a store that reads parts of a remote file; `None` if the server does not support range
/// requests.
pub(crate) fn ranged(method: &str, url: &str) -> Result<Option<Arc<dyn ObjectStore>>> {
    if url.starts_with("s3://") {
        return Ok(Some(store(method, url)?.0));
    }
    let other = |e: &dyn std::error::Error| Error::io(method, url)(io::Error::other(causes(e)));
    let client = HTTP.as_ref().map_err(|e| other(e))?.clone();
    let answer = wait(async move { asked(&client, url, &(0..1)).await?.error_for_status() })
        .map_err(Error::io(method, url))?;
    // A query is part of the file's name here, but the store cannot express it.
    if answer.status().as_u16() != 206 || url.contains(['?', '#']) {
        return Ok(None);
    }
    let origin = answer.url().origin().ascii_serialization();
    // A redirected URL is read as a whole, which follows the redirect.
    if !url.starts_with(&origin) {
        return Ok(None);
    }
    let (options, retry) = asking();
    let store = HttpBuilder::new()
        .with_url(origin)
        .with_client_options(options)
        .with_retry(retry)
        .build()
        .map_err(|e| other(&e))?;
    Ok(Some(Arc::new(store)))
}

pub(super) fn store(method: &str, url: &str) -> Result<(Arc<dyn ObjectStore>, String)> {
    let rest = url.strip_prefix("s3://").unwrap_or(url);
    let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
    let (options, retry) = asking();
    let store = AmazonS3Builder::from_env()
        .with_bucket_name(bucket)
        .with_client_options(options)
        .with_retry(retry)
        .build();
    Ok((
        Arc::new(store.map_err(|e| Error::io(method, url)(io::Error::other(causes(&e))))?),
        key.to_owned(),
    ))
}

pub(super) fn s3(method: &str, url: &str) -> Result<Chunks> {
    let (store, key) = store(method, url)?;
    let at = ObjectPath::parse(&key)
        .map_err(|e| Error::io(method, url)(io::Error::other(e.to_string())))?;
    let (of, from) = (store.clone(), at.clone());
    let got = wait(async move {
        let part = GetOptions { range: Some(GetRange::Bounded(0..PART)), ..Default::default() };
        match of.get_opts(&from, part).await {
            // An empty object has no such range.
            Err(e) if !matches!(e, object_store::Error::NotFound { .. }) => of.get(&from).await,
            got => got,
        }
    });
    let got = got.map_err(Error::io(method, url))?;
    let (size, tag, whole) =
        (got.meta.size, got.meta.e_tag.clone(), got.range == (0..got.meta.size));
    let stream = |got: object_store::GetResult| -> Body {
        got.into_stream().map_err(|e| io::Error::other(causes(&e))).boxed()
    };
    if whole {
        return Ok(Chunks::new(stream(got)));
    }
    let get: Get = Arc::new(move |range| {
        let (store, at, tag) = (store.clone(), at.clone(), tag.clone());
        Box::pin(async move {
            let part = GetOptions {
                range: Some(GetRange::Bounded(range)),
                if_match: tag,
                ..Default::default()
            };
            match store.get_opts(&at, part).await {
                Err(object_store::Error::Precondition { .. }) => Err(changed()),
                got => got.map(stream).map_err(|e| io::Error::other(causes(&e))),
            }
        })
    });
    Ok(in_parts(stream(got), size, get))
}

/// Returns the message of an error with its chain of causes, as libraries put the interesting part
/// last.
pub(super) fn causes(e: &dyn std::error::Error) -> String {
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
pub(super) struct Chunks {
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

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Serves a file that supports range requests: counts them, changes the file's ETag after
    /// `changes` of them, and breaks off in the middle of request number `breaks`.
    pub(crate) fn serve(
        file: Arc<Vec<u8>>,
        changes: usize,
        breaks: usize,
    ) -> (String, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, given) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
        let count = given.clone();
        std::thread::spawn(move || {
            for socket in listener.incoming() {
                let (mut socket, file, given) = (socket.unwrap(), file.clone(), given.clone());
                std::thread::spawn(move || {
                    let lines = BufReader::new(socket.try_clone().unwrap())
                        .lines()
                        .map(|l| l.unwrap().to_lowercase());
                    let range = lines
                        .take_while(|l| !l.is_empty())
                        .find_map(|l| l.strip_prefix("range: bytes=").map(str::to_owned));
                    let number = given.fetch_add(1, Ordering::Relaxed);
                    let tag = if number < changes { "one" } else { "other" };
                    let (head, body) = match range {
                        Some(_) if file.is_empty() => {
                            ("416 Range Not Satisfiable\r\n".to_owned(), &file[..])
                        }
                        Some(range) => {
                            let (from, last) = range.split_once('-').unwrap();
                            let last = last.parse::<usize>().unwrap();
                            let (from, end) = match from.parse::<usize>() {
                                Ok(from) => (from, file.len().min(last + 1)),
                                // A suffix range.
                                Err(_) => (file.len().saturating_sub(last), file.len()),
                            };
                            (
                                format!(
                                    "206 Partial Content\r\nContent-Range: bytes {from}-{}/{}\r\n",
                                    end - 1,
                                    file.len()
                                ),
                                &file[from..end],
                            )
                        }
                        None => ("200 OK\r\n".to_owned(), &file[..]),
                    };
                    let more = format!(
                        "Content-Length: {}\r\nETag: \"{tag}\"\r\nConnection: close\r\n\r\n",
                        body.len()
                    );
                    let body = if number == breaks { &body[..body.len() / 2] } else { body };
                    // The client may have disconnected.
                    let _ = socket
                        .write_all(format!("HTTP/1.1 {head}{more}").as_bytes())
                        .and_then(|()| socket.write_all(body));
                });
            }
        });
        (format!("http://{address}/file"), count)
    }

    #[test]
    fn large_files_come_in_parts() {
        for size in [0, 5, PART as usize, PART as usize * 5 / 2] {
            let file: Arc<Vec<u8>> = Arc::new((0..size).map(|i| (i / 7 % 251) as u8).collect());
            for breaks in [usize::MAX, 0, 1] {
                let (url, given) = serve(file.clone(), usize::MAX, breaks);
                let mut read = Vec::new();
                http("test", &url).unwrap().read_to_end(&mut read).unwrap();
                assert!(read == *file, "{size}");
                let asked = if size == 0 { 2 } else { size.div_ceil(PART as usize) };
                assert_eq!(
                    given.load(Ordering::Relaxed),
                    asked + usize::from(size > 0 && breaks < asked),
                    "{size} {breaks}"
                );
            }
        }
    }

    #[test]
    fn files_that_change_are_an_error() {
        let (url, _) = serve(Arc::new(vec![7; PART as usize * 2]), 1, usize::MAX);
        let e = http("test", &url).unwrap().read_to_end(&mut Vec::new()).unwrap_err().to_string();
        assert!(e.contains("changed while it was read"), "{e}");
    }
}
