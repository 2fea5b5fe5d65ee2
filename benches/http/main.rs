//! What a request costs the server's processor over HTTP, against a bare hyper server of the same shape; ratios within one run.
//!
//! `cargo bench --bench http [-- rounds]` starts the real binary, alone, as a fleet of two and asked by a proxy, and bare servers: as many
//! current-thread runtimes, fed by one accepting thread, that read the same body and answer the same number of bytes,
//! head included. A fixed number of keep-alive connections on loopback asks all of them in turns, in short rounds. What
//! counts is the processor time of the server's process, user and system, as the scheduler reports it; a ratio is made
//! within each round, and the median of all rounds is printed, so that a busy machine disturbs all alike.
//!
//! B is what the bare server takes, S one signature by the compiled backend in a loop; in a server, whose caches hold other
//! things between two of them, one takes longer: a bare server that signs shows by how much. "Sealing" is what a relayed
//! request and its answer cost to seal and open, both sides together.
//!
//! Requests that are relayed in the same turn travel together, so what a relay costs depends on how many come at once: it is
//! measured with all connections asking and with one asking at a time, where each request travels alone, both times against
//! what the bare server takes for the same.
#![allow(clippy::disallowed_methods, reason = "it measures time")]

mod bare;
mod client;
mod edge;
mod process;
mod sealing;

use std::{
    env,
    sync::atomic::{AtomicUsize, Ordering},
    time::Instant,
};

use countersign::keyring::{EnvelopeFormat, Keyring, SigningKey};
use serde_json::{Value, json};

use bare::Work;
use client::Answer;
use edge::{Edge, Questions};
use process::Process;

const CONNECTIONS: usize = 16;
/// A multiple of the connections, so that all of them ask as often.
const REQUESTS: usize = 1_600;
const ROUNDS: usize = 40;
/// Rounds of exchanges before those that count.
const WARM_UP: usize = 20;

const REQUEST: &str = "/passwordless/request/email/";
const EXCHANGE: &str = "/passwordless/exchange/email/";

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [role, bytes] = &arguments[..]
        && let Some(work) = Work::of_name(role)
    {
        bare::serve(bytes.parse().expect("a number of bytes"), work);
    }
    let rounds = arguments.iter().find_map(|argument| argument.parse().ok()).unwrap_or(ROUNDS);
    // `cargo test --benches` only checks that everything runs.
    let rounds = if arguments.iter().any(|argument| argument == "--bench") { rounds } else { 1 };
    compare(rounds);
}

fn compare(rounds: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Process::countersign(folder.path(), &[]);
    let [stranger, owner] = Process::fleet(folder.path());
    let people = People::default();

    // One of each, to learn the sizes.
    let person = people.next();
    let request = server.connect().ask(REQUEST, &request_body(person));
    let exchange = server.connect().ask(EXCHANGE, &exchange_body(person, &envelope(&request)));
    let person = people.next();
    let relayed = envelope(&owner.connect().ask(REQUEST, &request_body(person)));
    let relayed = stranger.connect().ask(EXCHANGE, &exchange_body(person, &relayed));
    let bytes_in = exchange_body(person, &envelope(&request)).len();
    println!(
        "request: {} bytes in, {} out; exchange: {bytes_in} in, {} out",
        request_body(person).len(),
        request.bytes,
        exchange.bytes
    );
    let (bare_request, bare_exchange) =
        (Process::bare(request.bytes, Work::Nothing), Process::bare(exchange.bytes, Work::Nothing));
    let signing = Process::bare(request.bytes, Work::Signing);
    assert_eq!(bare_request.connect().ask(REQUEST, &request_body(0)).bytes, request.bytes);
    assert_eq!(bare_exchange.connect().ask(EXCHANGE, "{}").bytes, exchange.bytes);

    let edge = Edge::start(folder.path(), &people, if rounds == 1 { 1_000 } else { 1_000_000 });

    // The guard takes its memory from the system when it first needs it: what is measured is a process that has worked for a
    // while.
    for process in [&server, &owner] {
        for _ in 0..if rounds == 1 { 0 } else { WARM_UP } {
            let challenges = process.challenges(&people);
            process.spends(Pace::AtOnce, |connection| drop(connection.ask(EXCHANGE, &challenges.next())));
        }
    }
    let mut figures = Figures::default();
    // The first round warms up the others.
    for round in 0..=rounds {
        let signature = signature_time();
        let sealing = sealing::time(bytes_in, &relayed);
        let b_request = bare_request.spends(Pace::AtOnce, |connection| drop(connection.ask(REQUEST, &request_body(0))));
        let b_signing = signing.spends(Pace::AtOnce, |connection| drop(connection.ask(REQUEST, &request_body(0))));
        let request = server.spends(Pace::AtOnce, |connection| drop(connection.ask(REQUEST, &request_body(people.next()))));
        let challenges = server.challenges(&people);
        let exchange = server.spends(Pace::AtOnce, |connection| drop(connection.ask(EXCHANGE, &challenges.next())));
        let relay = |pace| {
            let b_exchange = bare_exchange.spends(pace, |connection| drop(connection.ask(EXCHANGE, &challenges.any())));
            let challenges = owner.challenges(&people);
            let at_owner = owner.spends(pace, |connection| drop(connection.ask(EXCHANGE, &challenges.next())));
            let challenges = owner.challenges(&people);
            let before = owner.nanoseconds();
            let relayed = stranger.spends(pace, |connection| drop(connection.ask(EXCHANGE, &challenges.next())));
            Relay { b_exchange, at_owner, relayed: relayed + owner.spent_since(before) }
        };
        let (among_many, alone) = (relay(Pace::AtOnce), relay(Pace::InTurns));
        let edge = edge.measure();
        if round > 0 || rounds == 1 {
            figures.0.push(Round { signature, sealing, b_request, b_signing, request, exchange, among_many, alone, edge });
        }
    }
    figures.print();
}

