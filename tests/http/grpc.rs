//! What Envoy asks by gRPC, on its own listener: over a real connection, within limits, and under floods.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    time::Duration,
};

use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    client::conn::http2::{SendRequest, handshake},
    header::CONTENT_TYPE,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::harness::{PATIENCE, Server, command, free_port, wait_for};

const CHECK: &str = "/envoy.service.auth.v3.Authorization/Check";

/// A server with a listener for Envoy, and its port.
fn start(settings: &[(&str, &str)]) -> (Server, String) {
    let address = format!("127.0.0.1:{}", free_port());
    let server = Server::start(&[&[("authz.grpc_listen", &*address)], settings].concat());
    (server, address)
}

/// An access token of somebody who has logged in.
fn access(server: &Server) -> String {
    let (envelope, code) = server.challenge("ann@example.com");
    let body = json!({"email": "ann@example.com", "token": code, "challenge": envelope});
    server.post("exchange/email/", &body).json()["access"].as_str().unwrap().to_owned()
}

fn field(number: u8, value: &[u8]) -> Vec<u8> {
    let (low, high) = (u8::try_from(value.len() % 128).unwrap(), u8::try_from(value.len() / 128).unwrap());
    [&[number << 3 | 2, low | 128, high], value].concat()
}

/// A message of a question about `GET /`, with its prefix.
fn question(kind: &str, authorization: &str) -> Vec<u8> {
    let header = field(3, &[field(1, b"authorization"), field(2, authorization.as_bytes())].concat());
    let http = [field(2, b"GET"), header, field(4, b"/"), field(5, b"app.example")].concat();
    let context = field(10, &[field(1, b"countersign"), field(2, kind.as_bytes())].concat());
    let message = field(1, &[field(4, &field(2, &http)), context].concat());
    [&[0][..], &u32::try_from(message.len()).unwrap().to_be_bytes(), &message].concat()
}

/// Runs a client of hyper's.
fn client<T>(ask: impl AsyncFnOnce() -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async { tokio::time::timeout(PATIENCE, ask()).await.unwrap() })
}

async fn connect(address: &str) -> SendRequest<Full<Bytes>> {
    if let Some(path) = address.strip_prefix("unix:") {
        over(tokio::net::UnixStream::connect(path).await.unwrap()).await
    } else {
        over(tokio::net::TcpStream::connect(address).await.unwrap()).await
    }
}

async fn over(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> SendRequest<Full<Bytes>> {
    let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::task::spawn_local(async move { drop(connection.await) });
    sender
}

async fn send(sender: &mut SendRequest<Full<Bytes>>, message: Vec<u8>) -> hyper::Result<Response<Incoming>> {
    let request = Request::post(format!("http://countersign{CHECK}")).header(CONTENT_TYPE, "application/grpc");
    sender.ready().await?;
    sender.send_request(request.body(Full::new(message.into())).unwrap()).await
}

/// The status of gRPC and the message of an answer.
async fn outcome(answer: Response<Incoming>) -> (String, Bytes) {
    assert_eq!(answer.status(), 200);
    let at_once = answer.headers().get("grpc-status").cloned();
    let body = answer.into_body().collect().await.unwrap();
    let status = at_once.or_else(|| body.trailers()?.get("grpc-status").cloned()).unwrap();
    (status.to_str().unwrap().to_owned(), body.to_bytes())
}

fn has(message: &[u8], text: &str) -> bool {
    message.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn envoy_asks_over_one_connection() {
    let (server, address) = start(&[]);
    let good = format!("Bearer {}", access(&server));
    client(async || {
        let mut sender = connect(&address).await;
        for (kind, authorization, says) in [
            ("token", &*good, "ann@example.com"),
            ("token", "Bearer x", "token_not_valid"),
            ("challenge", &good, "challenge_not_valid"),
            ("other", &good, "forbidden"),
        ] {
            for _ in 0..3 {
                let (status, message) = outcome(send(&mut sender, question(kind, authorization)).await.unwrap()).await;
                assert_eq!((status.as_str(), has(&message, says)), ("0", true), "{kind} {authorization}: {message:?}");
            }
        }
        let (status, message) = outcome(send(&mut sender, b"\0\0\0\0\x01x".to_vec()).await.unwrap()).await;
        assert_eq!((status.as_str(), message.len()), ("3", 0));
        let many = (0..200).map(|_| {
            let (mut sender, question) = (sender.clone(), question("token", &good));
            tokio::task::spawn_local(async move { outcome(send(&mut sender, question).await.unwrap()).await.0 })
        });
        for asked in many.collect::<Vec<_>>() {
            assert_eq!(asked.await.unwrap(), "0");
        }
    });
    let metrics = String::from_utf8(server.get_admin("/metrics").body).unwrap();
    for line in [
        "countersign_http_requests_total{route=\"authz/token\",status=\"2xx\"} 203",
        "countersign_http_requests_total{route=\"authz/token\",status=\"4xx\"} 3",
        "countersign_http_requests_total{route=\"authz/challenge\",status=\"4xx\"} 3",
        "countersign_refusals_total{code=\"forbidden\"} 3",
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
    assert!(!server.log().contains(&good["Bearer ".len()..]) && !server.log().contains("ann@"), "{}", server.log());
}

#[test]
fn a_unix_socket_does_and_is_removed_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("grpc.sock");
    let address = format!("unix:{}", path.display());
    let server = Server::start(&[("authz.grpc_listen", &address)]);
    let good = format!("Bearer {}", access(&server));
    let asked = client(async || outcome(send(&mut connect(&address).await, question("token", &good)).await.unwrap()).await);
    assert_eq!(asked.0, "0");
    server.signal("TERM");
    assert_eq!(server.wait().0.code(), Some(0));
    assert!(!path.exists());
}

#[test]
fn a_port_that_is_taken_is_69_and_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ended = command(folder.path(), &[("authz.grpc_listen", &address)]).output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(69), "{said}");
    assert!(said.contains("authz.grpc_listen") && said.contains("somebody else listens there"), "{said}");
}

