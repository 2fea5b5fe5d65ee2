//! What a real owner does with batches that a test made.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    thread,
    time::Duration,
};

use countersign::fleet::{
    Exchange, Incarnation,
    batch::{Answers, MOST_REQUESTS},
};

use super::{
    OWNER, STRANGER,
    sealing::{batch, boot_of, code_for, now, post, replies, seal, status},
    start_node,
};
use crate::harness::{Answer, PATIENCE, Server, head, wait_for};

/// A request for a code, sealed as another node would, and what opens its reply.
fn sealed(seed: u64, boot: Incarnation, node: &str, email: &str) -> (Vec<u8>, Exchange) {
    seal(seed, Some(boot), now(), &code_for(node, email))
}

/// By position: the status of a relayed answer, or of a refusal.
fn statuses(answer: &Answer, exchanges: &[&Exchange]) -> Vec<u16> {
    replies(answer, exchanges).iter().map(status).collect()
}

fn status_of(exchange: &Exchange, sealed: &[u8]) -> u16 {
    status(&Ok(exchange.open(sealed).unwrap().1))
}

#[test]
fn each_request_of_a_batch_is_answered() {
    let owner = start_node(OWNER, 1, &[]);
    let boot = boot_of(&owner, OWNER);
    let all: Vec<_> = (0..5).map(|n| sealed(n, boot, OWNER, &format!("person{n}@example.com"))).collect();
    let (sealed, exchanges): (Vec<_>, Vec<_>) = all.iter().map(|(sealed, exchange)| (&sealed[..], exchange)).unzip();
    let answer = post(&owner, &batch(&sealed));
    assert!(answer.header("content-length").is_some(), "what is ready at once leaves at once");
    assert_eq!(statuses(&answer, &exchanges), [200; 5]);
    for n in 0..5 {
        owner.wait_for_mail(&format!("person{n}@example.com"), 0);
    }
}

#[test]
fn a_replayed_batch_and_a_request_moved_to_another_batch_count_nothing() {
    let owner = start_node(OWNER, 1, &[]);
    let boot = boot_of(&owner, OWNER);
    let (one, first) = sealed(1, boot, OWNER, "one@example.com");
    let (two, second) = sealed(2, boot, OWNER, "two@example.com");
    let whole = batch(&[&one, &two]);
    assert_eq!(statuses(&post(&owner, &whole), &[&first, &second]), [200, 200]);
    let replayed = post(&owner, &whole);
    assert_eq!((replayed.status, replayed.code()), (403, "relay_refused".into()));
    let (three, third) = sealed(3, boot, OWNER, "three@example.com");
    assert_eq!(statuses(&post(&owner, &batch(&[&two, &three, &one])), &[&second, &third, &first]), [403, 200, 403]);
    let (four, fourth) = sealed(4, boot, OWNER, "four@example.com");
    assert_eq!(statuses(&post(&owner, &batch(&[&four, &four])), &[&fourth, &fourth]), [200, 403], "twice in one batch");
    owner.wait_for_mail("four@example.com", 0);
    for name in ["one", "two", "three", "four"] {
        assert_eq!(owner.mails_to(&format!("{name}@example.com")).len(), 1, "{name}");
    }
}

#[test]
fn a_bad_seal_refuses_its_request_only() {
    let owner = start_node(OWNER, 1, &[]);
    let boot = boot_of(&owner, OWNER);
    let (good, exchange) = sealed(1, boot, OWNER, "ann@example.com");
    let (elsewhere, other) = sealed(2, boot, STRANGER, "bob@example.com");
    let mut forged = sealed(3, boot, OWNER, "eve@example.com").0;
    *forged.last_mut().unwrap() ^= 1;
    let answer = post(&owner, &batch(&[&forged, b"", &elsewhere, &good]));
    assert_eq!(statuses(&answer, &[&other, &other, &other, &exchange]), [403, 403, 421, 200]);
    for (refused, status) in [(&batch(&[&forged, &elsewhere]), 403), (&batch(&[&elsewhere, &forged]), 421)] {
        assert_eq!(post(&owner, refused).status, status);
    }
}

