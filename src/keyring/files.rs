//! Signature keys from files: PEM with PKCS#8, PKCS#1 (RSA) or SEC1 (P-256); several in one file.

use alloc::vec::Vec;
use core::fmt;

use super::SigningKey;

/// Why a text holds no usable keys. Places count from 1, in the file's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFileError {
    /// It isn't PEM.
    Malformed,
    /// There is no private key in it.
    Empty,
    /// More than 10.
    TooMany,
    /// A key is encrypted.
    Encrypted,
    /// The key at this place is none of RSA with 2048 to 8192 bits, P-256 and Ed25519.
    Unusable(usize),
    /// The key at this place stands in the file twice.
    Repeated(usize),
}

/// The private keys of a PEM text in its order; 1 to 10, all different. What isn't a private key is skipped.
///
/// # Errors
/// See [`KeyFileError`].
pub fn read_pem(_text: &str) -> Result<Vec<SigningKey>, KeyFileError> {
    todo!()
}

impl fmt::Display for KeyFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("this is not PEM"),
            Self::Empty => f.write_str("there is no private key in it"),
            Self::TooMany => write!(f, "at most {} keys are allowed", super::MAX_ROOTS),
            Self::Encrypted => f.write_str("encrypted keys can't be read; decrypt them first"),
            Self::Unusable(at) => write!(f, "key {at} is neither RSA with 2048 to 8192 bits nor P-256 nor Ed25519"),
            Self::Repeated(at) => write!(f, "key {at} stands in it twice"),
        }
    }
}

impl core::error::Error for KeyFileError {}
