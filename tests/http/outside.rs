//! Parts outside the process that don't work, and requests that pay their way.

use std::net::TcpListener;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::harness::{Answer, Server};

const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// A URL where nobody listens.
fn nowhere(scheme: &str) -> String {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    format!("{scheme}://127.0.0.1:{port}")
}

fn ask(server: &Server, email: &str) -> Answer {
    server.post("request/email/", &json!({"email": email}))
}

#[test]
fn inline_delivery_that_fails_is_told_and_uses_up_no_throttle() {
    let url = nowhere("smtp");
    let server = Server::start(&[("email.transport", "smtp"), ("email.url", &url), ("delivery.mode", "inline")]);
    for _ in 0..2 {
        let answer = ask(&server, "ann@example.com");
        assert_eq!((answer.status, answer.code().as_str()), (502, "delivery_failed"));
        assert!(!String::from_utf8_lossy(&answer.body).contains("refused"), "no upstream text");
    }
}

#[test]
fn a_full_queue_refuses_everybody() {
    // Takes connections, and never says a word.
    let hangs = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("smtp://{}", hangs.local_addr().unwrap());
    let server = Server::start(&[("email.transport", "smtp"), ("email.url", &url), ("delivery.queue_length", "1")]);
    assert_eq!(ask(&server, "ann@example.com").status, 200);
    for _ in 0..2 {
        let answer = ask(&server, "ben@example.com");
        assert_eq!((answer.status, answer.code().as_str()), (503, "unavailable"), "and uses up no throttle");
        assert!(answer.header("retry-after").unwrap().parse::<u32>().unwrap() > 0);
    }
    server.signal("KILL");
}

#[test]
fn a_directory_that_is_away_costs_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let users = folder.path().join("users.json");
    let write = |text: &str| std::fs::write(&users, text).unwrap();
    write(r#"[{"id": "7", "email": "Ann@Example.com", "is_active": true}]"#);
    let server = Server::start(&[("directory.kind", "file"), ("directory.path", users.to_str().unwrap())]);
    let (envelope, code) = server.challenge("ann@example.com");
    for known_or_not in ["ben@example.com", "cyd@example.com"] {
        assert_eq!(ask(&server, known_or_not).json().as_object().unwrap().len(), 6, "the same answer for everyone");
    }

    let url = nowhere("http");
    let away = Server::start(&[("directory.kind", "http"), ("directory.url", &url), ("directory.secret", SECRET)]);
    for _ in 0..2 {
        let answer = ask(&away, "ann@example.com");
        assert_eq!((answer.status, answer.code().as_str()), (503, "unavailable"));
        assert!(answer.header("retry-after").is_some());
    }
    let login = server.post("exchange/email/", &json!({"email": "ann@example.com", "token": code, "challenge": envelope}));
    assert_eq!(login.status, 200);
}

#[test]
fn a_solved_puzzle_lifts_the_ceiling_once() {
    let server =
        Server::start(&[("passwordless.token_request_throttle_seconds", "0"), ("passwordless.max_messages_per_hour", "1")]);
    assert_eq!(ask(&server, "ann@example.com").status, 200);
    let refused = ask(&server, "ann@example.com");
    assert_eq!((refused.status, refused.code().as_str()), (429, "throttled"));
    let puzzle = refused.json()["puzzle"].clone();
    assert_eq!(puzzle["algorithm"], "SHA-256");
    let solution = solve(&puzzle);
    assert_eq!(ask(&server, "ben@example.com").status, 200);
    let elsewhere = server.post("request/email/", &json!({"email": "ben@example.com", "puzzle": solution}));
    assert_eq!(elsewhere.status, 429, "a puzzle is for one recipient");
    assert_eq!(server.post("request/email/", &json!({"email": "ann@example.com", "altcha": solution})).status, 200);
    assert_eq!(
        server.post("request/email/", &json!({"email": "ann@example.com", "puzzle": solution})).status,
        429,
        "it counts once"
    );
}

