//! What happened lately, in fixed memory: marks that last until a moment, and buckets of messages.
//!
//! Both are sets of eight slots that a keyed hash chooses. A set that is full forgets its least important slot, which
//! errs toward letting requests through; only [`Marks`] that must not be forgotten refuse a new one instead.

use std::sync::{Mutex, PoisonError};

use crate::{
    guard::{drops::Missing, rules::Ceiling, taken::Parts},
    time::UnixTime,
};

/// Seconds after which every bucket is full again.
const HOUR: u32 = 60 * 60;

/// Seconds by which the clocks of two threads may differ.
const SKEW: u32 = 2;
pub(super) const WAYS: usize = 8;
const MOST_SHARDS: usize = 64;

/// What a full set does with a new mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WhenFull {
    /// Forgets the mark that ends first.
    Forget,
    /// Refuses the new one.
    Refuse,
}

/// Keys, each marked until a moment.
#[derive(Debug)]
pub(crate) struct Marks {
    sets: Sets<[u32; 2]>,
    when_full: WhenFull,
}

/// Keys, each with a bucket of messages, and with a larger one for who solves puzzles.
#[derive(Debug)]
pub(crate) struct Buckets(Sets<Bucket>);

/// Two buckets of one key.
#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    name: u32,
    /// When this was so.
    at: u32,
    missing: Missing,
    lifted: Missing,
}

/// When a message can be taken out of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Room {
    /// Seconds until then; 0: now.
    pub(crate) wait: u32,
    /// Seconds until then for who solves a puzzle.
    pub(crate) wait_with_proof: u32,
}

impl Marks {
    /// Room for about `keys` keys.
    pub(crate) fn new(keys: usize, when_full: WhenFull) -> Self {
        Self { sets: Sets::new(keys), when_full }
    }

    /// Marks a key until `until`.
    ///
    /// # Errors
    /// If it is marked already, the seconds until it isn't. A mark much further away than `longest` seconds comes from a
    /// clock that was set back, and is none.
    pub(crate) fn set(&self, key: u64, now: u32, until: u32, longest: u32) -> Result<(), u32> {
        let is_live = |slot: &[u32; 2]| slot[1] > now && slot[1] - now <= longest.saturating_add(SKEW);
        self.sets.with(key, |name, set| {
            if let Some(slot) = set.iter_mut().find(|slot| slot[0] == name) {
                if is_live(slot) {
                    return Err((slot[1] - now).min(longest));
                }
                slot[1] = until;
                return Ok(());
            }
            let free = set.iter_mut().min_by_key(|slot| if is_live(slot) { slot[1] } else { 0 }).expect("a set has eight slots");
            if is_live(free) && self.when_full == WhenFull::Refuse {
                return Err(free[1] - now);
            }
            *free = [name, until];
            Ok(())
        })
    }

    /// Seconds until a key isn't marked any more, as [`Marks::set`] judges it; 0: it isn't.
    pub(crate) fn left(&self, key: u64, now: u32, longest: u32) -> u32 {
        let left = |slot: &[u32; 2]| slot[1].saturating_sub(now);
        self.sets.with(key, |name, set| {
            let slot = set.iter().find(|slot| slot[0] == name && left(slot) <= longest.saturating_add(SKEW));
            slot.map_or(0, |slot| left(slot).min(longest))
        })
    }

    /// Marks a key until `until`, whether it is marked or not.
    pub(crate) fn renew(&self, key: u64, now: u32, until: u32, longest: u32) {
        if self.set(key, now, until, longest).is_err() {
            self.sets.with(key, |name, set| {
                set.iter_mut().filter(|slot| slot[0] == name).for_each(|slot| slot[1] = slot[1].max(until));
            });
        }
    }

    /// Whether a key is marked.
    pub(crate) fn has(&self, key: u64, now: u32) -> bool {
        self.sets.with(key, |name, set| set.iter().any(|slot| slot[0] == name && slot[1] > now))
    }

    /// Takes a mark back, if it is the one that was set until `until`.
    pub(crate) fn unset(&self, key: u64, until: u32) {
        self.sets.with(key, |name, set| {
            set.iter_mut().filter(|slot| **slot == [name, until]).for_each(|slot| *slot = [0, 0]);
        });
    }
}

impl Buckets {
    /// Room for about `keys` keys.
    pub(crate) fn new(keys: usize) -> Self {
        Self(Sets::new(keys))
    }

