//! Nodes, balancers and what else the files of `examples/fleet` name, on free ports.

use std::{
    collections::BTreeMap,
    fs,
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::Duration,
};

use tempfile::TempDir;

use super::super::parts::packaged;
use crate::harness::{self, Connection, Server, free_port, wait_for};

/// The ports that the files name.
const NAMED: [u16; 15] = [8080, 8101, 8102, 8103, 8201, 8202, 8203, 6379, 6380, 26379, 26380, 26381, 7001, 7002, 7003];

/// What stands in front of the nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Balancer {
    Nginx,
    Haproxy,
    Envoy,
}

/// Copies of the files, with other ports.
pub(super) struct Files {
    folder: TempDir,
    ports: BTreeMap<u16, u16>,
}

/// Nodes of one file, behind a balancer.
pub(super) struct Fleet {
    pub(super) files: Files,
    config: &'static str,
    /// By the last digit of their ports.
    nodes: BTreeMap<usize, Server>,
    /// Names that the nodes have; none over Redis.
    names: Vec<&'static str>,
    /// Ends before the nodes do.
    balancer: Option<Process>,
}

/// A process that ends with the test, its log in a file.
pub(super) struct Process {
    child: Child,
    log: PathBuf,
}

impl Files {
    pub(super) fn new() -> Self {
        // A cluster's nodes talk to each other on a port that is 10,000 higher.
        let has_bus = |port: &u16| port.checked_add(10_000).is_some_and(|bus| TcpListener::bind(("127.0.0.1", bus)).is_ok());
        let port = || std::iter::repeat_with(free_port).find(has_bus).expect("a free port");
        Self { folder: tempfile::tempdir().expect("a folder"), ports: NAMED.map(|named| (named, port())).into() }
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The port that stands for this one.
    pub(super) fn port(&self, named: u16) -> u16 {
        self.ports[&named]
    }

    /// Copies a file of `examples/fleet`.
    pub(super) fn copy(&self, file: &str) {
        let examples: PathBuf = [env!("CARGO_MANIFEST_DIR"), "examples", "fleet"].iter().collect();
        let text = fs::read_to_string(examples.join(file)).expect("an example");
        let copy = harness::with_ports(&text, &self.ports);
        fs::write(self.folder().join(file), copy).expect("its copy");
    }

    /// Starts a program in the folder.
    pub(super) fn start(&self, name: &str, mut command: Command) -> Process {
        let path = self.folder().join(format!("{name}.log"));
        let log = fs::File::create(&path).expect("a log");
        command.current_dir(self.folder()).stdin(Stdio::null()).stdout(log.try_clone().expect("a second handle")).stderr(log);
        Process { child: command.spawn().unwrap_or_else(|error| panic!("{name}: {error}")), log: path }
    }
}

impl Process {
    /// `kill -9`.
    pub(super) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    pub(super) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // nginx's workers end with their master only where it is asked to end; a Redis whose folder is gone doesn't end by itself.
        let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        for _ in 0..100 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
        self.kill();
    }
}

