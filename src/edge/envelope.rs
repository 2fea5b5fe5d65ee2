//! Believes envelopes with public keys alone.

use alloc::{boxed::Box, vec::Vec};
use core::fmt;

use crate::{
    challenge::{Challenge, UntrustedEnvelope},
    crypto::{base64url, json::push_string},
    keyring::{EnvelopeFormat, PublicKey},
    time::UnixTime,
};

/// An envelope that isn't believed: one kind on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnvelopeInvalid;

/// An envelope that this fleet signed and that hasn't ended.
///
/// It says that somebody was sent a code, not to whom: whose it is only the engine can tell, which has the recipient, and
/// whether it was redeemed only the guard. So nothing that redeems takes this type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedEnvelope(Challenge);

/// Checks envelopes of one issuer.
#[derive(Clone, Debug)]
pub struct EnvelopeVerifier {
    /// `iss` as a JSON string, quotes included.
    issuer: Box<[u8]>,
    keys: Vec<Named>,
}

#[derive(Clone, Debug)]
struct Named {
    /// What stands in every envelope that this key signed: the JWS header or the PASETO footer, as base64url. It has one
    /// spelling, which pins `alg`, `typ` and `kid`.
    protected: Box<str>,
    key: PublicKey,
}

impl EnvelopeVerifier {
    /// For envelopes that are JWS; keys that are neither Ed25519 nor P-256 sign none.
    #[must_use]
    pub fn jwt(keys: impl IntoIterator<Item = PublicKey>, issuer: &str) -> Self {
        Self::new(&[EnvelopeFormat::EdDsa, EnvelopeFormat::Es256], keys, issuer)
    }

    /// For envelopes that are PASETO v4.public; keys that aren't Ed25519 sign none.
    #[must_use]
    pub fn v4_public(keys: impl IntoIterator<Item = PublicKey>, issuer: &str) -> Self {
        Self::new(&[EnvelopeFormat::V4Public], keys, issuer)
    }

    pub(crate) fn new(formats: &[EnvelopeFormat], keys: impl IntoIterator<Item = PublicKey>, issuer: &str) -> Self {
        let name = |key: PublicKey| {
            let protected = formats.iter().find_map(|format| format.protected(&key))?;
            Some(Named { protected: base64url::encode(protected.as_bytes()).into(), key })
        };
        let mut quoted = Vec::new();
        push_string(&mut quoted, issuer);
        Self { issuer: quoted.into(), keys: keys.into_iter().filter_map(name).collect() }
    }

    /// Believes an envelope. Pinned are `alg`, `typ` and `kid` (PASETO: version, purpose and footer), `iss`, `aud` and `exp`,
    /// and the one spelling of the claims.
    ///
    /// # Errors
    /// [`EnvelopeInvalid`], whatever is wrong.
    pub fn verify(&self, envelope: &str, now: UnixTime) -> Result<VerifiedEnvelope, EnvelopeInvalid> {
        self.believe(envelope, now).map(VerifiedEnvelope).ok_or(EnvelopeInvalid)
    }

    /// Whether it could check anything.
    pub(super) fn has_keys(&self) -> bool {
        !self.keys.is_empty()
    }

    /// Whether this would be an envelope of the issuer that lives, if only its key were here.
    pub(super) fn lacks_key_of(&self, envelope: &str, now: UnixTime) -> bool {
        UntrustedEnvelope::parse(envelope).is_some_and(|envelope| {
            let lives = now < envelope.untrusted_challenge().expires_at;
            let is_unknown = || self.keys.iter().all(|named| *named.protected != *envelope.protected());
            lives && *envelope.issuer_json() == *self.issuer && is_unknown()
        })
    }

    /// The signature is checked last: whoever replays what has ended makes nobody compute.
    fn believe(&self, envelope: &str, now: UnixTime) -> Option<Challenge> {
        let envelope = UntrustedEnvelope::parse(envelope)?;
        let lives = now < envelope.untrusted_challenge().expires_at;
        if !lives || *envelope.issuer_json() != *self.issuer {
            return None;
        }
        let named = self.keys.iter().find(|named| *named.protected == *envelope.protected())?;
        let [message, signature] = envelope.signed()?;
        named.key.verify(&message, &signature).then(|| envelope.into_challenge())
    }
}

impl VerifiedEnvelope {
    /// What it states.
    #[must_use]
    pub const fn challenge(&self) -> &Challenge {
        &self.0
    }
}

impl fmt::Display for EnvelopeInvalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the envelope is invalid or expired")
    }
}

impl core::error::Error for EnvelopeInvalid {}
