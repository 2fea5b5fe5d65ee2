//! Where requests come from, as far as anything is counted by it.

use alloc::string::{String, ToString as _};
use core::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// Where a request came from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Client {
    /// The client's address; of who stands for many, its own.
    pub address: IpAddr,
    /// Whether it is an app or a proxy whose clients nobody knows: limits per network don't apply to it.
    pub stands_for_many: bool,
}

/// The network that a client's requests are counted under: an IPv4 address, or an IPv6 /64. Mapped addresses are IPv4.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientNetwork {
    address: u64,
    is_v6: bool,
    stands_for_many: bool,
}

impl Client {
    /// Somebody at an address of their own.
    #[must_use]
    pub const fn at(address: IpAddr) -> Self {
        Self { address, stands_for_many: false }
    }

    /// The network that its requests are counted under.
    #[must_use]
    pub fn network(self) -> ClientNetwork {
        ClientNetwork { stands_for_many: self.stands_for_many, ..ClientNetwork::of(self.address) }
    }
}

impl ClientNetwork {
    /// The network of `address`.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        let (address, is_v6) = match address.to_canonical() {
            IpAddr::V4(v4) => (u64::from(v4.to_bits()), false),
            #[allow(clippy::cast_possible_truncation, reason = "the upper half of 128 bits has 64")]
            IpAddr::V6(v6) => ((v6.to_bits() >> 64) as u64, true),
        };
        Self { address, is_v6, stands_for_many: false }
    }

    /// Whether it is that of an app or a proxy whose clients nobody knows, so that no limit per network applies.
    #[must_use]
    pub const fn stands_for_many(self) -> bool {
        self.stands_for_many
    }

    /// As it is written: `192.0.2.1`, or `2001:db8::/64`; `None` where it has no address, as behind a Unix socket.
    #[must_use]
    pub fn to_text(self) -> Option<String> {
        if self.address == 0 {
            return None;
        }
        Some(if self.is_v6 {
            alloc::format!("{}/64", Ipv6Addr::from_bits(u128::from(self.address) << 64))
        } else {
            #[allow(clippy::cast_possible_truncation, reason = "an IPv4 address has 32 bits")]
            Ipv4Addr::from_bits(self.address as u32).to_string()
        })
    }

    /// 9 bytes that no other network has.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 9] {
        let mut bytes = [u8::from(self.is_v6); 9];
        bytes[1..].copy_from_slice(&self.address.to_be_bytes());
        bytes
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client(…)")
    }
}

impl fmt::Debug for ClientNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientNetwork(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_written_as_addresses_and_prefixes() {
        for (address, written) in [
            ("192.0.2.1", Some("192.0.2.1")),
            ("::ffff:192.0.2.1", Some("192.0.2.1")),
            ("2001:db8:1:2:3:4:5:6", Some("2001:db8:1:2::/64")),
            ("0.0.0.0", None),
            ("::", None),
        ] {
            assert_eq!(ClientNetwork::of(address.parse().unwrap()).to_text().as_deref(), written, "{address}");
        }
    }
}
