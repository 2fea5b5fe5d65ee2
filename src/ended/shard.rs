//! A part of the set: a table in which names stand as near as they can to the place that is theirs, the one that has come farthest
//! first (Robin Hood hashing), so that looking for a name that isn't there ends soon however full it is. Removing moves those behind
//! back.
//!
//! Places go by a name's bucket first, so that those of one bucket stand together, then by a hash that is keyed anew in each process:
//! who can choose names, by choosing addresses, can't have them crowd.

use std::hash::{BuildHasher as _, RandomState};

use prefetch_index::prefetch_index;

use super::{
    digests::{BUCKET_BITS, Counted, Running, Slot, bucket},
    entry::Entry,
    name::Name,
};

/// Slots that begin in one line of a cache, of 64 bytes.
const SLOTS_OF_A_LINE: usize = 3;

/// A slot in which nothing stands.
pub(super) const EMPTY: Slot = [0; 5];

/// Decides where names stand: two numbers that nobody outside of this process knows.
#[derive(Clone, Copy)]
pub(super) struct Places([u64; 2]);

/// Where a name stands, whatever the number of shards and slots.
#[derive(Clone, Copy)]
pub(super) struct Place {
    bucket: usize,
    hash: u64,
}

/// One table.
#[derive(Debug)]
pub(super) struct Shard {
    places: Places,
    /// None before the first is needed.
    slots: Box<[Slot]>,
    live: usize,
    /// Where the next sweep begins.
    sweep: usize,
    counted: Counted,
}

impl Places {
    /// New ones.
    pub(super) fn random() -> Self {
        let random = RandomState::new();
        Self([0_u8, 1].map(|number| random.hash_one(number)))
    }

    /// The place of a name.
    #[allow(clippy::cast_possible_truncation, reason = "both halves of the product are used")]
    pub(super) fn of(self, name: Name) -> Place {
        let Self([one, other]) = self;
        let (low, high) = (name.bits() as u64, (name.bits() >> 64) as u64);
        let product = u128::from(low ^ one) * u128::from(high ^ other);
        Place { bucket: bucket(name), hash: product as u64 ^ (product >> 64) as u64 }
    }
}

impl Place {
    /// Which one of so many shards.
    #[allow(clippy::cast_possible_truncation, reason = "the result is below `shards`")]
    pub(super) const fn shard(self, shards: usize) -> usize {
        (((self.hash >> 32) * shards as u64) >> 32) as usize
    }

    const fn slot(self, slots: usize) -> usize {
        slot_of(self.bucket, self.hash & 0xffff_ffff, slots)
    }
}

/// Maps buckets, and 32 bits within each, evenly to the slots, in their order.
#[allow(clippy::cast_possible_truncation, reason = "the result is at most `slots`")]
const fn slot_of(bucket: usize, within: u64, slots: usize) -> usize {
    // A shard has fewer than 2²² slots, so it fits.
    ((((bucket as u64) << 32 | within) * slots as u64) >> (32 + BUCKET_BITS)) as usize
}

impl Shard {
    /// An empty one.
    pub(super) fn new(places: Places) -> Self {
        Self { places, slots: Box::default(), live: 0, sweep: 0, counted: Counted::default() }
    }

    /// Asks the memory for where a name stands, or would stand: seldom more than two lines.
    pub(super) fn expect(&self, name: Name) {
        let place = self.places.of(name).slot(self.slots.len());
        prefetch_index(&self.slots, place);
        prefetch_index(&self.slots, place + SLOTS_OF_A_LINE);
    }

    /// What is known of a name.
    pub(super) fn get(&self, name: Name) -> Option<Entry> {
        Some(entry(self.slots[self.find(name)?]))
    }

