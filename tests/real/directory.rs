//! A directory endpoint whose signatures standardwebhooks checks.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use libtest_mimic::Trial;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    parts::{Part, folder, output, python, trial},
    stand_in::StandIn,
};
use crate::harness::Server;

pub(crate) fn trials() -> Vec<Trial> {
    let python_packages = [Part::Python];
    vec![
        trial("directory::is_asked_with_a_signature_that_standardwebhooks_accepts", &python_packages, knows_a_user),
        trial("directory::registers_who_proves_an_address", &python_packages, registers),
        trial("directory::with_another_secret_lets_nobody_in", &python_packages, another_secret),
        trial("directory::standardwebhooks_agrees_with_the_frozen_vector", &python_packages, frozen_vector),
        trial("directory::the_example_in_python_is_one", &python_packages, || example("directory.py", python())),
        trial("directory::the_example_in_node_is_one", &[Part::Node], || example("directory.mjs", Command::new("node"))),
    ]
}

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// The endpoint with one user, Ann.
struct Endpoint {
    process: StandIn,
    _folder: TempDir,
}

impl Endpoint {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let users = folder.path().join("users.json");
        let ann = json!([{ "id": "42", "email": "ann@example.com", "is_active": true, "claims": { "team": "blue" } }]);
        fs::write(&users, ann.to_string()).expect("write the users");
        Self { process: StandIn::start("directory_server.py", [users, SECRET.into()]), _folder: folder }
    }

    fn countersign(&self, secret: &str, more: &[(&str, &str)]) -> Server {
        let url = format!("http://127.0.0.1:{}/", self.process.port());
        let own = [("directory.kind", "http"), ("directory.url", &*url), ("directory.secret", secret)];
        Server::start(&[&own, more].concat())
    }
}

fn log_in(server: &Server, email: &str) -> Value {
    let (challenge, code) = server.challenge(email);
    let login = json!({ "email": email, "token": code, "challenge": challenge });
    let answer = server.post("exchange/email/", &login);
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

fn claims(tokens: &Value) -> Value {
    use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
    let payload = tokens["access"].as_str().and_then(|token| token.split('.').nth(1)).expect("a JWT");
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(payload).expect("base64url")).expect("JSON")
}

fn knows_a_user() {
    let mut endpoint = Endpoint::start();
    let server = endpoint.countersign(SECRET, &[]);
    let claims = claims(&log_in(&server, "ann@example.com"));
    assert_eq!((&claims["sub"], &claims["team"]), (&json!("42"), &json!("blue")));
    let asked = json!({ "action": "lookup", "channel": "email", "field": "email", "value": "ann@example.com" });
    assert_eq!([endpoint.process.next_line(), endpoint.process.next_line()], [asked.clone(), asked]);
}

fn registers() {
    let mut endpoint = Endpoint::start();
    let server = endpoint.countersign(SECRET, &[("passwordless.register_nonexistent_users", "true")]);
    assert_eq!(claims(&log_in(&server, "bob@example.com"))["sub"], "2");
    let actions: Vec<_> = (0..3).map(|_| endpoint.process.next_line()["action"].clone()).collect();
    assert_eq!(actions, ["lookup", "lookup", "register"]);
}

fn another_secret() {
    let mut endpoint = Endpoint::start();
    let server = endpoint.countersign("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", &[]);
    let answer = server.post("request/email/", &json!({ "email": "ann@example.com" }));
    assert_eq!((answer.status, answer.code().as_str()), (503, "unavailable"), "{answer:?}");
    assert!(endpoint.process.next_line()["refused"].is_string());
    assert!(server.mails_to("ann@example.com").is_empty());
}

fn frozen_vector() {
    assert_eq!(output(python().arg(folder().join("webhook.py"))).trim(), "ok");
}

/// A server of `examples/`, which ends with the test.
struct Example(Child);

impl Drop for Example {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Knows a user, registers another one, and answers nobody else.
fn example(script: &str, mut interpreter: Command) {
    let path = format!("{}/examples/{script}", env!("CARGO_MANIFEST_DIR"));
    interpreter.arg(path).env("SECRET", SECRET).env("PORT", "0").stdout(Stdio::piped());
    let mut example = Example(interpreter.spawn().expect("it starts"));
    let mut said = String::new();
    BufReader::new(example.0.stdout.take().expect("a pipe")).read_line(&mut said).expect("a line");
    let url = said.trim().strip_prefix("listening on ").expect("where it listens").to_owned();
    let start = |secret: &str| {
        let own = [("directory.kind", "http"), ("directory.url", &*url), ("directory.secret", secret)];
        Server::start(&[&own[..], &[("passwordless.register_nonexistent_users", "true")]].concat())
    };
    let server = start(SECRET);
    assert_eq!(claims(&log_in(&server, "ann@example.com"))["sub"], "1");
    assert_eq!(claims(&log_in(&server, "bob@example.com"))["sub"], "2");
    let stranger = start("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
    let answer = stranger.post("request/email/", &json!({ "email": "ann@example.com" }));
    assert_eq!((answer.status, answer.code().as_str()), (503, "unavailable"), "{answer:?}");
}
