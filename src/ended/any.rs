//! The store that the configuration chose.

use super::{Ended, EndedSessions, Ending, JournalEnded, MemoryEnded, NotEnded, Room, SessionFacts};
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
}

impl AnyEnded {
    /// How full it is; `None` where that isn't counted here.
    #[must_use]
    pub fn room(&self, now: UnixTime) -> Option<Room> {
        match self {
            Self::Memory(store) => Some(store.room(now)),
            Self::Journal(store) => Some(store.room(now)),
        }
    }

    /// Whether it can remember now.
    pub async fn is_ready(&self, now: UnixTime) -> bool {
        match self {
            Self::Memory(_) => true,
            Self::Journal(store) => store.is_ready(now).await,
        }
    }
}

impl EndedSessions for AnyEnded {
    async fn has_ended(&self, session: &SessionFacts<'_>, now: UnixTime) -> Result<bool, Unavailable> {
        match self {
            Self::Memory(store) => store.has_ended(session, now).await,
            Self::Journal(store) => store.has_ended(session, now).await,
        }
    }

    async fn end(&self, ending: &Ending<'_>, now: UnixMillis) -> Result<Ended, NotEnded> {
        match self {
            Self::Memory(store) => store.end(ending, now).await,
            Self::Journal(store) => store.end(ending, now).await,
        }
    }
}
