//! The budget, as a number: how likely it is that an attacker with any number of addresses and requests guesses their way
//! into one account within a day.
//!
//! probability = channels × nodes × (1 + restarts) × (L·p_short + 200·p_34) + 10¹⁰·2⁻⁶⁴
//!
//! L, the most comparisons with codes below 34 bits per recipient and 24 h, is the largest number up to 100 for which that
//! stays within the target. Of these D = min(10, ⌊L/4⌋) are kept for known devices, all of them together, and strangers have
//! L − D: so the bound holds against whoever once read the mailbox, too. The guard keeps to it; `serve` and `countersign bound`
//! judge and explain it.

mod explain;

use alloc::{format, string::String, vec::Vec};
use core::fmt;

use self::explain::Short;
use super::{
    budget::kept_for_known,
    ceilings::{Ceilings, Keeping},
    rules::LONG_FROM,
};
use crate::challenge::{CodeFormat, Strength};

/// The probability of one guess at a code of the medium length: 8 characters of base 20.
const P_34: f64 = 1.0 / 25_600_000_000.0;
/// What 10¹⁰ guesses at codes of 64 bits find: more than a recipient's challenges can get within a day.
const TAIL: f64 = 1e10 / 18_446_744_073_709_551_616.0;
/// The most guesses at codes of 34 bits: 100 by strangers, and what known devices have beside them, rounded up generously.
const MEDIUM: u32 = 2 * LONG_FROM;
/// The longest code that is offered as a remedy.
const LONGEST_REMEDY: u8 = 20;

/// Who keeps the counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeper {
    /// Each process; a restart forgets.
    Memory,
    /// Each node, in a file; nothing forgets.
    Journal,
    /// One Redis for all.
    Redis,
    /// Each process under a common id; a restart forgets.
    SharedNothing,
}

/// All that the bound depends on.
#[derive(Clone, Debug)]
pub struct Deployment {
    /// Who keeps the counts.
    pub keeper: Keeper,
    /// How many nodes count, each alone.
    pub replicas: u32,
    /// How many nodes have homes among them (`guard.nodes`); 0: challenges are made where the request arrives.
    pub homes: u32,
    /// How often a day a node is restarted.
    pub restarts_per_day: u32,
    /// The channels that may open one account: those allowed where a directory knows users by either, else 1.
    pub channels: u32,
    /// What a code looks like before it grows.
    pub code: CodeFormat,
    /// Wrong codes that one challenge stands.
    pub max_attempts: u32,
    /// The throttle and the ceilings; they don't enter the bound, but come with its explanation.
    pub ceilings: Ceilings,
    /// The digits of a verify provider's codes, if there is one.
    pub external_digits: Option<u8>,
    /// The most likely takeover of one account in one day that is acceptable; 1: no bound is wanted.
    pub target: f64,
}

/// The bound of one deployment.
#[derive(Clone, Debug)]
pub struct Bound {
    deployment: Deployment,
    /// L: the most comparisons with codes below 34 bits, per recipient, node and 24 h.
    pub comparisons: u32,
    /// L of external checks, whose codes can't grow; the same as for the engine's where there is no provider.
    pub external_comparisons: u32,
    /// The probability with L comparisons; with [`Bound::assumed_comparisons`] where L leaves strangers fewer than `max_attempts`.
    pub probability: f64,
}

/// A deployment that can't keep its target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TooLikely {
    /// The key whose value is judged.
    pub key: &'static str,
    /// The value, what is wrong with it and what would do.
    pub reason: String,
}

impl Deployment {
    /// Computes the bound.
    #[must_use]
    pub fn bound(self) -> Bound {
        let comparisons = self.most_comparisons(self.short());
        let external = self.external_digits.map_or(self.short(), |digits| 10_f64.powi(-i32::from(digits)));
        let external_comparisons = self.most_comparisons(external);
        let mut bound = Bound { deployment: self, comparisons, external_comparisons, probability: 0.0 };
        bound.probability = bound.deployment.probability(bound.assumed_comparisons(), bound.deployment.short());
        bound
    }

    /// The largest L up to 100 that keeps the target, for codes guessed with probability `short`.
    fn most_comparisons(&self, short: f64) -> u32 {
        if self.wants_no_bound() {
            return LONG_FROM;
        }
        (0..=LONG_FROM).rev().find(|comparisons| self.probability(*comparisons, short) <= self.target).unwrap_or(0)
    }

    fn probability(&self, comparisons: u32, short: f64) -> f64 {
        let each = f64::from(comparisons) * short + f64::from(MEDIUM) * self.medium();
        (f64::from(self.channels) * f64::from(self.nodes()) * (1.0 + f64::from(self.restarts())) * each + TAIL).min(1.0)
    }

