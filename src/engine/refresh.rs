//! When a session may be renewed, and why it may not.

use alloc::sync::Arc;
use core::fmt;

use super::Engine;
use crate::{
    directory::Directory,
    time::UnixTime,
    token::{Session, TokenInvalid},
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

impl<G, D: Directory, O, E> Engine<G, D, O, E> {
    /// Whether the rules still let a session be, whoever its user is: its channel is allowed, and a reviewer's session is never
    /// anything else's, and ends with the last day of theirs.
    pub(super) fn may_go_on(&self, session: &Session, now: UnixTime) -> bool {
        let is_of_reviewer = self.policy.reviewers_of(&session.recipient, now).is_some();
        self.policy.allows(session.recipient.channel()) && session.amr.is_reviewers() == is_of_reviewer
    }

    /// The user of a session, as the directory has them now, if it is the same one still, with the same epoch, and the login
    /// rules hold.
    pub(super) async fn still_the_user_of(&self, session: &Session, now: UnixTime) -> Result<Option<Arc<User>>, Unavailable> {
        let found = self.directory.lookup(&session.recipient).await?;
        let found = self.policy.with_reviewers(&session.recipient, found, now);
        let is_same = |user: &User| *user.id == *session.subject && *user.epoch == *session.epoch;
        Ok(found.into_user().filter(|user| is_same(user) && self.policy.admits(user)))
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
