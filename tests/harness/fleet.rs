//! Nodes of one fleet, each on a loopback address of its own.

use super::Server;

/// Loopback addresses are the nodes' names, so that `{node}` leads to them.
pub const NODES: [&str; 3] = ["127.0.0.1", "127.0.0.2", "127.0.0.3"];
/// The nodes' issuer.
pub const ISSUER: &str = "http://localhost:8000";

/// A port that is free on every node's address.
pub fn free_port() -> u16 {
    super::free_port_at(&NODES)
}

/// A node on `port` of its address, which believes whoever is here about clients' addresses.
pub fn start_node(node: &str, port: u16, settings: &[(&str, &str)]) -> Server {
    start_node_with(Server::start, node, port, settings)
}

/// A node of the fleet, started by `start`.
pub fn start_node_with(
    start: impl FnOnce(&[(&str, &str)]) -> Server,
    node: &str,
    port: u16,
    settings: &[(&str, &str)],
) -> Server {
    let (listen, peer_url) = (format!("{node}:{port}"), format!("http://{{node}}:{port}"));
    let base = [
        ("server.listen", listen.as_str()),
        ("server.public_url", ISSUER),
        ("server.trusted_proxies", "127.0.0.0/8"),
        ("guard.node", node),
        ("guard.peer_url", &peer_url),
    ];
    start(&[&base, settings].concat())
}
