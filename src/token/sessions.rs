//! Makes session tokens and believes them again.

use alloc::{boxed::Box, string::String, vec::Vec};
use core::fmt;

use rand_core::CryptoRng;

#[cfg(feature = "std")]
use super::paseto::{LocalKeys, LocalSigner};
use super::{
    AccessAlgorithm, AccessKeys, Amr, Session, SessionId, TokenInvalid, VerifiedRefresh,
    access::{AcceptedKeys, AccessVerifier, VerifiedAccess},
    claims::{AccessClaims, ClaimsWriter, is_reserved},
    jwt::{HmacKeys, HmacSigner, JwtKeys, JwtSigner},
    paseto::{PublicKeys, PublicSigner},
    refresh::RefreshTokens,
};
use crate::{
    challenge::CHALLENGE_AUDIENCE,
    crypto::{MacKey, labels, random},
    keyring::{Algorithm, Keyring, MAX_ROOTS, PublicKey, SigningKey},
    recipient::Recipient,
    time::{UnixMillis, UnixTime},
    user::User,
};

/// The audience of [reviewers](Amr::is_reviewers) where nothing else is configured.
pub const DEFAULT_REVIEWER_AUDIENCE: &str = "countersign-reviewer";

/// How the session tokens of a fleet are made.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SessionsConfig {
    /// Format and algorithm of access tokens.
    pub algorithm: AccessAlgorithm,
    /// The keys of access tokens.
    pub keys: AccessKeys,
    /// `iss`.
    pub issuer: String,
    /// `aud`: at least one; with PASETO exactly one.
    pub audiences: Vec<String>,
    /// `aud` in the sessions of [reviewers](Amr::is_reviewers), which is none of the others.
    pub reviewer_audience: String,
    /// Seconds after its end at which an access token is still accepted. Not for refresh tokens.
    pub leeway: u64,
    /// `client_id` (RFC 9068 §2.2).
    pub client_id: String,
    /// Seconds that an access token lives; it never outlives its session.
    pub access_lifetime: u64,
    /// Seconds from the login to the end of its session.
    pub refresh_lifetime: u64,
    /// The claim that holds the user's id beside `sub`; none of the [reserved](super::claims::is_reserved) names.
    pub user_id_claim: String,
}

/// Why session tokens can't be made that way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionsError {
    /// There is no audience.
    NoAudience,
    /// PASETO has one audience.
    SeveralAudiences,
    /// The audience of envelopes can't be one of access tokens.
    ChallengeAudience,
    /// The audience of reviewers is one of everybody's.
    ReviewerAudience,
    /// The claim for the user's id has a reserved name.
    ReservedClaim,
    /// RS256 and HS256 need configured keys: none is derived.
    KeysNeeded,
    /// Configured keys don't go with this algorithm.
    KeysNotUsable,
    /// The first configured key, which signs, is of another algorithm.
    FirstKeyOfAnotherAlgorithm,
    /// No key, or more than 10.
    NumberOfKeys,
    /// A lifetime is 0.
    NoLifetime,
    /// v4.local needs the feature `std`.
    NotCompiledIn,
}

/// A login that was proved.
#[derive(Debug)]
#[non_exhaustive]
pub struct Login<'a> {
    /// The name of its session.
    pub session: SessionId,
    /// Who.
    pub user: &'a User,
    /// By which recipient.
    pub recipient: &'a Recipient,
    /// How.
    pub amr: Amr,
    /// When it was proved, where that is known better than by the second.
    pub at: Option<UnixMillis>,
    /// When its session ends at the latest.
    pub ends_by: Option<UnixTime>,
}

impl<'a> Login<'a> {
    /// This user proved this recipient, in this way, and begins the session of this name.
    #[must_use]
    pub const fn new(session: SessionId, user: &'a User, recipient: &'a Recipient, amr: Amr) -> Self {
        Self { session, user, recipient, amr, at: None, ends_by: None }
    }

    /// This login, at this moment exactly.
    #[must_use]
    pub fn at(self, at: UnixMillis) -> Self {
        Self { at: Some(at), ..self }
    }

    /// This login, whose session ends then if it hasn't before.
    #[must_use]
    pub fn ending(self, by: UnixTime) -> Self {
        Self { ends_by: Some(by), ..self }
    }
}

