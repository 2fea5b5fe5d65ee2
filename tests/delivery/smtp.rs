//! E-mail by SMTP. TLS and authentication need a server of other people's making: `tests/real/`.

use serde_json::json;

use super::stand_in::{Script, SmtpServer};
use crate::harness::{Server, code_in, wait_for};

fn start(script: Script, settings: &[(&str, &str)]) -> (SmtpServer, Server) {
    let smtp = SmtpServer::start(script);
    let url = smtp.url();
    let mut all = vec![("email.transport", "smtp"), ("email.url", &*url), ("passwordless.token_request_throttle_seconds", "0")];
    all.extend_from_slice(settings);
    let server = Server::start(&all);
    (smtp, server)
}

fn request(server: &Server, email: &str) -> crate::harness::Answer {
    server.post("request/email/", &json!({"email": email}))
}

fn metric(server: &Server, line: &str) -> u64 {
    let metrics = String::from_utf8(server.get_admin("/metrics").body).unwrap();
    let found = metrics.lines().find_map(|found| found.strip_prefix(line)?.trim().parse().ok());
    found.unwrap_or_else(|| panic!("no {line} in {metrics}"))
}

fn messages(server: &Server, outcome: &str) -> u64 {
    metric(server, &format!("countersign_messages_total{{channel=\"email\",adapter=\"smtp\",outcome=\"{outcome}\"}}"))
}

#[test]
fn a_login_by_mail_over_connections_that_are_kept() {
    let (smtp, server) = start(|_| "250 taken", &[]);
    for (at, email) in ["ann@example.com", "bob@example.com", "ann@example.com"].into_iter().enumerate() {
        let answer = request(&server, email);
        assert_eq!(answer.status, 200, "{answer:?}");
        let (to, mail) = smtp.wait_for_mail(at);
        assert_eq!(to, email);
        assert!(
            mail.contains("\nAuto-Submitted: auto-generated\n") && mail.contains("\nSubject: Login on example.com\n"),
            "{mail}"
        );
        let login = json!({"email": email, "token": code_in(&mail), "challenge": answer.json()["challenge"]});
        assert_eq!(server.post("exchange/email/", &login).status, 200);
        wait_for(|| (messages(&server, "sent") == at as u64 + 1).then_some(()));
    }
    assert_eq!(smtp.connections(), 1);
    assert_eq!(metric(&server, "countersign_delivery_queue_length"), 0);
}

#[test]
fn what_is_refused_for_now_is_tried_again_and_the_log_doesn_t_say_for_whom() {
    let (smtp, server) = start(|tries| if tries < 3 { "451 4.7.1 <{to}> come back later" } else { "250 taken" }, &[]);
    assert_eq!(request(&server, "ann.secret@example.com").status, 200);
    let (to, mail) = smtp.wait_for_mail(0);
    assert_eq!((to.as_str(), smtp.tries()), ("ann.secret@example.com", 3));
    wait_for(|| (messages(&server, "sent") == 1).then_some(()));
    assert_eq!((messages(&server, "retried"), messages(&server, "failed")), (2, 0));
    let (log, code) = (server.log(), code_in(&mail));
    assert!(log.contains("the SMTP server answered 451"), "{log}");
    assert!(!log.contains("secret@") && !log.contains(&code) && !log.contains("v4.local"), "{log}");
}

#[test]
fn what_is_refused_for_good_is_not_tried_again() {
    let (smtp, server) = start(|_| "550 5.1.1 <{to}> unknown", &[]);
    assert_eq!(request(&server, "ann.secret@example.com").status, 200);
    wait_for(|| (messages(&server, "failed") == 1).then_some(()));
    assert_eq!((smtp.tries(), metric(&server, "countersign_delivery_queue_length")), (1, 0));
    let log = wait_for(|| Some(server.log()).filter(|log| log.contains("the SMTP server answered 550")));
    assert!(!log.contains("secret@"), "{log}");
}

#[test]
fn a_connection_whose_answer_never_came_is_not_used_again() {
    let (smtp, server) = start(|tries| if tries == 1 { "" } else { "250 taken" }, &[("delivery.timeout_seconds", "1")]);
    request(&server, "ann@example.com");
    let (to, _) = smtp.wait_for_mail(0);
    assert_eq!((to.as_str(), smtp.connections(), smtp.tries()), ("ann@example.com", 2, 2));
}

