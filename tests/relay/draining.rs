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
    messages::Messages,
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
fn a_home_that_still_takes_connections_redeems_what_it_made_and_its_stand_in_makes_what_is_new() {
    let ([mut stand_in, home], email) =
        start_pair(&[("server.drain_seconds", "60"), ("passwordless.token_request_throttle_seconds", "0")]);
    let request = |node: &Server| {
        let answer = node.post("request/email/", &json!({ "email": email }));
        assert_eq!(answer.status, 200, "{answer:?}");
        let maker = answer.header("countersign-guard").unwrap().rsplit_once('.').unwrap().0.to_owned();
        (maker, answer.json()["challenge"].as_str().unwrap().to_owned())
    };
    let redeem = |node: &Server, envelope: &str| {
        let right = Messages::of(ISSUER).read(&email, envelope).right(false);
        node.post("exchange/email/", &right).status
    };
    let (maker, before) = request(&stand_in);
    assert_eq!(maker, OWNER);
    home.signal("TERM");
    wait_for(|| (home.get_admin("/readyz").status == 503).then_some(()));
    // Whoever is asked: what is made now can be redeemed when the home has ended.
    for node in [&stand_in, &home] {
        let (maker, envelope) = request(node);
        assert_eq!(maker, STRANGER);
        assert_eq!(redeem(node, &envelope), 200);
    }
    assert_eq!(redeem(&stand_in, &before), 200, "it redeems what it made");
    let (_, meanwhile) = request(&home);
    // Where nobody else can be reached, a code that works for a while is better than none.
    stand_in.kill();
    wait_for(|| {
        let answer = home.post("request/email/", &json!({ "email": email }));
        let guard = answer.header("countersign-guard")?;
        (answer.status == 200 && guard.starts_with(OWNER)).then_some(())
    });
    assert_eq!(redeem(&home, &meanwhile), 503, "its maker is gone");
    home.signal("TERM");
    assert_eq!(home.wait().0.code(), Some(0));
}

/// A third node, for which the home is about to end and the stand-in is gone.
#[test]
fn where_its_stand_in_is_away_a_home_that_is_about_to_end_is_asked_again() {
    let port = fleet::free_port();
    let [asked, home, stand_in] = NODES;
    let nodes = NODES.join(",");
    let settings = [("guard.nodes", nodes.as_str()), ("server.drain_seconds", "60")];
    // The stand-in was never there.
    let [asked, leaving] = [asked, home].map(|node| fleet::start_node(node, port, &settings));
    let homes = Homes::new(ISSUER, NODES);
    let is_theirs = |email: &String| homes.makers(&Recipient::parse_email(email).unwrap()) == [Some(home), Some(stand_in)];
    let email = (0..1000).map(|n| format!("person{n}@example.com")).find(is_theirs).unwrap();
    leaving.signal("TERM");
    wait_for(|| (leaving.get_admin("/readyz").status == 503).then_some(()));
    let answer = asked.post("request/email/", &json!({ "email": email }));
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.header("countersign-guard").unwrap().starts_with(home), "{answer:?}");
    leaving.signal("TERM");
    assert_eq!(leaving.wait().0.code(), Some(0));
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