#[test]
fn at_the_end_who_is_connected_is_told_and_a_successor_may_bind() {
    let (server, address) = start(&[("server.drain_seconds", "1")]);
    let good = format!("Bearer {}", access(&server));
    client(async || {
        let mut sender = connect(&address).await;
        let mut ask = async || match send(&mut sender, question("token", &good)).await {
            Ok(answer) => Some(outcome(answer).await.0),
            Err(_) => None,
        };
        assert_eq!(ask().await.as_deref(), Some("0"));
        server.signal("TERM");
        wait_for(|| (server.get_admin("/readyz").status == 503).then_some(()));
        assert_eq!(ask().await.as_deref(), Some("0"), "while it drains");
        // Then it says GOAWAY, and before that UNAVAILABLE to who was quicker: Envoy asks elsewhere.
        while let Some(status) = ask().await {
            assert!(matches!(&*status, "0" | "14"), "{status}");
        }
    });
    assert_eq!(server.wait().0.code(), Some(0));
    drop(TcpListener::bind(&address).unwrap());
}

/// HTTP/2, frame by frame (RFC 9113).
struct Frames(TcpStream);

impl Frames {
    fn open(address: &str) -> Self {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(Duration::from_secs(2))).unwrap();
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
        let mut frames = Self(stream);
        assert!(frames.send(&frame(4, 0, 0, b"")));
        frames
    }

    /// Whether they could be sent.
    fn send(&mut self, frames: &[u8]) -> bool {
        self.0.write_all(frames).is_ok()
    }

    /// The kind of the next frame, its flags, its stream and what is in it; `None` at the end.
    fn next(&mut self) -> Option<(u8, u8, u32, Vec<u8>)> {
        let mut head = [0; 9];
        self.0.read_exact(&mut head).ok()?;
        let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        self.0.read_exact(&mut payload).ok()?;
        Some((head[3], head[4], u32::from_be_bytes([head[5], head[6], head[7], head[8]]), payload))
    }

    /// The reason of the GOAWAY with which the connection ends; `None` where it ends without.
    fn goes_away(&mut self) -> Option<u32> {
        let mut reason = None;
        while let Some((kind, _, _, payload)) = self.next() {
            if kind == 7 {
                reason = Some(u32::from_be_bytes(payload[4..8].try_into().unwrap()));
            }
        }
        reason
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// The head of a call, with more headers (RFC 7541, literals without indexing).
fn call(more: &[(&str, &str)]) -> Vec<u8> {
    let text = |text: &str| {
        let length = text.len();
        if length < 127 {
            return [&[u8::try_from(length).unwrap()][..], text.as_bytes()].concat();
        }
        let mut bytes = vec![127];
        let mut rest = length - 127;
        while rest > 127 {
            bytes.push(u8::try_from(rest % 128).unwrap() | 128);
            rest /= 128;
        }
        bytes.push(u8::try_from(rest).unwrap());
        bytes.extend_from_slice(text.as_bytes());
        bytes
    };
    // POST, http, and a path, an authority and a content type by the names of the static table.
    let mut block =
        [&[0x83, 0x86, 0x04][..], &text(CHECK), &[0x01], &text("a"), &[0x0f, 0x10], &text("application/grpc")].concat();
    for (name, value) in more {
        block.extend([&[0][..], &text(name), &text(value)].concat());
    }
    block
}

/// An enemy has reached the listener. What it takes is bounded, and nobody else waits for it.
#[test]
fn floods_end_their_own_connection_and_nobody_elses() {
    let address = format!("127.0.0.1:{}", free_port());
    let server = Server::start_quietly(&[("authz.grpc_listen", &*address)]);
    let good = format!("Bearer {}", access(&server));
    let is_served =
        || client(async || outcome(send(&mut connect(&address).await, question("token", &good)).await.unwrap()).await.0) == "0";
    let resident = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() >> 10
    };
    assert!(is_served());
    let before = resident();

    // Calls that are taken back at once (CVE-2023-44487).
    let mut frames = Frames::open(&address);
    let resets = (0..20_000).map(|n| [frame(1, 4, 2 * n + 1, &call(&[])), frame(3, 0, 2 * n + 1, &[0, 0, 0, 8])].concat());
    frames.send(&resets.collect::<Vec<_>>().concat());
    assert_eq!(frames.goes_away(), Some(11), "ENHANCE_YOUR_CALM");
    assert!(is_served());

    // Acknowledgements that nobody reads (CVE-2019-9512, CVE-2019-9515).
    for flood in [frame(4, 0, 0, &[0, 3, 0, 0, 0, 100]), frame(6, 0, 0, &[7; 8])] {
        let mut frames = Frames::open(&address);
        while frames.send(&flood.repeat(4096)) {}
        assert!(is_served());
    }

    // A head that never ends (VU#421644).
    let mut frames = Frames::open(&address);
    frames.send(&frame(1, 0, 1, &call(&[])));
    let more = call(&[("x", &"y".repeat(16_000))]).split_off(call(&[]).len());
    while frames.send(&frame(9, 0, 1, &more).repeat(64)) {}
    assert!(is_served());

    // Windows that grow by nothing, frames that hold nothing, and bytes that are no HTTP/2.
    let mut frames = Frames::open(&address);
    assert!(frames.send(&frame(8, 0, 0, &[0; 4])));
    assert!(frames.goes_away().is_some());
    let mut frames = Frames::open(&address);
    frames.send(&frame(1, 4, 1, &call(&[])));
    for _ in 0..20 {
        if !frames.send(&frame(0, 0, 1, b"").repeat(4096)) {
            break;
        }
    }
    assert!(is_served());
    let mut stream = TcpStream::connect(&address).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let mut said = Vec::new();
    let _ = stream.read_to_end(&mut said);
    assert!(!has(&said, "HTTP/1.1"), "{said:?}");

    assert!(is_served());
    assert!(resident() < before + 32, "{} MiB, {before} before", resident());
}

