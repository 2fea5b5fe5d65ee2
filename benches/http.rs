//! Server CPU per request over HTTP, against a bare hyper server of the same shape; ratios within one run.
//!
//! `cargo bench --bench http` starts the real binary and, as another process, a bare server: as many current-thread
//! runtimes, fed by one accepting thread, that read the same body and answer the same number of bytes. A fixed number of
//! keep-alive connections on loopback asks both in turns. What counts is the CPU time of the server's process, user and
//! system, as the scheduler reports it. S, one signature by the compiled backend, is measured in the same run.
#![allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "figures for people")]

use std::{
    env,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use countersign::keyring::{EnvelopeFormat, Keyring};
use serde_json::{Value, json};

const CONNECTIONS: usize = 16;
const ROUNDS: usize = 9;
const REQUESTS: usize = 8_000;

fn main() {
    let arguments: Vec<String> = env::args().collect();
    if let [_, role, bytes] = &arguments[..]
        && role == "bare"
    {
        bare::serve(bytes.parse().expect("a number of bytes"));
    }
    compare();
}

fn compare() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Process::countersign(folder.path());
    let next = AtomicUsize::new(0);
    let number = || next.fetch_add(1, Ordering::Relaxed);

    // One of each, to learn the sizes.
    let (body, answered) = (request_body(number()), Mutex::new(0));
    let envelope = server.connect().ask("/passwordless/request/email/", &body, &answered);
    let request_bytes = *answered.lock().unwrap();
    server.connect().ask("/passwordless/exchange/email/", &exchange_body(0, &envelope), &answered);
    let exchange_bytes = *answered.lock().unwrap();
    let (bare_request, bare_exchange) = (Process::bare(request_bytes), Process::bare(exchange_bytes));
    println!(
        "request: {} bytes in, {request_bytes} out; exchange: {} in, {exchange_bytes} out",
        body.len(),
        exchange_body(0, &envelope).len()
    );

    let signature = signature_time();
    let mut figures = Figures::default();
    for round in 0..=ROUNDS {
        let envelopes = Mutex::new(Vec::with_capacity(REQUESTS));
        let request = server.measure(REQUESTS, |connection| {
            let number = number();
            let envelope = connection.ask("/passwordless/request/email/", &request_body(number), &Mutex::new(0));
            envelopes.lock().unwrap().push((number, envelope));
        });
        let bare_for_request = bare_request.measure(REQUESTS, |connection| {
            connection.ask("/passwordless/request/email/", &request_body(number()), &Mutex::new(0));
        });
        let first = envelopes.lock().unwrap()[0].clone();
        let exchange = server.measure(REQUESTS, |connection| {
            let (number, envelope) = envelopes.lock().unwrap().pop().expect("one for each");
            connection.ask("/passwordless/exchange/email/", &exchange_body(number, &envelope), &Mutex::new(0));
        });
        let bare_for_exchange = bare_exchange.measure(REQUESTS, |connection| {
            connection.ask("/passwordless/exchange/email/", &exchange_body(first.0, &first.1), &Mutex::new(0));
        });
        // The first round warms up.
        if round > 0 {
            figures.add(&[request, bare_for_request, exchange, bare_for_exchange]);
        }
    }
    figures.print(signature);
}

#[derive(Default)]
struct Figures([Vec<f64>; 4]);

impl Figures {
    fn add(&mut self, round: &[f64; 4]) {
        for (all, one) in self.0.iter_mut().zip(round) {
            all.push(*one);
        }
    }

    fn print(mut self, signature: f64) {
        let mut median = |at: usize| {
            self.0[at].sort_by(f64::total_cmp);
            self.0[at][self.0[at].len() / 2]
        };
        let [request, bare_request, exchange, bare_exchange] = [median(0), median(1), median(2), median(3)];
        println!("S, one signature: {signature:.2} µs");
        println!(
            "request:  {request:.2} µs; B = {bare_request:.2} µs; (request − S) / B = {:.3}",
            (request - signature) / bare_request
        );
        println!(
            "exchange: {exchange:.2} µs; B = {bare_exchange:.2} µs; (exchange − S) / B = {:.3}",
            (exchange - signature) / bare_exchange
        );
    }
}

