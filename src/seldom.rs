//! What is worth a line in the log, but may happen as often as a stranger likes.

use std::sync::{Mutex, PoisonError};

use crate::time::UnixTime;

/// Seconds that are looked at together.
const WINDOW: u64 = 60;

/// Lets some lines a minute through and counts the others, so that nobody can fill the log with them.
#[derive(Debug)]
pub(crate) struct Seldom {
    lines: u32,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// When the next minute begins.
    until: u64,
    written: u32,
    left_out: u64,
}

impl Seldom {
    /// For so many lines a minute, at least one.
    pub(crate) fn new(lines: u32) -> Self {
        Self { lines, state: Mutex::default() }
    }

    /// Whether to write a line now, and how many of its kind were left out since the last one.
    pub(crate) fn due(&self, now: UnixTime) -> Option<u64> {
        let now = now.as_seconds();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back begins a new minute, too.
        if now >= state.until || now + WINDOW < state.until {
            *state = State { until: now + WINDOW, written: 0, ..*state };
        } else if state.written >= self.lines {
            state.left_out += 1;
            return None;
        }
        state.written += 1;
        Some(std::mem::take(&mut state.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_lines_a_minute_with_the_number_of_those_left_out() {
        let seldom = Seldom::new(2);
        let at = |second: u64| seldom.due(UnixTime::from_seconds(1_700_000_000 + second));
        let due: Vec<_> = (0..200).filter_map(|second| at(second).map(|left_out| (second, left_out))).collect();
        assert_eq!(due, [(0, 0), (1, 0), (60, 58), (61, 0), (120, 58), (121, 0), (180, 58), (181, 0)]);
        assert_eq!(seldom.due(UnixTime::from_seconds(5)), Some(18), "a clock that was set back");
    }
}
