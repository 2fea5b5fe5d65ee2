//! What is counted about messages, as Prometheus reads it.

use metrics::{Counter, Gauge, counter, describe_counter, describe_gauge, gauge};

use super::{breaker::Standing, room::Lengths};
use crate::recipient::Channel;

const MESSAGES: &str = "countersign_messages_total";
const BREAKER: &str = "countersign_delivery_breaker_state";
const QUEUED: &str = "countersign_delivery_queue_length";
const DEFERRED: &str = "countersign_delivery_deferred_length";
const ROOM: &str = "countersign_delivery_queue_capacity";

/// What became of a message, or of a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It left.
    Sent,
    /// It will be tried again, by this adapter or another one.
    Retried,
    /// This adapter refused it, and another one is asked.
    Refused,
    /// It never leaves; this adapter was asked last.
    Failed,
    /// Nobody may log in with it.
    Dropped,
}

impl Outcome {
    const ALL: [Self; 5] = [Self::Sent, Self::Retried, Self::Refused, Self::Failed, Self::Dropped];

    const fn name(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Retried => "retried",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Dropped => "dropped",
        }
    }
}

/// What is counted about one adapter.
pub(super) struct RouteMetrics {
    outcomes: [Counter; Outcome::ALL.len()],
    breaker: Gauge,
}

impl RouteMetrics {
    /// Makes every series of the adapter known before anything happens.
    pub(super) fn new(channel: Channel, adapter: &str) -> Self {
        let channel = channel.as_str();
        let series = |outcome: Outcome| {
            let counter = counter!(MESSAGES, "channel" => channel, "adapter" => adapter.to_owned(), "outcome" => outcome.name());
            counter.increment(0);
            counter
        };
        let breaker = gauge!(BREAKER, "channel" => channel, "adapter" => adapter.to_owned());
        let metrics = Self { outcomes: Outcome::ALL.map(series), breaker };
        metrics.breaker(Standing::Closed);
        metrics
    }

    pub(super) fn count(&self, outcome: Outcome) {
        self.outcomes[outcome as usize].increment(1);
    }

    pub(super) fn breaker(&self, standing: Standing) {
        self.breaker.set(match standing {
            Standing::Closed => 0.0,
            Standing::Probing => 1.0,
            Standing::Open => 2.0,
        });
    }
}

impl std::fmt::Debug for RouteMetrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RouteMetrics").finish_non_exhaustive()
    }
}

/// Says what the series are.
pub(super) fn describe(capacity: usize) {
    describe_counter!(
        MESSAGES,
        "Messages by channel, adapter and what became of them; a try that failed for now counts as retried, one that another \
         adapter made up for as refused."
    );
    describe_gauge!(BREAKER, "Whether an adapter is asked: 0 yes, 1 one try probes it, 2 it is left alone.");
    describe_gauge!(QUEUED, "Messages that wait for their first try.");
    describe_gauge!(DEFERRED, "Messages that wait to be tried again; at most half of the capacity, then the oldest is given up.");
    describe_gauge!(ROOM, "Messages that may wait for their first try; from half of it on, strangers need a puzzle.");
    gauge!(ROOM).set(as_float(capacity));
    on_their_way(Lengths { queued: 0, deferred: 0 });
}

pub(super) fn on_their_way(messages: Lengths) {
    gauge!(QUEUED).set(as_float(messages.queued));
    gauge!(DEFERRED).set(as_float(messages.deferred));
}

#[allow(clippy::cast_precision_loss, reason = "a queue is shorter than 2⁵²")]
const fn as_float(number: usize) -> f64 {
    number as f64
}