    /// What stands there.
    pub(super) fn entries(&self) -> impl Iterator<Item = Entry> + '_ {
        self.slots.iter().filter(|slot| **slot != EMPTY).map(|slot| entry(*slot))
    }

    /// What stands there of one bucket.
    pub(super) fn of_bucket(&self, number: usize) -> impl Iterator<Item = Entry> + '_ {
        let size = self.slots.len();
        let [start, end] = [number, number + 1].map(|bucket| slot_of(bucket, 0, size));
        let around = self.slots[start..].iter().chain(&self.slots[..start]).enumerate();
        // In their order, so that they end with the first one whose place is behind theirs.
        around
            .map_while(move |(steps, slot)| {
                if *slot == EMPTY {
                    return (start + steps < end).then_some(None);
                }
                let (entry, at) = (entry(*slot), (start + steps) % size);
                let is_behind = steps > self.distance(entry.name, at) + (end - start);
                (!is_behind).then_some(Some(entry))
            })
            .flatten()
            .filter(move |entry| bucket(entry.name) == number)
    }

    /// Joins an entry with what is known of its name. Whether that is news; `None` where its name isn't there.
    pub(super) fn join(&mut self, new: Entry, running: Option<&Running>) -> Option<bool> {
        let at = self.find(new.name)?;
        let (known, joined) = (self.slots[at], slot(entry(self.slots[at]).joined(new)));
        let is_news = joined != known;
        if is_news {
            self.slots[at] = joined;
            if let Some(running) = running {
                running.leave(&known, self.counted);
                running.enter(&joined, self.counted);
            }
        }
        Some(is_news)
    }

    /// Adds an entry whose name isn't there, in a table of so many slots; whether there is room.
    pub(super) fn insert(&mut self, new: Entry, slots: usize, running: Option<&Running>) -> bool {
        if self.slots.is_empty() {
            self.slots = vec![EMPTY; slots].into();
        }
        // An empty slot ends every search.
        if self.live + 1 >= self.slots.len() {
            return false;
        }
        let mut carried = slot(new);
        if let Some(running) = running {
            running.enter(&carried, self.counted);
        }
        let (mut at, mut distance) = (self.home(new.name), 0);
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
        true
    }

    /// Looks at the next slots and removes what had ended by `now`. Returns how many.
    pub(super) fn sweep(&mut self, now: u32, steps: usize, running: Option<&Running>) -> u32 {
        let (mut removed, mut seen) = (0, 0);
        while seen < steps.min(self.slots.len()) && self.live > 0 {
            let at = self.sweep;
            if self.slots[at] != EMPTY && self.slots[at][4] <= now {
                if let Some(running) = running {
                    running.leave(&self.slots[at], self.counted);
                }
                // The one behind it may have moved here.
                self.remove(at);
                removed += 1;
            } else {
                (self.sweep, seen) = (self.next(at), seen + 1);
            }
        }
        removed
    }

    /// How its entries are counted.
    pub(super) const fn counted(&self) -> Counted {
        self.counted
    }

    /// Has its entries counted so.
    pub(super) fn count(&mut self, counted: Counted, running: &Running) {
        for slot in self.slots.iter().filter(|slot| **slot != EMPTY) {
            running.recount(slot, self.counted, counted);
        }
        self.counted = counted;
    }

    fn find(&self, name: Name) -> Option<usize> {
        if self.slots.is_empty() {
            return None;
        }
        let (mut at, mut distance) = (self.home(name), 0);
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

    fn home(&self, name: Name) -> usize {
        self.places.of(name).slot(self.slots.len())
    }

    /// How far a name that stands there is from its home.
    fn distance(&self, name: Name, at: usize) -> usize {
        let (home, size) = (self.home(name), self.slots.len());
        if at >= home { at - home } else { at + size - home }
    }

    const fn next(&self, at: usize) -> usize {
        if at + 1 == self.slots.len() { 0 } else { at + 1 }
    }

    /// How many slots a search for a name looks at.
    #[cfg(test)]
    pub(super) fn steps(&self, name: Name) -> usize {
        let mut at = self.home(name);
        for steps in 0.. {
            let found = self.slots[at];
            if found == EMPTY || entry(found).name == name || self.distance(entry(found).name, at) < steps {
                return steps + 1;
            }
            at = self.next(at);
        }
        unreachable!("an empty slot ends every search")
    }
}

fn slot(entry: Entry) -> Slot {
    let bytes = entry.to_bytes();
    core::array::from_fn(|at| u32::from_be_bytes(bytes[at * 4..at * 4 + 4].try_into().expect("four bytes")))
}

/// What stands in a slot that isn't empty.
pub(super) fn entry(slot: Slot) -> Entry {
    let mut bytes = [0; Entry::BYTES];
    bytes.chunks_exact_mut(4).zip(slot).for_each(|(to, number)| to.copy_from_slice(&number.to_be_bytes()));
    Entry::from_bytes(&bytes).expect("an entry always has an end")
}

impl core::fmt::Debug for Places {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Places(…)")
    }
}
