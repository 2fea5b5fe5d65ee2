//! Over HTTP, through the binary: nodes that share a Redis.

use std::{
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
};

use serde_json::json;

use super::{
    Test,
    cluster::Cluster,
    server::{Server, free_port},
    world::race,
};
use crate::harness::{self, Answer, command, tokens::Mint, wait_for};

pub(crate) const TESTS: &[Test] = &[
    Test::new("without_redis_everything_is_503_and_afterwards_old_challenges_are_421", gone),
    Test::new("kill_9_of_redis_replays_nothing_over_http", kill_9),
    Test::new("kill_9_of_a_node_forgets_nothing", node_killed),
    Test::new("two_processes_race_for_one_code", race_for_one),
    Test::new("one_throttle_and_one_budget_for_two_processes", one_budget),
    Test::new("a_redis_that_cannot_guard_is_69_and_a_bad_url_is_64", starts),
    Test::new("the_password_of_redis_is_never_shown", password),
    Test::new("a_user_of_redis_needs_few_commands_and_only_its_keys", least_rights),
    Test::new("a_cluster_behind_two_processes_survives_a_lost_master", cluster_of_three),
    Test::new("redis_over_a_unix_socket_in_another_database", unix),
    Test { name: "redis_over_tls", run: tls, missing: || (!runs("openssl")).then_some("needs openssl") },
];

/// A node over this Redis, with the fleet's secret.
pub(crate) fn node(url: &str, settings: &[(&str, &str)]) -> harness::Server {
    harness::Server::start(&with(url, settings))
}

fn with<'a>(url: &'a str, settings: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let base = [
        ("guard.kind", "redis"),
        ("guard.id", "fleet"),
        ("guard.url", url),
        ("server.public_url", "http://localhost:8000"),
        ("passwordless.token_request_throttle_seconds", "0"),
    ];
    [&base, settings].concat()
}

pub(crate) fn exchange(node: &harness::Server, challenge: &str, code: &str) -> Answer {
    node.post("exchange/email/", &json!({"email": "ann@example.com", "token": code, "challenge": challenge}))
}

fn wrong(code: &str) -> String {
    let last = if code.ends_with('0') { '1' } else { '0' };
    format!("{}{last}", &code[..code.len() - 1])
}

