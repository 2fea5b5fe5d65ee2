//! How access tokens are made, and with which keys.

use alloc::vec::Vec;

use zeroize::Zeroizing;

use crate::keyring::SigningKey;

/// Format and algorithm of access tokens: one for a fleet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessAlgorithm {
    /// JWT with Ed25519.
    EdDsa,
    /// JWT with ECDSA P-256.
    Es256,
    /// JWT with RSA (PKCS#1 v1.5, SHA-256); its keys are configured, never derived.
    Rs256,
    /// JWT with HMAC-SHA-256.
    Hs256,
    /// PASETO v4.public.
    V4Public,
    /// PASETO v4.local. Needs the feature `std`.
    V4Local,
}

/// Where the keys of access tokens come from. The first signs, all are accepted.
#[derive(Clone, Debug, Default)]
pub enum AccessKeys {
    /// One is derived from each root secret; not for RS256 and HS256.
    #[default]
    Derived,
    /// Of a key file (see [`keyring::pem`](crate::keyring::pem)): 1 to 10; the first is of the fleet's algorithm.
    Configured(Vec<SigningKey>),
    /// Keys of HS256, 1 to 10 of at least 32 bytes.
    Shared(Vec<SharedKey>),
}

/// A key of HS256 that was made elsewhere, as djangorestframework-simplejwt's `SIGNING_KEY`: the bytes of its text.
#[derive(Clone)]
pub struct SharedKey(Zeroizing<Vec<u8>>);

impl AccessAlgorithm {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::EdDsa, Self::Es256, Self::Rs256, Self::Hs256, Self::V4Public, Self::V4Local];

    /// The inverse of [`AccessAlgorithm::name`].
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// Its name in the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
            Self::Hs256 => "HS256",
            Self::V4Public => "v4.public",
            Self::V4Local => "v4.local",
        }
    }

    /// Whether tokens are PASETO, which has one audience and spells times as ISO 8601.
    #[must_use]
    pub const fn is_paseto(self) -> bool {
        matches!(self, Self::V4Public | Self::V4Local)
    }
}

impl SharedKey {
    /// The fewest bytes (RFC 7518 §3.2).
    pub const MIN_BYTES: usize = 32;

    /// `None` for fewer than [`SharedKey::MIN_BYTES`].
    #[must_use]
    pub fn new(bytes: impl Into<Vec<u8>>) -> Option<Self> {
        let bytes = Zeroizing::new(bytes.into());
        (bytes.len() >= Self::MIN_BYTES).then_some(Self(bytes))
    }

    pub(super) fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl core::fmt::Debug for SharedKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("SharedKey(…)")
    }
}
