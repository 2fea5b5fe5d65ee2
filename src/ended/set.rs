//! The set of what was ended: a table of 20 bytes a slot, in shards, that only ever grows by joining and forgets by time.
//!
//! A shard holds the names whose first bits are its own. In it, names stand as near as they can to the place that their bits give
//! them, the one that has come farthest first (Robin Hood hashing), so that looking for a name that isn't there ends soon however full
//! the table is. Removing moves those behind back. Entries leave when nothing of theirs can be alive any more: each new one looks at a
//! few slots, and a full set looks at all of them.

use std::sync::{
    PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
    atomic::{AtomicU8, AtomicU32, Ordering::Relaxed},
};

use super::{
    Room,
    believed::Believed,
    digests::{BUCKET_BITS, BUCKETS, Digested, Digests, Slot, bucket},
    entry::Entry,
    name::Name,
};
use crate::time::UnixMillis;

/// Seconds for which an entry stays beyond its end, so that nodes whose clocks differ hold the same.
pub(super) const STAYS: u32 = 60;

/// Entries of a shard at capacity, at least.
const LEAST_ENTRIES_PER_SHARD: u32 = 4096;
const MOST_SHARDS: u32 = 64;
/// Slots that a new entry looks at for some to remove.
const HOUSEKEEPING: usize = 32;

/// Entries, each name once.
#[derive(Debug)]
pub(super) struct Set {
    shards: Box<[RwLock<Shard>]>,
    capacity: u32,
    taken: AtomicU32,
    /// The shard that the next housekeeping looks at.
    hand: AtomicU32,
    /// The second at which all slots were looked at last, because there was no room.
    swept_at: AtomicU32,
    /// How full it was when that was told last.
    told: AtomicU8,
    digested: Digested,
    /// By which entries are forgotten.
    believed: Believed,
}

/// There is no room for one name more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

/// A slot in which nothing stands.
const EMPTY: Slot = [0; 5];

#[derive(Debug, Default)]
struct Shard {
    /// None before the first is needed.
    slots: Box<[Slot]>,
    live: usize,
    /// Where the next sweep begins.
    sweep: usize,
}

impl Set {
    /// An empty set with room for so many names.
    pub(super) fn new(capacity: u32) -> Self {
        let shards = 1 << (capacity / LEAST_ENTRIES_PER_SHARD).clamp(1, MOST_SHARDS).ilog2();
        Self {
            shards: (0..shards).map(|_| RwLock::default()).collect(),
            capacity,
            taken: AtomicU32::new(0),
            hand: AtomicU32::new(0),
            swept_at: AtomicU32::new(0),
            told: AtomicU8::new(0),
            digested: Digested::default(),
            believed: Believed::default(),
        }
    }

    /// Looks at the clock, so that a jump of it is known for one.
    pub(super) fn see(&self, now: u32) {
        self.believed.see(now);
    }

    /// Whether what is called so was ended, where it began then.
    pub(super) fn has_ended(&self, name: Name, began: UnixMillis) -> bool {
        let shard = self.read(self.shard_of(name));
        shard.find(name).is_some_and(|at| entry(shard.slots[at]).has_ended(began))
    }

    /// Joins an entry with what is known of its name. Whether that is news; what has ended by itself long ago is none.
    ///
    /// # Errors
    /// [`Full`], and nothing is changed.
    pub(super) fn put(&self, new: Entry, now: u32) -> Result<bool, Full> {
        let now = self.believed.at(now);
        if new.until.saturating_add(STAYS) <= now {
            return Ok(false);
        }
        let put = match self.try_put(new, now) {
            // Once a second: whoever finds it full again learns so at once.
            Err(Full) if self.swept_at.swap(now, Relaxed) != now => {
                (0..self.shards.len()).for_each(|at| self.sweep(at, now, usize::MAX));
                self.try_put(new, now)
            }
            put => put,
        };
        let put = if new.until <= now { Ok(put.unwrap_or(false)) } else { put };
        self.tell();
        put
    }

