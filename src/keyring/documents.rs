//! The documents in which keys are published, made once: a key set (RFC 7517 §5) for each algorithm, and PASERK.

use alloc::{boxed::Box, string::String};

use super::{Algorithm, EnvelopeFormat, Keyring};
use crate::token::Sessions;

/// What stands under `/.well-known/`; each is a JSON text.
#[derive(Clone, Debug)]
pub struct KeyDocuments {
    /// `jwks.json`: all keys of access tokens.
    pub jwks: Box<str>,
    /// `jwks-eddsa.json`.
    pub jwks_eddsa: Box<str>,
    /// `jwks-es256.json`.
    pub jwks_es256: Box<str>,
    /// `jwks-rs256.json`.
    pub jwks_rs256: Box<str>,
    /// `challenge-jwks.json`: all keys of envelopes.
    pub challenge_jwks: Box<str>,
    /// `paserk.json`: the v4.public keys of access tokens and envelopes.
    pub paserk: Box<str>,
}

impl KeyDocuments {
    /// Of a fleet's access tokens and envelopes.
    #[must_use]
    pub fn new(_sessions: &Sessions, _keyring: &Keyring, _envelopes: EnvelopeFormat) -> Self {
        let _ = Algorithm::EdDsa;
        let _ = String::new();
        todo!()
    }
}
