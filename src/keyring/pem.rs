//! Signature keys from files: PEM with PKCS#8, PKCS#1 (RSA) or SEC1 (P-256); several in one file.

use alloc::vec::Vec;
use core::fmt;

use rustls_pki_types::pem::{PemObject as _, SectionKind};
use zeroize::Zeroizing;

use super::{MAX_ROOTS, SigningKey, aws_lc::Signer};

/// The most keys in a file: as many as root secrets, since all are published.
pub const MAX_KEYS: usize = MAX_ROOTS;

/// Why a text holds no usable keys. Places count the private keys from 0, in the file's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFileError {
    /// It isn't PEM.
    Malformed,
    /// There is no private key in it.
    Empty,
    /// More than [`MAX_KEYS`].
    TooMany,
    /// A key is encrypted.
    Encrypted,
    /// The key at this place is none of RSA with 2048 to 8192 bits, P-256 and Ed25519.
    Unusable(usize),
    /// The key at this place stands in the file twice.
    Repeated(usize),
}

/// The private keys of a PEM text in its order; 1 to 10, all different. What isn't a private key is skipped:
/// `EC PARAMETERS`, certificates.
///
/// # Errors
/// See [`KeyFileError`].
pub fn read_pem(text: &str) -> Result<Vec<SigningKey>, KeyFileError> {
    if text.lines().any(|line| line.starts_with("-----BEGIN ENCRYPTED") || line.starts_with("Proc-Type:")) {
        return Err(KeyFileError::Encrypted);
    }
    let mut keys: Vec<SigningKey> = Vec::new();
    for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(text.as_bytes()) {
        let (kind, der) = section.map_err(|_| KeyFileError::Malformed)?;
        let der = Zeroizing::new(der);
        let signer = match kind {
            SectionKind::PrivateKey => Signer::from_pkcs8(&der),
            SectionKind::RsaPrivateKey => Signer::from_pkcs1(&der),
            SectionKind::EcPrivateKey => Signer::from_sec1(&der),
            _ => continue,
        };
        let key = SigningKey::of(signer.ok_or(KeyFileError::Unusable(keys.len()))?);
        if keys.iter().any(|other| other.public() == key.public()) {
            return Err(KeyFileError::Repeated(keys.len()));
        }
        keys.push(key);
    }
    match keys.len() {
        0 => Err(KeyFileError::Empty),
        1..=MAX_KEYS => Ok(keys),
        _ => Err(KeyFileError::TooMany),
    }
}

impl fmt::Display for KeyFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("this is not PEM"),
            Self::Empty => f.write_str("there is no private key in it"),
            Self::TooMany => write!(f, "at most {MAX_KEYS} keys are allowed"),
            Self::Encrypted => f.write_str("encrypted keys can't be read; decrypt them first"),
            Self::Unusable(at) => write!(f, "key {} is neither RSA with 2048 to 8192 bits nor P-256 nor Ed25519", at + 1),
            Self::Repeated(at) => write!(f, "key {} stands in it twice", at + 1),
        }
    }
}

impl core::error::Error for KeyFileError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyring::Algorithm::{self, EdDsa, Es256, Rs256};

    const ED25519: &str = include_str!("../../tests/keys/ed25519.pem");
    const P256_PKCS8: &str = include_str!("../../tests/keys/p256-pkcs8.pem");
    const P256_SEC1: &str = include_str!("../../tests/keys/p256-sec1.pem");
    const RSA_PKCS1: &str = include_str!("../../tests/keys/rsa2048-pkcs1.pem");
    const RSA_PKCS8: &str = include_str!("../../tests/keys/rsa3072-pkcs8.pem");
    const RSA_1024: &str = include_str!("../../tests/keys/rsa1024.pem");
    const P384: &str = include_str!("../../tests/keys/p384.pem");
    const ENCRYPTED: &str = include_str!("../../tests/keys/encrypted.pem");

    fn algorithms(text: &str) -> Result<Vec<Algorithm>, KeyFileError> {
        Ok(read_pem(text)?.iter().map(SigningKey::algorithm).collect())
    }

    #[test]
    fn every_form_alone_and_together() {
        assert_eq!(algorithms(ED25519), Ok([EdDsa].into()));
        assert_eq!(algorithms(P256_PKCS8), Ok([Es256].into()));
        assert_eq!(algorithms(P256_SEC1), Ok([Es256].into()));
        assert_eq!(algorithms(RSA_PKCS1), Ok([Rs256].into()));
        assert_eq!(algorithms(RSA_PKCS8), Ok([Rs256].into()));
        let all = [RSA_PKCS1, P256_SEC1, ED25519, P256_PKCS8, RSA_PKCS8].concat();
        assert_eq!(algorithms(&all), Ok([Rs256, Es256, EdDsa, Es256, Rs256].into()));
        assert_eq!(algorithms(&all.replace('\n', "\r\n")).map(|all| all.len()), Ok(5));
    }

    #[test]
    fn what_the_keys_sign_they_verify() {
        for key in read_pem(&[RSA_PKCS1, P256_SEC1, ED25519, P256_PKCS8, RSA_PKCS8].concat()).unwrap() {
            let signature = key.sign(b"message");
            assert!(key.public().verify(b"message", signature.as_ref()), "{:?}", key.algorithm());
            assert!(!key.public().verify(b"massage", signature.as_ref()));
        }
        assert_eq!(read_pem(RSA_PKCS8).unwrap()[0].sign(b"").as_ref().len(), 384);
    }

    #[test]
    fn what_is_refused() {
        assert_eq!(algorithms(""), Err(KeyFileError::Empty));
        assert_eq!(algorithms("no PEM at all"), Err(KeyFileError::Empty));
        assert_eq!(algorithms(&ED25519[..60]), Err(KeyFileError::Malformed));
        assert_eq!(algorithms(&ED25519.replace("MC4C", "M*4C")), Err(KeyFileError::Malformed));
        assert_eq!(algorithms(&ED25519.replace("MC4C", "MC4D")), Err(KeyFileError::Unusable(0)));
        assert_eq!(algorithms(&[ED25519, RSA_1024].concat()), Err(KeyFileError::Unusable(1)), "fewer than 2048 bits");
        assert_eq!(algorithms(P384), Err(KeyFileError::Unusable(0)));
        assert_eq!(algorithms(ENCRYPTED), Err(KeyFileError::Encrypted));
        assert_eq!(algorithms(&[ED25519, P256_SEC1, ED25519].concat()), Err(KeyFileError::Repeated(2)));
        let public = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
        assert_eq!(algorithms(public), Err(KeyFileError::Empty));
    }
}
