//! Signature keys. `aws-lc-rs` signs where it is compiled in; `ed25519-dalek` and `p256` do elsewhere.

use alloc::{boxed::Box, string::String};
use core::fmt;

use p256::{
    U256,
    elliptic_curve::{
        Curve,
        bigint::{NonZero, U384},
    },
};

use super::{PublicKey, backend};
use crate::crypto::Secret;

/// A signature algorithm, by its JOSE name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// Ed25519 (RFC 8037). PASETO v4.public signs with it too.
    EdDsa,
    /// ECDSA with P-256 and SHA-256 (RFC 7518 §3.4).
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 §3.3). Needs the feature `aws-lc`.
    Rs256,
}

/// A key that signs, with its public key. Never printed.
#[derive(Clone)]
pub struct SigningKey {
    signer: backend::Signer,
    public: PublicKey,
}

/// A signature as JWS spells it: 64 bytes of Ed25519 or of P-256 (r ‖ s), or as many as an RSA key has.
#[derive(Clone, Debug)]
pub struct Signature(Bytes);

#[derive(Clone, Debug)]
enum Bytes {
    Short([u8; 64]),
    #[cfg_attr(not(feature = "aws-lc"), allow(dead_code, reason = "RSA signs only with aws-lc"))]
    Long(Box<[u8]>),
}

impl Algorithm {
    /// Its JOSE name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
        }
    }
}

impl SigningKey {
    /// The Ed25519 key of a seed (RFC 8032 §5.1.5).
    #[must_use]
    pub fn ed25519(seed: &Secret<32>) -> Self {
        Self::of(backend::Signer::ed25519(seed))
    }

    /// The P-256 key of 48 derived bytes: big-endian, mod (n−1), plus 1 (FIPS 186-5 §A.2.1). 128 bits more than the
    /// order make every key as likely as any other.
    #[must_use]
    pub fn p256(material: &Secret<48>) -> Self {
        let last = NonZero::new(p256::NistP256::ORDER.get().wrapping_sub(&U256::ONE)).expect("the order is far above 1");
        let scalar = U384::from_be_slice(material.expose()).rem(&last).wrapping_add(&U256::ONE);
        Self::of(backend::Signer::p256(&Secret::new(scalar.to_be_bytes().into())))
    }

    pub(super) fn of(signer: backend::Signer) -> Self {
        let public = PublicKey::of(signer.public());
        Self { signer, public }
    }

    /// Its algorithm.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.public.algorithm()
    }

    /// What checks its signatures.
    #[must_use]
    pub const fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The signature of `message`. Ed25519 signs the same way each time; P-256 with aws-lc does not.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Signature {
        self.signer.sign(message)
    }

    /// RFC 7638 thumbprint of the public key.
    #[must_use]
    pub fn kid(&self) -> String {
        self.public.kid()
    }
}

impl Signature {
    pub(super) const fn short(bytes: [u8; 64]) -> Self {
        Self(Bytes::Short(bytes))
    }

    #[cfg(feature = "aws-lc")]
    pub(super) const fn long(bytes: Box<[u8]>) -> Self {
        Self(Bytes::Long(bytes))
    }
}

impl AsRef<[u8]> for Signature {
    fn as_ref(&self) -> &[u8] {
        match &self.0 {
            Bytes::Short(bytes) => bytes,
            Bytes::Long(bytes) => bytes,
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.kid())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 48 bytes, big-endian, that stand for a number below 2¹²⁸ over n−1 times `multiple`.
    fn material(multiple: u64, plus: u64) -> Secret<48> {
        let last = p256::NistP256::ORDER.get().wrapping_sub(&U256::ONE);
        let number = last.resize::<{ U384::LIMBS }>().wrapping_mul(&U384::from_u64(multiple)).wrapping_add(&U384::from_u64(plus));
        Secret::new(number.to_be_bytes().into())
    }

    fn scalar_one() -> PublicKey {
        let mut one = [0; 32];
        one[31] = 1;
        SigningKey::of(backend::Signer::p256(&Secret::new(one))).public().clone()
    }

    #[test]
    fn p256_material_is_reduced_and_never_zero() {
        assert_eq!(*SigningKey::p256(&Secret::new([0; 48])).public(), scalar_one());
        assert_eq!(*SigningKey::p256(&material(1, 0)).public(), scalar_one(), "n−1 is 0 mod (n−1)");
        assert_eq!(*SigningKey::p256(&material(7_000, 0)).public(), scalar_one());
        let two = SigningKey::p256(&material(0, 1));
        assert_eq!(SigningKey::p256(&material(3, 1)).public(), two.public());
        assert_ne!(*two.public(), scalar_one());
        let _ = SigningKey::p256(&Secret::new([0xff; 48]));
    }

    #[test]
    fn what_is_signed_is_verified_and_nothing_else() {
        for key in [SigningKey::ed25519(&Secret::new([7; 32])), SigningKey::p256(&Secret::new([7; 48]))] {
            let signature = key.sign(b"message");
            let signature = signature.as_ref();
            assert_eq!(signature.len(), 64);
            assert!(key.public().verify(b"message", signature));
            assert!(!key.public().verify(b"massage", signature));
            assert!(!key.public().verify(b"message", &signature[..63]));
            assert!(!key.public().verify(b"message", &[signature, b"\0"].concat()));
            assert!(!key.public().verify(b"message", &[0; 64]));
            for bit in 0..512 {
                let mut altered = signature.to_vec();
                altered[bit / 8] ^= 1 << (bit % 8);
                assert!(!key.public().verify(b"message", &altered), "{:?}, bit {bit}", key.algorithm());
            }
        }
    }

    #[test]
    fn debug_shows_no_key() {
        let key = SigningKey::ed25519(&Secret::new([7; 32]));
        assert_eq!(alloc::format!("{key:?}"), alloc::format!("SigningKey({})", key.kid()));
    }
}
