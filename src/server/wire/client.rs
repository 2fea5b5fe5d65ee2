//! Where a request comes from: the socket's peer, or what a trusted proxy says of it.

use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::atomic::{AtomicBool, Ordering},
};

use hyper::{HeaderMap, header::HeaderName};
use ipnet::IpNet;

use crate::network::Client;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// Of a TCP connection.
    Ip(IpAddr),
    /// Of a Unix socket: always a trusted proxy, since only this machine's processes reach it.
    Unix,
    /// Of the client whose request a node relayed, as that node believes it.
    Relayed(Client),
}

/// The proxies whose `X-Forwarded-For` is believed. `Forwarded` never is.
#[derive(Debug)]
pub(crate) struct Proxies {
    trusted: Vec<IpNet>,
    /// Whether it was said that this list may lack somebody: once is enough.
    has_warned: AtomicBool,
}

impl Proxies {
    /// Trusts these networks, and Unix sockets.
    pub(crate) fn new(trusted: Vec<IpNet>) -> Self {
        Self { trusted, has_warned: AtomicBool::new(false) }
    }

    /// The client: at the rightmost address that isn't a trusted proxy's. A private peer of which no such address is known is
    /// an app or a proxy, and stands for many.
    pub(crate) fn client(&self, peer: Peer, headers: &HeaderMap) -> Client {
        let address = match peer {
            Peer::Relayed(client) => return client,
            Peer::Ip(address) if !self.trusts(address) => {
                if headers.contains_key(X_FORWARDED_FOR) && !self.has_warned.swap(true, Ordering::Relaxed) {
                    tracing::warn!("X-Forwarded-For from an address that isn't in server.trusted_proxies is ignored");
                }
                address
            }
            Peer::Ip(address) => self.forwarded(address, headers),
            Peer::Unix => self.forwarded(IpAddr::V6(Ipv6Addr::UNSPECIFIED), headers),
        };
        let is_peer = matches!(peer, Peer::Ip(peer) if peer == address) || address.is_unspecified();
        let stands_for_many = is_private(address.to_canonical()) && (is_peer || self.trusts(address));
        if stands_for_many && !self.has_warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "a request from this machine or a private network names no client's address, so limits per network don't apply to \
                 it: if a proxy sent it, add the proxy to server.trusted_proxies and let it send X-Forwarded-For"
            );
        }
        Client { address, stands_for_many }
    }

    /// The rightmost address that isn't a trusted proxy's, behind a peer that is believed.
    fn forwarded(&self, mut address: IpAddr, headers: &HeaderMap) -> IpAddr {
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

/// Whether only this machine, or a network of one's own, has such an address. A Unix socket's peer has none at all.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let is_shared = v4.octets()[0] == 100 && v4.octets()[1] & 0xc0 == 64;
            v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_unspecified() || is_shared
        }
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_loopback() || v6.is_unicast_link_local() || v6.is_unspecified(),
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
        client(trusted, peer, forwarded).address.to_canonical().to_string()
    }

    fn client(trusted: &[&str], peer: &str, forwarded: &[&[u8]]) -> Client {
        let proxies = Proxies::new(trusted.iter().map(|network| network.parse().unwrap()).collect());
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(X_FORWARDED_FOR, HeaderValue::from_bytes(value).unwrap());
        }
        let peer = if peer == "unix" { Peer::Unix } else { Peer::Ip(peer.parse().unwrap()) };
        proxies.client(peer, &headers)
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

    #[test]
    fn a_private_peer_of_which_no_client_is_known_stands_for_many() {
        let alone = |peer: &str| IpNet::from(peer.parse::<IpAddr>().unwrap().to_canonical()).to_string();
        let stands_for_many = |trusted: &[&str], peer, forwarded: &[&str]| {
            let forwarded: Vec<_> = forwarded.iter().map(|value| value.as_bytes()).collect();
            client(trusted, peer, &forwarded).stands_for_many
        };
        for peer in ["127.0.0.1", "::1", "10.1.2.3", "192.168.0.9", "172.16.0.1", "fd00::1", "::ffff:10.0.0.1", "100.64.1.1"] {
            assert!(stands_for_many(&[], peer, &[]), "{peer}");
            assert!(stands_for_many(&[], peer, &["203.0.113.9"]), "{peer} is not believed");
            let trusted = [&*alone(peer)];
            assert!(stands_for_many(&trusted, peer, &[]), "{peer} sent none");
            assert!(stands_for_many(&trusted, peer, &["unknown"]), "{peer} sent nonsense");
            assert!(!stands_for_many(&trusted, peer, &["203.0.113.9"]), "{peer} says who it is");
            assert!(!stands_for_many(&trusted, peer, &["10.9.9.9"]), "a client of a network of one's own");
        }
        assert!(stands_for_many(&["10.0.0.0/8"], "10.0.0.1", &["10.0.0.2"]), "only proxies are named");
        assert!(stands_for_many(&[], "unix", &[]) && !stands_for_many(&[], "unix", &["203.0.113.9"]));
        for peer in ["192.0.2.1", "2001:db8::1", "100.128.0.1", "172.32.0.1"] {
            assert!(!stands_for_many(&[], peer, &[]) && !stands_for_many(&[&*alone(peer)], peer, &[]), "{peer}");
        }
    }
}
