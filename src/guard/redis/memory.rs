//! How full Redis is: from half of its `maxmemory` on, strangers solve a puzzle for each request.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::time::UnixTime;

/// From how many hundredths of `maxmemory` on a stranger needs a proof of work; the script has the same number.
const HALF: u32 = 50;

/// What Redis last said about its memory. It is asked once a second at most, by a script that runs anyway.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// Hundredths of `maxmemory`; 0 where there is none, or nothing was said yet.
    used: AtomicU32,
    /// When it was said, in seconds since 1970.
    at: AtomicU64,
}

impl Memory {
    /// Whether nothing was said about it in this second.
    pub(super) fn is_unknown(&self, now: UnixTime) -> bool {
        self.at.load(Ordering::Relaxed) != now.as_seconds()
    }

    /// Whether a stranger needs a proof of work, as far as is known in this second.
    pub(super) fn is_half_full(&self, now: UnixTime) -> bool {
        !self.is_unknown(now) && self.used.load(Ordering::Relaxed) >= HALF
    }

    /// How much of `maxmemory` was used when it was said last, from 0 to 1 and beyond; `None` where there is none.
    pub(super) fn fullness(&self) -> Option<f64> {
        let used = self.used.load(Ordering::Relaxed);
        (used > 0).then(|| f64::from(used) / 100.0)
    }

    /// Remembers what a script said; `None` where it said nothing.
    pub(super) fn learn(&self, used: Option<u32>, now: UnixTime) {
        if let Some(used) = used {
            self.used.store(used, Ordering::Relaxed);
            self.at.store(now.as_seconds(), Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_counts_for_its_second() {
        let memory = Memory::default();
        let [first, second] = [1_800_000_000, 1_800_000_001].map(UnixTime::from_seconds);
        assert!(memory.is_unknown(first) && !memory.is_half_full(first));
        memory.learn(Some(50), first);
        assert!(!memory.is_unknown(first) && memory.is_half_full(first));
        memory.learn(None, second);
        assert!(memory.is_unknown(second) && !memory.is_half_full(second));
        memory.learn(Some(49), second);
        assert!(!memory.is_half_full(second));
        assert_eq!(memory.fullness(), Some(0.49));
        memory.learn(Some(0), second);
        assert_eq!(memory.fullness(), None);
    }
}
