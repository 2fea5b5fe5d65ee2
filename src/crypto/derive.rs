//! One root secret, many keys.

use hkdf::Hkdf;
use sha2::Sha256;

use super::Secret;

/// key = HKDF-SHA-256(ikm = root, salt = none, info = label), `N` bytes (RFC 5869).
///
/// # Panics
/// If `N` is more than 8160, the most that HKDF-SHA-256 gives.
#[must_use]
pub fn derive<const N: usize>(root: &[u8], label: &str) -> Secret<N> {
    let mut key = [0; N];
    Hkdf::<Sha256>::new(None, root).expand(label.as_bytes(), &mut key).expect("N is a small constant");
    Secret::new(key)
}
