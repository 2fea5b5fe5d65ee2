//! A victim logs in while a crowd of strangers does its worst.
//!
//! `COUNTERSIGN_FLOOD` says how many hostile requests there are at least: 10,000 unless it does. The same with the login page
//! in Chromium and with ALTCHA's own library stands in tests/real, with 100,000.

use crate::hostile::{self, VICTIM};

#[test]
#[allow(clippy::disallowed_methods, reason = "how many is whoever runs the test's to say")]
fn a_victim_who_solves_the_puzzle_gets_in_and_the_service_stays_open() {
    let requests = std::env::var("COUNTERSIGN_FLOOD").map_or(10_000, |number| number.parse().unwrap());
    hostile::endure(requests, |server| {
        let (answer, before) = hostile::ask_with_puzzle(server, VICTIM, hostile::solve);
        hostile::log_in_with(server, VICTIM, &answer, before);
    });
}
