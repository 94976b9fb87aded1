//! The dashboard: a page that shows every computation of the session while it runs. It is only
//! served to this machine, and only with the token of the link. The page requests only one stream
//! of events, each the state of the session.

use super::progress::{self, Phase, Snapshot};
use super::{card, stream};
use crate::error::{ErrorKind, Result};
use crate::units::shown_time;
use bytes::Bytes;
use futures::{Stream, StreamExt, stream as streams};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rask_wire::helpers::Whole;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Mutex;
use std::time::Duration;

/// The port of Dask's dashboard; if it is in use, the next free one is taken.
const PORT: u16 = 8787;
const PORTS: u16 = 200;
/// The time between two events.
const EVERY: Duration = Duration::from_millis(250);

const PAGE: &str = include_str!("../../../assets/dashboard.html");

/// The link to the dashboard, once it is served.
static LINK: Mutex<Option<String>> = Mutex::new(None);

type Body = BoxBody<Bytes, Infallible>;

/// Returns the link to the dashboard, which is served from the first call on.
pub(crate) fn link() -> Result<String> {
    let mut link = LINK.lock().whole();
    if let Some(known) = &*link {
        return Ok(known.clone());
    }
    let failed = |source| ErrorKind::Io {
        method: "dashboard_link".to_owned(),
        path: format!("port {PORT} and up"),
        source,
    };
    let listener =
        (PORT..PORT + PORTS).find_map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok());
    let listener =
        listener.map_or_else(|| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)), Ok).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    let port = listener.local_addr().map_err(failed)?.port();
    let token = format!("{:032x}", rand::random::<u128>());
    let new = format!("http://127.0.0.1:{port}/status?token={token}");
    let serving = std::thread::Builder::new()
        .name("rask-dashboard".to_owned())
        .spawn(move || serve(listener, &token));
    serving.map_err(failed)?;
    *link = Some(new.clone());
    Ok(new)
}

fn serve(listener: TcpListener, token: &str) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return;
    };
    runtime.block_on(async {
        let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
        loop {
            // A connection that fails before it is accepted is ignored.
            let Ok((socket, _)) = listener.accept().await else {
                // Possibly too many open files, which may be temporary.
                tokio::time::sleep(EVERY).await;
                continue;
            };
            let token = token.to_owned();
            tokio::spawn(async move {
                let answer = service_fn(move |request| {
                    let response = answer(&request, &token);
                    async move { Ok::<_, Infallible>(response) }
                });
                // Closing the page ends its connection.
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(socket), answer)
                    .await;
            });
        }
    });
}

fn answer(request: &Request<Incoming>, token: &str) -> Response<Body> {
    let plain = |status, text: &str| respond(status, "text/plain; charset=utf-8", full(text));
    // Pages of other sites that reach this machine under another host name (DNS rebinding) are
    // rejected.
    let host = request.headers().get("host").and_then(|h| h.to_str().ok()).unwrap_or_default();
    if !["127.0.0.1", "localhost"].contains(&host.split(':').next().unwrap_or_default()) {
        return plain(StatusCode::FORBIDDEN, "the dashboard is only accessible from this machine");
    }
    let query = request.uri().query().unwrap_or_default();
    if !query.split('&').any(|part| part.strip_prefix("token=") == Some(token)) {
        return plain(
            StatusCode::FORBIDDEN,
            "invalid or missing token; help: client.dashboard_link() returns the full link",
        );
    }
    match request.uri().path() {
        "/" | "/status" => respond(StatusCode::OK, "text/html; charset=utf-8", full(PAGE)),
        "/events" => {
            respond(StatusCode::OK, "text/event-stream", BodyExt::boxed(StreamBody::new(events())))
        }
        "/session.json" => {
            respond(StatusCode::OK, "application/json", full(&session().to_string()))
        }
        other => plain(
            StatusCode::NOT_FOUND,
            &format!("page {other} not found: expected /status, /events or /session.json"),
        ),
    }
}

