//! What a real node makes of an owner that a test plays.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    thread,
    time::Duration,
};

use countersign::{
    challenge::GuardId,
    fleet::{
        Exchange, Homes, Incarnation, RelayedAnswer, Relays, Reply, SeenRequests, UntrustedRequest,
        batch::{self, LONGEST_REPLY, MOST_REQUESTS, push_answer},
    },
    keyring::Keyring,
    recipient::Recipient,
};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
use serde_json::{Value, json};

use super::{
    OWNER, STRANGER,
    sealing::{code_for, envelope, homes, now, relays, seal},
    start_node,
};
use crate::harness::{Answer, Connection, PATIENCE, Server, fleet::ISSUER, head};

/// That the test tells, as an owner.
const BOOT: Incarnation = Incarnation::from_random([5; Incarnation::BYTES]);

/// What the node sent in one POST: a batch, its connection, and the requests in it.
struct Arrived {
    stream: TcpStream,
    exchanges: Vec<Exchange>,
    bodies: Vec<Value>,
    /// Whether the node doesn't know the boot of this owner.
    are_stale: bool,
}

fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind((OWNER, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

fn accept(listener: &TcpListener) -> TcpStream {
    let (stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

impl Arrived {
    /// The next batch on this connection; `None` where it ends.
    fn on(stream: TcpStream) -> Option<Self> {
        let mut reader = BufReader::new(&stream);
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let line = line.trim_end().to_lowercase();
            length = line.strip_prefix("content-length: ").map_or(length, |length| length.parse().unwrap());
            if line.is_empty() {
                break;
            }
        }
        let mut batch = vec![0; length];
        reader.read_exact(&mut batch).unwrap();
        let mut arrived = Self { stream, exchanges: Vec::new(), bodies: Vec::new(), are_stale: false };
        let mut seen = SeenRequests::new(1000);
        for sealed in batch::requests(&batch).unwrap() {
            match relays().open(UntrustedRequest::new(sealed), OWNER, now()).unwrap().current(BOOT) {
                Ok(current) => {
                    let opened = current.once(&mut seen, now()).unwrap();
                    arrived.bodies.push(serde_json::from_slice(&opened.request.body).unwrap());
                    arrived.exchanges.push(opened.exchange);
                }
                Err(exchange) => {
                    arrived.are_stale = true;
                    arrived.exchanges.push(exchange);
                }
            }
        }
        Some(arrived)
    }

    /// The sealed answer to the request at `position`, which repeats what was asked.
    fn answer(&self, position: usize) -> Vec<u8> {
        let body = self.bodies[position]["email"].to_string();
        let answer = RelayedAnswer { status: 200, headers: vec![], body: body.into_bytes().into() };
        self.sealed(position, &Reply::Answer(answer))
    }

    fn sealed(&self, position: usize, reply: &Reply) -> Vec<u8> {
        self.exchanges[position].seal(homes(), reply, &mut ChaCha8Rng::seed_from_u64(7))
    }

    /// Tells each the boot of this life.
    fn tell_boot(&mut self, boot: Incarnation) {
        let mut frames = Vec::new();
        (0..self.exchanges.len()).for_each(|at| push_answer(&mut frames, at, &self.sealed(at, &Reply::Stale(boot))));
        self.reply(&frames, 0);
    }

    /// Answers with these frames, of a body that is declared to be so much longer.
    fn reply(&mut self, frames: &[u8], missing: usize) {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", frames.len() + missing);
        self.stream.write_all(&[head.as_bytes(), frames].concat()).unwrap();
    }

    /// Answers as an owner should, in this order.
    fn reply_in_order(&mut self, positions: impl Iterator<Item = usize>) {
        let mut frames = Vec::new();
        positions.for_each(|position| push_answer(&mut frames, position, &self.answer(position)));
        self.reply(&frames, 0);
    }
}

/// A node that knows the boot of the owner that listens.
fn introduced(listener: &TcpListener, port: u16) -> Server {
    let node = start_node(STRANGER, port, &[]);
    let mut connection = [ask(&node, 255)];
    let mut arrived = Arrived::on(accept(listener)).unwrap();
    assert!(arrived.are_stale);
    arrived.tell_boot(BOOT);
    let mut arrived = Arrived::on(arrived.stream).unwrap();
    assert!(!arrived.are_stale);
    arrived.reply_in_order(0..1);
    assert_eq!(receive(&mut connection), [email(255)]);
    node
}

fn email(n: usize) -> String {
    format!("person{n}@example.com")
}

/// An exchange for a challenge that the owner made.
fn exchange(n: usize) -> Vec<u8> {
    let guard = GuardId::new(format!("{OWNER}.epoch")).unwrap();
    let envelope = envelope(u8::try_from(n).unwrap(), guard, &email(n));
    let body = json!({"email": email(n), "token": "123456", "challenge": envelope}).to_string();
    let head = head("POST", "/passwordless/exchange/email/", &[("content-type", "application/json")], body.len());
    [&head[..], body.as_bytes()].concat()
}

/// Sends so many exchanges that all of them are there in the same turn.
fn ask_at_once(node: &Server, count: usize) -> Vec<Connection> {
    let requests: Vec<_> = (0..count).map(exchange).collect();
    let mut connections: Vec<_> = (0..count).map(|_| node.connect()).collect();
    // Each connection has been accepted when it has been answered.
    for connection in &mut connections {
        assert_eq!(connection.request("GET", "/nothing", &[], b"").status, 404);
    }
    node.stop();
    for (connection, request) in connections.iter_mut().zip(&requests) {
        connection.send(request);
    }
    node.signal("CONT");
    connections
}

fn ask(node: &Server, n: usize) -> Connection {
    let mut connection = node.connect();
    connection.send(&exchange(n));
    connection
}

/// By request: what was answered, or the problem's code.
fn receive(connections: &mut [Connection]) -> Vec<String> {
    let told = |answer: Answer| match answer.status {
        200 => answer.json().as_str().unwrap().to_owned(),
        503 => answer.code(),
        _ => panic!("{answer:?}"),
    };
    connections.iter_mut().map(|connection| told(connection.receive("POST"))).collect()
}

#[test]
fn requests_of_one_turn_travel_together_and_answers_come_in_any_order() {
    let (listener, port) = listen();
    let node = introduced(&listener, port);
    let mut connections = ask_at_once(&node, 8);
    let mut arrived = Arrived::on(accept(&listener)).unwrap();
    assert_eq!(arrived.bodies.len(), 8);
    arrived.reply_in_order((0..8).rev());
    assert_eq!(receive(&mut connections), (0..8).map(email).collect::<Vec<_>>());
    // The connection is used again.
    let mut again = [ask(&node, 9)];
    let mut arrived = Arrived::on(arrived.stream).unwrap();
    arrived.reply_in_order(0..1);
    assert_eq!(receive(&mut again), [email(9)]);
}

#[test]
fn a_batch_is_no_longer_and_has_no_more_requests_than_allowed() {
    const COUNT: usize = 100;
    let (listener, port) = listen();
    let node = introduced(&listener, port);
    let mut connections = ask_at_once(&node, COUNT);
    let mut left = COUNT;
    while left > 0 {
        let mut arrived = Arrived::on(accept(&listener)).unwrap();
        assert!(arrived.bodies.len() <= MOST_REQUESTS);
        left -= arrived.bodies.len();
        let all = 0..arrived.bodies.len();
        thread::spawn(move || arrived.reply_in_order(all));
    }
    assert_eq!(receive(&mut connections), (0..COUNT).map(email).collect::<Vec<_>>());
}

#[test]
fn an_answer_at_anothers_position_is_none() {
    let (listener, port) = listen();
    let node = introduced(&listener, port);
    let mut connections = ask_at_once(&node, 3);
    let mut arrived = Arrived::on(accept(&listener)).unwrap();
    assert_eq!(arrived.bodies.len(), 3);
    let mut frames = Vec::new();
    push_answer(&mut frames, 0, &arrived.answer(1));
    push_answer(&mut frames, 1, &arrived.answer(0));
    push_answer(&mut frames, 2, &arrived.answer(2));
    let right = arrived.bodies[2]["email"].as_str().unwrap().to_owned();
    arrived.reply(&frames, 0);
    let received = receive(&mut connections);
    let expected = (0..3).map(|n| if email(n) == right { email(n) } else { "unavailable".into() });
    assert_eq!(received, expected.collect::<Vec<_>>());
}

#[test]
fn an_answer_that_comes_twice_or_for_nobody_ends_the_batch() {
    let (listener, port) = listen();
    let node = introduced(&listener, port);
    for wrong in [0, 2, 63, 64, 255] {
        let mut connections = ask_at_once(&node, 2);
        let mut arrived = Arrived::on(accept(&listener)).unwrap();
        let answered = arrived.bodies[0]["email"].as_str().unwrap().to_owned();
        let mut frames = Vec::new();
        push_answer(&mut frames, 0, &arrived.answer(0));
        push_answer(&mut frames, wrong, &arrived.answer(1));
        push_answer(&mut frames, 1, &arrived.answer(1));
        arrived.reply(&frames, 0);
        let expected = (0..2).map(|n| if email(n) == answered { answered.clone() } else { "unavailable".into() });
        assert_eq!(receive(&mut connections), expected.collect::<Vec<_>>(), "{wrong}");
    }
}

#[test]
fn an_answer_that_is_too_long_takes_no_other_along() {
    let (listener, port) = listen();
    let node = introduced(&listener, port);
    let mut connections = ask_at_once(&node, 3);
    let mut arrived = Arrived::on(accept(&listener)).unwrap();
    assert_eq!(arrived.bodies.len(), 3);
    let mut frames = Vec::new();
    push_answer(&mut frames, 2, &arrived.answer(2));
    push_answer(&mut frames, 0, &vec![0; LONGEST_REPLY + 1]);
    push_answer(&mut frames, 1, &arrived.answer(1));
    let without = arrived.bodies[0]["email"].as_str().unwrap().to_owned();
    arrived.reply(&frames, 0);
    let expected = (0..3).map(|n| if email(n) == without { "unavailable".into() } else { email(n) });
    assert_eq!(receive(&mut connections), expected.collect::<Vec<_>>());
    // The connection is still good.
    let mut again = [ask(&node, 4)];
    let mut arrived = Arrived::on(arrived.stream).unwrap();
    arrived.reply_in_order(0..1);
    assert_eq!(receive(&mut again), [email(4)]);
}

#[test]
fn an_owner_that_dies_half_way_has_answered_half() {
    let (listener, port) = listen();
    let node = introduced(&listener, port);
    let mut connections = ask_at_once(&node, 4);
    let mut arrived = Arrived::on(accept(&listener)).unwrap();
    let mut frames = Vec::new();
    push_answer(&mut frames, 2, &arrived.answer(2));
    push_answer(&mut frames, 0, &arrived.answer(0));
    let whole = frames.len();
    push_answer(&mut frames, 1, &arrived.answer(1));
    frames.truncate(whole + 20);
    arrived.reply(&frames, 1000);
    let answered = [0, 2].map(|position| arrived.bodies[position]["email"].as_str().unwrap().to_owned());
    drop(arrived);
    let received = receive(&mut connections);
    let expected = (0..4).map(|n| if answered.contains(&email(n)) { email(n) } else { "unavailable".into() });
    assert_eq!(received, expected.collect::<Vec<_>>());
}

#[test]
fn an_owner_that_redirects_isnt_followed() {
    let (listener, port) = listen();
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    let node = introduced(&listener, port);
    let mut connections = ask_at_once(&node, 2);
    let mut arrived = Arrived::on(accept(&listener)).unwrap();
    let location = elsewhere.local_addr().unwrap();
    let answer = format!("HTTP/1.1 307 x\r\nlocation: http://{location}/\r\ncontent-length: 0\r\n\r\n");
    arrived.stream.write_all(answer.as_bytes()).unwrap();
    assert_eq!(receive(&mut connections), ["unavailable"; 2]);
    elsewhere.set_nonblocking(true).unwrap();
    assert!(elsewhere.accept().is_err());
}

#[test]
fn an_owner_that_hangs_costs_its_own_batch_only() {
    let (listener, port) = listen();
    let node = introduced(&listener, port);
    let mut hanging = ask_at_once(&node, 2);
    let silent = Arrived::on(accept(&listener)).unwrap();
    assert_eq!(silent.bodies.len(), 2);
    for n in 3..5 {
        let mut next = [ask(&node, n)];
        let mut arrived = Arrived::on(accept(&listener)).unwrap();
        arrived.reply_in_order(0..1);
        assert_eq!(receive(&mut next), [email(n)]);
    }
    assert_eq!(receive(&mut hanging), ["unavailable"; 2], "in the end");
}

#[test]
fn a_client_that_goes_away_takes_no_others_answer_along() {
    let (listener, port) = listen();
    let node = introduced(&listener, port);
    let mut connections = ask_at_once(&node, 3);
    let mut arrived = Arrived::on(accept(&listener)).unwrap();
    assert_eq!(arrived.bodies.len(), 3);
    drop(connections.remove(1));
    arrived.reply_in_order(0..3);
    assert_eq!(receive(&mut connections), [email(0), email(2)]);
    node.signal("TERM");
    assert_eq!(node.wait().0.code(), Some(0), "nothing is in flight");
}

#[test]
fn an_idle_connection_that_was_closed_costs_nothing() {
    let (listener, port) = listen();
    let node = introduced(&listener, port);
    for n in 0..5 {
        let mut connection = [ask(&node, n)];
        let mut arrived = Arrived::on(accept(&listener)).unwrap();
        arrived.reply_in_order(0..1);
        assert_eq!(receive(&mut connection), [email(n)]);
    }
}

#[test]
fn a_connection_that_is_closed_when_it_is_needed_costs_nothing() {
    let (listener, port) = listen();
    let node = introduced(&listener, port);
    let mut client = node.connect();
    client.send(&exchange(0));
    let mut arrived = Arrived::on(accept(&listener)).unwrap();
    for n in 1..10 {
        arrived.reply_in_order(0..1);
        assert_eq!(client.receive("POST").json(), email(n - 1));
        // The node learns of both in the same turn.
        node.stop();
        if n % 2 == 0 {
            client.send(&exchange(n));
            drop(arrived);
        } else {
            drop(arrived);
            client.send(&exchange(n));
        }
        node.signal("CONT");
        arrived = Arrived::on(accept(&listener)).unwrap();
    }
}

#[test]
fn a_whole_batch_to_an_owner_that_is_gone_is_told_so() {
    let (listener, port) = listen();
    let node = introduced(&listener, port);
    drop(listener);
    assert_eq!(receive(&mut ask_at_once(&node, 5)), ["unavailable"; 5]);
}

#[test]
fn answers_in_pieces_are_passed_on_as_they_come() {
    let (listener, port) = listen();
    let node = introduced(&listener, port);
    let mut connections = ask_at_once(&node, 2);
    let mut arrived = Arrived::on(accept(&listener)).unwrap();
    arrived.stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").unwrap();
    for position in 0..2 {
        let mut frame = Vec::new();
        push_answer(&mut frame, position, &arrived.answer(position));
        for piece in frame.chunks(100) {
            let chunk = [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat();
            arrived.stream.write_all(&chunk).unwrap();
        }
        let asked = arrived.bodies[position]["email"].as_str().unwrap();
        let at = (0..2).find(|n| email(*n) == asked).unwrap();
        assert_eq!(receive(&mut connections[at..=at]), [asked], "before the rest is there");
    }
    arrived.stream.write_all(b"0\r\n\r\n").unwrap();
}

#[test]
fn a_boot_that_isnt_the_last_one_yet_is_told_once_more_and_then_its_503() {
    let (listener, port) = listen();
    let node = start_node(STRANGER, port, &[]);
    let mut connection = [ask(&node, 1)];
    let mut arrived = Arrived::on(accept(&listener)).unwrap();
    arrived.tell_boot(Incarnation::from_random([1; Incarnation::BYTES]));
    let mut arrived = Arrived::on(arrived.stream).unwrap();
    assert!(arrived.are_stale, "sealed for the life before this one");
    arrived.tell_boot(BOOT);
    assert_eq!(receive(&mut connection), ["unavailable"], "and there is no third time");
    // The next request is sealed for the boot that was believed.
    let mut connection = [ask(&node, 2)];
    let mut arrived = Arrived::on(arrived.stream).unwrap();
    arrived.tell_boot(BOOT);
    let mut arrived = Arrived::on(arrived.stream).unwrap();
    assert!(!arrived.are_stale);
    arrived.reply_in_order(0..1);
    assert_eq!(receive(&mut connection), [email(2)]);
}

#[test]
fn requests_of_one_batch_are_sealed_anew_together() {
    let (listener, port) = listen();
    let node = start_node(STRANGER, port, &[]);
    let mut connections = ask_at_once(&node, 5);
    let mut arrived = Arrived::on(accept(&listener)).unwrap();
    assert_eq!((arrived.are_stale, arrived.exchanges.len()), (true, 5));
    arrived.tell_boot(BOOT);
    let mut stream = arrived.stream;
    let mut left = 5;
    while left > 0 {
        let mut arrived = Arrived::on(stream).unwrap();
        assert!(!arrived.are_stale);
        left -= arrived.bodies.len();
        arrived.reply_in_order(0..arrived.bodies.len());
        stream = arrived.stream;
    }
    assert_eq!(receive(&mut connections), (0..5).map(email).collect::<Vec<_>>());
}

#[test]
fn a_forged_boot_is_ignored() {
    let (listener, port) = listen();
    let node = introduced(&listener, port);
    let forged = Reply::Stale(Incarnation::from_random([1; Incarnation::BYTES]));
    let mut last = None;
    for forge in [
        |_: &Arrived, forged: &Reply| {
            // By somebody without the secret.
            let stranger = Relays::new(&Keyring::new([vec![9; 32]]).unwrap());
            let (_, strange) = stranger.seal(&code_for(OWNER, "eve@example.com"), None, now(), &mut ChaCha8Rng::seed_from_u64(7));
            strange.seal(homes(), forged, &mut ChaCha8Rng::seed_from_u64(7))
        },
        |arrived: &Arrived, forged: &Reply| {
            let mut sealed = arrived.sealed(0, forged);
            *sealed.last_mut().unwrap() ^= 1;
            sealed
        },
        |_: &Arrived, forged: &Reply| {
            // Told to another request.
            let (_, another) = seal(1, None, now(), &code_for(OWNER, "eve@example.com"));
            another.seal(homes(), forged, &mut ChaCha8Rng::seed_from_u64(7))
        },
    ] {
        let mut connection = [ask(&node, 1)];
        let mut arrived = Arrived::on(last.unwrap_or_else(|| accept(&listener))).unwrap();
        assert!(!arrived.are_stale);
        let mut frames = Vec::new();
        push_answer(&mut frames, 0, &forge(&arrived, &forged));
        arrived.reply(&frames, 0);
        assert_eq!(receive(&mut connection), ["unavailable"], "it isn't asked again");
        last = Some(arrived.stream);
    }
    let mut connection = [ask(&node, 2)];
    let mut arrived = Arrived::on(last.unwrap()).unwrap();
    assert!(!arrived.are_stale, "what was known still is");
    arrived.reply_in_order(0..1);
    assert_eq!(receive(&mut connection), [email(2)]);
}

#[test]
fn a_503_of_a_proxy_is_no_node_that_is_about_to_end() {
    let (listener, port) = listen();
    let node = start_node(STRANGER, port, &[("guard.nodes", "127.0.0.1,127.0.0.2")]);
    let homes = Homes::new(ISSUER, [STRANGER, OWNER]);
    let at_owner = |n: &usize| homes.makers(&Recipient::parse_email(&email(*n)).unwrap())[0] == Some(OWNER);
    let email = email((0..1000).find(at_owner).unwrap());
    for (of, status) in [("text/plain", 503), ("application/problem+json", 200)] {
        let answer = thread::scope(|scope| {
            let asking = scope.spawn(|| node.post("request/email/", &json!({"email": email})));
            // The node asks what the owner knows of ended sessions, too.
            listener.set_nonblocking(true).unwrap();
            while !asking.is_finished() {
                let Ok((stream, _)) = listener.accept() else {
                    thread::sleep(Duration::from_millis(1));
                    continue;
                };
                stream.set_nonblocking(false).unwrap();
                let mut arrived = Arrived::on(stream).unwrap();
                let head = format!("HTTP/1.1 503 x\r\ncontent-type: {of}\r\ncontent-length: 0\r\n\r\n");
                arrived.stream.write_all(head.as_bytes()).unwrap();
            }
            asking.join().unwrap()
        });
        assert_eq!(answer.status, status, "whatever a proxy knows of, the owner may have made a challenge: {of}");
    }
}
