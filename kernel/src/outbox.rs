//! The only writer of iopub. Everything that is published passes through here in order, with the
//! header of the request it answers; text streams are buffered briefly, so that a loop of prints
//! becomes a few messages and not thousands.

use crate::protocol::Header;
use crate::protocol::frames::Signer;
use bytes::Bytes;
use rask_wire::{Bundle, Comm, CommEvent, Role};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::Instant;
use zeromq::{SocketRecv, SocketSend, XPubSocket, ZmqMessage};

/// How long text is buffered before it is sent.
const GATHER: Duration = Duration::from_millis(60);
/// How long a slow subscriber may block the others.
const STALLED: Duration = Duration::from_secs(5);
/// Buffered text is sent once it has this many bytes.
const FULL: usize = 1 << 18;

/// The request that an output belongs to; `None` between cells and at the start.
pub(crate) type Parent = Option<Arc<Header>>;

enum Out {
    Message {
        msg_type: &'static str,
        parent: Parent,
        metadata: Value,
        content: Value,
        buffers: Vec<Bytes>,
    },
    Stream {
        name: &'static str,
        parent: Parent,
        text: String,
    },
    /// Answered once everything before it has been sent.
    Barrier(tokio::sync::oneshot::Sender<()>),
}

/// A handle for publishing.
#[derive(Clone)]
pub(crate) struct Outbox(UnboundedSender<Out>);

impl Outbox {
    /// Creates an outbox and the task that publishes its messages on the socket.
    pub(crate) fn new(socket: XPubSocket, signer: Signer) -> (Self, impl Future<Output = ()>) {
        let (sender, receiver) = unbounded_channel();
        (Self(sender), publish(receiver, socket, signer))
    }

    fn put(&self, out: Out) {
        // The task ends only with the process.
        let _ = self.0.send(out);
    }

    fn message(&self, msg_type: &'static str, parent: &Parent, content: Value) {
        self.put(Out::Message {
            msg_type,
            parent: parent.clone(),
            metadata: json!({}),
            content,
            buffers: Vec::new(),
        });
    }

    /// Publishes the status: `starting`, `busy` or `idle`.
    pub(crate) fn status(&self, parent: &Parent, state: &str) {
        self.message("status", parent, json!({ "execution_state": state }));
    }

    pub(crate) fn execute_input(&self, parent: &Parent, code: &str, count: u32) {
        self.message("execute_input", parent, json!({ "code": code, "execution_count": count }));
    }

    pub(crate) fn stream(&self, parent: &Parent, name: &'static str, text: String) {
        self.put(Out::Stream { name, parent: parent.clone(), text });
    }

    pub(crate) fn error(&self, parent: &Parent, name: &str, value: &str, traceback: &[String]) {
        self.message(
            "error",
            parent,
            json!({ "ename": name, "evalue": value, "traceback": traceback }),
        );
    }

    pub(crate) fn show(
        &self,
        parent: &Parent,
        role: Role,
        id: Option<String>,
        bundle: &Bundle,
        count: u32,
    ) {
        let mut content = json!({ "data": data_of(bundle), "metadata": {} });
        if let Some(id) = id {
            content["transient"] = json!({ "display_id": id });
        }
        let msg_type = match role {
            Role::Result => {
                content["execution_count"] = count.into();
                "execute_result"
            }
            Role::Display => "display_data",
            Role::Update => "update_display_data",
        };
        self.message(msg_type, parent, content);
    }

    /// Clears the output of the cell; with `wait`, only when the next output arrives.
    pub(crate) fn clear_output(&self, parent: &Parent, wait: bool) {
        self.message("clear_output", parent, json!({ "wait": wait }));
    }

    /// Sends a comm message to the front end.
    pub(crate) fn comm(&self, parent: &Parent, comm: Comm) {
        let mut content = json!({ "comm_id": comm.id, "data": comm.data });
        let msg_type = match comm.event {
            CommEvent::Open => {
                content["target_name"] = comm.target.into();
                "comm_open"
            }
            CommEvent::Message => "comm_msg",
            CommEvent::Close => "comm_close",
        };
        let buffers = comm.buffers.into_iter().map(|b| Bytes::from(b.0)).collect();
        self.put(Out::Message {
            msg_type,
            parent: parent.clone(),
            metadata: comm.metadata,
            content,
            buffers,
        });
    }

    /// Waits until everything queued before has been sent.
    pub(crate) async fn drained(&self) {
        let (done, wait) = tokio::sync::oneshot::channel();
        self.put(Out::Barrier(done));
        let _ = tokio::time::timeout(STALLED, wait).await;
    }
}

