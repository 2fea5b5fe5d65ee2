//! Ended sessions in this process's memory. A restart forgets them, and what was ended goes on until it ends by itself, unless other
//! nodes of a fleet tell.

use super::{
    Ended, EndedSessions, Ending, NotEnded, Room, SessionFacts, Terms,
    entry::{Entry, seconds},
    known::Known,
    set::Full,
};
use crate::{
    time::{UnixMillis, UnixTime},
    unavailable::Unavailable,
};

/// Remembers in memory, for all threads of the process: 24 bytes each, taken when needed.
#[derive(Debug)]
pub struct MemoryEnded {
    known: Known,
}

impl MemoryEnded {
    /// Of which nothing was ended yet.
    #[must_use]
    pub fn new(terms: &Terms) -> Self {
        Self { known: Known::new(terms) }
    }

    pub(super) const fn known(&self) -> &Known {
        &self.known
    }

    /// Takes all entries that there is room for.
    pub(super) fn keep(&self, entries: impl IntoIterator<Item = Entry>, now: UnixTime) -> Result<(), NotEnded> {
        let mut kept = Ok(());
        for entry in entries {
            let put = self.known.set.put(entry, seconds(now)).map_err(|Full| NotEnded::Full);
            kept = kept.and(put.map(drop));
        }
        kept
    }

    /// How full it is. Forgets some of what has passed by `now`, so it is asked now and then.
    #[must_use]
    pub fn room(&self, now: UnixTime) -> Room {
        self.known.room(now)
    }
}

impl EndedSessions for MemoryEnded {
    async fn has_ended(&self, session: &SessionFacts<'_>, now: UnixTime) -> Result<bool, Unavailable> {
        Ok(self.known.has_ended(session, now))
    }

    async fn end(&self, ending: &Ending<'_>, now: UnixMillis) -> Result<Ended, NotEnded> {
        self.keep(self.known.entries(ending, now), now.to_seconds())?;
        Ok(Ended { pending: 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis::from_millis(1_800_000_000_500);

    fn store() -> MemoryEnded {
        MemoryEnded::new(&Terms { capacity: 64, ..Terms::new("https://login.example.com", 1000) })
    }

    fn session<'a>(id: &'a str, subject: &'a str, began: u64) -> SessionFacts<'a> {
        SessionFacts { id, subject, began: UnixMillis::from_millis(began) }
    }

    async fn has(store: &MemoryEnded, id: &str, subject: &str, began: u64) -> bool {
        store.has_ended(&session(id, subject, began), NOW.to_seconds()).await.unwrap()
    }

    async fn end(store: &MemoryEnded, session: SessionFacts<'_>, everywhere: bool) -> Result<Ended, NotEnded> {
        store.end(&Ending { session, ends_at: None, everywhere }, NOW).await
    }

    #[tokio::test]
    async fn one_session_is_ended_and_no_other() {
        let store = store();
        let (id, earlier) = ("one", NOW.as_millis() - 5000);
        end(&store, session(id, "ann", earlier), false).await.unwrap();
        assert!(has(&store, id, "ann", earlier).await);
        assert!(!has(&store, "two", "ann", earlier).await);
        assert!(!has(&store, "ann", "one", earlier).await, "a session is no subject");
    }

    #[tokio::test]
    async fn everywhere_ends_what_began_before_to_the_millisecond_and_nothing_that_begins_later() {
        let store = store();
        let now = NOW.as_millis();
        end(&store, session("one", "ann", now - 5000), true).await.unwrap();
        assert!(has(&store, "two", "ann", now - 1).await);
        assert!(!has(&store, "three", "ann", now).await);
        assert!(!has(&store, "two", "bob", now - 1).await);
    }

    #[tokio::test]
    async fn a_session_that_began_by_a_clock_ahead_is_ended_with_all_before_it() {
        let store = store();
        let began = NOW.as_millis() + 10_000;
        end(&store, session("one", "ann", began), true).await.unwrap();
        assert!(has(&store, "one", "ann", began).await);
        assert!(has(&store, "two", "ann", began - 1).await);
        assert!(!has(&store, "three", "ann", began).await);
    }

    #[tokio::test]
    async fn a_full_store_says_so_and_keeps_what_it_has() {
        let store = store();
        for number in 0..64 {
            assert!(end(&store, session(&number.to_string(), "ann", 0), false).await.is_ok());
        }
        assert_eq!(end(&store, session("more", "ann", 0), false).await, Err(NotEnded::Full));
        assert!(end(&store, session("7", "ann", 0), false).await.is_ok(), "what is ended already needs no room");
        for number in 0..64 {
            assert!(has(&store, &number.to_string(), "ann", 0).await);
        }
        assert!(!has(&store, "more", "ann", 0).await);
    }

    #[tokio::test]
    async fn with_room_for_one_everywhere_is_refused_and_a_second_try_tells_the_truth() {
        let store = store();
        for number in 0..63 {
            end(&store, session(&number.to_string(), "bob", 0), false).await.unwrap();
        }
        let began = NOW.as_millis() - 5000;
        assert_eq!(end(&store, session("one", "ann", began), true).await, Err(NotEnded::Full));
        assert!(has(&store, "one", "ann", began).await && has(&store, "two", "ann", began).await, "the subject comes first");
        assert!(!has(&store, "later", "ann", NOW.as_millis()).await);
    }

    #[tokio::test]
    async fn a_clock_that_jumps_ahead_and_comes_back_revives_nothing() {
        let store = store();
        let ends_at = Some(NOW.to_seconds().plus(100));
        store.end(&Ending { session: session("one", "ann", 0), ends_at, everywhere: false }, NOW).await.unwrap();
        for passed in 0..64 {
            let ahead = NOW.to_seconds().plus(1_000_000 + passed);
            let _ = store.room(ahead);
            let id = format!("then {passed}");
            let ending = Ending { session: session(&id, "ann", 0), ends_at: None, everywhere: false };
            let _ = store.end(&ending, UnixMillis::end_of(ahead)).await;
        }
        assert!(has(&store, "one", "ann", 0).await);
    }

    #[tokio::test]
    async fn it_is_remembered_until_its_end_and_for_the_leeway() {
        let store = MemoryEnded::new(&Terms { leeway: 600, ..Terms::new("i", 1000) });
        let ends_at = Some(NOW.to_seconds().plus(10));
        store.end(&Ending { session: session("one", "ann", 0), ends_at, everywhere: false }, NOW).await.unwrap();
        for passed in 0..=609 {
            assert_eq!(store.room(NOW.to_seconds().plus(passed)).entries, 1);
        }
        (0..64).for_each(|_| _ = store.room(NOW.to_seconds().plus(10 + 600 + 60)));
        assert_eq!(store.room(NOW.to_seconds().plus(10 + 600 + 60)).entries, 0);
    }
}
