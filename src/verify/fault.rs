//! What providers answer instead of what was asked for, and the log's line about it.
//!
//! Of a provider's text nothing is kept: it may hold the number. A status is a number of ours to show, and so is a code that
//! is one.

use serde_json::Value;
use tracing::error;

use super::{NotStarted, Unreachable};
use crate::{
    outbound::client::{CallFailed, Reply},
    seldom::Seldom,
    time::Clock,
};

/// Lines a minute about answers that are none.
const LINES: u32 = 5;

/// Says in the log what a provider didn't answer.
pub(super) struct Faults {
    provider: &'static str,
    lines: Seldom,
    clock: Clock,
}

/// A provider's answer that is no success.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It can't be used now, or not by us.
    Unreachable,
    /// There is no such thing, or its code names expiry.
    Expired,
    /// It doesn't accept what was sent.
    Rejected,
}

impl Faults {
    pub(super) fn new(provider: &'static str, clock: Clock) -> Self {
        Self { provider, lines: Seldom::new(LINES), clock }
    }

    /// Notes that the answer to `action` makes no sense, for a reason in words of ours.
    pub(super) fn note(&self, action: &'static str, reason: &str) -> Unreachable {
        if let Some(left_out) = self.lines.due((self.clock)()) {
            error!(provider = self.provider, action, reason, left_out, "the verify provider gives no answer that makes sense");
        }
        Unreachable
    }

    /// Notes that a start got no answer at all, and says whether it may have been heard.
    pub(super) fn note_silence(&self, failed: &CallFailed) -> NotStarted {
        let Unreachable = self.note("start", &failed.to_string());
        if failed.found_nobody() { NotStarted::Unreachable } else { NotStarted::Unanswered }
    }

    /// Notes an answer of that status.
    pub(super) fn note_status(&self, action: &'static str, status: u16, code: Option<&str>) -> Unreachable {
        let code = code.filter(|code| code.len() <= 10 && code.bytes().all(|byte| byte.is_ascii_digit()));
        self.note(
            action,
            &code.map_or_else(|| format!("it answered {status}"), |code| format!("it answered {status} with code {code}")),
        )
    }
}

impl Refusal {
    /// What a status that isn't the one for success means, with the code that came with it.
    pub(super) fn of(status: u16, code: Option<&str>) -> Self {
        let names_expiry = || code.is_some_and(|code| code.to_ascii_lowercase().contains("expir"));
        match status {
            401 | 403 => Self::Unreachable,
            404 => Self::Expired,
            400..500 if names_expiry() => Self::Expired,
            400..500 => Self::Rejected,
            _ => Self::Unreachable,
        }
    }
}

/// The answer's JSON, if it is any.
pub(super) fn json(reply: &Reply) -> Option<Value> {
    serde_json::from_slice(&reply.body).ok()
}

/// A code, which some write as a number.
pub(super) fn code(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_told_apart() {
        for (status, code, refusal) in [
            (401, None, Refusal::Unreachable),
            (403, Some("expired"), Refusal::Unreachable),
            (404, None, Refusal::Expired),
            (400, None, Refusal::Rejected),
            (400, Some("10015"), Refusal::Rejected),
            (422, Some("verification_expired"), Refusal::Expired),
            (410, Some("Expiry"), Refusal::Expired),
            (499, None, Refusal::Rejected),
            (500, Some("expired"), Refusal::Unreachable),
            (503, None, Refusal::Unreachable),
            (302, None, Refusal::Unreachable),
            (204, None, Refusal::Unreachable),
        ] {
            assert_eq!(Refusal::of(status, code), refusal, "{status} {code:?}");
        }
    }
}
