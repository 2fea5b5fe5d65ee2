//! Where requests come from, as far as anything is counted by it.

use core::{fmt, net::IpAddr};

/// The network that a client's requests are counted under: an IPv4 address, or an IPv6 /64. Mapped addresses are IPv4.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientNetwork(u64, bool);

impl ClientNetwork {
    /// The network of `address`.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self(u64::from(v4.to_bits()), false),
            #[allow(clippy::cast_possible_truncation, reason = "the upper half of 128 bits has 64")]
            IpAddr::V6(v6) => Self((v6.to_bits() >> 64) as u64, true),
        }
    }

    /// 9 bytes that no other network has.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 9] {
        let mut bytes = [u8::from(self.1); 9];
        bytes[1..].copy_from_slice(&self.0.to_be_bytes());
        bytes
    }
}

impl fmt::Debug for ClientNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientNetwork(…)")
    }
}
