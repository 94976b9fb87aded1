//! Remote files for DataFusion's own readers: by range requests if the server supports them, else
//! downloaded to an unnamed temporary file, so that nothing is left behind.

use crate::error::{During, Error, Result};
use crate::{config, fs};
use bytes::Bytes;
use chrono::Utc;
use datafusion::datasource::listing::ListingTableUrl;
use datafusion::execution::object_store::{DefaultObjectStoreRegistry, ObjectStoreRegistry};
use futures::stream::{self, BoxStream, StreamExt};
use object_store::path::Path as ObjectPath;
use object_store::{
    Attributes, CopyOptions, Error as StoreError, GetOptions, GetResult, GetResultPayload,
    ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions,
    PutPayload, PutResult, Result as StoreResult,
};
use std::fmt;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

/// Bytes per read.
const STEP: u64 = 1 << 20;

/// The object stores of all DataFusion sessions.
pub(in crate::frame) static STORES: LazyLock<Arc<dyn ObjectStoreRegistry>> =
    LazyLock::new(|| Arc::new(DefaultObjectStoreRegistry::new()));

/// Returns the names under which DataFusion finds the files of a URL.
pub(in crate::frame) fn reachable(method: &str, url: &str, by_ranges: bool) -> Result<Vec<String>> {
    let urls = fs::expand(method, url)?;
    let store = if by_ranges { fs::ranged(method, &urls[0])? } else { None };
    match store {
        Some(store) => {
            register(method, &urls[0], store)?;
            Ok(urls)
        }
        None => fetched(method, &urls),
    }
}

fn register(method: &str, url: &str, store: Arc<dyn ObjectStore>) -> Result<()> {
    let at = ListingTableUrl::parse(url).during(method)?;
    STORES.register_store(at.object_store().as_ref(), store);
    Ok(())
}

/// Downloads files now. DataFusion expects all files of a table in one store.
fn fetched(method: &str, urls: &[String]) -> Result<Vec<String>> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let (number, mut files, mut names) =
        (NEXT.fetch_add(1, Ordering::Relaxed), Vec::new(), Vec::new());
    for (i, url) in urls.iter().enumerate() {
        let mut from = fs::open_for(method, url)?;
        let mut file = tempfile::tempfile_in(&config::cluster().local_directory)
            .map_err(Error::io(method, url))?;
        let size = std::io::copy(&mut from, &mut file).map_err(Error::io(method, url))?;
        let name = url.split(['?', '#']).next().unwrap_or(url).rsplit('/').next().unwrap_or(url);
        let ending: String = name
            .rsplit('.')
            .next()
            .unwrap_or("")
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .collect();
        let location = ObjectPath::from(format!("{i:06}.{ending}"));
        names.push(format!("rask-fetched://{number}/{location}"));
        files.push((
            Arc::new(file),
            ObjectMeta { location, last_modified: Utc::now(), size, e_tag: None, version: None },
        ));
    }
    register(method, &names[0], Arc::new(Fetched { url: urls[0].clone(), files }))?;
    Ok(names)
}

/// Downloaded files.
#[derive(Debug)]
struct Fetched {
    url: String,
    files: Vec<(Arc<File>, ObjectMeta)>,
}

impl fmt::Display for Fetched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

impl Fetched {
    fn metas(&self, below: Option<&ObjectPath>) -> Vec<ObjectMeta> {
        let wanted =
            |m: &&ObjectMeta| below.is_none_or(|b| m.location.as_ref().starts_with(b.as_ref()));
        self.files.iter().map(|f| &f.1).filter(wanted).cloned().collect()
    }

    fn refused<T>(&self, operation: &str) -> StoreResult<T> {
        Err(StoreError::NotImplemented {
            operation: operation.to_owned(),
            implementer: self.to_string(),
        })
    }
}

fn read(file: &File, from: u64, to: u64) -> std::io::Result<Bytes> {
    let mut bytes = vec![0; (to - from) as usize];
    file.read_exact_at(&mut bytes, from)?;
    Ok(bytes.into())
}

#[async_trait::async_trait]
impl ObjectStore for Fetched {
    async fn get_opts(&self, location: &ObjectPath, options: GetOptions) -> StoreResult<GetResult> {
        let Some((file, meta)) = self.files.iter().find(|(_, meta)| meta.location == *location)
        else {
            return Err(StoreError::NotFound {
                path: location.to_string(),
                source: self.url.clone().into(),
            });
        };
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| StoreError::Generic {
            store: "fetched",
            source,
        };
        let range = match options.range {
            Some(range) => range.as_range(meta.size).map_err(|e| failed(Box::new(e)))?,
            None => 0..meta.size,
        };
        let (meta, attributes) = (meta.clone(), Attributes::default());
        // Reopened to get an independent position, if the system exposes the descriptor.
        let opened = File::open(format!("/proc/self/fd/{}", file.as_raw_fd()));
        if let (true, Ok(file)) = (range == (0..meta.size), opened) {
            return Ok(GetResult {
                payload: GetResultPayload::File(file, PathBuf::from(&self.url)),
                meta,
                range,
                attributes,
            });
        }
        let (file, end) = (file.clone(), range.end);
        let starts = stream::iter((range.start..range.end).step_by(STEP as usize));
        let steps = starts.then(move |from| {
            let file = file.clone();
            async move {
                let step =
                    tokio::task::spawn_blocking(move || read(&file, from, (from + STEP).min(end)))
                        .await;
                step.map_err(|e| failed(Box::new(e)))?.map_err(|e| failed(Box::new(e)))
            }
        });
        Ok(GetResult { payload: GetResultPayload::Stream(steps.boxed()), meta, range, attributes })
    }

