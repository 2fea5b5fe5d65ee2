//! The conversion breaker: many messages to numbers of one prefix of which few are redeemed are what somebody buys who earns
//! money with each. While it is open strangers get none there, but for one a minute, so that it can close. Plain numbers in,
//! plain numbers out; who keeps them is a memory's affair.

use alloc::boxed::Box;

use super::Limits;
use crate::recipient::Recipient;

/// Seconds that are counted together. A message is judged when its own are over, since people need a while.
pub(super) const WINDOW: u32 = 300;
/// With each window, one of so many parts of what was counted is forgotten: most of it within 40 minutes.
const FORGETS: u32 = 8;
/// Counts are in parts of a message, so that few fade like many.
const PARTS: u32 = 256;
/// After so many windows nothing is left.
const MOST_WINDOWS: u32 = 64;
/// Seconds between two tries of strangers while it is open.
const TRY: u32 = 60;
/// Seconds after which an open breaker is told again.
const TELL: u32 = 60 * 60;
/// It stays open until so many times fewer messages were sent than it takes to open it, unless they are redeemed.
const STAYS: u32 = 4;

/// Of fewer messages chance decides how many are redeemed.
const FEWEST: u32 = 20;

/// When breakers open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BreakerLimits {
    /// Messages to one prefix, most of them within 40 minutes, from which on they are judged; 0: never.
    pub min_sent: u32,
    /// How many of a hundred have to be redeemed.
    pub min_conversion: u32,
}

/// A breaker that opened, or that is open since an hour more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BreakerOpened {
    /// The calling code and the next four digits, with a `+`.
    pub prefix: Box<str>,
    /// Messages that were judged.
    pub sent: u32,
    /// Those that were redeemed.
    pub redeemed: u32,
}

/// What is known of the messages to one prefix.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Breaker {
    /// The number of the window that this was so in.
    window: u32,
    /// Parts of messages of this window, not judged yet.
    fresh: u32,
    /// Of earlier ones.
    sent: u32,
    /// Of those that were redeemed.
    redeemed: u32,
    /// When a stranger was let through last while it was open.
    tried_at: u32,
    /// When it was told last that it is open.
    told_at: u32,
    is_open: bool,
}

impl BreakerLimits {
    /// What each of `nodes` with homes among them keeps to: its part of the messages, but no fewer than can be judged.
    #[must_use]
    pub fn share(self, nodes: u32) -> Self {
        let part = self.min_sent.div_ceil(nodes.max(1)).max(self.min_sent.min(FEWEST));
        Self { min_sent: part, ..self }
    }

    /// Whether there are breakers.
    pub(super) const fn are_on(self) -> bool {
        self.min_sent > 0
    }
}

impl Limits {
    /// The prefix whose breaker a recipient's messages count under; `None` where there is none.
    pub(super) fn breaker_of<'r>(&self, recipient: &'r Recipient) -> Option<&'r str> {
        recipient.number_prefix().filter(|_| self.breaker.are_on())
    }
}

impl Breaker {
    /// As it is now: what was counted fades, and it opens or closes.
    #[must_use]
    pub(super) fn at(mut self, now: u32, limits: BreakerLimits) -> Self {
        let window = now / WINDOW;
        // A clock that was set back goes on from where it is.
        let windows = window.saturating_sub(self.window);
        if windows >= MOST_WINDOWS {
            self = Self { tried_at: self.tried_at, told_at: self.told_at, ..Self::default() };
        }
        for _ in 0..windows.min(MOST_WINDOWS) {
            self.sent = faded(self.sent.saturating_add(self.fresh));
            self.redeemed = faded(self.redeemed);
            self.fresh = 0;
        }
        self.window = window;
        let judged_from = if self.is_open { limits.min_sent.div_ceil(STAYS) } else { limits.min_sent };
        self.is_open = self.sent >= judged_from.saturating_mul(PARTS)
            && u64::from(self.redeemed) * 100 < u64::from(self.sent) * u64::from(limits.min_conversion);
        self
    }

    /// Seconds until a stranger is let through; 0: now. Of a breaker [as it is now](Self::at).
    pub(super) const fn wait(&self, now: u32) -> u32 {
        // A try from the future was made by a clock that was set back since.
        if self.is_open && self.tried_at <= now { (self.tried_at.saturating_add(TRY)).saturating_sub(now) } else { 0 }
    }

    /// Counts a message, of a breaker [as it is now](Self::at); and says so if it is open and that wasn't told lately.
    pub(super) fn send(&mut self, now: u32, as_known: bool) -> Option<(u32, u32)> {
        self.fresh = self.fresh.saturating_add(PARTS);
        if !self.is_open {
            return None;
        }
        if !as_known {
            self.tried_at = now;
        }
        let is_told = self.told_at > 0 && self.told_at <= now && now - self.told_at < TELL;
        if is_told {
            return None;
        }
        self.told_at = now;
        Some((self.sent / PARTS, self.redeemed / PARTS))
    }

    /// Counts a message as redeemed.
    pub(super) const fn redeem(&mut self) {
        self.redeemed = self.redeemed.saturating_add(PARTS);
    }

    /// A message that was counted didn't leave.
    pub(super) const fn withdraw(&mut self) {
        if self.fresh > 0 {
            self.fresh = self.fresh.saturating_sub(PARTS);
        } else {
            self.sent = self.sent.saturating_sub(PARTS);
        }
    }

    /// How much would be forgotten with it.
    pub(super) const fn weight(&self) -> u32 {
        self.sent.saturating_add(self.fresh)
    }
}

