//! Batches of relayed requests, between real nodes and somebody who knows the fleet's secret, or doesn't, and keeps no rule.

mod claims;
mod directory;
mod draining;
mod life;
mod messages;
mod owner;
mod patience;
mod sealing;
mod stranger;

use countersign::{fleet::Homes, recipient::Recipient};

use crate::harness::{
    Server,
    fleet::{self, ISSUER},
};

/// The node that is asked first, and the one that a test plays.
const STRANGER: &str = "127.0.0.1";
const OWNER: &str = "127.0.0.2";

/// A node that relays to the others at `port` of their addresses, and that does one thing at a time.
fn start_node(node: &str, port: u16, settings: &[(&str, &str)]) -> Server {
    let peer_url = format!("http://{{node}}:{port}");
    let base = [
        ("server.public_url", ISSUER),
        ("server.workers", "1"),
        ("guard.node", node),
        ("guard.peer_url", &peer_url),
        ("passwordless.token_request_throttle_seconds", "0"),
    ];
    // Alone in its list, the owner is everybody's home.
    let alone = [("guard.nodes", node)];
    let alone = if node == OWNER { &alone[..] } else { &[] };
    Server::start(&[&base, alone, settings].concat())
}

/// Two nodes, and somebody whose home is the second one.
fn start_pair(settings: &[(&str, &str)]) -> ([Server; 2], String) {
    let port = fleet::free_port();
    let nodes = [STRANGER, OWNER].join(",");
    let settings = [&[("guard.nodes", nodes.as_str())], settings].concat();
    let homes = Homes::new(ISSUER, [STRANGER, OWNER]);
    let at_owner = |email: &String| homes.makers(&Recipient::parse_email(email).unwrap())[0] == Some(OWNER);
    let email = (0..1000).map(|n| format!("person{n}@example.com")).find(at_owner).unwrap();
    ([STRANGER, OWNER].map(|node| fleet::start_node(node, port, &settings)), email)
}
