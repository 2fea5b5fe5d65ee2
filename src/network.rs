//! Where requests come from, as far as anything is counted by it.

use core::{fmt, net::IpAddr};

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
