//! The store that the configuration chose.

use super::{Ended, EndedSessions, Ending, MemoryEnded, NotEnded, Room, SessionFacts};
use crate::{
    time::{UnixMillis, UnixTime},
    unavailable::Unavailable,
};

/// One of the stores.
#[derive(Debug)]
pub enum AnyEnded {
    /// In this process's memory.
    Memory(MemoryEnded),
}

impl AnyEnded {
    /// How full it is; `None` where that isn't counted here.
    #[must_use]
    pub fn room(&self, now: UnixTime) -> Option<Room> {
        match self {
            Self::Memory(store) => Some(store.room(now)),
        }
    }
}

impl EndedSessions for AnyEnded {
    async fn has_ended(&self, session: &SessionFacts<'_>, now: UnixTime) -> Result<bool, Unavailable> {
        match self {
            Self::Memory(store) => store.has_ended(session, now).await,
        }
    }

    async fn end(&self, ending: &Ending<'_>, now: UnixMillis) -> Result<Ended, NotEnded> {
        match self {
            Self::Memory(store) => store.end(ending, now).await,
        }
    }
}