    fn list(&self, below: Option<&ObjectPath>) -> BoxStream<'static, StoreResult<ObjectMeta>> {
        stream::iter(self.metas(below).into_iter().map(Ok)).boxed()
    }

    async fn list_with_delimiter(&self, below: Option<&ObjectPath>) -> StoreResult<ListResult> {
        Ok(ListResult { common_prefixes: Vec::new(), objects: self.metas(below) })
    }

    async fn put_opts(
        &self,
        _: &ObjectPath,
        _: PutPayload,
        _: PutOptions,
    ) -> StoreResult<PutResult> {
        self.refused("put")
    }

    async fn put_multipart_opts(
        &self,
        _: &ObjectPath,
        _: PutMultipartOptions,
    ) -> StoreResult<Box<dyn MultipartUpload>> {
        self.refused("put")
    }

    fn delete_stream(
        &self,
        _: BoxStream<'static, StoreResult<ObjectPath>>,
    ) -> BoxStream<'static, StoreResult<ObjectPath>> {
        stream::iter([self.refused("delete")]).boxed()
    }

    async fn copy_opts(&self, _: &ObjectPath, _: &ObjectPath, _: CopyOptions) -> StoreResult<()> {
        self.refused("copy")
    }
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;
    use std::io::{BufRead, BufReader, Write};
    use std::net::{TcpListener, TcpStream};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn answer(mut socket: TcpStream, body: &[u8], ranges: bool, sent: &AtomicUsize) {
        let mut lines = BufReader::new(socket.try_clone().unwrap()).lines().map(|l| l.unwrap());
        let first = lines.next().unwrap_or_default();
        let mut range = None;
        while let Some(line) = lines.next().filter(|l| !l.is_empty()) {
            if let Some(asked) = line.to_lowercase().strip_prefix("range: bytes=") {
                let (from, to) = asked.split_once('-').unwrap();
                let to = to.parse().map_or(body.len(), |to: usize| (to + 1).min(body.len()));
                range = Some(if from.is_empty() {
                    body.len() - asked[1..].parse::<usize>().unwrap()..body.len()
                } else {
                    from.parse().unwrap()..to
                });
            }
        }
        let part = range.clone().filter(|_| ranges).unwrap_or(0..body.len());
        let status = if ranges && range.is_some() { "206 Partial Content" } else { "200 OK" };
        let more = format!(
            "Content-Range: bytes {}-{}/{}\r\n",
            part.start,
            part.end.max(1) - 1,
            body.len()
        );
        let more = if ranges && range.is_some() { more } else { String::new() };
        let _ = write!(
            socket,
            "HTTP/1.1 {status}\r\nContent-Length: {}\r\n{more}Connection: close\r\n\r\n",
            part.len()
        );
        if !first.starts_with("HEAD") {
            sent.fetch_add(part.len(), Ordering::SeqCst);
            let _ = socket.write_all(&body[part]);
        }
    }

    /// Serves one file, and counts the bytes sent.
    fn serve(body: Vec<u8>, ranges: bool) -> (String, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, sent) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
        let (body, told) = (Arc::new(body), sent.clone());
        std::thread::spawn(move || {
            for socket in listener.incoming() {
                let (body, told) = (body.clone(), told.clone());
                std::thread::spawn(move || answer(socket.unwrap(), &body, ranges, &told));
            }
        });
        (format!("http://{address}"), sent)
    }

    fn sum(df: &DataFrame) -> i64 {
        df.col("x").sum().compute().unwrap().as_i64().unwrap()
    }

    #[test]
    fn files_of_urls_are_read_by_parts_or_whole() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let rows = 200_000i64;
        let df = DataFrame::from_columns([
            ("x", Series::from_iter(0..rows)),
            ("wide", Series::from_iter((0..rows).map(|i| format!("{:032}", i * 7919)))),
        ]);
        df.to_parquet(&at("t.parquet")).unwrap();
        df.head(1000).unwrap();
        let body = std::fs::read(at("t.parquet")).unwrap();
        let size = body.len();
        for ranges in [true, false] {
            let (url, sent) = serve(body.clone(), ranges);
            let read = read_parquet(&format!("{url}/data/t.parquet"));
            assert_eq!(sum(&read), rows * (rows - 1) / 2);
            let n = sent.load(Ordering::SeqCst);
            assert_eq!(n < size / 2, ranges, "{n} of {size} bytes");
            assert_eq!(read.filter(col("x").eq(7)).compute().unwrap().len(), 1);
        }
        df.to_json(&at("t.json")).unwrap();
        df.to_ipc(&at("t.arrow")).unwrap();
        let (url, _) = serve(std::fs::read(at("t.json")).unwrap(), false);
        assert_eq!(sum(&read_json(&format!("{url}/t.json?key=1"))), rows * (rows - 1) / 2);
        let (url, _) = serve(std::fs::read(at("t.arrow")).unwrap(), true);
        assert_eq!(sum(&read_ipc(&format!("{url}/t.arrow"))), rows * (rows - 1) / 2);
        // A new client has a new session, and still finds the file.
        let read = read_json(&format!("{}/t.json", serve(b"{\"x\": 5}\n".to_vec(), false).0));
        let client = Client::local().memory_limit("1GB").start().unwrap();
        assert_eq!(sum(&read), 5);
        client.close();
    }

    #[test]
    fn what_a_server_says_is_told() {
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let e =
            read_parquet(&format!("http://{closed}/t.parquet")).compute().unwrap_err().to_string();
        assert!(e.contains("read_parquet") && e.contains("refused"), "{e}");
        let (url, _) = serve(b"no parquet".to_vec(), true);
        let e = read_parquet(&format!("{url}/t.parquet")).compute().unwrap_err().to_string();
        assert!(e.contains("read_parquet"), "{e}");
    }
}
