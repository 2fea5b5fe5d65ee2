//! What is relayed is refused in time, by the node that did what has to be taken back.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    sync::mpsc,
    thread,
};

use serde_json::json;

use super::{
    OWNER,
    directory::{Directory, Then, user},
    start_pair,
};
use crate::harness::{PATIENCE, code_in};

#[test]
fn a_lookup_that_takes_too_long_for_a_relay_uses_up_no_throttle() {
    let mut calls = 0;
    let directory = Directory::start(move |call| {
        calls += 1;
        if calls == 1 { Then::AnswerLate(user(call)) } else { Then::Answer(user(call)) }
    });
    let ([stranger, owner], email) = start_pair(&directory.settings());
    let request = || stranger.post("request/email/", &json!({"email": email}));
    let refused = request();
    assert_eq!((refused.status, refused.code()), (503, "unavailable".into()));
    assert!(refused.header("retry-after").is_some());
    let again = request();
    assert_eq!(again.status, 200, "the throttle was given back: {again:?}");
    owner.wait_for_mail(&email, 0);
    assert_eq!(owner.mails_to(&email).len(), 1, "the first one left no message");
    assert_eq!(request().status, 429, "there is a throttle");
}

#[test]
fn a_registration_that_takes_too_long_for_a_relay_spends_no_code() {
    let mut registrations = 0;
    let directory = Directory::start(move |call| {
        registrations += i32::from(call["action"] == "register");
        match (call["action"].as_str(), registrations) {
            (Some("lookup"), _) => Then::Answer(json!({"user": null}).to_string()),
            (_, 1) => Then::Hang,
            _ => Then::Answer(user(call)),
        }
    });
    let ([stranger, owner], email) = start_pair(&directory.settings());
    let answer = stranger.post("request/email/", &json!({"email": email}));
    let code = code_in(&owner.wait_for_mail(&email, 0));
    let body = json!({"email": email, "token": code, "challenge": answer.json()["challenge"]});
    let refused = stranger.post("exchange/email/", &body);
    assert_eq!((refused.status, refused.code()), (503, "unavailable".into()));
    let signed_in = stranger.post("exchange/email/", &body);
    assert_eq!(signed_in.status, 200, "{signed_in:?}");
    assert_eq!(stranger.post("exchange/email/", &body).code(), "challenge_spent");
}

/// A mail server that says nothing to its first client, until that one gives up, and takes what the others bring.
fn start_mail_server() -> (String, mpsc::Receiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("smtp://{}", listener.local_addr().unwrap());
    let (tell, given_up) = mpsc::channel();
    thread::spawn(move || {
        let mut clients = listener.incoming().map_while(Result::ok);
        let mut first = clients.next().unwrap();
        thread::spawn(move || {
            first.set_read_timeout(Some(PATIENCE)).unwrap();
            if matches!(first.read(&mut [0; 1]), Ok(0)) {
                // The test may have ended.
                let _ = tell.send(());
            }
        });
        for mut client in clients {
            client.write_all(b"220 here\r\n").unwrap();
            let mut is_data = false;
            for line in BufReader::new(client.try_clone().unwrap()).lines().map_while(Result::ok) {
                let answer = match (is_data, &*line) {
                    (true, ".") => "250 taken\r\n",
                    (true, _) => "",
                    (false, "DATA") => "354 go on\r\n",
                    (false, _) => "250 fine\r\n",
                };
                is_data = line == "DATA" || is_data && line != ".";
                client.write_all(answer.as_bytes()).unwrap();
            }
        }
    });
    (url, given_up)
}

#[test]
fn a_delivery_that_takes_too_long_for_a_relay_is_given_up_and_uses_up_no_throttle() {
    let (url, given_up) = start_mail_server();
    let settings = [("email.transport", "smtp"), ("email.url", url.as_str()), ("delivery.mode", "inline")];
    let ([stranger, _owner], email) = start_pair(&settings);
    let request = || stranger.post("request/email/", &json!({"email": email}));
    let refused = request();
    assert_eq!((refused.status, refused.code()), (502, "delivery_failed".into()));
    given_up.recv_timeout(PATIENCE).expect("nobody would hold the envelope of that message");
    let again = request();
    assert_eq!(again.status, 200, "the throttle was given back: {again:?}");
    assert_eq!(request().status, 429, "there is a throttle");
}

/// Whoever holds an envelope of a node that is away can ask as often as they like.
#[test]
fn a_node_that_is_away_fills_nobodys_log() {
    let directory = Directory::start(|call| Then::Answer(user(call)));
    let ([stranger, mut owner], email) = start_pair(&directory.settings());
    let answer = stranger.post("request/email/", &json!({ "email": email }));
    assert!(answer.header("countersign-guard").unwrap().starts_with(OWNER), "{answer:?}");
    owner.kill();
    let body = json!({"email": email, "token": "123456", "challenge": answer.json()["challenge"]});
    for _ in 0..100 {
        assert_eq!(stranger.post("exchange/email/", &body).status, 503);
    }
    let log = stranger.log();
    let lines = log.lines().filter(|line| line.contains("the owner of a challenge doesn't answer")).count();
    // Ten a minute; the minute may end meanwhile.
    assert!((1..=20).contains(&lines), "{lines} lines");
}
