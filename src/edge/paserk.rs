//! Reads `paserk.json`, where the keys of what is PASETO v4.public are published.

use alloc::{borrow::Cow, vec::Vec};

use serde::Deserialize;

use super::document::{DocumentError, MAX_DOCUMENT_BYTES};
use crate::{crypto::base64url, keyring::PublicKey};

/// The keys of one `paserk.json`, each list in the document's order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PaserkKeys {
    /// Those of access tokens.
    pub access: Vec<PublicKey>,
    /// Those of envelopes.
    pub challenge: Vec<PublicKey>,
}

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow)]
    keys: Vec<Entry<'a>>,
}

/// The members that matter; others are passed over.
#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow)]
    kid: Cow<'a, str>,
    #[serde(borrow)]
    paserk: Cow<'a, str>,
    #[serde(borrow, rename = "use")]
    usage: Cow<'a, str>,
}

/// The v4.public keys of `/.well-known/paserk.json`. Keys of other versions of PASETO or for other work are skipped.
///
/// # Errors
/// See [`DocumentError`].
pub fn read_paserk(document: &str) -> Result<PaserkKeys, DocumentError> {
    if document.len() > MAX_DOCUMENT_BYTES {
        return Err(DocumentError::TooLong);
    }
    let document: Document<'_> = serde_json::from_str(document).map_err(|_| DocumentError::Malformed)?;
    let mut keys = PaserkKeys::default();
    for (place, entry) in document.keys.iter().enumerate() {
        let Some(key) = entry.read(place)? else { continue };
        let list = match &*entry.usage {
            "access" => &mut keys.access,
            "challenge" => &mut keys.challenge,
            _ => continue,
        };
        if list.contains(&key) {
            return Err(DocumentError::Repeated(place));
        }
        list.push(key);
    }
    Ok(keys)
}

impl Entry<'_> {
    /// The key at this place; `None` if it is of no kind that checks signatures here.
    fn read(&self, place: usize) -> Result<Option<PublicKey>, DocumentError> {
        let (version, rest) = self.paserk.split_once('.').ok_or(DocumentError::Unusable(place))?;
        let (kind, data) = rest.split_once('.').ok_or(DocumentError::Unusable(place))?;
        match kind {
            "local" => return Err(DocumentError::Symmetric(place)),
            "secret" => return Err(DocumentError::Private(place)),
            "public" if version == "k4" => {}
            _ => return Ok(None),
        }
        let key = base64url::decode_array(data).and_then(|bytes| PublicKey::ed25519(&bytes));
        let key = key.ok_or(DocumentError::Unusable(place))?;
        if key.paserk_id().as_deref() == Some(&*self.kid) { Ok(Some(key)) } else { Err(DocumentError::OtherKid(place)) }
    }
}
