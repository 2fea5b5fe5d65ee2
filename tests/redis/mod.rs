//! The guard in Redis, against real servers that the tests start on loopback and stop again.

mod attempts;
mod chaos;
mod clocks;
mod cluster;
mod cost;
mod ended;
mod oracle;
mod outages;
mod requests;
mod restarts;
mod sentinels;
mod served;
mod server;
mod world;

use libtest_mimic::{Failed, Trial};

pub(crate) fn trials() -> impl Iterator<Item = Trial> {
    let groups = [
        attempts::TESTS,
        chaos::TESTS,
        clocks::TESTS,
        cluster::TESTS,
        cost::TESTS,
        ended::TESTS,
        oracle::TESTS,
        outages::TESTS,
        requests::TESTS,
        restarts::TESTS,
        sentinels::TESTS,
        served::TESTS,
    ];
    groups.into_iter().flatten().map(Test::trial)
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
        let (name, run) = (format!("redis::{}", self.name), self.run);
        let Some(reason) = server::missing().or_else(self.missing) else {
            return Trial::test(name, move || {
                run();
                Ok(())
            });
        };
        let required = std::env::var_os("COUNTERSIGN_TEST_REQUIRE_PARTS").is_some();
        Trial::test(name, move || Err(Failed::from(reason))).with_kind(reason).with_ignored_flag(!required)
    }
}
