//! The receivers of docs/events.md, as they stand there, which check every event with other people's libraries.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use libtest_mimic::Trial;
use serde_json::json;

use super::parts::{Part, node, python, trial};
use crate::harness::{Connection, Server, free_port, wait_for};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("events::the_receiver_in_python", &[Part::Python], || {
            receives("python", |example| {
                let mut python = python();
                python.args(["-c", example]);
                python
            });
        }),
        trial("events::the_receiver_in_node", &[Part::Node], || {
            receives("js", |example| {
                let mut node = node();
                node.args(["-e", example]);
                node
            });
        }),
    ]
}

/// The example in this language.
fn example(language: &str) -> String {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/events.md")).unwrap();
    let (_, rest) = page.split_once(&format!("```{language}\n")).expect("there is an example");
    rest.split_once("```").unwrap().0.to_owned()
}

/// Ends with its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Somebody logs in; the receiver prints every event, and refuses what is signed otherwise.
fn receives(language: &str, command: impl FnOnce(&str) -> Command) {
    let port = free_port();
    let mut command = command(&example(language));
    command.env("EVENTS_SECRET", SECRET).env("PORT", port.to_string()).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut receiver = Running(command.spawn().expect("it starts"));
    let address = format!("127.0.0.1:{port}");
    wait_for(|| Connection::try_to(&address).ok());

    let url = format!("http://{address}/");
    let server = Server::start(&[("events.url", &url), ("events.secret", SECRET)]);
    let (envelope, code) = server.challenge("ann@example.com");
    let body = json!({"email": "ann@example.com", "token": code, "challenge": envelope});
    assert_eq!(server.post_with("exchange/email/", &[("user-agent", "Zoë/1 \"日本\"")], &body).status, 200);
    let printed = BufReader::new(receiver.0.stdout.take().expect("a pipe")).lines();
    let mut printed: Vec<_> = printed.take(3).map(Result::unwrap).collect();
    printed.sort();
    let expected = ["challenge.requested", "delivery.succeeded", "login.succeeded"].map(|kind| format!("{kind} ann@example.com"));
    assert_eq!(printed, expected);
    let sent = || String::from_utf8(server.get_admin("/metrics").body).unwrap();
    wait_for(|| sent().contains("countersign_events_total{sink=\"webhook\",outcome=\"sent\"} 3").then_some(()));

    let headers = [("webhook-id", "evt_1"), ("webhook-timestamp", "1800000000"), ("webhook-signature", "v1,AAAA")];
    let forged =
        Connection::to(&address).request("POST", "/", &headers, b"{\"type\":\"login.succeeded\",\"data\":{\"id\":\"evt_1\"}}");
    assert_eq!(forged.status, 401);
}
