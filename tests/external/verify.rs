//! `external/verify/`.

use std::{
    io::Write as _,
    net::TcpStream,
    sync::{Arc, Barrier},
    thread,
};

use serde_json::{Value, json};

use super::{
    ANN, BOB, assert_discreet, claims, envelope, refusal, request,
    stand_in::{CODE, Kind, Provider, response},
    verify,
};
use crate::{
    delivery::directory::reset,
    harness::{Answer, Server, head, wait_for},
};

const WRONG: &str = "654321";

/// Every 400 but field errors has the original's member, and nothing in an answer is a provider's.
fn assert_told_in_our_words(answer: &Answer, detail: &str) {
    let problem = answer.json();
    assert_eq!((problem["detail"].as_str(), &problem["non_field_errors"]), (Some(detail), &json!([detail])), "{problem}");
    let text = String::from_utf8(answer.body.clone()).unwrap();
    assert!(!text.contains("upstream") && !text.contains("2025550143"), "{text}");
}

#[test]
fn a_code_signs_into_a_session_too() {
    for provider in Provider::each() {
        let server = provider.server(&[("session.enabled", "true")]);
        let envelope = envelope(&server, ANN);
        let body = json!({"phone_number": ANN, "code": CODE, "challenge": envelope, "session": true, "return_to": "http://localhost:8000/"});
        let cross_site = server.post_with("external/verify/", &[("origin", "https://evil.example")], &body);
        assert_eq!((refusal(&cross_site), provider.checks()), ((403, "cross_site".into()), 0), "nobody was asked");
        let answer = server.post("external/verify/", &body);
        assert_eq!(answer.status, 200, "{answer:?}");
        let session = answer.json()["session"].clone();
        assert_eq!((&session["channel"], &session["amr"]), (&json!("mobile"), &json!(["otp", "sms"])));
        assert_eq!((&session["recipient"], &answer.json()["return_to"]), (&json!("+1…43"), &json!("http://localhost:8000/")));
        assert!(answer.cookie("countersign_session").is_some() && answer.json().get("access").is_none());
    }
}

#[test]
fn a_code_signs_in_once() {
    for provider in Provider::each() {
        let server = provider.server(&[]);
        let envelope = envelope(&server, ANN);
        let answer = verify(&server, ANN, CODE, &envelope);
        assert_eq!(answer.status, 200, "{answer:?}");
        let body = answer.json();
        assert_eq!((body["token_type"].as_str(), body["expires_in"].as_u64()), (Some("Bearer"), Some(300)));
        let claims = claims(&body["access"]);
        assert_eq!((claims["sub"].as_str(), claims["channel"].as_str()), (Some(ANN), Some("mobile")));
        assert_eq!(claims["amr"], json!(["otp", "sms"]));
        let cleared = |cookie: &String| cookie.starts_with("countersign_challenge=;") && cookie.contains("Max-Age=0");
        let cookies: Vec<_> =
            answer.headers.iter().filter(|(name, _)| name == "set-cookie").map(|(_, value)| value.clone()).collect();
        assert!(
            cookies.iter().any(cleared) && cookies.iter().any(|cookie| cookie.starts_with("countersign_device=")),
            "{cookies:?}"
        );
        let checks = provider.checks();
        let again = verify(&server, ANN, CODE, &envelope);
        assert_eq!(refusal(&again), (400, "challenge_spent".into()));
        assert_told_in_our_words(&again, "Invalid credentials");
        assert_eq!(provider.checks(), checks, "nobody is asked about a spent challenge");
        let refreshed = server.post("token/refresh/", &json!({"refresh": body["refresh"]}));
        assert_eq!(super::claims(&refreshed.json()["access"])["amr"], json!(["otp", "sms"]));
    }
}