impl Fleet {
    /// Three nodes of this file, with names or without.
    pub(super) fn start(config: &'static str, names: &[&'static str]) -> Self {
        Self::start_with(Files::new(), config, names)
    }

    pub(super) fn start_with(files: Files, config: &'static str, names: &[&'static str]) -> Self {
        files.copy(config);
        let mut fleet = Self { files, config, nodes: BTreeMap::new(), names: names.to_vec(), balancer: None };
        (0..3).for_each(|at| fleet.start_at(at));
        fleet.nodes.values().for_each(wait_until_ready);
        fleet
    }

    fn start_at(&mut self, at: usize) {
        let number = u16::try_from(at + 1).expect("few");
        let [listen, admin] = [8100, 8200].map(|base| format!("127.0.0.1:{}", self.files.port(base + number)));
        // Of the limits on messages none is for the thousand logins of one machine.
        let mut settings = vec![
            ("server.listen", &*listen),
            ("server.admin_listen", &admin),
            ("email.transport", "discard"),
            ("email.max_per_hour", "0"),
            ("passwordless.max_messages_per_network_per_hour", "0"),
        ];
        settings.extend(self.names.get(at).map(|name| ("guard.node", *name)));
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = harness::command(folder.path(), &settings);
        command.env("RUST_LOG", "info").arg("--config").arg(self.files.folder().join(self.config));
        wait_for(|| TcpListener::bind(&*listen).ok());
        self.nodes.insert(at, Server::run(folder, command));
    }

    pub(super) fn start_node(&mut self, name: &str) {
        self.start_at(self.at(name));
        wait_until_ready(&self.nodes[&self.at(name)]);
    }

    fn at(&self, name: &str) -> usize {
        self.names.iter().position(|known| *known == name).or_else(|| name.parse().ok()).expect("a node")
    }

    /// Ends it as an orchestrator does, and waits for that.
    pub(super) fn drain(&mut self, name: &str) -> ExitStatus {
        let node = self.nodes.remove(&self.at(name)).expect("it runs");
        node.signal("TERM");
        node.wait().0
    }

    pub(super) fn kill(&mut self, name: &str) {
        self.nodes.remove(&self.at(name)).expect("it runs").kill();
    }

    /// Starts the balancer, in the place of the one before.
    pub(super) fn put_behind(&mut self, balancer: Balancer, with_affinity: bool) {
        self.balancer = None;
        let (name, suffix) = match balancer {
            Balancer::Nginx => ("nginx", "conf"),
            Balancer::Haproxy => ("haproxy", "cfg"),
            Balancer::Envoy => ("envoy", "yaml"),
        };
        let file = format!("{name}{}.{suffix}", if with_affinity { "-affinity" } else { "" });
        self.files.copy(&file);
        let mut command = match balancer {
            Balancer::Envoy => packaged("envoy"),
            Balancer::Nginx | Balancer::Haproxy => Command::new(name),
        };
        match balancer {
            Balancer::Nginx => {
                command
                    .args(["-e", "stderr", "-g"])
                    .arg(format!("daemon off; pid {};", self.files.folder().join("pid").display()));
                command.arg("-c").arg(self.files.folder().join(&file));
            }
            Balancer::Haproxy => _ = command.args(["-db", "-f", &file]),
            Balancer::Envoy => _ = command.args(["-c", &file, "--disable-hot-restart", "--concurrency", "2"]),
        }
        wait_for(|| TcpListener::bind(self.address()).ok());
        self.balancer = Some(self.files.start(name, command));
        wait_for(|| TcpStream::connect(self.address()).ok());
        self.wait_until_whole();
    }

    /// Waits until the balancer sends requests to every node.
    pub(super) fn wait_until_whole(&self) {
        let seen = |server: &Server| metric(server, "");
        let before: Vec<u64> = self.nodes.values().map(seen).collect();
        wait_for(|| {
            let answer = Connection::to(&self.address()).request("GET", "/.well-known/jwks.json", &[], b"");
            let all = self.nodes.values().zip(&before).all(|(server, before)| seen(server) > *before);
            (answer.status == 200 && all).then_some(())
        });
    }

    /// Where the balancer is.
    pub(super) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.files.port(8080))
    }

    pub(super) fn issuer(&self) -> String {
        format!("http://localhost:{}", self.files.port(8080))
    }

    /// Where nodes and balancer are.
    pub(super) fn addresses(&self) -> Vec<String> {
        self.nodes.values().map(|node| node.address.clone()).chain([self.address()]).collect()
    }

    pub(super) fn nodes(&self) -> impl Iterator<Item = &Server> {
        self.nodes.values()
    }

    /// How many exchanges came to this node from the balancer.
    pub(super) fn exchanges_at(&self, name: &str) -> u64 {
        metric(&self.nodes[&self.at(name)], "route=\"exchange\"")
    }

    /// What the balancer and the nodes say.
    pub(super) fn log(&self) -> String {
        let balancer = self.balancer.as_ref().map(Process::log).unwrap_or_default();
        let nodes: Vec<String> = self.nodes.values().map(Server::log).collect();
        format!("{balancer}\n{}", nodes.join("\n"))
    }
}

/// A node that starts asks the others first what they know.
fn wait_until_ready(node: &Server) {
    wait_for(|| (node.get_admin("/readyz").status == 200).then_some(()));
}

/// Answers that a node has given, of the routes whose labels contain this.
fn metric(server: &Server, label: &str) -> u64 {
    let metrics = String::from_utf8(server.get_admin("/metrics").body).expect("text");
    let answers = metrics.lines().filter(|line| line.starts_with("countersign_http_requests_total{") && line.contains(label));
    answers.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}