fn full(text: &str) -> Body {
    Full::new(Bytes::copy_from_slice(text.as_bytes())).boxed()
}

fn respond(status: StatusCode, kind: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert("content-type", hyper::header::HeaderValue::from_static(kind));
    headers.insert("cache-control", hyper::header::HeaderValue::from_static("no-store"));
    headers.insert("referrer-policy", hyper::header::HeaderValue::from_static("no-referrer"));
    response
}

/// Returns a stream of the session's state, now and whenever it has changed.
fn events() -> impl Stream<Item = std::result::Result<Frame<Bytes>, Infallible>> {
    let changes = streams::unfold(String::new(), |last| async move {
        loop {
            let now = session().to_string();
            if now != last {
                return Some((now.clone(), now));
            }
            tokio::time::sleep(EVERY).await;
        }
    });
    let paced = changes.enumerate().then(|(i, event)| async move {
        if i > 0 {
            tokio::time::sleep(EVERY).await;
        }
        event
    });
    paced.map(|event| Ok(Frame::data(Bytes::from(format!("data: {event}\n\n")))))
}

/// Returns the session's computations, the latest first, and the picture of the latest one.
fn session() -> Value {
    let (session, _) = progress::session();
    let all: Vec<_> =
        session.active.iter().rev().chain(session.ended.iter().rev()).cloned().collect();
    drop(session);
    let snapshots: Vec<_> = all.iter().map(|c| c.snapshot()).collect();
    let latest = all.first().zip(snapshots.first());
    json!({
        "computations": snapshots.iter().map(described).collect::<Vec<_>>(),
        "stream": latest.and_then(|(counts, now)| stream::picture(counts, now)),
        "workers": latest.map(|(_, now)| card::workers(now, None)),
        "memory": latest.map(|(_, now)| card::memory(now)),
    })
}

fn described(now: &Snapshot) -> Value {
    let names: Vec<_> = now.names.iter().enumerate().filter(|(_, n)| n.total > 0).collect();
    let name = |(i, n): &(usize, &progress::NameNow)| {
        json!({ "name": n.name, "total": n.total, "done": n.done, "failed": n.failed, "running": n.running,
                "each": if n.done > 0 { shown_time(n.took / n.done.min(u64::from(u32::MAX)) as u32) } else { String::new() },
                "colour": stream::colour_of(*i as u32) })
    };
    json!({
        "number": now.number,
        "state": now.phase.label(),
        "running": now.phase == Phase::Computing,
        "text": card::text(now),
        "part": card::part(now),
        "names": names.iter().take(40).map(name).collect::<Vec<_>>(),
        "more": names.len().saturating_sub(40),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpStream;

    fn get(address: &str, path: &str, host: &str) -> String {
        let mut socket = TcpStream::connect(address).unwrap();
        write!(socket, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
        let mut text = String::new();
        socket.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn the_page_is_for_those_who_have_the_link() {
        let link = link().unwrap();
        assert_eq!(link, super::link().unwrap(), "there is one dashboard");
        let rest = link.strip_prefix("http://").unwrap();
        let (address, path) = rest.split_at(rest.find('/').unwrap());
        let page = get(address, path, address);
        assert!(page.starts_with("HTTP/1.1 200") && page.contains("<html"), "{page}");
        assert!(
            !page.contains("https://") && !page.contains("src=\"http"),
            "nothing comes from outside"
        );
        assert!(get(address, "/status", address).starts_with("HTTP/1.1 403"));
        assert!(get(address, path, "evil.example").starts_with("HTTP/1.1 403"));
        let state = get(address, &path.replace("/status", "/session.json"), address);
        assert!(state.contains("\"computations\""), "{state}");
        assert!(
            get(address, &path.replace("/status", "/nothing"), address).starts_with("HTTP/1.1 404")
        );
    }
}
