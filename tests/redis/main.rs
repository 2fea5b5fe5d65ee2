//! The guard in Redis, against real servers that the tests start on loopback and stop again.
//!
//! Without a `redis-server` on the path every test is listed as ignored, with the reason. With
//! `COUNTERSIGN_TEST_REQUIRE_PARTS=1`, as in CI, they fail instead.

mod attempts;
mod chaos;
mod clocks;
mod cluster;
mod cost;
#[path = "../harness/mod.rs"]
mod harness;
mod oracle;
mod outages;
mod requests;
mod restarts;
mod served;
mod server;
mod world;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // They wait for servers more than they compute.
    arguments.test_threads.get_or_insert(4);
    let groups = [
        attempts::TESTS,
        chaos::TESTS,
        clocks::TESTS,
        cluster::TESTS,
        cost::TESTS,
        oracle::TESTS,
        outages::TESTS,
        requests::TESTS,
        restarts::TESTS,
        served::TESTS,
    ];
    let trials = groups.into_iter().flatten().map(Test::trial).collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// A test, and what it needs beside redis-server.
struct Test {
    name: &'static str,
    run: fn(),
    missing: fn() -> Option<&'static str>,
}

impl Test {
    const fn new(name: &'static str, run: fn()) -> Self {
        Self { name, run, missing: || None }
    }

    fn trial(&self) -> Trial {
        let run = self.run;
        let Some(reason) = server::missing().or_else(self.missing) else {
            return Trial::test(self.name, move || {
                run();
                Ok(())
            });
        };
        let required = std::env::var_os("COUNTERSIGN_TEST_REQUIRE_PARTS").is_some();
        Trial::test(self.name, move || Err(Failed::from(reason))).with_kind(reason).with_ignored_flag(!required)
    }
}
