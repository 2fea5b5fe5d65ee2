//! A session that a cookie carries: whether it still lives.

use alloc::sync::Arc;
use core::fmt;

use super::Engine;
use crate::{
    directory::Directory,
    ended::{EndedSessions, SessionFacts},
    time::UnixTime,
    token::Session,
    unavailable::Unavailable,
    user::User,
};

/// A living session.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Present {
    /// The session.
    pub session: Session,
    /// Its user, as the directory had them at most [`Policy::recheck_seconds`](super::Policy::recheck_seconds) ago; where it can't be
    /// reached, at most twice as long ago.
    pub user: Arc<User>,
}

/// Why there is no living session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoSession {
    /// No cookie carries one, or it has ended, or two different ones came.
    None,
    /// Who would know can't answer.
    Unavailable(Unavailable),
}

impl<G, D: Directory, O, E: EndedSessions> Engine<G, D, O, E> {
    /// The session of a request whose session cookies have these values, if its user may go on. All values of the request have to be
    /// given: of two sessions that live none counts, whatever stands between them.
    ///
    /// A sibling host can set cookies of the same name. What doesn't open, or has ended, is skipped; where two different
    /// sessions live, none counts: nobody can be moved into another's session.
    ///
    /// # Errors
    /// See [`NoSession`].
    pub async fn session(&self, cookies: &[&str], now: UnixTime) -> Result<Present, NoSession> {
        let session = self.session_of_cookies(cookies, now).await?;
        let user = self.user_of(&session, now).await?.ok_or(NoSession::None)?;
        Ok(Present { session, user })
    }

    /// The one living session of these cookies, whatever became of its user.
    ///
    /// # Errors
    /// See [`NoSession`].
    pub async fn session_of_cookies(&self, cookies: &[&str], now: UnixTime) -> Result<Session, NoSession> {
        let mut found = None;
        for (at, cookie) in cookies.iter().enumerate() {
            let is_new = !cookies[..at].contains(cookie);
            let opened = is_new.then(|| self.keys.load().cookies.open(cookie, self.policy.session_lifetime, now)).flatten();
            let Some(session) = opened.filter(|session| self.may_go_on(session, now)) else { continue };
            let id = session.id.to_text();
            if self.ended.has_ended(&SessionFacts::of(&session, &id), now).await? {
                continue;
            }
            if found.replace(session).is_some() {
                return Err(NoSession::None);
            }
        }
        found.ok_or(NoSession::None)
    }

    /// The user of a session, as the directory had them a short while ago.
    async fn user_of(&self, session: &Session, now: UnixTime) -> Result<Option<Arc<User>>, Unavailable> {
        let ask = async || self.still_the_user_of(session, now).await;
        // Without a directory there is nothing to ask.
        if self.directory.knows_everybody() {
            return ask().await;
        }
        self.rechecks.user(session.id, self.policy.recheck_seconds, now, ask).await
    }
}

impl fmt::Display for NoSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "there is no living session",
            Self::Unavailable(_) => "who knows of sessions is out of reach",
        })
    }
}

impl core::error::Error for NoSession {}

impl From<Unavailable> for NoSession {
    fn from(unavailable: Unavailable) -> Self {
        Self::Unavailable(unavailable)
    }
}
