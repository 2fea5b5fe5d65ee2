//! The same answer for everyone: known, unknown, inactive and admin recipients can't be told apart by status, bytes,
//! headers or throttling, with a full queue either. (Time is measured by `benches/same_answer.rs`.)

use std::fs;

use serde_json::{Value, json};

use super::stand_in::{DirectoryServer, SmtpServer, response};
use crate::harness::{Answer, Server, wait_for};

/// One of each kind, by both channels: the first may log in, then come unknown, inactive, staff and superuser.
const KINDS: [[&str; 5]; 2] = [
    ["known@example.com", "nobody@example.com", "inactv@example.com", "staff1@example.com", "super1@example.com"],
    ["+12025550101", "+12025550102", "+12025550103", "+12025550104", "+12025550105"],
];

fn users() -> Value {
    let [known, _, inactive, staff, superuser] = [0, 1, 2, 3, 4].map(|at| (KINDS[0][at], KINDS[1][at]));
    json!([
        {"id": "1", "email": known.0, "phone_number": known.1, "is_active": true, "epoch": "long and winding", "locale": "de", "claims": {"a": [1, 2]}},
        {"id": "2", "email": inactive.0, "phone_number": inactive.1, "is_active": false},
        {"id": "3", "email": staff.0, "phone_number": staff.1, "is_active": true, "is_staff": true},
        {"id": "4", "email": superuser.0, "phone_number": superuser.1, "is_active": true, "is_superuser": true},
    ])
}

/// Both channels, and what else is said.
fn settings<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [&[("passwordless.allowed_passwordless_methods", "EMAIL,MOBILE")], more].concat()
}

fn with_users(more: &[(&str, &str)]) -> Server {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("users.json"), users().to_string()).unwrap();
    Server::start_in(folder, &settings(&[&[("directory.kind", "file"), ("directory.path", "users.json")], more].concat()))
}

/// The channel in the path, and the recipient's field.
fn names(kind: &str) -> (&'static str, &'static str) {
    if kind.contains('@') { ("email", "email") } else { ("mobile", "phone_number") }
}

fn request(server: &Server, kind: &str) -> Answer {
    let (channel, field) = names(kind);
    server.post(&format!("request/{channel}/"), &json!({field: kind}))
}

fn resend(server: &Server, kind: &str, envelope: &Value) -> Answer {
    server.post("resend/", &json!({names(kind).1: kind, "challenge": envelope}))
}

/// A wrong code.
fn attempt(server: &Server, kind: &str, envelope: &Value) -> Answer {
    let (channel, field) = names(kind);
    server.post(&format!("exchange/{channel}/"), &json!({field: kind, "token": "!", "challenge": envelope}))
}

/// How many messages went to somebody.
fn messages_to(server: &Server, kind: &str) -> usize {
    server.mails_to(kind).len() + server.texts().iter().filter(|text| text["to"] == *kind).count()
}

/// Requests for each kind: asserts that all see one answer, and returns it with everybody's envelope.
fn request_all(server: &Server, kinds: &[&'static str; 5]) -> (Answer, Vec<(&'static str, Value)>) {
    let begun = kinds.map(|kind| (kind, request(server, kind)));
    let envelopes = begun.iter().map(|(kind, answer)| (*kind, answer.json()["challenge"].clone())).collect();
    (one_of("request", begun), envelopes)
}

/// What a client sees, without what is random: envelopes and puzzles keep their length, moments nothing.
fn seen(answer: &Answer) -> String {
    let mut text = format!("{}\n", answer.status);
    for (name, value) in &answer.headers {
        let value = match name.as_str() {
            "date" => "…".to_owned(),
            "set-cookie" if value.starts_with("countersign_challenge=") => {
                format!("{} {}", value.len(), without_age(value.split_once(';').unwrap().1))
            }
            "set-cookie" => without_age(value),
            _ => value.clone(),
        };
        text.extend([name, ": ", &value, "\n"]);
    }
    let mut body = answer.json();
    for (_, value) in body.as_object_mut().unwrap().iter_mut() {
        mask(value);
    }
    text + &body.to_string() + &format!("\n{}", answer.body.len())
}

/// What is left of ten minutes: between two requests a second may begin.
fn is_left(seconds: Option<u64>) -> bool {
    seconds.is_some_and(|seconds| (590..=600).contains(&seconds))
}

/// A cookie lives as long as its challenge.
fn without_age(cookie: &str) -> String {
    let age = cookie.split("; ").find_map(|attribute| attribute.trim_start().strip_prefix("Max-Age="));
    let age = age.filter(|age| is_left(age.parse().ok()));
    age.map_or_else(|| cookie.to_owned(), |age| cookie.replace(&format!("Max-Age={age}"), "Max-Age=…"))
}

fn mask(value: &mut Value) {
    match value {
        Value::String(text) if text.len() > 40 && !text.contains(' ') => *value = json!(text.len()),
        Value::Number(seconds) if is_left(seconds.as_u64()) => *value = json!("…"),
        Value::Object(members) => members.values_mut().for_each(mask),
        _ => {}
    }
}

