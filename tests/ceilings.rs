//! Ceilings of a fleet whose nodes have homes among them: together the nodes let through what is configured, no more.

use std::net::TcpListener;

use serde_json::json;

use crate::harness::{self, Answer, Server, wait_for};

/// Loopback addresses are the nodes' names, so that `{node}` leads to them.
const NODES: [&str; 3] = ["127.0.0.1", "127.0.0.2", "127.0.0.3"];
/// As many requests as make sure that each node is asked more often than its share is.
const PEOPLE: usize = 60;

/// A port that is free on every node's address.
fn free_port() -> u16 {
    wait_for(|| Some(harness::free_port()).filter(|port| NODES.iter().all(|node| TcpListener::bind((*node, *port)).is_ok())))
}

/// The fleet, each node with its own order of the names.
fn start(settings: &[(&str, &str)]) -> Vec<Server> {
    let port = free_port();
    let peer_url = format!("http://{{node}}:{port}");
    let start = |at: usize| {
        let mut names = NODES;
        names.rotate_left(at);
        let (listen, nodes) = (format!("{}:{port}", NODES[at]), names.join(","));
        let base = [
            ("server.listen", listen.as_str()),
            ("server.public_url", "http://localhost:8000"),
            ("server.trusted_proxies", "127.0.0.0/8"),
            ("passwordless.allowed_passwordless_methods", "EMAIL,MOBILE"),
            ("guard.node", NODES[at]),
            ("guard.peer_url", &peer_url),
            ("guard.nodes", &nodes),
        ];
        Server::start_quietly(&[&base, settings].concat())
    };
    (0..NODES.len()).map(start).collect()
}

fn email(fleet: &[Server], at: usize, client: &str) -> Answer {
    let body = json!({"email": format!("person{at}@example.com")});
    fleet[at % fleet.len()].post_with("request/email/", &[("x-forwarded-for", client)], &body)
}

fn sms(fleet: &[Server], at: usize) -> Answer {
    let (client, body) = (format!("192.0.2.{at}"), json!({"phone_number": format!("+1202555{:04}", 100 + at)}));
    fleet[at % fleet.len()].post_with("request/mobile/", &[("x-forwarded-for", &client)], &body)
}

/// How many are admitted when everybody asks once, at one node after the other. Who isn't is throttled.
fn admitted(ask: impl Fn(usize) -> Answer) -> usize {
    let statuses: Vec<u16> = (0..PEOPLE).map(|at| ask(at).status).collect();
    assert!(statuses.iter().all(|status| matches!(status, 200 | 429)), "{statuses:?}");
    statuses.iter().filter(|status| **status == 200).count()
}

#[test]
fn a_fleet_with_homes_sends_no_more_sms_than_configured() {
    // Of shares of 3, 3 and 2 nothing is kept for known devices: a quarter of each, rounded down.
    let fleet = start(&[("sms.max_per_hour", "8"), ("sms.max_per_prefix_per_hour", "0")]);
    assert_eq!(admitted(|at| sms(&fleet, at)), 8);
    let sent = wait_for(|| Some(fleet.iter().map(|node| node.texts().len()).sum::<usize>()).filter(|sent| *sent >= 8));
    assert_eq!(sent, 8);
}

#[test]
fn a_fleet_with_homes_keeps_to_the_ceiling_of_a_prefix() {
    let fleet = start(&[("sms.max_per_hour", "0"), ("sms.max_per_prefix_per_hour", "10")]);
    // 4, 3 and 3, of which the first keeps one for known devices.
    assert_eq!(admitted(|at| sms(&fleet, at)), 9);
}

#[test]
fn a_fleet_with_homes_sends_no_more_mails_than_configured_and_few_more_from_one_network() {
    let fleet = start(&[("email.max_per_hour", "7"), ("passwordless.max_messages_per_network_per_hour", "0")]);
    assert_eq!(admitted(|at| email(&fleet, at, &format!("192.0.2.{at}"))), 7);
    let fleet = start(&[("passwordless.max_messages_per_network_per_hour", "7")]);
    assert_eq!(admitted(|at| email(&fleet, at, "192.0.2.1")), 9, "3 at each of 3 nodes: toward letting through");
}