impl Login<'_> {
    /// The session that it begins now, for so many seconds.
    #[must_use]
    pub fn begin(&self, lifetime: u64, now: UnixTime) -> Session {
        let ends_at = now.plus(lifetime);
        let ends_at = self.ends_by.map_or(ends_at, |by| ends_at.min(by));
        Session {
            id: self.session,
            recipient: self.recipient.clone(),
            subject: (*self.user.id).into(),
            epoch: (*self.user.epoch).into(),
            amr: self.amr.clone(),
            began_at: self.at.filter(|at| at.to_seconds() == now).unwrap_or(now.into()),
            ends_at,
            made_until: ends_at,
        }
    }
}

/// What a client gets. Never printed.
pub struct SessionTokens {
    /// The access token.
    pub access: String,
    /// The refresh token.
    pub refresh: String,
    /// Seconds that the access token lives.
    pub expires_in: u64,
}

/// Makes and checks the session tokens of one fleet.
#[derive(Debug)]
pub struct Sessions {
    algorithm: AccessAlgorithm,
    signer: Signer,
    verifier: AccessVerifier,
    /// The keys to publish, the one that signs first.
    published: Vec<PublicKey>,
    claims: ClaimsWriter,
    /// Writes those of reviewers.
    reviewers: ClaimsWriter,
    refresh: RefreshTokens,
    access_lifetime: u64,
    refresh_lifetime: u64,
}

#[derive(Debug)]
enum Signer {
    Jwt(Box<JwtSigner>),
    Hmac(Box<HmacSigner>),
    V4Public(Box<PublicSigner>),
    #[cfg(feature = "std")]
    V4Local(Box<LocalSigner>),
}

impl Sessions {
    /// With the keys of every root, or the configured ones.
    ///
    /// # Errors
    /// See [`SessionsError`].
    pub fn new(keyring: &Keyring, config: &SessionsConfig) -> Result<Self, SessionsError> {
        config.judge()?;
        let (signer, accepted, published) = config.keys(keyring)?;
        Ok(Self {
            algorithm: config.algorithm,
            signer,
            verifier: AccessVerifier::new(accepted, config),
            published,
            claims: ClaimsWriter::new(config, &config.audiences),
            reviewers: ClaimsWriter::new(config, core::slice::from_ref(&config.reviewer_audience)),
            refresh: RefreshTokens::new(keyring, &config.issuer),
            access_lifetime: config.access_lifetime,
            refresh_lifetime: config.refresh_lifetime,
        })
    }

    /// The tokens of a new login.
    pub fn begin(&self, login: &Login<'_>, now: UnixTime, random: &mut impl CryptoRng) -> SessionTokens {
        self.tokens(&self.session(login, now), login.user, now, random)
    }

    /// The session of a new login, as its tokens know it.
    #[must_use]
    pub fn session(&self, login: &Login<'_>, now: UnixTime) -> Session {
        login.begin(self.refresh_lifetime, now)
    }

    /// The tokens of a session that just began.
    pub fn tokens(&self, session: &Session, user: &User, now: UnixTime, random: &mut impl CryptoRng) -> SessionTokens {
        SessionTokens {
            access: self.renew(session, user, now, random),
            refresh: self.refresh.seal(session, 0, random),
            expires_in: self.expires_at(session, now).seconds_since(now),
        }
    }

    /// Believes a refresh token until its session ends: at the end that it was made with or, where sessions are shorter today, at
    /// today's.
    ///
    /// # Errors
    /// [`TokenInvalid`], whatever is wrong.
    pub fn open_refresh(&self, token: &str, now: UnixTime) -> Result<VerifiedRefresh, TokenInvalid> {
        let VerifiedRefresh { session, generation } = self.refresh.open(token)?;
        let session = session.living(self.refresh_lifetime, now).ok_or(TokenInvalid)?;
        Ok(VerifiedRefresh { session, generation })
    }

    /// When an access token ends that is made now.
    #[must_use]
    pub fn expires_at(&self, session: &Session, now: UnixTime) -> UnixTime {
        now.plus(self.access_lifetime).min(session.ends_at)
    }

