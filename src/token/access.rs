//! Believes access tokens, with public keys alone where the algorithm has any.

use alloc::{borrow::Cow, boxed::Box, string::String, vec::Vec};
use core::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{SeqAccess, Visitor},
};

#[cfg(feature = "std")]
use super::paseto::LocalKeys;
use super::{
    Amr, SessionsConfig,
    claims::ACCESS,
    jwt::{HmacKeys, JwtKeys},
    paseto::PublicKeys,
};
use crate::{
    keyring::PublicKey,
    recipient::Channel,
    time::{Spelling, UnixTime, WireTime},
};

/// An invalid token: one kind on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenInvalid;

/// An access token that this fleet made and that hasn't ended. Never printed.
#[derive(Clone)]
pub struct VerifiedAccess {
    json: String,
    subject: String,
    issuer: String,
    audiences: Vec<String>,
    issued_at: UnixTime,
    expires_at: UnixTime,
    authenticated_at: UnixTime,
    id: String,
    session: String,
    amr: Amr,
    channel: Channel,
}

/// Checks access tokens of one algorithm, issuer and set of audiences.
#[derive(Clone, Debug)]
pub struct AccessVerifier {
    keys: AcceptedKeys,
    issuer: Box<str>,
    audiences: Vec<String>,
    leeway: u64,
}

/// The keys of one algorithm. A token names its key where it can.
#[derive(Clone, Debug)]
pub(super) enum AcceptedKeys {
    Jwt(JwtKeys),
    Hmac(HmacKeys),
    V4Public(PublicKeys),
    #[cfg(feature = "std")]
    V4Local(LocalKeys),
}

impl AccessVerifier {
    pub(super) fn new(keys: AcceptedKeys, config: &SessionsConfig) -> Self {
        Self { keys, issuer: config.issuer.as_str().into(), audiences: config.audiences.clone(), leeway: config.leeway }
    }

    /// For JWT whose keys are public; each token is checked with the algorithm of the key that it names.
    #[must_use]
    pub fn jwt(keys: Vec<PublicKey>, issuer: &str, audiences: Vec<String>, leeway: u64) -> Self {
        Self { keys: AcceptedKeys::Jwt(JwtKeys::new(keys)), issuer: issuer.into(), audiences, leeway }
    }

    /// For PASETO v4.public; keys that aren't Ed25519 are none of its.
    #[must_use]
    pub fn v4_public(keys: Vec<PublicKey>, issuer: &str, audiences: Vec<String>, leeway: u64) -> Self {
        Self { keys: AcceptedKeys::V4Public(PublicKeys::new(keys)), issuer: issuer.into(), audiences, leeway }
    }

    /// Believes an access token. Pinned are `alg`, `typ` and `kid` (PASETO: version, purpose and footer), `iss`, `aud`,
    /// `token_type` and `exp`.
    ///
    /// # Errors
    /// [`TokenInvalid`], whatever is wrong.
    pub fn verify(&self, token: &str, now: UnixTime) -> Result<VerifiedAccess, TokenInvalid> {
        let (payload, spelling) = match &self.keys {
            AcceptedKeys::Jwt(keys) => (keys.open(token), Spelling::Number),
            AcceptedKeys::Hmac(keys) => (keys.open(token), Spelling::Number),
            AcceptedKeys::V4Public(keys) => (keys.open(token), Spelling::Iso8601),
            #[cfg(feature = "std")]
            AcceptedKeys::V4Local(keys) => (keys.open(token), Spelling::Iso8601),
        };
        let verified = payload.and_then(|payload| VerifiedAccess::read(payload, spelling)).ok_or(TokenInvalid)?;
        let for_us = verified.audiences.iter().any(|audience| self.audiences.contains(audience));
        let lives = now < self.refuses_from(&verified);
        (*verified.issuer == *self.issuer && for_us && lives).then_some(verified).ok_or(TokenInvalid)
    }
}

impl AccessVerifier {
    /// Whether it could check anything.
    pub(crate) fn has_keys(&self) -> bool {
        match &self.keys {
            AcceptedKeys::Jwt(keys) => !keys.is_empty(),
            AcceptedKeys::V4Public(keys) => !keys.is_empty(),
            AcceptedKeys::Hmac(_) => true,
            #[cfg(feature = "std")]
            AcceptedKeys::V4Local(_) => true,
        }
    }