/// The contract's answer where the guard can't decide.
fn assert_unavailable(answer: &Answer) {
    assert_eq!((answer.status, answer.code().as_str()), (503, "unavailable"), "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert!(answer.header("retry-after").is_some_and(|seconds| seconds.parse::<u32>().is_ok_and(|seconds| seconds > 0)));
    assert!(answer.cookies().is_empty(), "{answer:?}");
}

fn wait_until_ready(node: &harness::Server) {
    wait_for(|| (node.get_admin("/readyz").status == 200).then_some(()));
    // Each thread has a connection, and hears of the loss when it uses that.
    wait_for(|| (node.post("request/email/", &json!({"email": "whoever@example.com"})).status == 200).then_some(()));
}

fn gone() {
    let mut redis = Server::plain();
    let node = node(&redis.url(), &[("server.workers", "1")]);
    assert_eq!(node.get_admin("/readyz").status, 200);
    let (challenge, code) = node.challenge("ann@example.com");
    let id = node.post("request/email/", &json!({"email": "ann@example.com"}));
    redis.kill();
    for _ in 0..2 {
        assert_unavailable(&exchange(&node, &challenge, &code));
        assert_unavailable(&node.post("request/email/", &json!({"email": "ann@example.com"})));
    }
    assert_unavailable(&node.post("resend/", &json!({"email": "ann@example.com", "challenge": challenge})));
    assert_unavailable(&node.get_admin("/readyz"));
    assert_eq!(node.get_admin("/healthz").status, 200);
    redis.revive();
    wait_until_ready(&node);
    let _: String = redis.ask("CONFIG SET maxmemory-policy volatile-lru");
    assert_unavailable(&node.get_admin("/readyz"));
    let _: String = redis.ask("CONFIG SET maxmemory-policy noeviction");
    assert_eq!(node.get_admin("/readyz").status, 200);
    let answer = exchange(&node, &challenge, &code);
    assert_eq!((answer.status, answer.code().as_str()), (421, "misdirected"));
    assert!(answer.json()["detail"].as_str().unwrap().contains("new code"), "{answer:?}");
    let (challenge, code) = node.challenge("ann@example.com");
    assert_ne!(
        node.post("request/email/", &json!({"email": "ann@example.com"})).header("countersign-guard"),
        id.header("countersign-guard"),
        "another epoch"
    );
    assert_eq!(exchange(&node, &challenge, &code).status, 200);
}

fn kill_9() {
    // As Debian configures it: snapshots, so that the epoch's record survives and what was spent since doesn't.
    let mut redis = Server::start("--save 3600 1 300 100 60 10000");
    let node = node(&redis.url(), &[]);
    let (spent, code) = node.challenge("ann@example.com");
    let (open, open_code) = node.challenge("ann@example.com");
    let _: String = redis.ask("SAVE");
    assert_eq!(exchange(&node, &spent, &code).status, 200);
    redis.kill();
    redis.revive();
    wait_until_ready(&node);
    let second = self::node(&redis.url(), &[]);
    for node in [&node, &second] {
        for (challenge, code) in [(&spent, &code), (&open, &open_code)] {
            assert_eq!(exchange(node, challenge, code).status, 421);
        }
    }
    let (challenge, code) = node.challenge("ann@example.com");
    assert_eq!(exchange(&second, &challenge, &code).status, 200);
}

fn node_killed() {
    let redis = Server::plain();
    let first = node(&redis.url(), &[]);
    let (spent, spent_code) = first.challenge("ann@example.com");
    assert_eq!(exchange(&first, &spent, &spent_code).status, 200);
    let (open, code) = first.challenge("ann@example.com");
    assert_eq!(exchange(&first, &open, &wrong(&code)).json()["attempts_left"], 4);
    first.signal("KILL");
    assert!(!first.wait().0.success());
    let second = node(&redis.url(), &[]);
    assert_eq!(exchange(&second, &spent, &spent_code).code(), "challenge_spent");
    assert_eq!(exchange(&second, &open, &wrong(&code)).json()["attempts_left"], 3);
    assert_eq!(exchange(&second, &open, &code).status, 200);
}

fn race_for_one() {
    let redis = Server::plain();
    for (uses, most) in [("1", 1), ("3", 3)] {
        let settings = [("passwordless.max_token_uses", uses)];
        let nodes: Arc<[_]> = (0..2).map(|_| node(&redis.url(), &settings)).collect();
        let (challenge, code) = nodes[0].challenge("ann@example.com");
        let answers = race(32, move |number| exchange(&nodes[number % 2], &challenge, &code));
        let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
        assert_eq!(won.len(), most);
        assert!(lost.iter().all(|answer| answer.code() == "challenge_spent"), "{lost:?}");
    }
}

fn one_budget() {
    let redis = Server::plain();
    let settings = [("passwordless.token_request_throttle_seconds", "60"), ("server.trusted_proxies", "127.0.0.1")];
    let nodes = [node(&redis.url(), &settings), node(&redis.url(), &settings)];
    let request = |node: usize, client: u8| {
        let from = format!("192.0.2.{client}");
        nodes[node].post_with("request/email/", &[("x-forwarded-for", &from)], &json!({"email": "ann@example.com"}))
    };
    let challenges = [request(0, 1), request(1, 2)].map(|answer| answer.json()["challenge"].as_str().unwrap().to_owned());
    assert_eq!((request(1, 1).status, request(0, 2).status), (429, 429));
    for challenge in &challenges {
        for number in 0..5 {
            assert_eq!(exchange(&nodes[number % 2], challenge, "000000").code(), "invalid_credentials");
        }
        assert!(nodes.iter().all(|node| exchange(node, challenge, "000000").code() == "attempts_exhausted"));
    }
    // Ten comparisons in all: both nodes ask for longer codes now.
    for (node, client) in [(0, 3), (1, 4)] {
        assert_eq!(request(node, client).json()["code_length"], 8);
    }
}

/// The exit code and what was said.
fn end_of(url: &str) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let output = command(folder.path(), &with(url, &[])).stdin(Stdio::null()).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

fn starts() {
    let nobody = format!("redis://127.0.0.1:{}", free_port());
    let evicts = Server::start(r#"--save "" --maxmemory-policy allkeys-lru"#);
    let locked = Server::plain();
    let _: String = locked.ask("CONFIG SET requirepass hunter2");
    let wrong = format!("redis://ann:hunter3@127.0.0.1:{}", locked.port());
    let lonely = Server::plain();
    let no_cluster = format!("redis+cluster://127.0.0.1:{}", lonely.port());
    for (url, code, part) in [
        (nobody.as_str(), 69, "out of reach"),
        (&evicts.url(), 69, "noeviction"),
        (&wrong, 69, "guard.url"),
        (&no_cluster, 64, "cluster"),
        ("http://:hunter2@localhost", 64, "must be a URL"),
        ("redis://:hunter2@[::1", 64, "must be a URL"),
    ] {
        let (ended, said) = end_of(url);
        assert_eq!(ended, Some(code), "{url}: {said}");
        assert!(said.contains(part) && said.contains("guard.url") && !said.contains("hunter"), "{url}: {said}");
        assert!(!said.contains("listening"), "{said}");
    }
}

fn password() {
    let mut redis = Server::plain();
    let _: String = redis.ask("ACL SETUSER ann on >hunter2 ~* &* +@all");
    let node = node(&format!("redis://ann:hunter2@127.0.0.1:{}", redis.port()), &[]);
    let (challenge, code) = node.challenge("ann@example.com");
    assert_eq!(exchange(&node, &challenge, &code).status, 200);
    // Its log tells of a password that isn't right any more, and of a Redis that is gone; never of the password.
    let _: String = redis.ask("ACL SETUSER ann resetpass >hunter3");
    let _: i64 = redis.ask("CLIENT KILL TYPE normal");
    wait_for(|| (node.get_admin("/readyz").status == 503).then_some(()));
    wait_for(|| (node.post("request/email/", &json!({"email": "ann@example.com"})).status == 503).then_some(()));
    redis.kill();
    assert_unavailable(&node.post("request/email/", &json!({"email": "ann@example.com"})));
    node.signal("TERM");
    let (_, log) = node.wait();
    assert!(log.contains("can't decide") && !log.contains("hunter"), "{log}");
}

/// The command in docs/guards.md that makes a user with the password `secret`.
pub(crate) fn documented_user() -> String {
    let guards = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/guards.md")).unwrap();
    let command =
        guards.split("```").find(|block| block.contains("ACL SETUSER countersign on >secret ")).expect("it stands there");
    command.trim_start_matches("text").split_whitespace().collect::<Vec<_>>().join(" ")
}

fn least_rights() {
    let redis = Server::plain();
    let _: String = redis.ask(&documented_user());
    let settings = [("passwordless.token_request_throttle_seconds", "60"), ("passwordless.max_token_uses", "2")];
    let node = node(&format!("redis://countersign:secret@127.0.0.1:{}", redis.port()), &settings);
    let (challenge, code) = node.challenge("ann@example.com");
    assert_eq!(node.post("request/email/", &json!({"email": "ann@example.com"})).status, 429);
    assert_eq!(exchange(&node, &challenge, &wrong(&code)).json()["attempts_left"], 4);
    for status in [200, 200, 400] {
        assert_eq!(exchange(&node, &challenge, &code).status, status);
    }
    let tokens = Mint::new("http://localhost:8000").begin("ann@example.com", 1);
    for expected in [200, 401] {
        assert_eq!(node.post("token/verify/", &json!({ "token": tokens.access })).status, expected);
        assert_eq!(node.post("token/revoke/", &json!({ "token": tokens.access, "everywhere": true })).status, 200);
    }
    assert_eq!(node.get_admin("/readyz").status, 200);
    assert!(redis.ask::<Vec<redis::Value>>("ACL LOG").is_empty());
}

fn cluster_of_three() {
    let mut cluster = Cluster::start();
    let nodes: Arc<[_]> = (0..2).map(|_| node(&cluster.url(), &[("server.workers", "1")])).collect();
    // Somebody whose records are the first master's, and somebody whose aren't.
    let (mut lost, mut kept) = (None, None);
    for number in 0.. {
        let email = format!("someone{number}@example.com");
        let before = cluster.sizes()[0];
        let (challenge, code) = nodes[0].challenge(&email);
        let found = if cluster.sizes()[0] > before { &mut lost } else { &mut kept };
        found.get_or_insert((email, challenge, code));
        if lost.is_some() && kept.is_some() {
            break;
        }
    }
    let (lost, kept) = (lost.unwrap(), kept.unwrap());
    let redeem = |node: usize, (email, challenge, code): &(String, String, String)| {
        nodes[node].post("exchange/email/", &json!({"email": email, "token": code, "challenge": challenge}))
    };
    assert_eq!(redeem(1, &lost).status, 200);
    cluster.masters[0].kill();
    for node in 0..2 {
        assert_unavailable(&redeem(node, &lost));
    }
    assert_eq!(redeem(1, &kept).status, 200);
    assert_eq!(redeem(0, &kept).code(), "challenge_spent");
    // Two of three still decide, so the nodes are of use.
    assert_eq!(nodes[0].get_admin("/readyz").status, 200);
    cluster.masters[0].revive();
    for node in 0..2 {
        let answer = wait_for(|| Some(redeem(node, &lost)).filter(|answer| answer.status != 503));
        assert_eq!((answer.status, answer.code().as_str()), (421, "misdirected"));
    }
    let (challenge, code) = nodes[1].challenge(&lost.0);
    let _: Vec<String> = cluster.masters.iter().map(|master| master.ask("CONFIG SET maxmemory-policy allkeys-lru")).collect();
    assert_unavailable(&nodes[0].get_admin("/readyz"));
    let (email, nodes) = (lost.0.clone(), Arc::clone(&nodes));
    let body = json!({"email": email, "token": code, "challenge": challenge});
    let answers = race(16, move |number| nodes[number % 2].post("exchange/email/", &body).status);
    assert_eq!(answers.iter().filter(|status| **status == 200).count(), 1);
}

fn unix() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("redis.sock");
    let redis = Server::start(&format!(r#"--save "" --unixsocket {}"#, socket.display()));
    let _: String = redis.ask(&documented_user());
    let url = format!("unix://{}?db=3&user=countersign&pass=secret", socket.display());
    let node = node(&url, &[]);
    let (challenge, code) = node.challenge("ann@example.com");
    assert_eq!(exchange(&node, &challenge, &code).status, 200);
    assert!(redis.info("keyspace", "db3").starts_with("keys="));
    assert!(redis.ask::<Vec<redis::Value>>("ACL LOG").is_empty());
}

fn tls() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    certify(&["-subj", "/CN=Test CA"], &path("ca.key"), &path("ca.pem"));
    let (authority, key) = (path("ca.pem"), path("ca.key"));
    let leaf = ["-subj", "/CN=redis", "-CA", &authority, "-CAkey", &key, "-addext", "subjectAltName=IP:127.0.0.1"];
    certify(&[&leaf[..], &["-addext", "basicConstraints=critical,CA:FALSE"]].concat(), &path("redis.key"), &path("redis.pem"));
    let port = free_port();
    let files = [("cert", "redis.pem"), ("key", "redis.key"), ("ca-cert", "ca.pem")];
    let files = files.map(|(option, name)| format!("--tls-{option}-file {}", path(name))).join(" ");
    let _redis = Server::start(&format!(r#"--save "" --tls-port {port} --tls-auth-clients no {files}"#));
    let url = format!("rediss://127.0.0.1:{port}");

    let start = |authority: &str| {
        let folder = tempfile::tempdir().unwrap();
        let mut command = command(folder.path(), &with(&url, &[]));
        command.env("SSL_CERT_FILE", authority);
        (folder, command)
    };
    let (folder, command) = start(&authority);
    let node = harness::Server::run(folder, command);
    let (challenge, code) = node.challenge("ann@example.com");
    assert_eq!(exchange(&node, &challenge, &code).status, 200);

    // Nobody vouches for this certificate there.
    certify(&["-subj", "/CN=Other CA"], &path("other.key"), &path("other.pem"));
    let (_folder, mut command) = start(&path("other.pem"));
    let output = command.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(69), "{said}");
    assert!(said.contains("certificate"), "{said}");
}

/// Makes a key and a certificate.
fn certify(options: &[&str], key: &str, certificate: &str) {
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]);
    let output = openssl.args(options).args(["-keyout", key, "-out", certificate]).output().expect("openssl runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn runs(program: &str) -> bool {
    let mut version = Command::new(program);
    version.arg("version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    version.status().is_ok_and(|status| status.success())
}
