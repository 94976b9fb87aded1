//! The five ZeroMQ sockets of a kernel.

use super::event::{Channel, Event};
use crate::error::{Error, Result};
use crate::protocol::Connection;
use bytes::Bytes;
use tokio::sync::mpsc::UnboundedSender;
use zeromq::{
    RepSocket, RouterRecvHalf, RouterSendHalf, RouterSocket, Socket, SocketRecv, SocketSend,
    XPubSocket, ZmqMessage,
};

/// The time that the last reply gets to leave this process.
const LINGER: std::time::Duration = std::time::Duration::from_millis(50);

/// The bound sockets.
pub(super) struct Sockets {
    shell: RouterSendHalf,
    control: RouterSendHalf,
    stdin: RouterSendHalf,
    receive: Option<([RouterRecvHalf; 3], RepSocket)>,
    iopub: Option<XPubSocket>,
}

async fn bind<S: Socket>(connection: &Connection, channel: &'static str, port: u16) -> Result<S> {
    let mut socket = S::new();
    let failed = |e: zeromq::ZmqError| Error::Port {
        channel,
        ip: connection.ip.clone(),
        port,
        message: e.to_string(),
    };
    socket.bind(&connection.endpoint(port)).await.map_err(failed)?;
    Ok(socket)
}

impl Sockets {
    pub(super) async fn bind(c: &Connection) -> Result<Self> {
        let shell: RouterSocket = bind(c, "shell", c.shell_port).await?;
        let control: RouterSocket = bind(c, "control", c.control_port).await?;
        let iopub = bind(c, "iopub", c.iopub_port).await?;
        let stdin: RouterSocket = bind(c, "stdin", c.stdin_port).await?;
        let heartbeat = bind(c, "heartbeat", c.hb_port).await?;
        let (shell, from_shell) = shell.split();
        let (control, from_control) = control.split();
        let (stdin, from_stdin) = stdin.split();
        Ok(Self {
            shell,
            control,
            stdin,
            receive: Some(([from_shell, from_control, from_stdin], heartbeat)),
            iopub: Some(iopub),
        })
    }

    /// Takes the publishing socket, for the outbox.
    pub(super) fn iopub(&mut self) -> XPubSocket {
        // `run` calls this once.
        self.iopub.take().expect("the outbox takes the socket once")
    }

    /// Starts reading.
    pub(super) fn listen(&mut self, events: &UnboundedSender<Event>) {
        if let Some(([shell, control, stdin], heartbeat)) = self.receive.take() {
            tokio::spawn(read(shell, Channel::Shell, events.clone()));
            tokio::spawn(read(control, Channel::Control, events.clone()));
            tokio::spawn(read(stdin, Channel::Stdin, events.clone()));
            tokio::spawn(beat(heartbeat));
        }
    }

    pub(super) async fn send(&mut self, channel: Channel, frames: Vec<Bytes>) {
        let socket = match channel {
            Channel::Shell => &mut self.shell,
            Channel::Control => &mut self.control,
            Channel::Stdin => &mut self.stdin,
        };
        if let Ok(message) = ZmqMessage::try_from(frames) {
            // A client that has disconnected gets no reply.
            let _ = socket.send(message).await;
        }
    }

    /// Closes the sockets, after a delay in which pending messages can be sent: the sockets do not
    /// report when they are done.
    pub(super) async fn close(self) {
        tokio::time::sleep(LINGER).await;
        drop(self);
        tokio::task::yield_now().await;
    }
}

async fn read(mut from: RouterRecvHalf, channel: Channel, events: UnboundedSender<Event>) {
    loop {
        match from.recv().await {
            Ok(message) => {
                if events.send(Event::Request { channel, frames: message.into_vec() }).is_err() {
                    return;
                }
            }
            // A broken connection is the client's problem.
            Err(e) => eprintln!("rask: {channel:?}: {e}"),
        }
    }
}

/// Echoes heartbeats.
async fn beat(mut socket: RepSocket) {
    loop {
        // A broken connection is the client's problem; the next client is served.
        if let Ok(message) = socket.recv().await {
            let _ = socket.send(message).await;
        }
    }
}
