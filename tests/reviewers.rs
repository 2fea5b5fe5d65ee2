//! Reviewers of an app: nothing is sent to them, and they log in by their fixed code.

use serde_json::json;

use crate::harness::{Server, wait_for};

const SETTINGS: [(&str, &str); 4] = [
    ("reviewers.recipients", "reviewer@example.com,+12025550123"),
    ("reviewers.code", "102938"),
    ("reviewers.until", "2099-12-31"),
    ("passwordless.allowed_passwordless_methods", "EMAIL,MOBILE"),
];

#[test]
fn nothing_is_delivered_to_a_reviewer_who_logs_in_by_the_fixed_code() {
    let server = Server::start(&SETTINGS);
    for (path, field, recipient, other) in [
        ("email/", "email", "reviewer@example.com", "ann@example.com"),
        ("mobile/", "phone_number", "+12025550123", "+12025550124"),
    ] {
        let request = |recipient: &str| server.post(&format!("request/{path}"), &json!({field: recipient}));
        let sent = request(recipient);
        assert_eq!((sent.status, request(other).status), (200, 200));
        let body = json!({field: recipient, "token": "102938", "challenge": sent.json()["challenge"]});
        assert_eq!(server.post(&format!("exchange/{path}"), &body).status, 200);
    }
    wait_for(|| (server.mails_to("ann@example.com").len() == 1 && server.texts().len() == 1).then_some(()));
    server.signal("TERM");
    let folder = server.folder().to_owned();
    wait_for(|| {
        let page =
            std::fs::read_dir(folder.join("mail")).unwrap().count() + std::fs::read_dir(folder.join("sms")).unwrap().count();
        (page == 2).then_some(())
    });
    assert!(server.mails_to("reviewer@example.com").is_empty());
    assert_eq!(server.texts()[0]["to"], "+12025550124");
    let (_, log) = server.wait();
    assert!(!log.contains("102938"), "{log}");
}

#[test]
fn who_could_be_a_real_person_is_refused_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [("reviewers.recipients", "ceo@company.com"), SETTINGS[1], SETTINGS[2]];
    let output = crate::harness::command(folder.path(), &settings).arg("serve").output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(64), "{said}");
    assert!(said.contains("reviewers.recipients") && said.contains("could be a real person's"), "{said}");
}
