//! Makes and checks session tokens.

use alloc::{string::String, vec::Vec};
use core::fmt;

use rand_core::CryptoRng;

use super::{AccessAlgorithm, AccessKeys, Amr};
use crate::{
    directory::User,
    keyring::{Keyring, PublicKey},
    recipient::{Channel, Recipient},
    time::UnixTime,
};

/// How the session tokens of a fleet are made.
#[derive(Clone, Debug)]
pub struct SessionsConfig {
    /// Format and algorithm of access tokens.
    pub algorithm: AccessAlgorithm,
    /// The keys of access tokens.
    pub keys: AccessKeys,
    /// `iss`.
    pub issuer: String,
    /// `aud`: at least one; with PASETO exactly one.
    pub audiences: Vec<String>,
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionsError {
    /// There is no audience.
    NoAudience,
    /// PASETO has one audience.
    SeveralAudiences,
    /// The audience of envelopes can't be one of access tokens.
    ChallengeAudience,
    /// The claim for the user's id has a reserved name.
    ReservedClaim,
    /// RS256 needs configured keys: none is derived.
    KeyFileNeeded,
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
pub struct Login<'a> {
    /// Who.
    pub user: &'a User,
    /// By which recipient.
    pub recipient: &'a Recipient,
    /// How.
    pub amr: Amr,
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

/// A refresh token that this fleet made and that hasn't ended.
pub struct VerifiedRefresh {
    /// Whose it is, by the recipient that was proved.
    pub recipient: Recipient,
    /// The user's id at login.
    pub subject: String,
    /// The user's epoch at login.
    pub epoch: String,
}

/// An access token that this fleet made and that hasn't ended.
pub struct VerifiedAccess {
    json: String,
}

/// An invalid token: one kind on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenInvalid;

/// Makes and checks the session tokens of one fleet.
#[derive(Debug)]
pub struct Sessions {}

impl Sessions {
    /// With the keys of every root, or the configured ones.
    ///
    /// # Errors
    /// See [`SessionsError`].
    pub fn new(_keyring: &Keyring, _config: SessionsConfig) -> Result<Self, SessionsError> {
        Ok(Self {})
    }

    /// The tokens of a new login.
    pub fn begin(&self, _login: &Login<'_>, _now: UnixTime, _random: &mut impl CryptoRng) -> SessionTokens {
        todo!()
    }

    /// Believes a refresh token until its session ends.
    ///
    /// # Errors
    /// [`TokenInvalid`], whatever is wrong.
    pub fn open_refresh(&self, _token: &str, _now: UnixTime) -> Result<VerifiedRefresh, TokenInvalid> {
        todo!()
    }

    /// A new access token of the same session.
    pub fn renew(&self, _session: &VerifiedRefresh, _user: &User, _now: UnixTime, _random: &mut impl CryptoRng) -> String {
        todo!()
    }

    /// Believes an access token. Pinned are `alg`, `typ`, `kid`, `iss`, `aud`, `token_type` and `exp`, for exactly the
    /// configured algorithm.
    ///
    /// # Errors
    /// [`TokenInvalid`], whatever is wrong.
    pub fn verify_access(&self, _token: &str, _now: UnixTime) -> Result<VerifiedAccess, TokenInvalid> {
        todo!()
    }

    /// How access tokens are made.
    #[must_use]
    pub fn algorithm(&self) -> AccessAlgorithm {
        todo!()
    }

    /// The keys to publish, the one that signs first; none where the algorithm is symmetric.
    #[must_use]
    pub fn public_keys(&self) -> Vec<&PublicKey> {
        todo!()
    }
}

impl VerifiedAccess {
    /// `sub`.
    #[must_use]
    pub fn subject(&self) -> &str {
        todo!()
    }

    /// `iss`.
    #[must_use]
    pub fn issuer(&self) -> &str {
        todo!()
    }

    /// `aud`, one or more.
    #[must_use]
    pub fn audiences(&self) -> &[String] {
        todo!()
    }

    /// `exp`.
    #[must_use]
    pub fn expires_at(&self) -> UnixTime {
        todo!()
    }

    /// `iat`.
    #[must_use]
    pub fn issued_at(&self) -> UnixTime {
        todo!()
    }

    /// `auth_time`: when the person proved the recipient.
    #[must_use]
    pub fn authenticated_at(&self) -> UnixTime {
        todo!()
    }

    /// `amr`, in the claim's order.
    pub fn methods(&self) -> impl Iterator<Item = &str> {
        core::iter::empty()
    }

    /// `channel`.
    #[must_use]
    pub fn channel(&self) -> Channel {
        todo!()
    }

    /// `jti`.
    #[must_use]
    pub fn id(&self) -> &str {
        todo!()
    }

    /// `sid`: the session, the same in all its access tokens.
    #[must_use]
    pub fn session_id(&self) -> &str {
        todo!()
    }

    /// All claims, as the JSON object that was signed.
    #[must_use]
    pub fn json(&self) -> &str {
        &self.json
    }
}

impl fmt::Debug for SessionTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionTokens(…)")
    }
}

impl fmt::Debug for VerifiedRefresh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VerifiedRefresh(…)")
    }
}

impl fmt::Debug for VerifiedAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VerifiedAccess(…)")
    }
}
