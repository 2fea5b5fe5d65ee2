//! How many entries there may be in all shards together: a hard limit that not every decision has to touch.
//!
//! While the table is nearly empty a shard keeps a few places in hand, which are counted as taken: it gives them to its next
//! entries, and takes back those that leave. So threads seldom write to the one number that they all share. Before half are
//! taken all hands are emptied ([`Room::wants_hands_back`]), and from then on each place counts.

use super::{
    apart::Apart,
    sync::{AtomicBool, AtomicU32, Ordering::Relaxed},
};

/// The places of all shards.
#[derive(Debug)]
pub(crate) struct Room {
    capacity: u32,
    /// How many places a shard takes at once.
    handful: u32,
    shared: Apart<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// Places of entries, and those in a shard's hand: at times more than there are entries, never fewer.
    taken: AtomicU32,
    /// Whether a shard may have some in hand.
    are_lent: AtomicBool,
}

/// A shard's places that are counted as taken and that no entry has.
#[derive(Debug, Default)]
pub(crate) struct Hand(u32);

impl Room {
    /// Of so many places, of which a shard takes a handful at once.
    pub(crate) fn new(capacity: u32, handful: u32) -> Self {
        let shared = Shared { taken: AtomicU32::new(0), are_lent: AtomicBool::new(false) };
        Self { capacity, handful: handful.max(1), shared: Apart(shared) }
    }

    /// All places.
    pub(crate) const fn capacity(&self) -> u32 {
        self.capacity
    }

    /// Those that are taken: at most two handfuls for each shard more than there are entries, and as many as there are entries
    /// once nearly half are taken.
    pub(crate) fn taken(&self) -> u32 {
        self.shared.0.taken.load(Relaxed)
    }

    /// Whether there is a place for one entry more, if there may be `limit`.
    pub(crate) fn has_place(&self, hand: &Hand, limit: u32) -> bool {
        self.taken().saturating_sub(hand.0) < limit
    }

    /// Takes a place for one entry more, if there may be `limit`; whether there was one.
    pub(crate) fn take(&self, hand: &mut Hand, limit: u32) -> bool {
        if !self.has_place(hand, limit) {
            return false;
        }
        if hand.0 == 0 {
            let number = if self.is_spacious(self.handful) { self.handful } else { 1 };
            let more = |taken| if taken + number <= limit { Some(taken + number) } else { None };
            if self.shared.0.taken.fetch_update(Relaxed, Relaxed, more).is_err() {
                return false;
            }
            hand.0 = number;
        }
        hand.0 -= 1;
        true
    }

    /// Ends a decision: what is in hand beyond two handfuls, or where places are not plenty, is free for all again.
    pub(crate) fn settle(&self, hand: &mut Hand) {
        if hand.0 >= 2 * self.handful || hand.0 > 0 && !self.is_spacious(0) {
            let kept = if self.is_spacious(0) { self.handful - 1 } else { 0 };
            self.shared.0.taken.fetch_sub(hand.0 - kept, Relaxed);
            hand.0 = kept;
        }
        // No write where it is known.
        if hand.0 > 0 && !self.shared.0.are_lent.load(Relaxed) {
            self.shared.0.are_lent.store(true, Relaxed);
        }
    }

    /// Whether places are growing scarce while some may be in a hand. Whoever asks has to empty all hands.
    pub(crate) fn wants_hands_back(&self) -> bool {
        self.taken() > self.capacity / 16 * 7
            && self.shared.0.are_lent.load(Relaxed)
            && self.shared.0.are_lent.swap(false, Relaxed)
    }

    /// Counts what is in a hand as free.
    pub(crate) fn empty(&self, hand: &mut Hand) {
        if hand.0 > 0 {
            self.shared.0.taken.fetch_sub(hand.0, Relaxed);
            hand.0 = 0;
        }
    }

    /// Whether hands may be filled, by so many more.
    fn is_spacious(&self, more: u32) -> bool {
        self.handful > 1 && self.taken() + more <= self.capacity / 8 * 3
    }
}

impl Hand {
    /// Takes the places of entries that have left; [`Room::settle`] ends the decision.
    pub(crate) fn put(&mut self, number: u32) {
        self.0 += number;
    }
}
