//! The set of what was ended: a table of 20 bytes a slot, in shards, that only ever grows by joining and forgets by time.
//!
//! Entries leave when nothing of theirs can be alive any more: each new one looks at a few slots, and a full set looks at all of them.

use std::sync::{
    OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
    atomic::{AtomicU8, AtomicU32, Ordering::Relaxed},
};

use super::{
    Room,
    believed::Believed,
    digests::{Counted, Digests, Running, STEP},
    entry::Entry,
    name::Name,
    shard::{Places, Shard},
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
    places: Places,
    shards: Box<[RwLock<Shard>]>,
    capacity: u32,
    taken: AtomicU32,
    /// The shard that the next housekeeping looks at.
    hand: AtomicU32,
    /// The second at which all slots were looked at last, because there was no room.
    swept_at: AtomicU32,
    /// How full it was when that was told last.
    told: AtomicU8,
    /// What it is compared by; nothing before the first comparison.
    running: OnceLock<Running>,
    /// By which entries are forgotten.
    believed: Believed,
}

/// There is no room for one name more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

impl Set {
    /// An empty set with room for so many names.
    pub(super) fn new(capacity: u32) -> Self {
        let places = Places::random();
        let shards = 1 << (capacity / LEAST_ENTRIES_PER_SHARD).clamp(1, MOST_SHARDS).ilog2();
        Self {
            places,
            shards: (0..shards).map(|_| RwLock::new(Shard::new(places))).collect(),
            capacity,
            taken: AtomicU32::new(0),
            hand: AtomicU32::new(0),
            swept_at: AtomicU32::new(0),
            told: AtomicU8::new(0),
            running: OnceLock::new(),
            believed: Believed::default(),
        }
    }

    /// Looks at the clock, so that a jump of it is known for one.
    pub(super) fn see(&self, now: u32) {
        self.believed.see(now);
    }

    /// Asks the memory for where a name stands, or would stand, without waiting for it.
    pub(super) fn expect(&self, name: Name) {
        self.read(self.shard_of(name)).expect(name);
    }

    /// Whether what is called so was ended, where it began then.
    pub(super) fn has_ended(&self, name: Name, began: UnixMillis) -> bool {
        self.read(self.shard_of(name)).get(name).is_some_and(|entry| entry.has_ended(began))
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
        // Once a shard is counted, there is something to count with, and that stays.
        let running = self.running.get();
        if let Some(is_news) = shard.join(new, running) {
            return Ok(is_news);
        }
        let removed = shard.sweep(now.saturating_sub(STAYS), HOUSEKEEPING, running);
        self.taken.fetch_sub(removed, Relaxed);
        let more = |taken| if taken < self.capacity { Some(taken + 1) } else { None };
        self.taken.fetch_update(Relaxed, Relaxed, more).map_err(|_| Full)?;
        if !shard.insert(new, self.slots_per_shard(), running) {
            self.taken.fetch_sub(1, Relaxed);
            return Err(Full);
        }
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
            all.extend(self.read(at).entries().filter(|entry| entry.until > now));
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

    /// A number for each bucket, of the entries that live on after the beginning of the [`STEP`] of this second.
    pub(super) fn digests(&self, second: u32) -> Digests {
        let (step, running) = (second / STEP, self.running.get_or_init(Running::new));
        let _turn = running.turn();
        for at in 0..self.shards.len() {
            let is_for_it = self.read(at).counted().is_for(step);
            if !is_for_it {
                self.write(at).count(Counted::best_for(step, at), running);
            }
        }
        running.after(step)
    }

    /// Adds the entries of a bucket that live on after `after`.
    pub(super) fn push_bucket(&self, number: usize, after: u32, to: &mut Vec<Entry>) {
        for at in 0..self.shards.len() {
            to.extend(self.read(at).of_bucket(number).filter(|entry| entry.until > after));
        }
    }

    fn sweep(&self, at: usize, now: u32, steps: usize) {
        let removed = self.write(at).sweep(now, steps, self.running.get());
        self.taken.fetch_sub(removed, Relaxed);
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
        self.places.of(name).shard(self.shards.len())
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
        self.shards.len() * (self.slots_per_shard() * size_of::<super::digests::Slot>() + size_of::<RwLock<Shard>>())
            + Running::BYTES
    }
}

#[cfg(test)]
#[path = "set_tests.rs"]
mod tests;
