//! A home that is about to end costs nobody a code.

use std::{
    net::TcpStream,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use countersign::{fleet::Homes, recipient::Recipient};
use serde_json::json;

use super::{
    OWNER, STRANGER,
    directory::{Directory, Then, user},
    start_pair,
};
use crate::harness::{
    Server,
    fleet::{self, ISSUER, NODES},
    wait_for,
};

#[test]
fn a_home_that_is_draining_is_stood_in_for() {
    let directory = Directory::start(|call| {
        let is_slow = call["value"].as_str().unwrap().starts_with("slow");
        if is_slow { Then::Hang } else { Then::Answer(user(call)) }
    });
    let ([stranger, owner], email) = start_pair(&[&directory.settings()[..], &[("server.workers", "1")]].concat());
    let homes = Homes::new(ISSUER, [STRANGER, OWNER]);
    let at_owner = |email: &String| homes.makers(&Recipient::parse_email(email).unwrap())[0] == Some(OWNER);
    let slow = (0..1000).map(|n| format!("slow{n}@example.com")).find(at_owner).unwrap();
    let request = |email: &str| stranger.post("request/email/", &json!({"email": email}));
    thread::scope(|scope| {
        // Keeps the owner from its end for a while.
        let in_flight = scope.spawn(|| request(&slow));
        wait_for(|| directory.was_asked_for("slow").then_some(()));
        // The line that this one leaves open is used by the next.
        let answer = request(&email);
        assert!(answer.header("countersign-guard").unwrap().starts_with(OWNER), "{answer:?}");
        owner.signal("TERM");
        wait_for(|| TcpStream::connect(&owner.address).is_err().then_some(()));
        let answer = request(&email);
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(answer.header("countersign-guard").unwrap().starts_with(STRANGER), "{answer:?}");
        // It was told so, by the line that was open.
        wait_for(|| stranger.log().contains("it is about to end").then_some(()));
        assert_eq!(in_flight.join().unwrap().status, 503, "what was in flight was answered by the owner");
    });
    assert_eq!(owner.wait().0.code(), Some(0));
}

#[test]
fn requests_go_on_while_a_home_ends() {
    const REQUESTS: usize = 600;
    let port = fleet::free_port();
    let nodes = NODES.join(",");
    let settings = [("guard.nodes", nodes.as_str()), ("email.transport", "discard")];
    let mut servers = NODES.map(|node| Some(fleet::start_node_with(Server::start_quietly, node, port, &settings)));
    let ending = servers[1].take().unwrap();
    let (first, sent) = (servers[0].as_ref().unwrap(), AtomicUsize::new(0));
    thread::scope(|scope| {
        let clients: Vec<_> = (0..6)
            .map(|_| {
                scope.spawn(|| {
                    let mut connection = first.connect();
                    loop {
                        let n = sent.fetch_add(1, Ordering::Relaxed);
                        if n >= REQUESTS {
                            return;
                        }
                        let body = json!({"email": format!("person{n}@example.com")}).to_string();
                        let headers = [("content-type", "application/json")];
                        let answer = connection.request("POST", "/passwordless/request/email/", &headers, body.as_bytes());
                        assert_eq!(answer.status, 200, "{n}: {answer:?}");
                    }
                })
            })
            .collect();
        wait_for(|| (sent.load(Ordering::Relaxed) > REQUESTS / 4).then_some(()));
        ending.signal("TERM");
        for client in clients {
            client.join().unwrap();
        }
    });
    assert_eq!(ending.wait().0.code(), Some(0));
}
