//! Root secrets and what is derived from them.

#[cfg(feature = "aws-lc")]
mod aws_lc;
pub(crate) mod paserk;
#[cfg(feature = "aws-lc")]
pub mod pem;
mod public;
#[cfg(any(not(feature = "aws-lc"), test))]
mod rust_crypto;
mod signing;

use alloc::{format, string::String, vec::Vec};
use core::fmt;

use zeroize::Zeroizing;

use crate::crypto::{Secret, base64url, derive, labels};

#[cfg(feature = "aws-lc")]
use aws_lc as backend;
pub use public::PublicKey;
#[cfg(not(feature = "aws-lc"))]
use rust_crypto as backend;
pub use signing::{Algorithm, Signature, SigningKey};

/// The most root secrets at once.
pub const MAX_ROOTS: usize = 10;
/// The fewest bytes of a root secret.
pub const MIN_ROOT_BYTES: usize = 32;

/// Root secrets in order: the first makes, all are accepted.
#[derive(Clone, Debug)]
pub struct Keyring(Vec<Root>);

/// One root secret. Keys of different purposes come out of it by [`Root::derive`].
#[derive(Clone)]
pub struct Root {
    bytes: Zeroizing<Vec<u8>>,
    id: RootId,
}

/// Names a root without revealing it, in what is only MACed or sealed, so that no one has to try several.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RootId([u8; 6]);

/// How envelopes are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnvelopeFormat {
    /// JWS with Ed25519.
    EdDsa,
    /// JWS with ECDSA P-256, for edges without EdDSA.
    Es256,
    /// PASETO v4.public.
    V4Public,
}

/// Why a list of secrets is no keyring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyringError {
    /// There is none.
    Empty,
    /// More than [`MAX_ROOTS`].
    TooMany,
    /// The secret at this place has fewer than [`MIN_ROOT_BYTES`].
    TooShort(usize),
    /// The secret at this place stands in the list twice.
    Repeated(usize),
}

impl Keyring {
    /// Judges the secrets.
    ///
    /// # Errors
    /// See [`KeyringError`].
    pub fn new(secrets: impl IntoIterator<Item = Vec<u8>>) -> Result<Self, KeyringError> {
        let mut roots: Vec<Root> = Vec::new();
        for (at, bytes) in secrets.into_iter().enumerate() {
            if bytes.len() < MIN_ROOT_BYTES {
                return Err(KeyringError::TooShort(at));
            }
            let id = RootId(*derive(&bytes, labels::ROOT_ID).expose());
            if roots.iter().any(|root| root.id == id) {
                return Err(KeyringError::Repeated(at));
            }
            roots.push(Root { bytes: Zeroizing::new(bytes), id });
        }
        match roots.len() {
            0 => Err(KeyringError::Empty),
            1..=MAX_ROOTS => Ok(Self(roots)),
            _ => Err(KeyringError::TooMany),
        }
    }

    /// All roots, the current one first; never empty.
    #[must_use]
    pub fn roots(&self) -> &[Root] {
        &self.0
    }

    /// The current root.
    #[must_use]
    pub fn current(&self) -> &Root {
        &self.0[0]
    }
}

impl Root {
    /// The key of one purpose: HKDF-SHA-256(root, label).
    #[must_use]
    pub fn derive<const N: usize>(&self, label: &str) -> Secret<N> {
        derive(&self.bytes, label)
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> RootId {
        self.id
    }

    /// The key that signs envelopes of `format`.
    #[must_use]
    pub fn envelope_key(&self, format: EnvelopeFormat) -> SigningKey {
        match format {
            EnvelopeFormat::EdDsa => SigningKey::ed25519(&self.derive(labels::ENVELOPE_EDDSA_KEY)),
            EnvelopeFormat::Es256 => SigningKey::p256(&self.derive(labels::ENVELOPE_ES256_KEY)),
            EnvelopeFormat::V4Public => SigningKey::ed25519(&self.derive(labels::ENVELOPE_PASETO_KEY)),
        }
    }
}

impl EnvelopeFormat {
    /// What names format and key in every envelope: the JWS header, or the PASETO footer. `None` for a key of another
    /// algorithm.
    #[must_use]
    pub fn protected(self, key: &PublicKey) -> Option<String> {
        if key.algorithm() != self.algorithm() {
            return None;
        }
        Some(match self {
            Self::V4Public => format!(r#"{{"kid":"{}"}}"#, key.paserk_id()?),
            Self::EdDsa | Self::Es256 => {
                format!(r#"{{"alg":"{}","kid":"{}","typ":"challenge+jwt"}}"#, key.algorithm().name(), key.kid())
            }
        })
    }

    const fn algorithm(self) -> Algorithm {
        match self {
            Self::EdDsa | Self::V4Public => Algorithm::EdDsa,
            Self::Es256 => Algorithm::Es256,
        }
    }
}

impl RootId {
    /// base64url, 8 characters.
    #[must_use]
    pub fn to_text(self) -> String {
        base64url::encode(&self.0)
    }

    /// The inverse of [`RootId::to_text`].
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        base64url::decode_array(text).map(Self)
    }

    /// The 6 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 6] {
        &self.0
    }

    /// From the 6 bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 6]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Root({})", self.id.to_text())
    }
}

impl fmt::Debug for RootId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text())
    }
}

impl fmt::Display for KeyringError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("at least one secret is needed"),
            Self::TooMany => write!(f, "at most {MAX_ROOTS} secrets are allowed"),
            Self::TooShort(at) => write!(f, "secret {} has fewer than {MIN_ROOT_BYTES} bytes", at + 1),
            Self::Repeated(at) => write!(f, "secret {} stands in the list twice", at + 1),
        }
    }
}

impl core::error::Error for KeyringError {}

#[cfg(all(test, feature = "aws-lc"))]
mod tests {
    use super::{PublicKey, Secret, aws_lc, rust_crypto};

    /// The two backends are one product: the same keys, and each verifies what the other signs.
    #[test]
    fn the_backends_agree() {
        for byte in 1..=20 {
            let secret = Secret::new([byte; 32]);
            let pairs = [
                (aws_lc::Signer::ed25519(&secret), rust_crypto::Signer::ed25519(&secret)),
                (aws_lc::Signer::p256(&secret), rust_crypto::Signer::p256(&secret)),
            ];
            for (one, other) in pairs {
                assert_eq!(PublicKey::of(one.public()), PublicKey::of(other.public()));
                let verifiers =
                    (aws_lc::Verifier::new(&one.public()).unwrap(), rust_crypto::Verifier::new(&one.public()).unwrap());
                for signature in [one.sign(b"message"), other.sign(b"message")] {
                    assert!(verifiers.0.verify(b"message", signature.as_ref()));
                    assert!(verifiers.1.verify(b"message", signature.as_ref()));
                    assert!(!verifiers.0.verify(b"massage", signature.as_ref()));
                    assert!(!verifiers.1.verify(b"massage", signature.as_ref()));
                }
            }
            let (one, other) = (aws_lc::Signer::ed25519(&secret), rust_crypto::Signer::ed25519(&secret));
            assert_eq!(one.sign(b"message").as_ref(), other.sign(b"message").as_ref());
        }
    }
}
