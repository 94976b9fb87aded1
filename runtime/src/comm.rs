//! Comms: channels between an object in this process and one in the front end, such as the two
//! halves of a widget. Messages from the front end are handled immediately, even while a cell runs,
//! on a separate thread.

use crate::wire;
use rask_wire::helpers::Whole;
use rask_wire::{Buffer, Comm as Message, CommEvent, ToKernel};
pub use serde_json::{Value, json};
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, mpsc};

/// A callback that receives a message and its binary buffers.
type Handler = Arc<dyn Fn(&Comm, &Value, &[Vec<u8>]) + Send + Sync>;

#[derive(Default)]
struct Table {
    /// The message handler of each open comm.
    comms: HashMap<String, Option<Handler>>,
    /// The handlers of comms that the front end opens, by target.
    targets: HashMap<String, Handler>,
}

static TABLE: LazyLock<Mutex<Table>> = LazyLock::new(Mutex::default);
/// The sender to the thread that handles messages.
static INBOX: Mutex<Option<mpsc::Sender<Message>>> = Mutex::new(None);

fn table() -> MutexGuard<'static, Table> {
    TABLE.lock().whole()
}

/// A comm. Cheap to clone; [`Comm::close`] closes it, dropping it does not.
///
/// ```
/// use rask::comm::{Comm, json};
/// let comm = Comm::open("my.target", &json!({ "title": "speed" }));
/// comm.on_message(|comm, data, _buffers| comm.send(&json!({ "you_said": data })));
/// comm.send_with(&json!({ "samples": 2 }), &[vec![1, 2]]);
/// comm.close();
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Comm {
    id: String,
}

impl Comm {
    /// Opens a comm to the front end's `target`.
    #[must_use]
    pub fn open(target: &str, data: &Value) -> Self {
        Self::open_with(target, data, json!({}))
    }

    /// Opens a comm with metadata, which some targets require.
    pub(crate) fn open_with(target: &str, data: &Value, metadata: Value) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let comm = Self {
            id: format!(
                "rask-comm-{}-{}",
                std::process::id(),
                NEXT.fetch_add(1, Ordering::Relaxed)
            ),
        };
        table().comms.insert(comm.id.clone(), None);
        comm.post_with(CommEvent::Open, target, data, &[], metadata);
        comm
    }

    /// Returns the id of the comm on both sides.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Sends a message.
    pub fn send(&self, data: &Value) {
        self.post(CommEvent::Message, "", data, &[]);
    }

    /// Sends a message with binary buffers.
    pub fn send_with(&self, data: &Value, buffers: &[Vec<u8>]) {
        self.post(CommEvent::Message, "", data, buffers);
    }

    /// Calls `handler` with every later message of the front end, and its binary buffers.
    pub fn on_message(&self, handler: impl Fn(&Comm, &Value, &[Vec<u8>]) + Send + Sync + 'static) {
        self.set_handler(Arc::new(handler));
    }

    #[inline(never)]
    fn set_handler(&self, handler: Handler) {
        table().comms.insert(self.id.clone(), Some(handler));
    }

    /// Closes the comm on both sides.
    pub fn close(&self) {
        if table().comms.remove(&self.id).is_some() {
            self.post(CommEvent::Close, "", &json!({}), &[]);
        }
    }

    fn post(&self, event: CommEvent, target: &str, data: &Value, buffers: &[Vec<u8>]) {
        self.post_with(event, target, data, buffers, json!({}));
    }

    fn post_with(
        &self,
        event: CommEvent,
        target: &str,
        data: &Value,
        buffers: &[Vec<u8>],
        metadata: Value,
    ) {
        wire::send(&ToKernel::Comm(Message {
            event,
            id: self.id.clone(),
            target: target.to_owned(),
            data: data.clone(),
            metadata,
            buffers: buffers.iter().cloned().map(Buffer).collect(),
        }));
    }
}

/// Calls `handler` with every comm that the front end opens for `target`, and its data and binary
/// buffers.
///
/// ```
/// rask::comm::on_open("echo", |comm, data, _buffers| comm.send(data));
/// ```
pub fn on_open(target: &str, handler: impl Fn(&Comm, &Value, &[Vec<u8>]) + Send + Sync + 'static) {
    set_target(target, Arc::new(handler));
}

#[inline(never)]
fn set_target(target: &str, handler: Handler) {
    table().targets.insert(target.to_owned(), handler);
}

/// Starts the thread that handles messages.
pub(crate) fn start() -> std::io::Result<()> {
    let (sender, inbox) = mpsc::channel::<Message>();
    *INBOX.lock().whole() = Some(sender);
    let act = move || {
        inbox.iter().for_each(|message| drop(catch_unwind(AssertUnwindSafe(|| act(&message)))))
    };
    std::thread::Builder::new().name("comm".to_owned()).spawn(act).map(drop)
}

/// Passes a message from the front end to the thread that handles messages.
pub(crate) fn dispatch(message: Message) {
    if let Some(inbox) = &*INBOX.lock().whole() {
        // The thread lives as long as the process.
        let _ = inbox.send(message);
    }
}

fn act(message: &Message) {
    let comm = Comm { id: message.id.clone() };
    let handler = match message.event {
        CommEvent::Open => {
            let handler = table().targets.get(&message.target).cloned();
            if handler.is_none() {
                // A comm of an unknown target is closed, as the protocol requires.
                comm.post(CommEvent::Close, "", &json!({}), &[]);
                return;
            }
            table().comms.insert(comm.id.clone(), None);
            handler
        }
        CommEvent::Message => table().comms.get(&comm.id).cloned().flatten(),
        CommEvent::Close => {
            table().comms.remove(&comm.id);
            None
        }
    };
    if let Some(handler) = handler {
        let buffers: Vec<_> = message.buffers.iter().map(|b| b.0.clone()).collect();
        handler(&comm, &message.data, &buffers);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(event: CommEvent, id: &str, target: &str, data: Value) -> Message {
        Message {
            event,
            id: id.into(),
            target: target.into(),
            data,
            metadata: json!({}),
            buffers: vec![Buffer(vec![7])],
        }
    }

    #[test]
    fn messages_reach_the_comm_that_its_target_opened() {
        let (seen, heard) = mpsc::channel();
        let on_message = seen.clone();
        on_open("test.target", move |comm, data, _| {
            seen.send(data.clone()).unwrap();
            let on_message = on_message.clone();
            comm.on_message(move |_, data, buffers| {
                on_message.send(json!([data, buffers])).unwrap()
            });
        });
        act(&message(CommEvent::Message, "one", "", json!("too early")));
        act(&message(CommEvent::Open, "one", "test.target", json!("open")));
        act(&message(CommEvent::Message, "one", "", json!(1)));
        act(&message(CommEvent::Close, "one", "", json!(null)));
        act(&message(CommEvent::Message, "one", "", json!("too late")));
        act(&message(CommEvent::Open, "two", "nobody", json!("open")));
        assert_eq!(heard.try_iter().collect::<Vec<_>>(), [json!("open"), json!([1, [[7]]])]);
        assert!(!table().comms.contains_key("two"));
    }
}
