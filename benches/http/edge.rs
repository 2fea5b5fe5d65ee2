//! What the question of a proxy at `/authz` costs, against a bare server that answers as many bytes.

use std::{hint::black_box, path::Path, time::Instant};

use serde_json::{Value, json};

use super::{EXCHANGE, MESSAGE, Pace, People, REQUEST, envelope, exchange_body, process::Process, request_body, signing_key};

const TOKEN: &str = "/authz/nginx/token";
const SESSION: &str = "/authz/nginx/session";
/// As `examples/edge/nginx-session.conf` asks.
const ASKED: &str = "x-original-method: GET\r\nx-original-url: https://app.example.com/reports/2026\r\n";

/// Servers of each kind, and what they are asked.
pub(crate) struct Edge {
    checking: Process,
    remembering: Process,
    session: Process,
    bare: [Process; 2],
    token: [String; 2],
    cookie: String,
}

/// Microseconds of processor time for each question.
#[derive(Clone, Copy)]
pub(crate) struct Questions {
    pub(crate) verification: f64,
    pub(crate) b_token: f64,
    pub(crate) b_session: f64,
    pub(crate) checked: f64,
    pub(crate) remembered: f64,
    pub(crate) session: f64,
}

impl Edge {
    pub(crate) fn start(folder: &Path, people: &People) -> Self {
        let checking = Process::countersign(folder, &[("AUTHZ__CACHE_SECONDS", "0"), ("TOKENS__ACCESS_LIFETIME", "86400")]);
        let remembering = Process::countersign(folder, &[("TOKENS__ACCESS_LIFETIME", "86400")]);
        let session = Process::countersign(folder, &[("SESSION__ENABLED", "true")]);
        let token = [&checking, &remembering].map(|server| {
            let answer: Value = serde_json::from_slice(&server.log_in(people, false).body).expect("answers are JSON");
            format!("authorization: Bearer {}\r\n{ASKED}", answer["access"].as_str().expect("a login gives a token"))
        });
        let head = session.log_in(people, true).head;
        let cookie = head.lines().find_map(|line| {
            line.strip_prefix("set-cookie: ")?.split(';').next().filter(|pair| pair.starts_with("countersign_session="))
        });
        let cookie = format!("cookie: {}\r\n{ASKED}", cookie.expect("a login gives a session's cookie"));
        let bytes = [remembering.connect().get(TOKEN, &token[1]).bytes, session.connect().get(SESSION, &cookie).bytes];
        Self { checking, remembering, session, bare: bytes.map(|bytes| Process::bare(bytes, false)), token, cookie }
    }

    pub(crate) fn measure(&self) -> Questions {
        let ask = |process: &Process, path: &'static str, head: &str| {
            process.spends(Pace::AtOnce, |connection| drop(connection.get(path, head)))
        };
        Questions {
            verification: verification_time(),
            b_token: ask(&self.bare[0], TOKEN, &self.token[1]),
            b_session: ask(&self.bare[1], SESSION, &self.cookie),
            checked: ask(&self.checking, TOKEN, &self.token[0]),
            remembered: ask(&self.remembering, TOKEN, &self.token[1]),
            session: ask(&self.session, SESSION, &self.cookie),
        }
    }
}

impl Process {
    fn log_in(&self, people: &People, session: bool) -> super::client::Answer {
        let person = people.next();
        let mut connection = self.connect();
        let body = exchange_body(person, &envelope(&connection.ask(REQUEST, &request_body(person))));
        let mut body: Value = serde_json::from_str(&body).expect("it is ours");
        if session {
            body["session"] = json!(true);
        }
        connection.ask(EXCHANGE, &body.to_string())
    }
}

/// One check of a signature, in microseconds: the fastest of some batches, since what else runs makes one slower only.
fn verification_time() -> f64 {
    const TIMES: u32 = 50;
    let key = signing_key();
    let signature = key.sign(&MESSAGE);
    let batch = || {
        let start = Instant::now();
        for _ in 0..TIMES {
            assert!(key.public().verify(black_box(&MESSAGE), black_box(signature.as_ref())));
        }
        start.elapsed().as_secs_f64() * 1e6 / f64::from(TIMES)
    };
    (0..10).map(|_| batch()).fold(f64::INFINITY, f64::min)
}
