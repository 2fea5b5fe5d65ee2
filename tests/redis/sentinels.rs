//! A master that sentinels name: it is found, followed to wherever it is promoted, and nothing is allowed without it.

use std::{
    fs,
    process::{Child, Command, Stdio},
    time::Duration,
};

use countersign::guard::{AttemptRefused, Counted, Guard as _, RequestRefused, redis::StartError};
use redis::{Client, RedisResult, Value};
use tempfile::TempDir;

use super::{
    Test,
    server::{Server, free_port, until},
    world::{begin, connect, email, limits, now, request, right, run, settings},
};

pub(crate) const TESTS: &[Test] = &[
    Test::new("a_master_that_is_lost_is_followed_to_its_replica_and_retires_what_it_held", lost),
    Test::new("a_master_that_is_demoted_is_left_for_its_successor", demoted),
    Test::new("a_look_at_readiness_finds_a_master_that_was_replaced_unheard", unheard),
    Test::new("while_no_sentinel_answers_the_master_that_is_known_decides", unwatched),
    Test::new("sentinels_that_are_silent_or_know_no_such_master_are_no_start", starts),
];

/// A master with a replica, and one sentinel whose word is enough.
struct Watched {
    servers: [Server; 2],
    port: u16,
    sentinel: Child,
    _folder: TempDir,
}

impl Watched {
    fn start() -> Self {
        let master = Server::plain();
        let replica = Server::start(&format!("--save \"\" --repl-diskless-sync-delay 0 --replicaof 127.0.0.1 {}", master.port()));
        let (folder, port) = (tempfile::tempdir().expect("a folder"), free_port());
        let path = folder.path().join("sentinel.conf");
        let watch = format!(
            "sentinel monitor login 127.0.0.1 {} 1\nsentinel down-after-milliseconds login 500\nsentinel failover-timeout login 3000\n",
            master.port()
        );
        fs::write(&path, watch).expect("a file");
        let mut command = Command::new("redis-server");
        command.arg(&path).args(["--sentinel", "--bind", "127.0.0.1", "--port", &port.to_string(), "--dir"]).arg(folder.path());
        let sentinel = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        let watched = Self { servers: [master, replica], port, sentinel, _folder: folder };
        until("the sentinel knows a replica that is up to date", || {
            let replicas: RedisResult<Vec<std::collections::HashMap<String, String>>> = watched.ask(&["replicas", "login"]);
            let is_fit = |replica: &std::collections::HashMap<String, String>| replica["master-link-status"] == "ok";
            replicas.is_ok_and(|replicas| replicas.iter().any(is_fit))
        });
        watched
    }

    fn url(&self) -> String {
        // The first one is silent, and passed over.
        format!("redis+sentinel://127.0.0.1:1,127.0.0.1:{}/login/0", self.port)
    }

    fn ask<T: redis::FromRedisValue>(&self, question: &[&str]) -> RedisResult<T> {
        let mut connection = Client::open(format!("redis://127.0.0.1:{}", self.port))?.get_connection()?;
        redis::cmd("SENTINEL").arg(question).query(&mut connection)
    }

    fn fail_over(&self) {
        let before = self.master();
        until("the sentinel finds it possible", || self.ask::<Value>(&["failover", "login"]).is_ok());
        until("another is master", || self.master() != before);
    }

    fn master(&self) -> u16 {
        self.ask::<(String, u16)>(&["get-master-addr-by-name", "login"]).expect("a master").1
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let _ = self.sentinel.kill();
        let _ = self.sentinel.wait();
    }
}

/// Whether somebody gets a code and logs in with it, in time.
fn logs_in(guard: &countersign::guard::redis::RedisGuard, name: &str, at: &Server) -> bool {
    let (who, now) = (email(name), now(at));
    run(async { guard.admit(&request(&who, now)).await }).is_ok()
        && right(guard, &begin(guard, &who, now), now) == Ok(Counted::Accepted { use_number: 1 })
}

fn lost() {
    let mut watched = Watched::start();
    let mut settings = settings(&watched.url());
    settings.timeout = Duration::from_secs(2);
    let guard = connect(&settings, limits()).unwrap();
    let now = now(&watched.servers[0]);
    let (pending, spent) = (begin(&guard, &email("ann"), now), begin(&guard, &email("bo"), now));
    assert_eq!(right(&guard, &spent, now), Ok(Counted::Accepted { use_number: 1 }));
    watched.servers[0].kill();
    let without = run(guard.admit(&request(&email("cy"), now)));
    assert!(matches!(without, Err(RequestRefused::Unavailable(_))), "{without:?}");
    until("the replica takes its place", || logs_in(&guard, "cy", &watched.servers[1]));
    for old in [&pending, &spent] {
        assert_eq!(right(&guard, old, now), Err(AttemptRefused::Misdirected), "its history isn't the new master's");
    }
}

fn demoted() {
    let watched = Watched::start();
    let guard = connect(&settings(&watched.url()), limits()).unwrap();
    let now = now(&watched.servers[0]);
    for number in 0..2 {
        let pending = begin(&guard, &email("ann"), now);
        watched.fail_over();
        // The old one may still take commands, and refuses to write. Nobody has to try twice for that once it knows.
        until("it knows", || right(&guard, &pending, now) == Err(AttemptRefused::Misdirected));
        let at = watched.servers.iter().find(|server| server.port() == watched.master()).expect("one of them");
        assert!(logs_in(&guard, &format!("cy{number}"), at));
        if number == 0 {
            let other = watched.servers.iter().find(|server| server.port() != watched.master()).expect("one of them");
            until("the old one is its replica", || other.says("replication", "master_link_status", "up"));
        }
    }
}

/// As where a node and the old master are cut off from everybody else.
fn unheard() {
    let watched = Watched::start();
    let guard = connect(&settings(&watched.url()), limits()).unwrap();
    let now = now(&watched.servers[0]);
    let pending = begin(&guard, &email("ann"), now);
    watched.fail_over();
    let old = watched.servers.iter().find(|server| server.port() != watched.master()).expect("one of them");
    until("the old one is a replica", || old.says("replication", "role", "slave"));
    run(guard.ready()).unwrap();
    assert_eq!(right(&guard, &pending, now), Err(AttemptRefused::Misdirected));
    assert!(logs_in(&guard, "cy", &watched.servers[0]));
}

fn unwatched() {
    let mut watched = Watched::start();
    let guard = connect(&settings(&watched.url()), limits()).unwrap();
    watched.sentinel.kill().unwrap();
    watched.sentinel.wait().unwrap();
    for _ in 0..3 {
        run(guard.ready()).unwrap();
        assert!(logs_in(&guard, "ann", &watched.servers[0]));
    }
}

fn starts() {
    let watched = Watched::start();
    let refused = |url: String| connect(&settings(&url), limits()).unwrap_err();
    let unknown = refused(watched.url().replace("/login/", "/other/"));
    assert!(matches!(&unknown, StartError::Settings(reason) if reason.contains("no master of the name")), "{unknown}");
    let nobody = refused("redis+sentinel://127.0.0.1:1,127.0.0.1:2/login".into());
    assert!(matches!(nobody, StartError::Unreachable(_)), "{nobody}");
    let no_sentinel = refused(format!("redis+sentinel://127.0.0.1:{}/login", watched.servers[0].port()));
    assert!(matches!(no_sentinel, StartError::Unfit(_)), "{no_sentinel}");
}
