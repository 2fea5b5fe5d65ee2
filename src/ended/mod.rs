//! Sessions that were ended before their time, without a table of those that live.
//!
//! Nothing is remembered of a session while it lives; its token or cookie says all. Of one that was ended a few bytes are, until
//! it would have ended by itself. Two kinds are remembered: *this session*, and *everything of this subject that began before T*. That
//! is a set that only grows and forgets by time, so nodes can merge what each of them heard in any order, any number of times.

mod any;
mod believed;
mod digests;
mod entry;
pub mod journal;
mod known;
mod memory;
mod merging;
mod name;
mod set;
mod shard;

use alloc::{boxed::Box, string::String};
use core::{fmt, pin::Pin};

pub use any::AnyEnded;
pub use journal::JournalEnded;
pub use known::Terms;
pub use memory::MemoryEnded;
pub(crate) use merging::{Comparison, LONGEST_QUESTION, read_kept};

use crate::{
    edge::VerifiedAccess,
    time::{UnixMillis, UnixTime},
    token::Session,
    unavailable::Unavailable,
};

/// The fewest ended sessions that a store has room for.
pub const LEAST_CAPACITY: u32 = 64;
/// The most.
pub const MOST_CAPACITY: u32 = 1 << 24;

/// Where ended sessions are remembered. Implementations fail closed: where nobody knows whether a session was ended, they say
/// so.
#[allow(async_fn_in_trait, reason = "embedders name a concrete store, so the futures' Send-ness shows")]
pub trait EndedSessions {
    /// Whether a session was ended.
    ///
    /// # Errors
    /// Nobody knows now; it is not to be accepted.
    async fn has_ended(&self, session: &SessionFacts<'_>, now: UnixTime) -> Result<bool, Unavailable>;

    /// Ends a session, or all of its subject that began by now. When this returns, it is remembered as long as the store
    /// promises.
    ///
    /// # Errors
    /// It couldn't be remembered, and may go on.
    async fn end(&self, ending: &Ending<'_>, now: UnixMillis) -> Result<Ended, NotEnded>;
}

/// A store that several threads, or several engines, share.
impl<E: EndedSessions> EndedSessions for alloc::sync::Arc<E> {
    async fn has_ended(&self, session: &SessionFacts<'_>, now: UnixTime) -> Result<bool, Unavailable> {
        (**self).has_ended(session, now).await
    }

    async fn end(&self, ending: &Ending<'_>, now: UnixMillis) -> Result<Ended, NotEnded> {
        (**self).end(ending, now).await
    }
}

/// For engines whose sessions end by themselves only: none was ever ended, and none can be.
#[derive(Clone, Copy, Debug, Default)]
pub struct NeverEnded;

impl EndedSessions for NeverEnded {
    async fn has_ended(&self, _: &SessionFacts<'_>, _: UnixTime) -> Result<bool, Unavailable> {
        Ok(false)
    }

    async fn end(&self, _: &Ending<'_>, _: UnixMillis) -> Result<Ended, NotEnded> {
        Err(NotEnded::Full)
    }
}

/// A store that isn't this process's: what [`AnyEnded`] asks and tells. Its promises are those of [`EndedSessions`].
pub trait Elsewhere: fmt::Debug + Send + Sync {
    /// Whether a session was ended.
    fn has_ended<'a>(
        &'a self,
        session: &'a SessionFacts<'_>,
        now: UnixTime,
    ) -> Pin<Box<dyn Future<Output = Result<bool, Unavailable>> + 'a>>;

    /// Ends a session.
    fn end<'a>(&'a self, ending: &'a Ending<'_>, now: UnixMillis) -> Pin<Box<dyn Future<Output = Result<Ended, NotEnded>> + 'a>>;
}

/// The names of one issuer's sessions and subjects, as texts of hexadecimal digits: what a store elsewhere knows them by.
#[derive(Clone, Debug)]
pub struct NamedIn(name::Names);

impl NamedIn {
    /// Of this issuer.
    #[must_use]
    pub fn new(issuer: &str) -> Self {
        Self(name::Names::new(issuer))
    }

    /// Of a session, by its `sid`.
    #[must_use]
    pub fn session(&self, id: &str) -> String {
        self.0.session(id).to_hex()
    }

    /// Of a subject.
    #[must_use]
    pub fn subject(&self, subject: &str) -> String {
        self.0.subject(subject).to_hex()
    }
}

/// A session, by what its token or cookie says of it.
#[derive(Clone, Copy)]
pub struct SessionFacts<'a> {
    /// `sid`.
    pub id: &'a str,
    /// `sub`.
    pub subject: &'a str,
    /// When the person logged in. What knows the second only counts as begun at its end.
    pub began: UnixMillis,
}

impl<'a> SessionFacts<'a> {
    /// Of a session, whose id is `id` as text.
    #[must_use]
    pub fn of(session: &'a Session, id: &'a str) -> Self {
        Self { id, subject: &session.subject, began: session.began_at }
    }
}

impl<'a> From<&'a VerifiedAccess> for SessionFacts<'a> {
    fn from(token: &'a VerifiedAccess) -> Self {
        let began = UnixMillis::end_of(token.authenticated_at());
        Self { id: token.session_id(), subject: token.subject(), began }
    }
}

/// What is to be ended.
#[derive(Clone, Copy, Debug)]
pub struct Ending<'a> {
    /// The session.
    pub session: SessionFacts<'a>,
    /// The first second at which it would end by itself; `None` where that isn't known: then it is remembered for as long as the
    /// longest session takes.
    pub ends_at: Option<UnixTime>,
    /// Whether all sessions of its subject are ended that began by now.
    pub everywhere: bool,
}

/// A session was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// How many other nodes couldn't be told yet. They hear of it as soon as they can be reached.
    pub pending: u32,
}

/// Why a session goes on that should have ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotEnded {
    /// There is no room to remember it.
    Full,
    /// Where it is remembered can't be reached, or can't write.
    Unavailable(Unavailable),
}

/// How full a store is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// What it remembers: sessions, and subjects.
    pub entries: u32,
    /// The most that it can.
    pub capacity: u32,
}

impl NotEnded {
    /// As whoever asked for it is told: to come back.
    #[must_use]
    pub const fn unavailable(self) -> Unavailable {
        match self {
            Self::Full => Unavailable::for_seconds(60),
            Self::Unavailable(unavailable) => unavailable,
        }
    }
}

impl fmt::Debug for SessionFacts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionFacts(…)")
    }
}

impl fmt::Display for NotEnded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "there is no room to remember that it was ended",
            Self::Unavailable(_) => "where ended sessions are remembered is out of reach",
        })
    }
}

impl core::error::Error for NotEnded {}
