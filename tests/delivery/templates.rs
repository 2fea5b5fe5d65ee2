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
        // A link's random characters may spell it, too.
        let mut headers = mail.lines().take_while(|line| !line.is_empty());
        assert!(!headers.any(|line| line.contains("Bcc")), "{mail}");
    }
}

#[test]
fn nothing_of_a_user_agent_reaches_a_message_but_a_name_from_a_list() {
    let server = Server::start(&SETTINGS[1..]);
    for (at, (agent, says)) in [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0", Some("Firefox on Linux")),
        ("Firefox/<script>alert(1)</script> (iPhone) https://evil.example/", Some("Firefox on iOS")),
        ("curl/8.5.0", None),
        ("\u{e9}vil \u{202e} Edg/1", Some("Edge")),
    ]
    .into_iter()
    .enumerate()
    {
        let answer = server.post_with("request/email/", &[("user-agent", agent)], &json!({"email": "ann@example.com"}));
        assert_eq!(answer.status, 200, "{answer:?}");
        let mail = server.wait_for_mail("ann@example.com", at);
        let said = mail.lines().find_map(|line| line.strip_prefix("Browser: "));
        assert_eq!(said, says, "{agent}");
        assert!(!mail.contains("evil") && !mail.contains("alert") && !mail.contains("curl") && !mail.contains("145.0"), "{mail}");
    }
}

#[test]
fn a_default_language_that_nothing_is_written_in_is_a_fault() {
    let folder = folder(&[("nl/email.txt", "{{ code }}")]);
    for (locale, code) in [("nl-BE", 0), ("fi", 0), ("sv", 64), ("s", 64)] {
        let settings = [SETTINGS[0], ("passwordless.default_locale", locale)];
        let output = command(folder.path(), &settings).arg("check").output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert_eq!(said.contains("passwordless.default_locale"), code == 64, "{said}");
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
