//! Starts the real binary on a port of the system's choice, talks HTTP/1.1 to it, and reads the messages that it writes.
#![allow(dead_code, unreachable_pub, missing_docs, reason = "each test uses a part of it")]

pub mod api;
pub mod fleet;
pub mod link;
pub mod messages;
pub mod tokens;

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    io::{self, BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU16, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

/// How long anything may take before a test gives up.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A running server with a folder of its own.
pub struct Server {
    child: Child,
    /// `host:port` of the public listener; the path of its socket, where it is one.
    pub address: String,
    /// `host:port` of the admin listener; the path of its socket, where it is one.
    pub admin: String,
    log: Arc<Mutex<String>>,
    /// Reads the log to its end.
    reader: JoinHandle<()>,
    folder: TempDir,
}

/// An answer as it came.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// One connection, which stays open.
pub struct Connection {
    stream: BufReader<Box<dyn Stream>>,
}

pub trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

impl Server {
    /// Starts with these settings (`"section.key"`), on top of: e-mail and SMS into files, system-chosen ports, a fixed secret.
    pub fn start(settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the server");
        Self::start_in(folder, settings)
    }

    /// Starts in a folder that exists already.
    pub fn start_in(folder: TempDir, settings: &[(&str, &str)]) -> Self {
        let command = command(folder.path(), settings);
        Self::run(folder, command)
    }

    /// Starts it without a line in the log for every connection and request: for many of them.
    pub fn start_quietly(settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the server");
        let mut command = command(folder.path(), settings);
        command.env("RUST_LOG", "info");
        Self::run(folder, command)
    }

    /// Starts with these settings at a public URL of its own, so that links, cookies and origins are right in a browser.
    pub fn start_public(settings: &[(&str, &str)]) -> Self {
        Self::start_public_in(tempfile::tempdir().expect("a folder for the server"), settings)
    }

    /// Starts in a folder that exists already.
    pub fn start_public_in(folder: TempDir, settings: &[(&str, &str)]) -> Self {
        let command = public_command(&folder, settings);
        Self::run(folder, command)
    }

    /// Starts it without a line in the log for every connection and request: for many of them.
    pub fn start_public_quietly_in(folder: TempDir, settings: &[(&str, &str)]) -> Self {
        let mut command = public_command(&folder, settings);
        command.env("RUST_LOG", "info");
        Self::run(folder, command)
    }

    /// Starts a prepared command in its folder.
    pub fn run(folder: TempDir, mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the binary starts");
        let mut lines = BufReader::new(child.stderr.take().expect("stderr is piped"));
        let log = Arc::new(Mutex::new(String::new()));
        let (mut address, mut admin) = (None, None);
        while address.is_none() || admin.is_none() {
            let mut line = String::new();
            let read = lines.read_line(&mut line).expect("stderr is text");
            assert!(read > 0, "the server ended: {:?}\n{}", child.wait(), log.lock().unwrap());
            let after = |start: &str| line.trim_end().split_once(start).map(|(_, rest)| rest.to_owned());
            address = address.or_else(|| after("listening on http://")).or_else(|| after("listening on unix:"));
            admin = admin.or_else(|| after("metrics on http://")).or_else(|| after("metrics on unix:"));
            log.lock().unwrap().push_str(&line);
        }
        let sink = Arc::clone(&log);
        let reader = thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                let mut log = sink.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
            }
        });
        Self { child, address: address.unwrap(), admin: admin.unwrap(), log, reader, folder }
    }

    /// Its folder: mail in `mail/`, SMS in `sms/`.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The URL that it is reached by.
    pub fn url(&self) -> String {
        format!("http://localhost:{}", self.address.rsplit(':').next().expect("a port"))
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// All that it has logged.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    pub fn connect(&self) -> Connection {
        Connection::to(&self.address)
    }

    /// POSTs JSON to a path below `/passwordless/`.
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.post_with(path, &[], body)
    }

    /// POSTs JSON with more headers.
    pub fn post_with(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        let mut all = vec![("content-type", "application/json")];
        all.extend_from_slice(headers);
        self.connect().request("POST", &format!("/passwordless/{path}"), &all, body.to_string().as_bytes())
    }

    pub fn get(&self, path: &str) -> Answer {
        self.connect().request("GET", path, &[], b"")
    }

    pub fn get_admin(&self, path: &str) -> Answer {
        Connection::to(&self.admin).request("GET", path, &[], b"")
    }

    /// Asks for a code; returns the envelope and the code.
    pub fn challenge(&self, email: &str) -> (String, String) {
        let before = self.mails_to(email).len();
        let answer = self.post("request/email/", &serde_json::json!({"email": email}));
        assert_eq!(answer.status, 200, "{answer:?}");
        let mail = self.wait_for_mail(email, before);
        (answer.json()["challenge"].as_str().expect("an envelope").to_owned(), code_in(&mail))
    }

    /// The mails to this address, oldest first.
    pub fn mails_to(&self, email: &str) -> Vec<String> {
        let wanted = format!("\nto: {}", email.to_lowercase());
        let mails = messages(&self.folder().join("mail"), "eml");
        mails.into_iter().filter(|mail| mail.replace('\r', "").to_lowercase().contains(&wanted)).collect()
    }

    /// The next mail to this address after the first `seen`.
    pub fn wait_for_mail(&self, email: &str, seen: usize) -> String {
        wait_for(|| self.mails_to(email).into_iter().nth(seen))
    }

    /// The SMS so far, oldest first, each `{"to","body"}`.
    pub fn texts(&self) -> Vec<Value> {
        messages(&self.folder().join("sms"), "json").iter().map(|text| serde_json::from_str(text).expect("JSON")).collect()
    }

    /// Ends it as `kill -9` does, and returns when it has ended.
    pub fn kill(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").arg(format!("-{name}")).arg(self.pid().to_string()).status();
        assert!(status.expect("kill exists").success());
    }

    /// Stops it, and returns when all its threads stand still.
    pub fn stop(&self) {
        self.signal("STOP");
        let stands_still = |task: &Path| {
            // "1234 (countersign) T …"
            let Ok(stat) = fs::read_to_string(task.join("stat")) else { return true };
            stat.rsplit_once(") ").is_some_and(|(_, state)| state.starts_with('T'))
        };
        wait_for(|| {
            let tasks = fs::read_dir(format!("/proc/{}/task", self.pid())).expect("Linux");
            tasks.filter_map(|task| Some(task.ok()?.path())).all(|task| stands_still(&task)).then_some(())
        });
    }

    /// Waits for its end and returns all that it has logged.
    pub fn wait(mut self) -> (ExitStatus, String) {
        let status = wait_for(|| self.child.try_wait().expect("it is ours"));
        // What it wrote last may not have been read yet.
        wait_for(|| self.reader.is_finished().then_some(()));
        (status, self.log())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The binary with these settings, not started yet.
pub fn command(folder: &Path, settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    command.current_dir(folder).env_clear().env("RUST_LOG", "trace").env("RUST_BACKTRACE", "0");
    let base = [
        ("server.listen", "127.0.0.1:0"),
        ("server.admin_listen", "127.0.0.1:0"),
        ("keyring.secrets", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"),
        ("email.transport", "file"),
        ("sms.transport", "file"),
    ];
    for (key, value) in base.iter().chain(settings) {
        let (section, key) = key.split_once('.').expect("section.key");
        command.env(format!("COUNTERSIGN_{}__{}", section.to_uppercase(), key.to_uppercase()), value);
    }
    command
}

/// The binary with these settings and a public URL of its own, not started yet.
fn public_command(folder: &TempDir, settings: &[(&str, &str)]) -> Command {
    let port = free_port();
    let (listen, url) = (format!("127.0.0.1:{port}"), format!("http://localhost:{port}"));
    command(folder.path(), &[&[("server.listen", &*listen), ("server.public_url", &*url)], settings].concat())
}

impl Connection {
    pub fn to(address: &str) -> Self {
        Self::try_to(address).expect("it accepts")
    }

    /// A connection to a server that may be down.
    pub fn try_to(address: &str) -> io::Result<Self> {
        let stream: Box<dyn Stream> = if address.starts_with('/') {
            let stream = UnixStream::connect(address)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            Box::new(stream)
        } else {
            let stream = TcpStream::connect(address)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_nodelay(true)?;
            Box::new(stream)
        };
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// Sends a request with its length and reads the answer.
    pub fn request(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        self.send(&head(method, path, headers, body.len()));
        self.send(body);
        self.receive(method)
    }

    /// Sends bytes as they are. The server may have closed already; then reading tells.
    pub fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.get_mut().write_all(bytes);
    }

    /// Sends bytes and says whether that worked.
    pub fn try_send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    /// Reads one answer.
    pub fn receive(&mut self, method: &str) -> Answer {
        self.try_receive(method).expect("an answer")
    }

    pub fn try_receive(&mut self, method: &str) -> io::Result<Answer> {
        let mut line = String::new();
        let ended = || io::Error::from(io::ErrorKind::UnexpectedEof);
        if self.stream.read_line(&mut line)? == 0 {
            return Err(ended());
        }
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(ended)?;
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            headers.push((name.to_lowercase(), value.trim().to_owned()));
        }
        let mut answer = Answer { status, headers, body: Vec::new() };
        let length = answer.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        if method != "HEAD" {
            answer.body.resize(length, 0);
            self.stream.read_exact(&mut answer.body)?;
        }
        Ok(answer)
    }

    /// Whether the server closes without another word.
    pub fn is_closed(&mut self) -> bool {
        matches!(self.stream.read(&mut [0; 1]), Ok(0) | Err(_))
    }
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }

    /// Every cookie that is set, as it stands in its header.
    pub fn cookies(&self) -> Vec<&str> {
        self.headers.iter().filter(|(name, _)| name == "set-cookie").map(|(_, value)| &**value).collect()
    }

    /// The value of one cookie that is set.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        let pairs = self.cookies().into_iter().filter_map(|cookie| cookie.split(';').next()?.split_once('='));
        pairs.into_iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The stable code of a problem.
    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_else(|| panic!("no problem: {self:?}")).to_owned()
    }
}

