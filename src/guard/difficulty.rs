//! How hard the next puzzle is: twice as hard for each doubling of the puzzles that are being solved.

use core::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The largest number that a puzzle hides while nobody attacks: some 25,000 hashes, a blink on a phone.
const EASY: u32 = 50_000;
/// Puzzles solved within a minute from which on each doubling makes them twice as hard.
const MANY_PROOFS: u32 = 128;
/// How often they may double.
const MOST_DOUBLINGS: u32 = 5;

/// Counts the puzzles that this process sees solved.
#[derive(Debug, Default)]
pub(super) struct Difficulty(Mutex<Solved>);

/// Puzzles solved in this minute and in the one before.
#[derive(Debug, Default)]
struct Solved {
    minute: u32,
    now: u32,
    before: u32,
}

impl Difficulty {
    /// One more was solved.
    pub(super) fn solved(&self, now: u32) {
        self.at(now).now += 1;
    }

    /// The largest number that the next puzzle hides; twice as large for a guard that is `crowded`.
    pub(super) fn of_next(&self, now: u32, crowded: bool) -> NonZeroU32 {
        let solved = self.at(now);
        let solved = solved.now.max(solved.before);
        let doublings = (solved / MANY_PROOFS).checked_ilog2().map_or(0, |log| log + 1) + u32::from(crowded);
        NonZeroU32::new(EASY << doublings.min(MOST_DOUBLINGS)).unwrap_or(NonZeroU32::MAX)
    }

    fn at(&self, now: u32) -> MutexGuard<'_, Solved> {
        let mut solved = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let minute = now / 60;
        if solved.minute != minute {
            let before = if solved.minute.wrapping_add(1) == minute { solved.now } else { 0 };
            *solved = Solved { minute, now: 0, before };
        }
        solved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn puzzles_grow_with_those_solved_and_shrink_again() {
        let difficulty = Difficulty::default();
        assert_eq!(difficulty.of_next(0, false).get(), EASY);
        assert_eq!(difficulty.of_next(0, true).get(), 2 * EASY);
        for (solved, expected) in [(127, 1), (1, 2), (128, 4), (256, 8), (100_000, 32)] {
            (0..solved).for_each(|_| difficulty.solved(60));
            assert_eq!(difficulty.of_next(60, false).get(), expected * EASY);
        }
        assert_eq!(difficulty.of_next(120, false).get(), 32 * EASY);
        assert_eq!(difficulty.of_next(180, false).get(), EASY);
    }
}
