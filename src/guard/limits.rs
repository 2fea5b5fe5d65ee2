//! How much the guard allows: plain numbers, judged by the configuration.

use super::BreakerLimits;
use crate::recipient::Channel;

/// The most attempts that a challenge can be given.
pub const MOST_ATTEMPTS: u32 = 100;
/// The most uses that a challenge can be given: they are counted in 16 bits.
pub const MOST_USES: u32 = u16::MAX as u32;
/// The smallest capacity.
pub const LEAST_CAPACITY: u32 = 64;

/// The limits of one guard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Wrong codes that one challenge stands; 1 to [`MOST_ATTEMPTS`].
    pub max_attempts: u32,
    /// How often one challenge can be redeemed; 1 to [`MOST_USES`].
    pub max_uses: u32,
    /// Whether a wrong code uses up one of `max_uses` for codes (`incorrect_short_token_redeems_token`).
    pub wrong_code_spends: bool,
    /// L: the most comparisons with codes below 34 bits, per recipient and 24 h; at most 100.
    /// See [`bound`](super::bound).
    pub comparisons: u32,
    /// L of external checks, whose codes can't grow.
    pub external_comparisons: u32,
    /// Seconds between two messages to one recipient from one client network, or from known devices; 0: off.
    pub throttle_seconds: u32,
    /// Messages an hour to one recipient on behalf of strangers, and as many on behalf of known devices; 0: off.
    pub max_messages_per_hour: u32,
    /// Messages an hour on behalf of one client network; 0: off.
    pub max_messages_per_network_per_hour: u32,
    /// E-mails an hour of this node, whoever asks; 0: off.
    pub email_per_hour: u32,
    /// SMS and calls an hour of this node, whoever asks; 0: off.
    pub sms_per_hour: u32,
    /// SMS and calls an hour to numbers that begin with the same 6 digits, country code included; 0: off.
    pub sms_per_prefix_per_hour: u32,
    /// When strangers get no SMS and calls to a prefix any more.
    pub breaker: BreakerLimits,
    /// How many challenges can be remembered as spent or attempted; at least [`LEAST_CAPACITY`].
    pub capacity: u32,
    /// Seconds that a challenge lives: the policy's `challenge_lifetime`.
    pub challenge_lifetime: u64,
}

impl Default for Limits {
    /// The defaults of the configuration, for one channel.
    fn default() -> Self {
        Self {
            max_attempts: 5,
            max_uses: 1,
            wrong_code_spends: false,
            comparisons: 49,
            external_comparisons: 49,
            throttle_seconds: 60,
            max_messages_per_hour: 10,
            max_messages_per_network_per_hour: 120,
            email_per_hour: 0,
            sms_per_hour: 4_000,
            sms_per_prefix_per_hour: 1_400,
            breaker: BreakerLimits { min_sent: 200, min_conversion: 10 },
            capacity: 1_000_000,
            challenge_lifetime: 600,
        }
    }
}

impl Limits {
    /// Messages an hour of this node by one channel; 0: off.
    #[must_use]
    pub const fn per_node(&self, channel: Channel) -> u32 {
        match channel {
            Channel::Email => self.email_per_hour,
            Channel::Mobile => self.sms_per_hour,
        }
    }
}
