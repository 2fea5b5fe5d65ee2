//! One shard of the table of challenges that were attempted or redeemed: 16 bytes a slot, open addressing.
//!
//! A challenge is known by a keyed 56-bit fingerprint. Slots are probed in order from the fingerprint's home, which begins a
//! line of the memory, and removing shifts the ones behind back, so that there are no tombstones and probes stay short however
//! long the table lives. Entries leave when their challenge has expired: each call looks at a few slots, never at all of them.

use std::sync::OnceLock;

use prefetch_index::prefetch_index;

use super::{
    record::{Record, Slot},
    room::Hand,
    sync::{AtomicU32, AtomicU64, Mutex, MutexGuard, Ordering::Relaxed, PoisonError},
};

/// Where a fingerprint stands, or would stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Here.
    Known(usize),
    /// Nowhere yet; this slot is free.
    Free(usize),
    /// Nowhere, and there is no slot left.
    Full,
}

/// Slots of a line.
const WIDTH: usize = 8;

/// A fixed number of slots; they are allocated when the first is needed. Whoever holds the lock reads and changes them;
/// anybody may glance at them, whose word decides nothing: it may be a moment old.
#[derive(Debug)]
pub(crate) struct Spent {
    lines: OnceLock<Box<[Line]>>,
    size: usize,
    /// The latest `expires_at` that was removed: whatever ends then or before is refused, for it may have been spent.
    forgotten: AtomicU32,
    held: Mutex<Held>,
}

/// What the memory hands out at once, or nearly: two lines of the processor's cache.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Line([Words; WIDTH]);

/// A slot that may be glanced at while it changes.
type Words = [AtomicU64; 2];

/// What only the holder of the lock needs.
#[derive(Debug, Default)]
struct Held {
    live: usize,
    /// Where the next sweep begins.
    sweep: usize,
    hand: Hand,
}

/// A shard whose lock is held.
#[derive(Debug)]
pub(crate) struct LockedSpent<'s> {
    spent: &'s Spent,
    held: MutexGuard<'s, Held>,
}

impl Spent {
    /// An empty shard of so many slots, in whole lines: rounded down, but one at least.
    pub(crate) fn new(slots: usize) -> Self {
        let size = (slots / WIDTH).max(1) * WIDTH;
        Self { lines: OnceLock::new(), size, forgotten: AtomicU32::new(0), held: Mutex::default() }
    }

    /// The latest end of a challenge that this shard has forgotten.
    pub(crate) fn forgotten(&self) -> u32 {
        self.forgotten.load(Relaxed)
    }

    /// How many slots it has.
    #[cfg(test)]
    pub(crate) const fn size(&self) -> usize {
        self.size
    }

    /// Asks the memory for the line in which a fingerprint stands, or would stand, without waiting for it.
    pub(crate) fn expect(&self, fingerprint: u64) {
        let slots = self.lines().get(self.home(fingerprint) / WIDTH).map_or(&[][..], |line| &line.0);
        prefetch_index(slots, 0);
        prefetch_index(slots, WIDTH / 2);
    }

    /// The record of a fingerprint, as it seems without the lock.
    pub(crate) fn glance(&self, fingerprint: u64) -> Option<Record> {
        let lines = self.lines();
        let (before, from) = lines.split_at_checked(self.home(fingerprint) / WIDTH)?;
        for Line(slots) in from.iter().chain(before) {
            let names = slots.each_ref().map(|[name, _]| name.load(Relaxed));
            if let Some(at) = names.iter().position(|name| name >> 8 == fingerprint) {
                return Some(Record::from_slot([names[at], slots[at][1].load(Relaxed)]).1);
            }
            if names.contains(&0) {
                break;
            }
        }
        None
    }

    /// Waits for the lock. A thread that panicked left no half of a change behind: all that can fail comes before the first
    /// write.
    pub(crate) fn lock(&self) -> LockedSpent<'_> {
        LockedSpent { spent: self, held: self.held.lock().unwrap_or_else(PoisonError::into_inner) }
    }

    /// None before the first is needed.
    fn lines(&self) -> &[Line] {
        self.lines.get().map_or(&[], |lines| lines)
    }

    fn slot(&self, at: usize) -> Slot {
        load(&self.lines()[at / WIDTH].0[at % WIDTH])
    }

    fn set(&self, at: usize, slot: Slot) {
        let [name, counts] = &self.lines()[at / WIDTH].0[at % WIDTH];
        name.store(slot[0], Relaxed);
        counts.store(slot[1], Relaxed);
    }

    /// Maps the low half of a fingerprint evenly to the lines; the upper bits chose the shard.
    #[allow(clippy::cast_possible_truncation, reason = "the result is below `size`")]
    const fn home(&self, fingerprint: u64) -> usize {
        (((fingerprint & 0xffff_ffff) * (self.size / WIDTH) as u64) >> 32) as usize * WIDTH
    }

    const fn next(&self, at: usize) -> usize {
        if at + 1 == self.size { 0 } else { at + 1 }
    }

    const fn distance(&self, from: usize, to: usize) -> usize {
        if to >= from { to - from } else { to + self.size - from }
    }
}

