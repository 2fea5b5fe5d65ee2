//! Which life of a node a request is for.

use core::fmt;

/// What a node draws at its start, so that what was sealed for an earlier life of it has nothing done. No secret, but
/// it travels sealed only.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Incarnation([u8; Self::BYTES]);

impl Incarnation {
    /// Its length.
    pub const BYTES: usize = 16;

    /// Made of random bytes, drawn once for each process.
    #[must_use]
    pub const fn from_random(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl fmt::Debug for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Incarnation(…)")
    }
}
