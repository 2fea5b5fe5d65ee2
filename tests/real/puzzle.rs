//! Puzzles solved by ALTCHA's own libraries, as their clients do it.

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use countersign::{browser::puzzle::Puzzles, keyring::Keyring, recipient::Recipient, time::UnixTime};
use libtest_mimic::Trial;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

use super::parts::{Part, folder, node, python, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("puzzle::is_solved_by_the_library_of_npm", &[Part::Node], || {
            is_solved_by(node().arg(folder().join("solve_puzzle.mjs")));
        }),
        trial("puzzle::is_solved_by_the_library_of_pypi", &[Part::Python], || {
            is_solved_by(python().arg(folder().join("solve_puzzle.py")));
        }),
    ]
}

/// Gives `solver` a puzzle on standard input and takes its payload from standard output. The solvers beside this file:
/// `node solve_puzzle.mjs` where npm's `altcha-lib` is, `python solve_puzzle.py` with PyPI's `altcha`.
fn is_solved_by(solver: &mut Command) {
    let puzzles = Puzzles::new(&Keyring::new([vec![1; 32]]).unwrap());
    let ann = Recipient::parse_email("ann@example.com").unwrap();
    // Libraries refuse what has ended by their own clock, so the end is far away here.
    let now = UnixTime::from_seconds(4_000_000_000);
    for (seed, max_number) in [(1, 0), (2, 1), (3, 1000), (4, 20_000)] {
        let puzzle = puzzles.offer(&ann, max_number, now, &mut ChaCha8Rng::seed_from_u64(seed));
        let mut running = solver.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        running.stdin.take().unwrap().write_all(&serde_json::to_vec(&puzzle).unwrap()).unwrap();
        let output = running.wait_with_output().unwrap();
        assert!(output.status.success());
        let payload = String::from_utf8(output.stdout).unwrap();
        assert!(puzzles.check(&payload, &ann, now).is_some(), "{payload}");
    }
}
