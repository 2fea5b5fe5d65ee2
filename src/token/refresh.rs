//! The refresh token: opaque to everybody but the fleet, good until its session ends.
//!
//! It is [sealed](super::sealed); its fields are (generation, sid, channel, recipient, subject, amr, epoch, the login in
//! milliseconds, end). The generation counts rotations; without rotation it is 0 and nobody looks at it.

use alloc::string::String;
use core::fmt;

use rand_core::CryptoRng;

use super::{
    Session, TokenInvalid,
    sealed::{self, Purpose, Sealer},
};
use crate::{
    crypto::labels,
    keyring::{Keyring, RootId},
};

const PURPOSE: Purpose = Purpose { key: labels::REFRESH_KEY, label: labels::REFRESH, version: 2 };

/// What a refresh token is for.
#[derive(Clone)]
pub struct VerifiedRefresh {
    /// The session that it renews.
    pub session: Session,
    /// How often it was rotated.
    pub generation: u64,
}

/// Seals and opens the refresh tokens of one fleet.
#[derive(Debug)]
pub(super) struct RefreshTokens(Sealer);

impl RefreshTokens {
    pub(super) fn new(keyring: &Keyring, issuer: &str) -> Self {
        Self(Sealer::new(keyring, PURPOSE, issuer))
    }

    /// The token, sealed with the first root.
    pub(super) fn seal(&self, session: &Session, generation: u64, random: &mut impl CryptoRng) -> String {
        self.0.seal(session.length() + 8, |fields| session.write(fields.number(generation)), random)
    }

    /// Believes a token. Its end isn't judged here.
    pub(super) fn open(&self, token: &str) -> Result<VerifiedRefresh, TokenInvalid> {
        let opened = self.0.open(token, |fields| {
            let generation = fields.number()?;
            Some(VerifiedRefresh { generation, session: Session::read(fields)? })
        });
        opened.ok_or(TokenInvalid)
    }
}

/// The root that a token names which looks like a refresh token; nothing of it is believed.
#[must_use]
pub fn untrusted_root(token: &str) -> Option<RootId> {
    sealed::untrusted_root(token, PURPOSE.version)
}

impl fmt::Debug for VerifiedRefresh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VerifiedRefresh(…)")
    }
}
