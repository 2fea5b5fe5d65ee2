//! What an envelope says about a login attempt.

use alloc::{string::String, sync::Arc};
use core::fmt;

use super::{Binding, CodeFormat};
use crate::{
    crypto::{Mac, base64url},
    keyring::RootId,
    recipient::{Channel, Recipient},
    time::UnixTime,
};

/// The audience of every envelope; no access token may carry it.
pub const CHALLENGE_AUDIENCE: &str = "countersign-challenge";

/// `jti`: 128 random bits, the name of one challenge.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChallengeId([u8; 16]);

/// `guard`: `<node>.<epoch>`, the memory in which this challenge is spent. Split at the last dot.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct GuardId(Arc<str>);

/// `use`: the way to log in that a challenge was made for; it proves nothing to any other. A name of 1 to
/// [`Use::MAX_LENGTH`] lower-case letters, digits and dashes, so that ways of one's own have one too.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Use {
    length: u8,
    /// What is behind the name is zero.
    name: [u8; Self::MAX_LENGTH],
}

/// One login attempt as its envelope states it. The recipient, the code and the epoch stand in none of the claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// `jti`.
    pub id: ChallengeId,
    /// `iat`.
    pub issued_at: UnixTime,
    /// `exp`: the first second at which it is refused.
    pub expires_at: UnixTime,
    /// `use`.
    pub usage: Use,
    /// `channel`.
    pub channel: Channel,
    /// `fmt`: what its code looks like; `None`, and no such claim, where it has none of ours.
    pub format: Option<CodeFormat>,
    /// `guard`.
    pub guard: GuardId,
    /// `bind`, empty in the claim if there is none.
    pub binding: Option<Binding>,
}

impl Challenge {
    /// One without a code of ours, bound to no client, that ends `lifetime` seconds after it is made.
    #[must_use]
    pub fn new(id: ChallengeId, usage: Use, channel: Channel, guard: GuardId, now: UnixTime, lifetime: u64) -> Self {
        let expires_at = now.plus(lifetime);
        Self { id, issued_at: now, expires_at, usage, channel, format: None, guard, binding: None }
    }
}

/// A challenge that this fleet made for this recipient: its `mac` was right.
///
/// Only [`Challenges`](super::Challenges) makes one.
#[derive(Clone, Debug)]
pub struct VerifiedChallenge {
    pub(super) challenge: Challenge,
    pub(super) mac: Mac,
    pub(super) recipient: Recipient,
    /// The root whose keys it was made with.
    pub(super) root: RootId,
}

impl ChallengeId {
    /// Takes 16 random bytes.
    #[must_use]
    pub const fn from_random(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// As the claim spells it: base64url, 22 characters.
    #[must_use]
    pub fn to_text(self) -> String {
        base64url::encode(&self.0)
    }

    /// The inverse of [`ChallengeId::to_text`].
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        base64url::decode_array(text).map(Self)
    }
}

impl fmt::Debug for ChallengeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text())
    }
}

impl GuardId {
    /// The longest accepted: a node's 63 characters, the dot, and an epoch of up to 64.
    pub const MAX_LENGTH: usize = 128;

    /// `None` unless `text` is `<node>.<epoch>` of letters, digits, `.`, `-` and `_`, so that it fits a header and a cookie as it is.
    #[must_use]
    pub fn new(text: impl Into<Arc<str>>) -> Option<Self> {
        let text = text.into();
        let (node, epoch) = text.rsplit_once('.')?;
        let fits = !node.is_empty() && !epoch.is_empty() && text.len() <= Self::MAX_LENGTH;
        (fits && text.as_bytes().iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_')))
            .then_some(Self(text))
    }

    /// A copy that shares nothing: threads that count references to one id slow each other down.
    #[must_use]
    pub fn unshared(&self) -> Self {
        Self((*self.0).into())
    }

    /// The whole id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of the node.
    #[must_use]
    pub fn node(&self) -> &str {
        self.0.rsplit_once('.').map_or("", |(node, _)| node)
    }

    /// The epoch: random, at least 64 bits, new whenever the guard may have forgotten something.
    #[must_use]
    pub fn epoch(&self) -> &str {
        self.0.rsplit_once('.').map_or("", |(_, epoch)| epoch)
    }
}

impl fmt::Debug for GuardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for GuardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Use {
    /// The engine makes the code, and checks it, or the link that is sent with it.
    pub const CODE: Self = Self::named("code");
    /// A verify provider makes the code and checks it.
    pub const EXTERNAL: Self = Self::named("external");
    /// The most characters of a name.
    pub const MAX_LENGTH: usize = 15;

    /// The use of that name, for a constant.
    ///
    /// # Panics
    /// If it is no name; then a constant doesn't compile.
    #[must_use]
    pub const fn named(name: &str) -> Self {
        match Self::from_name(name) {
            Some(usage) => usage,
            None => panic!("1 to 15 lower-case letters, digits and dashes"),
        }
    }

    /// The use of that name, if it is one.
    #[must_use]
    pub const fn from_name(name: &str) -> Option<Self> {
        let bytes = name.as_bytes();
        if bytes.is_empty() || bytes.len() > Self::MAX_LENGTH {
            return None;
        }
        let mut usage = Self { length: 0, name: [0; Self::MAX_LENGTH] };
        while (usage.length as usize) < bytes.len() {
            let byte = bytes[usage.length as usize];
            if !matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-') {
                return None;
            }
            usage.name[usage.length as usize] = byte;
            usage.length += 1;
        }
        Some(usage)
    }

    /// The claim's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let name = &self.name[..usize::from(self.length)];
        core::str::from_utf8(name).expect("a name is ASCII")
    }
}

impl fmt::Debug for Use {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl VerifiedChallenge {
    /// What it states.
    #[must_use]
    pub const fn challenge(&self) -> &Challenge {
        &self.challenge
    }

    /// Whom it was made for.
    #[must_use]
    pub const fn recipient(&self) -> &Recipient {
        &self.recipient
    }

    /// Whether it is past its end at `now`.
    #[must_use]
    pub fn is_expired(&self, now: UnixTime) -> bool {
        now >= self.challenge.expires_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uses_are_names() {
        for name in ["code", "external", "passkey", "x-own-2", "a", "abcdefghijklmno"] {
            assert_eq!(Use::from_name(name).unwrap().as_str(), name);
        }
        assert_eq!((Use::from_name("code"), Use::from_name("external")), (Some(Use::CODE), Some(Use::EXTERNAL)));
        for bad in ["", "Code", "co de", "code\"", "code\0", "cöde", "abcdefghijklmnop", "a_b"] {
            assert!(Use::from_name(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn guard_ids_split_at_the_last_dot() {
        let id = GuardId::new("node.eu.west.0123").unwrap();
        assert_eq!((id.node(), id.epoch()), ("node.eu.west", "0123"));
        for bad in ["", "node", "node.", ".epoch", "no de.1", "nöde.1", "a;b.1", "a\n.1"] {
            assert!(GuardId::new(bad).is_none(), "{bad:?}");
        }
        assert!(GuardId::new(alloc::format!("{}.1", "n".repeat(127))).is_none());
    }
}
