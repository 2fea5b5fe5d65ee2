//! Against real parts: Redis, a mail server, a browser, other people's libraries.
//!
//! A test whose part is missing is listed as ignored, and its kind says what it needs. With `COUNTERSIGN_TEST_REQUIRE_PARTS=1`,
//! as in CI, it fails instead. How to get the parts: docs/testing.md.

mod given;
mod harness;
#[cfg(target_os = "linux")]
mod hostile;
mod real;
#[cfg(feature = "redis")]
mod redis;

use std::process::ExitCode;

use libtest_mimic::Arguments;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // They wait for others more than they compute.
    arguments.test_threads.get_or_insert(4);
    let trials = real::trials();
    #[cfg(feature = "redis")]
    let trials = trials.chain(redis::trials());
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}
