//! PASETO v4.public at byte level: pre-authentication encoding and the token's text.
//!
//! Our own, because it lets the server's Ed25519 backend sign; pasetors checks in tests that the bytes are the same.
//! Source: the PASETO specification, "Common Implementation Details" and "Version 4".

use alloc::{string::String, vec::Vec};

use super::base64url;

/// How every v4.public token starts.
pub const PUBLIC: &str = "v4.public.";

/// PAE(pieces) = LE64(count) ‖ for each piece LE64(length) ‖ piece.
#[must_use]
pub fn pre_authentication_encoding(pieces: &[&[u8]]) -> Vec<u8> {
    let mut encoded = Vec::with_capacity(8 + pieces.iter().map(|piece| piece.len() + 8).sum::<usize>());
    encoded.extend_from_slice(&(pieces.len() as u64).to_le_bytes());
    for piece in pieces {
        encoded.extend_from_slice(&(piece.len() as u64).to_le_bytes());
        encoded.extend_from_slice(piece);
    }
    encoded
}

/// A v4.public token, split and decoded; its signature isn't checked yet.
#[derive(Clone, Debug)]
pub struct Public<'a> {
    /// The message and, in its last 64 bytes, the signature.
    body: Vec<u8>,
    /// The footer, still base64url.
    pub footer: &'a str,
}

impl<'a> Public<'a> {
    /// `None` unless `token` is a v4.public token with a footer.
    #[must_use]
    pub fn split(token: &'a str) -> Option<Self> {
        let (body, footer) = token.strip_prefix(PUBLIC)?.split_once('.')?;
        let body = base64url::decode(body)?;
        (body.len() >= 64).then_some(Self { body, footer })
    }

    /// The message.
    #[must_use]
    pub fn message(&self) -> &[u8] {
        &self.body[..self.body.len() - 64]
    }

    /// The signature, 64 bytes.
    #[must_use]
    pub fn signature(&self) -> &[u8] {
        &self.body[self.body.len() - 64..]
    }

    /// What was signed, with an empty implicit assertion; `None` if the footer is no base64url.
    #[must_use]
    pub fn signed(&self) -> Option<Vec<u8>> {
        let footer = base64url::decode(self.footer)?;
        Some(pre_authentication_encoding(&[PUBLIC.as_bytes(), self.message(), &footer, b""]))
    }
}

/// The token of `message` and `footer`, signed by `sign`, with an empty implicit assertion.
pub fn assemble<S: AsRef<[u8]>>(message: Vec<u8>, footer: &str, sign: impl FnOnce(&[u8]) -> S) -> String {
    let signature = sign(&pre_authentication_encoding(&[PUBLIC.as_bytes(), &message, footer.as_bytes(), b""]));
    let mut body = message;
    body.extend_from_slice(signature.as_ref());
    let mut token = Vec::with_capacity(PUBLIC.len() + (body.len() + footer.len()) / 3 * 4 + 8);
    token.extend_from_slice(PUBLIC.as_bytes());
    base64url::push(&body, &mut token);
    token.push(b'.');
    base64url::push(footer.as_bytes(), &mut token);
    String::from_utf8(token).expect("base64url and dots are ASCII")
}
