//! What the directory said a moment ago, where asking led to nothing that anybody counts.
//!
//! What can't be guessed is counted only when it is right, and a browser that says that it is a known device is judged by
//! the directory's epoch before anything is counted. So that nobody makes the directory answer as often as they like, the
//! answer that came of nothing is kept for some seconds. What comes meanwhile is judged by it first, and asks again only
//! where it would succeed: then it is counted.

use core::fmt;
use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::{directory::Found, recipient::Recipient, time::UnixTime};

/// Seconds for which an answer is kept.
const KEPT: u64 = 10;
/// The most answers that are kept.
const MOST: usize = 4096;

/// Answers about recipients. What was kept decides against somebody at most, never for them.
#[derive(Default)]
pub(super) struct Asked {
    answers: Mutex<HashMap<Recipient, Answer>>,
    /// Whether there may be one, so that most attempts need no lock.
    any: AtomicBool,
}

struct Answer {
    found: Found,
    at: UnixTime,
}

impl Asked {
    /// What the directory said of this recipient a moment ago.
    pub(super) fn recently(&self, recipient: &Recipient, now: UnixTime) -> Option<Found> {
        if !self.any.load(Ordering::Relaxed) {
            return None;
        }
        self.answers().get(recipient).filter(|answer| answer.is_fresh(now)).map(|answer| answer.found.clone())
    }

    /// Keeps an answer that came of nothing.
    pub(super) fn keep(&self, recipient: &Recipient, found: Found, now: UnixTime) {
        let mut answers = self.answers();
        if answers.len() >= MOST {
            answers.retain(|_, answer| answer.is_fresh(now));
        }
        if answers.len() < MOST {
            answers.insert(recipient.clone(), Answer { found, at: now });
            self.any.store(true, Ordering::Relaxed);
        }
    }

    /// A thread that panicked left no half of an answer behind.
    fn answers(&self) -> MutexGuard<'_, HashMap<Recipient, Answer>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Answer {
    /// Not from before, nor from the future of a clock that was set back.
    fn is_fresh(&self, now: UnixTime) -> bool {
        self.at <= now && now.seconds_since(self.at) < KEPT
    }
}

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Asked(…)")
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);

    fn somebody(number: usize) -> Recipient {
        Recipient::parse_email(&format!("{number}@example.com")).unwrap()
    }

    #[test]
    fn an_answer_is_kept_for_ten_seconds() {
        let asked = Asked::default();
        assert!(asked.recently(&somebody(1), NOW).is_none());
        asked.keep(&somebody(1), Found::nobody(), NOW);
        assert!(asked.recently(&somebody(1), NOW.plus(9)).is_some());
        assert!(asked.recently(&somebody(1), NOW.plus(10)).is_none());
        assert!(asked.recently(&somebody(1), NOW.minus(1)).is_none(), "a clock that was set back");
        assert!(asked.recently(&somebody(2), NOW).is_none(), "somebody else");
    }

    #[test]
    fn there_is_room_for_so_many_and_old_ones_make_room() {
        let asked = Asked::default();
        for number in 0..MOST + 10 {
            asked.keep(&somebody(number), Found::nobody(), NOW);
        }
        assert_eq!(asked.answers().len(), MOST);
        asked.keep(&somebody(MOST), Found::nobody(), NOW.plus(10));
        assert_eq!(asked.answers().len(), 1);
    }
}
