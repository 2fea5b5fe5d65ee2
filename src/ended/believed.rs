//! What time it is, as far as forgetting goes. A clock that jumps ahead isn't believed at once: it may come back, and what was
//! forgotten meanwhile would be alive again.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU32, Ordering::Relaxed},
};

/// Seconds that pass unseen, or by which two threads' moments differ; more is a jump.
const UNSEEN: u32 = 10 * 60;
/// Seconds after which a clock is believed, however far it jumped.
const BELIEVED_AFTER: u32 = 24 * 60 * 60;

/// The time that is believed: what the clock says, without the jump that it made last, until that has lasted for as long as it is
/// far, or for a day.
#[derive(Debug, Default)]
pub(super) struct Believed {
    /// What the clock said last; 0: nothing yet.
    seen: AtomicU32,
    jump: Mutex<Jump>,
}

#[derive(Debug, Default)]
struct Jump {
    /// Seconds.
    ahead: u32,
    /// When, by the clock that jumped.
    at: u32,
}

impl Believed {
    /// Looks at the clock. It is looked at again and again, so that a jump is told from time that passed unseen; a long while in which
    /// nobody asked is taken for one too.
    pub(super) fn see(&self, now: u32) {
        if self.seen.load(Relaxed) != now {
            self.at(now);
        }
    }

    /// The second that is believed, when the clock says this one.
    pub(super) fn at(&self, now: u32) -> u32 {
        // A thread that panicked left no half of a change behind.
        let mut jump = self.jump.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = self.seen.load(Relaxed);
        if seen != 0 && now > seen.saturating_add(UNSEEN) {
            *jump = Jump { ahead: jump.ahead.saturating_add(now - seen), at: now };
        } else if seen > now.saturating_add(UNSEEN) {
            let back = seen - now;
            *jump = Jump { ahead: jump.ahead.saturating_sub(back), at: jump.at.saturating_sub(back) };
        }
        // Of two threads one is a little behind; that is no step back.
        if now > seen || seen > now.saturating_add(UNSEEN) {
            self.seen.store(now, Relaxed);
        }
        if now.saturating_sub(jump.at) >= jump.ahead.min(BELIEVED_AFTER) {
            jump.ahead = 0;
        }
        now - jump.ahead.min(now)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: u32 = 1_800_000_000;
    const HOUR: u32 = 60 * 60;

    /// The believed time after the clock went on for so many seconds, seen every half minute.
    fn pass(believed: &Believed, from: u32, seconds: u32) -> u32 {
        (0..=seconds).step_by(30).map(|passed| believed.at(from + passed)).last().unwrap()
    }

    #[test]
    fn time_that_passes_is_believed() {
        let believed = Believed::default();
        assert_eq!(believed.at(NOW), NOW, "the first look");
        assert_eq!(pass(&believed, NOW, 10 * HOUR), NOW + 10 * HOUR);
    }

    #[test]
    fn a_jump_is_believed_when_it_has_lasted_as_long_as_it_is_far() {
        let believed = Believed::default();
        believed.at(NOW);
        assert_eq!(pass(&believed, NOW + 2 * HOUR, 2 * HOUR - 30), NOW + 2 * HOUR - 30, "time goes on as before");
        assert_eq!(believed.at(NOW + 4 * HOUR), NOW + 4 * HOUR);
    }

    #[test]
    fn a_jump_of_years_is_believed_after_a_day() {
        let believed = Believed::default();
        believed.at(NOW);
        let then = NOW + 24 * 365 * HOUR;
        assert_eq!(pass(&believed, then, 24 * HOUR - 30), NOW + 24 * HOUR - 30);
        assert_eq!(believed.at(then + 24 * HOUR), then + 24 * HOUR);
    }

    #[test]
    fn a_clock_that_comes_back_was_never_believed() {
        let believed = Believed::default();
        believed.at(NOW);
        pass(&believed, NOW + 100 * HOUR, HOUR);
        assert_eq!(believed.at(NOW + HOUR), NOW + HOUR);
        assert_eq!(pass(&believed, NOW + HOUR, HOUR), NOW + 2 * HOUR);
    }

    #[test]
    fn two_jumps_are_one() {
        let believed = Believed::default();
        believed.at(NOW);
        believed.at(NOW + HOUR);
        assert_eq!(believed.at(NOW + 3 * HOUR), NOW);
        assert_eq!(believed.at(NOW + HOUR), NOW, "one of them was taken back");
        assert_eq!(pass(&believed, NOW + HOUR, HOUR), NOW + 2 * HOUR, "the other has lasted");
    }

    #[test]
    fn a_clock_that_is_set_back_is_believed() {
        let believed = Believed::default();
        believed.at(NOW);
        assert_eq!(believed.at(NOW - 10 * HOUR), NOW - 10 * HOUR);
    }

    #[test]
    fn threads_whose_moments_differ_a_little_change_nothing() {
        let believed = Believed::default();
        believed.at(NOW);
        for passed in 1..HOUR {
            believed.at(NOW + 10 * HOUR + passed - 1);
            assert_eq!(believed.at(NOW + 10 * HOUR + passed), NOW + passed);
        }
    }

    proptest! {
        /// Never later than the clock says; and while it is elsewhere for less than a day, never later than it truly is.
        #[test]
        fn an_excursion_brings_nothing_forward(far in UNSEEN + 1..u32::MAX / 4, lasts in 0..24 * 60 * 60_u32, gap in 1..UNSEEN) {
            let believed = Believed::default();
            believed.at(NOW);
            for passed in (0..lasts.min(far - 1)).step_by(gap as usize) {
                prop_assert_eq!(believed.at(NOW + far + passed), NOW + passed);
            }
        }
    }
}
