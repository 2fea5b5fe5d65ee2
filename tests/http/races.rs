//! Parallel requests whose last bytes arrive together.

use std::{
    sync::{Arc, Barrier},
    thread,
};

use serde_json::json;

use crate::harness::{Server, head};

/// Sends the same request on `count` connections, all but the last byte first; returns the statuses and codes.
fn together(server: &Server, count: usize, body: &str) -> Vec<(u16, String)> {
    let barrier = Arc::new(Barrier::new(count));
    let request = [
        &head("POST", "/passwordless/exchange/email/", &[("content-type", "application/json")], body.len())[..],
        body.as_bytes(),
    ]
    .concat();
    let threads: Vec<_> = (0..count)
        .map(|_| {
            let (barrier, request, mut connection) = (Arc::clone(&barrier), request.clone(), server.connect());
            thread::spawn(move || {
                let (last, rest) = request.split_last().unwrap();
                connection.send(rest);
                barrier.wait();
                connection.send(&[*last]);
                let answer = connection.receive("POST");
                (answer.status, if answer.status == 200 { String::new() } else { answer.code() })
            })
        })
        .collect();
    threads.into_iter().map(|thread| thread.join().unwrap()).collect()
}

#[test]
fn sixty_four_redemptions_of_one_code() {
    for uses in [1, 3] {
        let server = Server::start(&[("passwordless.max_token_uses", &uses.to_string()), ("server.workers", "4")]);
        let (envelope, code) = server.challenge("ann@example.com");
        let body = json!({"email": "ann@example.com", "token": code, "challenge": envelope}).to_string();
        let answers = together(&server, 64, &body);
        assert_eq!(answers.iter().filter(|(status, _)| *status == 200).count(), uses, "{answers:?}");
        assert!(answers.iter().all(|(status, code)| *status == 200 || code == "challenge_spent"), "{answers:?}");
    }
}

#[test]
fn more_wrong_guesses_than_allowed() {
    let server = Server::start(&[("server.workers", "4")]);
    let (envelope, code) = server.challenge("ann@example.com");
    let wrong = if code == "000000" { "000001" } else { "000000" };
    let body = json!({"email": "ann@example.com", "token": wrong, "challenge": envelope}).to_string();
    let answers = together(&server, 32, &body);
    assert_eq!(answers.iter().filter(|(_, code)| code == "invalid_credentials").count(), 5, "{answers:?}");
    assert_eq!(answers.iter().filter(|(_, code)| code == "attempts_exhausted").count(), 27, "{answers:?}");
    let right = server.post("exchange/email/", &json!({"email": "ann@example.com", "token": code, "challenge": envelope}));
    assert_eq!(right.code(), "attempts_exhausted");
}