/// What everybody sees: asserts that it is one thing.
fn one_of(what: &str, answers: impl IntoIterator<Item = (&'static str, Answer)>) -> Answer {
    let answers: Vec<_> = answers.into_iter().collect();
    let (first, rest) = answers.split_first().unwrap();
    for (kind, answer) in rest {
        assert_eq!(seen(answer), seen(&first.1), "{what}: {kind} and {} can be told apart", first.0);
    }
    first.1.clone()
}

#[test]
fn at_a_request_a_resend_and_every_attempt() {
    // The very same number of tries as there are, so that each recipient's attempts run out.
    let server = with_users(&[("passwordless.token_request_throttle_seconds", "0"), ("passwordless.max_attempts", "3")]);
    for kinds in &KINDS {
        let (begun, envelopes) = request_all(&server, kinds);
        assert_eq!(begun.status, 200, "{begun:?}");
        let resent = envelopes.iter().map(|(kind, envelope)| (*kind, resend(&server, kind, envelope)));
        assert_eq!(one_of("resend", resent).status, 200);
        for code in ["attempt 1", "attempt 2", "attempt 3", "too late"] {
            let attempted = envelopes.iter().map(|(kind, envelope)| (*kind, attempt(&server, kind, envelope)));
            let expected = if code == "too late" { "attempts_exhausted" } else { "invalid_credentials" };
            assert_eq!(one_of(code, attempted).code(), expected);
        }
        // One message each to the one who may log in, and none to anybody else.
        wait_for(|| (messages_to(&server, kinds[0]) == 2).then_some(()));
        for kind in &kinds[1..] {
            assert_eq!(messages_to(&server, kind), 0, "{kind}");
        }
    }
}

#[test]
fn at_the_throttle() {
    let server = with_users(&[]);
    for kinds in &KINDS {
        request_all(&server, kinds);
        let again = kinds.map(|kind| {
            let mut answer = request(&server, kind);
            let after = answer.headers.iter_mut().find(|(name, _)| name == "retry-after").unwrap();
            // The seconds go by for everybody.
            assert!((55..=60).contains(&after.1.parse::<u32>().unwrap()), "{after:?}");
            after.1 = "60".into();
            (kind, answer)
        });
        assert_eq!(one_of("throttle", again).code(), "throttled");
    }
}

#[test]
fn at_the_ceiling_of_messages() {
    let settings = [("passwordless.token_request_throttle_seconds", "0"), ("passwordless.max_messages_per_hour", "2")];
    let server = with_users(&settings);
    for kinds in &KINDS {
        for _ in 0..2 {
            request_all(&server, kinds);
        }
        let refused = kinds.map(|kind| {
            let answer = request(&server, kind);
            assert!(answer.json()["puzzle"].is_object(), "{answer:?}");
            let shape = answer.json()["puzzle"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
            (answer.status, answer.code(), shape)
        });
        assert!(refused.iter().all(|answer| *answer == refused[0]), "{refused:?}");
    }
}

#[test]
fn with_a_queue_that_a_hanging_transport_has_filled() {
    let sequences = KINDS[0].map(|kind| {
        let smtp = SmtpServer::start(|_| "");
        let url = smtp.url();
        let server = with_users(&[
            ("email.transport", "smtp"),
            ("email.url", &url),
            ("delivery.queue_length", "3"),
            ("delivery.timeout_seconds", "3"),
            ("passwordless.token_request_throttle_seconds", "0"),
        ]);
        // One real message shows what the transport is like; from then on every message holds its slot as long, whoever it
        // is for.
        assert_eq!(request(&server, KINDS[0][0]).status, 200);
        wait_for(|| server.log().contains("a message wasn't sent").then_some(()));
        let statuses = (0..4).map(|_| request(&server, kind).status).collect::<Vec<_>>();
        let answer = seen(&request(&server, kind));
        server.signal("KILL");
        (kind, statuses, answer)
    });
    assert_eq!(sequences[0].1, [200, 200, 429, 429], "more than half full");
    for sequence in &sequences {
        assert_eq!((&sequence.1, &sequence.2), (&sequences[0].1, &sequences[0].2), "{}", sequence.0);
    }
}

#[test]
fn with_a_directory_that_answers_and_one_that_doesn_t() {
    let up = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let is_up = up.clone();
    let directory = DirectoryServer::start(move |question| {
        if !is_up.load(std::sync::atomic::Ordering::SeqCst) {
            return response("500 Oops", "{}");
        }
        let field = question["field"].as_str().unwrap();
        let user = users().as_array().unwrap().iter().find(|user| user[field] == question["value"]).cloned();
        response("200 OK", &json!({"user": user}).to_string())
    });
    let mut more = directory.settings().to_vec();
    more.push(("passwordless.token_request_throttle_seconds", "0"));
    let server = Server::start(&settings(&more));
    for kinds in &KINDS {
        let (begun, envelopes) = request_all(&server, kinds);
        assert_eq!(begun.status, 200);
        up.store(false, std::sync::atomic::Ordering::SeqCst);
        assert_eq!(one_of("down", kinds.map(|kind| (kind, request(&server, kind)))).code(), "unavailable");
        let attempts = || envelopes.iter().map(|(kind, envelope)| (*kind, attempt(&server, kind, envelope)));
        assert_eq!(one_of("exchange while down", attempts()).code(), "unavailable");
        up.store(true, std::sync::atomic::Ordering::SeqCst);
        let attempted = one_of("exchange", attempts());
        assert_eq!((attempted.code().as_str(), attempted.json()["attempts_left"].as_u64()), ("invalid_credentials", Some(4)));
    }
}
