//! What is counted about messages, as Prometheus reads it.

use metrics::{counter, describe_counter, describe_gauge, gauge};

use super::room::Lengths;
use crate::recipient::Channel;

const MESSAGES: &str = "countersign_messages_total";
const QUEUED: &str = "countersign_delivery_queue_length";
const DEFERRED: &str = "countersign_delivery_deferred_length";
const ROOM: &str = "countersign_delivery_queue_capacity";

/// What became of a message, or of a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It left.
    Sent,
    /// It will be tried again.
    Retried,
    /// It never leaves.
    Failed,
    /// Nobody may log in with it.
    Dropped,
}

impl Outcome {
    const ALL: [Self; 4] = [Self::Sent, Self::Retried, Self::Failed, Self::Dropped];

    const fn name(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Retried => "retried",
            Self::Failed => "failed",
            Self::Dropped => "dropped",
        }
    }
}

/// Makes every series of these channels known before anything happens.
pub(super) fn describe(capacity: usize, channels: impl Iterator<Item = Channel>) {
    describe_counter!(MESSAGES, "Messages by channel and what became of them; a try that failed for now counts as retried.");
    describe_gauge!(QUEUED, "Messages that wait for their first try.");
    describe_gauge!(DEFERRED, "Messages that wait to be tried again; at most half of the capacity, then the oldest is given up.");
    describe_gauge!(ROOM, "Messages that may wait for their first try; from half of it on, strangers need a puzzle.");
    for channel in channels {
        for outcome in Outcome::ALL {
            counter!(MESSAGES, "channel" => channel.as_str(), "outcome" => outcome.name()).increment(0);
        }
    }
    gauge!(ROOM).set(as_float(capacity));
    on_their_way(Lengths { queued: 0, deferred: 0 });
}

pub(super) fn count(channel: Channel, outcome: Outcome) {
    counter!(MESSAGES, "channel" => channel.as_str(), "outcome" => outcome.name()).increment(1);
}

pub(super) fn on_their_way(messages: Lengths) {
    gauge!(QUEUED).set(as_float(messages.queued));
    gauge!(DEFERRED).set(as_float(messages.deferred));
}

#[allow(clippy::cast_precision_loss, reason = "a queue is shorter than 2⁵²")]
const fn as_float(number: usize) -> f64 {
    number as f64
}
