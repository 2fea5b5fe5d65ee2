//! The bound in words and for programs: every figure that it is made of, so that anybody can work it out again.

use alloc::{format, string::String, vec::Vec};
use core::fmt;

use serde_json::{Value, json};

use super::{Bound, Deployment, Keeper, Strength, TAIL, TooLikely, one_in};
use crate::guard::{
    budget::kept_for_known,
    ceilings::{Keeping, Total},
    rules::{LONG_FROM, MEDIUM_FROM},
};

impl Bound {
    /// The probability on a line of its own, then what it is made of, then what the fleet lets go.
    #[must_use]
    pub fn explain(&self) -> String {
        let mut lines = Vec::new();
        lines.push(self.shown_probability());
        lines.push(format!(
            "is the probability that somebody who guesses all day, from any number of addresses, takes over one given account; \
             of a million accounts all under attack, {} a day. {}",
            Short(self.expected_per_million()),
            self.verdict(),
        ));
        lines.extend(self.formula());
        lines.extend(self.external());
        lines.extend(self.messages());
        lines.join("\n")
    }

    /// The explanation for programs, as JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let deployment = &self.deployment;
        let external =
            deployment.external_digits.map(|digits| json!({"code_digits": digits, "comparisons": self.external_comparisons}));
        json!({
            "probability": self.probability,
            "comparisons": self.comparisons,
            "comparisons_by_strangers": self.for_strangers(),
            "comparisons_by_known_devices": self.for_known_devices(),
            "assumed_comparisons": self.assumed_comparisons(),
            "target": deployment.target,
            "is_within_target": self.check().is_ok(),
            "expected_per_million_accounts": self.expected_per_million(),
            "max_attempts": deployment.max_attempts,
            "channels": deployment.channels,
            "nodes": deployment.nodes(),
            "restarts": deployment.restarts(),
            "code_length": deployment.code.length(),
            "code_alphabet_size": deployment.code.alphabet().size(),
            "short_code_probability": deployment.short(),
            "medium_code_probability": deployment.medium(),
            "long_codes_tail": TAIL,
            "external": external,
            "messages": self.messages_json(),
        })
    }

    /// The probability, rounded up, in as many digits as it takes to tell it from the target.
    pub(super) fn shown_probability(&self) -> String {
        let (probability, target) = (self.probability, self.deployment.target);
        let is_told = |shown: &str| shown.parse::<f64>().is_ok_and(|shown| (shown > target) == (probability > target));
        let shown = |digits| rounded_up(probability, digits);
        (4..17).map(shown).find(|shown| is_told(shown)).unwrap_or_else(|| format!("{probability:e}"))
    }

    fn verdict(&self) -> String {
        match self.check() {
            _ if self.deployment.wants_no_bound() => "NO BOUND IS WANTED (guard.max_takeover_probability = 1).".into(),
            Ok(()) => format!("That is within guard.max_takeover_probability = {}.", Short(self.deployment.target)),
            Err(error @ TooLikely { .. }) => format!("TOO LIKELY: {error}."),
        }
    }

    /// The formula with this deployment's figures, and where each is from.
    fn formula(&self) -> Vec<String> {
        let deployment = &self.deployment;
        let code = format!("a code of {} characters out of {}", deployment.code.length(), deployment.code.alphabet().size());
        let strength = deployment.code.strength();
        if strength == Strength::Long {
            return Vec::from([format!(
                "  = 10¹⁰·2⁻⁶⁴: {code} has 64 bits or more, and nobody makes 10¹⁰ guesses at one recipient within a day."
            )]);
        }
        let each = if strength == Strength::Short { "(L·p + 200·p₃₄)" } else { "200·p" };
        let formula = format!(
            "  = {} channel(s) × {} node(s) that count alone × (1 + {} restart(s)) × {each} + 10¹⁰·2⁻⁶⁴",
            deployment.channels,
            deployment.nodes(),
            deployment.restarts(),
        );
        let p = Short(one_in(deployment.code.possibilities()));
        let mut lines = Vec::from([formula, format!("  {} restart(s): {}", deployment.restarts(), deployment.why_restarts())]);
        if strength == Strength::Short {
            lines.push(format!(
                "  L = {}: the most comparisons of one recipient's codes below 34 bits, at one node within 24 h{}. Of these D = {} \
                 are kept for browsers that proved the recipient before, all of them together; strangers have {} (max_attempts = \
                 {}).",
                self.comparisons,
                self.in_the_place_of_l(),
                self.for_known_devices(),
                self.for_strangers(),
                deployment.max_attempts,
            ));
            lines.push(format!(
                "  p = {p}: one guess at {code}. p₃₄ = {}: one at what it grows to after {} failures; \
                 after {LONG_FROM} it has 64 bits.",
                Short(deployment.medium()),
                self.for_strangers().min(MEDIUM_FROM),
            ));
        } else {
            lines.push(format!(
                "  p = {p}: one guess at {code}. That has 34 bits or more, so there is no L: it stays as it is for {LONG_FROM} \
                 comparisons within 24 h; after those it has 64 bits."
            ));
        }
        lines
    }

    /// What stands in the formula where L is too small for a single challenge.
    fn in_the_place_of_l(&self) -> String {
        let assumed = self.assumed_comparisons();
        if self.comparisons < assumed {
            format!(
                "; the probability is that with {assumed} in the place of L = {}, which max_attempts asks for",
                self.comparisons
            )
        } else {
            String::new()
        }
    }

    fn external(&self) -> Option<String> {
        let digits = self.deployment.external_digits?;
        Some(format!(
            "  External checks ({digits} digits, which can't grow) have an L of their own: {}. They come on top, and what the \
             provider compares elsewhere isn't counted here. Of these {} are kept for known devices.",
            self.external_comparisons,
            kept_for_known(self.external_comparisons),
        ))
    }

    /// The throttle and the ceilings, as they are over the fleet.
    fn messages(&self) -> Vec<String> {
        let Deployment { ceilings, .. } = &self.deployment;
        let keeping = self.deployment.keeping();
        let totals = ceilings.totals(keeping);
        let shown = |total: Option<Total>| {
            total.map_or_else(
                || String::from("no limit"),
                |total| match keeping {
                    Keeping::Alone(nodes) if nodes > 1 => format!("{nodes} × {} = {}", total.configured, total.fleet),
                    _ => format!("{}", total.fleet),
                },
            )
        };
        let lifted =
            |total: Option<Total>| total.map_or_else(String::new, |total| format!(" ({} with solved puzzles)", total.lifted()));
        let who = match keeping {
            Keeping::Together => "counted by the fleet".into(),
            Keeping::Alone(1) => "counted by this node".into(),
            Keeping::Alone(nodes) => format!("of {nodes} nodes that count alone"),
            Keeping::Shares(nodes) => format!("of {nodes} nodes, each with its share of what isn't one recipient's"),
        };
        let throttle = match (ceilings.throttle_seconds, keeping) {
            (0, _) => "no limit".into(),
            (seconds, Keeping::Alone(nodes)) if nodes > 1 => format!("{nodes} × 1 in {seconds} s"),
            (seconds, _) => format!("1 in {seconds} s"),
        };
        Vec::from([
            format!("  Messages, {who}: to one recipient from one client network {throttle};"),
            format!(
                "  in an hour to one recipient by strangers {}{}, for one client network {}{};",
                shown(totals.recipient),
                lifted(totals.recipient),
                shown(totals.network),
                lifted(totals.network),
            ),
            format!(
                "  in an hour SMS {}, to one prefix {}; e-mails {}. A first hour may hold up to twice as many, and one network has at \
                 most a tenth of these.",
                shown(totals.sms),
                shown(totals.sms_prefix),
                shown(totals.email)
            ),
        ])
    }

    fn messages_json(&self) -> Value {
        let keeping = self.deployment.keeping();
        let totals = self.deployment.ceilings.totals(keeping);
        let hard = |total: Option<Total>| total.map(|total| json!({"configured": total.configured, "fleet": total.fleet}));
        let soft = |total: Option<Total>| {
            total.map(|total| json!({"configured": total.configured, "fleet": total.fleet, "with_puzzles": total.lifted()}))
        };
        json!({
            "nodes_that_count_alone": if let Keeping::Alone(nodes) = keeping { nodes } else { 1 },
            "throttle_seconds": self.deployment.ceilings.throttle_seconds,
            "recipient_per_hour": soft(totals.recipient),
            "network_per_hour": soft(totals.network),
            "sms_per_hour": hard(totals.sms),
            "sms_prefix_per_hour": hard(totals.sms_prefix),
            "email_per_hour": hard(totals.email),
        })
    }
}