/// Returns the MIME bundle as messages carry it: JSON as JSON, everything else as text.
fn data_of(bundle: &Bundle) -> Value {
    let form = |(mime, text): (&String, &String)| {
        let json = mime.ends_with("json").then(|| serde_json::from_str(text).ok()).flatten();
        (mime.clone(), json.unwrap_or_else(|| text.as_str().into()))
    };
    bundle.data.iter().map(form).collect::<serde_json::Map<_, _>>().into()
}

/// Buffered text.
struct Pending {
    name: &'static str,
    parent: Parent,
    text: String,
    due: Instant,
}

/// A rate limit: Jupyter's server drops messages that arrive faster than a thousand a second.
struct Pace {
    since: Instant,
    sent: u32,
}

impl Pace {
    const WINDOW: Duration = Duration::from_millis(250);
    const MOST: u32 = 200;

    /// Waits for its turn.
    async fn wait(&mut self, msg_type: &str) {
        // Statuses are essential, and few.
        if msg_type == "status" {
            return;
        }
        if self.since.elapsed() >= Self::WINDOW {
            (self.since, self.sent) = (Instant::now(), 0);
        }
        self.sent += 1;
        if self.sent > Self::MOST {
            tokio::time::sleep_until(self.since + Self::WINDOW).await;
            (self.since, self.sent) = (Instant::now(), 1);
        }
    }
}

async fn publish(mut from: UnboundedReceiver<Out>, mut socket: XPubSocket, signer: Signer) {
    let mut pending: Option<Pending> = None;
    let mut pace = Pace { since: Instant::now(), sent: 0 };
    loop {
        let due = pending.as_ref().map(|p| p.due);
        tokio::select! {
            biased;
            // The socket only registers subscriptions while it is polled.
            subscription = socket.recv() => {
                if let Ok(message) = subscription {
                    welcome(&mut socket, &signer, &message).await;
                }
            }
            out = from.recv() => match out {
                Some(Out::Stream { name, parent, text }) => {
                    match &mut pending {
                        Some(p) if p.name == name && same(&p.parent, &parent) => p.text += &text,
                        _ => {
                            pace.wait("stream").await;
                            flush(&mut socket, &signer, &mut pending).await;
                            pending = Some(Pending { name, parent, text, due: Instant::now() + GATHER });
                        }
                    }
                    if pending.as_ref().is_some_and(|p| p.text.len() >= FULL) {
                        flush(&mut socket, &signer, &mut pending).await;
                    }
                }
                Some(Out::Message { msg_type, parent, metadata, content, buffers }) => {
                    flush(&mut socket, &signer, &mut pending).await;
                    pace.wait(msg_type).await;
                    send(&mut socket, &signer, msg_type, &parent, &metadata, &content, buffers).await;
                }
                Some(Out::Barrier(done)) => {
                    flush(&mut socket, &signer, &mut pending).await;
                    let _ = done.send(());
                }
                None => return,
            },
            () = sleep_until(due) => flush(&mut socket, &signer, &mut pending).await,
        }
    }
}

fn same(a: &Parent, b: &Parent) -> bool {
    a.as_ref().map(|h| &h.msg_id) == b.as_ref().map(|h| &h.msg_id)
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// Welcomes a new subscriber, which then knows that it misses no message from now on (JEP 65).
async fn welcome(socket: &mut XPubSocket, signer: &Signer, message: &ZmqMessage) {
    if let Some(frame) = message.get(0)
        && frame.first() == Some(&1)
    {
        let topic = String::from_utf8_lossy(&frame[1..]).into_owned();
        let frames = signer.encode(
            &[Bytes::from(topic.clone())],
            "iopub_welcome",
            None,
            &json!({}),
            &json!({ "subscription": topic }),
        );
        deliver(socket, frames).await;
    }
}

async fn flush(socket: &mut XPubSocket, signer: &Signer, pending: &mut Option<Pending>) {
    if let Some(p) = pending.take() {
        send(
            socket,
            signer,
            "stream",
            &p.parent,
            &json!({}),
            &json!({ "name": p.name, "text": p.text }),
            Vec::new(),
        )
        .await;
    }
}

async fn send(
    socket: &mut XPubSocket,
    signer: &Signer,
    msg_type: &str,
    parent: &Parent,
    metadata: &Value,
    content: &Value,
    buffers: Vec<Bytes>,
) {
    let topic = Bytes::from(format!("kernel.rask.{msg_type}"));
    let mut frames = signer.encode(&[topic], msg_type, parent.as_deref(), metadata, content);
    frames.extend(buffers);
    deliver(socket, frames).await;
}

async fn deliver(socket: &mut XPubSocket, frames: Vec<Bytes>) {
    if let Ok(message) = ZmqMessage::try_from(frames) {
        // A subscriber that has disconnected gets nothing; one that has stopped reading must not
        // block the others forever.
        let _ = tokio::time::timeout(STALLED, socket.send(message)).await;
    }
}
