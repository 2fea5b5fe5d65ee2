//! HMAC-SHA-256 (RFC 2104), keyed once and cloned for each use.

use alloc::vec::Vec;
use core::{array, fmt};

use hmac::{Hmac, KeyInit, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::{Canonical, Secret, canonical::Sink};

/// Fields that have more bytes together are rare.
const USUAL_LENGTH: usize = 224;

/// A 32-byte HMAC-SHA-256 value, compared in constant time.
#[derive(Clone, Copy)]
pub struct Mac([u8; 32]);

impl Mac {
    /// A value that came from outside; only comparing says whether it is right.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// In words, which are compared faster than bytes.
    fn words(&self) -> [u64; 4] {
        let (words, _) = self.0.as_chunks();
        array::from_fn(|at| u64::from_ne_bytes(words[at]))
    }
}

impl PartialEq for Mac {
    fn eq(&self, other: &Self) -> bool {
        self.words().ct_eq(&other.words()).into()
    }
}

impl Eq for Mac {}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mac(…)")
    }
}

/// A key with its two HMAC blocks already absorbed.
#[derive(Clone)]
pub struct MacKey(Hmac<Sha256>);

/// The fields of a MAC in progress. They are collected first: hashed in one piece they cost least.
pub struct MacFields<'k> {
    key: &'k MacKey,
    fields: Vec<u8>,
}

impl Sink for MacFields<'_> {
    #[inline]
    fn absorb(&mut self, bytes: &[u8]) {
        self.fields.extend_from_slice(bytes);
    }
}

impl Canonical<MacFields<'_>> {
    /// The MAC over the fields written so far.
    #[must_use]
    pub fn mac(self) -> Mac {
        let MacFields { key, fields } = self.finish();
        key.of_message(&fields)
    }
}

impl fmt::Debug for MacFields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacFields(…)")
    }
}

impl MacKey {
    /// Prepares `key`.
    #[must_use]
    pub fn new(key: &Secret<32>) -> Self {
        Self::of_any_length(key.expose())
    }

    /// Prepares a key that was made elsewhere, of any length.
    #[must_use]
    pub fn of_any_length(key: &[u8]) -> Self {
        Self(Hmac::new_from_slice(key).expect("HMAC takes keys of any length"))
    }

    /// The MAC over `message` as it is, for formats that aren't ours, which have no fields.
    #[must_use]
    pub fn of_message(&self, message: &[u8]) -> Mac {
        let mut hmac = self.0.clone();
        hmac.update(message);
        Mac(hmac.finalize().into_bytes().into())
    }

    /// A canonical writer under this key, after the field `label`.
    #[must_use]
    pub fn begin(&self, label: &str) -> Canonical<MacFields<'_>> {
        self.resume().text(label)
    }

    /// This key with the constant first fields of `prefix` absorbed, for messages that share them.
    #[must_use]
    pub fn with_prefix(prefix: Canonical<MacFields<'_>>) -> Self {
        let MacFields { key, fields } = prefix.finish();
        let mut hmac = key.0.clone();
        hmac.update(&fields);
        Self(hmac)
    }

    /// A canonical writer that goes on after the prefix.
    #[must_use]
    pub fn resume(&self) -> Canonical<MacFields<'_>> {
        Canonical::resume(MacFields { key: self, fields: Vec::with_capacity(USUAL_LENGTH) })
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacKey(…)")
    }
}
