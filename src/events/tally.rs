//! What becomes of the events that a sink was handed: counted, and what is lost is said in the log too.

use metrics::{Counter, counter, describe_counter};

use crate::{seldom::Seldom, time::Clock};

const EVENTS: &str = "countersign_events_total";
/// Lines a minute about events that are lost.
const LINES: u32 = 1;

/// One sink's counters.
pub(super) struct Tally {
    sink: &'static str,
    sent: Counter,
    retried: Counter,
    lost: Counter,
    lines: Seldom,
    clock: Clock,
}

impl Tally {
    /// Of the sink of this name. Its series are known from now on.
    pub(super) fn new(sink: &'static str, clock: Clock) -> Self {
        describe_counter!(
            EVENTS,
            "Events by where they go and what became of them; a try that failed for now counts as retried."
        );
        let count = |outcome: &'static str| counter!(EVENTS, "sink" => sink, "outcome" => outcome);
        let (sent, retried, lost) = (count("sent"), count("retried"), count("lost"));
        for series in [&sent, &retried, &lost] {
            series.increment(0);
        }
        Self { sink, sent, retried, lost, lines: Seldom::new(LINES), clock }
    }

    /// One has arrived.
    pub(super) fn sent(&self) {
        self.sent.increment(1);
    }

    /// One is tried again.
    pub(super) fn retried(&self) {
        self.retried.increment(1);
    }

    /// One will never arrive. The line says how many those were since the line before.
    pub(super) fn lost(&self, reason: &str) {
        self.lost.increment(1);
        if let Some(left_out) = self.lines.due((self.clock)()) {
            tracing::error!(sink = self.sink, lost = left_out + 1, reason, "events are lost");
        }
    }

    /// So many are given up at the end.
    pub(super) fn left(&self, left: usize) {
        if left > 0 {
            self.lost.increment(left.try_into().unwrap_or(u64::MAX));
            tracing::error!(sink = self.sink, lost = left, "events are lost: the process ends");
        }
    }
}
