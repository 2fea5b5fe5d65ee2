//! Room for messages on their way: how many there may be, and whose.
//!
//! A message takes a slot before anything else is asked about its recipient, and holds it until its first try has ended.
//! What then waits to be tried again is deferred: it moves to room of its own, half as much again, so that a mail server
//! which defers everything keeps nobody else out. When that is full, what waited longest there is given up.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{Notify, oneshot};

use super::{NoRoom, SlotRequest};
use crate::{network::ClientNetwork, unavailable::Unavailable};

/// Seconds after which it makes sense to ask again: a message leaves all the time.
const AGAIN: Unavailable = Unavailable::for_seconds(5);

/// All room.
#[derive(Debug)]
pub(super) struct Room {
    /// Of messages that weren't tried yet.
    capacity: usize,
    taken: Mutex<Taken>,
    emptied: Notify,
}

#[derive(Debug, Default)]
struct Taken {
    slots: usize,
    networks: HashMap<ClientNetwork, usize>,
    /// In the order in which they came.
    deferred: BTreeMap<u64, oneshot::Sender<()>>,
    next: u64,
}

/// Room for one message that wasn't tried yet; given back when dropped.
#[derive(Debug)]
pub(super) struct HeldSlot {
    room: Arc<Room>,
    network: Option<ClientNetwork>,
}

/// Room for one message that waits to be tried again; given back when dropped.
#[derive(Debug)]
pub(super) struct Deferred {
    room: Arc<Room>,
    number: u64,
    displaced: oneshot::Receiver<()>,
}

/// How many messages are on their way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lengths {
    /// That weren't tried yet.
    pub queued: usize,
    /// That wait to be tried again.
    pub deferred: usize,
}

impl Room {
    pub(super) fn new(capacity: usize) -> Arc<Self> {
        Arc::new(Self { capacity, taken: Mutex::default(), emptied: Notify::new() })
    }

    /// Takes a slot. Above half full only who is vouched for gets one, and one network never gets more than a tenth.
    pub(super) fn take(self: &Arc<Self>, request: &SlotRequest) -> Result<HeldSlot, NoRoom> {
        let mut taken = self.taken();
        if taken.slots >= self.capacity {
            return Err(NoRoom::Full(AGAIN));
        }
        if !request.is_vouched && self.is_half_full(&taken) {
            return Err(NoRoom::NeedsProof(AGAIN));
        }
        if let Some(network) = request.network {
            let of_network = taken.networks.entry(network).or_default();
            if *of_network >= (self.capacity / 10).max(1) {
                return Err(NoRoom::Network(AGAIN));
            }
            *of_network += 1;
        }
        taken.slots += 1;
        drop(taken);
        Ok(HeldSlot { room: Arc::clone(self), network: request.network })
    }

    /// Whether more than half of the slots are taken.
    pub(super) fn is_crowded(&self) -> bool {
        self.is_half_full(&self.taken())
    }

    const fn is_half_full(&self, taken: &Taken) -> bool {
        taken.slots > self.capacity / 2
    }

    pub(super) fn lengths(&self) -> Lengths {
        let taken = self.taken();
        Lengths { queued: taken.slots, deferred: taken.deferred.len() }
    }

    /// Waits until nothing is on its way.
    pub(super) async fn all_free(&self) {
        loop {
            let emptied = self.emptied.notified();
            tokio::pin!(emptied);
            // From here on nothing that is given back is missed.
            emptied.as_mut().enable();
            if self.lengths().total() == 0 {
                return;
            }
            emptied.await;
        }
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn give_back(&self, give: impl FnOnce(&mut Taken)) {
        let is_empty = {
            let mut taken = self.taken();
            give(&mut taken);
            taken.slots == 0 && taken.deferred.is_empty()
        };
        if is_empty {
            self.emptied.notify_waiters();
        }
    }
}

impl Lengths {
    pub(super) const fn total(self) -> usize {
        self.queued + self.deferred
    }
}

impl HeldSlot {
    pub(super) fn room(&self) -> &Arc<Room> {
        &self.room
    }