#[test]
fn tokens_say_how_the_code_came() {
    let amr = |provider: &Provider, method: &str| {
        let server = provider.server(&[]);
        let answer = server.post("external/request/", &json!({"phone_number": ANN, "method": method}));
        let envelope = answer.json()["challenge"].as_str().unwrap().to_owned();
        claims(&verify(&server, ANN, CODE, &envelope).json()["access"])["amr"].clone()
    };
    let (telnyx, twilio) = (Provider::start(Kind::Telnyx), Provider::start(Kind::Twilio));
    assert_eq!(amr(&telnyx, "sms"), json!(["otp", "sms"]));
    assert_eq!(amr(&telnyx, "call"), json!(["otp", "tel"]));
    assert_eq!(amr(&telnyx, "flashcall"), json!(["otp", "tel"]));
    assert_eq!(amr(&twilio, "whatsapp"), json!(["otp"]));
}

#[test]
fn the_envelope_comes_in_the_body_the_header_or_the_cookie() {
    let provider = Provider::start(Kind::Twilio);
    let server = provider.server(&[]);
    let body = json!({"phone_number": ANN, "code": CODE});
    let in_header = envelope(&server, ANN);
    assert_eq!(server.post_with("external/verify/", &[("countersign-challenge", &in_header)], &body).status, 200);
    let cookie = format!("countersign_challenge={}", envelope(&server, ANN));
    assert_eq!(server.post_with("external/verify/", &[("cookie", &cookie)], &body).status, 200);
    let in_body = json!({"phone_number": ANN, "code": CODE, "challenge": envelope(&server, ANN)});
    let forged = [("countersign-challenge", "x.y.z"), ("cookie", "countersign_challenge=x.y.z")];
    assert_eq!(server.post_with("external/verify/", &forged, &in_body).status, 200, "the body's wins");
    let missing = server.post("external/verify/", &body);
    assert_eq!(missing.json()["challenge"], json!(["This field is required."]));
}

#[test]
fn of_several_cookies_the_provider_is_asked_about_one() {
    let provider = Provider::start(Kind::Http);
    let server = provider.server(&[]);
    let spent = envelope(&server, ANN);
    assert_eq!(verify(&server, ANN, CODE, &spent).status, 200);
    let [one, two] = [envelope(&server, ANN), envelope(&server, ANN)];
    let cookie = ["x.y.z", &spent, &one, &two].map(|envelope| format!("countersign_challenge={envelope}")).join("; ");
    let checks = provider.checks();
    let ask =
        |code: &str| server.post_with("external/verify/", &[("cookie", &cookie)], &json!({"phone_number": ANN, "code": code}));
    let wrong = ask(WRONG);
    assert_eq!((refusal(&wrong), wrong.json()["attempts_left"].as_u64()), ((400, "invalid_credentials".into()), Some(4)));
    assert_eq!(provider.checks(), checks + 1, "a wrong code is as wrong with the next envelope");
    assert_eq!(ask(CODE).status, 200);
}

#[test]
fn each_kind_of_challenge_is_redeemed_by_its_own_kind_of_code() {
    let provider = Provider::start(Kind::Telnyx);
    let server = provider.server(&[]);
    let answer = server.post("request/mobile/", &json!({"phone_number": ANN}));
    let of_code = answer.json()["challenge"].as_str().unwrap().to_owned();
    let text = wait_for(|| server.texts().pop());
    let code = crate::harness::code_in(text["body"].as_str().unwrap());
    let external = envelope(&server, ANN);
    let forged = (400, "invalid_credentials".to_owned());
    let [first, second] = [verify(&server, ANN, CODE, &of_code), verify(&server, ANN, &code, &of_code)];
    assert_eq!([refusal(&first), refusal(&second)], [forged.clone(), forged.clone()]);
    assert_eq!(provider.checks(), 0);
    let exchange = |envelope: &str, token: &str| {
        server.post("exchange/mobile/", &json!({"phone_number": ANN, "token": token, "challenge": envelope}))
    };
    for token in [CODE, &code] {
        let answer = exchange(&external, token);
        assert_eq!((refusal(&answer), answer.json().get("attempts_left")), (forged.clone(), None), "nothing is counted");
    }
    assert_eq!(refusal(&server.post("resend/", &json!({"phone_number": ANN, "challenge": external}))), forged);
    assert_eq!(exchange(&of_code, &code).status, 200);
    assert_eq!(verify(&server, ANN, CODE, &external).status, 200);
}

