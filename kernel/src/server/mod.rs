//! The sockets and the one loop. Everything that can happen is an [`Event`]; reading never waits for a cell: a request is
//! answered at once or put into the evaluator's queue.

mod sockets;

use crate::error::Result;
use crate::eval::Evaluator;
use crate::eval::runtime::Runtime;
use crate::handlers::{self, Context};
use crate::outbox::Outbox;
use crate::protocol::messages::Lane;
use crate::protocol::{Connection, Message, frames::Signer};
use bytes::Bytes;
use serde_json::{Value, json};
use sockets::{Channel, Sockets};
use std::path::PathBuf;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

/// Everything that can happen.
enum Event {
    /// A request came in.
    Request { channel: Channel, frames: Vec<Bytes> },
    /// A reply is to be sent.
    Reply { channel: Channel, frames: Vec<Bytes> },
    /// The process was asked to end by a signal.
    Terminate,
}

/// Serves one kernel until it is shut down.
///
/// # Errors
/// A port that cannot be used, a connection file that makes no sense.
pub(crate) fn serve(connection: &Connection, runtime: Runtime, session: PathBuf) -> Result<()> {
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let tokio = tokio.map_err(|source| crate::error::Error::Start { command: "the kernel's threads".to_owned(), source })?;
    tokio.block_on(run(connection, runtime, session))
}

async fn run(connection: &Connection, runtime: Runtime, session: PathBuf) -> Result<()> {
    let signer = Signer::new(&connection.key, &connection.signature_scheme)?;
    let mut sockets = Sockets::bind(connection).await?;
    let (outbox, publish) = Outbox::new(sockets.iopub(), signer.clone());
    tokio::spawn(publish);
    outbox.status(&None, "starting");
    let (events, mut incoming) = unbounded_channel();
    sockets.listen(&events);
    terminate_on_signal(&events);
    let context = Context { outbox: outbox.clone(), evaluator: Evaluator::start(runtime, session, outbox) };
    while let Some(event) = incoming.recv().await {
        match event {
            Event::Reply { channel, frames } => sockets.send(channel, frames).await,
            Event::Terminate => break,
            Event::Request { channel, frames } => match signer.decode(&frames) {
                Ok(message) => {
                    let ends = message.header.msg_type == "shutdown_request";
                    if let Some(reply) = request(&context, &signer, &events, channel, &message) {
                        sockets.send(channel, reply).await;
                    }
                    if ends {
                        break;
                    }
                }
                Err(e) => eprintln!("rask: a message on {channel:?} is dropped: {e}"),
            },
        }
    }
    context.evaluator.shutdown();
    context.outbox.drained().await;
    sockets.close().await;
    Ok(())
}

/// Answers a request or queues it; the frames of the reply, where there is one now.
fn request(context: &Context, signer: &Signer, events: &UnboundedSender<Event>, channel: Channel, message: &Message) -> Option<Vec<Bytes>> {
    let encode = |msg_type: &str, content: &Value| signer.encode(&message.identities, msg_type, Some(&message.header), &json!({}), content);
    let Some(kind) = handlers::kind(message) else {
        let (msg_type, content) = handlers::refuse(context, message)?;
        return Some(encode(&msg_type, &content));
    };
    if kind.lane == Lane::AtOnce {
        let (msg_type, content) = handlers::answer(context, kind, message)?;
        return Some(encode(msg_type, &content));
    }
    let (signer, events, to) = (signer.clone(), events.clone(), message.clone());
    let job = handlers::execute::job(message, move |content| {
        let frames = signer.encode(&to.identities, "execute_reply", Some(&to.header), &json!({}), &content);
        // The loop ends only with the process.
        let _ = events.send(Event::Reply { channel, frames });
    });
    match job {
        Ok(job) => {
            context.evaluator.run(job);
            None
        }
        Err(content) => Some(encode(kind.reply, &content)),
    }
}

/// Ends the loop on SIGTERM; SIGINT, which a terminal sends to all, is the front end's business.
fn terminate_on_signal(events: &UnboundedSender<Event>) {
    use tokio::signal::unix::{SignalKind, signal};
    let events = events.clone();
    tokio::spawn(async move {
        let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else { return };
        loop {
            tokio::select! {
                _ = term.recv() => break,
                _ = int.recv() => {}
            }
        }
        let _ = events.send(Event::Terminate);
    });
}
