//! Batches of relayed requests, between real nodes and somebody who knows the fleet's secret, or doesn't, and keeps no rule.

mod harness;

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    thread,
    time::Duration,
};

use countersign::{
    challenge::{Alphabet, Challenge, ChallengeId, Challenges, CodeFormat, GuardId, Use},
    keyring::{EnvelopeFormat, Keyring},
    recipient::{Channel, Recipient},
    relay::{
        Addressee, Exchange, RelayedAnswer, RelayedRequest, Relays, UntrustedRequest,
        batch::{self, Answers, MOST_REQUESTS, push_answer, push_request},
    },
    time::UnixTime,
};
use harness::{Answer, Connection, PATIENCE, Server, head, wait_for};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
use serde_json::{Value, json};

const ISSUER: &str = "http://localhost:8000";
/// The node that is asked first, and the one that a test plays.
const STRANGER: &str = "127.0.0.1";
const OWNER: &str = "127.0.0.2";

/// The second that the nodes' clocks show.
#[allow(clippy::disallowed_methods, reason = "the servers under test read the same clock")]
fn now() -> UnixTime {
    UnixTime::from_seconds(std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs())
}

/// With the secret of every server that the harness starts.
fn keyring() -> Keyring {
    Keyring::new([(0..32).collect::<Vec<u8>>()]).unwrap()
}

fn relays() -> Relays {
    Relays::new(&keyring())
}

/// A node that relays to the others at `port` of their addresses, and that does one thing at a time.
fn start_node(node: &str, port: u16, settings: &[(&str, &str)]) -> Server {
    let peer_url = format!("http://{{node}}:{port}");
    let base = [
        ("server.public_url", ISSUER),
        ("server.workers", "1"),
        ("guard.node", node),
        ("guard.peer_url", &peer_url),
        ("passwordless.token_request_throttle_seconds", "0"),
    ];
    Server::start(&[&base, settings].concat())
}

mod owner {
    //! What a real owner does with batches that a test made.

    use super::*;

    /// A request for a code, sealed as another node would, and what opens its answer.
    fn sealed(seed: u64, node: &str, email: &str) -> (Vec<u8>, Exchange) {
        let request = RelayedRequest {
            addressee: Addressee::Home(node.into()),
            client: Ipv4Addr::new(192, 0, 2, 1).into(),
            method: "POST".into(),
            path: "/passwordless/request/email/".into(),
            headers: vec![("content-type".into(), (*b"application/json").into())],
            body: json!({"email": email}).to_string().into_bytes().into(),
        };
        relays().seal(&request, now(), &mut ChaCha8Rng::seed_from_u64(seed))
    }

    fn batch(sealed: &[&[u8]]) -> Vec<u8> {
        let mut batch = Vec::new();
        for sealed in sealed {
            push_request(&mut batch, sealed);
        }
        batch
    }

    fn post(server: &Server, batch: &[u8]) -> Answer {
        server.connect().request("POST", "/passwordless/relay", &[], batch)
    }

    /// By position: the status of a relayed answer, or of a refusal.
    fn statuses(answer: &Answer, exchanges: &[Exchange]) -> Vec<u16> {
        assert_eq!(answer.status, 200, "{answer:?}");
        let mut answers = Answers::new(exchanges.len(), 1 << 20);
        answers.arrive(&answer.body);
        let mut statuses = vec![0; exchanges.len()];
        while let Some(answer) = answers.next_answer().unwrap() {
            let opened = |sealed: &[u8]| relays().open_answer(&exchanges[answer.position], sealed).unwrap().status;
            statuses[answer.position] = answer.sealed.map_or_else(|status| status, opened);
        }
        assert!(answers.are_all_there());
        statuses
    }

