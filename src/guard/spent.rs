//! One shard of the table of challenges that were attempted or redeemed: 16 bytes a slot, open addressing.
//!
//! A challenge is known by a keyed 56-bit fingerprint. Slots are probed in order from the fingerprint's home, and removing
//! shifts the ones behind back, so that there are no tombstones and probes stay short however long the table lives.
//! Entries leave when their challenge has expired: each call looks at a few slots, never at all of them.

/// Bits of a fingerprint.
pub(super) const FINGERPRINT_BITS: u32 = 56;

/// What is remembered of one challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// `exp`, in seconds since 1970.
    pub(super) expires_at: u32,
    /// Redemptions.
    pub(super) uses: u16,
    /// Attempts that were not given back; at most 127.
    pub(super) attempts: u8,
    /// Comparisons that a success may take off again; at most 127.
    pub(super) comparisons: u8,
    /// The day on which they were made, modulo 4.
    pub(super) day: u8,
    /// A few bits of the bucket that they were counted in.
    pub(super) bucket: u8,
}

/// A record with its fingerprint, as memory and journal hold it. All zeros: an empty slot.
pub(super) type Slot = [u64; 2];

impl Record {
    /// Of a challenge that nobody attempted yet.
    pub(super) const fn new(expires_at: u32) -> Self {
        Self { expires_at, uses: 0, attempts: 0, comparisons: 0, day: 0, bucket: 0 }
    }

    /// fingerprint (56) ‖ bucket (8), expires_at (32) ‖ uses (16) ‖ attempts (7) ‖ comparisons (7) ‖ day (2)
    pub(super) fn to_slot(self, fingerprint: u64) -> Slot {
        let counts = u64::from(self.attempts & 127) << 9 | u64::from(self.comparisons & 127) << 2 | u64::from(self.day & 3);
        [fingerprint << 8 | u64::from(self.bucket), u64::from(self.expires_at) << 32 | u64::from(self.uses) << 16 | counts]
    }

    /// The inverse of [`Record::to_slot`].
    #[allow(clippy::cast_possible_truncation, reason = "each part is shifted and cut to its width")]
    pub(super) const fn from_slot(slot: Slot) -> (u64, Self) {
        let [name, counts] = slot;
        let record = Self {
            expires_at: (counts >> 32) as u32,
            uses: (counts >> 16) as u16,
            attempts: (counts >> 9) as u8 & 127,
            comparisons: (counts >> 2) as u8 & 127,
            day: counts as u8 & 3,
            bucket: name as u8,
        };
        (name >> 8, record)
    }
}

/// Where a fingerprint stands, or would stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Here.
    Known(usize),
    /// Nowhere yet; this slot is free.
    Free(usize),
    /// Nowhere, and there is no slot left.
    Full,
}

/// A fixed number of slots; they are allocated when the first is needed.
#[derive(Debug)]
pub(super) struct Spent {
    slots: Vec<Slot>,
    size: usize,
    live: usize,
    /// Where the next sweep begins.
    hand: usize,
    /// The latest `expires_at` that was removed: whatever ends then or before is refused, for it may have been spent.
    forgotten: u32,
}

impl Spent {
    /// An empty shard of `size` slots.
    pub(super) const fn new(size: usize) -> Self {
        Self { slots: Vec::new(), size, live: 0, hand: 0, forgotten: 0 }
    }

    /// The latest end of a challenge that this shard has forgotten.
    pub(super) const fn forgotten(&self) -> u32 {
        self.forgotten
    }

    /// Refuses from now on whatever ends at `until` or before.
    pub(super) fn forget_until(&mut self, until: u32) {
        self.forgotten = self.forgotten.max(until);
    }

    /// How many slots it has.
    #[cfg(test)]
    pub(super) const fn size(&self) -> usize {
        self.size
    }

    /// How many challenges it remembers.
    #[cfg(test)]
    pub(super) const fn live(&self) -> usize {
        self.live
    }

    /// Looks a fingerprint up.
    pub(super) fn locate(&self, fingerprint: u64) -> Place {
        if self.slots.is_empty() {
            return if self.size > 1 { Place::Free(self.home(fingerprint)) } else { Place::Full };
        }
        let mut at = self.home(fingerprint);
        loop {
            match self.slots[at] {
                [0, _] => break,
                [name, _] if name >> 8 == fingerprint => return Place::Known(at),
                _ => at = self.next(at),
            }
        }
        // One slot stays empty, so that every probe ends.
        if self.live + 1 < self.size { Place::Free(at) } else { Place::Full }
    }

    /// The record at a place that [`Spent::locate`] gave.
    pub(super) fn read(&self, at: usize) -> Record {
        Record::from_slot(self.slots[at]).1
    }

    /// Writes to a place that [`Spent::locate`] gave for this fingerprint, with nothing in between.
    pub(super) fn write(&mut self, at: usize, slot: Slot) {
        if self.slots.is_empty() {
            self.slots = vec![[0, 0]; self.size];
        }
        self.live += usize::from(self.slots[at][0] == 0);
        self.slots[at] = slot;
    }

    /// Looks at the next `steps` slots and removes what had ended by `now`. Returns how many.
    pub(super) fn sweep(&mut self, now: u32, steps: usize) -> u32 {
        let (hand, removed) = self.sweep_from(self.hand, now, steps);
        self.hand = hand;
        removed
    }

    /// The same with the slots from a fingerprint's home on: those that are looked at anyway, so that it costs the memory no
    /// more. Fingerprints are spread evenly, so in time this comes everywhere.
    pub(super) fn sweep_near(&mut self, fingerprint: u64, now: u32, steps: usize) -> u32 {
        self.sweep_from(self.home(fingerprint), now, steps).1
    }

