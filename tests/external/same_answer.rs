//! Known and unknown numbers, and those who may not log in, get the same of `external/*`.

use std::fs;

use serde_json::{Value, json};

use super::{
    envelope, refusal, request,
    stand_in::{CODE, Kind, Provider, response, silence},
    verify,
};
use crate::harness::{Answer, Server, wait_for};

/// The first may log in, then come unknown, inactive, staff.
const NUMBERS: [&str; 4] = ["+12025550101", "+12025550102", "+12025550103", "+12025550104"];

fn server(provider: &Provider, more: &[(&str, &str)]) -> Server {
    let folder = tempfile::tempdir().unwrap();
    let users = json!([
        {"id": "1", "phone_number": NUMBERS[0], "is_active": true},
        {"id": "2", "phone_number": NUMBERS[2], "is_active": false},
        {"id": "3", "phone_number": NUMBERS[3], "is_active": true, "is_staff": true},
    ]);
    fs::write(folder.path().join("users.json"), users.to_string()).unwrap();
    let own = provider.settings();
    let mut all = vec![
        ("passwordless.token_request_throttle_seconds", "0"),
        ("passwordless.max_messages_per_hour", "0"),
        ("directory.kind", "file"),
        ("directory.path", "users.json"),
    ];
    all.extend(own.iter().map(|(key, value)| (*key, value.as_str())));
    all.extend_from_slice(more);
    Server::start_in(folder, &all)
}

/// What an answer looks like but for what is random in it.
fn shape(answer: &Answer) -> (u16, Vec<(String, String)>, String) {
    let mut body = String::from_utf8(answer.body.clone()).unwrap();
    let mut headers = answer.headers.clone();
    let mut problem = answer.json();
    if let Some(puzzle) = problem.get_mut("puzzle") {
        let names: Vec<_> = puzzle.as_object().unwrap().keys().cloned().collect();
        *puzzle = json!([names, puzzle["maxnumber"]]);
        body = problem.to_string();
    }
    if let Some(envelope) = answer.json()["challenge"].as_str() {
        body = body.replace(envelope, &envelope.len().to_string());
        for (_, value) in &mut headers {
            *value = value.replace(envelope, "envelope");
        }
    }
    // The clock goes on from one answer to the next.
    headers.retain(|(name, _)| !["date", "retry-after"].contains(&name.as_str()));
    (answer.status, headers, body)
}

fn assert_same(what: &str, answers: &[Answer]) {
    let shapes: Vec<_> = answers.iter().map(shape).collect();
    assert!(shapes.iter().all(|shape| *shape == shapes[0]), "{what}: {shapes:#?}");
}

#[test]
fn requests_are_answered_before_the_provider_and_only_known_numbers_reach_it() {
    for provider in Provider::each() {
        let server = server(&provider, &[]);
        // It hangs; nobody notices.
        provider.script(|_| silence());
        let answers = NUMBERS.map(|number| request(&server, number));
        assert_eq!(answers[0].status, 200);
        assert_same("a request", &answers);
        let calls = wait_for(|| Some(provider.calls()).filter(|calls| !calls.is_empty()));
        assert!(calls.len() == 1 && calls[0].text().contains("12025550101"), "{calls:?}");
        assert_eq!(server.post("external/request/", &json!({"phone_number": NUMBERS[1], "method": "x"})).status, 400);
    }
}

#[test]
fn a_start_that_fails_shows_in_no_answer_and_in_no_throttle() {
    let provider = Provider::start(Kind::Telnyx);
    let server = server(&provider, &[("passwordless.token_request_throttle_seconds", "60")]);
    for body in ["{}", r#"{"errors":[{"code":"10015"}]}"#] {
        provider.script(|_| response("422 Unprocessable", body));
    }
    let counted = || {
        let page = String::from_utf8(server.get_admin("/metrics").body).unwrap();
        page.contains("countersign_external_starts_total{outcome=\"refused\"} 1").then_some(())
    };
    assert_same("a request", &NUMBERS.map(|number| request(&server, number)));
    wait_for(counted);
    let again = NUMBERS.map(|number| request(&server, number));
    assert_eq!(refusal(&again[0]), (429, "throttled".into()));
    assert_same("the next request", &again);
}

#[test]
fn wrong_codes_are_wrong_whatever_the_provider_says() {
    for provider in Provider::each() {
        let server = server(&provider, &[("external_2fa.timeout_seconds", "1")]);
        let envelopes = NUMBERS.map(|number| envelope(&server, number));
        wait_for(|| (provider.calls().len() == 1).then_some(()));
        let ask = |code: &str| -> [Answer; 4] { std::array::from_fn(|at| verify(&server, NUMBERS[at], code, &envelopes[at])) };
        // To the known number it says "wrong", to the others that there is no code.
        let wrong = ask("654321");
        assert_eq!(
            (refusal(&wrong[0]), wrong[0].json()["attempts_left"].as_u64()),
            ((400, "invalid_credentials".into()), Some(4))
        );
        assert_same("a wrong code", &wrong);
        // The known number's code has expired, or it takes no more attempts.
        for (status, body) in [
            ("404 Not Found", r#"{"code":20404}"#),
            ("429 Too Many Requests", r#"{"code":60202}"#),
            ("200 OK", r#"{"status":"expired","data":{"response_code":"expired"}}"#),
        ] {
            if provider.kind() == Kind::Telnyx && status.starts_with("429")
                || provider.kind() == Kind::Http && !status.starts_with("200")
            {
                continue;
            }
            provider.script(move |_| response(status, body));
            let expired = ask("654321");
            assert_eq!(refusal(&expired[0]), (400, "invalid_credentials".into()), "{:?} {status}", provider.kind());
            assert_same(status, &expired);
        }
        provider.script(|_| response("500 Oops", "{}"));
        let down = ask("654321");
        assert_eq!(refusal(&down[0]), (502, "provider_unavailable".into()));
        assert_same("a provider that is down", &down);
        // One that accepts everything signs in whoever may log in, and nobody else.
        provider.script(|_| response("200 OK", r#"{"status":"accepted","data":{"response_code":"accepted"}}"#));
        if provider.kind() == Kind::Twilio {
            provider.script(|_| response("200 OK", r#"{"status":"approved"}"#));
        }
        let right = ask(CODE);
        assert_eq!(right[0].status, 200, "{:?}", right[0]);
        assert_eq!(refusal(&right[1]), (400, "invalid_credentials".into()));
        assert_same("a right code", &right[1..]);
    }
}

#[test]
fn whoever_proves_an_unknown_number_is_registered_where_that_is_so() {
    use crate::delivery::stand_in::DirectoryServer;
    let directory = DirectoryServer::of_users(|question| match question["action"].as_str() {
        Some("register") => json!({"id": "new", "phone_number": question["value"], "is_active": true}),
        _ => Value::Null,
    });
    let provider = Provider::start(Kind::Http);
    let mut settings = directory.settings().to_vec();
    settings.push(("passwordless.register_nonexistent_users", "true"));
    let server = provider.server(&settings);
    let envelope = envelope(&server, NUMBERS[1]);
    wait_for(|| (provider.calls().len() == 1).then_some(()));
    assert_eq!(refusal(&verify(&server, NUMBERS[1], "654321", &envelope)), (400, "invalid_credentials".into()));
    let answer = verify(&server, NUMBERS[1], CODE, &envelope);
    assert_eq!(super::claims(&answer.json()["access"])["sub"], "new");
    let questions = directory.questions();
    assert_eq!(questions.iter().filter(|question| question["action"] == "register").count(), 1);
}