    /// A new access token of the same session.
    pub fn renew(&self, session: &Session, user: &User, now: UnixTime, random: &mut impl CryptoRng) -> String {
        let writer = if session.amr.is_reviewers() { &self.reviewers } else { &self.claims };
        let claims = writer.write(&AccessClaims {
            subject: &session.subject,
            issued_at: now,
            expires_at: self.expires_at(session, now),
            id: random::bytes(random),
            session: session.id,
            authenticated_at: session.authenticated_at(),
            amr: &session.amr,
            channel: session.recipient.channel(),
            custom: &user.claims,
        });
        match &self.signer {
            Signer::Jwt(signer) => signer.sign(&claims),
            Signer::Hmac(signer) => signer.sign(&claims),
            Signer::V4Public(signer) => signer.sign(claims),
            #[cfg(feature = "std")]
            Signer::V4Local(signer) => signer.seal(&claims),
        }
    }

    /// Believes an access token: see [`AccessVerifier::verify`].
    ///
    /// # Errors
    /// [`TokenInvalid`], whatever is wrong.
    pub fn verify_access(&self, token: &str, now: UnixTime) -> Result<VerifiedAccess, TokenInvalid> {
        self.verifier.verify(token, now)
    }

    /// The first second at which an access token isn't believed any more: its `exp`, and the leeway.
    #[must_use]
    pub const fn refuses_from(&self, token: &VerifiedAccess) -> UnixTime {
        self.verifier.refuses_from(token)
    }

    /// How access tokens are made.
    #[must_use]
    pub const fn algorithm(&self) -> AccessAlgorithm {
        self.algorithm
    }

    /// The keys to publish, the one that signs first; none where the algorithm is symmetric.
    #[must_use]
    pub fn public_keys(&self) -> &[PublicKey] {
        &self.published
    }
}

impl SessionsConfig {
    /// JWT with EdDSA and derived keys, for the issuer as audience: access tokens for 5 minutes, sessions for a day.
    #[must_use]
    pub fn new(issuer: impl Into<String>) -> Self {
        let issuer = issuer.into();
        Self {
            algorithm: AccessAlgorithm::EdDsa,
            keys: AccessKeys::Derived,
            audiences: Vec::from([issuer.clone()]),
            reviewer_audience: DEFAULT_REVIEWER_AUDIENCE.into(),
            issuer,
            leeway: 0,
            client_id: "countersign".into(),
            access_lifetime: 300,
            refresh_lifetime: 86_400,
            user_id_claim: "user_id".into(),
        }
    }

    fn all_audiences(&self) -> impl Iterator<Item = &String> {
        self.audiences.iter().chain([&self.reviewer_audience])
    }

    fn judge(&self) -> Result<(), SessionsError> {
        match self {
            config if config.audiences.is_empty() => Err(SessionsError::NoAudience),
            config if config.algorithm.is_paseto() && config.audiences.len() > 1 => Err(SessionsError::SeveralAudiences),
            config if config.all_audiences().any(|audience| audience == CHALLENGE_AUDIENCE) => {
                Err(SessionsError::ChallengeAudience)
            }
            config if config.audiences.contains(&config.reviewer_audience) => Err(SessionsError::ReviewerAudience),
            config if is_reserved(&config.user_id_claim) => Err(SessionsError::ReservedClaim),
            config if config.access_lifetime == 0 || config.refresh_lifetime == 0 => Err(SessionsError::NoLifetime),
            _ => Ok(()),
        }
    }

