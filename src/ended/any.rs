//! The store that the configuration chose.

use alloc::boxed::Box;

use super::{
    Elsewhere, Ended, EndedSessions, Ending, JournalEnded, MemoryEnded, NotEnded, Room, SessionFacts, entry::Entry, known::Known,
};
use crate::{
    time::{UnixMillis, UnixTime},
    unavailable::Unavailable,
};

/// One of the stores.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "a process has one")]
pub enum AnyEnded {
    /// In this process's memory.
    Memory(MemoryEnded),
    /// In a file.
    Journal(JournalEnded),
    /// Not in this process: in Redis, say.
    Elsewhere(Box<dyn Elsewhere>),
}

impl AnyEnded {
    /// How full it is; `None` where that isn't counted here.
    #[must_use]
    pub fn room(&self, now: UnixTime) -> Option<Room> {
        match self {
            Self::Memory(store) => Some(store.room(now)),
            Self::Journal(store) => Some(store.room(now)),
            Self::Elsewhere(_) => None,
        }
    }

    /// Whether it can remember now.
    pub async fn is_ready(&self, now: UnixTime) -> bool {
        match self {
            // Of Redis the guard says so.
            Self::Memory(_) | Self::Elsewhere(_) => true,
            Self::Journal(store) => store.is_ready(now).await,
        }
    }
}

impl AnyEnded {
    /// What this process knows, where it is this process that remembers.
    pub(super) fn known(&self) -> Option<&Known> {
        match self {
            Self::Memory(store) => Some(store.known()),
            Self::Journal(store) => Some(store.known()),
            Self::Elsewhere(_) => None,
        }
    }

    /// Takes entries; when this returns, they are remembered as long as the store promises.
    pub(super) async fn keep(&self, entries: Vec<Entry>, now: UnixTime) -> Result<(), NotEnded> {
        match self {
            Self::Memory(store) => store.keep(entries, now),
            Self::Journal(store) => store.keep(entries, now).await,
            // It is the fleet's: nodes have nothing to tell each other.
            Self::Elsewhere(_) => Ok(()),
        }
    }
}

impl EndedSessions for AnyEnded {
    async fn has_ended(&self, session: &SessionFacts<'_>, now: UnixTime) -> Result<bool, Unavailable> {
        match self {
            Self::Memory(store) => store.has_ended(session, now).await,
            Self::Journal(store) => store.has_ended(session, now).await,
            Self::Elsewhere(store) => store.has_ended(session, now).await,
        }
    }

    async fn end(&self, ending: &Ending<'_>, now: UnixMillis) -> Result<Ended, NotEnded> {
        match self {
            Self::Memory(store) => store.end(ending, now).await,
            Self::Journal(store) => store.end(ending, now).await,
            Self::Elsewhere(store) => store.end(ending, now).await,
        }
    }
}
