//! Three nodes with homes under `kill -9`, while clients guess, repeat themselves, come late, come by code and by link, and
//! come all at once through any node: no challenge signs in twice, none is guessed at more often than allowed, and whoever is
//! refused learns why.
//!
//! `COUNTERSIGN_CHAOS` says how many challenges are redeemed: 2,000 unless it does. 100,000 and 1,000,000 are the longer modes.

use std::{
    collections::{BTreeMap, VecDeque},
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{
    self, Answer, Connection, Server,
    fleet::{self, ISSUER, NODES, free_port},
    messages::{Login, Messages},
};

const MAX_ATTEMPTS: usize = 5;
const CLIENTS: usize = 12;
/// Envelopes that each client keeps, to try them again later.
const KEPT: usize = 64;
/// Requests of each client that are late.
const LATE: usize = 16;

/// What the nodes' guards are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A node that was killed refuses the challenges that it made before.
    Memory,
    /// A node that was killed has forgotten nothing.
    Journal,
}

fn start_node(kind: Kind, node: &str, port: u16, journals: &Path) -> Server {
    let journal = journals.join(node);
    let nodes = NODES.join(",");
    let guard = match kind {
        Kind::Memory => vec![("guard.kind", "memory")],
        Kind::Journal => vec![("guard.kind", "journal"), ("guard.path", journal.to_str().unwrap())],
    };
    let settings = [
        ("email.transport", "discard"),
        ("guard.nodes", &*nodes),
        ("passwordless.token_request_throttle_seconds", "0"),
        ("passwordless.max_messages_per_hour", "0"),
    ];
    fleet::start_node_with(Server::start_quietly, node, port, &[&settings[..], &guard].concat())
}

/// What happened, by the name of the answer.
#[derive(Default)]
struct Tally(Mutex<BTreeMap<String, usize>>);

impl Tally {
    fn add(&self, what: &str) {
        *self.0.lock().unwrap().entry(what.to_owned()).or_default() += 1;
    }
}

struct Client<'a> {
    kind: Kind,
    port: u16,
    random: ChaCha8Rng,
    connections: [Option<Connection>; 3],
    messages: &'a Messages,
    tally: &'a Tally,
    /// Redeemed: nothing may redeem them again.
    kept: Vec<Login>,
    /// Requests that are on their way for long: they arrive after the nodes have been killed.
    late: VecDeque<Login>,
}

