//! The guard's keyed hash: names become numbers that nobody else can predict, so nobody can aim at a slot or a cell.
//!
//! hash = SipHash-2-4(key of this guard, purpose (1 byte) ‖ fields of fixed size ‖ at most one of any size)

use core::{fmt, hash::Hasher as _};

use rand_core::CryptoRng;
use siphasher::sip::SipHasher24;

use super::{ClientNetwork, spent::FINGERPRINT_BITS};
use crate::{
    challenge::{ChallengeId, Use},
    device::DeviceId,
    recipient::{Channel, Recipient},
    time::UnixTime,
};

/// The key. It lives as long as the guard's counters, whatever becomes of the root secrets.
#[derive(Clone)]
pub(super) struct Hashes(SipHasher24);

/// Who counts as one in a bucket.
#[derive(Clone, Copy, Debug)]
pub(super) enum Who {
    /// All strangers together.
    Strangers,
    /// All strangers of one network together.
    Network(ClientNetwork),
    /// One known device.
    Device(DeviceId),
}

impl Hashes {
    /// With 128 random bits.
    pub(super) fn random(random: &mut impl CryptoRng) -> Self {
        let mut key = [0; 16];
        random.fill_bytes(&mut key);
        Self::with_key(&key)
    }

    /// With a key that was kept.
    pub(super) fn with_key(key: &[u8; 16]) -> Self {
        Self(SipHasher24::new_with_key(key))
    }

    /// A challenge's fingerprint, never 0.
    pub(super) fn challenge(&self, id: ChallengeId) -> u64 {
        let hash = self.hash(0, |hasher| hasher.write(id.as_bytes()));
        (hash >> (64 - FINGERPRINT_BITS)).max(1)
    }

    /// The bucket in which a recipient's comparisons are counted, apart for codes and external checks.
    pub(super) fn comparisons(&self, usage: Use, recipient: &Recipient, who: Who) -> u64 {
        let purpose = if usage == Use::Code { 1 } else { 2 };
        self.of_recipient(purpose, recipient, who)
    }

    /// The bucket in which the time of a recipient's last message is kept.
    pub(super) fn throttle(&self, recipient: &Recipient, who: Who) -> u64 {
        self.of_recipient(3, recipient, who)
    }

    /// The bucket in which a recipient's messages are counted.
    pub(super) fn messages(&self, recipient: &Recipient, who: Who) -> u64 {
        self.of_recipient(4, recipient, who)
    }

    /// A request that was admitted for a proof or a device; its challenge says the same.
    pub(super) fn trusted(&self, recipient: &Recipient, issued_at: UnixTime) -> u64 {
        self.hash(5, |hasher| {
            hasher.write_u64(issued_at.as_seconds());
            write_recipient(hasher, recipient);
        })
    }

    /// The bucket in which a network's messages are counted.
    pub(super) fn network(&self, network: ClientNetwork) -> u64 {
        self.hash(6, |hasher| hasher.write(&network.to_bytes()))
    }

    /// The bucket in which the messages to one prefix are counted.
    pub(super) fn prefix(&self, prefix: &str) -> u64 {
        self.hash(7, |hasher| hasher.write(prefix.as_bytes()))
    }

    /// A puzzle.
    pub(super) fn proof(&self, id: &[u8; 16]) -> u64 {
        self.hash(8, |hasher| hasher.write(id))
    }

    fn of_recipient(&self, purpose: u8, recipient: &Recipient, who: Who) -> u64 {
        self.hash(purpose, |hasher| {
            match who {
                Who::Strangers => hasher.write_u8(0),
                Who::Network(network) => {
                    hasher.write_u8(1);
                    hasher.write(&network.to_bytes());
                }
                Who::Device(device) => {
                    hasher.write_u8(2);
                    hasher.write_u64(device.0);
                }
            }
            write_recipient(hasher, recipient);
        })
    }

    fn hash(&self, purpose: u8, write: impl FnOnce(&mut SipHasher24)) -> u64 {
        let mut hasher = self.0;
        hasher.write_u8(purpose);
        write(&mut hasher);
        hasher.finish()
    }
}

fn write_recipient(hasher: &mut SipHasher24, recipient: &Recipient) {
    hasher.write_u8(u8::from(recipient.channel() == Channel::Email));
    hasher.write(recipient.as_str().as_bytes());
}

impl fmt::Debug for Hashes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hashes(…)")
    }
}
