//! Requests that two servers in a row could read differently.

use crate::harness::{Connection, Server};

const BODY: &str = "{\"email\":\"ann@example.com\"}";

#[test]
fn a_request_has_one_host_and_no_transfer_coding_but_chunked() {
    let server = Server::start(&[]);
    let chunked = format!("{:x}\r\n{BODY}\r\n0\r\n\r\n", BODY.len());
    let length = format!("content-length: {}\r\n", BODY.len());
    let good = ["host: a\r\ntransfer-encoding: chunked\r\n", "Host: b\r\nTransfer-Encoding: Chunked\r\n"];
    let bad_hosts = ["", "host: a\r\nhost: a\r\n", "host: a\r\nHost: b\r\n"];
    let bad_codings = [
        "transfer-encoding: gzip, chunked\r\n",
        "transfer-encoding: chunked, chunked\r\n",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: identity, chunked\r\n",
        "transfer-encoding: \r\ntransfer-encoding: chunked\r\n",
    ];
    let ask = |address: &str, head: &str, body: &str| {
        let mut connection = Connection::to(address);
        let line = "POST /passwordless/request/email/ HTTP/1.1\r\ncontent-type: application/json\r\n";
        connection.send(format!("{line}{head}\r\n{body}").as_bytes());
        let answer = connection.receive("POST");
        (answer.status, answer, connection)
    };
    for (head, expected) in good.into_iter().zip([200, 429]) {
        assert_eq!(ask(&server.address, head, &chunked).0, expected, "{head}");
    }
    let bad = bad_hosts.iter().map(|head| (format!("{head}{length}"), BODY.to_owned()));
    let bad = bad.chain(bad_codings.iter().map(|head| (format!("host: a\r\n{head}"), chunked.clone())));
    for (head, body) in bad {
        for address in [&server.address, &server.admin] {
            let (status, answer, mut connection) = ask(address, &head, &body);
            assert_eq!((status, answer.code()), (400, "parse_error".into()), "{head}");
            assert_eq!(answer.header("connection"), Some("close"), "{head}");
            assert!(connection.is_closed(), "what follows is read by nobody: {head}");
        }
    }
    let mut old = Connection::to(&server.address);
    old.send(b"GET /openapi.json HTTP/1.0\r\n\r\n");
    assert_eq!(old.receive("GET").status, 200, "HTTP/1.0 needs no host");
}