    fn try_put(&self, new: Entry, now: u32) -> Result<bool, Full> {
        let mut shard = self.write(self.shard_of(new.name));
        if let Some(at) = shard.find(new.name) {
            let joined = slot(entry(shard.slots[at]).joined(new));
            let is_news = joined != shard.slots[at];
            if is_news {
                shard.slots[at] = joined;
                self.digested.change();
            }
            return Ok(is_news);
        }
        let removed = shard.sweep(now.saturating_sub(STAYS), HOUSEKEEPING);
        self.taken.fetch_sub(removed, Relaxed);
        let more = |taken| if taken < self.capacity { Some(taken + 1) } else { None };
        self.taken.fetch_update(Relaxed, Relaxed, more).map_err(|_| Full)?;
        if shard.slots.is_empty() {
            shard.slots = vec![EMPTY; self.slots_per_shard()].into();
        }
        if shard.live + 1 >= shard.slots.len() {
            self.taken.fetch_sub(1, Relaxed);
            return Err(Full);
        }
        shard.insert(slot(new));
        self.digested.change();
        Ok(true)
    }

    /// Looks at the next shard, so that a set that nothing is added to empties too.
    pub(super) fn housekeeping(&self, now: u32) {
        let now = self.believed.at(now);
        let at = self.hand.fetch_add(1, Relaxed) as usize % self.shards.len();
        self.sweep(at, now.saturating_sub(STAYS), usize::MAX);
    }

    /// All entries that live on after `now`.
    pub(super) fn all(&self, now: u32) -> Vec<Entry> {
        let mut all = Vec::with_capacity(self.taken.load(Relaxed) as usize);
        for at in 0..self.shards.len() {
            all.extend(self.read(at).slots.iter().filter(|slot| slot[4] > now).map(|slot| entry(*slot)));
        }
        all
    }

    /// All entries that a file has to keep: what lives on, by the time that is believed.
    pub(super) fn all_to_keep(&self, now: u32) -> Vec<Entry> {
        self.all(self.believed.at(now))
    }

    /// How full it is.
    pub(super) fn room(&self) -> Room {
        Room { entries: self.taken.load(Relaxed), capacity: self.capacity }
    }

    /// A number for each bucket, of the entries that live on after `after`.
    pub(super) fn digests(&self, after: u32) -> Digests {
        self.digested.of(after, |each| {
            for at in 0..self.shards.len() {
                self.read(at).slots.iter().filter(|slot| slot[4] > after).for_each(|slot| each(slot, entry(*slot).name));
            }
        })
    }

    /// Adds the entries of a bucket that live on after `after`.
    pub(super) fn push_bucket(&self, number: usize, after: u32, to: &mut Vec<Entry>) {
        let shard = self.read(number * self.shards.len() / BUCKETS);
        let of_bucket = |slot: &&Slot| slot[4] > after && bucket(entry(**slot).name) == number;
        to.extend(shard.slots.iter().filter(of_bucket).map(|slot| entry(*slot)));
    }

    fn sweep(&self, at: usize, now: u32, steps: usize) {
        let removed = self.write(at).sweep(now, steps);
        if removed > 0 {
            self.taken.fetch_sub(removed, Relaxed);
            self.digested.change();
        }
    }

    /// Says in the log when it has become half full, three quarters, and full.
    fn tell(&self) {
        let Room { entries, capacity } = self.room();
        let quarters = u8::try_from(u64::from(entries) * 4 / u64::from(capacity)).unwrap_or(4);
        let level = if quarters < 2 { 0 } else { quarters };
        if self.told.swap(level, Relaxed) >= level {
            return;
        }
        #[cfg(feature = "server")]
        if level == 4 {
            tracing::error!(
                capacity,
                "no more ended sessions can be remembered: ending one answers 503, and sessions go on until they end by themselves; \
                 raise session.ended_capacity and restart"
            );
        } else {
            let part = if level == 2 { "half" } else { "three quarters" };
            tracing::warn!(
                entries,
                capacity,
                "the room for ended sessions is {part} full: raise session.ended_capacity before ending one answers 503"
            );
        }
    }

    /// At capacity five of six slots are taken, which makes 24 bytes an entry.
    const fn slots_per_shard(&self) -> usize {
        let slots = self.capacity as usize / 5 * 6 + self.capacity as usize % 5 * 6 / 5;
        slots / self.shards.len() + 2
    }