fn request_body(number: usize) -> String {
    format!(r#"{{"email":"person{number:08}@example.com"}}"#)
}

/// With an alphabet of one character every code is known.
fn exchange_body(number: usize, envelope: &str) -> String {
    json!({"email": format!("person{number:08}@example.com"), "token": "111111", "challenge": envelope}).to_string()
}

fn signature_time() -> f64 {
    let keyring = Keyring::new([vec![7; 32]]).expect("one secret of 32 bytes");
    let key = keyring.current().envelope_key(EnvelopeFormat::EdDsa);
    let message = [b'x'; 500];
    let mut best = f64::MAX;
    for _ in 0..20 {
        let start = Instant::now();
        for _ in 0..1_000 {
            std::hint::black_box(key.sign(std::hint::black_box(&message)));
        }
        best = best.min(start.elapsed().as_secs_f64() * 1e3);
    }
    best
}

/// A server process.
struct Process {
    child: Child,
    address: String,
}

impl Process {
    fn countersign(folder: &Path) -> Self {
        let settings = [
            ("SERVER__LISTEN", "127.0.0.1:0"),
            ("SERVER__ADMIN_LISTEN", "127.0.0.1:0"),
            ("EMAIL__TRANSPORT", "discard"),
            ("PASSWORDLESS__SHORT_TOKEN_CHARS", "1"),
            ("PASSWORDLESS__TOKEN_REQUEST_THROTTLE_SECONDS", "0"),
            ("PASSWORDLESS__MAX_MESSAGES_PER_HOUR", "0"),
            ("GUARD__MAX_TAKEOVER_PROBABILITY", "1"),
            ("GUARD__CAPACITY", "4000000"),
        ];
        let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
        command.current_dir(folder).envs(settings.map(|(key, value)| (format!("COUNTERSIGN_{key}"), value)));
        Self::start(command)
    }

    fn bare(bytes: usize) -> Self {
        let mut command = Command::new(env::current_exe().expect("this program has a path"));
        command.arg("bare").arg(bytes.to_string());
        Self::start(command)
    }

    fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the server starts");
        let mut lines = BufReader::new(child.stderr.take().expect("stderr is piped")).lines();
        let address =
            lines.by_ref().map_while(Result::ok).find_map(|line| Some(line.split_once("listening on http://")?.1.to_owned()));
        thread::spawn(move || lines.for_each(drop));
        Self { child, address: address.expect("it says where it listens") }
    }

    fn connect(&self) -> Connection {
        let stream = TcpStream::connect(&self.address).expect("the port accepts");
        stream.set_nodelay(true).expect("a socket takes options");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a socket takes options");
        Connection { stream, buffer: Vec::with_capacity(8192) }
    }

    /// Server CPU in µs per request, over all connections at once.
    #[allow(clippy::cast_precision_loss, reason = "far fewer than 2⁵² nanoseconds or requests")]
    fn measure(&self, requests: usize, ask: impl Fn(&mut Connection) + Sync) -> f64 {
        let connections: Vec<_> = (0..CONNECTIONS).map(|_| self.connect()).collect();
        let before = self.cpu_nanoseconds();
        thread::scope(|scope| {
            for mut connection in connections {
                let ask = &ask;
                scope.spawn(move || (0..requests / CONNECTIONS).for_each(|_| ask(&mut connection)));
            }
        });
        (self.cpu_nanoseconds() - before) as f64 / 1e3 / (requests / CONNECTIONS * CONNECTIONS) as f64
    }

    /// What all its threads have run, by the scheduler's own count.
    fn cpu_nanoseconds(&self) -> u64 {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).expect("the process lives");
        let times = tasks.filter_map(|task| {
            let text = std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
            text.split(' ').next()?.parse::<u64>().ok()
        });
        times.sum()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    /// POSTs `body`, asserts success, notes the size of the answer, and returns its envelope.
    fn ask(&mut self, path: &str, body: &str, size: &Mutex<usize>) -> String {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\nuser-agent: bench\r\naccept: */*\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        self.stream.write_all(&[head.as_bytes(), body.as_bytes()].concat()).expect("the server reads");
        self.buffer.clear();
        let mut part = [0; 8192];
        loop {
            let read = self.stream.read(&mut part).expect("the server answers");
            assert!(read > 0, "the server closed: {}", String::from_utf8_lossy(&self.buffer));
            self.buffer.extend_from_slice(&part[..read]);
            let Some(end) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
            let head = std::str::from_utf8(&self.buffer[..end]).expect("heads are text");
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
            let whole = end + 4 + length.expect("a length");
            if self.buffer.len() >= whole {
                assert!(head.starts_with("HTTP/1.1 200"), "{}", String::from_utf8_lossy(&self.buffer));
                *size.lock().unwrap() = whole;
                let body = &self.buffer[end + 4..whole];
                let json: Option<Value> = serde_json::from_slice(body).ok();
                return json.and_then(|json| Some(json["challenge"].as_str()?.to_owned())).unwrap_or_default();
            }
        }
    }
}

/// The server to compare with: what hyper and the runtimes cost by themselves.
mod bare {
    use std::convert::Infallible;

    use http_body_util::{BodyExt, Full};
    use hyper::{
        Request, Response,
        body::{Bytes, Incoming},
        header::{CONTENT_TYPE, HeaderValue},
        server::conn::http1,
        service::service_fn,
    };
    use hyper_util::rt::TokioIo;
    use tokio::{
        net::{TcpListener, TcpStream},
        runtime::Builder,
        sync::mpsc,
        task::{LocalSet, spawn_local},
    };

    use super::{SocketAddr, thread};

    /// `HTTP/1.1 200 OK`, content type, length and date.
    const HEAD_BYTES: usize = 17 + 32 + 21 + 37 + 2;

    pub(super) fn serve(bytes: usize) -> ! {
        let answer = Bytes::from(vec![b'x'; bytes - HEAD_BYTES]);
        let workers = thread::available_parallelism().map_or(1, usize::from);
        let workers: Vec<_> = (0..workers)
            .map(|_| {
                let (sockets, mut arriving) = mpsc::unbounded_channel::<std::net::TcpStream>();
                let answer = answer.clone();
                thread::spawn(move || {
                    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
                    LocalSet::new().block_on(&runtime, async move {
                        while let Some(socket) = arriving.recv().await {
                            spawn_local(connection(TcpStream::from_std(socket).expect("a socket"), answer.clone()));
                        }
                    });
                });
                sockets
            })
            .collect();
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a port");
            eprintln!("listening on http://{}", listener.local_addr().expect("an address"));
            for worker in workers.iter().cycle() {
                let (stream, _) = listener.accept().await.expect("a connection");
                stream.set_nodelay(true).expect("a socket takes options");
                worker.send(stream.into_std().expect("a socket")).expect("the worker lives");
            }
        });
        unreachable!("the loop above has no end")
    }

    async fn connection(stream: TcpStream, answer: Bytes) {
        let service = service_fn(|request: Request<Incoming>| {
            let answer = answer.clone();
            async move {
                let _ = request.into_body().collect().await;
                let mut response = Response::new(Full::new(answer));
                response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                Ok::<_, Infallible>(response)
            }
        });
        let _ = http1::Builder::new().half_close(true).serve_connection(TokioIo::new(stream), service).await;
    }
}
