//! What the question of a proxy at `/authz` costs, against a bare server that answers as many bytes.

use std::{
    hint::black_box,
    path::Path,
    pin::pin,
    task::{Context, Poll, Waker},
    time::{Instant, UNIX_EPOCH},
};

use countersign::{
    ended::{EndedSessions as _, Ending, JournalEnded, SessionFacts, Terms},
    time::UnixMillis,
};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng as _};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    EXCHANGE, MESSAGE, Pace, People, REQUEST, bare::Work, envelope, exchange_body, process::Process, request_body, signing_key,
};

const TOKEN: &str = "/authz/nginx/token";
const SESSION: &str = "/authz/nginx/session";
/// As `examples/edge/nginx-session.conf` asks.
const ASKED: &str = "x-original-method: GET\r\nx-original-url: https://app.example.com/reports/2026\r\n";

/// Servers of each kind, and what they are asked.
pub(crate) struct Edge {
    checking: Process,
    remembering: Process,
    /// One that no ended session is known to, and one that knows of many.
    sessions: [Process; 2],
    /// Theirs.
    _journals: TempDir,
    bare: [Process; 2],
    verifying: Process,
    token: [String; 2],
    cookies: [String; 2],
}

/// Microseconds of processor time for each question.
#[derive(Clone, Copy)]
pub(crate) struct Questions {
    pub(crate) verification: f64,
    pub(crate) b_token: f64,
    pub(crate) b_verifying: f64,
    pub(crate) b_session: f64,
    pub(crate) checked: f64,
    pub(crate) remembered: f64,
    pub(crate) session: f64,
    pub(crate) among_ended: f64,
}

impl Edge {
    /// `ended`: of how many ended sessions one of them knows.
    pub(crate) fn start(folder: &Path, people: &People, ended: u32) -> Self {
        let checking = Process::countersign(folder, &[("AUTHZ__CACHE_SECONDS", "0"), ("TOKENS__ACCESS_LIFETIME", "86400")]);
        let remembering = Process::countersign(folder, &[("TOKENS__ACCESS_LIFETIME", "86400")]);
        // In memory, where nobody waits for the disk a million times.
        let journals = tempfile::tempdir_in("/dev/shm").expect("a folder");
        let sessions = [("few", 0), ("many", ended)].map(|(name, ended)| {
            let path = journals.path().join(name);
            end_sessions(&path.with_extension("ended"), ended);
            let path = path.to_str().expect("a path of ASCII");
            Process::countersign(folder, &[("SESSION__ENABLED", "true"), ("GUARD__KIND", "journal"), ("GUARD__PATH", path)])
        });
        let token = [&checking, &remembering].map(|server| {
            let answer: Value = serde_json::from_slice(&server.log_in(people, false).body).expect("answers are JSON");
            format!("authorization: Bearer {}\r\n{ASKED}", answer["access"].as_str().expect("a login gives a token"))
        });
        let cookies = [&sessions[0], &sessions[1]].map(|server| {
            let head = server.log_in(people, true).head;
            let cookie = head.lines().find_map(|line| {
                line.strip_prefix("set-cookie: ")?.split(';').next().filter(|pair| pair.starts_with("countersign_session="))
            });
            format!("cookie: {}\r\n{ASKED}", cookie.expect("a login gives a session's cookie"))
        });
        let bytes = [remembering.connect().get(TOKEN, &token[1]).bytes, sessions[0].connect().get(SESSION, &cookies[0]).bytes];
        let (bare, verifying) =
            (bytes.map(|bytes| Process::bare(bytes, Work::Nothing)), Process::bare(bytes[0], Work::Verifying));
        Self { checking, remembering, sessions, _journals: journals, bare, verifying, token, cookies }
    }

    pub(crate) fn measure(&self) -> Questions {
        let ask = |process: &Process, path: &'static str, head: &str| {
            process.spends(Pace::AtOnce, |connection| drop(connection.get(path, head)))
        };
        Questions {
            verification: verification_time(),
            b_token: ask(&self.bare[0], TOKEN, &self.token[1]),
            b_verifying: ask(&self.verifying, TOKEN, &self.token[1]),
            b_session: ask(&self.bare[1], SESSION, &self.cookies[0]),
            checked: ask(&self.checking, TOKEN, &self.token[0]),
            remembered: ask(&self.remembering, TOKEN, &self.token[1]),
            session: ask(&self.sessions[0], SESSION, &self.cookies[0]),
            among_ended: ask(&self.sessions[1], SESSION, &self.cookies[1]),
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

/// Writes the journal of a node at which so many sessions were ended. They end by themselves tomorrow.
fn end_sessions(path: &Path, ended: u32) {
    let now =
        UnixMillis::from_millis(UNIX_EPOCH.elapsed().expect("it is later than 1970").as_millis().try_into().expect("it fits"));
    let terms = Terms::new("https://login.example.com", 24 * 60 * 60);
    let journal = JournalEnded::open(path, &terms, now.to_seconds(), &mut ChaCha8Rng::seed_from_u64(1)).expect("a new journal");
    for number in 0..ended {
        let id = format!("{number:022}");
        let session = SessionFacts { id: &id, subject: "ann@example.com", began: now };
        let ending = Ending { session, ends_at: None, everywhere: false };
        let end = pin!(journal.end(&ending, now)).poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(end, Poll::Ready(Ok(_))), "without a runtime it waits for the disk itself");
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
