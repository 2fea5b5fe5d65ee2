//! A mail server that is killed under load, and comes back or doesn't: every message arrives, a second time only where the final
//! answer was lost, or is reported as failed.

use std::{collections::BTreeMap, fs, path::Path};

use libtest_mimic::Trial;
use serde_json::json;
use tempfile::TempDir;

use super::{
    parts::{Part, trial},
    stand_in::StandIn,
};
use crate::harness::{Server, free_port, wait_for};

/// Messages before the server is killed, and after that.
const BEFORE: usize = 60;
const AFTER: usize = 60;

/// Tries at once: so many answers can be lost.
const CONNECTIONS: usize = 16;

/// How long the server that is killed keeps a message before it says so, in seconds.
const ANSWERS_AFTER: &str = "0.5";

pub(crate) fn trials() -> Vec<Trial> {
    let python = [Part::Python];
    vec![
        trial("outages::a_mail_server_that_is_killed_under_load_and_comes_back_loses_nothing", &python, comes_back),
        trial("outages::another_way_makes_up_for_a_mail_server_that_is_killed_under_load", &python, another_way),
        trial("outages::what_a_mail_server_that_stays_away_doesn_t_get_is_reported", &python, stays_away),
        trial("outages::another_way_makes_up_for_a_mail_server_that_hangs", &python, hangs),
    ]
}

/// aiosmtpd at a port of ours.
struct Mail {
    process: StandIn,
    folder: TempDir,
}

impl Mail {
    fn start(port: u16, options: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let port = port.to_string();
        let options = ["--port", &port].into_iter().chain(options.iter().copied()).map(Into::into);
        let process = StandIn::start("smtp_server.py", [folder.path().to_owned()].into_iter().chain(options));
        Self { process, folder }
    }

    /// Ends it at once, when it has taken some messages without having said so yet, and others of which it has.
    fn kill(self, server: &Server) -> TempDir {
        wait_for(|| {
            let taken = received(self.folder.path()).len();
            let said = messages(server, "smtp", "sent");
            (said >= 10 && taken >= said + CONNECTIONS / 2).then_some(())
        });
        drop(self.process);
        self.folder
    }
}

/// The names of the messages in a folder, by recipient.
fn received(folder: &Path) -> BTreeMap<String, Vec<String>> {
    let mut by_recipient = BTreeMap::<_, Vec<_>>::new();
    for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if entry.extension() != Some("eml".as_ref()) {
            continue;
        }
        let mail = fs::read_to_string(&entry).expect("text").replace('\r', "");
        let header = |name: &str| mail.lines().find_map(|line| line.strip_prefix(name)).expect(name).to_owned();
        by_recipient.entry(header("To: ")).or_default().push(header("Message-ID: "));
    }
    by_recipient
}

fn start(first: u16, settings: &[(&str, &str)]) -> Server {
    let url = format!("smtp://127.0.0.1:{first}");
    let base = [("email.transport", "smtp"), ("email.url", &*url)];
    Server::start_quietly(&[&base[..], settings].concat())
}

fn ask(server: &Server, numbers: std::ops::Range<usize>) {
    for number in numbers {
        // Different domains: one of them alone would have three quarters of the connections.
        let answer = server.post("request/email/", &json!({ "email": format!("ann@{number}.example.com") }));
        assert_eq!(answer.status, 200, "{answer:?}");
    }
}

fn messages(server: &Server, adapter: &str, outcome: &str) -> usize {
    let metrics = String::from_utf8(server.get_admin("/metrics").body).expect("text");
    let line = format!("countersign_messages_total{{channel=\"email\",adapter=\"{adapter}\",outcome=\"{outcome}\"}}");
    let found = metrics.lines().find_map(|found| found.strip_prefix(&line)?.trim().parse().ok());
    found.unwrap_or_else(|| panic!("no {line} in {metrics}"))
}

