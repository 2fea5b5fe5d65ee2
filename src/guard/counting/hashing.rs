//! The guard's keyed hash: names become numbers that nobody else can predict, so nobody can aim at a slot or a cell.
//!
//! Nobody sees a hash, so the rounds that SipHash needs against aimed collisions are enough (as in the standard library).
//!
//! hash = SipHash-1-3(key of this guard, purpose (1 byte) ‖ fields of fixed size ‖ at most one of any size)

use core::{fmt, hash::Hasher as _};

use rand_core::CryptoRng;
use siphasher::sip::SipHasher13;

use super::record::FINGERPRINT_BITS;
use crate::{
    challenge::ChallengeId,
    crypto::random,
    guard::{Attempt, By},
    network::ClientNetwork,
    recipient::{Channel, Recipient},
    time::UnixTime,
};

/// The key. It lives as long as the guard's counters, whatever becomes of the root secrets.
#[derive(Clone)]
pub(crate) struct Hashes {
    keyed: SipHasher13,
    /// Tells this key from any other.
    tag: u64,
}

/// What an attempt's challenge and its recipient are known by.
#[derive(Clone, Copy)]
pub(crate) struct Fingerprints {
    tag: u64,
    id: ChallengeId,
    is_external: bool,
    /// The challenge's fingerprint, never 0.
    pub(crate) challenge: u64,
    /// Its recipient, for comparisons.
    pub(crate) recipient: u64,
}

/// Who counts as one in a bucket.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Who {
    /// All strangers together.
    Strangers,
    /// All strangers of one network together.
    Network(ClientNetwork),
    /// All known devices together.
    Known,
}

impl Hashes {
    /// With 128 random bits.
    pub(crate) fn random(random: &mut impl CryptoRng) -> Self {
        Self::with_key(&random::bytes(random))
    }

    /// With a key that was kept.
    pub(crate) fn with_key(key: &[u8; 16]) -> Self {
        let mut hashes = Self { keyed: SipHasher13::new_with_key(key), tag: 0 };
        hashes.tag = hashes.hash(9, |_| ());
        hashes
    }

    /// The fingerprints of an attempt, found anew unless they are known. `expect` hears of the challenge's first.
    pub(crate) fn fingerprints(&self, attempt: &Attempt<'_>, expect: impl FnOnce(u64)) -> Fingerprints {
        let id = attempt.challenge.challenge().id;
        let is_external = attempt.by == By::External;
        let is_this = |known: &Fingerprints| (known.tag, known.id, known.is_external) == (self.tag, id, is_external);
        if let Some(known) = attempt.looked.0.filter(is_this) {
            return known;
        }
        let challenge = self.challenge(id);
        expect(challenge);
        let recipient = self.comparisons(attempt.by, attempt.challenge.recipient());
        Fingerprints { tag: self.tag, id, is_external, challenge, recipient }
    }

    /// A challenge's fingerprint, never 0.
    fn challenge(&self, id: ChallengeId) -> u64 {
        let hash = self.hash(0, |hasher| hasher.write(id.as_bytes()));
        (hash >> (64 - FINGERPRINT_BITS)).max(1)
    }

    /// What a recipient's comparisons are counted under, apart for codes and external checks.
    pub(crate) fn comparisons(&self, by: By, recipient: &Recipient) -> u64 {
        let purpose = if by == By::External { 2 } else { 1 };
        self.of_recipient(purpose, recipient, Who::Strangers)
    }

    /// The bucket in which the time of a recipient's last message is kept.
    pub(crate) fn throttle(&self, recipient: &Recipient, who: Who) -> u64 {
        self.of_recipient(3, recipient, who)
    }

    /// The bucket in which a recipient's messages are counted.
    pub(crate) fn messages(&self, recipient: &Recipient, who: Who) -> u64 {
        self.of_recipient(4, recipient, who)
    }

    /// A request that was admitted for a proof or a device; its challenge says the same.
    pub(crate) fn trusted(&self, recipient: &Recipient, issued_at: UnixTime) -> u64 {
        self.hash(5, |hasher| {
            hasher.write_u64(issued_at.as_seconds());
            hasher.write_u8(channel(recipient));
            hasher.write(recipient.as_str().as_bytes());
        })
    }

    /// The bucket in which a network's messages are counted.
    pub(crate) fn network(&self, network: ClientNetwork) -> u64 {
        self.hash(6, |hasher| hasher.write(&network.to_bytes()))
    }

    /// The bucket of what a network has of a ceiling: one of known devices' messages, one of strangers'.
    pub(crate) fn share(&self, network: ClientNetwork, is_known: bool, of: &str) -> u64 {
        self.hash(10, |hasher| {
            hasher.write(&network.to_bytes());
            hasher.write_u8(u8::from(is_known));
            hasher.write(of.as_bytes());
        })
    }

    /// The bucket in which the messages to one prefix are counted.
    pub(crate) fn prefix(&self, prefix: &str) -> u64 {
        self.hash(7, |hasher| hasher.write(prefix.as_bytes()))
    }

    /// The breaker of a prefix.
    pub(crate) fn breaker(&self, prefix: &str) -> u64 {
        self.hash(11, |hasher| hasher.write(prefix.as_bytes()))
    }

    /// A puzzle.
    pub(crate) fn proof(&self, id: &[u8; 16]) -> u64 {
        self.hash(8, |hasher| hasher.write(id))
    }

    fn of_recipient(&self, purpose: u8, recipient: &Recipient, who: Who) -> u64 {
        // One piece is hashed faster than many: kind of bucket (1) ‖ channel (1) ‖ whose (9)
        let mut head = [0; 11];
        head[1] = channel(recipient);
        match who {
            Who::Strangers => {}
            Who::Network(network) => {
                head[0] = 1;
                head[2..].copy_from_slice(&network.to_bytes());
            }
            Who::Known => head[0] = 2,
        }
        self.hash(purpose, |hasher| {
            hasher.write(&head);
            hasher.write(recipient.as_str().as_bytes());
        })
    }

    fn hash(&self, purpose: u8, write: impl FnOnce(&mut SipHasher13)) -> u64 {
        let mut hasher = self.keyed;
        hasher.write_u8(purpose);
        write(&mut hasher);
        hasher.finish()
    }
}

fn channel(recipient: &Recipient) -> u8 {
    u8::from(recipient.channel() == Channel::Email)
}

impl fmt::Debug for Hashes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hashes(…)")
    }
}
