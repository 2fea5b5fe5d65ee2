//! Everything that an edge checks, in one place: access tokens and challenges, in both formats, with keys that change.

use alloc::{boxed::Box, string::String, vec::Vec};
use core::fmt;

use super::{
    AccessVerifier, Denial, DocumentError, EnvelopeVerifier, Identity, Presented, VerifiedAccess, VerifiedEnvelope, read_jwks,
    read_paserk,
};
use crate::time::UnixTime;

/// A document in which a fleet publishes keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyDocument {
    /// Keys of access tokens that are JWT.
    Jwks,
    /// Keys of envelopes that are JWS.
    ChallengeJwks,
    /// Keys of what is PASETO v4.public.
    Paserk,
}

/// What a request needs to pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing: whoever it is of isn't known.
    Nothing,
    /// An access token.
    Token,
    /// A challenge.
    Challenge,
}

/// A request that doesn't pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// What its client is told.
    pub denial: Denial,
    /// Whether a key was named that isn't here: see [`Refused::UnknownKey`].
    pub lacks_key: bool,
}

/// Why something isn't believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is malformed, forged, another's, for others, of another kind, or over. Which of these is nobody's business.
    Invalid,
    /// It names a key that isn't here. It may be a new one: whoever fetches keys does so soon, but not each time, for anybody can
    /// name a key.
    UnknownKey,
    /// There is no key yet that could check it.
    NoKeys,
}

/// Checks access tokens and challenges of one issuer. It begins without keys, and believes nothing until some are loaded.
#[derive(Clone, Debug)]
pub struct Checker {
    issuer: Box<str>,
    audiences: Vec<String>,
    leeway: u64,
    tokens: [AccessVerifier; 2],
    challenges: [EnvelopeVerifier; 2],
}

impl KeyDocument {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Jwks, Self::ChallengeJwks, Self::Paserk];

    /// Where a fleet answers with it.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Jwks => "/.well-known/jwks.json",
            Self::ChallengeJwks => "/.well-known/challenge-jwks.json",
            Self::Paserk => "/.well-known/paserk.json",
        }
    }
}

impl Checker {
    /// For tokens of this issuer that have one of these audiences, which are believed for `leeway` seconds past their end;
    /// challenges have neither.
    #[must_use]
    pub fn new(issuer: &str, audiences: Vec<String>, leeway: u64) -> Self {
        Self {
            tokens: [
                AccessVerifier::jwt(Vec::new(), issuer, audiences.clone(), leeway),
                AccessVerifier::v4_public(Vec::new(), issuer, audiences.clone(), leeway),
            ],
            challenges: [EnvelopeVerifier::jwt([], issuer), EnvelopeVerifier::v4_public([], issuer)],
            issuer: issuer.into(),
            audiences,
            leeway,
        }
    }

    /// Puts the keys of a document in the place of those that it had before. Returns how many there are now.
    ///
    /// # Errors
    /// See [`DocumentError`]. The keys of before stay.
    pub fn load(&mut self, document: KeyDocument, text: &str) -> Result<usize, DocumentError> {
        let Self { issuer, audiences, leeway, tokens: [jwt, paseto], challenges: [jws, v4_public] } = self;
        match document {
            KeyDocument::Jwks => {
                let keys = read_jwks(text)?;
                let number = keys.len();
                *jwt = AccessVerifier::jwt(keys, issuer, audiences.clone(), *leeway);
                Ok(number)
            }
            KeyDocument::ChallengeJwks => {
                let keys = read_jwks(text)?;
                let number = keys.len();
                *jws = EnvelopeVerifier::jwt(keys, issuer);
                Ok(number)
            }
            KeyDocument::Paserk => {
                let keys = read_paserk(text)?;
                let number = keys.access.len() + keys.challenge.len();
                *paseto = AccessVerifier::v4_public(keys.access, issuer, audiences.clone(), *leeway);
                *v4_public = EnvelopeVerifier::v4_public(keys.challenge, issuer);
                Ok(number)
            }
        }
    }

    /// Whose request this is, if it passes.
    ///
    /// # Errors
    /// See [`Stopped`].
    pub fn judge(&self, needs: Needs, presented: &Presented<'_>, now: UnixTime) -> Result<Identity, Stopped> {
        let (outcome, denial) = match needs {
            Needs::Nothing => return Ok(Identity::nobody()),
            Needs::Token => {
                let token = presented.token.map_or(Err(Refused::Invalid), |token| self.token(token, now));
                (token.map(|token| Identity::of_token(&token)), Denial::Token)
            }
            Needs::Challenge => {
                // Any host of the site can set a cookie of this name, so each is tried.
                let mut outcomes = presented.challenges.iter().map(|envelope| self.challenge(envelope, now));
                let first = outcomes.next().unwrap_or(Err(Refused::Invalid));
                let envelope = outcomes.fold(first, Result::or);
                (envelope.map(|envelope| Identity::of_challenge(&envelope)), Denial::Challenge)
            }
        };
        outcome.map_err(|refused| match refused {
            Refused::NoKeys => Stopped { denial: Denial::Unavailable, lacks_key: true },
            Refused::UnknownKey => Stopped { denial, lacks_key: true },
            Refused::Invalid => Stopped { denial, lacks_key: false },
        })
    }

    /// Believes an access token.
    ///
    /// # Errors
    /// See [`Refused`].
    pub fn token(&self, token: &str, now: UnixTime) -> Result<VerifiedAccess, Refused> {
        if let Some(verified) = self.tokens.iter().find_map(|verifier| verifier.verify(token, now).ok()) {
            return Ok(verified);
        }
        Err(Refused::because(self.tokens.iter().any(AccessVerifier::has_keys), || {
            self.tokens.iter().any(|verifier| verifier.lacks_key_of(token))
        }))
    }

    /// Believes a challenge: that this fleet sent somebody a code, and that it hasn't ended. Not whose it is, nor whether it was
    /// redeemed.
    ///
    /// # Errors
    /// See [`Refused`].
    pub fn challenge(&self, envelope: &str, now: UnixTime) -> Result<VerifiedEnvelope, Refused> {
        if let Some(verified) = self.challenges.iter().find_map(|verifier| verifier.verify(envelope, now).ok()) {
            return Ok(verified);
        }
        Err(Refused::because(self.challenges.iter().any(EnvelopeVerifier::has_keys), || {
            self.challenges.iter().all(|verifier| verifier.lacks_key_of(envelope, now))
        }))
    }
}

impl Refused {
    fn because(has_keys: bool, lacks_the_key: impl FnOnce() -> bool) -> Self {
        match has_keys {
            false => Self::NoKeys,
            true if lacks_the_key() => Self::UnknownKey,
            true => Self::Invalid,
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Invalid => "invalid or expired",
            Self::UnknownKey => "its key isn't known here",
            Self::NoKeys => "no keys are loaded",
        })
    }
}

impl core::error::Error for Refused {}