    /// What signs, what is accepted and what is published.
    fn keys(&self, keyring: &Keyring) -> Result<(Signer, AcceptedKeys, Vec<PublicKey>), SessionsError> {
        match self.algorithm {
            AccessAlgorithm::EdDsa => self.jwt(Algorithm::EdDsa, || {
                keyring.roots().iter().map(|root| SigningKey::ed25519(&root.derive(labels::ACCESS_EDDSA_KEY))).collect()
            }),
            AccessAlgorithm::Es256 => self.jwt(Algorithm::Es256, || {
                keyring.roots().iter().map(|root| SigningKey::p256(&root.derive(labels::ACCESS_ES256_KEY))).collect()
            }),
            AccessAlgorithm::Rs256 if matches!(self.keys, AccessKeys::Derived) => Err(SessionsError::KeysNeeded),
            AccessAlgorithm::Rs256 => self.jwt(Algorithm::Rs256, Vec::new),
            AccessAlgorithm::Hs256 => self.hmac(),
            AccessAlgorithm::V4Public | AccessAlgorithm::V4Local if !matches!(self.keys, AccessKeys::Derived) => {
                Err(SessionsError::KeysNotUsable)
            }
            AccessAlgorithm::V4Public => {
                let derive = |root: &crate::keyring::Root| SigningKey::ed25519(&root.derive(labels::ACCESS_V4_PUBLIC_KEY));
                let published: Vec<_> = keyring.roots().iter().map(|root| derive(root).public().clone()).collect();
                let signer = Signer::V4Public(PublicSigner::new(derive(keyring.current())).into());
                Ok((signer, AcceptedKeys::V4Public(PublicKeys::new(published.clone())), published))
            }
            #[cfg(feature = "std")]
            AccessAlgorithm::V4Local => {
                let keys: Vec<_> = keyring.roots().iter().map(|root| root.derive(labels::ACCESS_V4_LOCAL_KEY)).collect();
                let signer = Signer::V4Local(LocalSigner::new(&keys[0]).into());
                Ok((signer, AcceptedKeys::V4Local(LocalKeys::new(&keys)), Vec::new()))
            }
            #[cfg(not(feature = "std"))]
            AccessAlgorithm::V4Local => Err(SessionsError::NotCompiledIn),
        }
    }

    /// Configured keys may be of several algorithms, so that the next one is published before it signs; a token is only
    /// ever checked with the algorithm of the key that it names.
    fn jwt(
        &self,
        algorithm: Algorithm,
        derive: impl FnOnce() -> Vec<SigningKey>,
    ) -> Result<(Signer, AcceptedKeys, Vec<PublicKey>), SessionsError> {
        let keys = match &self.keys {
            AccessKeys::Derived => derive(),
            AccessKeys::Configured(keys) => keys.clone(),
            AccessKeys::Shared(_) => return Err(SessionsError::KeysNotUsable),
        };
        let published: Vec<_> = keys.iter().map(|key| key.public().clone()).collect();
        let first = keys.into_iter().next().filter(|_| published.len() <= MAX_ROOTS).ok_or(SessionsError::NumberOfKeys)?;
        if first.algorithm() != algorithm {
            return Err(SessionsError::FirstKeyOfAnotherAlgorithm);
        }
        Ok((Signer::Jwt(JwtSigner::new(first).into()), AcceptedKeys::Jwt(JwtKeys::new(published.clone())), published))
    }

    /// None is derived: whoever is to check these tokens needs the same key.
    fn hmac(&self) -> Result<(Signer, AcceptedKeys, Vec<PublicKey>), SessionsError> {
        let keys: Vec<MacKey> = match &self.keys {
            AccessKeys::Derived => return Err(SessionsError::KeysNeeded),
            AccessKeys::Shared(keys) => keys.iter().map(|key| MacKey::of_any_length(key.expose())).collect(),
            AccessKeys::Configured(_) => return Err(SessionsError::KeysNotUsable),
        };
        let first = keys.first().filter(|_| keys.len() <= MAX_ROOTS).ok_or(SessionsError::NumberOfKeys)?.clone();
        Ok((Signer::Hmac(HmacSigner::new(first).into()), AcceptedKeys::Hmac(HmacKeys::new(keys)), Vec::new()))
    }
}

impl fmt::Debug for SessionTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionTokens(…)")
    }
}

impl fmt::Display for SessionsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoAudience => "an audience is needed",
            Self::SeveralAudiences => "PASETO has one audience",
            Self::ChallengeAudience => "the audience of envelopes can't be one of access tokens",
            Self::ReviewerAudience => "the audience of reviewers can't be everybody's",
            Self::ReservedClaim => "the claim for the user's id has a reserved name",
            Self::KeysNeeded => "RS256 and HS256 need configured keys",
            Self::KeysNotUsable => "the configured keys don't go with the algorithm",
            Self::FirstKeyOfAnotherAlgorithm => "the first key, which signs, is of another algorithm",
            Self::NumberOfKeys => "1 to 10 keys are needed",
            Self::NoLifetime => "lifetimes are at least 1 second",
            Self::NotCompiledIn => "v4.local needs the feature std",
        })
    }
}

impl core::error::Error for SessionsError {}
