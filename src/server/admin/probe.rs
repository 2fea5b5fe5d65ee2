//! Asks an admin listener how its process does, as a probe of an orchestrator does: one question, one line.

use std::{io, net::SocketAddr, time::Duration};

use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::{Request, StatusCode, body::Bytes, client::conn::http1::handshake, header::HOST};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
    time::timeout,
};

use crate::server::Listen;

/// The longest answer that is read, in bytes.
const LONGEST: usize = 16 * 1024;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Probe {
    /// Whether it lives: `/healthz`.
    Live,
    /// Whether it should be sent requests: `/readyz`.
    Ready,
}

/// What was found, in one line each.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// It says yes, and what else it says.
    Yes(String),
    /// It says no, with this status.
    No(StatusCode),
}

/// Nobody there, no answer in time, or somebody else's.
#[derive(Debug)]
pub(crate) struct Unanswered(String);

impl Probe {
    const fn path(self) -> &'static str {
        match self {
            Self::Live => "/healthz",
            Self::Ready => "/readyz",
        }
    }

    /// How the answer begins that says yes.
    const fn yes(self) -> &'static str {
        match self {
            Self::Live => "ok",
            Self::Ready => "ready",
        }
    }
}

/// Asks once, for at most `patience`. Where the listener listens on all addresses, it is asked at the loopback one.
///
/// # Errors
/// [`Unanswered`]
pub(crate) async fn ask(listen: &Listen, probe: Probe, patience: Duration) -> Result<Found, Unanswered> {
    let asked = async {
        match listen {
            Listen::Tcp(address) => exchange(TcpStream::connect(reached(*address)).await?, probe).await,
            Listen::Unix(path) => exchange(UnixStream::connect(path).await?, probe).await,
        }
    };
    let answered = timeout(patience, asked).await;
    let seconds = patience.as_secs();
    let answered = answered.map_err(|_| Unanswered(format!("{listen} gives no answer within {seconds} s")))?;
    let (status, body) = answered.map_err(|error| Unanswered(format!("{listen} can't be asked: {error}")))?;
    judge(probe, status, &body)
        .ok_or_else(|| Unanswered(format!("who answers at {listen} is no admin listener of countersign ({})", status.as_u16())))
}

/// Where a listener of this machine is reached.
fn reached(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(if address.is_ipv4() {
            std::net::Ipv4Addr::LOCALHOST.into()
        } else {
            std::net::Ipv6Addr::LOCALHOST.into()
        });
    }
    address
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    probe: Probe,
) -> Result<(StatusCode, Bytes), Box<dyn std::error::Error + Send + Sync>> {
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
    let request = Request::get(probe.path()).header(HOST, "localhost").body(Empty::<Bytes>::new())?;
    let answer = async {
        let (head, body) = sender.send_request(request).await?.into_parts();
        Ok((head.status, Limited::new(body, LONGEST).collect().await?.to_bytes()))
    };
    let mut answer = std::pin::pin!(answer);
    tokio::select! {
        // The connection moves what is asked and answered; it may end together with the answer.
        answered = &mut answer => answered,
        ended = connection => {
            ended?;
            timeout(Duration::ZERO, answer).await.map_err(|_| io::Error::from(io::ErrorKind::UnexpectedEof))?
        }
    }
}

/// `None` where nobody of ours says such a thing.
fn judge(probe: Probe, status: StatusCode, body: &[u8]) -> Option<Found> {
    match status {
        StatusCode::OK => {
            let mut lines = std::str::from_utf8(body).ok()?.lines();
            let first = lines.next().filter(|line| *line == probe.yes())?;
            let said: Vec<String> = std::iter::once(first).chain(lines).map(|line| line.replace(char::is_control, " ")).collect();
            Some(Found::Yes(said.join("; ")))
        }
        StatusCode::SERVICE_UNAVAILABLE => Some(Found::No(status)),
        _ => None,
    }
}

impl std::fmt::Display for Unanswered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(5);

    /// What is found where somebody answers with these bytes and keeps the connection open.
    async fn found(probe: Probe, answer: &str) -> Result<Found, String> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let listen = Listen::Tcp(listener.local_addr().unwrap());
        let answer = answer.as_bytes().to_vec();
        let server = async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = Vec::new();
            while !asked.ends_with(b"\r\n\r\n") {
                asked.push(stream.read_u8().await.unwrap());
            }
            stream.write_all(&answer).await.unwrap();
            (stream, asked)
        };
        let (found, (_, asked)) = tokio::join!(ask(&listen, probe, PATIENCE), server);
        let asked = String::from_utf8(asked).unwrap();
        assert!(asked.starts_with(&format!("GET {} HTTP/1.1\r\n", probe.path())), "{asked}");
        found.map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn one_line_says_what_is_known() {
        let yes = |text: &str| Ok(Found::Yes(text.into()));
        let plain = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nready\n";
        assert_eq!(found(Probe::Ready, plain).await, yes("ready"));
        let more = "HTTP/1.1 200 OK\r\ncontent-length: 18\r\n\r\nready\nanother\u{1b}[1m\n";
        assert_eq!(found(Probe::Ready, more).await, yes("ready; another [1m"), "nothing of it moves a terminal");
        assert_eq!(found(Probe::Live, "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 3\r\n\r\nok\n").await, yes("ok"));
        let no = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 2\r\n\r\n{}";
        assert_eq!(found(Probe::Ready, no).await, Ok(Found::No(StatusCode::SERVICE_UNAVAILABLE)));
    }

    #[tokio::test]
    async fn whoever_else_answers_is_no_sign_of_life() {
        let long = format!("HTTP/1.1 200 OK\r\ncontent-length: 20000\r\n\r\nready\n{}", "x".repeat(19_994));
        for other in [
            "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n<html>",
            "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 6\r\n\r\nready\n",
            "SSH-2.0-OpenSSH_9.2\r\n\r\n",
            &long,
        ] {
            assert!(found(Probe::Ready, other).await.is_err(), "{other}");
        }
        assert!(found(Probe::Live, "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nready\n").await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_is_silent_is_left_in_time() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let listen = Listen::Tcp(listener.local_addr().unwrap());
        let error = ask(&listen, Probe::Live, PATIENCE).await.unwrap_err().to_string();
        assert!(error.ends_with("gives no answer within 5 s"), "{error}");
    }

    #[test]
    fn all_addresses_are_asked_at_the_loopback_one() {
        let of = |address: &str| reached(address.parse().unwrap()).to_string();
        assert_eq!((of("0.0.0.0:8001"), of("[::]:8001")), ("127.0.0.1:8001".into(), "[::1]:8001".into()));
        assert_eq!((of("10.0.0.1:8001"), of("127.0.0.1:1")), ("10.0.0.1:8001".into(), "127.0.0.1:1".into()));
    }
}