/// How the connections ask.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pace {
    /// All at once.
    AtOnce,
    /// One after the other, so that no two requests are under way together.
    InTurns,
}

/// Microseconds of processor time for each request.
#[derive(Clone, Copy)]
struct Round {
    signature: f64,
    sealing: f64,
    b_request: f64,
    b_signing: f64,
    request: f64,
    exchange: f64,
    among_many: Relay,
    alone: Relay,
    edge: Questions,
}

/// What exchanges cost at their owner and through a stranger, over the same number of connections.
#[derive(Clone, Copy)]
struct Relay {
    b_exchange: f64,
    at_owner: f64,
    relayed: f64,
}

impl Relay {
    fn beyond_its_owners(&self) -> f64 {
        self.relayed - self.at_owner
    }
}

#[derive(Default)]
struct Figures(Vec<Round>);

impl Figures {
    fn print(&self) {
        println!("{:<44} {:>9} µs", "S, one signature", self.show(|round| round.signature));
        println!("{:<44} {:>9} µs", "the same in a server", self.show(|round| round.b_signing - round.b_request));
        println!("{:<44} {:>9} µs", "sealing", self.show(|round| round.sealing));
        println!("{:<44} {:>9} µs", "B of a request", self.show(|round| round.b_request));
        println!("{:<44} {:>9} µs", "B of an exchange", self.show(|round| round.among_many.b_exchange));
        println!("{:<44} {:>9} µs", "the same, one request at a time", self.show(|round| round.alone.b_exchange));
        self.line("request", |round| round.request, |round| (round.request - round.signature) / round.b_request, 1.15, "S");
        let warm = |round: &Round| (round.request - round.b_signing + round.b_request) / round.b_request;
        self.line("request, by the signature in a server", |round| round.request, warm, 1.15, "S");
        let direct = |round: &Round| (round.exchange - round.signature) / round.among_many.b_exchange;
        self.line("exchange", |round| round.exchange, direct, 1.25, "S");
        let warm = |round: &Round| (round.exchange - round.b_signing + round.b_request) / round.among_many.b_exchange;
        self.line("exchange, by the signature in a server", |round| round.exchange, warm, 1.25, "S");
        let at_owner = |round: &Round| (round.among_many.at_owner - round.signature) / round.among_many.b_exchange;
        self.line("exchange at its owner", |round| round.among_many.at_owner, at_owner, 1.25, "S");
        let relay = |name, of: fn(&Round) -> Relay| {
            let beyond = |round: &Round| (of(round).beyond_its_owners() - round.sealing) / of(round).b_exchange;
            self.line(name, |round| of(round).beyond_its_owners(), beyond, 2.2, "sealing");
        };
        relay("relayed exchange, beyond its owner's", |round| round.among_many);
        relay("the same, one request at a time", |round| round.alone);
        println!("{:<44} {:>9} µs", "V, one check of a signature", self.show(|round| round.edge.verification));
        println!("{:<44} {:>9} µs", "the same in a server", self.show(|round| round.edge.b_verifying - round.edge.b_token));
        println!("{:<44} {:>9} µs", "B of a proxy's question", self.show(|round| round.edge.b_token));
        let checked = |round: &Round| (round.edge.checked - round.edge.verification) / round.edge.b_token;
        self.line("a proxy asks with a token", |round| round.edge.checked, checked, 1.3, "V");
        let warm = |round: &Round| (round.edge.checked - round.edge.b_verifying + round.edge.b_token) / round.edge.b_token;
        self.line("the same, by the check in a server", |round| round.edge.checked, warm, 1.3, "V");
        let again = |round: &Round| round.edge.remembered / round.edge.b_token;
        self.line("with the same again", |round| round.edge.remembered, again, 1.3, "0");
        // 4 µs where S is 6.3 µs.
        let session = |round: &Round| (round.edge.session - 4.0 / 6.3 * round.signature) / round.edge.b_session;
        self.line("with a session's cookie", |round| round.edge.session, session, 1.3, "0.63 S");
        let [low, median, high] = self.quartiles(|round| round.edge.among_ended / round.edge.session);
        let time = self.show(|round| round.edge.among_ended);
        println!(
            "{:<44} {time:>9} µs = {median:.3} times as much (quartiles {low:.3}, {high:.3})",
            "the same with a million ended sessions"
        );
    }

