//! Signatures by `ed25519-dalek` and `p256`: no C compiler, no operating system, no RSA.

use p256::{
    ecdsa::signature::{Signer as _, Verifier as _},
    elliptic_curve::point::AffineCoordinates as _,
};

use super::{public::Parts, signing::Signature};
use crate::crypto::Secret;

/// How an uncompressed point of SEC1 (§2.3.3) begins.
const UNCOMPRESSED: u8 = 4;

/// A private key.
#[derive(Clone)]
pub(super) enum Signer {
    Ed25519(ed25519_dalek::SigningKey),
    P256(p256::ecdsa::SigningKey),
}

/// A public key, ready to check signatures.
#[derive(Clone)]
pub(super) enum Verifier {
    Ed25519(ed25519_dalek::VerifyingKey),
    P256(p256::ecdsa::VerifyingKey),
}

impl Signer {
    pub(super) fn ed25519(seed: &Secret<32>) -> Self {
        Self::Ed25519(ed25519_dalek::SigningKey::from_bytes(seed.expose()))
    }

    /// Of a scalar, 1 to n−1.
    pub(super) fn p256(scalar: &Secret<32>) -> Self {
        Self::P256(p256::ecdsa::SigningKey::from_slice(scalar.expose()).expect("the scalar is 1 to n−1"))
    }

    pub(super) fn public(&self) -> Parts {
        match self {
            Self::Ed25519(key) => Parts::Ed25519(key.verifying_key().to_bytes()),
            Self::P256(key) => {
                let point = key.verifying_key().to_sec1_point(false);
                Parts::P256(point.as_bytes().try_into().expect("an uncompressed point has 65 bytes"))
            }
        }
    }

    pub(super) fn sign(&self, message: &[u8]) -> Signature {
        match self {
            Self::Ed25519(key) => Signature::short(key.sign(message).to_bytes()),
            Self::P256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(message);
                Signature::short(signature.to_bytes().into())
            }
        }
    }
}

impl Verifier {
    /// `None` for what is no public key.
    pub(super) fn new(parts: &Parts) -> Option<Self> {
        match parts {
            Parts::Ed25519(bytes) => ed25519_dalek::VerifyingKey::from_bytes(bytes).ok().map(Self::Ed25519),
            // By its coordinates: reading SEC1 would bring along what compressed points need.
            Parts::P256(point) => {
                let (x, y) = point.strip_prefix(&[UNCOMPRESSED])?.split_at(32);
                let point = p256::AffinePoint::from_coordinates(x.try_into().ok()?, y.try_into().ok()?);
                p256::ecdsa::VerifyingKey::from_affine(point.into_option()?).ok().map(Self::P256)
            }
            #[cfg(feature = "aws-lc")]
            Parts::Rsa { .. } => None,
        }
    }

    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Ed25519(key) => ed25519_dalek::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify_strict(message, &signature).is_ok()),
            Self::P256(key) => {
                p256::ecdsa::Signature::from_slice(signature).is_ok_and(|signature| key.verify(message, &signature).is_ok())
            }
        }
    }
}
