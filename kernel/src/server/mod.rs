//! The sockets and the event loop. Everything that can happen is an [`Event`]. Reading never waits
//! for a cell: a request is answered at once or put into the evaluator's queue.

mod event;
mod sockets;

use crate::error::Result;
use crate::eval::Evaluator;
use crate::eval::runtime::Runtime;
use crate::handlers::{self, Context};
use crate::history::History;
use crate::outbox::Outbox;
use crate::protocol::messages::Lane;
use crate::protocol::{Connection, Message, frames::Signer};
use event::{Channel, Event};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{PidfdFlags, getppid, pidfd_open};
use serde_json::{Value, json};
use sockets::Sockets;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

/// Serves one kernel until it is shut down.
///
/// # Errors
/// Returns an error if a port cannot be used or the connection file is invalid.
pub(crate) fn serve(connection: &Connection, runtime: Runtime, session: PathBuf) -> Result<()> {
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let tokio = tokio.map_err(|source| crate::error::Error::Start {
        command: "the kernel's threads".to_owned(),
        source,
    })?;
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
    terminate_with_parent(&events);
    let home = runtime.home();
    let ports = json!({
        "shell_port": connection.shell_port,
        "iopub_port": connection.iopub_port,
        "stdin_port": connection.stdin_port,
        "hb_port": connection.hb_port,
        "control_port": connection.control_port,
    });
    let rust_version = runtime.manifest.rustc.split(' ').nth(1).unwrap_or_default().to_owned();
    let evaluator = Evaluator::start(runtime, session, outbox.clone());
    // Read while the evaluator starts.
    let history = Arc::new(History::open(&home));
    let context = Context { outbox, evaluator, history, ports, rust_version };
    while let Some(event) = incoming.recv().await {
        match event {
            Event::Reply { channel, frames } => sockets.send(channel, frames).await,
            Event::Terminate => break,
            Event::Request { channel, frames } => match signer.decode(&frames) {
                Ok(message) => {
                    let ends = message.header.msg_type == "shutdown_request";
                    request(&context, &signer, &events, channel, message);
                    if ends {
                        // Its reply, and those of earlier requests, are still in the queue.
                        while let Ok(event) = incoming.try_recv() {
                            if let Event::Reply { channel, frames } = event {
                                sockets.send(channel, frames).await;
                            }
                        }
                        break;
                    }
                }
                Err(e) => eprintln!("rask: dropped a message on {channel:?}: {e}"),
            },
        }
    }
    context.evaluator.shutdown();
    context.outbox.drained().await;
    sockets.close().await;
    Ok(())
}

/// Answers a request, or queues it; replies arrive as events.
fn request(
    context: &Context,
    signer: &Signer,
    events: &UnboundedSender<Event>,
    channel: Channel,
    message: Message,
) {
    let send = {
        let (signer, events, to) =
            (signer.clone(), events.clone(), (message.identities.clone(), message.header.clone()));
        move |channel: Channel, msg_type: &str, metadata: &Value, content: &Value| {
            let frames = signer.encode(&to.0, msg_type, Some(&to.1), metadata, content);
            // The loop ends only with the process.
            let _ = events.send(Event::Reply { channel, frames });
        }
    };
    let reply = {
        let send = send.clone();
        move |(msg_type, content): handlers::Answer| send(channel, &msg_type, &json!({}), &content)
    };
    let Some(kind) = handlers::kind(&message) else {
        return handlers::refuse(context, &message, reply);
    };
    match kind.lane {
        Lane::Noted => handlers::note(context, &message),
        Lane::AtOnce => handlers::answer(context, kind, &message, reply),
        Lane::Aside => {
            drop(tokio::spawn(handlers::answer_aside(context.clone(), kind, message, reply)))
        }
        Lane::Queued => {
            let ask = {
                let send = send.clone();
                move |prompt: &str, password: bool| {
                    send(
                        Channel::Stdin,
                        "input_request",
                        &json!({}),
                        &json!({ "prompt": prompt, "password": password }),
                    );
                    true
                }
            };
            let done = move |metadata: Value, content: Value| {
                send(channel, kind.reply, &metadata, &content)
            };
            match handlers::execute::job(&message, context.history.clone(), Box::new(ask), done) {
                Ok(job) => context.evaluator.run(job),
                Err(content) => handlers::reject(context, kind, &message, content, reply),
            }
        }
    }
}

/// Ends the loop on SIGTERM; SIGINT, which a terminal sends to every process, is left to the front
/// end.
fn terminate_on_signal(events: &UnboundedSender<Event>) {
    use tokio::signal::unix::{SignalKind, signal};
    let events = events.clone();
    tokio::spawn(async move {
        let (Ok(mut term), Ok(mut int)) =
            (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
        else {
            return;
        };
        loop {
            tokio::select! {
                _ = term.recv() => break,
                _ = int.recv() => {}
            }
        }
        let _ = events.send(Event::Terminate);
    });
}

/// Ends the loop when the front end that started the kernel ends without a word, as when it is
/// killed: nobody could shut the kernel down any more. A front end that wants its kernels to outlive
/// it does not set the variable.
fn terminate_with_parent(events: &UnboundedSender<Event>) {
    let front_end = std::env::var("JPY_PARENT_PID").ok().and_then(|v| v.parse::<i32>().ok());
    let parent = getppid().filter(|p| Some(p.as_raw_nonzero().get()) == front_end);
    let Some(Ok(ended)) = parent.map(|p| pidfd_open(p, PidfdFlags::empty())) else { return };
    let events = events.clone();
    let wait = move || {
        // The descriptor becomes readable when the process ends.
        if poll(&mut [PollFd::new(&ended, PollFlags::IN)], None).is_ok() {
            let _ = events.send(Event::Terminate);
        }
    };
    // Without the thread, the kernel ends on a signal or a request only.
    let _ = std::thread::Builder::new().name("front-end".to_owned()).spawn(wait);
}
