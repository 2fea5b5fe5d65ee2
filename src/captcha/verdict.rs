//! What a provider's answer says.

use std::borrow::Cow;

use serde::Deserialize;

/// What it has to say beside "success".
#[derive(Debug, Default)]
pub(super) struct Expected {
    pub(super) hostnames: Vec<String>,
    pub(super) action: String,
    pub(super) min_score: f64,
}

/// What came of asking.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Somebody solved it, on a page of ours, for what it is for.
    Solved,
    /// Nobody did, or elsewhere; or it was used before.
    NotSolved,
    /// The provider couldn't say: that is no person's fault. None of its own words are in the reason.
    Unanswered(String),
}

/// An answer. What else there is in it is passed over.
#[derive(Deserialize)]
struct Answer<'a> {
    success: bool,
    #[serde(borrow, default)]
    hostname: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    action: Option<Cow<'a, str>>,
    #[serde(default)]
    score: Option<f64>,
    #[serde(borrow, default, rename = "error-codes")]
    error_codes: Option<Vec<Cow<'a, str>>>,
}

/// Codes that tell of our configuration, or of the provider's own troubles.
const FAULTS: [&str; 4] = ["missing-input-secret", "invalid-input-secret", "sitekey-secret-mismatch", "internal-error"];

impl Expected {
    /// Reads an answer of this status.
    pub(super) fn judge(&self, status: u16, body: &[u8]) -> Verdict {
        // Some answer 400 where nothing was solved.
        let Ok(answer) = serde_json::from_slice::<Answer<'_>>(body) else {
            return Verdict::Unanswered(format!("it answered {status}, and not as siteverify does"));
        };
        let codes = answer.error_codes.as_deref().unwrap_or_default();
        if let Some(fault) = FAULTS.iter().find(|fault| codes.iter().any(|code| code == *fault)) {
            let hint = if *fault == "internal-error" { "" } else { "; look at captcha.secret" };
            return Verdict::Unanswered(format!("it answered {fault}{hint}"));
        }
        match (answer.success, status) {
            (true, 200) if self.fits(&answer) => Verdict::Solved,
            (true, 200) | (false, 200..=499) => Verdict::NotSolved,
            _ => Verdict::Unanswered(format!("it answered {status}")),
        }
    }

    fn fits(&self, answer: &Answer<'_>) -> bool {
        let is_of = |host: &str| self.hostnames.iter().any(|ours| ours.eq_ignore_ascii_case(host));
        let is_ours = self.hostnames.is_empty() || answer.hostname.as_deref().is_some_and(is_of);
        let is_for_this = self.action.is_empty() || answer.action.as_deref() == Some(&self.action);
        // A score that isn't there, or no number, is below every limit.
        let is_good = self.min_score <= 0.0 || answer.score.is_some_and(|score| score >= self.min_score);
        is_ours && is_for_this && is_good
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn judge(expected: &Expected, body: &str) -> Verdict {
        expected.judge(200, body.as_bytes())
    }

    #[test]
    fn answers_of_the_three_providers() {
        let any = Expected::default();
        for solved in [
            r#"{"success":true,"challenge_ts":"2026-01-02T03:04:05Z","hostname":"example.com"}"#,
            r#"{"success": true, "challenge_ts": "2026-01-02T03:04:05Z", "hostname": "example.com", "score": 0.9, "action": "login"}"#,
            r#"{"success":true,"challenge_ts":"2026-01-02T03:04:05.123000Z","hostname":"example.com","credit":false}"#,
            r#"{"success":true,"error-codes":[],"challenge_ts":"2026-01-02T03:04:05.123Z","hostname":"example.com","action":"","cdata":"","metadata":{"interactive":false}}"#,
            r#"{"success":true,"error-codes":null,"hostname":null}"#,
        ] {
            assert_eq!(judge(&any, solved), Verdict::Solved, "{solved}");
        }
        for not in [
            r#"{"success":false,"error-codes":["invalid-input-response"]}"#,
            r#"{"success":false,"error-codes":["timeout-or-duplicate"],"messages":[]}"#,
            r#"{"success":false,"error-codes":["expired-input-response","already-seen-response"]}"#,
            r#"{"success":false}"#,
        ] {
            assert_eq!(judge(&any, not), Verdict::NotSolved, "{not}");
            assert_eq!(any.judge(400, not.as_bytes()), Verdict::NotSolved, "{not}");
        }
    }

    #[test]
    fn what_is_no_answer_solves_nothing_and_is_nobodys_fault() {
        let any = Expected::default();
        for (status, body) in [
            (200, ""),
            (200, "<html>"),
            (200, "{}"),
            (200, "[]"),
            (200, r#"{"success":"true"}"#),
            (200, r#"{"success":1}"#),
            (200, r#"{"success":false,"error-codes":["invalid-input-secret"]}"#),
            (200, r#"{"success":false,"error-codes":["missing-input-secret"]}"#),
            (200, r#"{"success":true,"error-codes":["internal-error"]}"#),
            (500, r#"{"success":false}"#),
            (500, r#"{"success":true}"#),
            (302, r#"{"success":true}"#),
            (201, r#"{"success":true}"#),
        ] {
            let verdict = any.judge(status, body.as_bytes());
            assert!(matches!(verdict, Verdict::Unanswered(_)), "{status} {body}: {verdict:?}");
        }
    }

    #[test]
    fn host_action_and_score_have_to_be_right_where_they_are_asked_for() {
        let hosts = Expected { hostnames: vec!["example.com".into(), "www.example.com".into()], ..Expected::default() };
        let action = Expected { action: "login".into(), ..Expected::default() };
        let score = Expected { min_score: 0.5, ..Expected::default() };
        for (expected, body, is_right) in [
            (&hosts, r#"{"success":true,"hostname":"EXAMPLE.com"}"#, true),
            (&hosts, r#"{"success":true,"hostname":"www.example.com"}"#, true),
            (&hosts, r#"{"success":true,"hostname":"evil.example.com"}"#, false),
            (&hosts, r#"{"success":true,"hostname":"example.com.evil.test"}"#, false),
            (&hosts, r#"{"success":true}"#, false),
            (&action, r#"{"success":true,"action":"login"}"#, true),
            (&action, r#"{"success":true,"action":"Login"}"#, false),
            (&action, r#"{"success":true}"#, false),
            (&score, r#"{"success":true,"score":0.5}"#, true),
            (&score, r#"{"success":true,"score":1}"#, true),
            (&score, r#"{"success":true,"score":0.49}"#, false),
            (&score, r#"{"success":true,"score":null}"#, false),
            (&score, r#"{"success":true}"#, false),
        ] {
            let verdict = if is_right { Verdict::Solved } else { Verdict::NotSolved };
            assert_eq!(judge(expected, body), verdict, "{expected:?} {body}");
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_is_no_solution_unless_it_says_so(body in proptest::collection::vec(any::<u8>(), 0..200), status in 100..600_u16) {
            prop_assert_ne!(Expected::default().judge(status, &body), Verdict::Solved);
        }

        #[test]
        fn the_providers_words_are_in_no_reason(code in "[a-z-]{1,30}", status in 100..600_u16) {
            let body = format!("{{\"success\":false,\"error-codes\":[\"x{code}\"]}}");
            if let Verdict::Unanswered(reason) = Expected::default().judge(status, body.as_bytes()) {
                let words = format!("x{code}");
                prop_assert!(!reason.contains(&words), "{}", reason);
            }
        }
    }
}
