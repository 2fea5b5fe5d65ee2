//! The end: what is in flight is answered, the queue is delivered, new requests are refused.

use std::{
    io::{Read, Write},
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use serde_json::json;

use crate::harness::{Connection, Server, head, wait_for};

#[test]
fn an_idle_server_ends_at_once_and_cleanly() {
    for signal in ["TERM", "INT"] {
        let server = Server::start(&[]);
        let mut idle = server.connect();
        assert_eq!(idle.request("GET", "/nothing", &[], b"").status, 404);
        server.signal(signal);
        let (status, log) = server.wait();
        assert_eq!(status.code(), Some(0), "{log}");
        assert!(idle.is_closed());
    }
}

#[test]
fn what_is_in_flight_is_answered_and_new_requests_are_refused() {
    // A directory that takes its time keeps one request in flight.
    let directory = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", directory.local_addr().unwrap());
    let secret = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let settings = [("directory.kind", "http"), ("directory.url", &url), ("directory.secret", secret)];
    let server = Server::start(&settings);
    let (mut open, mut waiting, mut admin) = (server.connect(), server.connect(), Connection::to(&server.admin));
    assert_eq!(open.request("GET", "/nothing", &[], b"").status, 404);
    assert_eq!(admin.request("GET", "/readyz", &[], b"").status, 200);
    let body = json!({"email": "ann@example.com"}).to_string();
    waiting.send(
        &[
            &head("POST", "/passwordless/request/email/", &[("content-type", "application/json")], body.len())[..],
            body.as_bytes(),
        ]
        .concat(),
    );
    let (mut lookup, _) = directory.accept().unwrap();
    server.signal("TERM");
    wait_for(|| (admin.request("GET", "/readyz", &[], b"").status == 503).then_some(()));
    assert_eq!(admin.request("GET", "/healthz", &[], b"").status, 200);
    let refused = open.request("POST", "/passwordless/request/email/", &[], b"{}");
    assert_eq!((refused.status, refused.code().as_str()), (503, "unavailable"));
    assert!(refused.header("retry-after").is_some());
    // A successor may bind both.
    for address in [&server.address, &server.admin] {
        wait_for(|| TcpListener::bind(address).ok());
    }

    let mut seen = [0; 4096];
    assert!(lookup.read(&mut seen).unwrap() > 0);
    lookup.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 13\r\n\r\n{\"user\":null}").unwrap();
    assert_eq!(waiting.receive("POST").status, 200);
    assert_eq!(server.wait().0.code(), Some(0));
}

/// Whoever has connected and sent a request when the end comes gets an answer: tokens, or a clear refusal.
#[test]
fn nobody_who_has_asked_is_cut_off() {
    for _ in 0..10 {
        let server = Server::start(&[("passwordless.token_request_throttle_seconds", "0")]);
        let request = head("POST", "/passwordless/resend/", &[], 0);
        let mut clients: Vec<_> = (0..40).map(|_| server.connect()).collect();
        for client in &mut clients {
            client.send(&request);
        }
        server.signal("TERM");
        for mut client in clients {
            let answer = client.receive("POST");
            assert!(matches!(answer.status, 400 | 503), "{answer:?}");
        }
        assert_eq!(server.wait().0.code(), Some(0));
    }
}

#[test]
fn the_queue_is_delivered() {
    let server = Server::start(&[("passwordless.token_request_throttle_seconds", "0")]);
    let mut connection = server.connect();
    for at in 0..50 {
        let body = json!({"email": format!("{at}@example.com")}).to_string();
        let answer =
            connection.request("POST", "/passwordless/request/email/", &[("content-type", "application/json")], body.as_bytes());
        assert_eq!(answer.status, 200);
    }
    server.signal("TERM");
    let mail = server.folder().join("mail");
    let ended = thread::spawn(move || {
        let mails = wait_for(|| {
            let mails = std::fs::read_dir(&mail).map_or(0, |entries| {
                entries.filter(|e| e.as_ref().is_ok_and(|e| e.path().extension().is_some_and(|x| x == "eml"))).count()
            });
            (mails == 50).then_some(mails)
        });
        thread::sleep(Duration::from_millis(1));
        mails
    });
    assert_eq!(ended.join().unwrap(), 50);
    assert_eq!(server.wait().0.code(), Some(0));
}

#[test]
fn connections_are_taken_while_a_load_balancer_notices() {
    let server = Server::start(&[("server.drain_seconds", "3600")]);
    assert_eq!(server.get_admin("/readyz").status, 200);
    server.signal("TERM");
    wait_for(|| (server.get_admin("/readyz").status == 503).then_some(()));
    for email in ["ann@example.com", "ben@example.com"] {
        assert_eq!(server.post("request/email/", &json!({ "email": email })).status, 200);
    }
    assert!(server.log().contains("connections are still taken"), "{}", server.log());
    server.signal("HUP");
    assert_eq!((server.get_admin("/readyz").status, server.get_admin("/healthz").status), (503, 200));
    // Whoever can't wait asks again.
    server.signal("TERM");
    let (status, log) = server.wait();
    assert_eq!(status.code(), Some(0), "{log}");
}

#[test]
fn who_never_reads_is_dropped() {
    let server = Server::start(&[]);
    let mut deaf = server.connect();
    let sent = Arc::new(AtomicU64::new(0));
    // As many answers as no socket holds; sending stops when the server does.
    let asking = thread::spawn({
        let sent = Arc::clone(&sent);
        move || {
            let request = head("GET", "/openapi.json", &[], 0);
            while deaf.try_send(&request).is_ok() {
                sent.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    let (mut before, mut unchanged) = ((0, 0), 0);
    // It is stuck when more was sent than is answered, and neither goes on for a while.
    wait_for(|| {
        thread::sleep(Duration::from_millis(100));
        let metrics = String::from_utf8(server.get_admin("/metrics").body).unwrap();
        let line = metrics.lines().find(|line| line.contains("route=\"document\"") && line.contains("2xx"))?;
        let now = (sent.load(Ordering::Relaxed), line.rsplit(' ').next().unwrap().parse().unwrap());
        unchanged = if now == before && now.0 > now.1 { unchanged + 1 } else { 0 };
        before = now;
        (unchanged >= 10).then_some(())
    });
    server.signal("TERM");
    let (status, log) = server.wait();
    asking.join().unwrap();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(log.contains("requests are dropped whose answers were not ready, or read by nobody"), "{log}");
}
