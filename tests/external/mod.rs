//! External verification through the real binary: providers that make and check codes themselves, and what they report.

mod fleet;
mod request;
mod same_answer;
mod stand_in;
mod verify;
mod webhook;

use serde_json::{Value, json};

use crate::harness::{Answer, Server, wait_for};

/// A number that exists in the plan of its country.
const ANN: &str = "+12025550143";
const BOB: &str = "+12025550178";

fn request(server: &Server, number: &str) -> Answer {
    server.post("external/request/", &json!({"phone_number": number}))
}

/// Has a code sent; returns the envelope.
fn envelope(server: &Server, number: &str) -> String {
    let answer = request(server, number);
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["challenge"].as_str().unwrap().to_owned()
}

fn verify(server: &Server, number: &str, code: &str, envelope: &str) -> Answer {
    server.post("external/verify/", &json!({"phone_number": number, "code": code, "challenge": envelope}))
}

/// Status and stable code.
fn refusal(answer: &Answer) -> (u16, String) {
    (answer.status, answer.code())
}

fn claims(token: &Value) -> Value {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    let payload = token.as_str().unwrap().split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

/// The events so far, where they go to `audit.log`.
fn events(server: &Server) -> Vec<Value> {
    let log = std::fs::read_to_string(server.folder().join("audit.log")).unwrap_or_default();
    // The last line may not be whole yet.
    log.lines().map_while(|line| serde_json::from_str(line).ok()).collect()
}

/// Waits until there are so many events of these types; returns them.
fn wait_for_events(server: &Server, of: &str, number: usize) -> Vec<Value> {
    wait_for(|| {
        let all = events(server).into_iter();
        let found: Vec<_> = all.filter(|event| event["type"].as_str().is_some_and(|name| name.starts_with(of))).collect();
        (found.len() >= number).then_some(found)
    })
}

/// Nothing of a person, and nothing that a provider said, is in the log.
fn assert_discreet(server: &Server) {
    let log = server.log();
    for text in ["2025550143", "2025550178", stand_in::CODE, "upstream", "KEY0123", "tok:en", "654321"] {
        assert!(!log.contains(text), "{text} is in the log: {log}");
    }
}