    /// Takes one message out, if there is one; says how much of it was there.
    ///
    /// # Errors
    /// When there will be.
    pub(crate) fn take(&self, key: u64, now: u32, ceiling: &Ceiling, has_proof: bool) -> Result<Parts, Room> {
        self.0.with(key, |name, set| {
            let at = set
                .iter()
                .position(|bucket| bucket.name == name)
                .unwrap_or_else(|| (0..WAYS).min_by_key(|at| set[*at].weight(now)).expect("a set has eight slots"));
            let bucket = set[at].of(name, now, ceiling);
            let room = bucket.room(ceiling, has_proof);
            if room.wait > 0 {
                // Else it would stand still until a clock that was set back is there again.
                set[at].at = bucket.at.min(set[at].at);
                return Err(room);
            }
            let (missing, parts) = bucket.missing.take(ceiling.most);
            let (lifted, _) = bucket.lifted.take(ceiling.lifted());
            set[at] = Bucket { missing, lifted, ..bucket };
            Ok(parts)
        })
    }

    /// When a message can be taken out, and how many have been with and without puzzles that didn't fall back yet.
    pub(crate) fn look(&self, key: u64, now: u32, ceiling: &Ceiling, has_proof: bool) -> (Room, u64) {
        self.0.with(key, |name, set| {
            let bucket = set.iter().find(|bucket| bucket.name == name).copied().unwrap_or_default().of(name, now, ceiling);
            (bucket.room(ceiling, has_proof), bucket.lifted.drops())
        })
    }

    /// Puts back one that was taken, of which so much was there.
    pub(crate) fn put_back(&self, key: u64, parts: Parts) {
        self.0.with(key, |name, set| {
            if let Some(bucket) = set.iter_mut().find(|bucket| bucket.name == name) {
                // Of the larger one a whole drop was there, or nobody asks for it.
                (bucket.missing, bucket.lifted) = (bucket.missing.put_back(parts), bucket.lifted.put_back(Parts::WHOLE));
            }
        });
    }
}

impl Bucket {
    /// This one as it is now, or a full one if it is another key's.
    fn of(self, name: u32, now: u32, ceiling: &Ceiling) -> Self {
        if self.name != name {
            return Self { name, at: now, ..Self::default() };
        }
        // Clocks that differ by a moment go on from the later one; one that was set back goes on from where it is.
        let at = if self.at.saturating_sub(now) <= SKEW { self.at.max(now) } else { now };
        let seconds = now.saturating_sub(self.at);
        let (missing, lifted) = (self.missing.after(seconds, ceiling.per_hour), self.lifted.after(seconds, ceiling.lifted()));
        Self { name, at, missing, lifted }
    }

    fn room(&self, ceiling: &Ceiling, has_proof: bool) -> Room {
        let wait = self.missing.wait(ceiling.most, ceiling.per_hour);
        if !ceiling.is_lifted {
            return Room { wait, wait_with_proof: wait };
        }
        let wait_with_proof = self.lifted.wait(ceiling.lifted(), ceiling.lifted());
        // The larger bucket holds all messages, those without a puzzle too.
        Room { wait: if has_proof { wait_with_proof } else { wait.max(wait_with_proof) }, wait_with_proof }
    }

    /// How much would be forgotten with it.
    fn weight(&self, now: u32) -> u64 {
        if self.name == 0 || self.at.abs_diff(now) >= HOUR { 0 } else { self.missing.drops().max(self.lifted.drops()) }
    }
}

/// Now, in 32 bits; the year 2106 never ends.
pub(crate) fn seconds(time: UnixTime) -> u32 {
    u32::try_from(time.as_seconds()).unwrap_or(u32::MAX)
}

/// Locked shards of sets of slots, each allocated when it is first used.
#[derive(Debug)]
pub(super) struct Sets<T> {
    shards: Box<[Mutex<Vec<[T; WAYS]>>]>,
    sets_per_shard: usize,
}

impl<T: Copy + Default> Sets<T> {
    pub(super) fn new(keys: usize) -> Self {
        let sets = keys.div_ceil(WAYS).next_power_of_two();
        let shards = (sets / 16).clamp(1, MOST_SHARDS);
        Self { shards: (0..shards).map(|_| Mutex::new(Vec::new())).collect(), sets_per_shard: sets / shards }
    }

