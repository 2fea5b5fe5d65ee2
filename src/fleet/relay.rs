//! What nodes relay to each other: a request to the node whose guard decides, and its answer, both sealed.
//!
//! request = version 3 ‖ root id (6) ‖ nonce (24) ‖ XChaCha20-Poly1305(relay key, nonce, fields, label ‖ version ‖ root id)
//! reply = nonce (24) ‖ XChaCha20-Poly1305(relay key, nonce, fields, (label, the request's nonce))
//!
//! So plain HTTP inside a cluster shows nothing, a recycled address learns nothing, and a reply fits one request only.
//! A request counts once, for 30 seconds, in one life of the node it names: it states the node's [`Incarnation`], which the node
//! draws at its start. One that states another has nothing done for it, whether it is a copy from an earlier life or of a
//! node that doesn't know better. Its reply is the boot of this life, for which it may be sealed anew, once.
//! Both state the list of nodes of who sends them, so that a fleet whose nodes have different ones is noticed.
//! The labels keep requests and replies apart. How several of them travel together is in [`batch`](super::batch).

#[cfg(test)]
#[path = "relay_tests.rs"]
mod tests;

use alloc::vec::Vec;
use core::fmt;

use rand_core::CryptoRng;

use crate::{
    crypto::{
        Canonical, labels, random,
        seal::{NONCE, SealKey},
    },
    keyring::{Keyring, Root, RootId},
    time::UnixTime,
};

use super::{
    homes::HomesId,
    incarnation::Incarnation,
    message::{RelayedRequest, Reply, Target},
    seen::SeenRequests,
};

/// Seconds that the clocks of two nodes may differ by, the way included.
pub const MAX_SKEW: u64 = 30;

const VERSION: u8 = 3;
const HEAD: usize = 1 + 6 + NONCE;

/// Seals and opens what the nodes of one fleet relay.
pub struct Relays {
    keys: Vec<(RootId, SealKey)>,
}

/// A sealed request as it came from the network.
#[derive(Clone, Copy)]
pub struct UntrustedRequest<'a>(&'a [u8]);

/// A request that a node of this fleet sealed for this node, in time. It may be for another life of this node, or a
/// repetition.
pub struct AuthenticRequest {
    request: RelayedRequest,
    boot: Option<Incarnation>,
    sent_at: UnixTime,
    exchange: Exchange,
}

/// An authentic request for this life of this node. It may be a repetition.
pub struct CurrentRequest {
    request: RelayedRequest,
    sent_at: UnixTime,
    exchange: Exchange,
}

/// An authentic request that came for the first time.
#[derive(Debug)]
pub struct VerifiedRequest {
    /// The request.
    pub request: RelayedRequest,
    /// Seals its reply.
    pub exchange: Exchange,
}

/// One request and its reply: who sealed the request opens the reply, who opened it seals the reply. It holds the key of its
/// root, so that the reply doesn't care which keys are current by then.
#[derive(Clone)]
pub struct Exchange {
    key: SealKey,
    nonce: [u8; NONCE],
}

/// Why a relayed request or reply is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelayRefused {
    /// No node of this fleet sealed it, or not as this kind of message.
    Forged,
    /// It is for another node.
    OtherNode,
    /// It was sent more than 30 seconds ago or ahead.
    Untimely,
    /// It came before.
    Replayed,
    /// There is no room to remember it. It may be sent again, to be sealed anew.
    Full,
}

impl Relays {
    /// With the keys of every root.
    #[must_use]
    pub fn new(keyring: &Keyring) -> Self {
        let key = |root: &Root| (root.id(), SealKey::new(&root.derive(labels::RELAY_KEY)));
        Self { keys: keyring.roots().iter().map(key).collect() }
    }

    /// Seals a request with the current root, for the life of its node that has this boot; `None`: not known yet. The
    /// exchange opens its reply.
    #[must_use]
    pub fn seal(
        &self,
        request: &RelayedRequest,
        boot: Option<Incarnation>,
        now: UnixTime,
        random: &mut impl CryptoRng,
    ) -> (Vec<u8>, Exchange) {
        let (root, key) = &self.keys[0];
        let mut sealed = Vec::with_capacity(512 + request.body.len());
        sealed.push(VERSION);
        sealed.extend_from_slice(root.as_bytes());
        let nonce = push_nonce(&mut sealed, random);
        let associated = Canonical::new(Vec::new(), labels::RELAY_REQUEST).bytes(&sealed[..HEAD - NONCE]).finish();
        let mut sealed = request.encode(sealed, boot, now);
        key.seal(&nonce, &associated, &mut sealed, HEAD);
        (sealed, Exchange { key: key.clone(), nonce })
    }

