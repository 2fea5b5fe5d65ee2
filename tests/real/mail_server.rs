//! aiosmtpd receives our mail.

use std::fs;

use libtest_mimic::Trial;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    parts::{Part, trial},
    stand_in::StandIn,
};
use crate::harness::{Answer, Server, code_in, command, wait_for};

pub(crate) fn trials() -> Vec<Trial> {
    let python = [Part::Python];
    vec![
        trial("mail_server::takes_our_message_over_starttls_with_a_login", &python, || {
            takes("starttls", "smtp", "?tls=required");
        }),
        trial("mail_server::takes_our_message_over_tls_with_a_login", &python, || takes("implicit", "smtps", "")),
        trial("mail_server::takes_our_message_over_starttls_where_it_is_offered", &python, || {
            takes("starttls", "smtp", "?tls=opportunistic");
        }),
        trial("mail_server::that_greylists_gets_the_message_again", &python, greylists),
        trial("mail_server::that_refuses_for_good_is_not_asked_again", &python, refuses),
        trial("mail_server::without_the_required_tls_gets_nothing", &python, no_tls),
        trial("mail_server::with_a_strange_certificate_gets_nothing", &python, strange_certificate),
        trial("mail_server::that_refuses_our_login_gets_nothing", &python, wrong_password),
    ]
}

const USER: &str = "mailer:p@ss/word";

/// aiosmtpd and what it has received.
struct MailServer {
    process: StandIn,
    folder: TempDir,
}

impl MailServer {
    fn start(options: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let own = [folder.path().to_owned()].into_iter();
        let process = StandIn::start("smtp_server.py", own.chain(options.iter().map(Into::into)));
        Self { process, folder }
    }

    fn url(&self, scheme: &str, query: &str) -> String {
        format!("{scheme}://mailer:p%40ss%2Fword@localhost:{}{query}", self.process.port())
    }

    /// A server that sends through this one and trusts its certificate.
    fn countersign(&self, url: &str, mode: &str) -> Server {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let settings = [("email.transport", "smtp"), ("email.url", url), ("delivery.mode", mode)];
        let mut command = command(folder.path(), &settings);
        command.env("SSL_CERT_FILE", self.process.facts["certificate"].as_str().expect("a path"));
        Server::run(folder, command)
    }

    /// The message of that number, from 1: as it came, and what the server noted about it.
    fn message(&self, number: u32) -> Option<(String, Value)> {
        let read = |suffix: &str| fs::read_to_string(self.folder.path().join(format!("{number}.{suffix}"))).ok();
        Some((read("eml")?.replace('\r', ""), serde_json::from_str(&read("json")?).ok()?))
    }
}

fn request(server: &Server) -> Answer {
    server.post("request/email/", &json!({ "email": "Ann@Example.COM" }))
}

fn takes(tls: &str, scheme: &str, query: &str) {
    let mail = MailServer::start(&["--tls", tls, "--auth", USER]);
    let server = mail.countersign(&mail.url(scheme, query), "queued");
    let begun = request(&server).json();
    let (message, facts) = wait_for(|| mail.message(1));

    assert_eq!(facts["to"], json!(["ann@example.com"]));
    // aiosmtpd notes TLS only where STARTTLS began it.
    assert_eq!((&facts["tls"], &facts["user"]), (&json!(tls == "starttls"), &json!("mailer")));
    for line in ["Subject: Login on example.com", "Auto-Submitted: auto-generated", "Message-ID: <", "To: "] {
        assert!(message.contains(&format!("\n{line}")) || message.starts_with(line), "{line} is missing in {message}");
    }
    let login = json!({ "email": "ann@example.com", "token": code_in(&message), "challenge": begun["challenge"] });
    let answer = server.post("exchange/email/", &login);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(server.post("exchange/email/", &login).code(), "challenge_spent");
}

fn greylists() {
    let mail = MailServer::start(&["--tls", "starttls", "--auth", USER, "--refuse", "451:2"]);
    let server = mail.countersign(&mail.url("smtp", "?tls=required"), "queued");
    assert_eq!(request(&server).status, 200);
    let (_, facts) = wait_for(|| mail.message(1));
    assert_eq!(facts["to"], json!(["ann@example.com"]));
    assert!(mail.message(2).is_none());
}

fn refuses() {
    let mail = MailServer::start(&["--tls", "starttls", "--auth", USER, "--refuse", "550:1"]);
    let server = mail.countersign(&mail.url("smtp", "?tls=required"), "queued");
    assert_eq!(request(&server).status, 200);
    wait_for(|| server.log().contains("a message can't be sent").then_some(()));
    assert_eq!(server.post("request/email/", &json!({ "email": "bob@example.com" })).status, 200);
    let (_, facts) = wait_for(|| mail.message(1));
    assert_eq!(facts["to"], json!(["bob@example.com"]));
}

/// Inline mode says what became of the message.
fn gets_nothing(mail: &MailServer, server: &Server) {
    let answer = request(server);
    assert_eq!((answer.status, answer.code().as_str()), (502, "delivery_failed"), "{answer:?}");
    assert!(mail.message(1).is_none());
}

fn no_tls() {
    let mail = MailServer::start(&["--tls", "none"]);
    gets_nothing(&mail, &mail.countersign(&mail.url("smtp", "?tls=required"), "inline"));
}

fn strange_certificate() {
    let mail = MailServer::start(&["--tls", "starttls", "--auth", USER]);
    let url = mail.url("smtp", "?tls=required");
    let server = Server::start(&[("email.transport", "smtp"), ("email.url", &url), ("delivery.mode", "inline")]);
    gets_nothing(&mail, &server);
}

fn wrong_password() {
    let mail = MailServer::start(&["--tls", "starttls", "--auth", "mailer:another"]);
    let server = mail.countersign(&mail.url("smtp", "?tls=required"), "inline");
    gets_nothing(&mail, &server);
    assert!(!server.log().contains("p@ss/word") && !server.log().contains("p%40ss"), "the log has the password");
}