/// One network holds a tenth of the queue and no more, and nobody else is kept out. An app that names no client is many.
#[test]
fn one_network_holds_at_most_a_tenth_of_the_queue() {
    let hangs = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("smtp://{}", hangs.local_addr().unwrap());
    let settings = [
        ("email.transport", "smtp"),
        ("email.url", &*url),
        ("delivery.queue_length", "40"),
        ("delivery.timeout_seconds", "300"),
        ("server.trusted_proxies", "127.0.0.1"),
    ];
    let server = Server::start(&settings);
    let ask = |from: &str, number: u32| {
        let headers = [("x-forwarded-for", from)];
        let headers = if from.is_empty() { &headers[..0] } else { &headers };
        server.post_with("request/email/", headers, &json!({"email": format!("{from}.{number}@example.com").replace(':', "-")}))
    };
    for attacker in ["192.0.2.1", "2001:db8::1"] {
        for number in 0..4 {
            assert_eq!(ask(attacker, number).status, 200);
        }
        for number in 4..10 {
            let answer = ask(attacker, number);
            assert_eq!((answer.status, answer.code().as_str()), (429, "throttled"));
            assert!(answer.header("retry-after").is_some() && answer.json().get("puzzle").is_none(), "{answer:?}");
        }
    }
    assert_eq!(ask("192.0.2.2", 0).status, 200, "a neighbour");
    for number in 0..10 {
        assert_eq!(server.post("request/email/", &json!({"email": format!("{number}@example.com")})).status, 200, "an app");
    }
    server.signal("KILL");
}

/// More than half full, the queue takes only what a puzzle was solved for, and each solution once.
#[test]
fn a_solved_puzzle_opens_a_queue_that_is_half_full() {
    let hangs = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("smtp://{}", hangs.local_addr().unwrap());
    let settings = [
        ("email.transport", "smtp"),
        ("email.url", &*url),
        ("delivery.queue_length", "5"),
        ("delivery.timeout_seconds", "300"),
        ("passwordless.token_request_throttle_seconds", "0"),
    ];
    let server = Server::start(&settings);
    for _ in 0..3 {
        assert_eq!(ask(&server, "ann@example.com").status, 200);
    }
    let refused = ask(&server, "ben@example.com");
    assert_eq!((refused.status, refused.code().as_str()), (429, "throttled"), "{refused:?}");
    assert!(refused.header("retry-after").is_some());
    let solution = solve(&refused.json()["puzzle"]);
    let solved = || server.post("request/email/", &json!({"email": "ben@example.com", "puzzle": solution}));
    assert_eq!(solved().status, 200);
    assert_eq!(solved().status, 429, "it counts once");
    let again = solve(&ask(&server, "ben@example.com").json()["puzzle"]);
    assert_eq!(server.post("request/email/", &json!({"email": "ben@example.com", "puzzle": again})).status, 200);
    let full = ask(&server, "ben@example.com");
    assert_eq!((full.status, full.code().as_str()), (503, "unavailable"), "five are on their way");
    server.signal("KILL");
}

/// As ALTCHA's clients do it: the number whose SHA-256 behind the salt is the challenge.
fn solve(puzzle: &Value) -> String {
    let text = |name: &str| puzzle[name].as_str().unwrap();
    let most = puzzle["maxnumber"].as_u64().unwrap();
    let hash = |number: &u64| {
        let digest: [u8; 32] = Sha256::digest(format!("{}{number}", text("salt"))).into();
        let hex = |half: &[u8]| format!("{:032x}", u128::from_be_bytes(half.try_into().unwrap()));
        hex(&digest[..16]) + &hex(&digest[16..])
    };
    let number = (0..=most).find(|number| hash(number) == text("challenge")).expect("there is one");
    let solved = json!({
        "algorithm": "SHA-256", "challenge": text("challenge"), "number": number, "salt": text("salt"), "signature": text("signature")
    });
    STANDARD.encode(solved.to_string())
}
