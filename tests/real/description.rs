//! schemathesis holds the interface against its own description, `/openapi.json`: whatever fits the description is answered as
//! described, whatever doesn't is refused.

use std::hash::{BuildHasher, Hasher, RandomState};

use libtest_mimic::Trial;

use super::{
    parts::{Part, folder, output, python, trial},
    stand_in::StandIn,
};
use crate::harness::{self, Server};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("description::the_interface_is_as_it_describes_itself", &[Part::Python], || check("1", "coverage,fuzzing")),
        trial("description::the_interface_is_as_it_describes_itself_for_examples_at_random", &[Part::Python], || {
            let given = std::env::var_os("COUNTERSIGN_TEST_SEED").map(|seed| seed.to_string_lossy().into_owned());
            let seed = given.unwrap_or_else(|| (RandomState::new().build_hasher().finish() >> 32).to_string());
            check(&seed, "fuzzing");
        }),
    ]
}

/// What it prints on a failure names the seed, and a command for each case.
fn check(seed: &str, phases: &str) {
    let server_folder = tempfile::tempdir().expect("a folder for the server");
    let provider = StandIn::start("verify_provider.py", []);
    let base = format!("http://127.0.0.1:{}", provider.port());
    let settings = [
        ("external_2fa.provider", "telnyx"),
        ("external_2fa.api_base", &*base),
        ("external_2fa.api_key", "KEY"),
        ("external_2fa.verify_profile_id", "p"),
        ("external_2fa.webhook_public_key", "6kpsY+KcUgq+9VB7Ey7F+ZVHdq6+vnuSQh7qaRRG0iw="),
        ("email.transport", "discard"),
        ("sms.transport", "discard"),
        ("passwordless.allowed_passwordless_methods", "EMAIL,MOBILE"),
        ("session.enabled", "true"),
    ];
    let mut command = harness::command(server_folder.path(), &settings);
    command.env("RUST_LOG", "info");
    let server = Server::run(server_folder, command);
    let url = format!("http://{}", server.address);
    let mut schemathesis = python();
    schemathesis
        .args(["-m", "schemathesis.cli", "--config-file"])
        .arg(folder().join("schemathesis.toml"))
        .args(["run", &format!("{url}/openapi.json"), "--url", &url, "--seed", seed, "--phases", phases])
        .args(["--max-examples", "25", "--workers", "1", "--no-color"])
        .env("SCHEMATHESIS_HOOKS", "schemathesis_hooks")
        .env("PYTHONPATH", folder())
        .current_dir(server.folder());
    let printed = output(&mut schemathesis);
    assert!(printed.contains("Tested: 35"), "every operation but the description itself was tried:\n{printed}");
}
