//! One running `countersign`.

use std::{
    collections::{BTreeMap, HashSet},
    fmt::Write as _,
    fs,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    http::{Answer, exchange_bytes, request},
    mail::Message,
};

/// How long anything may take that is expected to happen. Only a failing test waits for it.
const PATIENCE: Duration = Duration::from_secs(30);

/// A process that ends with the test.
#[derive(Debug)]
pub struct Child(pub std::process::Child);

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A running server: e-mail and SMS go to files in its folder, whatever isn't set has its default.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Its working directory.
    pub folder: Arc<TempDir>,
    /// Where it listens.
    pub address: SocketAddr,
    /// Where health and metrics are.
    pub admin: SocketAddr,
    read: Mutex<HashSet<PathBuf>>,
}

impl Server {
    /// Starts one in a new folder. A setting is a dotted key and its TOML: `("tokens.algorithm", "\"ES256\"")`.
    pub fn start(settings: &[(&str, &str)]) -> Self {
        let folder = Arc::new(TempDir::new().expect("a temporary folder"));
        Self::start_in(&folder, settings, &[])
    }

    /// Starts one in a folder of another, or in a prepared one, with variables in its environment.
    pub fn start_in(folder: &Arc<TempDir>, settings: &[(&str, &str)], environment: &[(&str, &str)]) -> Self {
        // Between choosing a port and binding it another process may take it: then the server says so, and we choose again.
        for _ in 0..5 {
            let (address, admin) = (free_port(), free_port());
            let config = configuration(address, admin, settings);
            let file = folder.path().join("countersign.toml");
            fs::write(&file, config).expect("write the configuration");
            let log = fs::File::create(folder.path().join("log.txt")).expect("create the log");
            let child = command(folder.path())
                .args(["serve", "--config", "countersign.toml"])
                .envs(environment.iter().copied())
                .stdout(log.try_clone().expect("clone the log"))
                .stderr(log)
                .spawn()
                .expect("start the binary");
            let mut child = Child(child);
            if wait_until_ready(&mut child, admin, folder.path()) {
                return Self { child, folder: Arc::clone(folder), address, admin, read: Mutex::default() };
            }
        }
        panic!("no free port in five tries");
    }

    /// The public URL.
    pub fn url(&self) -> String {
        format!("http://localhost:{}", self.address.port())
    }

    /// What it has written to stdout and stderr.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log.txt")).unwrap_or_default()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.0.id()
    }

    /// Sends SIGTERM and waits for the end.
    pub fn stop(mut self) -> ExitStatus {
        let pid = self.child.0.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().expect("send SIGTERM");
        wait_for("the end of the process", || self.child.0.try_wait().expect("wait"))
    }

    /// Ends it as a power cut would, as far as the process is concerned.
    pub fn kill(mut self) {
        self.child.0.kill().expect("send SIGKILL");
        self.child.0.wait().expect("wait");
    }

    /// POSTs JSON to an endpoint below the base path.
    pub fn post(&self, endpoint: &str, body: &Value) -> Answer {
        self.post_with(endpoint, &[], body)
    }

    /// The same, with headers.
    pub fn post_with(&self, endpoint: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        let headers = [&[("Content-Type", "application/json")], headers].concat();
        self.send("POST", &format!("/passwordless/{endpoint}"), &headers, body.to_string().as_bytes())
    }

    /// GETs a path.
    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], b"")
    }

    /// GETs a path of the second listener.
    pub fn admin_get(&self, path: &str) -> Answer {
        exchange_bytes(self.admin, &request("GET", path, &[], b"")).expect("an answer")
    }

    /// Sends any request.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        exchange_bytes(self.address, &request(method, path, headers, body)).expect("an answer")
    }

    /// Waits for the next message to this address that wasn't read before.
    pub fn mail(&self, to: &str) -> Message {
        let folder = self.folder.path().join("mail");
        wait_for("a message", || {
            let mut read = self.read.lock().expect("no test panics with it");
            let files = fs::read_dir(&folder).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
            let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|kind| kind == "eml")).collect();
            files.sort();
            files.into_iter().filter(|path| !read.contains(path)).collect::<Vec<_>>().into_iter().find_map(|path| {
                let message = Message::parse(&fs::read_to_string(&path).ok()?);
                let is_to = message.header("to")?.contains(to);
                is_to.then(|| {
                    read.insert(path);
                    message
                })
            })
        })
    }

    /// Asks for a code and reads it: the request's answer, the message.
    pub fn begin(&self, email: &str) -> (Value, Message) {
        let answer = self.post("request/email/", &json!({ "email": email })).ok();
        (answer, self.mail(email))
    }

    /// Logs in by e-mail: the tokens.
    pub fn log_in(&self, email: &str) -> Value {
        let (begun, message) = self.begin(email);
        let length = begun["code_length"].as_u64().expect("a length");
        let code = message.code(usize::try_from(length).expect("a short length"));
        let body = json!({ "email": email, "token": code, "challenge": begun["challenge"] });
        self.post("exchange/email/", &body).ok()
    }
}

/// A loopback address whose port nobody has right now.
pub fn free_port() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind a port");
    listener.local_addr().expect("a bound address")
}

/// Polls until there is something, and panics when that takes too long.
pub fn wait_for<T>(what: &str, mut poll: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = poll() {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "waited too long for {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// The binary, in this folder, with nothing of the caller's configuration.
pub fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    command.current_dir(folder).stdin(Stdio::null()).env("NO_COLOR", "1");
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("COUNTERSIGN_") {
            command.env_remove(name);
        }
    }
    command
}

/// Whether it got ready; false where it ended because something it needs is taken (exit 69).
fn wait_until_ready(child: &mut Child, admin: SocketAddr, folder: &Path) -> bool {
    let ask = request("GET", "/readyz", &[], b"");
    wait_for("the server to be ready", || {
        if let Some(status) = child.0.try_wait().expect("wait") {
            let log = fs::read_to_string(folder.join("log.txt")).unwrap_or_default();
            assert_eq!(status.code(), Some(69), "the server ended: {log}");
            return Some(false);
        }
        let answer = exchange_bytes(admin, &ask).ok()?;
        (answer.status == 200).then_some(true)
    })
}

fn configuration(address: SocketAddr, admin: SocketAddr, settings: &[(&str, &str)]) -> String {
    let own = [
        ("server.listen", format!("\"{address}\"")),
        ("server.admin_listen", format!("\"{admin}\"")),
        ("server.public_url", format!("\"http://localhost:{}\"", address.port())),
        ("email.transport", "\"file\"".to_owned()),
        ("sms.transport", "\"file\"".to_owned()),
    ];
    let mut sections: BTreeMap<&str, BTreeMap<&str, &str>> = BTreeMap::new();
    let own = own.iter().map(|(key, value)| (*key, &**value));
    for (key, value) in own.chain(settings.iter().copied()) {
        let (section, key) = key.split_once('.').expect("a dotted key");
        sections.entry(section).or_default().insert(key, value);
    }
    sections.iter().fold(String::new(), |mut toml, (section, keys)| {
        let _ = writeln!(toml, "[{section}]");
        for (key, value) in keys {
            let _ = writeln!(toml, "{key} = {value}");
        }
        toml
    })
}
