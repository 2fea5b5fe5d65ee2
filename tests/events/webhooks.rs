//! Webhooks to a receiver: signed, once each while it takes them, and again until it does.

use std::{
    collections::BTreeSet,
    net::TcpListener,
    sync::{Arc, atomic::AtomicBool, atomic::Ordering},
    thread,
};

use serde_json::json;

use super::{
    log_in, of_challenge,
    receiver::{Receiver, SECRET},
    told_of,
};
use crate::harness::{
    Server,
    fleet::{NODES, free_port, start_node},
    wait_for,
};

#[test]
fn every_event_of_a_login_is_posted_once_and_signed() {
    let receiver = Receiver::start(|_| 204);
    let server = Server::start(&receiver.settings());
    let id = log_in(&server, "ann@example.com");
    wait_for(|| (receiver.calls().len() >= 4).then_some(()));
    assert_eq!(of_challenge(&receiver.events(), &id), told_of("ann@example.com"));
    let calls = receiver.calls();
    assert!(calls.len() == 4 && calls.iter().all(|call| call.status == 204), "{calls:?}");
    let failed = calls.iter().find(|call| call.event["type"] == "login.failed").unwrap();
    let data = &failed.event["data"];
    assert_eq!(
        (&data["client_network"], &data["user_agent"], &data["channel"]),
        (&json!("127.0.0.1"), &json!("check/1"), &json!("email"))
    );
    assert!(failed.event["timestamp"].as_str().unwrap().ends_with("+00:00"), "{failed:?}");
    let page = String::from_utf8(server.get_admin("/metrics").body).unwrap();
    assert!(page.contains("countersign_events_total{sink=\"webhook\",outcome=\"sent\"} 4"), "{page}");
}

#[test]
fn what_is_refused_is_sent_again_under_its_name() {
    let receiver = Receiver::start(|call| if call < 2 { 500 } else { 200 });
    let server = Server::start(&receiver.settings());
    assert_eq!(server.post("request/email/", &json!({"email": "ann@example.com"})).status, 200);
    wait_for(|| (receiver.events().len() == 2).then_some(()));
    let ids: BTreeSet<_> = receiver.calls().into_iter().map(|call| call.id).collect();
    assert_eq!((ids.len(), receiver.calls().len()), (2, 4), "{:?}", receiver.calls());
}

/// The receiver goes away under load and comes back: each event arrives at least once, or is counted as lost.
#[test]
fn nothing_is_lost_unseen_while_the_receiver_is_away() {
    let receiver = Receiver::start(|_| 200);
    let port = receiver.port();
    let many = [
        ("email.transport", "discard"),
        ("passwordless.token_request_throttle_seconds", "0"),
        ("passwordless.max_messages_per_hour", "0"),
    ];
    let server = Server::start_quietly(&[&receiver.settings()[..], &many].concat());
    let is_over = Arc::new(AtomicBool::new(false));
    let mut receiver = Some(receiver);
    let asked = thread::scope(|scope| {
        let askers: Vec<_> = (0..4)
            .map(|asker| {
                let (server, is_over) = (&server, Arc::clone(&is_over));
                scope.spawn(move || {
                    let mut connection = server.connect();
                    let mut asked = 0;
                    while !is_over.load(Ordering::Relaxed) {
                        let body = json!({"email": format!("{asker}.{asked}@example.com")}).to_string();
                        let headers = [("content-type", "application/json")];
                        let path = "/passwordless/request/email/";
                        let status = connection.request("POST", path, &headers, body.as_bytes()).status;
                        assert_eq!(status, 200, "an event never fails a request");
                        asked += 1;
                    }
                    asked
                })
            })
            .collect();
        let began = receiver.take().unwrap();
        wait_for(|| (began.calls().len() > 100).then_some(()));
        let calls = began.end();
        let log = || server.log().matches("the receiver of events took none of it").count();
        wait_for(|| (log() > 0).then_some(()));
        receiver = Some(Receiver::at(port, calls, |_| 200));
        let before = receiver.as_ref().unwrap().calls().len();
        wait_for(|| (receiver.as_ref().unwrap().calls().len() > before + 100).then_some(()));
        is_over.store(true, Ordering::Relaxed);
        askers.into_iter().map(|asker| asker.join().unwrap()).sum::<usize>()
    });
    let receiver = receiver.unwrap();
    let lost = || {
        let page = String::from_utf8(server.get_admin("/metrics").body).unwrap();
        let line =
            page.lines().find_map(|line| line.strip_prefix("countersign_events_total{sink=\"webhook\",outcome=\"lost\"} "));
        line.unwrap().parse::<usize>().unwrap()
    };
    wait_for(|| (receiver.taken().len() + lost() == asked).then_some(()));
    assert!(receiver.taken().values().all(|(_, times)| *times <= 2), "again only where the answer was lost");
}

#[test]
fn the_end_of_the_process_waits_for_events() {
    let receiver = Receiver::start(|call| if call == 0 { 503 } else { 200 });
    let server = Server::start(&receiver.settings());
    assert_eq!(server.post("request/email/", &json!({"email": "ann@example.com"})).status, 200);
    wait_for(|| (!receiver.calls().is_empty()).then_some(()));
    server.signal("TERM");
    let (status, log) = server.wait();
    assert!(status.success(), "{log}");
    assert_eq!(receiver.taken().len(), 2, "the one that was put off, too");
    assert!(!log.contains("events are lost"), "{log}");
}

#[test]
fn a_receiver_that_is_away_is_no_reason_not_to_end() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{gone}/");
    let server = Server::start(&[("events.url", &url), ("events.secret", SECRET), ("server.workers", "1")]);
    log_in(&server, "ann@example.com");
    server.signal("TERM");
    let (status, log) = server.wait();
    assert!(status.success(), "{log}");
    assert!(log.contains("events are lost: the process ends") && log.contains("lost=4"), "{log}");
}

#[test]
fn what_nodes_relay_is_told_once_by_who_decided() {
    let (port, receiver) = (free_port(), Receiver::start(|_| 200));
    let nodes = NODES.join(",");
    let settings = [&receiver.settings()[..], &[("guard.nodes", &*nodes)]].concat();
    let fleet = NODES.map(|node| start_node(node, port, &settings));
    let asked = fleet[0].post_with(
        "request/email/",
        &[("user-agent", "phone/7"), ("x-forwarded-for", "192.0.2.9")],
        &json!({"email": "ann@example.com"}),
    );
    let envelope = asked.json()["challenge"].as_str().unwrap().to_owned();
    for node in &fleet {
        let body = json!({"email": "ann@example.com", "token": "000000000", "challenge": envelope});
        assert_eq!(
            node.post_with("exchange/email/", &[("user-agent", "phone/7"), ("x-forwarded-for", "192.0.2.9")], &body).status,
            400
        );
    }
    wait_for(|| (receiver.calls().len() >= 5).then_some(()));
    for node in fleet {
        node.signal("TERM");
        node.wait();
    }
    let calls = receiver.calls();
    let kinds: Vec<_> = calls.iter().map(|call| call.event["type"].as_str().unwrap()).collect();
    let count = |kind: &str| kinds.iter().filter(|told| **told == kind).count();
    assert_eq!((count("challenge.requested"), count("delivery.succeeded"), count("login.failed")), (1, 1, 3), "{kinds:?}");
    for call in calls.iter().filter(|call| call.event["type"] != "delivery.succeeded") {
        let data = &call.event["data"];
        assert_eq!((&data["user_agent"], &data["client_network"]), (&json!("phone/7"), &json!("192.0.2.9")), "{data}");
    }
}
