//! `external/request/`.

use serde_json::{Value, json};

use super::{
    ANN, BOB, assert_discreet, claims, envelope, refusal, request,
    stand_in::{Kind, Provider, response, silence},
    verify,
};
use crate::harness::{Server, wait_for};

#[test]
fn each_provider_is_asked_in_its_own_format() {
    for provider in Provider::each() {
        let server = provider.server(&[]);
        let envelope = envelope(&server, ANN);
        assert_eq!(verify(&server, ANN, "123456", &envelope).status, 200, "{:?}", provider.kind());
        let calls = provider.calls();
        let [start, check] = &calls[..] else { panic!("{calls:?}") };
        match provider.kind() {
            Kind::Telnyx => {
                assert_eq!(start.line, "POST /v2/verifications/sms HTTP/1.1");
                assert_eq!(start.json(), json!({"phone_number": ANN, "verify_profile_id": "49000192-1bdb"}));
                assert_eq!(check.line, "POST /v2/verifications/by_phone_number/%2B12025550143/actions/verify HTTP/1.1");
                assert_eq!(check.json(), json!({"code": "123456", "verify_profile_id": "49000192-1bdb"}));
                for call in [start, check] {
                    assert_eq!(call.header("authorization"), "Bearer KEY0123");
                    assert_eq!(call.header("content-type"), "application/json");
                }
            }
            Kind::Twilio => {
                assert_eq!(start.line, "POST /v2/Services/VA4567/Verifications HTTP/1.1");
                assert_eq!(start.text(), "To=%2B12025550143&Channel=sms");
                assert_eq!(check.line, "POST /v2/Services/VA4567/VerificationCheck HTTP/1.1");
                assert_eq!(check.text(), "To=%2B12025550143&Code=123456");
                for call in [start, check] {
                    assert_eq!(call.header("authorization"), "Basic QUMwMTIzOnRvazplbg==");
                    assert_eq!(call.header("content-type"), "application/x-www-form-urlencoded");
                }
            }
            Kind::Http => {
                assert_eq!(start.line, "POST /verify?x=1 HTTP/1.1");
                assert_eq!(start.json(), json!({"action": "start", "phone_number": ANN, "method": "sms"}));
                assert_eq!(check.json(), json!({"action": "check", "phone_number": ANN, "code": "123456"}));
                assert_ne!(start.header("webhook-id"), check.header("webhook-id"));
            }
        }
        assert_discreet(&server);
    }
}