    #[test]
    fn each_request_of_a_batch_is_answered() {
        let owner = start_node(OWNER, 1, &[]);
        let all: Vec<_> = (0..5).map(|n| sealed(n, OWNER, &format!("person{n}@example.com"))).collect();
        let (sealed, exchanges): (Vec<_>, Vec<_>) = all.iter().map(|(sealed, exchange)| (&sealed[..], *exchange)).unzip();
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
        let (one, first) = sealed(1, OWNER, "one@example.com");
        let (two, second) = sealed(2, OWNER, "two@example.com");
        let whole = batch(&[&one, &two]);
        assert_eq!(statuses(&post(&owner, &whole), &[first, second]), [200, 200]);
        let replayed = post(&owner, &whole);
        assert_eq!((replayed.status, replayed.code()), (403, "relay_refused".into()));
        let (three, third) = sealed(3, OWNER, "three@example.com");
        assert_eq!(statuses(&post(&owner, &batch(&[&two, &three, &one])), &[second, third, first]), [403, 200, 403]);
        let (four, fourth) = sealed(4, OWNER, "four@example.com");
        assert_eq!(statuses(&post(&owner, &batch(&[&four, &four])), &[fourth, fourth]), [200, 403], "twice in one batch");
        owner.wait_for_mail("four@example.com", 0);
        for name in ["one", "two", "three", "four"] {
            assert_eq!(owner.mails_to(&format!("{name}@example.com")).len(), 1, "{name}");
        }
    }

    #[test]
    fn a_bad_seal_refuses_its_request_only() {
        let owner = start_node(OWNER, 1, &[]);
        let (good, exchange) = sealed(1, OWNER, "ann@example.com");
        let (elsewhere, other) = sealed(2, STRANGER, "bob@example.com");
        let mut forged = sealed(3, OWNER, "eve@example.com").0;
        *forged.last_mut().unwrap() ^= 1;
        let answer = post(&owner, &batch(&[&forged, b"", &elsewhere, &good]));
        assert_eq!(statuses(&answer, &[other, other, other, exchange]), [403, 403, 421, 200]);
        for (refused, status) in [(&batch(&[&forged, &elsewhere]), 403), (&batch(&[&elsewhere, &forged]), 421)] {
            assert_eq!(post(&owner, refused).status, status);
        }
        let warnings = || owner.log().matches("relayed requests are refused").count();
        wait_for(|| (warnings() >= 3).then_some(()));
        assert_eq!(warnings(), 3, "one for each batch, however many are in it");
    }

