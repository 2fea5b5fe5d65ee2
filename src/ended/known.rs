//! What one process knows of ended sessions: the names, the set, and for how long each is remembered.

use super::{
    Ending, Room, SessionFacts,
    entry::{Entry, seconds},
    name::Names,
    set::Set,
};
use crate::time::{UnixMillis, UnixTime};

/// What is remembered, and for how long.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Terms {
    /// The issuer of the sessions.
    pub issuer: Box<str>,
    /// How many sessions and subjects are remembered at most, from [`LEAST_CAPACITY`](super::LEAST_CAPACITY) to
    /// [`MOST_CAPACITY`](super::MOST_CAPACITY).
    pub capacity: u32,
    /// Seconds from a login to the end of the longest session.
    pub longest: u64,
    /// Seconds for which an access token is accepted beyond its session's end.
    pub leeway: u64,
}

impl Terms {
    /// For sessions of this issuer that last so many seconds at most: a million, without a leeway.
    #[must_use]
    pub fn new(issuer: &str, longest: u64) -> Self {
        Self { issuer: issuer.into(), capacity: 1_000_000, longest, leeway: 0 }
    }
}

/// The set of this process.
#[derive(Debug)]
pub(super) struct Known {
    names: Names,
    pub(super) set: Set,
    longest: u64,
    leeway: u64,
}

impl Known {
    pub(super) fn new(terms: &Terms) -> Self {
        let Terms { issuer, capacity, longest, leeway } = terms;
        let capacity = (*capacity).clamp(super::LEAST_CAPACITY, super::MOST_CAPACITY);
        Self { names: Names::new(issuer), set: Set::new(capacity), longest: *longest, leeway: *leeway }
    }

    /// How full it is; forgets some of what has passed.
    pub(super) fn room(&self, now: UnixTime) -> Room {
        self.set.housekeeping(seconds(now));
        self.set.room()
    }

    /// Whether a session was ended.
    pub(super) fn has_ended(&self, session: &SessionFacts<'_>, now: UnixTime) -> bool {
        self.set.see(seconds(now));
        let names = self.names.both(session.id, session.subject);
        // Nearly always neither is there, so both are looked for, and the memory is waited for once.
        for name in names {
            self.set.expect(name);
        }
        names.iter().any(|name| self.set.has_ended(*name, session.began))
    }

    /// What an ending adds: with `everywhere` the subject, and the session. In this order, so that where there is room for one only, a
    /// second try can't find this session ended and the subject's others alive.
    pub(super) fn entries(&self, ending: &Ending<'_>, now: UnixMillis) -> impl Iterator<Item = Entry> + use<> {
        let Ending { session, ends_at, everywhere } = *ending;
        let unknown = now.to_seconds().plus(1).plus(self.longest);
        let until = |end: UnixTime| end.plus(self.leeway);
        let this = Entry::of_session(self.names.session(session.id), until(ends_at.unwrap_or(unknown)));
        let all = everywhere.then(|| {
            // By another node's clock it may have begun later than now.
            let before = now.max(session.began);
            Entry::of_subject(self.names.subject(session.subject), before, until(before.to_seconds().plus(1).plus(self.longest)))
        });
        [all, Some(this)].into_iter().flatten()
    }
}
