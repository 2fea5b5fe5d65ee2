//! Every row of the table of errors.

use std::{thread::sleep, time::Duration};

use serde_json::{Value, json};

use crate::harness::{Answer, Server};

fn wrong(code: &str) -> String {
    let first = if code.starts_with('0') { '1' } else { '0' };
    format!("{first}{}", &code[1..])
}

fn exchange(server: &Server, email: &str, token: &str, challenge: &str) -> Answer {
    server.post("exchange/email/", &json!({"email": email, "token": token, "challenge": challenge}))
}

/// The body without the one member that may differ.
fn without_attempts(answer: &Answer) -> Value {
    let mut json = answer.json();
    json.as_object_mut().unwrap().remove("attempts_left");
    json
}

#[test]
fn wrong_codes_are_counted_down_and_then_refused() {
    let server = Server::start(&[]);
    let (envelope, code) = server.challenge("ann@example.com");
    for left in [4, 3, 2, 1, 0] {
        let answer = exchange(&server, "ann@example.com", &wrong(&code), &envelope);
        assert_eq!((answer.status, answer.code().as_str()), (400, "invalid_credentials"));
        assert_eq!(answer.json()["non_field_errors"], json!(["Invalid credentials"]));
        assert_eq!(answer.json()["attempts_left"], left);
    }
    for token in [&wrong(&code), &code] {
        let answer = exchange(&server, "ann@example.com", token, &envelope);
        assert_eq!((answer.status, answer.code().as_str()), (400, "attempts_exhausted"));
        assert_eq!(answer.json()["non_field_errors"], json!(["Invalid credentials"]));
    }
    let resend = server.post("resend/", &json!({"email": "ann@example.com", "challenge": envelope}));
    assert_eq!(resend.code(), "attempts_exhausted");
}

#[test]
fn wrong_codes_can_use_up_the_challenge() {
    let server = Server::start(&[("passwordless.incorrect_short_token_redeems_token", "true")]);
    let (envelope, code) = server.challenge("ann@example.com");
    let answer = exchange(&server, "ann@example.com", &wrong(&code), &envelope);
    assert_eq!((answer.code().as_str(), &answer.json()["attempts_left"]), ("invalid_credentials", &json!(0)));
    assert_eq!(exchange(&server, "ann@example.com", &code, &envelope).code(), "challenge_spent");
}

#[test]
fn whatever_is_wrong_the_answer_is_the_same() {
    let server = Server::start(&[]);
    let (envelope, code) = server.challenge("ann@example.com");
    let (other, _) = server.challenge("ben@example.com");
    let wrong_code = exchange(&server, "ann@example.com", &wrong(&code), &envelope);
    let mut altered = envelope.clone().into_bytes();
    altered[envelope.find('.').unwrap() + 20] ^= 1;
    let altered = String::from_utf8(altered).unwrap();
    let same = [
        exchange(&server, "ben@example.com", &code, &envelope),
        exchange(&server, "ann@example.com", &code, &other),
        exchange(&server, "ann@example.com", &code, &altered),
        exchange(&server, "ann@example.com", &code, "nonsense"),
        exchange(&server, "ann@example.com", &code, "a.b.c"),
        exchange(&server, "ann@example.com", &code, "v4.public.AAAA"),
        server.post("exchange/", &json!({"token": "v4.local.AAAA"})),
    ];
    for answer in same {
        assert_eq!(answer.status, 400);
        assert_eq!(answer.json(), without_attempts(&wrong_code));
    }
    let still = exchange(&server, "ann@example.com", &wrong(&code), &envelope);
    assert_eq!(still.json()["attempts_left"], 3, "none of the others counted");
}

#[test]
fn an_expired_challenge() {
    let server = Server::start(&[("passwordless.token_lifetime", "1")]);
    let (envelope, code) = server.challenge("ann@example.com");
    sleep(Duration::from_millis(2100));
    for token in [&code, &wrong(&code)] {
        let answer = exchange(&server, "ann@example.com", token, &envelope);
        assert_eq!((answer.status, answer.code().as_str()), (400, "challenge_expired"));
        assert_eq!(answer.json()["non_field_errors"], json!(["Invalid credentials"]));
    }
    let resend = server.post("resend/", &json!({"email": "ann@example.com", "challenge": envelope}));
    assert_eq!((resend.status, resend.code()), (400, "challenge_expired".into()));
    assert_eq!(exchange(&server, "ben@example.com", &code, &envelope).code(), "invalid_credentials");
}