    /// The set of a key, and the key's name in it, which is never 0.
    #[allow(clippy::cast_possible_truncation, reason = "each part is cut to its width")]
    pub(super) fn with<R>(&self, key: u64, act: impl FnOnce(u32, &mut [T; WAYS]) -> R) -> R {
        let place = key as u32 as usize;
        let mut shard = self.shards[place % self.shards.len()].lock().unwrap_or_else(PoisonError::into_inner);
        if shard.is_empty() {
            *shard = vec![[T::default(); WAYS]; self.sets_per_shard];
        }
        let set = &mut shard[place / self.shards.len() % self.sets_per_shard];
        act(((key >> 32) as u32).max(1), set)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::rules::Counter;

    const LONG: u32 = u32::MAX;

    /// A key whose set is the first.
    const fn crowded(name: u64) -> u64 {
        name << 32
    }

    #[test]
    fn a_mark_lasts_until_its_moment() {
        let marks = Marks::new(1000, WhenFull::Forget);
        assert_eq!(marks.set(7, 100, 160, 60), Ok(()));
        assert_eq!(marks.set(7, 101, 161, 60), Err(59));
        assert_eq!(marks.set(8, 101, 161, 60), Ok(()));
        assert!(marks.has(7, 159) && !marks.has(7, 160));
        assert_eq!(marks.set(7, 160, 220, 60), Ok(()));
    }

    #[test]
    fn a_mark_from_the_future_is_none() {
        let marks = Marks::new(1000, WhenFull::Forget);
        marks.set(7, 100_000, 100_060, 60).unwrap();
        assert_eq!(marks.set(7, 100_000 - 5, 100_055, 60), Ok(()), "the clock was set back by 5 s");
        assert_eq!(marks.set(7, 99_996, 100_056, 60), Err(59));
        assert_eq!(marks.set(7, 1_000, 1_060, 60), Ok(()), "the clock was set back by a day");
    }

    #[test]
    fn only_ones_own_mark_is_taken_back() {
        let marks = Marks::new(1000, WhenFull::Forget);
        marks.set(7, 100, 160, 60).unwrap();
        marks.unset(7, 159);
        assert!(marks.has(7, 100));
        marks.unset(7, 160);
        assert!(!marks.has(7, 100));
    }

    #[test]
    fn a_full_set_forgets_the_mark_that_ends_first_or_refuses() {
        for (when_full, forgets) in [(WhenFull::Forget, true), (WhenFull::Refuse, false)] {
            let marks = Marks::new(8, when_full);
            (1..=8).for_each(|name| marks.set(crowded(name), 100, 200 + u32::try_from(name).unwrap(), LONG).unwrap());
            assert_eq!(marks.set(crowded(9), 100, 300, LONG).is_ok(), forgets);
            assert_eq!((marks.has(crowded(1), 100), marks.has(crowded(9), 100)), (!forgets, forgets));
            assert!((2..=8).all(|name| marks.has(crowded(name), 100)));
            assert_eq!(marks.set(crowded(10), 250, 400, LONG), Ok(()), "expired ones make room");
        }
    }

    /// Three an hour; strangers' ceilings are lifted by puzzles.
    const THREE: Ceiling = Ceiling { counter: Counter::Recipient, per_hour: 3, most: 3, is_lifted: true };

    const WHOLE: Result<Parts, Room> = Ok(Parts::WHOLE);

    fn empty(wait: u32, wait_with_proof: u32) -> Result<Parts, Room> {
        Err(Room { wait, wait_with_proof })
    }

    #[test]
    fn a_bucket_fills_drop_by_drop() {
        let buckets = Buckets::new(1000);
        for now in [1000, 1001, 1500] {
            assert_eq!(buckets.take(7, now, &THREE, false), WHOLE);
        }
        assert_eq!(buckets.take(7, 1600, &THREE, false), empty(600, 0));
        assert_eq!(buckets.take(8, 1600, &THREE, false), WHOLE, "another key");
        assert_eq!(buckets.take(7, 2200, &THREE, false), WHOLE, "a third of an hour after the first");
        assert_eq!(buckets.take(7, 2200, &THREE, false), empty(1200, 0));
    }

    #[test]
    fn puzzles_take_from_a_bucket_of_five_times_the_size() {
        let buckets = Buckets::new(1000);
        (0..15).for_each(|_| assert!(buckets.take(7, 1000, &THREE, true).is_ok()));
        assert_eq!(buckets.take(7, 1000, &THREE, true), empty(240, 240));
        assert_eq!(buckets.take(7, 1000, &THREE, false), empty(1200, 240));
        assert_eq!(buckets.look(7, 1000, &THREE, false), (Room { wait: 1200, wait_with_proof: 240 }, 15));
        for now in [1240, 1480] {
            assert!(buckets.take(7, now, &THREE, true).is_ok());
            assert_eq!(buckets.take(7, now, &THREE, true), empty(240, 240));
        }
        assert_eq!(buckets.take(7, 1480 + 1200, &THREE, false), WHOLE, "while nobody solves any, there is one without, too");
    }

    #[test]
    fn a_hard_ceiling_keeps_some_for_others_and_no_puzzle_helps() {
        let buckets = Buckets::new(1000);
        let all = Ceiling { per_hour: 4, most: 4, is_lifted: false, ..THREE };
        let strangers = Ceiling { most: 3, ..all };
        (0..3).for_each(|_| assert_eq!(buckets.take(7, 1000, &strangers, true), WHOLE));
        assert_eq!(buckets.take(7, 1000, &strangers, true), empty(900, 900));
        assert_eq!(buckets.take(7, 1000, &all, false), WHOLE);
        assert_eq!(buckets.take(7, 1000, &strangers, false), empty(1800, 1800));
        assert_eq!(buckets.take(7, 1000, &all, false), empty(900, 900));
    }

    #[test]
    fn what_is_put_back_can_be_taken_again() {
        let buckets = Buckets::new(1000);
        (0..3).for_each(|_| _ = buckets.take(7, 1000, &THREE, false).unwrap());
        buckets.put_back(7, Parts::WHOLE);
        assert_eq!(buckets.take(7, 1000, &THREE, false), WHOLE);
        assert_eq!(buckets.take(7, 1000, &THREE, false), empty(1200, 0));
        buckets.put_back(9, Parts::WHOLE);
    }

    #[test]
    fn what_a_proof_took_where_nothing_was_is_not_put_back() {
        let buckets = Buckets::new(1000);
        (0..3).for_each(|_| assert_eq!(buckets.take(7, 1000, &THREE, true), WHOLE));
        let nothing = buckets.take(7, 1000, &THREE, true).unwrap();
        buckets.put_back(7, nothing);
        assert_eq!(buckets.take(7, 1000, &THREE, false), empty(1200, 0));
        assert_eq!(buckets.look(7, 1000, &THREE, false).1, 3, "the larger bucket has its own back");
        let a_part = buckets.take(7, 1600, &THREE, true).unwrap();
        assert_eq!(buckets.take(7, 1600, &THREE, false), empty(1200, 0));
        buckets.put_back(7, a_part);
        assert_eq!(buckets.take(7, 1600, &THREE, false), empty(600, 0));
    }

    #[test]
    fn the_larger_bucket_holds_messages_without_a_puzzle_too() {
        let buckets = Buckets::new(1000);
        (0..15).for_each(|_| assert!(buckets.take(7, 1000, &THREE, true).is_ok()));
        // As nodes with other limits, or a message put back that took nothing, would leave it.
        buckets.0.with(7, |_, set| set[0].missing = Missing::default());
        assert_eq!(buckets.take(7, 1000, &THREE, false), empty(240, 240));
    }

    #[test]
    fn a_clock_that_was_set_back_holds_nobody_up() {
        let buckets = Buckets::new(1000);
        (0..3).for_each(|_| _ = buckets.take(7, 100_000, &THREE, false).unwrap());
        assert_eq!(buckets.take(7, 99_999, &THREE, false), empty(1200, 0));
        assert_eq!(buckets.take(7, 50_000, &THREE, false), empty(1200, 0), "half a day");
        assert_eq!(buckets.take(7, 51_199, &THREE, false), empty(1, 0));
        assert_eq!(buckets.take(7, 51_200, &THREE, false), WHOLE);
    }

    #[test]
    fn a_flood_of_ones_does_not_push_out_an_empty_bucket() {
        let buckets = Buckets::new(8);
        let ten = Ceiling { per_hour: 10, most: 10, ..THREE };
        (0..10).for_each(|_| _ = buckets.take(crowded(1), 100, &ten, false).unwrap());
        (2..1000).for_each(|name| _ = buckets.take(crowded(name), 100, &ten, false).unwrap());
        assert!(buckets.take(crowded(1), 100, &ten, false).is_err());
    }

    #[test]
    fn a_mark_is_renewed_and_looked_at() {
        let marks = Marks::new(1000, WhenFull::Forget);
        assert_eq!(marks.left(7, 100, 60), 0);
        marks.renew(7, 100, 160, 60);
        marks.renew(7, 110, 170, 60);
        assert_eq!((marks.left(7, 110, 60), marks.left(7, 170, 60)), (60, 0));
        assert_eq!(marks.left(7, 1, 60), 0, "one from the future is none");
    }
}