    /// Moves to the room of what is tried again; what waited longest there makes room for it.
    pub(super) fn defer(self) -> Deferred {
        let room = Arc::clone(&self.room);
        let (displace, displaced) = oneshot::channel();
        let number = {
            let mut taken = room.taken();
            if taken.deferred.len() >= (room.capacity / 2).max(1)
                && let Some((_, oldest)) = taken.deferred.pop_first()
            {
                // Gone already, if nobody listens.
                let _ = oldest.send(());
            }
            let number = taken.next;
            taken.next += 1;
            taken.deferred.insert(number, displace);
            number
        };
        Deferred { room, number, displaced }
    }
}

impl Deferred {
    /// Waits until it has to make room for another one.
    pub(super) async fn displaced(&mut self) {
        // The sender stays as long as it does, so an error is no other answer.
        let _ = (&mut self.displaced).await;
    }
}

impl Drop for HeldSlot {
    fn drop(&mut self) {
        self.room.give_back(|taken| {
            taken.slots -= 1;
            let Some(network) = self.network else { return };
            if let Some(of_network) = taken.networks.get_mut(&network) {
                *of_network -= 1;
                if *of_network == 0 {
                    taken.networks.remove(&network);
                }
            }
        });
    }
}

impl Drop for Deferred {
    fn drop(&mut self) {
        self.room.give_back(|taken| {
            taken.deferred.remove(&self.number);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipient::Channel;

    fn asking(network: Option<u8>, is_vouched: bool) -> SlotRequest {
        let network = network.map(|last| ClientNetwork::of([192, 0, 2, last].into()));
        SlotRequest { channel: Channel::Email, network, is_vouched }
    }

    fn take(room: &Arc<Room>, number: usize, request: SlotRequest) -> (Vec<HeldSlot>, Option<NoRoom>) {
        let mut held = Vec::new();
        for _ in 0..number {
            match room.take(&request) {
                Ok(slot) => held.push(slot),
                Err(no_room) => return (held, Some(no_room)),
            }
        }
        (held, None)
    }

    #[test]
    fn above_half_a_proof_is_needed_and_with_one_all_of_it_is_there() {
        let room = Room::new(100);
        let (strangers, refused) = take(&room, 100, asking(None, false));
        assert_eq!((strangers.len(), refused), (51, Some(NoRoom::NeedsProof(AGAIN))));
        assert!(room.is_crowded());
        let (vouched, refused) = take(&room, 100, asking(None, true));
        assert_eq!((vouched.len(), refused), (49, Some(NoRoom::Full(AGAIN))));
        drop(vouched);
        assert!(matches!(room.take(&asking(None, false)), Err(NoRoom::NeedsProof(_))));
        drop(strangers);
        assert!(!room.is_crowded() && room.take(&asking(None, false)).is_ok());
    }

    #[test]
    fn one_network_holds_a_tenth_whoever_vouches_for_it() {
        let room = Room::new(100);
        for is_vouched in [false, true] {
            let (held, refused) = take(&room, 100, asking(Some(1), is_vouched));
            assert_eq!((held.len(), refused), (10, Some(NoRoom::Network(AGAIN))), "{is_vouched}");
            assert!(room.take(&asking(Some(2), false)).is_ok() && room.take(&asking(None, false)).is_ok());
        }
        assert!(room.taken().networks.is_empty(), "nothing of a network without messages is remembered");
        assert!(Room::new(1).take(&asking(Some(1), false)).is_ok(), "a small queue has a place for everyone");
    }

    #[tokio::test]
    async fn what_is_deferred_frees_its_slot_and_the_oldest_makes_room() {
        let room = Room::new(4);
        let mut deferred = Vec::new();
        for _ in 0..3 {
            deferred.push(room.take(&asking(Some(1), false)).unwrap().defer());
        }
        assert_eq!(room.lengths(), Lengths { queued: 0, deferred: 2 });
        deferred[0].displaced().await;
        assert!(deferred[1].displaced.try_recv().is_err() && deferred[2].displaced.try_recv().is_err());
        deferred.clear();
        assert_eq!(room.lengths(), Lengths { queued: 0, deferred: 0 });
        room.all_free().await;
    }

    #[test]
    fn slots_are_exact_when_threads_race_for_them() {
        let room = Room::new(100);
        let won: usize = std::thread::scope(|scope| {
            let race = || (0..1000).filter_map(|_| room.take(&asking(None, true)).ok()).map(std::mem::forget).count();
            let racers: Vec<_> = (0..8).map(|_| scope.spawn(race)).collect();
            racers.into_iter().map(|racer| racer.join().unwrap()).sum()
        });
        assert_eq!((won, room.lengths().queued), (100, 100));
    }
}
