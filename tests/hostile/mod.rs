//! A hostile crowd against one person and one server, through real HTTP: requests for the victim from ever new networks,
//! wrong guesses on envelopes of the victim that the attacker asked for, envelopes of other addresses, and pairs of a request
//! and a wrong guess that fill the guard's memory. Meanwhile the victim logs in.
#![allow(dead_code, unreachable_pub, missing_docs, reason = "each test uses a part of it")]

use std::{
    collections::{BTreeMap, VecDeque},
    fs,
    sync::{
        Barrier, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::harness::{self, Answer, Connection, Server};

pub const VICTIM: &str = "ann@example.com";
/// Somebody else who wants to log in when the crowd has done its worst.
pub const BYSTANDER: &str = "bob@example.com";

/// Connections of the attacker, each with a thread.
const CONNECTIONS: usize = 3;
/// Requests that each has in flight.
const IN_FLIGHT: usize = 16;
/// How long each rests after them while the victim logs in.
const PAUSE: Duration = Duration::from_millis(2);
/// Puzzles that each solves to get more envelopes of the victim, and after how many of its requests the next. So many that
/// there are more than 100 guesses before the victim comes, and the next code is of the longest kind: one that is made
/// just before the hundredth guess is stale after it, and who has it asks again.
const SOLVED: usize = 6;
const BETWEEN_SOLVED: usize = 200;
/// Bytes that the server may grow by, however many ask: what it remembers of them has a fixed size, and so has the queue.
const GROWTH: usize = 128 << 20;

/// What one request of the attacker tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Try {
    /// Asks for a code of the victim.
    Ask,
    /// Guesses on an envelope of the victim.
    Guess,
    /// Guesses at the victim with another address's envelope.
    Elsewhere,
    /// Asks for a code of an address that exists nowhere.
    Throwaway,
    /// Guesses on that.
    Fill,
}

/// What happened, by what was tried and the answer's name.
type Tally = BTreeMap<(Try, String), usize>;

/// Ends something, also where a test fails.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Lets the crowd make at least so many requests and calls `log_in` in the midst of them. It goes on until the victim is in.
pub fn endure(requests: usize, log_in: impl FnOnce(&Server)) {
    let folder = tempfile::tempdir().unwrap();
    // Who isn't known gets no message, so that a hundred thousand addresses leave no files.
    let user = |id: &str, email: &str| json!({"id": id, "email": email, "is_active": true});
    fs::write(folder.path().join("users.json"), json!([user("1", VICTIM), user("2", BYSTANDER)]).to_string()).unwrap();
    let capacity = (requests / 10).max(64);
    let server = Server::start_public_quietly_in(
        folder,
        &[
            ("directory.kind", "file"),
            ("directory.path", "users.json"),
            ("server.trusted_proxies", "127.0.0.1"),
            ("guard.capacity", &capacity.to_string()),
        ],
    );
    let before = resident(&server);
    let (made, is_over, tally) = (AtomicUsize::new(0), AtomicBool::new(false), Mutex::new(Tally::new()));
    let midst = Barrier::new(CONNECTIONS + 1);
    let during = thread::scope(|scope| {
        for number in 0..CONNECTIONS {
            let (server, made, is_over, tally, midst) = (&server, &made, &is_over, &tally, &midst);
            scope.spawn(move || {
                let mut attacker = Attacker::new(number, server);
                while attacker.sent * CONNECTIONS * 2 < requests {
                    made.fetch_add(attacker.attack(), Ordering::Relaxed);
                }
                midst.wait();
                while made.load(Ordering::Relaxed) < requests || !is_over.load(Ordering::Relaxed) {
                    made.fetch_add(attacker.attack(), Ordering::Relaxed);
                    // A crowd elsewhere would leave the victim's machine to the victim's browser.
                    thread::sleep(PAUSE);
                }
                let mut all = tally.lock().unwrap();
                attacker.tally.into_iter().for_each(|(what, number)| *all.entry(what).or_default() += number);
            });
        }
        midst.wait();
        let start = made.load(Ordering::Relaxed);
        // The crowd goes home though the victim doesn't get in.
        let over = Ends(&is_over);
        log_in(&server);
        drop(over);
        made.load(Ordering::Relaxed) - start
    });
    let entries = entries(&server);
    let grown = resident(&server).saturating_sub(before);
    println!("{during} of {} requests while the victim logged in; {entries} of {capacity} entries", made.into_inner());
    println!("{} KiB more than before; {:#?}", grown / 1024, tally.into_inner().unwrap());
    assert!(during > 0, "the crowd was there");
    assert!((capacity / 2..=capacity).contains(&entries), "{entries} of {capacity}");
    assert!(grown < GROWTH, "{grown} bytes");

    // The service is still open to whoever solves a puzzle.
    let (answer, _) = ask_with_puzzle(&server, BYSTANDER, solve);
    log_in_with(&server, BYSTANDER, &answer, 0);
}

/// Asks for a code as a client does that solves puzzles by `solve`; returns the answer and how many messages there were before.
pub fn ask_with_puzzle(server: &Server, email: &str, solve: impl FnOnce(&Value) -> String) -> (Answer, usize) {
    let refused = server.post("request/email/", &json!({"email": email}));
    assert_eq!((refused.status, refused.code().as_str()), (429, "throttled"));
    let solution = solve(&refused.json()["puzzle"]);
    let before = server.mails_to(email).len();
    let answer = server.post("request/email/", &json!({"email": email, "puzzle": solution}));
    assert_eq!(answer.status, 200, "{answer:?}");
    (answer, before)
}

/// Mistypes the code of the message after the first `before`, then redeems it: nobody else has used up an attempt.
pub fn log_in_with(server: &Server, email: &str, answer: &Answer, before: usize) {
    let code = harness::code_in(&server.wait_for_mail(email, before));
    let wrong: String = code.chars().map(|character| if character == 'B' { 'C' } else { 'B' }).collect();
    let exchange = |code: &str| {
        server.post("exchange/email/", &json!({"email": email, "token": code, "challenge": answer.json()["challenge"]}))
    };
    let mistyped = exchange(&wrong);
    assert_eq!((mistyped.status, &mistyped.json()["attempts_left"]), (400, &json!(4)), "{mistyped:?}");
    let signed_in = exchange(&code);
    assert_eq!(signed_in.status, 200, "{signed_in:?}");
}

/// Solves an ALTCHA puzzle.
pub fn solve(puzzle: &Value) -> String {
    let salted = Sha256::new_with_prefix(puzzle["salt"].as_str().unwrap());
    let wanted = u128::from_str_radix(&puzzle["challenge"].as_str().unwrap()[..32], 16).unwrap().to_be_bytes();
    let is_right = |number: &u64| salted.clone().chain_update(number.to_string()).finalize()[..16] == wanted;
    let number = (0..=puzzle["maxnumber"].as_u64().unwrap()).find(is_right).expect("it has a solution");
    let mut solution = puzzle.clone();
    solution["number"] = number.into();
    STANDARD.encode(solution.to_string())
}

/// An envelope that the attacker holds.
struct Held {
    email: String,
    envelope: String,
    /// A code of the right form.
    wrong: String,
}

struct Attacker {
    number: usize,
    connection: Connection,
    sent: usize,
    solved: usize,
    /// Puzzles of the victim that came with a 429.
    puzzle: Option<Value>,
    victims: VecDeque<Held>,
    others: VecDeque<Held>,
    tally: Tally,
}

impl Attacker {
    fn new(number: usize, server: &Server) -> Self {
        let (victims, others) = (VecDeque::new(), VecDeque::new());
        Self { number, connection: server.connect(), sent: 0, solved: 0, puzzle: None, victims, others, tally: Tally::new() }
    }

    /// Sends some requests at once and judges their answers. How many it were.
    fn attack(&mut self) -> usize {
        let mut bytes = Vec::new();
        let tries: Vec<_> = (0..IN_FLIGHT).map(|_| self.next(&mut bytes)).collect();
        self.connection.send(&bytes);
        for (what, email) in tries {
            let answer = self.connection.receive("POST");
            self.judge(what, &email, &answer);
        }
        IN_FLIGHT
    }

    /// Writes the next request.
    fn next(&mut self, bytes: &mut Vec<u8>) -> (Try, String) {
        self.sent += 1;
        let what = match self.sent % 10 {
            0..=3 => Try::Ask,
            4 if !self.victims.is_empty() => Try::Guess,
            5 if !self.others.is_empty() => Try::Elsewhere,
            // More requests than guesses at first, so that envelopes are hoarded for when there are no new ones.
            6 | 7 if !self.others.is_empty() => Try::Fill,
            _ => Try::Throwaway,
        };
        let of = |held: &Held, email: &str| json!({"email": email, "token": held.wrong, "challenge": held.envelope});
        let (path, email, body) = match what {
            Try::Ask => {
                let mut body = json!({"email": VICTIM});
                if self.solved < SOLVED
                    && self.sent > self.solved * BETWEEN_SOLVED
                    && let Some(puzzle) = self.puzzle.take()
                {
                    self.solved += 1;
                    body["puzzle"] = solve(&puzzle).into();
                }
                ("request", VICTIM.to_owned(), body)
            }
            Try::Guess => {
                self.victims.rotate_left(1);
                ("exchange", VICTIM.to_owned(), of(&self.victims[0], VICTIM))
            }
            Try::Elsewhere => {
                self.others.rotate_left(1);
                ("exchange", VICTIM.to_owned(), of(&self.others[0], VICTIM))
            }
            Try::Throwaway => {
                let email = format!("nobody{}of{}@example.net", self.sent, self.number);
                ("request", email.clone(), json!({ "email": email }))
            }
            Try::Fill => {
                self.others.rotate_left(1);
                let held = &self.others[0];
                ("exchange", held.email.clone(), of(held, &held.email))
            }
        };
        let network = std::net::Ipv4Addr::from_bits((10 << 24) + u32::try_from(self.sent * CONNECTIONS + self.number).unwrap());
        let headers = [("content-type", "application/json"), ("x-forwarded-for", &network.to_string())];
        let body = body.to_string();
        bytes.extend(harness::head("POST", &format!("/passwordless/{path}/email/"), &headers, body.len()));
        bytes.extend(body.as_bytes());
        (what, email)
    }

    /// Holds every answer to what it may be.
    fn judge(&mut self, what: Try, email: &str, answer: &Answer) {
        let name = if answer.status == 200 { "ok".to_owned() } else { answer.code() };
        match (what, answer.status, name.as_str()) {
            // What was asked for; an exchange is never answered so.
            (Try::Ask | Try::Throwaway, 200, _) => {
                let begun = answer.json();
                let wrong = if begun["code_charset"] == "numeric" { "0" } else { "B" };
                let wrong = wrong.repeat(begun["code_length"].as_u64().unwrap().try_into().unwrap());
                let held = Held { email: email.into(), envelope: begun["challenge"].as_str().unwrap().into(), wrong };
                if what == Try::Ask { self.victims.push_back(held) } else { self.others.push_back(held) }
            }
            // Nobody is refused without a way in.
            (Try::Ask | Try::Throwaway, 429, "throttled") => {
                let puzzle = &answer.json()["puzzle"];
                assert!(puzzle["challenge"].is_string() && answer.header("retry-after").is_some(), "{what:?}: {answer:?}");
                if what == Try::Ask {
                    self.puzzle = Some(puzzle.clone());
                }
            }
            (Try::Guess | Try::Fill, 400, "attempts_exhausted") => {}
            (Try::Guess | Try::Fill, 400, "invalid_credentials") => assert!(answer.json()["attempts_left"].is_u64()),
            // Where the part of the memory that is open to strangers is full.
            (Try::Guess | Try::Fill, 503, "unavailable") => assert!(answer.header("retry-after").is_some()),
            (Try::Elsewhere, 400, "invalid_credentials") => assert!(answer.json()["attempts_left"].is_null()),
            _ => panic!("{what:?}: {answer:?}"),
        }
        *self.tally.entry((what, name)).or_default() += 1;
    }
}

/// What the guard remembers.
fn entries(server: &Server) -> usize {
    let metrics = String::from_utf8(server.get_admin("/metrics").body).unwrap();
    let line = metrics.lines().find_map(|line| line.strip_prefix("countersign_guard_entries "));
    line.expect("a gauge").parse().unwrap()
}

/// Bytes of the server that belong to no file.
fn resident(server: &Server) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}
