//! Access tokens as JWT (RFC 7519, RFC 9068): `typ` is `at+jwt`, and `alg` belongs to the key, never to the token.

use alloc::{borrow::Cow, boxed::Box, format, string::String, vec::Vec};

use serde::Deserialize;

use crate::{
    crypto::{
        Mac, MacKey, base64url,
        jws::{self, Compact},
    },
    keyring::{PublicKey, SigningKey},
};

const TYP: &str = "at+jwt";

/// Signs with a private key.
#[derive(Debug)]
pub(super) struct JwtSigner {
    header: Box<str>,
    key: SigningKey,
}

/// Signs with HMAC-SHA-256.
#[derive(Debug)]
pub(super) struct HmacSigner {
    header: Box<str>,
    key: MacKey,
}

/// Public keys, each with the header that names it.
#[derive(Clone, Debug)]
pub(super) struct JwtKeys(Vec<JwtKey>);

#[derive(Clone, Debug)]
struct JwtKey {
    /// The header that we write with this key, base64url.
    header: Box<str>,
    kid: Box<str>,
    key: PublicKey,
}

/// Keys of HS256. A token doesn't name its key, so all are tried: at most 10.
#[derive(Clone, Debug)]
pub(super) struct HmacKeys {
    header: Box<str>,
    keys: Vec<MacKey>,
}

/// A header as others may spell it: these members, each once, and no others, so no `crit`, `jwk` or `b64`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header<'a> {
    #[serde(borrow)]
    alg: Cow<'a, str>,
    #[serde(borrow)]
    typ: Cow<'a, str>,
    #[serde(borrow)]
    kid: Option<Cow<'a, str>>,
}

impl JwtSigner {
    pub(super) fn new(key: SigningKey) -> Self {
        Self { header: header(key.algorithm().name(), Some(&key.kid())), key }
    }

    pub(super) fn sign(&self, claims: &[u8]) -> String {
        jws::assemble(&self.header, claims, |message| self.key.sign(message))
    }
}

impl HmacSigner {
    pub(super) fn new(key: MacKey) -> Self {
        Self { header: header("HS256", None), key }
    }

    pub(super) fn sign(&self, claims: &[u8]) -> String {
        jws::assemble(&self.header, claims, |message| *self.key.of_message(message).as_bytes())
    }
}

impl JwtKeys {
    pub(super) fn new(keys: impl IntoIterator<Item = PublicKey>) -> Self {
        let prepare = |key: PublicKey| {
            let kid = key.kid();
            JwtKey { header: header(key.algorithm().name(), Some(&kid)), kid: kid.into(), key }
        };
        Self(keys.into_iter().map(prepare).collect())
    }

    /// The payload, if one of these keys signed it.
    pub(super) fn open(&self, token: &str) -> Option<Vec<u8>> {
        let parts = Compact::split(token)?;
        let key = self.named_by(parts.header)?;
        let signature = base64url::decode(parts.signature)?;
        key.verify(parts.signed.as_bytes(), &signature).then(|| base64url::decode(parts.payload))?
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an access token by its header names a key which is none of these.
    pub(super) fn lack_key_of(&self, token: &str) -> bool {
        let names_a_key = |header| {
            let json = base64url::decode(header);
            json.is_some_and(|json| Header::read(&json).is_some_and(|header| header.kid.is_some()))
        };
        Compact::split(token).is_some_and(|parts| names_a_key(parts.header) && self.named_by(parts.header).is_none())
    }

    fn named_by(&self, header: &str) -> Option<&PublicKey> {
        let ours = self.0.iter().find(|key| *key.header == *header);
        let named = ours.or_else(|| {
            let json = base64url::decode(header)?;
            let header = Header::read(&json)?;
            let kid = header.kid?;
            self.0.iter().find(|key| *key.kid == *kid && *key.key.algorithm().name() == *header.alg)
        });
        named.map(|key| &key.key)
    }
}

impl HmacKeys {
    pub(super) fn new(keys: Vec<MacKey>) -> Self {
        Self { header: header("HS256", None), keys }
    }

    /// The payload, if one of these keys made its MAC.
    pub(super) fn open(&self, token: &str) -> Option<Vec<u8>> {
        let parts = Compact::split(token)?;
        if *self.header != *parts.header {
            let json = base64url::decode(parts.header)?;
            Header::read(&json).filter(|header| header.alg == "HS256" && header.kid.is_none())?;
        }
        let mac = Mac::from_bytes(base64url::decode_array(parts.signature)?);
        let right = self.keys.iter().any(|key| key.of_message(parts.signed.as_bytes()) == mac);
        right.then(|| base64url::decode(parts.payload))?
    }
}

impl<'a> Header<'a> {
    fn read(json: &'a [u8]) -> Option<Self> {
        serde_json::from_str(str::from_utf8(json).ok()?).ok().filter(|header: &Self| header.typ == TYP)
    }
}

/// The header as we write it, base64url.
fn header(alg: &str, kid: Option<&str>) -> Box<str> {
    let header = match kid {
        Some(kid) => format!(r#"{{"alg":"{alg}","kid":"{kid}","typ":"{TYP}"}}"#),
        None => format!(r#"{{"alg":"{alg}","typ":"{TYP}"}}"#),
    };
    base64url::encode(header.as_bytes()).into()
}
