//! `countersign send-test`, through the real binary.

use std::path::Path;

use serde_json::json;
use tempfile::TempDir;

use super::stand_in::{SECRET, SmtpServer};
use crate::harness::{Server, api::Api, code_in, command, free_port};

/// The exit code, and what it said.
fn send_test(folder: &Path, settings: &[(&str, &str)], arguments: &[&str]) -> (i32, String) {
    let output = command(folder, settings).arg("send-test").args(arguments).output().expect("the program starts");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (output.status.code().expect("it ends by itself"), text(output.stdout) + &text(output.stderr))
}

fn in_empty(settings: &[(&str, &str)], arguments: &[&str]) -> (i32, String) {
    send_test(TempDir::new().unwrap().path(), settings, arguments)
}

const TO_ANN: &[&str] = &["--email", "ann.secret@example.com"];

#[test]
fn a_message_is_sent_step_by_step() {
    let smtp = SmtpServer::start(|_| "250 taken");
    let url = smtp.url();
    let settings = [("email.transport", "smtp"), ("email.url", &*url)];
    let (code, said) = in_empty(&settings, &["--email", "Ann@Example.com", "--locale", "de"]);
    assert_eq!(code, 0, "{said}");
    let (to, mail) = smtp.wait_for_mail(0);
    assert!(to == "ann@example.com" && mail.contains("Anmeldung bei example.com"), "{mail}");
    let port = format!("127.0.0.1 takes connections at port {}", smtp.port);
    for step in ["E-mail to ann@example.com, written in de: \"Anmeldung", "[email] smtp", &port, "sent in ", "opens nothing"] {
        assert!(said.contains(step), "{step}: {said}");
    }
    assert!(!said.contains(&code_in(&mail)), "{said}");
}

#[test]
fn its_code_and_its_link_open_nothing() {
    let server = Server::start(&[]);
    let (code, said) = send_test(server.folder(), &[], &["--email", "ann@example.com", "--phone", "+12025550123"]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("1 SMS (") && said.contains("methods doesn't have this channel"), "{said}");
    let mail = server.wait_for_mail("ann@example.com", 0).replace('\r', "");
    let link = mail.lines().find_map(|line| line.split_once("/link#")).expect("a link").1;
    let answer = server.post("exchange/", &json!({ "token": link }));
    assert_eq!((answer.status, answer.code().as_str()), (400, "invalid_credentials"));
    assert_eq!(server.texts().len(), 1);
}

#[test]
fn what_fails_says_which_key_to_change_and_never_what_the_server_said() {
    let gone = SmtpServer::start(|_| "550 5.1.1 <{to}> SECRET WORDS");
    let policy = SmtpServer::start(|_| "554 5.7.1 <{to}> SECRET WORDS");
    let later = SmtpServer::start(|_| "451 4.7.1 <{to}> SECRET WORDS");
    let nobody = format!("smtp://127.0.0.1:{}", free_port());
    for (url, says) in [
        (gone.url(), "takes nothing for this address"),
        (policy.url(), "email.from"),
        (later.url(), "greylisting"),
        (nobody, "nothing listens at 127.0.0.1:"),
        ("smtp://no-such-host.invalid".into(), "email.url spells no-such-host.invalid"),
    ] {
        let (code, said) = in_empty(&[("email.transport", "smtp"), ("email.url", &url)], TO_ANN);
        assert_eq!(code, 1, "{said}");
        assert!(said.contains("failed") && said.contains("What to do: ") && said.contains(says), "{says}: {said}");
        assert!(!said.contains("SECRET WORDS"), "{said}");
    }
    let api = Api::start(|_| ("401 Unauthorized", "", "SECRET WORDS"));
    let settings = [("sms.transport", "http"), ("sms.url", &*api.url), ("sms.secret", SECRET)];
    let (code, said) = in_empty(&settings, &["--phone", "+12025550123"]);
    assert!(code == 1 && said.contains("sms.secret") && !said.contains("SECRET WORDS"), "{said}");
    assert_eq!(api.calls().len(), 1, "one try");
}

#[test]
fn the_next_way_is_taken_where_one_fails_and_one_can_be_named() {
    let nobody = format!("smtp://127.0.0.1:{}", free_port());
    let settings = [("email.transport", "smtp"), ("email.url", &*nobody), ("email_2.transport", "file"), ("email_2.path", "out")];
    let folder = TempDir::new().unwrap();
    let (code, said) = send_test(folder.path(), &settings, TO_ANN);
    let (first, second) = (said.find("[email] smtp").unwrap(), said.find("[email_2] file").unwrap());
    assert!(code == 0 && first < second && said.contains("nothing listens"), "{said}");
    assert_eq!(folder.path().join("out").read_dir().unwrap().count(), 1);

    let (code, said) = in_empty(&settings, &[TO_ANN, &["--through", "email"]].concat());
    assert!(code == 1 && !said.contains("email_2"), "{said}");
    let (code, said) = in_empty(&settings, &[TO_ANN, &["--through", "email_3"]].concat());
    assert!(code == 1 && said.contains("[email_3] has no transport"), "{said}");
}

#[test]
fn without_somebody_or_something_to_send_with_nothing_is_sent() {
    for (arguments, says) in [
        (&[][..], "--email ann@example.com"),
        (&["--email", "ann"], "is no e-mail address"),
        (&["--phone", "12"], "is no number"),
        (&["--email", "ann@example.com\r\nBcc: eve@example.com"], "is no e-mail address"),
    ] {
        let (code, said) = in_empty(&[], arguments);
        assert!(code == 64 && said.contains(says), "{said}");
    }
    let (code, said) = in_empty(&[("email.transport", "discard")], TO_ANN);
    assert!(code == 1 && said.contains("email.transport is \"discard\""), "{said}");
    let (code, said) = in_empty(&[("email.transport", "carrier-pigeon")], TO_ANN);
    assert!(code == 64 && said.contains("email.transport"), "{said}");
}
