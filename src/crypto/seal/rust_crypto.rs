//! XChaCha20-Poly1305 by RustCrypto.

use chacha20poly1305::{AeadInOut, KeyInit, XChaCha20Poly1305};

use super::{NONCE, TAG};
use crate::crypto::Secret;

#[derive(Clone)]
pub(super) struct Cipher(XChaCha20Poly1305);

impl Cipher {
    pub(super) fn new(key: &Secret<32>) -> Self {
        Self(XChaCha20Poly1305::new(key.expose().into()))
    }

    pub(super) fn seal(&self, nonce: &[u8; NONCE], associated: &[u8], message: &mut [u8]) -> Option<[u8; TAG]> {
        self.0.encrypt_inout_detached(nonce.into(), associated, message.into()).ok().map(Into::into)
    }

    pub(super) fn open(&self, nonce: &[u8; NONCE], associated: &[u8], sealed: &mut [u8], tag: &[u8; TAG]) -> Option<()> {
        self.0.decrypt_inout_detached(nonce.into(), associated, sealed.into(), tag.into()).ok()
    }
}
