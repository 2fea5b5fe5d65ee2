//! PASERK of version 4: how PASETO keys are written and named. Source: the PASERK specification, "Operations / ID".
//!
//! Our own, because pasetors draws randomness from an operating system, which the edge doesn't have; tests hold it to
//! pasetors' bytes.

use alloc::{format, string::String};

use blake2::{Blake2b, Digest as _, digest::consts::U33};

#[cfg(feature = "std")]
use crate::crypto::Secret;
use crate::crypto::base64url;

/// `k4.public.…`
pub(super) fn public(key: &[u8; 32]) -> String {
    format!("k4.public.{}", base64url::encode(key))
}

/// `k4.pid.…`
pub(super) fn public_id(key: &[u8; 32]) -> String {
    id("k4.pid.", &public(key))
}

/// `k4.lid.…`
#[cfg(feature = "std")]
pub(crate) fn local_id(key: &Secret<32>) -> String {
    id("k4.lid.", &zeroize::Zeroizing::new(format!("k4.local.{}", base64url::encode(key.expose()))))
}

/// id = header ‖ base64url(BLAKE2b-264(header ‖ paserk)).
fn id(header: &str, paserk: &str) -> String {
    let hash = Blake2b::<U33>::new().chain_update(header).chain_update(paserk).finalize();
    format!("{header}{}", base64url::encode(&hash))
}

#[cfg(all(test, feature = "std"))]
mod tests {

    use pasetors::{
        keys::{AsymmetricPublicKey, SymmetricKey},
        paserk::{FormatAsPaserk, Id},
        version4::V4,
    };

    use super::*;

    #[test]
    fn the_same_as_pasetors() {
        let text = |id: &dyn FormatAsPaserk| {
            let mut text = String::new();
            id.fmt(&mut text).unwrap();
            text
        };
        for byte in [0, 7, 255] {
            let bytes = [byte; 32];
            let local = SymmetricKey::<V4>::from(&bytes).unwrap();
            assert_eq!(local_id(&Secret::new(bytes)), text(&Id::from(&local)));
            let theirs = AsymmetricPublicKey::<V4>::from(&bytes).unwrap();
            assert_eq!(public_id(&bytes), text(&Id::from(&theirs)));
            assert_eq!(public(&bytes), text(&theirs));
        }
    }
}
