//! The compact serialization of JWS (RFC 7515 §7.1): three base64url segments between dots.

use alloc::{string::String, vec::Vec};

use memchr::memchr_iter;

use super::base64url;

/// A compact JWS, split; nothing about it is checked yet.
#[derive(Clone, Copy, Debug)]
pub struct Compact<'a> {
    /// The protected header, still base64url.
    pub header: &'a str,
    /// The payload, still base64url.
    pub payload: &'a str,
    /// The signature, still base64url.
    pub signature: &'a str,
    /// What was signed: header, dot, payload.
    pub signed: &'a str,
}

impl<'a> Compact<'a> {
    /// `None` unless there are exactly three segments.
    #[must_use]
    pub fn split(token: &'a str) -> Option<Self> {
        let mut dots = memchr_iter(b'.', token.as_bytes());
        let (first, second) = (dots.next()?, dots.next()?);
        let [(header, _), (signed, signature)] = [first, second].map(|dot| (&token[..dot], &token[dot + 1..]));
        dots.next().is_none().then_some(Self { header, payload: &signed[first + 1..], signature, signed })
    }
}

/// `header` (base64url already), the payload and the signature that `sign` makes over both.
pub fn assemble<S: AsRef<[u8]>>(header: &str, payload: &[u8], sign: impl FnOnce(&[u8]) -> S) -> String {
    let mut token = signing_input(header, payload);
    let signature = sign(&token);
    token.push(b'.');
    base64url::push(signature.as_ref(), &mut token);
    String::from_utf8(token).expect("base64url and dots are ASCII")
}

/// `header` (base64url already) and the payload: what is signed (RFC 7515 §5.1), with room for a signature of 64 bytes.
#[must_use]
pub fn signing_input(header: &str, payload: &[u8]) -> Vec<u8> {
    let mut token = Vec::with_capacity(header.len() + payload.len() * 4 / 3 + 96);
    token.extend_from_slice(header.as_bytes());
    token.push(b'.');
    base64url::push(payload, &mut token);
    token
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_segments_and_no_other_number() {
        let parts = Compact::split("a.b.c").unwrap();
        assert_eq!((parts.header, parts.payload, parts.signature, parts.signed), ("a", "b", "c", "a.b"));
        assert!(Compact::split("a.b").is_none());
        assert!(Compact::split("a.b.c.d").is_none());
        assert!(Compact::split("").is_none());
    }
}