#[test]
fn another_numbers_envelope_and_a_forged_one_count_nothing_and_ask_nobody() {
    let provider = Provider::start(Kind::Http);
    let server = provider.server(&[]);
    let envelope = envelope(&server, ANN);
    let mut altered = envelope.clone();
    altered.replace_range(60..61, if &altered[60..61] == "A" { "B" } else { "A" });
    for (number, envelope) in [(BOB, &*envelope), (ANN, &altered), (ANN, "x"), (ANN, "x.y.z")] {
        let answer = verify(&server, number, CODE, envelope);
        assert_eq!((refusal(&answer), answer.json().get("attempts_left")), ((400, "invalid_credentials".into()), None));
        assert_told_in_our_words(&answer, "Invalid credentials");
    }
    assert_eq!(provider.checks(), 0);
    assert_eq!(verify(&server, ANN, CODE, &envelope).status, 200);
}

#[test]
fn wrong_codes_are_counted_and_then_nobody_is_asked_any_more() {
    for provider in Provider::each() {
        let server = provider.server(&[]);
        let first = envelope(&server, ANN);
        for left in [4, 3, 2, 1, 0] {
            let answer = verify(&server, ANN, WRONG, &first);
            assert_eq!(refusal(&answer), (400, "invalid_credentials".into()));
            assert_eq!(answer.json()["attempts_left"], left);
            assert_told_in_our_words(&answer, "Invalid credentials");
        }
        let checks = provider.checks();
        let exhausted = verify(&server, ANN, CODE, &first);
        assert_eq!(refusal(&exhausted), (400, "attempts_exhausted".into()));
        assert_told_in_our_words(&exhausted, "Invalid credentials");
        assert_eq!(provider.checks(), checks);
        if provider.kind() == Kind::Http {
            let cancels =
                || provider.calls().iter().filter(|call| call.json()["action"] == "cancel").cloned().collect::<Vec<_>>();
            wait_for(|| (cancels().len() == 1).then_some(()));
            assert_eq!(cancels()[0].json(), json!({"action": "cancel", "phone_number": ANN}));
        }
        let next = envelope(&server, ANN);
        assert_eq!(verify(&server, ANN, CODE, &next).status, 200, "the next request works");
        assert_discreet(&server);
    }
}