/// Everybody has a message in one of the two folders; who has one in both has the same one twice.
fn assert_all_arrived(first: &Path, second: &Path) {
    let (first, second) = (received(first), received(second));
    let mut twice = 0;
    for number in 0..BEFORE + AFTER {
        let to = format!("ann@{number}.example.com");
        let of = |received: &BTreeMap<String, Vec<String>>| received.get(&to).cloned().unwrap_or_default();
        let (first, second) = (of(&first), of(&second));
        assert!(first.len() <= 1 && second.len() <= 1, "{to}: {first:?} {second:?}");
        assert!(!first.is_empty() || !second.is_empty(), "{to} has no message");
        if first.len() + second.len() == 2 {
            assert_eq!(first, second, "{to}: one message has one name");
            twice += 1;
        }
    }
    assert!(!first.is_empty() && !second.is_empty(), "it was killed in between");
    assert!(twice > 0, "no answer was lost");
    assert!(twice <= CONNECTIONS, "{twice} messages came twice, but so many answers can't have been lost");
}

fn comes_back() {
    let port = free_port();
    let mail = Mail::start(port, &["--answer-after", ANSWERS_AFTER]);
    let server = start(port, &[]);
    ask(&server, 0..BEFORE);
    let first = mail.kill(&server);
    ask(&server, BEFORE..BEFORE + AFTER);
    // After a few failures nobody tries any more, until the server is probed again.
    wait_for(|| (messages(&server, "smtp", "retried") >= 5).then_some(()));
    let mail = Mail::start(port, &[]);
    wait_for(|| (messages(&server, "smtp", "sent") == BEFORE + AFTER).then_some(()));
    assert_eq!(messages(&server, "smtp", "failed"), 0);
    assert_all_arrived(first.path(), mail.folder.path());
}

fn another_way() {
    let (port, other) = (free_port(), free_port());
    let (mail, spare) = (Mail::start(port, &["--answer-after", ANSWERS_AFTER]), Mail::start(other, &[]));
    let url = format!("smtp://127.0.0.1:{other}");
    let server = start(port, &[("email_2.transport", "smtp"), ("email_2.url", &url), ("email_2.from", "spare@two.example")]);
    ask(&server, 0..BEFORE);
    let first = mail.kill(&server);
    ask(&server, BEFORE..BEFORE + AFTER);
    wait_for(|| (messages(&server, "smtp", "sent") + messages(&server, "smtp_2", "sent") == BEFORE + AFTER).then_some(()));
    assert_eq!((messages(&server, "smtp", "failed"), messages(&server, "smtp_2", "failed")), (0, 0));
    assert!(messages(&server, "smtp", "retried") < BEFORE + AFTER, "it was left alone in the end");
    assert_all_arrived(first.path(), spare.folder.path());
}

fn stays_away() {
    let port = free_port();
    let mail = Mail::start(port, &["--answer-after", ANSWERS_AFTER]);
    let server = start(port, &[("passwordless.token_lifetime", "4")]);
    ask(&server, 0..BEFORE);
    let first = mail.kill(&server);
    wait_for(|| (messages(&server, "smtp", "sent") + messages(&server, "smtp", "failed") == BEFORE).then_some(()));
    let (sent, arrived) = (messages(&server, "smtp", "sent"), received(first.path()));
    assert!(messages(&server, "smtp", "failed") > 0 && arrived.values().all(|names| names.len() == 1));
    assert!((sent..=sent + CONNECTIONS).contains(&arrived.len()), "{sent} sent, {} arrived", arrived.len());
    // Their challenges have ended: what comes back gets nothing late.
    let mail = Mail::start(port, &[]);
    ask(&server, BEFORE..BEFORE + 1);
    wait_for(|| (messages(&server, "smtp", "sent") == sent + 1).then_some(()));
    assert_eq!(received(mail.folder.path()).into_keys().collect::<Vec<_>>(), [format!("ann@{BEFORE}.example.com")]);
}

/// It takes messages up and never answers; after a few, nobody waits for it any more.
fn hangs() {
    let (port, other) = (free_port(), free_port());
    let (_mail, spare) = (Mail::start(port, &["--hang", "600"]), Mail::start(other, &[]));
    let url = format!("smtp://127.0.0.1:{other}");
    let server = start(port, &[("email_2.transport", "smtp"), ("email_2.url", &url), ("delivery.timeout_seconds", "1")]);
    ask(&server, 0..BEFORE + AFTER);
    wait_for(|| (messages(&server, "smtp_2", "sent") == BEFORE + AFTER).then_some(()));
    let waited = messages(&server, "smtp", "retried");
    assert!((5..=3 * CONNECTIONS).contains(&waited), "{waited} messages waited for it");
    assert_eq!(received(spare.folder.path()).len(), BEFORE + AFTER);
}
