//! The documents in which keys are published, made once: a key set (RFC 7517 §5) for each algorithm, and PASERK.

use alloc::{boxed::Box, format, string::String, vec::Vec};

use crate::{
    keyring::{Algorithm, EnvelopeFormat, Keyring, PublicKey, SigningKey},
    token::Sessions,
};

/// What stands under `/.well-known/`; each is a JSON text.
#[derive(Clone, Debug)]
pub struct KeyDocuments {
    /// `jwks.json`: all keys of access tokens. A v4.public key stands in it as an Ed25519 key.
    pub jwks: Box<str>,
    /// `jwks-eddsa.json`: those of them that are Ed25519.
    pub jwks_eddsa: Box<str>,
    /// `jwks-es256.json`: those that are P-256.
    pub jwks_es256: Box<str>,
    /// `jwks-rs256.json`: those that are RSA.
    pub jwks_rs256: Box<str>,
    /// `challenge-jwks.json`: all keys of envelopes.
    pub challenge_jwks: Box<str>,
    /// `paserk.json`: the keys of what is v4.public, access tokens first.
    pub paserk: Box<str>,
}

impl KeyDocuments {
    /// Of a fleet's access tokens and envelopes. In each document the key that signs comes first.
    #[must_use]
    pub fn new(sessions: &Sessions, keyring: &Keyring, envelopes: EnvelopeFormat) -> Self {
        let access = sessions.public_keys();
        let challenge: Vec<SigningKey> = keyring.roots().iter().map(|root| root.envelope_key(envelopes)).collect();
        let of = |algorithm| key_set(access.iter().filter(|key| key.algorithm() == algorithm));

        let access_paserk = access.iter().filter(|_| sessions.algorithm().is_paseto());
        let challenge_paserk = challenge.iter().filter(|_| envelopes == EnvelopeFormat::V4Public);
        let paserk =
            access_paserk.map(|key| paserk(key, "access")).chain(challenge_paserk.map(|key| paserk(key.public(), "challenge")));
        Self {
            jwks: key_set(access.iter()),
            jwks_eddsa: of(Algorithm::EdDsa),
            jwks_es256: of(Algorithm::Es256),
            jwks_rs256: of(Algorithm::Rs256),
            challenge_jwks: key_set(challenge.iter().map(SigningKey::public)),
            paserk: list(paserk),
        }
    }
}

fn key_set<'a>(keys: impl Iterator<Item = &'a PublicKey>) -> Box<str> {
    list(keys.map(PublicKey::jwk))
}

fn paserk(key: &PublicKey, purpose: &str) -> String {
    let named = key.paserk_id().zip(key.paserk());
    let (kid, paserk) = named.expect("v4.public keys are Ed25519");
    format!(r#"{{"kid":"{kid}","paserk":"{paserk}","use":"{purpose}"}}"#)
}

fn list(keys: impl Iterator<Item = String>) -> Box<str> {
    let keys: Vec<String> = keys.collect();
    format!(r#"{{"keys":[{}]}}"#, keys.join(",")).into()
}
