//! Public keys and how they are published: JWK (RFC 7517) with its thumbprint (RFC 7638), and PASERK.

#[cfg(feature = "aws-lc")]
use alloc::{boxed::Box, vec::Vec};
use alloc::{format, string::String};
use core::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};

use super::{Algorithm, backend, paserk};
use crate::crypto::base64url;

/// A key that checks signatures.
#[derive(Clone)]
pub struct PublicKey {
    parts: Parts,
    verifier: backend::Verifier,
}

/// What is published of a key.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Parts {
    Ed25519([u8; 32]),
    /// The uncompressed point: 4, x, y (SEC 1 §2.3.3).
    P256([u8; 65]),
    #[cfg(feature = "aws-lc")]
    Rsa {
        modulus: Box<[u8]>,
        exponent: Box<[u8]>,
        /// `RSAPublicKey` (RFC 8017 §A.1.1).
        der: Box<[u8]>,
    },
}

impl PublicKey {
    /// Of 32 bytes (RFC 8032 §5.1.5); `None` if they are no point of the curve.
    #[must_use]
    pub fn ed25519(bytes: &[u8; 32]) -> Option<Self> {
        Self::new(Parts::Ed25519(*bytes))
    }

    /// Of a point's coordinates; `None` if they are no point of the curve.
    #[must_use]
    pub fn p256(x: &[u8; 32], y: &[u8; 32]) -> Option<Self> {
        let mut point = [4; 65];
        point[1..33].copy_from_slice(x);
        point[33..].copy_from_slice(y);
        Self::new(Parts::P256(point))
    }

    /// Of an RSA key's numbers, big-endian without leading zeros (RFC 7518 §6.3.1); `None` unless it has 2048 to 8192 bits.
    #[cfg(feature = "aws-lc")]
    #[must_use]
    pub fn rsa(modulus: &[u8], exponent: &[u8]) -> Option<Self> {
        let is_short_form = |number: &[u8]| number.first().is_some_and(|first| *first != 0);
        if ![modulus, exponent].into_iter().all(is_short_form) || !(256..=1024).contains(&modulus.len()) {
            return None;
        }
        let numbers = [der_integer(modulus), der_integer(exponent)].concat();
        let der = der(0x30, &numbers).into();
        Self::new(Parts::Rsa { modulus: modulus.into(), exponent: exponent.into(), der })
    }

    fn new(parts: Parts) -> Option<Self> {
        backend::Verifier::new(&parts).map(|verifier| Self { parts, verifier })
    }

    /// Of a private key's own parts.
    pub(super) fn of(parts: Parts) -> Self {
        Self::new(parts).expect("a private key has a public key")
    }