    /// Says where it stopped, and how many were removed.
    fn sweep_from(&mut self, mut at: usize, now: u32, steps: usize) -> (usize, u32) {
        let mut removed = 0;
        if self.live == 0 {
            return (at, removed);
        }
        for _ in 0..steps {
            let [name, counts] = self.slots[at];
            let end = u32::try_from(counts >> 32).expect("32 bits are left");
            if name != 0 && end <= now {
                self.forget_until(end);
                self.remove(at);
                removed += 1;
            } else {
                at = self.next(at);
            }
        }
        (at, removed)
    }

    /// Empties a slot and moves up those behind it that would be found sooner there.
    fn remove(&mut self, at: usize) {
        let (mut hole, mut at) = (at, at);
        loop {
            at = self.next(at);
            let slot = self.slots[at];
            if slot[0] == 0 {
                break;
            }
            if self.distance(self.home(slot[0] >> 8), at) >= self.distance(hole, at) {
                self.slots[hole] = slot;
                hole = at;
            }
        }
        self.slots[hole] = [0, 0];
        self.live -= 1;
    }

    /// Maps the low half of a fingerprint evenly to the slots; the upper bits chose the shard.
    #[allow(clippy::cast_possible_truncation, reason = "the result is below `size`")]
    const fn home(&self, fingerprint: u64) -> usize {
        (((fingerprint & 0xffff_ffff) * self.size as u64) >> 32) as usize
    }

    const fn next(&self, at: usize) -> usize {
        if at + 1 == self.size { 0 } else { at + 1 }
    }

    const fn distance(&self, from: usize, to: usize) -> usize {
        if to >= from { to - from } else { to + self.size - from }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    fn put(table: &mut Spent, fingerprint: u64, record: Record) -> bool {
        match table.locate(fingerprint) {
            Place::Known(at) | Place::Free(at) => {
                table.write(at, record.to_slot(fingerprint));
                true
            }
            Place::Full => false,
        }
    }

    fn get(table: &Spent, fingerprint: u64) -> Option<Record> {
        match table.locate(fingerprint) {
            Place::Known(at) if !table.slots.is_empty() => Some(table.read(at)),
            _ => None,
        }
    }

    #[test]
    fn records_come_back_from_16_bytes() {
        assert_eq!(size_of::<Slot>(), 16);
        let full = Record { expires_at: u32::MAX, uses: u16::MAX, attempts: 127, comparisons: 127, day: 3, bucket: 255 };
        for record in [Record::new(1), full, Record { attempts: 1, ..Record::new(7) }, Record { bucket: 9, ..full }] {
            assert_eq!(Record::from_slot(record.to_slot((1 << FINGERPRINT_BITS) - 1)), ((1 << FINGERPRINT_BITS) - 1, record));
            assert_eq!(Record::from_slot(record.to_slot(1)), (1, record));
        }
    }

    #[test]
    fn an_empty_shard_takes_no_memory_and_knows_nothing() {
        let table = Spent::new(1 << 20);
        assert_eq!((table.slots.capacity(), table.live(), get(&table, 7)), (0, 0, None));
    }

    #[test]
    fn a_full_shard_takes_no_more_and_still_finds_everything() {
        let mut table = Spent::new(64);
        let taken: Vec<u64> = (1..=100).filter(|fingerprint| put(&mut table, *fingerprint, Record::new(9))).collect();
        assert_eq!(taken, (1..=63).collect::<Vec<_>>());
        assert!(taken.iter().all(|fingerprint| get(&table, *fingerprint) == Some(Record::new(9))));
        assert_eq!(table.locate(64), Place::Full);
    }

    #[test]
    fn what_was_forgotten_is_remembered_as_a_moment() {
        let mut table = Spent::new(64);
        for (fingerprint, end) in [(1, 100), (2, 120), (3, 140)] {
            put(&mut table, fingerprint, Record::new(end));
        }
        assert_eq!((table.sweep(120, 64), table.forgotten(), table.live()), (2, 120, 1));
        assert_eq!((get(&table, 2), get(&table, 3)), (None, Some(Record::new(140))));
    }

    proptest! {
        /// Against a map, with homes that collide on purpose and a sweep of a few slots at a time.
        #[test]
        fn behaves_like_a_map(steps in prop::collection::vec((0_u64..40, 1_u32..50, any::<bool>()), 1..400)) {
            let mut table = Spent::new(48);
            let mut model: HashMap<u64, Record> = HashMap::new();
            for (name, number, is_put) in steps {
                // Eight homes, some at the end of the table, so that runs wrap around.
                let fingerprint = (name + 1) << 32 | (name % 8).wrapping_mul(0x2000_0000).wrapping_add(0xf000_0000) & 0xffff_ffff;
                if is_put {
                    prop_assert!(put(&mut table, fingerprint, Record::new(number)));
                    model.insert(fingerprint, Record::new(number));
                } else {
                    if name % 2 == 0 { table.sweep(number, 5) } else { table.sweep_near(fingerprint, number, 5) };
                    let forgotten = table.forgotten();
                    model.retain(|fingerprint, record| {
                        let kept = get(&table, *fingerprint);
                        assert_eq!(kept.unwrap_or(*record), *record);
                        assert!(kept.is_some() || record.expires_at <= number && record.expires_at <= forgotten);
                        kept.is_some()
                    });
                }
                prop_assert_eq!(table.live(), model.len());
                for (fingerprint, record) in &model {
                    prop_assert_eq!(get(&table, *fingerprint), Some(*record));
                }
            }
        }
    }
}
