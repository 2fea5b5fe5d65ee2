//! aiosmtpd receives our mail.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::Stdio,
    sync::Arc,
};

use libtest_mimic::Trial;
use serde_json::json;
use tempfile::TempDir;

use crate::{
    harness::{Child, Message, Server, free_port, wait_for},
    parts::{Part, folder, output, python, trial},
};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("mail_server::takes_our_message_over_starttls_with_a_login", &[Part::Python], takes_our_message),
        trial("mail_server::that_greylists_gets_the_message_again", &[Part::Python], greylists),
        trial("mail_server::with_a_strange_certificate_gets_nothing", &[Part::Python], strange_certificate),
    ]
}

/// aiosmtpd in a folder of its own, which is also the certificates'.
struct MailServer {
    _child: Child,
    address: SocketAddr,
    folder: Arc<TempDir>,
}

impl MailServer {
    fn start(more: &[&str]) -> Self {
        let own = Arc::new(TempDir::new().expect("a temporary folder"));
        output(python().arg(folder().join("certificate.py")).arg(own.path()));
        fs::create_dir(own.path().join("received")).expect("a folder for the messages");
        let address = free_port();
        let mut child = python()
            .arg(folder().join("smtp_server.py"))
            .arg(address.port().to_string())
            .args(["received", "server.pem", "server.key"].map(|name| own.path().join(name)))
            .args(more)
            .stdout(Stdio::piped())
            .spawn()
            .map(Child)
            .expect("Python starts");
        let mut ready = String::new();
        let printed = child.0.stdout.take().expect("a pipe");
        BufReader::new(printed).read_line(&mut ready).expect("a line");
        assert_eq!(ready.trim(), "ready", "the mail server did not start");
        Self { _child: child, address, folder: own }
    }

    fn url(&self) -> String {
        format!("\"smtp://mailer:p%40ss%2Fword@localhost:{}?tls=required\"", self.address.port())
    }

    /// A server that sends through this one and knows its authority.
    fn countersign(&self) -> Server {
        let authority = self.folder.path().join("ca.pem");
        let environment = [("SSL_CERT_FILE", authority.to_str().expect("a plain path"))];
        Server::start_in(&self.folder, &[("email.transport", "\"smtp\""), ("email.url", &self.url())], &environment)
    }

    /// The messages, in the order in which they came.
    fn messages(&self) -> Vec<Message> {
        let entries = fs::read_dir(self.folder.path().join("received")).expect("the folder");
        let files = entries.map(|entry| entry.expect("an entry").path());
        let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|kind| kind == "eml")).collect();
        files.sort();
        files.iter().map(|file| Message::parse(&fs::read_to_string(file).expect("a message"))).collect()
    }
}

fn takes_our_message() {
    let mail = MailServer::start(&[]);
    let server = mail.countersign();
    let begun = server.post("request/email/", &json!({ "email": "Ann@Example.COM" })).ok();
    let message = wait_for("the message", || mail.messages().into_iter().next());

    assert_eq!(message.header("X-RcptTo").as_deref(), Some("ann@example.com"));
    assert_eq!(message.header("Subject").as_deref(), Some("Login on example.com"));
    assert_eq!(message.header("Auto-Submitted").as_deref(), Some("auto-generated"));
    assert!(message.header("Message-ID").is_some(), "{}", message.source);

    let body = json!({ "email": "ann@example.com", "token": message.code(6), "challenge": begun["challenge"] });
    let tokens = server.post("exchange/email/", &body).ok();
    assert!(tokens["access"].is_string());
    assert_eq!(server.post("exchange/email/", &body).code(), "challenge_spent");
}

fn greylists() {
    let mail = MailServer::start(&["--reject-first", "2"]);
    let server = mail.countersign();
    server.post("request/email/", &json!({ "email": "ann@example.com" })).ok();
    let message = wait_for("the message", || mail.messages().into_iter().next());
    assert_eq!(message.header("X-RcptTo").as_deref(), Some("ann@example.com"));
    assert_eq!(mail.messages().len(), 1);
}

fn strange_certificate() {
    let mail = MailServer::start(&[]);
    let settings = [("email.transport", "\"smtp\""), ("email.url", &*mail.url()), ("delivery.mode", "\"inline\"")];
    let server = Server::start(&settings);
    let answer = server.post("request/email/", &json!({ "email": "ann@example.com" }));
    assert_eq!((answer.status, answer.code().as_str()), (502, "delivery_failed"));
    assert_eq!(mail.messages().len(), 0);
}
