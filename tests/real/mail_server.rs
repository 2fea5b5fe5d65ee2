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
        trial("mail_server::that_wants_a_full_name_is_told_one", &python, strict_hello),
        trial("mail_server::that_offers_plain_and_refuses_it_is_asked_by_login", &python, refuses_plain),
        trial("mail_server::with_a_ca_of_its_own_is_trusted_where_its_file_is_named", &python, ca_file),
        trial("mail_server::whose_certificate_is_wrong_is_told_in_plain_words", &python, plain_words),
        trial("mail_server::is_tried_out_by_send_test", &python, tried_out),
        trial("mail_server::that_takes_three_connections_gets_every_message_at_once", &python, connection_limit),
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

/// Sends one message as countersign in a system whose host name is bare, and says what the server was told.
fn strict_hello() {
    for (settings, expected) in [
        (vec![("server.public_url", "https://login.example.com")], None),
        (vec![("email.hello_name", "mail.example.com")], Some("mail.example.com")),
        (vec![("email.hello_name", "[192.0.2.1]")], Some("[192.0.2.1]")),
        (vec![], None),
    ] {
        let mail = MailServer::start(&["--strict-hello"]);
        let url = format!("smtp://localhost:{}", mail.process.port());
        let mut all = vec![("email.transport", "smtp"), ("email.url", &*url)];
        all.extend(settings);
        let server = Server::start(&all);
        assert_eq!(request(&server).status, 200);
        let (_, facts) = wait_for(|| mail.message(1));
        let hello = facts["hello"].as_str().expect("a name");
        assert!(expected.is_none_or(|expected| hello == expected), "{hello}");
        assert!(hello.contains('.'), "{hello}");
    }
}

fn refuses_plain() {
    let mail = MailServer::start(&["--tls", "starttls", "--auth", USER, "--refuse-plain"]);
    let server = mail.countersign(&mail.url("smtp", "?tls=required"), "inline");
    assert_eq!(request(&server).status, 200);
    assert_eq!(mail.message(1).expect("it came").1["user"], json!("mailer"));
}

/// Through this server, whose certificate only `email.ca_file` speaks for.
fn with_ca_file(mail: &MailServer, scheme: &str, query: &str) -> Server {
    let (url, root) = (mail.url(scheme, query), mail.process.facts["certificate"].as_str().expect("a path").to_owned());
    Server::start(&[("email.transport", "smtp"), ("email.url", &url), ("email.ca_file", &root), ("delivery.mode", "inline")])
}

fn ca_file() {
    for (tls, scheme, query) in [("starttls", "smtp", "?tls=required"), ("implicit", "smtps", "")] {
        for kind in ["own", "signed"] {
            let mail = MailServer::start(&["--tls", tls, "--auth", USER, "--certificate", kind]);
            assert_eq!(request(&with_ca_file(&mail, scheme, query)).status, 200, "{tls} {kind}");
            assert!(mail.message(1).is_some());
        }
    }
}

/// The line about the message that couldn't be sent.
fn reported_fault(server: &Server) -> String {
    wait_for(|| server.log().lines().find(|line| line.contains("a message can't be sent")).map(str::to_owned))
}

fn plain_words() {
    for (kind, words) in
        [("ca", "is a CA's own (CA:TRUE)"), ("expired", "has expired"), ("other-name", "is for another name than localhost")]
    {
        let mail = MailServer::start(&["--tls", "starttls", "--auth", USER, "--certificate", kind]);
        let server = with_ca_file(&mail, "smtp", "?tls=required");
        gets_nothing(&mail, &server);
        let fault = reported_fault(&server);
        assert!(fault.contains(words), "{kind}: {fault}");
    }
    let mail = MailServer::start(&["--tls", "implicit", "--auth", USER]);
    let url = mail.url("smtps", "");
    let server = Server::start(&[("email.transport", "smtp"), ("email.url", &url), ("delivery.mode", "inline")]);
    gets_nothing(&mail, &server);
    let fault = reported_fault(&server);
    assert!(fault.contains("email.ca_file") && !fault.contains("UnknownIssuer"), "{fault}");
}

/// What `send-test` says, and whether it says that the message left.
fn send_test(mail: &MailServer, url: &str, trusts: bool) -> (bool, String) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut command = command(folder.path(), &[("email.transport", "smtp"), ("email.url", url)]);
    if trusts {
        command.env("SSL_CERT_FILE", mail.process.facts["certificate"].as_str().expect("a path"));
    }
    let output = command.args(["send-test", "--email", "ann@example.com"]).output().expect("the program starts");
    let said = String::from_utf8(output.stdout).expect("text");
    assert!(!said.contains("p@ss") && !said.contains("p%40ss"), "it shows the password: {said}");
    (output.status.success(), said)
}

fn tried_out() {
    let mail = MailServer::start(&["--tls", "starttls", "--auth", USER]);
    let (is_sent, said) = send_test(&mail, &mail.url("smtp", "?tls=required"), true);
    assert!(is_sent && said.contains("takes connections") && mail.message(1).is_some(), "{said}");

    let (is_sent, said) = send_test(&mail, &mail.url("smtp", "?tls=required"), false);
    assert!(!is_sent && said.contains("email.ca_file"), "{said}");
    let (is_sent, said) = send_test(&mail, &mail.url("smtps", ""), true);
    assert!(!is_sent && said.contains("?tls=required"), "{said}");
    let url = mail.url("smtp", "?tls=required").replace("p%40ss", "another");
    let (is_sent, said) = send_test(&mail, &url, true);
    assert!(!is_sent && said.contains("percent-encoded"), "{said}");

    let open = MailServer::start(&["--tls", "none"]);
    let (is_sent, said) = send_test(&open, &open.url("smtp", "?tls=required"), true);
    assert!(!is_sent && said.contains("offers no STARTTLS") && said.contains("smtps://"), "{said}");
    assert!(mail.message(2).is_none() && open.message(1).is_none());
}

/// Sixty logins at once: nobody waits for a second try.
fn connection_limit() {
    let mail = MailServer::start(&["--connections", "3", "--hang", "0.01"]);
    let url = format!("smtp://localhost:{}", mail.process.port());
    let settings = [("email.transport", "smtp"), ("email.url", &*url), ("passwordless.max_messages_per_network_per_hour", "0")];
    let server = Server::start(&settings);
    for number in 0..60 {
        let answer = server.post("request/email/", &json!({ "email": format!("ann@{number}.example.com") }));
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    wait_for(|| mail.message(60));
    let metrics = String::from_utf8(server.get_admin("/metrics").body).expect("text");
    let retried = "countersign_messages_total{channel=\"email\",adapter=\"smtp\",outcome=\"retried\"} 0";
    assert!(metrics.contains(retried), "a message was put off: {metrics}");
    let counted = fs::read(mail.folder.path().join("connections.json")).expect("it is written");
    let counted: Value = serde_json::from_slice(&counted).expect("JSON");
    assert!(counted["refused"].as_u64().is_some_and(|refused| refused <= 20), "{counted}");
}