impl Client<'_> {
    fn pick(&mut self, below: usize) -> usize {
        self.random.next_u32() as usize % below
    }

    /// Starts a request; `None` if the node isn't there.
    fn start(&mut self, node: usize, path: &str, body: &Value) -> Option<()> {
        if self.connections[node].is_none() {
            // The node may be down at the moment.
            self.connections[node] = Some(Connection::try_to(&format!("{}:{}", NODES[node], self.port)).ok()?);
        }
        let body = body.to_string();
        let path = format!("/passwordless/{path}");
        let mut request = harness::head("POST", &path, &[("content-type", "application/json")], body.len());
        request.extend_from_slice(body.as_bytes());
        let sent = self.connections[node].as_mut()?.try_send(&request);
        if sent.is_err() {
            self.connections[node] = None;
        }
        sent.ok()
    }

    /// The answer to a request that was started; `None` if the node died over it.
    fn finish(&mut self, node: usize) -> Option<Answer> {
        let answer = self.connections[node].as_mut()?.try_receive("POST");
        if answer.is_err() {
            self.connections[node] = None;
        }
        answer.ok()
    }

    fn post(&mut self, node: usize, path: &str, body: &Value) -> Option<Answer> {
        self.start(node, path, body)?;
        self.finish(node)
    }

    /// Counts an answer, and checks that a refusal says what it is.
    fn judge(&self, answer: Option<&Answer>) -> &'static str {
        let Some(answer) = answer else { return "died" };
        let name = match (answer.status, answer.status != 200) {
            (200, _) => "signed in",
            (400, _) => match answer.code().as_str() {
                "invalid_credentials" if answer.json()["attempts_left"].is_u64() => "wrong code",
                "challenge_spent" => "spent",
                "attempts_exhausted" => "exhausted",
                other => panic!("400 {other}"),
            },
            (503, _) => {
                assert_eq!(answer.code(), "unavailable");
                assert!(answer.header("retry-after").is_some());
                "unavailable"
            }
            (421, _) if self.kind == Kind::Memory => {
                assert_eq!(answer.code(), "misdirected");
                "misdirected"
            }
            (status, _) => panic!("{status}: {answer:?}"),
        };
        self.tally.add(name);
        name
    }

    /// One login from the request to the end. Whether it signed in.
    fn log_in(&mut self, email: &str) -> bool {
        let envelope = loop {
            let node = self.pick(3);
            let Some(answer) = self.post(node, "request/email/", &json!({"email": email})) else { continue };
            match answer.status {
                200 => break answer.json()["challenge"].as_str().unwrap().to_owned(),
                503 => {}
                status => panic!("{status}: {answer:?}"),
            }
        };
        let login = self.messages.read(email, &envelope);
        if self.pick(4) == 0 {
            self.resend(&login);
        }
        let guesses = [0, 0, 1, 3, 9][self.pick(5)];
        self.guess(&login, guesses);
        if self.pick(8) == 0 {
            self.late.push_back(login);
            return self.late.len() > LATE && self.arrive();
        }
        self.redeem(login, guesses > 0)
    }

    /// Asks for the same code once more.
    fn resend(&mut self, login: &Login) {
        let node = self.pick(3);
        let answer = self.post(node, "resend/", &json!({"email": login.email, "challenge": login.envelope}));
        let status = answer.map(|answer| answer.status);
        assert!(matches!((status, self.kind), (None | Some(200 | 503), _) | (Some(421), Kind::Memory)), "{status:?}");
    }

    /// Guesses, one by one or through all nodes at once. No more are compared than a challenge stands.
    fn guess(&mut self, login: &Login, guesses: usize) {
        let wrong = login.wrong();
        let mut guessed = 0;
        let at_once = if self.pick(2) == 0 { 1 } else { 3 };
        for _ in 0..guesses.div_ceil(at_once) {
            let first = self.pick(3);
            let nodes = (0..at_once).map(|node| (first + node) % 3);
            let started: Vec<_> = nodes.filter(|node| self.start(*node, "exchange/email/", &wrong).is_some()).collect();
            for node in started {
                let answer = self.finish(node);
                guessed += usize::from(self.judge(answer.as_ref()) == "wrong code");
            }
        }
        assert!(guessed <= MAX_ATTEMPTS, "{guessed} comparisons");
    }

    /// The right code and the link through several nodes at once, until it is decided. Whether it signed in.
    fn redeem(&mut self, login: Login, may_be_refused: bool) -> bool {
        let (mut signed_in, mut may_be_lost) = (0, false);
        let links = [self.pick(3), self.pick(6)];
        for _ in 0..50 {
            let right = |node: &usize| login.right(links.contains(node));
            let started: Vec<usize> =
                (0..3).filter(|node| self.start(*node, "exchange/email/", &right(node)).is_some()).collect();
            let answers: Vec<_> = started.into_iter().map(|node| self.finish(node)).collect();
            let names: Vec<_> = answers.iter().map(|answer| self.judge(answer.as_ref())).collect();
            signed_in += names.iter().filter(|name| **name == "signed in").count();
            may_be_lost |= names.iter().any(|name| matches!(*name, "died" | "unavailable" | "misdirected"));
            if signed_in > 0 || names.iter().any(|name| matches!(*name, "spent" | "misdirected")) {
                break;
            }
            thread::sleep(Duration::from_millis(20));
        }
        assert!(signed_in <= 1, "signed in {signed_in} times");
        assert!(signed_in == 1 || may_be_lost || may_be_refused, "refused for no reason");
        if signed_in == 1 {
            if self.kept.len() < KEPT {
                self.kept.push(login);
            } else {
                let at = self.pick(KEPT);
                self.kept[at] = login;
            }
        }
        signed_in == 1
    }

    /// The request that was longest on its way arrives, through all nodes.
    fn arrive(&mut self) -> bool {
        self.late.pop_front().is_some_and(|login| self.redeem(login, true))
    }

    /// Somebody sends an old login once more.
    fn repeat(&mut self) {
        if self.kept.is_empty() {
            return;
        }
        let (at, node, by_link) = (self.pick(self.kept.len()), self.pick(3), self.pick(2) == 0);
        let answer = self.post(node, "exchange/email/", &self.kept[at].right(by_link));
        let name = self.judge(answer.as_ref());
        assert!(matches!(name, "spent" | "misdirected" | "unavailable" | "died"), "an old login was {name}");
    }
}