    /// The probability of one guess at a code below 34 bits; 0 where none is made.
    fn short(&self) -> f64 {
        if self.code.strength() == Strength::Short { one_in(self.code.possibilities()) } else { 0.0 }
    }

    /// The probability of one guess at the next stronger codes: those that short ones grow to, or the configured ones where
    /// they are stronger.
    fn medium(&self) -> f64 {
        match self.code.strength() {
            Strength::Short => P_34,
            Strength::Medium => one_in(self.code.possibilities()),
            Strength::Long => 0.0,
        }
    }

    /// How many nodes an attacker can guess at, each with a count of its own.
    #[must_use]
    pub const fn nodes(&self) -> u32 {
        if self.counts_alone() { self.replicas } else { 1 }
    }

    /// How often a day an attacker finds an empty count. While a home is away its stand-in keeps one too, and no
    /// other node does.
    #[must_use]
    pub const fn restarts(&self) -> u32 {
        match (self.keeper, self.homes > 0) {
            (Keeper::Memory | Keeper::SharedNothing, false) | (Keeper::Journal, true) => self.restarts_per_day,
            (Keeper::Memory | Keeper::SharedNothing, true) => self.restarts_per_day.saturating_mul(2),
            (Keeper::Journal, false) | (Keeper::Redis, _) => 0,
        }
    }

    const fn counts_alone(&self) -> bool {
        !matches!(self.keeper, Keeper::Redis) && self.homes == 0
    }

    /// Who keeps to the throttle and the ceilings.
    const fn keeping(&self) -> Keeping {
        match (self.keeper, self.homes) {
            (Keeper::Redis, _) => Keeping::Together,
            (_, 0) => Keeping::Alone(self.replicas),
            (_, homes) => Keeping::Shares(homes),
        }
    }

    /// The keys that make the bound larger, with their values.
    fn burdens(&self) -> String {
        let replicas = self.counts_alone().then(|| format!("guard.replicas = {}", self.replicas));
        let restarts = (self.restarts() > 0).then(|| format!("guard.restarts_per_day = {}", self.restarts_per_day));
        let channels = (self.channels > 1).then(|| format!("{} channels that may open one account", self.channels));
        let all: Vec<String> = [replicas, restarts, channels].into_iter().flatten().collect();
        if all.is_empty() { String::new() } else { format!(" with {}", all.join(" and ")) }
    }

    /// How many of L comparisons a stranger's challenges stand; codes of 34 bits and more stand all hundred.
    fn for_strangers(&self, comparisons: u32) -> u32 {
        match self.code.strength() {
            Strength::Short => comparisons - kept_for_known(comparisons),
            Strength::Medium | Strength::Long => LONG_FROM,
        }
    }

    fn wants_no_bound(&self) -> bool {
        self.target >= 1.0
    }

    /// Changes that would each be enough, as one would write them into the configuration.
    fn remedies(&self) -> Vec<String> {
        let is_enough = |deployment: &Self| {
            deployment.for_strangers(deployment.most_comparisons(deployment.short())) >= deployment.max_attempts
        };
        let longer = (self.code.length() + 1..=LONGEST_REMEDY).find_map(|length| {
            let code = CodeFormat::new(self.code.alphabet().clone(), length)?;
            is_enough(&Self { code, ..self.clone() }).then(|| format!("passwordless.short_token_length = {length}"))
        });
        let homes = Self { homes: self.replicas, ..self.clone() };
        let can_have_homes = matches!(self.keeper, Keeper::Memory | Keeper::Journal) && self.counts_alone() && self.replicas > 1;
        let homes = (can_have_homes && is_enough(&homes)).then(|| "guard.nodes with the names of all nodes".into());
        let kind = |keeper, name: &str| {
            let other = Self { keeper, homes: if keeper == Keeper::Redis { 0 } else { self.homes }, ..self.clone() };
            (self.keeper != keeper && is_enough(&other)).then(|| format!("guard.kind = \"{name}\""))
        };
        let fewer = (1..self.max_attempts).rev().find(|attempts| is_enough(&Self { max_attempts: *attempts, ..self.clone() }));
        let fewer = fewer.map(|attempts| format!("passwordless.max_attempts = {attempts}"));
        [longer, homes, kind(Keeper::Journal, "journal"), kind(Keeper::Redis, "redis"), fewer].into_iter().flatten().collect()
    }
}

