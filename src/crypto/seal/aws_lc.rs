//! XChaCha20-Poly1305 over `aws-lc-rs`, which has ChaCha20-Poly1305 (RFC 8439): HChaCha20 makes the message's own key out
//! of the key and the nonce's first 16 bytes, the other 8 are the nonce (draft-irtf-cfrg-xchacha §2.3).

use aws_lc_rs::aead::{self, Aad, CHACHA20_POLY1305, LessSafeKey, UnboundKey};
use chacha20::{R20, hchacha};
use zeroize::Zeroizing;

use super::{NONCE, TAG};
use crate::crypto::Secret;

#[derive(Clone)]
pub(super) struct Cipher(Secret<32>);

impl Cipher {
    pub(super) fn new(key: &Secret<32>) -> Self {
        Self(key.clone())
    }

    pub(super) fn seal(&self, nonce: &[u8; NONCE], associated: &[u8], message: &mut [u8]) -> Option<[u8; TAG]> {
        let (key, nonce) = self.of_one_message(nonce);
        let tag = key.seal_in_place_separate_tag(nonce, Aad::from(associated), message).ok()?;
        tag.as_ref().try_into().ok()
    }

    pub(super) fn open(&self, nonce: &[u8; NONCE], associated: &[u8], sealed: &mut [u8], tag: &[u8; TAG]) -> Option<()> {
        let (key, nonce) = self.of_one_message(nonce);
        key.open_in_place_separate_tag(nonce, Aad::from(associated), tag, sealed).ok().map(|_| ())
    }

    fn of_one_message(&self, nonce: &[u8; NONCE]) -> (LessSafeKey, aead::Nonce) {
        let (first, last) = nonce.split_first_chunk::<16>().expect("24 bytes are more than 16");
        let key = Zeroizing::new(hchacha::<R20>(self.0.expose().into(), first.into()));
        let key = UnboundKey::new(&CHACHA20_POLY1305, &key[..]).expect("32 bytes are a key");
        let mut nonce = [0; 12];
        nonce[4..].copy_from_slice(last);
        (LessSafeKey::new(key), aead::Nonce::assume_unique_for_key(nonce))
    }
}