    fn line(&self, name: &str, time: impl Fn(&Round) -> f64, ratio: impl Fn(&Round) -> f64, limit: f64, plus: &str) {
        let (ratio, time) = (self.quartiles(ratio), self.show(time));
        let verdict = if ratio[1] <= limit { "met" } else { "MISSED" };
        let [low, median, high] = ratio;
        println!(
            "{name:<44} {time:>9} µs = {median:.2} B + {plus} (quartiles {low:.2}, {high:.2}); at most {limit:.2}: {verdict}"
        );
    }

    fn show(&self, value: impl Fn(&Round) -> f64) -> String {
        format!("{:.1}", self.quartiles(value)[1])
    }

    fn quartiles(&self, value: impl Fn(&Round) -> f64) -> [f64; 3] {
        let mut values: Vec<f64> = self.0.iter().map(value).collect();
        values.sort_by(f64::total_cmp);
        [1, 2, 3].map(|quarter| values[(values.len() * quarter / 4).min(values.len() - 1)])
    }
}

/// Numbers for new recipients.
#[derive(Default)]
struct People(AtomicUsize);

impl People {
    fn next(&self) -> usize {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

/// Exchanges that will succeed, once each.
struct Challenges {
    bodies: Vec<String>,
    used: AtomicUsize,
}

impl Challenges {
    fn next(&self) -> String {
        self.bodies[self.used.fetch_add(1, Ordering::Relaxed)].clone()
    }

    fn any(&self) -> String {
        self.bodies[0].clone()
    }
}

impl Process {
    /// As many challenges as a round needs.
    fn challenges(&self, people: &People) -> Challenges {
        let mut connection = self.connect();
        let mut make = || {
            let person = people.next();
            exchange_body(person, &envelope(&connection.ask(REQUEST, &request_body(person))))
        };
        Challenges { bodies: (0..REQUESTS).map(|_| make()).collect(), used: AtomicUsize::new(0) }
    }
}

fn request_body(person: usize) -> String {
    format!(r#"{{"email":"person{person:08}@example.com"}}"#)
}

/// With an alphabet of one character every code is known.
fn exchange_body(person: usize, envelope: &str) -> String {
    json!({"email": format!("person{person:08}@example.com"), "token": "111111", "challenge": envelope}).to_string()
}

fn envelope(answer: &Answer) -> String {
    let json: Value = serde_json::from_slice(&answer.body).expect("answers are JSON");
    json["challenge"].as_str().expect("a request is answered with an envelope").to_owned()
}

/// As long as what an envelope signs.
const MESSAGE: [u8; 500] = [b'x'; 500];

fn signing_key() -> SigningKey {
    let keyring = Keyring::new([vec![7; 32]]).expect("one secret of 32 bytes");
    keyring.current().envelope_key(EnvelopeFormat::EdDsa)
}

/// Microseconds of one signature, as a mean over a few that nothing interrupted.
fn signature_time() -> f64 {
    let key = signing_key();
    fastest(|| drop(std::hint::black_box(key.sign(std::hint::black_box(&MESSAGE)))))
}

/// Microseconds of one call, from the fastest of many short batches.
fn fastest(mut call: impl FnMut()) -> f64 {
    let mut batch = || {
        let start = Instant::now();
        (0..10).for_each(|_| call());
        start.elapsed().as_secs_f64() * 1e5
    };
    (0..100).map(|_| batch()).fold(f64::MAX, f64::min)
}
