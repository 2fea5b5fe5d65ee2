//! The guard's policy, written once for all of its memories: what is allowed, in plain numbers, and nothing of how they are kept.

use super::{
    Attempt, Bucket, By, Limits, Request,
    budget::{Allowance, Compared, Whose, kept_for_known},
};
use crate::{
    challenge::{CodeFormat, Strength},
    recipient::Channel,
};

/// From this many comparisons within 24 h (or from L, if that is less) a recipient's next code has 34 bits.
pub(super) const MEDIUM_FROM: u32 = 10;
/// From this many on it has 64 bits, and no weaker code is compared (NIST SP 800-63B-4 §3.2.2 allows 100 failures).
pub(super) const LONG_FROM: u32 = 100;
/// By how much a solved puzzle lifts the ceilings that it lifts.
pub(super) const LIFTED: u32 = 5;
/// How many digits of a number, country code included, make its prefix: about an operator's block.
pub(super) const PREFIX_DIGITS: usize = 6;

/// A ceiling on messages that a request counts under: a bucket of [`drops`](super::drops).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ceiling {
    /// Which messages it counts.
    pub(super) counter: Counter,
    /// How many there may be in an hour.
    pub(super) per_hour: u32,
    /// How many of these this request may be the last of: fewer where some are kept for others.
    pub(super) most: u32,
    /// Whether a proof of work lifts it, to [`LIFTED`] times as many.
    pub(super) is_lifted: bool,
}

/// The messages that one ceiling counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counter {
    /// All of this node, by one channel.
    Channel(Channel),
    /// Those to numbers of the recipient's prefix.
    Prefix,
    /// Of all by one channel those on behalf of the client's network, apart for known devices and for strangers.
    ChannelOfNetwork(Channel),
    /// Of those to numbers of the recipient's prefix those on behalf of the client's network, apart likewise.
    PrefixOfNetwork,
    /// Those to the recipient, apart for known devices and for strangers.
    Recipient,
    /// Those on behalf of the client's network.
    Network,
}

/// The most ceilings that a request counts under.
pub(super) const CEILINGS: usize = 6;

/// The ceilings that a request counts under as one of a known device, or as a stranger's.
///
/// A tenth of what costs money is for one network, and the last quarter is kept for known devices. Who stands for many has no
/// limits per network.
pub(super) fn ceilings(limits: &Limits, request: &Request<'_>, as_known: bool) -> impl Iterator<Item = Ceiling> + use<> {
    let channel = request.recipient.channel();
    let is_mobile = channel == Channel::Mobile;
    let is_one = !request.network.stands_for_many();
    let on =
        |counter, per_hour: u32, most: u32, is_lifted| (per_hour > 0).then_some(Ceiling { counter, per_hour, most, is_lifted });
    let hard = |counter, limit: u32| on(counter, limit, if as_known { limit } else { limit - limit / 4 }, false);
    let tenth = |counter, limit: u32| {
        let part = if limit == 0 { 0 } else { (limit / 10).max(1) };
        on(counter, part, part, false).filter(|_| is_one)
    };
    let (all, prefix) = (limits.per_node(channel), limits.sms_per_prefix_per_hour);
    let (recipient, network) = (limits.max_messages_per_hour, limits.max_messages_per_network_per_hour);
    let all: [Option<Ceiling>; CEILINGS] = [
        hard(Counter::Channel(channel), all),
        hard(Counter::Prefix, prefix).filter(|_| is_mobile),
        tenth(Counter::ChannelOfNetwork(channel), all),
        tenth(Counter::PrefixOfNetwork, prefix).filter(|_| is_mobile),
        on(Counter::Recipient, recipient, recipient, !as_known),
        on(Counter::Network, network, network, true).filter(|_| is_one && !as_known),
    ];
    all.into_iter().flatten()
}

impl Ceiling {
    /// How many messages an hour a proof of work lifts it to.
    pub(super) const fn lifted(&self) -> u32 {
        self.per_hour.saturating_mul(LIFTED)
    }
}

/// The `+` and the first digits of a canonical number.
pub(super) fn prefix(number: &str) -> &str {
    number.get(..=PREFIX_DIGITS).unwrap_or(number)
}

/// What a new code must at least have.
pub(super) fn strength(limits: &Limits, is_known: bool, compared: Compared) -> Strength {
    let most = limits.comparisons - kept_for_known(limits.comparisons);
    if allowance(limits, By::Code, Strength::Long).next(is_known, compared) == Some(Whose::Known) {
        Strength::Short
    } else if compared.all() >= LONG_FROM {
        Strength::Long
    } else if compared.strangers >= MEDIUM_FROM.min(most) {
        Strength::Medium
    } else {
        Strength::Short
    }
}

/// How many comparisons a recipient stands before nothing is started for a request like this; `None` where something always is.
/// The codes of an external check can't grow, so there it waits until the comparisons are forgotten.
pub(super) fn to_start(limits: &Limits, request: &Request<'_>) -> Option<Allowance> {
    (request.by == By::External).then(|| allowance(limits, By::External, Strength::Short))
}

/// Whether a known device makes an attempt's comparison, and how many there may be. `None` for what isn't compared, and where it
/// isn't known yet who makes it.
///
/// A link takes nothing off either: its message reaches the victim of whoever asked for it, and an attacker whose wrong codes it
/// took off would have more of them than L.
pub(super) fn comparisons(limits: &Limits, attempt: &Attempt<'_>) -> Option<(bool, Allowance)> {
    if attempt.by == By::Link {
        return None;
    }
    let is_known = match attempt.bucket {
        Bucket::Claimed => return None,
        Bucket::Known => true,
        Bucket::Strangers => false,
    };
    // What has no format of ours is as weak as a code can be.
    let format = attempt.challenge.challenge().format.as_ref();
    Some((is_known, allowance(limits, attempt.by, format.map_or(Strength::Short, CodeFormat::strength))))
}

/// How many comparisons with codes of this strength a recipient stands.
fn allowance(limits: &Limits, by: By, strength: Strength) -> Allowance {
    let most = if by == By::External { limits.external_comparisons } else { limits.comparisons };
    let known = kept_for_known(most);
    let (strangers, all) = match (by, strength) {
        (By::External, _) => (most - known, u32::MAX),
        (_, Strength::Short) => (most - known, LONG_FROM),
        (_, Strength::Medium) => (LONG_FROM, LONG_FROM),
        (_, Strength::Long) => (u32::MAX, u32::MAX),
    };
    Allowance { known, strangers, all }
}

/// The bucket that an attempt is counted in: a claim that nobody judged is none, so that no comparison goes uncounted.
pub(super) fn judged(bucket: Bucket) -> Bucket {
    if bucket == Bucket::Claimed { Bucket::Strangers } else { bucket }
}