    /// Believes a request that a node of this fleet sealed for `node`, no more than 30 seconds from now.
    ///
    /// # Errors
    /// See [`RelayRefused`].
    pub fn open(&self, sealed: UntrustedRequest<'_>, node: &str, now: UnixTime) -> Result<AuthenticRequest, RelayRefused> {
        let opened = self.open_sealed(sealed.0).ok_or(RelayRefused::Forged)?;
        let skew = now.seconds_since(opened.sent_at).max(opened.sent_at.seconds_since(now));
        match &opened.request.target {
            Target::Guard(guard) if guard.node() != node => Err(RelayRefused::OtherNode),
            Target::Home(home) | Target::LeavingHome(home) if **home != *node => Err(RelayRefused::OtherNode),
            _ if skew > MAX_SKEW => Err(RelayRefused::Untimely),
            _ => Ok(opened),
        }
    }

    fn open_sealed(&self, sealed: &[u8]) -> Option<AuthenticRequest> {
        let (head, ciphertext) = sealed.split_first_chunk::<HEAD>()?;
        let (public, nonce) = head.split_last_chunk::<NONCE>()?;
        let (&VERSION, root) = public.split_first()? else { return None };
        let root = RootId::from_bytes(root.try_into().ok()?);
        let (_, key) = self.keys.iter().find(|(id, _)| *id == root)?;
        let associated = Canonical::new(Vec::new(), labels::RELAY_REQUEST).bytes(public).finish();
        let mut sealed = ciphertext.to_vec();
        let fields = key.open(nonce, &associated, &mut sealed)?;
        let (request, boot, sent_at) = RelayedRequest::decode(fields)?;
        Some(AuthenticRequest { request, boot, sent_at, exchange: Exchange { key: key.clone(), nonce: *nonce } })
    }
}

impl<'a> UntrustedRequest<'a> {
    /// What came as the body of a relayed request.
    #[must_use]
    pub const fn new(sealed: &'a [u8]) -> Self {
        Self(sealed)
    }
}

impl AuthenticRequest {
    /// Takes it for the life of this node that has this boot.
    ///
    /// # Errors
    /// Where it is for another life, or for none: the exchange seals [`Reply::Stale`].
    pub fn current(self, boot: Incarnation) -> Result<CurrentRequest, Exchange> {
        let Self { request, boot: stated, sent_at, exchange } = self;
        if stated == Some(boot) { Ok(CurrentRequest { request, sent_at, exchange }) } else { Err(exchange) }
    }
}

impl CurrentRequest {
    /// Lets it count, once. `seen` has been kept since the life began.
    ///
    /// # Errors
    /// See [`RelayRefused`].
    pub fn once(self, seen: &mut SeenRequests, now: UnixTime) -> Result<VerifiedRequest, RelayRefused> {
        let (name, _) = self.exchange.nonce.split_first_chunk().expect("a nonce has 24 bytes");
        seen.admit(u64::from_be_bytes(*name), self.sent_at, now)?;
        Ok(VerifiedRequest { request: self.request, exchange: self.exchange })
    }
}

impl Exchange {
    /// Seals the reply of a node with this list of nodes.
    #[must_use]
    pub fn seal(&self, homes: HomesId, reply: &Reply, random: &mut impl CryptoRng) -> Vec<u8> {
        let mut sealed = Vec::with_capacity(512 + reply.body().len());
        let nonce = push_nonce(&mut sealed, random);
        let mut sealed = reply.encode(homes, sealed);
        self.key.seal(&nonce, &self.associated(), &mut sealed, NONCE);
        sealed
    }

    /// Believes the reply to this request and to no other: the list of nodes of the node that replies, and what it says.
    ///
    /// # Errors
    /// [`RelayRefused::Forged`].
    pub fn open(&self, sealed: &[u8]) -> Result<(HomesId, Reply), RelayRefused> {
        let mut sealed = sealed.to_vec();
        let opened = sealed.split_first_chunk_mut().and_then(|(nonce, sealed)| self.key.open(nonce, &self.associated(), sealed));
        opened.and_then(|fields| Reply::decode(fields)).ok_or(RelayRefused::Forged)
    }

    fn associated(&self) -> Vec<u8> {
        Canonical::new(Vec::new(), labels::RELAY_ANSWER).bytes(&self.nonce).finish()
    }
}

fn push_nonce(sealed: &mut Vec<u8>, random: &mut impl CryptoRng) -> [u8; NONCE] {
    let nonce = random::bytes(random);
    sealed.extend_from_slice(&nonce);
    nonce
}

impl fmt::Debug for Relays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|(root, _)| root)).finish()
    }
}

impl fmt::Debug for UntrustedRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UntrustedRequest(…)")
    }
}

impl fmt::Debug for AuthenticRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AuthenticRequest").field(&self.request).finish()
    }
}

impl fmt::Debug for CurrentRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CurrentRequest").field(&self.request).finish()
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Exchange(…)")
    }
}

impl fmt::Display for RelayRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Forged => "not sealed by a node of this fleet",
            Self::OtherNode => "for another node",
            Self::Untimely => "sent too long ago, or too far ahead",
            Self::Replayed => "came before",
            Self::Full => "too many relayed requests",
        })
    }
}

impl core::error::Error for RelayRefused {}