#[test]
fn inline_waits_and_says_that_it_failed_without_saying_why() {
    let (smtp, server) =
        start(|tries| if tries == 1 { "250 taken" } else { "451 <{to}> not now" }, &[("delivery.mode", "inline")]);
    assert_eq!(request(&server, "ann@example.com").status, 200);
    assert_eq!(smtp.mails().len(), 1, "it had left before the answer");
    let answer = request(&server, "ann@example.com");
    assert_eq!((answer.status, answer.code().as_str()), (502, "delivery_failed"));
    let body = String::from_utf8(answer.body).unwrap();
    assert!(!body.contains("451") && !body.contains("SMTP") && !body.contains("ann@"), "{body}");
    assert_eq!(smtp.tries(), 2, "one try");
}

#[test]
fn a_failed_inline_delivery_gives_the_throttle_back() {
    let settings = [("delivery.mode", "inline"), ("passwordless.token_request_throttle_seconds", "60")];
    let (_smtp, server) = start(|tries| if tries == 1 { "451 not now" } else { "250 taken" }, &settings);
    let statuses: Vec<_> = (0..3).map(|_| request(&server, "ann@example.com").status).collect();
    assert_eq!(statuses, [502, 200, 429]);
}

#[test]
fn the_end_waits_for_what_is_in_the_queue() {
    let (smtp, server) = start(|tries| if tries <= 2 { "451 not now" } else { "250 taken" }, &[]);
    for email in ["ann@example.com", "bob@example.com"] {
        assert_eq!(request(&server, email).status, 200);
    }
    wait_for(|| (smtp.tries() >= 2).then_some(()));
    server.signal("TERM");
    let (status, _) = server.wait();
    assert_eq!(status.code(), Some(0));
    assert_eq!(smtp.mails().len(), 2, "nothing was lost");
}

/// Every message of a domain is deferred: they wait elsewhere, and new ones find room.
#[test]
fn messages_that_are_deferred_keep_nobody_out() {
    let (smtp, server) = start(|_| "450 4.2.1 not now", &[("delivery.queue_length", "4")]);
    for number in 0..20 {
        let answer = request(&server, &format!("{number}@example.com"));
        assert_eq!(answer.status, 200, "{answer:?}");
        wait_for(|| (metric(&server, "countersign_delivery_queue_length") == 0).then_some(()));
    }
    assert!(smtp.tries() >= 20);
    assert_eq!(metric(&server, "countersign_delivery_deferred_length"), 2);
    assert_eq!(messages(&server, "failed"), 18, "the oldest made room, and are reported");
    server.signal("KILL");
}

/// It takes the first messages up and never answers.
#[test]
fn a_mail_server_that_hangs_holds_up_no_answer() {
    let (smtp, server) = start(|_| "", &[]);
    for number in 0..100 {
        assert_eq!(request(&server, &format!("ann@{number}.example.com")).status, 200);
    }
    assert!(smtp.mails().is_empty());
    assert_eq!(metric(&server, "countersign_delivery_queue_length"), 100, "all of them wait, and no answer did");
    server.signal("KILL");
}

#[test]
fn a_queue_without_room_answers_503_to_everyone_and_counts_no_throttle() {
    let settings = [
        ("delivery.queue_length", "2"),
        ("delivery.timeout_seconds", "3"),
        ("passwordless.token_request_throttle_seconds", "60"),
    ];
    // The first two tries are never answered.
    let (smtp, server) = start(|tries| if tries <= 2 { "" } else { "250 taken" }, &settings);
    assert_eq!(request(&server, "one@example.com").status, 200);
    assert_eq!(request(&server, "two@example.com").status, 200);
    let answer = request(&server, "ann@example.com");
    assert_eq!((answer.status, answer.code().as_str()), (503, "unavailable"));
    assert!(answer.header("retry-after").is_some_and(|seconds| seconds.parse::<u32>().is_ok()));
    smtp.wait_for_mail(0);
    wait_for(|| (metric(&server, "countersign_delivery_queue_length") == 0).then_some(()));
    assert_eq!(request(&server, "ann@example.com").status, 200, "being refused used up no throttle");
}
