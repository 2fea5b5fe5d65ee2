//! How many events one sink holds.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::Notify;

use super::Kind;

/// A fixed number of places. Strangers can cause events as they like, so the last quarter is kept for the precious ones.
#[derive(Debug)]
pub(super) struct Room {
    places: usize,
    taken: AtomicUsize,
    is_empty: Notify,
}

/// A place in a room, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place(Arc<Room>);

impl Room {
    pub(super) fn new(places: usize) -> Arc<Self> {
        Arc::new(Self { places, taken: AtomicUsize::new(0), is_empty: Notify::new() })
    }

    /// A place for an event of this kind, if there is one.
    pub(super) fn take(self: &Arc<Self>, kind: Kind) -> Option<Place> {
        let limit = if kind.is_precious() { self.places } else { self.places - self.places / 4 };
        let one_more = |taken| (taken < limit).then_some(taken + 1);
        let taken = self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        taken.is_ok().then(|| Place(Arc::clone(self)))
    }

    /// How many places are taken.
    pub(super) fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }

    /// Waits until no place is taken.
    pub(super) async fn all_free(&self) {
        loop {
            let emptied = self.is_empty.notified();
            if self.taken() == 0 {
                return;
            }
            emptied.await;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.0.taken.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.0.is_empty.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_last_quarter_is_kept_for_precious_events() {
        let room = Room::new(8);
        let mut places: Vec<_> = (0..10).filter_map(|_| room.take(Kind::LoginFailed)).collect();
        assert_eq!(places.len(), 6);
        places.extend((0..10).filter_map(|_| room.take(Kind::LoginSucceeded)));
        assert_eq!((places.len(), room.taken()), (8, 8));
        places.truncate(7);
        assert!(room.take(Kind::ChallengeRequested).is_none());
        assert!(room.take(Kind::LoginSucceeded).is_some(), "and given back at once");
        drop(places);
        room.all_free().await;
    }
}
