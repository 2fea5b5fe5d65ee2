//! What is counted about verify providers, as Prometheus reads it.

use metrics::{counter, describe_counter};

use super::{Checked, NotStarted, Unreachable};

const STARTS: &str = "countersign_external_starts_total";
const CHECKS: &str = "countersign_external_checks_total";

/// Makes every series known before anything happens.
pub(super) fn describe() {
    describe_counter!(STARTS, "Checks that a verify provider was asked to start, by what came of it.");
    describe_counter!(CHECKS, "Codes that a verify provider was asked about, by what it said.");
    for outcome in ["started", "refused", "exhausted", "unreachable", "unanswered", "no_room"] {
        counter!(STARTS, "outcome" => outcome).increment(0);
    }
    for outcome in ["accepted", "rejected", "expired", "exhausted", "unreachable"] {
        counter!(CHECKS, "outcome" => outcome).increment(0);
    }
}

pub(super) fn started(result: Result<(), NotStarted>) {
    let outcome = match result {
        Ok(()) => "started",
        Err(NotStarted::Refused) => "refused",
        Err(NotStarted::Exhausted) => "exhausted",
        Err(NotStarted::Unreachable) => "unreachable",
        Err(NotStarted::Unanswered) => "unanswered",
        Err(NotStarted::NoRoom(_)) => "no_room",
    };
    counter!(STARTS, "outcome" => outcome).increment(1);
}

pub(super) fn checked(result: Result<Checked, Unreachable>) {
    let outcome = match result {
        Ok(Checked::Accepted) => "accepted",
        Ok(Checked::Rejected) => "rejected",
        Ok(Checked::Expired) => "expired",
        Ok(Checked::Exhausted) => "exhausted",
        Err(Unreachable) => "unreachable",
    };
    counter!(CHECKS, "outcome" => outcome).increment(1);
}