/// A request's head.
pub fn head(method: &str, path: &str, headers: &[(&str, &str)], length: usize) -> Vec<u8> {
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n");
    for (name, value) in headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    if length > 0 || method == "POST" {
        let _ = write!(head, "content-length: {length}\r\n");
    }
    head.push_str("\r\n");
    head.into_bytes()
}

/// The code in a message: a line of its own, of digits or of base 20.
pub fn code_in(message: &str) -> String {
    let is_code = |line: &str| {
        (4..=32).contains(&line.len())
            && line.bytes().all(|byte| byte.is_ascii_digit() || b"BCDFGHJKLMNPQRSTVWXZ".contains(&byte))
    };
    let code = message.lines().map(str::trim).find(|line| is_code(line));
    code.unwrap_or_else(|| panic!("no code in {message}")).to_owned()
}

/// A port that nobody has, below those that the system chooses from, so that it doesn't give it away meanwhile.
pub fn free_port() -> u16 {
    free_port_at(&["127.0.0.1"])
}

/// One that is free on each of these addresses.
pub fn free_port_at(hosts: &[&str]) -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = std::process::id() % 1000 * 10;
    let candidates = std::iter::repeat_with(|| NEXT.fetch_add(1, Ordering::Relaxed));
    let mut ports =
        candidates.map(|n| 20_000 + u16::try_from((start + u32::from(n)) % 12_000).expect("below 12,000")).take(12_000);
    ports.find(|port| hosts.iter().all(|host| TcpListener::bind((*host, *port)).is_ok())).expect("a free port")
}

/// A text with other ports in the place of those that it names. Whole numbers only: 3000 isn't in 23000.
pub fn with_ports(text: &str, ports: &BTreeMap<u16, u16>) -> String {
    let parts = text.split_inclusive(|c: char| !c.is_ascii_digit());
    let parts = parts.map(|part| {
        let digits = part.trim_end_matches(|c: char| !c.is_ascii_digit());
        match digits.parse().ok().and_then(|named| ports.get(&named)) {
            Some(port) => format!("{port}{}", &part[digits.len()..]),
            None => part.to_owned(),
        }
    });
    parts.collect()
}

/// Waits until there is something.
#[allow(clippy::disallowed_methods, reason = "the patience of a test")]
pub fn wait_for<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "nothing came");
        thread::sleep(Duration::from_millis(5));
    }
}

fn messages(folder: &Path, suffix: &str) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut paths: Vec<PathBuf> = paths.filter(|path| path.extension().is_some_and(|found| found == suffix)).collect();
    paths.sort_by_key(|path| (fs::metadata(path).and_then(|data| data.modified()).ok(), path.clone()));
    paths.iter().filter_map(|path| fs::read_to_string(path).ok()).collect()
}
