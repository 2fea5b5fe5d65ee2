//! Signature keys and what they publish.
//!
//! `aws-lc-rs` signs where it is compiled in; `ed25519-dalek` and `p256` do elsewhere. The bytes are the same.

use alloc::{string::String, vec::Vec};
use core::fmt;

use ed25519_dalek::Signer;
use sha2::{Digest, Sha256};

use crate::crypto::{Secret, base64url};

/// A signature algorithm, by its JOSE name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// Ed25519 (RFC 8037).
    EdDsa,
    /// ECDSA with P-256 and SHA-256.
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-256. Needs the feature `aws-lc`.
    Rs256,
}

/// A key that signs.
#[derive(Clone)]
pub enum SigningKey {
    /// Ed25519.
    Ed25519(ed25519_dalek::SigningKey),
}

impl Algorithm {
    /// Its JOSE name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
        }
    }
}

impl SigningKey {
    /// The P-256 key of 48 derived bytes: big-endian, mod (n−1), plus 1.
    #[must_use]
    pub fn p256(_material: &Secret<48>) -> Self {
        todo!("the key helper")
    }

    /// Whether `signature` is this key's over `message`.
    #[must_use]
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Ed25519(key) => ed25519_dalek::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verifying_key().verify_strict(message, &signature).is_ok()),
        }
    }

    /// PASERK id of the public key: `k4.pid.…`.
    #[must_use]
    pub fn paserk_id(&self) -> String {
        todo!("the key helper")
    }

    /// The Ed25519 key of a seed.
    #[must_use]
    pub fn ed25519(seed: &Secret<32>) -> Self {
        Self::Ed25519(ed25519_dalek::SigningKey::from_bytes(seed.expose()))
    }

    /// Its algorithm.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        Algorithm::EdDsa
    }

    /// The signature of `message`, as JWS wants it.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Ed25519(key) => key.sign(message).to_vec(),
        }
    }

    /// RFC 7638 thumbprint of the public key.
    #[must_use]
    pub fn kid(&self) -> String {
        match self {
            Self::Ed25519(key) => {
                let x = base64url::encode(key.verifying_key().as_bytes());
                let jwk = alloc::format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
                base64url::encode(&Sha256::digest(jwk.as_bytes()))
            }
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.kid())
    }
}
