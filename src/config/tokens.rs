//! `[tokens]`: access tokens, refresh tokens, and the envelope's format.

use super::SecretText;
use crate::keyring::EnvelopeFormat;

/// What a login is worth.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// Format and algorithm of access tokens.
    pub algorithm: AccessAlgorithm,
    /// `iss` of tokens and envelopes.
    pub issuer: String,
    /// `aud`: one or more; with PASETO exactly one.
    pub audiences: Vec<String>,
    /// Seconds of clock difference that are forgiven at `token/verify` and `/authz`.
    pub leeway: u64,
    /// `client_id` (RFC 9068 §2.2).
    pub client_id: String,
    /// Format and algorithm of envelopes.
    pub envelope_format: EnvelopeFormat,
    /// Seconds that an access token lives.
    pub access_lifetime: u64,
    /// Seconds from the login to the end of its session.
    pub refresh_lifetime: u64,
    /// Whether refreshing gives a new refresh token and ends the old one.
    pub rotate_refresh: bool,
    /// The claim that holds the user's id beside `sub`.
    pub user_id_claim: String,
    /// The content of `private_key_file`.
    pub private_keys: Option<SecretText>,
    /// Keys of HS256, the first signs; empty: one is derived from each root secret.
    pub hs256_secrets: Vec<SecretText>,
}

/// How access tokens are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessAlgorithm {
    /// JWT with Ed25519.
    EdDsa,
    /// JWT with ECDSA P-256.
    Es256,
    /// JWT with RSA; needs `private_key_file`.
    Rs256,
    /// JWT with HMAC-SHA-256.
    Hs256,
    /// PASETO v4.public.
    V4Public,
    /// PASETO v4.local.
    V4Local,
}
