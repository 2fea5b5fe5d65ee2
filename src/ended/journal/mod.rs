//! Ended sessions in memory and in a file, which is on the disk before anybody is answered: nothing that was answered is forgotten, by
//! `kill -9` or a loss of power.
//!
//! The file is only ever appended to, and written anew when most of it has passed. Those who end sessions at the same time wait for the
//! disk together. Its owner may be another guard's epoch: what was ended doesn't come back with a boot.

mod file;
mod record;

use std::{
    fmt, io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use rand_core::CryptoRng;

use self::file::{Found, Journal};
use super::{
    Ended, EndedSessions, Ending, NotEnded, Room, SessionFacts, Terms,
    entry::{Entry, seconds},
    known::Known,
    set::Full,
};
use crate::{
    crypto::random,
    files::FileError,
    time::{UnixMillis, UnixTime},
    unavailable::Unavailable,
};

/// Seconds after which a file that takes nothing is worth another try.
const FAILING: Unavailable = Unavailable::for_seconds(5);

/// Remembers in memory and in a file, for all threads of the one process that has the file.
#[derive(Debug)]
pub struct JournalEnded(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    known: Known,
    journal: Journal,
    /// The second at which writing all anew was tried last, where it was needed.
    tried: AtomicU64,
}

/// Why the file of ended sessions isn't used.
#[derive(Debug)]
pub enum NotOpened {
    /// Something is wrong with the file; what a crash of the machine did to its end is not.
    File(FileError),
    /// It remembers more than there is room for.
    TooMany,
}

impl JournalEnded {
    /// Opens the file, or makes a new one where there is none, and waits until that is on disk.
    ///
    /// # Errors
    /// See [`NotOpened`].
    pub fn open(path: &Path, terms: &Terms, now: UnixTime, random: &mut impl CryptoRng) -> Result<Self, NotOpened> {
        let known = Known::new(terms);
        let found = Found::read(path, |entry| {
            let put = if entry.until > seconds(now) { known.set.put(entry, seconds(now)) } else { Ok(false) };
            put.map(drop).map_err(|Full| NotOpened::TooMany)
        })?;
        let journal = Journal::begin(path, random::bytes(random), found, || known.set.all_to_keep(seconds(now)))?;
        Ok(Self(Arc::new(Shared { known, journal, tried: AtomicU64::new(0) })))
    }

    pub(super) fn known(&self) -> &Known {
        &self.0.known
    }

    /// Whether the file takes entries; where the last ones failed, all is written anew.
    pub async fn is_ready(&self, now: UnixTime) -> bool {
        !self.0.journal.is_failing()
            || self.0.tried.swap(now.as_seconds(), Ordering::Relaxed) != now.as_seconds() && {
                let shared = Arc::clone(&self.0);
                off_the_loop(move || shared.journal.recover(|| shared.known.set.all_to_keep(seconds(now)))).await.is_ok()
            }
    }

    /// How full it is. Forgets some of what has passed by `now`, so it is asked now and then.
    #[must_use]
    pub fn room(&self, now: UnixTime) -> Room {
        self.0.known.room(now)
    }

    /// Takes entries, and waits until they are on disk.
    pub(super) async fn keep(&self, entries: Vec<Entry>, now: UnixTime) -> Result<(), NotEnded> {
        let (now, shared) = (seconds(now), Arc::clone(&self.0));
        let kept = off_the_loop(move || {
            let Shared { known, journal, .. } = &*shared;
            let mut kept = Ok(());
            // What isn't on disk yet, or can't be written, is refused all the same.
            let news = || {
                entries.into_iter().filter(|entry| {
                    let put = known.set.put(*entry, now);
                    kept = kept.and(put.map(drop));
                    put == Ok(true)
                })
            };
            journal.append(|| news().collect(), || known.set.all_to_keep(now))?;
            Ok(kept)
        });
        match kept.await {
            Ok(kept) => kept.map_err(|Full| NotEnded::Full),
            Err(_) => Err(NotEnded::Unavailable(FAILING)),
        }
    }
}

impl EndedSessions for JournalEnded {
    async fn has_ended(&self, session: &SessionFacts<'_>, now: UnixTime) -> Result<bool, Unavailable> {
        // What couldn't be written is no word yet that anybody may rely on: whoever ends it again is told so again.
        match self.0.known.has_ended(session, now) {
            true if !self.is_ready(now).await => Err(FAILING),
            has_ended => Ok(has_ended),
        }
    }

    async fn end(&self, ending: &Ending<'_>, now: UnixMillis) -> Result<Ended, NotEnded> {
        self.keep(self.0.known.entries(ending, now).collect(), now.to_seconds()).await?;
        Ok(Ended { pending: 0 })
    }
}

/// Waits for the disk on another thread, where there is a runtime that has one. It goes on though nobody waits any more.
async fn off_the_loop<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    #[cfg(feature = "tokio")]
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        return runtime.spawn_blocking(work).await.map_err(io::Error::other)?;
    }
    work()
}

impl fmt::Display for NotOpened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(error @ FileError::Damaged { .. }) => write!(
                f,
                "{error}; if you remove it, sessions that were ended go on until they end by themselves, unless keyring.secrets are \
                 changed, too, which ends all"
            ),
            Self::File(error) => error.fmt(f),
            Self::TooMany => f.write_str("it remembers more ended sessions than session.ended_capacity allows"),
        }
    }
}

impl std::error::Error for NotOpened {}

impl<E: Into<FileError>> From<E> for NotOpened {
    fn from(error: E) -> Self {
        Self::File(error.into())
    }
}

#[cfg(test)]
mod tests;
