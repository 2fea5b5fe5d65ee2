//! How hard the next puzzle is: twice as hard for each doubling of the puzzles that are being solved, and for each time that its
//! recipient or its network had all messages of an hour, up to what a phone solves in some 5 seconds.

use core::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The largest number that a puzzle hides while nobody attacks: some 25,000 hashes, a blink on a phone.
const EASY: u32 = 50_000;
/// Puzzles solved within a minute from which on each doubling makes them twice as hard.
const MANY_PROOFS: u32 = 128;
/// The largest number that a puzzle ever hides: half a million hashes on average, which a phone makes in some 5 seconds.
const HARDEST: u32 = 1_000_000;
/// How often they may double; more is the hardest.
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

    /// The largest number that the next puzzle hides; twice as large for a guard that is `crowded`, and `doublings` times twice
    /// as large for what its recipient and its network had.
    pub(super) fn of_next(&self, now: u32, crowded: bool, doublings: u32) -> NonZeroU32 {
        let solved = self.at(now);
        let solved = solved.now.max(solved.before);
        let by_all = (solved / MANY_PROOFS).checked_ilog2().map_or(0, |log| log + 1);
        let doublings = doublings.saturating_add(by_all + u32::from(crowded)).min(MOST_DOUBLINGS);
        NonZeroU32::new((EASY << doublings).min(HARDEST)).unwrap_or(NonZeroU32::MAX)
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
        assert_eq!(difficulty.of_next(0, false, 0).get(), EASY);
        assert_eq!(difficulty.of_next(0, true, 0).get(), 2 * EASY);
        for (solved, expected) in [(127, 1), (1, 2), (128, 4), (256, 8), (100_000, 20)] {
            (0..solved).for_each(|_| difficulty.solved(60));
            assert_eq!(difficulty.of_next(60, false, 0).get(), expected * EASY);
        }
        assert_eq!(difficulty.of_next(120, false, 0).get(), HARDEST);
        assert_eq!(difficulty.of_next(180, false, 0).get(), EASY);
        let for_one = [0, 1, 4, 5, u32::MAX].map(|doublings| difficulty.of_next(180, false, doublings).get() / EASY);
        assert_eq!(for_one, [1, 2, 16, 20, 20]);
    }
}
