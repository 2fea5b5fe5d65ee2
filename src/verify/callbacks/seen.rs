//! The reports that were heard already, so that each counts once.

use std::{
    collections::{HashSet, VecDeque},
    fmt,
    sync::{Mutex, PoisonError},
};

use sha2::{Digest as _, Sha256};

use crate::time::UnixTime;

/// Seconds for which a report is remembered.
const REMEMBERED: u64 = 24 * 3600;
/// The most that are remembered; of more, the oldest is forgotten.
const MOST: usize = 65_536;

/// The ids of reports, as 128 bits of SHA-256 each: at most some 4 MiB.
#[derive(Default)]
pub struct SeenReports(Mutex<State>);

#[derive(Default)]
struct State {
    ids: HashSet<[u8; 16]>,
    /// In the order in which they came.
    order: VecDeque<(UnixTime, [u8; 16])>,
}

impl SeenReports {
    /// Whether this is the first time that this id of this provider comes; from now on it isn't.
    #[must_use]
    pub fn is_first(&self, provider: &'static str, id: &str, now: UnixTime) -> bool {
        let hash = Sha256::new().chain_update(provider).chain_update([0]).chain_update(id).finalize();
        let mut short = [0; 16];
        short.copy_from_slice(&hash[..16]);
        // A thread that panicked left no half of an entry behind that anybody minds.
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while state.order.front().is_some_and(|(at, _)| now.seconds_since(*at) >= REMEMBERED) {
            state.forget_oldest();
        }
        if !state.ids.insert(short) {
            return false;
        }
        state.order.push_back((now, short));
        if state.order.len() > MOST {
            state.forget_oldest();
        }
        true
    }
}

impl State {
    fn forget_oldest(&mut self) {
        if let Some((_, id)) = self.order.pop_front() {
            self.ids.remove(&id);
        }
    }
}

impl fmt::Debug for SeenReports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SeenReports(…)")
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);

    #[test]
    fn a_report_counts_once_in_24_hours() {
        let seen = SeenReports::default();
        assert!(seen.is_first("telnyx", "a", NOW));
        assert!(!seen.is_first("telnyx", "a", NOW.plus(86_399)));
        assert!(seen.is_first("twilio", "a", NOW), "another provider's");
        assert!(seen.is_first("telnyx", "b", NOW));
        assert!(seen.is_first("telnyx", "a", NOW.plus(86_400)));
        assert!(!seen.is_first("telnyx", "a", NOW), "a clock that was set back");
    }

    #[test]
    fn the_oldest_of_too_many_is_forgotten() {
        let seen = SeenReports::default();
        for number in 0..=MOST {
            assert!(seen.is_first("telnyx", &number.to_string(), NOW));
        }
        assert!(!seen.is_first("telnyx", &MOST.to_string(), NOW));
        assert!(!seen.is_first("telnyx", "1", NOW));
        assert!(seen.is_first("telnyx", "0", NOW), "it was the oldest");
        let state = seen.0.lock().unwrap();
        assert_eq!((state.ids.len(), state.order.len()), (MOST, MOST));
    }

    #[test]
    fn of_many_at_once_one_is_the_first() {
        let seen = SeenReports::default();
        let firsts: usize = thread::scope(|scope| {
            let hear = || (0..100).filter(|number| seen.is_first("telnyx", &format!("{number}"), NOW)).count();
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(hear)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(firsts, 100);
    }
}
