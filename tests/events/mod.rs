//! What happens is told: as webhooks to a receiver, and in the audit log.

mod audit;
mod receiver;
mod webhooks;

use serde_json::{Value, json};

use crate::harness::Server;

/// A code that isn't this one.
fn wrong(code: &str) -> String {
    let first = if code.starts_with('0') { '1' } else { '0' };
    format!("{first}{}", &code[1..])
}

/// Somebody asks for a code, is wrong once, then right; returns the challenge's id.
fn log_in(server: &Server, email: &str) -> String {
    let (envelope, code) = server.challenge(email);
    let exchange = |token: &str| {
        let body = json!({"email": email, "token": token, "challenge": envelope});
        server.post_with("exchange/email/", &[("user-agent", "check/1")], &body).status
    };
    assert_eq!((exchange(&wrong(&code)), exchange(&code)), (400, 200));
    let claims = envelope.split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(&countersign::crypto::base64url::decode(claims).unwrap()).unwrap();
    claims["jti"].as_str().unwrap().to_owned()
}

/// The type, the reason and the subject of each event of a challenge.
fn of_challenge(events: &[Value], id: &str) -> Vec<(String, Option<String>, Option<String>)> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let of = events.iter().filter(|event| event["data"]["challenge_id"] == id);
    let mut told: Vec<_> = of
        .map(|event| (text(&event["type"]).unwrap(), text(&event["data"]["reason"]), text(&event["data"]["subject"])))
        .collect();
    told.sort();
    told
}

/// What a login by [`log_in`] comes to, sorted.
fn told_of(subject: &str) -> Vec<(String, Option<String>, Option<String>)> {
    let told = [
        ("challenge.requested", None),
        ("delivery.succeeded", None),
        ("login.failed", Some("invalid_credentials")),
        ("login.succeeded", None),
    ];
    told.map(|(kind, reason): (&str, Option<&str>)| (kind.into(), reason.map(str::to_owned), Some(subject.into()))).into()
}
