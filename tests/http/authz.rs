//! What proxies ask, byte by byte: bodies that are announced and never sent, connections that stay, heads that are too large.

use serde_json::json;

use crate::harness::{Answer, Connection, Server};

const IDENTITY: [&str; 9] = [
    "x-auth-subject",
    "x-auth-issuer",
    "x-auth-expires",
    "x-auth-methods",
    "x-challenge-id",
    "x-challenge-guard",
    "x-challenge-expires",
    "x-auth-session",
    "x-auth-channel",
];

type Headers<'h> = &'h [(&'h str, &'h str)];

/// An access token of somebody who has logged in.
fn access(server: &Server) -> String {
    let (envelope, code) = server.challenge("ann@example.com");
    let body = json!({"email": "ann@example.com", "token": code, "challenge": envelope});
    server.post("exchange/email/", &body).json()["access"].as_str().unwrap().to_owned()
}

fn is_allowed(answer: &Answer) {
    assert_eq!((answer.status, answer.header("content-length"), answer.body.len()), (200, Some("0"), 0), "{answer:?}");
    for name in IDENTITY {
        assert!(answer.header(name).is_some(), "{name}: {answer:?}");
    }
}

#[test]
fn proxies_ask_over_connections_that_stay() {
    let server = Server::start(&[]);
    let token = format!("Bearer {}", access(&server));
    let (envelope, _) = server.challenge("bob@example.com");
    let questions: [(&str, &str, Headers<'_>); 6] = [
        ("GET", "/authz/nginx/token", &[("Authorization", &token), ("X-Original-URI", "/x")]),
        ("GET", "/authz/nginx/challenge/", &[("Countersign-Challenge", &envelope)]),
        ("GET", "/authz/forward/token", &[("Authorization", &token), ("X-Forwarded-Method", "POST"), ("X-Forwarded-Uri", "/x")]),
        ("GET", "/authz/forward/challenge", &[("Countersign-Challenge", &envelope), ("X-Forwarded-Method", "GET")]),
        ("DELETE", "/authz/envoy/token/a/b?c=d", &[("Authorization", &token)]),
        ("OPTIONS", "/authz/envoy/challenge/", &[("Countersign-Challenge", &envelope)]),
    ];
    let mut connection = server.connect();
    for _ in 0..3 {
        for (method, path, headers) in questions {
            is_allowed(&connection.request(method, path, headers, b""));
            let nobody = headers.iter().filter(|(name, _)| name.starts_with('X')).copied().collect::<Vec<_>>();
            let denied = connection.request(method, path, &nobody, b"");
            assert_eq!(denied.status, 401);
            assert_eq!(denied.header("connection"), None, "denials keep the connection, too");
        }
    }
    for path in ["/authz/nginx/token", "/authz/nginx/challenge"] {
        let denied = connection.request("GET", path, &[], b"");
        assert_eq!((denied.header("content-length"), denied.body.len()), (Some("0"), 0));
    }
    let metrics = String::from_utf8(server.get_admin("/metrics").body).unwrap();
    for line in [
        "countersign_http_requests_total{route=\"authz/token\",status=\"2xx\"} 9",
        "countersign_http_requests_total{route=\"authz/challenge\",status=\"2xx\"} 9",
        "countersign_refusals_total{code=\"challenge_not_valid\"} 10",
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
}

/// nginx hands on the client's Content-Length, and no body, unless it is told not to.
#[test]
fn a_body_that_is_announced_and_never_comes_is_not_waited_for() {
    let server = Server::start(&[("server.request_timeout_seconds", "60")]);
    let token = access(&server);
    for framing in [
        "Content-Length: 1000000000",
        "Content-Length: 5",
        "Transfer-Encoding: chunked",
        "Content-Length: 5\r\nExpect: 100-continue",
    ] {
        for (authorization, status) in [(&*token, 200), ("x", 401)] {
            let mut connection = Connection::to(&server.address);
            let head = format!(
                "POST /authz/nginx/token HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {authorization}\r\n{framing}\r\n\r\n"
            );
            connection.send(head.as_bytes());
            let answer = connection.receive("POST");
            assert_eq!((answer.status, answer.header("connection")), (status, Some("close")), "{framing}");
        }
    }
}

/// What the client calls its headers never becomes an answer, and two heads never become one.
#[test]
fn identity_headers_of_a_client_are_nobodys() {
    let server = Server::start(&[]);
    let token = format!("Bearer {}", access(&server));
    let mut headers = vec![("Authorization", &*token)];
    headers.extend(IDENTITY.map(|name| (name, "root")));
    headers.extend([("X_Auth_Subject", "root"), ("X-Auth-Subject", "root"), ("Connection", "x-auth-subject")]);
    let answer = server.connect().request("GET", "/authz/nginx/token", &headers, b"");
    is_allowed(&answer);
    assert!(!format!("{answer:?}").contains("root"), "{answer:?}");
    assert_eq!(answer.header("x-auth-subject"), Some("ann@example.com"));

    let smuggled = format!(
        "GET /authz/nginx/token HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nGET /authz/nginx/token HTTP/1.1\r\nHost: a\r\nAuthorization: {token}\r\n\r\n"
    );
    let mut connection = Connection::to(&server.address);
    connection.send(smuggled.as_bytes());
    assert_eq!(connection.receive("GET").status, 401);
    assert!(connection.is_closed(), "what stood behind the head is nobody's question");
}

/// The one thing that can't be helped: a head over the limit is refused before anybody knows where it was going.
#[test]
fn a_head_over_the_limit_is_431_and_one_below_it_is_answered() {
    let server = Server::start(&[]);
    let ask =
        |length: usize| server.connect().request("GET", "/authz/nginx/token", &[("Cookie", &"x".repeat(length))], b"").status;
    assert_eq!((ask(15_000), ask(17_000)), (401, 431));
}
