//! The way to the other nodes of a fleet: plain HTTP/1.1 on pooled connections, for bodies that are sealed already.

use std::{
    cell::RefCell,
    collections::HashMap,
    fmt, io,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Request, StatusCode,
    body::Bytes,
    client::conn::http1::{SendRequest, handshake},
    header::{CONTENT_TYPE, HOST},
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, task::spawn_local, time::timeout};

use crate::time::UnixTime;

/// How long a node has to accept a connection. One that doesn't is away.
const CONNECT_PATIENCE: Duration = Duration::from_secs(1);
/// How long a node has to answer.
const ANSWER_PATIENCE: Duration = Duration::from_secs(5);
/// For how many seconds a node that was away isn't asked to be a home.
const AWAY_SECONDS: u64 = 1;
/// Idle connections that one worker keeps to one node.
const MOST_IDLE: usize = 32;
/// The longest sealed answer.
const MAX_ANSWER_BYTES: usize = 256 << 10;

/// Sends to the nodes of a fleet by their names. Redirects are answers that nobody expects, so they are not followed.
#[derive(Debug)]
pub(crate) struct Peers {
    /// `http://{node}.countersign:8000`
    url: Box<str>,
    path: Box<str>,
    away: HashMap<Box<str>, AtomicU64>,
}

/// Why a node's answer isn't there.
#[derive(Debug)]
pub(crate) enum NoAnswer {
    /// It can't be reached: nothing was sent.
    Away(io::Error),
    /// It was reached, and may have done what it was asked for.
    Silent,
    /// It answered, but not as a node of this fleet does.
    Refused(StatusCode),
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Away(error) => write!(f, "it can't be reached: {error}"),
            Self::Silent => f.write_str("it doesn't answer in time, or not to the end"),
            Self::Refused(status) => write!(f, "it answers {status}, not as a node of this fleet"),
        }
    }
}

type Connection = SendRequest<Full<Bytes>>;

thread_local! {
    /// Each worker's connections that wait for the next request. A connection belongs to its runtime, so to its thread.
    static IDLE: RefCell<HashMap<Box<str>, Vec<Connection>>> = RefCell::default();
}

impl Peers {
    /// With the URL that has `{node}` in it, the path that takes sealed requests, and the names that may be away as homes.
    pub(crate) fn new(url: &str, path: &str, nodes: &[String]) -> Self {
        let away = nodes.iter().map(|node| (node.as_str().into(), AtomicU64::new(0))).collect();
        Self { url: url.into(), path: path.into(), away }
    }

    /// Whether `node` was away a moment ago.
    pub(crate) fn is_away(&self, node: &str, now: UnixTime) -> bool {
        self.away.get(node).is_some_and(|until| now.as_seconds() < until.load(Ordering::Relaxed))
    }

    /// Sends `sealed` to `node`, once, and returns what it answers with 200.
    pub(crate) async fn send(&self, node: &str, sealed: Vec<u8>, now: UnixTime) -> Result<Bytes, NoAnswer> {
        let url = self.url.replace("{node}", node);
        let authority = url.split_once("://").map_or(url.as_str(), |(_, authority)| authority);
        let request = Request::post(&*self.path).header(HOST, authority).header(CONTENT_TYPE, "application/octet-stream");
        let request = request.body(Full::new(Bytes::from(sealed))).map_err(|error| NoAnswer::Away(io::Error::other(error)))?;
        let sent = timeout(ANSWER_PATIENCE, exchange(authority, request)).await.unwrap_or(Err(NoAnswer::Silent));
        if let (Err(NoAnswer::Away(_)), Some(until)) = (&sent, self.away.get(node)) {
            until.store(now.plus(AWAY_SECONDS).as_seconds(), Ordering::Relaxed);
        }
        sent
    }
}

async fn exchange(authority: &str, mut request: Request<Full<Bytes>>) -> Result<Bytes, NoAnswer> {
    loop {
        let idle = take_idle(authority);
        let was_idle = idle.is_some();
        let mut connection = match idle {
            Some(connection) => connection,
            None => connect(authority).await.map_err(NoAnswer::Away)?,
        };
        match connection.try_send_request(request).await {
            Ok(answer) if answer.status() == StatusCode::OK => {
                let body = Limited::new(answer.into_body(), MAX_ANSWER_BYTES).collect().await;
                let body = body.map_err(|_| NoAnswer::Silent)?.to_bytes();
                keep(authority, connection);
                return Ok(body);
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