impl Bound {
    /// Whether the deployment keeps its target, and strangers have no fewer comparisons than `max_attempts`.
    ///
    /// # Errors
    /// [`TooLikely`], which names what would do.
    pub fn check(&self) -> Result<(), TooLikely> {
        let Deployment { max_attempts, target, .. } = self.deployment;
        let target = Short(target);
        let strangers = self.for_strangers();
        if strangers < max_attempts {
            let remedies = self.deployment.remedies();
            let remedies = if remedies.is_empty() { "a higher target".into() } else { remedies.join(", or ") };
            let reason = format!(
                "{target} allows only {strangers} comparisons of a recipient's codes a day by strangers{}, fewer than \
                 passwordless.max_attempts = {max_attempts}: with that many an attacker takes over an account with probability \
                 {} a day. Enough would be {remedies}",
                self.deployment.burdens(),
                self.shown_probability(),
            );
            return Err(TooLikely { key: "guard.max_takeover_probability", reason });
        }
        if let Some(digits) = self.deployment.external_digits.filter(|_| self.external_comparisons == 0) {
            let reason = format!(
                "{digits} is too few: one guess a day is more likely to be right than guard.max_takeover_probability = {target} allows"
            );
            return Err(TooLikely { key: "external_2fa.code_digits", reason });
        }
        Ok(())
    }

    /// D: how many of L are kept for known devices, all of them together.
    #[must_use]
    pub const fn for_known_devices(&self) -> u32 {
        kept_for_known(self.comparisons)
    }

    /// L − D: how many strangers have, and known devices past D.
    #[must_use]
    pub fn for_strangers(&self) -> u32 {
        self.deployment.for_strangers(self.comparisons)
    }

    /// How many comparisons [`Bound::probability`] is that of: L, or as many as it takes to leave strangers `max_attempts`.
    #[must_use]
    pub fn assumed_comparisons(&self) -> u32 {
        let Deployment { max_attempts, .. } = self.deployment;
        let is_enough = |comparisons: &u32| self.deployment.for_strangers(*comparisons) >= max_attempts;
        (self.comparisons..2 * LONG_FROM).find(is_enough).unwrap_or(self.comparisons)
    }

    /// How many of a million accounts, all attacked for a day, are taken over.
    #[must_use]
    pub fn expected_per_million(&self) -> f64 {
        self.probability * 1e6
    }
}

#[allow(clippy::cast_precision_loss, reason = "a probability needs no 53 bits")]
fn one_in(possibilities: u128) -> f64 {
    1.0 / possibilities as f64
}

impl fmt::Display for TooLikely {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}", self.key, self.reason)
    }
}

impl core::error::Error for TooLikely {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::challenge::Alphabet;

    fn code(characters: &str, length: u8) -> CodeFormat {
        CodeFormat::new(Alphabet::new(characters).unwrap(), length).unwrap()
    }

    fn digits(length: u8) -> CodeFormat {
        code("0123456789", length)
    }

    /// The configuration's defaults.
    fn default() -> Deployment {
        Deployment {
            keeper: Keeper::Memory,
            replicas: 1,
            homes: 0,
            restarts_per_day: 1,
            channels: 1,
            code: digits(6),
            max_attempts: 5,
            ceilings: Ceilings::default(),
            external_digits: None,
            target: 1e-4,
        }
    }

    fn comparisons(deployment: Deployment) -> u32 {
        deployment.bound().comparisons
    }

    #[test]
    fn l_of_the_design() {
        assert_eq!(comparisons(default()), 49);
        for homes in [1, 3, 50, 1000] {
            assert_eq!(comparisons(Deployment { homes, replicas: homes, ..default() }), 33, "{homes} homes");
        }
        assert_eq!(comparisons(Deployment { channels: 2, ..default() }), 24);
        assert_eq!(comparisons(Deployment { keeper: Keeper::Journal, ..default() }), 99);
        assert_eq!(comparisons(Deployment { keeper: Keeper::Journal, homes: 9, ..default() }), 49);
        assert_eq!(comparisons(Deployment { keeper: Keeper::Redis, replicas: 50, restarts_per_day: 9, ..default() }), 99);
        assert_eq!(comparisons(Deployment { keeper: Keeper::SharedNothing, replicas: 4, ..default() }), 12);
        assert_eq!(comparisons(Deployment { restarts_per_day: 24, code: digits(8), ..default() }), 100);
    }

    #[test]
    fn d_of_the_design() {
        let shares = |comparisons| {
            let bound = Bound { comparisons, ..default().bound() };
            (bound.for_known_devices(), bound.for_strangers())
        };
        assert_eq!(shares(default().bound().comparisons), (10, 39));
        assert_eq!(
            [0, 3, 4, 12, 16, 33, 99, 100].map(shares),
            [(0, 0), (0, 3), (1, 3), (3, 9), (4, 12), (8, 25), (10, 89), (10, 90)]
        );
    }

    /// L itself would be enough for `max_attempts`, but what it leaves strangers isn't.
    #[test]
    fn what_is_kept_for_known_devices_is_missing_to_strangers() {
        let of = |max_attempts| Deployment { max_attempts, ..default() }.bound();
        assert!(of(39).check().is_ok());
        let refused = of(40);
        assert_eq!((refused.comparisons, refused.for_strangers(), refused.assumed_comparisons()), (49, 39, 50));
        assert!(refused.check().unwrap_err().reason.starts_with("1e-4 allows only 39 comparisons"));
        assert!(refused.probability > 1e-4);
        assert_eq!(of(5).assumed_comparisons(), 49);
    }

