//! `[delivery]`: when messages leave.

use std::time::Duration;

/// How messages are handed to their transports.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Before or after the answer.
    pub mode: Mode,
    /// How many messages may wait; a request that finds no room gets 503.
    pub queue_length: usize,
    /// How long one try of a transport may take.
    pub timeout: Duration,
}

/// When messages leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// After the answer, with retries until the challenge ends.
    Queued,
    /// Before the answer, with one try; tells known from unknown recipients.
    Inline,
}
