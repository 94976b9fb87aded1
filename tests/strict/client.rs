//! The strict client: starts a kernel in an empty folder, signs its messages, checks received ones,
//! and panics at the end if there were unexpected messages.

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use std::collections::VecDeque;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use zeromq::{DealerSocket, Socket, SocketRecv, SocketSend, SubSocket, ZmqMessage};

const KEY: &str = "a key of the tests";
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) struct Client {
    process: Child,
    /// The working folder; removed at the end.
    _folder: tempfile::TempDir,
    ports: Value,
    shell: DealerSocket,
    control: DealerSocket,
    stdin: DealerSocket,
    iopub: SubSocket,
    /// Received on iopub, but not yet expected by a test.
    heard: VecDeque<Value>,
    /// The only session of the kernel.
    session: Option<String>,
    sent: u32,
}

fn signature(parts: &[Vec<u8>]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(KEY.as_bytes()).unwrap();
    parts.iter().for_each(|p| mac.update(p));
    hex(&mac.finalize().into_bytes())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Returns the contents of the messages of one type.
pub(super) fn content(messages: &[Value], kind: &str) -> Vec<Value> {
    messages
        .iter()
        .filter(|m| m["header"]["msg_type"] == kind)
        .map(|m| m["content"].clone())
        .collect()
}

/// Returns the command of the installed kernel.
fn argv() -> Vec<String> {
    let data = std::env::var("JUPYTER_DATA_DIR")
        .unwrap_or_else(|_| format!("{}/.local/share/jupyter", std::env::var("HOME").unwrap()));
    let path = format!("{data}/kernels/rask/kernel.json");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| {
        panic!("{path}: {e}; `cargo lab --no-start` installs the kernel that is tested")
    });
    let spec: Value = serde_json::from_str(&text).unwrap();
    spec["argv"].as_array().unwrap().iter().map(|a| a.as_str().unwrap().to_owned()).collect()
}

