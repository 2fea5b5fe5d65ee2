//! Client binding: a challenge that only the client that asked for it can redeem (RFC 7636, S256 only).

use core::fmt;

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::crypto::base64url;

/// `code_challenge`: SHA-256 of the client's verifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding([u8; 32]);

/// `code_verifier`: 43 to 128 unreserved characters (RFC 7636 §4.1).
#[derive(Clone, Copy)]
pub struct Verifier<'a>(&'a str);

/// As clients write it. Some make up a challenge, in a test say, and its last character stands for bits that aren't there.
const OF_CLIENTS: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

impl Binding {
    /// Reads a client's `code_challenge`: 43 characters of base64url, whatever the bits are that stand for nothing.
    #[must_use]
    pub fn from_client(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        let length = OF_CLIENTS.decode_slice(text, &mut bytes).ok()?;
        (length == 32).then_some(Self(bytes))
    }

    /// Reads base64url of 32 bytes, in the only way that we write it; `None` for anything else.
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
    fn a_clients_challenge_is_read_whatever_its_spare_bits_are() {
        let text = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
        let spare = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cN";
        assert_eq!(Binding::from_client(spare), Binding::from_text(text));
        assert_eq!((Binding::from_text(spare), Binding::from_client(&"x".repeat(43)).is_some()), (None, true));
        for bad in ["", &text[1..], &format!("{text}A"), &format!("{text}="), &"~".repeat(43), &"+".repeat(43)] {
            assert_eq!(Binding::from_client(bad), None, "{bad}");
        }
    }

    #[test]
    fn verifiers_are_judged() {
        assert!(Verifier::new(&"a".repeat(42)).is_none());
        assert!(Verifier::new(&"a".repeat(129)).is_none());
        assert!(Verifier::new(&"+".repeat(43)).is_none());
        assert!(Verifier::new(&"~".repeat(128)).is_some());
    }
}
