//! Sealing: XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha), whose nonces are long enough to be drawn at random.

#[cfg(feature = "aws-lc")]
mod aws_lc;
#[cfg(any(not(feature = "aws-lc"), test))]
mod rust_crypto;

use alloc::vec::Vec;
use core::fmt;

use super::Secret;
#[cfg(feature = "aws-lc")]
use aws_lc as backend;
#[cfg(not(feature = "aws-lc"))]
use rust_crypto as backend;

/// Bytes of a nonce.
pub const NONCE: usize = 24;
/// Bytes of a tag.
pub const TAG: usize = 16;

/// A key that seals and opens. Never printed; zeroized when dropped.
#[derive(Clone)]
pub struct SealKey(backend::Cipher);

impl SealKey {
    /// Prepares `key`.
    #[must_use]
    pub fn new(key: &Secret<32>) -> Self {
        Self(backend::Cipher::new(key))
    }

    /// Seals in place what stands in `buffer` from `start` on, and appends the tag. A nonce is used once.
    ///
    /// # Panics
    /// If `start` lies behind the end.
    pub fn seal(&self, nonce: &[u8; NONCE], associated: &[u8], buffer: &mut Vec<u8>, start: usize) {
        let tag = self.0.seal(nonce, associated, &mut buffer[start..]);
        buffer.extend_from_slice(&tag.expect("requests are limited to far less than 256 GiB"));
    }

    /// Opens in place what [`SealKey::seal`] made, tag included; `None` if anything differs.
    #[must_use]
    pub fn open<'a>(&self, nonce: &[u8; NONCE], associated: &[u8], sealed: &'a mut [u8]) -> Option<&'a mut [u8]> {
        let (message, tag) = sealed.split_last_chunk_mut::<TAG>()?;
        self.0.open(nonce, associated, message, tag)?;
        Some(message)
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_sealed_opens() {
        let key = SealKey::new(&Secret::new([1; 32]));
        let nonce = [2; NONCE];
        let mut buffer = b"clear, then sealed".to_vec();
        key.seal(&nonce, b"label", &mut buffer, 6);
        assert_eq!((&buffer[..6], buffer.len()), (&b"clear,"[..], 18 + TAG));
        let open =
            |nonce: &[u8; NONCE], label: &[u8], mut sealed: Vec<u8>| key.open(nonce, label, &mut sealed).map(|m| m.to_vec());
        assert_eq!(open(&nonce, b"label", buffer[6..].to_vec()).as_deref(), Some(&b" then sealed"[..]));
        assert_eq!(open(&nonce, b"lable", buffer[6..].to_vec()), None);
        assert_eq!(open(&[3; NONCE], b"label", buffer[6..].to_vec()), None);
        assert_eq!(open(&nonce, b"label", buffer[7..].to_vec()), None);
        assert_eq!(open(&nonce, b"label", buffer[buffer.len() - TAG + 1..].to_vec()), None, "shorter than a tag");
        for at in 6..buffer.len() {
            let mut altered = buffer[6..].to_vec();
            altered[at - 6] ^= 1;
            assert_eq!(open(&nonce, b"label", altered), None);
        }
    }

    #[cfg(feature = "aws-lc")]
    #[test]
    fn both_backends_seal_the_same() {
        let (key, nonce) = (Secret::new([1; 32]), core::array::from_fn(|at| u8::try_from(at).unwrap()));
        for length in [0, 1, 15, 16, 64, 65, 300, 5_000] {
            let [mut one, mut other] = [(); 2].map(|()| alloc::vec![3; length]);
            let tag = aws_lc::Cipher::new(&key).seal(&nonce, b"label", &mut one);
            assert_eq!(rust_crypto::Cipher::new(&key).seal(&nonce, b"label", &mut other), tag);
            assert_eq!(one, other);
            assert!(rust_crypto::Cipher::new(&key).open(&nonce, b"label", &mut one, &tag.unwrap()).is_some());
            assert!(aws_lc::Cipher::new(&key).open(&nonce, b"label", &mut other, &tag.unwrap()).is_some());
            assert_eq!((&one, one.iter().all(|byte| *byte == 3)), (&other, true));
        }
    }

    /// draft-irtf-cfrg-xchacha-03, appendix A.3.1: the tag.
    #[test]
    fn the_example_of_the_draft() {
        let key = SealKey::new(&Secret::new(core::array::from_fn(|at| 0x80 + u8::try_from(at).unwrap())));
        let nonce = core::array::from_fn(|at| 0x40 + u8::try_from(at).unwrap());
        let associated = [0x50, 0x51, 0x52, 0x53, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7];
        let message =
            "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.";
        let mut buffer = message.as_bytes().to_vec();
        key.seal(&nonce, &associated, &mut buffer, 0);
        let tag = [0xc0, 0x87, 0x59, 0x24, 0xc1, 0xc7, 0x98, 0x79, 0x47, 0xde, 0xaf, 0xd8, 0x78, 0x0a, 0xcf, 0x49];
        assert_eq!(buffer[message.len()..], tag);
    }
}
