//! A victim logs in during a hundred thousand hostile requests: by the login page in Chromium, and as a client that solves
//! puzzles with ALTCHA's own library. `COUNTERSIGN_FLOOD` makes it another number.

use libtest_mimic::Trial;
use serde_json::json;

use super::{
    pages,
    parts::{Part, folder, node, trial},
};
use crate::hostile::{self, VICTIM};

#[allow(clippy::disallowed_methods, reason = "how many is whoever runs the test's to say")]
pub(crate) fn trials() -> Vec<Trial> {
    let requests = || std::env::var("COUNTERSIGN_FLOOD").map_or(100_000, |number| number.parse().expect("a number"));
    vec![
        trial("flood::the_victim_gets_in_by_the_login_page", &[Part::Node, Part::Chromium], move || {
            hostile::endure(requests(), |server| pages::play("logs_in_under_attack", server, &json!({})));
        }),
        trial("flood::the_victim_gets_in_with_altchas_library", &[Part::Node], move || {
            let library = |puzzle: &_| pages::run(node().arg(folder().join("solve_puzzle.mjs")), puzzle).trim().to_owned();
            hostile::endure(requests(), |server| {
                let (answer, before) = hostile::ask_with_puzzle(server, VICTIM, library);
                hostile::log_in_with(server, VICTIM, &answer, before);
            });
        }),
    ]
}
