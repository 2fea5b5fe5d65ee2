//! Servers of our own: on free ports of loopback, in temporary folders, ended by their process.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::LazyLock,
    thread,
    time::Duration,
};

use redis::{Client, Connection, FromRedisValue};
use tempfile::TempDir;

/// Why there can be no server.
pub(crate) fn missing() -> Option<&'static str> {
    static FOUND: LazyLock<bool> = LazyLock::new(|| {
        let mut version = Command::new("redis-server");
        version.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        version.status().is_ok_and(|status| status.success())
    });
    (!*FOUND).then_some("needs redis-server")
}

/// A running server.
pub(crate) struct Server {
    port: u16,
    folder: TempDir,
    options: Vec<String>,
    environment: Vec<(&'static str, PathBuf)>,
    process: Child,
}

impl Server {
    /// One that saves nothing.
    pub(crate) fn plain() -> Self {
        Self::start(r#"--save """#)
    }

    /// With options as on the command line, each a word.
    pub(crate) fn start(options: &str) -> Self {
        Self::start_with(options, &[])
    }

    /// In an environment with these variables too.
    pub(crate) fn start_with(options: &str, environment: &[(&'static str, PathBuf)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let options: Vec<String> = options.split_whitespace().map(Into::into).collect();
        // Another process may take the port between looking and starting; then another one will do.
        for _ in 0..20 {
            let port = free_port();
            let mut process = spawn(port, folder.path(), &options, environment);
            if wait_for(port, &mut process) {
                return Self { port, folder, options, environment: environment.to_vec(), process };
            }
        }
        panic!("redis-server doesn't start: {}", std::fs::read_to_string(folder.path().join("log")).unwrap_or_default());
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn connect(&self) -> Connection {
        Client::open(self.url()).expect("a URL").get_connection().expect("it answers")
    }

    /// Runs a command, given as words.
    pub(crate) fn ask<T: FromRedisValue>(&self, command: &str) -> T {
        ask(&mut self.connect(), command)
    }

    pub(crate) fn info(&self, section: &str, field: &str) -> String {
        let info: String = self.ask(&format!("INFO {section}"));
        let value = info.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        value.unwrap_or_else(|| panic!("{section} has no {field}")).trim().to_owned()
    }

    /// Whether it says so just now; one that becomes a replica drops its connections.
    pub(crate) fn says(&self, section: &str, field: &str, value: &str) -> bool {
        let info: Result<String, _> = Client::open(self.url())
            .and_then(|client| client.get_connection())
            .and_then(|mut connection| redis::cmd("INFO").arg(section).query(&mut connection));
        info.is_ok_and(|info| info.lines().any(|line| line.strip_prefix(field) == Some(&format!(":{value}"))))
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.process.kill().expect("it runs");
        self.process.wait().expect("it ends");
    }

    /// Starts it again, with what it finds in its folder.
    pub(crate) fn revive(&mut self) {
        for _ in 0..50 {
            self.process = spawn(self.port, self.folder.path(), &self.options, &self.environment);
            if wait_for(self.port, &mut self.process) {
                return;
            }
            thread::sleep(Duration::from_millis(100));
        }
        panic!("redis-server doesn't start again");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(crate) fn ask<T: FromRedisValue>(connection: &mut Connection, command: &str) -> T {
    let mut words = command.split_whitespace();
    let mut sent = redis::cmd(words.next().expect("a command"));
    sent.arg(words.collect::<Vec<_>>());
    sent.query(connection).unwrap_or_else(|error| panic!("{command}: {error}"))
}

/// Waits until something is so.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..600 {
        if is_so() {
            return;
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("still not so: {what}");
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}

fn spawn(port: u16, folder: &Path, options: &[String], environment: &[(&'static str, PathBuf)]) -> Child {
    let log = std::fs::File::create(folder.join("log")).expect("a log");
    let mut command = Command::new("redis-server");
    command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--enable-debug-command", "yes", "--dir"]);
    command.arg(folder).args(options).envs(environment.iter().map(|(name, value)| (name, value)));
    command.stdin(Stdio::null()).stderr(log.try_clone().expect("a log")).stdout(log).spawn().expect("it starts")
}

/// Whether the server on this port is this process, and answers.
fn wait_for(port: u16, process: &mut Child) -> bool {
    let client = Client::open(format!("redis://127.0.0.1:{port}")).expect("a URL");
    for _ in 0..400 {
        if process.try_wait().expect("our child").is_some() {
            return false;
        }
        let answer = client.get_connection().and_then(|mut server| redis::cmd("INFO").arg("server").query::<String>(&mut server));
        if answer.is_ok_and(|info| info.contains(&format!("process_id:{}", process.id()))) {
            return true;
        }
        thread::sleep(Duration::from_millis(25));
    }
    let _ = process.kill();
    let _ = process.wait();
    false
}
