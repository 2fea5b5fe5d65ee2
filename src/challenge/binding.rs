//! Client binding: a challenge that only the client that asked for it can redeem (RFC 7636, S256 only).

use core::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::crypto::base64url;

/// `code_challenge`: SHA-256 of the client's verifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding([u8; 32]);

/// `code_verifier`: 43 to 128 unreserved characters (RFC 7636 §4.1).
#[derive(Clone, Copy)]
pub struct Verifier<'a>(&'a str);

impl Binding {
    /// Reads base64url of 32 bytes; `None` for anything else.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        base64url::decode_array(text).map(Self)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether `verifier` is the one that this binding was made from: SHA-256(verifier) = binding.
    #[must_use]
    pub fn is_met_by(&self, verifier: Verifier<'_>) -> bool {
        let hash: [u8; 32] = Sha256::digest(verifier.0.as_bytes()).into();
        hash.ct_eq(&self.0).into()
    }
}

impl<'a> Verifier<'a> {
    /// `None` for a text that RFC 7636 doesn't allow as a verifier.
    #[must_use]
    pub fn new(text: &'a str) -> Option<Self> {
        let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        ((43..=128).contains(&text.len()) && text.bytes().all(unreserved)).then_some(Self(text))
    }
}

impl fmt::Debug for Verifier<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verifier(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_7636_appendix_b() {
        let binding = Binding::from_text("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM").unwrap();
        assert!(binding.is_met_by(Verifier::new("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk").unwrap()));
        assert!(!binding.is_met_by(Verifier::new("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXl").unwrap()));
    }

    #[test]
    fn verifiers_are_judged() {
        assert!(Verifier::new(&"a".repeat(42)).is_none());
        assert!(Verifier::new(&"a".repeat(129)).is_none());
        assert!(Verifier::new(&"+".repeat(43)).is_none());
        assert!(Verifier::new(&"~".repeat(128)).is_some());
    }
}
