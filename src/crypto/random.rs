//! Random bytes from the generator that a caller hands in; nothing here reads the system's own.

use rand_core::CryptoRng;

/// `N` bytes of `random`.
#[must_use]
pub fn bytes<const N: usize>(random: &mut (impl CryptoRng + ?Sized)) -> [u8; N] {
    let mut bytes = [0; N];
    random.fill_bytes(&mut bytes);
    bytes
}