const fn faded(number: u32) -> u32 {
    number - number / FORGETS
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: BreakerLimits = BreakerLimits { min_sent: 100, min_conversion: 10 };
    const START: u32 = 6_000_000 * WINDOW;

    /// So many messages at once, of which some are redeemed at once.
    fn burst(breaker: Breaker, now: u32, sent: u32, redeemed: u32) -> Breaker {
        let mut breaker = breaker.at(now, LIMITS);
        (0..sent).for_each(|_| _ = breaker.send(now, true));
        (0..redeemed).for_each(|_| breaker.redeem());
        breaker
    }

    #[test]
    fn many_that_few_redeem_open_it_when_their_window_is_over() {
        let breaker = burst(Breaker::default(), START, 200, 2);
        assert_eq!(breaker.at(START + WINDOW - 1, LIMITS).wait(START), 0, "people need a while");
        let mut open = breaker.at(START + WINDOW, LIMITS);
        assert!(open.is_open);
        let now = START + WINDOW;
        assert_eq!(open.wait(now), 0, "a first try");
        assert_eq!(open.send(now, false), Some((175, 1)), "and it is told");
        assert_eq!([0, 1, 59, 60].map(|later| open.wait(now + later)), [60, 59, 1, 0], "one a minute");
        assert_eq!(open.send(now + 60, false), None, "told once");
        assert_eq!(open.at(now + 1, LIMITS).wait(now - 5_000), 0, "a clock that was set back holds nobody up");
        assert!(open.at(now + 3_500, LIMITS).send(now + 3_600, false).is_some(), "and again after an hour");
    }

    #[test]
    fn an_honest_site_never_meets_it() {
        for (sent, redeemed) in [(200, 30), (100, 50), (110, 0), (1, 0), (0, 0), (100_000, 12_000)] {
            let breaker = burst(Breaker::default(), START, sent, redeemed);
            assert!(!breaker.at(START + WINDOW, LIMITS).is_open, "{redeemed} of {sent}");
        }
        // A few hundred a day of which not one arrives.
        let mut breaker = Breaker::default();
        for minute in 0..1440 {
            let now = START + 60 * minute;
            breaker = breaker.at(now, LIMITS);
            assert!(!breaker.is_open, "minute {minute}");
            if minute % 4 == 0 {
                breaker.send(now, false);
            }
        }
    }

    #[test]
    fn it_closes_when_tries_are_redeemed_and_when_nobody_asks_any_more() {
        let flooded = burst(Breaker::default(), START, 300, 0);
        // One a minute, redeemed by the person who asked.
        let (mut breaker, mut minutes) = (flooded.at(START + WINDOW, LIMITS), 0);
        while breaker.is_open {
            minutes += 1;
            let now = START + WINDOW + 60 * minutes;
            breaker = breaker.at(now, LIMITS);
            breaker.send(now, false);
            breaker.redeem();
        }
        assert!((10..=25).contains(&minutes), "{minutes}");
        let open = flooded.at(START + WINDOW, LIMITS);
        let hours = (1..24).find(|hour| !open.at(START + 3_600 * hour, LIMITS).is_open);
        assert_eq!(hours, Some(2));
        // As long as strangers' tries are all that there is, and none is redeemed, it stays open.
        let mut breaker = flooded;
        for minute in 5..600 {
            let now = START + 60 * minute;
            breaker = breaker.at(now, LIMITS);
            assert!(breaker.is_open, "minute {minute}");
            breaker.send(now, false);
        }
    }

    #[test]
    fn a_message_that_did_not_leave_is_not_counted() {
        let mut breaker = burst(Breaker::default(), START, 120, 0);
        (0..20).for_each(|_| breaker.withdraw());
        let mut judged = breaker.at(START + WINDOW, LIMITS);
        assert_eq!(judged.weight() / PARTS, 87);
        (0..200).for_each(|_| judged.withdraw());
        assert_eq!(judged, Breaker { window: judged.window, ..Breaker::default() });
    }

    #[test]
    fn a_nodes_share_is_its_part_but_never_too_few_to_judge() {
        let share = |min_sent, nodes| BreakerLimits { min_sent, ..LIMITS }.share(nodes).min_sent;
        assert_eq!([share(100, 1), share(100, 3), share(100, 50), share(8, 3), share(0, 3)], [100, 34, 20, 8, 0]);
    }

    proptest! {
        /// Whatever happens and whatever the clock does: it is open only where what it judged was many and few of them redeemed, a
        /// stranger waits at most a minute, and one who may pass now is followed by nobody within the same second.
        #[test]
        fn it_opens_for_nothing_else(
            min_sent in 1_u32..50,
            min_conversion in 1_u32..=100,
            steps in prop::collection::vec((0_u8..5, -400_i32..900), 1..300),
        ) {
            let limits = BreakerLimits { min_sent, min_conversion };
            let (mut breaker, mut now) = (Breaker::default(), START);
            for (what, seconds) in steps {
                now = now.saturating_add_signed(if what == 4 { seconds } else { 0 });
                breaker = breaker.at(now, limits);
                if breaker.is_open {
                    prop_assert!(breaker.sent >= min_sent.div_ceil(STAYS) * PARTS);
                    prop_assert!(breaker.redeemed * 100 < breaker.sent * min_conversion);
                }
                let wait = breaker.wait(now);
                prop_assert!(wait <= TRY && (breaker.is_open || wait == 0));
                match what {
                    0 if wait == 0 => {
                        breaker.send(now, false);
                        prop_assert!(!breaker.is_open || breaker.wait(now) == TRY);
                    }
                    1 => _ = breaker.send(now, true),
                    2 => breaker.redeem(),
                    3 => breaker.withdraw(),
                    _ => {}
                }
            }
        }
    }
}
