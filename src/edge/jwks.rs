//! Reads the documents in which keys are published: JWK sets (RFC 7517 §5).

use alloc::{borrow::Cow, vec::Vec};

use serde::Deserialize;

use super::document::{DocumentError, MAX_DOCUMENT_BYTES};
use crate::{crypto::base64url, keyring::PublicKey};

#[derive(Deserialize)]
struct Set<'a> {
    #[serde(borrow)]
    keys: Vec<Jwk<'a>>,
}

/// The members that matter; others are passed over (RFC 7517 §4).
#[derive(Deserialize)]
struct Jwk<'a> {
    #[serde(borrow)]
    kty: Cow<'a, str>,
    #[serde(borrow)]
    crv: Option<Cow<'a, str>>,
    #[serde(borrow)]
    x: Option<Cow<'a, str>>,
    #[serde(borrow)]
    y: Option<Cow<'a, str>>,
    #[cfg(feature = "aws-lc")]
    #[serde(borrow)]
    n: Option<Cow<'a, str>>,
    #[cfg(feature = "aws-lc")]
    #[serde(borrow)]
    e: Option<Cow<'a, str>>,
    #[serde(borrow)]
    d: Option<Cow<'a, str>>,
    #[serde(borrow)]
    kid: Option<Cow<'a, str>>,
    #[serde(borrow)]
    alg: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "use")]
    usage: Option<Cow<'a, str>>,
    #[serde(borrow)]
    key_ops: Option<Vec<Cow<'a, str>>>,
}

/// The keys of a document that check signatures here, in its order. Those of other kinds or for other work are skipped.
///
/// ```
/// let keys = countersign::edge::read_jwks(
///     r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#,
/// )?;
/// assert_eq!(keys[0].kid(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
/// # Ok::<(), countersign::edge::DocumentError>(())
/// ```
///
/// # Errors
/// See [`DocumentError`].
pub fn read_jwks(document: &str) -> Result<Vec<PublicKey>, DocumentError> {
    if document.len() > MAX_DOCUMENT_BYTES {
        return Err(DocumentError::TooLong);
    }
    let set: Set<'_> = serde_json::from_str(document).map_err(|_| DocumentError::Malformed)?;
    let mut keys: Vec<PublicKey> = Vec::new();
    for (place, jwk) in set.keys.iter().enumerate() {
        let Some(key) = jwk.read(place)? else { continue };
        if keys.contains(&key) {
            return Err(DocumentError::Repeated(place));
        }
        keys.push(key);
    }
    Ok(keys)
}

impl Jwk<'_> {
    /// The key at this place; `None` if it is of no kind that checks signatures here.
    fn read(&self, place: usize) -> Result<Option<PublicKey>, DocumentError> {
        let curve = self.crv.as_deref();
        let key = match (&*self.kty, curve) {
            ("oct", _) => return Err(DocumentError::Symmetric(place)),
            _ if self.d.is_some() => return Err(DocumentError::Private(place)),
            _ if !self.is_to_verify() => return Ok(None),
            // RFC 9864 has another name for it.
            ("OKP", Some("Ed25519")) if self.is_for(&["EdDSA", "Ed25519"]) => self.ed25519(),
            ("EC", Some("P-256")) if self.is_for(&["ES256"]) => self.p256(),
            #[cfg(feature = "aws-lc")]
            ("RSA", _) if self.is_for(&["RS256"]) => self.rsa(),
            _ => return Ok(None),
        };
        let key = key.ok_or(DocumentError::Unusable(place))?;
        match &self.kid {
            Some(kid) if **kid != *key.kid() => Err(DocumentError::OtherKid(place)),
            _ => Ok(Some(key)),
        }
    }

    fn is_to_verify(&self) -> bool {
        let operations = self.key_ops.as_ref();
        self.usage.as_deref().is_none_or(|usage| usage == "sig")
            && operations.is_none_or(|operations| operations.iter().any(|operation| operation == "verify"))
    }

    fn is_for(&self, algorithms: &[&str]) -> bool {
        self.alg.as_deref().is_none_or(|name| algorithms.contains(&name))
    }

    fn ed25519(&self) -> Option<PublicKey> {
        PublicKey::ed25519(&base64url::decode_array(self.x.as_deref()?)?)
    }

    fn p256(&self) -> Option<PublicKey> {
        let [x, y] = [&self.x, &self.y].map(|coordinate| base64url::decode_array(coordinate.as_deref()?));
        PublicKey::p256(&x?, &y?)
    }

    #[cfg(feature = "aws-lc")]
    fn rsa(&self) -> Option<PublicKey> {
        let [modulus, exponent] = [&self.n, &self.e].map(|number| base64url::decode(number.as_deref()?));
        PublicKey::rsa(&modulus?, &exponent?)
    }
}