#[test]
fn an_envelope_of_another_node() {
    let (one, other) = (Server::start(&[]), Server::start(&[]));
    let (envelope, code) = one.challenge("ann@example.com");
    let answer = exchange(&other, "ann@example.com", &code, &envelope);
    assert_eq!((answer.status, answer.code().as_str()), (421, "misdirected"));
    assert!(answer.json()["detail"].as_str().unwrap().contains("new code"));
    let resend = other.post("resend/", &json!({"email": "ann@example.com", "challenge": envelope}));
    assert_eq!((resend.status, resend.code()), (421, "misdirected".into()));
    assert_eq!(exchange(&one, "ann@example.com", &code, &envelope).status, 200, "nothing was counted there");
}

#[test]
fn too_soon_and_too_often() {
    let server = Server::start(&[]);
    let ask = |email: &str| server.post("request/email/", &json!({"email": email}));
    assert_eq!(ask("ann@example.com").status, 200);
    let answer = ask("ann@example.com");
    assert_eq!((answer.status, answer.code().as_str()), (429, "throttled"));
    assert_eq!(answer.json()["detail"], "Unable to send token");
    let seconds: u32 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
    assert_eq!(ask("ben@example.com").status, 200);
}

#[test]
fn a_refused_request_uses_up_no_throttle() {
    let server = Server::start(&[]);
    assert_eq!(server.post("request/email/", &json!({"email": "ann@example.com", "locale": []})).status, 400);
    assert_eq!(server.post("request/email/", &json!({"email": "ann@example.com"})).status, 200);
}

#[test]
fn methods_that_are_not_allowed_by_configuration() {
    let server = Server::start(&[]);
    for path in ["request/mobile/", "exchange/mobile/", "request/mobile", "external/request/", "external/verify/"] {
        for answer in [server.post(path, &json!([])), server.get(&format!("/passwordless/{path}"))] {
            assert_eq!((answer.status, answer.code().as_str()), (404, "method_disabled"), "{path}");
        }
    }
    for path in ["exchange/", "resend/"] {
        let answer = server.post(path, &json!({"phone_number": "nonsense", "token": []}));
        assert_eq!((answer.status, answer.code().as_str()), (404, "method_disabled"), "{path}");
    }
    let mobile = Server::start(&[("passwordless.allowed_passwordless_methods", "mobile")]);
    assert_eq!(mobile.post("request/email/", &json!({})).code(), "method_disabled");
    assert_eq!(mobile.post("resend/", &json!({})).json()["email"], json!(["This field is required."]));
    assert_eq!(mobile.post("exchange/", &json!({"email": "a@example.com", "token": "1"})).code(), "method_disabled");
    for path in ["external/request/", "external/verify/"] {
        let answer = mobile.post(path, &json!({"phone_number": "+12025550143", "code": "1"}));
        assert_eq!((answer.status, answer.code().as_str()), (503, "provider_not_configured"));
        assert_eq!(answer.json()["detail"], "External 2FA provider not configured.");
    }
    assert_eq!(mobile.post("external/webhook/", &json!({})).code(), "not_found");
}

#[test]
fn paths_and_methods_that_are_not_there() {
    let server = Server::start(&[]);
    for path in [
        "/passwordless/",
        "/passwordless",
        "/request/email/",
        "/passwordless/request/email/x",
        "/passwordlessrequest/email",
        "/x",
    ] {
        let answer = server.connect().request("POST", path, &[], b"{}");
        assert_eq!((answer.status, answer.code().as_str()), (404, "not_found"), "{path}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    for (method, path, allow) in [
        ("GET", "/passwordless/request/email/", "POST"),
        ("PUT", "/passwordless/exchange", "POST"),
        ("DELETE", "/passwordless/token/refresh/", "POST"),
        ("OPTIONS", "/passwordless/token/verify/", "POST"),
        ("POST", "/.well-known/jwks.json", "GET, HEAD"),
        ("POST", "/", "GET, HEAD"),
    ] {
        let answer = server.connect().request(method, path, &[], b"");
        assert_eq!((answer.status, answer.code().as_str()), (405, "method_not_allowed"), "{method} {path}");
        assert_eq!(answer.header("allow"), Some(allow));
    }
}

#[test]
fn every_path_is_there_with_and_without_its_slash() {
    let server = Server::start(&[]);
    for path in ["request/email", "resend", "exchange/email", "exchange", "token/refresh", "token/verify"] {
        for slash in ["", "/"] {
            let answer = server.post(&format!("{path}{slash}"), &json!({}));
            assert_eq!((answer.status, answer.code().as_str()), (400, "invalid"), "{path}{slash}");
        }
    }
    let moved = Server::start(&[("server.base_path", "/auth/v1")]);
    assert_eq!(moved.connect().request("POST", "/auth/v1/request/email/", &[], b"").status, 400);
    assert_eq!(moved.connect().request("POST", "/passwordless/request/email/", &[], b"").status, 404);
}
