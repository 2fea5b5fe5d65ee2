//! The generator that a server draws from, given to it by whoever starts it.

use std::convert::Infallible;

use rand_core::{TryCryptoRng, TryRng};

/// Fills bytes from a cryptographic generator that has its state elsewhere, as in the thread. So each handler has its own.
#[derive(Clone, Copy)]
pub(crate) struct Random(fn(&mut [u8]));

impl Random {
    /// `fill` is a cryptographic generator's, of as much use to several threads at once as to one.
    pub(crate) const fn new(fill: fn(&mut [u8])) -> Self {
        Self(fill)
    }

    /// So many bytes.
    pub(crate) fn bytes<const N: usize>(self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0(&mut bytes);
        bytes
    }
}

impl TryRng for Random {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_le_bytes(self.bytes()))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_le_bytes(self.bytes()))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0(bytes);
        Ok(())
    }
}

impl TryCryptoRng for Random {}