    fn shard_of(&self, name: Name) -> usize {
        bucket(name) * self.shards.len() / BUCKETS
    }

    fn read(&self, at: usize) -> RwLockReadGuard<'_, Shard> {
        self.shards[at].read().unwrap_or_else(PoisonError::into_inner)
    }

    /// A thread that panicked left no half of a change behind: all that can fail comes before the first write.
    fn write(&self, at: usize) -> RwLockWriteGuard<'_, Shard> {
        self.shards[at].write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes of the whole table at capacity.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.shards.len() * (self.slots_per_shard() * size_of::<Slot>() + size_of::<RwLock<Shard>>())
    }
}

impl Shard {
    fn find(&self, name: Name) -> Option<usize> {
        if self.slots.is_empty() {
            return None;
        }
        let (mut at, mut distance) = (home(name, self.slots.len()), 0);
        loop {
            let found = self.slots[at];
            if found == EMPTY {
                return None;
            }
            let found = entry(found).name;
            if found == name {
                return Some(at);
            }
            // It would have taken this place.
            if self.distance(found, at) < distance {
                return None;
            }
            (at, distance) = (self.next(at), distance + 1);
        }
    }

    /// Adds a name that isn't there. A slot is free.
    fn insert(&mut self, mut carried: Slot) {
        let (mut at, mut distance) = (home(entry(carried).name, self.slots.len()), 0);
        while self.slots[at] != EMPTY {
            let others = self.distance(entry(self.slots[at]).name, at);
            if others < distance {
                core::mem::swap(&mut carried, &mut self.slots[at]);
                distance = others;
            }
            (at, distance) = (self.next(at), distance + 1);
        }
        self.slots[at] = carried;
        self.live += 1;
    }

    /// Looks at the next slots and removes what had ended by `now`. Returns how many.
    fn sweep(&mut self, now: u32, steps: usize) -> u32 {
        let (mut removed, mut seen) = (0, 0);
        while seen < steps.min(self.slots.len()) && self.live > 0 {
            let at = self.sweep;
            if self.slots[at] != EMPTY && self.slots[at][4] <= now {
                // The one behind it may have moved here.
                self.remove(at);
                removed += 1;
            } else {
                (self.sweep, seen) = (self.next(at), seen + 1);
            }
        }
        removed
    }

    fn remove(&mut self, mut hole: usize) {
        loop {
            let next = self.next(hole);
            if self.slots[next] == EMPTY || self.distance(entry(self.slots[next]).name, next) == 0 {
                break;
            }
            self.slots[hole] = self.slots[next];
            hole = next;
        }
        self.slots[hole] = EMPTY;
        self.live -= 1;
    }

    /// How far a name that stands there is from its home.
    fn distance(&self, name: Name, at: usize) -> usize {
        let (home, size) = (home(name, self.slots.len()), self.slots.len());
        if at >= home { at - home } else { at + size - home }
    }

    const fn next(&self, at: usize) -> usize {
        if at + 1 == self.slots.len() { 0 } else { at + 1 }
    }
}

/// Maps the 32 bits behind the first evenly to the slots.
#[allow(clippy::cast_possible_truncation, reason = "the result is below `size`")]
const fn home(name: Name, size: usize) -> usize {
    let bits = (name.bits() >> (Name::BITS - BUCKET_BITS - 32)) as u32;
    ((bits as u64 * size as u64) >> 32) as usize
}

fn slot(entry: Entry) -> Slot {
    let bytes = entry.to_bytes();
    core::array::from_fn(|at| u32::from_be_bytes(bytes[at * 4..at * 4 + 4].try_into().expect("four bytes")))
}

/// What stands in a slot that isn't empty.
fn entry(slot: Slot) -> Entry {
    let mut bytes = [0; Entry::BYTES];
    bytes.chunks_exact_mut(4).zip(slot).for_each(|(to, number)| to.copy_from_slice(&number.to_be_bytes()));
    Entry::from_bytes(&bytes).expect("an entry always has an end")
}

#[cfg(test)]
#[path = "set_tests.rs"]
mod tests;