#[test]
fn a_proxy_has_so_many_calls_at_once_and_heads_of_so_many_bytes() {
    let (_server, address) = start(&[]);
    let mut frames = Frames::open(&address);
    let mut limits = [None; 2];
    while let Some((kind, flags, _, payload)) = frames.next() {
        if (kind, flags) == (4, 0) {
            for setting in payload.chunks(6) {
                let value = u32::from_be_bytes(setting[2..].try_into().unwrap());
                match setting[1] {
                    3 => limits[0] = Some(value),
                    6 => limits[1] = Some(value),
                    _ => {}
                }
            }
            break;
        }
    }
    assert_eq!(limits, [Some(256), Some(16_384)]);
    // One more than that, none of which ends.
    let calls = (0..257).map(|n| frame(1, 4, 2 * n + 1, &call(&[])));
    assert!(frames.send(&calls.collect::<Vec<_>>().concat()));
    let refused = std::iter::from_fn(|| frames.next()).find(|(kind, ..)| *kind == 3).unwrap();
    assert_eq!((refused.2, &*refused.3), (513, &[0, 0, 0, 7][..]), "REFUSED_STREAM");

    let mut frames = Frames::open(&address);
    let value = "y".repeat(5_000);
    let block = call(&[("a", &value), ("b", &value), ("c", &value), ("d", &value)]);
    let (first, rest) = block.split_at(16_000);
    assert!(frames.send(&[frame(1, 1, 1, first), frame(9, 4, 1, rest)].concat()));
    let answer = std::iter::from_fn(|| frames.next()).find(|(kind, ..)| matches!(kind, 1 | 3 | 7)).unwrap();
    assert!(!has(&answer.3, "grpc"), "{answer:?}");
}

/// Neither a head, nor a message, nor a question that never comes is waited for without an end.
#[test]
fn patience_has_an_end() {
    let (_server, address) = start(&[("server.request_timeout_seconds", "1"), ("server.idle_timeout_seconds", "1")]);
    // Without the words with which HTTP/2 begins, and with them alone.
    for said in [&b""[..], b"PRI * HTTP/2.0\r\n"] {
        let mut stream = TcpStream::connect(&address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(said).unwrap();
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
    }
    assert_eq!(Frames::open(&address).goes_away(), Some(0), "who asks nothing is told to go");
    let mut frames = Frames::open(&address);
    frames.send(&frame(1, 0, 1, &call(&[])));
    frames.goes_away();

    // Half a message.
    let mut frames = Frames::open(&address);
    frames.send(&[frame(1, 4, 1, &call(&[])), frame(0, 0, 1, &question("token", "x")[..20])].concat());
    let head = std::iter::from_fn(|| frames.next()).find(|(kind, ..)| *kind == 1).unwrap();
    assert_eq!((head.1 & 1, has(&head.3, "too long")), (1, false), "its end, in Huffman's code");
    frames.0.shutdown(Shutdown::Write).unwrap();
    frames.goes_away();
}
