//! Server processes, and the processor time that they take.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
};

use super::{CONNECTIONS, Pace, REQUESTS, bare::Work, client::Connection};

/// Loopback addresses are the nodes' names, so that `{node}` leads to them.
const NODES: [&str; 2] = ["127.0.0.2", "127.0.0.3"];
const SECRET: &str = "dGhpcyBpcyBhIHNlY3JldCBvZiB0aGlydHktdHdvIGI";

/// A running server.
pub(crate) struct Process {
    child: Child,
    address: String,
}

impl Process {
    /// The real binary, which discards what it would deliver and limits nobody.
    pub(crate) fn countersign(folder: &Path, settings: &[(&str, &str)]) -> Self {
        let base = [
            ("SERVER__LISTEN", "127.0.0.1:0"),
            ("SERVER__ADMIN_LISTEN", "127.0.0.1:0"),
            ("EMAIL__TRANSPORT", "discard"),
            ("PASSWORDLESS__SHORT_TOKEN_CHARS", "1"),
            ("PASSWORDLESS__TOKEN_REQUEST_THROTTLE_SECONDS", "0"),
            ("PASSWORDLESS__MAX_MESSAGES_PER_HOUR", "0"),
            ("GUARD__MAX_TAKEOVER_PROBABILITY", "1"),
        ];
        let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
        let settings = base.iter().chain(settings).map(|(key, value)| (format!("COUNTERSIGN_{key}"), value));
        command.current_dir(folder).envs(settings);
        Self::start(command)
    }

    /// Two nodes that relay to each other.
    pub(crate) fn fleet(folder: &Path) -> [Self; 2] {
        let free = || {
            let port = TcpListener::bind((NODES[0], 0)).ok()?.local_addr().ok()?.port();
            NODES.iter().all(|node| TcpListener::bind((*node, port)).is_ok()).then_some(port)
        };
        let port = (0..100).find_map(|_| free()).expect("a port that is free on both addresses");
        let peer_url = format!("http://{{node}}:{port}");
        NODES.map(|node| {
            let listen = format!("{node}:{port}");
            let settings = [
                ("SERVER__LISTEN", listen.as_str()),
                ("SERVER__PUBLIC_URL", "http://localhost:8000"),
                ("KEYRING__SECRETS", SECRET),
                ("GUARD__NODE", node),
                ("GUARD__PEER_URL", &peer_url),
            ];
            Self::countersign(folder, &settings)
        })
    }

    /// A bare server that answers with so many bytes, and does this for each request.
    pub(crate) fn bare(bytes: usize, work: Work) -> Self {
        let mut command = Command::new(env::current_exe().expect("this program has a path"));
        command.arg(work.name()).arg(bytes.to_string());
        Self::start(command)
    }

    fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the server starts");
        let mut lines = BufReader::new(child.stderr.take().expect("stderr is piped")).lines().map_while(Result::ok);
        let mut said = Vec::new();
        let address = lines.by_ref().find_map(|line| {
            let address = line.split_once("listening on http://").map(|(_, address)| address.to_owned());
            said.push(line);
            address
        });
        thread::spawn(move || lines.for_each(drop));
        Self { child, address: address.unwrap_or_else(|| panic!("it doesn't listen: {said:?}")) }
    }

    pub(crate) fn connect(&self) -> Connection {
        Connection::to(&self.address)
    }

    /// Microseconds that this process takes for each of a round's requests.
    pub(crate) fn spends(&self, pace: Pace, ask: impl Fn(&mut Connection) + Sync) -> f64 {
        let connections: Vec<_> = (0..CONNECTIONS).map(|_| self.connect()).collect();
        let before = self.nanoseconds();
        thread::scope(|scope| {
            for mut connection in connections {
                let ask = &ask;
                let asking = scope.spawn(move || (0..REQUESTS / CONNECTIONS).for_each(|_| ask(&mut connection)));
                if pace == Pace::InTurns {
                    asking.join().expect("the server answers");
                }
            }
        });
        self.spent_since(before)
    }

    /// Microseconds for each of a round's requests since the process had run for so long.
    #[allow(clippy::cast_precision_loss, reason = "times are far below 2⁵² ns")]
    pub(crate) fn spent_since(&self, before: u64) -> f64 {
        (self.nanoseconds() - before) as f64 / 1e3 / REQUESTS as f64
    }

    /// How long all its threads have run, by the scheduler's own count.
    pub(crate) fn nanoseconds(&self) -> u64 {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).expect("the process lives");
        let times = tasks.filter_map(|task| {
            let text = fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
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
