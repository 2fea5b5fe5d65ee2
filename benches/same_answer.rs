//! Whether time tells who exists: a dudect-style measurement of the request and of the one after it.
//!
//! `cargo bench --bench same_answer [-- pairs [transport]]` starts the real binary with a directory file and asks, over one
//! keep-alive connection, for recipients of a class that a coin chooses: known, unknown, inactive, admin. Each is followed by
//! a neutral request, since what the background does for a message might slow down the next: for somebody unknown or for
//! somebody known, by another coin, since the code of either is warmer after a request of its own kind. For each
//! class the time to the last byte of both answers is compared with the known ones': Welch's t over all times and over
//! those below each of a number of percentiles (Reparaz, Balasch, Verbauwhede: "dude, is my code constant time?"; the
//! upper tail is the machine's). "Control" splits the known ones by another coin: what chance makes of this machine.
//! |t| below 4.5 shows no difference; beside it stands the difference of the means below the percentile where |t| is
//! largest, and below the 90th.
#![allow(clippy::disallowed_methods, reason = "it measures time")]
#![allow(clippy::cast_precision_loss, reason = "times are far below 2⁵² ns")]

use std::{
    env,
    fmt::Write as _,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};
use serde_json::json;

/// Recipients of each class; addresses are of one length.
const RECIPIENTS: u32 = 500;
const PAUSE: Duration = Duration::from_millis(1);
const PERCENTILES: [usize; 9] = [20, 40, 50, 60, 70, 80, 90, 95, 100];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Known,
    /// The other half of the known ones.
    Control,
    Unknown,
    Inactive,
    Admin,
    /// Unknown too, but asked for after each of the others.
    NeutralUnknown,
    /// Known too, but asked for after each of the others.
    NeutralKnown,
}

const CLASSES: [Class; 5] = [Class::Known, Class::Control, Class::Unknown, Class::Inactive, Class::Admin];
const NEUTRALS: [Class; 2] = [Class::NeutralUnknown, Class::NeutralKnown];

