//! Buckets of messages: each message takes a drop out, and drops fall back evenly, so that nobody waits for a whole hour to end.
//!
//! A bucket holds as many drops as it gets back in an hour. Numbers in, numbers out; who keeps them is a memory's affair.

use super::taken::Parts;

/// Of so many parts is a drop, so that a bucket gets as many parts back in a second as it gets drops in an hour.
pub(super) const PARTS: u64 = 60 * 60;

/// What is missing in a bucket, in parts of a drop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Missing(u64);

impl Missing {
    /// After so many seconds, in which drops fell back.
    pub(crate) const fn after(self, seconds: u32, per_hour: u32) -> Self {
        Self(self.0.saturating_sub(seconds as u64 * per_hour as u64))
    }

    /// Whole seconds until a drop can be taken while at most `most` may be missing; 0 if that is now.
    pub(crate) fn wait(self, most: u32, per_hour: u32) -> u32 {
        let over = (self.0 + PARTS).saturating_sub(u64::from(most) * PARTS);
        let per_hour = u64::from(per_hour.max(1));
        u32::try_from(over.div_ceil(per_hour)).unwrap_or(u32::MAX)
    }

    /// One more, but never more than `most`; and what is missing more than before.
    pub(crate) fn take(self, most: u32) -> (Self, Parts) {
        let missing = (self.0 + PARTS).min(u64::from(most) * PARTS).max(self.0);
        (Self(missing), Parts::new(missing - self.0))
    }

    /// What [`Missing::take`] took is there again.
    pub(crate) fn put_back(self, parts: Parts) -> Self {
        Self(self.0.saturating_sub(parts.get().into()))
    }

    /// Whole drops.
    pub(crate) const fn drops(self) -> u64 {
        self.0.div_ceil(PARTS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_fall_back_one_by_one_and_not_all_at_once() {
        let mut missing = Missing::default();
        for taken in 0..50 {
            assert_eq!((missing.wait(50, 50), missing.drops()), (0, taken));
            missing = missing.take(50).0;
        }
        assert_eq!(missing.wait(50, 50), 72, "50 an hour are one in 72 s");
        assert_eq!(missing.after(71, 50).wait(50, 50), 1);
        let next = missing.after(72, 50);
        assert_eq!(next.wait(50, 50), 0);
        assert_eq!(next.take(50).0.wait(50, 50), 72, "and one only");
        assert_eq!(missing.after(3600, 50), Missing::default());
        assert_eq!(missing.after(3599, 50).drops(), 1);
    }

    #[test]
    fn a_wait_is_rounded_up() {
        let (one, _) = Missing::default().take(7);
        assert_eq!(one.wait(1, 7), 515, "514.3 s");
        assert_eq!((one.after(514, 7).wait(1, 7), one.after(515, 7).wait(1, 7)), (1, 0));
        let (many, _) = Missing::default().take(4_000_000_000);
        assert_eq!(many.wait(1, 4_000_000_000), 1);
        assert_eq!(one.wait(0, 0), 7200);
    }

    #[test]
    fn of_a_part_that_fell_back_only_that_is_taken_and_put_back() {
        let (all, _) = Missing::default().take(1);
        let before = all.after(600, 1);
        let (after, taken) = before.take(1);
        assert_eq!((after, taken.get()), (all, 600));
        assert_eq!(after.put_back(taken), before);
        assert_eq!(before.take(0), (before, Parts::default()), "a smaller ceiling takes nothing back");
    }

    #[test]
    fn what_is_put_back_can_be_taken_again() {
        let (two, taken) = Missing::default().take(2).0.take(2);
        assert_eq!(two.put_back(taken).wait(2, 2), 0);
        assert_eq!(two.take(2), (two, Parts::default()), "never more than all");
        assert_eq!(Missing::default().put_back(taken), Missing::default());
    }
}