    #[test]
    fn a_bomb_of_requests_and_cut_off_ones_are_malformed_and_count_nothing() {
        let owner = start_node(OWNER, 1, &[]);
        let (good, exchange) = sealed(1, OWNER, "ann@example.com");
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
        assert_eq!(statuses(&post(&owner, &batch(&all)), &[exchange; MOST_REQUESTS]), expected, "as many as there may be");
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

    fn know_nobody(mut lookup: TcpStream) {
        let answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 13\r\n\r\n{\"user\":null}";
        lookup.write_all(answer).unwrap();
    }

    #[test]
    fn a_slow_request_of_a_batch_holds_up_nobody() {
        let (directory, owner) = SlowDirectory::start();
        let (slow, slow_exchange) = sealed(1, OWNER, "ann@example.com");
        let (quick, quick_exchange) = sealed(2, OWNER, "nobody");
        let mut pieces = Pieces::ask(&owner, &batch(&[&slow, &quick]));
        let lookup = directory.lookup();
        pieces.skip_head();
        let mut answers = Answers::new(2, 1 << 20);
        answers.arrive(&pieces.next().unwrap());
        let answer = answers.next_answer().unwrap().unwrap();
        assert_eq!(answer.position, 1, "the quick one is there");
        assert_eq!(relays().open_answer(&quick_exchange, answer.sealed.unwrap()).unwrap().status, 400);
        know_nobody(lookup);
        answers.arrive(&pieces.next().unwrap());
        let answer = answers.next_answer().unwrap().unwrap();
        assert_eq!(relays().open_answer(&slow_exchange, answer.sealed.unwrap()).unwrap().status, 200);
        assert_eq!(pieces.next(), None);
    }

    #[test]
    fn an_owner_that_ends_answers_what_is_in_flight() {
        let (directory, owner) = SlowDirectory::start();
        let (slow, exchange) = sealed(1, OWNER, "ann@example.com");
        let (quick, _) = sealed(2, OWNER, "nobody");
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
        assert_eq!(relays().open_answer(&exchange, answer.sealed.unwrap()).unwrap().status, 200);
        assert_eq!(pieces.next(), None);
        assert_eq!(owner.wait().0.code(), Some(0));
    }

    #[test]
    fn a_stranger_that_goes_away_leaves_nothing_behind() {
        let (directory, owner) = SlowDirectory::start();
        let (slow, _) = sealed(1, OWNER, "ann@example.com");
        let (quick, _) = sealed(2, OWNER, "nobody");
        let mut pieces = Pieces::ask(&owner, &batch(&[&quick, &slow]));
        let lookup = directory.lookup();
        pieces.skip_head();
        assert!(pieces.next().is_some());
        drop(pieces);
        know_nobody(lookup);
        owner.signal("TERM");
        assert_eq!(owner.wait().0.code(), Some(0), "nothing is in flight");
    }
}

mod stranger {
    //! What a real node makes of an owner that a test plays.

    use super::*;

    /// What the node sent in one POST: a batch, its connection, and the requests in it.
    struct Arrived {
        stream: TcpStream,
        exchanges: Vec<Exchange>,
        bodies: Vec<Value>,
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
            let open = |sealed| relays().open(UntrustedRequest::new(sealed), OWNER, now()).unwrap();
            let mut seen = countersign::relay::SeenRequests::new(1000, now().minus(60));
            let opened = batch::requests(&batch).unwrap().into_iter().map(|sealed| open(sealed).once(&mut seen, now()).unwrap());
            let opened: Vec<_> = opened.collect();
            let bodies = opened.iter().map(|opened| serde_json::from_slice(&opened.request.body).unwrap()).collect();
            let exchanges = opened.into_iter().map(|opened| opened.exchange).collect();
            Some(Self { stream, exchanges, bodies })
        }

        /// The sealed answer to the request at `position`, which repeats what was asked.
        fn answer(&self, position: usize) -> Vec<u8> {
            let body = self.bodies[position]["email"].to_string();
            let answer = RelayedAnswer { status: 200, headers: vec![], body: body.into_bytes().into() };
            relays().seal_answer(&self.exchanges[position], &answer, &mut ChaCha8Rng::seed_from_u64(7))
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

    fn email(n: usize) -> String {
        format!("person{n}@example.com")
    }

    /// An exchange for a challenge that the owner made.
    fn exchange(n: usize) -> Vec<u8> {
        let challenge = Challenge {
            id: ChallengeId::from_random([u8::try_from(n).unwrap(); 16]),
            issued_at: now(),
            expires_at: now().plus(600),
            usage: Use::Code,
            channel: Channel::Email,
            format: CodeFormat::new(Alphabet::Numeric, 6).unwrap(),
            guard: GuardId::new(format!("{OWNER}.epoch")).unwrap(),
            binding: None,
        };
        let challenges = Challenges::new(&keyring(), ISSUER, EnvelopeFormat::EdDsa);
        let envelope = challenges.sign(&challenges.seal(challenge, Recipient::parse_email(&email(n)).unwrap()));
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
        let node = start_node(STRANGER, port, &[]);
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
        let node = start_node(STRANGER, port, &[]);
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
        let node = start_node(STRANGER, port, &[]);
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
        let node = start_node(STRANGER, port, &[]);
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
    fn an_owner_that_dies_half_way_has_answered_half() {
        let (listener, port) = listen();
        let node = start_node(STRANGER, port, &[]);
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
        let node = start_node(STRANGER, port, &[]);
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
        let node = start_node(STRANGER, port, &[]);
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
        let node = start_node(STRANGER, port, &[]);
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
        let node = start_node(STRANGER, port, &[]);
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
        let node = start_node(STRANGER, port, &[]);
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
        let node = start_node(STRANGER, port, &[]);
        drop(listener);
        assert_eq!(receive(&mut ask_at_once(&node, 5)), ["unavailable"; 5]);
    }

    #[test]
    fn answers_in_pieces_are_passed_on_as_they_come() {
        let (listener, port) = listen();
        let node = start_node(STRANGER, port, &[]);
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
}
