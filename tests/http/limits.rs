//! Limits of size and time, and answers where hyper would give none.

use std::{thread, time::Duration};

use serde_json::json;

use crate::harness::{Answer, Connection, Server, head};

const PATH: &str = "/passwordless/request/email/";

fn is_problem(answer: &Answer, status: u16, code: &str) -> bool {
    (answer.status, answer.code().as_str()) == (status, code)
        && answer.header("content-type") == Some("application/problem+json")
        && answer.header("cache-control") == Some("no-store")
}

fn body(bytes: usize) -> Vec<u8> {
    let mut body = br#"{"email": "ann@example.com", "x": ""#.to_vec();
    body.resize(bytes - 2, b'x');
    body.extend_from_slice(b"\"}");
    body
}

#[test]
fn the_longest_body_and_one_byte_more() {
    let server = Server::start(&[]);
    let post = |bytes| server.connect().request("POST", PATH, &[("content-type", "application/json")], &body(bytes));
    assert_eq!(post(16_384).status, 200);
    assert!(is_problem(&post(16_385), 413, "content_too_large"));
    let small = Server::start(&[("server.max_body_bytes", "100")]);
    let answer = small.connect().request("POST", PATH, &[("content-type", "application/json")], &body(101));
    assert!(is_problem(&answer, 413, "content_too_large"));
}

#[test]
fn a_body_of_ten_megabytes_is_refused_and_the_answer_arrives() {
    let server = Server::start(&[]);
    let answer = server.connect().request("POST", PATH, &[("content-type", "application/json")], &body(10_000_000));
    assert!(is_problem(&answer, 413, "content_too_large"), "{answer:?}");
}

#[test]
fn chunks_are_counted() {
    let server = Server::start(&[]);
    let mut connection = server.connect();
    connection.send(format!("POST {PATH} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n").as_bytes());
    let chunk = [b"1000\r\n".as_slice(), &[b'x'; 4096], b"\r\n"].concat();
    for _ in 0..5 {
        connection.send(&chunk);
    }
    assert!(is_problem(&connection.receive("POST"), 413, "content_too_large"));

    let mut connection = server.connect();
    let email = r#"{"email": "ann@example.com"}"#;
    connection.send(format!("POST {PATH} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n").as_bytes());
    connection.send(format!("5\r\n{}\r\n{:x}\r\n{}\r\n0\r\n\r\n", &email[..5], email.len() - 5, &email[5..]).as_bytes());
    assert_eq!(connection.receive("POST").status, 200);

    let mut connection = server.connect();
    connection.send(format!("POST {PATH} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nnonsense\r\n").as_bytes());
    assert!(is_problem(&connection.receive("POST"), 400, "parse_error"));
}

#[test]
fn the_longest_head_and_more() {
    let server = Server::start(&[]);
    let with = |bytes: usize| {
        let empty = head("GET", "/", &[("x", "")], 0).len();
        let filler = "x".repeat(bytes - empty);
        server.connect().request("GET", "/", &[("x", &filler)], b"")
    };
    assert_eq!(with(16_384).status, 200);
    assert!(is_problem(&with(16_385), 431, "head_too_large"));
    assert!(is_problem(&with(200_000), 431, "head_too_large"));
    let path = format!("/{}", "x".repeat(100_000));
    assert!(is_problem(&server.get(&path), 431, "head_too_large"));

    let small = Server::start(&[("server.max_head_bytes", "1024")]);
    let filler = "x".repeat(1024);
    assert!(is_problem(&small.connect().request("GET", "/", &[("x", &filler)], b""), 431, "head_too_large"));
    let large = Server::start(&[("server.max_head_bytes", "65536")]);
    let filler = "x".repeat(60_000);
    assert_eq!(large.connect().request("GET", "/", &[("x", &filler)], b"").status, 200);
}

#[test]
fn a_hundred_headers_and_one_more() {
    let server = Server::start(&[]);
    // With host.
    for (count, is_taken) in [(99, true), (100, false)] {
        let names: Vec<_> = (0..count).map(|number| format!("x{number}")).collect();
        let headers: Vec<_> = names.iter().map(|name| (name.as_str(), "1")).collect();
        let answer = server.connect().request("GET", "/.well-known/jwks.json", &headers, b"");
        assert!(if is_taken { answer.status == 200 } else { is_problem(&answer, 431, "head_too_large") }, "{count}: {answer:?}");
    }
}

#[test]
fn ten_thousand_headers() {
    for settings in [&[][..], &[("server.max_head_bytes", "1000000")]] {
        let server = Server::start(settings);
        let names: Vec<_> = (0..10_000).map(|at| format!("x-{at}")).collect();
        let headers: Vec<_> = names.iter().map(|name| (name.as_str(), "1")).collect();
        let answer = server.connect().request("POST", PATH, &headers, b"");
        assert!(is_problem(&answer, 431, "head_too_large"), "{answer:?}");
        assert_eq!(server.get("/").status, 200);
    }
}

#[test]
fn heads_that_are_none() {
    let server = Server::start(&[]);
    let heads = [
        "nonsense\r\n\r\n",
        "GET / HTTP/1.1\r\nno colon\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "POST /passwordless/exchange/ HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        "POST /passwordless/exchange/ HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
        "POST /passwordless/exchange/ HTTP/1.1\r\nhost: x\r\nx: \0\r\n\r\n",
        "\x16\x03\x01\x02\0\x01\0\x01\u{fc}\x03\x03\r\n\r\n",
    ];
    for head in heads {
        let mut connection = server.connect();
        connection.send(head.as_bytes());
        let answer = connection.receive("GET");
        assert!(is_problem(&answer, 400, "parse_error"), "{head:?}: {answer:?}");
        assert_eq!(answer.header("connection"), Some("close"));
        assert!(connection.is_closed());
    }
}

