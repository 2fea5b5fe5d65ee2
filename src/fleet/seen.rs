//! What makes a sealed request count once in a life of its node: a bounded memory of those that came lately.

use alloc::collections::BTreeSet;
use core::fmt;

use super::relay::{MAX_SKEW, RelayRefused};
use crate::time::UnixTime;

/// The requests that came lately, each named by 64 bits of its nonce. At most twice its capacity of them.
pub struct SeenRequests {
    capacity: usize,
    recent: BTreeSet<u64>,
    older: BTreeSet<u64>,
    turned_at: UnixTime,
    /// Requests sent then or before may have been forgotten.
    forgotten: UnixTime,
}

impl SeenRequests {
    /// Empty, as it is at the start of a life: nothing that is for this life came before it, so nothing is forgotten.
    #[must_use]
    pub const fn new(capacity: usize) -> Self {
        let never = UnixTime::from_seconds(0);
        Self { capacity, recent: BTreeSet::new(), older: BTreeSet::new(), turned_at: never, forgotten: never }
    }

    pub(crate) fn admit(&mut self, name: u64, sent_at: UnixTime, now: UnixTime) -> Result<(), RelayRefused> {
        // A request can come again until 30 s after it was sent, and it may have come 30 s before that.
        if now.seconds_since(self.turned_at) > 2 * MAX_SKEW {
            self.forgotten = self.forgotten.max(self.turned_at.plus(MAX_SKEW));
            self.older = core::mem::take(&mut self.recent);
            self.turned_at = now;
        }
        if sent_at <= self.forgotten {
            return Err(RelayRefused::Untimely);
        }
        if self.older.contains(&name) || self.recent.contains(&name) {
            return Err(RelayRefused::Replayed);
        }
        if self.recent.len() >= self.capacity {
            return Err(RelayRefused::Full);
        }
        self.recent.insert(name);
        Ok(())
    }
}

impl fmt::Debug for SeenRequests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SeenRequests({} of {})", self.recent.len(), self.capacity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);

    #[test]
    fn memory_is_bounded() {
        let mut seen = SeenRequests::new(100);
        for name in 0..100 {
            assert_eq!(seen.admit(name, NOW, NOW), Ok(()));
        }
        assert_eq!(seen.admit(100, NOW, NOW), Err(RelayRefused::Full));
        let later = NOW.plus(61);
        for name in 101..201 {
            assert_eq!(seen.admit(name, later, later), Ok(()));
        }
        assert_eq!(seen.admit(201, later, later), Err(RelayRefused::Full));
        assert_eq!(seen.older.len() + seen.recent.len(), 200);
    }
}