    /// Whether this is a token of the format, by its looks, whose key isn't here. Those of HS256 and v4.local are never published.
    pub(crate) fn lacks_key_of(&self, token: &str) -> bool {
        match &self.keys {
            AcceptedKeys::Jwt(keys) => keys.lack_key_of(token),
            AcceptedKeys::V4Public(keys) => keys.lack_key_of(token),
            AcceptedKeys::Hmac(_) => false,
            #[cfg(feature = "std")]
            AcceptedKeys::V4Local(_) => false,
        }
    }

    /// The first second at which it refuses this token: `exp`, and the leeway.
    #[must_use]
    pub const fn refuses_from(&self, token: &VerifiedAccess) -> UnixTime {
        token.expires_at.plus(self.leeway)
    }
}

/// The claims that every access token has, each once. What else stands in it is the user's.
#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    iss: Cow<'a, str>,
    #[serde(borrow)]
    sub: Cow<'a, str>,
    aud: Audience,
    #[serde(borrow, rename = "client_id")]
    _client_id: Cow<'a, str>,
    iat: WireTime,
    exp: WireTime,
    #[serde(borrow)]
    jti: Cow<'a, str>,
    #[serde(borrow)]
    sid: Cow<'a, str>,
    auth_time: WireTime,
    #[serde(borrow)]
    amr: Vec<Cow<'a, str>>,
    #[serde(borrow)]
    channel: Cow<'a, str>,
    #[serde(borrow)]
    token_type: Cow<'a, str>,
}

/// RFC 7519 §4.1.3: one audience may stand alone.
struct Audience(Vec<String>);

impl<'de> Deserialize<'de> for Audience {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrSeveral)
    }
}

/// Reads an [`Audience`].
struct OneOrSeveral;

impl<'de> Visitor<'de> for OneOrSeveral {
    type Value = Audience;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an audience or a list of them")
    }

    fn visit_str<E>(self, one: &str) -> Result<Audience, E> {
        Ok(Audience(Vec::from([one.into()])))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut several: A) -> Result<Audience, A::Error> {
        let mut audiences = Vec::new();
        while let Some(audience) = several.next_element()? {
            audiences.push(audience);
        }
        Ok(Audience(audiences))
    }
}

impl VerifiedAccess {
    /// Reads what was signed; `None` unless all of our claims stand in it, of the right kinds.
    fn read(payload: Vec<u8>, spelling: Spelling) -> Option<Self> {
        let json = String::from_utf8(payload).ok()?;
        let wire: Wire<'_> = serde_json::from_str(&json).ok()?;
        if wire.token_type != ACCESS {
            return None;
        }
        Some(Self {
            subject: wire.sub.into_owned(),
            issuer: wire.iss.into_owned(),
            audiences: wire.aud.0,
            issued_at: wire.iat.read(spelling)?,
            expires_at: wire.exp.read(spelling)?,
            authenticated_at: wire.auth_time.read(spelling)?,
            id: wire.jti.into_owned(),
            session: wire.sid.into_owned(),
            amr: Amr::new(&wire.amr)?,
            channel: Channel::from_name(&wire.channel)?,
            json,
        })
    }

    /// `sub`.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// `iss`.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// `aud`, one or more.
    #[must_use]
    pub fn audiences(&self) -> &[String] {
        &self.audiences
    }

    /// `iat`.
    #[must_use]
    pub const fn issued_at(&self) -> UnixTime {
        self.issued_at
    }

    /// `exp`: the first second at which it is refused, where no leeway is given.
    #[must_use]
    pub const fn expires_at(&self) -> UnixTime {
        self.expires_at
    }

    /// `auth_time`: when the person proved the recipient.
    #[must_use]
    pub const fn authenticated_at(&self) -> UnixTime {
        self.authenticated_at
    }

    /// `jti`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// `sid`: the session, the same in all its access tokens.
    #[must_use]
    pub fn session_id(&self) -> &str {
        &self.session
    }

    /// `amr`.
    #[must_use]
    pub const fn amr(&self) -> &Amr {
        &self.amr
    }

    /// `channel`.
    #[must_use]
    pub const fn channel(&self) -> Channel {
        self.channel
    }

    /// All claims, as the JSON object that was signed.
    #[must_use]
    pub fn json(&self) -> &str {
        &self.json
    }
}

impl fmt::Debug for VerifiedAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VerifiedAccess(…)")
    }
}

impl fmt::Display for TokenInvalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the token is invalid or expired")
    }
}

impl core::error::Error for TokenInvalid {}
