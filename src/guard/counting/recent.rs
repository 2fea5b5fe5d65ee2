//! What happened lately, in fixed memory: marks that last until a moment, and counts that begin anew each hour.
//!
//! Both are sets of eight slots that a keyed hash chooses. A set that is full forgets its least important slot, which
//! errs toward letting requests through; only [`Marks`] that must not be forgotten refuse a new one instead.

use std::sync::{Mutex, PoisonError};

use crate::time::UnixTime;

/// Seconds that a count lasts.
pub(crate) const HOUR: u32 = 60 * 60;

/// Seconds by which the clocks of two threads may differ.
const SKEW: u32 = 2;
const WAYS: usize = 8;
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

/// Keys, each counted since a moment.
#[derive(Debug)]
pub(crate) struct Counts(Sets<[u32; 3]>);

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

impl Counts {
    /// Room for about `keys` keys.
    pub(crate) fn new(keys: usize) -> Self {
        Self(Sets::new(keys))
    }

    /// Counts one more, if fewer than `limit` were counted within the hour that the first of them began.
    ///
    /// # Errors
    /// The count, and the seconds until it begins anew.
    pub(crate) fn add(&self, key: u64, now: u32, limit: u32) -> Result<(), (u32, u32)> {
        self.0.with(key, |name, set| {
            let at = set.iter().position(|slot| slot[0] == name).unwrap_or_else(|| {
                let weight = |at: &usize| if is_this_hour(&set[*at], now) { set[*at][2] } else { 0 };
                (0..WAYS).min_by_key(weight).expect("a set has eight slots")
            });
            let slot = &mut set[at];
            if slot[0] != name || !is_this_hour(slot, now) {
                *slot = [name, now, 0];
            }
            if slot[2] >= limit {
                return Err((slot[2], (slot[1].saturating_add(HOUR)).saturating_sub(now).clamp(1, HOUR)));
            }
            slot[2] += 1;
            Ok(())
        })
    }

    /// Takes back one that was counted at `then`.
    pub(crate) fn take_back(&self, key: u64, then: u32) {
        self.0.with(key, |name, set| {
            let slot = set.iter_mut().find(|slot| slot[0] == name && slot[1] <= then && is_this_hour(slot, then));
            if let Some(slot) = slot {
                slot[2] = slot[2].saturating_sub(1);
            }
        });
    }
}

/// Whether a count began less than an hour before `now`, or after (by a clock that was set back) but less than an hour.
const fn is_this_hour(slot: &[u32; 3], now: u32) -> bool {
    slot[0] != 0 && slot[1].abs_diff(now) < HOUR
}

/// Now, in 32 bits; the year 2106 never ends.
pub(crate) fn seconds(time: UnixTime) -> u32 {
    u32::try_from(time.as_seconds()).unwrap_or(u32::MAX)
}

/// Locked shards of sets of slots, each allocated when it is first used.
#[derive(Debug)]
struct Sets<T> {
    shards: Box<[Mutex<Vec<[T; WAYS]>>]>,
    sets_per_shard: usize,
}

impl<T: Copy + Default> Sets<T> {
    fn new(keys: usize) -> Self {
        let sets = keys.div_ceil(WAYS).next_power_of_two();
        let shards = (sets / 16).clamp(1, MOST_SHARDS);
        Self { shards: (0..shards).map(|_| Mutex::new(Vec::new())).collect(), sets_per_shard: sets / shards }
    }

    /// The set of a key, and the key's name in it, which is never 0.
    #[allow(clippy::cast_possible_truncation, reason = "each part is cut to its width")]
    fn with<R>(&self, key: u64, act: impl FnOnce(u32, &mut [T; WAYS]) -> R) -> R {
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

    #[test]
    fn a_count_begins_anew_an_hour_after_its_first() {
        let counts = Counts::new(1000);
        for now in [1000, 1001, 1500] {
            assert_eq!(counts.add(7, now, 3), Ok(()));
        }
        assert_eq!(counts.add(7, 1600, 3), Err((3, HOUR - 600)));
        assert_eq!(counts.add(7, 1600, 15), Ok(()), "a higher limit");
        assert_eq!(counts.add(8, 1600, 3), Ok(()));
        assert_eq!(counts.add(7, 1000 + HOUR, 3), Ok(()));
    }

    #[test]
    fn what_is_taken_back_can_be_counted_again_but_never_in_another_hour() {
        let counts = Counts::new(1000);
        counts.add(7, 1000, 1).unwrap();
        counts.take_back(7, 1000);
        counts.add(7, 1001, 1).unwrap();
        counts.add(7, 1000 + HOUR, 1).unwrap();
        counts.take_back(7, 1001);
        assert!(counts.add(7, 1002 + HOUR, 1).is_err());
        counts.take_back(9, 1000);
    }

    #[test]
    fn a_flood_of_ones_does_not_push_out_a_count_at_its_limit() {
        let counts = Counts::new(8);
        (0..10).for_each(|_| counts.add(crowded(1), 100, 10).unwrap());
        (2..1000).for_each(|name| counts.add(crowded(name), 100, 10).unwrap());
        assert!(counts.add(crowded(1), 100, 10).is_err());
    }
}