#[test]
fn what_comes_of_a_check_is_an_event() {
    let provider = Provider::start(Kind::Http);
    let server = provider.server(&[("events.audit", "audit.log"), ("passwordless.max_attempts", "2")]);
    let envelope = envelope(&server, ANN);
    assert_eq!(verify(&server, ANN, WRONG, &envelope).status, 400);
    provider.script(|_| response("500 Oops", "{}"));
    assert_eq!(verify(&server, ANN, CODE, &envelope).status, 502);
    assert_eq!(request(&server, ANN).status, 502);
    provider.script(|_| response("200 OK", r#"{"status":"expired"}"#));
    assert_eq!(verify(&server, ANN, CODE, &envelope).status, 400);
    provider.behave();
    let second = super::envelope(&server, ANN);
    assert_eq!(verify(&server, ANN, CODE, &second).status, 200);
    let told = super::wait_for_events(&server, "", 7);
    let of: Vec<_> = told.iter().map(|event| (event["type"].as_str().unwrap(), event["data"]["reason"].as_str())).collect();
    let expected = [
        ("challenge.requested", None),
        ("login.failed", Some("invalid_credentials")),
        ("login.failed", Some("provider_unavailable")),
        ("delivery.failed", Some("provider_unavailable")),
        ("login.failed", Some("challenge_expired")),
        ("challenge.requested", None),
        ("login.succeeded", None),
    ];
    assert_eq!(of, expected);
    let challenge = &claims(&json!(envelope))["jti"];
    for event in [&told[0], &told[1], &told[2], &told[4]] {
        assert_eq!((&event["data"]["challenge_id"], event["data"]["channel"].as_str()), (challenge, Some("mobile")));
        assert_eq!(event["data"]["subject"], ANN);
    }
}

/// Status, body, and what it comes to: status, code, detail.
type Fault = (&'static str, &'static str, (u16, &'static str, &'static str));

const REJECTED: (u16, &str, &str) = (400, "invalid_credentials", "Invalid credentials");
const EXPIRED: (u16, &str, &str) = (400, "challenge_expired", "Verification code has expired.");
const EXHAUSTED: (u16, &str, &str) = (400, "attempts_exhausted", "Invalid credentials");
const UNREACHABLE: (u16, &str, &str) = (502, "provider_unavailable", "");

const TELNYX: &[Fault] = &[
    ("200 OK", r#"{"data":{"response_code":"rejected","x":"upstream"}}"#, REJECTED),
    ("400 Bad Request", r#"{"errors":[{"code":"10015","detail":"upstream words"}]}"#, REJECTED),
    ("422 Unprocessable", "upstream", REJECTED),
    ("404 Not Found", r#"{"errors":[{"code":"10005"}]}"#, EXPIRED),
    ("422 Unprocessable", r#"{"errors":[{"code":"verification_expired"}]}"#, EXPIRED),
    ("201 Created", r#"{"data":{"response_code":"accepted"}}"#, UNREACHABLE),
    ("200 OK", r#"{"data":{}}"#, UNREACHABLE),
    ("401 Unauthorized", "{}", UNREACHABLE),
    ("403 Forbidden", r#"{"errors":[{"detail":"upstream words"}]}"#, UNREACHABLE),
    ("429 Too Many Requests", "{}", UNREACHABLE),
    ("500 Oops", r#"{"data":{"response_code":"accepted"}}"#, UNREACHABLE),
    ("307 Temporary Redirect\r\nlocation: /x", r#"{"data":{"response_code":"accepted"}}"#, UNREACHABLE),
];

const TWILIO: &[Fault] = &[
    ("200 OK", r#"{"status":"pending"}"#, REJECTED),
    ("400 Bad Request", r#"{"code":60200,"message":"upstream words","status":"approved"}"#, REJECTED),
    ("404 Not Found", r#"{"code":20404,"message":"upstream words"}"#, EXPIRED),
    ("429 Too Many Requests", r#"{"code":60202}"#, EXHAUSTED),
    ("400 Bad Request", r#"{"code":60202,"message":"upstream words"}"#, EXHAUSTED),
    ("401 Unauthorized", "{}", UNREACHABLE),
    ("403 Forbidden", "{}", UNREACHABLE),
    ("503 Oops", r#"{"status":"approved"}"#, UNREACHABLE),
    ("200 OK", "upstream", UNREACHABLE),
    ("302 Found\r\nlocation: /x", r#"{"status":"approved"}"#, UNREACHABLE),
];

const HTTP: &[Fault] = &[
    ("200 OK", r#"{"status":"rejected"}"#, REJECTED),
    ("200 OK", r#"{"status":"pending"}"#, REJECTED),
    ("200 OK", r#"{"status":"expired"}"#, EXPIRED),
    ("200 OK", r#"{"status":"approved"}"#, UNREACHABLE),
    ("200 OK", "{}", UNREACHABLE),
    ("404 Not Found", r#"{"status":"accepted"}"#, UNREACHABLE),
    ("500 Oops", r#"{"status":"accepted"}"#, UNREACHABLE),
];

#[test]
fn what_a_provider_says_is_told_in_our_words() {
    for provider in Provider::each() {
        let server = provider.server(&[("passwordless.max_attempts", "1")]);
        let faults = match provider.kind() {
            Kind::Telnyx => TELNYX,
            Kind::Twilio => TWILIO,
            Kind::Http => HTTP,
        };
        for (status, body, (expected, code, detail)) in faults {
            provider.behave();
            let envelope = envelope(&server, ANN);
            provider.script(|_| response(status, body));
            let answer = verify(&server, ANN, WRONG, &envelope);
            assert_eq!(refusal(&answer), (*expected, (*code).into()), "{:?} {status} {body}", provider.kind());
            if *expected == 400 {
                assert_told_in_our_words(&answer, detail);
            }
            provider.behave();
            let again = verify(&server, ANN, CODE, &envelope);
            match *expected {
                502 => assert_eq!(again.status, 200, "the attempt was given back: {status} {body}"),
                _ => assert_eq!(refusal(&again), (400, "attempts_exhausted".into()), "it was counted: {status} {body}"),
            }
        }
        assert_discreet(&server);
    }
}

#[test]
fn what_was_typed_is_read_as_digits_and_the_rest_is_the_providers() {
    let provider = Provider::start(Kind::Twilio);
    let server = provider.server(&[]);
    for typed in
        ["123456", " 123 456 ", "123-456", "\u{200e}123456", "\u{661}\u{662}\u{663}\u{664}\u{665}\u{666}", "１２３４５６"]
    {
        let envelope = envelope(&server, ANN);
        assert_eq!(verify(&server, ANN, typed, &envelope).status, 200, "{typed:?}");
        assert!(provider.calls().last().unwrap().text().ends_with("Code=123456"), "{typed:?}");
    }
    let envelope = envelope(&server, ANN);
    let as_integer = json!({"phone_number": ANN, "code": 123_456, "challenge": envelope});
    assert_eq!(server.post("external/verify/", &as_integer).status, 200);
}

#[test]
fn what_nothing_is_left_of_is_wrong_and_counted_and_asks_nobody() {
    let provider = Provider::start(Kind::Twilio);
    let server = provider.server(&[]);
    let envelope = envelope(&server, ANN);
    let answer = verify(&server, ANN, "\u{200b}-\u{2013}", &envelope);
    assert_eq!((refusal(&answer), answer.json()["attempts_left"].as_u64()), ((400, "invalid_credentials".into()), Some(4)));
    assert_eq!(provider.checks(), 0);
    // A form's pairs and a path's segments stay what they are.
    for typed in ["1&Code=1", "1&To=%2B1", "../x", "a b", "\"}", "%00"] {
        let _ = verify(&server, ANN, typed, &envelope);
    }
    for call in provider.calls().iter().filter(|call| call.path().ends_with("Check")) {
        assert_eq!(call.text().matches('&').count(), 1, "{call:?}");
        assert!(call.text().starts_with("To=%2B12025550143&Code="), "{call:?}");
    }
}

#[test]
fn fields_are_judged_before_anything_is_counted() {
    let provider = Provider::start(Kind::Http);
    let server = provider.server(&[]);
    let envelope = envelope(&server, ANN);
    let ask = |code: Value| server.post("external/verify/", &json!({"phone_number": ANN, "code": code, "challenge": envelope}));
    for (code, words) in [
        (json!("12345678901"), "Ensure this field has no more than 10 characters."),
        (json!(12_345_678_901_u64), "Ensure this field has no more than 10 characters."),
        (json!("äöüäöüäöüäö"), "Ensure this field has no more than 10 characters."),
        (json!(""), "This field may not be blank."),
        (json!(" \t"), "This field may not be blank."),
        (Value::Null, "This field may not be null."),
        (json!(["1"]), "Not a valid string."),
        (json!(1.5), "Not a valid string."),
        (json!(true), "Not a valid string."),
    ] {
        let answer = ask(code.clone());
        assert_eq!(refusal(&answer), (400, "invalid".into()), "{code}");
        assert_eq!(answer.json()["errors"]["code"], json!([words]), "{code}");
        assert!(answer.json().get("non_field_errors").is_none());
    }
    let nothing = server.post("external/verify/", &json!({})).json();
    for field in ["phone_number", "code", "challenge"] {
        assert_eq!(nothing["errors"][field], json!(["This field is required."]));
    }
    assert_eq!(nothing["code"], "invalid", "a field named like a member of the answer stands in errors only");
    assert_eq!(provider.checks(), 0);
    let longest = ask(json!("1234567890"));
    assert_eq!((longest.code(), longest.json()["attempts_left"].as_u64()), ("invalid_credentials".into(), Some(4)));
    assert_eq!(ask(json!(CODE)).status, 200);
}

#[test]
fn a_bound_challenge_needs_its_verifier_and_a_wrong_one_is_counted_and_asks_nobody() {
    // RFC 7636, appendix B.
    let (verifier, challenge) = ("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    let provider = Provider::start(Kind::Telnyx);
    let server = provider.server(&[]);
    let bound = json!({"phone_number": ANN, "code_challenge": challenge, "code_challenge_method": "S256"});
    let envelope = server.post("external/request/", &bound).json()["challenge"].clone();
    let ask = |verifier: Option<&str>| {
        let mut body = json!({"phone_number": ANN, "code": CODE, "challenge": envelope});
        if let Some(verifier) = verifier {
            body["code_verifier"] = verifier.into();
        }
        server.post("external/verify/", &body)
    };
    for (wrong, left) in [(None, 4), (Some("short"), 3), (Some(&*"a".repeat(43)), 2)] {
        let answer = ask(wrong);
        assert_eq!(
            (refusal(&answer), answer.json()["attempts_left"].as_u64()),
            ((400, "invalid_credentials".into()), Some(left))
        );
    }
    assert_eq!(provider.checks(), 0);
    assert_eq!(ask(Some(verifier)).status, 200);
}

#[test]
fn an_envelope_of_another_node_or_of_before_a_restart_is_misdirected() {
    let provider = Provider::start(Kind::Http);
    let (one, other) = (provider.server(&[]), provider.server(&[]));
    let envelope = envelope(&one, ANN);
    let answer = verify(&other, ANN, CODE, &envelope);
    assert_eq!(refusal(&answer), (421, "misdirected".into()));
    assert!(answer.json()["detail"].as_str().unwrap().contains("new code"));
    assert_eq!(provider.checks(), 0);
    assert_eq!(verify(&one, ANN, CODE, &envelope).status, 200);
}

#[test]
fn a_challenge_ends() {
    let provider = Provider::start(Kind::Http);
    let server = provider.server(&[("passwordless.token_lifetime", "1")]);
    let envelope = envelope(&server, ANN);
    let ended = wait_for(|| {
        let answer = verify(&server, ANN, "\u{2013}", &envelope);
        (answer.code() == "challenge_expired").then_some(answer)
    });
    assert_told_in_our_words(&ended, "Invalid credentials");
    assert_eq!(provider.checks(), 0);
}

/// Three wrong codes that somebody else makes and checks end it for the day where codes have five digits; the engine's own codes
/// grow instead.
#[test]
fn past_its_failures_a_number_gets_no_external_check_and_codes_of_ours() {
    let provider = Provider::start(Kind::Twilio);
    let server = provider.server(&[("external_2fa.code_digits", "5"), ("passwordless.max_attempts", "2")]);
    let outstanding = envelope(&server, ANN);
    let mut failures = 0;
    let refused = loop {
        let answer = request(&server, ANN);
        if answer.status != 200 {
            break answer;
        }
        let envelope = answer.json()["challenge"].as_str().unwrap().to_owned();
        for _ in 0..2 {
            failures += usize::from(verify(&server, ANN, "11111", &envelope).code() == "invalid_credentials");
        }
        assert!(failures < 20);
    };
    // L is 4 with five digits, of which one is kept for known devices.
    assert_eq!(failures, 3);
    assert_eq!(refusal(&refused), (429, "throttled".into()));
    assert!(refused.json().get("puzzle").is_none());
    assert!(refused.header("retry-after").unwrap().parse::<u64>().unwrap() > 43_000);
    let checks = provider.checks();
    let answer = verify(&server, ANN, CODE, &outstanding);
    assert_eq!(refusal(&answer), (400, "attempts_exhausted".into()));
    assert_told_in_our_words(&answer, "Invalid credentials");
    assert_eq!(provider.checks(), checks);
    assert_eq!(request(&server, BOB).status, 200, "others go on");

    let answer = server.post("request/mobile/", &json!({"phone_number": ANN}));
    let text = wait_for(|| server.texts().into_iter().find(|text| text["to"] == ANN));
    let code = crate::harness::code_in(text["body"].as_str().unwrap());
    let login = json!({"phone_number": ANN, "token": code, "challenge": answer.json()["challenge"]});
    assert_eq!(server.post("exchange/mobile/", &login).status, 200, "its own codes stay open");
}

#[test]
fn of_many_at_once_with_one_right_code_one_signs_in() {
    let provider = Provider::start(Kind::Http);
    let server = Arc::new(provider.server(&[("passwordless.max_attempts", "20")]));
    // A provider that accepts a code as often as it is asked.
    provider.script(|call| {
        response("200 OK", if call.json()["action"] == "start" { r#"{"status":"pending"}"# } else { r#"{"status":"accepted"}"# })
    });
    for _ in 0..5 {
        let envelope = envelope(&server, ANN);
        let barrier = Arc::new(Barrier::new(20));
        let threads: Vec<_> = (0..20)
            .map(|_| {
                let (server, barrier, envelope) = (Arc::clone(&server), Arc::clone(&barrier), envelope.clone());
                thread::spawn(move || {
                    barrier.wait();
                    verify(&server, ANN, CODE, &envelope)
                })
            })
            .collect();
        let answers: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1, "{answers:?}");
        for answer in answers.iter().filter(|answer| answer.status != 200) {
            assert_eq!(answer.code(), "challenge_spent", "{answer:?}");
        }
    }
}

#[test]
fn of_many_at_once_with_wrong_codes_no_more_are_asked_about_than_there_are_attempts() {
    let provider = Provider::start(Kind::Telnyx);
    let server = Arc::new(provider.server(&[]));
    let envelope = envelope(&server, ANN);
    let barrier = Arc::new(Barrier::new(30));
    let threads: Vec<_> = (0..30)
        .map(|number| {
            let (server, barrier, envelope) = (Arc::clone(&server), Arc::clone(&barrier), envelope.clone());
            thread::spawn(move || {
                barrier.wait();
                verify(&server, ANN, &format!("{:06}", 200_000 + number), &envelope).code()
            })
        })
        .collect();
    let codes: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert_eq!(codes.iter().filter(|code| *code == "invalid_credentials").count(), 5, "{codes:?}");
    assert_eq!(codes.iter().filter(|code| *code == "attempts_exhausted").count(), 25, "{codes:?}");
    assert_eq!(provider.checks(), 5);
}

/// Guesses whose answers nobody waits for are guesses.
#[test]
fn whoever_resets_while_the_provider_thinks_has_made_an_attempt() {
    let provider = Provider::start(Kind::Http);
    let server = provider.server(&[]);
    let envelope = envelope(&server, ANN);
    provider.script(|_| Vec::new());
    let body = json!({"phone_number": ANN, "code": WRONG, "challenge": envelope}).to_string();
    for number in 1..=2 {
        let mut stream = TcpStream::connect(&server.address).unwrap();
        let headers = [("content-type", "application/json")];
        stream.write_all(&head("POST", "/passwordless/external/verify/", &headers, body.len())).unwrap();
        stream.write_all(body.as_bytes()).unwrap();
        wait_for(|| (provider.checks() == number).then_some(()));
        reset(stream);
        wait_for(|| (provider.hung_up() == number).then_some(()));
    }
    provider.behave();
    let left = wait_for(|| {
        let answer = verify(&server, ANN, "\u{2013}", &envelope);
        answer.json()["attempts_left"].as_u64()
    });
    assert_eq!(left, 2, "two that nobody waited for, and this one");
    assert_eq!(verify(&server, ANN, CODE, &envelope).status, 200, "the challenge was not spent");
}

/// A provider that hangs costs its own requests their time, and nobody else anything.
#[test]
fn a_provider_that_hangs_holds_up_nobody_else() {
    let provider = Provider::start(Kind::Twilio);
    let server =
        Arc::new(provider.server(&[("passwordless.allowed_passwordless_methods", "EMAIL,MOBILE"), ("server.workers", "1")]));
    let envelopes: Vec<_> = (0..20).map(|_| envelope(&server, ANN)).collect();
    provider.script(|_| Vec::new());
    let hanging: Vec<_> = envelopes
        .into_iter()
        .map(|envelope| {
            let server: Arc<Server> = Arc::clone(&server);
            thread::spawn(move || verify(&server, ANN, WRONG, &envelope).status)
        })
        .collect();
    wait_for(|| (provider.checks() == 20).then_some(()));
    let (envelope, code) = server.challenge("ann@example.com");
    let login = json!({"email": "ann@example.com", "token": code, "challenge": envelope});
    assert_eq!(server.post("exchange/email/", &login).status, 200);
    assert!(hanging.iter().all(|thread| !thread.is_finished()));
    assert!(hanging.into_iter().all(|thread| thread.join().unwrap() == 502));
}
