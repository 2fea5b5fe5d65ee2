//! A fleet whose processes share nothing: each keeps its own count under one id, and its documents say so.

use serde_json::{Value, json};

use crate::harness::Server;

const EMAIL: &str = "ann@example.com";

fn start() -> Server {
    Server::start(&[
        ("guard.kind", "shared-nothing"),
        ("guard.id", "fleet"),
        ("guard.replicas", "2"),
        // Codes that two nodes of this kind may have.
        ("passwordless.short_token_length", "8"),
    ])
}

fn exchange(server: &Server, envelope: &str, code: &str) -> Value {
    let answer = server.post("exchange/email/", &json!({"email": EMAIL, "token": code, "challenge": envelope}));
    if answer.status == 200 { json!("signed in") } else { answer.json()["code"].clone() }
}

#[test]
fn each_node_and_each_start_redeems_a_challenge_once() {
    let (one, other) = (start(), start());
    let (envelope, code) = one.challenge(EMAIL);
    for node in [&one, &other] {
        assert_eq!(exchange(node, &envelope, &code), "signed in");
        assert_eq!(exchange(node, &envelope, &code), "challenge_spent");
    }
    drop(one);
    assert_eq!(exchange(&start(), &envelope, &code), "signed in", "a start has forgotten what was before it");
}

#[test]
fn each_node_stands_its_own_wrong_guesses() {
    let (one, other) = (start(), start());
    let (envelope, code) = one.challenge(EMAIL);
    let wrong: String = code.chars().map(|digit| if digit == '0' { '1' } else { '0' }).collect();
    for node in [&one, &other] {
        (0..5).for_each(|_| assert_eq!(exchange(node, &envelope, &wrong), "invalid_credentials"));
        assert_eq!(exchange(node, &envelope, &code), "attempts_exhausted");
    }
}

#[test]
fn its_envelopes_name_the_fleet() {
    let guard = start().post("request/email/", &json!({"email": EMAIL}));
    assert_eq!(guard.header("countersign-guard"), Some("fleet.0"));
}
