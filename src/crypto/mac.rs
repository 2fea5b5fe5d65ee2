//! HMAC-SHA-256 (RFC 2104), keyed once and cloned for each use.

use core::fmt;

use hmac::{Hmac, KeyInit, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::{Canonical, Secret, canonical::Sink};

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
}

impl PartialEq for Mac {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Mac {}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mac(…)")
    }
}

/// A MAC in progress.
#[derive(Clone)]
pub struct MacState(Hmac<Sha256>);

impl Sink for MacState {
    fn absorb(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }
}

impl MacState {
    /// The MAC over all that was absorbed.
    #[must_use]
    pub fn finish(self) -> Mac {
        Mac(self.0.finalize().into_bytes().into())
    }
}

impl Canonical<MacState> {
    /// The MAC over the fields written so far.
    #[must_use]
    pub fn mac(self) -> Mac {
        self.finish().finish()
    }
}

impl fmt::Debug for MacState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacState(…)")
    }
}

/// A key with its two HMAC blocks already absorbed.
#[derive(Clone)]
pub struct MacKey(MacState);

impl MacKey {
    /// Prepares `key`.
    #[must_use]
    pub fn new(key: &Secret<32>) -> Self {
        Self::of_any_length(key.expose())
    }

    /// Prepares a key that was made elsewhere, of any length.
    #[must_use]
    pub fn of_any_length(key: &[u8]) -> Self {
        Self(MacState(Hmac::new_from_slice(key).expect("HMAC takes keys of any length")))
    }

    /// The MAC over `message` as it is, for formats that aren't ours.
    #[must_use]
    pub fn of_message(&self, message: &[u8]) -> Mac {
        let mut state = self.0.clone();
        state.absorb(message);
        state.finish()
    }

    /// A canonical writer under this key, after the field `label`.
    #[must_use]
    pub fn begin(&self, label: &str) -> Canonical<MacState> {
        Canonical::new(self.0.clone(), label)
    }

    /// The plain HMAC of `message`, for formats of others, which have no fields.
    #[must_use]
    pub fn raw(&self, message: &[u8]) -> Mac {
        let mut state = self.0.clone();
        state.absorb(message);
        state.finish()
    }

    /// This key with the constant first fields of `prefix` absorbed, for messages that share them.
    #[must_use]
    pub fn with_prefix(prefix: Canonical<MacState>) -> Self {
        Self(prefix.finish())
    }

    /// A canonical writer that goes on after the prefix.
    #[must_use]
    pub fn resume(&self) -> Canonical<MacState> {
        Canonical::resume(self.0.clone())
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacKey(…)")
    }
}
