//! Signatures by `aws-lc-rs`: about twice as fast, and RSA (RustCrypto's has RUSTSEC-2023-0071).
//!
//! P-256 draws its nonces from aws-lc's own generator.

use alloc::vec;

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
        ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair,
    },
};

use super::{public::Parts, signing::Signature};
use crate::crypto::Secret;

/// A private key.
#[derive(Clone)]
pub(super) enum Signer {
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

/// A public key, ready to check signatures.
#[derive(Clone)]
pub(super) struct Verifier(ParsedPublicKey);

impl Signer {
    pub(super) fn ed25519(seed: &Secret<32>) -> Self {
        Self::Ed25519(Ed25519KeyPair::from_seed_unchecked(seed.expose()).expect("32 bytes are always a seed"))
    }

    /// Of a scalar, 1 to n−1.
    pub(super) fn p256(scalar: &Secret<32>) -> Self {
        let key = p256::ecdsa::SigningKey::from_slice(scalar.expose()).expect("the scalar is 1 to n−1");
        let point = key.verifying_key().to_sec1_point(false);
        let pair =
            EcdsaKeyPair::from_private_key_and_public_key(&ECDSA_P256_SHA256_FIXED_SIGNING, scalar.expose(), point.as_bytes());
        Self::P256(pair.expect("p256 computed the point of this scalar"))
    }

    /// PKCS#8, of any kind that signs here.
    pub(super) fn from_pkcs8(der: &[u8]) -> Option<Self> {
        if let Ok(pair) = Ed25519KeyPair::from_pkcs8(der) {
            return Some(Self::Ed25519(pair));
        }
        if let Ok(pair) = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der) {
            return Some(Self::P256(pair));
        }
        RsaKeyPair::from_pkcs8(der).ok().and_then(Self::rsa)
    }

    /// SEC1 (RFC 5915), P-256 only.
    pub(super) fn from_sec1(der: &[u8]) -> Option<Self> {
        EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_FIXED_SIGNING, der).ok().map(Self::P256)
    }

    /// PKCS#1 (RFC 8017).
    pub(super) fn from_pkcs1(der: &[u8]) -> Option<Self> {
        RsaKeyPair::from_der(der).ok().and_then(Self::rsa)
    }

    /// aws-lc takes no fewer than 2048 bits itself; said here again, since the promise is ours.
    fn rsa(pair: RsaKeyPair) -> Option<Self> {
        (pair.public_modulus_len() >= 256).then_some(Self::Rsa(pair))
    }

    pub(super) fn public(&self) -> Parts {
        match self {
            Self::Ed25519(pair) => Parts::Ed25519(pair.public_key().as_ref().try_into().expect("Ed25519 keys have 32 bytes")),
            Self::P256(pair) => Parts::P256(pair.public_key().as_ref().try_into().expect("P-256 points have 65 bytes")),
            Self::Rsa(pair) => {
                let key = pair.public_key();
                Parts::Rsa {
                    modulus: key.modulus().big_endian_without_leading_zero().into(),
                    exponent: key.exponent().big_endian_without_leading_zero().into(),
                    der: key.as_ref().into(),
                }
            }
        }
    }

    pub(super) fn sign(&self, message: &[u8]) -> Signature {
        match self {
            Self::Ed25519(pair) => short(&pair.sign(message)),
            Self::P256(pair) => short(&pair.sign(&SystemRandom::new(), message).expect("a checked key signs")),
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).expect("a checked key signs");
                Signature::long(signature.into())
            }
        }
    }
}

fn short(signature: &aws_lc_rs::signature::Signature) -> Signature {
    Signature::short(signature.as_ref().try_into().expect("both have 64 bytes"))
}

impl Verifier {
    /// `None` for what is no public key.
    pub(super) fn new(parts: &Parts) -> Option<Self> {
        let key = match parts {
            Parts::Ed25519(bytes) => ParsedPublicKey::new(&ED25519, bytes),
            Parts::P256(point) => ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point),
            Parts::Rsa { der, .. } => ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der),
        };
        key.ok().map(Self)
    }

    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.0.verify_sig(message, signature).is_ok()
    }
}
