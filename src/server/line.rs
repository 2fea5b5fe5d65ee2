//! A batch and its answers over one of the connections to a node: plain HTTP/1.1, pooled.

use std::{cell::RefCell, collections::HashMap, io, rc::Rc, time::Duration};

use http_body_util::{BodyExt, Full};
use hyper::{
    Request, StatusCode,
    body::{Bytes, Incoming},
    client::conn::http1::{SendRequest, handshake},
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, task::spawn_local, time::timeout};

use super::peers::{NoAnswer, Waiting};
use crate::relay::batch::Answers;

/// How long a node has to accept a connection. One that doesn't is away.
const CONNECT_PATIENCE: Duration = Duration::from_secs(1);
/// Idle connections that one worker keeps to one node.
const MOST_IDLE: usize = 32;
/// The longest sealed answer.
const MAX_ANSWER_BYTES: usize = 256 << 10;

type Connection = SendRequest<Full<Bytes>>;

thread_local! {
    /// Connections that wait for the next batch. A connection belongs to its runtime, so to its thread.
    static IDLE: RefCell<HashMap<Box<str>, Vec<Connection>>> = RefCell::default();
}

/// Sends a batch, once, and tells each who waits for its answers when it is there. After an error, nobody else is told.
pub(crate) async fn exchange(authority: &str, mut request: Request<Full<Bytes>>, waiting: &mut Waiting) -> Result<(), NoAnswer> {
    loop {
        let idle = take_idle(authority);
        let was_idle = idle.is_some();
        let mut connection = match idle {
            Some(connection) => connection,
            None => connect(authority).await.map_err(|error| NoAnswer::Away(Rc::new(error)))?,
        };
        match connection.try_send_request(request).await {
            Ok(answer) if answer.status() == StatusCode::OK => {
                receive(answer.into_body(), waiting).await?;
                keep(authority, connection);
                return Ok(());
            }
            Ok(answer) => return Err(NoAnswer::Refused(answer.status())),
            // The node closed an idle connection before the request was written: it hasn't seen it.
            Err(mut error) if was_idle && error.message().is_some() => {
                request = error.take_message().ok_or(NoAnswer::Silent)?;
            }
            Err(_) => return Err(NoAnswer::Silent),
        }
    }
}

/// Reads answers until the body ends.
async fn receive(mut body: Incoming, waiting: &mut Waiting) -> Result<(), NoAnswer> {
    let mut answers = Answers::new(waiting.requests(), MAX_ANSWER_BYTES);
    while let Some(frame) = body.frame().await {
        let Ok(piece) = frame.map_err(|_| NoAnswer::Silent)?.into_data() else { continue };
        answers.arrive(&piece);
        while let Some(answer) = answers.next_answer().map_err(|_| NoAnswer::Refused(StatusCode::OK))? {
            let sealed = answer.sealed.map(<[u8]>::to_vec);
            let sealed = sealed.map_err(|status| NoAnswer::Refused(StatusCode::from_u16(status).unwrap_or(StatusCode::OK)));
            waiting.answer(answer.position, sealed);
        }
    }
    if answers.are_all_there() { Ok(()) } else { Err(NoAnswer::Silent) }
}

async fn connect(authority: &str) -> io::Result<Connection> {
    let with_port = |port: &str| format!("{authority}{port}");
    let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let stream = timeout(CONNECT_PATIENCE, TcpStream::connect(with_port(if has_port { "" } else { ":80" })));
    let stream = stream.await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    spawn_local(connection);
    Ok(sender)
}

fn take_idle(authority: &str) -> Option<Connection> {
    IDLE.with_borrow_mut(|idle| {
        let waiting = idle.get_mut(authority)?;
        while let Some(connection) = waiting.pop() {
            if connection.is_ready() {
                return Some(connection);
            }
        }
        None
    })
}

fn keep(authority: &str, connection: Connection) {
    IDLE.with_borrow_mut(|idle| {
        let waiting = match idle.get_mut(authority) {
            Some(waiting) => waiting,
            None => idle.entry(authority.into()).or_default(),
        };
        if waiting.len() < MOST_IDLE && !connection.is_closed() {
            waiting.push(connection);
        }
    });
}
