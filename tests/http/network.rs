//! Where a request comes from: addresses, proxies, Unix sockets.

use serde_json::json;

use crate::harness::{Server, command, wait_for};

fn ask(server: &Server, forwarded: &str) -> u16 {
    let headers: &[(&str, &str)] = &[("x-forwarded-for", forwarded)];
    let headers = if forwarded.is_empty() { &[] } else { headers };
    server.post_with("request/email/", headers, &json!({"email": "ann@example.com"})).status
}

#[test]
fn the_throttle_is_by_network_and_only_trusted_proxies_are_believed() {
    let server = Server::start(&[("server.trusted_proxies", "127.0.0.1")]);
    assert_eq!(ask(&server, "192.0.2.1"), 200);
    assert_eq!(ask(&server, "192.0.2.1"), 429);
    assert_eq!(ask(&server, "192.0.2.2"), 200, "a stranger elsewhere holds nobody up");
    assert_eq!(ask(&server, "203.0.113.7, 192.0.2.2"), 429, "the rightmost counts");
    assert_eq!(ask(&server, "2001:db8::1"), 200);
    assert_eq!(ask(&server, "2001:db8::ffff:2"), 429, "one /64");
    assert_eq!(ask(&server, "::ffff:192.0.2.1"), 429, "a mapped address is the IPv4 one");
    assert_eq!(ask(&server, "2001:db8:0:1::1"), 200);
}

#[test]
fn nobody_else_is_believed_and_one_warning_names_the_key() {
    let server = Server::start(&[]);
    assert_eq!(ask(&server, "192.0.2.1"), 200);
    assert_eq!(ask(&server, "192.0.2.2"), 429);
    assert_eq!(ask(&server, "192.0.2.3"), 429);
    wait_for(|| server.log().contains("server.trusted_proxies").then_some(()));
    assert_eq!(server.log().matches("server.trusted_proxies").count(), 1);
}

#[test]
fn a_unix_socket_serves_and_its_peer_is_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("countersign.sock");
    let listen = format!("unix:{}", socket.display());
    let settings = [("server.listen", listen.as_str()), ("server.public_url", "http://localhost")];
    let server = Server::start(&settings);
    assert_eq!(ask(&server, "192.0.2.1"), 200);
    assert_eq!(ask(&server, "192.0.2.1"), 429);
    assert_eq!(ask(&server, "192.0.2.2"), 200);

    let elsewhere = tempfile::tempdir().unwrap();
    let second = command(elsewhere.path(), &settings).output().unwrap();
    assert_eq!(second.status.code(), Some(69), "{second:?}");
    server.signal("KILL");
    server.wait();
    assert!(socket.exists());
    let third = Server::start(&settings);
    assert_eq!(ask(&third, ""), 200, "a stale socket is replaced");
    third.signal("TERM");
    assert!(third.wait().0.success());
    assert!(!socket.exists());
}

#[test]
fn a_port_in_use_is_a_clear_error() {
    let server = Server::start(&[]);
    let elsewhere = tempfile::tempdir().unwrap();
    for key in ["server.listen", "server.admin_listen"] {
        let second = command(elsewhere.path(), &[(key, &server.address)]).output().unwrap();
        assert_eq!(second.status.code(), Some(69), "{second:?}");
        let said = String::from_utf8_lossy(&second.stderr).into_owned();
        assert!(said.contains(key) && said.contains(&server.address), "{said}");
    }
}
