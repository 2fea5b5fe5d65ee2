//! Templates of a folder, through the real binary.

use std::fs;

use serde_json::json;

use crate::harness::{Server, command};

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join("templates").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

const SETTINGS: [(&str, &str); 2] = [("email.templates", "templates"), ("passwordless.token_request_throttle_seconds", "0")];

#[test]
fn the_language_is_the_request_s_then_the_browser_s() {
    let server = Server::start_in(
        folder(&[
            ("email.subject.txt", "folder"),
            ("de/email.subject.txt", "deutsch {{ code }} {{ minutes }}"),
            ("fr/email.subject.txt", "français"),
        ]),
        &SETTINGS,
    );
    let nonsense = "../../templates/de;q=x,,;;;q=0.5";
    for (at, (locale, accepted, subject)) in [
        (Some("de-AT"), "fr", "deutsch "),
        (None, "en;q=0.1, de;q=0.9", "deutsch "),
        (Some("../../etc/passwd"), "de", "deutsch "),
        (Some("en"), "de", "folder"),
        (None, nonsense, "folder"),
        (Some("fr\r\nBcc: eve@example.com"), "it", "folder"),
        (Some("FR"), "de", "=?utf-8?"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut body = json!({"email": "ann@example.com"});
        if let Some(locale) = locale {
            body["locale"] = locale.into();
        }
        let answer = server.post_with("request/email/", &[("accept-language", accepted)], &body);
        assert_eq!(answer.status, 200, "{answer:?}");
        let mail = server.wait_for_mail("ann@example.com", at);
        let found = mail.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap();
        assert!(found.starts_with(subject), "{locale:?}, {accepted}: {found}");
        assert!(!mail.contains("Bcc"), "{mail}");
    }
}

#[test]
fn a_broken_template_is_a_fault_before_anything_binds() {
    let folder = folder(&[("email.txt", "{{ cod }}"), ("de/sms.txt", "{% if %}")]);
    let output = command(folder.path(), &SETTINGS).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(64), "{said}");
    assert!(said.contains("email.templates") && said.contains("email.txt") && said.contains("de/sms.txt"), "{said}");
}