impl Deployment {
    /// Why an attacker finds as many empty counts as [`Deployment::restarts`] says.
    const fn why_restarts(&self) -> &'static str {
        match (self.keeper, self.homes > 0) {
            (Keeper::Memory | Keeper::SharedNothing, false) => "guard.restarts_per_day; each begins with an empty count.",
            (Keeper::Memory | Keeper::SharedNothing, true) => {
                "2 × guard.restarts_per_day; a home that restarts begins with an empty count, and while it is away so does \
                 the next node, which stands in for it."
            }
            (Keeper::Journal, true) => {
                "guard.restarts_per_day; a journal forgets nothing, but while a home is away the next node begins a count of \
                 its own."
            }
            (Keeper::Journal, false) => "a journal forgets nothing.",
            (Keeper::Redis, _) => "Redis keeps the counts. Each time that it loses them, the day gets another L.",
        }
    }
}

/// A number in few digits that any program reads back.
pub(super) struct Short(pub(super) f64);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(number) = *self;
        if number == 0.0 || (0.01..100_000.0).contains(&number) {
            let rounded = format!("{number:.2}");
            return f.write_str(rounded.trim_end_matches('0').trim_end_matches('.'));
        }
        let text = format!("{number:.3e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        write!(f, "{}e{exponent}", mantissa.trim_end_matches('0').trim_end_matches('.'))
    }
}