#[test]
fn strangers_write_nothing_into_the_log_and_a_misfit_one_line() {
    let owner = start_node(OWNER, 1, &[]);
    let boot = boot_of(&owner, OWNER);
    let copy = sealed(1, boot, OWNER, "ann@example.com").0;
    for garbage in [&b"garbage"[..], &batch(&[&[7; 300]]), &batch(&[&b""[..]; MOST_REQUESTS]), &batch(&[&copy]), &batch(&[&copy])]
    {
        for _ in 0..20 {
            post(&owner, garbage);
        }
    }
    let elsewhere = sealed(2, boot, STRANGER, "bob@example.com").0;
    for _ in 0..20 {
        assert_eq!(post(&owner, &batch(&[&elsewhere])).status, 421);
    }
    let late = seal(3, Some(boot), now().minus(60), &code_for(OWNER, "bob@example.com")).0;
    assert_eq!(post(&owner, &batch(&[&late])).status, 403);
    // The log is written in order.
    wait_for(|| owner.log().contains("too long ago").then_some(()));
    let log = owner.log();
    let of_level = |level: &str| log.lines().filter(|line| line.contains(level) && line.contains("are refused")).count();
    assert_eq!((of_level(" WARN "), of_level(" ERROR ")), (1, 0), "for another node, once a minute: {log}");
    assert!(of_level(" DEBUG ") > 60, "each is there for whoever wants to know");
    let metrics = String::from_utf8(owner.get_admin("/metrics").body).unwrap();
    assert!(metrics.contains(r#"countersign_refusals_total{code="relay_refused"}"#), "{metrics}");
}

#[test]
fn a_bomb_of_requests_and_cut_off_ones_are_malformed_and_count_nothing() {
    let owner = start_node(OWNER, 1, &[]);
    let boot = boot_of(&owner, OWNER);
    let (good, exchange) = sealed(1, boot, OWNER, "ann@example.com");
    let mut bomb = batch(&[&good]);
    bomb.resize(bomb.len() + 4 * MOST_REQUESTS, 0);
    let (whole, truncated) = (batch(&[&good, &good]), batch(&[&good]).len());
    let too_long_by_its_length = [&batch(&[&good])[..], &u32::MAX.to_be_bytes()].concat();
    for malformed in [&bomb[..], &whole[..whole.len() - 1], &whole[..truncated + 3], &too_long_by_its_length, b"", b"\0"] {
        let refused = post(&owner, malformed);
        assert_eq!((refused.status, refused.code()), (400, "parse_error".into()), "{malformed:?}");
    }
    assert_eq!(post(&owner, &vec![0; 1 << 20]).status, 413);
    let all = [&[&good[..]][..], &[&b""[..]; MOST_REQUESTS - 1]].concat();
    let expected = [&[200][..], &[403; MOST_REQUESTS - 1]].concat();
    assert_eq!(statuses(&post(&owner, &batch(&all)), &[&exchange; MOST_REQUESTS]), expected, "as many as there may be");
}

/// The pieces of an answer's body as they come; `None` at its end.
struct Pieces(BufReader<TcpStream>);

impl Pieces {
    fn ask(server: &Server, batch: &[u8]) -> Self {
        let mut stream = TcpStream::connect(&server.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(&[&head("POST", "/passwordless/relay", &[], batch.len())[..], batch].concat()).unwrap();
        Self(BufReader::new(stream))
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line.trim_end().to_lowercase()
    }

    fn skip_head(&mut self) {
        assert!(self.line().ends_with("200 ok"));
        let lines: Vec<String> = std::iter::from_fn(|| Some(self.line()).filter(|line| !line.is_empty())).collect();
        assert!(lines.contains(&"transfer-encoding: chunked".to_owned()), "{lines:?}");
    }

    fn next(&mut self) -> Option<Vec<u8>> {
        let length = usize::from_str_radix(&self.line(), 16).unwrap();
        let mut piece = vec![0; length + 2];
        self.0.read_exact(&mut piece).unwrap();
        piece.truncate(length);
        (length > 0).then_some(piece)
    }
}

/// Users are looked up elsewhere, which takes as long as a test likes.
struct SlowDirectory(TcpListener);

impl SlowDirectory {
    fn start() -> (Self, Server) {
        let directory = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", directory.local_addr().unwrap());
        let secret = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
        let settings = [("directory.kind", "http"), ("directory.url", &url), ("directory.secret", secret)];
        (Self(directory), start_node(OWNER, 1, &settings))
    }

    fn lookup(&self) -> TcpStream {
        let (mut lookup, _) = self.0.accept().unwrap();
        assert!(lookup.read(&mut [0; 4096]).unwrap() > 0);
        lookup
    }
}

fn know_nobody(lookup: TcpStream) {
    answer(lookup, r#"{"user":null}"#);
}

fn know_ann(lookup: TcpStream) {
    answer(lookup, r#"{"user":{"id":"42","email":"ann@example.com","is_active":true}}"#);
}

fn answer(mut lookup: TcpStream, user: &str) {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length";
    write!(lookup, "{head}: {}\r\n\r\n{user}", user.len()).unwrap();
}

#[test]
fn a_slow_request_of_a_batch_holds_up_nobody() {
    let (directory, owner) = SlowDirectory::start();
    let boot = boot_of(&owner, OWNER);
    let (slow, slow_exchange) = sealed(1, boot, OWNER, "ann@example.com");
    let (quick, quick_exchange) = sealed(2, boot, OWNER, "nobody");
    let mut pieces = Pieces::ask(&owner, &batch(&[&slow, &quick]));
    let lookup = directory.lookup();
    pieces.skip_head();
    let mut answers = Answers::new(2, 1 << 20);
    answers.arrive(&pieces.next().unwrap());
    let answer = answers.next_answer().unwrap().unwrap();
    assert_eq!(answer.position, 1, "the quick one is there");
    assert_eq!(status_of(&quick_exchange, answer.sealed.unwrap()), 400);
    know_nobody(lookup);
    answers.arrive(&pieces.next().unwrap());
    let answer = answers.next_answer().unwrap().unwrap();
    assert_eq!(status_of(&slow_exchange, answer.sealed.unwrap()), 200);
    assert_eq!(pieces.next(), None);
}

#[test]
fn an_owner_that_ends_answers_what_is_in_flight() {
    let (directory, owner) = SlowDirectory::start();
    let boot = boot_of(&owner, OWNER);
    let (slow, exchange) = sealed(1, boot, OWNER, "ann@example.com");
    let (quick, _) = sealed(2, boot, OWNER, "nobody");
    let mut pieces = Pieces::ask(&owner, &batch(&[&quick, &slow]));
    let lookup = directory.lookup();
    pieces.skip_head();
    assert!(pieces.next().is_some(), "half of it has left already");
    owner.signal("TERM");
    wait_for(|| TcpStream::connect(&owner.address).is_err().then_some(()));
    // Longer than the end waits where nothing is in flight.
    thread::sleep(Duration::from_millis(100));
    know_nobody(lookup);
    let mut answers = Answers::new(2, 1 << 20);
    answers.arrive(&pieces.next().unwrap());
    let answer = answers.next_answer().unwrap().unwrap();
    assert_eq!(status_of(&exchange, answer.sealed.unwrap()), 200);
    assert_eq!(pieces.next(), None);
    assert_eq!(owner.wait().0.code(), Some(0));
}

/// Sends a batch, and goes away over its answers when a part of them is there. Returns the call of the owner's directory.
fn go_away(directory: &SlowDirectory, owner: &Server, batch: &[u8]) -> TcpStream {
    let pieces = Pieces::ask(owner, batch);
    let lookup = directory.lookup();
    // With something unread, closing breaks the connection.
    assert!(pieces.0.get_ref().peek(&mut [0; 1]).unwrap() > 0);
    drop(pieces);
    // Long enough to be noticed.
    thread::sleep(Duration::from_millis(100));
    lookup
}

#[test]
fn what_a_lost_line_asked_for_is_done_to_its_end() {
    let (directory, owner) = SlowDirectory::start();
    let boot = boot_of(&owner, OWNER);
    let (slow, _) = sealed(1, boot, OWNER, "ann@example.com");
    let (quick, _) = sealed(2, boot, OWNER, "nobody");
    let lookup = go_away(&directory, &owner, &batch(&[&quick, &slow]));
    know_ann(lookup);
    owner.wait_for_mail("ann@example.com", 0);
    owner.signal("TERM");
    assert_eq!(owner.wait().0.code(), Some(0), "nothing is in flight");
}

#[test]
fn an_owner_that_ends_waits_for_what_a_lost_line_asked_for() {
    let (directory, owner) = SlowDirectory::start();
    let boot = boot_of(&owner, OWNER);
    let (slow, _) = sealed(1, boot, OWNER, "ann@example.com");
    let (quick, _) = sealed(2, boot, OWNER, "nobody");
    let lookup = go_away(&directory, &owner, &batch(&[&quick, &slow]));
    owner.signal("TERM");
    wait_for(|| TcpStream::connect(&owner.address).is_err().then_some(()));
    // Longer than the end waits where nothing is in flight.
    thread::sleep(Duration::from_millis(100));
    know_ann(lookup);
    owner.wait_for_mail("ann@example.com", 0);
    assert_eq!(owner.wait().0.code(), Some(0));
}