#[test]
fn the_answer_has_two_members_the_guard_and_the_cookies() {
    let provider = Provider::start(Kind::Twilio);
    let server = provider.server(&[]);
    let answer = request(&server, "+1 (202) 555-0143");
    assert_eq!(answer.status, 200, "{answer:?}");
    let body = answer.json();
    let envelope = body["challenge"].as_str().unwrap();
    assert_eq!(body, json!({"detail": "A token has been sent to you", "challenge": envelope}));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let guard = answer.header("countersign-guard").unwrap().to_owned();
    let claims = claims(&body["challenge"]);
    assert_eq!((claims["use"].as_str(), claims["channel"].as_str()), (Some("external"), Some("mobile")));
    assert_eq!((claims["guard"].as_str(), claims.get("fmt")), (Some(&*guard), None));
    let members: Vec<_> = claims.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["aud", "bind", "channel", "exp", "guard", "iat", "iss", "jti", "mac", "use"]);
    let cookies: Vec<_> =
        answer.headers.iter().filter(|(name, _)| name == "set-cookie").map(|(_, value)| value.clone()).collect();
    assert!(cookies.iter().any(|cookie| cookie.starts_with(&format!("countersign_challenge={envelope};"))), "{cookies:?}");
    assert!(cookies.iter().any(|cookie| cookie.starts_with(&format!("countersign_guard={guard};"))), "{cookies:?}");
    assert!(cookies.iter().all(|cookie| cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax")), "{cookies:?}");
}

#[test]
fn methods_are_those_of_the_provider_and_sms_is_the_default() {
    for provider in Provider::each() {
        let server = provider.server(&[]);
        let ask = |method: Value| server.post("external/request/", &json!({"phone_number": ANN, "method": method}));
        let (offered, refused) = match provider.kind() {
            Kind::Telnyx => (["sms", "call", "flashcall"], "whatsapp"),
            Kind::Twilio | Kind::Http => (["sms", "call", "whatsapp"], "flashcall"),
        };
        for (at, method) in offered.into_iter().enumerate() {
            assert_eq!(ask(method.into()).status, 200, "{method}");
            let call = &provider.calls()[at];
            let said = match provider.kind() {
                Kind::Telnyx => call.path().ends_with(&format!("/{method}")),
                Kind::Twilio => call.text().ends_with(&format!("Channel={method}")),
                Kind::Http => call.json()["method"] == method,
            };
            assert!(said, "{call:?}");
        }
        for wrong in [refused, "SMS", "email", "sms,call", "../sms", "sms&To=1"] {
            let answer = ask(wrong.into());
            assert_eq!(refusal(&answer), (400, "invalid".into()), "{wrong}");
            assert_eq!(answer.json()["method"], json!([format!("Send one of {}.", offered.join(", "))]), "{wrong}");
        }
        for (wrong, words) in [
            (json!(""), "This field may not be blank."),
            (Value::Null, "This field may not be null."),
            (json!(1), "Not a valid string."),
        ] {
            assert_eq!(ask(wrong).json()["method"], json!([words]));
        }
        assert_eq!(provider.calls().len(), offered.len());
        let form = b"phone_number=%2B12025550143&method=";
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        assert_eq!(server.connect().request("POST", "/passwordless/external/request/", &headers, form).status, 200);
    }
}

#[test]
fn fields_are_judged_as_everywhere_and_the_numbers_field_has_its_name() {
    let provider = Provider::start(Kind::Http);
    let server = provider.server(&[("passwordless.mobile_field_name", "tel")]);
    let ask = |body: Value| server.post("external/request/", &body);
    for (body, field, words) in [
        (json!({}), "tel", "This field is required."),
        (json!({"phone_number": ANN}), "tel", "This field is required."),
        (json!({"tel": " "}), "tel", "This field may not be blank."),
        (json!({"tel": null}), "tel", "This field may not be null."),
        (json!({"tel": 12_025_550_143_u64}), "tel", "Not a valid string."),
        (json!({"tel": "2025550143"}), "tel", "Enter a valid phone number."),
        (json!({"tel": "+1202555014322222"}), "tel", "Enter a valid phone number."),
        (json!({"tel": ANN, "code_challenge": "x"}), "code_challenge_method", "This field is required."),
        (
            json!({"tel": ANN, "code_challenge": "x", "code_challenge_method": "plain"}),
            "code_challenge_method",
            "Only S256 is supported.",
        ),
    ] {
        let answer = ask(body.clone());
        assert_eq!(refusal(&answer), (400, "invalid".into()), "{body}");
        assert_eq!(answer.json()["errors"][field], json!([words]), "{body}");
    }
    assert!(provider.calls().is_empty());
    assert_eq!(ask(json!({"tel": ANN})).status, 200);
}

/// Status, body, and what it comes to.
type Fault = (&'static str, &'static str, (u16, &'static str));

const TELNYX: &[Fault] = &[
    ("401 Unauthorized", r#"{"errors":[{"code":"10009","detail":"upstream words"}]}"#, (502, "provider_unavailable")),
    ("403 Forbidden", "{}", (502, "provider_unavailable")),
    ("429 Too Many Requests", "{}", (502, "provider_unavailable")),
    ("500 Oops", "upstream words", (502, "provider_unavailable")),
    ("503 Oops", "", (502, "provider_unavailable")),
    ("307 Temporary Redirect\r\nlocation: /v2/verifications/sms", "{}", (502, "provider_unavailable")),
    ("400 Bad Request", r#"{"errors":[{"code":"10015","detail":"upstream words +12025550143"}]}"#, (400, "invalid")),
    ("422 Unprocessable", "upstream words", (400, "invalid")),
];

const TWILIO: &[Fault] = &[
    ("401 Unauthorized", r#"{"code":20003,"message":"upstream words"}"#, (502, "provider_unavailable")),
    ("403 Forbidden", "{}", (502, "provider_unavailable")),
    ("500 Oops", "upstream words", (502, "provider_unavailable")),
    ("301 Moved\r\nlocation: http://127.0.0.1:9/", "{}", (502, "provider_unavailable")),
    ("429 Too Many Requests", r#"{"code":60203,"message":"upstream words"}"#, (400, "attempts_exhausted")),
    ("400 Bad Request", r#"{"code":60202,"message":"upstream words"}"#, (400, "attempts_exhausted")),
    ("400 Bad Request", r#"{"code":60200,"message":"upstream words"}"#, (400, "invalid")),
];

const HTTP: &[Fault] = &[
    ("500 Oops", r#"{"status":"pending"}"#, (502, "provider_unavailable")),
    ("401 Unauthorized", r#"{"status":"pending"}"#, (502, "provider_unavailable")),
    ("204 No Content", "", (502, "provider_unavailable")),
    ("302 Found\r\nlocation: /verify?x=1", r#"{"status":"pending"}"#, (502, "provider_unavailable")),
    ("200 OK", r#"{"status":"rejected"}"#, (400, "invalid")),
];

#[test]
fn a_start_that_fails_says_so_in_our_words_and_uses_up_no_throttle() {
    for provider in Provider::each() {
        let server = provider
            .server(&[("passwordless.token_request_throttle_seconds", "60"), ("passwordless.max_messages_per_hour", "1")]);
        let faults = match provider.kind() {
            Kind::Telnyx => TELNYX,
            Kind::Twilio => TWILIO,
            Kind::Http => HTTP,
        };
        let calls = provider.calls().len();
        for (status, body, expected) in faults {
            provider.script(|_| response(status, body));
            let answer = request(&server, ANN);
            assert_eq!((answer.status, &*answer.code()), *expected, "{:?} {status} {body}", provider.kind());
            let text = String::from_utf8(answer.body.clone()).unwrap();
            assert!(!text.contains("upstream") && !text.contains("2025550143"), "{text}");
            match expected.1 {
                "invalid" => assert_eq!(answer.json()["phone_number"], json!(["Enter a valid phone number."])),
                "attempts_exhausted" => assert_eq!(answer.json()["detail"], "Invalid credentials"),
                _ => {}
            }
            assert!(answer.header("set-cookie").is_none());
        }
        assert_eq!(provider.calls().len() - calls, faults.len(), "one try each, and no redirect is followed");
        provider.behave();
        assert_eq!(request(&server, ANN).status, 200, "{:?}", provider.kind());
        assert_eq!(refusal(&request(&server, ANN)), (429, "throttled".into()));
        assert_discreet(&server);
    }
}

/// Otherwise whoever finds a provider that sends and then says nothing could have as many sent to somebody as they like.
#[test]
fn a_start_that_may_have_sent_a_code_stays_counted() {
    for provider in Provider::each() {
        let settings = [("passwordless.token_request_throttle_seconds", "60"), ("external_2fa.timeout_seconds", "1")];
        let server = provider.server(&settings);
        let mut numbers = (43..60).map(|last| format!("+120255501{last}"));
        let nonsense = ["<html>upstream words</html>", r#"{"status":"upstream words"}"#, r#"{"status":"accepted"}"#];
        let nonsense = &nonsense[..if provider.kind() == Kind::Http { 3 } else { 1 }];
        for answer in nonsense.iter().map(|body| response("200 OK", body)).chain([silence()]) {
            let number = numbers.next().unwrap();
            provider.script(move |_| answer.clone());
            assert_eq!(refusal(&request(&server, &number)), (502, "provider_unavailable".into()));
            provider.behave();
            let calls = provider.calls().len();
            assert_eq!(refusal(&request(&server, &number)), (429, "throttled".into()));
            assert_eq!(provider.calls().len(), calls);
        }
        assert_discreet(&server);
    }
}

#[test]
fn whatever_is_no_http_answer_is_502() {
    let huge = format!(r#"{{"x":"{}"}}"#, "x".repeat(1 << 20));
    let no_answers: Vec<(&str, Vec<u8>)> = vec![
        ("silence", silence()),
        ("not HTTP", b"SSH-2.0-OpenSSH\r\n\r\n".to_vec()),
        ("too much", response("200 OK", &huge)),
        ("half of it", b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"status\":".to_vec()),
        ("a head without end", [b"HTTP/1.1 200 OK\r\nx: ".to_vec(), vec![b'x'; 1 << 20]].concat()),
    ];
    for provider in Provider::each() {
        let server = provider.server(&[("external_2fa.timeout_seconds", "1")]);
        let envelope = envelope(&server, BOB);
        for (what, answer) in no_answers.clone() {
            provider.script(move |_| answer.clone());
            assert_eq!(refusal(&request(&server, ANN)), (502, "provider_unavailable".into()), "{what} {:?}", provider.kind());
            let checked = verify(&server, BOB, "654321", &envelope);
            assert_eq!(refusal(&checked), (502, "provider_unavailable".into()), "{what} {:?}", provider.kind());
        }
        provider.behave();
        let checked = verify(&server, BOB, "654321", &envelope);
        assert_eq!((checked.status, checked.json()["attempts_left"].as_u64()), (400, Some(4)), "all were given back");
        assert_eq!(verify(&server, BOB, "123456", &envelope).status, 200);
        assert_discreet(&server);
    }
}

#[test]
fn a_provider_that_nobody_reaches_is_502() {
    let provider = Provider::start(Kind::Telnyx);
    let server = provider.server(&[("external_2fa.api_base", "http://127.0.0.1:9")]);
    assert_eq!(refusal(&request(&server, ANN)), (502, "provider_unavailable".into()));
    let problem = request(&server, ANN).json();
    assert!(problem.get("non_field_errors").is_none() && problem["detail"].as_str().unwrap().contains("Try again"), "{problem}");
}

#[test]
fn a_number_has_one_throttle_for_both_kinds_of_codes() {
    let provider = Provider::start(Kind::Http);
    let settings = [("passwordless.token_request_throttle_seconds", "60"), ("passwordless.max_messages_per_hour", "10")];
    let server = provider.server(&settings);
    let code = |number: &str| server.post("request/mobile/", &json!({"phone_number": number}));
    assert_eq!(request(&server, ANN).status, 200);
    assert_eq!(refusal(&code(ANN)), (429, "throttled".into()));
    assert_eq!(code(BOB).status, 200);
    let answer = request(&server, BOB);
    assert_eq!(refusal(&answer), (429, "throttled".into()));
    assert_eq!(answer.json()["detail"], "Unable to send token");
    assert!((1..=60).contains(&answer.header("retry-after").unwrap().parse::<u32>().unwrap()));
    assert_eq!(provider.calls().len(), 1, "who is refused costs nothing");
}

#[test]
fn a_solved_puzzle_lifts_the_pause() {
    let provider = Provider::start(Kind::Http);
    let server = provider.server(&[("passwordless.token_request_throttle_seconds", "60")]);
    assert_eq!(request(&server, ANN).status, 200);
    let puzzle = request(&server, ANN).json()["puzzle"].clone();
    let (salt, wanted) = (puzzle["salt"].as_str().unwrap(), puzzle["challenge"].as_str().unwrap());
    let wanted: Vec<u8> = (0..64).step_by(2).map(|at| u8::from_str_radix(&wanted[at..at + 2], 16).unwrap()).collect();
    let is_it = |number: &u64| {
        use sha2::Digest as _;
        sha2::Sha256::digest(format!("{salt}{number}"))[..] == wanted[..]
    };
    let number = (0..=puzzle["maxnumber"].as_u64().unwrap()).find(is_it).unwrap();
    let mut solved = puzzle.clone();
    solved["number"] = number.into();
    let solution = {
        use base64::{Engine as _, engine::general_purpose::STANDARD};
        STANDARD.encode(solved.to_string())
    };
    let ask = |number: &str| server.post("external/request/", &json!({"phone_number": number, "puzzle": solution}));
    assert_eq!(ask(ANN).status, 200);
    assert_eq!(refusal(&ask(ANN)), (429, "throttled".into()), "each solution counts once");
    assert_eq!(provider.calls().len(), 2);
}

#[test]
fn ceilings_on_sms_hold_for_external_checks() {
    let provider = Provider::start(Kind::Http);
    let server = provider.server(&[("sms.max_per_hour", "4"), ("sms.max_per_prefix_per_hour", "0")]);
    let numbers = (43..60).map(|last| format!("+120255501{last}"));
    let answers: Vec<_> = numbers.map(|number| request(&server, &number)).collect();
    let sent = answers.iter().filter(|answer| answer.status == 200).count();
    // A quarter is kept for known devices.
    assert_eq!((sent, provider.calls().len()), (3, 3));
    let refused = answers.iter().find(|answer| answer.status != 200).unwrap();
    assert_eq!(refusal(refused), (429, "throttled".into()));
    assert!(refused.json().get("puzzle").is_none(), "money is hard");
}

#[test]
fn the_method_has_to_be_allowed_and_that_comes_before_everything_else() {
    let provider = Provider::start(Kind::Telnyx);
    let key = "O2onvM62pC1io6jQKm8Nc2UyFXcd4kOmOsBIoYtZ2ik=";
    let settings = [("passwordless.allowed_passwordless_methods", "EMAIL"), ("external_2fa.webhook_public_key", key)];
    let server = provider.server(&settings);
    for path in ["external/request/", "external/verify", "external/webhook/"] {
        for answer in [server.post(path, &json!({"phone_number": ANN})), server.get(&format!("/passwordless/{path}"))] {
            assert_eq!(refusal(&answer), (404, "method_disabled".into()), "{path}");
        }
    }
    let none = Server::start(&[("passwordless.allowed_passwordless_methods", "MOBILE")]);
    for path in ["external/request/", "external/verify/"] {
        assert_eq!(refusal(&none.post(path, &json!({}))), (503, "provider_not_configured".into()));
        assert_eq!(refusal(&none.get(&format!("/passwordless/{path}"))), (405, "method_not_allowed".into()));
    }
    assert_eq!(refusal(&none.post("external/webhook/", &json!({}))), (404, "not_found".into()));
    assert!(provider.calls().is_empty());
}

#[test]
fn what_came_of_each_start_is_counted() {
    let provider = Provider::start(Kind::Http);
    let server = provider.server(&[]);
    let counted = |what: &str| {
        wait_for(|| {
            let page = server.get_admin("/metrics");
            String::from_utf8(page.body).unwrap().lines().find(|line| line.starts_with(what)).map(str::to_owned)
        })
    };
    assert_eq!(request(&server, ANN).status, 200);
    provider.script(|_| response("500 Oops", "{}"));
    assert_eq!(request(&server, ANN).status, 502);
    for (outcome, number) in [("started", 1), ("unreachable", 1), ("refused", 0)] {
        let name = format!("countersign_external_starts_total{{outcome=\"{outcome}\"}}");
        assert_eq!(counted(&name), format!("{name} {number}"));
    }
}