/// A number of which so many digits are shown, never less than it is.
fn rounded_up(number: f64, digits: usize) -> String {
    let text = format!("{number:.*e}", digits - 1);
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let is_less = text.parse::<f64>().is_ok_and(|shown| shown < number);
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let (Ok(mantissa), Ok(exponent)) = (digits.parse::<u64>(), exponent.parse::<i32>()) else { return text };
    let places = i32::try_from(digits.len()).unwrap_or(1) - 1;
    let shown = format!("{}e{}", mantissa + u64::from(is_less), exponent - places);
    match shown.parse::<f64>() {
        Ok(number) if number == 0.0 || number >= 1e-3 => format!("{number}"),
        Ok(number) => format!("{number:e}"),
        Err(_) => shown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        challenge::{Alphabet, CodeFormat},
        guard::Ceilings,
    };

    fn code(characters: &str, length: u8) -> CodeFormat {
        CodeFormat::new(Alphabet::new(characters).unwrap(), length).unwrap()
    }

    /// The configuration's defaults.
    fn default() -> Deployment {
        Deployment {
            keeper: Keeper::Memory,
            replicas: 1,
            homes: 0,
            restarts_per_day: 1,
            channels: 1,
            code: code("0123456789", 6),
            max_attempts: 5,
            ceilings: Ceilings { throttle_seconds: 60, recipient: 10, network: 0, email: 0, sms: 4_000, sms_prefix: 1_400 },
            external_digits: None,
            target: 1e-4,
        }
    }

    fn digits(length: u8) -> Deployment {
        Deployment { code: code("0123456789", length), ..default() }
    }

    /// All kinds of deployments.
    fn deployments() -> Vec<Deployment> {
        let keepers = [Keeper::Memory, Keeper::Journal, Keeper::Redis, Keeper::SharedNothing];
        let lengths = [1, 4, 6, 10, 11, 12, 19, 20];
        let of_keeper = |keeper| {
            lengths.into_iter().flat_map(move |length| {
                [(1, 0), (50, 0), (3, 3)].map(|(replicas, homes)| Deployment {
                    keeper,
                    replicas,
                    homes,
                    channels: 2,
                    ..digits(length)
                })
            })
        };
        let open = Deployment { target: 1.0, code: code("x", 1), ..default() };
        keepers.into_iter().flat_map(of_keeper).chain([default(), open]).collect()
    }

    #[test]
    fn the_first_line_is_the_probability_alone() {
        for deployment in deployments() {
            let bound = deployment.bound();
            let text = bound.explain();
            let first: f64 = text.lines().next().unwrap().parse().unwrap();
            assert!((first / bound.probability - 1.0).abs() < 1e-3 && first >= bound.probability);
            assert!((5..=10).contains(&text.lines().count()), "{text}");
            assert_eq!(bound.to_json()["probability"], bound.probability);
            assert_eq!(bound.to_json()["comparisons"], bound.comparisons);
        }
        assert_eq!(default().bound().explain().lines().next(), Some("9.802e-5"));
    }

    #[test]
    fn the_figures_for_programs_give_the_probability() {
        for deployment in deployments() {
            let json = deployment.bound().to_json();
            let of = |name: &str| json[name].as_f64().unwrap();
            let each = of("assumed_comparisons") * of("short_code_probability") + 200.0 * of("medium_code_probability");
            let computed = of("channels") * of("nodes") * (1.0 + of("restarts")) * each + of("long_codes_tail");
            assert!((computed.min(1.0) / of("probability") - 1.0).abs() < 1e-9, "{json:#}");
        }
    }

    /// The value that stands behind `name` in the text.
    fn figure(text: &str, name: &str) -> f64 {
        let after = text.split_once(&format!("{name} = ")).unwrap_or_else(|| panic!("no {name} in {text}")).1;
        after.split([' ', ':', ';']).next().unwrap().trim_end_matches('.').parse().unwrap()
    }

    #[test]
    fn the_printed_figures_give_the_first_line() {
        for deployment in deployments() {
            let bound = deployment.bound();
            let text = bound.explain();
            let formula = text.lines().find(|line| line.starts_with("  = ")).unwrap();
            let each = match bound.deployment.code.strength() {
                Strength::Short => {
                    let comparisons = match text.split_once("the probability is that with ") {
                        Some((_, after)) => after.split(' ').next().unwrap().parse().unwrap(),
                        None => figure(&text, "  L"),
                    };
                    comparisons * figure(&text, "  p") + 200.0 * figure(&text, "p₃₄")
                }
                Strength::Medium => 200.0 * figure(&text, "  p"),
                Strength::Long => 0.0,
            };
            let factors: Vec<f64> = formula.split([' ', '(']).filter_map(|word| word.parse().ok()).collect();
            let times =
                if let [channels, nodes, one, restarts] = factors[..] { channels * nodes * (one + restarts) } else { 0.0 };
            let printed: f64 = text.lines().next().unwrap().parse().unwrap();
            assert!(((times * each + TAIL).min(1.0) / printed - 1.0).abs() < 2e-3, "{text}");
        }
    }

    #[test]
    fn codes_of_34_bits_have_no_l() {
        for (length, is_short) in [(10, true), (11, false), (20, false)] {
            let text = digits(length).bound().explain();
            assert_eq!(text.contains("L·p"), is_short, "{text}");
            assert_eq!(text.contains("  L = "), is_short, "{text}");
            assert_eq!(text.contains("grows to after"), is_short, "{text}");
        }
        assert!(digits(11).bound().explain().contains("p = 1e-11: one guess at a code of 11 characters out of 10."));
        assert!(digits(6).bound().explain().contains("it grows to after 10 failures"));
        let small = Deployment { keeper: Keeper::SharedNothing, replicas: 8, ..default() }.bound();
        assert!(small.explain().contains("after 5 failures"), "{}", small.explain());
    }

    #[test]
    fn a_refused_deployment_says_one_l() {
        let bound = Deployment { replicas: 50, ..default() }.bound();
        let text = bound.explain();
        assert_eq!((bound.comparisons, bound.assumed_comparisons()), (0, 6));
        for part in
            ["allows only 0 comparisons", "  L = 0: ", "with 6 in the place of L = 0, which max_attempts asks for", "TOO LIKELY"]
        {
            assert!(text.contains(part), "{part} is missing: {text}");
        }
        assert!(!text.contains("L = 6"), "{text}");
        assert!(text.contains("guard.max_takeover_probability = 1e-4 allows"), "{text}");
    }

    #[test]
    fn the_restarts_are_explained() {
        let text = |keeper, homes| Deployment { keeper, homes, replicas: homes.max(1), ..default() }.bound().explain();
        assert!(text(Keeper::Memory, 3).contains("  2 restart(s): 2 × guard.restarts_per_day; a home that restarts"));
        assert!(text(Keeper::Memory, 0).contains("  1 restart(s): guard.restarts_per_day; each"));
        assert!(text(Keeper::Journal, 3).contains("  1 restart(s): guard.restarts_per_day; a journal forgets nothing, but"));
        assert!(text(Keeper::Journal, 0).contains("  0 restart(s): a journal forgets nothing."));
        assert!(text(Keeper::Redis, 0).contains("  0 restart(s): Redis keeps the counts."));
    }

    #[test]
    fn what_the_fleet_lets_go_is_said() {
        let ceilings = Ceilings { network: 7, ..default().ceilings };
        let of =
            |keeper, replicas, homes| Deployment { keeper, replicas, homes, ceilings: ceilings.clone(), ..default() }.bound();
        let alone = of(Keeper::Memory, 3, 0);
        for part in [
            "Messages, of 3 nodes that count alone: to one recipient from one client network 3 × 1 in 60 s",
            "by strangers 3 × 10 = 30 (150 with solved puzzles)",
            "for one client network 3 × 7 = 21 (105 with",
            "SMS 3 × 4000 = 12000, to one prefix 3 × 1400 = 4200; e-mails no limit.",
        ] {
            assert!(alone.explain().contains(part), "{part} is missing: {}", alone.explain());
        }
        assert_eq!(alone.to_json()["messages"]["sms_per_hour"], json!({"configured": 4000, "fleet": 12_000}));
        assert_eq!(alone.to_json()["messages"]["email_per_hour"], Value::Null);
        let homes = of(Keeper::Memory, 3, 3);
        assert!(homes.explain().contains("by strangers 10 (50 with solved puzzles), for one client network 9 (45 with"));
        assert!(homes.explain().contains("SMS 4000, to one prefix 1400; e-mails no limit."));
        assert_eq!(homes.to_json()["messages"]["network_per_hour"], json!({"configured": 7, "fleet": 9, "with_puzzles": 45}));
        let redis = of(Keeper::Redis, 3, 0);
        assert!(redis.explain().contains("Messages, counted by the fleet: to one recipient from one client network 1 in 60 s"));
        assert_eq!(redis.to_json()["messages"]["recipient_per_hour"]["fleet"], 10);
    }

    #[test]
    fn no_bound_is_said_aloud() {
        let open = Deployment { target: 1.0, code: code("x", 6), ..default() }.bound();
        assert!(open.explain().contains("NO BOUND IS WANTED"));
    }

    #[test]
    fn what_is_printed_is_above_the_target_where_the_exit_says_so() {
        for target in [1e-4_f64, 9.8e-5, 1.0001e-4, 3e-6, 0.2, 1e-10] {
            for factor in [0.5_f64, 0.999_999_9, 1.0, 1.000_000_1, 1.01, 300.0] {
                let bound = Bound { probability: (target * factor).min(1.0), ..Deployment { target, ..default() }.bound() };
                let shown: f64 = bound.shown_probability().parse().unwrap();
                assert_eq!(shown > target, bound.probability > target, "{shown} for {} and {target}", bound.probability);
                assert!(shown >= bound.probability && shown <= bound.probability * 1.001);
            }
        }
        let shown = |number| rounded_up(number, 4);
        assert_eq!(
            [0.0, 1.0, 0.123_41, 9.800_9e-5, 9.999_91e-5, 1e-4, 0.5].map(shown),
            ["0", "1", "0.1235", "9.801e-5", "1e-4", "1e-4", "0.5"]
        );
    }

    #[test]
    fn numbers_are_short_and_readable() {
        let shown = |number| format!("{}", Short(number));
        assert_eq!(
            [0.0, 1.0, 98.008, 0.5, 1e-4, 1.23456e-7, 2e6].map(shown),
            ["0", "1", "98.01", "0.5", "1e-4", "1.235e-7", "2e6"]
        );
    }
}