#[test]
fn with_memory_no_challenge_signs_in_twice_and_none_is_guessed_at_too_often() {
    survive(Kind::Memory);
}

#[test]
fn with_journals_no_challenge_signs_in_twice_and_none_is_guessed_at_too_often() {
    survive(Kind::Journal);
}

fn survive(kind: Kind) {
    let wanted: usize = std::env::var_os("COUNTERSIGN_CHAOS").map_or(2_000, |n| n.to_str().unwrap().parse().unwrap());
    let journals = TempDir::new().unwrap();
    let port = free_port();
    let nodes: Vec<Mutex<Option<Server>>> =
        NODES.iter().map(|node| Mutex::new(Some(start_node(kind, node, port, journals.path())))).collect();
    let (redeemed, is_over, tally, messages) =
        (AtomicUsize::new(0), AtomicBool::new(false), Tally::default(), Messages::of(ISSUER));

    let kills = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let (redeemed, tally, messages) = (&redeemed, &tally, &messages);
                scope.spawn(move || {
                    let random = ChaCha8Rng::seed_from_u64(number as u64);
                    let connections = [None, None, None];
                    let (kept, late) = Default::default();
                    let mut client = Client { kind, port, random, connections, messages, tally, kept, late };
                    for login in 0.. {
                        if redeemed.load(Ordering::Relaxed) >= wanted {
                            break;
                        }
                        if client.log_in(&format!("person{login}of{number}@example.com")) {
                            redeemed.fetch_add(1, Ordering::Relaxed);
                        }
                        client.repeat();
                    }
                    while !client.late.is_empty() {
                        client.arrive();
                    }
                    // In the end everything that was redeemed still is.
                    for _ in 0..KEPT {
                        client.repeat();
                    }
                })
            })
            .collect();
        let killer = scope.spawn(|| {
            let mut random = ChaCha8Rng::seed_from_u64(99);
            let mut kills = 0;
            while !is_over.load(Ordering::Relaxed) {
                let at = random.next_u32() as usize % 3;
                let mut node = nodes[at].lock().unwrap();
                // Dropping it is `kill -9`.
                drop(node.take());
                thread::sleep(Duration::from_millis(u64::from(random.next_u32() % 50)));
                *node = Some(start_node(kind, NODES[at], port, journals.path()));
                kills += 1;
                drop(node);
                thread::sleep(Duration::from_millis(100 + u64::from(random.next_u32() % 300)));
            }
            kills
        });
        let ended: Vec<_> = clients.into_iter().map(thread::ScopedJoinHandle::join).collect();
        is_over.store(true, Ordering::Relaxed);
        let kills = killer.join().expect("nodes start again");
        for client in ended {
            client.expect("the promises are kept");
        }
        kills
    });
    println!("{} redeemed over {kills} kills: {:?}", redeemed.load(Ordering::Relaxed), tally.0.lock().unwrap());
    assert!(kills > 0);
}
