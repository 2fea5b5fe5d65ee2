//! Tests with real parts from outside: a mail server, a browser, other people's libraries.
//!
//! Each test names the parts that it needs; where one is missing the test is ignored and its kind says why. With
//! `COUNTERSIGN_TEST_REQUIRE_PARTS=1`, as in CI, it fails instead. How to get the parts: docs/testing.md.

mod directory;
#[cfg(target_os = "linux")]
mod flood;
#[path = "../harness/mod.rs"]
mod harness;
#[cfg(target_os = "linux")]
#[path = "../hostile/mod.rs"]
mod hostile;
mod mail_server;
mod pages;
mod parts;
mod puzzle;
mod stand_in;
mod tokens;

use std::process::ExitCode;

use libtest_mimic::Arguments;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let trials = [
        mail_server::trials(),
        directory::trials(),
        tokens::trials(),
        pages::trials(),
        puzzle::trials(),
        #[cfg(target_os = "linux")]
        flood::trials(),
    ];
    let trials = trials.into_iter().flatten().collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}