/// Whether there is a record whose challenge had ended by `now`.
const fn has_ended(slot: Slot, now: u32) -> bool {
    (slot[0] != 0) & (Record::from_slot(slot).1.expires_at <= now)
}

fn load(words: &Words) -> Slot {
    words.each_ref().map(|word| word.load(Relaxed))
}

impl LockedSpent<'_> {
    /// The latest end of a challenge that this shard has forgotten.
    pub(crate) fn forgotten(&self) -> u32 {
        self.spent.forgotten()
    }

    /// Refuses from now on whatever ends at `until` or before.
    pub(crate) fn forget_until(&mut self, until: u32) {
        // Under the lock nobody else writes it.
        self.spent.forgotten.store(self.spent.forgotten().max(until), Relaxed);
    }

    /// How many challenges it remembers.
    pub(crate) fn live(&self) -> usize {
        self.held.live
    }

    /// Its places that are counted as taken and that no entry has.
    pub(crate) fn hand(&mut self) -> &mut Hand {
        &mut self.held.hand
    }

    /// Looks a fingerprint up.
    pub(crate) fn locate(&self, fingerprint: u64) -> Place {
        let spent = self.spent;
        if spent.lines().is_empty() {
            return Place::Free(spent.home(fingerprint));
        }
        let mut at = spent.home(fingerprint);
        loop {
            match spent.slot(at) {
                [0, _] => break,
                [name, _] if name >> 8 == fingerprint => return Place::Known(at),
                _ => at = spent.next(at),
            }
        }
        // One slot stays empty, so that every probe ends.
        if self.held.live + 1 < spent.size { Place::Free(at) } else { Place::Full }
    }

    /// The record at a place that [`LockedSpent::locate`] gave.
    pub(crate) fn read(&self, at: usize) -> Record {
        Record::from_slot(self.spent.slot(at)).1
    }

    /// Writes to a place that [`LockedSpent::locate`] gave for this fingerprint, with nothing in between.
    pub(crate) fn write(&mut self, at: usize, slot: Slot) {
        let spent = self.spent;
        spent.lines.get_or_init(|| (0..spent.size / WIDTH).map(|_| Line::default()).collect());
        self.held.live += usize::from(spent.slot(at)[0] == 0);
        spent.set(at, slot);
    }

    /// Looks at the next `steps` slots and removes what had ended by `now`. Returns how many.
    pub(crate) fn sweep(&mut self, now: u32, steps: usize) -> u32 {
        let (next, removed) = self.sweep_from(self.held.sweep, now, steps);
        self.held.sweep = next;
        removed
    }

    /// Sweeps a fingerprint's home line: the slots that are looked at anyway, so that it costs the memory no more.
    /// Fingerprints are spread evenly, so in time this comes everywhere.
    pub(crate) fn sweep_near(&mut self, fingerprint: u64, now: u32) -> u32 {
        let home = self.spent.home(fingerprint);
        let Some(Line(slots)) = self.spent.lines().get(home / WIDTH) else { return 0 };
        // One look at all of them is cheaper than a decision about each.
        let has_ended = slots.iter().map(load).fold(false, |any, slot| any | has_ended(slot, now));
        if has_ended { self.sweep_from(home, now, WIDTH).1 } else { 0 }
    }

    /// Says where it stopped, and how many were removed.
    fn sweep_from(&mut self, mut at: usize, now: u32, steps: usize) -> (usize, u32) {
        let mut removed = 0;
        if self.held.live == 0 {
            return (at, removed);
        }
        for _ in 0..steps {
            let slot = self.spent.slot(at);
            if has_ended(slot, now) {
                self.forget_until(Record::from_slot(slot).1.expires_at);
                self.remove(at);
                removed += 1;
            } else {
                at = self.spent.next(at);
            }
        }
        (at, removed)
    }

    /// Empties a slot and moves up those behind it that would be found sooner there.
    fn remove(&mut self, at: usize) {
        let spent = self.spent;
        let (mut hole, mut at) = (at, at);
        loop {
            at = spent.next(at);
            let slot = spent.slot(at);
            if slot[0] == 0 {
                break;
            }
            if spent.distance(spent.home(slot[0] >> 8), at) >= spent.distance(hole, at) {
                spent.set(hole, slot);
                hole = at;
            }
        }
        spent.set(hole, [0, 0]);
        self.held.live -= 1;
    }
}