fn main() {
    let pairs = env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(60_000);
    println!("{pairs} pairs of requests for each transport; nanoseconds of this machine\n");
    let only = env::args().skip(1).find(|argument| !argument.starts_with('-') && argument.parse::<usize>().is_err());
    let is_wanted = |name: &str| only.as_deref().is_none_or(|only| name == only);
    let mail_server = stand_in();
    let url = format!("smtp://127.0.0.1:{mail_server}");
    for (name, settings) in [
        ("discard", vec![("EMAIL__TRANSPORT", "discard")]),
        ("smtp", vec![("EMAIL__TRANSPORT", "smtp"), ("EMAIL__URL", &url)]),
        ("file", vec![("EMAIL__TRANSPORT", "file")]),
    ] {
        if !is_wanted(name) {
            continue;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let server = Server::start(folder.path(), &settings);
        measure(name, pairs, server.connect());
    }
    if !is_wanted("down") {
        return;
    }
    // Nobody listens there, so what is queued stays.
    let folder = tempfile::tempdir().expect("a folder");
    let dead = [("EMAIL__TRANSPORT", "smtp"), ("EMAIL__URL", "smtp://127.0.0.1:1"), ("DELIVERY__QUEUE_LENGTH", "20")];
    let server = Server::start(folder.path(), &dead);
    for number in 0..20 {
        server.connect().time(&request(Class::Known, number));
    }
    measure("smtp, down, with a full queue", pairs, Connection { status: b"HTTP/1.1 503", ..server.connect() });
}

fn measure(name: &str, pairs: usize, mut connection: Connection) {
    let mut random = ChaCha8Rng::from_seed([1; 32]);
    let mut times: [Times; CLASSES.len()] = Default::default();
    let warming = pairs / 20;
    for pair in 0..pairs + warming {
        let at = random.next_u32() as usize % CLASSES.len();
        let first = connection.time(&request(CLASSES[at], random.next_u32() % RECIPIENTS));
        let neutral = random.next_u32() as usize % NEUTRALS.len();
        let second = connection.time(&request(NEUTRALS[neutral], random.next_u32() % RECIPIENTS));
        // What this pair has left to the background ends before the next one begins.
        thread::sleep(PAUSE);
        if pair >= warming {
            times[at].request.push(first);
            times[at].next[neutral].push(second);
        }
    }
    println!("transport {name}:");
    for (class, what) in [(1, "control"), (2, "unknown"), (3, "inactive"), (4, "admin")] {
        print(&format!("{what}, the request"), &times[0].request, &times[class].request);
        for (neutral, whose) in ["unknown", "known"].into_iter().enumerate() {
            print(&format!("{what}, the next, {whose}"), &times[0].next[neutral], &times[class].next[neutral]);
        }
    }
    println!();
}

#[derive(Default)]
struct Times {
    request: Vec<f64>,
    next: [Vec<f64>; NEUTRALS.len()],
}

fn print(what: &str, known: &[f64], others: &[f64]) {
    let mut all: Vec<f64> = [known, others].concat();
    all.sort_by(f64::total_cmp);
    let below = |percentile: usize| {
        let limit = all[(all.len() * percentile / 100).min(all.len() - 1)];
        let within = |times: &[f64]| times.iter().copied().filter(|time| *time <= limit).collect::<Vec<_>>();
        welch(&within(known), &within(others))
    };
    let (mut most, mut at) = ((0.0, 0.0, 0.0), 0);
    for percentile in PERCENTILES {
        let found: (f64, f64, f64) = below(percentile);
        if found.0.abs() > most.0 {
            (most, at) = ((found.0.abs(), found.1, found.2), percentile);
        }
    }
    let (_, difference, error) = below(90);
    let (most, there, there_error) = most;
    let verdict = if most < 4.5 { "" } else { "  <- differs" };
    let median = all[all.len() / 2];
    println!(
        "  {what:27} max |t| {most:6.2} below {at:3} %: {there:6.0} ± {there_error:4.0}   difference {difference:6.0} ± {error:4.0} of {median:.0}{verdict}"
    );
}

/// t, the difference of the means, and its standard error.
fn welch(a: &[f64], b: &[f64]) -> (f64, f64, f64) {
    let moments = |times: &[f64]| {
        let count = times.len() as f64;
        let mean = times.iter().sum::<f64>() / count;
        let variance = times.iter().map(|time| (time - mean).powi(2)).sum::<f64>() / (count - 1.0);
        (mean, variance / count)
    };
    let ((mean_a, error_a), (mean_b, error_b)) = (moments(a), moments(b));
    let error = (error_a + error_b).sqrt();
    ((mean_b - mean_a) / error, mean_b - mean_a, error)
}

fn address(class: Class, number: u32) -> String {
    let class = match class {
        Class::Known => 'k',
        Class::Control => 'c',
        Class::Unknown => 'u',
        Class::Inactive => 'i',
        Class::Admin => 'a',
        Class::NeutralUnknown => 'n',
        Class::NeutralKnown => 'm',
    };
    format!("{class}{number:05}@example.com")
}

fn request(class: Class, number: u32) -> String {
    let body = format!(r#"{{"email":"{}"}}"#, address(class, number));
    let mut request = "POST /passwordless/request/email/ HTTP/1.1\r\nhost: localhost\r\n".to_owned();
    write!(request, "content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len()).expect("a text takes text");
    request
}

/// The binary under measurement.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(folder: &Path, settings: &[(&str, &str)]) -> Self {
        let user = |class: Class, number: u32| {
            let address = address(class, number);
            json!({"id": address, "email": address, "is_active": class != Class::Inactive, "is_staff": class == Class::Admin, "epoch": "1"})
        };
        let classes = [Class::Known, Class::Control, Class::Inactive, Class::Admin, Class::NeutralKnown];
        let users: Vec<_> = classes.iter().flat_map(|class| (0..RECIPIENTS).map(|number| user(*class, number))).collect();
        fs::write(folder.join("users.json"), json!(users).to_string()).expect("a file of users");
        let base = [
            ("SERVER__LISTEN", "127.0.0.1:0"),
            ("SERVER__ADMIN_LISTEN", "127.0.0.1:0"),
            ("DIRECTORY__KIND", "file"),
            ("DIRECTORY__PATH", "users.json"),
            ("PASSWORDLESS__TOKEN_REQUEST_THROTTLE_SECONDS", "0"),
            ("PASSWORDLESS__MAX_MESSAGES_PER_HOUR", "0"),
            ("DELIVERY__QUEUE_LENGTH", "1000000"),
        ];
        let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
        for (key, value) in base.iter().chain(settings) {
            command.env(format!("COUNTERSIGN_{key}"), value);
        }
        let mut child = command.current_dir(folder).stderr(Stdio::piped()).spawn().expect("the server starts");
        let mut lines = BufReader::new(child.stderr.take().expect("stderr is piped")).lines().map_while(Result::ok);
        let address = lines.find_map(|line| Some(line.split_once("listening on http://")?.1.to_owned()));
        thread::spawn(move || lines.for_each(drop));
        Self { child, address: address.expect("it says where it listens") }
    }

    fn connect(&self) -> Connection {
        let stream = TcpStream::connect(&self.address).expect("the port accepts");
        stream.set_nodelay(true).expect("a socket takes options");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a socket takes options");
        Connection { stream, status: b"HTTP/1.1 200", length: None }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Connection {
    stream: TcpStream,
    /// How every answer begins.
    status: &'static [u8],
    /// Of an answer: of every answer, or they could be told apart.
    length: Option<usize>,
}

impl Connection {
    /// Nanoseconds from the request to the last byte of its answer.
    fn time(&mut self, request: &str) -> f64 {
        let mut answer = [0; 8192];
        let begun = Instant::now();
        self.stream.write_all(request.as_bytes()).expect("the server reads");
        let mut read = 0;
        loop {
            read += self.stream.read(&mut answer[read..]).expect("the server answers");
            let started = read < 12 || answer.starts_with(self.status);
            assert!(started, "{}", String::from_utf8_lossy(&answer[..read]));
            if self.is_whole(&answer[..read]) {
                break;
            }
        }
        let time = begun.elapsed();
        time.as_nanos() as f64
    }

    fn is_whole(&mut self, answer: &[u8]) -> bool {
        assert!(!answer.is_empty(), "the server closed");
        if let Some(length) = self.length {
            assert!(answer.len() <= length, "answers have one length");
            return answer.len() == length;
        }
        let text = String::from_utf8_lossy(answer);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
        let length: Option<usize> = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        let whole = length.is_some_and(|length| body.len() == length);
        self.length = whole.then_some(answer.len());
        whole
    }
}

/// A mail server that believes everything, in a process of its own thread; returns its port.
fn stand_in() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || {
                let mut answers = &stream;
                let _ = answers.write_all(b"220 stand-in\r\n");
                let mut content = false;
                for line in BufReader::new(&stream).lines().map_while(Result::ok) {
                    let answer: &[u8] = match (content, line.as_str()) {
                        (true, ".") => b"250 taken\r\n",
                        (true, _) => continue,
                        (false, "DATA") => b"354 go on\r\n",
                        (false, _) => b"250 yes\r\n",
                    };
                    content = answer.starts_with(b"354");
                    if answers.write_all(answer).is_err() {
                        return;
                    }
                }
            });
        }
    });
    port
}
