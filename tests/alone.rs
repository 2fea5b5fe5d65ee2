//! Tests that need a process of their own, since they read its size.

use std::process::Command;

/// Runs `measure` in a new process of this binary, where nothing else runs; `test` is the path of the test that calls this.
#[allow(clippy::disallowed_methods, reason = "how the new process knows that it is the one")]
pub(crate) fn alone(test: &str, measure: fn()) {
    if std::env::var_os("COUNTERSIGN_TEST_ALONE").is_some() {
        return measure();
    }
    let mut command = Command::new(std::env::current_exe().expect("it was started from a file"));
    command.args(["--exact", test, "--include-ignored", "--nocapture"]).env("COUNTERSIGN_TEST_ALONE", "1");
    let output = command.output().expect("it starts");
    let printed = String::from_utf8_lossy(&output.stdout);
    let has_run = printed.contains("1 passed");
    assert!(output.status.success() && has_run, "{printed}{}", String::from_utf8_lossy(&output.stderr));
    println!("{printed}");
}