    /// The algorithm of its signatures, and of no others.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        match self.parts {
            Parts::Ed25519(_) => Algorithm::EdDsa,
            Parts::P256(_) => Algorithm::Es256,
            #[cfg(feature = "aws-lc")]
            Parts::Rsa { .. } => Algorithm::Rs256,
        }
    }

    /// Whether `signature` is this key's over `message`.
    #[must_use]
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.verifier.verify(message, signature)
    }

    /// RFC 7638 thumbprint: base64url of SHA-256 over the required members in lexical order.
    #[must_use]
    pub fn kid(&self) -> String {
        let members = match &self.parts {
            Parts::Ed25519(x) => format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, base64url::encode(x)),
            Parts::P256(point) => {
                let (x, y) = coordinates(point);
                format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#)
            }
            #[cfg(feature = "aws-lc")]
            Parts::Rsa { modulus, exponent, .. } => {
                format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, base64url::encode(exponent), base64url::encode(modulus))
            }
        };
        base64url::encode(&Sha256::digest(members.as_bytes()))
    }

    /// As a JWK with `kid`, `alg` and `use`. Ed25519 is called by its curve in `crv` and `EdDSA` in `alg`: proxies refuse
    /// the newer name of RFC 9864.
    #[must_use]
    pub fn jwk(&self) -> String {
        let members = match &self.parts {
            Parts::Ed25519(x) => format!(r#""kty":"OKP","crv":"Ed25519","x":"{}""#, base64url::encode(x)),
            Parts::P256(point) => {
                let (x, y) = coordinates(point);
                format!(r#""kty":"EC","crv":"P-256","x":"{x}","y":"{y}""#)
            }
            #[cfg(feature = "aws-lc")]
            Parts::Rsa { modulus, exponent, .. } => {
                format!(r#""kty":"RSA","n":"{}","e":"{}""#, base64url::encode(modulus), base64url::encode(exponent))
            }
        };
        format!(r#"{{{members},"kid":"{}","alg":"{}","use":"sig"}}"#, self.kid(), self.algorithm().name())
    }

    /// As PEM (RFC 7468 §13): a SubjectPublicKeyInfo, of RFC 8410 for Ed25519, RFC 5480 for P-256 and RFC 3279 for RSA.
    #[must_use]
    pub fn pem(&self) -> String {
        let info = match &self.parts {
            Parts::Ed25519(x) => [&ED25519_INFO[..], x].concat(),
            Parts::P256(point) => [&P256_INFO[..], point].concat(),
            #[cfg(feature = "aws-lc")]
            Parts::Rsa { der: key, .. } => der(0x30, &[&RSA_ALGORITHM[..], &der(3, &[&[0], &**key].concat())].concat()),
        };
        let mut pem = String::from("-----BEGIN PUBLIC KEY-----\n");
        let base64 = STANDARD.encode(info);
        let mut rest = &*base64;
        while !rest.is_empty() {
            let (line, others) = rest.split_at(rest.len().min(64));
            pem.push_str(line);
            pem.push('\n');
            rest = others;
        }
        pem.push_str("-----END PUBLIC KEY-----\n");
        pem
    }

    /// As PASERK `k4.public`; `None` for what isn't Ed25519.
    #[must_use]
    pub fn paserk(&self) -> Option<String> {
        self.ed25519_bytes().map(paserk::public)
    }

    /// As PASERK `k4.pid`; `None` for what isn't Ed25519.
    #[must_use]
    pub fn paserk_id(&self) -> Option<String> {
        self.ed25519_bytes().map(paserk::public_id)
    }

    const fn ed25519_bytes(&self) -> Option<&[u8; 32]> {
        if let Parts::Ed25519(bytes) = &self.parts { Some(bytes) } else { None }
    }
}

/// What stands before the 32 bytes of an Ed25519 key (RFC 8410 §4).
const ED25519_INFO: [u8; 12] = [0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0];
/// What stands before the point of a P-256 key (RFC 5480 §2).
const P256_INFO: [u8; 26] =
    [0x30, 0x59, 0x30, 0x13, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7, 3, 0x42, 0];
/// `rsaEncryption` with its NULL (RFC 3279 §2.3.1).
#[cfg(feature = "aws-lc")]
const RSA_ALGORITHM: [u8; 15] = [0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 13, 1, 1, 1, 5, 0];

/// An INTEGER that isn't negative (X.690 §8.3).
#[cfg(feature = "aws-lc")]
fn der_integer(number: &[u8]) -> Vec<u8> {
    let sign: &[u8] = if number[0] < 0x80 { &[] } else { &[0] };
    der(2, &[sign, number].concat())
}

/// A value with its tag and length (X.690 §8.1), of less than 64 KiB.
#[cfg(feature = "aws-lc")]
fn der(tag: u8, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).expect("RSA keys have at most 1 KiB");
    let [high, low] = length.to_be_bytes();
    let head: &[u8] = match length {
        0..0x80 => &[tag, low],
        0x80..0x100 => &[tag, 0x81, low],
        _ => &[tag, 0x82, high, low],
    };
    [head, value].concat()
}

fn coordinates(point: &[u8; 65]) -> (String, String) {
    (base64url::encode(&point[1..33]), base64url::encode(&point[33..]))
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.parts == other.parts
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.kid())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_8410_section_10() {
        let x = base64url::decode_array("Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE").unwrap();
        assert_eq!(
            PublicKey::ed25519(&x).unwrap().pem(),
            "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n"
        );
    }

    #[test]
    fn the_example_of_rfc_8037_appendix_a() {
        let x = base64url::decode_array("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").unwrap();
        let key = PublicKey::ed25519(&x).unwrap();
        assert_eq!(key.kid(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        let signature = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
        let message = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
        assert!(key.verify(message, &base64url::decode(signature).unwrap()));
    }

    #[test]
    fn the_example_of_rfc_7515_appendix_a_3() {
        let x = base64url::decode_array("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU").unwrap();
        let y = base64url::decode_array("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0").unwrap();
        let key = PublicKey::p256(&x, &y).unwrap();
        let message = b"eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
        let signature = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
        assert!(key.verify(message, &base64url::decode(signature).unwrap()));
        assert!(PublicKey::p256(&y, &x).is_none(), "no point of the curve");
        assert_eq!(key.paserk(), None);
    }

    #[test]
    fn jwk_members() {
        let key = crate::keyring::SigningKey::p256(&crate::crypto::Secret::new([3; 48]));
        let jwk: serde_json::Value = serde_json::from_str(&key.public().jwk()).unwrap();
        let names: alloc::vec::Vec<_> = jwk.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names, ["alg", "crv", "kid", "kty", "use", "x", "y"]);
        assert_eq!((&jwk["alg"], &jwk["use"], &jwk["kid"]), (&"ES256".into(), &"sig".into(), &key.kid().into()));
    }
}