    #[test]
    fn fifty_nodes_that_count_alone_need_seven_digits() {
        let fleet = Deployment { replicas: 50, ..default() };
        let refused = fleet.clone().bound();
        assert!(refused.comparisons < 5);
        let TooLikely { key, reason } = refused.check().unwrap_err();
        assert_eq!(key, "guard.max_takeover_probability");
        for remedy in ["short_token_length = 7", "guard.nodes", "guard.kind = \"redis\""] {
            assert!(reason.contains(remedy), "{remedy} is missing: {reason}");
        }
        assert!(!reason.contains("journal"), "50 journals aren't enough either: {reason}");
        assert!(reason.starts_with("1e-4 allows only 0 comparisons of a recipient's codes a day by strangers with "), "{reason}");
        assert!(reason.contains("guard.replicas = 50 and guard.restarts_per_day = 1, fewer"), "{reason}");
        let longer = Deployment { code: digits(7), ..fleet.clone() }.bound();
        assert!(longer.for_strangers() >= 5 && longer.check().is_ok());
        assert!(Deployment { homes: 50, ..fleet }.bound().check().is_ok());
    }

    #[test]
    fn every_remedy_that_is_named_is_one() {
        let weak = Deployment { replicas: 3, code: digits(4), ..default() };
        assert!(weak.clone().bound().check().is_err());
        let named = weak.remedies().join(" ");
        assert!(named.contains("short_token_length = 6") && !named.contains("redis") && !named.contains("nodes"), "{named}");
        assert!(Deployment { code: digits(5), ..weak.clone() }.bound().check().is_err());
        assert!(Deployment { code: digits(6), ..weak }.bound().check().is_ok());
    }

    #[test]
    fn the_probability_is_that_of_l_or_of_the_attempts_where_l_is_less() {
        let bound = default().bound();
        let expected = 2.0 * (49.0 * 1e-6 + 200.0 / 20_f64.powi(8)) + 1e10 * 2_f64.powi(-64);
        assert!((bound.probability - expected).abs() < 1e-15);
        assert!(bound.probability <= 1e-4);
        let refused = Deployment { replicas: 50, ..default() }.bound();
        assert!((refused.probability - 100.0 * (6.0 * 1e-6 + 200.0 / 20_f64.powi(8)) - TAIL).abs() < 1e-12);
        assert!(refused.probability > 1e-4);
        assert!((refused.expected_per_million() - refused.probability * 1e6).abs() < 1e-9);
    }

    #[test]
    fn one_more_comparison_would_break_the_target() {
        for (target, length, replicas, channels) in
            [(1e-4, 6, 1, 1), (1e-3, 5, 2, 2), (1e-5, 7, 1, 2), (3e-6, 8, 9, 1), (0.1, 4, 3, 1)]
        {
            let deployment = Deployment { target, code: digits(length), replicas, channels, ..default() };
            let most = comparisons(deployment.clone());
            assert!(deployment.probability(most, deployment.short()) <= target);
            assert!(most == LONG_FROM || deployment.probability(most + 1, deployment.short()) > target);
        }
    }

    #[test]
    fn external_checks_have_an_l_of_their_own() {
        let bound = |digits| Deployment { external_digits: Some(digits), ..default() }.bound();
        assert_eq!([4, 5, 6, 7].map(|digits| bound(digits).external_comparisons), [0, 4, 49, 100]);
        assert_eq!(bound(5).comparisons, 49);
        assert!(bound(5).check().is_ok());
        assert_eq!(bound(4).check().unwrap_err().key, "external_2fa.code_digits");
    }

    #[test]
    fn no_bound_is_a_bound_of_100() {
        let open = Deployment { target: 1.0, code: code("x", 6), external_digits: Some(4), ..default() }.bound();
        assert_eq!((open.comparisons, open.external_comparisons), (100, 100));
        assert!(open.check().is_ok() && open.probability <= 1.0);
    }

    #[test]
    fn stronger_codes_count_as_what_they_are() {
        let medium = Deployment { code: digits(11), ..default() };
        assert_eq!(comparisons(medium.clone()), 100);
        assert!((medium.bound().probability - 2.0 * 200.0 * 1e-11 - TAIL).abs() < 1e-15);
        let long = Deployment { code: digits(20), ..default() }.bound();
        assert!((long.probability - TAIL).abs() < 1e-20);
    }

    #[test]
    fn a_target_below_the_tail_is_refused() {
        let refused = Deployment { target: 1e-10, ..default() }.bound();
        assert_eq!(refused.comparisons, 0);
        assert!(refused.check().is_err());
    }
}
