//! Where a request comes from: the socket's peer, or what a trusted proxy says of it.

use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::atomic::{AtomicBool, Ordering},
};

use hyper::{HeaderMap, header::HeaderName};
use ipnet::IpNet;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// Of a TCP connection.
    Ip(IpAddr),
    /// Of a Unix socket: always a trusted proxy, since only this machine's processes reach it.
    Unix,
    /// Of the node that relayed the request, as that node believes it.
    Relayed(IpAddr),
}

/// The proxies whose `X-Forwarded-For` is believed. `Forwarded` never is.
#[derive(Debug)]
pub(crate) struct Proxies {
    trusted: Vec<IpNet>,
    warned: AtomicBool,
}

impl Proxies {
    /// Trusts these networks, and Unix sockets.
    pub(crate) fn new(trusted: Vec<IpNet>) -> Self {
        Self { trusted, warned: AtomicBool::new(false) }
    }

    /// The client's address: the rightmost one that isn't a trusted proxy's. Its network is what a request is counted under.
    pub(crate) fn address(&self, peer: Peer, headers: &HeaderMap) -> IpAddr {
        let mut address = match peer {
            Peer::Relayed(address) => return address,
            Peer::Ip(address) if !self.trusts(address) => {
                if headers.contains_key(X_FORWARDED_FOR) && !self.warned.swap(true, Ordering::Relaxed) {
                    tracing::warn!("X-Forwarded-For from an address that isn't in server.trusted_proxies is ignored");
                }
                return address;
            }
            Peer::Ip(address) => address,
            Peer::Unix => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        // Bytes, not texts: who sends one that is no text must not hide what a proxy wrote behind it.
        let hops = headers.get_all(X_FORWARDED_FOR).iter().rev().flat_map(|value| value.as_bytes().rsplit(|byte| *byte == b','));
        for hop in hops {
            // Whoever wrote something else than an address can't be followed any further.
            let Some(hop) = std::str::from_utf8(hop).ok().and_then(|hop| parse(hop.trim())) else { break };
            address = hop;
            if !self.trusts(hop) {
                break;
            }
        }
        address
    }

    fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.trusted.iter().any(|network| network.contains(&address))
    }
}

/// An address, also with a port or in brackets, as some proxies write it.
fn parse(hop: &str) -> Option<IpAddr> {
    let bare = hop.strip_prefix('[').and_then(|hop| hop.strip_suffix(']')).unwrap_or(hop);
    bare.parse().ok().or_else(|| hop.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn address(trusted: &[&str], peer: &str, forwarded: &[&str]) -> String {
        let forwarded: Vec<_> = forwarded.iter().map(|value| value.as_bytes()).collect();
        address_by_bytes(trusted, peer, &forwarded)
    }

    fn address_by_bytes(trusted: &[&str], peer: &str, forwarded: &[&[u8]]) -> String {
        let proxies = Proxies::new(trusted.iter().map(|network| network.parse().unwrap()).collect());
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(X_FORWARDED_FOR, HeaderValue::from_bytes(value).unwrap());
        }
        let peer = if peer == "unix" { Peer::Unix } else { Peer::Ip(peer.parse().unwrap()) };
        proxies.address(peer, &headers).to_canonical().to_string()
    }

    #[test]
    fn nobody_is_believed_by_default() {
        assert_eq!(address(&[], "192.0.2.1", &["198.51.100.7"]), "192.0.2.1");
        assert_eq!(address(&["10.0.0.0/8"], "192.0.2.1", &["198.51.100.7"]), "192.0.2.1");
    }

    #[test]
    fn the_rightmost_address_that_is_not_trusted_counts() {
        let trusted = ["10.0.0.0/8", "192.0.2.1/32", "2001:db8::/32"];
        assert_eq!(address(&trusted, "192.0.2.1", &["203.0.113.9, 198.51.100.7"]), "198.51.100.7");
        assert_eq!(address(&trusted, "192.0.2.1", &["203.0.113.9", "198.51.100.7, 10.1.1.1"]), "198.51.100.7");
        assert_eq!(address(&trusted, "10.0.0.1", &["10.0.0.3, 10.0.0.2"]), "10.0.0.3");
        assert_eq!(address(&trusted, "10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(address(&trusted, "::ffff:10.0.0.1", &["203.0.113.9"]), "203.0.113.9");
        assert_eq!(address(&trusted, "2001:db8::1", &["[2001:db9::5]:443"]), "2001:db9::5");
        assert_eq!(address(&trusted, "10.0.0.1", &["203.0.113.9:1234"]), "203.0.113.9");
    }

    #[test]
    fn nonsense_is_where_following_ends() {
        assert_eq!(address(&["10.0.0.0/8"], "10.0.0.1", &["203.0.113.9, unknown"]), "10.0.0.1");
        assert_eq!(address(&["10.0.0.0/8"], "10.0.0.1", &["203.0.113.9, unknown, 10.0.0.2"]), "10.0.0.2");
    }

    #[test]
    fn bytes_that_are_no_text_hide_nothing_that_a_proxy_wrote() {
        let ask = |forwarded: &[&[u8]]| address_by_bytes(&["10.0.0.0/8"], "10.0.0.1", forwarded);
        assert_eq!(ask(&[b"\xff, 198.51.100.7"]), "198.51.100.7");
        assert_eq!(ask(&[b"203.0.113.9", b"\xff, 198.51.100.7, 10.1.1.1"]), "198.51.100.7");
        assert_eq!(ask(&[b"203.0.113.9", b"\xff"]), "10.0.0.1", "what stands before it isn't believed");
    }

    #[test]
    fn a_unix_peer_is_trusted() {
        assert_eq!(address(&[], "unix", &["203.0.113.9, 198.51.100.7"]), "198.51.100.7");
        assert_eq!(address(&[], "unix", &[]), "::");
    }
}
