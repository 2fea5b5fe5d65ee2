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

/// A ceiling on messages that a request counts under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ceiling {
    /// Which messages it counts.
    pub(super) counter: Counter,
    /// How many there may be in an hour.
    pub(super) allowed: u32,
    /// How many with a proof of work.
    pub(super) lifted: u32,
}

/// The messages that one ceiling counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counter {
    /// All of this node, by one channel.
    Channel(Channel),
    /// Those to numbers of the recipient's prefix.
    Prefix,
    /// Those to the recipient, on behalf of strangers or of known devices.
    Recipient,
    /// Those on behalf of the client's network.
    Network,
}

/// The ceilings that a request counts under, hard ones first: nobody should solve a puzzle that doesn't help.
pub(super) fn ceilings(limits: &Limits, request: &Request<'_>) -> impl Iterator<Item = Ceiling> + use<> {
    let channel = request.recipient.channel();
    let is_mobile = channel == Channel::Mobile;
    let is_known = request.is_known;
    // The last quarter is kept for known devices.
    let hard = |counter, limit: u32| {
        let allowed = if is_known { limit } else { limit - limit / 4 };
        (limit > 0).then_some(Ceiling { counter, allowed, lifted: allowed })
    };
    let soft =
        |counter, limit: u32| (limit > 0).then_some(Ceiling { counter, allowed: limit, lifted: limit.saturating_mul(LIFTED) });
    let all = [
        hard(Counter::Channel(channel), limits.per_node(channel)),
        hard(Counter::Prefix, limits.sms_per_prefix_per_hour).filter(|_| is_mobile),
        soft(Counter::Recipient, limits.max_messages_per_hour),
        soft(Counter::Network, limits.max_messages_per_network_per_hour).filter(|_| !is_known),
    ];
    all.into_iter().flatten()
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