fn free_ports() -> Value {
    // All ports are held until the last one is found, so that they differ.
    let held: Vec<_> =
        (0..5).map(|_| std::net::TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let port = |i: usize| held[i].local_addr().unwrap().port();
    json!({"shell": port(0), "control": port(1), "stdin": port(2), "iopub": port(3), "hb": port(4)})
}

impl Client {
    /// Runs a test with its own kernel; no message may be left unread at its end.
    pub(super) fn with(test: impl AsyncFnOnce(&mut Self)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut client = Self::start().await;
            test(&mut client).await;
            client.settle().await;
            assert!(client.heard.is_empty(), "heard and expected by nobody: {:?}", client.heard);
            let reply = client.ask("control", "shutdown_request", json!({"restart": false})).await;
            assert_eq!(reply["content"], json!({"status": "ok", "restart": false}));
        });
    }

    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ports = free_ports();
        let file = folder.path().join("connection.json");
        let mut connection = json!({"transport": "tcp", "ip": "127.0.0.1", "key": KEY, "signature_scheme": "hmac-sha256"});
        for (name, port) in ports.as_object().unwrap() {
            connection[format!("{name}_port")] = port.clone();
        }
        std::fs::write(&file, connection.to_string()).unwrap();
        let argv: Vec<String> =
            argv().iter().map(|a| a.replace("{connection_file}", file.to_str().unwrap())).collect();
        let process = Command::new(&argv[0])
            .args(&argv[1..])
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let mut client = Self {
            process,
            _folder: folder,
            ports,
            shell: dealer("the client"),
            control: DealerSocket::new(),
            stdin: dealer("the client"),
            iopub: SubSocket::new(),
            heard: VecDeque::new(),
            session: None,
            sent: 0,
        };
        client.connect().await;
        client
    }

    async fn connect(&mut self) {
        let endpoint = |name: &str| format!("tcp://127.0.0.1:{}", self.ports[name]);
        let all = [endpoint("shell"), endpoint("control"), endpoint("stdin"), endpoint("iopub")];
        for (i, endpoint) in all.iter().enumerate() {
            let end = std::time::Instant::now() + PATIENCE;
            loop {
                let connected = match i {
                    0 => self.shell.connect(endpoint).await,
                    1 => self.control.connect(endpoint).await,
                    2 => self.stdin.connect(endpoint).await,
                    _ => self.iopub.connect(endpoint).await,
                };
                match connected {
                    Ok(()) => break,
                    Err(e) => assert!(std::time::Instant::now() < end, "{endpoint}: {e}"),
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        self.iopub.subscribe("").await.unwrap();
        loop {
            let first = self.hear().await;
            if first["header"]["msg_type"] == "iopub_welcome" {
                assert_eq!(first["content"], json!({"subscription": ""}));
                return;
            }
        }
    }

    pub(super) fn port(&self, name: &str) -> Value {
        self.ports[name].clone()
    }

    /// Sends a request; returns its id.
    pub(super) async fn send(&mut self, channel: &str, kind: &str, content: Value) -> String {
        self.send_with(channel, kind, content, &[]).await
    }

    pub(super) async fn send_with(
        &mut self,
        channel: &str,
        kind: &str,
        content: Value,
        buffers: &[&[u8]],
    ) -> String {
        let (id, parts) = self.parts(kind, &content);
        let mut frames = vec![b"<IDS|MSG>".to_vec(), signature(&parts).into_bytes()];
        frames.extend(parts);
        frames.extend(buffers.iter().map(|b| b.to_vec()));
        self.send_raw(channel, frames).await;
        id
    }

    fn parts(&mut self, kind: &str, content: &Value) -> (String, Vec<Vec<u8>>) {
        self.sent += 1;
        let id = format!("request-{}", self.sent);
        let header = json!({"msg_id": id, "session": "strict", "username": "test", "date": "2026-01-01T00:00:00Z", "msg_type": kind, "version": "5.5"});
        (
            id,
            [&header, &json!({}), &json!({}), content].map(|p| p.to_string().into_bytes()).to_vec(),
        )
    }

    /// Sends a message that is signed with another key.
    pub(super) async fn send_forged(&mut self, channel: &str, kind: &str, content: Value) {
        let (_, parts) = self.parts(kind, &content);
        let mut frames = vec![b"<IDS|MSG>".to_vec(), "ab".repeat(32).into_bytes()];
        frames.extend(parts);
        self.send_raw(channel, frames).await;
    }

    pub(super) async fn send_raw(&mut self, channel: &str, frames: Vec<Vec<u8>>) {
        let message =
            ZmqMessage::try_from(frames.into_iter().map(Bytes::from).collect::<Vec<_>>()).unwrap();
        match channel {
            "shell" => self.shell.send(message).await,
            "control" => self.control.send(message).await,
            _ => self.stdin.send(message).await,
        }
        .unwrap();
    }

    /// Receives the next message on a channel other than iopub.
    pub(super) async fn receive(&mut self, channel: &str) -> Value {
        let next = async {
            match channel {
                "shell" => self.shell.recv().await,
                "control" => self.control.recv().await,
                _ => self.stdin.recv().await,
            }
        };
        let message = tokio::time::timeout(PATIENCE, next)
            .await
            .unwrap_or_else(|_| panic!("nothing comes on {channel}"))
            .unwrap();
        self.checked(message)
    }

    async fn hear(&mut self) -> Value {
        let message = tokio::time::timeout(PATIENCE, self.iopub.recv())
            .await
            .unwrap_or_else(|_| panic!("nothing comes on iopub, after {:?}", self.heard));
        self.checked(message.unwrap())
    }

    /// Decodes a message, which must be signed and belong to the kernel's only session.
    fn checked(&mut self, message: ZmqMessage) -> Value {
        let frames: Vec<Vec<u8>> = message.into_vec().iter().map(|b| b.to_vec()).collect();
        let at = frames.iter().position(|f| f == b"<IDS|MSG>").expect("a delimiter");
        let parts = &frames[at + 2..at + 6];
        assert_eq!(String::from_utf8_lossy(&frames[at + 1]), signature(parts), "a bad signature");
        let [header, parent, metadata, content] =
            [0, 1, 2, 3].map(|i| serde_json::from_slice::<Value>(&parts[i]).unwrap());
        for key in ["msg_id", "session", "username", "date", "msg_type", "version"] {
            assert!(header[key].is_string(), "{key} is missing in {header}");
        }
        assert_eq!(header["version"], "5.5");
        let session = header["session"].as_str().unwrap().to_owned();
        assert_eq!(
            *self.session.get_or_insert(session.clone()),
            session,
            "one kernel, one session"
        );
        assert!(metadata.is_object());
        let buffers: Vec<String> = frames[at + 6..].iter().map(|b| hex(b)).collect();
        json!({"header": header, "parent_header": parent, "metadata": metadata, "content": content, "buffers": buffers})
    }

    /// Receives the next matching message on iopub; earlier ones are kept for later expectations.
    async fn next(&mut self, fits: impl Fn(&Value) -> bool) -> Value {
        let mut seen = 0;
        loop {
            while seen < self.heard.len() {
                if fits(&self.heard[seen]) {
                    return self.heard.remove(seen).unwrap();
                }
                seen += 1;
            }
            let message = self.hear().await;
            self.heard.push_back(message);
        }
    }

    /// Receives everything on iopub that answers a request, between its busy and its idle.
    pub(super) async fn published(&mut self, id: &str) -> Vec<Value> {
        let mut messages = Vec::new();
        loop {
            let m = self.next(|m| m["parent_header"]["msg_id"] == id).await;
            let state = m["content"]["execution_state"].as_str().unwrap_or_default().to_owned();
            if messages.is_empty() {
                assert_eq!(state, "busy", "the first message of {id} is {m}");
            }
            let ends = m["header"]["msg_type"] == "status" && state == "idle";
            messages.push(m);
            if ends {
                break;
            }
        }
        messages.pop();
        messages.remove(0);
        // The busy of a running cell is sent again after the idle of another request.
        messages.retain(|m| {
            m["header"]["msg_type"] != "status" || m["content"]["execution_state"] != "busy"
        });
        messages
    }

    /// Sends a request on `channel`; returns its reply.
    pub(super) async fn ask(&mut self, channel: &str, kind: &str, content: Value) -> Value {
        let id = self.send(channel, kind, content).await;
        let reply = self.receive(channel).await;
        assert_eq!(reply["parent_header"]["msg_id"], id.as_str(), "{reply}");
        let published = self.published(&id).await;
        assert!(published.is_empty(), "{published:?}");
        reply
    }

    /// Returns the reply to a cell and the messages that it published.
    pub(super) async fn collect(&mut self, id: &str) -> (Value, Vec<Value>) {
        let messages = self.published(id).await;
        let reply = self.receive("shell").await;
        assert_eq!(reply["header"]["msg_type"], "execute_reply");
        assert_eq!(reply["parent_header"]["msg_id"], id);
        let failed = reply["content"]["status"] == "error";
        for key in if failed {
            &["ename", "evalue", "traceback", "execution_count"][..]
        } else {
            &["execution_count", "user_expressions", "payload"][..]
        } {
            // A dropped cell has no number.
            let none = *key == "execution_count" && reply["content"]["ename"] == "Dropped";
            assert_eq!(reply["content"][*key].is_null(), none, "{key} in {reply}");
        }
        for result in content(&messages, "execute_result") {
            assert_eq!(result["execution_count"], reply["content"]["execution_count"]);
        }
        (reply, messages)
    }

    pub(super) async fn execute(&mut self, content: Value) -> (Value, Vec<Value>) {
        let id = self.send("shell", "execute_request", content).await;
        self.collect(&id).await
    }

    pub(super) async fn cell(&mut self, code: &str) -> (Value, Vec<Value>) {
        self.execute(json!({"code": code})).await
    }

    /// Waits until a cell starts.
    pub(super) async fn until_input(&mut self, id: &str) {
        let m = self
            .next(|m| {
                m["parent_header"]["msg_id"] == id && m["header"]["msg_type"] == "execute_input"
            })
            .await;
        self.heard.push_front(m);
        // Its busy came earlier.
        let at = self
            .heard
            .iter()
            .position(|m| m["parent_header"]["msg_id"] == id && m["header"]["msg_type"] == "status")
            .unwrap();
        let busy = self.heard.remove(at).unwrap();
        self.heard.push_front(busy);
    }

    /// Receives the next message of a comm.
    pub(super) async fn comm_message(&mut self, comm: &str) -> Value {
        self.next(|m| {
            m["header"]["msg_type"].as_str().unwrap().starts_with("comm_")
                && m["content"]["comm_id"] == comm
        })
        .await
    }

    /// Returns whether the cell's busy was sent again after the idle of another request.
    pub(super) async fn busy_again(&mut self, other: &str, cell: &str) -> bool {
        let idle = |m: &Value| {
            m["parent_header"]["msg_id"] == other && m["content"]["execution_state"] == "idle"
        };
        let busy = |m: &Value| {
            m["parent_header"]["msg_id"] == cell && m["content"]["execution_state"] == "busy"
        };
        if !self.heard.iter().any(idle) {
            let m = self.next(idle).await;
            self.heard.push_back(m);
        }
        let end = tokio::time::Instant::now() + Duration::from_secs(2);
        loop {
            let at = self.heard.iter().position(idle).unwrap();
            if self.heard.iter().skip(at).any(busy) {
                return true;
            }
            match tokio::time::timeout_at(end, self.hear()).await {
                Ok(m) => self.heard.push_back(m),
                Err(_) => return false,
            }
        }
    }

    /// Receives outstanding messages; drops the statuses of comm messages, which have no reply to
    /// wait for.
    async fn settle(&mut self) {
        while let Ok(m) = tokio::time::timeout(Duration::from_millis(300), self.iopub.recv()).await
        {
            let m = self.checked(m.unwrap());
            self.heard.push_back(m);
        }
        // `starting` may come before or after the subscription.
        self.heard.retain(|m| m["content"]["execution_state"] != "starting");
    }

    /// Drops received statuses of requests without a reply.
    pub(super) fn leave_rest(&mut self) {
        self.heard.retain(|m| m["header"]["msg_type"] != "status");
    }
}

/// Connects a socket with an identity: input requests arrive on stdin for the identity that sent
/// the cell on shell.
fn dealer(name: &str) -> DealerSocket {
    let mut options = zeromq::SocketOptions::default();
    options.peer_identity(name.parse().unwrap());
    DealerSocket::with_options(options)
}

impl Drop for Client {
    fn drop(&mut self) {
        // A kernel that was shut down has ended; that of a failed test has not.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