#[test]
fn slow_requests() {
    let server = Server::start(&[("server.request_timeout_seconds", "1")]);
    let begin = |bytes: &[u8]| {
        let mut connection = server.connect();
        connection.send(bytes);
        connection
    };
    let slow: Vec<(&str, Connection)> = vec![
        ("a head without end", begin(b"POST /passwordless/request/email/ HTTP/1.1\r\nhost: x\r\n")),
        ("one byte", begin(b"P")),
        ("a body that doesn't come", begin(&head("POST", PATH, &[], 100))),
        ("half a body", begin(&[&head("POST", PATH, &[], 100)[..], b"{\"email\":"].concat())),
        (
            "a chunk without end",
            begin(format!("POST {PATH} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n64\r\n{{").as_bytes()),
        ),
    ];
    let threads: Vec<_> = slow
        .into_iter()
        .map(|(what, mut connection)| {
            thread::spawn(move || {
                let answer = connection.receive("POST");
                assert!(is_problem(&answer, 408, "request_timeout"), "{what}: {answer:?}");
                assert!(connection.is_closed(), "{what}");
            })
        })
        .collect();
    // Drop by drop doesn't help: the time is for the whole request.
    let mut connection = server.connect();
    let drops = thread::spawn(move || {
        for byte in b"POST /passwordless/request/email/ HTTP/1.1\r\nhost: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" {
            if connection.try_send(&[*byte]).is_err() {
                break;
            }
            thread::sleep(Duration::from_millis(50));
        }
        connection.try_receive("POST").map(|answer| answer.status)
    });
    for thread in threads {
        thread.join().unwrap();
    }
    let status = drops.join().unwrap();
    assert!(matches!(status, Ok(408) | Err(_)), "{status:?}");
}

#[test]
fn connections_stay_open_for_more_requests_and_not_for_ever() {
    let server = Server::start(&[("server.idle_timeout_seconds", "1")]);
    let mut connection = server.connect();
    for email in ["a@example.com", "b@example.com", "c@example.com"] {
        let body = json!({"email": email}).to_string();
        let answer = connection.request("POST", PATH, &[("content-type", "application/json")], body.as_bytes());
        assert_eq!(answer.status, 200);
    }
    assert_eq!(connection.request("GET", "/nothing", &[], b"").status, 404);
    assert!(connection.is_closed(), "without another word");
}

#[test]
fn requests_in_one_piece_are_answered_in_order() {
    let server = Server::start(&[]);
    let mut connection = server.connect();
    let mut bytes = Vec::new();
    for path in ["/", "/nothing", "/.well-known/jwks.json"] {
        bytes.extend_from_slice(&head("GET", path, &[], 0));
    }
    bytes.extend_from_slice(b"nonsense\r\n\r\n");
    connection.send(&bytes);
    let statuses: Vec<_> = (0..4).map(|_| connection.receive("GET").status).collect();
    assert_eq!(statuses, [200, 404, 200, 400]);
    assert!(connection.is_closed());
}

#[test]
fn a_client_that_waits_for_permission_gets_it_or_the_refusal() {
    let server = Server::start(&[]);
    let body = json!({"email": "ann@example.com"}).to_string();
    let mut connection = server.connect();
    connection.send(&head("POST", PATH, &[("expect", "100-continue"), ("content-type", "application/json")], body.len()));
    assert_eq!(connection.receive("POST").status, 100);
    connection.send(body.as_bytes());
    assert_eq!(connection.receive("POST").status, 200);
    let mut connection = server.connect();
    connection.send(&head("POST", PATH, &[("expect", "100-continue")], 1_000_000));
    assert!(is_problem(&connection.receive("POST"), 413, "content_too_large"));
}

/// What is refused by its head alone is read all the same, or the client is told that the connection ends: one that
/// sends its next request into a closing connection never learns what became of it.
#[test]
fn a_refused_request_ends_its_connection_only_if_the_answer_says_so() {
    let server = Server::start(&[]);
    let mut connection = server.connect();
    for path in ["/nothing", "/passwordless/nothing", "/passwordless/request/mobile/", "/passwordless/external/webhook/"] {
        let body = b"{\"a\": 1}";
        // In two pieces, as many clients do it.
        connection.send(&head("POST", path, &[("content-type", "application/json")], body.len()));
        connection.send(body);
        let answer = connection.receive("POST");
        assert_eq!(answer.status, 404, "{path}: {answer:?}");
        if answer.header("connection").is_some() {
            // The pieces came too far apart, on a busy machine.
            assert!(connection.is_closed());
            connection = server.connect();
        }
    }
    assert_eq!(connection.request("GET", "/", &[], b"").status, 200, "it goes on");

    for (method, path, headers, length) in [
        ("POST", PATH, &[][..], 1_000_000),
        ("POST", "/nothing", &[], 1_000_000),
        ("POST", "/nothing", &[("expect", "100-continue")], 8),
        ("POST", "/nothing", &[], 8),
        // Proxies announce bodies that they don't send.
        ("GET", "/", &[], 8),
    ] {
        let mut connection = server.connect();
        connection.send(&head(method, path, headers, length));
        let answer = connection.receive(method);
        assert!(matches!(answer.status, 200 | 404 | 413), "{answer:?}");
        assert_eq!(answer.header("connection"), Some("close"), "{method} {path}: {answer:?}");
        assert!(connection.is_closed());
    }
}

#[test]
fn a_client_that_closes_its_side_is_still_answered() {
    let server = Server::start(&[]);
    let mut stream = std::net::TcpStream::connect(&server.address).unwrap();
    std::io::Write::write_all(&mut stream, &head("GET", "/nothing", &[], 0)).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    std::io::Read::read_to_string(&mut stream, &mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
}
