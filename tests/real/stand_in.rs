//! A server in Python that stands in for one outside: it prints a line of JSON when it listens, and ends with its stdin.

use std::{
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, ChildStdout, Stdio},
};

use serde_json::Value;

use super::parts::{folder, python};

/// A running script of this folder.
pub(crate) struct StandIn {
    child: Child,
    printed: BufReader<ChildStdout>,
    /// What it said first.
    pub(crate) facts: Value,
}

impl StandIn {
    /// Starts it and waits until it listens.
    pub(crate) fn start(script: &str, arguments: impl IntoIterator<Item = PathBuf>) -> Self {
        let mut child = python()
            .arg(folder().join(script))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python starts");
        let printed = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut stand_in = Self { child, printed, facts: Value::Null };
        stand_in.facts = stand_in.next_line();
        stand_in
    }

    /// Where it listens.
    pub(crate) fn port(&self) -> u64 {
        self.facts["port"].as_u64().expect("a port")
    }

    /// The next thing that it says; waits for it.
    pub(crate) fn next_line(&mut self) -> Value {
        let mut line = String::new();
        self.printed.read_line(&mut line).expect("a line");
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("no JSON: {line}"))
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
