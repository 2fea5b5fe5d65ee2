//! The conversion breakers of all prefixes, in fixed memory: sets of eight slots that a keyed hash chooses. A set that is full
//! forgets the breaker of the fewest messages.

use super::recent::{Sets, WAYS};
use crate::guard::breaker::{Breaker, BreakerLimits};

/// Prefixes that are remembered.
const PREFIXES: usize = 1 << 14;

#[derive(Debug)]
pub(crate) struct Breakers(Sets<Slot>);

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    name: u32,
    breaker: Breaker,
}

impl Breakers {
    pub(crate) fn new() -> Self {
        Self(Sets::new(PREFIXES))
    }

    /// Seconds until a stranger is let through; 0: now.
    pub(crate) fn wait(&self, key: u64, now: u32, limits: BreakerLimits) -> u32 {
        self.0.with(key, |name, set| {
            let slot = set.iter().find(|slot| slot.name == name);
            slot.map_or(0, |slot| slot.breaker.at(now, limits).wait(now))
        })
    }

    /// Counts a message, unless a stranger has to wait; says how many were sent and redeemed if the breaker is open and that
    /// wasn't told lately.
    ///
    /// # Errors
    /// The seconds until a stranger is let through.
    pub(crate) fn send(&self, key: u64, now: u32, as_known: bool, limits: BreakerLimits) -> Result<Option<(u32, u32)>, u32> {
        self.0.with(key, |name, set| {
            let at = set
                .iter()
                .position(|slot| slot.name == name)
                .unwrap_or_else(|| (0..WAYS).min_by_key(|at| set[*at].breaker.weight()).expect("a set has eight slots"));
            let mut breaker = if set[at].name == name { set[at].breaker } else { Breaker::default() }.at(now, limits);
            let wait = breaker.wait(now);
            if wait > 0 && !as_known {
                return Err(wait);
            }
            let told = breaker.send(now, as_known);
            set[at] = Slot { name, breaker };
            Ok(told)
        })
    }

    /// Counts a message as redeemed.
    pub(crate) fn redeem(&self, key: u64) {
        self.change(key, Breaker::redeem);
    }

    /// A message that was counted didn't leave.
    pub(crate) fn withdraw(&self, key: u64) {
        self.change(key, Breaker::withdraw);
    }

    fn change(&self, key: u64, change: impl FnOnce(&mut Breaker)) {
        self.0.with(key, |name, set| {
            if let Some(slot) = set.iter_mut().find(|slot| slot.name == name) {
                change(&mut slot.breaker);
            }
        });
    }
}
