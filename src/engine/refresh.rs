//! When a session may be renewed, and why it may not.

use alloc::sync::Arc;
use core::fmt;

use super::{Engine, policy::MethodDisabled};
use crate::{
    directory::Found,
    token::{TokenInvalid, VerifiedRefresh},
    unavailable::Unavailable,
    user::User,
};

/// Why a session was not renewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RefreshError {
    /// The token is invalid or its session has ended.
    Invalid,
    /// The directory can't answer, or nobody knows whether the session was ended.
    Unavailable(Unavailable),
}

impl<G, D, O, E> Engine<G, D, O, E> {
    /// The user of a session, if it is the same one still, with the same epoch, and the login rules hold.
    pub(super) fn still_the_user_of(&self, session: &VerifiedRefresh, found: Found) -> Option<Arc<User>> {
        let is_same = |user: &User| *user.id == *session.subject && *user.epoch == *session.epoch;
        found.into_user().filter(|user| is_same(user) && self.policy.admits(user))
    }
}

impl fmt::Display for RefreshError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Invalid => "the token is invalid or its session has ended",
            Self::Unavailable(_) => "the directory, or where ended sessions are remembered, is out of reach",
        })
    }
}

impl core::error::Error for RefreshError {}

impl From<MethodDisabled> for RefreshError {
    fn from(MethodDisabled: MethodDisabled) -> Self {
        Self::Invalid
    }
}

impl From<TokenInvalid> for RefreshError {
    fn from(_: TokenInvalid) -> Self {
        Self::Invalid
    }
}

impl From<Unavailable> for RefreshError {
    fn from(unavailable: Unavailable) -> Self {
        Self::Unavailable(unavailable)
    }
}
